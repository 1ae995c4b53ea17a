"""Puts members that are deflated already into a zip file that the standard library writes."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from publish_all.builders.deflate import Member

# In bytes. What is shorter is written at once, with its header.
_SHORT = 1 << 18


def append(archive: ZipFile, info: ZipInfo, member: Member, blocks: Iterable[bytes]) -> None:
    """Write `blocks`, the member's deflate stream, as the file that `info` names.

    `zipfile` has no way to say that data is deflated already. It writes a header with zeros, then the data,
    and goes back to the header; here all is known before. What belongs to the header, ZIP64 too, stays its
    own decision. Since that rests on what is not public, callers must see once that it gives the right bytes,
    and do without if not. Of a name that is there already they must ask `archive`, whose class may refuse it.
    Raises `ValueError` for an archive in which nobody can go back: there it would write the sums behind the data.
    """
    own: Any = archive
    if not own._seekable:  # noqa: SLF001 - see above
        msg = f"{info.filename}: the archive cannot be positioned"
        raise ValueError(msg)
    info.compress_type = ZIP_DEFLATED
    info.file_size, info.compress_size, info.CRC = member.size, member.compressed_size, member.crc
    info.flag_bits = 0
    info.external_attr = info.external_attr or 0o600 << 16
    own._writecheck(info)  # noqa: SLF001
    own._didModify = True  # noqa: SLF001
    file = own.fp
    if file.tell() != own.start_dir:
        file.seek(own.start_dir)
    info.header_offset = own.start_dir
    # zipfile asks before it knows how far the data can be deflated.
    header = info.FileHeader(zip64=member.size * 1.05 > zipfile.ZIP64_LIMIT)
    if member.compressed_size <= _SHORT:
        file.write(b"".join((header, *blocks)))
    else:
        file.write(header)
        for block in blocks:
            file.write(block)
    own.start_dir += len(header) + member.compressed_size
    archive.filelist.append(info)
    archive.NameToInfo[info.filename] = info
