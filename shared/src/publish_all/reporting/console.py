"""A live display on a terminal, by rich: running work at the bottom, finished work above it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
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
        self.write_lines(closing_lines(result))

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


class Display:
    """The live display: a bar for the repository or the builds, then one for each file that is uploaded."""

    def __init__(self, console: Console, *, now: Callable[[], float] = time.monotonic) -> None:
        bar = BarColumn(bar_width=_BAR, table_column=Column(width=_BAR))
        text = TextColumn("{task.description}", markup=False)
        # It is drawn by a thread of rich's own.
        self.bars = Progress(
            bar,
            text,
            console=console,
            get_time=now,
            transient=True,
            refresh_per_second=10,
        )
        self._all: TaskID | None = None
        self._files: dict[str, TaskID] = {}
        self._repository: events.RepositoryStarted | None = None
        self._done = 0
        self._sent: dict[str, int] = {}

    def follow(self, event: events.Event) -> None:
        """Live while building and uploading only: at other times somebody may be asked for a password."""
        match event:
            case events.BuildStarted():
                what = f"the {event.kind} of {event.variant or event.project}"
                text = f"build  {event.number - 1}/{event.files} files  {what}"
                self._update(text, event.number - 1, event.files)
            case events.BuildFinished() if self._all is not None:
                self.bars.advance(self._all)
            case events.RepositoryStarted():
                self._repository, self._done, self._sent = event, 0, {}
                self._update_repository()
            case events.RepositoryFinished():
                self.stop()
            case events.StepStarted() if event.step != "verify":
                self.stop()
            case events.VerifyWaiting() if self._repository is not None:
                text = f"{event.repository}  {count(len(event.missing), 'file')} not listed yet"
                self._update(text, self._repository.size, self._repository.size)
            case events.UploadStarted() if event.filename not in self._files:
                task = self.bars.add_task(f"  {event.filename}", total=max(event.size, 1))
                self._files[event.filename] = task
            case events.UploadProgressed():
                note = "  sent, no answer yet" if event.sent >= event.size else ""
                self._update_file(event.filename, event.sent, note)
            case events.UploadWaiting():
                note = f"  waiting {duration(event.seconds)}: {clean(event.reason)}"
                self._update_file(event.filename, 0, note)
            case events.UploadFinished() if event.filename in self._files:
                self._update_file(event.filename, event.size, "")
                self.bars.remove_task(self._files.pop(event.filename))
                self._done += 1
                self._update_repository()
            case _:
                pass

    def stop(self) -> None:
        """Take it down."""
        self.bars.stop()
        for task in self.bars.task_ids:
            self.bars.remove_task(task)
        self._all = self._repository = None
        self._files.clear()

    def _update_file(self, name: str, sent: int, note: str) -> None:
        if name in self._files:
            self.bars.update(self._files[name], completed=sent, description=f"  {name}{note}")
            self._sent[name] = sent
            self._update_repository()

    def _update_repository(self) -> None:
        if self._repository is None:
            return
        sent, whole = sum(self._sent.values()), self._repository
        speed = next((each.speed for each in self.bars.tasks if each.id == self._all), None)
        text = f"{whole.repository}  {self._done}/{whole.files} files  {size(sent)} of {size(whole.size)}"
        self._update(f"{text}  {size(round(speed))}/s" if speed else text, sent, whole.size)

    def _update(self, text: str, completed: int, total: int) -> None:
        """Change the bar over all files."""
        if self._all is None:
            self._all = self.bars.add_task(text, total=max(total, 1))
            self.bars.start()
        self.bars.update(self._all, description=text, completed=completed)


def make_console(stream: TextIO, *, color: bool) -> Console:
    return Console(file=stream, no_color=not color, highlight=False)


def styled(line: str, more: Mapping[str, str]) -> Text:
    """A line with its colours, those of every output and `more`."""
    text = Text(line)
    for pattern, style in {**_STYLES, **more}.items():
        text.highlight_regex(pattern, style)
    return text
