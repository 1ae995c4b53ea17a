"""A build variant, resolved: what one distribution of the project is made from, and the tags of its wheels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from packaging.utils import InvalidWheelFilename, parse_wheel_filename


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelTag:
    """A compressed tag set (PEP 425), with a build number before it or none (binary distribution format).

    `build` is empty where there is no build number. The parts keep the order in which they are stated;
    `same_as` compares without it.
    """

    build: str = ""
    pythons: tuple[str, ...]
    abis: tuple[str, ...]
    platforms: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> WheelTag:
        """Read `py3-none-any`, `1-py2.py3-none-any`. Raises `ValueError` for what no wheel can be named."""
        try:
            # The rules for what a file name may hold are there; name and version are of no interest.
            parse_wheel_filename(f"x-0-{text}.whl")
        except InvalidWheelFilename as error:
            msg = f"{text!r} is not a wheel's tag (python-abi-platform)"
            raise ValueError(msg) from error
        *build, pythons, abis, platforms = text.lower().split("-")
        parts = [tuple(each.split(".")) for each in (pythons, abis, platforms)]
        if not all(piece for part in parts for piece in part):
            msg = f"{text!r} is not a wheel's tag: a part of it is empty"
            raise ValueError(msg)
        return cls(build="".join(build), pythons=parts[0], abis=parts[1], platforms=parts[2])

    @property
    def compressed(self) -> str:
        """The tag set without the build number."""
        return "-".join(".".join(part) for part in (self.pythons, self.abis, self.platforms))

    @property
    def expanded(self) -> tuple[str, ...]:
        """Each single tag of the set, sorted: one line `Tag:` of WHEEL for each."""
        return tuple(sorted("-".join(each) for each in product(self.pythons, self.abis, self.platforms)))

    @property
    def is_pure(self) -> bool:
        """Whether such a wheel is installed into purelib: it depends on no ABI and on no platform."""
        return self.abis == ("none",) and self.platforms == ("any",)

    @property
    def key(self) -> tuple[str, tuple[str, ...]]:
        """The same for tags that name the same wheel, in whatever order they state the parts."""
        return self.build, self.expanded

    def same_as(self, other: WheelTag) -> bool:
        return self.key == other.key

    def __str__(self) -> str:
        return f"{self.build}-{self.compressed}" if self.build else self.compressed


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformWheel:
    """The differences of the wheel of one tag: `include`, `exclude` and `force_include` as in a variant.

    `where` is the key path that states it, for messages.
    """

    tag: WheelTag
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    force_include: Mapping[str, str] = field(default_factory=dict)
    where: str = ""


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
    `dynamic_pyproject` is the same with the version left to the backend, None if it is static;
    `version_from_backend`: then the backend finds the same version.
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
