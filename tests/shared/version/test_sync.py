"""The places that say the version: found, compared, and written all or none."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from publish_all.config.load import load_project
from publish_all.errors import UsageError, VersionError
from publish_all.version.change import planned, set_version, write_all
from publish_all.version.places import find_places

PYPROJECT = """\
[project]
name = "kindling"
version = "1.2.3"  # released by hand

[tool.publish-all.version]
sync = SYNC
"""


def project(root: Path, sync: str, files: Mapping[str, bytes], pyproject: str = PYPROJECT) -> Any:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    (root / "pyproject.toml").write_text(pyproject.replace("SYNC", sync))
    return load_project(root)


def said(config: Any) -> list[str]:
    return [f"{each.where} {each.says}" for each in find_places(config)]


def test_finds_all_kinds_of_places_with_their_lines(tmp_path: Path) -> None:
    config = project(
        tmp_path,
        '["src/kindling/__init__.py", "configs/*.toml", { path = "conf.py", pattern = \'release = "{version}"\' }]',
        {
            "src/kindling/__init__.py": b'"""Kindling."""\r\n\r\n__version__ = "1.2.2"\r\n',
            "configs/a.toml": b'[project]\nname = "a"\nversion = "1.2.3"\n',
            "configs/b.toml": b"[tool.poetry]\nname = \"b\"\n\nversion = '1.2.0'\n",
            "configs/partial.toml": b'[project]\ndependencies = ["a"]\n',
            "conf.py": b'# release = "{version}"\nrelease   =  "1.2.3.post1"\nmy_release = "9"\n',
        },
    )
    assert said(config) == [
        "pyproject.toml:3 1.2.3",
        "src/kindling/__init__.py:3 1.2.2",
        "configs/a.toml:3 1.2.3",
        "configs/b.toml:4 1.2.0",
        "conf.py:2 1.2.3.post1",
    ]


def test_a_file_named_twice_is_one_place(tmp_path: Path) -> None:
    assert said(project(tmp_path, '["pyproject.toml", "*.toml"]', {})) == ["pyproject.toml:3 1.2.3"]


def test_both_tables_of_a_poetry_project_are_places(tmp_path: Path) -> None:
    text = PYPROJECT + '\n[tool.poetry]\nversion = "1.2.2"\n'
    assert said(project(tmp_path, "[]", {}, text)) == ["pyproject.toml:3 1.2.3", "pyproject.toml:9 1.2.2"]


def test_a_placeholder_beside_dynamic_is_no_place(tmp_path: Path) -> None:
    text = (
        '[project]\nname = "x"\ndynamic = ["version"]\n[tool.poetry]\nversion = "0"\n'
        '[tool.publish-all.version]\nsource = "git"\nsync = ["pyproject.toml"]\n'
    )
    assert said(project(tmp_path, "", {}, text)) == []


def test_the_attribute_is_the_first_place(tmp_path: Path) -> None:
    text = (
        '[project]\nname = "x"\ndynamic = ["version"]\n[tool.publish-all.version]\n'
        'source = "attribute"\npath = "x/__init__.py"\nsync = [{ path = "README.md", pattern = "x {version}" }]\n'
    )
    files = {
        "x/__init__.py": b"from ._version import number as __version__",
        "x/_version.py": b'number = "1.0"',
        "README.md": b"x 1.0",
    }
    config = project(tmp_path, "", files, text)
    assert said(config) == ["x/_version.py:1 1.0", "README.md:1 1.0"]
    set_version(config, "1.1")
    assert said(config) == ["x/_version.py:1 1.1", "README.md:1 1.1"]
    assert (tmp_path / "x/__init__.py").read_bytes() == files["x/__init__.py"]


@pytest.mark.parametrize(
    ("sync", "files", "message"),
    [
        ('["gone.toml"]', {}, "gone.toml: cannot be read"),
        ('["gone/*.toml"]', {}, "gone/*.toml: no version is written there"),
        ('["none.toml"]', {"none.toml": b"[project]\n"}, "none.toml: no version is written there"),
        ('["README.md"]', {"README.md": b"1.2.3"}, "README.md needs a pattern"),
        ('[{ path = "R", pattern = "v{version}" }]', {"R": b"nothing"}, "R: no version is written there"),
        ('["x.py"]', {"x.py": b"__version__ = f()"}, "x.py:1: __version__ is not a literal"),
        ('["x.toml"]', {"x.toml": b"[project"}, "x.toml: is not valid TOML"),
    ],
)
def test_a_place_that_says_nothing_is_an_error(
    sync: str, files: dict[str, bytes], message: str, tmp_path: Path
) -> None:
    with pytest.raises(VersionError) as caught:
        find_places(project(tmp_path, sync, files))
    assert message in str(caught.value)


TEXTS = {
    "in quotes": ('release = "{version}"', b'release = "1.2.3"\n', b'release = "1.3.0rc1"\n'),
    "at the end of a line": ("Version: {version}", b"Version: 1.2.3\r\nx\r\n", b"Version: 1.3.0rc1\r\nx\r\n"),
    "in a badge": (
        "badge/v{version}-blue",
        b"![](https://x/badge/v1.2.3-blue) ![](https://x/badge/v1.2.3-blue)",
        b"![](https://x/badge/v1.3.0rc1-blue) ![](https://x/badge/v1.3.0rc1-blue)",
    ),
    "not UTF-8": ("v {version};", b"\xff\xfe v 1.2.3; \xe9", b"\xff\xfe v 1.3.0rc1; \xe9"),
    "tabs": ("version = {version}", b"version\t=\t1.2.3", b"version\t=\t1.3.0rc1"),
    "regex characters": ("(v{version})*", b"(v1.2.3)* v1.2.3", b"(v1.3.0rc1)* v1.2.3"),
    "not within a word": ("v{version}", b"dev1.2 v1.2.3", b"dev1.2 v1.3.0rc1"),
}


@pytest.mark.parametrize(("pattern", "before", "after"), TEXTS.values(), ids=TEXTS)
def test_writes_a_text_where_the_pattern_fits(
    pattern: str, before: bytes, after: bytes, tmp_path: Path
) -> None:
    config = project(tmp_path, f"[{{ path = 'file', pattern = '{pattern}' }}]", {"file": before})
    set_version(config, "1.3.0rc1")
    assert (tmp_path / "file").read_bytes() == after


OTHERS = {
    "a crate and its dependencies": (
        "Cargo.toml",
        '[package]\r\nname = "x" # version = "1.2.3"\r\nversion = "1.2.3" # ours\r\n[dependencies]\r\na = { version = "1.2.3" }\r\n[dependencies.b]\r\nversion = "1.2.3"\r\n',
        '[package]\r\nname = "x" # version = "1.2.3"\r\nversion = "1.3.0-rc.1" # ours\r\n[dependencies]\r\na = { version = "1.2.3" }\r\n[dependencies.b]\r\nversion = "1.2.3"\r\n',
    ),
    "a workspace": (
        "rust/Cargo.toml",
        'workspace.members = ["a"]\nworkspace.dependencies = { a = "1.2.3" }\nworkspace.package.version = \'1.2.3\'\n',
        'workspace.members = ["a"]\nworkspace.dependencies = { a = "1.2.3" }\nworkspace.package.version = \'1.3.0-rc.1\'\n',
    ),
    "an indented package": (
        "package.json",
        '\ufeff{\n\t"volta": { "version": "1.2.3" },\n\t"version" : "1.2.3",\n\t"x": "\\"version\\": \\"1.2.3\\"", "n": 1.50}',
        '\ufeff{\n\t"volta": { "version": "1.2.3" },\n\t"version" : "1.3.0-rc.1",\n\t"x": "\\"version\\": \\"1.2.3\\"", "n": 1.50}',
    ),
    "a package on one line": (
        "js/package.json",
        '{"dependencies":{"a":"1.2.3","version":"1.2.3"},"version":"1.2.3"}',
        '{"dependencies":{"a":"1.2.3","version":"1.2.3"},"version":"1.3.0-rc.1"}',
    ),
}


@pytest.mark.parametrize(("name", "before", "after"), OTHERS.values(), ids=OTHERS)
def test_files_of_other_ecosystems_are_known_by_name(
    name: str, before: str, after: str, tmp_path: Path
) -> None:
    config = project(tmp_path, f'["{name}"]', {name: before.encode()})
    set_version(config, "1.3.0rc1")
    assert (tmp_path / name).read_bytes() == after.encode()
    assert said(config)[1].endswith(" 1.3.0-rc.1")
    assert planned(config, Version("1.3.0rc1")) == ((), {})


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("Cargo.toml", b"[package]\nversion.workspace = true\n", "no version is written there"),
        ("Cargo.toml", b'[dependencies.x]\nversion = "1"\n', "no version is written there"),
        ("package.json", b'{"engines": {"version": "1"}}', "no version is written there"),
        ("package.json", b'["version"]', "no version is written there"),
        ("package.json", b'{"version": "1",}', "package.json: is not valid JSON"),
    ],
)
def test_a_file_without_a_version_of_its_own(name: str, data: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(VersionError, match=message):
        find_places(project(tmp_path, f'["{name}"]', {name: data}))


@pytest.mark.parametrize("name", ["Cargo.toml", "notes.txt"])
def test_a_pattern_that_fits_several_versions_is_refused(name: str, tmp_path: Path) -> None:
    data = b'version = "1.2.3"\nserde = { version = "1.0" }\n'
    config = project(
        tmp_path, f"[{{ path = '{name}', pattern = 'version = \"{{version}}\"' }}]", {name: data}
    )
    with pytest.raises(VersionError, match=r"fits several versions: 1\.2\.3 in line 1, 1\.0 in line 2"):
        set_version(config, "1.3.0")
    assert (tmp_path / name).read_bytes() == data


def test_set_writes_every_place_and_nothing_else(tmp_path: Path) -> None:
    files = {
        "a.py": b"# -*- coding: latin-1 -*-\r\nx = \"\xe9\"\r\n__version__ = '1.2.3'\r\n",
        "b.toml": b'# b\r\n[project]\r\nversion = "1.2.3"\r\nname = "b"',
    }
    config = project(tmp_path, '["a.py", "b.toml"]', files)
    changed = set_version(config, "v1.3.0-RC1")
    assert [each.where for each in changed] == ["pyproject.toml:3", "a.py:3", "b.toml:3"]
    assert (tmp_path / "a.py").read_bytes() == files["a.py"].replace(b"1.2.3", b"1.3.0rc1")
    assert (tmp_path / "b.toml").read_bytes() == files["b.toml"].replace(b"1.2.3", b"1.3.0rc1")
    expected = PYPROJECT.replace("SYNC", '["a.py", "b.toml"]').replace("1.2.3", "1.3.0rc1")
    assert (tmp_path / "pyproject.toml").read_text() == expected


def test_places_that_agree_are_not_written(tmp_path: Path) -> None:
    config = project(tmp_path, '["a.py"]', {"a.py": b'__version__ = "1.2.0"'})
    before = (tmp_path / "pyproject.toml").stat().st_mtime_ns
    write_all(planned(config, Version("1.2.3"))[1])
    assert (tmp_path / "pyproject.toml").stat().st_mtime_ns == before
    assert (tmp_path / "a.py").read_bytes() == b'__version__ = "1.2.3"'


def test_one_place_that_cannot_be_rewritten_keeps_all_as_they_are(tmp_path: Path) -> None:
    files = {"a.toml": b'[project]\nversion = "1"\n', "b.py": b'A = "1."\n__version__ = A + "2"\n'}
    config = project(tmp_path, '["a.toml", "b.py"]', files)
    with pytest.raises(VersionError, match=r"b\.py:2: __version__ is not a literal"):
        set_version(config, "2.0")
    assert {name: (tmp_path / name).read_bytes() for name in files} == files


def test_one_file_that_cannot_be_written_keeps_all_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    gone = tmp_path / "gone"
    gone.write_bytes(b"c")

    class Vanishing(dict[Path, bytes]):
        """The last file's folder turns into something else after the others are ready."""

        def items(self) -> Any:
            for path, data in super().items():
                if path == gone:
                    gone.unlink()
                    gone.mkdir()
                    (gone / "x").touch()
                yield path, data

    with pytest.raises(VersionError, match="no file was changed"):
        write_all(Vanishing({tmp_path / "a": b"A", tmp_path / "b": b"B", gone: b"C"}))
    assert ((tmp_path / "a").read_bytes(), (tmp_path / "b").read_bytes()) == (b"a", b"b")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a", "b", "gone"]


def test_writing_keeps_modes_and_links(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "real").chmod(0o755)
    (tmp_path / "link").symlink_to("real")
    assert write_all({tmp_path / "link": b"new"}) == {tmp_path / "link": b"old"}
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"
    assert os.name == "nt" or (tmp_path / "real").stat().st_mode & 0o777 == 0o755


def test_there_is_nothing_to_set_where_git_has_the_version(tmp_path: Path) -> None:
    text = '[project]\nname = "x"\ndynamic = ["version"]\n[tool.publish-all.version]\nsource = "git"\n'
    with pytest.raises(UsageError, match="from git tags") as caught:
        set_version(project(tmp_path, "", {}, text), "1.3.0")
    assert "--release 1.3.0" in str(caught.value.hint)
    assert "git tag v1.3.0" in str(caught.value.hint)


def test_there_is_nothing_to_set_where_the_build_backend_has_the_version(tmp_path: Path) -> None:
    text = '[project]\nname = "x"\ndynamic = ["version"]\n[build-system]\nbuild-backend = "hatchling.build"\n'
    with pytest.raises(UsageError, match=r"the build backend hatchling\.build knows it"):
        set_version(project(tmp_path, "", {}, text), "1.3.0")


def test_refuses_to_set_what_is_no_version(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'new' is not a PEP 440 version"):
        set_version(project(tmp_path, "[]", {}), "new")
