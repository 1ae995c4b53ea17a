"""What is there before `init` writes anything: the project, its version, variants, repositories, CI. Nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from publish_all._git import ask_git
from publish_all._toml import TOMLDecodeError, loads
from publish_all._values import dataclass
from publish_all.commands.context import Surroundings
from publish_all.commands.scaffold.choices import NewRepository, NewVariant, Service, with_unique_names
from publish_all.commands.scaffold.hand_made import variant_name
from publish_all.commands.scaffold.migrate import Migration, read_migration
from publish_all.commands.scaffold.testing import commands_of
from publish_all.config.adopt import adopt
from publish_all.config.github import GIT_SECONDS, link_of_remote
from publish_all.config.hosts import host_repositories
from publish_all.config.load import parse_toml, read_text, search_pyproject
from publish_all.config.model import ProjectConfig, empty
from publish_all.config.parse import parse_project
from publish_all.config.workflows import repository_root
from publish_all.errors import ConfigurationError
from publish_all.variants.setup_files import name_in_setup_cfg, name_in_setup_py
from publish_all.version.static import project_name, table


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """`root` is the project's folder, `subfolder` where that is in the git repository (empty: its root).

    `text` is the pyproject.toml as it is, empty where there is none. `known` are repositories that
    other tools define, and that the project could state too. `link` is OWNER/REPOSITORY of the git
    remote, `service` whose it is, as far as that can be told. `migration` is what hand-made workflows do.
    """

    root: Path
    repository: Path
    text: str
    config: ProjectConfig
    name: str | None
    variants: tuple[NewVariant, ...] = ()
    layout: Mapping[str, str] = field(default_factory=empty)
    known: tuple[NewRepository, ...] = ()
    service: Service | None = None
    link: str | None = None
    tests: tuple[str, ...] = ()
    migration: Migration = field(default_factory=Migration)
    notes: tuple[str, ...] = ()

    @property
    def subfolder(self) -> str:
        relative = self.root.relative_to(self.repository).as_posix()
        return "" if relative == "." else relative

    @property
    def pyproject(self) -> Mapping[str, Any]:
        return self.config.pyproject


def look(directory: Path, *, around: Surroundings, from_workflow: Path | None = None) -> Found:
    """Look around in and above `directory`.

    Raises `ConfigurationError` where there is no Python project, and for a `from_workflow` that can't be read.
    """
    root, text = _project(directory)
    pyproject = parse_toml(text, root / "pyproject.toml")
    config = parse_project(pyproject, root=root, file="pyproject.toml")
    repository = repository_root(root)
    service, link = _remote(repository, around)
    known, notes = _known(config, around)
    found = Found(
        root=root,
        repository=repository,
        text=text,
        config=config,
        name=project_name(pyproject) or name_in_setup_cfg(root) or name_in_setup_py(root),
        known=known,
        service=service,
        link=link,
        tests=commands_of(root, pyproject),
        notes=(*notes, *_notes(root, pyproject), *_known_besides(known)),
    )
    migration = read_migration(from_workflow, repository=repository, subfolder=found.subfolder, known=known)
    return _with_variants(replace(found, migration=migration))


def _with_variants(found: Found) -> Found:
    """With the build variants that hand-made workflows build, else those whose files lie about."""
    if found.config.variants:
        return found
    made = found.migration
    if made.variants:
        return replace(found, variants=made.variants, layout=made.layout)
    layout, variants = _layout(found.root, found.pyproject, with_unique_names(_variants(found.root)))
    return replace(found, variants=variants, layout=layout)


def _project(directory: Path) -> tuple[Path, str]:
    path = search_pyproject(directory)
    start = directory.absolute()
    if path is not None and (path.parent == start or not _has_setup(start)):
        return path.parent, read_text(path)
    if _has_setup(start):
        return start, ""
    msg = f"there is no Python project in {directory}: no pyproject.toml, setup.py or setup.cfg"
    raise ConfigurationError(msg, hint="Make one first: `poetry init`, `hatch new --init` or `uv init`.")


def _has_setup(folder: Path) -> bool:
    return any((folder / each).is_file() for each in ("setup.py", "setup.cfg"))


def _variants(root: Path) -> Iterator[NewVariant]:
    """Full pyprojects of variants: in a folder such as `build-configs`, or `pyproject.NAME.toml` beside our own."""
    beside = sorted(root.glob("pyproject[._-]*.toml"))
    inside = sorted(each for each in root.glob("*/*.toml") if not each.parent.name.startswith("."))
    for path in (*beside, *inside):
        where = path.relative_to(root).as_posix()
        found = _variant(where, path, variant_name(where))
        if found is not None:
            yield found


def _variant(where: str, path: Path, variant: str) -> NewVariant | None:
    if path.name == "pyproject.toml" or not variant or not set(variant).isdisjoint(":, \t"):
        return None
    values = read_values(path)
    project = project_name(values)
    if project is None or "build-system" not in values:
        return None
    return NewVariant(name=variant, project=project, pyproject=where)


def read_values(path: Path) -> Mapping[str, Any]:
    """A TOML file of somebody else's; empty where it is none."""
    try:
        return loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, TOMLDecodeError):
        return {}


def _layout(
    root: Path, pyproject: Mapping[str, Any], variants: tuple[NewVariant, ...]
) -> tuple[Mapping[str, str], tuple[NewVariant, ...]]:
    """Where packages that a variant's file looks for at the root really are: then a loop copied them there.

    What all variants share comes first, else each variant has its own.
    """
    made = [guessed_layout(root, pyproject, read_values(root / (each.pyproject or ""))) for each in variants]
    if made and all(each == made[0] for each in made):
        return made[0], variants
    return {}, tuple(replace(variant, layout=each) for variant, each in zip(variants, made, strict=True))


def guessed_layout(
    root: Path, pyproject: Mapping[str, Any], of_variant: Mapping[str, Any]
) -> Mapping[str, str]:
    """The layout in which each package that `of_variant` includes is there."""
    own = {
        str(each.get("include")): str(each.get("from"))
        for each in _packages(pyproject)
        if each.get("from") and each.get("include")
    }
    layout: dict[str, str] = {}
    for each in _packages(of_variant):
        include, folder = str(each.get("include", "")), each.get("from")
        target = f"{folder}/{include}" if folder else include
        if include in own and not (root / target).exists():
            layout[str(PurePosixPath(own[include], include))] = target
    return layout


def _packages(pyproject: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    stated = table(pyproject, "tool", "poetry").get("packages", ())
    return [each for each in stated if isinstance(each, Mapping)]


def _remote(repository: Path, around: Surroundings) -> tuple[Service | None, str | None]:
    """The CI service, by what is in the repository, else by its remote; and OWNER/REPOSITORY of that."""
    remote = _origin(repository, around)
    link = link_of_remote(remote, around.environment)
    at_gitlab = "gitlab" in remote
    service = Service.GITHUB if link else Service.GITLAB if at_gitlab else None
    if (repository / ".gitlab-ci.yml").is_file() and link is None:
        service = Service.GITLAB
    elif (repository / ".github" / "workflows").is_dir():
        service = Service.GITHUB
    if link is None and at_gitlab:
        path = remote.partition("://")[2].partition("/")[2] or remote.rpartition(":")[2]
        link = path.strip("/").removesuffix(".git") or None
    return service, link


def _origin(repository: Path, around: Surroundings) -> str:
    try:
        done = ask_git(
            *("remote", "get-url", "origin"),
            cwd=repository,
            environment=around.environment,
            run=around.run,
            timeout=GIT_SECONDS,
        )
    except (OSError, TimeoutError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _known(config: ProjectConfig, around: Surroundings) -> tuple[tuple[NewRepository, ...], tuple[str, ...]]:
    """Repositories of Poetry, Hatch, uv, pdm and `.pypirc` that can be published to, and notes on the others."""
    hosts = host_repositories(config, environment=around.environment, folders=around.places().hosts)
    adopted = adopt(hosts.repositories)
    known = tuple(
        NewRepository(
            name=each.name,
            url=each.url,
            index_url=each.index_url or _source_of(each.name, config),
            origin=each.origin,
        )
        for each in adopted.accepted.values()
        if each.kind.standard_api and each.url is not None and each.name not in config.repositories
    )
    refused = (f"{each.message}. {each.hint}" for each in adopted.refused.values())
    return known, (*hosts.notes, *adopted.notes, *refused)


def _source_of(name: str, config: ProjectConfig) -> str | None:
    """The index of that name to install from, in `[[tool.poetry.source]]`."""
    sources = table(config.pyproject, "tool", "poetry").get("source", ())
    for each in sources if isinstance(sources, list) else ():
        if isinstance(each, dict) and each.get("name") == name and isinstance(each.get("url"), str):
            return str(each["url"])
    return None


def _known_besides(known: Iterable[NewRepository]) -> Iterator[str]:
    for each in known:
        yield f"{each.name} is known from {each.origin}: `-r {each.name}` publishes there as well"


def _notes(root: Path, pyproject: Mapping[str, Any]) -> Iterator[str]:
    vcs = table(pyproject, "tool", "hatch", "version").get("source") == "vcs"
    if table(pyproject, "tool", "poetry-dynamic-versioning") or vcs:
        name = "hatch-vcs" if vcs else "poetry-dynamic-versioning"
        yield f"{name} makes the version; `--version-source git` has publish-all make it from the same tags"
    if not pyproject and _has_setup(root):
        yield "there is no pyproject.toml: one is made for publish-all; what is in setup.py and setup.cfg stays there"
