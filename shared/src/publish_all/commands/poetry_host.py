"""What the Poetry plugin needs to make Poetry know the versions that publish-all tells.

Imports nothing that costs time: it is imported for each of Poetry's commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from publish_all.version import poetry_host


def tell_poetry(environment: Mapping[str, str], *, failure: type[Exception]) -> None:
    """From now on, Poetry reads projects as if they stated the version that publish-all tells.

    `failure` is raised, with message and hint, where there is none.
    """
    poetry_host.tell_poetry(environment, failure=failure)


def static_sdists(pyproject: Mapping[str, Any]) -> None:
    """Sdists that Poetry builds in its own process state the version, if this project asks us for it."""
    poetry_host.static_sdists(pyproject)


def configures_version(pyproject: Mapping[str, Any]) -> bool:
    """Whether `[tool.publish-all.version]` says anything: then setting the version is ours."""
    ours = pyproject.get("tool", {}).get("publish-all", {})
    return isinstance(ours, Mapping) and bool(ours.get("version"))
