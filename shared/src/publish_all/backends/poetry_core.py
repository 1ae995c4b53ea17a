"""The build backend `publish_all.backends.poetry_core`: poetry-core, told the version by publish-all.

PEP 517 and PEP 660. All hooks are poetry-core's own. While one runs, the factory it reads the project
with knows the version, and an sdist gets a pyproject.toml that states it; nothing is written to the
project's folder.

`requires = ["publish-all"]` is enough: poetry-core is asked for where it is not there yet.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

REQUIREMENT = "poetry-core>=2.1"


def get_requires_for_build_wheel(config_settings: dict[str, Any] | None = None) -> list[str]:
    del config_settings
    return [] if find_spec("poetry") is not None and find_spec("poetry.core") is not None else [REQUIREMENT]


get_requires_for_build_sdist = get_requires_for_build_wheel
get_requires_for_build_editable = get_requires_for_build_wheel


def _told(hook: str) -> Callable[..., str]:
    """poetry-core's hook of this name."""

    def call(*arguments: Any, **options: Any) -> str:
        from poetry.core.masonry import api

        from publish_all.version.poetry_version import told_the_version

        with told_the_version():
            return str(getattr(api, hook)(*arguments, **options))

    return call


build_wheel = _told("build_wheel")
build_editable = _told("build_editable")
build_sdist = _told("build_sdist")
prepare_metadata_for_build_wheel = _told("prepare_metadata_for_build_wheel")
prepare_metadata_for_build_editable = _told("prepare_metadata_for_build_editable")
