"""Paths in the configuration: `/` parts them on every system; they are relative to the project's root or the stage's."""

from __future__ import annotations

import re

_DRIVE = re.compile(r"[A-Za-z]:")


def source_problem(path: str) -> str | None:
    """What is wrong with a path of something in the project, or None."""
    if not path:
        return "must not be empty"
    if path.startswith(("/", "\\")) or _DRIVE.match(path):
        return f"{path!r} must be relative to the project's root"
    return _form_problem(path)


def glob_problem(path: str) -> str | None:
    """As `source_problem`, of a path that may be a glob."""
    if any("**" in part and part != "**" for part in path.split("/")):
        return f"{path!r} has a ** that is not a whole part of the path, as in docs/**/*.toml"
    return source_problem(path)


def target_problem(path: str) -> str | None:
    """What is wrong with a path inside a wheel or a stage, which nothing may leave."""
    trouble = source_problem(path)
    if trouble is None and ".." in path.split("/"):
        return f"{path!r} leads out of the place it is relative to"
    return trouble


def path_problem(path: str) -> str | None:
    """What is wrong with the path of a folder that may lie anywhere."""
    return _form_problem(path) if path else "must not be empty"


def _form_problem(path: str) -> str | None:
    return f"{path!r} holds control characters" if not path.isprintable() else None
