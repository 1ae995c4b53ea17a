"""Explains why an HTTP request had no reply: the errors of requests and urllib3 as a small set of failures."""

from __future__ import annotations

import enum
import errno
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
    """A request had no usable reply. `retryable`: the error is temporary; `retry_after`: seconds to wait."""

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

    def failed(
        message: str, failure: Failure, hint: str | None = None, *, retryable: bool = False
    ) -> HttpError:
        return HttpError(message, failure=failure, url=shown, hint=hint, retryable=retryable)

    too_slow = _find(error, SlowReplyError, TimeoutError, urllib3.exceptions.TimeoutError)
    system = _find(error, OSError)
    if isinstance(too_slow, SlowReplyError):
        # Not retryable: the server runs, and the next request would take as long.
        return failed(
            f"{shown} answers too slowly: its reply was not complete within the time limit.",
            Failure.TIMEOUT,
            "Check the server, or set a longer --timeout.",
        )
    match error:
        case requests.exceptions.SSLError() if _find(error, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return failed(
                f"The connection to {shown} broke off during the TLS handshake.",
                Failure.DROPPED,
                "If this happens again, check whether a proxy or firewall blocks the connection.",
                retryable=True,
            )
        case requests.exceptions.SSLError():
            what, hint = _tls_trouble(error)
            return failed(f"No trusted connection to {shown}: {what}.", Failure.TLS, hint)
        case requests.exceptions.ProxyError():
            return failed(
                f"The proxy for {shown} does not work: {said}.",
                Failure.REFUSED,
                "Check the environment variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY.",
                retryable=True,
            )
        case requests.exceptions.TooManyRedirects():
            return failed(f"{shown} redirects in a circle.", Failure.INVALID)
        case requests.exceptions.InvalidProxyURL():
            if str(error).lower().startswith("socks"):
                said = f"The proxy {shown_or_raw(str(error))} is a SOCKS proxy, which needs the package PySocks and a scheme such as socks5h"
            return failed(f"{shown} can't be reached. {said}.", Failure.INVALID, _PROXY_HINT)
        case (
            requests.exceptions.InvalidURL()
            | requests.exceptions.InvalidSchema()
            | requests.exceptions.MissingSchema()
        ):
            return failed(f"{shown} is not a usable address: {said}.", Failure.INVALID)
    refused = isinstance(system, OSError) and system.errno == errno.ECONNREFUSED
    if _find(error, NameResolutionError) is not None:
        return failed(
            f"The host name of {shown} does not resolve.",
            Failure.DNS,
            "Check the spelling of the URL, and the network connection of this machine.",
        )
    if refused:
        return failed(
            f"Nothing answers at {shown}: the connection was refused.",
            Failure.REFUSED,
            "Check that the server runs and that the port in the URL is right.",
            retryable=True,
        )
    if too_slow is not None or isinstance(error, requests.Timeout):
        what = "can't be reached" if isinstance(error, requests.ConnectTimeout) else "does not answer"
        return failed(
            f"{shown} {what}: no answer within the time limit.",
            Failure.TIMEOUT,
            "Check that the server runs, or set a longer --timeout.",
            retryable=True,
        )
    if _find(error, urllib3.exceptions.NewConnectionError) is not None:
        return failed(f"{shown} can't be reached: {said}.", Failure.REFUSED, retryable=True)
    return failed(f"The connection to {shown} broke off: {said}.", Failure.DROPPED, retryable=True)


_PROXY_HINT = (
    "Set HTTPS_PROXY, HTTP_PROXY and ALL_PROXY to an http:// proxy. For a SOCKS proxy install "
    '"requests[socks]" (PySocks) beside publish-all and write socks5h://HOST:PORT.'
)
_CA_HINT = (
    "If the certificate is from the CA of your organisation, pass the file with the certificate of "
    "that CA: --ca-cert FILE, or the environment variable REQUESTS_CA_BUNDLE."
)
# By OpenSSL's number, https://docs.openssl.org/master/man1/openssl-verification-options/ has their names;
# the trust stores of other systems only have texts.
_CERTIFICATE_TROUBLES = (
    (
        {9},
        ("not yet valid",),
        "the certificate is not valid yet",
        "Check the clock of this machine.",
    ),
    (
        {10},
        ("expired",),
        "the certificate has expired",
        "The server needs a new certificate. If it has one, check the clock of this machine.",
    ),
    (
        {62, 64},
        ("hostname", "host name", "ip address mismatch", "name mismatch", "not match"),
        "the certificate is not valid for this host name",
        "Use a host name that is in the certificate (in its subject alternative names).",
    ),
)
_HANDSHAKE_TROUBLES = (
    (
        ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"),
        "the server does not use TLS on this port, perhaps plain http",
        "Check that the port in the URL is the one for https.",
    ),
    (
        ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "UNKNOWN_CA", "CERTIFICATE_UNKNOWN"),
        "the server requires a client certificate that it trusts",
        "Pass it with --client-cert FILE, and with --client-key FILE if the key is in another file.",
    ),
)


def _tls_trouble(error: Exception) -> tuple[str, str | None]:
    """The problem, and a hint for it: for example, name the authority if it is not trusted."""
    found, said = _find(error, ssl.SSLError), _innermost(error)
    if isinstance(found, ssl.SSLCertVerificationError):
        for codes, words, what, hint in _CERTIFICATE_TROUBLES:
            if getattr(found, "verify_code", 0) in codes or any(word in said.lower() for word in words):
                return what, hint
        return said, _CA_HINT
    reason = (found.reason or "") if isinstance(found, ssl.SSLError) else ""
    for reasons, what, hint in _HANDSHAKE_TROUBLES:
        if any(each in reason for each in reasons):
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


def _find(error: BaseException, *kinds: type[BaseException]) -> BaseException | None:
    """The first cause of the first kind that matches."""
    found = [each for kind in kinds for each in _causes(error) if isinstance(each, kind)]
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
