"""Bringing files back: which belong to a release, and that their bytes are those that are listed."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from publish_all.errors import RepositoryError
from publish_all.repositories.simple_pages import (
    IndexFile,
    ProjectPage,
    ensure_provenance,
    files_of,
    read_chunks,
    store,
)

DEMO, ONE = canonicalize_name("demo"), Version("1.0")


def listed(filename: str, content: bytes | None = b"") -> IndexFile:
    hashes = {} if content is None else {"sha256": hashlib.sha256(content).hexdigest()}
    return IndexFile(filename=filename, url=filename, hashes=hashes)


def page(*files: IndexFile) -> ProjectPage:
    return ProjectPage(name="demo", files=files, versions=())


def test_takes_all_files_of_the_release_and_no_other() -> None:
    names = ["demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz", "Demo-1.0-1-py3-none-any.whl"]
    others = ["demo-1.0.1.tar.gz", "demo_other-1.0.tar.gz", "demo-1.0.zip.txt"]
    found = files_of(page(*map(listed, names + others)), DEMO, ONE, "corp")
    assert [each.filename for each in found] == names


def test_names_the_versions_that_are_there_instead() -> None:
    with pytest.raises(RepositoryError, match=r"corp has no files of demo 1\.0") as caught:
        files_of(page(listed("demo-1.1.tar.gz"), listed("demo-0.9.tar.gz")), DEMO, ONE, "corp")
    (finding,) = caught.value.findings
    assert (finding.code, finding.where, finding.hint) == ("PA453", "corp", "It has: 0.9, 1.1.")


def test_a_name_with_a_version_of_thousands_of_digits_is_no_file_of_ours() -> None:
    absurd = listed(f"demo-{'9' * 5000}.tar.gz")
    assert (
        files_of(page(absurd, listed("demo-1.0.tar.gz")), DEMO, ONE, "corp")[0].filename == "demo-1.0.tar.gz"
    )


def test_says_that_there_is_nothing_at_all() -> None:
    with pytest.raises(RepositoryError) as caught:
        files_of(None, DEMO, ONE, "corp")
    assert caught.value.hint == "It has no files of demo, or does not show them to this user."


def test_refuses_a_file_that_cannot_be_checked() -> None:
    with pytest.raises(RepositoryError, match="without a sha256") as caught:
        files_of(page(listed("demo-1.0.tar.gz", None)), DEMO, ONE, "corp")
    assert [each.code for each in caught.value.findings] == ["PA454"]


def test_keeps_nothing_of_a_file_with_other_bytes(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="other bytes") as caught:
        store([b"other"], listed("demo-1.0.tar.gz", b"these"), tmp_path, "corp")
    assert list(tmp_path.iterdir()) == []
    assert [each.code for each in caught.value.findings] == ["PA454"]


def test_stays_in_the_folder_whatever_the_index_calls_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    stored = store([b"x"], listed("../../demo-1.0.tar.gz", b"x"), folder, "corp")
    assert stored.parent == folder
    assert b"".join(read_chunks(stored)) == b"x"


def provenance(*digests: str) -> bytes:
    subject = [{"name": "demo-1.0.tar.gz", "digest": {"sha256": each}} for each in digests]
    statement = base64.b64encode(json.dumps({"subject": subject}).encode()).decode()
    bundle = {
        "publisher": {"kind": "GitHub"},
        "attestations": [{"version": 1, "envelope": {"statement": statement}}],
    }
    return json.dumps({"version": 1, "attestation_bundles": [bundle]}).encode()


def test_provenance_that_a_source_lists_is_about_the_file() -> None:
    """PEP 740."""
    file = listed("demo-1.0.tar.gz", b"content")
    ensure_provenance(provenance(file.sha256), file, "testpypi")
    for wrong in (provenance("0" * 64), provenance(file.sha256, "0" * 64), provenance(), b"{}", b"not JSON"):
        with pytest.raises(RepositoryError, match="provenance of demo-1") as caught:
            ensure_provenance(wrong, file, "testpypi")
        assert [each.code for each in caught.value.findings] == ["PA454"]
