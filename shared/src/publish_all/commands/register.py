"""Write our repositories to the configuration of another tool, so that it knows them by name.

The change is computed and shown first. The rest of the file is not changed. Secrets are written only
on request, because the tools can use those of `publish-all login` from the keyring.
"""

from __future__ import annotations

import configparser
import difflib
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import tomlkit

from publish_all import _toml
from publish_all._own_files import write_whole
from publish_all._urls import shown_or_raw
from publish_all.commands.context import Runtime, project_of_files
from publish_all.commands.destinations import ConnectionOptions, open_connection
from publish_all.config.folders import NOWHERE
from publish_all.config.known import KnownRepositories
from publish_all.config.model import ProjectConfig, RepositoryConfig, Scope
from publish_all.config.tools import Tool
from publish_all.credentials.credential_source import Credential, CredentialRequest, Purpose
from publish_all.errors import ConfigurationError, UsageError

TOOLS = {
    "poetry": Tool.POETRY,
    "hatch": Tool.HATCH,
    "uv": Tool.UV,
    "pip": Tool.PIP,
    "pypirc": Tool.TWINE,
}
"""Whose configuration is written, as the command line says it."""
_TABLES = {Tool.POETRY: ("repositories",), Tool.HATCH: ("publish", "index", "repos")}
"""The table of repositories in a file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Registration:
    """A change to write. `notes` explain entries that are not changed. Without a change, `after` equals `before`.

    `secrets` are the secrets in `after`, which are not shown.
    """

    path: Path
    before: str
    after: str = field(repr=False)
    notes: tuple[str, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def needed(self) -> bool:
        return self.after != self.before

    @property
    def diff(self) -> str:
        """The change as a unified diff, without lines around it: one of them may be a password."""
        before, after, path = self.before.splitlines(), self.after.splitlines(), str(self.path)
        text = "\n".join(difflib.unified_diff(before, after, path, path, lineterm="", n=0))
        for each in self.secrets:
            text = text.replace(each, "***")
        return text


_PIP_NOTE = (
    "pip takes the highest version of a project from all its indexes: make sure that only you "
    "can publish the names of your projects on them"
)


def plan_registration(
    tool: Tool,
    directory: Path,
    *,
    names: tuple[str, ...] = (),
    with_secrets: bool = False,
    runtime: Runtime | None = None,
) -> Registration:
    """Compute the change; nothing is written. Raises `ConfigurationError` and `UsageError`.

    `names` are the repositories, empty for all in the configuration of the project and the user.
    `with_secrets` also writes their credentials, if the tool can have them in that file.
    """
    runtime = runtime or Runtime()
    hosts = runtime.places().hosts
    path = {
        Tool.POETRY: hosts.poetry,
        Tool.HATCH: hosts.hatch,
        Tool.UV: hosts.uv,
        Tool.TWINE: hosts.pypirc,
        Tool.PIP: next((each for each in hosts.pip if each != NOWHERE), NOWHERE),
    }[tool]
    before = after = _text(path)
    project = project_of_files(directory, optional=True)
    repositories = _repositories(runtime.known(project), names, tool)
    logins = _logins(project, repositories, runtime, tool) if with_secrets else {}
    add = _ADDED.get(tool, partial(_with_table, tool=tool))
    notes = []
    try:
        for config in repositories:
            login = logins.get(config.name)
            known = _urls(after, tool)
            if config.name not in known:
                after = add(after, config, login)
                continue
            # Entries of the user are not replaced.
            url, other = str(known[config.name]), ""
            if url.rstrip("/") != str(config.url).rstrip("/"):
                other = f" with another URL ({shown_or_raw(url)})"
            if other or login is not None:
                notes.append(f"{config.name} already exists{other} and was not changed")
    except (configparser.Error, ValueError, TypeError, AttributeError, KeyError) as error:
        msg = f"{path} is not valid ({type(error).__name__}) and was not changed"
        raise ConfigurationError(msg, hint="Repair the file first.") from None
    if tool is Tool.PIP and after != before:
        notes.append(_PIP_NOTE)
    notes += [f"no stored credential for {name} found" for name, login in logins.items() if login is None]
    kept = [login for login in logins.values() if login is not None]
    # The user name where that is the secret and the password is empty.
    secrets = tuple(each.secret.reveal() or "".join(each.username) for each in kept)
    return Registration(path=path, before=before, after=after, notes=tuple(notes), secrets=secrets)


def write_registration(registration: Registration) -> None:
    """Write the change completely or not at all, and keep the permissions of the file (0600 for a new one).

    Raises `ConfigurationError` when the file has changed meanwhile.
    """
    if _text(registration.path) != registration.before:
        msg = f"{registration.path} has changed meanwhile; nothing was written"
        raise ConfigurationError(msg, hint="Run the command again.")
    target = registration.path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o600
    write_whole(target, registration.after.encode(), mode=mode)


def _repositories(known: KnownRepositories, names: Sequence[str], tool: Tool) -> list[RepositoryConfig]:
    chosen = [known.get(name) for name in names or known.names]
    fit = [each for each in chosen if each.kind.standard_api and each.url is not None and "{" not in each.url]
    if tool is Tool.PIP:
        fit = [each for each in fit if each.index_url is not None]
    if not names:
        return [each for each in fit if each.scope not in {Scope.BUILT_IN, Scope.HOST}]
    if unfit := [each.name for each in chosen if each not in fit]:
        msg = f"{tool.label} cannot use {', '.join(unfit)}: it needs repositories of kind legacy"
        raise UsageError(msg + (" with an index-url" if tool is Tool.PIP else ""))
    return fit


def _logins(
    project: ProjectConfig | None, repositories: Sequence[RepositoryConfig], runtime: Runtime, tool: Tool
) -> Mapping[str, Credential | None]:
    """The credential that an upload to each would use; None where there is none that can be kept."""
    if tool not in {Tool.HATCH, Tool.TWINE}:
        msg = f"{tool.label} cannot have secrets in this file"
        raise UsageError(msg, hint="Store them in the keyring with `publish-all login NAME`.")
    names = tuple(each.name for each in repositories)
    asked = ConnectionOptions(repositories=names, auth="token", runtime=runtime)
    credentials = open_connection(project, asked).credentials
    requests = (
        CredentialRequest(config=each, url=each.url or "", project=None, purpose=Purpose.UPLOAD)
        for each in repositories
    )
    return {each.repository: credentials.get(each) for each in requests}


def _text(path: Path) -> str:
    """The text with its own line ends; empty where there is no file. Raises `ConfigurationError`."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read ({type(error).__name__})"
        raise ConfigurationError(msg) from error


def _urls(text: str, tool: Tool) -> Mapping[str, object]:
    """The repositories in the file, each with its URL for uploads."""
    if tool is Tool.PIP:
        return {}  # it has no names for them
    if tool is Tool.TWINE:
        return {name: section.get("repository") for name, section in _ini(text).items()}
    content = _toml.loads(text)
    if tool is Tool.UV:
        return {each["name"]: each.get("publish-url") for each in content.get("index", ()) if "name" in each}
    for key in _TABLES[tool]:
        content = content.get(key, {})
    return {name: each if isinstance(each, str) else each.get("url") for name, each in content.items()}


def _with_table(text: str, config: RepositoryConfig, login: Credential | None, tool: Tool) -> str:
    """The text with a new table for the repository."""
    document: Any = tomlkit.parse(text)
    table = tomlkit.table()
    if tool is Tool.UV:
        index = config.index_url or config.url
        table.update({"name": config.name, "url": index, "publish-url": config.url, "explicit": True})
        document.setdefault("index", tomlkit.aot()).append(table)
        return tomlkit.dumps(document)
    table["url"] = config.url
    if tool is Tool.HATCH and login is not None:
        table.update({"user": "".join(login.username), "auth": login.secret.reveal()})
    elif tool is Tool.HATCH and config.username:
        table["user"] = config.username
    parent = document
    for key in _TABLES[tool]:
        parent = parent.setdefault(key, tomlkit.table(is_super_table=True))
    parent[config.name] = table
    return tomlkit.dumps(document)


def _with_section(text: str, config: RepositoryConfig, login: Credential | None) -> str:
    """The text of a `.pypirc` with a new section for the repository."""
    lines = [f"[{config.name}]", f"repository = {config.url}"]
    if login is not None:
        lines += ["username = " + "".join(login.username), f"password = {login.secret.reveal()}"]
    elif config.username:
        lines.append(f"username = {config.username}")
    listed = with_item(text, "distutils", "index-servers", config.name, first=("pypi", "testpypi"))
    return _with_lines(listed, lines)


def _with_index(text: str, config: RepositoryConfig, _: Credential | None) -> str:
    """The text of a `pip.conf` with one more index, unless it is there."""
    stated, url = _ini(text).get("global", "index-url", fallback="").strip(), str(config.index_url)
    same = stated.rstrip("/") == url.rstrip("/")
    return text if same else with_item(text, "global", "extra-index-url", url)


_ADDED = {Tool.TWINE: _with_section, Tool.PIP: _with_index}


def _ini(text: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.read_string(text)
    return parser


def with_item(text: str, section: str, key: str, item: str, *, first: tuple[str, ...] = ()) -> str:
    """The text of an INI file with one more item in an option that is a list of lines.

    Where the option is not stated, `first` are the items that it means by default. The text is
    unchanged if the item is there, and every other byte stays. Raises `configparser.Error`.
    """
    parser = _ini(text)
    stated = parser.get(section, key, fallback=None)
    if stated is not None and item in stated.split():
        return text
    new = [f"    {item}"] if stated is not None else [f"{key} =", *(f"    {each}" for each in (*first, item))]
    if section not in parser:
        return _with_lines(text, [f"[{section}]", *new])
    place = rf"^\[{re.escape(section)}\][^\r\n]*"
    if stated is not None:
        place += rf"\r?\n(?:(?!\[).*\n)*?(?i:{key})[ \t]*[=:][^\r\n]*"
    # Indented lines after it belong to it, also after empty lines and comments.
    place += r"(?:\r?\n(?:(?:[#;].*|[ \t\r]*)\n)*[ \t]+\S[^\r\n]*)*"
    found = re.search(place, text, re.MULTILINE)
    if found is None:
        raise configparser.Error
    end = _newline(text)
    return text[: found.end()] + "".join(end + each for each in new) + (text[found.end() :] or end)


def _with_lines(text: str, lines: Sequence[str]) -> str:
    """The text with more lines at its end, after an empty one."""
    end = _newline(text)
    before = text if not text or text.endswith("\n") else text + end
    return before + (end if text.strip() else "") + "".join(f"{line}{end}" for line in lines)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
