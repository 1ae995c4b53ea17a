from __future__ import annotations

from dataclasses import replace

import pytest

from publish_all.attestations.beside import attestation_files, attestations_beside
from publish_all.errors import CheckError

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
    assert "built anew" in finding.message


def test_two_of_a_kind_are_too_many(wheel, write):
    beside(wheel, "publish", write(wheel))
    beside(wheel, "second", write(wheel))
    with pytest.raises(CheckError, match="says the same"):
        attestations_beside(wheel)
