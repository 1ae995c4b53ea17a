"""Puts members that are deflated already into a zip file that the standard library writes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from publish_all.builders.member_store import Member


def append(archive: ZipFile, info: ZipInfo, member: Member, blocks: Iterable[bytes]) -> None:
    """Write `blocks`, the member's deflate stream, as the file that `info` names.

    `zipfile` decides all else, ZIP64 too. It has no way to say that data is deflated already, so its writer's
    own sums are replaced: callers must see once that this gives the right bytes, and do without if not.
    """
    info.compress_type = ZIP_DEFLATED
    info.file_size = member.size
    with archive.open(info, "w") as opened:
        writer: Any = opened
        for block in blocks:
            writer._fileobj.write(block)  # noqa: SLF001 - see above
        writer._compressor = _Finished()  # noqa: SLF001
        writer._crc = member.crc  # noqa: SLF001
        writer._file_size = member.size  # noqa: SLF001
        writer._compress_size = member.compressed_size  # noqa: SLF001


class _Finished:
    """The compressor of a stream to which nothing is to be added."""

    def flush(self) -> bytes:
        return b""
