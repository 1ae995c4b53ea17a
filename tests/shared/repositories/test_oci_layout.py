from __future__ import annotations

import hashlib
import json

import pytest

from publish_all.repositories.oci_layout import (
    INDEX_TYPE,
    LayoutError,
    PackageIndex,
    describe,
    digest_of,
    merge,
    parse_index,
    parse_manifest,
    render_file,
)

CREATED = "2026-11-20T15:00:33Z"
SOURCE = "https://github.com/sep/spark"


@pytest.fixture
def entry(make_distribution):
    def make(**keys):
        return render_file(make_distribution(**keys), source=SOURCE, created=CREATED)[1]

    return make


def test_the_manifest_of_a_wheel(make_distribution):
    wheel = make_distribution(headers="Requires-Python: >=3.10\nSummary: Kindles\nLicense-Expression: MIT\n")

    manifest = json.loads(render_file(wheel, source=SOURCE, created=CREATED)[0])

    assert manifest == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/pyoci.package.v1",
        "config": {
            "mediaType": "application/vnd.publish-all.core-metadata.v1",
            "digest": f"sha256:{hashlib.sha256(wheel.core_metadata).hexdigest()}",
            "size": len(wheel.core_metadata),
        },
        "layers": [
            {
                "mediaType": "application/pyoci.package.v1",
                "digest": f"sha256:{wheel.digests.sha256}",
                "size": wheel.size,
                "annotations": {"org.opencontainers.image.title": wheel.filename},
            }
        ],
        "annotations": {
            "org.opencontainers.image.source": SOURCE,
            "org.opencontainers.image.description": "Kindles",
            "org.opencontainers.image.licenses": "MIT",
        },
    }
    assert parse_manifest(json.dumps(manifest).encode()).size == wheel.size


def test_without_its_metadata_a_manifest_has_the_empty_config(make_distribution):
    manifest = json.loads(
        render_file(make_distribution(), source=None, created=CREATED, with_metadata=False)[0]
    )
    assert manifest["config"] == {
        "mediaType": "application/vnd.oci.empty.v1+json",
        "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        "size": 2,
    }
    assert "annotations" not in manifest


def test_descriptions_are_cut_and_texts_of_licences_left_out(make_distribution):
    wheel = make_distribution(headers=f"Summary: {'x' * 600}\nLicense: {'y' * 300}\n")
    about = describe(wheel, source=None)
    assert {name.rpartition(".")[2]: len(value) for name, value in about.items()} == {"description": 512}


def test_the_index_of_a_release(make_distribution, entry):
    headers = "Requires-Python: >=3.10\nProject-URL: Home, https://a.example\n"
    wheel = make_distribution(headers=headers)
    entries = [entry(headers=headers), entry(kind="sdist")]
    index = merge(None, entries, {"org.opencontainers.image.source": SOURCE}).result

    value = json.loads(index.render())

    assert (value["schemaVersion"], value["mediaType"], value["artifactType"]) == (
        2,
        "application/vnd.oci.image.index.v1+json",
        "application/pyoci.package.v1",
    )
    assert value["annotations"] == {"org.opencontainers.image.source": SOURCE}
    assert [each["platform"] for each in value["manifests"]] == [
        {"architecture": ".tar.gz", "os": "any"},
        {"architecture": "py3-none-any.whl", "os": "any"},
    ]
    assert value["manifests"][1]["annotations"] == {
        "org.opencontainers.image.title": wheel.filename,
        "org.opencontainers.image.created": CREATED,
        "com.pyoci.sha256_digest": wheel.digests.sha256,
        "com.pyoci.project_urls": '{"Home":"https://a.example"}',
        "dev.publish-all.size": str(wheel.size),
        "dev.publish-all.core-metadata": digest_of(wheel.core_metadata),
        "dev.publish-all.requires-python": ">=3.10",
    }
    assert {each.architecture for each in parse_index(index.render()).entries} == {
        ".tar.gz",
        "py3-none-any.whl",
    }


def test_what_others_wrote_is_kept(entry):
    foreign = {"mediaType": "x", "digest": digest_of(b"signature"), "size": 3, "custom": [1]}
    theirs = {
        "schemaVersion": 2,
        "mediaType": INDEX_TYPE,
        "artifactType": "application/pyoci.package.v1",
        "manifests": [foreign, dict(entry(kind="sdist").descriptor) | {"urls": ["https://a.example"]}],
        "subject": {"digest": digest_of(b"")},
        "annotations": {"org.opencontainers.image.source": "https://other.example"},
    }

    merged = merge(
        parse_index(json.dumps(theirs).encode()),
        [entry()],
        {"org.opencontainers.image.source": SOURCE, "org.opencontainers.image.licenses": "MIT"},
    )

    value = json.loads(merged.result.render())
    assert value["subject"] == theirs["subject"]
    assert foreign in value["manifests"]
    assert theirs["manifests"][1] in value["manifests"]
    assert len(value["manifests"]) == 3
    assert value["annotations"] == {
        "org.opencontainers.image.source": "https://other.example",
        "org.opencontainers.image.licenses": "MIT",
    }


def test_the_same_bytes_add_nothing_and_other_bytes_conflict(entry):
    index = merge(None, [entry()], {}).result
    later = entry()
    same = merge(index, [later], {})
    assert (same.added, same.conflicts, same.result.entries) == ((), (), index.entries)

    other = entry(content="other", folder="other")
    conflict = merge(index, [other, entry(kind="sdist")], {})
    assert conflict.conflicts == (other,)
    assert len(conflict.added) == 1


def test_two_of_ours_with_one_name_conflict(entry):
    other = entry(content="other", folder="other")
    assert merge(None, [entry(), other], {}).conflicts == (other,)


def test_an_entry_without_sha256_is_compared_by_its_manifest(entry):
    ours = entry()
    old = dict(ours.descriptor) | {"annotations": {}, "digest": digest_of(b"their manifest")}
    index = PackageIndex({"manifests": [old]})
    assert merge(index, [ours], {}).conflicts == (ours,)
    assert ours.sha256 is not None
    told = {digest_of(b"their manifest"): ours.sha256}
    assert merge(index, [ours], {}, sha256s=told).conflicts == ()


INDEX = {"mediaType": INDEX_TYPE, "artifactType": "application/pyoci.package.v1", "manifests": []}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        json.dumps(INDEX | {"artifactType": "application/vnd.example"}).encode(),
        json.dumps(INDEX | {"manifests": {}}).encode(),
        json.dumps(
            INDEX | {"mediaType": "application/vnd.docker.distribution.manifest.list.v2+json"}
        ).encode(),
    ],
)
def test_what_is_no_index_of_ours_is_an_error(content):
    with pytest.raises(LayoutError):
        parse_index(content)


@pytest.mark.parametrize(
    "child",
    [
        None,
        {},
        {"digest": digest_of(b""), "platform": None},
        {"digest": "sha512:00", "platform": {"architecture": "x"}},
        {"digest": "sha256:../../etc", "platform": {"architecture": "x"}},
        {"digest": digest_of(b""), "platform": {"architecture": 3}},
        {"digest": digest_of(b""), "platform": {"architecture": "x"}, "annotations": ["x"]},
    ],
)
def test_children_that_are_no_files_are_left_out(child):
    assert parse_index(json.dumps(INDEX | {"manifests": [child]}).encode()).entries == ()


@pytest.mark.parametrize(
    "layers",
    [[], [{}], [{"digest": digest_of(b""), "size": "1"}], [{"digest": digest_of(b""), "size": 1}] * 2, None],
)
def test_what_is_no_manifest_of_one_file_is_an_error(layers):
    with pytest.raises(LayoutError):
        parse_manifest(json.dumps({"layers": layers}).encode())
