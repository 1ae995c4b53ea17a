"""An attestation of PEP 740: a signed statement on one distribution, as the index takes it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from publish_all._json import loads
from publish_all._values import dataclass
from publish_all.distributions.distribution import Distribution

PUBLISH = "https://docs.pypi.org/attestations/publish/v1"
"""The predicate that we sign: this file was published by this identity (https://docs.pypi.org/attestations/publish/v1/)."""

PREDICATES = frozenset({PUBLISH, "https://slsa.dev/provenance/v1"})
"""The predicates that PyPI knows; of each it takes one attestation for a file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attestation:
    """`content` is the JSON object of PEP 740; `predicate` says what its statement is about."""

    predicate: str
    content: Mapping[str, Any]


def parse_attestation(text: bytes | str, distribution: Distribution) -> Attestation:
    """The attestation that a JSON text holds, if it is about these bytes under this name.

    Raises `ValueError` that says what is wrong with it, as in "it is about another file". Signatures are
    the index's business, which checks them.
    """
    try:
        content = loads(text)
        statement = loads(base64.b64decode(content["envelope"]["statement"]))
        subject, *others = statement["subject"]
        name, sha256 = subject["name"], subject["digest"]["sha256"]
        predicate = statement["predicateType"]
    except (ValueError, TypeError, KeyError, LookupError, binascii.Error):
        msg = "it is not an attestation as PEP 740 defines them"
        raise ValueError(msg) from None
    if others or name != distribution.filename:
        msg = f"it is about another file, {_shown(name)}"
        raise ValueError(msg)
    if sha256 != distribution.digests.sha256:
        msg = "it is about other bytes under the same name: the file was built anew after it was signed"
        raise ValueError(msg)
    if predicate not in PREDICATES:
        msg = f"its predicate, {_shown(predicate)}, is none that an index knows"
        raise ValueError(msg)
    return Attestation(predicate=predicate, content=content)


def _shown(value: object) -> str:
    return repr(value)[:200]
