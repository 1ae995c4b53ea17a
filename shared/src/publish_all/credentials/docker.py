"""Logins to registries as `docker login` and `podman login` keep them, for OCI repositories.

https://docs.docker.com/reference/cli/docker/login/, https://github.com/docker/docker-credential-helpers
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, Protocol

from publish_all import diagnoses
from publish_all._process import Completed, run_with_input
from publish_all._secret import Secret
from publish_all._values import dataclass
from publish_all.credentials.address import host_of, split
from publish_all.credentials.binding import Bindings
from publish_all.credentials.source import Credential, CredentialKind, CredentialRequest, TraceEntry
from publish_all.credentials.value import credential_of, refused
from publish_all.errors import CredentialError
from publish_all.events import Listener, ignore

SECONDS = 30.0
"""For a helper, which may ask a cloud."""
IDENTITY_USER = "<token>"
"""The user name of a helper's answer that is an identity token: a token server takes it in place of a password."""


class Ask(Protocol):
    """Runs a helper with a text on its standard input: see `_process.run_with_input`."""

    def __call__(self, command: Sequence[str], text: str, *, cwd: Path, timeout: float) -> Completed: ...


_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NOT_FOUND = "credentials not found"


@dataclass(frozen=True, slots=True)
class _Login:
    username: str
    secret: Secret


@dataclass(frozen=True, kw_only=True, slots=True)
class DockerSource:
    """`auths`, `credHelpers` and `credsStore` of Docker's configuration, for the registry that they name.

    `content` is the text of DOCKER_AUTH_CONFIG, as GitLab's runners know it. Helpers are the programs
    `docker-credential-NAME` on PATH.
    """

    files: tuple[Path, ...]
    content: str | None = None
    bindings: Bindings = field(default_factory=Bindings)
    ask: Ask = run_with_input
    listener: Listener = ignore
    name: str = "docker login"
    _outcomes: dict[str, str] = field(default_factory=dict, repr=False)

    def find(self, request: CredentialRequest) -> Credential | None:
        config = self.bindings.config_of(request)
        if config is None or not config.kind.registry:
            return None
        for where, table in self._tables():
            for found, origin in self._logins(table, where, request):
                credential = credential_of(
                    request,
                    username=found.username,
                    value=found.secret.reveal(),
                    origin=origin,
                    listener=self.listener,
                    kind=CredentialKind.TOKEN if found.username == IDENTITY_USER else None,
                )
                if credential is not None:
                    return credential
        return None

    def misses(self, request: CredentialRequest) -> tuple[TraceEntry, ...]:
        config = self.bindings.config_of(request)
        if config is None or not config.kind.registry:
            return ()
        host = host_of(request.url)
        return (TraceEntry(source=self.name, outcome=self._outcomes.get(host, f"no login to {host}")),)

    def _tables(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Each configuration that is there, with its name. Raises `CredentialError` for one that is broken."""
        if self.content:
            yield "environment variable DOCKER_AUTH_CONFIG", _parsed(self.content, "DOCKER_AUTH_CONFIG")
        for path in self.files:
            try:
                text = path.read_text(encoding="utf-8")
            except (FileNotFoundError, NotADirectoryError):
                continue
            except (OSError, UnicodeDecodeError) as error:
                raise _unreadable(str(path), type(error).__name__) from error
            yield str(path), _parsed(text, str(path))

    def _logins(
        self, table: Mapping[str, Any], where: str, request: CredentialRequest
    ) -> Iterator[tuple[_Login, str]]:
        """What a configuration has for the registry: of its own helper, of the store for all, written down."""
        host = host_of(request.url)
        helpers, auths = _mapping(table, "credHelpers"), _mapping(table, "auths")
        own = next((helper for key, helper in helpers.items() if _registry(key) == host), None)
        names = [key for key in auths if _registry(key) == host] or [host]
        for helper, key in ((own, host), *((table.get("credsStore"), name) for name in names)):
            found = self._ask(helper, key, host) if isinstance(helper, str) and helper else None
            if found is not None:
                yield found, f"docker-credential-{helper} ({where})"
        for key in _by_path(auths, request.url):
            found = _written(auths[key])
            if found is not None:
                yield found, where

    def _ask(self, helper: str, key: str, host: str) -> _Login | None:
        """What a helper answers; None for nothing, which the trace tells."""
        if not _HELPER.fullmatch(helper):
            return None
        program = f"docker-credential-{helper}"
        try:
            done = self.ask([program, "get"], key, cwd=Path("/"), timeout=SECONDS)
        except (OSError, TimeoutError) as error:
            missing = isinstance(error, FileNotFoundError)
            self._outcomes[host] = f"{program} {'is not installed' if missing else 'did not answer'}"
            return None
        if done.returncode != 0:
            if _NOT_FOUND not in done.stdout + done.stderr:
                self._outcomes[host] = f"{program} failed with {done.returncode}"
            return None
        try:
            answer = json.loads(done.stdout)
            return _Login(str(answer["Username"]), Secret(str(answer["Secret"])))
        except (ValueError, KeyError, TypeError):
            self._outcomes[host] = f"{program} gave an answer that is not one"
            return None


def _by_path(auths: Mapping[str, Any], url: str) -> Iterable[str]:
    """The entries for the registry, of a longer path first: podman keeps logins to parts of one, too."""
    host, path = host_of(url), split(url).path.strip("/") + "/"
    found = [key for key in auths if _registry(key) == host]
    return sorted(
        (key for key in found if _is_old(key) or path.startswith(_path_of(key))),
        key=lambda key: len(_path_of(key)),
        reverse=True,
    )


def _registry(key: str) -> str:
    return host_of(key)


def _path_of(key: str) -> str:
    path = "" if _is_old(key) else split(key).path.strip("/")
    return f"{path}/" if path else ""


def _is_old(key: str) -> bool:
    """`https://index.docker.io/v1/`: a path that is none of the registry's."""
    return split(key).path.strip("/") in {"v1", "v2"}


def _written(entry: object) -> _Login | None:
    """A login that is in the file: `auth` is USER:PASSWORD in base64; an identity token wins, as with Docker."""
    table = entry if isinstance(entry, Mapping) else {}
    token = table.get("identitytoken")
    if isinstance(token, str) and token:
        return _Login(IDENTITY_USER, Secret(token))
    username, password = table.get("username"), table.get("password")
    try:
        pair = base64.b64decode(str(table.get("auth") or ""), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        pair = ""
    if ":" in pair:
        username, _, password = pair.partition(":")
    if isinstance(username, str) and username and isinstance(password, str):
        return _Login(username, Secret(password.rstrip("\x00")))
    return None


def _parsed(text: str, where: str) -> Mapping[str, Any]:
    try:
        table = json.loads(text)
    except (ValueError, RecursionError) as error:
        # Its message would not quote the text, but the exception holds it.
        raise _unreadable(where, f"not JSON ({type(error).__name__})") from None
    return table if isinstance(table, dict) else {}


def _mapping(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key)
    return value if isinstance(value, Mapping) else {}


def _unreadable(where: str, why: str) -> CredentialError:
    return refused(
        diagnoses.FILE_UNREADABLE.found(
            f"{where} cannot be read: {why}.", where=where, hint="Repair it, or log in again."
        )
    )
