from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from publish_all.index.blobs import BlobCache, Manifests


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_keeps_files_by_place_and_digest(cache: BlobCache) -> None:
    cache.write("a", digest(b"x"), b"x")
    assert cache.read("a", digest(b"x")) == b"x"
    assert cache.read("b", digest(b"x")) is None


def test_a_file_that_was_changed_is_not_given(cache: BlobCache) -> None:
    cache.write("a", digest(b"x"), b"x")
    (path,) = (each for each in cache.folder.rglob("*") if each.is_file())
    path.write_bytes(b"y")
    assert cache.read("a", digest(b"x")) is None
    assert not path.exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "0" * 63, "0" * 64 + "/.."])
def test_takes_nothing_but_digests_for_names(cache: BlobCache, name: str) -> None:
    with pytest.raises(ValueError, match="digest"):
        cache.open("a", name)


def test_drops_what_was_used_least_recently(tmp_path: Path) -> None:
    cache = BlobCache(tmp_path, limit=1000)
    contents = [bytes([number]) * 300 for number in range(4)]
    for number, content in enumerate(contents[:3]):
        cache.write("a", digest(content), content)
        for path in tmp_path.rglob(digest(content)):
            os.utime(path, (number, number))
    kept = cache.open("a", digest(contents[0]))  # used again
    assert kept is not None
    kept.close()
    cache.write("a", digest(contents[3]), contents[3])
    assert [cache.read("a", digest(each)) is not None for each in contents] == [True, False, True, True]


def test_a_broken_disk_keeps_nothing_and_breaks_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    cache = BlobCache(tmp_path / "file")
    cache.write("a", digest(b"x"), b"x")
    assert cache.read("a", digest(b"x")) is None


def test_leaves_nothing_of_what_was_given_up(cache: BlobCache) -> None:
    part = cache.begin()
    part.file.write(b"half")
    cache.give_up(part)
    assert [each for each in cache.folder.rglob("*") if each.is_file()] == []


def test_keeps_manifests_of_each_repository_apart(cache: BlobCache) -> None:
    manifests = Manifests(cache, "https://ghcr.io")
    manifests.put("sep/one", f"sha256:{digest(b'{}')}", b"{}")
    assert manifests.get("sep/one", f"sha256:{digest(b'{}')}") == b"{}"
    assert manifests.get("sep/two", f"sha256:{digest(b'{}')}") is None
