"""The files in a built wheel: where they come from, what git ignored, and whether they are what the variant asks for."""

from __future__ import annotations

import fnmatch
import os
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

from publish_all._build_system import backend_name
from publish_all.builders.backend_tables import Placed
from publish_all.builders.select import key_path, matches, missing_forced, texts
from publish_all.builders.source_tree import SourceTree
from publish_all.errors import BuildError
from publish_all.variants.variant import BuildVariant


def origins(wheel: Path, stage: Path, sources: Iterable[str]) -> dict[str, str]:
    """Path inside the wheel → its source among `sources` (paths in the stage); empty for files that the backend created.

    Found by content and by the end of the path, so that it works for every package layout.
    """
    named: dict[str, list[str]] = {}
    for each in sources:
        named.setdefault(each.rpartition("/")[2], []).append(each)
    found = {}
    with zipfile.ZipFile(wheel) as opened:
        for info in opened.infolist():
            inside = info.filename
            if info.is_dir() or (".dist-info/" in inside and not is_outside(inside)):
                continue
            alike = [each for each in named.get(inside.rpartition("/")[2], ()) if _holds(stage / each, info)]
            if len(alike) != 1 or not info.file_size:
                least = min(2, inside.count("/") + 1)
                alike = [each for each in alike if _common(inside, each) >= least]
            found[inside] = min(alike, key=lambda each: (-_common(inside, each), len(each)), default="")
    return found


def is_outside(inside: str) -> bool:
    """Whether a file of a wheel is installed outside of packages (binary distribution format)."""
    folder, _, rest = inside.partition("/")
    return folder.endswith(".data") or (folder.endswith(".dist-info") and rest.startswith("extra_metadata/"))


def ignored_files(names: Collection[str], pyproject: Mapping[str, Any], tree: SourceTree) -> Iterator[str]:
    """Ignored files in the packages of a wheel and next to them: modules, and files in the backend's tables."""
    folders = _package_folders(names, tree)
    roots = {folder.removesuffix(package) for package, folder in folders.items()}
    patterns = [each.replace("**/", "*").strip("/") for each in texts(pyproject.get("tool", {}))]
    for path in tree.ignored(sorted({*folders.values(), *filter(None, roots)})):
        insides = {path.removeprefix(each) for each in (*roots, *folders.values())}
        named = any(fnmatch.fnmatchcase(each, text) for text in patterns for each in insides)
        if insides.isdisjoint(names) and (named or path.endswith((".py", ".pyi"))):
            yield path


def _package_folders(names: Iterable[str], tree: SourceTree) -> dict[str, str]:
    """The packages of a wheel (`demo/`) → their folders in the project (`src/demo/`)."""
    found: dict[str, str] = {}
    for name in names:
        package, slash, _ = name.partition("/")
        if slash and f"{package}/" not in found:
            ends = (each for each in tree.files if each == name or each.endswith(f"/{name}"))
            path = min(ends, key=len, default=None)
            if path is not None:
                found[f"{package}/"] = path.removesuffix(name) + f"{package}/"
    return found


def _common(one: str, other: str) -> int:
    """How many segments two paths have in common, from the end."""
    pairs = zip(reversed(one.split("/")), reversed(other.split("/")), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _holds(path: Path, info: zipfile.ZipInfo) -> bool:
    return (
        path.is_file() and path.stat().st_size == info.file_size and zlib.crc32(path.read_bytes()) == info.CRC
    )


def place_for(inside: str, files: Mapping[str, str]) -> str:
    """The place of a file that goes to `inside`: next to other files of the same package."""
    beside = [
        each
        for each, path in files.items()
        if path.endswith(each) and each.partition("/")[0] == inside.partition("/")[0]
    ]
    if not beside:
        return inside
    nearest = max(beside, key=lambda each: len(os.path.commonpath((each, inside))))
    return files[nearest][: len(files[nearest]) - len(nearest)] + inside


def verify(variant: BuildVariant, wheel: Path, placed: Placed) -> None:
    """Check that the backend packed the files that the variant requires. Raises `BuildError`."""
    with zipfile.ZipFile(wheel) as opened:
        every = frozenset(opened.namelist())
    names = [each for each in sorted(every) if ".dist-info/" not in each and not each.endswith("/")]
    backend = backend_name(variant.pyproject)
    missing = missing_forced(variant, names)
    if missing:
        where = key_path(variant, "force-include", missing[0])
        msg = f"{where}: {backend} left {missing[0]!r} out of the wheel of {variant.label}"
        hint = f"Configure {backend} to pack this path as package data or as a package."
        if missing[0].partition("/")[0].endswith(".data"):
            hint = f"Only {backend} itself can put files there, for example as `scripts` of [project]."
        raise BuildError(msg, hint=hint)
    lost = sorted(placed.kept - every)
    if lost:
        msg = f"{backend} leaves {lost[0]!r} out of the wheel of {variant.label} when other files are added or excluded"
        raise BuildError(msg, hint=f"List all package data of the project in the [tool] keys of {backend}.")
    extra = next((each for each in names if each in placed.unwanted or _is_excluded(variant, each)), None)
    if extra is not None:
        key = "exclude" if matches(variant.exclude, extra) else "include"
        msg = f"{key_path(variant, key)}: {backend} still packs {extra!r} into the wheel of {variant.label}"
        raise BuildError(
            msg, hint=f"Exclude it in the configuration of {backend} ([tool.…] keys of the variant)."
        )


def _is_excluded(variant: BuildVariant, inside: str) -> bool:
    targets = [each.rstrip("/") for each in variant.force_include.values()]
    forced = any(inside == each or inside.startswith(each + "/") for each in targets)
    return not forced and matches(variant.exclude, inside)
