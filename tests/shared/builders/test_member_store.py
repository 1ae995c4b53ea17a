from __future__ import annotations

import hashlib
import io
import os
import random
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from publish_all.builders import deflate
from publish_all.builders.member_store import MemberStore
from publish_all.builders.raw_zip import append
from publish_all.builders.spool import Kept, Spool
from publish_all.config.model import Compression
from publish_all.errors import BuildError

LONG_AGO = 1_500_000_000


def mixed(size: int, seed: int = 1) -> bytes:
    """Bytes of which some compress and some do not."""
    random_bytes = random.Random(seed)
    parts: list[bytes] = []
    while sum(map(len, parts)) < size:
        length = random_bytes.randrange(1, 90_000)
        parts.append(
            random_bytes.randbytes(length) if length % 3 else b"all work and no play " * (length // 21)
        )
    return b"".join(parts)[:size]


def settled(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def later() -> int:
    """A clock that is far ahead, so that no file is fresh."""
    return 4_000_000_000_000_000_000


class Counting(MemberStore):
    """Counts what is deflated."""

    deflated_paths: list[str]

    def _deflate(self, path: str):
        self.__dict__.setdefault("deflated_paths", []).append(Path(path).name)
        return super()._deflate(path)


def as_backend(content: bytes, step: int | None) -> bytes:
    deflating = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, -15)
    pieces = [content[at : at + step] for at in range(0, len(content), step)] if step else [content]
    return b"".join(map(deflating.compress, pieces)) + deflating.flush()


@pytest.mark.parametrize("step", [16384, None])
@pytest.mark.parametrize("size", [0, 1, 16384, 262144, 1_500_001])
def test_deflates_to_the_bytes_of_the_backend(tmp_path: Path, step: int | None, size: int) -> None:
    content = mixed(size)
    store = MemberStore(tmp_path, step=step)
    member, _ = store.deflated(settled(tmp_path / "a", content))
    stream = b"".join(store.stream(member))
    assert stream == as_backend(content, step)
    assert (member.size, member.crc, member.compressed_size) == (size, zlib.crc32(content), len(stream))
    assert member.sha256 == hashlib.sha256(content).digest()


def test_a_file_is_deflated_once_also_under_other_names(tmp_path: Path) -> None:
    store = Counting(tmp_path, step=None, clock=later, threads=1)
    first = settled(tmp_path / "a", b"same")
    settled(tmp_path / "b", b"same")
    settled(tmp_path / "c", b"else")
    for _ in range(3):
        store.expect(str(tmp_path / each) for each in "abc")
        assert store.deflated(first) == store.deflated(tmp_path / "b") != store.deflated(tmp_path / "c")
    assert store.deflated_paths == ["a", "c"]


def test_tells_what_share_was_given_before(tmp_path: Path) -> None:
    store = MemberStore(tmp_path, step=None, clock=later)
    assert store.reused() is None
    first, copy = settled(tmp_path / "a", b"same" * 3), settled(tmp_path / "b", b"same" * 3)
    store.deflated(first)
    store.deflated(settled(tmp_path / "c", b"else"))
    assert store.reused() == 0
    store.deflated(copy)
    store.deflated(settled(tmp_path / "d", b"new "))
    assert store.reused() == 12 / 16


def test_sees_a_change_that_keeps_size_and_times(tmp_path: Path) -> None:
    store = MemberStore(tmp_path, step=None)
    path = settled(tmp_path / "a", b"lite")
    assert store.deflated(path)[0].sha256 == hashlib.sha256(b"lite").digest()
    settled(path, b"full")
    store.expect([str(path)])
    assert store.deflated(path)[0].sha256 == hashlib.sha256(b"full").digest()


def test_files_outside_of_the_project_are_never_known_by_their_identity(tmp_path: Path) -> None:
    store = MemberStore(tmp_path / "project", step=None, clock=later)
    path = settled(tmp_path / "elsewhere" / "METADATA", b"Name: a")
    store.deflated(path)
    before = path.stat()
    path.write_bytes(b"Name: b")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    store.expect([str(path)])
    assert store.deflated(path)[0].sha256 == hashlib.sha256(b"Name: b").digest()


def test_forgets_what_files_hold_when_told(tmp_path: Path) -> None:
    store = Counting(tmp_path, step=None, clock=later)
    path = settled(tmp_path / "a", b"x")
    store.deflated(path)
    store.forget()
    store.deflated(path)
    assert store.deflated_paths == ["a"], "read again, and known by its bytes"
    assert len(store._known) == 1


def test_a_folder_is_no_member_and_a_missing_file_raises(tmp_path: Path) -> None:
    store = MemberStore(tmp_path, step=None)
    assert store.deflated(tmp_path) is None
    store.expect([str(tmp_path / "missing")])
    with pytest.raises(FileNotFoundError):
        store.deflated(tmp_path / "missing")


def test_keeps_what_exceeds_its_memory_in_a_file(tmp_path: Path) -> None:
    content = mixed(1_000_000)
    spool = Spool(in_memory=1000)
    store = MemberStore(tmp_path, step=None, spool=spool)
    member, _ = store.deflated(settled(tmp_path / "a", content))
    assert not any(isinstance(each, bytes) and len(each) > 1000 for each in member.chunks)
    assert zlib.decompress(b"".join(store.stream(member)), -15) == content


@pytest.mark.parametrize("limit", [None, 100])
def test_appends_what_zipfile_would_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int | None
) -> None:
    """With a low limit zipfile writes ZIP64 for the larger files and for what comes after them."""
    if limit is not None:
        monkeypatch.setattr(zipfile, "ZIP64_LIMIT", limit)
    files = {"a": b"", "ü b/c": b"x" * 90, "d": mixed(3000), "e": b"y" * 101, "f": b"z"}
    store = MemberStore(tmp_path, step=None)

    def filled(add: Callable[[zipfile.ZipFile, zipfile.ZipInfo, str], None]) -> bytes:
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in files:
                add(archive, zipfile.ZipInfo(name, (2020, 2, 2, 0, 0, 0)), name)
        return written.getvalue()

    def from_store(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> None:
        member, _ = store.deflated(settled(tmp_path / name, files[name]))
        append(archive, info, member, store.stream(member))

    def plain(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> None:
        archive.writestr(info, files[name], compress_type=zipfile.ZIP_DEFLATED)

    assert filled(from_store) == filled(plain)
    with zipfile.ZipFile(io.BytesIO(filled(from_store))) as archive:
        assert archive.testzip() is None


def test_refuses_an_archive_in_which_it_cannot_go_back(tmp_path: Path) -> None:
    class Pipe(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:
            return len(data)

    store = MemberStore(tmp_path, step=None)
    member, _ = store.deflated(settled(tmp_path / "a", b"x"))
    with zipfile.ZipFile(Pipe(), "w") as archive, pytest.raises(ValueError, match="cannot be positioned"):
        append(archive, zipfile.ZipInfo("a"), member, store.stream(member))


@pytest.mark.parametrize("compression", list(Compression))
@pytest.mark.parametrize("size", [5000, 399_999, 400_000, 1_234_567])
def test_segments_stand_one_behind_the_other_in_a_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: Compression, size: int
) -> None:
    monkeypatch.setattr(deflate, "_PART", 200_000)
    contents = [mixed(size, seed=each) for each in range(3)]
    store = MemberStore(tmp_path, step=None, compression=compression, threads=3)
    members = [store.deflated(settled(tmp_path / str(each[0]), each[1]))[0] for each in enumerate(contents)]
    for member, content in zip(members, contents, strict=True):
        stream = b"".join(store.stream(member))
        assert zlib.decompress(stream, -15) == content
        assert (member.size, member.crc, member.compressed_size) == (size, zlib.crc32(content), len(stream))
        assert member.sha256 == hashlib.sha256(content).digest()
    segments = b"".join(b"".join(store.segment(each)) for each in members)
    end = zlib.compressobj(wbits=-15).flush()
    assert zlib.decompress(segments + end, -15) == b"".join(contents)


@pytest.mark.parametrize("size", [1000, 300_000])
def test_a_file_that_grows_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(deflate, "_PART", 100_000)
    path = settled(tmp_path / "a", mixed(size))
    read = deflate._blocks_of

    def and_written(*arguments: Any) -> Any:
        yield from read(*arguments)
        path.write_bytes(mixed(size + 500))

    monkeypatch.setattr(deflate, "_blocks_of", and_written)
    store = MemberStore(tmp_path, step=None, compression=Compression.FAST)
    with pytest.raises(BuildError, match="was changed while it was being read"):
        store.deflated(path)


def test_what_fails_in_a_part_of_a_file_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(Spool):
        def put(self, data: bytes) -> Kept:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(deflate, "_PART", 100_000)
    path = settled(tmp_path / "a", mixed(300_000))
    store = MemberStore(tmp_path, step=None, compression=Compression.FAST, spool=Full(), threads=2)
    with pytest.raises(OSError, match="No space left"):
        store.deflated(path)


def test_fast_deflates_the_same_content_with_isal(tmp_path: Path) -> None:
    content = mixed(400_000)
    store = MemberStore(tmp_path, step=16384, compression=Compression.FAST)
    member, _ = store.deflated(settled(tmp_path / "a", content))
    assert not store.is_exact
    assert zlib.decompress(b"".join(store.stream(member)), -15) == content
