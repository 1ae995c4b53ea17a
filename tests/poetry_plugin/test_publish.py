"""Poetry's own `publish` for a repository of a kind that only publish-all speaks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cleo.events.console_command_event import ConsoleCommandEvent
from cleo.events.console_events import COMMAND
from cleo.io.io import IO
from cleo.testers.application_tester import ApplicationTester
from poetry.console.application import Application

from poetry_publish_all import publish
from poetry_publish_all.publish import prepare_publish
from publish_all.commands.publish import PublishOptions

# A dependency of Poetry warns when it is first imported.
pytestmark = pytest.mark.filterwarnings("ignore:open_text is deprecated:DeprecationWarning")

PYPROJECT = """\
[project]
name = "demo"
version = "1.0"

[build-system]
requires = ["poetry-core"]
build-backend = "poetry.core.masonry.api"

[tool.publish-all.repositories.registry]
kind = "oci"
url = "https://registry.corp.example/team"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith(("PUBLISH_ALL_", "POETRY_")):
            monkeypatch.delenv(name)
    for name in ("CONFIG", "CACHE", "DATA"):
        monkeypatch.setenv(f"POETRY_{name}_DIR", str(tmp_path / name))
    monkeypatch.setenv("POETRY_VIRTUALENVS_CREATE", "false")
    (tmp_path / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def taken_over(monkeypatch: pytest.MonkeyPatch) -> list[PublishOptions]:
    """What our `publish` was asked for in place of Poetry's."""
    asked: list[PublishOptions] = []

    def run_with(_: object, io: IO, options: PublishOptions) -> int:
        del io
        asked.append(options)
        return 0

    monkeypatch.setattr(publish.OurPublish, "run_with", run_with)
    return asked


def poetry(arguments: str) -> None:
    application = Application()
    application._plugins_loaded = True  # none that happens to be installed
    application.auto_exits(False)

    def prepare(event: ConsoleCommandEvent, *_: object) -> None:
        prepare_publish(application, event)

    application.event_dispatcher.add_listener(COMMAND, prepare, 10)
    ApplicationTester(application).execute(arguments)


def test_poetrys_options_reach_the_publish_in_its_place(
    project: Path, taken_over: list[PublishOptions]
) -> None:
    poetry("publish -r registry -u me -p hunter2 --cert ca.pem --client-cert mine.pem --skip-existing")
    (asked,) = taken_over
    assert (asked.directory, asked.skip_existing, asked.build, asked.itself) == (project, True, False, True)
    connection = asked.connection
    assert connection.repositories == ("registry",)
    assert connection.username == "me"
    assert connection.password is not None
    assert connection.password.reveal() == "hunter2"
    assert (connection.ca_cert, connection.client_cert) == (Path("ca.pem"), Path("mine.pem"))


def test_without_options_the_credential_is_found_elsewhere(
    project: Path, taken_over: list[PublishOptions]
) -> None:
    poetry("publish -r registry")
    (asked,) = taken_over
    assert (asked.connection.username, asked.connection.password, asked.connection.ca_cert) == (
        None,
        None,
        None,
    )
