"""Checks on wheels: RECORD, and the platform tag."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from collections.abc import Iterator

from publish_all.checks.audience import Audience
from publish_all.checks.public_platforms import is_taken, remedy
from publish_all.diagnoses import RECORD_MISMATCH, UNSUPPORTED_TAG
from publish_all.distributions.distribution import Distribution, DistributionKind
from publish_all.findings import Finding

_CHUNK = 1 << 20
# Members above this many bytes are compared by their size: to hash them takes as long as to upload them.
_LARGE = 64 << 20
_SIGNATURES = ("RECORD", "RECORD.jws", "RECORD.p7s")


def check_record(distribution: Distribution, audience: Audience) -> Iterator[Finding]:
    """Every member is in RECORD with its size and, unless it is large, its hash; RECORD lists no other.

    PEP 376, PEP 427.
    """
    del audience
    if distribution.kind is not DistributionKind.WHEEL:
        return
    try:
        with zipfile.ZipFile(distribution.path) as opened:
            yield from _compare(distribution, opened)
    except (OSError, zipfile.BadZipFile):
        return  # the check of the members says so


def _compare(distribution: Distribution, opened: zipfile.ZipFile) -> Iterator[Finding]:
    files = [each.filename for each in opened.infolist() if not each.is_dir()]
    record_name = next(
        (name for name in files if name.endswith(".dist-info/RECORD") and name.count("/") == 1), None
    )
    if record_name is None:
        yield RECORD_MISMATCH.found(
            "the wheel has no RECORD", where=distribution.filename, hint="Build it again."
        )
        return
    text = opened.read(record_name).decode(errors="replace")
    rows = {row[0]: row for row in csv.reader(io.StringIO(text)) if row}
    folder = record_name.rpartition("/")[0]
    unsigned = {f"{folder}/{each}" for each in _SIGNATURES}
    for name in files:
        if name not in rows and name not in unsigned:
            yield _mismatch(distribution, f"{name} is not in RECORD")
        elif name not in unsigned:
            yield from _compare_row(distribution, opened, rows[name])
    for name in rows.keys() - set(files):
        yield _mismatch(distribution, f"RECORD lists {name}, which is not in the wheel")


def _compare_row(distribution: Distribution, opened: zipfile.ZipFile, row: list[str]) -> Iterator[Finding]:
    name, stated, size = [*row, "", ""][:3]
    algorithm, _, digest = stated.partition("=")
    if algorithm not in {"sha256", "sha384", "sha512"}:
        yield _mismatch(distribution, f"RECORD has no secure hash of {name}")
        return
    length = opened.getinfo(name).file_size
    if length > _LARGE:
        if size and size != str(length):
            yield _mismatch(distribution, f"{name} is not what RECORD says")
        return
    hasher = hashlib.new(algorithm)
    length = 0
    with opened.open(name) as member:
        while chunk := member.read(_CHUNK):
            hasher.update(chunk)
            length += len(chunk)
    actual = base64.urlsafe_b64encode(hasher.digest()).rstrip(b"=").decode()
    if actual != digest or (size and size != str(length)):
        yield _mismatch(distribution, f"{name} is not what RECORD says")


def _mismatch(distribution: Distribution, message: str) -> Finding:
    return RECORD_MISMATCH.found(
        message, where=distribution.filename, hint="Build it again; do not edit wheels by hand."
    )


def check_tag(distribution: Distribution, audience: Audience) -> Iterator[Finding]:
    """Public indexes take only platforms whose compatibility is defined (PEP 600, 656, 513)."""
    if distribution.tag is None or not audience.public:
        return
    for platform in distribution.tag.rpartition("-")[2].split("."):
        if not is_taken(platform):
            yield UNSUPPORTED_TAG.found(
                f"{audience.names} will refuse the platform tag {platform!r}",
                where=distribution.filename,
                hint=remedy(platform),
            )
