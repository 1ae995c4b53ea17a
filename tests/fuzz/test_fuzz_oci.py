"""What a registry keeps: lists of tags, indexes of releases, manifests of files, and its errors."""

from __future__ import annotations

import json
from typing import Any

from fuzz_inputs import altered_json, fuzz, in_time, long, near
from hypothesis import given
from hypothesis import strategies as st
from oci_fakes.registry import FakeRegistry, Reply
from packaging.utils import canonicalize_name

from publish_all._http import make_session
from publish_all._http_errors import HttpError
from publish_all.errors import CredentialError
from publish_all.findings import Finding
from publish_all.index.index_source import ServeError
from publish_all.index.oci_source import OciSource
from publish_all.index.service import with_addresses
from publish_all.repositories.oci_layout import (
    ARTIFACT_TYPE,
    INDEX_TYPE,
    MANIFEST_TYPE,
    METADATA_TYPE,
    LayoutError,
    merge,
    parse_index,
    parse_place,
)
from publish_all.repositories.oci_registry import OciRegistry
from publish_all.repositories.simple_pages import render_project

DEMO = canonicalize_name("demo")
TAGS = {"name": "sep/demo", "tags": ["1.0", "1.1rc1", "latest", "1_2.0", "sha256-" + "a" * 64]}
MANIFEST = {
    "schemaVersion": 2,
    "mediaType": MANIFEST_TYPE,
    "artifactType": ARTIFACT_TYPE,
    "config": {"mediaType": METADATA_TYPE, "digest": "sha256:" + "c" * 64, "size": 2},
    "layers": [{"mediaType": ARTIFACT_TYPE, "digest": "sha256:" + "a" * 64, "size": 10}],
}
ENTRY = {
    "mediaType": MANIFEST_TYPE,
    "digest": "sha256:" + "d" * 64,
    "size": 100,
    "annotations": {
        "org.opencontainers.image.title": "demo-1.0-py3-none-any.whl",
        "org.opencontainers.image.created": "2026-01-01T00:00:00Z",
        "com.pyoci.sha256_digest": "a" * 64,
        "dev.publish-all.size": "10",
        "dev.publish-all.core-metadata": "sha256:" + "c" * 64,
        "dev.publish-all.requires-python": ">=3.9",
    },
    "platform": {"architecture": "py3-none-any.whl", "os": "any"},
}
# As PyOCI writes it: what the file is, only its manifest tells.
BARE = {**ENTRY, "annotations": None, "platform": {"architecture": ".tar.gz", "os": "any"}}
INDEX = {
    "schemaVersion": 2,
    "mediaType": INDEX_TYPE,
    "artifactType": ARTIFACT_TYPE,
    "manifests": [ENTRY, BARE, {"mediaType": "application/x", "digest": "sha256:" + "e" * 64}],
    "annotations": {
        "org.opencontainers.image.source": "https://github.com/sep/demo",
        "dev.publish-all.yanked": "broken",
    },
}
ERROR = {
    "errors": [{"code": "DENIED", "message": "permission_denied: write_package", "detail": {"a": ["b"]}}]
}
PIECES = (b"{", b"}", b"[", b"]", b'"', b'{"a":', b"1", b",", b"-", b"e", b"\\u00", b"\\", b" ", b"\xff")


def registry(**replies: bytes) -> OciRegistry:
    """One which answers with these, whatever digest is asked for."""
    fake = FakeRegistry()

    def answer(asked: Any) -> Reply | None:
        if "error" in replies and asked.path != "/v2/":
            return Reply(int(replies["status"]), replies["error"], {"Content-Type": "application/json"})
        if "/tags/" in asked.path:
            return Reply(200, replies.get("tags", b'{"tags": ["1.0"]}'))
        if "/manifests/sha256:" in asked.path:
            # Its bytes are compared with the digest first; that they fit is what an attacker can have.
            return Reply(200, replies.get("manifest", b"{}"), {"Content-Type": MANIFEST_TYPE})
        if "/manifests/" in asked.path:
            return Reply(200, replies.get("index", b"{}"), {"Content-Type": INDEX_TYPE})
        return Reply(200)

    fake.hooks.append(answer)
    return OciRegistry(parse_place("ghcr.io/sep"), make_session(transport=fake), sleep=lambda _: None)


def serve(**replies: bytes) -> None:
    """Make the page of a project, as `serve` and `list` do."""
    source = OciSource("github", registry(**replies))
    try:
        page = source.page(DEMO, None)
    except ServeError as error:
        assert str(error)  # noqa: PT017 - what it says is a part of the behaviour
        return
    if page is not None:
        render_project(with_addresses(page, "github"))


def add(content: bytes) -> None:
    """Read an index, and write it again with a file of ours, as an upload does."""
    ours = parse_index(json.dumps({**INDEX, "manifests": [ENTRY]}).encode()).entries
    package = registry(index=content).package(DEMO, login=None)
    try:
        index = package.index("1.0")
        told = package.sha256s(index) if index is not None else {}
    except (CredentialError, HttpError) as error:
        assert str(error)  # noqa: PT017 - what it says is a part of the behaviour
        return
    gone = frozenset(each.digest for each in index.entries) if index is not None else frozenset()
    merged = merge(index, ours, {"a": "b"}, sha256s=told, gone=gone)
    parse_index(merged.result.render())


@fuzz
@given(altered_json(TAGS) | long(*PIECES))
def test_tags(content: bytes) -> None:
    in_time(lambda: serve(tags=content))


@fuzz
@given(altered_json(INDEX) | long(*PIECES))
def test_index(content: bytes) -> None:
    in_time(lambda: serve(index=content))
    in_time(lambda: add(content))


@fuzz
@given(altered_json(MANIFEST) | near(json.dumps(MANIFEST).encode()))
def test_manifest(content: bytes) -> None:
    from publish_all.repositories.oci_layout import digest_of, parse_manifest

    def read() -> None:
        try:
            parse_manifest(content)
        except LayoutError as error:
            assert str(error)  # noqa: PT017 - what it says is a part of the behaviour

    in_time(read)
    index = {**INDEX, "manifests": [{**BARE, "digest": digest_of(content)}]}
    in_time(lambda: serve(index=json.dumps(index).encode(), manifest=content))


@fuzz
@given(altered_json(ERROR) | long(*PIECES), st.sampled_from([400, 401, 403, 404, 413, 429, 500]))
def test_errors(content: bytes, status: int) -> None:
    def read() -> None:
        try:
            registry(error=content, status=str(status).encode()).package(DEMO, login=None).manifest("1.0")
        except (CredentialError, HttpError) as error:
            assert all(isinstance(each, Finding) for each in error.findings)  # noqa: PT017 - that it raises is allowed, and not asked for

    in_time(read)
