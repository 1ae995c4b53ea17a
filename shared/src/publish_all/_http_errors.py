"""Explains why an HTTP request had no reply: the errors of requests and urllib3 as a small set of failures."""

from __future__ import annotations

import enum
import re
import ssl
from collections.abc import Iterator

import requests
import urllib3
from urllib3.exceptions import NameResolutionError

from publish_all._urls import is_loopback, origin, shown_or_raw, shown_url
from publish_all.errors import RepositoryError


class Failure(enum.Enum):
    """The reasons for a missing or unusable reply, each with its code."""

    REFUSED = "PA501"
    TIMEOUT = "PA502"
    TLS = "PA503"
    DNS = "PA504"
    DROPPED = "PA505"
    INVALID = "PA507"
    STATUS = "PA510"


class HttpError(RepositoryError):
    """A request had no usable reply."""

    def __init__(
        self,
        message: str,
        *,
        failure: Failure,
        url: str,
        hint: str | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = failure.value
        self.failure = failure
        self.url = url
        self.retryable = retryable
        self.retry_after = retry_after


class SlowReplyError(TimeoutError):
    """A reply was too slow: the time limit for the whole reply is over."""


def ensure_allowed(url: str) -> None:
    """Raise `HttpError` unless the URL is https, or http to this machine."""
    shown, hint = shown_or_raw(url), None
    try:
        scheme, host, _ = origin(url)
    except ValueError as error:
        said = f"is not a valid URL: {error}."
    else:
        if (scheme == "https" and host) or (scheme == "http" and is_loopback(host)):
            return
        said = "is not a URL for uploads or downloads."
        hint = "Write a URL that starts with https://."
        if scheme == "http" and host:
            said = "is not encrypted: credentials and files could be read and changed on the way."
            hint = (
                "Use the https:// address of this server. Plain http:// works only for this machine itself."
            )
    raise HttpError(f"{shown} {said}", failure=Failure.INVALID, url=shown, hint=hint)


def translate(error: requests.RequestException, url: str) -> HttpError:
    """The error of requests, in plain words and with the URL."""
    shown, said = shown_url(url), _innermost(error)
    if isinstance(error, requests.exceptions.InvalidProxyURL):
        said = shown_or_raw(str(error))
    kinds: type[BaseException] | tuple[type[BaseException], ...]
    for kinds, failure, message, retryable in _TROUBLES:
        if _find(error, kinds) is not None:
            hint = _PROXY_HINT if "proxy" in message else None
            if failure is Failure.TLS:
                said, hint = _tls_trouble(error)
            what = message.format(url=shown, said=said)
            return HttpError(what, failure=failure, url=shown, hint=hint, retryable=retryable)
    raise AssertionError


_INVALID = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)
_TIMEOUTS = (TimeoutError, urllib3.exceptions.TimeoutError, requests.Timeout)
# Kinds of errors, the failure, its message, and whether it is temporary. The first that is among the causes counts.
_TROUBLES = (
    # The server runs, and the next request would take as long.
    (SlowReplyError, Failure.TIMEOUT, "{url} answers too slowly: not within the time limit.", False),
    (
        (ssl.SSLEOFError, ssl.SSLZeroReturnError),
        Failure.DROPPED,
        "The TLS connection to {url} broke off.",
        True,
    ),
    (requests.exceptions.SSLError, Failure.TLS, "No trusted connection to {url}: {said}.", False),
    (requests.exceptions.ProxyError, Failure.REFUSED, "The proxy for {url} does not work: {said}.", True),
    (requests.TooManyRedirects, Failure.INVALID, "{url} redirects in a circle.", False),
    (
        requests.exceptions.InvalidProxyURL,
        Failure.INVALID,
        "The proxy {said} for {url} cannot be used.",
        False,
    ),
    (_INVALID, Failure.INVALID, "{url} is not a usable address: {said}.", False),
    (NameResolutionError, Failure.DNS, "The host name of {url} does not resolve.", False),
    (ConnectionRefusedError, Failure.REFUSED, "Nothing answers at {url}: the connection was refused.", True),
    (_TIMEOUTS, Failure.TIMEOUT, "{url} does not answer within the time limit.", True),
    (urllib3.exceptions.NewConnectionError, Failure.REFUSED, "{url} can't be reached: {said}.", True),
    (Exception, Failure.DROPPED, "The connection to {url} broke off: {said}.", True),
)
_PROXY_HINT = (
    "Set HTTPS_PROXY, HTTP_PROXY and ALL_PROXY to an http:// proxy. For a SOCKS proxy install "
    '"requests[socks]" (PySocks) beside publish-all and write socks5h://HOST:PORT.'
)

_CA_HINT = (
    "If the certificate is from the CA of your organisation, pass the file with the certificate of "
    "that CA: --ca-cert FILE, or the environment variable REQUESTS_CA_BUNDLE."
)
# Found in the text about a certificate, which differs between systems, or in OpenSSL's reason for a failed handshake.
_TLS_TROUBLES = (
    (r"not yet valid", "the certificate is not valid yet", "Check the clock of this machine."),
    (
        r"\bexpired",
        "the certificate has expired",
        "The server needs a new certificate. If it has one, check the clock of this machine.",
    ),
    (
        r"host ?name|ip address mismatch|name mismatch|not match",
        "the certificate is not valid for this host name",
        "Use a host name that is in the certificate (in its subject alternative names).",
    ),
    (
        r"wrong_version_number|http_request|unknown_protocol|record_layer_failure",
        "the server does not use TLS on this port, perhaps plain http",
        "Check that the port in the URL is the one for https.",
    ),
    (
        r"certificate_required|bad_certificate|unknown_ca|certificate_unknown",
        "the server requires a client certificate that it trusts",
        "Pass it with --client-cert FILE, and with --client-key FILE if the key is in another file.",
    ),
)


def _tls_trouble(error: Exception) -> tuple[str, str | None]:
    """The problem, and a hint for it: for example, name the authority if it is not trusted."""
    found, said = _find(error, ssl.SSLError), _innermost(error)
    handshake = isinstance(found, ssl.SSLError) and not isinstance(found, ssl.SSLCertVerificationError)
    reason = (found.reason or "") if handshake and isinstance(found, ssl.SSLError) else ""
    for pattern, what, hint in _TLS_TROUBLES:
        if re.search(pattern, reason or said, re.IGNORECASE):
            return what, hint
    return said, None if reason else _CA_HINT


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and its causes, contexts, `reason`s and arguments."""
    todo, seen = [error], set[int]()
    while todo:
        current = todo.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = (current.__cause__, current.__context__, getattr(current, "reason", None), *current.args)
        todo += [each for each in inner if isinstance(each, BaseException)]


def _find(
    error: BaseException, kinds: type[BaseException] | tuple[type[BaseException], ...]
) -> BaseException | None:
    """The first cause of these kinds."""
    found = [each for each in _causes(error) if isinstance(each, kinds)]
    # urllib3's and requests' own classes are OSErrors too, without an errno.
    with_number = [each for each in found if getattr(each, "errno", None) is not None]
    return next(iter(with_number or found), None)


def _innermost(error: BaseException) -> str:
    """The text of the innermost error, on one line, without a full stop."""
    bottom = list(_causes(error))[-1]
    system = _find(error, OSError)
    if isinstance(system, ssl.SSLCertVerificationError):
        return system.verify_message.rstrip(".")
    if isinstance(system, OSError) and system.errno is not None and system.strerror:
        return system.strerror[:1].lower() + system.strerror[1:]
    # The URL may be that of a proxy, with its password.
    said = re.sub(r"//[^@]*@", "//", str(bottom))
    return " ".join(said.split()).rstrip(".") or type(bottom).__name__
