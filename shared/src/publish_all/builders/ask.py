"""Asks a build backend for the project's version, in the build worker."""

from __future__ import annotations

import contextlib
import io
import runpy
import sys
from collections.abc import Mapping
from email.parser import HeaderParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from publish_all.builders.in_place import read_only
from publish_all.builders.pep517 import asked, metadata_of
from publish_all.builders.select import Backend, backend_of
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.stage import Stages, working_directory
from publish_all.errors import BuildError, PublishAllError


def backend_version(root: Path, pyproject: Mapping[str, Any], *, workspace: Path) -> str:
    """What the backend says, as it says it. Raises `BuildError`."""
    try:
        if backend_of(pyproject) is Backend.HATCHLING:
            from publish_all.builders.hatchling import dynamic_version

            return dynamic_version(root)
        if _setuptools_scm_alone(root, pyproject) and (version := _from_setuptools_scm(root)):
            return version
        return _metadata_version(root, pyproject, workspace)
    except PublishAllError:
        raise
    except (Exception, SystemExit) as error:  # backends, their plugins and setup.py raise anything
        msg = f"{type(error).__name__}: {error}"
        raise BuildError(msg) from error


# The table of setuptools-scm has one of these names. With one of those keys, setuptools normalises what it says.
_SCM_TABLES = ("setuptools_scm", "setuptools-scm")
_NOT_NORMAL = frozenset({"normalize", "version_cls"})


def _setuptools_scm_alone(root: Path, pyproject: Mapping[str, Any]) -> bool:
    """Whether the version is what setuptools-scm says, and no setup.py, setup.cfg or other table has a part in it."""
    tool = pyproject.get("tool", {})
    stated = [tool[name] for name in _SCM_TABLES if name in tool]
    return (
        backend_of(pyproject) is Backend.SETUPTOOLS
        and len(stated) == 1
        and not _NOT_NORMAL & set(stated[0])
        and "version" in pyproject.get("project", {}).get("dynamic", ())
        and "version" not in tool.get("setuptools", {}).get("dynamic", {})
        and not any((root / name).is_file() for name in ("setup.py", "setup.cfg"))
        and find_spec("setuptools_scm") is not None
    )


def _from_setuptools_scm(root: Path) -> str | None:
    """What `python -m setuptools_scm` prints: it writes no version file, which the metadata hook does.

    None where it tells nothing, or writes all the same (before its version 8).
    """
    tree = SourceTree(root)
    printed = io.StringIO()

    def ask() -> bool:
        arguments, sys.argv = sys.argv, ["setuptools_scm"]
        try:
            with working_directory(root), contextlib.redirect_stdout(printed):
                runpy.run_module("setuptools_scm", run_name="__main__")
        except SystemExit as end:
            return not end.code
        finally:
            sys.argv = arguments
        return True

    return printed.getvalue().strip() or None if read_only(tree.top, ask) else None


def _metadata_version(root: Path, pyproject: Mapping[str, Any], workspace: Path) -> str:
    """From the backend's metadata hook, in a stage where it writes where it runs."""
    stages = Stages(SourceTree(root), workspace / "version")
    metadata = asked(lambda folder: metadata_of(folder, pyproject, workspace / "metadata"), stages)
    version = HeaderParser().parsestr(metadata)["Version"]
    if not version:
        msg = "its metadata holds no version"
        raise BuildError(msg)
    return str(version)
