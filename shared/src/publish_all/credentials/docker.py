"""Logins of other programs: those to registries of `docker login` and `podman login`, and that of `gh` to GitHub.

https://docs.docker.com/reference/cli/docker/login/, https://github.com/docker/docker-credential-helpers
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from publish_all import diagnoses
from publish_all._process import Completed, Run, run
from publish_all._toml import table
from publish_all.config.addresses import host_of, hostname_of, split
from publish_all.credentials.credential_source import (
    Credential,
    CredentialKind,
    CredentialRequest,
    CredentialSource,
    Tell,
    tell_nobody,
)
from publish_all.credentials.value import TOKEN_USER, credential_of, refused
from publish_all.errors import CredentialError

SECONDS = 30.0
"""Time limit for a helper, which may ask a cloud."""
IDENTITY_USER = "<token>"
"""The user name of a helper's answer that is an identity token: a token server takes it in place of a password."""

_GH_SECONDS = 5.0
_GH_SERVERS = {"ghcr.io": "github.com", "api.github.com": "github.com"}
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NOT_FOUND = "credentials not found"
_WHOLE = {"", "v1", "v2"}
"""The paths of keys that are for a whole registry, such as `https://index.docker.io/v1/`."""


class Ask(Protocol):
    """Runs a helper with a text on its standard input: see `_process.run`."""

    def __call__(self, command: Sequence[str], text: str, *, cwd: Path, timeout: float) -> Completed: ...


class DockerSource(CredentialSource):
    """`auths`, `credHelpers` and `credsStore` of Docker's configuration, for the registry that they name.

    `content` is the text of DOCKER_AUTH_CONFIG, as GitLab's runners know it. Helpers are the programs
    `docker-credential-NAME` on PATH.
    """

    name = "docker login"

    def __init__(self, files: Sequence[Path], content: str | None = None, *, ask: Ask = run) -> None:
        self._files = files
        self._content = content
        self._ask = ask

    def find(self, request: CredentialRequest, tell: Tell = tell_nobody) -> Credential | None:
        if not request.config.kind.registry:
            return None
        for where, config in self._tables():
            for origin, (username, secret) in self._logins(config, where, request.url, tell):
                kind = CredentialKind.TOKEN if username == IDENTITY_USER else None
                found = credential_of(request, username=username, value=secret, origin=origin, kind=kind)
                if found is not None:
                    return found
        tell(self.name, f"no login to {host_of(request.url)}")
        return None

    def _tables(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Each existing configuration, with its name. Raises `CredentialError` for a broken one."""
        if self._content:
            yield "environment variable DOCKER_AUTH_CONFIG", _parsed(self._content, "DOCKER_AUTH_CONFIG")
        for path in self._files:
            try:
                text = path.read_text(encoding="utf-8")
            except (FileNotFoundError, NotADirectoryError):
                continue
            except (OSError, UnicodeDecodeError) as error:
                raise _unreadable(str(path), type(error).__name__) from error
            yield str(path), _parsed(text, str(path))

    def _logins(
        self, config: Mapping[str, Any], where: str, url: str, tell: Tell
    ) -> Iterator[tuple[str, tuple[str, str]]]:
        """The logins (user name and secret) for the registry: from its helper, from the common store, from the file itself."""
        host = host_of(url)
        auths = table(config, "auths")
        keys = [key for key in auths if host_of(key) == host and split(key).path.strip("/") in _WHOLE]
        own = [(helper, host) for key, helper in table(config, "credHelpers").items() if host_of(key) == host]
        store = [(config.get("credsStore"), key) for key in keys or [host]]
        for helper, key in (*own[:1], *store):
            if isinstance(helper, str) and _HELPER.fullmatch(helper):
                program = f"docker-credential-{helper}"
                login = self._ask_helper(program, key)
                if isinstance(login, str):
                    tell(program, login)
                elif login is not None:
                    yield f"{program} ({where})", login
        for login in filter(None, map(_written, map(auths.get, keys))):
            yield where, login

    def _ask_helper(self, program: str, key: str) -> tuple[str, str] | str | None:
        """A user name and a secret, why there is none, or None where the helper says that it has none."""
        try:
            done = self._ask([program, "get"], key, cwd=Path("/"), timeout=SECONDS)
        except FileNotFoundError:
            return "not installed"
        except (OSError, TimeoutError):
            return "did not answer"
        if done.returncode != 0:
            nothing = _NOT_FOUND in done.stdout + done.stderr
            return None if nothing else f"failed with {done.returncode}"
        try:
            answer = json.loads(done.stdout)
            return str(answer["Username"]), str(answer["Secret"])
        except (ValueError, KeyError, TypeError):
            return "gave an invalid answer"


def _written(entry: object) -> tuple[str, str] | None:
    """A login that is in the file: `auth` is USER:PASSWORD in base64; an identity token wins, as with Docker."""
    values = table(entry)
    token = values.get("identitytoken")
    if isinstance(token, str) and token:
        return IDENTITY_USER, token
    username, password = values.get("username"), values.get("password")
    try:
        pair = base64.b64decode(str(values.get("auth") or ""), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        pair = ""
    if ":" in pair:
        username, _, password = pair.partition(":")
    if isinstance(username, str) and username and isinstance(password, str):
        return username, password.rstrip("\x00")
    return None


def _parsed(text: str, where: str) -> Mapping[str, Any]:
    try:
        return table(json.loads(text))
    except (ValueError, RecursionError) as error:
        # Its message would not quote the text, but the exception holds it.
        raise _unreadable(where, f"it is not JSON ({type(error).__name__})") from None


def _unreadable(where: str, why: str) -> CredentialError:
    return refused(diagnoses.FILE_UNREADABLE.found(f"{where} cannot be read: {why}.", where=where))


class GitHubCliSource(CredentialSource):
    """`gh auth token`, for GitHub only. A missing, slow or logged-out gh has no credential."""

    name = "gh auth token"

    def __init__(self, run: Run = run) -> None:
        self._run = run

    def find(self, request: CredentialRequest, tell: Tell = tell_nobody) -> Credential | None:
        server = _GH_SERVERS.get(hostname_of(request.url))
        if server is None:
            return None
        command = ["gh", "auth", "token", "--hostname", server]
        try:
            done = self._run(command, cwd=Path("/"), timeout=_GH_SECONDS)
        except (OSError, TimeoutError) as error:
            missing = isinstance(error, FileNotFoundError)
            tell(self.name, "gh is not installed" if missing else "gh did not answer")
            return None
        if done.returncode != 0:
            tell(self.name, f"gh is not logged in to {server}")
            return None
        return credential_of(
            request,
            username=request.username or TOKEN_USER,
            value=done.stdout.strip(),
            origin=self.name,
            kind=CredentialKind.TOKEN,
        )
