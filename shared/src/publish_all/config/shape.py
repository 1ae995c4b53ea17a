"""The form of what is read in tables that are not ours: `[project]`, `[build-system]`, `[tool.poetry]`.

Only types, and only of keys that something here goes into: everything else is for the tools whose
tables these are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from publish_all.config.problems import Problems
from publish_all.config.table import Table

_PROJECT_LISTS = ("dynamic", "dependencies", "classifiers", "keywords")
_PROJECT_TABLES = ("scripts", "gui-scripts", "entry-points", "urls")
_POETRY_LISTS = ("packages", "include", "exclude", "classifiers", "keywords", "authors")
_POETRY_TABLES = ("dependencies", "extras", "group", "scripts", "plugins", "urls")


def check_shape(pyproject: Mapping[str, Any], problems: Problems) -> None:
    """Report what has another type than its tool's specification says."""
    top = Table(pyproject, (), problems)
    top.table("dependency-groups")
    if (project := top.table("project")) is not None:
        _check_project(project)
    if (build_system := top.table("build-system")) is not None:
        build_system.strings("requires")
        build_system.string("build-backend")
    if (tool := top.table("tool")) is not None and (poetry := tool.table("poetry")) is not None:
        _check_poetry(poetry)


def _check_project(project: Table) -> None:
    for key in ("name", "version"):
        project.string(key)
    for key in _PROJECT_LISTS:
        project.strings(key)
    for key in _PROJECT_TABLES:
        project.table(key)
    project.strings_map("optional-dependencies")


def _check_poetry(poetry: Table) -> None:
    for key in ("name", "version"):
        poetry.string(key)
    for key in _POETRY_LISTS:
        for _ in poetry.items(key):
            pass
    for key in _POETRY_TABLES:
        poetry.table(key)
