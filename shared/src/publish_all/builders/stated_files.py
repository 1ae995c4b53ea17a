"""The files that pyproject.toml names: readme, licences, dependencies, and what hatchling and poetry-core pack.

Some backends ignore missing files, with at most a line in a log. Here a missing file is an error, and ignored
files (a readme that a step before the build copied) are in every stage.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from glob import glob, has_magic
from pathlib import Path
from typing import Any

from publish_all._build_system import Backend, backend_of
from publish_all._toml import table
from publish_all.builders.backend_tables import NamedPath, named_paths, named_though_ignored
from publish_all.builders.select import matches
from publish_all.builders.source_tree import SourceTree, normal
from publish_all.variants.setup_files import readmes_in_setup_cfg
from publish_all.variants.variant import BuildVariant

# Files that backends use as readme and licences automatically: PEP 639's patterns, and setuptools' readmes.
_BY_DEFAULT = (
    "AUTHORS*",
    "COPYING*",
    "LICEN[CS]E*",
    "NOTICE*",
    "README",
    "README.md",
    "README.rst",
    "README.txt",
)
_OUTSIDE = (
    "An sdist can only contain files from the folder of pyproject.toml. Put the file or a link to it there, for example "
    'with `ln -s ../README.md README.md`, and set "README.md". To build wheels only, run `publish-all build -f wheel`.'
)
_NAME_IT = (
    "Change .gitignore, or name the files where the backend also packs ignored files: in `artifacts` or `force-include` of "
    "[tool.hatch.build.targets.wheel], or in `include` of [tool.poetry]."
)
_MISSING = "Add the file, correct the path, or run the step that creates it before the build."


def _found(named: NamedPath, root: Path) -> Iterator[str]:
    """The files below `root`, with slashes."""
    if _is_outside(named.path):
        return
    for each in glob(named.path, root_dir=root, recursive=True) if named.is_pattern else [named.path]:  # noqa: PTH207 - Path.glob finds no files for `**` before Python 3.13
        if (root / each).is_file():
            yield Path(os.path.normpath(each)).as_posix()


def _is_outside(path: str) -> bool:
    return Path(path).is_absolute() or os.path.normpath(path).startswith("..")


def stated_files(pyproject: Mapping[str, Any], root: Path) -> Iterator[NamedPath]:
    """The files in pyproject.toml, and in setup.cfg in `root` if that has the readme."""
    project = table(pyproject, "project")
    yield from _files("project.readme", project.get("readme"))
    yield from _files("project.license", table(project, "license"))
    licences = project.get("license-files")
    if isinstance(licences, Mapping):  # before PEP 639, hatchling's `globs` could match nothing
        yield from _files("project.license-files.paths", licences.get("paths"))
    elif isinstance(licences, list):
        yield from (NamedPath("project.license-files", str(each), is_pattern=True) for each in licences)
    yield from _files("tool.poetry.readme", table(pyproject, "tool", "poetry").get("readme"))
    if backend_of(pyproject) is not Backend.SETUPTOOLS:
        return
    setuptools = table(pyproject, "tool", "setuptools")
    licences = setuptools.get("license-files")
    exact = [each for each in licences if not has_magic(str(each))] if isinstance(licences, list) else None
    yield from _files("tool.setuptools.license-files", exact)
    yield from _dynamic("tool.setuptools.dynamic", table(setuptools, "dynamic"))
    if "project" not in pyproject or "readme" in project.get("dynamic", ()):
        yield from _files("setup.cfg: metadata.long_description", [*readmes_in_setup_cfg(root)])


def files_of_metadata(pyproject: Mapping[str, Any], root: Path) -> frozenset[str]:
    """The configured files that exist, and those that backends find automatically."""
    usual = (NamedPath("", each, is_pattern=True) for each in _BY_DEFAULT)
    return frozenset(path for each in (*stated_files(pyproject, root), *usual) for path in _found(each, root))


def _files(key: str, value: Any) -> Iterator[NamedPath]:
    """A path, a table with the key `file`, or a list of paths."""
    if isinstance(value, Mapping):
        yield from _files(f"{key}.file", value.get("file"))
    for each in [value] if isinstance(value, str) else value if isinstance(value, list) else ():
        yield NamedPath(key, str(each))


def _dynamic(key: str, value: Mapping[str, Any]) -> Iterator[NamedPath]:
    yield from _files(key, value)
    for name, each in value.items():
        if isinstance(each, Mapping):
            yield from _dynamic(f"{key}.{name}", each)


def missing_files(
    variant: BuildVariant, root: Path, plan: Callable[[], Iterable[str]], *, sdist: bool
) -> Iterator[tuple[str, str]]:
    """Problem and hint for each stated file that is missing, or with `sdist` that an sdist cannot contain.

    `plan` has the files of the variant, which a layout may have moved to the path in the key.
    """
    of_variant = "" if variant.name is None else f" of the variant {variant.name!r}"
    for each in stated_files(variant.pyproject, root):
        if _is_outside(each.path):
            # Other backends, such as pdm-backend, may do it differently. A wheel gets the file from its place.
            there = (root / each.path).is_file() and not (sdist and variant.sdist)
            if not there and backend_of(variant.pyproject) is not Backend.OTHER:
                yield f"{each.key}{of_variant}: {each.path} is outside {root}", _OUTSIDE
        elif not (any(_found(each, root)) or matches((f"/{each.path}",), *plan())):
            what = f"no file matches {each.path}" if has_magic(each.path) else f"no file {each.path}"
            yield f"{each.key}{of_variant}: {what} in {root}", _MISSING


def selections_without_files(
    variant: BuildVariant, tree: SourceTree, plan: Callable[[], Iterable[str]]
) -> Iterator[tuple[str, str | None]]:
    """Problem and hint for each path in the tables of hatchling and poetry-core without files; for a pattern no hint."""
    named = [each for each in named_paths(variant.pyproject) if not _is_outside(each.path)]
    files = {*plan(), *named_though_ignored(tree, variant.pyproject)} if named else set()
    for each in named:
        path = normal(each.path)
        if each.is_pattern:
            if not matches((each.path,), *files):
                yield f"{each.key}: {each.path!r} matches no file that can be packed", None
        elif path and not any(file == path or file.startswith(f"{path}/") for file in files):
            there = tree.root / path
            if not there.exists():
                yield f"{each.key}: no file or folder {path} in {tree.root}", _MISSING
            elif there.is_file() or any(there.rglob("*")):
                yield f"{each.key}: git ignores every file of {path}, so none is packed", _NAME_IT
            else:
                yield f"{each.key}: no file in {path}", _MISSING
