"""Poetry's own `publish` for a repository of a kind that only publish-all speaks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cleo.events.console_command_event import ConsoleCommandEvent
from cleo.events.console_events import COMMAND
from cleo.io.io import IO
from cleo.testers.application_tester import ApplicationTester
from poetry.config.config import Config
from poetry.console.application import Application
from poetry.publishing.publisher import Publisher

from poetry_publish_all import publish
from poetry_publish_all.publish import prepare_publish
from publish_all.commands.files import PublishOptions

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
    Config.create(reload=True)  # without what an earlier command was told
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


@pytest.fixture
def uploads(project: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, object]]:
    """Where Poetry's own publish would have sent, and as whom; nothing is sent."""
    seen: list[tuple[str, object]] = []
    (project / "dist").mkdir()
    (project / "dist" / "demo-1.0-py3-none-any.whl").touch()

    def publish_(self: Publisher, repository_name: str | None, *arguments: object, **options: object) -> None:
        del arguments, options
        name = repository_name or "pypi"
        config = self._poetry.config
        seen.append((config.get(f"repositories.{name}.url"), config.get(f"http-basic.{name}")))

    monkeypatch.setattr(Publisher, "publish", publish_)
    return seen


CORP = "https://pypi.corp.example/legacy/"


@pytest.fixture
def home(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    del project  # which takes all variables of Poetry away, and so comes first
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    monkeypatch.setenv("POETRY_REPOSITORIES_CORP_URL", CORP)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    return folder


def test_what_is_broken_beside_it_does_not_stop_a_publish_to_poetrys_own_repository(
    home: Path, uploads: list[tuple[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".pypirc").write_text("no ini file\n", encoding="utf-8")
    monkeypatch.setenv("TWINE_PASSWORD", "a\nb")
    monkeypatch.setenv("TWINE_REPOSITORY_URL", CORP)
    poetry("publish -r corp")
    assert uploads == [(CORP, None)]


@pytest.mark.usefixtures("home")
def test_the_url_that_poetry_has_stays_and_gets_no_credential_for_another(
    project: Path, uploads: list[tuple[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLISH_ALL_CORP_USERNAME", "me")
    monkeypatch.setenv("PUBLISH_ALL_CORP_PASSWORD", "hunter2")
    poetry("publish -r corp")
    other = '\n[tool.publish-all.repositories.corp]\nurl = "https://other.example/legacy/"\n'
    (project / "pyproject.toml").write_text(PYPROJECT + other, encoding="utf-8")
    poetry("publish -r corp")
    assert uploads == [(CORP, {"username": "me", "password": "hunter2"}), (CORP, None)]


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
