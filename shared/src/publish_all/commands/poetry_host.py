"""What the Poetry plugin needs to make Poetry, in its own process, know the versions that publish-all tells.

Everything is in memory. Imports nothing that costs time: it is imported for each of Poetry's commands, and what
more it takes when a project is read that takes its version from publish-all.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from publish_all.errors import PublishAllError

_MARK = "_publish_all"


def tell_poetry(environment: Mapping[str, str], *, failure: type[Exception]) -> None:
    """From now on, Poetry's factory reads the version of such projects as if it were written down.

    `failure` is what is raised, with the message and its hint, where there is no version. A second
    call changes nothing.
    """
    from poetry.core.factory import Factory

    if hasattr(Factory, _MARK):
        return
    locate, validate = Factory.__dict__["locate"].__func__, Factory.__dict__["validate"].__func__
    root = Path()  # of the project that was found last
    known: dict[Path, str] = {}

    def our_locate(cls: type[Factory], cwd: Path | None = None) -> Path:
        nonlocal root
        path: Path = locate(cls, cwd)
        root = path.parent.absolute()
        return path

    def our_validate(
        cls: type[Factory], toml_data: dict[str, Any], strict: bool = False
    ) -> dict[str, list[str]]:
        if "publish-all" in toml_data.get("tool", {}):
            from publish_all.version.static import asks_us
            from publish_all.version.toml_text import lacks_version, state_version

            if lacks_version(toml_data) and asks_us(toml_data):
                if root not in known:
                    known[root] = _version(toml_data, root, environment, failure)
                state_version(toml_data, known[root])
        result: dict[str, list[str]] = validate(cls, toml_data, strict)
        return result

    ours = {"locate": classmethod(our_locate), "validate": classmethod(our_validate), _MARK: True}
    for name, value in ours.items():
        setattr(Factory, name, value)


def _version(
    values: Mapping[str, Any], root: Path, environment: Mapping[str, str], failure: type[Exception]
) -> str:
    from publish_all.version.source import version_for_build

    try:
        return version_for_build(values, root, environment=environment)
    except PublishAllError as error:
        raise failure(f"{error.message}\n{error.hint}" if error.hint else error.message) from error


def static_sdists(pyproject: Mapping[str, Any]) -> None:
    """Let the sdists that Poetry builds in its own process state the version, if the project asks us for it."""
    if "publish-all" not in pyproject.get("tool", {}):
        return
    from publish_all.version.static import asks_us

    if asks_us(pyproject):
        from poetry.masonry.builders import BUILD_FORMATS

        from publish_all.version.poetry_core import StaticSdistBuilder

        BUILD_FORMATS["sdist"] = StaticSdistBuilder


def configures_version(pyproject: Mapping[str, Any]) -> bool:
    """Whether `[tool.publish-all.version]` says anything: then setting the version is ours."""
    ours = pyproject.get("tool", {}).get("publish-all", {})
    return isinstance(ours, Mapping) and bool(ours.get("version"))
