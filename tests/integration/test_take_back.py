"""`yank`, `unyank` and `delete` as people type them, and what pip, uv and Poetry install then.

On docker-registry, in folders, and on a stand-in of GitHub's releases.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from github_fake import TOKEN, FakeGitHub, serving
from harness.install import TOOLS, install
from harness.process import Result, answer, make_venv, run
from harness.servers import Registry, start_registry
from made_files import make_wheel
from served import program
from served import serving as index_served

from publish_all.distributions.read import read_distribution

NAME = "kindling-synapse"
OLD, NEW = f"{NAME}==0.1.0", f"{NAME}==0.2.0"
PYPROJECT = """\
[project]
name = "kindling-synapse"
version = "0.2.0"

[tool.publish-all]
publish-to = ["box", "shelf"]

[tool.publish-all.repositories.box]
kind = "oci"
url = "{box}"

[tool.publish-all.repositories.shelf]
kind = "directory"
url = "{shelf}"

[tool.publish-all.repositories.releases]
link = "sep/kindling"
"""


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A checkout with files of several versions, and the command line in it."""

    root: Path
    shelf: Path
    environment: Mapping[str, str]

    def type(self, *words: str, check: bool = True) -> Result:
        return run([program(), *words], cwd=self.root, environment=self.environment, check=check)

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [program(), *words],
            cwd=self.root,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wheel(self, version: str, tag: str = "py3-none-any") -> str:
        return str(make_wheel(self.root / "dist", NAME, version, tag=tag).relative_to(self.root))

    def publish(self, repository: str, *files: str) -> None:
        self.type("publish", "-r", repository, "-n", *files)

    def listed(self) -> dict[str, str | None]:
        """What the registry has, each file with why it is yanked."""
        found = json.loads(self.type("list", "-r", "box", NAME, "--format", "json").stdout)["files"]
        return {each["file"]: each["yanked"] for each in found}


@pytest.fixture
def desk(tmp_path: Path, environment: dict[str, str], open_registry: Registry) -> Desk:
    return make_desk(tmp_path, environment, open_registry)


def make_desk(tmp_path: Path, environment: Mapping[str, str], registry: Registry) -> Desk:
    root, shelf = tmp_path / "checkout", tmp_path / "shelf"
    (root / "dist").mkdir(parents=True)
    box = f"http://{registry.host}/team"
    (root / "pyproject.toml").write_text(PYPROJECT.format(box=box, shelf=shelf.as_posix()))
    return Desk(root=root, shelf=shelf, environment=environment)


@pytest.fixture
def web() -> Iterator[Callable[[Path], str]]:
    """A static web server over a folder."""
    started = []

    def start(folder: Path) -> str:
        handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for each in started:
        each.shutdown()
        each.server_close()


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with serving() as github:
        for version in ("0.1.0", "0.2.0"):
            github.tags.append(f"v{version}")
        yield github


def put_on_github(desk: Desk, github: FakeGitHub) -> Desk:
    for version in ("0.1.0", "0.2.0"):
        path = desk.root / desk.wheel(version)
        release = github.add_release(f"v{version}")
        github.add_asset(release, path.name, path.read_bytes())
        github.add_asset(release, f"{path.name}.metadata", read_distribution(path).core_metadata)
    return Desk(
        root=desk.root,
        shelf=desk.shelf,
        environment={
            **desk.environment,
            "PUBLISH_ALL_REPOSITORIES_RELEASES_URL": f"{github.api}/repos/{{owner}}/{{repository}}",
            "PUBLISH_ALL_RELEASES_TOKEN": TOKEN,
        },
    )


# --- what installers do


@pytest.mark.parametrize("tool", TOOLS)
def test_serve_shows_a_yank_of_a_registry(desk: Desk, tmp_path: Path, tool: str) -> None:
    desk.publish("box", desk.wheel("0.1.0"), desk.wheel("0.2.0"))
    box = ["--repository-url", (desk.root / "pyproject.toml").read_text().split('url = "')[1].split('"')[0]]
    box[1] = f"oci://{box[1]}"
    with index_served(tmp_path / "served", *box, environment=desk.environment) as served:
        get = partial(
            install, tool, index=served.simple, folder=tmp_path, environment=desk.environment, name=NAME
        )
        desk.type("yank", "-r", "box", NEW, "--reason", "breaks on Spark 3.5")
        assert get(NAME) == "0.1.0"
        assert get(NEW) == "0.2.0"
        desk.type("unyank", "-r", "box", NEW)
        desk.type("yank", "-r", "box", OLD)
        assert get(NAME) == "0.2.0"


@pytest.mark.parametrize("tool", TOOLS)
def test_the_pages_of_a_folder_show_a_yank(
    desk: Desk, tmp_path: Path, tool: str, web: Callable[[Path], str]
) -> None:
    desk.publish("shelf", desk.wheel("0.1.0"), desk.wheel("0.2.0"))
    index = f"{web(desk.shelf)}/simple/"
    get = partial(install, tool, index=index, folder=tmp_path, environment=desk.environment, name=NAME)
    desk.type("yank", "-r", "shelf", NEW, "--reason", "breaks on <Spark> 3.5")
    assert get(NAME) == "0.1.0"
    assert get(NEW) == "0.2.0"
    desk.type("unyank", "-r", "shelf", NEW)
    desk.type("yank", "-r", "shelf", OLD)
    assert get(NAME) == "0.2.0"


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("repository", ["box", "shelf", "releases"])
def test_a_site_shows_a_yank(
    desk: Desk, tmp_path: Path, tool: str, repository: str, github: FakeGitHub, web: Callable[[Path], str]
) -> None:
    if repository == "releases":
        desk = put_on_github(desk, github)
    else:
        desk.publish(repository, desk.wheel("0.1.0"), desk.wheel("0.2.0"))
    site = tmp_path / "site"
    url = web(tmp_path)
    write = ("site", "-r", repository, "-o", str(site), "--url", f"{url}/site/")
    get = partial(
        install, tool, index=f"{url}/site/simple/", folder=tmp_path, environment=desk.environment, name=NAME
    )
    desk.type("yank", "-r", repository, NEW, "--reason", "breaks on Spark 3.5")
    desk.type(*write)
    assert "yanked: breaks on Spark 3.5" in (site / "index.html").read_text(encoding="utf-8")
    assert get(NAME) == "0.1.0"
    assert get(NEW) == "0.2.0"
    desk.type("unyank", "-r", repository, NEW)
    desk.type(*write)
    assert "yanked" not in (site / f"simple/{NAME}/index.html").read_text(encoding="utf-8")


def test_exec_skips_a_yanked_release_and_pip_says_why_where_it_is_named(desk: Desk, tmp_path: Path) -> None:
    desk.publish("box", desk.wheel("0.1.0"), desk.wheel("0.2.0"))
    desk.type("yank", "-r", "box", NEW, "--reason", "breaks on Spark 3.5")
    python = make_venv(tmp_path / "venv", dict(desk.environment))
    pip = ("exec", "-r", "box", "--private", NAME, "--", str(python), "-m", "pip", "install")
    assert "kindling-synapse-0.1.0" in desk.type(*pip, NAME).stdout
    pinned = desk.type(*pip, NEW)
    assert "kindling-synapse-0.2.0" in pinned.stdout
    assert "breaks on Spark 3.5" in pinned.output


# --- a registry


def test_a_yank_is_listed_and_survives_a_later_file(desk: Desk) -> None:
    first, second = desk.wheel("0.2.0"), desk.wheel("0.2.0", "py3-none-win_amd64")
    desk.publish("box", first)
    done = desk.type("yank", "-r", "box", NEW)
    assert done.stdout.split()[-4:] == [NAME, "0.2.0", Path(first).name, "yanked"]
    desk.publish("box", second)
    assert desk.listed() == {Path(first).name: "yes", Path(second).name: "yes"}
    desk.type("unyank", "-r", "box", NEW)
    assert set(desk.listed().values()) == {None}


def test_deletes_from_a_registry(desk: Desk) -> None:
    wheel = desk.wheel("0.2.0")
    desk.publish("box", desk.wheel("0.1.0"), wheel)
    shown = desk.type("delete", "-r", "box", NEW, "--dry-run")
    assert shown.stdout.count("would be deleted") == 2
    refused = desk.type("delete", "-r", "box", NEW, check=False)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "will delete the tag 0.2.0" in refused.stderr
    assert "nothing was deleted" in refused.stderr
    assert len(desk.listed()) == 2

    done = json.loads(desk.type("delete", "-r", "box", NEW, "--yes", "--format", "json").stdout)
    assert [(each["file"], each["state"]) for each in done["parts"]] == [
        ("the tag 0.2.0", "deleted"),
        (Path(wheel).name, "deleted"),
    ]
    assert list(desk.listed()) == ["kindling_synapse-0.1.0-py3-none-any.whl"]
    again = desk.type("delete", "-r", "box", NEW, "--yes", check=False)
    assert again.returncode == 1
    assert "box has no files of kindling-synapse 0.2.0" in again.stderr
    # The same version may come again.
    desk.publish("box", wheel)
    assert len(desk.listed()) == 2


def test_a_registry_with_deletes_switched_off(tmp_path: Path, environment: dict[str, str]) -> None:
    registry = start_registry(tmp_path / "registry", deletes=False)
    try:
        desk = make_desk(tmp_path, environment, registry)
        desk.publish("box", desk.wheel("0.2.0"))
        refused = desk.type("delete", "-r", "box", NEW, "--yes", check=False)
        assert refused.returncode == 1
        for each in ("405", "REGISTRY_STORAGE_DELETE_ENABLED=true", "yank"):
            assert each in refused.stderr
        desk.type("yank", "-r", "box", NEW)
        assert list(desk.listed().values()) == ["yes"]
    finally:
        registry.stop()


def test_a_registry_with_tokens_gives_the_right_to_delete(
    tmp_path: Path, environment: dict[str, str], registry_with_tokens: Registry
) -> None:
    login = {
        "PUBLISH_ALL_BOX_USERNAME": registry_with_tokens.username or "",
        "PUBLISH_ALL_BOX_PASSWORD": registry_with_tokens.password or "",
    }
    desk = make_desk(tmp_path, {**environment, **login}, registry_with_tokens)
    desk.publish("box", desk.wheel("0.2.0"))
    desk.type("yank", "-r", "box", NEW)
    desk.type("delete", "-r", "box", NEW, "--yes")
    assert not desk.listed()


@pytest.mark.parametrize("repository", ["box", "shelf"])
def test_yanks_and_a_publish_at_once_lose_nothing(desk: Desk, repository: str) -> None:
    """Two yanks of one release, one of another, and a job with a further file, three times.

    Two jobs that publish files of one release to a registry need receipts.
    """
    first, other = desk.wheel("0.2.0"), desk.wheel("0.1.0")
    desk.publish(repository, first, other)
    wanted = {Path(first).name: "broken", Path(other).name: "old"}
    for number in range(17, 20):
        late = desk.wheel("0.2.0", f"py3-none-manylinux_2_{number}_x86_64")
        wanted[Path(late).name] = "broken"
        jobs = [
            desk.start("yank", "-r", repository, NEW, "--reason", "broken"),
            desk.start("yank", "-r", repository, NEW, "--reason", "broken"),
            desk.start("yank", "-r", repository, OLD, "--reason", "old"),
            desk.start("publish", "-r", repository, "-n", late),
        ]
        said = [started.communicate(timeout=120)[0] for started in jobs]
        assert [started.returncode for started in jobs] == [0] * 4, said
        assert yanks(desk, repository) == wanted
        desk.type("unyank", "-r", repository, NEW, OLD)


def yanks(desk: Desk, repository: str) -> dict[str, str | None]:
    if repository == "box":
        return desk.listed()
    page = json.loads((desk.shelf / f"simple/{NAME}/index.json").read_text(encoding="utf-8"))
    return {each["filename"]: each["yanked"] for each in page["files"]}


# --- a folder, and what is asked


@pytest.mark.skipif(os.name != "posix", reason="needs a terminal of its own")
@pytest.mark.parametrize(("said", "code"), [("no", 1), ("yes", 0)])
def test_a_person_is_asked(desk: Desk, said: str, code: int) -> None:
    wheel = desk.wheel("0.2.0")
    desk.publish("shelf", wheel)
    done = answer(
        [program(), "delete", "-r", "shelf", NEW],
        [("Delete these files from shelf", said)],
        cwd=desk.root,
        environment=desk.environment,
    )
    assert done.returncode == code, done
    assert Path(wheel).name in done.output
    assert (desk.shelf / f"simple/{NAME}/{Path(wheel).name}").exists() is (said == "no")


def test_a_repository_must_be_named_where_there_are_several(desk: Desk) -> None:
    refused = desk.type("yank", NEW, check=False)
    assert refused.returncode == 2
    assert "box, shelf" in refused.stderr


@pytest.mark.parametrize("command", ["yank", "unyank", "delete"])
def test_at_pypi_the_page_is_named(desk: Desk, command: str) -> None:
    yes = ["--yes"] if command == "delete" else []
    for repository, host in (("pypi", "pypi.org"), ("testpypi", "test.pypi.org")):
        refused = desk.type(command, "-r", repository, NEW, *yes, check=False)
        assert refused.returncode == 2
        assert f"{repository} has no API to {command} a release" in refused.stderr
        assert f"https://{host}/manage/project/kindling-synapse/release/0.2.0/" in refused.stderr


# --- GitHub


def test_takes_back_what_is_on_github_releases(desk: Desk, github: FakeGitHub) -> None:
    desk = put_on_github(desk, github)
    desk.type("yank", "-r", "releases", NEW, "--reason", "broken")
    bodies = [each["body"] for each in github.releases.values()]
    assert bodies == [None, "**Yanked:** kindling-synapse: broken\n\n"]
    done = desk.type("delete", "-r", "releases", NEW, "--yes")
    assert done.stdout.count("deleted") == 3
    assert {each["name"] for each in github.assets.values()} == {
        "kindling_synapse-0.1.0-py3-none-any.whl",
        "kindling_synapse-0.1.0-py3-none-any.whl.metadata",
    }
    assert TOKEN not in done.output
