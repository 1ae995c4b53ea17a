"""Where build backends read a version that is not in `[project]`: the literals that a release has to change.

What a backend says in the end is asked of it, in `commands.version_trial`. Here is only what is needed to write
another version: where each of them keeps it, as its documentation tells. Backends that take the version from a
tag have no such place.
"""

from __future__ import annotations

import ast
import configparser
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from publish_all._build_system import backend_of
from publish_all._toml import TOMLDecodeError, loads
from publish_all.errors import VersionError
from publish_all.version.attribute import NAME, Attribute, read_attribute, read_expression
from publish_all.version.place import (
    Files,
    Place,
    attribute_place,
    cargo_places,
    first_match,
    text_places,
)
from publish_all.version.source_file import Read
from publish_all.version.static import project_name, table

# hatchling.version.core.DEFAULT_PATTERN, and pdm.backend.hooks.version: resolve_version_from_file.
_HATCH = r"""(?i)^(__version__|VERSION)(?: ?\: ?str)? *= *(['"])v?(?P<version>.+?)\2"""
_PDM = r"""^(?:__version__|VERSION)\s*=\s*["'](.+?)["']\s*(?:#.*)?$"""
_FLIT_FILES = ("__init__.py", "version.py", "_version.py", "__version__.py")
_SECTION = re.compile(r"^\[(?P<name>[^\]\r\n]+)\]", re.MULTILINE)
_CFG_VERSION = re.compile(
    r"^version[ \t]*[=:][ \t]*(?P<version>[^\s;#]+)[ \t]*\r?$", re.MULTILINE | re.IGNORECASE
)


class Unwritable(NamedTuple):
    """A place that a backend reads, and why no version can be written there."""

    reason: str


def backend_places(root: Path, pyproject: Mapping[str, Any], read: Read) -> Iterator[Place | Unwritable]:
    """The places that the project's backend reads the version from, as far as it keeps it in files."""
    backend = backend_of(pyproject)
    files = Files(root, read)
    for name, find in _KINDS.items():
        if backend == name or backend.startswith((f"{name}.", f"{name}:")):
            yield from _told(find(files, pyproject), root)


def _told(found: Iterator[Place | Unwritable], root: Path) -> Iterator[Place | Unwritable]:
    """What goes wrong when a place is read is why it can't be written."""
    try:
        yield from found
    except VersionError as error:
        yield Unwritable(error.message.replace(f"{root}/", ""))


def _hatchling(files: Files, pyproject: Mapping[str, Any]) -> Iterator[Place | Unwritable]:
    """https://hatch.pypa.io/latest/version/: `regex` by default, `code`; `env` and plugins are elsewhere."""
    stated = {**table(pyproject, "tool", "hatch"), **_hatch_toml(files)}.get("version", {})
    path = stated.get("path")
    if not isinstance(path, str):
        return
    match stated.get("source", "regex"):
        case "regex":
            yield from _by_pattern(files, path, stated.get("pattern") or _HATCH, "version")
        case "code":
            expression = str(stated.get("expression") or NAME)
            if expression.isidentifier():
                yield _attribute(files, pyproject, files.root / path, expression)
            else:
                yield Unwritable(f"{path}: the expression {expression!r} is run to tell the version")


def _hatch_toml(files: Files) -> Mapping[str, Any]:
    try:
        return loads((files.root / "hatch.toml").read_text(encoding="utf-8"))
    except (OSError, TOMLDecodeError, UnicodeDecodeError):  # hatchling says what is wrong with it
        return {}


def _pdm(files: Files, pyproject: Mapping[str, Any]) -> Iterator[Place | Unwritable]:
    """https://backend.pdm-project.org/metadata/#dynamic-project-version."""
    stated = table(pyproject, "tool", "pdm", "version")
    path = stated.get("path")
    if isinstance(path, str) and stated.get("source", "file") == "file":
        yield from _by_pattern(files, path, stated.get("pattern") or _PDM, 1)
    elif stated.get("source") == "call":
        yield Unwritable(f"pyproject.toml: {stated.get('getter')} is called to tell the version")


def _flit(files: Files, pyproject: Mapping[str, Any]) -> Iterator[Place | Unwritable]:
    """https://flit.pypa.io/en/stable/pyproject_toml.html#module-section: `__version__` of the module."""
    name = table(pyproject, "tool", "flit", "module").get("name") or project_name(pyproject) or ""
    path = str(name).replace("-", "_").replace(".", "/")
    found = [
        files.root / folder / each
        for folder in (path, f"src/{path}")
        for each in _FLIT_FILES
        if (files.root / folder / each).is_file()
    ]
    found += [each for each in (files.root / f"{path}.py", files.root / f"src/{path}.py") if each.is_file()]
    problems: list[VersionError] = []
    for each in found:
        try:
            yield _attribute(files, pyproject, each, NAME)
            return
        except VersionError as error:  # the version may be in another one of them
            problems.append(error)
    if problems:
        raise problems[0]


def _maturin(files: Files, pyproject: Mapping[str, Any]) -> Iterator[Place | Unwritable]:
    """https://www.maturin.rs/metadata: from Cargo.toml, in its package or its workspace."""
    manifest = files.root / str(table(pyproject, "tool", "maturin").get("manifest-path", "Cargo.toml"))
    found = [*cargo_places(files, manifest)] if manifest.is_file() else []
    if manifest.is_file() and not found and (files.root / "Cargo.toml").is_file():
        found = [*cargo_places(files, files.root / "Cargo.toml")]
    yield from found


def _setuptools(files: Files, pyproject: Mapping[str, Any]) -> Iterator[Place | Unwritable]:
    """https://setuptools.pypa.io/en/latest/userguide/pyproject_config.html#dynamic-metadata, setup.cfg, setup.py."""
    tool = table(pyproject, "tool", "setuptools")
    stated = table(tool, "dynamic", "version")
    folders = _package_folders(tool.get("package-dir"), table(tool, "packages", "find").get("where"))
    cfg = _setup_cfg(files.root)
    folders += _package_folders(
        _cfg_mapping(cfg.get("options", "package_dir", fallback="")),
        cfg.get("options.packages.find", "where", fallback="").split(),
    )
    if isinstance(attribute := stated.get("attr"), str):
        yield _of_module(files, pyproject, attribute, folders)
    yield from _whole_files(files, stated.get("file"))
    yield from _told(_in_setup_cfg(files, pyproject, cfg, folders), files.root)
    if (files.root / "setup.py").is_file():
        yield from _told(_in_setup_py(files, pyproject), files.root)


def _in_setup_cfg(
    files: Files,
    pyproject: Mapping[str, Any],
    cfg: configparser.ConfigParser,
    folders: Sequence[tuple[str, str]],
) -> Iterator[Place | Unwritable]:
    version = cfg.get("metadata", "version", fallback="").strip()
    directive, colon, rest = version.partition(":")
    if not version:
        return
    if colon and directive == "attr":
        yield _of_module(files, pyproject, rest.strip(), folders)
    elif colon and directive == "file":
        yield from _whole_files(files, [each.strip() for each in rest.split(",")])
    else:
        yield from text_places(files, files.root / "setup.cfg", _version_in_cfg, key="metadata.version")


def _in_setup_py(files: Files, pyproject: Mapping[str, Any]) -> Iterator[Place | Unwritable]:
    path, name = files.root / "setup.py", "the version in setup()"

    def ask(read: Read) -> Attribute | None:
        own_name = project_name(pyproject)
        return read_expression(path, _version_of_setup, name=name, own_name=own_name, read=read)

    if ask(files.read) is not None:
        yield attribute_place(files, _surely(ask), key=name)


def _surely(ask: Callable[[Read], Attribute | None]) -> Callable[[Read], Attribute]:
    def again(read: Read) -> Attribute:
        found = ask(read)
        if found is None:
            msg = "the version is gone"
            raise VersionError(msg)
        return found

    return again


def _version_of_setup(tree: ast.Module) -> ast.expr | None:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="setup") | ast.Attribute(attr="setup"), keywords=keywords):
                return next((each.value for each in keywords if each.arg == "version"), None)
    return None


def _setup_cfg(root: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(root / "setup.cfg", encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):  # setuptools says what is wrong in it
        return configparser.ConfigParser(interpolation=None)
    return parser


def _cfg_mapping(text: str) -> dict[str, str]:
    pairs = (each.partition("=") for each in re.split(r"[\n,]", text) if each.strip())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _version_in_cfg(text: str) -> Sequence[tuple[int, int]]:
    for section in _SECTION.finditer(text):
        if section["name"].strip() == "metadata":
            following = _SECTION.search(text, section.end())
            match = _CFG_VERSION.search(text, section.end(), following.start() if following else len(text))
            return [match.span("version")] if match else []
    return []


def _package_folders(package_dir: object, where: object) -> list[tuple[str, str]]:
    """Package and folder, as in setuptools' `package-dir`: the empty name is all others."""
    stated = package_dir if isinstance(package_dir, Mapping) else {}
    found = [(str(name), str(folder)) for name, folder in stated.items()]
    return found + [("", str(each)) for each in (where if isinstance(where, list) else ())]


def _of_module(
    files: Files, pyproject: Mapping[str, Any], attribute: str, folders: Sequence[tuple[str, str]]
) -> Place | Unwritable:
    """`package.module.NAME`, in the folder that the configuration names, in `src` or at the root."""
    module, _, name = attribute.strip().rpartition(".")
    parts = module.split(".") if module else []
    for package, folder in (*sorted(folders, reverse=True), ("", "src"), ("", "")):
        above = package.split(".") if package else []
        if parts[: len(above)] != above:
            continue
        stem = files.root / PurePosixPath(folder, *parts[len(above) :])
        for path in (stem / "__init__.py", stem.with_name(f"{stem.name}.py")):
            if path.is_file():
                return _attribute(files, pyproject, path, name)
    return Unwritable(f"no file of the module {module!r} is found, which {attribute!r} is in")


def _attribute(files: Files, pyproject: Mapping[str, Any], path: Path, name: str) -> Place:
    def ask(read: Read) -> Attribute:
        return read_attribute(path, name=name, own_name=project_name(pyproject), read=read)

    return attribute_place(files, ask, key=name)


def _by_pattern(files: Files, path: str, pattern: object, group: str | int) -> Iterator[Place | Unwritable]:
    try:
        compiled = re.compile(str(pattern), re.MULTILINE)
    except re.error as error:
        yield Unwritable(f"{path}: the pattern {pattern!r} is not a regular expression: {error}")
        return
    if group != 1 and group not in compiled.groupindex:
        yield Unwritable(f"{path}: the pattern {pattern!r} has no group {group!r}")
        return
    yield from text_places(files, files.root / path, first_match(compiled, group), key=str(pattern))


def _whole_files(files: Files, stated: object) -> Iterator[Place | Unwritable]:
    """Files that hold the version and nothing else but white space."""
    names = [stated] if isinstance(stated, str) else stated if isinstance(stated, list) else []
    for name in names:
        path = files.root / str(name)
        if len(files.text(path).split()) == 1 and len(names) == 1:
            yield from text_places(files, path, first_match(re.compile(r"\S+"), 0), key="the whole file")
        else:
            yield Unwritable(f"{name}: it holds more than the version")


_KINDS: Mapping[str, Callable[[Files, Mapping[str, Any]], Iterator[Place | Unwritable]]] = {
    "hatchling": _hatchling,
    "pdm": _pdm,
    "flit_core": _flit,
    "maturin": _maturin,
    "setuptools": _setuptools,
}
