"""The build backend `publish_all.backends.poetry_core`: poetry-core, told the version by publish-all.

PEP 517 and PEP 660. All hooks are poetry-core's own. While one runs, the factory it reads the project
with knows the version, and an sdist gets a pyproject.toml that states it; nothing is written to the
project's folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from poetry.core.factory import Factory
from poetry.core.masonry import api

from publish_all.errors import PublishAllError
from publish_all.version.poetry_core import StaticSdistBuilder, states_version

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

get_requires_for_build_wheel = api.get_requires_for_build_wheel
get_requires_for_build_sdist = api.get_requires_for_build_sdist
get_requires_for_build_editable = api.get_requires_for_build_editable


class VersionedFactory(Factory):
    """Reads a project whose version publish-all knows. The project is the current folder (PEP 517)."""

    @classmethod
    def validate(cls, toml_data: dict[str, Any], strict: bool = False) -> dict[str, list[str]]:
        try:
            states_version(toml_data, root=Path.cwd(), environment=os.environ)
        except PublishAllError as error:
            # Frontends show the last line of a traceback and know no hints.
            message = f"{error.message}\n{error.hint}" if error.hint else error.message
            raise RuntimeError(message) from error
        return super().validate(toml_data, strict)


@contextmanager
def _told_the_version() -> Iterator[None]:
    names = vars(api)
    ours = {"Factory": VersionedFactory, "SdistBuilder": StaticSdistBuilder}
    theirs = {name: names[name] for name in ours}
    names.update(ours)
    try:
        yield
    finally:
        names.update(theirs)


def build_wheel(
    wheel_directory: str,
    config_settings: dict[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    with _told_the_version():
        return api.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_editable(
    wheel_directory: str,
    config_settings: dict[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    with _told_the_version():
        return api.build_editable(wheel_directory, config_settings, metadata_directory)


def build_sdist(sdist_directory: str, config_settings: dict[str, Any] | None = None) -> str:
    with _told_the_version():
        return api.build_sdist(sdist_directory, config_settings)


def prepare_metadata_for_build_wheel(
    metadata_directory: str, config_settings: dict[str, Any] | None = None
) -> str:
    with _told_the_version():
        return api.prepare_metadata_for_build_wheel(metadata_directory, config_settings)


def prepare_metadata_for_build_editable(
    metadata_directory: str, config_settings: dict[str, Any] | None = None
) -> str:
    with _told_the_version():
        return api.prepare_metadata_for_build_editable(metadata_directory, config_settings)
