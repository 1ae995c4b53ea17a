"""Lets Poetry itself, in its own process, know the version of projects that take it from publish-all.

Everything is in memory. Whatever costs time is imported when such a project is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from publish_all.errors import PublishAllError

_MARK = "_publish_all"


def tell_poetry(environment: Mapping[str, str], *, failure: type[Exception] = RuntimeError) -> None:
    """From now on, Poetry's factory reads the version of such projects as if it were written down.

    `failure` is what is raised, with the message and its hint, where there is no version. A second
    call changes nothing.
    """
    from poetry.core.factory import Factory

    if hasattr(Factory, _MARK):
        return
    locate, validate = Factory.__dict__["locate"].__func__, Factory.__dict__["validate"].__func__
    told = _Versions(environment, failure)

    def our_locate(cls: type[Factory], cwd: Path | None = None) -> Path:
        path: Path = locate(cls, cwd)
        told.root = path.parent
        return path

    def our_validate(
        cls: type[Factory], toml_data: dict[str, Any], strict: bool = False
    ) -> dict[str, list[str]]:
        told.state(toml_data)
        result: dict[str, list[str]] = validate(cls, toml_data, strict)
        return result

    for name, value in {
        "locate": classmethod(our_locate),
        "validate": classmethod(our_validate),
        _MARK: True,
    }.items():
        setattr(Factory, name, value)


class _Versions:
    """The versions of the projects that were read. `root` is where the last one was found."""

    def __init__(self, environment: Mapping[str, str], failure: type[Exception]) -> None:
        self.root = Path()
        self._environment = environment
        self._failure = failure
        self._known: dict[Path, str] = {}

    def state(self, values: dict[str, Any]) -> None:
        if "publish-all" not in values.get("tool", {}):
            return
        from publish_all.version.static import asks_us
        from publish_all.version.toml_text import lacks_version, state_version

        if lacks_version(values) and asks_us(values):
            state_version(values, self._version(values))

    def _version(self, values: Mapping[str, Any]) -> str:
        root = self.root.absolute()
        if root not in self._known:
            from publish_all.version.source import version_for_build

            try:
                self._known[root] = version_for_build(values, root, environment=self._environment)
            except PublishAllError as error:
                message = f"{error.message}\n{error.hint}" if error.hint else error.message
                raise self._failure(message) from error
        return self._known[root]


def static_sdists(pyproject: Mapping[str, Any]) -> None:
    """Let the sdists that Poetry builds in its own process state the version, if the project asks us for it."""
    if "publish-all" not in pyproject.get("tool", {}):
        return
    from publish_all.version.static import asks_us

    if asks_us(pyproject):
        from poetry.masonry.builders import BUILD_FORMATS

        from publish_all.version.poetry_core import StaticSdistBuilder

        BUILD_FORMATS["sdist"] = StaticSdistBuilder
