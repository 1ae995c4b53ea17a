from __future__ import annotations

import hashlib

import pytest
from index_fakes.asgi import basic
from index_fakes.files import wheel
from oci_fakes.registry import HOST, FakeRegistry
from packaging.utils import canonicalize_name

from publish_all._http import make_session
from publish_all._secret import Secret
from publish_all.errors import CredentialError
from publish_all.index.index_source import Address, ServeError
from publish_all.index.oci_source import OciSource, Own
from publish_all.index.server import visitor_of
from publish_all.repositories.oci_layout import (
    ARTIFACT_TYPE,
    INDEX_TYPE,
    MANIFEST_TYPE,
    YANKED,
    Entry,
    PackageIndex,
    digest_of,
    parse_place,
)
from publish_all.repositories.oci_registry import OciRegistry
from publish_all.repositories.replies import Login

KINDLING = canonicalize_name("kindling-synapse")
REPOSITORY = "sep/kindling_synapse"
INDEX = {"mediaType": INDEX_TYPE, "artifactType": ARTIFACT_TYPE}
DEV = visitor_of(basic("dev", "secret")["Authorization"])


def make(fake: FakeRegistry, *, own: Own | None = None) -> OciSource:
    session = make_session(transport=fake)
    registry = OciRegistry(parse_place("ghcr.io/sep"), session, sleep=lambda seconds: None)
    return OciSource("github", registry, own=own)


@pytest.fixture
def fake() -> FakeRegistry:
    return FakeRegistry()


def put(fake: FakeRegistry, version: str, **annotations: str) -> str:
    """A release of one wheel; the digest of its file."""
    content = wheel(version=version)
    layer = fake.put_blob(REPOSITORY, content)
    metadata = fake.put_blob(REPOSITORY, f"Version: {version}\n".encode())
    manifest = b'{"version": "%s"}' % version.encode()
    fake.put(REPOSITORY, "sha256:", manifest, MANIFEST_TYPE)
    entry = Entry(
        descriptor={
            "mediaType": MANIFEST_TYPE,
            "digest": digest_of(manifest),
            "size": len(manifest),
            "platform": {"architecture": "py3-none-any.whl", "os": "any"},
            "annotations": {
                "com.pyoci.sha256_digest": layer.removeprefix("sha256:"),
                "dev.publish-all.size": str(len(content)),
                "dev.publish-all.core-metadata": metadata,
                "org.opencontainers.image.created": "2026-01-02T03:04:05Z",
            },
        }
    )
    index = PackageIndex(INDEX | {"manifests": [entry.descriptor], "annotations": annotations})
    fake.put(REPOSITORY, version, index.render(), INDEX_TYPE)
    return layer.removeprefix("sha256:")


def test_lists_versions_with_all_that_the_index_tells(fake: FakeRegistry) -> None:
    put(fake, "0.10.0")
    put(fake, "0.9.0", **{YANKED: "broken"})
    fake.put(REPOSITORY, "latest", b"{}", INDEX_TYPE)
    page = make(fake).page(KINDLING, None)
    assert page is not None
    assert page.versions == ("0.9.0", "0.10.0")
    first, second = page.files
    assert (first.filename, first.url) == ("kindling_synapse-0.9.0-py3-none-any.whl", "")
    assert (first.yanked, second.yanked) == ("broken", None)
    assert second.size == len(wheel(version="0.10.0"))
    assert second.upload_time == "2026-01-02T03:04:05Z"
    assert second.core_metadata == {"sha256": hashlib.sha256(b"Version: 0.10.0\n").hexdigest()}


def test_asks_anew_only_for_what_has_changed(fake: FakeRegistry) -> None:
    put(fake, "0.1.0")
    source = make(fake)
    source.page(KINDLING, None)
    put(fake, "0.2.0")
    page = source.page(KINDLING, None)
    assert page is not None
    assert page.versions == ("0.1.0", "0.2.0")
    again = fake.of("GET", "manifests/0.1.0")[-1]
    assert "If-None-Match" in again.headers


def test_reads_the_newest_of_very_many_versions(fake: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("publish_all.index.oci_source._MOST_VERSIONS", 2)
    for version in ("0.10.0", "0.2.0", "0.9.0"):
        put(fake, version)
    page = make(fake).page(KINDLING, None)
    assert page is not None
    assert (page.versions, page.older) == (("0.9.0", "0.10.0"), 1)
    assert not fake.of("GET", "manifests/0.2.0")


def test_gives_the_bytes_of_a_file_and_of_its_metadata(fake: FakeRegistry) -> None:
    digest = put(fake, "0.1.0")
    source = make(fake)
    with source.file(Address(KINDLING, "x", digest), None).open(None) as download:
        assert b"".join(download.chunks) == wheel(version="0.1.0")
    sha256 = hashlib.sha256(b"Version: 0.1.0\n").hexdigest()
    with source.file(Address(KINDLING, "x", sha256, metadata=True), None).open(None) as download:
        assert b"".join(download.chunks) == b"Version: 0.1.0\n"
    absent = source.file(Address(KINDLING, "x", "0" * 64), None)
    with pytest.raises(ServeError) as caught, absent.open(None):
        pass
    assert caught.value.status == 404


def test_asks_in_the_name_of_each_visitor(fake: FakeRegistry) -> None:
    digest = put(fake, "0.1.0")
    fake.users, fake.private = {"dev": "secret"}, True
    source = make(fake)
    assert source.scope == HOST
    assert source.page(KINDLING, DEV) is not None
    source.file(Address(KINDLING, "x", digest), DEV).check()
    for visitor, status in (
        (None, 401),
        (visitor_of(basic("dev", "wrong")["Authorization"]), 403),
    ):
        for ask in (
            lambda visitor=visitor: source.page(KINDLING, visitor),
            lambda visitor=visitor: source.file(Address(KINDLING, "x", digest), visitor).check(),
        ):
            with pytest.raises(ServeError) as caught:
                ask()
            assert caught.value.status == status
            assert "wrong" not in caught.value.message


def test_asks_in_its_own_name_whoever_visits(fake: FakeRegistry) -> None:
    put(fake, "0.1.0")
    fake.users, fake.private = {"dev": "secret"}, True
    login = Login(username="dev", secret=Secret("secret"), origin="a test")
    source = make(fake, own=lambda project: login)
    assert source.scope is None
    assert source.page(KINDLING, None) is not None
    assert source.page(KINDLING, visitor_of(basic("eve", "x")["Authorization"])) is not None

    def broken(project: object) -> Login | None:
        raise CredentialError("the token has expired")

    with pytest.raises(ServeError, match="expired") as caught:
        make(fake, own=broken).page(KINDLING, None)
    assert caught.value.status == 502


def test_what_is_not_there_has_no_page(fake: FakeRegistry) -> None:
    assert make(fake).page(canonicalize_name("absent"), None) is None


def test_a_registry_that_fails_is_down(fake: FakeRegistry) -> None:
    from oci_fakes.registry import error

    source = make(fake)
    source.ready()
    fake.hooks.append(lambda asked: error(500, "UNKNOWN"))
    for ask in (source.ready, lambda: source.page(KINDLING, None)):
        with pytest.raises(ServeError) as caught:
            ask()
        assert caught.value.status == 502
        assert caught.value.message.startswith("github: ")


def test_lists_a_thousand_versions_of_three_files_over_pages_of_tags(fake: FakeRegistry) -> None:
    architectures = ("py3-none-any.whl", "cp312-cp312-win_amd64.whl", ".tar.gz")
    for number in range(1000):
        entries = tuple(
            Entry(
                descriptor={
                    "mediaType": MANIFEST_TYPE,
                    "digest": digest_of(f"{number} {each}".encode()),
                    "size": 1,
                    "platform": {"architecture": each, "os": "any"},
                    "annotations": {"com.pyoci.sha256_digest": "0" * 64, "dev.publish-all.size": "1"},
                }
            )
            for each in architectures
        )
        fake.put(
            REPOSITORY,
            f"1.{number}",
            PackageIndex(INDEX | {"manifests": [each.descriptor for each in entries]}).render(),
            INDEX_TYPE,
        )
    page = make(fake).page(KINDLING, None)
    assert page is not None
    assert page.versions == tuple(f"1.{number}" for number in range(1000))
    assert len({each.filename for each in page.files}) == 3000
    assert len(fake.of("GET", "tags/list")) == 10
