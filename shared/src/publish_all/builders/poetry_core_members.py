"""poetry-core's builders, which take what is in wheels and sdists from the store."""

from __future__ import annotations

import contextlib
import gzip
import io
import tarfile
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import poetry.core.masonry.builders.sdist as poetry_sdist
from poetry.core.masonry.builders.builder import BuildIncludeFile
from poetry.core.masonry.builders.sdist import SdistBuilder
from poetry.core.masonry.builders.wheel import WheelBuilder
from poetry.core.masonry.utils.helpers import normalize_file_permissions

from publish_all.builders.member_store import MemberStore
from publish_all.builders.member_trial import agree, agree_in_sdists
from publish_all.builders.raw_zip import append
from publish_all.builders.stitched_gzip import StitchedGzip
from publish_all.builders.stitched_tar import StitchedTar


class StoredWheelBuilder(WheelBuilder):
    """Writes what poetry-core's writes, with the members of the project's files out of `store` (None: without)."""

    store: MemberStore | None = None

    def _add_file(self, wheel: zipfile.ZipFile, full_path: Path, rel_path: Path) -> None:
        # poetry-core also adds temporary files of its own, which change from wheel to wheel.
        if self.store is None or not full_path.is_relative_to(self._path):
            super()._add_file(wheel, full_path, rel_path)
            return
        name = rel_path.as_posix()
        found = self.store.deflated(full_path)
        if found is None or name in wheel.NameToInfo:
            super()._add_file(wheel, full_path, rel_path)
            return
        member, mode = found
        info = zipfile.ZipInfo(name, self._zipfile_date_time)
        info.external_attr = (normalize_file_permissions(mode) & 0xFFFF) << 16
        append(wheel, info, member, self.store.stream(member))
        digest = urlsafe_b64encode(member.sha256).decode("ascii").rstrip("=")
        self._records.append((name, digest, member.size))


class StoredSdistBuilder(SdistBuilder):
    """Writes the tar that poetry-core's writes, gzipped with segments out of `store` (None: poetry-core's own)."""

    store: MemberStore | None = None

    def build(self, target_dir: Path | None = None) -> Path:
        if self.store is None:
            return super().build(target_dir)
        module: Any = poetry_sdist
        own = module.GzipFile, module.tarfile
        with contextlib.ExitStack() as stack:
            module.GzipFile = lambda name, *, mode, mtime: self._open(stack, name, mode, mtime)
            module.tarfile = _Tarfile()
            try:
                return super().build(target_dir)
            finally:
                module.GzipFile, module.tarfile = own

    def _open(self, stack: contextlib.ExitStack, name: str, mode: str, mtime: float) -> StitchedGzip:
        if self.store is None or mode != "wb":
            msg = f"an sdist is opened with the mode {mode}"
            raise ValueError(msg)
        file = stack.enter_context(Path(name).open("wb"))  # noqa: SIM115 - poetry-core closes what wraps it
        return StitchedGzip(file, mtime=mtime, store=self.store)

    def expected(self, files: set[BuildIncludeFile]) -> set[BuildIncludeFile]:
        """`files`, which are going to be put into the sdist."""
        if self.store is not None:
            self.store.expect((str(each.path) for each in files), segments=True)
        return files


class _Tarfile:
    """The module `tarfile`, but for its class."""

    TarFile = StitchedTar

    def __getattr__(self, name: str) -> Any:
        return getattr(tarfile, name)


def usable(make: Callable[[], StoredWheelBuilder], store: MemberStore) -> bool:
    """Whether this poetry-core writes the same wheels from the store as by itself; `make` gives builders to try."""

    def sample_wheel(files: Sequence[Path], store: MemberStore | None) -> tuple[bytes, Any]:
        builder, written = make(), io.BytesIO()
        builder._path = files[0].parent  # noqa: SLF001 - only what is below it comes from the store
        builder.store = store
        with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as wheel:
            for each in files:
                builder._add_file(wheel, each, Path("sample", each.name))  # noqa: SLF001
        return written.getvalue(), builder._records  # noqa: SLF001

    return agree(sample_wheel, store)


def sdists_usable(make: Callable[[], StoredSdistBuilder], store: MemberStore) -> bool:
    """As `usable`, for the tars of sdists."""

    def sample_sdist(files: Sequence[Path], store: MemberStore | None) -> bytes:
        folder = files[0].parent
        found = {BuildIncludeFile(path=each, project_root=folder, source_root=folder) for each in files}
        builder: Any = make()
        builder.store = store
        builder.find_files_to_add = lambda **_: builder.expected(found)
        with TemporaryDirectory(prefix="publish-all-") as output:
            written: Path = builder.build(Path(output))
            return gzip.decompress(written.read_bytes())

    return agree_in_sdists(sample_sdist, store)
