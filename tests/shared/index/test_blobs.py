from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from publish_all.index.cache import BlobCache

CONTENT = bytes(range(256)) * 40


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def write(cache: BlobCache, scope: str, content: bytes) -> None:
    with suppress(OSError):
        file = cache.begin(len(content))
        try:
            file.write(content)
            cache.end(file, scope, digest(content))
        finally:
            cache.give_up(file)


def read(cache: BlobCache, scope: str, content: bytes) -> bytes | None:
    file = cache.open(scope, digest(content))
    if file is None:
        return None
    with file:
        return file.read()


def test_keeps_files_by_place_and_digest(cache: BlobCache) -> None:
    write(cache, "a", b"x")
    assert read(cache, "a", b"x") == b"x"
    assert read(cache, "b", b"x") is None


def test_a_file_that_was_changed_is_not_given(cache: BlobCache) -> None:
    write(cache, "a", b"x")
    (path,) = (each for each in cache.folder.rglob("*") if each.is_file())
    path.write_bytes(b"y")
    assert read(cache, "a", b"x") is None
    assert not path.exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "0" * 63, "0" * 64 + "/.."])
def test_takes_nothing_but_digests_for_names(cache: BlobCache, name: str) -> None:
    with pytest.raises(ValueError, match="digest"):
        cache.open("a", name)


def test_drops_what_was_used_least_recently(tmp_path: Path) -> None:
    cache = BlobCache(tmp_path, limit=1000)
    contents = [bytes([number]) * 300 for number in range(4)]
    for number, content in enumerate(contents[:3]):
        write(cache, "a", content)
        for path in tmp_path.rglob(digest(content)):
            os.utime(path, (number, number))
    kept = cache.open("a", digest(contents[0]))  # used again
    assert kept is not None
    kept.close()
    write(cache, "a", contents[3])
    assert [read(cache, "a", each) is not None for each in contents] == [True, False, True, True]


def test_a_broken_disk_keeps_nothing_and_breaks_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    cache = BlobCache(tmp_path / "file")
    write(cache, "a", b"x")
    assert read(cache, "a", b"x") is None


def test_leaves_nothing_of_what_was_given_up(cache: BlobCache) -> None:
    part = cache.begin(4)
    part.write(b"half")
    cache.give_up(part)
    assert [each for each in cache.folder.rglob("*") if each.is_file()] == []


def only_file(cache: BlobCache) -> Path:
    (path,) = (each for each in cache.folder.rglob("*") if each.is_file())
    return path


def opened(cache: BlobCache) -> bytes | None:
    return read(cache, "a", CONTENT)


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
    write(cache, "a", CONTENT)
    damage(only_file(cache))
    after_a_restart = BlobCache(cache.folder)
    assert opened(after_a_restart) is None
    write(after_a_restart, "a", CONTENT)
    assert opened(after_a_restart) == CONTENT


def test_a_file_that_changes_later_is_compared_again(cache: BlobCache) -> None:
    write(cache, "a", CONTENT)
    assert opened(cache) == CONTENT
    path = only_file(cache)
    path.write_bytes(bytes(len(CONTENT)))
    os.utime(path, (2, 2))
    assert opened(cache) is None


def test_what_is_intact_is_read_once_for_that(cache: BlobCache, monkeypatch: pytest.MonkeyPatch) -> None:
    write(cache, "a", CONTENT)
    again = BlobCache(cache.folder)
    assert opened(again) == CONTENT
    monkeypatch.setattr("publish_all.index.cache._sha256", lambda file: "read again")
    assert opened(again) == CONTENT


@pytest.mark.posix("links")
def test_links_are_not_followed(cache: BlobCache, tmp_path: Path) -> None:
    write(cache, "a", CONTENT)
    (tmp_path / "elsewhere").write_bytes(CONTENT)
    path = only_file(cache)
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    assert opened(cache) is None
    write(cache, "a", CONTENT)
    assert not path.is_symlink()
    assert opened(cache) == CONTENT
    assert (tmp_path / "elsewhere").read_bytes() == CONTENT


def test_a_full_disk_is_cleared_of_what_was_used_least_recently(
    cache: BlobCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(cache, "a", b"old")
    usage = SimpleNamespace(free=len(CONTENT) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    write(cache, "a", CONTENT)
    assert opened(cache) == CONTENT
    assert read(cache, "a", b"old") is None


def test_what_can_not_be_closed_any_more_is_removed_first(cache: BlobCache) -> None:
    part = cache.begin(4)

    class Full:
        name = part.name

        def close(self) -> None:
            raise OSError(errno.ENOSPC, "full")

    with part:
        cache.give_up(Full())  # type: ignore[arg-type]
    assert not Path(part.name).exists()
