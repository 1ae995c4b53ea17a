"""The tables of build backends in pyproject.toml, and how a variant changes them.

Most backends find the package by the distribution's name. A renamed variant must name the package that the
base would have found, so `pinned` writes it into the configuration. `arrange` configures the files that a variant
adds to the wheel, and removes what names files that it leaves out.
"""

from __future__ import annotations

import copy
import glob
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from packaging.utils import canonicalize_name

from publish_all._build_system import Backend, backend_of
from publish_all._toml import Table, table
from publish_all.builders.select import matches, texts
from publish_all.builders.source_tree import SourceTree, normal
from publish_all.variants.variant import BuildVariant

# The tables of hatchling that map a path in the project to a place in the wheel.
HATCH_MAPS = ("force-include", "shared-data", "shared-scripts", "extra-metadata")
_HATCH_WHEEL = ("tool", "hatch", "build", "targets", "wheel")
_HATCH_SDIST = ("tool", "hatch", "build", "targets", "sdist")
# The options of hatchling that select the files of a wheel.
_HATCH_SELECTS = ("include", "packages", "only-include")


class Placed(NamedTuple):
    """The differences of a stage from the project.

    `additions` are added files: the path in the stage → the path in the project. `forced` is their place in the wheel:
    the path in the stage → the path inside the wheel. `dropped` are files that are not in the stage, and `hidden` those
    that the build needs, and that are not in the wheel. `kept` and `unwanted` are paths inside the wheel that the
    selection keeps and drops.
    """

    additions: Mapping[str, str] = {}
    forced: Mapping[str, str] = {}
    dropped: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    unwanted: frozenset[str] = frozenset()


AS_IN_THE_PROJECT = Placed()


def is_poetry(pyproject: Mapping[str, Any]) -> bool:
    """Whether the backend is poetry-core, or one around it."""
    backend, poetry = backend_of(pyproject), table(pyproject, "tool", "poetry")
    return backend is Backend.POETRY_CORE or (backend is Backend.OTHER and bool(poetry))


def runs_project_code(pyproject: Mapping[str, Any]) -> bool:
    """Whether hatchling or poetry-core run hooks or a build script of the project."""
    hatch = table(pyproject, "tool", "hatch")
    return any(_hatch_hooks(pyproject)) or bool(
        table(hatch, "metadata", "hooks") or table(pyproject, "tool", "poetry").get("build")
    )


def _hatch_hooks(pyproject: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for part in _hatch_parts(pyproject).values():
        yield table(part, "hooks")


def _hatch_parts(pyproject: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The tables of hatchling with file selections, by their key paths."""
    build = table(pyproject, "tool", "hatch", "build")
    targets = {kind: table(build, "targets", kind) for kind in ("wheel", "sdist")}
    return {
        "tool.hatch.build": build,
        **{f"tool.hatch.build.targets.{kind}": part for kind, part in targets.items()},
    }


def needed_by_code(pyproject: Mapping[str, Any]) -> frozenset[str]:
    """Paths in the options of hatchling's hooks and of poetry-core's build script."""
    hooks = [*_hatch_hooks(pyproject), table(pyproject, "tool", "hatch", "metadata", "hooks")]
    script = table(pyproject, "tool", "poetry").get("build")
    return frozenset(normal(os.path.normpath(each)) for each in texts([*hooks, script]))


class NamedPath(NamedTuple):
    """A path or a glob pattern in pyproject.toml, relative to its folder, and the key with it."""

    key: str
    path: str
    is_pattern: bool = False


def named_paths(pyproject: Mapping[str, Any]) -> Iterator[NamedPath]:
    """The paths that must have files: hatchling and poetry-core pack the rest without a message.

    None if hooks or a build script may create them (pypa/hatch#1283, python-poetry/poetry#9556).
    """
    if runs_project_code(pyproject):
        return
    backend = backend_of(pyproject)
    if backend is Backend.HATCHLING:
        for where, part in _hatch_parts(pyproject).items():
            for key in ("packages", "only-include", *HATCH_MAPS):
                yield from (NamedPath(f"{where}.{key}", str(each)) for each in part.get(key, ()))
            for key in ("include", "artifacts"):
                patterns = (str(each) for each in part.get(key, ()))
                yield from (
                    NamedPath(f"{where}.{key}", each, True) for each in patterns if not each.startswith("!")
                )
    elif backend is Backend.POETRY_CORE:
        poetry = table(pyproject, "tool", "poetry")
        for entry in poetry.get("packages", ()):
            path = _poetry_path(entry)
            yield NamedPath("tool.poetry.packages", path, glob.has_magic(path))
        for entry in poetry.get("include", ()):
            path = str(entry.get("path", "") if isinstance(entry, Mapping) else entry)
            yield NamedPath("tool.poetry.include", path, glob.has_magic(path))


def _poetry_path(entry: Mapping[str, Any]) -> str:
    """The folder or file of an entry of `packages`, or a pattern of them."""
    return PurePosixPath(str(entry.get("from", "")), str(entry["include"]).strip("/")).as_posix()


def named_though_ignored(tree: SourceTree, pyproject: Mapping[str, Any]) -> Iterator[str]:
    """Ignored files that hatchling or poetry-core packs nevertheless, because their tables name them."""
    parts = _hatch_parts(pyproject).values()
    if any(part.get("ignore-vcs") for part in parts):
        yield from tree.ignored(["."])
        return
    for path in (normal(each) for part in parts for key in HATCH_MAPS for each in part.get(key, ())):
        if path and not PurePosixPath(path).is_absolute() and ".." not in path.split("/"):
            yield from (each for each in tree.named(path) if each not in tree.file_set)
    patterns = [str(each) for part in parts for each in part.get("artifacts", ())]
    stated = table(pyproject, "tool", "poetry").get("include", ())
    includes = [each.get("path", "") if isinstance(each, Mapping) else each for each in stated]
    patterns += [f"/{each}" for each in includes]
    if patterns:
        yield from (each for each in tree.ignored(["."]) if matches(patterns, each))


def pinned(variant: BuildVariant, root: Path) -> Table:
    """A deep copy of the variant's pyproject in which the default selection of the base's name is explicit.

    `root` is the folder of the build: the project or its stage. Unchanged if the
    name is the base's, if the selection is explicit, and for backends that do not use the name.
    """
    pyproject = copy.deepcopy(dict(variant.pyproject))
    if canonicalize_name(variant.project) == canonicalize_name(variant.selection_name):
        return pyproject
    backend = backend_of(pyproject)
    module = _module_name(variant.selection_name)
    if is_poetry(pyproject):
        _pin_poetry(pyproject, module, root)
    elif backend is Backend.FLIT:
        name = _keeping_stubs(variant.selection_name, lambda text: text.replace("-", "_"))
        made_table(pyproject, "tool", "flit", "module").setdefault("name", name)
    elif backend is Backend.UV:
        name = _keeping_stubs(canonicalize_name(variant.selection_name), _module_name)
        made_table(pyproject, "tool", "uv", "build-backend").setdefault("module-name", name)
    elif backend is Backend.SCIKIT_BUILD:
        for path in (f"src/{module}", f"python/{module}", module):
            if (root / path / "__init__.py").is_file():
                made_table(pyproject, "tool", "scikit-build", "wheel").setdefault("packages", [path])
                break
    elif backend is Backend.HATCHLING:
        _pin_hatchling(pyproject, variant.selection_name, root)
    return pyproject


def _pin_hatchling(pyproject: Table, name: str, root: Path) -> None:
    """Where hatchling looks, in this order, unless files are stated.

    https://hatch.pypa.io/latest/plugins/builder/wheel/#default-file-selection
    """
    if any(_stated(pyproject, _HATCH_WHEEL, key) for key in _HATCH_SELECTS):
        return
    wheel = made_table(pyproject, *_HATCH_WHEEL)
    for module in (re.sub(r"[^\w.]+", "_", name), _module_name(name)):
        for folder in ("", "src/"):
            if (root / folder / module / "__init__.py").is_file():
                wheel["packages"] = [f"{folder}{module}"]
                return
        if (root / f"{module}.py").is_file():
            wheel["only-include"] = [f"{module}.py"]
            return
        namespaces = list(root.glob(f"*/{module}/__init__.py"))
        if len(namespaces) == 1:
            wheel["packages"] = [namespaces[0].relative_to(root).parts[0]]
            return


def _pin_poetry(pyproject: Table, module: str, root: Path) -> None:
    """The default packages of poetry-core: NAME/, NAME.py, src/NAME/, src/NAME.py (its `Module`)."""
    if table(pyproject, "tool", "poetry").get("packages"):
        return
    for folder in ("", "src"):
        for found in (module, f"{module}.py"):
            if (root / folder / found).exists():
                entry = {"include": found, "from": folder} if folder else {"include": found}
                made_table(pyproject, "tool", "poetry").setdefault("packages", [entry])
                return


def _module_name(selection_name: str) -> str:
    """The import name that backends derive from a distribution's name."""
    return canonicalize_name(selection_name).replace("-", "_")


def _keeping_stubs(name: str, rule: Callable[[str], str]) -> str:
    """The module of a project's name by the rule of a backend that keeps the suffix of stub-only packages.

    Their folder is called `foo-stubs` (PEP 561). flit and uv find it by the name, hatchling and poetry-core do not.
    """
    stub = name.removesuffix("-stubs")
    return rule(name) if stub == name else f"{rule(stub)}-stubs"


def made_table(pyproject: Table, *path: str) -> Table:
    """The table at a key path, made where it is missing."""
    for key in path:
        pyproject = pyproject.setdefault(key, {})
    return pyproject


def arrange(pyproject: Table, placed: Placed, before: Collection[str]) -> None:
    """Change the tables of the backend for a stage in which the files are `placed`; `before` are its files without that."""

    def gone(path: str) -> bool:
        """Whether there were files at this path or pattern, and none is left."""
        found = [each for each in before if matches((f"/{path}",), each)]
        return bool(found) and placed.dropped.issuperset(found)

    backend = backend_of(pyproject)
    if is_poetry(pyproject):
        _arrange_poetry(pyproject, placed, gone)
    elif backend is Backend.HATCHLING:
        _arrange_hatchling(pyproject, placed, gone)
    elif backend is Backend.SETUPTOOLS:
        packages = table(pyproject, "tool", "setuptools").get("packages")
        if isinstance(packages, list):  # setuptools refuses packages without files
            folders = {each: each.replace(".", "/") for each in packages}
            pyproject["tool"]["setuptools"]["packages"] = [
                each
                for each, folder in folders.items()
                if not gone(f"**/{folder}") or matches((f"/{folder}",), *placed.forced.values())
            ]
        state_package_data(pyproject, placed.forced.values())


def _arrange_hatchling(pyproject: Table, placed: Placed, gone: Callable[[str], bool]) -> None:
    """Hatchling refuses a mapped path that does not exist.

    What `force-include` puts into the wheel must be in the same place in the sdist, which is built to the same wheel.
    """
    for part in _hatch_parts(pyproject).values():
        for key in set(HATCH_MAPS) & part.keys():
            for source in [each for each in part[key] if gone(glob.escape(normal(each)))]:
                del part[key][source]
    if placed.hidden:
        excluded = [*(_stated(pyproject, _HATCH_WHEEL, "exclude") or ()), *map(_exact, sorted(placed.hidden))]
        made_table(pyproject, *_HATCH_WHEEL)["exclude"] = excluded
    stated = _stated(pyproject, _HATCH_WHEEL, "force-include") or {}
    if placed.forced:
        made_table(pyproject, *_HATCH_WHEEL)["force-include"] = {**stated, **placed.forced}
    sources = [normal(each) for each in (*stated, *placed.forced)]
    carried = {each: each for each in sources if not (Path(each).is_absolute() or each.startswith("../"))}
    if carried:
        shared = table(pyproject, "tool", "hatch", "build").get("force-include", {})
        own = {source: target for source, target in shared.items() if normal(source) not in carried}
        own = table(pyproject, *_HATCH_SDIST).get("force-include", own)
        made_table(pyproject, *_HATCH_SDIST)["force-include"] = {**own, **carried}


def _exact(path: str) -> str:
    """The gitignore pattern that matches this path from the root, and nothing else."""
    escaped = "".join(f"\\{each}" if each in "\\*?[]!#" else each for each in path)
    return "/" + (f"{escaped[:-1]}\\ " if escaped.endswith(" ") else escaped)


def _stated(pyproject: Mapping[str, Any], target: tuple[str, ...], key: str) -> Any:
    """An option as hatchling looks it up: the target's, else that of all targets, else None."""
    return table(pyproject, *target).get(key, table(pyproject, "tool", "hatch", "build").get(key))


def _arrange_poetry(pyproject: Table, placed: Placed, gone: Callable[[str], bool]) -> None:
    """poetry-core refuses an entry of `packages` without files. It reads paths as globs, in which `[slug].js` matches `s.js`."""
    poetry = dict(table(pyproject, "tool", "poetry"))
    if "packages" in poetry:
        poetry["packages"] = [each for each in poetry["packages"] if not gone(_poetry_path(each))]
    # Others are next to files of a package, which is packed as a whole.
    beside = [place for place, inside in placed.forced.items() if place == inside]
    if beside:
        new = [{"path": glob.escape(each), "format": ["sdist", "wheel"]} for each in beside]
        poetry["include"] = [*poetry.get("include", []), *new]
    if placed.hidden:  # an sdist has its readme and its build script nevertheless
        poetry["exclude"] = [*poetry.get("exclude", []), *map(glob.escape, sorted(placed.hidden))]
    if poetry:
        made_table(pyproject, "tool")["poetry"] = poetry


def state_package_data(pyproject: Table, insides: Iterable[str]) -> None:
    """Configure data files, which setuptools packs only if they are listed."""
    for inside in insides:
        package, _, rest = inside.partition("/")
        if not rest or inside.endswith(".py") or package.endswith(".data"):
            continue
        data = made_table(pyproject, "tool", "setuptools", "package-data")
        data.setdefault(package, []).append(glob.escape(rest))
