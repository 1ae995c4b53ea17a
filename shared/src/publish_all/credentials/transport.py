"""How each repository's server is met: the certificates that stand beside its URL and credential in other tools.

What authorities a server may be certified by is no secret, so a variable of one tool adds them for all. A
client certificate says who we are, and goes where that tool would show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path

from publish_all._http import ServerTls
from publish_all._values import dataclass
from publish_all.config.builtin import FIXED, normalized
from publish_all.config.hosts import HostTls
from publish_all.config.model import RepositoryConfig
from publish_all.config.pip import pip_setting
from publish_all.credentials.address import host_of, is_confidential, split
from publish_all.credentials.environment import EnvironmentSource, Tool
from publish_all.credentials.source import CredentialRequest, Purpose
from publish_all.events import Listener, Note, ignore


@dataclass(frozen=True, kw_only=True, slots=True)
class _Variables:
    ca_cert: str | None
    client_cert: str | None = None
    client_key: str | None = None


# uv and OpenSSL read SSL_CERT_FILE, as we do without doing anything for it.
_VARIABLES: Mapping[Tool, _Variables] = {
    Tool.TWINE: _Variables(ca_cert="TWINE_CERT", client_cert="TWINE_CLIENT_CERT"),
    Tool.HATCH: _Variables(
        ca_cert="HATCH_INDEX_CA_CERT",
        client_cert="HATCH_INDEX_CLIENT_CERT",
        client_key="HATCH_INDEX_CLIENT_KEY",
    ),
    Tool.UV: _Variables(ca_cert=None, client_cert="SSL_CLIENT_CERT"),
    Tool.PDM: _Variables(ca_cert="PDM_PUBLISH_CA_CERTS"),
}
_ORIGINS: Mapping[Tool, str] = {Tool.TWINE: ".pypirc", Tool.HATCH: "Hatch", Tool.UV: "uv", Tool.PDM: "pdm"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Transport:
    """What other tools say about the TLS of repositories: `stated` in their files, the rest in variables and pip's files."""

    variables: EnvironmentSource
    stated: Sequence[HostTls] = ()
    pip_files: Sequence[Path] = ()
    listener: Listener = ignore
    _told: set[str] = field(default_factory=set, repr=False)

    def of(self, repositories: Iterable[RepositoryConfig]) -> Mapping[str, ServerTls]:
        """The settings for the servers of repositories, by a URL on each. Files that are not there are noted and left out."""
        servers: dict[str, ServerTls] = {}
        for config in repositories:
            if config.kind.local or config.url is None:
                continue
            found = self._of(config)
            for url in (config.url, config.index_url):
                if url is None or not is_confidential(url):
                    continue
                own = found if host_of(url) == host_of(config.url) else ServerTls(ca_certs=found.ca_certs)
                server = f"{split(url).scheme}://{host_of(url)}"
                settings = _together(servers.get(server, ServerTls()), own)
                if settings != ServerTls():
                    servers[server] = settings
        return servers

    def _of(self, config: RepositoryConfig) -> ServerTls:
        found = ServerTls()
        for each in self._settings(config):
            ca_cert, client_cert, client_key = (
                self._file(path, each.origin) for path in (each.ca_cert, each.client_cert, each.client_key)
            )
            if each.client_key is not None and client_key is None:
                client_cert = None
            own = ServerTls(
                ca_certs=(ca_cert,) if ca_cert is not None else (),
                client_cert=client_cert,
                client_key=client_key if client_cert is not None else None,
            )
            found = _together(found, own)
        return found

    def _settings(self, config: RepositoryConfig) -> Iterator[HostTls]:
        yield from (each for each in self.stated if self._is_for(each, config))
        yield from self._of_variables(config)
        yield from self._of_pip(config)

    def _is_for(self, each: HostTls, config: RepositoryConfig) -> bool:
        if each.of_project and config.name in FIXED:
            return False  # a pull request must not add an authority for PyPI
        if each.url is not None:
            return host_of(each.url) == host_of(config.url or "")
        if each.name is None:
            return config.origin.startswith(each.tool)
        names = self.variables.known.get(Tool.HATCH if each.tool == "Hatch" else Tool.POETRY)
        url = names.url_of(each.name) if names is not None else None
        if url is not None and not each.of_project:
            return host_of(url) == host_of(config.url or "")
        return normalized(each.name) == normalized(config.name)

    def _of_variables(self, config: RepositoryConfig) -> Iterator[HostTls]:
        for tool, names in _VARIABLES.items():
            is_its_own = self._is_of(tool, config)
            ca_cert = self._path(names.ca_cert)
            client_cert = self._path(names.client_cert) if is_its_own else None
            variable = names.ca_cert if ca_cert is not None else names.client_cert
            yield HostTls(
                tool=tool.value,
                ca_cert=ca_cert,
                client_cert=client_cert,
                client_key=self._path(names.client_key) if client_cert is not None else None,
                origin=f"environment {variable}",
            )

    def _is_of(self, tool: Tool, config: RepositoryConfig) -> bool:
        """Whether the tool would send to this repository, or has told us of it."""
        url = config.url or ""
        request = CredentialRequest(
            repository=config.name, url=url, project=None, purpose=Purpose.UPLOAD, username=None
        )
        return config.origin.startswith(_ORIGINS[tool]) or self.variables.is_target_of(tool, request)

    def _of_pip(self, config: RepositoryConfig) -> Iterator[HostTls]:
        index = self._pip("index-url")
        at_its_index = index is not None and host_of(index[0]) == host_of(config.url or "")
        for name, wanted in (("cert", True), ("client-cert", at_its_index)):
            found = self._pip(name) if wanted else None
            if found is not None:
                path = Path(found[0]).expanduser()
                yield HostTls(
                    tool="pip",
                    ca_cert=path if name == "cert" else None,
                    client_cert=path if name == "client-cert" else None,
                    origin=found[1],
                )

    def _pip(self, name: str) -> tuple[str, str] | None:
        return pip_setting(name, environment=self.variables.environment, files=self.pip_files)

    def _path(self, variable: str | None) -> Path | None:
        stated = self.variables.environment.get(variable, "").strip() if variable is not None else ""
        return Path(stated).expanduser() if stated else None

    def _file(self, path: Path | None, origin: str) -> Path | None:
        if path is None or path.exists():
            return path
        note = f"{origin} names the certificate file {path}, which is not there."
        if note not in self._told:
            self._told.add(note)
            self.listener(Note(message=note))
        return None


def _together(first: ServerTls, second: ServerTls) -> ServerTls:
    """Both sets of authorities; the client certificate of the first that has one."""
    ca_certs = tuple(dict.fromkeys((*first.ca_certs, *second.ca_certs)))
    return replace(first if first.client_cert is not None else second, ca_certs=ca_certs)
