"""A Sigstore of our own: it certifies whoever shows a token, signs with keys of its own, and logs nothing."""

from __future__ import annotations

import base64
import datetime as dt
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pypi_attestations import Attestation, Distribution
from sigstore import dsse

from publish_all.attestations.sigstore import Certify, SignFile

LOG_ENTRY = {"logIndex": "1", "canonicalizedBody": base64.b64encode(b"{}").decode()}


@dataclass
class LocalSigstore:
    """`tokens` are those shown for certificates; `expire` ends the certificates at hand; `down` fails every request."""

    tokens: list[str] = field(default_factory=list)
    signed: list[str] = field(default_factory=list)
    opened: int = 0
    down: Exception | None = None
    valid: set[int] = field(default_factory=set)

    def open(self) -> Certify:
        self.opened += 1
        self._ensure_up()
        return self.certify

    def certify(self, token: str) -> SignFile:
        self._ensure_up()
        self.tokens.append(token)
        number = len(self.tokens)
        self.valid.add(number)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = make_certificate(key)

        def sign_dsse(statement: dsse.Statement) -> Any:
            envelope = dsse._sign(key, statement)
            return SimpleNamespace(
                signing_certificate=certificate,
                _inner=SimpleNamespace(dsse_envelope=envelope._inner),
                log_entry=SimpleNamespace(_inner=SimpleNamespace(to_dict=lambda: LOG_ENTRY)),
            )

        def sign(name: str, sha256: str) -> str:
            self._ensure_up()
            if number not in self.valid:
                raise TimeoutError("the certificate has expired")
            self.signed.append(name)
            signer: Any = SimpleNamespace(sign_dsse=sign_dsse)
            return Attestation.sign(signer, Distribution(name=name, digest=sha256)).model_dump_json()

        return sign

    def expire(self) -> None:
        self.valid.clear()

    def _ensure_up(self) -> None:
        if self.down is not None:
            raise self.down


def make_certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a job")])
    now = dt.datetime.now(dt.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(minutes=10))
        .sign(key, hashes.SHA256())
    )


def verify(content: object) -> Attestation:
    """The attestation as PyPI's own models read it, with a signature that its certificate's key has made."""
    attestation = Attestation.model_validate(content)
    certificate = x509.load_der_x509_certificate(attestation.verification_material.certificate)
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    statement = attestation.envelope.statement
    signed = dsse._pae(dsse.Envelope._TYPE, statement)
    key.verify(attestation.envelope.signature, signed, ec.ECDSA(hashes.SHA256()))
    return attestation
