"""What hatchling loads in an isolated build: import hatchling alone.

The version source and the build target are imported when hatchling asks for plugins of their kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatchling.plugin import hookimpl

if TYPE_CHECKING:
    from hatchling.builders.plugin.interface import BuilderInterface
    from hatchling.version.source.plugin.interface import VersionSourceInterface


@hookimpl
def hatch_register_version_source() -> type[VersionSourceInterface]:
    from publish_all.backends.hatch_version import PublishAllVersionSource

    return PublishAllVersionSource


@hookimpl
def hatch_register_builder() -> type[BuilderInterface[Any, Any]]:
    from publish_all.backends.hatch_variants import VariantsBuilder

    return VariantsBuilder
