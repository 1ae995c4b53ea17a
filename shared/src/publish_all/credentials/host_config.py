"""What Poetry, Hatch, pdm and uv keep in their own files: repositories' URLs, users, tokens, passwords."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from publish_all import _toml, diagnoses
from publish_all._secret import Secret
from publish_all._values import dataclass
from publish_all.config.builtin import normalized
from publish_all.config.hosts import HostRepository
from publish_all.credentials.address import is_below, same_url
from publish_all.credentials.binding import Bindings, KnownNames
from publish_all.credentials.source import Credential, CredentialRequest
from publish_all.credentials.value import TOKEN_USER, credential_of, refused
from publish_all.errors import CredentialError
from publish_all.events import Listener, ignore


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """A user and what goes with it; Poetry and Hatch may keep the secret in the keyring instead.

    A secret may be stated to be empty: then the user name is the token.
    """

    username: str | None = None
    secret: Secret | None = None
    where: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PoetrySettings:
    """Poetry's config.toml and auth.toml. Names are as `config.builtin.normalized` gives them.

    `spelled` has each name as the file writes it, for the keyring's service names; `broken` is the
    error of a file that could not be read, raised by who wants what it holds.
    """

    names: KnownNames = field(default_factory=KnownNames)
    tokens: Mapping[str, Account] = field(default_factory=dict)
    basic: Mapping[str, Account] = field(default_factory=dict)
    spelled: Mapping[str, str] = field(default_factory=dict)
    broken: CredentialError | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class HatchSettings:
    """Hatch's config.toml: accounts by URL, and the users it remembers to have stored in the keyring."""

    names: KnownNames = field(default_factory=KnownNames)
    accounts: tuple[tuple[str, Account], ...] = ()
    users: Mapping[str, str] = field(default_factory=dict)
    broken: CredentialError | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PoetrySource:
    """Tokens and passwords which `poetry config` has written to auth.toml, by the names that Poetry uses."""

    settings: PoetrySettings
    bindings: Bindings = field(default_factory=Bindings)
    listener: Listener = ignore
    name: str = "Poetry's configuration"

    def find(self, request: CredentialRequest) -> Credential | None:
        if self.settings.broken is not None:
            raise self.settings.broken
        if not self.bindings.by_name(request):
            return None
        for name in self.settings.names.serving(request.repository, self.bindings.addresses(request)):
            token = self.settings.tokens.get(name)
            found = token and _from(token, request, TOKEN_USER, self.listener)
            basic = self.settings.basic.get(name)
            found = found or (basic and _from(basic, request, request.username, self.listener))
            if found:
                return found
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountsSource:
    """Users and passwords which a tool keeps by the URLs that it sends them to.

    With `below`, as uv does it, an account serves what is below its URL, too.
    """

    name: str
    accounts: tuple[tuple[str, Account], ...]
    broken: CredentialError | None = None
    below: bool = False
    bindings: Bindings = field(default_factory=Bindings)
    listener: Listener = ignore

    def find(self, request: CredentialRequest) -> Credential | None:
        if self.broken is not None:
            raise self.broken
        serves = is_below if self.below else same_url
        for url, account in self.accounts:
            if any(serves(address, url) for address in self.bindings.addresses(request)):
                found = _from(account, request, request.username or TOKEN_USER, self.listener)
                if found is not None:
                    return found
        return None


def names_of(tool: str, repositories: Iterable[HostRepository], *, built_in: Mapping[str, str]) -> KnownNames:
    """The names that one tool (as `config.hosts` calls it) understands, with their URLs; the first one stated wins."""
    urls: dict[str, str] = dict(built_in)
    for each in repositories:
        if each.tool == tool and each.url is not None:
            urls.setdefault(normalized(each.name), each.url)
    return KnownNames(urls=urls)


def read_poetry(files: Iterable[Path], names: KnownNames) -> PoetrySettings:
    """Read config.toml and auth.toml, or a project's poetry.toml; of two files the later one wins.

    Never raises: an unreadable file becomes `broken`.
    """
    basic: dict[str, Account] = {}
    tokens: dict[str, Account] = {}
    spelled: list[str] = []
    try:
        for file in files:
            table = _table(file)
            stated = _mapping(table, "http-basic"), _mapping(table, "pypi-token")
            basic |= {normalized(name): _account(value, str(file)) for name, value in stated[0].items()}
            tokens |= {
                normalized(name): _account({"auth": value}, str(file)) for name, value in stated[1].items()
            }
            spelled += (*_mapping(table, "repositories"), *stated[0], *stated[1])
    except CredentialError as error:
        return PoetrySettings(names=names, broken=error)
    return PoetrySettings(
        names=names, tokens=tokens, basic=basic, spelled={normalized(name): name for name in spelled}
    )


def read_pdm(files: Iterable[Path], names: KnownNames) -> AccountsSource:
    """Read `[repository.NAME]` of pdm's configuration, the first file first. Never raises, as `read_poetry`."""
    accounts: list[tuple[str, Account]] = []
    name = "pdm's configuration"
    try:
        for file in files:
            for repository, entry in _mapping(_table(file), "repository").items():
                url = _text(entry, "url") or names.url_of(repository)
                if url is not None:
                    accounts.append((url, _account(entry, str(file))))
    except CredentialError as error:
        return AccountsSource(name=name, accounts=(), broken=error)
    return AccountsSource(name=name, accounts=tuple(accounts))


def read_uv(file: Path) -> AccountsSource:
    """Read what `uv auth login` has stored in a file. Never raises, as `read_poetry`."""
    name = "uv auth"
    try:
        entries = _table(file).get("credential")
    except CredentialError as error:
        return AccountsSource(name=name, accounts=(), broken=error)
    accounts = [
        (url, _account(entry, str(file)))
        for entry in (entries if isinstance(entries, list) else ())
        if (url := _text(entry, "service")) is not None and _text(entry, "scheme") in {None, "basic"}
    ]
    return AccountsSource(name=name, accounts=tuple(accounts), below=True)


def read_hatch(config_file: Path, names: KnownNames, *, cache: Path) -> HatchSettings:
    """Read Hatch's config.toml. Never raises: an unreadable file becomes `broken`.

    `cache` is Hatch's cache folder, unless its configuration states another.
    """
    try:
        config = _table(config_file)
    except CredentialError as error:
        return HatchSettings(names=names, broken=error)
    index = _mapping(_mapping(config, "publish"), "index")
    default = _text(index, "repo") or "main"
    entries = [(names.url_of(name), entry) for name, entry in _mapping(index, "repos").items()]
    # What stands for all of Hatch's repositories is taken for its default one only.
    entries.append((names.url_of(default) or default, index))
    stated = _text(_mapping(config, "dirs"), "cache")
    return HatchSettings(
        names=names,
        accounts=tuple((url, _account(entry, str(config_file))) for url, entry in entries if url is not None),
        users=_remembered(Path(stated) if stated else cache, names),
    )


def _from(
    account: Account, request: CredentialRequest, default_user: str | None, listener: Listener
) -> Credential | None:
    if account.secret is None:
        return None
    return credential_of(
        request,
        username=account.username or default_user or "",
        value=account.secret.reveal(),
        origin=account.where,
        listener=listener,
    )


def _account(entry: object, where: str) -> Account:
    """Poetry writes `username` and `password`, Hatch `user` and `auth`."""
    username = _text(entry, "username") or _text(entry, "user")
    table = entry if isinstance(entry, Mapping) else {}
    secret = next((each for key in ("password", "auth") if isinstance(each := table.get(key), str)), None)
    if username is None and not secret:
        secret = None
    return Account(username=username, secret=Secret(secret) if secret is not None else None, where=where)


def _remembered(cache: Path, names: KnownNames) -> Mapping[str, str]:
    """URL → the user under whom Hatch has stored a prompted password. Only a memory: unreadable is empty."""
    try:
        text = (cache / "publish" / "index" / "previous_working_users.json").read_text(encoding="utf-8")
        users = json.loads(text)
    except (OSError, ValueError):
        return {}
    if not isinstance(users, dict):
        return {}
    return {names.url_of(name) or name: user for name, user in users.items() if isinstance(user, str)}


def _table(path: Path) -> Mapping[str, Any]:
    try:
        return _toml.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError, _toml.TOMLDecodeError) as error:
        raise refused(
            diagnoses.FILE_UNREADABLE.found(
                f"{path} cannot be read: {error}.",
                where=str(path),
                hint="Repair the file, or move it away.",
            )
        ) from error


def _mapping(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key)
    return value if isinstance(value, Mapping) else {}


def _text(table: object, key: str) -> str | None:
    value = table.get(key) if isinstance(table, Mapping) else None
    return value if isinstance(value, str) and value.strip() else None
