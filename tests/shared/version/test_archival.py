"""`.git_archival.txt` and PKG-INFO: what an unpacked archive says."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from publish_all.config.parse import parse_project
from publish_all.errors import VersionError
from publish_all.version.git import Described, described_in_archive
from publish_all.version.version_source import Origin, resolve_version

NODE = "8519bc20c44c7b9728c11778b2282e1af6ce3848"
TEMPLATE = """\
node: $Format:%H$
node-date: $Format:%cI$
describe-name: $Format:%(describe:tags=true,match=*[0-9]*)$
ref-names: $Format:%D$
"""


def config(root: Path, **settings: object) -> Any:
    table = {"publish-all": {"version": {"source": "git", **settings}}}
    return parse_project({"project": {"name": "demo", "dynamic": ["version"]}, "tool": table}, root=root)


def archived(root: Path, text: str, prefix: str = "v") -> Described | None:
    (root / ".git_archival.txt").write_bytes(text.encode())
    return described_in_archive(root, prefix=prefix)


def of_sdist(root: Path, pkg_info: str) -> str:
    """The version of an unpacked sdist, "none" without one."""
    (root / "PKG-INFO").write_text(pkg_info, newline="")
    found = resolve_version(config(root, fallback="0"), environment=os.environ)
    return found.text if found.origin is Origin.PKG_INFO else "none"


@pytest.mark.parametrize(
    ("lines", "prefix", "expected"),
    [
        ("describe-name: v1.2.3", "v", ("v1.2.3", 0)),
        ("describe-name: v1.2.3-4-g8519bc20c", "v", ("v1.2.3", 4)),
        ("describe-name: v1.2.3-rc.1-4-g8519bc20c", "v", ("v1.2.3-rc.1", 4)),
        ("describe-name: core-1.0-4-g8519bc20c", "core-", ("core-1.0", 4)),
        ("ref-names: HEAD -> main, tag: v1.0rc1, tag: v1.0, origin/v9.0", "v", ("v1.0", 0)),
        ("ref-names: tag: js-1.0\ndescribe-name: core-0.9-2-g8519bc20c", "core-", ("core-0.9", 2)),
        ("describe-name: v1.0-1-g8519bc20c\r\nref-names: HEAD\r", "v", ("v1.0", 1)),
    ],
)
def test_reads_what_git_filled_in(lines: str, prefix: str, expected: tuple[str, int], tmp_path: Path) -> None:
    said = archived(tmp_path, f"node: {NODE}\n{lines}\n", prefix)
    assert said is not None
    assert (said.tag, said.distance, said.node) == (*expected, NODE)


@pytest.mark.parametrize(
    "text",
    [
        TEMPLATE,
        f"node: {NODE}\ndescribe-name: $Format:%(describe)$\n",
        f"node: {NODE}\ndescribe-name: %(describe:tags=true)\n",
        f"node: {NODE}\ndescribe-name: \nref-names: main\n",
        f"node: {NODE}\ndescribe-name: latest-1-g8519bc20c\n",
        "describe-name: v1.0\n",
        "",
    ],
)
def test_says_nothing_where_git_did_not_fill_it_in(text: str, tmp_path: Path) -> None:
    assert archived(tmp_path, text) is None


def test_an_archive_of_git_has_the_version_of_its_commit(tmp_path: Path, git_states: Any) -> None:
    repository = git_states.make(tmp_path / "repository", head="c5", tags={"v1.2.3": "c3"})
    (repository / ".git_archival.txt").write_text(TEMPLATE)
    (repository / ".gitattributes").write_text(".git_archival.txt export-subst\n")
    git_states.git(repository, "add", ".")
    git_states.git(repository, "commit", "--quiet", "-m", "archive")
    archive = repository / "a.tar"
    git_states.git(repository, "archive", "-o", str(archive), "HEAD")
    with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as opened:
        text = opened.extractfile(".git_archival.txt")
        assert text is not None
        (tmp_path / "unpacked").mkdir()
        (tmp_path / "unpacked/.git_archival.txt").write_bytes(text.read())

    found = resolve_version(config(tmp_path / "unpacked", local="node"), environment=git_states.environment)
    assert (found.text.partition("+")[0], found.origin) == ("1.2.4.dev3", Origin.ARCHIVAL)
    in_repository = resolve_version(config(repository, local="node"), environment=git_states.environment)
    assert (in_repository.text, in_repository.origin) == (found.text, Origin.GIT)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n", "1.0"),
        ("Name: De.Mo\nVersion: 1.0-rc1\n\nbody\nVersion: 9\n", "none"),
        ("Name: Demo\r\nVersion: 1.0-rc1\r\n\r\nVersion: 9\r\n", "1.0rc1"),
        ("Metadata-Version: 2.1\n\nName: demo\nVersion: 1.0\n", "none"),
        ("Name: other\nVersion: 1.0\n", "none"),
        ("", "none"),
    ],
)
def test_reads_our_own_pkg_info(text: str, version: str, tmp_path: Path) -> None:
    assert of_sdist(tmp_path, text) == version


def test_our_own_pkg_info_without_a_version_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(VersionError, match="'one' is not a PEP 440 version"):
        of_sdist(tmp_path, "Name: demo\nVersion: one\n")


def test_archive_comes_before_pkg_info_before_fallback(tmp_path: Path, git_states: Any) -> None:
    settings = config(tmp_path, fallback="0.1")
    assert resolve_version(settings, environment=git_states.environment).origin is Origin.FALLBACK
    (tmp_path / "PKG-INFO").write_text("Name: demo\nVersion: 0.2\n")
    assert resolve_version(settings, environment=git_states.environment).origin is Origin.PKG_INFO
    (tmp_path / ".git_archival.txt").write_text(f"node: {NODE}\ndescribe-name: v0.3\n")
    found = resolve_version(settings, environment=git_states.environment)
    assert (found.text, found.origin) == ("0.3", Origin.ARCHIVAL)
