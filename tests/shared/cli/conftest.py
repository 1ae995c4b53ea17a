"""The command line in process."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from cleo.io.inputs.argv_input import ArgvInput
from cleo.io.outputs.stream_output import StreamOutput

from publish_all.cli.application import PublishAllApplication


@dataclass(frozen=True)
class Typed:
    code: int
    out: str
    err: str


Type = Callable[..., Typed]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Type:
    """Type a command line on a terminal of 80 columns; what came of it."""
    monkeypatch.setenv("COLUMNS", "80")

    def typed(*arguments: str) -> Typed:
        out, err = io.StringIO(), io.StringIO()
        code = PublishAllApplication().run(
            ArgvInput(["publish-all", *arguments]), StreamOutput(out), StreamOutput(err)
        )
        return Typed(code=code, out=out.getvalue(), err=err.getvalue())

    return typed
