from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cleo.io.inputs.argv_input import ArgvInput
from click.testing import CliRunner, Result
from hatch.cli.publish import publish as publish_command
from hatch.plugin.manager import PluginManager

from hatch_publish_all.publisher import PublishAllPublisher
from publish_all.cli.publish_command import PublishCommand


class Exit(Exception):  # noqa: N818 - Hatch's own `abort` does not return either
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class RecordingPublisher(PublishAllPublisher):
    """Does not run the command line but keeps it, and what the environment was meanwhile."""

    code = 0
    arguments: tuple[str, ...] = ()
    repository_variable: str | None = None

    def run(self, arguments: list[str]) -> int:
        type(self).arguments = tuple(arguments)
        type(self).repository_variable = os.environ.get("HATCH_INDEX_REPO")
        return self.code


class App:
    """What Hatch's application is to a publisher."""

    verbosity = 0
    console = SimpleNamespace(is_interactive=True, no_color=False)

    def __init__(self, root: Path, publisher: type[PublishAllPublisher], tool: dict[str, Any]) -> None:
        self.said: list[str] = []
        self.cache_dir = root / "cache"
        self.config = SimpleNamespace(publish={})
        self.project = SimpleNamespace(
            location=root, config=SimpleNamespace(publish={}), raw_config={"tool": {"publish-all": tool}}
        )
        self.plugins = SimpleNamespace(publisher={"publish-all": publisher})

    def abort(self, text: str = "", code: int = 1, **options: Any) -> None:
        if text:
            self.said.append(text)
        raise Exit(code)


@pytest.fixture
def publisher() -> type[RecordingPublisher]:
    return type("Recording", (RecordingPublisher,), {})


@pytest.fixture
def app(tmp_path: Path, publisher: type[RecordingPublisher]) -> App:
    return App(tmp_path, publisher, {"dist-dir": "out", "publish-to": ["github"]})


def hatch(app: App, *arguments: str, **environment: str) -> Result:
    """The real command `hatch publish`, with an application that records."""
    variables = {"HATCH_PUBLISHER": "publish-all", **environment}
    return CliRunner(env=variables).invoke(publish_command, arguments, obj=app)


def after_command(publisher: type[RecordingPublisher]) -> list[str]:
    arguments = list(publisher.arguments)
    return arguments[arguments.index("--no-build") + 1 :]


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def test_hatch_finds_the_publisher_by_its_entry_point() -> None:
    assert PluginManager().publisher.get("publish-all") is PublishAllPublisher


def test_the_entry_point_imports_the_host_alone() -> None:
    code = (
        "import sys, hatch_publish_all.hooks; "
        "print([m for m in sys.modules if m.split('.')[0] in ('publish_all', 'requests', 'cleo', 'rich', 'hatch')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_options_that_hatch_keeps_from_publishers_arrive(
    app: App, publisher: type[RecordingPublisher]
) -> None:
    result = hatch(
        app,
        "-r",
        "corp",
        "-u",
        "me",
        "-a",
        "pass",
        "--ca-cert",
        "ca.pem",
        "-n",
        "-o",
        "dry-run",
        "c-1.tar.gz",
    )
    assert result.exception is None
    assert "--no-interaction" in publisher.arguments
    assert after_command(publisher) == [
        "--repository=corp",
        "--username=me",
        "--password=pass",
        "--ca-cert=ca.pem",
        "--dry-run",
        "--",
        str(app.project.location / "c-1.tar.gz"),
    ]


def test_nothing_stated_leaves_all_to_the_project(app: App, publisher: type[RecordingPublisher]) -> None:
    assert hatch(app).exception is None
    assert after_command(publisher) == ["--"]
    assert publisher.repository_variable is None


@pytest.mark.parametrize(
    ("index", "stated"),
    [
        ({}, "repository=main"),
        ({"repo": "corp"}, "repository=corp"),
        ({"repo": "https://a/"}, "repository-url=https://a/"),
    ],
)
def test_hatchs_own_default_stays_where_the_project_says_nothing(
    index: dict[str, str], stated: str, tmp_path: Path, publisher: type[RecordingPublisher]
) -> None:
    app = App(tmp_path, publisher, {})
    app.config.publish["index"] = index
    assert hatch(app).exception is None
    assert after_command(publisher) == [f"--{stated}", "--"]


def test_hatch_variables_count(app: App, publisher: type[RecordingPublisher]) -> None:
    hatch(app, HATCH_INDEX_REPO="corp", HATCH_INDEX_CA_CERT="ca.pem", HATCH_INDEX_CLIENT_CERT="c.pem")
    assert after_command(publisher) == ["--repository=corp", "--ca-cert=ca.pem", "--client-cert=c.pem", "--"]


def test_credentials_in_variables_stay_there_for_the_repository_that_was_named(
    app: App, publisher: type[RecordingPublisher]
) -> None:
    hatch(app, "-r", "corp", HATCH_INDEX_USER="me", HATCH_INDEX_AUTH="pass")
    assert after_command(publisher) == ["--repository=corp", "--"]
    assert publisher.repository_variable == "corp"
    assert "HATCH_INDEX_REPO" not in os.environ


def test_a_password_of_the_command_line_goes_with_the_user_of_the_variable(
    app: App, publisher: type[RecordingPublisher]
) -> None:
    hatch(app, "-r", "corp", "-a", "pass", HATCH_INDEX_USER="me")
    assert after_command(publisher) == ["--repository=corp", "--username=me", "--password=pass", "--"]


def test_the_projects_output_folder_is_known(app: App, publisher: type[RecordingPublisher]) -> None:
    (app.project.location / "out").mkdir()
    assert hatch(app, "out").exception is None
    assert after_command(publisher) == ["--"]


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6])
def test_our_exit_codes_are_hatchs(app: App, publisher: type[RecordingPublisher], code: int) -> None:
    publisher.code = code
    error = hatch(app).exception
    assert isinstance(error, Exit)
    assert error.code == code
    assert app.said == []


def test_usage_errors_end_with_2_and_say_what_to_do(app: App) -> None:
    error = hatch(app, "-o", "varaint=lite").exception
    assert isinstance(error, Exit)
    assert error.code == 2
    (said,) = app.said
    assert said.startswith("error: -o varaint is not a valid option\n  hint: Valid options: ")
    assert "variant" in said


def test_initialize_auth_is_refused(app: App) -> None:
    error = hatch(app, "--initialize-auth").exception
    assert isinstance(error, Exit)
    assert error.code == 2


@pytest.mark.parametrize(("verbosity", "expected"), [(-1, "--quiet"), (1, "-v"), (7, "-vvv")])
def test_hatch_verbosity_becomes_ours(
    app: App, publisher: type[RecordingPublisher], verbosity: int, expected: str
) -> None:
    app.verbosity = verbosity
    app.console = SimpleNamespace(is_interactive=False, no_color=True)
    hatch(app)
    directory, *others = publisher.arguments
    assert directory == f"--directory={app.project.location}"
    assert others[:4] == ["--no-interaction", "--no-ansi", expected, "publish"]


def test_our_command_line_understands_all_arguments(app: App, publisher: type[RecordingPublisher]) -> None:
    touch(app.project.location, "dist/a-1.tar.gz")
    hatch(app, "-r", "https://corp.example/", "-a", "-x", "-o", "variant=lite,full", "dist/a-1.tar.gz")
    given = ArgvInput(["publish-all", *publisher.arguments[2:]])
    given.bind(PublishCommand().definition)
    assert given.option("repository-url") == "https://corp.example/"
    assert given.option("password") == "-x"
    assert given.option("variant") == ["lite", "full"]
    assert given.argument("files") == [str(app.project.location / "dist/a-1.tar.gz")]


def test_options_of_ours_are_passed_with_o(app: App, publisher: type[RecordingPublisher]) -> None:
    stated = ("dry-run", "skip_existing=true", "fresh=no", "jobs=2", "variant=a,b")
    hatch(app, *(word for each in stated for word in ("-o", each)))
    assert after_command(publisher) == [
        "--dry-run",
        "--skip-existing",
        "--jobs=2",
        "--variant=a",
        "--variant=b",
        "--",
    ]


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("xyzzy=a", "-o xyzzy is not a valid option\n  hint: Valid options: allow-dirty, allow-missing"),
        ("password=a", "-o password is not a valid option"),
        ("dry-run=perhaps", "-o dry-run=perhaps: the value must be true or false"),
        ("jobs", "-o jobs needs a value\n  hint: Use -o jobs=VALUE."),
    ],
)
def test_wrong_options_are_usage_errors(app: App, option: str, said: str) -> None:
    error = hatch(app, "-o", option).exception
    assert isinstance(error, Exit)
    assert error.code == 2
    assert app.said[0].startswith(f"error: {said}")


def test_files_start_at_the_root_and_folders_mean_their_wheels_and_sdists(
    app: App, publisher: type[RecordingPublisher]
) -> None:
    root = app.project.location
    touch(root, "other/b-1-py3-none-any.whl", "other/a-1.tar.gz", "other/notes.txt", "c-1.tar.gz")
    hatch(app, "other", "c-1.tar.gz")
    assert after_command(publisher) == [
        "--",
        str(root / "other/a-1.tar.gz"),
        str(root / "other/b-1-py3-none-any.whl"),
        str(root / "c-1.tar.gz"),
    ]


def test_the_output_folder_means_what_was_built_there(app: App, publisher: type[RecordingPublisher]) -> None:
    touch(app.project.location, "out/stale-1.tar.gz")
    hatch(app, "./out/")
    assert after_command(publisher) == ["--"]
    hatch(app, "out", "c-1.tar.gz")
    assert "cannot be combined with other files" in app.said[0]


def test_a_folder_without_distributions_is_a_usage_error(app: App) -> None:
    (app.project.location / "empty").mkdir()
    hatch(app, "empty")
    assert "no wheel or sdist found" in app.said[0]
