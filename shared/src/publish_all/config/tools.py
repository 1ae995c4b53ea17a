"""The configuration of Poetry, Hatch, uv, pdm, twine and pip, read once from their files and variables.

A file that cannot be read becomes a note, and the others are used. Its error is raised only if a credential is
looked up in it.
"""

from __future__ import annotations

import codecs
import enum
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from publish_all._secret import Secret
from publish_all._toml import table, tables
from publish_all.config.addresses import PYPI_HOSTS, hostname_of
from publish_all.config.builtin import normalized
from publish_all.config.folders import NOWHERE, HostFolders
from publish_all.config.load import read_toml
from publish_all.config.model import EMPTY, ProjectConfig, RepositoryConfig
from publish_all.errors import ConfigurationError

PYPI = "https://upload.pypi.org/legacy/"
TESTPYPI = "https://test.pypi.org/legacy/"
PYPIRC = ".pypirc"

_OWN = "publish-all's configuration"
_INDEXES = {"pypi": PYPI, "testpypi": TESTPYPI}
_POETRY_VARIABLE = re.compile(r"POETRY_REPOSITORIES_([A-Z0-9_]+)_URL")
_POETRY_CERTIFICATE = re.compile(r"POETRY_CERTIFICATES_([A-Z0-9_]+?)_(CLIENT_)?CERT")
_OF_PROJECT = {"the project's poetry.toml", "pyproject.toml", "uv.toml", "the project's pdm.toml", "sources"}


class Tool(enum.Enum):
    """A tool whose settings are used.

    `names` are its built-in repositories, `targets` the variables with its upload target.
    """

    PUBLISH_ALL = ("publish-all",)
    POETRY = ("Poetry", {"pypi": PYPI})
    HATCH = ("Hatch", {"main": PYPI, "test": TESTPYPI}, ("HATCH_INDEX_REPO",))
    TWINE = ("twine", _INDEXES, ("TWINE_REPOSITORY_URL", "TWINE_REPOSITORY"))
    UV = ("uv", EMPTY, ("UV_PUBLISH_URL", "UV_PUBLISH_INDEX"))
    FLIT = ("flit", EMPTY, ("FLIT_INDEX_URL",))
    PDM = ("pdm", _INDEXES, ("PDM_PUBLISH_REPO",))
    PIP = ("pip",)
    COMMON = ("common practice",)
    GITHUB = ("GitHub",)

    def __init__(self, label: str, names: Mapping[str, str] = EMPTY, targets: tuple[str, ...] = ()) -> None:
        self.label = label
        self.names = names
        self.targets = targets


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolRepository:
    """The settings of a repository in one table or variable of a tool, with a name, a URL or both.

    Without a name and URL, they apply to all repositories of the tool. `url` is the upload URL. `is_source`: the tool
    installs from it; `replaces_pypi`: instead of PyPI. `secret` may be empty if the user name is a token.
    `of_project`: the settings are in a file of the project, not of the user. Certificate files are not read here.
    """

    tool: Tool
    origin: str
    name: str = ""
    url: str | None = None
    index_url: str | None = None
    username: str | None = None
    secret: Secret | None = None
    ca_cert: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    of_project: bool = False
    is_source: bool = False
    replaces_pypi: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolSettings:
    """The settings of all tools by their source, the one with the highest priority first.

    `broken` has the errors of files that cannot be read.
    """

    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    places: Mapping[str, tuple[ToolRepository, ...]] = field(default_factory=dict)
    broken: Mapping[str, ConfigurationError] = field(default_factory=dict)
    files: HostFolders | None = None

    @property
    def entries(self) -> tuple[ToolRepository, ...]:
        return tuple(each for entries in self.places.values() for each in entries)

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(f"ignored: {error.message}" for error in self.broken.values())

    def variable(self, name: str) -> str | None:
        """An environment variable, None if it is not set or blank."""
        value = self.environment.get(name)
        return value if value is not None and value.strip() else None

    def target(self, tool: Tool) -> str | None:
        """The URL or name of the repository that the variables of a tool select for uploads."""
        return next(filter(None, map(self.variable, tool.targets)), None)

    def url_of(self, tool: Tool, stated: str, *, of_project: bool = False) -> str | None:
        """The URL of a name in the configuration of a tool. A URL is returned unchanged.

        Files of the project are used only if the name comes from the project (`of_project`).
        """
        if "://" in stated:
            return stated
        key = normalized(stated)
        if key in tool.names:
            return tool.names[key]
        for each in self.entries:
            named = each.tool is tool and each.name and normalized(each.name) == key
            if named and each.url is not None and (of_project or not each.of_project):
                return each.url
        return None

    def upload_url(self, entry: ToolRepository) -> str | None:
        """The upload URL that the tool would use for an entry. Hatch ignores URLs of `main` and `test`."""
        fixed = entry.tool.names.get(normalized(entry.name)) if entry.tool is Tool.HATCH else None
        return fixed or entry.url or self.url_of(entry.tool, entry.name, of_project=entry.of_project)

    @property
    def pip(self) -> Mapping[str, tuple[str, str]]:
        """The settings of `pip install` with their origins. Variables override files, and earlier files later ones.

        Files that cannot be read are ignored. See https://pip.pypa.io/en/stable/topics/configuration/
        """
        from configparser import Error, RawConfigParser

        found: dict[str, tuple[str, str]] = {}
        files = self.files.pip if self.files and self.environment.get("PIP_CONFIG_FILE") != os.devnull else ()
        for path in reversed(files):
            parser = RawConfigParser(strict=False)
            try:
                parser.read_string(path.read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError, Error):
                continue
            for section in ("global", "install"):
                stated = parser[section].items() if section in parser else ()
                found |= {key: (value.strip(), f"pip {path}") for key, value in stated if value.strip()}
        for variable, value in self.environment.items():
            if variable.startswith("PIP_") and value:
                name = variable.removeprefix("PIP_").lower().replace("_", "-")
                found[name] = value, f"environment {variable}"
        return found


def read_tools(
    config: ProjectConfig | None,
    *,
    environment: Mapping[str, str],
    folders: HostFolders,
    own: Iterable[Mapping[str, RepositoryConfig]] = (),
) -> ToolSettings:
    """Read the files of the tools, including those of a project. Never raises for their contents.

    `own` are the repositories in the configuration of publish-all, which come last.
    """
    root = config.root if config is not None else NOWHERE
    pyproject = config.pyproject if config is not None else EMPTY
    readers: dict[str, list[Iterator[ToolRepository]]] = {
        "environment": [_poetry_variables(environment)],
        "the project's poetry.toml": _those_there(_poetry, root / "poetry.toml"),
        "Poetry's configuration": _those_there(
            _poetry, folders.poetry.with_name("auth.toml"), folders.poetry
        ),
        "Hatch's configuration": _those_there(_hatch, folders.hatch),
        "pyproject.toml": [_uv(table(pyproject, "tool", "uv"), "pyproject.toml")],
        "uv.toml": _those_there(_uv_file, root / "uv.toml"),
        "uv's configuration": _those_there(_uv_file, folders.uv),
        "the project's pdm.toml": _those_there(_pdm, root / "pdm.toml"),
        "pdm's configuration": _those_there(_pdm, folders.pdm),
        "uv auth": _those_there(_uv_auth, folders.uv_credentials),
        PYPIRC: [_pypirc(folders.pypirc)] if os.access(folders.pypirc, os.F_OK) else [],
        "sources": [_sources(pyproject)],
    }
    places: dict[str, tuple[ToolRepository, ...]] = {}
    broken: dict[str, ConfigurationError] = {}
    for place, files in readers.items():
        found: list[ToolRepository] = []
        for entries in files:
            try:
                found.extend(entries)
            except ConfigurationError as error:
                broken[place] = error
        places[place] = tuple(replace(each, of_project=place in _OF_PROJECT) for each in found)
    places[_OWN] = tuple(
        ToolRepository(tool=Tool.PUBLISH_ALL, name=each.name, url=each.url, origin=each.origin)
        for layer in own
        for each in layer.values()
    )
    return ToolSettings(environment=environment, places=places, broken=broken, files=folders)


def _those_there(
    read: Callable[[Path], Iterator[ToolRepository]], *paths: Path
) -> list[Iterator[ToolRepository]]:
    # Path.is_file() raises for a path in a folder without permission.
    return [read(path) for path in paths if os.path.isfile(path)]  # noqa: PTH113 - as said above


def _entry(tool: Tool, name: str, stated: Any, origin: str, *, url: str | None = None) -> ToolRepository:
    """One table with the key names of any tool, or a string with the URL. `cert = false` is ignored."""
    values = stated if isinstance(stated, Mapping) else {"url": stated}

    def text(*keys: str) -> str | None:
        found = map(values.get, keys)
        return next((each for each in found if isinstance(each, str) and each.strip()), None)

    def path(*keys: str) -> Path | None:
        found = text(*keys)
        return Path(found).expanduser() if found is not None else None

    username = text("username", "user")
    secret = next((each for key in ("password", "auth") if isinstance(each := values.get(key), str)), None)
    return ToolRepository(
        tool=tool,
        name=name,
        url=text("url") or url,
        username=username,
        secret=Secret(secret) if secret or (secret is not None and username) else None,
        ca_cert=path("ca-cert", "ca_cert", "ca_certs", "cert"),
        client_cert=path("client-cert", "client_cert"),
        client_key=path("client-key", "client_key"),
        origin=origin,
    )


def _poetry_variables(environment: Mapping[str, str]) -> Iterator[ToolRepository]:
    for variable, value in environment.items():
        url, certificate = _POETRY_VARIABLE.fullmatch(variable), _POETRY_CERTIFICATE.fullmatch(variable)
        if value and (found := url or certificate):
            key = "url" if url else "client-cert" if found[2] else "cert"
            name = found[1].lower().replace("_", "-")
            yield _entry(Tool.POETRY, name, {key: value}, f"environment {variable}")


def _poetry(path: Path) -> Iterator[ToolRepository]:
    """Repositories, certificates, tokens and passwords by Poetry's names."""
    content = read_toml(path)
    urls, certificates, tokens, users = (
        table(content, key) for key in ("repositories", "certificates", "pypi-token", "http-basic")
    )
    for name in dict.fromkeys((*urls, *certificates, *tokens, *users)):
        own = {**table(certificates, name), "url": table(urls, name).get("url")}
        token = {"username": "__token__", "password": tokens[name]} if tokens.get(name) else {}
        for stated in (own, token, table(users, name)):
            if any(stated.values()):
                yield _entry(Tool.POETRY, name, stated, f"Poetry {path}")


def _hatch(path: Path) -> Iterator[ToolRepository]:
    index = table(read_toml(path), "publish", "index")
    found = {
        name: _entry(Tool.HATCH, name, stated, f"Hatch {path}")
        for name, stated in table(index, "repos").items()
    }
    yield from found.values()
    # Certificates next to the table of repositories apply to all repositories, user and password to the default one.
    every = _entry(Tool.HATCH, "", {**index, "url": None}, f"Hatch {path}")
    default = str(index.get("repo") or "main")
    url = found[default].url if default in found else None
    if every.username or every.secret:
        url = Tool.HATCH.names.get(normalized(default)) or url or default
        yield replace(every, url=url, ca_cert=None, client_cert=None, client_key=None)
    if every.ca_cert or every.client_cert:
        yield replace(every, username=None, secret=None)


def _pdm(path: Path) -> Iterator[ToolRepository]:
    for name, stated in table(read_toml(path), "repository").items():
        if isinstance(stated, Mapping):
            yield _entry(Tool.PDM, name, stated, f"pdm {path}")


def _uv_file(path: Path) -> Iterator[ToolRepository]:
    yield from _uv(read_toml(path), str(path))


def _uv(settings: Mapping[str, Any], file: str) -> Iterator[ToolRepository]:
    """Indexes and URLs without a name. An index without a `publish-url` is for installs only."""
    stated = [("[[tool.uv.index]]", each) for each in tables(settings.get("index"))]
    stated += [
        ("publish-url of uv", {"publish-url": settings.get("publish-url"), "default": True}),
        ("index-url of uv", {"url": settings.get("index-url"), "default": True}),
    ]
    for where, each in stated:
        name, index, upload = (
            value if isinstance(value := each.get(key), str) else "" for key in ("name", "url", "publish-url")
        )
        default = each.get("default") is True and bool(index or upload)
        if name or default:
            yield ToolRepository(
                tool=Tool.UV,
                name=name,
                url=upload or None,
                index_url=index or None,
                origin=f"uv {file}" if name and upload else f"{where} in {file}",
                is_source=True,
                replaces_pypi=default and index != "" and hostname_of(index) not in PYPI_HOSTS,
            )


def _uv_auth(path: Path) -> Iterator[ToolRepository]:
    """Credentials that `uv auth login` has stored."""
    for each in tables(read_toml(path).get("credential")):
        service = each.get("service")
        if isinstance(service, str) and each.get("scheme", "basic") == "basic":
            yield _entry(Tool.UV, "", each, f"uv {path}", url=service)


def _pypirc(path: Path) -> Iterator[ToolRepository]:
    """The sections with an explicit or implicit URL: https://packaging.python.org/specifications/pypirc/.

    `[server-login]` has the user name and password for servers of `index-servers` without their own, as in distutils
    and twine. Errors do not quote the file.
    """
    from configparser import Error, RawConfigParser

    parser = RawConfigParser(strict=False)
    try:
        parser.read_string(_decoded(path))
    except Error as error:
        # The message of the parser may quote a line with a password.
        raise ConfigurationError(f"{path} is not a valid INI file ({type(error).__name__})") from None
    listed = parser.get("distutils", "index-servers", fallback="pypi testpypi").split()
    for section in dict.fromkeys((*parser.sections(), *(each for each in listed if each in _INDEXES))):
        own = dict(parser[section]) if section in parser else {}
        url = own.get("repository", "").strip() or _INDEXES.get(section)
        if section in listed and "server-login" in parser:
            stated = {key: value for key, value in own.items() if value or key == "password"}
            own = {**parser["server-login"], **stated}
        if own and url and section not in {"distutils", "server-login"}:
            yield _entry(Tool.TWINE, section, {**own, "url": url}, f"[{section}] in {path}")


def _decoded(path: Path) -> str:
    """The text, decoded as UTF-8 or by its byte order mark, which editors and shells on Windows write."""
    encoding = "utf-8-sig"
    try:
        content = path.read_bytes()
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            encoding = "utf-16"
        return content.decode(encoding)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        msg = f"{path} cannot be read: it is not valid {encoding.removesuffix('-sig').upper()}"
        raise ConfigurationError(msg, hint="Save the file as UTF-8.") from None


def _sources(pyproject: Mapping[str, Any]) -> Iterator[ToolRepository]:
    """The sources from which Poetry and pdm install.

    A primary source of Poetry (the default priority) replaces PyPI, except if PyPI is also listed:
    https://python-poetry.org/docs/repositories/#primary-package-sources. In pdm, a source with the name `pypi`
    replaces it: https://pdm-project.org/latest/usage/config/.
    """
    for tool, key in ((Tool.POETRY, "poetry"), (Tool.PDM, "pdm")):
        sources = tables(table(pyproject, "tool", key).get("source"))
        with_pypi = any(str(each.get("name", "")).lower() == "pypi" for each in sources)
        for each in sources:
            primary = str(each.get("priority", "primary")).lower() in {"primary", "default"}
            replaces = primary and not with_pypi if tool is Tool.POETRY else each.get("name") == "pypi"
            if isinstance(name := each.get("name"), str):
                yield ToolRepository(
                    tool=tool,
                    name=name,
                    origin=f"[[tool.{key}.source]] in pyproject.toml",
                    is_source=True,
                    replaces_pypi=replaces and hostname_of(str(each.get("url"))) not in PYPI_HOSTS,
                )
