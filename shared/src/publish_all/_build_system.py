"""The build backend of a project (PEP 517). Pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

from publish_all._toml import table


class Backend(enum.Enum):
    """Build backends with special treatment."""

    HATCHLING = "hatchling"
    POETRY_CORE = "poetry-core"
    SETUPTOOLS = "setuptools"
    FLIT = "flit-core"
    UV = "uv_build"
    SCIKIT_BUILD = "scikit-build-core"
    OTHER = "other"


_BACKENDS = {
    "hatchling.build": Backend.HATCHLING,
    "hatchling.ouroboros": Backend.HATCHLING,
    "poetry.core.masonry.api": Backend.POETRY_CORE,
    "poetry.masonry.api": Backend.POETRY_CORE,
    "publish_all.backends.poetry_core": Backend.POETRY_CORE,
    "setuptools.build_meta": Backend.SETUPTOOLS,
    "setuptools.build_meta:__legacy__": Backend.SETUPTOOLS,
    "flit_core.buildapi": Backend.FLIT,
    "uv_build": Backend.UV,
    "scikit_build_core.build": Backend.SCIKIT_BUILD,
}
# PEP 517: the default backend is setuptools.
_DEFAULT_BACKEND = "setuptools.build_meta:__legacy__"
_DEFAULT_REQUIRES = ("setuptools>=40.8.0",)


def backend_name(pyproject: Mapping[str, Any]) -> str:
    """`build-system.build-backend`, or setuptools' where there is none."""
    backend = table(pyproject, "build-system").get("build-backend")
    return backend if isinstance(backend, str) else _DEFAULT_BACKEND


def backend_of(pyproject: Mapping[str, Any]) -> Backend:
    """The backend of a resolved pyproject. An in-tree backend (`backend-path`) is never a known one."""
    if table(pyproject, "build-system").get("backend-path"):
        return Backend.OTHER
    return _BACKENDS.get(backend_name(pyproject), Backend.OTHER)


def build_requires(pyproject: Mapping[str, Any]) -> tuple[str, ...]:
    """`build-system.requires`, or the default of PEP 518."""
    requires = table(pyproject, "build-system").get("requires", _DEFAULT_REQUIRES)
    return tuple(str(each) for each in requires)


def poetry_version_counts(pyproject: Mapping[str, Any]) -> bool:
    """Whether `[tool.poetry].version` is the version: poetry-core builds it, or no backend is named.

    Other backends that read the table may compute another version, as poetry-dynamic-versioning does from
    the tag (mtkennerly/poetry-dynamic-versioning#99).
    """
    named = table(pyproject, "build-system")
    return not named or _BACKENDS.get(backend_name(pyproject)) is Backend.POETRY_CORE
