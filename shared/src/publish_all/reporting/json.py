"""JSON for programs: one final object on stdout; with `events` one line for each event before it.

The form is documented in docs/reference/json.md; `schema` changes when it changes incompatibly.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from publish_all import results, summaries
from publish_all.errors import PublishAllError
from publish_all.events import Event, Found
from publish_all.findings import Finding
from publish_all.reporting.reporter import Reporter
from publish_all.reporting.text import as_called, error_lines, shown

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SCHEMA = 1
# Computed values to show besides the fields.
_COMPUTED: Mapping[type, tuple[str, ...]] = {
    results.ReleaseReport: ("complete",),
    results.RepositoryReport: ("complete",),
    results.PublishReport: ("complete", "exit_code"),
}


@dataclasses.dataclass(eq=False)
class JsonReporter(Reporter):
    """Results, errors and events as JSON on `out`; errors in words on `err` too."""

    out: TextIO
    err: TextIO
    events: bool = False
    _found: list[Finding] = dataclasses.field(default_factory=list, init=False)
    _ended: bool = dataclasses.field(default=False, init=False)

    def listener(self, event: Event) -> None:
        if isinstance(event, Found):
            self._found.append(event.finding)
        if self.events:
            self._write({"schema": SCHEMA, "event": _kebab(type(event).__name__), **as_object(event)})

    def show(self, result: summaries.Result) -> None:
        self._end(as_json(result, found=self._found))

    def error(self, error: PublishAllError) -> None:
        findings = [*self._found, *(each for each in error.findings if each not in self._found)]
        told = {
            "kind": _kebab(type(error).__name__.removesuffix("Error")),
            "message": error.message,
            "hint": error.hint,
        }
        head = {"schema": SCHEMA, "result": "error", "exit_code": error.exit_code}
        self._end({**head, "error": told, "findings": plain(findings)})
        for line in error_lines(error):
            self.err.write(shown(line) + "\n")

    def _end(self, value: Mapping[str, Any]) -> None:
        """Write the final object. There is one: an error that follows on a result is told in words only."""
        if not self._ended:
            self._ended = True
            self._write(value)

    def _write(self, value: Mapping[str, Any]) -> None:
        # One line for each event; indented for people otherwise.
        text = as_called(json.dumps(value, indent=None if self.events else 2))
        # The same for JSON, and no command for the runner of GitHub Actions (see `_actions`).
        self.out.write(text.replace("##[", "#\\u0023[") + "\n")
        self.out.flush()


def as_json(result: summaries.Result, *, found: Sequence[Finding]) -> dict[str, Any]:
    """The final object of a result. `found` is what events told."""
    findings = {"findings": plain(found)}
    match result:
        case results.PublishReport():
            value = {"result": "publish", **as_object(result), **findings}
        case summaries.PlanReport():
            value = {"result": "plan", **as_object(result)}
        case summaries.BuildSummary():
            value = {"result": "build", **as_object(result), **findings}
        case results.CheckSummary():
            value = {"result": "check", "errors": len(result.errors), **as_object(result)}
        case summaries.DoctorReport():
            value = {"result": "doctor", "ready": not result.exit_code, **as_object(result)}
        case results.Explanation():
            value = {"result": "explanation", **as_object(result)}
        case summaries.Listing():
            rows = [
                {name: None if cell == "" else cell for name, cell in zip(result.columns, row, strict=True)}
                for row in result.rows
            ]
            value = {"result": result.kind, result.kind: rows, **findings}
    return {"schema": SCHEMA, **value}


def as_object(value: DataclassInstance) -> dict[str, Any]:
    """A dataclass of plain values as a JSON object."""
    names = [each.name for each in dataclasses.fields(value)]
    return {name: plain(getattr(value, name)) for name in (*names, *_COMPUTED.get(type(value), ()))}


def plain(value: Any) -> Any:
    """Anything in a dataclass of plain values as what JSON has: objects, lists, texts, numbers."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return as_object(value)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, float):
        return round(value, 3)
    return value


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()
