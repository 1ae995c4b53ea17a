"""A build variant, resolved: what one distribution of the project is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from publish_all._values import dataclass
from publish_all.variants.tag import PlatformWheel


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildVariant:
    """One set of distributions to build, with nothing left to look up.

    `name` is the variant's (None: the project itself); `project` the distribution's name as written;
    `version` the normalised PEP 440 version all its files get. `pyproject` is the resolved
    pyproject.toml as plain data: static name and version, without `[tool.publish-all]`; it is what the
    sdist holds. `selection_name` is the distribution name under which the backend's default file
    selection is found, so that renaming does not change the files. `layout` maps a path in the project
    to its path in the stage (empty: no stage is asked for). `include` and `exclude` are glob patterns
    over paths inside the wheel; `force_include` maps a path in the root (or stage) to one inside the wheel.
    `dynamic_pyproject` is the same with the version left to the backend, None where it is static;
    `version_from_backend`: then the backend tells this very version by itself.
    `publish_to` narrows the project's, None for no narrowing. `wheels` are the wheels that are built
    instead of the one which the backend makes (empty: that one); builders get the variant once for
    each of them, as `for_wheel` makes it, and see in `wheel` which one it is.
    """

    name: str | None
    project: str
    version: str
    pyproject: Mapping[str, Any]
    selection_name: str
    layout: Mapping[str, str]
    dynamic_pyproject: Mapping[str, Any] | None = None
    version_from_backend: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    force_include: Mapping[str, str]
    sdist: bool = True
    publish_to: tuple[str, ...] | None = None
    wheels: tuple[PlatformWheel, ...] = ()
    wheel: PlatformWheel | None = None

    @property
    def label(self) -> str:
        """What messages call it: the variant's name, or the project's."""
        return self.name if self.name is not None else self.project

    def for_wheel(self, wheel: PlatformWheel) -> BuildVariant:
        """The variant as it is in one of its wheels.

        The wheel's `include` replaces the variant's; its `exclude` and `force_include` are added, and
        of two that are forced to the same place the wheel's is there.
        """
        targets = {each.rstrip("/") for each in wheel.force_include.values()}
        kept = {left: right for left, right in self.force_include.items() if right.rstrip("/") not in targets}
        return replace(
            self,
            include=wheel.include or self.include,
            exclude=tuple(dict.fromkeys((*self.exclude, *wheel.exclude))),
            force_include={**kept, **wheel.force_include},
            wheels=(),
            wheel=wheel,
        )
