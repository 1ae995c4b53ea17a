"""A tar in a gzip stream that is put together, against those of the standard library."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from publish_all.builders.member_store import MemberStore
from publish_all.builders.stitched_gzip import StitchedGzip
from publish_all.builders.stitched_tar import StitchedTar


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    contents = {
        "empty": b"",
        "small": b"a few bytes",
        "of a block": b"b" * 512 * 20,
        "large": os.urandom(70_001),
        "repeated": b"the same again " * 40_000,
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return [tmp_path / name for name in contents]


def tar_of(kind: type[tarfile.TarFile], stream: object, files: list[Path]) -> None:
    with kind(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for each in files:
            with each.open("rb") as opened:
                tar.addfile(tar.gettarinfo(each, arcname=f"demo-1.0/{each.name}"), opened)
        info = tarfile.TarInfo("demo-1.0/PKG-INFO")
        info.size = 5000
        tar.addfile(info, io.BytesIO(b"x" * 5000))


def stitched(files: list[Path], store: MemberStore) -> bytes:
    written = io.BytesIO()
    stream = StitchedGzip(written, mtime=0, store=store)
    tar_of(StitchedTar, stream, files)
    stream.close()
    return written.getvalue()


def test_holds_the_tar_of_the_standard_library(files: list[Path], tmp_path: Path) -> None:
    plain = io.BytesIO()
    tar_of(tarfile.TarFile, plain, files)
    store = MemberStore(tmp_path, step=None)
    first = stitched(files, store)
    assert gzip.decompress(first) == plain.getvalue()
    assert stitched(files, store) == first


def test_what_is_in_the_store_is_not_read_again(files: list[Path], tmp_path: Path) -> None:
    class Unread(io.FileIO):
        def read(self, size: int = -1) -> bytes:
            raise AssertionError(size)

    store = MemberStore(tmp_path, step=None)
    large = next(each for each in files if each.name == "large")
    stream = StitchedGzip(io.BytesIO(), mtime=0, store=store)
    with StitchedTar(fileobj=stream, mode="w") as tar, Unread(str(large)) as opened:
        tar.addfile(tar.gettarinfo(large), opened)


def test_a_file_of_another_size_than_its_header_says_is_not_taken_from_the_store(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"a" * 9000)
    stream = StitchedGzip(io.BytesIO(), mtime=0, store=MemberStore(tmp_path, step=None))
    assert stream.member(str(path), 9000) is not None
    assert stream.member(str(path), 8999) is None
    with StitchedTar(fileobj=stream, mode="w") as tar, path.open("rb") as opened:
        info = tar.gettarinfo(path)
        path.write_bytes(b"b" * 8000)
        with pytest.raises(OSError, match="unexpected end of data"):
            tar.addfile(info, opened)
