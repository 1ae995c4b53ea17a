from __future__ import annotations

import asyncio
import errno
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

# For `index_fakes`, which is no test and so is not collected.
sys.path.insert(0, str(Path(__file__).parents[1] / "index"))

from index_fakes.asgi import ask
from packaging.utils import canonicalize_name

from publish_all._secret import Secret
from publish_all.commands.context import Runtime
from publish_all.commands.destinations import ConnectionOptions
from publish_all.commands.exec import execute
from publish_all.commands.index import IndexOptions, published_names
from publish_all.commands.serve import Index, open_index, routing_of, serve
from publish_all.config.folders import Folders, HostFolders
from publish_all.config.load import load_project
from publish_all.errors import UsageError

PYPROJECT = """\
[project]
name = "kindling"
version = "1.0"

[tool.publish-all]
publish-to = ["pypi", "folder"]

[tool.publish-all.repositories]
folder = { kind = "directory", url = "index" }
near = { kind = "oci", url = "https://registry.example/sep" }
far = { kind = "oci", url = "https://elsewhere.example/sep" }
corp = { url = "https://pypi.corp.example/legacy/" }

[tool.publish-all.variants.synapse]
"""

Open = Callable[..., Index]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    return tmp_path


@pytest.fixture
def options_for(project: Path) -> Callable[..., IndexOptions]:
    hosts = HostFolders(**{name: project / name for name in ("poetry", "hatch", "uv", "pdm", "pypirc")})
    folders = Folders(config=project / "config.toml", data=project / "data", hosts=hosts)

    def build(*repositories: str, **options: Any) -> IndexOptions:
        runtime = Runtime(environment={}, home=project, folders=folders)
        connection = ConnectionOptions(repositories=repositories, runtime=runtime)
        options = {"directory": project, "cache_dir": project / "cache"} | options
        return IndexOptions(connection=connection, **options)

    return build


@pytest.fixture
def opened(options_for: Callable[..., IndexOptions]) -> Any:
    with ExitStack() as stack:
        yield lambda *names, **options: stack.enter_context(open_index(options_for(*names, **options)))


def test_serves_what_the_project_publishes_to_but_indexes(opened: Open) -> None:
    assert opened().names == ("folder",)
    assert opened("near", "folder").names == ("near", "folder")


def test_an_index_needs_no_index_before_it(opened: Open) -> None:
    with pytest.raises(UsageError, match="corp is a package index"):
        opened("corp")


def test_private_are_the_names_that_the_project_publishes(
    project: Path, options_for: Callable[..., IndexOptions]
) -> None:
    config = load_project(project)
    assert published_names(config) == ("kindling", "kindling-synapse")
    routing = routing_of(options_for(fallbacks=("https://pypi.test/simple",)), config)
    assert routing.private == ("kindling", "kindling-synapse")
    assert [each.url for each in routing.fallbacks] == ["https://pypi.test/simple/"]
    assert not routing.proxy
    stated = routing_of(options_for(private=("My_*",), fallbacks=("https://pypi.test/simple/",)), config)
    assert stated.private == ("my-*",)


def test_a_project_that_publishes_nothing_has_no_private_names(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "user"\nversion = "1"\n')
    assert published_names(load_project(tmp_path)) == ()
    assert published_names(None) == ()


def test_a_fallback_needs_private_names(options_for: Callable[..., IndexOptions]) -> None:
    with pytest.raises(UsageError, match="--fallback needs --private") as caught:
        routing_of(options_for(fallbacks=("https://pypi.test/simple/",)), None)
    assert "--private" in (caught.value.hint or "")
    # One that nobody asked for is just not there.
    assert routing_of(options_for(default_fallback="https://pypi.test/simple/"), None).fallbacks == ()


@pytest.mark.parametrize(
    "url", ["http://pypi.test/simple/", "pypi.test", "https://dev:secret@pypi.test/simple/"]
)
def test_a_fallback_is_one_that_anyone_may_be_told(
    options_for: Callable[..., IndexOptions], url: str
) -> None:
    with pytest.raises(UsageError) as caught:
        routing_of(options_for(private=("x",), fallbacks=(url,)), None)
    assert "secret" not in caught.value.message


def test_several_fallbacks_and_one_with_a_password_pass_through_us(
    options_for: Callable[..., IndexOptions],
) -> None:
    several = routing_of(options_for(private=("x",), fallbacks=("https://a.test", "https://b.test/")), None)
    assert several.proxy
    url = "https://dev:s%40cret@a.test/simple/"
    guarded = routing_of(options_for(private=("x",), password=Secret("pw"), fallbacks=(url,)), None)
    assert guarded.proxy
    (found,) = guarded.fallbacks
    assert found.url == "https://a.test/simple/"
    assert found.auth is not None
    assert (found.auth.username, found.auth.secret.reveal()) == ("dev", "s@cret")


def test_the_index_of_the_client_itself_may_be_without_encryption_as_long_as_the_client_asks_it(
    options_for: Callable[..., IndexOptions],
) -> None:
    options = {"private": ("x",), "password": Secret("pw")}
    plain = routing_of(options_for(default_fallback="http://nexus.corp/simple", **options), None)
    assert plain.redirect(canonicalize_name("requests")) == "http://nexus.corp/simple/requests/"
    with pytest.raises(UsageError, match="not encrypted"):
        routing_of(options_for(default_fallback="http://u:p@nexus.corp/simple", **options), None)
    # The keyring of the client has the password of a user name alone.
    named = routing_of(options_for(default_fallback="https://user@corp.test/simple", **options), None)
    assert not named.proxy


def test_a_visitors_password_is_not_for_two_registries(opened: Open) -> None:
    with pytest.raises(UsageError, match="several registries"):
        opened("near", "far")
    assert opened("near", "far", own_credentials=True).names == ("near", "far")
    assert opened("near", "far", password=Secret("x")).names == ("near", "far")


def test_an_index_that_takes_no_upload_keeps_nothing(
    options_for: Callable[..., IndexOptions], project: Path
) -> None:
    with open_index(options_for("near")):
        assert list((project / "cache").iterdir()) == []


def test_starts_with_a_cache_on_a_full_disk(
    options_for: Callable[..., IndexOptions], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tempfile.mkdtemp

    def full(*args: Any, **options: Any) -> str:
        if Path(options.get("dir") or (args[2] if len(args) > 2 else "/")) == project / "cache":
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*args, **options)

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with open_index(options_for("near")) as index:
        assert asyncio.run(ask(index.app, "/health")).status == 200


@pytest.mark.parametrize(
    ("options", "status"),
    [({"own_credentials": True}, 421), ({"password": Secret("pw")}, 401), ({}, 404)],
    ids=["own credentials", "a password", "in the name of each client"],
)
def test_what_no_client_is_asked_for_is_given_to_this_machine_only(
    options_for: Callable[..., IndexOptions], options: dict[str, Any], status: int
) -> None:
    foreign = {"host": "evil.example"}
    with open_index(options_for("near", **options)) as index:
        assert asyncio.run(ask(index.app, "/simple/Not-A-Name-/", headers=foreign)).status == status
    with open_index(options_for("near", **options), local=False) as index:
        assert asyncio.run(ask(index.app, "/simple/Not-A-Name-/", headers=foreign)).status != 421


def test_own_credentials_are_not_for_everybody(options_for: Callable[..., IndexOptions]) -> None:
    with pytest.raises(UsageError, match="can read your") as caught:
        serve(options_for("near", own_credentials=True), host="0.0.0.0", port=0)
    assert "PUBLISH_ALL_SERVE_PASSWORD" in (caught.value.hint or "")


def test_a_script_that_names_an_index_is_not_run(
    options_for: Callable[..., IndexOptions], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound = MagicMock()
    bound.__enter__.return_value.getsockname.return_value = ("127.0.0.1", 4711)
    monkeypatch.setattr("publish_all.commands.exec.listen", lambda *_: bound)
    (project / "s.py").write_text('# /// script\n# [tool.uv]\n# index-url = "https://x.example/"\n# ///\n')
    with pytest.raises(UsageError, match=r"s\.py: index-url in tool\.uv"):
        execute(("uv", "run", "s.py"), options_for("folder"), cwd=project, run=lambda *_, **__: 0)
    for unread in ("-", "https://x.example/s.py"):
        with pytest.raises(UsageError, match="cannot be read"):
            execute(("uv", "run", unread, "x"), options_for("folder"), cwd=project, run=lambda *_, **__: 0)
