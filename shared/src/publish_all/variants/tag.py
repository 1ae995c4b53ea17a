"""The tag part of a wheel's name, and what is different in the wheel of one tag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from itertools import product

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from publish_all._values import dataclass


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

    def same_as(self, other: WheelTag) -> bool:
        """Whether both name the same wheel, in whatever order they state the parts."""
        return self.build == other.build and self.expanded == other.expanded

    def __str__(self) -> str:
        return f"{self.build}-{self.compressed}" if self.build else self.compressed


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformWheel:
    """What is different in the wheel of one tag: `include`, `exclude` and `force_include` as in a variant.

    `where` is the key path that states it, for messages.
    """

    tag: WheelTag
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    force_include: Mapping[str, str] = field(default_factory=dict)
    where: str = ""
