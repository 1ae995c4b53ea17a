"""Asks a build backend for the project's version, in the build worker."""

from __future__ import annotations

from collections.abc import Mapping
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from publish_all.builders.pep517 import asked, metadata_of
from publish_all.builders.select import Backend, backend_of
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.stage import Stages
from publish_all.errors import BuildError, PublishAllError


def backend_version(root: Path, pyproject: Mapping[str, Any], *, workspace: Path) -> str:
    """What the backend says, as it says it. Raises `BuildError`."""
    try:
        if backend_of(pyproject) is Backend.HATCHLING:
            from publish_all.builders.hatchling import dynamic_version

            return dynamic_version(root)
        return _metadata_version(root, pyproject, workspace)
    except PublishAllError:
        raise
    except (Exception, SystemExit) as error:  # backends, their plugins and setup.py raise anything
        msg = f"{type(error).__name__}: {error}"
        raise BuildError(msg) from error


def _metadata_version(root: Path, pyproject: Mapping[str, Any], workspace: Path) -> str:
    """From the backend's metadata hook, in a stage where it writes where it runs."""
    stages = Stages(SourceTree(root), workspace / "version")
    metadata = asked(lambda folder: metadata_of(folder, pyproject, workspace / "metadata"), stages)
    version = HeaderParser().parsestr(metadata)["Version"]
    if not version:
        msg = "its metadata holds no version"
        raise BuildError(msg)
    return str(version)
