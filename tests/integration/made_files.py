"""Small wheels and sdists, made by hand: proper ones, whose bytes follow from their names."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import random
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

PIECE = 1 << 20
README = "# A file for tests\n\nIt holds noise.\n"


def metadata(name: str, version: str) -> str:
    return (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: A file for tests.\n"
        f"Requires-Python: >=3.8\nDescription-Content-Type: text/markdown\n\n{README}"
    )


def noise(name: str, size: int) -> Iterator[bytes]:
    """Bytes that don't compress, in pieces."""
    dice = random.Random(name)
    while size > 0:
        piece = min(size, PIECE)
        yield dice.randbytes(piece)
        size -= piece


def make_wheel(folder: Path, name: str, version: str, *, tag: str = "py3-none-any", size: int = 2000) -> Path:
    """A wheel with one package of `size` bytes that don't compress."""
    stem = f"{name.replace('-', '_')}-{version}"
    path = folder / f"{stem}-{tag}.whl"
    info = f"{stem}.dist-info"
    pure = "true" if tag.endswith("-any") else "false"
    package = name.replace("-", "_")
    wheel = f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: {pure}\nTag: {tag}\n"
    members: dict[str, Iterable[bytes]] = {
        f"{package}/__init__.py": [b""],
        f"{package}/noise.bin": noise(path.name, size),
        f"{info}/METADATA": [metadata(name, version).encode()],
        f"{info}/WHEEL": [wheel.encode()],
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as opened:
        lines = [_write(opened, member, content) for member, content in members.items()]
        opened.writestr(zipfile.ZipInfo(f"{info}/RECORD"), "".join(lines) + f"{info}/RECORD,,\n")
    return path


def _write(opened: zipfile.ZipFile, member: str, content: Iterable[bytes]) -> str:
    """Write a member, and give its line for RECORD."""
    sha256, size = hashlib.sha256(), 0
    with opened.open(zipfile.ZipInfo(member), "w") as target:
        for piece in content:
            target.write(piece)
            sha256.update(piece)
            size += len(piece)
    digest = base64.urlsafe_b64encode(sha256.digest()).decode().rstrip("=")
    return f"{member},sha256={digest},{size}\n"


def make_sdist(folder: Path, name: str, version: str, *, size: int = 2000) -> Path:
    stem = f"{name.replace('-', '_')}-{version}"
    path = folder / f"{stem}.tar.gz"
    project = f'[project]\nname = "{name}"\nversion = "{version}"\n'
    members = {
        f"{stem}/PKG-INFO": metadata(name, version).encode(),
        f"{stem}/pyproject.toml": project.encode(),
        f"{stem}/noise.bin": b"".join(noise(path.name, size)),
    }
    with (
        path.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, filename="", mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for member, content in members.items():
            entry = tarfile.TarInfo(member)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def make_release(folder: Path, name: str, version: str = "1.0", *, wheels: int = 1) -> list[Path]:
    """One sdist and so many wheels, for different Pythons if there are several."""
    folder.mkdir(parents=True, exist_ok=True)
    tags = ["py3-none-any"] if wheels == 1 else [f"cp3{10 + n}-cp3{10 + n}-win_amd64" for n in range(wheels)]
    return [*(make_wheel(folder, name, version, tag=tag) for tag in tags), make_sdist(folder, name, version)]
