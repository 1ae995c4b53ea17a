"""Credentials of the user: from the command line, or asked for at the terminal, once for each repository."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from publish_all._secret import Secret
from publish_all.config.addresses import is_confidential, is_pypi, without_user
from publish_all.credentials.credential_source import (
    Credential,
    CredentialRequest,
    CredentialSource,
    Purpose,
    Tell,
    tell_nobody,
)
from publish_all.credentials.value import TOKEN_USER, cleaned, credential_of, inspect
from publish_all.errors import CredentialError
from publish_all.events import Listener, Note, ignore
from publish_all.findings import Severity

ATTEMPTS = 3


class Ask(Protocol):
    """Put a question to the user and return the answer, empty for none. With `hidden`, nothing typed is shown.

    Raises `EOFError` if there is no terminal.
    """

    def __call__(self, question: str, *, hidden: bool) -> str: ...


@dataclass(eq=False, repr=False)
class Explicit(CredentialSource):
    """`--username` and `--password` as given with `--repository`; either may be missing.

    A user name alone is not a credential: the other sources are searched for that user.
    """

    name = "command line"

    repository: str
    user: str | None = None
    password: Secret | None = None

    def find(self, request: CredentialRequest, tell: Tell = tell_nobody) -> Credential | None:
        del tell
        if request.repository != self.repository or self.password is None:
            return None
        username = self.user or request.username or TOKEN_USER
        origin = "the command line's --password"
        return credential_of(request, username=username, value=self.password.reveal(), origin=origin)

    def username(self, request: CredentialRequest) -> str | None:
        return self.user if request.repository == self.repository else None


@dataclass(eq=False, repr=False)
class PromptSource(CredentialSource):
    """The last source. Its answers are remembered for the repository, so that several projects ask once.

    `store` keeps (URL, user name, secret) and returns where; None for no such offer.
    """

    name = "prompt"

    ask: Ask
    store: Callable[[str, str, Secret], str] | None = None
    listener: Listener = ignore
    _answers: dict[tuple[str, str], Credential | None] = field(default_factory=dict, init=False)
    _attempts: dict[tuple[str, str], int] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def find(self, request: CredentialRequest, tell: Tell = tell_nobody) -> Credential | None:
        del tell
        if request.purpose is not Purpose.UPLOAD or not is_confidential(request.url):
            return None
        key = (request.repository, request.url)
        with self._lock:
            if key not in self._answers:
                self._answers[key] = self._asked(request)
            return self._answers[key]

    def renew(self, request: CredentialRequest) -> Credential | None:
        """Ask again, after the answer was refused; None after three attempts."""
        key = (request.repository, request.url)
        with self._lock:
            self._attempts[key] = self._attempts.get(key, 1) + 1
            if self._attempts[key] > ATTEMPTS:
                return None
            self.listener(Note(message=f"{request.repository} refused this credential. Please try again."))
            self._answers[key] = self._asked(request)
            return self._answers[key]

    def _asked(self, request: CredentialRequest) -> Credential | None:
        try:
            credential = ask_for(request, self.ask)
            if credential is not None:
                self._offer_to_keep(request, cleaned(credential))
        except (EOFError, KeyboardInterrupt):
            return None
        return credential

    def _offer_to_keep(self, request: CredentialRequest, credential: Credential) -> None:
        findings = inspect(credential, request)
        if self.store is None or any(finding.severity is Severity.ERROR for finding in findings):
            return
        try:
            answer = self.ask("Store it in the keyring? [y/N]", hidden=False).strip().lower()
            if answer in {"y", "yes"}:
                kept = self.store(request.url, credential.username, credential.secret)
                self.listener(Note(message=f"Stored in the keyring {kept}."))
        except EOFError:
            return
        except CredentialError as error:
            self.listener(Note(message=error.message))


def ask_for(request: CredentialRequest, ask: Ask) -> Credential | None:
    """Ask for a user name, if none is configured, and for a secret; None if nothing is entered."""
    where = f"{request.repository} ({without_user(request.url)})"
    username = request.username or request.config.username
    if not username:
        typed = "" if is_pypi(request.url) else ask(f"User name for {where} [{TOKEN_USER}]", hidden=False)
        username = typed.strip() or TOKEN_USER
    question = "API token" if username == TOKEN_USER else f"Password of {username}"
    answer = ask(f"{question} for {where}", hidden=True)
    return credential_of(request, username=username, value=answer, origin="the prompt") if answer else None
