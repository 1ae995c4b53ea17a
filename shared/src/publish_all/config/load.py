"""Find, read and parse the pyproject.toml of a project with the line of each key, and those of its workspace.

A workspace has several projects in one repository, with their order and the settings that they inherit. It is configured
in `[tool.publish-all.workspace]`, or in another tool:
`[tool.uv.workspace]` (https://docs.astral.sh/uv/concepts/projects/workspaces/), the `workspace` of an environment of
Hatch (https://hatch.pypa.io/latest/how-to/environment/workspace/), or path dependencies of Poetry
(https://python-poetry.org/docs/dependency-specification/#path-dependencies).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from publish_all._toml import TOMLDecodeError, loads, table
from publish_all.config.builtin import normalized
from publish_all.config.kinds import DIRECTORY
from publish_all.config.model import EMPTY, ProjectConfig, RepositoryConfig, VersionConfig
from publish_all.config.parse import PYPROJECT, TABLE, parse_project
from publish_all.config.reading import did_you_mean, dotted
from publish_all.errors import ConfigurationError, UsageError

_STATES = re.compile(rb"workspace|\bpath\s*=")
"""Text that a pyproject.toml with a workspace contains."""
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_INHERITED = ("publish-to", "repositories", "version")
_HINT = 'Add them to pyproject.toml: [tool.publish-all.workspace] members = ["packages/*"]'
_PART = r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')"""
_DOTTED = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_HEADER = re.compile(rf"\s*\[\[?[ \t]*({_DOTTED})[ \t]*\]\]?\s*(?:#|$)")
_ASSIGNED = re.compile(rf"\s*({_DOTTED})[ \t]*=")


def find_pyproject(directory: Path) -> Path:
    """The first pyproject.toml in a folder or above it. Raises `ConfigurationError`."""
    if not directory.is_dir():
        msg = f"no folder {directory} found"
        raise ConfigurationError(msg, hint="Use -C with the folder of a project.")
    found = search_pyproject(directory)
    if found is None:
        msg = f"no {PYPROJECT} found in {directory} or its parent folders"
        hint = "Run this command in a project, or set its folder with -C."
        old = next((name for name in ("setup.py", "setup.cfg") if (directory / name).is_file()), None)
        if old is not None:
            hint = f"Run `publish-all init` to create one. {old} is not changed."
        raise ConfigurationError(msg, hint=hint)
    return found


def search_pyproject(directory: Path) -> Path | None:
    """As `find_pyproject`, but None if there is none."""
    start = Path(os.path.normpath(directory.absolute()))  # without "..", and links are not followed
    for folder in (start, *start.parents):
        if (folder / PYPROJECT).is_file():
            return folder / PYPROJECT
    return None


def load_project(directory: Path, members: Sequence[str] | None = None) -> ProjectConfig:
    """The configuration of the project at or above `directory`, including the settings that it inherits in a workspace.

    With `members`, the configuration of a run over these members of the workspace, or over all if empty.

    Raises `ConfigurationError` if there is no project, its file is not valid TOML, or `[tool.publish-all]` has an
    error.
    """
    if members is not None:
        return _load_workspace(directory, members)
    config = _read(find_pyproject(directory), PYPROJECT)
    found = _find(config.root)
    return _as_member(config, found.root, _reader(found)) if found is not None else config


def _read(path: Path, file: str | None = None) -> ProjectConfig:
    text = read_text(path)
    name = file or str(path)
    # Without settings of ours, no lines are needed.
    origins = file_origins(text, name) if TABLE[1] in text else EMPTY
    return parse_project(parse_toml(text, path), root=path.parent, file=name, origins=origins)


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a TOML file. Raises `FileNotFoundError`, or `ConfigurationError` with file and line."""
    if not path.is_file():
        raise FileNotFoundError(path)
    return parse_toml(read_text(path), path)


def read_text(path: Path) -> str:
    try:
        # No universal newlines: the TOML parser handles line ends, and rejects a lone carriage return.
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        msg = f"{path}:{line}: is not valid UTF-8, which TOML requires"
        raise ConfigurationError(msg, hint="Save the file as UTF-8.") from error
    except OSError as error:
        msg = f"{path}: cannot be read: {error.strerror}"
        raise ConfigurationError(msg) from error


def parse_toml(text: str, path: Path) -> dict[str, Any]:
    try:
        return loads(text)
    except TOMLDecodeError as error:
        # Its message has the line.
        bom = text.startswith("\ufeff")
        what = "starts with a byte order mark, which TOML does not allow" if bom else str(error)
        raise ConfigurationError(f"{path}: is not valid TOML: {what}") from error


def file_origins(text: str, file: str) -> Mapping[str, str]:
    """`file:line` of each key of a TOML file, by its dotted path."""
    return MappingProxyType({dotted(key): f"{file}:{line}" for key, line in key_lines(text).items()})


def key_lines(text: str) -> Mapping[tuple[str, ...], int]:
    """The first line (from 1) of each table header and each key, for messages.

    A table without a header has the line of its first key or table. Keys in an inline table have no lines; use that
    of the key of the inline table. Lines of a text that look like a key are taken for one.
    """
    lines: dict[tuple[str, ...], int] = {}
    header: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), start=1):
        if found := _HEADER.match(line):
            header = _key(found[1])
            lines.setdefault(header, number)
        elif found := _ASSIGNED.match(line):
            lines.setdefault(header + _key(found[1]), number)
    for key, number in list(lines.items()):
        for length in range(1, len(key)):
            lines.setdefault(key[:length], number)
    return lines


def _key(written: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_PART, written))


# --- workspaces


class _Workspace(NamedTuple):
    root: ProjectConfig
    folders: tuple[Path, ...]


def _load_workspace(directory: Path, names: Sequence[str]) -> ProjectConfig:
    """The configuration of a run over all members of the workspace of a folder, or over the named ones.

    Raises `ConfigurationError` if there is no workspace or two members define a repository differently, and
    `UsageError` for an unknown member.
    """
    start = Path(os.path.normpath(directory.absolute()))  # without "..", and links are not followed
    found = _find(start)
    if found is None:
        msg = f"no workspace found in {start} or its parent folders: no pyproject.toml has members"
        raise ConfigurationError(msg, hint=_HINT)
    every = _reader(found)()
    if not every:
        msg = f"{found.root.root / PYPROJECT}: no member of the workspace is a package"
        raise ConfigurationError(msg, hint=_HINT)
    known = {normalized(label(each)): each for each in every}
    for name in names:
        if normalized(name) not in known:
            msg = f"the workspace has no member {name!r}{did_you_mean(name, known)}"
            raise UsageError(msg, hint=f"Members: {', '.join(map(label, every))}")
    wanted = {*map(normalized, names)} or known.keys()
    members = tuple(each for name, each in known.items() if name in wanted)
    repositories: dict[str, RepositoryConfig] = {}
    for each in (found.root, *members):
        for name, stated_here in each.repositories.items():
            repository = _moved(stated_here, each.root)
            if repositories.setdefault(name, repository).url != repository.url:
                msg = f"{each.root / PYPROJECT}: the repository {name!r} has another URL than in the rest of the workspace"
                raise ConfigurationError(msg, hint="Rename one of them.")
    stated = tuple(dict.fromkeys(name for each in members for name in each.publish_to))
    origins = {
        key: value for each in members for key, value in each.origins.items() if key.endswith(".publish-to")
    }
    return replace(
        found.root,
        publish_to=stated,
        repositories=repositories,
        origins={**found.root.origins, **origins},
        members=members,
    )


def label(config: ProjectConfig) -> str:
    """The name of a project as written in pyproject.toml, or else the name of its folder."""
    return next(iter(_names(config)), config.root.name)


def names_of(config: ProjectConfig) -> tuple[str, ...]:
    """The normalised names of the project and its build variants, as far as pyproject.toml has them."""
    return tuple(map(normalized, _names(config)))


def _names(config: ProjectConfig) -> Iterator[str]:
    stated = (
        table(config.pyproject, "project").get("name"),
        table(config.pyproject, "tool", "poetry").get("name"),
    )
    own = next((each for each in stated if isinstance(each, str) and each), None)
    yield from [own] if own else ()
    for name, each in config.variants.items():
        yield from [each.name or f"{own}-{name}"] if each.name or own else ()


def ordered(
    hard: Mapping[str, Collection[str]], soft: Mapping[str, Collection[str]] = EMPTY
) -> dict[str, frozenset[str]]:
    """The dependencies of each member, in an order in which dependencies come first.

    A dependency that would make a circle is left out; dependencies of extras (`soft`) are left out first.
    """
    needs: dict[str, set[str]] = {name: set() for name in hard}

    def reaches(start: str, end: str) -> bool:
        seen, pending = {start}, [start]
        while pending and end not in seen:
            new = needs[pending.pop()] - seen
            seen |= new
            pending += new
        return end in seen

    for edges in (hard, soft):
        for name, others in edges.items():
            for other in sorted(others):
                if other in needs and not reaches(other, name):
                    needs[name].add(other)
    result: dict[str, frozenset[str]] = {}
    while len(result) < len(needs):
        free = next(name for name, others in needs.items() if name not in result and others <= result.keys())
        result[free] = frozenset(needs[free])
    return result


def _reader(found: _Workspace) -> Callable[[], tuple[ProjectConfig, ...]]:
    @cache
    def read() -> tuple[ProjectConfig, ...]:
        loaded = [_read(each / PYPROJECT) for each in found.folders]
        members = [_as_member(each, found.root, read) for each in loaded if _is_built(each)]
        by_name: dict[str, ProjectConfig] = {}
        for each in members:
            other = by_name.setdefault(normalized(label(each)), each)
            if other.root.resolve() != each.root.resolve():
                msg = f"{each.root / PYPROJECT}: the member {label(each)!r} has the same name as {other.root / PYPROJECT}"
                raise ConfigurationError(msg, hint="Rename one of them, or exclude it from the workspace.")
        of = {name: normalized(label(each)) for each in members for name in names_of(each)}
        edges = [
            {
                member: {of[name] for name in _required(each, optional=optional) if name in of}
                for member, each in by_name.items()
            }
            for optional in (False, True)
        ]
        return tuple(by_name[name] for name in ordered(*edges))

    return read


def _is_built(config: ProjectConfig) -> bool:
    """Whether it is built: not a root with only settings of tools, and not an application."""
    pyproject, tool = config.pyproject, table(config.pyproject, "tool")
    if table(tool, "poetry").get("package-mode") is False or table(tool, "uv").get("package") is False:
        return False
    if "project" not in pyproject and "poetry" not in tool and "flit" not in tool:
        return any((config.root / name).is_file() for name in ("setup.py", "setup.cfg"))
    # https://docs.astral.sh/uv/concepts/projects/config/#project-packaging
    return "build-system" in pyproject or table(tool, "uv").get("package") is True


def _required(config: ProjectConfig, *, optional: bool) -> Iterator[str]:
    """The dependencies for building and running, or those of the extras."""
    project = table(config.pyproject, "project")
    poetry = table(config.pyproject, "tool", "poetry", "dependencies")
    variants = (config.variant_defaults, *config.variants.values())
    lists: list[Any] = [each for extra in table(project, "optional-dependencies").values() for each in extra]
    if not optional:
        lists = [
            *project.get("dependencies", ()),
            *table(config.pyproject, "build-system").get("requires", ()),
        ]
        lists += [text for each in variants for text in each.extend_dependencies]
        lists += [text for each in variants for text in each.project.get("dependencies", ())]
    lists += [
        name
        for name, entry in poetry.items()
        if (isinstance(entry, Mapping) and bool(entry.get("optional"))) is optional
    ]
    for text in lists:
        if (match := _NAME.match(str(text))) is not None:
            yield normalized(match[1])


def _as_member(
    config: ProjectConfig, root: ProjectConfig, siblings: Callable[[], tuple[ProjectConfig, ...]]
) -> ProjectConfig:
    """The member with the settings of the root that it does not set: `publish-to`, the version table, repositories.

    Without a version table, each member has its own version and its own tags: `core-v1.4.0`.
    """
    if config.root == root.root:
        return replace(config, pin=root.workspace.pin, siblings=siblings)
    here, above = (
        {key for key in _INHERITED if key in table(each.pyproject, "tool", "publish-all")}
        for each in (config, root)
    )
    version = config.version
    if "version" not in here and "version" in above:
        path = root.version.path
        path = path and os.path.relpath(root.root / path, config.root)
        version = replace(root.version, path=path, sync=())
    elif "version" not in here:
        version = VersionConfig(tag_prefix=f"{label(config)}-v")
    inherited = {name: _moved(each, root.root) for name, each in root.repositories.items()}
    origins = {
        key: origin
        for key, origin in root.origins.items()
        if any(key.startswith(f"tool.publish-all.{name}") for name in above - here | {"repositories"})
    }
    return replace(
        config,
        publish_to=root.publish_to if "publish-to" in above - here else config.publish_to,
        repositories={**inherited, **config.repositories},
        version=version,
        origins={**origins, **config.origins},
        pin=root.workspace.pin,
        siblings=siblings,
    )


def _moved(repository: RepositoryConfig, root: Path) -> RepositoryConfig:
    """The repository with a path relative to the project that defines it."""
    url = repository.url
    if repository.kind is not DIRECTORY or url is None or "://" in url or url.startswith("~"):
        return repository
    return replace(repository, url=str(root / url))


# --- where it is configured


def _find(folder: Path) -> _Workspace | None:
    """The workspace of a folder: the nearest configured one, or else the largest one of Poetry's path dependencies."""
    top, of_paths = None, None
    for each in (folder, *folder.parents):
        if (each / ".git").exists():
            top = each
            break
    for each in (folder, *folder.parents):
        file = each / PYPROJECT
        if file.is_file() and (_STATES.search(file.read_bytes()) or (each / "hatch.toml").is_file()):
            root = _read(file)
            stated = _stated(root)
            folders = _expanded(root, *stated) if stated is not None else _poetry_paths(root, top)
            if folder in folders and stated is not None:
                return _Workspace(root, folders)
            if folder in folders and len(folders) > 1:
                of_paths = _Workspace(root, folders)
        if each == top:
            break
    return of_paths


def path_dependencies(config: ProjectConfig) -> tuple[str, ...]:
    """The names of Poetry's path dependencies of a project, if they are the workspace because none is configured."""
    entries = table(config.pyproject, "tool", "poetry", "dependencies").items()
    names = tuple(name for name, each in entries if isinstance(each, Mapping) and "path" in each)
    found = _find(config.root) if names else None
    return names if found is not None and _stated(found.root) is None else ()


def _stated(root: ProjectConfig) -> tuple[Sequence[Any], Sequence[Any]] | None:
    """The patterns of members and of excluded folders; None if no workspace is configured."""
    tool = table(root.pyproject, "tool")
    if root.workspace.members is not None:
        return root.workspace.members, root.workspace.exclude
    uv = table(tool, "uv").get("workspace")
    if isinstance(uv, Mapping):
        return uv.get("members", ()), (*uv.get("exclude", ()), *root.workspace.exclude)
    beside = root.root / "hatch.toml"
    hatch = loads(beside.read_text(encoding="utf-8")) if beside.is_file() else EMPTY
    found: list[Any] = []
    left_out: list[Any] = [*root.workspace.exclude]
    for envs in (table(tool, "hatch", "envs"), table(hatch, "envs")):
        for each in envs.values():
            stated = table(each, "workspace")
            found += [
                one.get("path") if isinstance(one, Mapping) else one for one in stated.get("members", ())
            ]
            left_out += stated.get("exclude", ())
    return (found, left_out) if found else None


def _expanded(root: ProjectConfig, members: Sequence[Any], exclude: Sequence[Any]) -> tuple[Path, ...]:
    """The folders, including the root. Raises `ConfigurationError` for a named folder that is not a project."""
    left_out = {each for pattern in exclude for each in _matching(root.root, str(pattern))}
    found = {root.root: None}
    for pattern in map(str, members):
        matching = _matching(root.root, pattern)
        if not matching and not re.search(r"[*?\[]", pattern):
            msg = f"{root.root / PYPROJECT}: the workspace member {pattern!r} is not a folder with a {PYPROJECT}"
            raise ConfigurationError(msg, hint="Use folders of projects, or globs such as `packages/*`.")
        found |= dict.fromkeys(each for each in matching if each not in left_out)
    return tuple(found)


def _matching(root: Path, pattern: str) -> list[Path]:
    pattern = os.path.normpath(pattern)
    folders = [root] if pattern == "." else sorted(root.glob(pattern))
    return [each for each in folders if (each / PYPROJECT).is_file() and not each.name.startswith(".")]


def _poetry_paths(root: ProjectConfig, top: Path | None) -> tuple[Path, ...]:
    """The project and its direct and indirect path dependencies inside of the repository at `top`."""
    found: dict[Path, None] = {}
    pending = [root.root]
    while pending:
        folder = pending.pop()
        if folder in found or not (folder / PYPROJECT).is_file():
            continue
        found[folder] = None
        poetry = table(loads((folder / PYPROJECT).read_text(encoding="utf-8")), "tool", "poetry")
        groups = [poetry, *table(poetry, "group").values()]
        for group in groups:
            for key in ("dependencies", "dev-dependencies"):
                for entry in table(group, key).values():
                    for each in entry if isinstance(entry, list) else [entry]:
                        path = each.get("path") if isinstance(each, Mapping) else None
                        target = Path(os.path.normpath(folder / str(path)))
                        if path is not None and (top is None or target.is_relative_to(top)):
                            pending.append(target)
    return tuple(found)
