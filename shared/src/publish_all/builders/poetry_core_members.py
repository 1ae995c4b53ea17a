"""poetry-core's wheel builder, which takes its members from the store."""

from __future__ import annotations

import io
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from poetry.core.masonry.builders.wheel import WheelBuilder
from poetry.core.masonry.utils.helpers import normalize_file_permissions

from publish_all.builders.member_store import MemberStore
from publish_all.builders.member_trial import agree
from publish_all.builders.raw_zip import append


class StoredWheelBuilder(WheelBuilder):
    """Writes what poetry-core's writes, with the members of the project's files out of `store` (None: without)."""

    store: MemberStore | None = None

    def _add_file(self, wheel: zipfile.ZipFile, full_path: Path, rel_path: Path) -> None:
        # poetry-core also adds temporary files of its own, which change from wheel to wheel.
        if self.store is None or not full_path.is_relative_to(self._path):
            super()._add_file(wheel, full_path, rel_path)
            return
        member = self.store.deflated(full_path)
        if member is None:
            super()._add_file(wheel, full_path, rel_path)
            return
        name = rel_path.as_posix()
        info = zipfile.ZipInfo(name, self._zipfile_date_time)
        info.external_attr = (normalize_file_permissions(full_path.stat().st_mode) & 0xFFFF) << 16
        append(wheel, info, member, self.store.blocks(member))
        digest = urlsafe_b64encode(member.sha256).decode("ascii").rstrip("=")
        self._records.append((name, digest, member.size))


def usable(make: Callable[[], StoredWheelBuilder], store: MemberStore) -> bool:
    """Whether this poetry-core writes the same from the store as by itself; `make` gives builders to try."""

    def sample_wheel(files: Sequence[Path], store: MemberStore | None) -> tuple[bytes, Any]:
        builder, written = make(), io.BytesIO()
        builder._path = files[0].parent  # noqa: SLF001 - only what is below it comes from the store
        builder.store = store
        with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as wheel:
            for each in files:
                builder._add_file(wheel, each, Path("sample", each.name))  # noqa: SLF001
        return written.getvalue(), builder._records  # noqa: SLF001

    return agree(sample_wheel, store)
