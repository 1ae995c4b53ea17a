"""All repositories that a run knows by name, whoever states them.

Looked up in this order: the project, the environment, the user's own `publish-all/config.toml`, what
Poetry, Hatch, uv, pdm and `.pypirc` define, the built-in ones. A higher place changes a repository
key by key, but never keeps the rest of an address (index, user name) when it states another URL.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from pathlib import Path
from types import MappingProxyType

from publish_all._values import dataclass
from publish_all.config.addresses import host_of, scheme_of
from publish_all.config.adopt import Refusal, adopt
from publish_all.config.builtin import ALIASES, BUILT_IN, canonical, normalized
from publish_all.config.folders import Folders, home_folder, usual_folders
from publish_all.config.hosts import HostRepositories, host_repositories
from publish_all.config.kinds import KINDS, LEGACY, Kind
from publish_all.config.model import EMPTY, ProjectConfig, RepositoryConfig, Scope, empty
from publish_all.config.parse import FIELDS, PYPROJECT
from publish_all.config.problems import did_you_mean, dotted
from publish_all.config.rules import name_problem
from publish_all.config.user import environment_repositories, user_repositories
from publish_all.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownRepositories:
    """The repositories of a run. `notes` are things worth a line to the user; `hosts` is what other tools define.

    `repositories` and `refusals` are keyed by normalised name.
    """

    repositories: Mapping[str, RepositoryConfig]
    refusals: Mapping[str, Refusal] = field(default_factory=empty)
    notes: tuple[str, ...] = ()
    hosts: HostRepositories = field(default_factory=HostRepositories)

    @property
    def names(self) -> tuple[str, ...]:
        """All that `get` knows, without aliases: what the project states first, the built-in last."""
        return tuple(each.name for key, each in self.repositories.items() if key not in self.refusals)

    def get(self, name: str) -> RepositoryConfig:
        """The repository of that name, however it is spelt. Raises `ConfigurationError`."""
        refusal = self.refusals.get(normalized(name)) or self.refusals.get(canonical(name))
        if refusal is not None:
            raise ConfigurationError(refusal.message, hint=refusal.hint)
        found = self.repositories.get(canonical(name))
        if found is None:
            raise self._unknown(name)
        return found

    def check_destinations(self, config: ProjectConfig) -> None:
        """Raise `ConfigurationError` for each name in a `publish-to` that is not known."""
        troubles: list[ConfigurationError] = []
        for path, name in _destinations(config):
            try:
                self.get(name)
            except ConfigurationError as error:
                where = config.origins.get(path, PYPROJECT)
                troubles.append(ConfigurationError(f"{where}: {path}: {error.message}", hint=error.hint))
        if troubles:
            raise ConfigurationError("\n".join(each.message for each in troubles), hint=troubles[0].hint)

    def _unknown(self, name: str) -> ConfigurationError:
        if "://" in name:
            msg = f"{name!r} is a URL, not the name of a repository"
            return ConfigurationError(msg, hint="Give it as --repository-url.")
        msg = f"there is no repository {name!r}{did_you_mean(name, (*self.names, *ALIASES))}"
        table = dotted(("tool", "publish-all", "repositories", name))
        return ConfigurationError(
            msg,
            hint=f"Known are: {', '.join(self.names)}. Another one is defined by [{table}] in pyproject.toml.",
        )


def known_repositories(
    config: ProjectConfig | None,
    *,
    environment: Mapping[str, str],
    home: Path,
    folders: Folders | None = None,
) -> KnownRepositories:
    """All repositories known to a project, or outside of any. `folders` is None for the usual ones.

    Raises `ConfigurationError` when the user's own configuration is wrong; what is wrong with that of
    another tool is a note.
    """
    places = usual_folders(environment=environment, home=home) if folders is None else folders
    hosts = host_repositories(config, environment=environment, folders=places.hosts)
    from_hosts = adopt(hosts.repositories)
    from_environment, notes = environment_repositories(environment)
    from_user = user_repositories(places.config)
    from_project = config.repositories if config is not None else EMPTY
    own = (from_user, from_environment, from_project)
    merged = _merged((BUILT_IN, from_hosts.accepted, *own))
    _refuse_index_in_two_ways(from_environment, merged)
    incomplete = {key: _no_url(each) for key, each in merged.items() if each.url is None and key != "local"}
    stated = {canonical(name) for layer in own for name, each in layer.items() if each.url is not None}
    base = config.root if config is not None else home
    return KnownRepositories(
        repositories=MappingProxyType(
            {
                key: _located(each, base=base, home=home, data=places.data)
                for key, each in merged.items()
                if key not in incomplete
            }
        ),
        refusals=MappingProxyType(
            incomplete
            | {key: each for key, each in from_hosts.refused.items() if canonical(key) not in stated}
        ),
        notes=(*hosts.notes, *from_hosts.notes, *notes, *_hidden(own)),
        hosts=hosts,
    )


def ad_hoc(
    url: str,
    name: str | None = None,
    *,
    kind: Kind | None = None,
    index_url: str | None = None,
) -> RepositoryConfig:
    """The repository of a `--repository-url`.

    The URL of a built-in one is that one. Any other has the name given, or that of its host (`directory`
    for a folder), so that a credential stored under another name does not serve it. `kind` is told by the URL where it is None: a
    path or a file: URL is a directory, `oci://` an OCI registry. Raises `ConfigurationError`.
    """
    for each in BUILT_IN.values():
        if each.url is not None and url.rstrip("/") == each.url.rstrip("/"):
            return replace(each, index_url=index_url or each.index_url)
    found = kind or _kind_of(url, name)
    address = url.removeprefix(f"{found.name}://")
    troubles = {
        "--repository-url": found.url_problem(address),
        "--repository": name_problem(name or _name_of(address, found)),
        "--index-url": found.index_url_problem(index_url) if index_url is not None else None,
    }
    for option, trouble in troubles.items():
        if trouble is not None:
            msg = f"{option}: {trouble}"
            raise ConfigurationError(
                msg, hint="--repository-url is where to upload, as https://pypi.example/legacy/."
            )
    config = RepositoryConfig(
        name=name or _name_of(address, found),
        kind=found,
        url=address,
        index_url=index_url,
        scope=Scope.COMMAND_LINE,
        origin="command line",
        origins=MappingProxyType({"url": "command line"}),
    )
    return _located(config, base=Path.cwd(), home=home_folder(), data=Path())


def _name_of(address: str, kind: Kind) -> str:
    return kind.name if kind.local else host_of(address)


def _kind_of(url: str, name: str | None) -> Kind:
    named = BUILT_IN.get(canonical(name or ""))
    usual = named.kind if named is not None and not named.kind.local else LEGACY
    return next((each for each in KINDS.values() if each.claims(url)), usual)


_OF_ADDRESS = frozenset({"index-url", "username", "audience"})
"""What is stated for an address, and does not go with another one."""


def _merged(layers: Iterable[Mapping[str, RepositoryConfig]]) -> dict[str, RepositoryConfig]:
    """The layers, lowest first, laid over one another; what higher layers state comes first."""
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
    if "url" not in upper.origins:
        return replace(lower, name=upper.name, **stated, origins={**lower.origins, **upper.origins})
    kept = lower
    if upper.url != lower.url:
        kept = replace(
            lower,
            kind=upper.kind,
            index_url=None,
            username=None,
            # An audience without an address is for the name; one beside an address is not for another.
            audience=lower.audience if lower.url is None else None,
            origins={key: value for key, value in lower.origins.items() if key not in _OF_ADDRESS},
        )
    return replace(
        kept,
        name=upper.name,
        scope=upper.scope,
        origin=upper.origin,
        origins={**kept.origins, **upper.origins},
        **stated,
    )


def _refuse_index_in_two_ways(
    stated: Mapping[str, RepositoryConfig], known: Mapping[str, RepositoryConfig]
) -> None:
    """PUBLISH_ALL_REPOSITORIES_CORP_INDEX_URL is the index of `corp`, or where a repository `corp-index` is."""
    for name, each in stated.items():
        other = known.get(canonical(f"{name}-index")) if "index-url" in each.origins else None
        if other is not None:
            msg = f"{each.origins['index-url']} can be read as the index-url of {name!r} and as the url of {other.name!r}"
            raise ConfigurationError(msg, hint=f"Give the repository {other.name!r} another name.")


def _located(config: RepositoryConfig, *, base: Path, home: Path, data: Path) -> RepositoryConfig:
    """With an absolute path where a repository is a folder. A path in a variable is relative to the current folder."""
    if config.url is None:
        return replace(config, url=str(data / "index"))
    if not config.kind.local:
        return config
    from_here = config.scope in {Scope.ENVIRONMENT, Scope.COMMAND_LINE}
    start = Path.cwd() if from_here else home if config.scope is Scope.USER else base
    return replace(config, url=str(start / _path(config.url, home)))


def _path(url: str, home: Path) -> Path:
    if scheme_of(url) == "file":
        from urllib.parse import urlsplit
        from urllib.request import url2pathname

        return Path(url2pathname(urlsplit(url).path))
    path = Path(url)
    return home.joinpath(*path.parts[1:]) if path.parts[:1] == ("~",) else path


def _no_url(each: RepositoryConfig) -> Refusal:
    where = next(iter(each.origins.values()), each.origin)
    return Refusal(
        message=f"the repository {each.name!r} ({where}) has no url",
        hint="State its url beside, or define a repository of this name in your own configuration.",
    )


def _hidden(layers: Iterable[Mapping[str, RepositoryConfig]]) -> Iterator[str]:
    """A note for each repository whose URL a higher layer states otherwise: the user may expect the lower one."""
    stated: dict[str, RepositoryConfig] = {}
    for layer in layers:
        for name, each in layer.items():
            lower = stated.get(canonical(name))
            if each.url is None:
                continue
            if lower is not None and lower.url != each.url:
                yield f"the repository {each.name!r} of {each.origin} ({each.url}) hides that of {lower.origin}"
            stated[canonical(name)] = each


def _destinations(config: ProjectConfig) -> Iterator[tuple[str, str]]:
    path = ("tool", "publish-all")
    if "tool.publish-all.publish-to" in config.origins:
        yield from ((dotted((*path, "publish-to")), name) for name in config.publish_to)
    yield from (
        (dotted((*path, "variant-defaults", "publish-to")), n)
        for n in config.variant_defaults.publish_to or ()
    )
    for variant, each in config.variants.items():
        where = dotted((*path, "variants", variant, "publish-to"))
        yield from ((where, name) for name in each.publish_to or ())
