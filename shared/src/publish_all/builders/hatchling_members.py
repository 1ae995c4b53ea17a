"""hatchling's archives, which take what is in them from the store."""

from __future__ import annotations

import contextlib
import gzip
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import hatchling.builders.sdist as hatchling_sdist
import hatchling.builders.wheel as hatchling_wheel
from hatchling.builders.plugin.interface import IncludedFile
from hatchling.builders.sdist import SdistArchive
from hatchling.builders.utils import (
    format_file_hash,
    normalize_archive_path,
    normalize_file_permissions,
    set_zip_info_mode,
)
from hatchling.builders.wheel import WheelArchive

from publish_all.builders.member_store import MemberStore
from publish_all.builders.member_trial import agree, agree_in_sdists
from publish_all.builders.raw_zip import append
from publish_all.builders.stitched_gzip import StitchedGzip
from publish_all.builders.stitched_tar import StitchedTar

# How many bytes hatchling hands to zlib at once.
STEP = 16384


class StoredArchive(WheelArchive):
    """Writes what `WheelArchive` writes, with the members of files out of `store`."""

    store: MemberStore | None = None

    def add_file(self, included_file: IncludedFile) -> tuple[str, str, str]:
        if self.store is None or not self.reproducible or self.time_tuple is None:
            return super().add_file(included_file)
        path = normalize_archive_path(included_file.distribution_path)
        found = self.store.deflated(included_file.path)
        if found is None or path in self.zf.NameToInfo:  # the second file of a name is hatchling's to refuse
            return super().add_file(included_file)
        member, mode = found
        info = zipfile.ZipInfo(path, self.time_tuple)
        set_zip_info_mode(info, normalize_file_permissions(mode))
        append(self.zf, info, member, self.store.stream(member))
        return path, f"sha256={format_file_hash(member.sha256)}", str(member.size)


def _archive_class(store: MemberStore) -> type[StoredArchive]:
    return type("WheelArchive", (StoredArchive,), {"store": store})


@contextlib.contextmanager
def archives_from(store: MemberStore | None) -> Iterator[None]:
    """Within it, hatchling's wheel builder, which makes the archives of its module's class, makes ours."""
    if store is None:
        yield
        return
    own = hatchling_wheel.WheelArchive
    module: Any = hatchling_wheel
    module.WheelArchive = _archive_class(store)
    try:
        yield
    finally:
        module.WheelArchive = own


class StoredSdistArchive(SdistArchive):
    """Writes the tar that `SdistArchive` writes, gzipped with segments out of `store`."""

    store: MemberStore

    def __init__(self, name: str, *, reproducible: bool) -> None:
        super().__init__(name, reproducible=reproducible)
        own: Any = self.gz
        own.fileobj = None  # or its end would be written when it goes
        self.fd.seek(0)
        self.fd.truncate()
        mtime = time.time() if self.timestamp is None else self.timestamp
        archive: Any = self
        archive.gz = StitchedGzip(self.fd, mtime=mtime, store=self.store)
        archive.tf = StitchedTar(fileobj=archive.gz, mode="w", format=self.tf.format)


def _sdist_archive_class(store: MemberStore) -> type[StoredSdistArchive]:
    return type("SdistArchive", (StoredSdistArchive,), {"store": store})


@contextlib.contextmanager
def sdist_archives_from(store: MemberStore | None) -> Iterator[None]:
    """As `archives_from`, for sdists."""
    if store is None:
        yield
        return
    module: Any = hatchling_sdist
    own = module.SdistArchive
    module.SdistArchive = _sdist_archive_class(store)
    try:
        yield
    finally:
        module.SdistArchive = own


def usable(store: MemberStore) -> bool:
    """Whether this hatchling writes the same wheels from the store as by itself."""
    return agree(_sample_wheel, store)


def sdists_usable(store: MemberStore) -> bool:
    """As `usable`, for the tars of sdists."""
    return agree_in_sdists(_sample_sdist, store)


def _sample_wheel(files: Sequence[Path], store: MemberStore | None) -> tuple[bytes, Any]:
    kind = WheelArchive if store is None else _archive_class(store)
    with kind("sample-1", reproducible=True) as archive:
        records = [
            archive.add_file(IncludedFile(str(each), each.name, f"sample/{each.name}")) for each in files
        ]
    written = Path(archive.path)
    try:
        return written.read_bytes(), records
    finally:
        written.unlink()


def _sample_sdist(files: Sequence[Path], store: MemberStore | None) -> bytes:
    kind: Any = SdistArchive if store is None else _sdist_archive_class(store)
    with kind("sample-1", reproducible=True) as archive:
        for each in files:
            info = archive.gettarinfo(str(each), arcname=f"sample-1/{each.name}")
            with each.open("rb") as file:
                archive.addfile(info, file)
        archive.create_file("Name: sample", "PKG-INFO")
    written = Path(archive.path)
    try:
        return gzip.decompress(written.read_bytes())
    finally:
        written.unlink()
