"""The lowest versions of build backends that the builders work with.

Each was found by building with older and older ones: hatchling 1.19 has no `default_file_selection_options`,
poetry-core 1 reads no `[project]`, setuptools before 61 ignores `[project]` and builds `UNKNOWN-0.0.0`, and
setuptools before 67.6 does not look for dynamic entry points in setup.cfg and setup.py.
`.ci/requirements-builds-lowest.txt` names the same versions, and tests build with them.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from packaging.version import Version

from publish_all.builders.select import Backend, backend_of
from publish_all.errors import BuildError
from publish_all.variants.overlay import table
from publish_all.variants.variant import BuildVariant

HATCHLING = "1.20"
POETRY_CORE = "2.0"
SETUPTOOLS = "61"
SETUPTOOLS_FOR_SETUP_CFG = "67.6"
"""For a build variant of a project whose metadata is in setup.cfg or setup.py."""


def refuse_old_backend(variant: BuildVariant) -> None:
    """Raise `BuildError` if the installed build backend of the variant is too old for us.

    A backend that is not installed here is none of ours to judge.
    """
    name, lowest = _lowest(variant)
    if not lowest:
        return
    try:
        installed = version(name)
    except PackageNotFoundError:
        return
    if Version(installed) < Version(lowest):
        msg = f"{variant.label} cannot be built with {name} {installed}: {name} {lowest} is the lowest that works"
        hint = f'Set requires = ["{name}>={lowest}"] in [build-system] of pyproject.toml.'
        raise BuildError(msg, hint=hint)


def _lowest(variant: BuildVariant) -> tuple[str, str]:
    match backend_of(variant.pyproject):
        case Backend.HATCHLING:
            return "hatchling", HATCHLING
        case Backend.POETRY_CORE:
            return "poetry-core", POETRY_CORE
        case Backend.SETUPTOOLS if "project" in variant.pyproject:
            dynamic = table(variant.pyproject, "project").get("dynamic", ())
            elsewhere = "entry-points" in dynamic and "gui-scripts" in dynamic
            return "setuptools", SETUPTOOLS_FOR_SETUP_CFG if elsewhere else SETUPTOOLS
        case _:
            return "", ""
