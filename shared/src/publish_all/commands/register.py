"""Writing our repositories into another tool's own configuration, so that it knows them by name.

The change is computed first and shown; every other byte of the file stays. Secrets are written only
when they are asked for: `publish-all login` and our keyring backend give them to the tools otherwise.
"""

from __future__ import annotations

import configparser
import difflib
import enum
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from publish_all._secret import Secret
from publish_all._urls import shown_or_raw
from publish_all._values import dataclass
from publish_all.commands.context import Surroundings
from publish_all.commands.destinations import ConnectionOptions, open_connection
from publish_all.commands.ini_edit import has_section, value_of, with_item, with_section
from publish_all.config.folders import Folders, usual_folders
from publish_all.config.known import known_repositories
from publish_all.config.load import load_project, search_pyproject
from publish_all.config.model import RepositoryConfig, Scope
from publish_all.credentials.source import Credential, CredentialRequest, Purpose
from publish_all.errors import ConfigurationError, UsageError
from publish_all.events import ignore


class Tool(enum.Enum):
    """Whose configuration is written."""

    POETRY = "poetry"
    HATCH = "hatch"
    UV = "uv"
    PIP = "pip"
    PYPIRC = "pypirc"


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisterOptions:
    """`names` are the repositories, empty for all that the project and the user state.

    `with_secrets` writes the credential of each as well, where the tool has a place for it in that file.
    `pip_file` is pip's configuration, None for the usual place.
    """

    tool: Tool
    directory: Path
    names: tuple[str, ...] = ()
    with_secrets: bool = False
    around: Surroundings = field(default_factory=Surroundings)
    folders: Folders | None = None
    pip_file: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Registration:
    """What is to be written. `notes` tell what is left as it is and why; `after` equals `before` for nothing to do.

    `secrets` are those in `after`, which are not shown.
    """

    path: Path
    before: str
    after: str = field(repr=False)
    notes: tuple[str, ...] = ()
    secrets: tuple[Secret, ...] = ()

    @property
    def needed(self) -> bool:
        return self.after != self.before

    @property
    def diff(self) -> str:
        """The change as a unified diff, without lines around it: one of them may be a password."""
        lines = difflib.unified_diff(
            self.before.splitlines(),
            self.after.splitlines(),
            str(self.path),
            str(self.path),
            lineterm="",
            n=0,
        )
        text = "\n".join(lines)
        for each in self.secrets:
            text = text.replace(each.reveal(), str(each))
        return text


_PIP_NOTE = (
    "pip asks all its indexes for every project and takes the highest version: make sure that nobody else "
    "can publish your projects' names on one of them"
)


def plan_registration(options: RegisterOptions) -> Registration:
    """Compute the change; nothing is written. Raises `ConfigurationError` and `UsageError`."""
    environment, home = options.around.environment, options.around.home
    folders = options.folders or usual_folders(environment=environment, home=home)
    path = _file_of(options, folders)
    before = _text(path)
    repositories = _repositories(options, folders)
    edit = _EDITS[options.tool]
    after, notes = before, []
    logins = _logins(options, repositories, folders) if options.with_secrets else {}
    for config in repositories:
        try:
            after = edit(after, config, logins.get(config.name))
        except _LeftAloneError as error:
            notes.append(str(error))
        except (configparser.Error, ValueError, TypeError, AttributeError, KeyError) as error:
            msg = f"{path} cannot be understood ({type(error).__name__}), and is left as it is"
            raise ConfigurationError(msg, hint="Repair the file first.") from None
    if options.tool is Tool.PIP and after != before:
        notes.append(_PIP_NOTE)
    notes += [
        f"no lasting credential of {each.name} is known" for each in repositories if _lacks(each, logins)
    ]
    secrets = tuple(each.secret for each in logins.values() if each is not None)
    return Registration(path=path, before=before, after=after, notes=tuple(notes), secrets=secrets)


def write_registration(registration: Registration) -> None:
    """Write the change at once or not at all, with the permissions that the file had (0600 for a new one).

    Raises `ConfigurationError` when the file has changed meanwhile, or cannot be written.
    """
    if _text(registration.path) != registration.before:
        msg = f"{registration.path} has changed meanwhile, and is left as it is"
        raise ConfigurationError(msg, hint="Run the command again.")
    target = registration.path.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o600
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(registration.after)
        Path(temporary).chmod(mode)
        Path(temporary).replace(target)
    except OSError as error:
        msg = f"{target} cannot be written: {error.strerror}"
        raise ConfigurationError(msg) from error


class _LeftAloneError(Exception):
    """An entry of this name is there and says something else; or the tool cannot have such a repository."""


def _repositories(options: RegisterOptions, folders: Folders) -> Sequence[RepositoryConfig]:
    inside = search_pyproject(options.directory) is not None
    known = known_repositories(
        load_project(options.directory) if inside else None,
        environment=options.around.environment,
        home=options.around.home,
        folders=folders,
    )
    if options.names:
        chosen = [known.get(name) for name in options.names]
        unfit = [config.name for config in chosen if not _fits(config)]
        if unfit:
            msg = (
                f"{options.tool.value} cannot publish to {', '.join(unfit)}: only repositories of kind legacy"
            )
            raise UsageError(msg)
        return chosen
    every = [known.get(name) for name in known.names]
    return [config for config in every if _fits(config) and config.scope not in {Scope.BUILT_IN, Scope.HOST}]


_SECRETS_ELSEWHERE: Mapping[Tool, str] = MappingProxyType(
    {
        Tool.POETRY: "Poetry keeps secrets in the keyring: `poetry config http-basic.NAME USER`.",
        Tool.UV: "uv takes it from UV_PUBLISH_TOKEN, or from the keyring: `publish-all login NAME`.",
        Tool.PIP: "pip takes it from the keyring: `publish-all login NAME`.",
    }
)


def _logins(
    options: RegisterOptions, repositories: Sequence[RepositoryConfig], folders: Folders
) -> Mapping[str, Credential | None]:
    """The credential that an upload to each would use; None where there is none that can be kept."""
    if options.tool in _SECRETS_ELSEWHERE:
        msg = f"{options.tool.value} has no place for a secret in the file that repositories are written into"
        raise UsageError(msg, hint=_SECRETS_ELSEWHERE[options.tool])
    inside = search_pyproject(options.directory) is not None
    connection = open_connection(
        load_project(options.directory) if inside else None,
        ConnectionOptions(
            repositories=tuple(each.name for each in repositories),
            auth="token",
            around=replace(options.around, folders=folders),
        ),
        listener=ignore,
    )
    return {
        each.name: connection.credentials.get(
            CredentialRequest(
                config=each,
                url=each.url or "",
                project=None,
                purpose=Purpose.UPLOAD,
            )
        )
        for each in repositories
    }


def _lacks(config: RepositoryConfig, logins: Mapping[str, Credential | None]) -> bool:
    return config.name in logins and logins[config.name] is None


def _fits(config: RepositoryConfig) -> bool:
    return config.kind.standard_api and config.url is not None and "{" not in config.url


def _file_of(options: RegisterOptions, folders: Folders) -> Path:
    hosts = folders.hosts
    match options.tool:
        case Tool.POETRY:
            return hosts.poetry
        case Tool.HATCH:
            return hosts.hatch
        case Tool.UV:
            return hosts.uv
        case Tool.PYPIRC:
            return hosts.pypirc
        case Tool.PIP:
            return options.pip_file or _pip_file(options.around.environment)


def _pip_file(environment: Mapping[str, str]) -> Path:
    from platformdirs import user_config_path

    stated = environment.get("PIP_CONFIG_FILE")
    name = "pip.ini" if sys.platform == "win32" else "pip.conf"
    return Path(stated) if stated else user_config_path("pip", appauthor=False, roaming=True) / name


def _text(path: Path) -> str:
    """The text with its own line ends; empty where there is no file. Raises `ConfigurationError`."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read ({type(error).__name__})"
        raise ConfigurationError(msg) from error


def _poetry(text: str, config: RepositoryConfig, login: Credential | None) -> str:
    del login  # as for uv and pip: refused before
    return _with_table(text, ("repositories", config.name), {"url": config.url}, config, None)


def _hatch(text: str, config: RepositoryConfig, login: Credential | None) -> str:
    user = {"user": config.username} if config.username else {}
    if login is not None:
        user = {"user": login.username, "auth": login.secret.reveal()}
    values = {"url": config.url, **user}
    return _with_table(text, ("publish", "index", "repos", config.name), values, config, login)


def _uv(text: str, config: RepositoryConfig, login: Credential | None) -> str:
    import tomlkit

    del login

    document = tomlkit.parse(text)
    for index in document.get("index", ()):
        if index.get("name") == config.name:
            _must_agree(index.get("publish-url"), config)
            return text
    entry = tomlkit.table()
    values = {"name": config.name, "url": config.index_url or config.url, "publish-url": config.url}
    for key, value in (*values.items(), ("explicit", True)):
        entry[key] = value
    if "index" not in document:
        document["index"] = tomlkit.aot()
    indexes: Any = document["index"]
    indexes.append(entry)
    return tomlkit.dumps(document)


def _pip(text: str, config: RepositoryConfig, login: Credential | None) -> str:
    del login
    if config.index_url is None:
        msg = f"{config.name} has no index-url, so pip has nothing to read there"
        raise _LeftAloneError(msg)
    stated = value_of(text, "global", "index-url")
    if stated is not None and stated.strip().rstrip("/") == config.index_url.rstrip("/"):
        return text
    return with_item(text, "global", "extra-index-url", config.index_url)


def _pypirc(text: str, config: RepositoryConfig, login: Credential | None) -> str:
    if has_section(text, config.name):
        _must_agree(value_of(text, config.name, "repository"), config)
        _must_have(value_of(text, config.name, "password"), login, config)
        return text
    listed = with_item(text, "distutils", "index-servers", config.name, first=("pypi", "testpypi"))
    user = {"username": config.username} if config.username else {}
    if login is not None:
        user = {"username": login.username, "password": login.secret.reveal()}
    return with_section(listed, config.name, {"repository": config.url or "", **user})


_EDITS: Mapping[Tool, Callable[[str, RepositoryConfig, Credential | None], str]] = MappingProxyType(
    {Tool.POETRY: _poetry, Tool.HATCH: _hatch, Tool.UV: _uv, Tool.PIP: _pip, Tool.PYPIRC: _pypirc}
)


def _with_table(
    text: str,
    path: tuple[str, ...],
    values: Mapping[str, str | None],
    config: RepositoryConfig,
    login: Credential | None,
) -> str:
    """The TOML text with a new table at `path`; unchanged where one of that name says the same URL."""
    import tomlkit

    document = tomlkit.parse(text)
    parent: Any = document
    for key in path[:-1]:
        if key not in parent:
            parent[key] = tomlkit.table(is_super_table=True)
        parent = parent[key]
    if path[-1] in parent:
        there = parent[path[-1]]
        entry = {"url": there} if isinstance(there, str) else there
        _must_agree(entry.get("url"), config)
        _must_have(entry.get("auth"), login, config)
        return text
    table = tomlkit.table()
    for key, value in values.items():
        table[key] = value
    parent[path[-1]] = table
    return tomlkit.dumps(document)


def _must_agree(stated: object, config: RepositoryConfig) -> None:
    """Raise when an entry that is there means another URL: it is the user's, and is not replaced."""
    if str(stated or "").rstrip("/") != (config.url or "").rstrip("/"):
        which = f"another URL ({shown_or_raw(str(stated))})" if stated else "no such URL"
        msg = f"{config.name} is there already with {which}, and is left as it is"
        raise _LeftAloneError(msg)


def _must_have(stated: object, login: Credential | None, config: RepositoryConfig) -> None:
    """Raise when an entry that is there lacks the credential that was to be written."""
    if login is not None and stated != login.secret.reveal():
        msg = (
            f"{config.name} is there already without this credential, and is left as it is; take it out to "
            "have it written anew"
        )
        raise _LeftAloneError(msg)
