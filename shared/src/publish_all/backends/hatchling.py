"""What hatchling loads in an isolated build: the version source `publish-all` and the build target `variants`.

Only hatchling is imported here; the code of publish-all is imported when hatchling asks for it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.plugin import hookimpl
from hatchling.version.source.plugin.interface import VersionSourceInterface

if TYPE_CHECKING:
    from hatchling.builders.plugin.interface import BuilderInterface


class PublishAllVersionSource(VersionSourceInterface):
    """`[tool.hatch.version] source = "publish-all"`: what it says is what `[tool.publish-all.version]` says."""

    PLUGIN_NAME = "publish-all"

    def get_version_data(self) -> dict[str, Any]:
        """The version; an error of ours as a `ValueError`, of which hatchling shows the text alone."""
        from publish_all._toml import loads
        from publish_all.errors import PublishAllError
        from publish_all.version.version_source import version_for_build

        try:
            root = Path(self.root)
            # hatchling has read this file before us: it is TOML.
            pyproject = loads((root / "pyproject.toml").read_bytes().decode())
            return {"version": version_for_build(pyproject, root, environment=os.environ)}
        except PublishAllError as error:
            raise ValueError(error.with_hint) from error

    def set_version(self, version: str, version_data: dict[str, Any]) -> None:
        """Write the version where it is written down, and in all places that must say the same."""
        from publish_all.config.load import load_project
        from publish_all.errors import PublishAllError
        from publish_all.version.change import set_version

        del version_data
        try:
            set_version(load_project(Path(self.root)), version)
        except PublishAllError as error:
            raise ValueError(error.with_hint) from error


@hookimpl
def hatch_register_version_source() -> type[VersionSourceInterface]:
    return PublishAllVersionSource


@hookimpl
def hatch_register_builder() -> type[BuilderInterface[Any, Any]]:
    from publish_all.backends.hatch_variants import VariantsBuilder

    return VariantsBuilder
