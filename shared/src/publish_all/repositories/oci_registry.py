"""A client of OCI registries: blobs, manifests and tags, with Basic, bearer or no authentication.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md and, for tokens,
https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any
from urllib.parse import quote, urldefrag, urlsplit, urlunsplit

from publish_all import diagnoses as known
from publish_all._http import Auth, Body, Download, Reply, Session, next_link
from publish_all._http_errors import Failure, HttpError
from publish_all._server_text import plain
from publish_all._urls import joined, origin, shown_url
from publish_all._values import dataclass
from publish_all.repositories.oci_auth import Authorizer
from publish_all.repositories.oci_layout import ACCEPT, digest_of, is_digest
from publish_all.repositories.oci_names import TAG_LENGTH
from publish_all.repositories.oci_replies import Asked, Login, RefusedError, Wish, part_gone, refusal

MANIFEST_LIMIT = 16 * 1024 * 1024
"""The longest manifest or page of tags that is read, in bytes. Registries allow 4 MiB for a manifest."""
ATTEMPTS = 4
"""How often a question is asked which the network or the registry fails."""
LONGEST_WAIT = 5.0
"""How long to wait between them at most, in seconds."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_PAGES = 10_000
_MOST_TAGS = 100_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """A manifest or index as the registry keeps it, checked against `digest`."""

    digest: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class NotModified:
    """The registry says that a tag still means the digest that was named."""


NOT_MODIFIED = NotModified()


class OciRegistry:
    """One registry. Safe for several threads, and for requests in the name of several users.

    `url` is scheme and host, `name` what the configuration calls the place in it. What it learns about authentication is kept; no login is, but in the key
    of the tokens that it got.
    """

    def __init__(
        self,
        url: str,
        session: Session,
        *,
        name: str = "",
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        attempts: int = ATTEMPTS,
    ) -> None:
        self.url = url.rstrip("/")
        self._name = name
        self._session = session
        self._clock = clock
        self._sleep = sleep
        self._attempts = attempts
        self._authorizer = Authorizer(self.url, session, clock=clock)

    @property
    def open(self) -> bool:
        """Whether it wants nobody to say who they are, as far as it has told yet.

        Raises `HttpError`: a `RefusedError` where no registry answers.
        """
        return self._authorizer.open

    def lets_read(self, repository: str) -> bool:
        """Whether anyone may read an OCI repository; a registry can be open at its root and private below."""
        return self._authorizer.lets_read(repository)

    def package(self, repository: str, *, login: Login | None, wish: Wish = Wish.READ) -> OciPackage:
        """One OCI repository, in the name of a user (None: of nobody), to read it or to write it as well."""
        asked = Asked(registry=self.url, repository=repository, login=login, wish=wish, name=self._name)
        return OciPackage(self, asked)

    def catalog(self, login: Login | None = None) -> Iterator[str]:
        """The names of all repositories that the registry tells of. Many, GitHub's among them, refuse."""
        asked = Asked(registry=self.url, repository=None, login=login, wish=Wish.READ)
        for page in self.pages(f"{self.url}/v2/_catalog?n=1000", asked):
            yield from _texts(page.get("repositories"))

    # --- for OciPackage

    def ask(
        self,
        method: str,
        url: str,
        asked: Asked,
        *,
        headers: Mapping[str, str] | None = None,
        allowed: Iterable[int] = (200,),
    ) -> Reply:
        """A request that changes nothing, again where it fails for the moment. Raises `HttpError`."""
        for attempt in range(1, self._attempts + 1):
            try:
                reply = self.send(method, url, asked, headers=headers)
                if reply.status in allowed:
                    return reply
                raise refusal(reply, asked, now=self._clock())
            except HttpError as error:
                if not error.retryable or attempt == self._attempts:
                    raise
                self.pause(attempt, error.retry_after)
        raise AssertionError

    def pause(self, attempt: int, asked_for: float | None) -> None:
        chance = 0.5 + secrets.randbelow(1000) / 2000
        self._sleep(min(LONGEST_WAIT, max(asked_for or 0.0, chance * 0.1 * 2.0**attempt)))

    def send(
        self,
        method: str,
        url: str,
        asked: Asked,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        again: bool = True,
    ) -> Reply:
        """One request, if `again` once more with a new token where the registry does not take the old one."""
        for last in (False, True) if again else (True,):
            reply = self._session.request(
                method,
                url,
                auth=self._auth(url, asked),
                headers=headers,
                body=body,
                redirects=method in {"GET", "HEAD"},
                limit=MANIFEST_LIMIT,
            )
            if last or not self._authorizer.learn(reply, asked):
                return reply
        raise AssertionError

    @contextmanager
    def stream(self, url: str, asked: Asked, headers: Mapping[str, str]) -> Iterator[Download]:
        """A body to be read piece by piece. Raises `RefusedError` for anything but 200 and 206."""
        for last in (False, True):
            with self._session.stream(
                "GET", url, auth=self._auth(url, asked), headers=headers, redirects=True
            ) as download:
                status = download.reply.status
                if status in {200, 206, 304, 416}:
                    yield download
                    return
                reply = replace(download.reply, body=next(download.chunks, b""))
            if last or not self._authorizer.learn(reply, asked):
                raise refusal(reply, asked, now=self._clock())

    def pages(self, url: str, asked: Asked) -> Iterator[Mapping[str, Any]]:
        """A list and those that its `Link` headers lead to. An absent one has no pages."""
        seen = set[str]()
        following: str | None = url
        while following is not None and following not in seen and len(seen) < _MOST_PAGES:
            seen.add(following)
            reply = self.ask("GET", following, asked, allowed=(200, 404))
            if reply.status == 404:
                return
            yield _page(reply)
            link = next_link(reply.headers.get("Link", ""))
            following = joined(following, link) if link is not None else None
            if following is not None and origin(following) != origin(self.url):
                return

    def _auth(self, url: str, asked: Asked) -> Auth | None:
        """Nothing is shown to another host: upload addresses may be there, which hold their own right."""
        return self._authorizer.auth(asked) if origin(url) == origin(self.url) else None

    def now(self) -> float:
        return self._clock()


class OciPackage:
    """One OCI repository in the name of one user. Raises `HttpError` (`RefusedError`) from every method."""

    def __init__(self, registry: OciRegistry, asked: Asked) -> None:
        self._registry = registry
        self._asked = asked
        self._base = f"{registry.url}/v2/{quote(asked.repository or '')}"

    @property
    def asked(self) -> Asked:
        return self._asked

    def tags(self) -> tuple[str, ...]:
        """All tags, in the registry's order; none where there is no such repository."""
        pages = self._registry.pages(f"{self._base}/tags/list?n=1000", self._asked)
        tags = (tag for page in pages for tag in _texts(page.get("tags")) if len(tag) <= TAG_LENGTH)
        return tuple(dict.fromkeys(islice(tags, _MOST_TAGS)))

    def manifest(self, reference: str, *, unless: str | None = None) -> Manifest | NotModified | None:
        """A manifest or index by tag or digest, None where it is not there.

        `unless` is a digest that is known already: if the tag still means it, nothing is sent.
        """
        headers = {"Accept": ACCEPT} | ({"If-None-Match": f'"{unless}"'} if unless else {})
        url = f"{self._base}/manifests/{quote(reference, safe=':')}"
        reply = self._registry.ask("GET", url, self._asked, headers=headers, allowed=(200, 304, 404))
        if reply.status == 304:
            return NOT_MODIFIED
        if reply.status == 404:
            return None
        digest = digest_of(reply.body)
        if is_digest(reference) and reference != digest:
            raise self.corrupt(reference)
        if digest == unless:
            return NOT_MODIFIED
        return Manifest(digest=digest, media_type=reply.content_type, content=reply.body)

    def has_manifest(self, digest: str) -> bool:
        url = f"{self._base}/manifests/{digest}"
        return (
            self._registry.ask(
                "HEAD", url, self._asked, headers={"Accept": ACCEPT}, allowed=(200, 404)
            ).status
            == 200
        )

    def put_manifest(self, reference: str, content: bytes, media_type: str) -> None:
        """One attempt to put a manifest, by its digest or under a tag."""
        url = f"{self._base}/manifests/{quote(reference, safe=':')}"
        self._changed(
            self._registry.send("PUT", url, self._asked, headers={"Content-Type": media_type}, body=content)
        )

    def has_blob(self, digest: str) -> bool:
        url = f"{self._base}/blobs/{digest}"
        return self._registry.ask("HEAD", url, self._asked, allowed=(200, 404)).status == 200

    def push_blob(self, digest: str, body: Body) -> bool:
        """Send a blob unless it is there; False if it was, or has come meanwhile. One attempt; in one piece, as GitHub wants it."""
        if self.has_blob(digest):
            return False
        place = self._begin()
        if place is None:
            return True
        headers = {"Content-Type": "application/octet-stream"}
        # What else the query holds may be signed: it goes back byte for byte.
        url = f"{place}{'&' if '?' in place else '?'}digest={digest}"
        try:
            self._changed(self._registry.send("PUT", url, self._asked, headers=headers, body=body))
        except RefusedError as error:
            # docker-registry's answer, too, to the slower of two who send the same blob at once.
            if error.code != "DIGEST_INVALID" or not self.has_blob(digest):
                raise
            return False
        return True

    def probe(self) -> None:
        """See whether we may write here: begin an upload and give it up again. Nothing is stored."""
        place = self._begin()
        if place is not None:
            # That giving up is not supported, as by GitHub, or not allowed with this scope, does no harm:
            # the upload ends by itself.
            self._registry.send("DELETE", place, self._asked, again=False)

    @contextmanager
    def blob(self, digest: str, *, byte_range: str | None = None) -> Iterator[Download]:
        """A blob to be read piece by piece; `byte_range` is the value of a Range header.

        The status is 200, 206, or 416. Whoever reads it compares the digest.
        """
        # Encoded, its length and ranges would be those of something else.
        headers = {"Accept-Encoding": "identity"} | ({"Range": byte_range} if byte_range else {})
        try:
            with self._registry.stream(f"{self._base}/blobs/{digest}", self._asked, headers) as download:
                yield download
        except RefusedError as error:
            raise part_gone(error, self._asked, digest) from error

    def small_blob(self, digest: str, *, limit: int) -> bytes:
        """A whole blob of at most `limit` bytes, checked."""
        content = bytearray()
        with self.blob(digest) as download:
            for chunk in download.chunks:
                content += chunk
                if len(content) > limit:
                    raise self.corrupt(digest)
        if digest_of(bytes(content)) != digest:
            raise self.corrupt(digest)
        return bytes(content)

    def corrupt(self, digest: str) -> HttpError:
        """The error for bytes that are not what their digest says."""
        finding = known.REGISTRY_DIGEST_MISMATCH.found(
            f"What {self._asked.where} sends for {digest} is something else.",
            where=self._asked.where,
            hint="Try again; if it stays so, the registry or a proxy on the way changes files.",
        )
        error = HttpError(finding.message, failure=Failure.DROPPED, url=self._asked.where, hint=finding.hint)
        error.findings = (finding,)
        return error

    def _begin(self) -> str | None:
        """Begin an upload; where its bytes go, None where the registry wants none."""
        url = f"{self._base}/blobs/uploads/"
        reply = self._changed(self._registry.send("POST", url, self._asked))
        if reply.status == 201:
            return None
        return self._upload_place(url, reply.headers.get("Location", ""))

    def _upload_place(self, url: str, location: str) -> str:
        whole = joined(url, location)
        if whole is None:
            raise HttpError(
                f"{self._asked.where} sends an upload to {plain(location)!r}, which is not a URL.",
                failure=Failure.INVALID,
                url=self._asked.where,
            )
        place = urldefrag(whole).url
        stated, own = urlsplit(place), urlsplit(self._registry.url)
        if stated.hostname == own.hostname and own.scheme == "https":
            # Behind a proxy some registries take themselves for http.
            place = urlunsplit(stated._replace(scheme=own.scheme, netloc=own.netloc))
        return place

    def _changed(self, reply: Reply) -> Reply:
        if reply.status in _REDIRECTS:
            finding = known.REGISTRY_REFUSED.found(
                f"{self._asked.where} answers an upload with {reply.status} and another address.",
                where=self._asked.where,
                hint="Configure the address of the registry itself.",
            )
            raise RefusedError(
                finding, status=reply.status, code="", url=shown_url(reply.url), retryable=False, wait=None
            )
        if not 200 <= reply.status < 300:
            raise refusal(reply, self._asked, now=self._registry.now())
        return reply


def _page(reply: Reply) -> Mapping[str, Any]:
    try:
        value = reply.json()
    except ValueError:
        value = None
    if isinstance(value, dict):
        return value
    raise HttpError(
        f"{shown_url(reply.url)} does not answer in JSON, as an OCI registry does.",
        failure=Failure.INVALID,
        url=shown_url(reply.url),
        hint="See whether the address is that of a registry.",
    )


def _texts(value: Any) -> tuple[str, ...]:
    """The texts of a list. docker-registry says null for a repository without tags."""
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()
