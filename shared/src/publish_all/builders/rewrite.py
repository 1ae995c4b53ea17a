"""Writes archives again: a wheel with another tag, as `wheel tags` does, and an sdist without properties of this machine."""

from __future__ import annotations

import base64
import copy
import csv
import gzip
import hashlib
import io
import os
import re
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Collection
from pathlib import Path

from publish_all._own_files import replace_open
from publish_all.builders.stage import DEFAULT_EPOCH
from publish_all.errors import BuildError
from publish_all.variants.variant import PlatformWheel, WheelTag

# A platform's name: the system, its version where there is one, the architecture.
_PLATFORM = re.compile(r"(many|musl)?(linux|macosx|ios|android|win)[0-9]*(?:_[0-9]+)*_?(.*)")
_WHEEL = re.compile(r"[^/]+\.dist-info/WHEEL")


def retagged(built: Path, wheel: PlatformWheel, *, backend: str) -> Path:
    """Change the tag of the wheel at `built`.

    A wheel for any platform can get the tag of one platform if it contains prebuilt files. A wheel
    that the backend compiled only gets a tag that fits the compiled files. Raises `BuildError`
    otherwise; `backend` is the backend's name in the message.
    """
    name, version, *parts = built.stem.split("-")
    old, tag = WheelTag.parse("-".join(parts)), wheel.tag
    if not old.is_pure and not _fits(old, tag):
        msg = f"{wheel.where}: {backend} built a wheel for {old.compressed}, which cannot get the tag {tag}"
        raise BuildError(
            msg,
            hint="Run `publish-all build --wheel-tag TAG` on a machine with that platform.",
        )
    target = built.with_name(f"{name}-{version}-{tag}.whl")
    fresh = built.with_name(f".{target.name}")
    with zipfile.ZipFile(built) as source:
        path = next(each for each in source.namelist() if _WHEEL.fullmatch(each))
        before = source.read(path)
        described = _described(before.decode(), tag)
        if described == before and target == built:
            return built
        with zipfile.ZipFile(fresh, "w") as opened:
            _copy(source, opened, path, described)
    built.unlink()
    replace_open(fresh, target)
    return target


def _fits(old: WheelTag, new: WheelTag) -> bool:
    """Whether two tags are for the same interpreter, ABI, system and architecture."""
    same = set(old.pythons) == set(new.pythons) and set(old.abis) == set(new.abis)
    return same and set(map(_system, old.platforms)) == set(map(_system, new.platforms))


def _system(platform: str) -> tuple[str, ...]:
    match = _PLATFORM.fullmatch(platform)
    return (platform,) if match is None else (match[2], match[3])


def _copy(source: zipfile.ZipFile, target: zipfile.ZipFile, path: str, described: bytes) -> None:
    record = path.removesuffix("WHEEL") + "RECORD"
    changed = {path: described, record: _recorded(source.read(record).decode(), path, described)}
    for member in source.infolist():
        info = copy.copy(member)
        if member.filename in changed:
            target.writestr(info, changed[member.filename])
            continue
        # 2 GiB: larger sizes do not fit into the fields of a plain archive.
        with (
            source.open(member) as content,
            target.open(info, "w", force_zip64=member.file_size >= 1 << 31) as copied,
        ):
            shutil.copyfileobj(content, copied, 1 << 20)


def _described(text: str, tag: WheelTag) -> bytes:
    """WHEEL with the tag, one line for each single tag, and the right `Root-Is-Purelib`."""
    kept = []
    for line in text.splitlines():
        key = line.partition(":")[0].lower()
        if key == "root-is-purelib":
            kept.append(f"Root-Is-Purelib: {str(tag.is_pure).lower()}")
        elif line.strip() and key not in {"tag", "build"}:
            kept.append(line)
    tags = [f"Tag: {each}" for each in tag.expanded]
    build = [f"Build: {tag.build}"] if tag.build else []
    return "".join(f"{line}\n" for line in (*kept, *tags, *build)).encode()


def _recorded(record: str, name: str, content: bytes) -> bytes:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    for row in csv.reader(io.StringIO(record)):
        writer.writerow([name, f"sha256={digest}", len(content)] if row and row[0] == name else row)
    return written.getvalue().encode()


def write_sdist_again(sdist: Path, *, without: Collection[str]) -> None:
    """Write the same members without users, times of files and of the compression, and hard links; few backends do this.

    `without` are files of the project that are removed: some backends take files from git's history.
    """
    with tempfile.TemporaryFile(dir=sdist.parent) as unpacked:
        with gzip.open(sdist) as packed:
            shutil.copyfileobj(packed, unpacked, 1 << 20)
        unpacked.seek(0)
        with (
            tarfile.open(fileobj=unpacked, mode="r:") as old,
            sdist.open("wb") as file,
            gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=_epoch()) as zipped,
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as new,
        ):
            for member in sorted(old.getmembers(), key=lambda each: each.name):
                if member.name.partition("/")[2] in without:
                    continue
                linked = old.getmember(member.linkname) if member.islnk() else member
                content = old.extractfile(linked) if linked.isreg() else None
                new.addfile(_anonymous(member, linked), content)


def _anonymous(member: tarfile.TarInfo, linked: tarfile.TarInfo) -> tarfile.TarInfo:
    """The member without properties of this machine; a hard link becomes a copy of its target."""
    if member is not linked:
        member.type, member.size, member.linkname = linked.type, linked.size, ""
        member.mode = linked.mode
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = _epoch()
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    member.pax_headers = {}
    return member


def _epoch() -> int:
    return int(os.environ.get("SOURCE_DATE_EPOCH", DEFAULT_EPOCH))
