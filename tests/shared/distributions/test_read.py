from __future__ import annotations

import gzip
import hashlib
import random
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.version import Version

from publish_all.distributions.distribution import DistributionError, DistributionKind
from publish_all.distributions.read import METADATA_LIMIT, read_distribution

Make = Callable[..., Path]


def test_reads_a_wheel(make_wheel: Make):
    path = make_wheel()
    distribution = read_distribution(path, variant="synapse")
    assert distribution.kind is DistributionKind.WHEEL
    assert (distribution.name, distribution.project) == ("kindling-synapse", "kindling-synapse")
    assert distribution.version == Version("1.2.0")
    assert distribution.tag == "py3-none-any"
    assert distribution.variant == "synapse"
    assert distribution.description == "Text\n"
    assert distribution.header("Summary") == "Kindling"
    assert distribution.core_metadata.startswith(b"Metadata-Version: 2.4\n")


@pytest.mark.parametrize("before", [0, 1 << 20, 3_500_000], ids=["small", "a chunk", "many chunks"])
def test_takes_all_digests_and_the_size_of_the_file(make_wheel: Make, before: int):
    path = make_wheel()
    content = random.Random(before).randbytes(before) + path.read_bytes()
    path.write_bytes(content)  # what stands before a zip file does not belong to it
    distribution = read_distribution(path)
    assert distribution.size == len(content)
    assert distribution.digests.md5 == hashlib.md5(content).hexdigest()
    assert distribution.digests.sha256 == hashlib.sha256(content).hexdigest()
    assert distribution.digests.blake2_256 == hashlib.blake2b(content, digest_size=32).hexdigest()


def test_reads_an_sdist_by_its_top_level_pkg_info(make_sdist: Make):
    distribution = read_distribution(make_sdist())
    assert distribution.kind is DistributionKind.SDIST
    assert distribution.tag is None
    assert distribution.name == "kindling-synapse"


def test_keeps_the_build_number_in_the_tag(make_wheel: Make):
    path = make_wheel("kindling_synapse-1.2.0-7-py2.py3-none-any.whl")
    assert read_distribution(path).tag == "7-py2.py3-none-any"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("kindling_synapse-1.2.0.zip", "neither a wheel"),
        ("kindling_synapse-1.2.0.egg", "neither a wheel"),
        ("kindling.whl", "no wheel or sdist may have"),
        ("kindling.tar.gz", "no wheel or sdist may have"),
    ],
)
def test_refuses_files_by_their_names(tmp_path: Path, name: str, says: str):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DistributionError, match=says) as caught:
        read_distribution(tmp_path / name)
    assert name in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("cut", [0, 10, 60])
def test_refuses_a_wheel_that_was_cut_short(make_wheel: Make, cut: int):
    path = make_wheel()
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DistributionError, match="is broken"):
        read_distribution(path)


@pytest.mark.parametrize("cut", [0, 10, 60])
def test_refuses_an_sdist_that_was_cut_short(make_sdist: Make, cut: int):
    path = make_sdist()
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DistributionError):
        read_distribution(path)


def test_refuses_an_archive_without_metadata(make_wheel: Make, make_sdist: Make):
    with pytest.raises(DistributionError, match="holds no METADATA"):
        read_distribution(make_wheel(metadata=None))
    with pytest.raises(DistributionError, match="holds no PKG-INFO"):
        read_distribution(make_sdist(metadata=None))


def test_does_not_take_pkg_info_from_deeper_folders(make_sdist: Make):
    with pytest.raises(DistributionError, match="holds no PKG-INFO"):
        read_distribution(make_sdist(member="kindling_synapse-1.2.0/src/PKG-INFO"))


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ("Name: other\nVersion: 1.2.0\n\n", "metadata says other"),
        ("Name: kindling.synapse\nVersion: 1.2.1\n\n", r"metadata says kindling\.synapse 1\.2\.1"),
        ("Name: kindling-synapse\nVersion: one\n\n", "metadata says kindling-synapse one"),
        ("Name: kindling-synapse\n\n", "states no Version"),
        ("Version: 1.2.0\n\n", "states no Name"),
    ],
)
def test_refuses_metadata_that_disagrees_with_the_file_name(make_wheel: Make, metadata: str, says: str):
    with pytest.raises(DistributionError, match=says):
        read_distribution(make_wheel(metadata=metadata))


def test_accepts_other_spellings_of_name_and_version(make_wheel: Make):
    metadata = "Name: Kindling.Synapse\nVersion: 1.2.0\n\n"
    assert read_distribution(make_wheel(metadata=metadata)).name == "Kindling.Synapse"


def test_says_which_file_is_missing(tmp_path: Path):
    with pytest.raises(DistributionError, match="can't be read"):
        read_distribution(tmp_path / "a-1.tar.gz")


def test_does_not_unpack_metadata_without_end(make_wheel: Make):
    path = make_wheel(metadata=b"Name: a\n\n" + b"x" * (METADATA_LIMIT + 1))
    assert path.stat().st_size < 100_000
    with pytest.raises(DistributionError, match="longer than 16 MiB"):
        read_distribution(path)


def test_refuses_a_tar_header_that_asks_for_much_memory(tmp_path: Path):
    path = tmp_path / "a-1.tar.gz"
    header = tarfile.TarInfo("a-1/PKG-INFO")
    header.type = tarfile.XHDTYPE
    header.size = 8 * 1024**3
    with gzip.open(path, "wb") as stream:
        stream.write(header.tobuf() + b"\0" * 1024)
    tracemalloc.start()
    with pytest.raises(DistributionError, match="is broken"):
        read_distribution(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 1024**2


def test_an_sdist_is_not_unpacked_without_end(make_sdist: Make):
    path = make_sdist()
    assert read_distribution(path, sdist_limit=1024 * 1024).name == "kindling-synapse"
    with pytest.raises(DistributionError, match="does not end"):
        read_distribution(path, sdist_limit=1)
