from __future__ import annotations

import json

import pytest

from publish_all.attestations.attestation import PUBLISH, parse_attestation


def test_reads_what_it_is_about(wheel, write):
    text = write(wheel)
    attestation = parse_attestation(text, wheel)
    assert attestation.predicate == PUBLISH
    assert attestation.content == json.loads(text)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"name": "other-1.0-py3-none-any.whl"}, "another file, 'other-1.0-py3-none-any.whl'"),
        ({"sha256": "c" * 64}, "other bytes"),
        ({"predicate": "https://example.org/x"}, "predicate, 'https://example.org/x'"),
    ],
)
def test_refuses_one_that_is_about_something_else(wheel, write, change, why):
    with pytest.raises(ValueError, match=why):
        parse_attestation(write(wheel, **change), wheel)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"envelope": {"statement": "???"}}',
        b'{"envelope": {"statement": "e30="}}',
        b"[" * 100_000,
    ],
)
def test_refuses_what_is_none(wheel, text):
    with pytest.raises(ValueError, match="not an attestation as PEP 740"):
        parse_attestation(text, wheel)
