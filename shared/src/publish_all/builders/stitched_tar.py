"""A tar file of which most is in the store: the bytes are those that `tarfile` writes.

`tarfile` takes some 100 µs for each file of each sdist, for what is the same for all of them: the names of
the owner, whom backends leave out, and fields of the header.
"""

from __future__ import annotations

import os
import stat
import tarfile
from functools import lru_cache
from typing import Any

from publish_all._values import dataclass

# Where fields of a header are (POSIX.1-1988, "ustar"), in bytes.
_NAME = slice(0, 100)
_SIZE = slice(124, 136)
_CHECKSUM = slice(148, 156)
_LARGEST = 8**11 - 1
# In bytes. A file of this size is read as a whole.
_AT_ONCE = 1 << 18
# So many kinds of files does a project hardly have: they differ in mode and perhaps in time.
_PATTERNS = 64


class StitchedTar(tarfile.TarFile):
    """A tar file for writing into a `StitchedGzip`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.tarinfo = _Fresh
        self._patterns: dict[tuple[Any, ...], _Pattern | None] = {}

    def gettarinfo(self, name: Any = None, arcname: Any = None, fileobj: Any = None) -> tarfile.TarInfo:
        if fileobj is None and name is not None and arcname is not None and os.sep == "/":
            found = os.lstat(name)
            if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
                return _regular(arcname.lstrip("/"), found)
        return super().gettarinfo(name, arcname, fileobj)

    def addfile(self, tarinfo: tarfile.TarInfo, fileobj: Any = None) -> None:
        stitched: Any = self.fileobj
        path = getattr(fileobj, "name", None)
        if not isinstance(path, str) or tarinfo.type != tarfile.REGTYPE:
            super().addfile(tarinfo, fileobj)
            return
        member = stitched.member(path, tarinfo.size)
        header, padding = self._header(tarinfo), bytes(-tarinfo.size % tarfile.BLOCKSIZE)
        if member is not None:
            stitched.write(header)
            stitched.put(member)
            stitched.write(padding)
        elif tarinfo.size <= _AT_ONCE:
            content = fileobj.read(tarinfo.size)
            if len(content) != tarinfo.size:
                msg = f"unexpected end of data: {path} got shorter"
                raise OSError(msg)
            stitched.write(b"".join((header, content, padding)))
        else:
            super().addfile(tarinfo, fileobj)
            return
        self.offset += len(header) + tarinfo.size + len(padding)

    def _header(self, info: tarfile.TarInfo) -> bytes:
        """As `info.tobuf`, made from the header of a file that is like it."""
        if not (
            info.name.isascii()
            and len(info.name) <= tarfile.LENGTH_NAME
            and 0 <= info.size <= _LARGEST
            and not info.pax_headers
        ):
            return info.tobuf(self.format, self.encoding, self.errors)
        key = (
            info.mode,
            info.uid,
            info.gid,
            info.uname,
            info.gname,
            info.linkname,
            info.mtime,
            type(info.mtime),
        )
        if key not in self._patterns:
            header = info.tobuf(self.format, self.encoding, self.errors)
            self._patterns[key] = _Pattern.of(header) if len(self._patterns) < _PATTERNS else None
            return header
        pattern = self._patterns[key]
        return (
            info.tobuf(self.format, self.encoding, self.errors) if pattern is None else pattern.header(info)
        )


class _Fresh(tarfile.TarInfo):
    """What `gettarinfo` makes for one file alone: backends change copies of it, which it need not be."""

    __slots__ = ()

    def __copy__(self) -> _Fresh:
        return self


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pattern:
    """A header without name, size and checksum: the fields between and behind them, and the sum of their bytes."""

    before_size: bytes
    before_checksum: bytes
    after_checksum: bytes
    sum: int

    @classmethod
    def of(cls, header: bytes) -> _Pattern | None:
        """None for what needs more than one block: it says more than the fields."""
        if len(header) != tarfile.BLOCKSIZE:
            return None
        before_size, before_checksum = header[_NAME.stop : _SIZE.start], header[_SIZE.stop : _CHECKSUM.start]
        after_checksum = header[_CHECKSUM.stop :]
        return cls(
            before_size=before_size,
            before_checksum=before_checksum,
            after_checksum=after_checksum,
            # The field of the checksum counts as if it held spaces.
            sum=sum(before_size) + sum(before_checksum) + sum(after_checksum) + 8 * ord(" "),
        )

    def header(self, info: tarfile.TarInfo) -> bytes:
        name, size = info.name.encode("ascii"), b"%011o\0" % info.size
        checksum = b"%06o\0 " % (self.sum + sum(name) + sum(size))
        return b"".join(
            (
                name.ljust(tarfile.LENGTH_NAME, b"\0"),
                self.before_size,
                size,
                self.before_checksum,
                checksum,
                self.after_checksum,
            )
        )


def _regular(name: str, found: os.stat_result) -> tarfile.TarInfo:
    """As `TarFile.gettarinfo` has it for a file that has no other name."""
    info = _Fresh(name)
    info.mode, info.size, info.mtime = found.st_mode, found.st_size, found.st_mtime
    info.uid, info.gid = found.st_uid, found.st_gid
    info.uname, info.gname = _user(found.st_uid), _group(found.st_gid)
    return info


@lru_cache(maxsize=256)
def _user(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return ""


@lru_cache(maxsize=256)
def _group(number: int) -> str:
    import grp

    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return ""
