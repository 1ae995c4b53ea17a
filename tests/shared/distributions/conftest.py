"""Small wheels and sdists, written as a build backend would."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

METADATA = "Metadata-Version: 2.4\nName: kindling-synapse\nVersion: 1.2.0\nSummary: Kindling\n\nText\n"

MakeWheel = Callable[..., Path]


@pytest.fixture
def make_wheel(tmp_path: Path) -> MakeWheel:
    def make(
        name: str = "kindling_synapse-1.2.0-py3-none-any.whl",
        metadata: str | bytes | None = METADATA,
        dist_info: str = "kindling_synapse-1.2.0.dist-info",
    ) -> Path:
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("kindling/__init__.py", "")
            if metadata is not None:
                archive.writestr(f"{dist_info}/METADATA", metadata)
        return path

    return make


@pytest.fixture
def make_sdist(tmp_path: Path) -> MakeWheel:
    def make(
        name: str = "kindling_synapse-1.2.0.tar.gz",
        metadata: str | None = METADATA,
        member: str = "kindling_synapse-1.2.0/PKG-INFO",
    ) -> Path:
        path = tmp_path / name
        with gzip.open(path, "wb") as stream, tarfile.open(fileobj=stream, mode="w") as archive:
            _add(archive, "kindling_synapse-1.2.0/kindling.egg-info/PKG-INFO", "Name: other\n")
            if metadata is not None:
                _add(archive, member, metadata)
        return path

    return make


def _add(archive: tarfile.TarFile, name: str, content: str) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content.encode())
    archive.addfile(info, io.BytesIO(content.encode()))
