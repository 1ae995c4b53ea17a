import datetime as dt
from pathlib import Path
from types import MappingProxyType

import pytest

from publish_all.builders import wire
from publish_all.builders.builder import BuildRequest
from publish_all.errors import BuildError, ConfigurationError, CredentialError
from publish_all.events import BuildFinished, BuildStarted, Note


def test_a_request_arrives_as_it_was_sent(make_variant):
    pyproject = {
        "tool": MappingProxyType(
            {"when": dt.date(2026, 1, 2), "at": dt.datetime(2026, 1, 2, 3, tzinfo=dt.timezone.utc)}
        ),
        "list": [dt.time(1, 2), {"deep": [1.5, True, "ü"]}],
    }
    variant = make_variant(
        pyproject,
        include=("a",),
        exclude=("b",),
        force_include=MappingProxyType({"c": "d"}),
        publish_to=("e",),
    )
    request = BuildRequest(root=Path("root"), output=Path("out"), variants=(variant,), source_date_epoch=1)
    line = wire.dumps({"request": request})
    assert "\n" not in line
    assert wire.request_from(wire.loads(line)["request"]) == request


@pytest.mark.parametrize(
    "event",
    [
        Note(message="m"),
        BuildStarted(project="p", variant=None, kind="wheel"),
        BuildFinished(project="p", variant="v", filename="f", size=1, seconds=0.5),
    ],
)
def test_events_arrive_as_they_were_sent(event):
    assert wire.event_from(wire.loads(wire.dumps(wire.event_message(event)))) == event


@pytest.mark.parametrize(
    ("sent", "arrives"),
    [(BuildError, BuildError), (ConfigurationError, ConfigurationError), (CredentialError, BuildError)],
)
def test_errors_keep_their_branch_where_a_build_has_it(sent, arrives):
    error = wire.error_from(wire.loads(wire.dumps(wire.error_message(sent("m", hint="h")))))
    assert (type(error), error.message, error.hint) == (arrives, "m", "h")


def test_what_has_no_form_on_the_pipe_is_refused():
    with pytest.raises(TypeError, match="set does not go over"):
        wire.dumps({"a": {1}})


def test_a_line_that_is_no_message_is_an_error():
    with pytest.raises(BuildError):
        wire.loads("[]")
