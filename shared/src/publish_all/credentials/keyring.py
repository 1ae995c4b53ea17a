"""The system's keyring, under every service name that Poetry, Hatch, twine, uv, pip and we store under.

A keyring can hang (no session bus, an unlock dialogue nobody sees) or raise: it is asked from a
daemon thread within one budget of time, and a broken backend is treated as empty, with a note.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import field
from typing import Any, Protocol, TypeVar

from publish_all._secret import Secret
from publish_all._server_text import plain
from publish_all._values import dataclass
from publish_all.credentials import diagnoses
from publish_all.credentials.address import host_of, same_url
from publish_all.credentials.binding import Bindings
from publish_all.credentials.host_config import HatchSettings, PoetrySettings
from publish_all.credentials.source import Credential, CredentialRequest, TraceEntry
from publish_all.credentials.value import TOKEN_USER, clean, made
from publish_all.errors import CredentialError
from publish_all.events import Found, Listener, ignore

SECONDS = 3.0
"""For all questions of one process together."""

SECONDS_TO_UNLOCK = 60.0
"""For storing, which happens only when a person has asked for it."""

OUR_BACKEND = "publish_all.keyring_backend"

_T = TypeVar("_T")

_POETRY_EMPTY_USER = "__poetry_source_empty_username__"


class Entry(Protocol):
    """What a backend answers to `get_credential`."""

    @property
    def username(self) -> str: ...

    @property
    def password(self) -> str: ...


class Backend(Protocol):
    """The part of `keyring.backend.KeyringBackend` that is needed to read."""

    def get_password(self, service: str, username: str) -> str | None: ...

    def get_credential(self, service: str, username: str | None) -> Entry | None: ...


@dataclass(frozen=True, slots=True)
class Place:
    """One question: a service and a user, None for whoever is stored there."""

    service: str
    username: str | None


@dataclass(frozen=True, slots=True)
class _Answer:
    place: Place
    username: str
    secret: Secret
    backend: str


@dataclasses.dataclass(slots=True)
class _Search:
    """What the searching thread has to tell; `asking` names the backend that is being waited for."""

    asking: str = "keyring"
    answer: _Answer | None = None
    failures: list[tuple[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)


class KeyringSource:
    """The keyring backends of this machine, but never our own: that one asks us.

    `backends` lists those to ask, best first; it runs inside the bounded thread, as importing and
    choosing a backend can hang too. `budget` is in seconds, for the life of this object.
    """

    name = "keyring"

    def __init__(
        self,
        *,
        bindings: Bindings | None = None,
        poetry: PoetrySettings | None = None,
        hatch: HatchSettings | None = None,
        backends: Callable[[], tuple[Backend, ...]] | None = None,
        listener: Listener = ignore,
        budget: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bindings = bindings or Bindings()
        self._poetry = poetry or PoetrySettings()
        self._hatch = hatch or HatchSettings()
        self._backends = backends or installed_backends
        self._listener = listener
        self._left = budget
        self._budget = budget
        self._clock = clock
        self._lock = threading.Lock()
        self._hung: str | None = None
        self._missed: dict[CredentialRequest, tuple[TraceEntry, ...]] = {}

    def find(self, request: CredentialRequest) -> Credential | None:
        with self._lock:
            if self._hung is not None:
                self._missed[request] = (
                    TraceEntry(source=self._hung, outcome="not asked again: it does not answer"),
                )
                return None
            search = self._search(request)
        for backend, why in search.failures:
            self._note(f"The keyring {backend} failed ({why}), and was treated as empty.", backend)
        if search.answer is None:
            return None
        return self._credential(search.answer, request)

    def misses(self, request: CredentialRequest) -> tuple[TraceEntry, ...]:
        return self._missed.get(request, ())

    def places(self, request: CredentialRequest) -> tuple[Place, ...]:
        """All the questions for a request, in order, each once."""
        return tuple(dict.fromkeys(self._places(request)))

    def _places(self, request: CredentialRequest) -> Iterator[Place]:
        addresses = self._bindings.addresses(request)
        users = tuple(dict.fromkeys(user for user in (request.username, TOKEN_USER) if user))
        if request.project is not None:
            for address in addresses:
                yield from (Place(project_service(address, request.project), user) for user in users)
        if self._bindings.by_name(request):
            yield from self._poetry_places(request, addresses)
        for address in addresses:
            for service in spellings(address):
                yield from (Place(service, user) for user in (*users, *self._hatch_users(address)))
                if request.username is None:
                    yield Place(service, None)
        host = host_of(request.url)
        yield from (Place(host, user) for user in users)
        if request.username is None:
            yield Place(host, None)

    def _poetry_places(self, request: CredentialRequest, addresses: tuple[str, ...]) -> Iterator[Place]:
        for name in self._poetry.names.serving(request.repository, addresses):
            # Poetry keeps the name as the user typed it; that is the configured one or what its files say.
            own = self._poetry.spelled.get(name, request.repository)
            service = f"poetry-repository-{own}"
            yield Place(service, TOKEN_USER)
            account = self._poetry.basic.get(name)
            stored = account.username if account is not None else None
            for user in (request.username, stored, _POETRY_EMPTY_USER):
                if user:
                    yield Place(service, user)

    def _hatch_users(self, address: str) -> tuple[str, ...]:
        remembered = [user for url, user in self._hatch.users.items() if same_url(url, address)]
        stated = [
            account.username
            for url, account in self._hatch.accounts
            if account.username and same_url(url, address)
        ]
        return tuple(dict.fromkeys((*remembered, *stated)))

    def _search(self, request: CredentialRequest) -> _Search:
        """Ask all places of all backends, for at most what is left of the budget."""
        search = _Search()
        places = self.places(request)
        started = self._clock()
        thread = threading.Thread(
            target=_ask_all, args=(search, self._backends, places), name="publish-all keyring", daemon=True
        )
        thread.start()
        finished = search.done.wait(max(self._left, 0.0))
        self._left -= self._clock() - started
        if not finished:
            return self._given_up(search, request)
        if search.answer is None:
            self._missed[request] = tuple(_traced(search, places))
        return search

    def _given_up(self, search: _Search, request: CredentialRequest) -> _Search:
        self._hung = f"keyring ({search.asking})"
        outcome = f"did not answer within {self._budget:g} s"
        self._missed[request] = (TraceEntry(source=self._hung, outcome=outcome),)
        self._note(
            f"The keyring {search.asking} {outcome}, and is not asked again in this run.", search.asking
        )
        return _Search()

    def _credential(self, answer: _Answer, request: CredentialRequest) -> Credential | None:
        origin = f"keyring {answer.backend}, service {answer.place.service}"
        secret = clean(answer.secret.reveal(), origin=origin, listener=self._listener)
        if secret is None:
            return None
        username = "" if answer.username == _POETRY_EMPTY_USER else answer.username
        return made(request, username=username, secret=secret, origin=origin)

    def _note(self, message: str, backend: str) -> None:
        hint = "If you do not need it: set PYTHON_KEYRING_BACKEND=keyring.backends.null.Keyring."
        self._listener(Found(finding=diagnoses.KEYRING_BROKEN.found(message, where=backend, hint=hint)))


def _ask_all(search: _Search, backends: Callable[[], tuple[Backend, ...]], places: tuple[Place, ...]) -> None:
    """Runs in the thread. Whatever a backend raises is a failure of that backend, which is asked no more."""
    try:
        for backend in backends():
            search.asking = name_of(backend)
            search.asked.append(search.asking)
            try:
                search.answer = _first(backend, places)
            except Exception as error:  # noqa: BLE001 - backends raise anything, D-Bus errors included
                search.failures.append((search.asking, _plain(error)))
            if search.answer is not None:
                return
    except Exception as error:  # noqa: BLE001 - a broken installation of keyring itself
        search.failures.append((search.asking, _plain(error)))
    finally:
        search.done.set()


def _traced(search: _Search, places: tuple[Place, ...]) -> Iterator[TraceEntry]:
    """Where a search without an answer looked: a backend that failed may hold something."""
    failed = dict(search.failures)
    for name, why in failed.items():
        yield TraceEntry(source=f"keyring ({name})", outcome=f"failed: {why}")
    empty = [each for each in search.asked if each not in failed]
    if empty:
        services = ", ".join(dict.fromkeys(place.service for place in places))
        yield TraceEntry(source=f"keyring ({', '.join(empty)})", outcome=f"nothing stored for {services}")
    if not failed and not empty:
        yield TraceEntry(source="keyring (no backend is installed)", outcome="not there")


def _first(backend: Backend, places: tuple[Place, ...]) -> _Answer | None:
    for place in places:
        if place.username is None:
            entry = backend.get_credential(place.service, None)
            username, password = (entry.username, entry.password) if entry is not None else ("", None)
        else:
            username, password = place.username, backend.get_password(place.service, place.username)
        if password:
            return _Answer(place, username, Secret(password), name_of(backend))
    return None


def installed_backends() -> tuple[Backend, ...]:
    """The backends that `keyring` would ask, without our own; empty where there is none worth asking."""
    import keyring
    import keyring.backend
    from keyring.backends.chainer import ChainerBackend

    chosen = keyring.get_keyring()
    if isinstance(chosen, ChainerBackend):
        candidates: list[Any] = list(chosen.backends)
    elif is_ours(chosen):
        every = [ring for ring in keyring.backend.get_all_keyring() if not isinstance(ring, ChainerBackend)]
        candidates = sorted(every, key=keyring.backend.by_priority, reverse=True)
    else:
        candidates = [chosen]
    return tuple(ring for ring in candidates if not is_ours(ring) and not _is_empty(ring))


def is_ours(backend: object) -> bool:
    return type(backend).__module__ == OUR_BACKEND


def name_of(backend: object) -> str:
    return f"{type(backend).__module__}.{type(backend).__qualname__}"


def spellings(url: str) -> tuple[str, ...]:
    """A URL as it may have been stored: as configured, and with or without the slash at its end."""
    bare = url.rstrip("/")
    return tuple(dict.fromkeys((url, f"{bare}/", bare)))


def project_service(url: str, project: str) -> str:
    """The service under which a token for one project is kept; the fragment keeps tools from taking it for the URL's."""
    return f"{url}#{project}"


def store(url: str, username: str, secret: Secret, *, project: str | None = None) -> str:
    """Keep a secret where twine, Hatch, uv and we find it, and return the backend's name.

    Raises `CredentialError` when no backend can store, or the backend fails or takes too long.
    """

    def act(backend: Any) -> str:
        backend.set_password(_service(url, project), username, secret.reveal())
        return name_of(backend)

    return _bounded(act, "store")


def forget(url: str, username: str, *, project: str | None = None) -> bool:
    """Remove what `store` has stored; False when it was not there. Raises `CredentialError`."""

    def act(backend: Any) -> bool:
        if backend.get_password(_service(url, project), username) is None:
            return False
        backend.delete_password(_service(url, project), username)
        return True

    return _bounded(act, "remove")


def _service(url: str, project: str | None) -> str:
    return url if project is None else project_service(url, project)


def _bounded(act: Callable[[Any], _T], verb: str) -> _T:
    """Let the first backend act in a daemon thread; a person may have to unlock it, so it has a while."""
    results: list[_T] = []
    errors: list[CredentialError] = []

    def work() -> None:
        try:
            backends = installed_backends()
            if not backends:
                raise _no_keyring()
            results.append(act(backends[0]))
        except CredentialError as error:
            errors.append(error)
        except Exception as error:  # noqa: BLE001 - backends raise anything
            msg = f"The keyring could not {verb} the credential: {_plain(error)}."
            errors.append(CredentialError(msg, hint="Set an environment variable instead."))

    thread = threading.Thread(target=work, name="publish-all keyring", daemon=True)
    thread.start()
    thread.join(SECONDS_TO_UNLOCK)
    if errors:
        raise errors[0]
    if not results:
        msg = f"The keyring did not {verb} the credential within {SECONDS_TO_UNLOCK:g} s."
        raise CredentialError(msg, hint="Set an environment variable instead.")
    return results[0]


def _no_keyring() -> CredentialError:
    return CredentialError(
        "There is no keyring on this machine.",
        hint="Set an environment variable instead, or install a keyring backend.",
    )


def _is_empty(backend: object) -> bool:
    return type(backend).__module__ in {"keyring.backends.fail", "keyring.backends.null"}


def _plain(error: Exception) -> str:
    text = plain(str(error))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
