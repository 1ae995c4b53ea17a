"""A tar in a gzip stream that is put together, against those of the standard library."""

from __future__ import annotations

import copy
import email
import gzip
import io
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from publish_all.builders.deflate import segment_from
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


def test_small_files_are_left_to_the_sdist_as_long_as_it_takes_little_time() -> None:
    assert segment_from([]) == segment_from([100] * 1000) == segment_from([70_000] * 10) == 65_536
    assert segment_from([1000] * 1500 + [9000] * 100) == 9000
    assert segment_from([8000] * 400 + [10**9]) == 8000
    assert segment_from([100] * 100_000) == 4096


def test_an_sdist_of_small_files_is_hardly_larger() -> None:
    files = sorted(Path(email.__file__).parent.glob("*.py"))
    own = io.BytesIO()
    with gzip.GzipFile(fileobj=own, mode="wb", mtime=0) as stream:
        tar_of(tarfile.TarFile, stream, files)
    store = MemberStore(files[0].parent, step=None)
    store.expect(map(str, files), segments=True)
    made = stitched(files, store)
    assert gzip.decompress(made) == gzip.decompress(own.getvalue())
    assert 0.9 < len(made) / len(own.getvalue()) < 1.04


def test_headers_are_those_of_the_standard_library(tmp_path: Path) -> None:
    names = ["plain", "a b", "größe", "x" * 99, "y" * 101, "deep/" * 30 + "z", "last"]
    paths = [tmp_path / str(number) for number in range(len(names))]
    for number, path in enumerate(paths):
        path.write_bytes(b"#" * (4096 + 10_000 * number))
        path.chmod(0o755 if number % 2 else 0o644)
    (tmp_path / "hard").hardlink_to(paths[0])
    (tmp_path / "soft").symlink_to("1")
    paths += [tmp_path / "hard", tmp_path / "soft"]

    def clean(info: tarfile.TarInfo) -> tarfile.TarInfo:
        """As backends do it."""
        info = copy.copy(info)
        info.uid = info.gid = 0
        info.uname = info.gname = ""
        info.mtime = 1_600_000_000
        return info

    def written(kind: type[tarfile.TarFile], stream: Any) -> None:
        with kind(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for cleaned in (True, False):
                for path, name in zip(paths, [*names, "hard", "soft"], strict=True):
                    info = tar.gettarinfo(str(path), arcname=f"/demo/{name}")
                    with path.open("rb") as opened:
                        tar.addfile(clean(info) if cleaned else info, opened if info.isreg() else None)

    plain, made = io.BytesIO(), io.BytesIO()
    written(tarfile.TarFile, plain)
    stream = StitchedGzip(made, mtime=0, store=MemberStore(tmp_path, step=None))
    written(StitchedTar, stream)
    stream.close()
    assert gzip.decompress(made.getvalue()) == plain.getvalue()


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
    path.write_bytes(b"a" * 90_000)
    stream = StitchedGzip(io.BytesIO(), mtime=0, store=MemberStore(tmp_path, step=None))
    assert stream.member(str(path), 90_000) is not None
    assert stream.member(str(path), 89_999) is None
    with StitchedTar(fileobj=stream, mode="w") as tar, path.open("rb") as opened:
        info = tar.gettarinfo(path)
        path.write_bytes(b"b" * 80_000)
        with pytest.raises(OSError, match="unexpected end of data"):
            tar.addfile(info, opened)
