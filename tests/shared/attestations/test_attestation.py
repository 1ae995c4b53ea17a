from __future__ import annotations

import json
from dataclasses import replace

import pytest

from publish_all.attestations.attestation import (
    PUBLISH,
    attestation_files,
    attestations_beside,
    parse_attestation,
)
from publish_all.errors import CheckError


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


SLSA = "https://slsa.dev/provenance/v1"


def beside(wheel, suffix, text):
    path = wheel.path.with_name(f"{wheel.filename}.{suffix}.attestation")
    path.write_text(text)
    return path


def test_none_lie_there(wheel):
    assert attestations_beside(wheel) == ()


def test_finds_each_predicate_of_this_file_only(wheel, write):
    beside(wheel, "publish", write(wheel))
    beside(wheel, "slsa", write(wheel, predicate=SLSA))
    other = replace(wheel, path=wheel.path.with_name("kindling-1.0.tar.gz"))
    beside(other, "publish", "{}")
    assert len({each.predicate for each in attestations_beside(wheel)}) == 2


def test_names_are_no_patterns(wheel):
    other = replace(wheel, path=wheel.path.with_name("k*.whl"))
    beside(wheel, "publish", "{}")
    assert attestation_files(other) == ()


def test_a_wrong_one_is_named(wheel, write):
    path = beside(wheel, "publish", write(wheel, sha256="c" * 64))
    with pytest.raises(CheckError) as caught:
        attestations_beside(wheel)
    (finding,) = caught.value.findings
    assert (finding.code, finding.where) == ("PA332", str(path))
    assert "built again" in finding.message


def test_two_of_a_kind_are_too_many(wheel, write):
    beside(wheel, "publish", write(wheel))
    beside(wheel, "second", write(wheel))
    with pytest.raises(CheckError, match="says the same"):
        attestations_beside(wheel)
