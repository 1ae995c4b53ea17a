"""The repositories that Poetry, Hatch, uv, pdm and `.pypirc` define, read from their own files and variables.

A file that is broken is its tool's business: it becomes a note, and the rest goes on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

from publish_all._values import dataclass
from publish_all.config.addresses import host_of
from publish_all.config.folders import HostFolders
from publish_all.config.load import read_toml
from publish_all.config.model import EMPTY, ProjectConfig
from publish_all.config.pypirc import read_pypirc
from publish_all.errors import ConfigurationError

_POETRY_VARIABLE = re.compile(r"POETRY_REPOSITORIES_([A-Z0-9_]+)_URL")
_POETRY_CERTIFICATE = re.compile(r"POETRY_CERTIFICATES_([A-Z0-9_]+?)_(CLIENT_)?CERT")


@dataclass(frozen=True, kw_only=True, slots=True)
class HostRepository:
    """A repository as a tool defines it. `url` is None for a mere source, which can't be published to.

    `of_project` says that a file of the project does, and `replaces_pypi` that the tool then installs
    from there what it would else take from PyPI.
    """

    tool: str
    name: str
    url: str | None
    index_url: str | None = None
    origin: str
    of_project: bool = False
    replaces_pypi: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class HostTls:
    """What a tool's file says about the TLS of one repository, known by its name, its URL or both.

    `client_key` None: the key is in the file of the certificate. No file is looked at here.
    """

    tool: str
    name: str | None = None
    url: str | None = None
    ca_cert: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    origin: str
    of_project: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class HostRepositories:
    """What all tools define, those first that win; and notes on files that could not be read."""

    repositories: tuple[HostRepository, ...] = ()
    tls: tuple[HostTls, ...] = ()
    notes: tuple[str, ...] = ()


_Found: TypeAlias = Iterator[HostRepository | HostTls]


def host_repositories(
    config: ProjectConfig | None, *, environment: Mapping[str, str], folders: HostFolders
) -> HostRepositories:
    """Read them all. Never raises for what is in the files."""
    root = config.root if config is not None else None
    pyproject = config.pyproject if config is not None else EMPTY
    readers: tuple[Callable[[], _Found], ...] = (
        lambda: _poetry_environment(environment),
        lambda: _poetry_file(root / "poetry.toml", of_project=True) if root is not None else iter(()),
        lambda: _poetry_file(folders.poetry),
        lambda: _hatch(folders.hatch),
        lambda: _uv(_at(pyproject, "tool", "uv", "index"), "pyproject.toml", of_project=True),
        lambda: _uv_file(root / "uv.toml", of_project=True) if root is not None else iter(()),
        lambda: _uv_file(folders.uv),
        lambda: _pdm(root / "pdm.toml", of_project=True) if root is not None else iter(()),
        lambda: _pdm(folders.pdm),
        lambda: _pypirc(folders.pypirc),
        lambda: _poetry_sources(pyproject),
        lambda: _pdm_sources(pyproject),
    )
    found: list[HostRepository | HostTls] = []
    notes: list[str] = []
    for read in readers:
        try:
            found.extend(read())
        except ConfigurationError as error:
            notes.append(f"passed over: {error.message}")
    return HostRepositories(
        repositories=tuple(each for each in found if isinstance(each, HostRepository)),
        tls=tuple(each for each in found if isinstance(each, HostTls)),
        notes=tuple(notes),
    )


def _poetry_environment(environment: Mapping[str, str]) -> _Found:
    for variable, value in environment.items():
        if (match := _POETRY_VARIABLE.fullmatch(variable)) and value:
            name = match[1].lower().replace("_", "-")
            yield HostRepository(tool="Poetry", name=name, url=value, origin=f"environment {variable}")
        elif (match := _POETRY_CERTIFICATE.fullmatch(variable)) and value:
            name = match[1].lower().replace("_", "-")
            key = "client-cert" if match[2] else "cert"
            yield from _tls("Poetry", {key: value}, f"environment {variable}", name=name)


def _poetry_file(path: Path, *, of_project: bool = False) -> _Found:
    table = _read(path)
    yield from _tables("Poetry", _at(table, "repositories"), path, of_project=of_project)
    certificates = _at(table, "certificates")
    for name, stated in certificates.items() if isinstance(certificates, dict) else ():
        yield from _tls("Poetry", stated, f"Poetry {path}", name=name, of_project=of_project)


def _hatch(path: Path) -> _Found:
    index = _at(_read(path), "publish", "index")
    repositories = _at(index, "repos")
    yield from _tables("Hatch", repositories, path)
    for name, stated in repositories.items() if isinstance(repositories, dict) else ():
        yield from _tls("Hatch", stated, f"Hatch {path}", name=name, url=_at(stated, "url"))
    # What stands for all of Hatch's repositories.
    yield from _tls("Hatch", index, f"Hatch {path}")


def _pdm(path: Path, *, of_project: bool = False) -> _Found:
    repositories = _at(_read(path), "repository")
    yield from _tables("pdm", repositories, path, of_project=of_project)
    for name, stated in repositories.items() if isinstance(repositories, dict) else ():
        url = _at(stated, "url")
        yield from _tls("pdm", stated, f"pdm {path}", name=name, url=url, of_project=of_project)


def _tables(tool: str, tables: Any, path: Path, *, of_project: bool = False) -> _Found:
    """`NAME = { url = … }`, or with Hatch `NAME = "URL"`."""
    for name, stated in tables.items() if isinstance(tables, dict) else ():
        url = stated.get("url") if isinstance(stated, dict) else stated
        if isinstance(url, str) and url:
            origin = f"{tool} {path}"
            yield HostRepository(tool=tool, name=name, url=url, origin=origin, of_project=of_project)


def _tls(
    tool: str,
    stated: Any,
    origin: str,
    *,
    name: str | None = None,
    url: Any = None,
    of_project: bool = False,
) -> _Found:
    """The certificates in a table, in the words of any of the tools. `cert = false` is not a file."""

    def path(*keys: str) -> Path | None:
        found = next((each for key in keys if isinstance(each := _at(stated, key), str) and each), None)
        return Path(found).expanduser() if found is not None else None

    ca_cert, client_cert = path("ca-cert", "ca_cert", "ca_certs", "cert"), path("client-cert", "client_cert")
    if ca_cert is not None or client_cert is not None:
        yield HostTls(
            tool=tool,
            name=name,
            url=url if isinstance(url, str) else None,
            ca_cert=ca_cert,
            client_cert=client_cert,
            client_key=path("client-key", "client_key"),
            origin=origin,
            of_project=of_project,
        )


def _uv_file(path: Path, *, of_project: bool = False) -> _Found:
    return _uv(_at(_read(path), "index"), str(path), of_project=of_project)


def _uv(indexes: Any, file: str, *, of_project: bool = False) -> _Found:
    """`[[tool.uv.index]]`; one without `publish-url` is for installing only."""
    for each in indexes if isinstance(indexes, list) else ():
        name, index, url = (_at(each, key) for key in ("name", "url", "publish-url"))
        if isinstance(name, str) and name:
            yield HostRepository(
                tool="uv",
                name=name,
                url=url if isinstance(url, str) else None,
                index_url=index if isinstance(index, str) and isinstance(url, str) else None,
                origin=f"uv {file}" if isinstance(url, str) else f"[[tool.uv.index]] in {file}",
                of_project=of_project,
                replaces_pypi=_at(each, "default") is True and not _is_pypi(index),
            )


def unnamed_uv(config: ProjectConfig) -> Iterator[tuple[str, str, bool]]:
    """What uv's settings of a project name without a name: where, a URL, and whether uploads go there.

    `publish-url`, and a default index, which replaces PyPI.
    """
    files = [("pyproject.toml", _at(config.pyproject, "tool", "uv"))]
    with suppress(ConfigurationError):  # which is noted where its repositories are read
        files.append(("uv.toml", _read(config.root / "uv.toml")))
    for file, settings in files:
        if isinstance(url := _at(settings, "publish-url"), str) and url:
            yield f"publish-url of uv in {file}", url, True
        if isinstance(url := _at(settings, "index-url"), str) and url:
            yield f"index-url of uv in {file}", url, False
        indexes = _at(settings, "index")
        for each in indexes if isinstance(indexes, list) else ():
            url = _at(each, "url")
            if isinstance(url, str) and _at(each, "default") is True and not _at(each, "name"):
                yield f"the default index of uv in {file}", url, False


def _poetry_sources(pyproject: Mapping[str, Any]) -> _Found:
    """A primary source (which one is without a priority) takes PyPI's place, unless PyPI is named beside it.

    https://python-poetry.org/docs/repositories/#primary-package-sources
    """
    sources = _at(pyproject, "tool", "poetry", "source")
    tables = [each for each in sources if isinstance(each, dict)] if isinstance(sources, list) else []
    with_pypi = any(str(each.get("name", "")).lower() == "pypi" for each in tables)
    for each in tables:
        if isinstance(name := each.get("name"), str):
            primary = str(each.get("priority", "primary")).lower() in {"primary", "default"}
            yield HostRepository(
                tool="Poetry",
                name=name,
                url=None,
                origin="[[tool.poetry.source]] in pyproject.toml",
                of_project=True,
                replaces_pypi=primary and not with_pypi and not _is_pypi(each.get("url")),
            )


def _pdm_sources(pyproject: Mapping[str, Any]) -> _Found:
    """A source of the name `pypi` takes PyPI's place: https://pdm-project.org/latest/usage/config/."""
    sources = _at(pyproject, "tool", "pdm", "source")
    for each in sources if isinstance(sources, list) else ():
        if isinstance(name := _at(each, "name"), str):
            yield HostRepository(
                tool="pdm",
                name=name,
                url=None,
                origin="[[tool.pdm.source]] in pyproject.toml",
                of_project=True,
                replaces_pypi=name == "pypi" and not _is_pypi(_at(each, "url")),
            )


def _is_pypi(url: object) -> bool:
    return isinstance(url, str) and host_of(url) in {"pypi.org", "upload.pypi.org"}


def _pypirc(path: Path) -> _Found:
    for server in read_pypirc(path):
        if server.stated:
            yield HostRepository(tool=".pypirc", name=server.section, url=server.url, origin=str(path))
        certificates = {"ca-cert": server.ca_cert, "client-cert": server.client_cert}
        yield from _tls(".pypirc", certificates, str(path), name=server.section, url=server.url)


def _read(path: Path) -> Mapping[str, Any]:
    return read_toml(path)[0] if path.is_file() else EMPTY


def _at(values: Any, *keys: str) -> Any:
    """The value at a key path, None where it is not, or something on the way is no table."""
    for key in keys:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values
