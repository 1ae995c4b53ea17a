"""The destinations of a run: the repositories from the command line or the configuration.

If a company has configured its index only for other tools, the default `pypi` would make its project public.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from publish_all.commands.context import Runtime
from publish_all.config.addresses import PYPI_HOSTS, hostname_of, without_user
from publish_all.config.github_project import complete
from publish_all.config.known import KnownRepositories, ad_hoc
from publish_all.config.model import ProjectConfig, RepositoryConfig, VersionConfig
from publish_all.errors import UsageError
from publish_all.repositories.repository import Means, Repository, make_repository

if TYPE_CHECKING:  # a folder needs neither network nor credential
    from publish_all._http import Session
    from publish_all._secret import Secret
    from publish_all.attestations.attestation import Signer
    from publish_all.config.tools import ToolSettings
    from publish_all.credentials.credential_source import Credentials
    from publish_all.credentials.prompt import Ask
    from publish_all.repositories.oci_layout import ReceiptFile

DEFAULT = "pypi"
_MIRRORS = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionOptions:
    """The options of the command line for the connection to repositories, and the credential.

    `repository_url` is an upload URL used as it is, under the name of the one repository that is
    named, or its host. `timeout` is in seconds per network operation; `ask` asks the user, None
    without a terminal. `signer` makes attestations, None for Sigstore's public service.
    """

    repositories: tuple[str, ...] = ()
    repository_url: str | None = None
    username: str | None = None
    password: Secret | None = None
    ca_cert: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    timeout: float | None = None
    auth: str = "auto"
    ask: Ask | None = None
    signer: Signer | None = None
    runtime: Runtime = field(default_factory=Runtime)

    def to_other(self, name: str) -> ConnectionOptions:
        """The options for another repository, without the credential, which is not for it."""
        return replace(self, repositories=(name,), repository_url=None, username=None, password=None)


@dataclass(frozen=True, kw_only=True)
class Connection:
    """The chosen repositories in order, and their connections, which are created at first use."""

    chosen: tuple[RepositoryConfig, ...]
    known: KnownRepositories
    options: ConnectionOptions
    config: ProjectConfig | None

    @cached_property
    def session(self) -> Session:
        """Raises `ConfigurationError` for a certificate that cannot be used."""
        from publish_all._http import HttpOptions, make_session
        from publish_all.credentials.transport import server_settings

        options, ask, listener = self.options, self.options.ask, self.options.runtime.listener

        def ask_password(path: Path) -> str:
            return ask(f"Password of the client key {path}", hidden=True) if ask is not None else ""

        return make_session(
            HttpOptions(
                ca_cert=options.ca_cert,
                client_cert=options.client_cert,
                client_key=options.client_key,
                servers=server_settings(self.known.tools(), self.chosen, listener=listener),
                ask_password=ask_password if ask is not None else None,
                timeout=options.timeout,
            )
        )

    @cached_property
    def credentials(self) -> Credentials:
        """The sources of credentials; none of them is asked yet. Raises `ConfigurationError`."""
        from publish_all.credentials.default_chain import default_chain
        from publish_all.credentials.prompt import Explicit

        options, explicit = self.options, None
        if options.username is not None or options.password is not None:
            (only,) = self.chosen
            explicit = Explicit(only.name, options.username, options.password)
        return default_chain(
            self.known.tools(),
            (*self.known.names, *(each.name for each in self.chosen)),
            session=self.session,
            explicit=explicit,
            auth=options.auth,
            ask=options.ask,
            listener=options.runtime.listener,
        )

    def repositories(self, receipt: ReceiptFile | None = None) -> tuple[Repository, ...]:
        """The connected repositories. Raises `ConfigurationError`.

        With `receipt`, OCI repositories write down there what they are given, and do not list it.
        """
        means: Means | None = None
        made = []
        for each in self.chosen:
            if not each.kind.local:
                means = means or self._means(receipt)
            made.append(make_repository(each, means))
        return tuple(made)

    def _means(self, receipt: ReceiptFile | None) -> Means:
        from publish_all._actions import mask_for
        from publish_all.attestations.sigstore import SigstoreSigner
        from publish_all.credentials.trusted_publishing import AmbientIdentity

        environment = self.options.runtime.environment
        identity = AmbientIdentity(environment=environment)
        version = self.config.version if self.config is not None else VersionConfig()
        return Means(
            credentials=self.credentials,
            session=self.session,
            receipt=receipt,
            signer=self.options.signer or SigstoreSigner(identity=identity, mask=mask_for(environment)),
            listener=self.options.runtime.listener,
            tag_prefix=version.tag_prefix,
            private=self.config is not None and self.config.private,
        )


def open_connection(config: ProjectConfig | None, options: ConnectionOptions) -> Connection:
    """Look up the repositories. Raises `ConfigurationError`."""
    runtime = options.runtime
    names = options.repositories or (config.publish_to if config is not None else ("pypi",))
    known = runtime.known(config, names if options.repository_url is None else ())
    if config is not None:
        known.check_destinations(config)
    options.runtime.note(*known.notes)
    chosen: dict[str, RepositoryConfig] = {}
    if options.repository_url is not None:
        if len(options.repositories) > 1:
            msg = "--repository-url can be used for one repository only"
            raise UsageError(msg, hint="Use -r at most once.")
        found = [ad_hoc(options.repository_url, *options.repositories)]
    else:
        found = [*map(known.get, names)]
    for each in found:
        if chosen.setdefault(each.name, each).owner != each.owner:
            msg = f"{' and '.join(names)} are the same repository with two owners"
            raise UsageError(msg, hint="Run the command separately for each owner.")
    if len(chosen) != 1 and not (options.username is None and options.password is None):
        msg = f"--username and --password can be used for one repository only, not for several: {', '.join(chosen)}"
        raise UsageError(msg, hint="Select one repository with -r, or set PUBLISH_ALL_<NAME>_TOKEN for each.")
    root = config.root if config is not None else None
    complete_one = partial(complete, root=root, environment=runtime.environment, run=runtime.run)
    completed = tuple(map(complete_one, chosen.values()))
    return Connection(chosen=completed, known=known, options=options, config=config)


def ensure_default_is_meant(config: ProjectConfig | None, options: ConnectionOptions) -> None:
    """Check that PyPI is the intended destination if none is configured, because an upload to PyPI cannot be undone.

    Raise `UsageError` if the project or the environment configures another upload URL, or replaces PyPI as a source.
    Additional sources and mirrors of this machine become notes. If the command line or `publish-to` sets a
    destination, nothing is checked.
    """
    stated = config is not None and "tool.publish-all.publish-to" in config.origins
    if stated or options.repositories or options.repository_url is not None:
        return
    tools = options.runtime.known(config).tools()
    others = [*_in_project(tools), *_in_variables(tools)]
    if others:
        places = ", ".join(dict.fromkeys(f"{shown} ({origin})" for shown, origin, _ in others))
        commands = dict.fromkeys((f"-r {DEFAULT}", *(options for _, _, options in others)))
        lines = "\n".join(f"  publish-all publish {each}" for each in commands)
        msg = f"it is not clear whether to publish to {DEFAULT} (the default) or to {places}"
        hint = f"Run one of these, or set publish-to in [tool.publish-all]:\n{lines}"
        raise UsageError(msg, hint=hint)
    for shown, origin in _sources(tools):
        options.runtime.note(f"{origin} installs from {shown}, but uploads go to {DEFAULT}.")


def _in_project(tools: ToolSettings) -> Iterator[tuple[str, str, str]]:
    """Other destinations, with their origins and the options that select them on our command line."""
    for each in tools.entries:
        is_target = each.url is not None and not _is_pypi(each.url)
        if not each.of_project or not (is_target or each.replaces_pypi):
            continue
        # A mere source has no address for uploads that anyone has stated.
        name = [f"-r {shlex.quote(each.name)}"] if each.name else []
        url = [] if each.name and each.url else [f"--repository-url {shlex.quote(_shown(each.url or 'URL'))}"]
        shown = each.name or _shown(each.url or each.index_url or "")
        yield shown, each.origin, " ".join(name + url)


def _in_variables(tools: ToolSettings) -> Iterator[tuple[str, str, str]]:
    from publish_all.config.tools import Tool

    for tool in Tool:
        for variable in tool.targets:
            stated = tools.variable(variable)
            if stated is not None and not _is_pypi(tools.url_of(tool, stated) or ""):
                option = "--repository-url" if "://" in stated else "-r"
                shown = _shown(stated)
                yield shown, f"environment {variable}", f"{option} {shlex.quote(shown)}"


def _sources(tools: ToolSettings) -> Iterator[tuple[str, str]]:
    """Additional sources and mirrors for installs, with their origins."""
    for each in tools.entries:
        if each.name and each.url is None and each.is_source and (each.of_project or each.replaces_pypi):
            yield each.name, each.origin
    stated = [(tools.variable(variable), f"environment {variable}") for variable in _MIRRORS]
    for value, origin in (*stated, tools.pip.get("index-url", (None, ""))):
        if value is not None and not _is_pypi(value):
            yield _shown(value), origin


def _shown(stated: str) -> str:
    return without_user(stated) if "://" in stated else stated


def _is_pypi(url: str) -> bool:
    return hostname_of(url) in PYPI_HOSTS


def or_default_registry(options: ConnectionOptions) -> ConnectionOptions:
    """The options with `github` as the repository, if they name none."""
    if options.repositories or options.repository_url is not None:
        return options
    return replace(options, repositories=("github",))
