from __future__ import annotations

import copy
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from publish_all.commands import finalize as command
from publish_all.commands.destinations import ConnectionOptions
from publish_all.commands.finalize import _wrong, finalize
from publish_all.distributions.read import read_distribution
from publish_all.errors import CredentialError, PartialPublishError
from publish_all.repositories.oci_layout import (
    CORE_METADATA,
    SHA256,
    SIZE,
    TITLE,
    Entry,
    PushedRelease,
    ReceiptFile,
    digest_of,
    render_file,
)
from publish_all.repositories.oci_registry import Manifest
from publish_all.repositories.repository import ReleaseOutcome

Pushed = tuple[PushedRelease, Entry, Manifest]


@pytest.fixture
def pushed(tmp_path: Path) -> Pushed:
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("demo-1.0.dist-info/METADATA", "Metadata-Version: 2.4\nName: demo\nVersion: 1.0\n")
    wheel = read_distribution(path)
    content, entry = render_file(wheel, source=None, created="2026-01-01T00:00:00Z")
    release = PushedRelease(
        repository="github",
        url="https://ghcr.io/sep",
        project=wheel.project,
        version=wheel.version,
        entries=(entry,),
    )
    return release, entry, Manifest(digest=entry.digest, content=content)


def test_a_receipt_that_says_what_the_manifest_says_is_right(pushed: Pushed) -> None:
    assert _wrong(*pushed) is None


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda it: it["annotations"].update({TITLE: "demo-1.0-py2-none-any.whl"}), "the name is"),
        (lambda it: it["platform"].update(architecture="py2-none-any.whl"), "the platform is"),
        (lambda it: it["annotations"].update({SHA256: "0" * 64}), "the sha256 is"),
        (lambda it: it["annotations"].update({SIZE: "1"}), "the size is"),
        (
            lambda it: it["annotations"].update({CORE_METADATA: digest_of(b"")}),
            "the digest of its metadata is",
        ),
        (lambda it: it.update(size=1), "the size of the manifest is"),
        (lambda it: it.update(mediaType="application/x"), "the type of the manifest is"),
    ],
    ids=["name", "platform", "bytes", "size", "metadata", "size of the manifest", "type"],
)
def test_what_a_receipt_says_must_be_what_the_manifest_says(
    pushed: Pushed, change: Callable[[Any], object], what: str
) -> None:
    release, entry, manifest = pushed
    descriptor = copy.deepcopy(dict(entry.descriptor))
    change(descriptor)
    assert (_wrong(release, Entry(descriptor), manifest) or "").startswith(what)


def test_a_manifest_that_is_gone_or_is_of_something_else_is_not_listed(pushed: Pushed) -> None:
    release, entry, manifest = pushed
    assert "does not have its manifest" in (_wrong(release, entry, None) or "")
    index = Manifest(digest=manifest.digest, content=b'{"manifests": []}')
    assert "is not the manifest of a file" in (_wrong(release, entry, index) or "")
    other = Manifest(
        digest=manifest.digest,
        content=manifest.content.replace(b"demo-1.0-py3", b"evil-1.0-py3"),
    )
    assert "which does not belong to this release" in (_wrong(release, entry, other) or "")


@pytest.mark.parametrize(
    ("denied", "error", "listed"),
    [({"demo"}, PartialPublishError, ["other"]), ({"demo", "other"}, CredentialError, [])],
)
def test_a_project_that_may_not_be_written_does_not_keep_the_others_from_being_listed(
    pushed: Pushed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    denied: set[str],
    error: type[Exception],
    listed: list[str],
) -> None:
    done: list[str] = []

    class Registry:
        name, url = "github", "https://ghcr.io/sep"

        def conflicts(self, release: PushedRelease) -> tuple[()]:
            return ()

        def list_files(self, release: PushedRelease) -> ReleaseOutcome:
            if release.project in denied:
                raise CredentialError("denied")
            done.append(release.project)
            return ReleaseOutcome(complete=True)

    monkeypatch.setattr(command, "open_registry", lambda *_, **__: Registry())
    monkeypatch.setattr(command, "_check_files", lambda *_: None)
    receipt = ReceiptFile(tmp_path / "receipt.json")
    for project in ("demo", "other"):
        receipt.add(replace(pushed[0], project=canonicalize_name(project)))
    with pytest.raises(error):
        finalize(tmp_path, [receipt.path], ConnectionOptions())
    assert done == listed
