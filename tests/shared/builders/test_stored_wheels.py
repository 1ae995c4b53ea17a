"""Wheels out of the member store against those which the backends write by themselves."""

from __future__ import annotations

import gzip
import hashlib
import os
import random
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from publish_all.builders import hatchling_adapter, poetry_core_adapter, stitched_tar
from publish_all.builders.builder import Builder
from publish_all.builders.hatchling import HatchlingBuilder
from publish_all.builders.member_store import MemberStore
from publish_all.builders.poetry_core import PoetryCoreBuilder
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.stage import Stages
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
BACKENDS = tuple(TABLES)


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


def builder(backend: str, root: Path, workspace: Path, store: MemberStore | None) -> Builder:
    if backend == "hatchling":
        return HatchlingBuilder(root, store=store)
    tree = SourceTree(root)
    return PoetryCoreBuilder(
        tree=tree, stages=Stages(tree, workspace / "stages"), workspace=workspace, store=store
    )


def store_for(backend: str, root: Path, **more: Any) -> MemberStore:
    return MemberStore(root, step=hatchling_adapter.STEP if backend == "hatchling" else None, **more)


def hashes(backend: str, root: Path, folder: Path, store: MemberStore | None) -> dict[str, str]:
    made = builder(backend, root, folder, store)
    paths = [made.build(each, "wheel", folder / "out") for each in variants(backend)]
    return {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in paths}


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
    files = {f"demo/pack{n % 5}/module{n}.py": f"value = {n}\n".encode() * (n * 7 % 400) for n in range(40)}
    files["demo/data/large.bin"] = data.randbytes(700_000) + b"abc" * 300_000
    files["demo/data/two words.txt"] = b""
    files["demo/data/größe/deep/er/x.txt"] = b"deep"
    files["demo/bin/tool"] = b"#!/bin/sh\n"
    write(root, files)
    (root / "demo/bin/tool").chmod(0o755)
    (root / "demo/linked.py").symlink_to("__init__.py")
    return root


class _Refused(MemberStore):
    """Fails the trial, as another version of a backend would make it fail."""

    def deflated(self, path: str | Path) -> None:
        if not str(path).startswith(self._inside):
            raise AttributeError(path)
        msg = "the backend was to be left alone"
        raise AssertionError(msg)


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_wheel_is_the_backends_own(tmp_path: Path, backend: str) -> None:
    root = a_tree(tmp_path / "project")
    store = store_for(backend, root)
    stored = hashes(backend, root, tmp_path / "stored", store)
    assert len(stored) == 3
    assert stored == hashes(backend, root, tmp_path / "plain", None)
    assert store._contents, "the store was used"


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_wheel_is_the_backends_own_with_zip64(
    tmp_path: Path, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 5000)
    root = a_tree(tmp_path / "project")
    stored = hashes(backend, root, tmp_path / "stored", store_for(backend, root))
    assert stored == hashes(backend, root, tmp_path / "plain", None)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_backend_that_cannot_take_from_the_store_is_left_alone(tmp_path: Path, backend: str) -> None:
    root = a_tree(tmp_path / "project")
    refused = _Refused(root, step=None)
    assert hashes(backend, root, tmp_path / "left", refused) == hashes(
        backend, root, tmp_path / "plain", None
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_fast_wheels_hold_the_same(tmp_path: Path, backend: str) -> None:
    root = a_tree(tmp_path / "project")

    def contents(folder: Path, store: MemberStore | None) -> list[list[tuple[str, int, bytes]]]:
        hashes(backend, root, folder, store)
        found = []
        for each in sorted((folder / "out").iterdir()):
            with zipfile.ZipFile(each) as wheel:
                found.append(
                    [(info.filename, info.external_attr, wheel.read(info)) for info in wheel.infolist()]
                )
        return found

    fast = store_for(backend, root, compression=Compression.FAST)
    assert contents(tmp_path / "fast", fast) == contents(tmp_path / "plain", None)
    assert fast._contents, "the store was used"


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_changes_between_two_wheels_is_in_the_second(tmp_path: Path, backend: str) -> None:
    root = a_tree(tmp_path / "project")
    made = builder(backend, root, tmp_path, store_for(backend, root))
    one, two, _ = variants(backend)
    made.build(one, "wheel", tmp_path / "out")
    before = (root / "demo/__init__.py").stat()
    (root / "demo/__init__.py").write_bytes(b"x = 2\n")
    os.utime(root / "demo/__init__.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    with zipfile.ZipFile(made.build(two, "wheel", tmp_path / "out")) as wheel:
        assert wheel.read("demo/__init__.py") == b"x = 2\n"


def test_hatchling_tells_of_two_files_at_one_place_as_ever(tmp_path: Path) -> None:
    root = a_tree(tmp_path / "project")
    forced = {"README.md": "demo/__init__.py"}
    tables = {**TABLES["hatchling"], "project": PROJECT}
    tables["tool"] = {
        "hatch": {"build": {"targets": {"wheel": {"packages": ["demo"], "force-include": forced}}}}
    }
    wanted = BuildVariant(
        name=None,
        project="demo",
        version="1.0",
        pyproject=tables,
        selection_name="demo",
        layout={},
        force_include={},
    )
    with pytest.raises(BuildError, match=r"A second file is being added|Duplicate name"):
        builder("hatchling", root, tmp_path, store_for("hatchling", root)).build(
            wanted, "wheel", tmp_path / "out"
        )


NAME = st.text(
    st.characters(whitelist_categories=("L", "N"), whitelist_characters=" -_.+"), min_size=1, max_size=12
).filter(lambda name: name.strip(" .") == name and name != "demo" and not name.endswith(".pyc"))
PATH = st.lists(NAME, min_size=1, max_size=4).map("/".join)
CONTENT = st.binary(max_size=300) | st.integers(0, 60_000).map(lambda size: b"ab\n" * size)


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.dictionaries(PATH, st.tuples(CONTENT, st.booleans()), max_size=8),
    link=st.booleans(),
)
def test_made_trees_give_the_backends_own_wheels(
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
        if link:
            (root / "demo/a link.py").symlink_to("__init__.py")
        stored = hashes(backend, root, Path(folder, "stored"), store_for(backend, root))
        assert stored == hashes(backend, root, Path(folder, "plain"), None)


def test_two_files_of_one_name_are_refused_as_by_hatchling_itself(tmp_path: Path) -> None:
    root = write(tmp_path / "project", {"other/a.py": b"z = 3\n"})
    table = {**TABLES["hatchling"], "project": PROJECT}
    target = {"packages": ["demo"], "force-include": {"other/a.py": "demo/sub/a.py"}}
    table["tool"] = {"hatch": {"build": {"targets": {"wheel": target}}}}
    variant = replace(variants("hatchling")[0], pyproject=table)
    for store in (None, store_for("hatchling", root)):
        with pytest.raises(BuildError, match=r"A second file is being added|Duplicate name"):
            builder("hatchling", root, tmp_path, store).build(variant, "wheel", tmp_path / "out")


def test_the_trial_sees_a_difference(tmp_path: Path) -> None:
    class Wrong(MemberStore):
        def deflated(self, path: str | Path) -> Any:
            return super().deflated(__file__ if str(path).endswith("large.py") else path)

    assert not hatchling_adapter.usable(Wrong(tmp_path, step=None))
    assert hatchling_adapter.usable(MemberStore(tmp_path, step=None))


def test_the_trial_tries_headers_that_are_made_like_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hatchling_adapter.sdists_usable(MemberStore(tmp_path, step=None))
    monkeypatch.setattr(stitched_tar._Pattern, "header", lambda self, info: bytes(512))
    assert not hatchling_adapter.sdists_usable(MemberStore(tmp_path, step=None))


@pytest.mark.parametrize("backend", BACKENDS)
def test_trials_do_not_count_as_reused(tmp_path: Path, backend: str) -> None:
    root = write(tmp_path / "project", {})
    store = store_for(backend, root)
    made = builder(backend, root, tmp_path, store)
    variant = variants(backend)[0]
    made.build(variant, "wheel", tmp_path / "out")
    assert store.reused() == 0
    made.build(variant, "sdist", tmp_path / "out")
    assert store.reused() is None, "all of its files are small"


def test_an_sdist_of_the_epoch_0_has_that_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    root = write(tmp_path / "project", {})
    (made, *_) = sdists("hatchling", root, tmp_path, store_for("hatchling", root))
    assert made[4:8] == bytes(4)


def test_the_trial_of_poetry_core_takes_no_for_an_answer(tmp_path: Path) -> None:
    def make() -> Any:
        raise TypeError("another signature")

    assert not poetry_core_adapter.usable(make, MemberStore(tmp_path, step=None))


def sdists(backend: str, root: Path, folder: Path, store: MemberStore | None) -> list[bytes]:
    made = builder(backend, root, folder, store)
    return [made.build(each, "sdist", folder / "out").read_bytes() for each in variants(backend)]


@pytest.mark.parametrize("compression", list(Compression))
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_sdist_holds_the_backends_own_tar(
    tmp_path: Path, backend: str, compression: Compression
) -> None:
    root = a_tree(tmp_path / "project")
    store = store_for(backend, root, compression=compression)
    stored, plain = (
        sdists(backend, root, tmp_path / "stored", store),
        sdists(backend, root, tmp_path / "plain", None),
    )
    assert list(map(gzip.decompress, stored)) == list(map(gzip.decompress, plain))
    assert stored != plain, "the store was used"
    again = store_for(backend, root, compression=compression)
    assert sdists(backend, root, tmp_path / "again", again) == stored
    if compression is Compression.DEFAULT:
        assert sum(map(len, stored)) < 1.05 * sum(map(len, plain))


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_sdist_that_cannot_take_from_the_store_is_the_backends_own(tmp_path: Path, backend: str) -> None:
    class NoSegments(MemberStore):
        def segment(self, member: Any) -> Any:
            raise AttributeError("segment")

    class WrongSegments(MemberStore):
        def segment(self, member: Any) -> Any:
            return [b"\x00", *super().segment(member)]

    root = a_tree(tmp_path / "project")
    plain = sdists(backend, root, tmp_path / "plain", None)
    for each in (NoSegments, WrongSegments):
        assert sdists(backend, root, tmp_path / each.__name__, each(root, step=None)) == plain
