"""Receipts and manifests, which come from another job."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from fuzz_inputs import altered_json, fuzz, in_time, long, near
from hypothesis import given
from test_fuzz_oci import ENTRY, PIECES

from publish_all.builders.manifest import check_manifest, read_manifest
from publish_all.errors import ConfigurationError, UsageError
from publish_all.repositories.oci_layout import joined, merge, read_receipt, render_receipt

RECEIPT = {
    "schema": 1,
    "kind": "publish-all receipt",
    "releases": [
        {
            "repository": "github",
            "url": "https://ghcr.io/sep",
            "project": "demo",
            "version": "1.0",
            "annotations": {"org.opencontainers.image.source": "https://github.com/sep/demo"},
            "files": [ENTRY, ENTRY],
        }
    ]
    * 2,
}


def read(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "receipt.json"
        path.write_bytes(content)
        try:
            releases = joined(read_receipt(path))
        except UsageError as error:
            assert str(path) in str(error)  # noqa: PT017 - what it says is a part of the behaviour
            return
    for each in releases:
        merge(None, each.entries, each.annotations).result.render()
        assert all(entry.size is None or entry.size >= 0 for entry in each.entries)
    render_receipt(releases)


@fuzz
@given(altered_json(RECEIPT) | near(json.dumps(RECEIPT).encode()) | long(*PIECES))
def test_receipt(content: bytes) -> None:
    in_time(lambda: read(content))


MANIFEST = {
    "schema": 1,
    "project": "demo",
    "folder": "../dist",
    "distributions": [
        {
            "variant": None,
            "name": "demo",
            "version": "1.0",
            "filename": "demo-1.0-py3-none-any.whl",
            "kind": "wheel",
            "tag": "py3-none-any",
            "size": 10,
            "sha256": "a" * 64,
            "builder": "hatchling",
        }
    ]
    * 2,
}


def read_built(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "manifest.json"
        path.write_bytes(content)
        try:
            manifest = read_manifest(path)
        except ConfigurationError as error:
            assert str(path) in str(error)  # noqa: PT017 - what it says is a part of the behaviour
            return
        assert manifest is not None
        check_manifest(manifest)


@fuzz
@given(altered_json(MANIFEST) | near(json.dumps(MANIFEST).encode()))
def test_manifest(content: bytes) -> None:
    in_time(lambda: read_built(content))
