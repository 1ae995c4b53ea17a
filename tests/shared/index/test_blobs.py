from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from publish_all.index.blobs import BlobCache, Part

CONTENT = bytes(range(256)) * 40


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
    part = cache.begin(4)
    part.file.write(b"half")
    cache.give_up(part)
    assert [each for each in cache.folder.rglob("*") if each.is_file()] == []


def only_file(cache: BlobCache) -> Path:
    (path,) = (each for each in cache.folder.rglob("*") if each.is_file())
    return path


def opened(cache: BlobCache) -> bytes | None:
    file = cache.open("a", digest(CONTENT))
    if file is None:
        return None
    with file:
        return file.read()


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(bytes(len(CONTENT))),
        lambda path: path.write_bytes(CONTENT[:100]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(bytes([1]) + CONTENT[1:]),
    ],
    ids=["zeros", "cut", "empty", "one bit"],
)
def test_a_damaged_file_is_found_at_its_first_use_and_kept_anew(
    cache: BlobCache, damage: Callable[[Path], object]
) -> None:
    cache.write("a", digest(CONTENT), CONTENT)
    damage(only_file(cache))
    after_a_restart = BlobCache(cache.folder)
    assert opened(after_a_restart) is None
    after_a_restart.write("a", digest(CONTENT), CONTENT)
    assert opened(after_a_restart) == CONTENT


def test_a_file_that_changes_later_is_compared_again(cache: BlobCache) -> None:
    cache.write("a", digest(CONTENT), CONTENT)
    assert opened(cache) == CONTENT
    path = only_file(cache)
    path.write_bytes(bytes(len(CONTENT)))
    os.utime(path, (2, 2))
    assert opened(cache) is None


def test_what_is_intact_is_read_once_for_that(cache: BlobCache, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.write("a", digest(CONTENT), CONTENT)
    again = BlobCache(cache.folder)
    assert opened(again) == CONTENT
    monkeypatch.setattr("publish_all.index.blobs._sha256", lambda file: "read again")
    assert opened(again) == CONTENT


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_links_are_not_followed(cache: BlobCache, tmp_path: Path) -> None:
    cache.write("a", digest(CONTENT), CONTENT)
    (tmp_path / "elsewhere").write_bytes(CONTENT)
    path = only_file(cache)
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    assert opened(cache) is None
    cache.write("a", digest(CONTENT), CONTENT)
    assert not path.is_symlink()
    assert opened(cache) == CONTENT
    assert (tmp_path / "elsewhere").read_bytes() == CONTENT


def test_bytes_are_on_disk_before_their_name_is(cache: BlobCache, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[list[str]] = []
    monkeypatch.setattr(
        os,
        "fsync",
        lambda _: synced.append([path.suffix for path in cache.folder.rglob("*") if path.is_file()]),
    )
    cache.write("a", digest(CONTENT), CONTENT)
    assert synced == [[".part"]]


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="room cannot be reserved here")
def test_a_full_disk_is_cleared_of_what_was_used_least_recently(
    cache: BlobCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.write("a", digest(b"old"), b"old")

    def reserve(descriptor: int, offset: int, length: int) -> None:
        if cache.read("a", digest(b"old")) is not None:
            raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "posix_fallocate", reserve)
    cache.write("a", digest(CONTENT), CONTENT)
    assert opened(cache) == CONTENT
    assert cache.read("a", digest(b"old")) is None


def test_what_can_not_be_closed_any_more_is_removed_first(cache: BlobCache) -> None:
    class Full:
        def close(self) -> None:
            raise OSError(errno.ENOSPC, "full")

    part = cache.begin(4)
    with part.file:
        cache.give_up(Part(path=part.path, file=Full()))  # type: ignore[arg-type]
    assert not part.path.exists()
