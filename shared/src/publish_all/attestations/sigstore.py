"""Signing through Sigstore in the name of a CI job: the extra `attestations`.

The job's identity token, made out to Sigstore, buys a certificate of ten minutes; each signature is
written to a public log (https://docs.sigstore.dev/about/overview/). pypi-attestations makes an
attestation of PEP 740 from it. Both libraries take a second to load, so they are loaded only to sign.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from publish_all._own_source import install_hint
from publish_all._secret import Secret
from publish_all._server_text import plain
from publish_all.attestations.attestation import Attestation, SigningError, parse_attestation
from publish_all.credentials.trusted_publishing import AmbientIdentity
from publish_all.distributions.distribution import Distribution
from publish_all.errors import CredentialError

AUDIENCE = "sigstore"

SignFile: TypeAlias = Callable[[str, str], str]
"""Signs a file, by its name and its sha256 in hex; gives the attestation as JSON. Valid for some minutes only."""

Certify: TypeAlias = Callable[[str], SignFile]
"""From an identity token to what signs in the name of that identity."""


def open_production() -> Certify:
    """Sigstore's public service, as its own client finds it. Raises `ImportError` without the extra."""
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


@dataclass(eq=False, repr=False, kw_only=True)
class SigstoreSigner:
    """Implements `Signer`. One certificate serves all files, and another follows when it has expired.

    One signature at a time: Sigstore's client is not made for threads. `mask` is told each identity token, so
    that the CI service keeps it out of its log.
    """

    identity: AmbientIdentity
    mask: Callable[[str], None]
    open_sigstore: Callable[[], Certify] = open_production
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _opened: Certify | SigningError | None = field(default=None, init=False)
    _sign: SignFile | None = field(default=None, init=False)
    _tokens: list[Secret] = field(default_factory=list, init=False)

    def check(self) -> None:
        with self._lock:
            self._certify()

    def sign(self, distribution: Distribution) -> Attestation:
        with self._lock:
            certify = self._certify()
            try:
                return parse_attestation(self._signed(certify, distribution), distribution)
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
        token = self.identity.token(AUDIENCE)
        if token is None:
            raise SigningError("this job has no identity")
        self.mask(token.secret.reveal())
        self._tokens.append(token.secret)
        sign = certify(token.secret.reveal())
        text = sign(name, sha256)
        self._sign = sign
        return text

    def _certify(self) -> Certify:
        """What certifies. Sigstore is asked once, even if that fails."""
        if self._opened is None:
            try:
                self._opened = self._reach()
            except SigningError as error:
                self._opened = error
        if isinstance(self._opened, SigningError):
            raise self._opened
        return self._opened

    def _reach(self) -> Certify:
        if self.identity.provider is None:
            raise SigningError("signing needs a CI job with an identity, and there is none here")
        missing = self.identity.missing_permission(AUDIENCE)
        if missing is not None:
            job = f"this {self.identity.provider} job"
            raise SigningError(f"{job} may not ask for an identity token for Sigstore", hint=missing.hint)
        try:
            return self.open_sigstore()
        except ImportError as error:
            raise SigningError(
                f"pypi-attestations, which signs, is not installed here (no module {error.name!r})",
                hint=install_hint("cli", "attestations"),
            ) from error
        except Exception as error:  # as in `sign`
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> SigningError:
        causes = (error, error.__cause__ or error.__context__)
        texts = (plain(str(each), limit=200, secrets=self._tokens) for each in causes if each is not None)
        said = " ".join(dict.fromkeys(text for text in texts if text)) or type(error).__name__
        return SigningError(
            f"Sigstore did not sign: {said.rstrip('.')}",
            hint="Run again later. Files that are already uploaded are not uploaded again.",
            retryable=True,
        )
