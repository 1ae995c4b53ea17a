"""Wheels and sdists that share what is deflated, against those which the backends write by themselves."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import itertools
import os
import random
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from publish_all.builders import deflate
from publish_all.builders.deflate import DeflateCache
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.stage import Stages
from publish_all.builders.staged_builder import StagedBuilder
from publish_all.config.model import Compression
from publish_all.errors import BuildError
from publish_all.variants.variant import BuildVariant

PROJECT = {"name": "demo", "version": "1.0", "description": "Demo", "readme": "README.md"}
TABLES: Mapping[str, Mapping[str, Any]] = {
    "hatchling": {
        "build-system": {"requires": ["hatchling"], "build-backend": "hatchling.build"},
        "tool": {"hatch": {"build": {"targets": {"wheel": {"packages": ["demo"]}}}}},
    },
    "poetry": {
        "build-system": {"requires": ["poetry-core"], "build-backend": "poetry.core.masonry.api"},
        "tool": {"poetry": {"packages": [{"include": "demo"}]}},
    },
}
BACKENDS = pytest.mark.parametrize("backend", TABLES)


class Alone(DeflateCache):
    """Leaves the backend alone."""

    def in_use(self, *, alone: bool = False) -> Any:
        return contextlib.nullcontext()


def variants(backend: str) -> list[BuildVariant]:
    changes: tuple[dict[str, Any], ...] = ({}, {"exclude": ("demo/sub/**",)}, {})
    return [
        BuildVariant(
            name=name,
            project=f"demo-{name}",
            version="1.0",
            pyproject={**TABLES[backend], "project": {**PROJECT, "name": f"demo-{name}"}},
            selection_name="demo",
            layout={},
            force_include={},
            **change,
        )
        for name, change in zip(("one", "two", "three"), changes, strict=True)
    ]


_NUMBERS = itertools.count()


def builder(root: Path, workspace: Path, cache: DeflateCache) -> StagedBuilder:
    stages = Stages(SourceTree(root), workspace / f"stages-{next(_NUMBERS)}")
    return StagedBuilder(stages, deflate=cache)


def built(backend: str, kind: str, root: Path, folder: Path, cache: DeflateCache) -> list[Path]:
    made = builder(root, folder, cache)
    (folder / "out").mkdir(parents=True, exist_ok=True)
    return [made.build(each, kind, folder / "out") for each in variants(backend)]


def hashes(paths: list[Path]) -> list[str]:
    return [hashlib.sha256(each.read_bytes()).hexdigest() for each in paths]


def write(root: Path, files: Mapping[str, bytes]) -> Path:
    basic = {
        "README.md": b"# demo\n",
        "LICENSE": b"MIT\n",
        "demo/__init__.py": b"x = 1\n",
        "demo/sub/a.py": b"y = 2\n",
    }
    for name, content in {"pyproject.toml": b"", **basic, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def a_tree(root: Path) -> Path:
    data = random.Random(1)
    files = {f"demo/pack{n % 5}/module{n}.py": f"value = {n}\n".encode() * (n * 97 % 4000) for n in range(40)}
    files["demo/data/large.bin"] = data.randbytes(700_000) + b"abc" * 300_000
    files["demo/data/two words.txt"] = b""
    files["demo/data/größe/deep/er/x.txt"] = b"deep"
    files["demo/bin/tool"] = b"#!/bin/sh\n"
    write(root, files)
    (root / "demo/bin/tool").chmod(0o755)
    if os.name == "posix":
        (root / "demo/linked.py").symlink_to("__init__.py")
    return root


@BACKENDS
def test_every_wheel_is_the_backends_own(tmp_path: Path, backend: str) -> None:
    root, cache = a_tree(tmp_path / "project"), DeflateCache()
    shared = built(backend, "wheel", root, tmp_path / "shared", cache)
    assert hashes(shared) == hashes(built(backend, "wheel", root, tmp_path / "alone", Alone()))
    assert cache._kept, "the cache was used"


@BACKENDS
@pytest.mark.parametrize("limit", ["_LARGEST", "_ROOM"])
def test_what_is_too_large_to_keep_is_deflated_as_it_comes(
    tmp_path: Path, backend: str, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deflate, limit, 20_000)
    root = a_tree(tmp_path / "project")
    for kind in ("wheel", "sdist"):
        paths = built(backend, kind, root, tmp_path / "shared", DeflateCache())
        alone = built(backend, kind, root, tmp_path / "alone", Alone())
        assert list(map(contents, paths)) == list(map(contents, alone))


def contents(path: Path) -> list[Any]:
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return [(info.filename, info.external_attr, wheel.read(info)) for info in wheel.infolist()]
    with tarfile.open(path) as sdist:
        return [(each.name, each.mode, each.mtime, each.size, each.chksum) for each in sdist]


@BACKENDS
@pytest.mark.parametrize("compression", list(Compression))
def test_every_file_holds_what_the_backends_own_holds(
    tmp_path: Path, backend: str, compression: Compression
) -> None:
    root = a_tree(tmp_path / "project")
    wheels = built(backend, "wheel", root, tmp_path / "shared", DeflateCache(compression))
    alone = built(backend, "wheel", root, tmp_path / "alone", Alone())
    assert list(map(contents, wheels)) == list(map(contents, alone))
    sdists = built(backend, "sdist", root, tmp_path / "shared", DeflateCache(compression))
    plain = built(backend, "sdist", root, tmp_path / "alone", Alone())
    assert [gzip.decompress(each.read_bytes()) for each in sdists] == [
        gzip.decompress(each.read_bytes()) for each in plain
    ]
    again = built(backend, "sdist", root, tmp_path / "again", DeflateCache(compression))
    assert hashes(again) == hashes(sdists)
    if compression is Compression.DEFAULT:
        sizes = [sum(each.stat().st_size for each in paths) for paths in (sdists, plain)]
        assert sizes[0] < 1.07 * sizes[1]


@BACKENDS
def test_what_changes_between_two_wheels_is_in_the_second(tmp_path: Path, backend: str) -> None:
    root = a_tree(tmp_path / "project")
    cache = DeflateCache()
    (tmp_path / "out").mkdir()
    one, two, _ = variants(backend)
    builder(root, tmp_path, cache).build(one, "wheel", tmp_path / "out")
    before = (root / "demo/__init__.py").stat()
    (root / "demo/__init__.py").write_bytes(b"x = 2\n")
    os.utime(root / "demo/__init__.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    second = builder(root, tmp_path, cache)
    with zipfile.ZipFile(second.build(two, "wheel", tmp_path / "out")) as wheel:
        assert wheel.read("demo/__init__.py") == b"x = 2\n"


def test_hatchling_tells_of_two_files_at_one_place_as_ever(tmp_path: Path) -> None:
    root = a_tree(tmp_path / "project")
    forced = {"README.md": "demo/__init__.py"}
    table = {"packages": ["demo"], "force-include": forced}
    wanted = BuildVariant(
        name=None,
        project="demo",
        version="1.0",
        pyproject={
            **TABLES["hatchling"],
            "project": PROJECT,
            "tool": {"hatch": {"build": {"targets": {"wheel": table}}}},
        },
        selection_name="demo",
        layout={},
        force_include={},
    )
    with pytest.raises(BuildError, match=r"A second file is being added|Duplicate name"):
        builder(root, tmp_path, DeflateCache()).build(wanted, "wheel", tmp_path / "out")


def test_tells_the_share_that_was_deflated_before(tmp_path: Path) -> None:
    root, cache = write(tmp_path / "project", {"demo/large.py": b"x = 1\n" * 9000}), DeflateCache()
    made = builder(root, tmp_path, cache)
    one, _, three = variants("hatchling")
    made.build(one, "wheel", tmp_path / "out")
    assert cache.reused() == 0
    made.build(three, "wheel", tmp_path / "out")
    assert 0.9 < (cache.reused() or 0) < 1
    assert cache.reused() is None


def test_the_standard_library_is_as_it_was(tmp_path: Path) -> None:
    with contextlib.suppress(ValueError), DeflateCache().in_use():
        raise ValueError
    one, other = io.BytesIO(), io.BytesIO()
    for file in (one, other):
        with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as zipped:
            zipped.write(b"not a tar file")
    assert gzip.decompress(one.getvalue()) == b"not a tar file"


NAME = st.text(
    st.characters(whitelist_categories=("L", "N"), whitelist_characters=" -_.+"), min_size=1, max_size=12
).filter(lambda name: name.strip(" .") == name and name != "demo" and not name.endswith(".pyc"))
PATH = st.lists(NAME, min_size=1, max_size=4).map("/".join)
CONTENT = st.binary(max_size=300) | st.integers(0, 60_000).map(lambda size: b"ab\n" * size)


@BACKENDS
@settings(
    max_examples=12 if os.name == "posix" else 3,  # an example is 12 builds, and wine starts git slowly
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    files=st.dictionaries(PATH, st.tuples(CONTENT, st.booleans()), max_size=8),
    link=st.booleans(),
)
def test_made_trees_give_the_backends_own_files(
    backend: str, files: Mapping[str, tuple[bytes, bool]], link: bool
) -> None:
    with TemporaryDirectory() as folder:
        root = write(Path(folder, "project"), {})
        for name, (content, executable) in files.items():
            path = root / "demo" / "made" / name
            if any(each.is_file() for each in path.parents) or path.exists():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o755 if executable else 0o644)
        if link and os.name == "posix":
            (root / "demo/a link.py").symlink_to("__init__.py")
        for kind in ("wheel", "sdist"):
            shared = built(backend, kind, root, Path(folder, "shared"), DeflateCache())
            alone = built(backend, kind, root, Path(folder, "alone"), Alone())
            assert list(map(contents, shared)) == list(map(contents, alone))
