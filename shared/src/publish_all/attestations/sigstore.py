"""Signing through Sigstore in the name of a CI job: the extra `attestations`.

The job's identity token, made out to Sigstore, buys a certificate of ten minutes; each signature is
written to a public log (https://docs.sigstore.dev/about/overview/). pypi-attestations makes of it what
PEP 740 wants. Both libraries take a second to load, and so are loaded when something is to be signed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeAlias

from publish_all._secret import Secret
from publish_all._server_text import plain
from publish_all.attestations.attestation import Attestation, parse_attestation
from publish_all.attestations.signer import SigningError
from publish_all.credentials.identity import AmbientIdentity
from publish_all.distributions.distribution import Distribution
from publish_all.errors import CredentialError

AUDIENCE = "sigstore"

_EXTRA = 'Install it with: pip install "publish-all[cli,attestations]"'
_LATER = "Run again in a while; what is uploaded already is not uploaded again."


SignFile: TypeAlias = Callable[[str, str], str]
"""Signs a file, by its name and its sha256 in hex; gives the attestation as JSON. Valid for some minutes only."""

Certify: TypeAlias = Callable[[str], SignFile]
"""From an identity token to what signs in the name of that identity."""

Open: TypeAlias = Callable[[], Certify]
"""Learns from Sigstore whom to trust and where to ask. Raises `ImportError` without the extra."""


class SigstoreSigner:
    """Implements `Signer`. One certificate serves all files, and another follows when it has expired.

    One signature at a time: Sigstore's client is not made for threads. `mask` is told each identity token, so
    that the CI service keeps it out of its log.
    """

    def __init__(
        self, *, identity: AmbientIdentity, mask: Callable[[str], None], open_sigstore: Open | None = None
    ) -> None:
        self._identity = identity
        self._mask = mask
        self._open = open_sigstore or open_production
        self._lock = threading.Lock()
        self._certify: Certify | None = None
        self._sign: SignFile | None = None
        self._failure: SigningError | None = None
        self._tokens: list[Secret] = []

    def check(self) -> None:
        with self._lock:
            self._opened()

    def sign(self, distribution: Distribution) -> Attestation:
        with self._lock:
            certify = self._opened()
            try:
                text = self._signed(certify, distribution)
                return parse_attestation(text, distribution)
            except (SigningError, CredentialError) as error:
                raise SigningError(error.message.rstrip("."), hint=error.hint) from error
            except Exception as error:
                # Sigstore's errors have no common base, and those of requests and urllib3 come through too.
                raise self._failed(error) from error

    def _signed(self, certify: Certify, distribution: Distribution) -> str:
        """Sign with the certificate at hand, and if that fails (it may have expired) with a new one."""
        name, sha256 = distribution.filename, distribution.digests.sha256
        if self._sign is not None:
            try:
                return self._sign(name, sha256)
            except Exception:  # noqa: BLE001 - as above; whatever it was, the new certificate shows whether it stays
                self._sign = None
        sign = certify(self._token())
        text = sign(name, sha256)
        self._sign = sign
        return text

    def _token(self) -> str:
        """A new identity token, made out to Sigstore."""
        token = self._identity.token(AUDIENCE)
        if token is None:
            msg = "this job has no identity"
            raise SigningError(msg)
        self._mask(token.secret.reveal())
        self._tokens.append(token.secret)
        return token.secret.reveal()

    def _opened(self) -> Certify:
        """What certifies; asked for once, whatever comes of it."""
        if self._failure is not None:
            raise self._failure
        if self._certify is None:
            try:
                self._certify = self._reached()
            except SigningError as error:
                self._failure = error
                raise
        return self._certify

    def _reached(self) -> Certify:
        if self._identity.provider is None:
            msg = "signing needs a CI job with an identity, and there is none here"
            raise SigningError(msg)
        missing = self._identity.missing_permission(AUDIENCE)
        if missing is not None:
            msg = f"this {self._identity.provider.value} job may not ask for an identity token for Sigstore"
            raise SigningError(msg, hint=missing.hint)
        try:
            return self._open()
        except ImportError as error:
            msg = f"pypi-attestations, which signs, is not installed here (no module {error.name!r})"
            raise SigningError(msg, hint=_EXTRA) from error
        except Exception as error:
            # As in `sign`.
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> SigningError:
        causes = (error, error.__cause__ or error.__context__)
        texts = (plain(str(each), limit=200, secrets=self._tokens) for each in causes if each is not None)
        said = " ".join(dict.fromkeys(text for text in texts if text)) or type(error).__name__
        msg = f"Sigstore did not sign: {said.rstrip('.')}"
        return SigningError(msg, hint=_LATER, retryable=True)


def open_production() -> Certify:
    """Sigstore's public service, as its own client finds it."""
    from pypi_attestations import Attestation as Signed
    from pypi_attestations import Distribution as Named
    from sigstore.models import ClientTrustConfig
    from sigstore.oidc import IdentityToken
    from sigstore.sign import Signer, SigningContext

    context = SigningContext.from_trust_config(ClientTrustConfig.production())

    def certify(token: str) -> SignFile:
        signer = Signer(IdentityToken(token), context, cache=True)

        def sign(name: str, sha256: str) -> str:
            return Signed.sign(signer, Named(name=name, digest=sha256)).model_dump_json()

        return sign

    return certify
