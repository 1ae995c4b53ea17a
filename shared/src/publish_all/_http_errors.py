"""Why an HTTP request had no reply, in plain words: what requests and urllib3 raise, as a small closed set."""

from __future__ import annotations

import enum
import errno
import ssl
from collections.abc import Iterator

import requests
import urllib3
from urllib3.exceptions import NameResolutionError

from publish_all._urls import is_loopback, origin, shown_or_raw, shown_url
from publish_all.errors import RepositoryError


class Failure(enum.Enum):
    """Why no reply, or no usable reply, came."""

    REFUSED = "refused"
    TIMEOUT = "timeout"
    TLS = "tls"
    DNS = "dns"
    DROPPED = "dropped"
    STATUS = "status"
    INVALID = "invalid"


class HttpError(RepositoryError):
    """A request had no usable reply. `retryable`: it may pass by itself; `retry_after`: in so many seconds."""

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
    """A reply came too slowly: the time for all of it is over."""


def ensure_allowed(url: str) -> None:
    """Raise `HttpError` unless the URL is https, or http to this machine."""
    shown = shown_or_raw(url)
    try:
        scheme, host, _ = origin(url)
    except ValueError as error:
        raise HttpError(f"{shown} is not a URL: {error}.", failure=Failure.INVALID, url=shown) from error
    if scheme not in {"https", "http"} or not host:
        raise HttpError(
            f"{shown} is not an address that can be uploaded to or read from.",
            failure=Failure.INVALID,
            url=shown,
            hint="Write a URL that starts with https://.",
        )
    if scheme == "http" and not is_loopback(host):
        raise HttpError(
            f"{shown} is not encrypted: credentials and files could be read and changed on the way.",
            failure=Failure.INVALID,
            url=shown,
            hint="Use the https:// address of this server. Plain http:// works only for this machine itself.",
        )


def translate(error: requests.RequestException, url: str) -> HttpError:
    """What requests raised, in plain words which name the URL."""
    shown = shown_url(url)
    if _find(error, SlowReplyError) is not None:
        return _too_slow(shown)
    for kind, make in _TRANSLATIONS:
        if isinstance(error, kind):
            return make(shown, error)
    return _dropped(shown, error)


def unusable_proxy(proxy: str) -> str:
    """Why no request can go through this proxy; its user and password are not shown."""
    if proxy.lower().startswith("socks"):
        return f"The proxy {shown_or_raw(proxy)} speaks SOCKS, which needs the package PySocks and a scheme like socks5h"
    return f"The proxy {shown_or_raw(proxy)} is not one that can be used"


def _proxy_url(url: str, error: Exception) -> HttpError:
    socks = "SOCKS" in str(error)
    return HttpError(
        f"{url} can't be reached. {_innermost(error) if not socks else error}.",
        failure=Failure.INVALID,
        url=url,
        hint='Install "requests[socks]" (PySocks) beside publish-all and write socks5h://HOST:PORT, or set '
        "HTTPS_PROXY and ALL_PROXY to an http:// proxy."
        if socks
        else "See the environment variables HTTPS_PROXY, HTTP_PROXY and ALL_PROXY.",
    )


_CA_HINT = (
    "If the server has a certificate of your organisation's own, name the file with that "
    "authority's certificate: --ca-cert FILE, or the environment variable REQUESTS_CA_BUNDLE."
)
# By OpenSSL's number, https://docs.openssl.org/master/man1/openssl-verification-options/ has their names;
# the trust stores of other systems tell by their words only.
_CERTIFICATE_TROUBLES = (
    (
        (9,),
        ("not yet valid",),
        "the certificate is not valid yet",
        "See whether the clock of this machine is right.",
    ),
    (
        (10,),
        ("expired",),
        "the certificate has expired",
        "The server needs a new certificate; if it has one, see whether the clock of this machine is right.",
    ),
    (
        (62, 64),
        ("hostname", "host name", "ip address mismatch", "name mismatch", "not match"),
        "the certificate is not valid for this host name",
        "See whether the URL names the host as its certificate does (the subject alternative names of it count).",
    ),
)
_HANDSHAKE_TROUBLES = (
    (
        ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"),
        "the server does not speak TLS there, but perhaps plain http",
        "See whether the port is the one for https.",
    ),
    (
        ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "UNKNOWN_CA", "CERTIFICATE_UNKNOWN"),
        "the server wants a client certificate that it trusts",
        "Name it: --client-cert FILE, and --client-key FILE where the key is in a file of its own.",
    ),
)


def _tls(url: str, error: Exception) -> HttpError:
    what, hint = _tls_trouble(error)
    return HttpError(f"No trusted connection to {url}: {what}.", failure=Failure.TLS, url=url, hint=hint)


def _tls_trouble(error: Exception) -> tuple[str, str | None]:
    """What is wrong, and what helps against just that: naming an authority helps where it is not trusted."""
    found = _find(error, ssl.SSLError)
    if isinstance(found, ssl.SSLCertVerificationError):
        said = _innermost(error).lower()
        for codes, words, what, hint in _CERTIFICATE_TROUBLES:
            if getattr(found, "verify_code", 0) in codes or any(word in said for word in words):
                return what, hint
        return _innermost(error), _CA_HINT
    reason = (found.reason or "") if isinstance(found, ssl.SSLError) else ""
    for reasons, what, hint in _HANDSHAKE_TROUBLES:
        if any(each in reason for each in reasons):
            return what, hint
    return _innermost(error), None if reason else _CA_HINT


def _proxy(url: str, error: Exception) -> HttpError:
    return HttpError(
        f"The proxy on the way to {url} does not work: {_innermost(error)}.",
        failure=Failure.REFUSED,
        url=url,
        hint="See the environment variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY.",
        retryable=True,
    )


def _slow(url: str, error: Exception) -> HttpError:
    what = "can't be reached" if isinstance(error, requests.ConnectTimeout) else "does not answer"
    return HttpError(
        f"{url} {what}: no sign of it within the time allowed.",
        failure=Failure.TIMEOUT,
        url=url,
        hint="See whether the server is up, or allow more time with --timeout.",
        retryable=True,
    )


def _too_slow(url: str) -> HttpError:
    """Not retryable: the server is there, and would hold the next request for as long."""
    return HttpError(
        f"{url} answers too slowly: its reply was not complete within the time allowed.",
        failure=Failure.TIMEOUT,
        url=url,
        hint="Check the server, or allow more time with --timeout.",
    )


def _invalid(url: str, error: Exception) -> HttpError:
    return HttpError(f"{url} is not a usable address: {_innermost(error)}.", failure=Failure.INVALID, url=url)


def _redirects(url: str, error: Exception) -> HttpError:
    del error
    return HttpError(
        f"{url} leads from one address to the next without end.", failure=Failure.INVALID, url=url
    )


def _connection(url: str, error: Exception) -> HttpError:
    if _find(error, NameResolutionError) is not None:
        return HttpError(
            f"The host name of {url} is not known.",
            failure=Failure.DNS,
            url=url,
            hint="See whether the URL is spelt right, and whether this machine has a network connection.",
        )
    system = _find(error, OSError)
    if isinstance(system, OSError) and system.errno == errno.ECONNREFUSED:
        return HttpError(
            f"Nothing answers at {url}: the connection was refused.",
            failure=Failure.REFUSED,
            url=url,
            hint="See whether the server is up and the URL names its port.",
            retryable=True,
        )
    if _find(error, urllib3.exceptions.NewConnectionError) is not None:
        return HttpError(
            f"{url} can't be reached: {_innermost(error)}.",
            failure=Failure.REFUSED,
            url=url,
            retryable=True,
        )
    if _find(error, TimeoutError) is not None or _find(error, urllib3.exceptions.TimeoutError) is not None:
        return _slow(url, error)
    return _dropped(url, error)


def _dropped(url: str, error: Exception) -> HttpError:
    return HttpError(
        f"The connection to {url} broke off: {_innermost(error)}.",
        failure=Failure.DROPPED,
        url=url,
        retryable=True,
    )


_TRANSLATIONS = (
    (requests.exceptions.SSLError, _tls),
    (requests.exceptions.ProxyError, _proxy),
    (requests.exceptions.Timeout, _slow),
    (requests.exceptions.TooManyRedirects, _redirects),
    (requests.exceptions.InvalidProxyURL, _proxy_url),
    (requests.exceptions.InvalidURL, _invalid),
    (requests.exceptions.InvalidSchema, _invalid),
    (requests.exceptions.MissingSchema, _invalid),
    (requests.exceptions.ConnectionError, _connection),
)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it was made from: causes, contexts, `reason`s and arguments."""
    todo, seen = [error], set[int]()
    while todo:
        current = todo.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = (current.__cause__, current.__context__, getattr(current, "reason", None), *current.args)
        todo += [each for each in inner if isinstance(each, BaseException)]


def _find(error: BaseException, kind: type[BaseException]) -> BaseException | None:
    # urllib3's and requests' own classes are OSErrors too, without an errno.
    found = [each for each in _causes(error) if isinstance(each, kind)]
    with_number = [each for each in found if getattr(each, "errno", None) is not None]
    return next(iter(with_number or found), None)


def _innermost(error: BaseException) -> str:
    """The words of the error at the bottom, on one line, without a full stop."""
    bottom = list(_causes(error))[-1]
    system = _find(error, OSError)
    if isinstance(system, ssl.SSLCertVerificationError):
        return system.verify_message.rstrip(".")
    if isinstance(system, OSError) and system.errno is not None and system.strerror:
        return system.strerror[:1].lower() + system.strerror[1:]
    return " ".join(str(bottom).split()).rstrip(".") or type(bottom).__name__
