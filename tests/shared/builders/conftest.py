from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path, PureWindowsPath
from typing import TypeAlias

import pytest

from publish_all._process import run
from publish_all.builders import unix_modes
from publish_all.variants.variant import BuildVariant

MakeTree: TypeAlias = Callable[..., Path]
MakeVariant: TypeAlias = Callable[..., BuildVariant]


@pytest.fixture
def make_tree(tmp_path: Path) -> MakeTree:
    """Write files into a new folder, in a git repository or not."""

    def make(files: Mapping[str, str], *, name: str = "project", git: bool = True) -> Path:
        root = tmp_path / name
        for path, content in files.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8", newline="\n")
        if git:
            run(["git", "init", "--quiet"], cwd=root)
            run(["git", "add", "."], cwd=root)
        return root

    return make


@pytest.fixture
def make_variant() -> MakeVariant:
    """A build variant of a project called `demo`, made from the pyproject given."""

    def make(pyproject: Mapping[str, object], **more: object) -> BuildVariant:
        settings: dict[str, object] = {
            "name": "x",
            "project": "demo-x",
            "version": "1.0",
            "pyproject": pyproject,
            "selection_name": "demo",
            "layout": {},
            "force_include": {},
        }
        return BuildVariant(**{**settings, **more})  # type: ignore[arg-type]  # the tests state the right types

    return make


@pytest.fixture
def unpatched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what a build worker changes in its process."""
    monkeypatch.setattr(os, "stat", os.stat)
    monkeypatch.setattr(os, "lstat", os.lstat)
    monkeypatch.setattr(zipfile.ZipInfo, "__init__", zipfile.ZipInfo.__init__)
    monkeypatch.setattr(PureWindowsPath, "__lt__", PureWindowsPath.__lt__)
    monkeypatch.setattr(unix_modes, "_EXECUTABLE", {})


@pytest.fixture
def as_in_the_worker(unpatched: None) -> None:
    """Let backends that a test calls write archives as in a build worker."""
    unix_modes.made_on_unix()
