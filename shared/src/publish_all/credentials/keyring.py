"""The system's keyring, with the service names of Poetry, Hatch, twine, uv, pip and publish-all.

A keyring can hang (no session bus, an invisible unlock dialogue) or raise: it is asked from a
daemon thread with a time limit, and a broken backend is treated as empty, with a note.
The backends of clouds (Google's, AWS's, Azure's) create a token for each request, which takes seconds;
they answer for any user name, and the token needs their own user name.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, TypeAlias, TypeVar

from publish_all._process import INTERRUPTED
from publish_all._secret import Secret
from publish_all._server_text import plain
from publish_all.config.addresses import host_of, is_pypi, same_url
from publish_all.config.builtin import normalized
from publish_all.config.tools import Tool, ToolRepository, ToolSettings
from publish_all.credentials.configured import poetry_names
from publish_all.credentials.credential_source import (
    Credential,
    CredentialRequest,
    CredentialSource,
    Tell,
    tell_nobody,
)
from publish_all.credentials.value import TOKEN_USER, credential_of
from publish_all.diagnoses import Diagnosis
from publish_all.errors import CredentialError
from publish_all.events import Found, Listener, Note, ignore

SECONDS = 30.0
"""Time limit for the answer of a backend. Backends of clouds start a program that asks a server, which takes 2 to 10 s."""

SECONDS_TO_UNLOCK = 60.0
"""Time limit for a backend that may open a window to be unlocked, on a terminal."""

SECONDS_UNTIL_TOLD = 1.5
"""Seconds after which a note names the keyring that does not answer."""

_SLICE = 0.1  # seconds between checks whether the wait is over; an interrupt ends it at once

OUR_BACKEND = "publish_all.keyring_backend"

THREAD = "publish-all keyring"
"""The name of the thread in which backends are asked; our own backend knows it, and does not ask in a circle."""

_T = TypeVar("_T")

_POETRY_EMPTY_USER = "__poetry_source_empty_username__"

Backend: TypeAlias = Any
"""A `keyring.backend.KeyringBackend`."""


class Place(NamedTuple):
    """A service and a user, None for any user."""

    service: str
    username: str | None


class _Answer(NamedTuple):
    """The answer of a backend for a place; `made`: the backend stores nothing and made a credential with its user name."""

    place: Place
    username: str
    secret: Secret
    backend: str
    made: bool = False


@dataclass(eq=False, repr=False)
class KeyringSource(CredentialSource):
    """The keyring backends of this machine, without our own, which would ask us.

    `backends` lists those to ask, best first, by default those that are installed; it runs inside a bounded thread too, as importing and
    choosing a backend can hang. `interactive` says that a person can unlock one. `seconds` is how long
    a backend may take instead of the defaults, for tests.
    """

    name = "keyring"

    tools: ToolSettings
    backends: Callable[[], tuple[Backend, ...]] | None = None
    listener: Listener = ignore
    interactive: bool = False
    seconds: float | None = None
    _rings: tuple[Backend, ...] | None = field(default=None, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _hung: set[str] = field(default_factory=set, init=False)
    _made: dict[Place, _Answer] = field(default_factory=dict, init=False)

    def find(self, request: CredentialRequest, tell: Tell = tell_nobody) -> Credential | None:
        made_for = self._made_for(request)
        with self._lock:
            answer = self._made.get(made_for) or self._search(request, made_for, tell)
            if answer is None:
                return None
            if answer.made:
                # A token of a cloud is the same for all projects of a repository, and to read its index.
                self._made[made_for] = answer
        return credential_of(
            request,
            username="" if answer.username == _POETRY_EMPTY_USER else answer.username,
            value=answer.secret.reveal(),
            origin=f"keyring {answer.backend}, service {answer.place.service}",
        )

    def renew(self, request: CredentialRequest) -> Credential | None:
        """Ask again, also a backend that has already created a token."""
        with self._lock:
            self._made.pop(self._made_for(request), None)
        return self.find(request)

    def _places(self, request: CredentialRequest) -> Iterator[Place]:
        """The questions for a request, in order."""
        stated = request.username
        users: tuple[str | None, ...] = (stated, TOKEN_USER)
        if stated is None:  # any user; on PyPI its one user first
            users = (TOKEN_USER, None) if is_pypi(request.url) else (None, TOKEN_USER)
        for address in request.addresses if request.project is not None else ():
            service = project_service(address, request.project or "")
            yield from (Place(service, user) for user in (stated, TOKEN_USER) if user is not None)
        for name in poetry_names(self.tools, request):
            key = normalized(name)
            stored = [each.username for each in self._of(Tool.POETRY) if normalized(each.name) == key]
            for user in (TOKEN_USER, stated, *stored, _POETRY_EMPTY_USER):
                if user:
                    yield Place(f"poetry-repository-{name}", user)
        for address in request.addresses:
            hatch = [each.username for each in self._of(Tool.HATCH) if self._sends_to(each, address)]
            # A URL may have been stored with the slash at its end or without it.
            for service in (address, address.rstrip("/") + "/", address.rstrip("/")):
                yield from (Place(service, user) for user in hatch if stated is None and user)
                yield from (Place(service, user) for user in users)
        yield from (Place(host_of(request.url), user) for user in users)

    def _of(self, tool: Tool) -> list[ToolRepository]:
        return [each for each in self.tools.entries if each.tool is tool and not each.of_project]

    def _sends_to(self, entry: ToolRepository, address: str) -> bool:
        url = self.tools.upload_url(entry)
        return url is not None and same_url(url, address)

    def _made_for(self, request: CredentialRequest) -> Place:
        """The place for a backend that creates tokens: the URL for uploads, if its credential may be used for this request."""
        url = request.config.url
        service = url if url is not None and url in request.addresses else request.url
        return Place(service, request.username or TOKEN_USER)

    def _search(self, request: CredentialRequest, made_for: Place, tell: Tell) -> _Answer | None:
        """Ask all backends for all places; a backend that hangs is skipped."""
        if self._rings is None:
            self._rings = self._ask("keyring", self.backends or installed_backends, tell)
        if self._rings == ():
            tell("keyring", "no backend is installed")
        places = tuple(dict.fromkeys(self._places(request)))
        empty = []
        for backend in self._rings or ():
            found = self._ask(name_of(backend), partial(_first, backend, made_for, places), tell)
            if isinstance(found, _Answer):
                return found
            if found is not None:
                empty.append(name_of(backend))
        if empty:
            services = ", ".join(dict.fromkeys(place.service for place in places))
            tell(f"keyring ({', '.join(empty)})", f"nothing stored for {services}")
        return None

    def _ask(self, backend: str, act: Callable[[], _T], tell: Tell) -> _T | None:
        """The answer of a backend; None if it fails or hangs, which is reported to the user."""
        if backend in self._hung:
            tell(f"keyring ({backend})", "skipped, because it did not answer")
            return None
        # A backend of the system opens a window, which a person has to see.
        opens = self.interactive and _is_of_the_system(backend)
        limit = self.seconds or (SECONDS_TO_UNLOCK if opens else SECONDS)
        answer = _in_thread(act)
        if not self._wait(answer, backend, limit):
            self._hung.add(backend)
            outcome = f"did not answer within {limit:g} s"
            message = f"The keyring {backend} {outcome}, and is not used again in this run."
        elif (error := answer.exception()) is not None:
            outcome = f"failed: {_plain(error)}"
            message = f"The keyring {backend} failed ({_plain(error)}), and was treated as empty."
        else:
            return answer.result()
        tell(f"keyring ({backend})", outcome)
        self.listener(Found(finding=Diagnosis("PA313").found(message, where=backend)))
        return None

    def _wait(self, answer: Future[_T], backend: str, limit: float) -> bool:
        """Whether the answer comes in time. Raises `CredentialError` when the user interrupts it."""
        started, told = time.monotonic(), False
        while not wait([answer], timeout=_SLICE).done:
            if INTERRUPTED.is_set():
                raise CredentialError(f"Interrupted while waiting for the keyring {backend}.")
            waited = time.monotonic() - started
            if waited > limit:
                return False
            if waited > SECONDS_UNTIL_TOLD and not told:
                told = True
                self.listener(Note(message=f"Waiting for the keyring {backend} (at most {limit:g} s)."))
        return True


def _first(backend: Backend, made_for: Place, places: tuple[Place, ...]) -> _Answer | tuple[()]:
    """The first answer of a backend, an empty one if it has none."""
    name = name_of(backend)
    if not _is_of_the_system(name):
        # Nothing that is stored has another user name than it was asked for. A token that was made has, and
        # is looked for no further: each question of this kind takes seconds.
        entry = backend.get_credential(*made_for)
        if entry is not None and entry.password and entry.username != made_for.username:
            return _Answer(made_for, entry.username, Secret(entry.password), name, made=True)
    for place in places:
        if place.username is None:
            entry = backend.get_credential(place.service, None)
            username, password = (entry.username, entry.password) if entry is not None else ("", None)
        else:
            username, password = place.username, backend.get_password(*place)
        if password:
            return _Answer(place, username, Secret(password), name)
    return ()


def installed_backends() -> tuple[Backend, ...]:
    """The backends that `keyring` would ask, without our own; empty if there is none that can store secrets."""
    import keyring
    import keyring.backend
    from keyring.backends.chainer import ChainerBackend

    chosen = keyring.get_keyring()
    candidates: list[Backend] = [chosen]
    if isinstance(chosen, ChainerBackend):
        candidates = list(chosen.backends)
    elif is_ours(chosen):
        every = [ring for ring in keyring.backend.get_all_keyring() if not isinstance(ring, ChainerBackend)]
        candidates = sorted(every, key=keyring.backend.by_priority, reverse=True)
    empty = {"keyring.backends.fail", "keyring.backends.null", OUR_BACKEND}
    return tuple(ring for ring in candidates if type(ring).__module__ not in empty)


def is_ours(backend: object) -> bool:
    return type(backend).__module__ == OUR_BACKEND


def name_of(backend: object) -> str:
    return f"{type(backend).__module__}.{type(backend).__qualname__}"


def project_service(url: str, project: str | None) -> str:
    """The service of a URL, or of one project there; the fragment keeps tools from taking its token for the URL's."""
    return url if project is None else f"{url}#{project}"


def store(url: str, username: str, secret: Secret, *, project: str | None = None) -> str:
    """Store a secret where twine, Hatch, uv and publish-all find it, and return the backend's name.

    Raises `CredentialError` when no backend can store, or the backend fails or takes too long.
    """

    def act(backend: Backend) -> str:
        backend.set_password(project_service(url, project), username, secret.reveal())
        return name_of(backend)

    return _with_first(act, "store")


def forget(url: str, username: str, *, project: str | None = None) -> bool:
    """Remove a secret that `store` stored; False if it does not exist. Raises `CredentialError`."""

    def act(backend: Backend) -> bool:
        service = project_service(url, project)
        if backend.get_password(service, username) is None:
            return False
        backend.delete_password(service, username)
        return True

    return _with_first(act, "remove")


def _with_first(act: Callable[[Backend], _T], verb: str) -> _T:
    """Call the first backend, with a time limit that is long enough to unlock it."""
    done = _in_thread(lambda: [act(backend) for backend in installed_backends()[:1]])
    if not wait([done], timeout=SECONDS_TO_UNLOCK).done:
        msg = f"The keyring did not {verb} the credential within {SECONDS_TO_UNLOCK:g} s."
    elif (error := done.exception()) is not None:
        msg = f"The keyring could not {verb} the credential: {_plain(error)}."
    elif not done.result():
        msg = "No keyring found on this machine."
    else:
        return done.result()[0]
    raise CredentialError(msg, hint="Set an environment variable instead.")


def _in_thread(act: Callable[[], _T]) -> Future[_T]:
    answer: Future[_T] = Future()

    def work() -> None:
        try:
            answer.set_result(act())
        except BaseException as error:  # noqa: BLE001 - backends raise anything, D-Bus errors included
            answer.set_exception(error)

    threading.Thread(target=work, name=THREAD, daemon=True).start()
    return answer


def _is_of_the_system(backend: str) -> bool:
    """Whether a backend, by its name, is one of keyring's own, which use the store of the operating system."""
    return backend.startswith("keyring.backends.")


def _plain(error: BaseException) -> str:
    text = plain(str(error))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
