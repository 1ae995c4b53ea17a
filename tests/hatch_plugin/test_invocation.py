from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cleo.io.inputs.argv_input import ArgvInput

from hatch_publish_all.invocation import Invocation, command_line, files
from publish_all.cli.publish import PublishCommand
from publish_all.errors import UsageError


def line(root: Path, **stated: Any) -> list[str]:
    return command_line(Invocation(root=root, **stated), known=PublishCommand.options)


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def test_without_options_publishes_what_was_built(tmp_path: Path) -> None:
    assert line(tmp_path) == [f"--directory={tmp_path}", "publish", "--no-build", "--"]


def test_hatch_options_become_ours(tmp_path: Path) -> None:
    arguments = line(
        tmp_path,
        repository="corp",
        username="me",
        password="-p4ss",
        ca_cert="ca.pem",
        client_cert="cert.pem",
        client_key="key.pem",
        interactive=False,
        verbosity=2,
        color=False,
    )
    assert arguments == [
        f"--directory={tmp_path}",
        "--no-interaction",
        "--no-ansi",
        "-vv",
        "publish",
        "--no-build",
        "--repository=corp",
        "--username=me",
        "--password=-p4ss",
        "--ca-cert=ca.pem",
        "--client-cert=cert.pem",
        "--client-key=key.pem",
        "--",
    ]


def test_our_command_line_understands_them(tmp_path: Path) -> None:
    touch(tmp_path, "dist/a-1.tar.gz")
    arguments = line(
        tmp_path,
        repository="https://corp.example/legacy/",
        password="-x",
        artifacts=("dist/a-1.tar.gz",),
        options={"variant": "lite,full"},
    )
    command = PublishCommand()
    given = ArgvInput(["publish-all", *arguments[2:]])
    given.bind(command.definition)
    assert given.option("repository-url") == "https://corp.example/legacy/"
    assert given.option("password") == "-x"
    assert given.option("variant") == ["lite", "full"]
    assert given.argument("files") == [str(tmp_path / "dist/a-1.tar.gz")]


@pytest.mark.parametrize(("verbosity", "expected"), [(-1, "--quiet"), (1, "-v"), (7, "-vvv")])
def test_hatch_verbosity_becomes_ours(tmp_path: Path, verbosity: int, expected: str) -> None:
    assert expected in line(tmp_path, verbosity=verbosity)


def test_options_of_ours_are_passed_with_o(tmp_path: Path) -> None:
    stated = {"dry-run": "", "skip_existing": "true", "fresh": "no", "jobs": "2", "variant": "a,b"}
    arguments = line(tmp_path, options=stated)
    assert arguments[arguments.index("--no-build") + 1 : -1] == [
        "--dry-run",
        "--skip-existing",
        "--jobs=2",
        "--variant=a",
        "--variant=b",
    ]


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"varaint": "a"}, "-o varaint: there is no such option", "Did you mean -o variant?"),
        ({"xyzzy": "a"}, "-o xyzzy: there is no such option", "There are: allow-dirty, allow-missing"),
        ({"password": "a"}, "-o password: there is no such option", None),
        ({"dry-run": "perhaps"}, "-o dry-run=perhaps: it is either true or false", None),
        ({"jobs": ""}, "-o jobs: it needs a value", "Write -o jobs=VALUE."),
    ],
)
def test_wrong_options_are_usage_errors(
    tmp_path: Path, options: dict[str, str], message: str, hint: str | None
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        line(tmp_path, options=options)
    if hint is not None:
        assert caught.value.hint is not None
        assert caught.value.hint.startswith(hint)


def test_files_start_at_the_root_and_folders_mean_their_wheels_and_sdists(tmp_path: Path) -> None:
    touch(tmp_path, "other/b-1-py3-none-any.whl", "other/a-1.tar.gz", "other/notes.txt", "c-1.tar.gz")
    asked = Invocation(root=tmp_path, artifacts=("other", "c-1.tar.gz"))
    assert files(asked) == [
        tmp_path / "other/a-1.tar.gz",
        tmp_path / "other/b-1-py3-none-any.whl",
        tmp_path / "c-1.tar.gz",
    ]


def test_the_output_folder_means_what_was_built_there(tmp_path: Path) -> None:
    touch(tmp_path, "out/stale-1.tar.gz")
    assert files(Invocation(root=tmp_path, artifacts=("./out/",), dist_dir="out")) == []
    with pytest.raises(UsageError, match="no other file goes with it"):
        files(Invocation(root=tmp_path, artifacts=("out", "c-1.tar.gz"), dist_dir="out"))


def test_a_folder_without_distributions_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="there is no wheel and no sdist"):
        files(Invocation(root=tmp_path, artifacts=("empty",)))
