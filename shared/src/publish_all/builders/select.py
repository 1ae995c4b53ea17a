"""What a variant's distributions are made by and made of: the backend, and the files it selects.

Most backends find the package by the distribution's name. A renamed variant has to state what the
base would have found, so `pinned` writes it into the configuration. `narrowed` applies a variant's
own `include` and `exclude`.
"""

from __future__ import annotations

import copy
import enum
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from packaging.utils import canonicalize_name

from publish_all.builders.source_tree import SourceTree, normal
from publish_all.errors import BuildError
from publish_all.variants.tag import PlatformWheel
from publish_all.variants.variant import BuildVariant


class Backend(enum.Enum):
    """Build backends of which something must be known."""

    HATCHLING = "hatchling"
    POETRY_CORE = "poetry-core"
    SETUPTOOLS = "setuptools"
    FLIT = "flit-core"
    UV = "uv_build"
    SCIKIT_BUILD = "scikit-build-core"
    OTHER = "other"


_BACKENDS = {
    "hatchling.build": Backend.HATCHLING,
    "hatchling.ouroboros": Backend.HATCHLING,
    "poetry.core.masonry.api": Backend.POETRY_CORE,
    "poetry.masonry.api": Backend.POETRY_CORE,
    "publish_all.backends.poetry_core": Backend.POETRY_CORE,
    "setuptools.build_meta": Backend.SETUPTOOLS,
    "setuptools.build_meta:__legacy__": Backend.SETUPTOOLS,
    "flit_core.buildapi": Backend.FLIT,
    "uv_build": Backend.UV,
    "scikit_build_core.build": Backend.SCIKIT_BUILD,
}
# PEP 517: a project that states no backend has setuptools'.
_DEFAULT_BACKEND = "setuptools.build_meta:__legacy__"
_DEFAULT_REQUIRES = ("setuptools>=40.8.0",)


def backend_name(pyproject: Mapping[str, Any]) -> str:
    """`build-system.build-backend`, or setuptools' where there is none."""
    return str(_table(pyproject, "build-system").get("build-backend", _DEFAULT_BACKEND))


def backend_of(pyproject: Mapping[str, Any]) -> Backend:
    """The backend of a resolved pyproject. An in-tree backend (`backend-path`) is never one that we know."""
    if _table(pyproject, "build-system").get("backend-path"):
        return Backend.OTHER
    return _BACKENDS.get(backend_name(pyproject), Backend.OTHER)


def build_requires(pyproject: Mapping[str, Any]) -> tuple[str, ...]:
    """`build-system.requires`, or what PEP 518 says where there is none."""
    requires = _table(pyproject, "build-system").get("requires", _DEFAULT_REQUIRES)
    return tuple(str(each) for each in requires)


def is_renamed(variant: BuildVariant) -> bool:
    """Whether the backend would look for another package than under the base's name."""
    return canonicalize_name(variant.project) != canonicalize_name(variant.selection_name)


def pinned(variant: BuildVariant, root: Path) -> dict[str, Any]:
    """A deep copy of the variant's pyproject in which the default selection of the base's name is explicit.

    `root` is where the build will find the files: the project or its stage. Left as it is where the
    name is the base's, where the selection is stated, and for backends that don't go by the name.
    """
    pyproject = copy.deepcopy(dict(variant.pyproject))
    if not is_renamed(variant):
        return pyproject
    backend = backend_of(pyproject)
    module = module_name(variant.selection_name)
    if backend is Backend.POETRY_CORE or _table(pyproject, "tool", "poetry"):  # or one around poetry-core
        _pin_poetry(pyproject, module, root)
    elif backend is Backend.FLIT:
        name = _keeping_stubs(variant.selection_name, lambda text: text.replace("-", "_"))
        _setdefault(pyproject, ("tool", "flit", "module"), "name", name)
    elif backend is Backend.UV:
        name = _keeping_stubs(canonicalize_name(variant.selection_name), module_name)
        _setdefault(pyproject, ("tool", "uv", "build-backend"), "module-name", name)
    elif backend is Backend.SCIKIT_BUILD:
        _pin_scikit_build(pyproject, module, root)
    elif backend is Backend.HATCHLING:
        _pin_hatchling(pyproject, module, root)
    return pyproject


def _pin_hatchling(pyproject: dict[str, Any], module: str, root: Path) -> None:
    """Where hatchling looks (https://hatch.pypa.io/latest/plugins/builder/wheel/#default-file-selection), unless files are stated."""
    build = _table(pyproject, "tool", "hatch", "build")
    wheel = _table(build, "targets", "wheel")
    if any(key in table for table in (build, wheel) for key in ("include", "packages", "only-include")):
        return
    for key, path, file in (
        ("packages", module, f"{module}/__init__.py"),
        ("packages", f"src/{module}", f"src/{module}/__init__.py"),
        ("only-include", f"{module}.py", f"{module}.py"),
    ):
        if (root / file).is_file():
            _setdefault(pyproject, ("tool", "hatch", "build", "targets", "wheel"), key, [path])
            return


def _pin_poetry(pyproject: dict[str, Any], module: str, root: Path) -> None:
    if _table(pyproject, "tool", "poetry").get("packages"):
        return
    found = poetry_default_package(module, lambda path: (root / path).exists())
    if found is not None:
        _setdefault(pyproject, ("tool", "poetry"), "packages", [found])


def poetry_default_package(module: str, exists: Callable[[str], bool]) -> dict[str, Any] | None:
    """What poetry-core takes where no packages are stated: NAME/, NAME.py, src/NAME/, src/NAME.py (its `Module`)."""
    for folder in ("", "src"):
        for found in (module, f"{module}.py"):
            if exists(f"{folder}/{found}" if folder else found):
                return {"include": found, "from": folder} if folder else {"include": found}
    return None


def module_name(selection_name: str) -> str:
    """The import name that backends derive from a distribution's name."""
    return canonicalize_name(selection_name).replace("-", "_")


def _keeping_stubs(name: str, rule: Callable[[str], str]) -> str:
    """The module of a project's name by a backend's rule, where the backend keeps the end of stub-only packages.

    Their folder is called `foo-stubs` (PEP 561). flit and uv find it by the name, hatchling and poetry-core do not.
    """
    stub = name.removesuffix("-stubs")
    return rule(name) if stub == name else f"{rule(stub)}-stubs"


def _pin_scikit_build(pyproject: dict[str, Any], module: str, root: Path) -> None:
    found = [
        path
        for path in (f"src/{module}", f"python/{module}", module)
        if (root / path / "__init__.py").is_file()
    ]
    if found:
        _setdefault(pyproject, ("tool", "scikit-build", "wheel"), "packages", found[:1])


def _setdefault(pyproject: dict[str, Any], path: tuple[str, ...], key: str, value: Any) -> None:
    table = pyproject
    for each in path:
        table = table.setdefault(each, {})
    table.setdefault(key, value)


def _table(pyproject: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    found: Any = pyproject
    for each in path:
        found = found.get(each) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


class Shipped:
    """What a builder that works in the project itself may ship: what git does not ignore, and no output.

    `leave_out` names folders that hold output. `forced` names files and folders (relative to the root) which a
    variant includes by force: all of them is shipped, ignored by git or not.
    """

    def __init__(
        self, tree: SourceTree, *, leave_out: Iterable[Path] = (), forced: Iterable[str] = ()
    ) -> None:
        self.tree = tree
        folders = [each.resolve() for each in leave_out]
        self._output = tuple(f"{each}/" for each in (_below(each, tree.root) for each in folders) if each)
        self._holds_output = tree.root in folders
        self._forced = frozenset(forced)
        self._named_files: dict[str, frozenset[str]] = {}

    def allows(self, path: str, *, ignore_vcs: bool = False) -> bool:
        """Whether a file at this path, relative to the root, may be shipped. `ignore_vcs` ships what git ignores, too."""
        path = _composed(path)
        if path.startswith(self._output):
            return False
        if ignore_vcs or not self.tree.in_git:
            return not self._holds_output or "/" in path or path in self._known
        is_link = self._known.get(path)
        if is_link is not None:
            return not is_link or self._allows_target(self.tree.root / path)
        # hatchling follows links to folders, where git lists the link alone.
        listed = any(str(each) in self._known for each in PurePosixPath(path).parents)
        return listed and self._allows_target(self.tree.root / path)

    def allows_forced(self, source: str, path: str) -> bool:
        """The same for a file at or below `source`, both absolute, which is included by force."""
        below, inside = _below(Path(source), self.tree.root), _relative(path, self.tree.root)
        if inside is not None and inside.startswith(self._output):
            return False
        if below is None or inside is None or below not in self._forced:
            return True
        named = self._named(below)
        return inside in named or any(str(each) in named for each in PurePosixPath(inside).parents)

    def holds(self, path: str) -> bool:
        """Whether any file at or below a path, relative to the root, belongs to the project."""
        path = _composed(path)
        return path in self._known or any(each.startswith(f"{path}/") for each in self._known)

    def _allows_target(self, link: Path) -> bool:
        """A link that leads out of the project is followed; one into the project must not lead to what git ignores."""
        target = _relative(str(link.resolve()), self.tree.root)
        return target is None or _composed(target) in self._known

    def _named(self, path: str) -> frozenset[str]:
        if path not in self._named_files:
            self._named_files[path] = frozenset(self.tree.named(path))
        return self._named_files[path]

    @cached_property
    def _known(self) -> dict[str, bool]:
        """Path → whether it is a symbolic link."""
        links = self.tree.links
        return {_composed(path): path in links for path in self.tree.files}


def _composed(path: str) -> str:
    """macOS: git gives names in composed form, the file system need not."""
    path = path.replace(os.sep, "/")
    return path if path.isascii() else unicodedata.normalize("NFC", path)


def _below(path: Path, root: Path) -> str | None:
    """The resolved path below the root; None for one that is elsewhere, and for the root itself."""
    return normal(_relative(str(path.resolve()), root) or "") or None


def _relative(path: str, root: Path) -> str | None:
    """The path below the root, with slashes; None for one that is elsewhere."""
    try:
        relative = os.path.relpath(path, root).replace(os.sep, "/")
    except ValueError:  # on another drive of Windows
        return None
    return None if relative.startswith("../") or relative == ".." else relative


def refuse_undecodable(paths: Iterable[str], root: Path) -> None:
    """Raise `BuildError` for a file whose name is not UTF-8, the one encoding of names in wheels and sdists."""
    for path in paths:
        if path.isascii():
            continue
        try:
            path.encode()
        except UnicodeEncodeError as error:
            shown = os.fsencode(path).decode(errors="backslashreplace")
            msg = f"the name of a file in {root} is not valid UTF-8: {shown}"
            raise BuildError(
                msg, hint="Rename the file: wheels and sdists hold names in UTF-8 only."
            ) from error


def narrowed(variant: BuildVariant, files: Mapping[str, str]) -> frozenset[str]:
    """Which of a wheel's files the variant's `include` and `exclude` keep.

    `files` maps the path inside the wheel to the path in the project (or stage); a pattern may mean
    either. What `force-include` puts in is not asked here. Raises `BuildError` for a pattern that
    matches nothing, and when nothing is left.
    """
    _refuse_idle(variant, "include", variant.include, files)
    _refuse_idle(variant, "exclude", variant.exclude, files)
    kept = frozenset(
        inside
        for inside, path in files.items()
        if (not variant.include or matches(variant.include, inside, path))
        and not matches(variant.exclude, inside, path)
    )
    if files and not kept and not variant.force_include:
        msg = f"{key_path(variant, 'exclude')}: no file of {variant.label} is left"
        raise BuildError(msg, hint="Narrow `exclude`, or widen `include`.")
    return kept


def excluded_beside(
    variant: BuildVariant, sources: Mapping[str, str], wheel: Iterable[str]
) -> frozenset[str]:
    """Which files that only the sdist holds the variant's `exclude` leaves out: sources beside excluded modules.

    `sources` maps the path in the project to the one that the file would have inside the wheel; `wheel` are the paths
    in it. Only the folders of the wheel's packages are looked at: `tests` or `*.md` does not mean what is beside them.
    """
    packages = {each.split("/")[0] for each in wheel if "/" in each}
    return frozenset(
        path
        for path, inside in sources.items()
        if inside.split("/")[0] in packages and matches(variant.exclude, inside, path)
    )


def key_path(variant: BuildVariant, key: str, item: str | None = None) -> str:
    """Where a variant's key is configured, for messages; with `item`, that which holds this pattern or path."""
    if variant.wheel is not None and item is not None and item in _stated_by_wheel(variant.wheel, key):
        return f"{variant.wheel.where}.{key}"
    if variant.name is None:
        return f"tool.publish-all.{key}"
    return f"tool.publish-all.variants.{variant.name}.{key}"


def _stated_by_wheel(wheel: PlatformWheel, key: str) -> Iterable[str]:
    stated: Mapping[str, Iterable[str]] = {
        "include": wheel.include,
        "exclude": wheel.exclude,
        "force-include": (*wheel.force_include, *(each.rstrip("/") for each in wheel.force_include.values())),
    }
    return stated.get(key, ())


def missing_forced(variant: BuildVariant, names: Iterable[str]) -> tuple[str, ...]:
    """The targets of `force-include` that are not among the `names` of a wheel's members."""
    members = frozenset(names)
    return tuple(
        target
        for target in (each.rstrip("/") for each in variant.force_include.values())
        if target not in members and not any(member.startswith(target + "/") for member in members)
    )


def matches(patterns: Sequence[str], *paths: str) -> bool:
    """Whether one of the gitignore-like patterns matches one of the paths, or a folder above it."""
    return any(_compiled(pattern).match(path) for pattern in patterns for path in paths)


def _refuse_idle(variant: BuildVariant, key: str, patterns: Sequence[str], files: Mapping[str, str]) -> None:
    for pattern in patterns:
        expression = _compiled(pattern)
        if not any(expression.match(inside) or expression.match(path) for inside, path in files.items()):
            msg = f"{key_path(variant, key, pattern)}: '{pattern}' matches no file of {variant.label}"
            hint = "Patterns are matched against paths inside the wheel, such as `package/module.py` or `package/data/**`."
            if "\\" in pattern:
                hint += " Write `/` between folders: a backslash makes the next character mean itself."
            raise BuildError(msg, hint=hint)


# One piece of a pattern: an escaped character, stars, a question mark, a set, or a character that means itself.
_PIECE = re.compile(
    r"\\(?P<escaped>.)|(?P<stars>\*+)|(?P<any>\?)|\[(?P<negated>[!^]?)(?P<set>\]?(?:\\.|[^\]\\])*)\]|(?P<plain>.)",
    re.DOTALL,
)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    """A gitignore pattern without negation (gitignore(5), PATTERN FORMAT).

    A backslash makes the next character mean itself, on Windows too: folders are parted by `/` everywhere.
    """
    text = pattern.rstrip("/")
    anchored = "/" in text
    text = text.lstrip("/")
    parts = text.split("/")
    expression = ""
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part == "**":
            expression += ".+" if last else "(?:.+/)?"
        else:
            expression += "".join(map(_piece, _PIECE.finditer(part))) + ("" if last else "/")
    start = "" if anchored else "(?:.*/)?"
    return re.compile(f"{start}{expression}(?:/.*)?\\Z", re.DOTALL)


def _piece(found: re.Match[str]) -> str:
    if found["stars"]:
        return "[^/]*"
    if found["any"]:
        return "[^/]"
    if found["set"] is not None:
        return _set(found["set"], negated=bool(found["negated"]))
    return re.escape(found["escaped"] or found["plain"])


def _set(content: str, *, negated: bool) -> str:
    """A set such as `[a-z_]`. A hyphen between two characters makes a range; no set matches a slash."""
    pieces = re.findall(r"\\?.", content, re.DOTALL)
    inner = "".join(
        "-" if piece == "-" and 0 < index < len(pieces) - 1 else re.escape(piece[-1])
        for index, piece in enumerate(pieces)
    )
    expression = f"(?!/)[{'^' if negated else ''}{inner}]"
    try:
        re.compile(expression)
    except re.error:  # a range from a later to an earlier character: it holds nothing
        return "(?!)"
    return expression
