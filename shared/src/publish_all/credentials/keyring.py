"""The system's keyring, under every service name that Poetry, Hatch, twine, uv, pip and we store under.

A keyring can hang (no session bus, an unlock dialogue nobody sees) or raise: it is asked from a
daemon thread, so that the wait has an end, and a broken backend is treated as empty, with a note.
The backends of clouds (Google's, AWS's, Azure's) make a token when they are asked, which takes seconds;
they answer for any user name, and the token goes with theirs.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import field
from typing import Any, Protocol, TypeVar

from publish_all import diagnoses
from publish_all._process import INTERRUPTED
from publish_all._secret import Secret
from publish_all._server_text import plain
from publish_all._values import dataclass
from publish_all.credentials.address import PYPI_HOSTS, TESTPYPI_HOSTS, host_of, hostname_of, same_url
from publish_all.credentials.binding import Bindings
from publish_all.credentials.host_config import HatchSettings, PoetrySettings
from publish_all.credentials.source import Credential, CredentialRequest, TraceEntry
from publish_all.credentials.value import TOKEN_USER, credential_of
from publish_all.errors import CredentialError
from publish_all.events import Found, Listener, Note, ignore

SECONDS = 30.0
"""For the answer of a backend. Those of clouds start a program that asks a server, which takes 2 to 10 s."""

SECONDS_TO_UNLOCK = 60.0
"""For a backend that may open a window to be unlocked, where a person sits at the terminal."""

SECONDS_UNTIL_TOLD = 1.5
"""After so long the user is told what is waited for."""

_SLICE = 0.1  # so often it is looked whether the wait is over; an interrupt ends it at once

OUR_BACKEND = "publish_all.keyring_backend"

THREAD = "publish-all keyring"
"""The name of the thread in which backends are asked; our own backend knows it, and does not ask in a circle."""

_NO_BACKEND = "keyring"  # while the backends themselves are looked up

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
    """A service and a user, None for whoever is stored there."""

    service: str
    username: str | None


@dataclass(frozen=True, slots=True)
class _Question:
    """The places to look in, in order, and what a backend that makes tokens is asked instead."""

    made_for: Place
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class _Answer:
    place: Place
    username: str
    secret: Secret
    backend: str
    made: bool = False
    """Whether the backend has made it, with a user name of its own, and stores nothing."""


@dataclasses.dataclass(slots=True)
class _Search:
    """What the searching thread has to tell; `asking` names the backend that is being waited for."""

    asking: str = _NO_BACKEND
    answer: _Answer | None = None
    failures: list[tuple[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)


class KeyringSource:
    """The keyring backends of this machine, but never our own: that one asks us.

    `backends` lists those to ask, best first; it runs inside the bounded thread, as importing and
    choosing a backend can hang too. `interactive` says that a person can unlock one. `seconds` is how long
    a backend may take in the place of what is usual, for tests.
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
        interactive: bool = False,
        seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bindings = bindings or Bindings()
        self._poetry = poetry or PoetrySettings()
        self._hatch = hatch or HatchSettings()
        self._backends = backends or installed_backends
        self._listener = listener
        self._interactive = interactive
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._hung: set[str] = set()
        self._made: dict[Place, _Answer] = {}
        self._missed: dict[CredentialRequest, tuple[TraceEntry, ...]] = {}

    def find(self, request: CredentialRequest) -> Credential | None:
        with self._lock:
            made_for = self._made_for(request)
            answer = self._made.get(made_for) or self._search(request, made_for)
            if answer is not None and answer.made:
                # A token of a cloud is the same for all projects of a repository, and to read its index.
                self._made[made_for] = answer
        return None if answer is None else self._credential(answer, request)

    def renew(self, request: CredentialRequest) -> Credential | None:
        """Ask again, also a backend that has made a token before."""
        with self._lock:
            self._made.pop(self._made_for(request), None)
        return self.find(request)

    def misses(self, request: CredentialRequest) -> tuple[TraceEntry, ...]:
        return self._missed.get(request, ())

    def places(self, request: CredentialRequest) -> tuple[Place, ...]:
        """All the questions for a request, in order, each once."""
        return tuple(dict.fromkeys(self._places(request)))

    def _places(self, request: CredentialRequest) -> Iterator[Place]:
        addresses = self._bindings.addresses(request)
        if request.project is not None:
            stated = (request.username,) if request.username is not None else ()
            for address in addresses:
                service = project_service(address, request.project)
                yield from (Place(service, user) for user in stated)
                yield Place(service, TOKEN_USER)
        if self._bindings.by_name(request):
            yield from self._poetry_places(request, addresses)
        for address in addresses:
            for service in spellings(address):
                yield from (Place(service, user) for user in self._hatch_users(address, request))
                yield from self._users_at(service, request)
        yield from self._users_at(host_of(request.url), request)

    def _users_at(self, service: str, request: CredentialRequest) -> Iterator[Place]:
        """Whom to ask for: the user who is stated, else whoever is there (PyPI knows one user alone), else the usual one."""
        if request.username is not None:
            yield Place(service, request.username)
        elif hostname_of(request.url) not in PYPI_HOSTS | TESTPYPI_HOSTS:
            yield Place(service, None)
        yield Place(service, TOKEN_USER)
        if request.username is None:
            yield Place(service, None)

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

    def _hatch_users(self, address: str, request: CredentialRequest) -> tuple[str, ...]:
        if request.username is not None:
            return ()
        remembered = [user for url, user in self._hatch.users.items() if same_url(url, address)]
        stated = [
            account.username
            for url, account in self._hatch.accounts
            if account.username and same_url(url, address)
        ]
        return tuple(dict.fromkeys((*remembered, *stated)))

    def _made_for(self, request: CredentialRequest) -> Place:
        """What a backend that makes tokens is asked: the URL for uploads, where it may serve this request."""
        config = self._bindings.config_of(request)
        url = config.url if config is not None else None
        service = url if url is not None and url in self._bindings.addresses(request) else request.url
        return Place(service, request.username or TOKEN_USER)

    def _search(self, request: CredentialRequest, made_for: Place) -> _Answer | None:
        """Ask all places of all backends; one that hangs is left out, and the others are asked."""
        places = self.places(request)
        question = _Question(made_for, places)
        trace = [
            TraceEntry(source=f"keyring ({each})", outcome="not asked again: it does not answer")
            for each in sorted(self._hung)
        ]
        while _NO_BACKEND not in self._hung:
            search = _Search()
            thread = threading.Thread(
                target=_ask_all,
                args=(search, self._backends, frozenset(self._hung), question),
                name=THREAD,
                daemon=True,
            )
            thread.start()
            finished = self._wait(search)
            for backend, why in tuple(search.failures):
                self._note(f"The keyring {backend} failed ({why}), and was treated as empty.", backend)
            if finished:
                trace += _traced(search, places, hung=bool(trace))
                break
            trace.append(self._given_up(search.asking))
        else:
            search = _Search()
        self._missed[request] = tuple(trace)
        return search.answer

    def _wait(self, search: _Search) -> bool:
        """Whether the search ends in time. Each backend has its own; what is waited for is said.

        Raises `CredentialError` when the user interrupts it.
        """
        asking, started, told = search.asking, self._clock(), False
        while not search.done.wait(_SLICE):
            if INTERRUPTED.is_set():
                raise CredentialError(f"Stopped while waiting for the keyring {search.asking}.")
            if search.asking != asking:
                asking, started, told = search.asking, self._clock(), False
            waited, limit = self._clock() - started, self._limit(asking)
            if waited > limit:
                return False
            if waited > SECONDS_UNTIL_TOLD and not told:
                told = True
                self._listener(Note(message=f"Waiting for the keyring {asking} (at most {limit:g} s)."))
        return True

    def _limit(self, backend: str) -> float:
        return time_for(backend, interactive=self._interactive) if self._seconds is None else self._seconds

    def _given_up(self, backend: str) -> TraceEntry:
        self._hung.add(backend)
        outcome = f"did not answer within {self._limit(backend):g} s"
        self._note(f"The keyring {backend} {outcome}, and is not asked again in this run.", backend)
        return TraceEntry(source=f"keyring ({backend})", outcome=outcome)

    def _credential(self, answer: _Answer, request: CredentialRequest) -> Credential | None:
        origin = f"keyring {answer.backend}, service {answer.place.service}"
        username = "" if answer.username == _POETRY_EMPTY_USER else answer.username
        return credential_of(
            request,
            username=username,
            value=answer.secret.reveal(),
            origin=origin,
            listener=self._listener,
        )

    def _note(self, message: str, backend: str) -> None:
        hint = "If you do not need it: set PYTHON_KEYRING_BACKEND=keyring.backends.null.Keyring."
        self._listener(Found(finding=diagnoses.KEYRING_BROKEN.found(message, where=backend, hint=hint)))


def time_for(backend: str, *, interactive: bool) -> float:
    """Seconds that a backend may take; those of the system open a window, which a person has to see."""
    return SECONDS_TO_UNLOCK if interactive and _is_of_the_system(backend) else SECONDS


def _ask_all(
    search: _Search,
    backends: Callable[[], tuple[Backend, ...]],
    without: frozenset[str],
    question: _Question,
) -> None:
    """Runs in the thread. Whatever a backend raises is a failure of that backend, which is asked no more."""
    try:
        for backend in backends():
            if name_of(backend) in without:
                continue
            search.asking = name_of(backend)
            search.asked.append(search.asking)
            try:
                search.answer = _first(backend, question)
            except Exception as error:  # noqa: BLE001 - backends raise anything, D-Bus errors included
                search.failures.append((search.asking, _plain(error)))
            if search.answer is not None:
                return
    except Exception as error:  # noqa: BLE001 - a broken installation of keyring itself
        search.failures.append((search.asking, _plain(error)))
    finally:
        search.done.set()


def _traced(search: _Search, places: tuple[Place, ...], *, hung: bool) -> Iterator[TraceEntry]:
    """Where a search without an answer looked: a backend that failed may hold something."""
    failed = dict(search.failures)
    for name, why in failed.items():
        yield TraceEntry(source=f"keyring ({name})", outcome=f"failed: {why}")
    empty = [each for each in search.asked if each not in failed]
    if empty:
        services = ", ".join(dict.fromkeys(place.service for place in places))
        yield TraceEntry(source=f"keyring ({', '.join(empty)})", outcome=f"nothing stored for {services}")
    if not failed and not empty and not hung:
        yield TraceEntry(source="keyring (no backend is installed)", outcome="not there")


def _first(backend: Backend, question: _Question) -> _Answer | None:
    name = name_of(backend)
    if not _is_of_the_system(name):
        # Nothing that is stored has another user name than it was asked for. A token that was made has, and
        # is looked for no further: each question of this kind takes seconds.
        entry = backend.get_credential(question.made_for.service, question.made_for.username)
        if entry is not None and entry.password and entry.username != question.made_for.username:
            return _Answer(question.made_for, entry.username, Secret(entry.password), name, made=True)
    for place in question.places:
        if place.username is None:
            entry = backend.get_credential(place.service, None)
            username, password = (entry.username, entry.password) if entry is not None else ("", None)
        else:
            username, password = place.username, backend.get_password(place.service, place.username)
        if password:
            return _Answer(place, username, Secret(password), name)
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

    thread = threading.Thread(target=work, name=THREAD, daemon=True)
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


def _is_of_the_system(backend: str) -> bool:
    """Whether a backend, by its name, is one of keyring's own, which store in what the operating system has."""
    return backend.startswith("keyring.backends.")


def _plain(error: Exception) -> str:
    text = plain(str(error))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
