"""HTTP: the only module that creates sessions, decides what they trust, and explains their errors.

A `Session` adds nothing to requests: no netrc, no cookies, no retries (the upload
engine retries), no credentials to another origin after a redirect. Plain HTTP is only allowed to this machine.
"""

from __future__ import annotations

import base64
import re
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, cast
from urllib.parse import urlsplit, urlunsplit

import requests
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.structures import CaseInsensitiveDict

from publish_all import __version__
from publish_all._http_connections import exact_target, pools
from publish_all._http_errors import Failure, HttpError, ensure_allowed, translate
from publish_all._json import loads, whole_number
from publish_all._secret import Secret
from publish_all._server_text import is_page, message_of, spellings, without
from publish_all._urls import is_loopback, origin, shown_url, without_userinfo
from publish_all.errors import ConfigurationError

CONNECT_TIMEOUT = 10.0
"""Seconds to wait for a connection."""
READ_TIMEOUT = 60.0
"""Seconds to wait for the next bytes of a reply, or for the server to take the next bytes of a body."""
REPLY_LIMIT = 64 * 1024 * 1024
"""The longest reply that is read into memory, in bytes; the largest index pages are about half of it."""
POOL_SIZE = 32
"""Connections kept per host: more than the most uploads at a time."""

_MIB = 1024 * 1024
# The characters that RFC 3986 allows in a path or query.
_AS_IT_IS = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")
# Only the beginning of a long header is read.
_HEADER_LENGTH = 16 * 1024
_PARAMETER = re.compile(
    r"""(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)"""
    r"""(?:[ \t]*=[ \t]*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"?|(?P<plain>[^\s,;"]*)))?""",
    re.DOTALL,
)
RETRYABLE_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses of temporary errors."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BasicAuth:
    """HTTP Basic authentication (RFC 7617), in UTF-8."""

    username: str
    secret: Secret

    def header(self) -> str:
        # Not formatted: a user name that is a secret formats as ***.
        pair = (self.username + ":" + self.secret.reveal()).encode()
        return f"Basic {base64.b64encode(pair).decode('ascii')}"

    def spellings(self) -> tuple[str, ...]:
        """The forms in which a server may repeat the secret. Without a password, the user name is the secret."""
        if not self.secret:
            return spellings(Secret("".join(self.username)))
        return spellings(self.secret, username=self.username)


@dataclass(frozen=True, kw_only=True, slots=True)
class BearerAuth:
    """A bearer token (RFC 6750)."""

    secret: Secret

    def header(self) -> str:
        return f"Bearer {self.secret.reveal()}"

    def spellings(self) -> tuple[str, ...]:
        """The forms in which a server may repeat the secret."""
        return spellings(self.secret)


Auth: TypeAlias = BasicAuth | BearerAuth
Headers: TypeAlias = Mapping[str, str] | None
Body: TypeAlias = bytes | Iterable[bytes]
"""A body: bytes, or an iterable with `__len__` that can be iterated several times."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """A whole reply. `url` is the URL after redirects; header names are case-insensitive."""

    status: int
    reason: str
    url: str
    headers: Mapping[str, str] = field(default_factory=CaseInsensitiveDict)
    body: bytes = b""

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def is_page(self) -> bool:
        """Whether the body is a page for people, such as one to log in."""
        return is_page(self.body, self.headers.get("Content-Type", ""))

    @property
    def message(self) -> str:
        """The message in the body, not yet safe to print: see `publish_all._server_text.plain`."""
        return message_of(self.body, self.headers.get("Content-Type", ""))

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", errors="replace")

    @property
    def retryable(self) -> bool:
        """Whether the status is a temporary error."""
        return self.status in RETRYABLE_STATUSES

    def json(self) -> Any:
        """The body as JSON. Raises `ValueError`."""
        return loads(self.body)


@dataclass(frozen=True, kw_only=True, slots=True)
class Download:
    """A reply whose body is read while it arrives."""

    reply: Reply
    chunks: Iterator[bytes]

    @property
    def size(self) -> int | None:
        """The announced size in bytes, None when it is not announced or the body is encoded."""
        length = whole_number(self.reply.headers.get("Content-Length", ""))
        encoded = self.reply.headers.get("Content-Encoding", "identity") != "identity"
        return None if encoded else length


class Session:
    """Sends requests; safe for several threads. Make it with `make_session`.

    Some servers repeat credentials in messages that end up in logs. So every secret that this session
    has sent is removed from replies with an error status.
    """

    def __init__(
        self, session: requests.Session, *, timeout: tuple[float, float], ca_cert: Path | None = None
    ) -> None:
        self._session = session
        self._timeout = timeout
        self._ca_cert = ca_cert
        self._shown: tuple[str, ...] = ()
        self._lock = threading.Lock()

    def request(
        self,
        method: str,
        url: str,
        *,
        auth: Auth | None = None,
        headers: Headers = None,
        body: Body | None = None,
        redirects: bool = False,
        limit: int = REPLY_LIMIT,
    ) -> Reply:
        """Send one request and read the reply, with any status.

        Redirects are followed only if asked for. Raises `HttpError` if there is no complete reply, and
        `ConfigurationError` for an address that is not allowed.
        """
        with self.stream(method, url, auth=auth, headers=headers, body=body, redirects=redirects) as download:
            content = bytearray()
            for chunk in download.chunks:
                content += chunk
                if len(content) > limit:
                    msg = f"The reply of {shown_url(url)} is longer than {limit // _MIB} MiB."
                    raise HttpError(msg, failure=Failure.DROPPED, url=url)
            whole = self._without_secrets(bytes(content), download.reply.status)
            return replace(download.reply, body=whole)

    @contextmanager
    def stream(
        self,
        method: str,
        url: str,
        *,
        auth: Auth | None = None,
        headers: Headers = None,
        body: Body | None = None,
        redirects: bool = False,
    ) -> Iterator[Download]:
        """As `request`, but the body is read by iterating over `chunks`, within the `with` block."""
        ensure_allowed(url)
        target = without_userinfo(url)
        if auth is not None:
            with self._lock:
                self._shown = tuple(dict.fromkeys((*auth.spellings(), *self._shown)))

        def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
            # Where requests is given nothing, it reads netrc and the URL.
            if auth is not None:
                request.headers["Authorization"] = auth.header()
            return request

        try:
            with self._session.request(
                method,
                target,
                auth=authorize,
                headers=dict(headers or {}),
                data=cast("Any", body),
                allow_redirects=redirects,
                timeout=self._timeout,
                # Passed here, because requests prefers the environment to the settings of the session.
                verify=str(self._ca_cert) if self._ca_cert else None,
                stream=True,
            ) as response:
                chunks = (
                    self._without_secrets(each, response.status_code) for each in _chunks(response, target)
                )
                yield Download(reply=self._head(response), chunks=chunks)
        except requests.RequestException as error:
            raise translate(error, target) from error

    def _head(self, response: requests.Response) -> Reply:
        headers, reason = response.headers, response.reason or ""
        if self._shown and response.status_code >= 300:
            reason = without(reason, self._shown)
            headers = CaseInsensitiveDict(
                {name: without(value, self._shown) for name, value in headers.items()}
            )
        return Reply(status=response.status_code, reason=reason, url=response.url, headers=headers)

    def _without_secrets(self, body: bytes, status: int) -> bytes:
        if not self._shown or status < 300:
            return body
        text = body.decode("utf-8", errors="surrogateescape")
        body = without(text, self._shown).encode("utf-8", errors="surrogateescape")
        if b"\0" in body:
            for wide in ("utf-16-le", "utf-16-be"):
                for each in self._shown:
                    body = body.replace(each.encode(wide), "***".encode(wide))
        return body

    def close(self) -> None:
        self._session.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerTls:
    """Additional settings of one server: `ca_certs` add to the system's trust.

    `client_cert` also contains the key, unless `client_key` does.
    """

    ca_certs: tuple[Path, ...] = ()
    client_cert: Path | None = None
    client_key: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpOptions:
    """How to connect.

    `ca_cert`, a bundle in PEM, replaces the system's trust; `REQUESTS_CA_BUNDLE` and `CURL_CA_BUNDLE`
    add to it. `client_cert` also contains the key, unless `client_key` does; `ask_password` is asked for the
    password of an encrypted key, None without a terminal. `servers` has the settings of single
    servers, by a URL on each. `timeout` is in seconds, for each operation on the network; None for 10 to
    connect and 60 for anything else. `proxy` takes the place of the proxies of the environment, for all
    hosts but this machine.
    """

    ca_cert: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    servers: Mapping[str, ServerTls] = field(default_factory=dict)
    ask_password: Callable[[Path], str] | None = None
    timeout: float | None = None
    proxy: str | None = None
    user_agent: str = f"publish-all/{__version__}"


def make_session(options: HttpOptions | None = None, *, transport: BaseAdapter | None = None) -> Session:
    """A session that trusts what the system trusts, with the proxies of the environment.

    `transport` replaces the network, for tests. Raises `ConfigurationError` for a certificate file
    that does not exist or cannot be used.
    """
    options = options or HttpOptions()
    usual = ServerTls(client_cert=options.client_cert, client_key=options.client_key)
    connect = CONNECT_TIMEOUT if options.timeout is None else options.timeout
    read = READ_TIMEOUT if options.timeout is None else options.timeout
    session = _Requests(options.proxy)
    session.headers["User-Agent"] = options.user_agent
    adapter = transport or _Adapter(_tls_context(usual, options), read)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    for url, stated in options.servers.items() if transport is None else ():
        # A client certificate of the command line wins over that of the server.
        tls = replace(usual, ca_certs=stated.ca_certs) if usual.client_cert is not None else stated
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2].lower()
        # The slash at the end excludes other hosts that begin with the same letters.
        session.mount(f"{parts.scheme.lower()}://{host}/", _Adapter(_tls_context(tls, options), read))
    return Session(session, timeout=(connect, read), ca_cert=options.ca_cert)


def _tls_context(tls: ServerTls, options: HttpOptions) -> ssl.SSLContext | None:
    """The TLS settings for a server; None for the defaults of requests.

    Raises `ConfigurationError` for a certificate or key that cannot be used.
    """
    for path in (options.ca_cert, *tls.ca_certs, tls.client_cert, tls.client_key):
        if path is not None and not path.exists():
            raise ConfigurationError(f"The certificate file {path} does not exist.")
    context: ssl.SSLContext | None = None
    if options.ca_cert is None:
        # Without the trust store of the operating system, requests uses certifi's.
        with suppress(ImportError):
            import truststore

            context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if tls == ServerTls():
        return context
    context = context or urllib3.util.ssl_.create_urllib3_context()
    for path in tls.ca_certs if options.ca_cert is None else ():
        with _usable(path, "does not contain a certificate in PEM form"):
            context.load_verify_locations(**{"capath" if path.is_dir() else "cafile": str(path)})
    if tls.client_cert is not None:
        key = tls.client_key or tls.client_cert
        with _usable(key, "and its key cannot be used as a client certificate"):
            # Without the function, OpenSSL asks for the password at the terminal.
            context.load_cert_chain(tls.client_cert, key, lambda: _key_password(key, options.ask_password))
    return context


@contextmanager
def _usable(path: Path, trouble: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(f"The certificate file {path} {trouble}: {reason}.") from error


def _key_password(path: Path, ask: Callable[[Path], str] | None) -> str:
    if ask is None:
        raise ConfigurationError(
            f"The client key {path} is encrypted, and publish-all cannot ask for its password.",
            hint=f"Decrypt it for this job: openssl pkey -in {path.name} -out client.key",
        )
    return ask(path)


class _Requests(requests.Session):
    """requests, without its automatic additions."""

    def __init__(self, proxy: str | None) -> None:
        super().__init__()
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._proxy = proxy

    def merge_environment_settings(
        self, url: str | bytes | None, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        if self._proxy is not None and not is_loopback(origin(str(url))[1]):
            proxies = {"http": self._proxy, "https": self._proxy}
        return super().merge_environment_settings(url, proxies, stream, verify, cert)

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        # requests and urllib3 rewrite some URLs, and signatures of servers need the exact URL.
        prepared = super().prepare_request(request)
        stated, made = urlsplit(request.url), urlsplit(prepared.url or "")
        if stated.path and _AS_IT_IS.fullmatch(stated.path + stated.query):
            prepared.url = urlunsplit(made._replace(path=stated.path, query=stated.query))
        return prepared

    def get_adapter(self, url: str) -> BaseAdapter:
        # Every hop of a redirect comes through here.
        ensure_allowed(url)
        return super().get_adapter(url)

    def resolve_redirects(
        self, resp: requests.Response, req: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> Iterator[Any]:
        # If redirects are not followed, requests would still read the body and check the target.
        if kwargs.pop("yield_requests", False):
            return
        try:
            yield from super().resolve_redirects(resp, req, *args, **kwargs)
        except ValueError as error:
            raise requests.exceptions.InvalidURL(str(error)) from error

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        # requests would keep the header on some changes of scheme and port, and look into netrc.
        if origin(response.request.url or "") != origin(prepared_request.url or ""):
            prepared_request.headers.pop("Authorization", None)


class _Adapter(HTTPAdapter):
    """Connections with the system's trust, and with our time-out for sending; to this machine itself without a proxy."""

    def __init__(self, context: ssl.SSLContext | None, send_timeout: float) -> None:
        self._context = context
        self._send_timeout = send_timeout
        super().__init__(pool_connections=POOL_SIZE, pool_maxsize=POOL_SIZE)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        if self._context is not None:
            kwargs["ssl_context"] = self._context
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = pools(self._send_timeout)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        # Plain http is allowed to this machine because it does not leave this machine. A proxy would see it, and would
        # connect to its own machine. Every hop of a redirect comes through here.
        if is_loopback(urlsplit(request.url or "").hostname or ""):
            proxies = None
        # A proxy for plain HTTP needs the whole URL.
        proxied = (request.url or "").startswith("http:") and proxies
        with exact_target(None if proxied else request.path_url):
            return super().send(request, stream, timeout, verify, cert, proxies)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        if self._context is not None:
            kwargs["ssl_context"] = self._context
        try:
            manager = super().proxy_manager_for(proxy, **kwargs)
        except (requests.exceptions.InvalidSchema, ValueError, urllib3.exceptions.HTTPError) as error:
            # An unknown scheme, or SOCKS without its package. requests would report a wrong URL
            # of the request, urllib3 raises its own errors.
            raise requests.exceptions.InvalidProxyURL(proxy) from error
        manager.pool_classes_by_scheme = pools(self._send_timeout)
        return manager


def _chunks(response: requests.Response, url: str) -> Iterator[bytes]:
    try:
        yield from response.iter_content(chunk_size=_MIB)
    except requests.RequestException as error:
        raise translate(error, url) from error


class Challenge(NamedTuple):
    """One way to authenticate at a server. Scheme and parameters have names in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def challenges(text: str) -> tuple[Challenge, ...]:
    """All challenges of `WWW-Authenticate` (RFC 9110, 11.6.1), in their order. Anything else is skipped."""
    found: list[tuple[str, dict[str, str]]] = []
    for each in _PARAMETER.finditer(text[:_HEADER_LENGTH]):
        name = each["name"].lower()
        if each["plain"] is None and each["quoted"] is None:
            found.append((name, {}))
        elif found:
            quoted = re.sub(r"\\(.)", r"\1", each["quoted"] or "", flags=re.DOTALL)
            found[-1][1].setdefault(name, each["plain"] or quoted)
    return tuple(Challenge(scheme, parameters) for scheme, parameters in found)


def next_link(text: str) -> str | None:
    """The target of the link with the relation `next` (RFC 8288), as written; None if there is none."""
    for link in requests.utils.parse_header_links(text[:_HEADER_LENGTH]):
        if "next" in link.get("rel", "").split():
            return link["url"]
    return None
