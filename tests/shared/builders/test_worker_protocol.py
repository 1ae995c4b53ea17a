import datetime as dt
from pathlib import Path
from types import MappingProxyType

import pytest

from publish_all.builders import worker_protocol
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
    line = worker_protocol.dumps({"request": request})
    assert "\n" not in line
    assert worker_protocol.value_of(BuildRequest, worker_protocol.loads(line)["request"]) == request


@pytest.mark.parametrize(
    "event",
    [
        Note(message="m"),
        BuildStarted(project="p", variant=None, kind="wheel"),
        BuildFinished(project="p", variant="v", filename="f", size=1, seconds=0.5),
    ],
)
def test_events_arrive_as_they_were_sent(event):
    message = worker_protocol.loads(worker_protocol.dumps(worker_protocol.event_message(event)))
    assert message["event"] == type(event).__name__
    assert worker_protocol.value_of(type(event), message["fields"]) == event


@pytest.mark.parametrize(
    ("sent", "arrives"),
    [(BuildError, BuildError), (ConfigurationError, ConfigurationError), (CredentialError, BuildError)],
)
def test_errors_keep_their_branch_where_a_build_has_it(sent, arrives):
    error = worker_protocol.error_from(
        worker_protocol.loads(worker_protocol.dumps(worker_protocol.error_message(sent("m", hint="h"))))
    )
    assert (type(error), error.message, error.hint) == (arrives, "m", "h")


def test_what_has_no_form_on_the_pipe_is_refused():
    with pytest.raises(TypeError, match="set cannot be sent over"):
        worker_protocol.dumps({"a": {1}})


def test_a_line_that_is_no_message_is_an_error():
    with pytest.raises(BuildError):
        worker_protocol.loads("[]")
