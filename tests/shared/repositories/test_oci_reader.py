from __future__ import annotations

import json

import pytest
from oci_fakes.registry import FakeRegistry
from packaging.utils import canonicalize_name

from publish_all._http import make_session
from publish_all._http_errors import HttpError
from publish_all.repositories.oci_layout import (
    ARTIFACT_TYPE,
    INDEX_TYPE,
    MANIFEST_TYPE,
    YANKED,
    digest_of,
    parse_place,
    version_of,
)
from publish_all.repositories.oci_registry import OciPackage, OciRegistry, PackageRelease

NAME = "sep/kindling_synapse"
KINDLING = canonicalize_name("kindling-synapse")
TAG = "1.0"


@pytest.fixture
def registry(fake_registry: FakeRegistry) -> OciRegistry:
    return OciRegistry(
        parse_place("ghcr.io/sep"), make_session(transport=fake_registry), sleep=lambda seconds: None
    )


@pytest.fixture
def package(registry: OciRegistry) -> OciPackage:
    return registry.package(KINDLING, login=None)


def publish(
    fake: FakeRegistry, tag: str, files: dict[str, bytes], *, name: str = NAME, **annotations: str
) -> str:
    """A release in PyOCI's own form, with annotations of the index."""
    children = []
    for architecture, content in files.items():
        layer = fake.put_blob(name, content)
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "artifactType": ARTIFACT_TYPE,
            "config": {
                "mediaType": "application/vnd.oci.empty.v1+json",
                "digest": digest_of(b"{}"),
                "size": 2,
            },
            "layers": [{"mediaType": ARTIFACT_TYPE, "digest": layer, "size": len(content)}],
        }
        digest = fake.put(name, "sha256:", json.dumps(manifest).encode(), MANIFEST_TYPE)
        platform = {"architecture": architecture, "os": "any"}
        stated = {"org.opencontainers.image.created": "2024-11-20T20:23:36Z"}
        children.append({"digest": digest, "size": 1, "platform": platform, "annotations": stated})
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX_TYPE,
        "artifactType": ARTIFACT_TYPE,
        "manifests": children,
        "annotations": annotations,
    }
    return fake.put(name, tag, json.dumps(index).encode(), INDEX_TYPE)


def test_tags_are_sorted_by_version_and_foreign_ones_set_apart(package, fake_registry):
    for tag in ("1.10", "latest", "1.9", "1_1.0", "1.9-cu126", "1.0rc1", "sha256-00.sig"):
        publish(fake_registry, tag, {})
    found = [str(each) for each in package.versions().values()]
    assert found == ["1.0rc1", "1.9", "1.9+cu126", "1.10", "1!1.0"]
    assert [tag for tag in package.tags() if version_of(tag) is None] == ["latest", "sha256-00.sig"]


def test_a_package_of_pyoci_is_completed_from_its_manifests(package, fake_registry):
    publish(fake_registry, "1.0", {".tar.gz": b"sdist", "py3-none-any.whl": b"wheel"})
    release = package.release(TAG)
    assert isinstance(release, PackageRelease)
    assert {each.filename: (each.sha256, each.size, each.core_metadata) for each in release.files} == {
        "kindling_synapse-1.0.tar.gz": (digest_of(b"sdist")[7:], 5, None),
        "kindling_synapse-1.0-py3-none-any.whl": (digest_of(b"wheel")[7:], 5, None),
    }
    assert release.files[0].upload_time == "2024-11-20T20:23:36Z"


def test_what_is_known_already_is_not_sent_again(package, fake_registry):
    publish(fake_registry, "1.0", {".tar.gz": b"sdist"})
    first = package.release(TAG)
    before = len(fake_registry.asked)
    assert package.release(TAG, known=first) is first
    assert len(fake_registry.asked) == before + 1
    publish(fake_registry, "1.0", {".tar.gz": b"other"})
    assert package.release(TAG, known=first) != first


def test_yanks_are_read(package, fake_registry):
    publish(fake_registry, "1.0", {".tar.gz": b"sdist"}, **{YANKED: "broken"})
    assert package.release(TAG).files[0].yanked == "broken"


@pytest.mark.parametrize(
    "content",
    [b"{}", b"nonsense", json.dumps({"mediaType": MANIFEST_TYPE, "layers": []}).encode()],
)
def test_an_image_under_a_version_is_skipped_when_read_and_kept_when_written(package, fake_registry, content):
    fake_registry.put(NAME, "1.0", content, MANIFEST_TYPE)
    publish(fake_registry, "1.1", {".tar.gz": b"sdist"})
    assert package.release(TAG) is None
    assert [str(each.version) for each in package.releases(package.versions())] == ["1.1"]
    with pytest.raises(HttpError, match="not a Python package") as caught:
        package.index("1.0")
    assert caught.value.findings[0].code == "PA621"


def test_files_that_are_none_of_the_release_are_left_out(package, fake_registry):
    publish(fake_registry, "1.0", {"amd64": b"image", "../../x.whl": b"evil", ".tar.gz": b"sdist"})
    assert [each.filename for each in package.release(TAG).files] == ["kindling_synapse-1.0.tar.gz"]


def test_a_file_whose_manifest_is_gone_is_left_out(package, fake_registry):
    publish(fake_registry, "1.0", {".tar.gz": b"sdist"})
    child = fake_registry.index(NAME, "1.0")["manifests"][0]["digest"]
    del fake_registry.manifests[NAME, child]
    assert package.release(TAG).files == ()


def test_many_releases_are_read_side_by_side_in_order(package, fake_registry):
    for each in range(1000):
        publish(fake_registry, f"0.{each}", {".tar.gz": f"sdist {each}".encode()})
    found = package.releases(package.versions())
    assert [each.tag for each in found] == [f"0.{each}" for each in range(1000)]
    assert package.releases(()) == ()


def test_projects_are_those_in_the_namespace(registry, fake_registry):
    for name in (
        "sep/kindling_synapse",
        "sep/zope_interface",
        "other/kindling",
        "sep/deeper/x",
        "sep/not-ours",
    ):
        publish(fake_registry, "1.0", {}, name=name)
    assert registry.projects() == ("kindling-synapse", "zope-interface")


def test_bytes_come_whole_or_in_parts(package, fake_registry):
    publish(fake_registry, "1.0", {".tar.gz": b"0123456789"})
    sha256 = package.release(TAG).files[0].sha256
    with package.blob(f"sha256:{sha256}") as download:
        assert (download.size, b"".join(download.chunks)) == (10, b"0123456789")
    with package.blob(f"sha256:{sha256}", byte_range="bytes=8-") as download:
        assert (download.reply.status, b"".join(download.chunks)) == (206, b"89")
