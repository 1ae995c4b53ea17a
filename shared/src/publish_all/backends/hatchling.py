"""What hatchling loads in an isolated build: import hatchling alone.

The build target is imported when hatchling asks for builders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatchling.plugin import hookimpl

if TYPE_CHECKING:
    from hatchling.builders.plugin.interface import BuilderInterface


@hookimpl
def hatch_register_builder() -> type[BuilderInterface[Any, Any]]:
    from publish_all.backends.hatch_variants import VariantsBuilder

    return VariantsBuilder
