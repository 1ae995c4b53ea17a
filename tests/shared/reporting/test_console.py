from __future__ import annotations

import io

import pytest
from reporting_samples import samples
from rich.console import Console

from publish_all.events import BuildFinished, BuildStarted, StepStarted
from publish_all.reporting.console import ConsoleReporter, Display, styled
from publish_all.reporting.lines import result_lines


def recording():
    return Console(
        file=io.StringIO(),
        record=True,
        width=80,
        height=40,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
        highlight=False,
        _environ={},
    )


def live(events):
    """The live display after these events, as text."""
    display = Display(recording(), now=lambda: 100.0)
    for event in events:
        display.follow(event)
    shown = recording()
    shown.print(display.bars)
    display.stop()
    return shown


def test_live_display_in_the_middle_of_a_run(same_as_golden):
    text = live([*samples.BEFORE, *samples.HALF_WAY]).export_text()
    assert all(len(line) <= 80 for line in text.splitlines())
    same_as_golden("live.txt", text)


def test_a_result_as_a_picture(same_as_golden):
    console = recording()
    for line in result_lines(samples.PARTIAL):
        console.print(styled(line, {}), soft_wrap=True)
    same_as_golden("run.svg", console.export_svg(title="publish-all publish", unique_id="run"))


@pytest.mark.parametrize("name", ["doctor", "ready", "explained"])
def test_doctor_as_a_picture(name, same_as_golden):
    out, err = recording(), recording()
    reporter = ConsoleReporter(out, err)
    with reporter:
        reporter.show(getattr(samples, name.upper()))
    lines = out.export_text(clear=False).splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert "\x1b[31m" not in out.export_text(clear=False)
    same_as_golden(f"{name}.svg", out.export_svg(title=f"publish-all {name}", unique_id=name))


def test_what_stays_on_the_terminal(same_as_golden):
    out, err = recording(), recording()
    reporter = ConsoleReporter(out, err)
    with reporter:
        for event in samples.RUN:
            reporter.listener(event)
        reporter.show(samples.PARTIAL)
    same_as_golden("console.stdout.txt", out.export_text())
    text = err.export_text()
    assert "uploaded      " not in text
    assert "error: corp refuses the file:" in text
    assert "error: not everything is published: 3 of 6 uploads done" in text


def test_builds_have_a_bar_over_all_their_files():
    first = BuildStarted(project="kindling-synapse", variant="synapse", kind="sdist", number=1, files=4)
    done = BuildFinished(project="kindling-synapse", variant="synapse", filename="k", size=1, seconds=1.0)
    second = BuildStarted(project="kindling-synapse", variant="synapse", kind="wheel", number=2, files=4)
    for events, told in (
        ([first], "0/4 files  the sdist of synapse"),
        ([first, done, second], "1/4 files  the wheel of synapse"),
    ):
        text = live(events).export_text().strip()
        assert "build  " in text
        assert text.endswith(told)
    assert live([first, done, second, done, StepStarted(step="check")]).export_text().strip() == ""


def test_error_takes_the_live_display_down():
    out, err = recording(), recording()
    reporter = ConsoleReporter(out, err)
    with reporter:
        for event in samples.HALF_WAY:
            reporter.listener(event)
        reporter.error(samples.CONFLICT)
    assert "\x1b[?25h" in err.file.getvalue()
    assert out.export_text() == ""


def test_finished_repository_leaves_nothing_live():
    assert live(samples.RUN).export_text().strip() == ""
