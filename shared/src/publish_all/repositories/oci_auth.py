"""How an OCI registry wants to be told who asks: not at all, by Basic, or by tokens from a token server.

https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from publish_all import diagnoses as known
from publish_all._http import Auth, BearerAuth, Reply, Session, challenges
from publish_all._json import seconds
from publish_all._secret import Secret
from publish_all._urls import joined, shown_url
from publish_all._values import dataclass
from publish_all.credentials.docker import IDENTITY_USER
from publish_all.repositories.oci_replies import Asked, Login, RefusedError, Wish, refusal

DEFAULT_LIFETIME = 60.0
"""For how many seconds a token is valid that does not say so itself."""
_OWN_TOKENS = frozenset({"ghcr.io"})
TOKENS_KEPT = 4096
"""A server that asks in many users' names keeps so many tokens."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Challenge:
    """What a registry wants: `scheme` is empty (nothing), `basic` or `bearer`; the rest belongs to `bearer`."""

    scheme: str
    realm: str = ""
    service: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Token:
    secret: Secret
    until: float


_Key = tuple[Login | None, str]


class Authorizer:
    """Finds the right header for each request to one registry. Safe for several threads.

    Tokens are kept until they expire, each under the login that it was given to, so that no user is
    ever served with another's.
    """

    def __init__(self, registry: str, session: Session, *, clock: Callable[[], float] = time.time) -> None:
        self._registry = registry
        self._session = session
        self._clock = clock
        self._challenge: Challenge | None = None
        self._seen: set[str] = set()
        self._tokens: OrderedDict[_Key, _Token] = OrderedDict()
        self._fetching: dict[_Key, threading.Lock] = {}
        self._lock = threading.Lock()

    def challenge(self) -> Challenge:
        """What the registry wants, asked once. Raises `HttpError`."""
        if self._challenge is None:
            url = f"{self._registry}/v2/"
            reply = self._session.request("GET", url, redirects=True)
            asked = Asked(registry=self._registry, repository=None, login=None, wish=Wish.READ)
            found = parse_challenge(reply)
            if found is None:
                raise (
                    refusal(reply, asked, now=self._clock())
                    if reply.retryable
                    else _no_registry(reply, asked)
                )
            self._challenge = found
        return self._challenge

    @property
    def open(self) -> bool:
        """Whether the registry wants nobody to say who they are. Raises `HttpError`."""
        return self.challenge().scheme == ""

    def lets_read(self, repository: str) -> bool:
        """Whether the registry lets anyone read an OCI repository. Asked once for each. Raises `HttpError`.

        `/v2/` may be open where everything below wants a login; docker and skopeo go by what is below.
        """
        if self.open and repository not in self._seen:
            url = f"{self._registry}/v2/{quote(repository)}/tags/list?n=1"
            reply = self._session.request("GET", url, redirects=True)
            asked = Asked(registry=self._registry, repository=repository, login=None, wish=Wish.READ)
            self.learn(reply, asked)
            self._seen.add(repository)
        return self.open

    def auth(self, asked: Asked) -> Auth | None:
        """The header for a request. Raises `HttpError`, a `RefusedError` if the token server refuses."""
        challenge = self.challenge()
        match challenge.scheme:
            case "basic":
                return asked.login.auth if asked.login is not None else None
            case "bearer":
                return BearerAuth(secret=self._token(challenge, asked))
            case _:
                return None

    def learn(self, reply: Reply, asked: Asked) -> bool:
        """Whether a reply is worth asking again: the token is stale, or the registry wants something else than it said."""
        if reply.status != 401:
            return False
        key = _key(asked)
        with self._lock:
            had_token = self._tokens.pop(key, None) is not None
        found = parse_challenge(reply)
        if found is None or found.scheme == "":
            return had_token
        changed = self._challenge is None or found.scheme != self._challenge.scheme
        if changed:
            self._challenge = found
        return had_token or (changed and (asked.login is not None or found.scheme == "bearer"))

    def _token(self, challenge: Challenge, asked: Asked) -> Secret:
        key = _key(asked)
        with self._lock:
            fetching = self._fetching.setdefault(key, threading.Lock())
        with fetching:
            known_token = self._tokens.get(key)
            if known_token is None or known_token.until <= self._clock():
                known_token = self._fetch(challenge, asked)
                self._keep(key, known_token)
        return known_token.secret

    def _keep(self, key: _Key, token: _Token) -> None:
        with self._lock:
            self._tokens[key] = token
            while len(self._tokens) > TOKENS_KEPT:
                oldest, _ = self._tokens.popitem(last=False)
                self._fetching.pop(oldest, None)

    def _fetch(self, challenge: Challenge, asked: Asked) -> _Token:
        if asked.login is not None:
            _ensure_its_own(asked, challenge.realm)
        # The scope of a challenge may be a placeholder, as GitHub's is, so we state our own.
        parts = urlsplit(challenge.realm)
        wanted = [("service", challenge.service)] if challenge.service else []
        wanted.append(("scope", _scope(asked)))
        began = self._clock()
        if asked.login is not None and asked.login.username == IDENTITY_USER:
            reply = self._exchange(challenge.realm, wanted, asked.login.secret)
        else:
            query = urlencode([*parse_qsl(parts.query), *wanted], safe=":/,")
            url = urlunsplit(parts._replace(query=query))
            auth = asked.login.auth if asked.login is not None else None
            reply = self._session.request("GET", url, auth=auth)
        if reply.status != 200:
            raise refusal(reply, asked, now=self._clock())
        token = parse_token(reply, began)
        if token is None:
            raise _no_registry(reply, asked)
        return token

    def _exchange(self, realm: str, wanted: Sequence[tuple[str, str]], identity: Secret) -> Reply:
        """Ask with an identity token, as Azure's registries give to `docker login`.

        https://distribution.github.io/distribution/spec/auth/oauth/
        """
        form = [("grant_type", "refresh_token"), ("client_id", "publish-all"), *wanted]
        return self._session.request(
            "POST",
            realm,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode([*form, ("refresh_token", identity.reveal())]).encode(),
        )


def parse_challenge(reply: Reply) -> Challenge | None:
    """What the answer to `GET /v2/` asks for; None where no registry answers so."""
    if reply.status == 200:
        is_page = reply.content_type in {"text/html", "application/xhtml+xml"}
        return None if is_page else Challenge(scheme="")
    if reply.status != 401:
        return None
    stated = challenges(reply.headers.get("WWW-Authenticate", ""))
    for each in stated:
        if each.scheme == "bearer" and joined(each.parameters.get("realm", ""), ""):
            service = each.parameters.get("service", "")
            return Challenge(scheme="bearer", realm=each.parameters["realm"], service=service)
    return Challenge(scheme="basic") if any(each.scheme == "basic" for each in stated) else None


def parse_token(reply: Reply, now: float) -> _Token | None:
    """A token server's answer; None for one that holds no token."""
    try:
        value = reply.json()
    except ValueError:
        return None
    found = (value.get("token") or value.get("access_token")) if isinstance(value, dict) else None
    if not isinstance(found, str) or not found:
        return None
    lifetime = seconds(value.get("expires_in")) or DEFAULT_LIFETIME
    # Renewed a little early: what is sent now arrives later.
    return _Token(secret=Secret(found), until=now + lifetime - min(10.0, lifetime / 5))


def _key(asked: Asked) -> _Key:
    return asked.login, _scope(asked)


def _scope(asked: Asked) -> str:
    if asked.repository is None:
        return "registry:catalog:*"
    actions = "pull,push" if asked.wish is Wish.WRITE else "pull"
    return f"repository:{asked.repository}:{actions}"


def _ensure_its_own(asked: Asked, realm: str) -> None:
    """A token server on another host gets the login, as with Docker: many registries have one. But only by https,
    and not where the registry is known to make its tokens itself. Raises `RefusedError`.
    """
    registry, server = urlsplit(asked.registry), urlsplit(realm)
    if server.hostname == registry.hostname:
        return
    if server.scheme == "https" and registry.hostname not in _OWN_TOKENS:
        return
    shown = shown_url(realm)
    finding = known.CREDENTIAL_OF_OTHER_HOST.found(
        f"{asked.registry} says that tokens are given at {shown}, where the credential does not go.",
        where=asked.registry,
        hint="See whether the address of the registry is right, and who answers there: a token server on another host "
        "must use https.",
    )
    raise RefusedError(finding, status=401, code="", url=shown, retryable=False, wait=None)


def _no_registry(reply: Reply, asked: Asked) -> RefusedError:
    finding = known.NOT_A_REGISTRY.found(
        f"{shown_url(reply.url)} does not answer as an OCI registry does (status {reply.status}).",
        where=asked.registry,
        hint="See whether the address is that of a registry, as https://ghcr.io/OWNER.",
    )
    return RefusedError(
        finding, status=reply.status, code="", url=shown_url(reply.url), retryable=False, wait=None
    )
