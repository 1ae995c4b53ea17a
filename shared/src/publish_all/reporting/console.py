"""A live display on a terminal, by rich: what is under way at the bottom, what stays true above it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType, TracebackType
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from publish_all.errors import PublishAllError
from publish_all.events import (
    BuildStarted,
    Event,
    Found,
    RepositoryFinished,
    RepositoryStarted,
    StepStarted,
    UploadFinished,
    UploadWaiting,
    VerifyWaiting,
)
from publish_all.findings import Finding
from publish_all.reporting.lines import closing_lines, event_line
from publish_all.reporting.live import LiveBuild, LiveFile, LiveRepository, LiveState
from publish_all.reporting.tables import result_lines
from publish_all.reporting.words import clean, closing_error_lines, duration, finding_lines, size
from publish_all.results import DoctorReport, Explanation, Result

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
    r"^  error  .*|^not ready:": "bold red",
    r"^  warning  .*": "bold yellow",
    r"^  note  +PA.*": "bold cyan",
    r"^ready:": "bold green",
    r"^  (why|not tested)\b": "dim",
    r"^  next\b": "green",
}
# What the live display shows better than lines that stay.
_LIVE_ONLY = (UploadFinished, UploadWaiting, VerifyWaiting)
EMPTY: Mapping[str, str] = MappingProxyType({})
_BAR = 20
_NAME = 44


class ConsoleReporter:
    """Progress, findings and errors on `err`, which is a terminal; the result on `out`."""

    def __init__(
        self,
        out: Console,
        err: Console,
        *,
        verbosity: int = 0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._out = out
        self._err = err
        self._verbose = verbosity > 0
        self._shown: set[Finding] = set()
        self._state = LiveState(now=now)
        # The display is drawn by a thread of rich's own, ten times a second.
        self._lock = threading.Lock()
        self._live = Live(get_renderable=self._draw, console=err, transient=True, refresh_per_second=10)

    def listener(self, event: Event) -> None:
        with self._lock:
            self._state.follow(event)
        self._switch(event)
        if isinstance(event, Found):
            self._find(event.finding)
            return
        line = event_line(event, verbose=self._verbose)
        if line is not None and (self._verbose or not isinstance(event, _LIVE_ONLY)):
            self._print(self._err, [line])

    def _switch(self, event: Event) -> None:
        """Live while building and uploading only: at other times somebody may be asked for a password."""
        match event:
            case BuildStarted() | RepositoryStarted():
                self._live.start()
            case RepositoryFinished():
                self._live.stop()
            case StepStarted() if event.step != "verify":
                self._live.stop()
            case _:
                pass

    def show(self, result: Result) -> None:
        self._live.stop()
        own = _DOCTOR_STYLES if isinstance(result, DoctorReport | Explanation) else {}
        self._print(self._out, result_lines(result), own)
        self._print(self._err, closing_lines(result))

    def error(self, error: PublishAllError) -> None:
        self._live.stop()
        for each in error.findings:
            self._find(each)
        self._print(self._err, closing_error_lines(error))

    def __enter__(self) -> object:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def _find(self, finding: Finding) -> None:
        if finding not in self._shown:
            self._shown.add(finding)
            self._print(self._err, finding_lines(finding))

    def _print(self, console: Console, lines: Iterable[str], styles: Mapping[str, str] | None = None) -> None:
        for line in lines:
            console.print(styled(clean(line), styles or {}), soft_wrap=True)

    def _draw(self) -> RenderableType:
        with self._lock:
            return Group(*draw(self._state))


def make_console(stream: TextIO, *, color: bool) -> Console:
    return Console(file=stream, no_color=not color, highlight=False)


def styled(line: str, more: Mapping[str, str] = EMPTY) -> Text:
    """A line with its colours, those of every output and `more`."""
    text = Text(line)
    for pattern, style in {**_STYLES, **more}.items():
        text.highlight_regex(pattern, style)
    return text


def draw(state: LiveState) -> Iterator[RenderableType]:
    """The live display: the repository's progress, then each file under way."""
    if state.repository is not None and state.files:
        yield _overall(state, state.repository)
        for each in state.files.values():
            yield _file(state, each)
    elif state.build is not None:
        yield _builds(state, state.build)
    elif state.step:
        yield Text(f"… {clean(state.step)}", style="dim", no_wrap=True, overflow="ellipsis")


def _builds(state: LiveState, build: LiveBuild) -> RenderableType:
    row = Table.grid(padding=(0, 2))
    for _ in range(3):
        row.add_column(no_wrap=True, overflow="ellipsis")
    step = Text(clean(state.step), style="dim")
    row.add_row(_bar(build.done, build.files), f"{build.done}/{build.files} files", step)
    return row


def _overall(state: LiveState, repository: LiveRepository) -> RenderableType:
    speed = f"{size(round(state.speed))}/s" if state.speed else ""
    facts = f"{repository.files_done}/{repository.files} files  {size(state.sent)} of {size(repository.size)}"
    row = Table.grid(padding=(0, 2))
    row.add_row(Text(repository.name, style="bold"), _bar(state.sent, repository.size), facts, speed)
    return row


def _file(state: LiveState, file: LiveFile) -> RenderableType:
    row = Table.grid(padding=(0, 2))
    row.add_column(width=_NAME, no_wrap=True)
    row.add_column(no_wrap=True, overflow="ellipsis")
    row.add_row(f"  {shortened(file.filename, _NAME - 2)}", _file_state(state, file))
    return row


def _file_state(state: LiveState, file: LiveFile) -> RenderableType:
    waits = state.waits(file)
    if waits is not None:
        return Text(f"waiting {duration(waits)}: {clean(file.reason)}", style="yellow")
    if file.sent >= file.size:
        return Text("sent, no answer yet", style="dim")
    return _bar(file.sent, file.size)


def _bar(done: int, total: int) -> ProgressBar:
    return ProgressBar(total=max(total, 1), completed=done, width=_BAR)


def shortened(name: str, width: int) -> str:
    """A name without its middle if it is too long: how files end tells them apart."""
    if len(name) <= width:
        return name
    tail = (width - 1) * 2 // 3
    return f"{name[: width - 1 - tail]}…{name[-tail:]}"
