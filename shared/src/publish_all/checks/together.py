"""Checks on several files side by side: what only shows when they are compared."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from packaging.utils import NormalizedName
from packaging.version import Version

from publish_all._toml import TOMLDecodeError, loads
from publish_all.builders.select import Backend, backend_of
from publish_all.checks.members import installed_paths, sdist_files
from publish_all.diagnoses import METADATA_DIFFERS, SDIST_LACKS_MODULES, SHARED_IMPORT_PACKAGE
from publish_all.distributions.distribution import Distribution, DistributionKind
from publish_all.findings import Finding
from publish_all.variants.overlay import table

# The fields that installers decide by, and so must be the same in all files of a release.
_DECIDING = ("Requires-Dist", "Requires-Python", "Provides-Extra")
_SHOWN = 3

SourceFiles: TypeAlias = Callable[[], Collection[str]]


def _no_sources() -> Collection[str]:
    return ()


def check_together(
    distributions: Sequence[Distribution], *, sources: SourceFiles = _no_sources
) -> Iterator[Finding]:
    """Projects that install the same package, and files of one release that don't belong together.

    `sources` returns the paths of the project's own files, if the distributions are made of a project at hand.
    """
    yield from _shared_packages(distributions)
    releases: dict[tuple[NormalizedName, Version], list[Distribution]] = {}
    for each in distributions:
        releases.setdefault((each.project, each.version), []).append(each)
    for files in releases.values():
        yield from _metadata_of(files)
        yield from _lacking_modules(files, sources)


def _shared_packages(distributions: Sequence[Distribution]) -> Iterator[Finding]:
    owners: dict[str, set[str]] = {}
    for each in distributions:
        if each.kind is DistributionKind.WHEEL:
            for package in _top_level(each):
                owners.setdefault(package, set()).add(each.name)
    for package, names in sorted(owners.items()):
        if len(names) > 1:
            yield SHARED_IMPORT_PACKAGE.found(
                f"{', '.join(sorted(names))} all install the package {package!r}",
                hint="Install only one of them in an environment, and say so in their readmes.",
            )


def _top_level(distribution: Distribution) -> set[str]:
    try:
        with zipfile.ZipFile(distribution.path) as opened:
            names = opened.namelist()
    except (OSError, zipfile.BadZipFile):
        return set()
    tops = {name.split("/", 1)[0] for name in names}
    return {top.removesuffix(".py") for top in tops if not top.endswith((".dist-info", ".data"))}


def _metadata_of(files: Sequence[Distribution]) -> Iterator[Finding]:
    """Compared with the sdist, or with the first wheel where there is none."""
    first = next((each for each in files if each.kind is DistributionKind.SDIST), files[0])
    dynamic = {each.casefold() for each in first.metadata.get("Dynamic", ())}
    for other in files:
        for field in _DECIDING:
            if field.casefold() not in dynamic and _values(first, field) != _values(other, field):
                yield METADATA_DIFFERS.found(
                    f"{other.filename} and {first.filename} state different {field}",
                    where=other.filename,
                    hint="State dependencies with environment markers, the same in all files of a release.",
                )


def _values(distribution: Distribution, field: str) -> tuple[str, ...]:
    metadata: Mapping[str, tuple[str, ...]] = distribution.metadata
    return tuple(sorted("".join(each.split()) for each in metadata.get(field, ())))


def _lacking_modules(files: Sequence[Distribution], sources: SourceFiles) -> Iterator[Finding]:
    """Modules of a wheel that its sdist has under no folder, and that no build makes of it."""
    sdist = next((each for each in files if each.kind is DistributionKind.SDIST), None)
    wheels = [each for each in files if each.kind is DistributionKind.WHEEL]
    if sdist is None or not wheels:
        return
    held = sdist_files(sdist, read=lambda path: path == "pyproject.toml")
    if not held:
        return
    ends = _endings(held)
    for wheel in wheels:
        missing = {
            path: fingerprint
            for path, fingerprint in installed_paths(wheel).items()
            if path.endswith(".py") and path not in ends
        }
        lacking = sorted(_not_moved(missing, sdist)) if missing else []
        if lacking and _may_make_modules(held):
            own = _endings(sources())
            lacking = [each for each in lacking if each in own]
        if lacking:
            more = f" and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
            yield SDIST_LACKS_MODULES.found(
                f"{sdist.filename} lacks modules of {wheel.filename}: {', '.join(lacking[:_SHOWN])}{more}",
                where=sdist.filename,
                hint="Tell the build backend to include them in the sdist. Files that git ignores must be named.",
            )


def _endings(paths: Collection[str]) -> set[str]:
    """Each module under its path, and under that path without its first folders: `src/a/b.py`, `a/b.py`, `b.py`."""
    split = (path.split("/") for path in paths if path.endswith(".py"))
    return {"/".join(parts[start:]) for parts in split for start in range(len(parts))}


def _not_moved(missing: Mapping[str, tuple[int, int]], sdist: Distribution) -> Iterator[str]:
    """Those that are in no other folder of the sdist either: setuptools' `package_dir`, `force-include`."""
    content = sdist_files(sdist, read=lambda path: path.endswith(".py"))
    same = {(len(each), zlib.crc32(each)) for each in content.values() if each}
    empty = {path.rpartition("/")[2] for path, each in content.items() if each == b""}
    for path, fingerprint in missing.items():
        if fingerprint not in same and (fingerprint[0] or path.rpartition("/")[2] not in empty):
            yield path


def _may_make_modules(sdist: Mapping[str, bytes | None]) -> bool:
    """Whether a build of this sdist may write modules that are not in it, such as `_version.py`.

    A backend that runs no project code and has no build hook writes none. Any other may.
    """
    try:
        pyproject: Mapping[str, Any] = loads((sdist.get("pyproject.toml") or b"").decode())
    except (TOMLDecodeError, UnicodeDecodeError):
        return True
    match backend_of(pyproject):
        case Backend.FLIT | Backend.UV:
            return False
        case Backend.POETRY_CORE:
            return "build" in table(pyproject, "tool", "poetry")
        case Backend.HATCHLING:
            return "hatch.toml" in sdist or "'hooks'" in str(table(pyproject, "tool", "hatch", "build"))
        case _:
            return True
