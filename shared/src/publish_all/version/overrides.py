"""Versions that the environment dictates."""

from __future__ import annotations

import re
from collections.abc import Mapping

from packaging.version import InvalidVersion, Version

from publish_all.errors import VersionError

ANY = "PUBLISH_ALL_VERSION"


def override(environment: Mapping[str, str], name: str | None) -> tuple[str, Version] | None:
    """The variable that states the version of the project `name`, and what it says; None if none does.

    `PUBLISH_ALL_VERSION_FOR_<NAME>` comes before `PUBLISH_ALL_VERSION`; empty means not set. Raises
    `VersionError` for what is not a PEP 440 version.
    """
    variables = (ANY,) if name is None else (variable_for(name), ANY)
    for variable in variables:
        if text := environment.get(variable, ""):
            try:
                return variable, Version(text)
            except InvalidVersion as error:
                msg = f"the environment variable {variable} is {text!r}, which is not a PEP 440 version"
                raise VersionError(msg, hint="Write it like 1.2.3 or 1.2.3rc1, or unset it.") from error
    return None


def variable_for(name: str) -> str:
    """`PUBLISH_ALL_VERSION_FOR_<NAME>`: the name in capitals, with `_` for each run of `-`, `_` and `.`."""
    return f"{ANY}_FOR_{re.sub(r'[-_.]+', '_', name).upper()}"
