"""All repositories that a run knows by name.

They are looked up in this order: the project, the environment, the user's `publish-all/config.toml`, the
configuration of Poetry, Hatch, uv, pdm and `.pypirc`, the built-in ones. A source that comes earlier overrides the
keys of later ones. If it sets another URL, the index URL and user name of later ones are dropped.

A `test` or `github` in the configuration of another tool may have another URL than the built-in one. Using such a
name is an error, because a wrong guess could publish a private package.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from publish_all.config.addresses import hostname_of, scheme_of, split
from publish_all.config.builtin import ALIASES, BUILT_IN, FIXED, HOSTS, canonical, normalized, of_one_origin
from publish_all.config.folders import Folders, home_folder
from publish_all.config.kinds import KINDS, LEGACY
from publish_all.config.load import file_origins, parse_toml, read_text
from publish_all.config.model import EMPTY, ProjectConfig, RepositoryConfig, Scope
from publish_all.config.parse import FIELDS, PYPROJECT, repositories
from publish_all.config.reading import Problems, Value, did_you_mean, dotted, fields
from publish_all.config.rules import name_problem, owner_problem
from publish_all.errors import ConfigurationError

if TYPE_CHECKING:  # not imported for folders, which need no other tools
    from publish_all.config.tools import ToolRepository, ToolSettings

PREFIX = "PUBLISH_ALL_REPOSITORIES_"

_VARIABLE = re.compile(rf"{PREFIX}(.*?)_(INDEX_URL|URL|KIND|AUDIENCE)", re.DOTALL)
_OF_ADDRESS = frozenset({"index-url", "username", "audience"})
"""Keys that belong to one URL and are dropped with it."""

Repositories = Mapping[str, RepositoryConfig]


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownRepositories:
    """The repositories of a run, with notes for the user.

    The keys of `repositories` and `refusals` are normalised names. `refusals` has the errors of defined names
    that cannot be used. `tools` returns the configuration of other tools, which is read once.
    """

    repositories: Repositories
    refusals: Mapping[str, ConfigurationError] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    tools: Callable[[], ToolSettings]

    @property
    def names(self) -> tuple[str, ...]:
        """The names that `get` accepts, without aliases: those of the project first, the built-in ones last."""
        return tuple(each.name for key, each in self.repositories.items() if key not in self.refusals)

    def get(self, name: str) -> RepositoryConfig:
        """The repository with a name in any spelling, or for an owner as `NAME:OWNER`. Raises `ConfigurationError`."""
        stem, colon, owner = name.partition(":")
        if colon and "://" not in name:
            return self._of_owner(stem, owner)
        refusal = self.refusals.get(normalized(name)) or self.refusals.get(canonical(name))
        if refusal is not None:
            raise refusal
        found = self.repositories.get(canonical(name))
        if found is None:
            raise self._unknown(name)
        return found

    def _of_owner(self, name: str, owner: str) -> RepositoryConfig:
        found = self.get(name)
        if owner_problem(owner) is not None or "{owner}" not in (found.url or ""):
            why = owner_problem(owner) or f"the URL of {found.name!r} has no placeholder for the owner"
            raise ConfigurationError(
                f"{name}:{owner} is not a repository: {why}", hint="Use a form like `-r github:OWNER`."
            )
        return replace(found, owner=owner, origins={**found.origins, "owner": "command line"})

    def check_destinations(self, config: ProjectConfig) -> None:
        """Raise `ConfigurationError` for a name in a `publish-to` that is not known."""
        for path, name in _destinations(config):
            try:
                self.get(name)
            except ConfigurationError as error:
                where = config.origins.get(path, PYPROJECT)
                raise ConfigurationError(f"{where}: {path}: {error.message}", hint=error.hint) from error

    def _unknown(self, name: str) -> ConfigurationError:
        if "://" in name:
            msg = f"{name!r} is a URL, not the name of a repository"
            return ConfigurationError(msg, hint="Use --repository-url for a URL.")
        msg = f"no repository {name!r} found{did_you_mean(name, (*self.names, *ALIASES))}"
        return ConfigurationError(
            msg,
            hint=f"Known repositories: {', '.join(self.names)}. To define another one, add [{_table(name)}] to pyproject.toml.",
        )


def known_repositories(
    config: ProjectConfig | None,
    *,
    environment: Mapping[str, str],
    home: Path,
    folders: Folders,
    wanted: Sequence[str] = (),
) -> KnownRepositories:
    """All repositories that a project can use, or that are known outside of a project.

    If all `wanted` ones are folders in the configuration of the project or the user, other tools are not read.
    Raises `ConfigurationError` for an error in the user's configuration. An error in the configuration of another
    tool becomes a note.
    """
    from_environment = environment_repositories(environment)
    from_user = user_repositories(folders.config)
    own = (from_user, from_environment, config.repositories if config is not None else EMPTY)
    stated = {canonical(name): each for layer in own for name, each in layer.items() if each.url is not None}

    @cache
    def read_tools() -> ToolSettings:
        from publish_all.config import tools

        return tools.read_tools(
            config, environment=environment, folders=folders.hosts, own=(from_environment, from_user)
        )

    names = {*map(canonical, wanted)}
    if names and config is not None:
        for _, name in _destinations(config):
            names.add(canonical(name))
    adopted: Repositories = EMPTY
    refused: Mapping[str, ConfigurationError] = EMPTY
    tool_notes: tuple[str, ...] = ()
    local = {key: each for key, each in stated.items() if each.kind.local}
    if not names or not names <= local.keys():
        adopted, refused, adopt_notes = adopt(read_tools().entries)
        tool_notes = (*read_tools().notes, *adopt_notes)
    merged = _merged((BUILT_IN, adopted, *own))
    if from_environment:
        _refuse_index_in_two_ways(from_environment, merged)
    incomplete = {key: _no_url(each) for key, each in merged.items() if each.url is None and key != "local"}
    base = config.root if config is not None else home
    return KnownRepositories(
        repositories={
            key: _located(each, base=base, home=home, data=folders.data)
            for key, each in merged.items()
            if key not in incomplete
        },
        refusals=incomplete | {key: each for key, each in refused.items() if canonical(key) not in stated},
        notes=(*tool_notes, *_hidden(own)),
        tools=read_tools,
    )


def ad_hoc(url: str, name: str | None = None) -> RepositoryConfig:
    """The repository of a `--repository-url`.

    The URL of a built-in repository gives that repository. Others have the given name, or the name of the host
    (`directory` for a folder), so that a credential for another name is not used. A path or a file: URL is a
    directory, `oci://` an OCI registry. Raises `ConfigurationError`.
    """
    for each in BUILT_IN.values():
        if each.url is not None and url.rstrip("/") == each.url.rstrip("/"):
            return each
    named = BUILT_IN.get(canonical(name or ""))
    usual = named.kind if named is not None and not named.kind.local else LEGACY
    found = next((each for each in KINDS.values() if each.claims(url)), usual)
    address = url.removeprefix(f"{found.name}://")
    name = name or (found.name if found.local else hostname_of(address))
    troubles = {"--repository-url": found.url_problem(address), "--repository": name_problem(name)}
    for option, trouble in troubles.items():
        if trouble is not None:
            msg = f"{option}: {trouble}"
            raise ConfigurationError(
                msg, hint="Use an upload URL, such as --repository-url https://pypi.example/legacy/."
            )
    config = of_one_origin(name, found, address, scope=Scope.COMMAND_LINE, origin="command line")
    return _located(config, base=Path.cwd(), home=home_folder(), data=Path())


def _merged(layers: Iterable[Repositories]) -> dict[str, RepositoryConfig]:
    """Merge the layers, lowest first. Keys of higher layers win, and their repositories come first."""
    merged: dict[str, RepositoryConfig] = {}
    for layer in layers:
        over = {}
        for name, upper in layer.items():
            key = canonical(name)
            over[key] = _laid_over(merged.pop(key), upper) if key in merged else upper
        merged = over | merged
    return merged


def _laid_over(lower: RepositoryConfig, upper: RepositoryConfig) -> RepositoryConfig:
    stated = {name: getattr(upper, name) for key, name in FIELDS.items() if key in upper.origins}
    origins = lower.origins
    if "url" in upper.origins and upper.url != lower.url:
        # An audience without a URL belongs to the name. One with a URL does not apply to another URL.
        audience = lower.audience if lower.url is None else None
        stated = {"kind": upper.kind, "index_url": None, "username": None, "audience": audience} | stated
        origins = {key: value for key, value in origins.items() if key not in _OF_ADDRESS}
    if "url" in upper.origins:
        stated |= {"scope": upper.scope, "origin": upper.origin}
    return replace(lower, name=upper.name, **stated, origins={**origins, **upper.origins})


def _refuse_index_in_two_ways(stated: Repositories, known: Repositories) -> None:
    """Refuse PUBLISH_ALL_REPOSITORIES_CORP_INDEX_URL if there are repositories `corp` and `corp-index`."""
    for name, each in stated.items():
        other = known.get(canonical(f"{name}-index")) if "index-url" in each.origins else None
        if other is not None:
            msg = (
                f"{each.origins['index-url']} could be the index-url of {name!r} or the url of {other.name!r}"
            )
            raise ConfigurationError(msg, hint=f"Rename the repository {other.name!r}.")


def _located(config: RepositoryConfig, *, base: Path, home: Path, data: Path) -> RepositoryConfig:
    """With an absolute path if the repository is a folder. A path in a variable is relative to the current folder."""
    if config.url is None:
        return replace(config, url=str(data / "index"))
    if not config.kind.local:
        return config
    from_here = config.scope in {Scope.ENVIRONMENT, Scope.COMMAND_LINE}
    start = Path.cwd() if from_here else home if config.scope is Scope.USER else base
    path = Path(config.url)
    if scheme_of(config.url) == "file":
        from urllib.parse import urlsplit
        from urllib.request import url2pathname

        path = Path(url2pathname(urlsplit(config.url).path))
    elif path.parts[:1] == ("~",):
        path = home.joinpath(*path.parts[1:])
    return replace(config, url=str(start / path))


def _no_url(each: RepositoryConfig) -> ConfigurationError:
    where = next(iter(each.origins.values()), each.origin)
    return ConfigurationError(
        f"the repository {each.name!r} ({where}) has no url",
        hint="Add its url there, or define a repository with this name in your own configuration.",
    )


def _hidden(layers: Iterable[Repositories]) -> Iterator[str]:
    """A note for each repository whose URL is overridden, because the user may expect the other one."""
    stated: dict[str, RepositoryConfig] = {}
    for layer in layers:
        for name, each in layer.items():
            if each.url is not None:
                lower = stated.get(canonical(name), each)
                if lower.url != each.url:
                    yield f"the repository {each.name!r} of {each.origin} ({each.url}) overrides the one of {lower.origin}"
                stated[canonical(name)] = each


def _destinations(config: ProjectConfig) -> Iterator[tuple[str, str]]:
    """Each name in a `publish-to`, with the path of that key."""
    if "tool.publish-all.publish-to" in config.origins:
        for name in config.publish_to:
            yield "tool.publish-all.publish-to", name
    for name in config.variant_defaults.publish_to or ():
        yield "tool.publish-all.variant-defaults.publish-to", name
    for variant, each in config.variants.items():
        for name in each.publish_to or ():
            yield dotted(("tool", "publish-all", "variants", variant, "publish-to")), name


def _table(name: str) -> str:
    return dotted(("tool", "publish-all", "repositories", name))


# Configuration of the user for all projects.


def user_repositories(path: Path) -> Repositories:
    """`[repositories.NAME]` in the file of the user. Raises `ConfigurationError`, as for a project."""
    if not path.is_file():
        return EMPTY
    text = read_text(path)
    values = parse_toml(text, path)
    problems = Problems(str(path), file_origins(text, str(path)))
    found = fields(Value(values, (), problems), {"repositories": repositories(Scope.USER)})
    problems.raise_if_any()
    stated: Repositories = found.get("repositories", EMPTY)
    return stated


def environment_repositories(environment: Mapping[str, str]) -> Repositories:
    """Repositories from `PUBLISH_ALL_REPOSITORIES_<NAME>_URL` and similar variables.

    Empty variables are ignored. Raises a `ConfigurationError` with the name of the variable.
    """
    stated: dict[str, dict[str, str]] = {}
    origins: dict[str, str] = {}
    for variable, value in sorted(environment.items()):
        found = _VARIABLE.fullmatch(variable)
        if found is not None and value:
            name, key = found[1].lower().replace("_", "-"), found[2].lower().replace("_", "-")
            stated.setdefault(name, {})[key] = value
            origins[f"{name}.{key}"] = f"environment {variable}"
            origins.setdefault(name, f"environment {variable}")
    problems = Problems("environment", origins)
    read: Repositories = repositories(Scope.ENVIRONMENT)(Value(stated, (), problems))
    problems.raise_if_any()
    return read


# Repositories of other tools.


def adopt(
    entries: Iterable[ToolRepository],
) -> tuple[Repositories, Mapping[str, ConfigurationError], tuple[str, ...]]:
    """The usable definitions of other tools (the first of each name), the errors of the others, and notes."""
    from publish_all.config.tools import Tool

    accepted: dict[str, RepositoryConfig] = {}
    refused: dict[str, ConfigurationError] = {}
    notes: list[str] = []
    for each in entries:
        key, host = normalized(each.name), hostname_of(each.url or "")
        if not key or key in accepted or key in refused or not (each.url or each.is_source):
            continue
        if each.tool is Tool.PUBLISH_ALL:
            continue
        built_in = canonical(key) if canonical(key) in FIXED else None
        if built_in == "github" and f".{host}".endswith(".pkg.github.com"):
            owner = split(each.url or "").path.lstrip("/").partition("/")[0]
            stated = owner if owner_problem(owner) is None else None
            origins = {"owner": each.origin} if stated else EMPTY
            accepted["github"] = replace(BUILT_IN["github"], owner=stated, origins=origins)
            notes.append(
                f"the repository 'github' of {each.origin} is replaced by the built-in one"
                f"{f' for the owner {owner!r}' if stated else ''} (ghcr.io), because GitHub has no Python packages at {host}"
            )
        elif built_in is not None and (each.url is None or host in HOSTS[built_in]):
            continue
        elif (refusal := _refusal(each, host, built_in)) is not None:
            refused[key] = refusal
        else:
            accepted[key] = of_one_origin(
                each.name, LEGACY, each.url, each.index_url, scope=Scope.HOST, origin=each.origin
            )
    return accepted, {key: each for key, each in refused.items() if key not in accepted}, tuple(notes)


def _refusal(each: ToolRepository, host: str, built_in: str | None) -> ConfigurationError | None:
    """Why a definition cannot be used: if a built-in repository has the same name, one of the two may be public."""
    if built_in is not None:
        message = f"{each.name!r} is ambiguous: {host or 'a repository'} ({each.origin}), or the built-in {built_in!r}"
        hint = f"Rename the other one, or set {PREFIX}{built_in.upper()}_URL to its URL to use it."
    elif each.url is None:
        message = f"{each.name!r} is a source for installs ({each.origin}), not a repository to publish to"
        hint = f"Set url (for uploads) and index-url in [{_table(each.name)}]."
    elif (trouble := name_problem(each.name) or LEGACY.url_problem(each.url)) is not None:
        message, hint = f"{each.name!r} ({each.origin}): its URL {trouble}", "Correct the URL there."
    else:
        return None
    return ConfigurationError(message, hint=hint)
