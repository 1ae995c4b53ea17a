"""The platforms that an app can run on, and which one this is."""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType

NAMES = ("synapse", "databricks", "fabric")


def load(name: str) -> ModuleType:
    """The module of a platform. Raises `LookupError` for a platform that is not known."""
    if name not in NAMES:
        raise LookupError(f"no platform {name!r}; known are {', '.join(NAMES)}")
    return import_module(f"{__name__}.{name}")


def current() -> str | None:
    """The platform this process runs on, or None on a developer's machine."""
    for name in NAMES:
        if load(name).MARKER in os.environ:
            return name
    return None


def describe_current() -> None:
    name = current()
    print("a developer's machine" if name is None else load(name).TITLE)
