"""Which backend builds a project (PEP 517), as far as the meaning of its tables depends on it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_DEFAULT = "setuptools.build_meta:__legacy__"
_POETRY_CORE = frozenset(
    {"poetry.core.masonry.api", "poetry.masonry.api", "publish_all.backends.poetry_core"}
)


def build_system(pyproject: Mapping[str, Any]) -> Mapping[str, Any]:
    """`[build-system]`, empty when there is none."""
    found = pyproject.get("build-system")
    return found if isinstance(found, Mapping) else {}


def backend_of(pyproject: Mapping[str, Any]) -> str:
    """The build backend; setuptools by default (PEP 517)."""
    backend = build_system(pyproject).get("build-backend")
    return backend if isinstance(backend, str) else _DEFAULT


def poetry_version_counts(pyproject: Mapping[str, Any]) -> bool:
    """Whether `[tool.poetry].version` is the version: poetry-core builds it, or nobody is named.

    Other backends that read the table may make another version of it, as poetry-dynamic-versioning does from
    the tag (mtkennerly/poetry-dynamic-versioning#99): only they know it.
    """
    return not build_system(pyproject) or backend_of(pyproject) in _POETRY_CORE
