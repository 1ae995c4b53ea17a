"""JSON for programs: one final object on stdout; with `events` one line for each event before it.

The form is documented in docs/reference/json.md; `schema` changes when it changes incompatibly.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import re
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from publish_all.errors import PublishAllError
from publish_all.events import Event, Found
from publish_all.findings import Finding
from publish_all.reporting.words import error_lines, shown
from publish_all.results import (
    BuildSummary,
    CheckSummary,
    DoctorReport,
    Explanation,
    Listing,
    PlanReport,
    PublishReport,
    Result,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SCHEMA = 1


class JsonReporter:
    """Results, errors and events as JSON on `out`; errors in words on `err` too."""

    def __init__(self, out: TextIO, err: TextIO, *, events: bool = False) -> None:
        self._out = out
        self._err = err
        self._events = events
        self._found: list[Finding] = []
        self._ended = False

    def listener(self, event: Event) -> None:
        if isinstance(event, Found):
            self._found.append(event.finding)
        if self._events:
            self._write({"schema": SCHEMA, "event": _kebab(type(event).__name__), **as_object(event)})

    def show(self, result: Result) -> None:
        self._end(as_json(result, found=self._found))

    def error(self, error: PublishAllError) -> None:
        findings = [*self._found, *(each for each in error.findings if each not in self._found)]
        self._end(
            {
                "schema": SCHEMA,
                "result": "error",
                "exit_code": error.exit_code,
                "error": {
                    "kind": _kebab(type(error).__name__.removesuffix("Error")),
                    "message": error.message,
                    "hint": error.hint,
                },
                "findings": [plain(each) for each in findings],
            }
        )
        for line in error_lines(error):
            self._err.write(shown(line) + "\n")

    def __enter__(self) -> object:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._out.flush()

    def _end(self, value: Mapping[str, Any]) -> None:
        """Write the final object. There is one: an error that follows on a result is told in words only."""
        if not self._ended:
            self._ended = True
            self._write(value)

    def _write(self, value: Mapping[str, Any]) -> None:
        # One line each where lines are what is read; else for people, too.
        text = json.dumps(value, indent=None if self._events else 2)
        # The same for JSON, and no command for the runner of GitHub Actions (see `_actions`).
        self._out.write(text.replace("##[", "#\\u0023[") + "\n")
        self._out.flush()


def as_json(result: Result, *, found: list[Finding]) -> dict[str, Any]:
    """The final object of a result. `found` is what events told."""
    head: dict[str, Any] = {"schema": SCHEMA}
    findings = [plain(each) for each in found]
    match result:
        case PublishReport():
            head |= {"result": "publish", "exit_code": result.exit_code, "complete": result.complete}
            return head | _publish(result) | {"findings": findings}
        case PlanReport():
            return head | {"result": "plan"} | _plan(result)
        case BuildSummary():
            return head | {"result": "build"} | as_object(result) | {"findings": findings}
        case CheckSummary():
            return head | {"result": "check", "errors": len(result.errors)} | as_object(result)
        case DoctorReport():
            return head | {"result": "doctor", "ready": not result.exit_code} | _doctor(result)
        case Explanation():
            return head | {"result": "explanation"} | as_object(result)
        case Listing():
            rows = [
                {name: None if cell == "" else cell for name, cell in zip(result.columns, row, strict=True)}
                for row in result.rows
            ]
            return head | {"result": result.kind, result.kind: rows, "findings": findings}


def _plan(report: PlanReport) -> dict[str, Any]:
    files = [
        {"action" if name == "state" else name: value for name, value in as_object(each).items()}
        | {"action": each.action}
        for each in report.files
    ]
    return as_object(report) | {"files": files}


def _publish(report: PublishReport) -> dict[str, Any]:
    value = as_object(report)
    for repository, as_value in zip(report.repositories, value["repositories"], strict=True):
        as_value["complete"] = repository.complete
        for release, inner in zip(repository.releases, as_value["releases"], strict=True):
            inner["complete"] = release.complete
    return value


def _doctor(report: DoctorReport) -> dict[str, Any]:
    """Findings with what explains them in one object, not in two."""
    value = as_object(report)
    for examined in value["examined"]:
        examined["findings"] = [each["finding"] | {"why": each["why"]} for each in examined.pop("advice")]
    return value


def as_object(value: DataclassInstance) -> dict[str, Any]:
    """A dataclass of plain values as a JSON object."""
    return {each.name: plain(getattr(value, each.name)) for each in dataclasses.fields(value)}


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
