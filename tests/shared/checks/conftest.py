"""Wheels and sdists to check, right in all but what a test asks for."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from publish_all.distributions.distribution import Distribution
from publish_all.distributions.read import read_distribution

METADATA = """\
Metadata-Version: 2.1
Name: demo
Version: 1.0
Summary: A demo
Description-Content-Type: text/markdown

# Demo
"""
WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\n"

MakeWheel = Callable[..., Distribution]
MakeSdist = Callable[..., Distribution]


def record_of(members: Mapping[str, bytes], folder: str) -> bytes:
    rows = []
    for name, data in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.append(f"{name},sha256={digest},{len(data)}")
    return "\n".join([*rows, f"{folder}/RECORD,,", ""]).encode()


def stem_of(metadata: str) -> str:
    lines = dict(line.split(": ", 1) for line in metadata.partition("\n\n")[0].splitlines())
    return f"{lines['Name'].replace('-', '_')}-{lines['Version']}"


@pytest.fixture
def make_wheel(tmp_path: Path) -> MakeWheel:
    def make(
        *,
        metadata: str = METADATA,
        files: Mapping[str, bytes] | None = None,
        extra: Mapping[str, bytes] | None = None,
        record: Callable[[bytes], bytes] = lambda text: text,
        tag: str = "py3-none-any",
        wheel: str | None = None,
        links: Mapping[str, str] | None = None,
        folder: str | None = None,
        stem: str | None = None,
    ) -> Distribution:
        """`extra` members are not in RECORD; `stem` is that of the file's name, `folder` the .dist-info."""
        stem = stem or stem_of(metadata)
        folder = folder or f"{stem_of(metadata)}.dist-info"
        *_, interpreter, abi, platforms = tag.split("-")
        tags = "".join(f"Tag: {interpreter}-{abi}-{each}\n" for each in platforms.split("."))
        build = f"Build: {tag.split('-', maxsplit=1)[0]}\n" if tag.count("-") == 3 else ""
        members = dict({"demo/__init__.py": b"x = 1\n"} if files is None else files)
        members[f"{folder}/METADATA"] = metadata.encode()
        members[f"{folder}/WHEEL"] = (WHEEL + build + tags if wheel is None else wheel).encode()
        members = {name: data for name, data in members.items() if data or not name.endswith("/WHEEL")}
        path = tmp_path / f"{stem}-{tag}.whl"
        with zipfile.ZipFile(path, "w") as opened:
            for member, data in {**members, **(extra or {})}.items():
                info = zipfile.ZipInfo(member)
                info.filename = member  # also with backslashes on Windows
                opened.writestr(info, data)
            for member, target in (links or {}).items():
                info = zipfile.ZipInfo(member)
                info.external_attr = 0o120777 << 16
                opened.writestr(info, target)
                members[member] = target.encode()
            opened.writestr(f"{folder}/RECORD", record(record_of(members, folder)))
        return read_distribution(path)

    return make


@pytest.fixture
def make_sdist(tmp_path: Path) -> MakeSdist:
    def make(
        *,
        metadata: str = METADATA,
        files: Mapping[str, bytes] | None = None,
        links: Mapping[str, str] | None = None,
        hard: Mapping[str, str] | None = None,
        kinds: Mapping[str, bytes] | None = None,
        top: str | None = None,
    ) -> Distribution:
        """`files` are inside of the top-level folder unless they begin with `/` (then: as the rest says).

        `links` are symbolic; `hard` ones lead to a member by its whole name.
        """
        stem = stem_of(metadata)
        top = stem if top is None else top
        path = tmp_path / f"{stem}.tar.gz"
        with gzip.open(path, "wb") as stream, tarfile.open(fileobj=stream, mode="w") as opened:
            for name, data in {"PKG-INFO": metadata.encode(), **(files or {})}.items():
                member = tarfile.TarInfo(name[1:] if name.startswith("/") else f"{top}/{name}")
                member.size = len(data)
                opened.addfile(member, io.BytesIO(data))
            for name, target in (links or {}).items():
                member = tarfile.TarInfo(f"{top}/{name}")
                member.type, member.linkname = tarfile.SYMTYPE, target
                opened.addfile(member)
            for name, target in (hard or {}).items():
                member = tarfile.TarInfo(f"{top}/{name}")
                member.type, member.linkname = tarfile.LNKTYPE, target
                opened.addfile(member)
            for name, kind in (kinds or {}).items():
                member = tarfile.TarInfo(f"{top}/{name}")
                member.type = kind
                opened.addfile(member)
        return read_distribution(path)

    return make


@pytest.fixture
def metadata() -> str:
    return METADATA
