from __future__ import annotations

import io

import pytest
from reporting_samples import samples
from rich.console import Console, Group

from publish_all.events import BuildFinished, BuildStarted, StepStarted, UploadProgressed
from publish_all.reporting.console import ConsoleReporter, draw, shortened, styled
from publish_all.reporting.live import LiveState
from publish_all.reporting.tables import result_lines


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


def follow(events, *, now=lambda: 100.0):
    state = LiveState(now=now)
    for event in events:
        state.follow(event)
    return state


def test_live_display_in_the_middle_of_a_run(same_as_golden):
    console = recording()
    console.print(Group(*draw(follow([*samples.BEFORE, *samples.HALF_WAY]))))
    lines = console.export_text(clear=False).splitlines()
    assert all(len(line) <= 80 for line in lines)
    same_as_golden("live.txt", console.export_text(clear=False))


def test_terminal_as_a_picture(same_as_golden):
    console = recording()
    console.print(Group(*draw(follow([*samples.BEFORE, *samples.HALF_WAY]))))
    console.print()
    for line in result_lines(samples.PARTIAL):
        console.print(styled(line), soft_wrap=True)
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
    reporter = ConsoleReporter(out, err, now=lambda: 100.0)
    with reporter:
        for event in samples.RUN:
            reporter.listener(event)
        reporter.show(samples.PARTIAL)
    same_as_golden("console.stdout.txt", out.export_text())
    stayed = [line for line in err.export_text().splitlines() if line[:1].isalpha() and "━" not in line]
    assert not [line for line in stayed if line.startswith("uploaded")]
    assert any(line.startswith("error: corp refuses the file:") for line in stayed)
    assert any(line.startswith("error: not everything is published: 3 of 6 uploads done") for line in stayed)


def test_builds_have_a_bar_over_all_their_files():
    first = BuildStarted(project="kindling-synapse", variant="synapse", kind="sdist", number=1, files=4)
    done = BuildFinished(project="kindling-synapse", variant="synapse", filename="k", size=1, seconds=1.0)
    second = BuildStarted(project="kindling-synapse", variant="synapse", kind="wheel", number=2, files=4)
    for events, told in (
        ([first], "0/4 files  build the sdist of synapse"),
        ([first, done], "1/4 files"),
        ([first, done, second], "1/4 files  build the wheel of synapse"),
    ):
        console = recording()
        console.print(Group(*draw(follow(events))))
        bar, _, facts = console.export_text().strip().partition("  ")
        assert facts == told
        assert set(bar) <= set("━╸╺")
    (line,) = draw(follow([first, done, second, done, StepStarted(step="check")]))
    assert line.plain == "… check"


def test_error_takes_the_live_display_down():
    out, err = recording(), recording()
    reporter = ConsoleReporter(out, err)
    with reporter:
        for event in samples.HALF_WAY:
            reporter.listener(event)
        reporter.error(samples.CONFLICT)
    assert "\x1b[?25h" in err.file.getvalue()
    assert out.export_text() == ""


def test_speed_is_of_the_last_seconds():
    time = 0.0
    state = LiveState(now=lambda: time)
    for event in samples.HALF_WAY[:3]:
        state.follow(event)
    for step in range(1, 11):
        time = float(step)
        state.follow(
            UploadProgressed(repository="pypi", filename=samples.SYNAPSE, sent=4000 * step, size=48_213)
        )
    assert state.speed == pytest.approx(4000)
    time = 100.0
    assert state.speed == 0.0


def test_finished_repository_leaves_nothing_live():
    state = follow(samples.RUN)
    assert (state.repository, state.files, list(draw(state))) == (None, {}, [])


@pytest.mark.parametrize("width", [10, 25, 42, 79])
def test_long_names_lose_their_middle(width):
    short = shortened(samples.FABRIC, width)
    assert len(short) == width
    assert short.startswith("kin")
    assert short.endswith(".whl")


def test_short_names_stay():
    assert shortened("a.whl", 10) == "a.whl"
