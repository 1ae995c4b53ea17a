from __future__ import annotations

import asyncio
import errno
import itertools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from index_fakes.source import FakeSource, digest
from packaging.utils import canonicalize_name

from publish_all._http import Download, Reply
from publish_all.index.cache import BlobCache
from publish_all.index.fallback import Routing
from publish_all.index.index_source import Address, RemoteFile, ServeError
from publish_all.index.service import IndexService
from publish_all.index.transfers import THREADS, BrokenTransferError, Transfers

CONTENT = bytes(range(256)) * 100


def remote(
    content: bytes = CONTENT, *, sha256: str | None = None, fails_after: int | None = None
) -> RemoteFile:
    @contextmanager
    def open_(byte_range: str | None) -> Iterator[Download]:
        def chunks() -> Iterator[bytes]:
            for number, start in enumerate(range(0, len(content), 1000)):
                if number == fails_after:
                    raise ServeError("it broke off", status=502)
                yield content[start : start + 1000]

        headers = {"Content-Length": str(len(content))}
        reply = Reply(status=200, reason="", url="https://registry.test/", headers=headers)
        yield Download(reply=reply, chunks=chunks())

    return RemoteFile(scope="a", sha256=sha256 or digest(content), open=open_)


async def read(transfers: Transfers, file: RemoteFile | Path, *, byte_range: str | None = None) -> bytes:
    """What comes, all of it; with what comes before a break left out."""
    body = await transfers.open(file, byte_range=byte_range, permitted=True)
    try:
        return b"".join([piece async for piece in body.pieces])
    finally:
        await body.close()


def kept(cache: BlobCache) -> list[Path]:
    return [each for each in cache.folder.rglob("*") if each.is_file()]


def test_what_comes_is_kept(cache: BlobCache) -> None:
    assert asyncio.run(read(Transfers(cache), remote())) == CONTENT
    assert [each.read_bytes() for each in kept(cache)] == [CONTENT]
    broken = remote(fails_after=0)
    assert asyncio.run(read(Transfers(cache), broken)) == CONTENT


def test_a_file_that_is_larger_than_the_cache_goes_straight_through(tmp_path: Path) -> None:
    cache = BlobCache(tmp_path / "small", limit=1000)
    assert asyncio.run(read(Transfers(cache), remote())) == CONTENT
    assert kept(cache) == []
    with pytest.raises(BrokenTransferError):
        asyncio.run(read(Transfers(cache), remote(sha256="0" * 64)))
    with pytest.raises(BrokenTransferError):
        asyncio.run(read(Transfers(cache), remote(fails_after=3)))


def test_goes_on_without_a_cache_that_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert asyncio.run(read(Transfers(BlobCache(tmp_path / "file")), remote())) == CONTENT


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="room cannot be reserved here")
def test_goes_on_without_the_cache_when_the_disk_is_full(
    cache: BlobCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "posix_fallocate", full)
    assert asyncio.run(read(Transfers(cache), remote())) == CONTENT
    assert kept(cache) == []


def test_files_of_a_slow_source_leave_threads_for_pages(cache: BlobCache) -> None:
    source_goes_on = threading.Event()

    @contextmanager
    def slow(byte_range: str | None) -> Iterator[Download]:
        source_goes_on.wait()
        raise ServeError("too late", status=502)
        yield

    class Slow(FakeSource):
        def file(self, *_: object) -> RemoteFile:
            return RemoteFile(scope="a", sha256=f"{next(numbers):064x}", open=slow)

    numbers = itertools.count()
    source = Slow(files={"demo": {"demo-1.0.tar.gz": b""}})
    demo = canonicalize_name("demo")
    address = Address(demo, "demo-1.0.tar.gz", "0" * 64)

    async def story() -> int:
        service = IndexService([source], routing=Routing(), cache=cache)
        asked = [service.file("fake", address, byte_range=None, visitor=None) for _ in range(THREADS + 10)]
        waiting = [asyncio.ensure_future(each) for each in asked]
        try:
            await asyncio.sleep(0.2)
            page = await asyncio.wait_for(service.page(demo, None), 20)
            return len(page.json.body)
        finally:
            source_goes_on.set()
            await asyncio.gather(*waiting, return_exceptions=True)

    assert asyncio.run(story())


@pytest.mark.parametrize(
    "file", [remote(sha256="0" * 64), remote(fails_after=3)], ids=["other bytes", "broken off"]
)
def test_what_does_not_come_whole_is_not_kept(cache: BlobCache, file: RemoteFile) -> None:
    with pytest.raises(BrokenTransferError):
        asyncio.run(read(Transfers(cache), file))
    assert kept(cache) == []


def test_when_the_server_ends_nothing_is_fetched_into_the_cache(cache: BlobCache) -> None:
    transfers = Transfers(cache)
    transfers.stop()
    with suppress(BrokenTransferError):
        asyncio.run(read(transfers, remote()))
    assert kept(cache) == []


def test_an_empty_file_is_a_file(cache: BlobCache) -> None:
    assert asyncio.run(read(Transfers(cache), remote(b""))) == b""


def test_a_source_that_refuses_is_heard_by_all_who_wait(cache: BlobCache) -> None:
    source = FakeSource(trouble=ServeError("no", status=403))
    file = source._remote("x", CONTENT, digest(CONTENT), None)

    async def story() -> list[object]:
        transfers = Transfers(cache)
        return await asyncio.gather(*(read(transfers, file) for _ in range(5)), return_exceptions=True)

    assert [type(each) for each in asyncio.run(story())] == [ServeError] * 5


def test_readers_that_come_late_get_the_beginning_too(cache: BlobCache) -> None:
    async def story() -> tuple[bytes, bytes]:
        transfers = Transfers(cache)
        file = remote()
        first = await transfers.open(file, byte_range=None, permitted=True)
        second = await transfers.open(file, byte_range=None, permitted=True)
        got = b"".join([piece async for piece in first.pieces])
        late = b"".join([piece async for piece in second.pieces])
        await first.close()
        await second.close()
        return got, late

    assert asyncio.run(story()) == (CONTENT, CONTENT)


def test_a_local_file_is_read_where_it_is(cache: BlobCache, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    assert asyncio.run(read(Transfers(cache), tmp_path / "file")) == CONTENT
    with pytest.raises(FileNotFoundError):
        asyncio.run(read(Transfers(cache), tmp_path / "gone"))
