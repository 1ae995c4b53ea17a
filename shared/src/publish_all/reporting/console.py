"""A live display on a terminal, by rich: running work at the bottom, finished work above it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn
from rich.progress_bar import ProgressBar
from rich.table import Column
from rich.text import Text

from publish_all import events
from publish_all.errors import PublishAllError
from publish_all.reporting.lines import closing_lines, event_line, result_lines
from publish_all.reporting.reporter import Reporter
from publish_all.reporting.text import clean, count, duration, size
from publish_all.results import Explanation
from publish_all.summaries import DoctorReport, Result

_STYLES = {
    r"^error:.*|\b(conflict|refused|unauthorized|failed|interrupted)\b(?=  )": "red",
    r"^warning:.*": "yellow",
    r"^note:.*|^  (hint|where|more):.*|^\s+(present|skipped|not started)\b": "dim",
    r"^\s+uploaded\b": "green",
    r"https?://\S+": "cyan",
    r"^(\S+): (?=complete|not started|\d+ of|\d+ files?)": "bold",
}
# What doctor says, besides.
_DOCTOR_STYLES = {
    r"^\S.*": "bold",
    r"^  error  .*|^Not ready:": "bold red",
    r"^  warning  .*": "bold yellow",
    r"^  note  +PA.*": "bold cyan",
    r"^Ready to publish": "bold green",
    r"^  (why|not tested)\b": "dim",
    r"^  next\b": "green",
}
# What the live display shows better than lines that stay.
_LIVE_ONLY = (events.UploadFinished, events.UploadWaiting, events.VerifyWaiting)
_BAR = 20
_NAME = 42


class ConsoleReporter(Reporter):
    """Progress, findings and errors on `err`, which is a terminal; the result on `out`."""

    def __init__(self, out: Console, err: Console, *, verbosity: int = 0) -> None:
        super().__init__(verbosity=verbosity)
        self._out = out
        self._err = err
        self._live = Display(err)

    def show_event(self, event: events.Event) -> None:
        self._live.follow(event)
        verbose = self.verbosity > 0
        line = event_line(event, verbose=verbose)
        if line is not None and (verbose or not isinstance(event, _LIVE_ONLY)):
            self.write_lines([line])

    def show(self, result: Result) -> None:
        self._live.stop()
        own = _DOCTOR_STYLES if isinstance(result, DoctorReport | Explanation) else {}
        self._print(self._out, result_lines(result), own)
        self.write_lines(closing_lines(result, self._shown))

    def error(self, error: PublishAllError) -> None:
        self._live.stop()
        super().error(error)

    def write_lines(self, lines: Iterable[str]) -> None:
        self._print(self._err, lines, {})

    def close(self) -> None:
        self._live.stop()

    def _print(self, console: Console, lines: Iterable[str], styles: Mapping[str, str]) -> None:
        for line in lines:
            console.print(styled(clean(line), styles), soft_wrap=True)


class _BarOrText(BarColumn):
    """The bar of a file, or what there is to say instead."""

    def render(self, task: Task) -> ProgressBar:
        text: Any = Text(task.fields["facts"], style="dim", no_wrap=True, overflow="ellipsis")
        return text if task.fields["facts"] else super().render(task)


class Display:
    """The live display: a bar for the repository or the builds, then one for each file on its way."""

    def __init__(self, console: Console, *, now: Callable[[], float] = time.monotonic) -> None:
        name = TextColumn("{task.description}", markup=False)
        facts = TextColumn("{task.fields[facts]}", markup=False, table_column=Column(no_wrap=True))
        self._overall = Progress(name, BarColumn(bar_width=_BAR), facts, console=console, get_time=now)
        self._each = Progress(name, _BarOrText(bar_width=_BAR), console=console, get_time=now)
        self.picture = Group(self._overall, self._each)
        # It is drawn by a thread of rich's own.
        self._live = Live(self.picture, console=console, transient=True, refresh_per_second=10)
        self._all: TaskID | None = None
        self._files: dict[str, TaskID] = {}
        self._repository: events.RepositoryStarted | None = None
        self._done = 0
        self._ended_bytes = 0

    def follow(self, event: events.Event) -> None:
        """Live while building and uploading only: at other times somebody may be asked for a password."""
        match event:
            case events.BuildStarted():
                self._begin("build", event.files)
                what = f"{event.number - 1}/{event.files} files  the {event.kind} of {event.variant or event.project}"
                self._update(event.number - 1, what)
            case events.BuildFinished() if self._all is not None:
                self._overall.advance(self._all)
            case events.RepositoryStarted():
                self._repository, self._done, self._ended_bytes = event, 0, 0
                self._begin(event.repository, event.size)
                self._update_repository()
            case events.RepositoryFinished():
                self.stop()
            case events.StepStarted() if event.step != "verify":
                self.stop()
            case events.VerifyWaiting():
                self._update(None, f"{count(len(event.missing), 'file')} not listed yet")
            case events.UploadStarted() if event.filename not in self._files:
                name = f"  {shortened(event.filename, _NAME)}"
                self._files[event.filename] = self._each.add_task(name, total=max(event.size, 1), facts="")
            case events.UploadProgressed() | events.UploadWaiting() | events.UploadFinished() if (
                event.filename in self._files
            ):
                self._follow_file(event, self._files[event.filename])
                self._update_repository()
            case _:
                pass

    def _follow_file(
        self, event: events.UploadProgressed | events.UploadWaiting | events.UploadFinished, task: TaskID
    ) -> None:
        match event:
            case events.UploadProgressed():
                sent = "sent, no answer yet" if event.sent >= event.size else ""
                self._each.update(task, completed=event.sent, facts=sent)
            case events.UploadWaiting():
                waiting = f"waiting {duration(event.seconds)}: {clean(event.reason)}"
                self._each.update(task, completed=0, facts=waiting)
            case events.UploadFinished():
                self._each.remove_task(self._files.pop(event.filename))
                self._done += 1
                self._ended_bytes += event.size

    def stop(self) -> None:
        """Take it down."""
        self._live.stop()
        for bars in (self._overall, self._each):
            for task in list(bars.task_ids):
                bars.remove_task(task)
        self._all = self._repository = None
        self._files.clear()

    def _begin(self, name: str, total: int) -> None:
        if self._all is None:
            self._all = self._overall.add_task(name, total=max(total, 1), facts="")
        self._live.start()

    def _update_repository(self) -> None:
        if self._repository is None:
            return
        sent = self._ended_bytes + round(sum(each.completed for each in self._each.tasks))
        speed = next((each.speed for each in self._overall.tasks), None)
        facts = f"{self._done}/{self._repository.files} files  {size(sent)} of {size(self._repository.size)}"
        self._update(sent, f"{facts}  {size(round(speed))}/s" if speed else facts)

    def _update(self, completed: float | None, facts: str) -> None:
        if self._all is not None:
            self._overall.update(self._all, completed=completed, facts=facts)


def make_console(stream: TextIO, *, color: bool) -> Console:
    return Console(file=stream, no_color=not color, highlight=False)


def styled(line: str, more: Mapping[str, str]) -> Text:
    """A line with its colours, those of every output and `more`."""
    text = Text(line)
    for pattern, style in {**_STYLES, **more}.items():
        text.highlight_regex(pattern, style)
    return text


def shortened(name: str, width: int) -> str:
    """A name without its middle if it is too long: the ends of file names differ."""
    if len(name) <= width:
        return name
    tail = (width - 1) * 2 // 3
    return f"{name[: width - 1 - tail]}…{name[-tail:]}"
