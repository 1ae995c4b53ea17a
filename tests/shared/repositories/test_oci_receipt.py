from __future__ import annotations

import json
from dataclasses import replace

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from publish_all.errors import UsageError
from publish_all.repositories.oci_layout import (
    Entry,
    PushedRelease,
    ReceiptFile,
    digest_of,
    joined,
    read_receipt,
    render_receipt,
)


def entry(architecture: str, content: bytes = b"", created: str = "now") -> Entry:
    return Entry(
        descriptor={
            "digest": digest_of(content),
            "size": 3,
            "platform": {"architecture": architecture, "os": "any"},
            "annotations": {
                "com.pyoci.sha256_digest": digest_of(content)[7:],
                "org.opencontainers.image.created": created,
            },
        }
    )


def pushed(*entries: Entry, version: str = "1.0") -> PushedRelease:
    return PushedRelease(
        repository="github",
        url="https://ghcr.io/sep",
        project=canonicalize_name("kindling"),
        version=Version(version),
        entries=entries,
        annotations={"org.opencontainers.image.licenses": "MIT"},
    )


def test_a_receipt_says_what_was_pushed(tmp_path):
    path = tmp_path / "deep" / "receipt.json"
    receipt = ReceiptFile(path)
    receipt.start()
    receipt.add(pushed(entry(".tar.gz")))
    receipt.add(pushed(entry(".tar.gz"), version="2.0"))
    receipt.add(pushed(entry(".tar.gz"), entry("x.whl")))
    assert read_receipt(path) == (
        pushed(entry(".tar.gz"), entry("x.whl")),
        pushed(entry(".tar.gz"), version="2.0"),
    )
    assert [each.name for each in path.parent.iterdir()] == ["receipt.json"]


def test_an_older_receipt_is_not_taken_for_a_new_one(tmp_path):
    path = tmp_path / "receipt.json"
    path.write_bytes(render_receipt([pushed(entry("x"))]))
    ReceiptFile(path).start()
    assert not path.exists()
    path.touch()  # as mktemp makes it
    ReceiptFile(path).start()
    assert not path.exists()


def test_another_file_is_not_overwritten_by_a_receipt(tmp_path):
    path = tmp_path / "pyproject.toml"
    path.write_text("[project]\n")
    with pytest.raises(UsageError, match="is not a receipt"):
        ReceiptFile(path).start()
    assert path.read_text() == "[project]\n"


@pytest.mark.posix("links")
def test_no_link_is_written_through(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("precious")
    for name in (".receipt.json.part", "receipt.json"):
        (tmp_path / name).symlink_to(precious)
    receipt = ReceiptFile(tmp_path / "receipt.json")
    with pytest.raises(UsageError):
        receipt.start()
    (tmp_path / "receipt.json").unlink()
    receipt.start()
    (tmp_path / "receipt.json").symlink_to(precious)
    receipt.add(pushed(entry("x")))
    assert precious.read_text() == "precious"
    assert len(read_receipt(tmp_path / "receipt.json")) == 1


def test_parts_are_joined_and_files_of_a_job_that_ran_twice_count_once():
    first, again, other = entry(".tar.gz"), entry(".tar.gz", created="later"), entry("x.whl")
    different = entry(".tar.gz", b"other bytes")
    assert joined([pushed(first), pushed(other, again), pushed(different, version="2.0")]) == (
        pushed(first, other),
        pushed(different, version="2.0"),
    )
    assert joined([pushed(first), pushed(different)]) == (pushed(first, different),)
    elsewhere = replace(pushed(first), url="https://other.example")
    assert len(joined([pushed(first), elsewhere])) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "something"},
        {"schema": 2},
        {"releases": [{}]},
        {"releases": "x"},
        {"releases": None},
    ],
)
def test_what_is_no_receipt_is_an_error_that_names_it(tmp_path, change):
    path = tmp_path / "receipt.json"
    path.write_text(json.dumps(json.loads(render_receipt([pushed(entry("x"))])) | change))
    with pytest.raises(UsageError, match=r"receipt\.json is not a receipt"):
        read_receipt(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [("version", "latest"), ("project", "../x"), ("files", [{"digest": "sha256:0"}]), ("annotations", [])],
)
def test_what_a_receipt_says_is_not_trusted(tmp_path, key, value):
    path = tmp_path / "receipt.json"
    content = json.loads(render_receipt([pushed(entry("x"))]))
    content["releases"][0][key] = value
    path.write_text(json.dumps(content))
    with pytest.raises(UsageError):
        read_receipt(path)


def test_a_missing_receipt_and_one_that_is_no_json(tmp_path):
    with pytest.raises(UsageError, match="can't be read"):
        read_receipt(tmp_path / "absent.json")
    (tmp_path / "bad.json").write_bytes(b"\xff{")
    with pytest.raises(UsageError, match="not a receipt"):
        read_receipt(tmp_path / "bad.json")


def test_a_receipt_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="can't be written"):
        ReceiptFile(tmp_path / "file" / "receipt.json").start()
