"""A client of OCI registries, and of the Python packages in them.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md and, for tokens,
https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urldefrag, urlencode, urlsplit, urlunsplit

from packaging.utils import NormalizedName
from packaging.version import Version

from publish_all import diagnoses as known
from publish_all._http import (
    Auth,
    BearerAuth,
    Body,
    Challenge,
    Download,
    Headers,
    Reply,
    Session,
    challenges,
    next_link,
)
from publish_all._http_errors import Failure, HttpError
from publish_all._json import seconds
from publish_all._secret import Secret
from publish_all._urls import joined, origin, shown_url
from publish_all.credentials.docker import IDENTITY_USER
from publish_all.diagnoses import Diagnosis
from publish_all.repositories import oci_layout as layout
from publish_all.repositories.replies import (
    Asked,
    Login,
    RefusedError,
    UnauthorizedError,
    WhoAsks,
    broken,
    fine_grained,
    refusal,
)
from publish_all.repositories.repository import in_parallel
from publish_all.repositories.simple_pages import IndexFile

MANIFEST_LIMIT = 16 * 1024 * 1024
"""The longest manifest or page of tags that is read, in bytes. Registries allow 4 MiB for a manifest."""
ATTEMPTS = 4
"""How often a question is asked which the network or the registry fails."""
LONGEST_WAIT = 5.0
"""How long to wait between them at most, in seconds."""
THREADS = 32
"""How many releases are asked for at a time. At 40 ms away, 16 leave the processor idle; 32 keep it busy."""
DEFAULT_LIFETIME = 60.0
"""For how many seconds a token is valid that does not say so itself."""
TOKENS_KEPT = 4096
"""A server that asks in many users' names keeps so many tokens."""

_MOST_PAGES = 10_000
_MOST_TAGS = 100_000
_OWN_TOKENS = frozenset({"ghcr.io"})


class Manifest(NamedTuple):
    """A manifest or index in a registry, checked against `digest`; without content if that is already known."""

    digest: str
    content: bytes


class PackageRelease(NamedTuple):
    """The files of one version in the registry. `digest` is that of the index: the same digest, the same release.

    The `url` of a file is the digest of its manifest. Sdists have no metadata, which may change when they are built.
    """

    project: NormalizedName
    version: Version
    tag: str
    digest: str
    files: tuple[IndexFile, ...]
    source: str | None


@dataclass(slots=True)
class _Token:
    """A token for one login and scope. The lock is held while it is requested."""

    secret: Secret | None = None
    until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(eq=False, repr=False)
class OciRegistry:
    """One place in a registry. Safe for several threads, and for requests of several users.

    `name` is what the configuration calls the place. The kind of authentication is kept in `wanted`; a login is
    kept only in the keys of `tokens`, so that no user is ever served with another's.
    """

    place: layout.Place
    session: Session
    name: str = ""
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    wanted: Challenge | None = None
    tokens: dict[tuple[Login | None, str], _Token] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.place.registry

    def package(self, project: NormalizedName, *, login: WhoAsks, write: bool = False) -> OciPackage:
        """The packages of a project, in the name of a user, to read or to write as well."""
        repository = self.place.repository(project)
        return OciPackage(
            self.url, repository, login, write=write, name=self.name, server=self, project=project
        )

    def projects(self, login: WhoAsks = None) -> tuple[NormalizedName, ...]:
        """All projects here, if the registry lists them. Many registries, such as GitHub's, refuse."""
        pages = _Requests(self.url, who=login, server=self).pages(f"{self.url}/v2/_catalog?n=1000")
        names = (self.place.project(name) for page in pages for name in _texts(page.get("repositories")))
        return tuple(sorted({each for each in names if each is not None}))

    def knock(self) -> Challenge:
        """Ask the registry for its authentication now. Raises `HttpError` unless a registry answers."""
        reply = self.session.request("GET", f"{self.url}/v2/", redirects=True)
        found = _challenge_of(reply)
        if found is None and reply.retryable:
            raise refusal(reply, Asked(self.url), now=self.clock())
        if found is None:
            raise _no_registry(reply, self.url)
        self.wanted = self.wanted or found
        return self.wanted

    def challenge(self) -> Challenge:
        """The authentication of the registry: `scheme` is empty (none), `basic` or `bearer`. Requested once."""
        return self.wanted or self.knock()

    def pause(self, attempt: int, asked_for: float | None) -> None:
        """Wait before the next attempt."""
        chance = 0.5 + secrets.randbelow(1000) / 2000
        self.sleep(min(LONGEST_WAIT, max(asked_for or 0.0, chance * 0.1 * 2.0**attempt)))


@dataclass(kw_only=True, eq=False, repr=False)
class _Requests(Asked):
    """Requests to a registry in the name of one user. All methods raise `HttpError`, and `CredentialError` for who asks."""

    server: OciRegistry

    # --- authentication

    def _auth(self, url: str) -> Auth | None:
        """The header for a request. Nothing is shown to another host: upload addresses may be there, which hold
        their own right. Raises `UnauthorizedError` if the token server refuses.
        """
        if origin(url) != origin(self.registry):
            return None
        challenge = self.server.challenge()
        if challenge.scheme == "bearer":
            return BearerAuth(secret=self._token(challenge))
        login = self.identify() if challenge.scheme == "basic" else None
        return login.auth if login is not None else None

    def _learn(self, reply: Reply, sent: Auth | None) -> bool:
        """Whether to repeat a request: the token is stale, or the registry requires another kind of authentication.

        `/v2/` may be public although everything below requires a login.
        """
        if reply.status != 401:
            return False
        stale = self.server.tokens.pop((self.login, self._scope), None) is not None
        found = _challenge_of(reply)
        changed = found is not None and found.scheme not in {"", self.server.challenge().scheme}
        if changed:
            self.server.wanted = found
        scheme = self.server.challenge().scheme
        can_say = scheme == "bearer" or (scheme == "basic" and self.identify() is not None)
        return stale or (can_say and (changed or sent is None))

    def _token(self, challenge: Challenge) -> Secret:
        self.identify()
        tokens, clock = self.server.tokens, self.server.clock
        if len(tokens) > TOKENS_KEPT:
            tokens.clear()
        kept = tokens.setdefault((self.login, self._scope), _Token())
        with kept.lock:
            if kept.secret is None or kept.until <= clock():
                kept.secret, kept.until = self._fetch_token(challenge.parameters)
            return kept.secret

    def _fetch_token(self, stated: Mapping[str, str]) -> tuple[Secret, float]:
        """A token, and until when it is good. With an identity token, as Azure's registries give to `docker login`, by
        https://distribution.github.io/distribution/spec/auth/oauth/
        """
        realm, session, login = stated["realm"], self.server.session, self.login
        beforehand = fine_grained(self)
        if beforehand is not None:
            raise UnauthorizedError(beforehand, status=403)
        if login is not None:
            _ensure_its_own(self, realm)
        # The scope of a challenge may be a placeholder, as GitHub's is, so we send our own.
        service = [("service", stated["service"])] if stated.get("service") else []
        wanted = [*service, ("scope", self._scope)]
        began = self.server.clock()
        if login is not None and login.username == IDENTITY_USER:
            form = [("grant_type", "refresh_token"), ("client_id", "publish-all"), *wanted]
            body = urlencode([*form, ("refresh_token", login.secret.reveal())]).encode()
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            reply = session.request("POST", realm, headers=headers, body=body)
        else:
            parts = urlsplit(realm)
            query = urlencode([*parse_qsl(parts.query), *wanted], safe=":/,")
            auth = login.auth if login is not None else None
            reply = session.request("GET", urlunsplit(parts._replace(query=query)), auth=auth)
        if reply.status != 200:
            raise self._refusal(reply)
        value = _object(reply) or {}
        token = value.get("token") or value.get("access_token")
        if not isinstance(token, str) or not token:
            raise _no_registry(reply, self.registry)
        lifetime = seconds(value.get("expires_in")) or DEFAULT_LIFETIME
        # Renewed a little early, because requests take time.
        return Secret(token), began + lifetime - min(10.0, lifetime / 5)

    @property
    def _scope(self) -> str:
        if self.repository is None:
            return "registry:catalog:*"
        actions = ",".join(("pull", *(["push"] if self.write else []), *(["delete"] if self.delete else [])))
        return f"repository:{self.repository}:{actions}"

    def _refusal(self, reply: Reply) -> RefusedError | UnauthorizedError:
        return refusal(reply, self, now=self.server.clock())

    # --- requests

    def ask(
        self, method: str, url: str, *, headers: Headers = None, allowed: Iterable[int] = (200, 404)
    ) -> Reply:
        """A read-only request, repeated after temporary errors."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                reply = self.send(method, url, headers=headers)
                if reply.status in allowed:
                    return reply
                raise self._refusal(reply)
            except HttpError as error:
                if not error.retryable or attempt == ATTEMPTS:
                    raise
                self.server.pause(attempt, error.retry_after)
        raise AssertionError

    def change(self, method: str, url: str, *, headers: Headers = None, body: Body | None = None) -> Reply:
        """One request that writes."""
        reply = self.send(method, url, headers=headers, body=body)
        if not 200 <= reply.status < 300:
            raise self._refusal(reply)
        return reply

    def send(
        self, method: str, url: str, *, headers: Headers = None, body: Body | None = None, again: bool = True
    ) -> Reply:
        """One request; with `again` once more with a new token if the registry does not accept the old one."""
        for last in (False, True) if again else (True,):
            auth = self._auth(url)
            reply = self.server.session.request(
                method,
                url,
                auth=auth,
                headers=headers,
                body=body,
                redirects=method in {"GET", "HEAD"},
                limit=MANIFEST_LIMIT,
            )
            if last or not self._learn(reply, auth):
                return reply
        raise AssertionError

    @contextmanager
    def stream(self, url: str, headers: Mapping[str, str]) -> Iterator[Download]:
        """A body to be read piece by piece. Raises `RefusedError` for anything but 200, 206, 304 and 416."""
        for last in (False, True):
            auth = self._auth(url)
            with self.server.session.stream(
                "GET", url, auth=auth, headers=headers, redirects=True
            ) as download:
                if download.reply.status in {200, 206, 304, 416}:
                    yield download
                    return
                reply = replace(download.reply, body=next(download.chunks, b""))
            if last or not self._learn(reply, auth):
                raise self._refusal(reply)

    def pages(self, url: str) -> Iterator[Mapping[str, Any]]:
        """The pages of a list, by its `Link` headers. A missing list has no pages."""
        seen = set[str]()
        following: str | None = url
        while following is not None and following not in seen and len(seen) < _MOST_PAGES:
            seen.add(following)
            reply = self.ask("GET", following)
            if reply.status == 404:
                return
            value = _object(reply)
            if value is None:
                raise _no_registry(reply, self.registry)
            yield value
            link = next_link(reply.headers.get("Link", ""))
            following = joined(following, link) if link is not None else None
            if following is not None and origin(following) != origin(self.registry):
                return


@dataclass(kw_only=True, eq=False, repr=False)
class OciPackage(_Requests):
    """The packages of one project in the name of one user."""

    project: NormalizedName

    @property
    def _base(self) -> str:
        return f"{self.registry}/v2/{quote(self.repository or '')}"

    # --- tags and manifests

    def tags(self) -> tuple[str, ...]:
        """All tags, in the registry's order; none if the repository does not exist."""
        pages = self.pages(f"{self._base}/tags/list?n=1000")
        tags = (tag for page in pages for tag in _texts(page.get("tags")) if len(tag) <= layout.TAG_LENGTH)
        return tuple(dict.fromkeys(islice(tags, _MOST_TAGS)))

    def manifest(self, reference: str, *, unless: str | None = None) -> Manifest | None:
        """A manifest or index by tag or digest, None if it does not exist.

        `unless` is a known digest: if the tag still has it, no content is sent.
        """
        headers = {"Accept": layout.ACCEPT} | ({"If-None-Match": f'"{unless}"'} if unless else {})
        reply = self.ask("GET", self._manifest_url(reference), headers=headers, allowed=(200, 304, 404))
        if reply.status == 304:
            return Manifest(unless or "", b"")
        if reply.status == 404:
            return None
        digest = layout.digest_of(reply.body)
        if layout.is_digest(reference) and reference != digest:
            message = f"The content that {self.where} sends for {reference} does not match its digest."
            finding = known.REGISTRY_DIGEST_MISMATCH.found(message, where=self.where)
            raise RefusedError(finding, status=200, failure=Failure.DROPPED)
        return Manifest(digest, reply.body)

    def has_manifest(self, digest: str) -> bool:
        return self.ask("HEAD", self._manifest_url(digest), headers={"Accept": layout.ACCEPT}).status == 200

    def put_manifest(self, reference: str, content: bytes, media_type: str) -> None:
        """One attempt to put a manifest, by its digest or under a tag."""
        headers = {"Content-Type": media_type}
        self.change("PUT", self._manifest_url(reference), headers=headers, body=content)

    def delete_manifest(self, digest: str, tag: str = "") -> None:
        """Delete a manifest, and before it its tag, which some registries require and others refuse. A missing manifest is not an error."""
        deleting = replace(self, delete=True)
        for reference in filter(None, (tag, digest)):
            try:
                deleting.change("DELETE", self._manifest_url(reference))
            except RefusedError as error:
                if reference == digest and error.status != 404:
                    raise

    def _manifest_url(self, reference: str) -> str:
        return f"{self._base}/manifests/{quote(reference, safe=':')}"

    # --- blobs

    def has_blob(self, digest: str) -> bool:
        return self.ask("HEAD", f"{self._base}/blobs/{digest}").status == 200

    def push_blob(self, digest: str, body: Body) -> bool:
        """Send a blob if it does not exist; False if it exists. One attempt; in one piece, as GitHub requires."""
        if self.has_blob(digest):
            return False
        place = self._begin()
        if place is None:
            return True
        headers = {"Content-Type": "application/octet-stream"}
        # The rest of the query may be signed, so it is sent back byte for byte.
        url = f"{place}{'&' if '?' in place else '?'}digest={digest}"
        try:
            self.change("PUT", url, headers=headers, body=body)
        except RefusedError as error:
            # docker-registry also gives this answer to the slower of two clients that send the same blob at the same time.
            if error.code != "DIGEST_INVALID" or not self.has_blob(digest):
                raise
            return False
        return True

    def probe(self) -> None:
        """Check the write permission: start an upload and cancel it. Nothing is stored."""
        place = self._begin()
        if place is not None:
            # That giving up is not supported, as by GitHub, or not allowed with this scope, does no harm:
            # the upload ends by itself.
            self.send("DELETE", place, again=False)

    @contextmanager
    def blob(self, digest: str, *, byte_range: str | None = None) -> Iterator[Download]:
        """A blob to be read piece by piece; `byte_range` is the value of a Range header.

        The status is 200, 206, or 416. The caller compares the digest.
        """
        # Encoded, its length and ranges would be those of something else.
        headers = {"Accept-Encoding": "identity"} | ({"Range": byte_range} if byte_range else {})
        try:
            with self.stream(f"{self._base}/blobs/{digest}", headers) as download:
                yield download
        except RefusedError as error:
            if error.status != 404 or error.code == "NAME_UNKNOWN":
                raise
            message = f"{self.where} lists a file, but its part {digest} no longer exists."
            finding = known.PART_MISSING.found(message, where=self.where)
            raise RefusedError(finding, status=404, code=error.code) from error

    def _begin(self) -> str | None:
        """Begin an upload; where its bytes go, None where the registry wants none."""
        url = f"{self._base}/blobs/uploads/"
        reply = self.change("POST", url)
        if reply.status == 201:
            return None
        whole = joined(url, reply.headers.get("Location", ""))
        if whole is None:
            raise _no_registry(reply, self.where)
        place = urldefrag(whole).url
        stated, own = urlsplit(place), urlsplit(self.registry)
        if stated.hostname == own.hostname and own.scheme == "https":
            # Behind a proxy some registries take themselves for http.
            place = urlunsplit(stated._replace(scheme=own.scheme, netloc=own.netloc))
        return place

    # --- releases

    def index(self, tag: str) -> layout.PackageIndex | None:
        """The index under a tag, None where there is none.

        Raises `HttpError` for something else, which must not be overwritten.
        """
        found = self.manifest(tag)
        try:
            return layout.parse_index(found.content) if found is not None else None
        except layout.LayoutError as error:
            where = f"{self.where}:{tag}"
            message = f"{where} {error}: it is not a Python package."
            raise broken(Diagnosis("PA621").found(message, where=where)) from error

    def file_manifest(self, digest: str) -> layout.FileManifest | None:
        """The manifest of a file by its digest; None where it is gone, or is something else."""
        found = self.manifest(digest)
        try:
            return layout.parse_manifest(found.content) if found is not None else None
        except layout.LayoutError:
            return None

    def versions(self) -> dict[str, Version]:
        """The tags of the versions of the project, oldest first; none where it is not there. Other tags are foreign."""
        found = ((layout.version_of(tag), tag) for tag in self.tags())
        return {tag: version for version, tag in sorted((v, tag) for v, tag in found if v is not None)}

    def release(self, tag: str, *, known: PackageRelease | None = None) -> PackageRelease | None:
        """The files of one version; None if it does not exist or is not a Python package.

        `known` is what it was before: if the tag still means the same, that is given back.
        """
        found = self.manifest(tag, unless=known.digest if known is not None else None)
        if found is None or (known is not None and found.digest == known.digest):
            return known if found is not None else None
        try:
            index = layout.parse_index(found.content)
        except layout.LayoutError:
            return None
        version = layout.version_of(tag)
        if version is None:  # the tag of something else
            return None
        files = (self._file(tag, each, index.yanked) for each in index.entries)
        source = index.annotations.get(layout.SOURCE)
        return PackageRelease(
            project=self.project,
            version=version,
            tag=tag,
            digest=found.digest,
            files=tuple(each for each in files if each is not None),
            source=source if source and source.startswith("https://") else None,
        )

    def releases(
        self, tags: Iterable[str], *, known: Mapping[str, PackageRelease] = MappingProxyType({})
    ) -> tuple[PackageRelease, ...]:
        """These versions, requested in parallel. `known` has the known versions by tag."""
        found = in_parallel(lambda tag: self.release(tag, known=known.get(tag)), [*tags], threads=THREADS)
        return tuple(each for each in found if each is not None)

    def missing(self, releases: Sequence[PackageRelease]) -> list[tuple[IndexFile, tuple[str, ...]]]:
        """The files of these releases that cannot be fetched, and which of their parts are gone."""
        files = [file for release in releases for file in release.files]

        def look(file: IndexFile) -> tuple[str, ...]:
            metadata = f"sha256:{file.core_metadata['sha256']}" if file.core_metadata else None
            return self.missing_parts(file.url, f"sha256:{file.sha256}", metadata)

        looks = in_parallel(look, files, threads=THREADS)
        return [(file, parts) for file, parts in zip(files, looks, strict=True) if parts]

    def missing_parts(self, manifest: str, file: str, metadata: str | None) -> tuple[str, ...]:
        """Which parts of a listed file, by their digests, the registry has not got.

        Nothing is fetched: registries count that as a download.
        """
        parts = {f"the file {file}": file} | ({f"its metadata {metadata}": metadata} if metadata else {})
        gone = tuple(what for what, digest in parts.items() if not self.has_blob(digest))
        return gone if self.has_manifest(manifest) else (f"the manifest {manifest}", *gone)

    def sha256s(self, index: layout.PackageIndex) -> dict[str, str]:
        """The sha256 of those files of an index whose entries do not tell it, by the digest of their manifests.

        A manifest that no longer exists, or is not of a file, is skipped.
        """
        silent = [each.digest for each in index.entries if each.sha256 is None]
        found = {digest: self.file_manifest(digest) for digest in silent}
        return {digest: each.sha256 for digest, each in found.items() if each is not None}

    def _file(self, tag: str, entry: layout.Entry, yanked: str | None) -> IndexFile | None:
        """One file as it is listed; None for what can't be a file of this release."""
        filename = layout.filename_of(self.project, tag, entry.architecture, entry.annotation(layout.TITLE))
        if filename is None:
            return None
        sha256, size = entry.sha256, entry.size
        if sha256 is None or size is None:
            # PyOCI writes no size, and its first versions no digest.
            manifest = self.file_manifest(entry.digest)
            if manifest is None:
                return None
            sha256, size = manifest.sha256, manifest.size
        metadata = entry.annotation(layout.CORE_METADATA) if filename.endswith(".whl") else None
        digest = metadata.removeprefix("sha256:") if metadata and layout.is_digest(metadata) else None
        return IndexFile(
            filename=filename,
            url=entry.digest,
            hashes={"sha256": sha256},
            requires_python=entry.annotation(layout.REQUIRES_PYTHON),
            core_metadata={"sha256": digest} if digest else None,
            size=size,
            yanked=yanked,
            upload_time=entry.annotation(layout.CREATED),
        )


def _challenge_of(reply: Reply) -> Challenge | None:
    """What an answer asks for (nothing: an empty scheme); None where no registry answers so."""
    if reply.status == 200:
        is_page = reply.content_type in {"text/html", "application/xhtml+xml"}
        return None if is_page else Challenge("", {})
    stated = challenges(reply.headers.get("WWW-Authenticate", "")) if reply.status == 401 else ()
    for each in stated:
        if each.scheme == "bearer" and joined(each.parameters.get("realm", ""), ""):
            return each
    return next((each for each in stated if each.scheme == "basic"), None)


def _ensure_its_own(asked: Asked, realm: str) -> None:
    """A token server on another host gets the login, as with Docker: many registries have one. But only by https,
    and not where the registry is known to make its tokens itself. Raises `UnauthorizedError`.
    """
    registry, server = urlsplit(asked.registry), urlsplit(realm)
    if server.hostname == registry.hostname:
        return
    if server.scheme == "https" and registry.hostname not in _OWN_TOKENS:
        return
    message = (
        f"{asked.registry} names the token server {shown_url(realm)}, and the credential is not sent there."
    )
    hint = "Check the URL of the registry and the server behind it. A token server on another host must use https."
    finding = known.CREDENTIAL_OF_OTHER_HOST.found(message, where=asked.registry, hint=hint)
    raise UnauthorizedError(finding, status=401)


def _no_registry(reply: Reply, registry: str) -> RefusedError:
    message = f"{shown_url(reply.url)} does not answer as an OCI registry does (status {reply.status})."
    return RefusedError(known.NOT_A_REGISTRY.found(message, where=registry), status=reply.status)


def _object(reply: Reply) -> Mapping[str, Any] | None:
    """The JSON object in a reply, None if it holds none."""
    try:
        value = reply.json()
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _texts(value: Any) -> tuple[str, ...]:
    """The texts of a list. docker-registry says null for a repository without tags."""
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()
