"""The supported versions of build backends, and those of hatchling and poetry-core that run in process.

The lowest were found by building with older and older ones: hatchling 1.19 has no `default_file_selection_options`,
poetry-core 1 reads no `[project]`, setuptools before 61 ignores `[project]` and builds `UNKNOWN-0.0.0`, and
setuptools before 67.6 does not look for dynamic entry points in setup.cfg and setup.py.
`.ci/requirements-builds-lowest.txt` names the same versions, and tests build with them.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
from collections.abc import Iterator, Mapping
from types import ModuleType

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
# The backends that run in process: the lowest and the newest version that was tested, and the module that uses its
# internals. poetry-core before 2.2 loses ignored files in folders that `include` names (python-poetry/poetry#10259).
IN_PROCESS: Mapping[Backend, tuple[str, str, str]] = {
    Backend.HATCHLING: ("1.20", "1.33.0", "publish_all.builders.hatchling_builder"),
    Backend.POETRY_CORE: ("2.2", "2.5.0", "publish_all.builders.poetry_core_builder"),
}


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


def unknown_version(backend: Backend) -> str | None:
    """Why the installed version of a backend cannot run in process; None if it can.

    Versions above the tested ones can if all overridden methods exist and have the same arguments.
    """
    lowest, tested, module = IN_PROCESS[backend]
    version = _installed(backend)
    if version is None:
        return f"the version of {backend.value} is unknown"
    if version < Version(lowest):
        return f"{backend.value} {version} is older than {lowest}"
    if version <= Version(tested):
        return None
    try:
        changed = next(changed_methods(importlib.import_module(module)), None)
    except (ImportError, AttributeError) as error:
        changed = str(error)
    return changed and f"{backend.value} {version} is newer than {tested}, and {changed}"


def changed_methods(module: ModuleType) -> Iterator[str]:
    """The public methods of a module's classes that override no method of a backend, or one with other arguments."""
    for ours in vars(module).values():
        if not isinstance(ours, type) or ours.__module__ != module.__name__ or ours.__bases__ == (object,):
            continue
        theirs = [each for each in ours.__mro__ if not each.__module__.startswith("publish_all.")]
        for name, method in vars(ours).items():
            if name.startswith("_") or not (inspect.isfunction(method) or isinstance(method, property)):
                continue
            overridden = next((vars(each)[name] for each in theirs if name in vars(each)), None)
            if overridden is None:
                yield f"{ours.__name__}.{name} does not exist"
            elif inspect.isfunction(method) and _parameters(method) != _parameters(overridden):
                yield f"{ours.__name__}.{name} takes other arguments"


def _parameters(function: object) -> list[str] | None:
    return list(inspect.signature(function).parameters) if callable(function) else None


def _installed(backend: Backend) -> Version | None:
    try:
        return Version(importlib.metadata.version(backend.value))
    except (importlib.metadata.PackageNotFoundError, InvalidVersion):
        return None
