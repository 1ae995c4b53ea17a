"""The certificates for each repository's server, from the configuration of other tools.

The CAs of a server are not secret, so a variable of one tool adds them for all. A
client certificate identifies the user, and is only sent to servers to which that tool would send it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from publish_all._http import ServerTls
from publish_all.config.addresses import host_of, is_confidential, same_url, split
from publish_all.config.builtin import FIXED, HOSTS, normalized
from publish_all.config.model import RepositoryConfig
from publish_all.config.tools import Tool, ToolRepository, ToolSettings
from publish_all.events import Listener, Note, ignore

_VARIABLES = {
    Tool.TWINE: ("TWINE_CERT", "TWINE_CLIENT_CERT", ""),
    Tool.HATCH: ("HATCH_INDEX_CA_CERT", "HATCH_INDEX_CLIENT_CERT", "HATCH_INDEX_CLIENT_KEY"),
    # uv and OpenSSL read SSL_CERT_FILE, as we do without doing anything for it.
    Tool.UV: ("", "SSL_CLIENT_CERT", ""),
    Tool.PDM: ("PDM_PUBLISH_CA_CERTS", "", ""),
}
"""The variables with authorities, a client certificate and its key."""
_FIXED_HOSTS = frozenset(host for hosts in HOSTS.values() for host in hosts)


def server_settings(
    tools: ToolSettings, repositories: Iterable[RepositoryConfig], *, listener: Listener = ignore
) -> Mapping[str, ServerTls]:
    """The settings for the servers of repositories, by a URL on each. Missing files are reported and skipped."""
    servers: dict[str, ServerTls] = {}
    missing: dict[str, None] = {}
    for config in repositories:
        if config.kind.local or config.url is None:
            continue
        settings = [(each, _tls(each, missing)) for each in _settings(tools, config)]
        for url in (config.url, config.index_url):
            if url is None or not is_confidential(url):
                continue
            found = ServerTls()
            for each, stated in settings:
                # A pull request must not add a CA for PyPI, under any name.
                if not (each.of_project and host_of(url) in _FIXED_HOSTS):
                    found = _together(found, stated)
            own = found if host_of(url) == host_of(config.url) else ServerTls(ca_certs=found.ca_certs)
            server = f"{split(url).scheme}://{host_of(url)}"
            servers[server] = _together(servers.get(server, ServerTls()), own)
    for note in missing:
        listener(Note(message=note))
    return {server: each for server, each in servers.items() if each != ServerTls()}


def _settings(tools: ToolSettings, config: RepositoryConfig) -> Iterator[ToolRepository]:
    yield from (each for each in tools.entries if _is_for(each, tools, config))
    for tool, names in _VARIABLES.items():
        ca_cert, own_cert, own_key = (_path(tools.variable(name)) for name in names)
        shown = _sends_to(tool, tools, config)
        yield ToolRepository(
            tool=tool,
            ca_cert=ca_cert,
            client_cert=own_cert if shown else None,
            client_key=own_key if shown else None,
            origin=f"environment {names[0] if ca_cert is not None else names[1]}",
        )
    index, cert, client_cert = (tools.pip.get(key, ("", "")) for key in ("index-url", "cert", "client-cert"))
    yield ToolRepository(tool=Tool.PIP, ca_cert=_path(cert[0]), origin=cert[1])
    if host_of(index[0]) == host_of(config.url or ""):
        yield ToolRepository(tool=Tool.PIP, client_cert=_path(client_cert[0]), origin=client_cert[1])


def _is_for(each: ToolRepository, tools: ToolSettings, config: RepositoryConfig) -> bool:
    if each.of_project and config.name in FIXED:
        return False  # nor for a URL to which the user has moved it
    if not each.name and each.url is None:
        return _has_defined(each.tool, tools, config)
    # Poetry has certificates by name only; its `pypi` is PyPI, with any URL.
    url = None if each.tool is Tool.POETRY else each.url
    if url is None and not each.of_project:
        url = tools.url_of(each.tool, each.name)
    if url is not None:
        return host_of(url) == host_of(config.url or "")
    return normalized(each.name) == normalized(config.name)


def _has_defined(tool: Tool, tools: ToolSettings, config: RepositoryConfig) -> bool:
    return any(each.tool is tool and each.origin == config.origin for each in tools.entries)


def _sends_to(tool: Tool, tools: ToolSettings, config: RepositoryConfig) -> bool:
    """Whether the tool would send to this repository, or its configuration has defined it."""
    stated = tools.target(tool) or ""
    url = tools.url_of(tool, stated)
    is_target = same_url(url, config.url or "") if url is not None else stated == config.name
    return is_target or _has_defined(tool, tools, config)


def _tls(each: ToolRepository, missing: dict[str, None]) -> ServerTls:
    """The existing files; the others are added to the notes in `missing`."""
    stated = (each.ca_cert, each.client_cert, each.client_key)
    for path in stated:
        if path is not None and not path.exists():
            missing[f"{each.origin} names the certificate file {path}, which does not exist."] = None
    ca_cert, client_cert, client_key = (path if path and path.exists() else None for path in stated)
    if each.client_key is not None and client_key is None:
        client_cert = None
    return ServerTls(
        ca_certs=(ca_cert,) if ca_cert is not None else (),
        client_cert=client_cert,
        client_key=client_key if client_cert is not None else None,
    )


def _path(stated: str | None) -> Path | None:
    return Path(stated.strip()).expanduser() if stated else None


def _together(first: ServerTls, second: ServerTls) -> ServerTls:
    """Both sets of CAs; the client certificate of the first that has one."""
    ca_certs = tuple(dict.fromkeys((*first.ca_certs, *second.ca_certs)))
    return replace(first if first.client_cert is not None else second, ca_certs=ca_certs)
