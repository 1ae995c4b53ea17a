"""Receipts: the files of a release that one of several jobs pushed; `finalize` lists all of them at once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from publish_all import diagnoses as known
from publish_all._json import loads
from publish_all._own_files import write_whole
from publish_all.errors import UsageError
from publish_all.repositories.oci_layout import Entry, is_digest, is_hex_digest

SCHEMA = 1
LIMIT = 16 * 1024 * 1024
"""The longest receipt that is read, in bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PushedRelease:
    """The files of a release that are pushed and not listed yet. `url` is that of the repository.

    `annotations` are those that the index of the release is to have.
    """

    repository: str
    url: str
    project: NormalizedName
    version: Version
    entries: tuple[Entry, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.project} {self.version}"


class ReceiptFile:
    """The receipt of a run: rewritten with each release."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._releases: dict[tuple[str, str], PushedRelease] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        """Remove the receipt of an earlier run, so that it is not used as the receipt of this one.

        Raises `UsageError`, also for a file that is neither empty nor a receipt, which stays.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.is_file() and self.path.stat().st_size:
                read_receipt(self.path)
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def add(self, release: PushedRelease) -> None:
        """Raises `UsageError`."""
        with self._lock:
            self._releases[release.url, str(release)] = release
            try:
                write_whole(self.path, render_receipt(self._releases.values()))
            except OSError as error:
                raise _unwritable(self.path, error) from error


def render_receipt(releases: Iterable[PushedRelease]) -> bytes:
    value = {
        "schema": SCHEMA,
        "kind": "publish-all receipt",
        "releases": [
            {
                "repository": each.repository,
                "url": each.url,
                "project": each.project,
                "version": str(each.version),
                "annotations": dict(each.annotations),
                "files": [dict(entry.descriptor) for entry in each.entries],
            }
            for each in releases
        ],
    }
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def read_receipt(path: Path) -> tuple[PushedRelease, ...]:
    """The content of a receipt. Raises `UsageError`, which names the file."""
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT + 1)
    except OSError as error:
        raise _unusable(path, f"can't be read: {error.strerror or error}") from error
    try:
        value = loads(content) if len(content) <= LIMIT else {}
        if value["kind"] != "publish-all receipt" or value["schema"] != SCHEMA:
            raise ValueError(value["kind"])
        return tuple(_release(each) for each in value["releases"])
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise _unusable(path, "is not a receipt that `publish --receipt` wrote") from error


def joined(releases: Iterable[PushedRelease]) -> tuple[PushedRelease, ...]:
    """The parts of each release together, in the order in which releases first occur.

    Each file once: a job that ran twice wrote the same one with another time.
    """
    together: dict[tuple[str, str], PushedRelease] = {}
    for each in releases:
        first = together.setdefault((each.url, str(each)), each)
        entries: dict[tuple[str, str | None], Entry] = {}
        for entry in (*first.entries, *each.entries):
            entries.setdefault((entry.architecture, entry.sha256), entry)
        together[each.url, str(each)] = replace(
            first,
            entries=tuple(entries.values()),
            annotations={**each.annotations, **first.annotations},
        )
    return tuple(together.values())


def _release(value: Mapping[str, Any]) -> PushedRelease:
    return PushedRelease(
        repository=str(value["repository"]),
        url=str(value["url"]),
        project=canonicalize_name(value["project"], validate=True),
        version=Version(value["version"]),
        entries=tuple(_entry(each) for each in value["files"]),
        annotations={str(key): str(each) for key, each in value["annotations"].items()},
    )


def _entry(descriptor: Mapping[str, Any]) -> Entry:
    entry = Entry(descriptor)
    if not is_digest(entry.digest) or not is_hex_digest(entry.sha256) or not entry.architecture:
        raise ValueError(entry.digest)
    return entry


def _unusable(path: Path, why: str) -> UsageError:
    finding = known.RECEIPT_UNUSABLE.found(f"{path} {why}", where=str(path))
    return UsageError(finding.message, hint=finding.hint, findings=(finding,))


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"the receipt {path} can't be written: {error.strerror or error}")
