"""The supported versions of build backends.

The lowest were found by building with older and older ones: poetry-core 1 reads no `[project]`, setuptools before 61 ignores `[project]` and builds `UNKNOWN-0.0.0`, and
setuptools before 67.6 does not look for dynamic entry points in setup.cfg and setup.py.
`.ci/requirements-builds-lowest.txt` names the same versions, and tests build with them.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping

from packaging.version import InvalidVersion, Version

from publish_all._build_system import Backend, backend_of
from publish_all._toml import table
from publish_all.errors import BuildError
from publish_all.variants.variant import BuildVariant

LOWEST: Mapping[Backend, str] = {
    Backend.HATCHLING: "1.20",
    Backend.POETRY_CORE: "2.0",
    Backend.SETUPTOOLS: "61",
}
SETUPTOOLS_FOR_SETUP_CFG = "67.6"
"""For a build variant of a project whose metadata is in setup.cfg or setup.py."""


def refuse_old_backend(variant: BuildVariant) -> None:
    """Raise `BuildError` if the installed build backend of the variant is too old for us.

    A backend that is not installed here is not checked.
    """
    backend = backend_of(variant.pyproject)
    lowest = LOWEST.get(backend)
    if backend is Backend.SETUPTOOLS:
        dynamic = table(variant.pyproject, "project").get("dynamic", ())
        if "entry-points" in dynamic and "gui-scripts" in dynamic:
            lowest = SETUPTOOLS_FOR_SETUP_CFG
        elif "project" not in variant.pyproject:
            lowest = None
    installed = _installed(backend)
    if lowest is None or installed is None or installed >= Version(lowest):
        return
    name = backend.value
    msg = f"{variant.label} cannot be built with {name} {installed}: {name} {lowest} or later is needed"
    hint = f'Set requires = ["{name}>={lowest}"] in [build-system] of pyproject.toml.'
    raise BuildError(msg, hint=hint)


def _installed(backend: Backend) -> Version | None:
    try:
        return Version(importlib.metadata.version(backend.value))
    except (importlib.metadata.PackageNotFoundError, InvalidVersion):
        return None
