"""A distribution as the checks see it. Its archive is opened and read once, and its contents are not kept."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import posixpath
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import repeat
from pathlib import Path

from publish_all.checks.secrets import judged, secrets_in
from publish_all.config.model import AcceptedFinding
from publish_all.diagnoses import Diagnosis
from publish_all.distributions.distribution import Distribution, DistributionKind
from publish_all.distributions.read import BROKEN
from publish_all.findings import Finding, Severity

ALGORITHMS = ("sha256", "sha384", "sha512")
"""Those that RECORD may use (PEP 376, PEP 427)."""

_OWN = ("own",)
_CHUNK = 1 << 20
# In bytes. Longer members are data, and are not searched: it takes too long. Notebooks hold images, and
# Python files are compared with those of other archives.
_READ, _READ_OF = 1 << 20, {".ipynb": 16 << 20, ".py": 16 << 20}
# Longer members are compared with RECORD by their size: to hash them takes as long as to upload them.
_HASHED = 64 << 20
_KEPT = re.compile(r"[^/]+\.dist-info/(?:WHEEL|entry_points\.txt)|(?:\./)?[^/]+/pyproject\.toml")
_LARGE, _RATIO = 64 << 20, 50
_KNOWN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_END, _END_LENGTH = b"PK\x05\x06", 22
_DESCRIBED = 0x08
# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md: less than 1024 bytes; "hawser" is its name of 2014.
_LFS_LIMIT = 1024
_LFS_POINTER = re.compile(
    rb"version https://(?:git-lfs\.github\.com|hawser\.github\.com)/spec/v\d+\r?\n"
    rb"(?:[a-z0-9.-]+ [^\n]*\n)*?oid [a-z0-9]+:[0-9a-f]{40,}\r?\n"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One member that is not a folder. `link` is where a link leads, `special` marks a device or pipe.

    The `link` of a `hard` link is the name of an earlier member; that of a symbolic one is relative to its folder.
    `fingerprint` is the same for members with the same bytes. `digest` is the hash in the form of RECORD, by the
    algorithm that RECORD names. Both are None where they cost too much.
    """

    name: str
    size: int
    link: str | None = None
    hard: bool = False
    special: bool = False
    fingerprint: tuple[int, int] | None = None
    digest: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A distribution with everything that its checks need.

    `public` names the destinations that anybody can read and that follow PyPI's rules (none: these rules are not
    applied); `private` is set if the project must never go there. `record` holds the rows of a wheel's RECORD, name →
    (hash, size), and is None without one. `texts` holds the WHEEL file and pyproject.toml. `oddities` are
    what two readers of the archive may read in two ways; `findings` are those about contents; if the archive is not
    `readable`, there is one. `ours`: publish-all built it, so every problem
    is an error; of files from elsewhere only what `error_for` in the catalogue says. `accepted` is what the project
    says is right.
    """

    distribution: Distribution
    public: tuple[str, ...] = ()
    private: bool = False
    ours: bool = True
    accepted: tuple[AcceptedFinding, ...] = ()
    readable: bool = True
    members: tuple[Member, ...] = ()
    record: Mapping[str, tuple[str, str]] | None = None
    texts: Mapping[str, bytes] = field(default_factory=dict)
    oddities: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def is_wheel(self) -> bool:
        return self.distribution.kind is DistributionKind.WHEEL

    @property
    def indexes(self) -> str:
        """The public destinations, for messages."""
        return " and ".join(self.public)

    def found(
        self, diagnosis: Diagnosis, message: str, hint: str = "", *, name: str = "", certain: bool = False
    ) -> Finding:
        """A finding about this file, or about its member `name`; a `certain` error is one wherever the file is from."""
        found = diagnosis.found(message, where=self.distribution.filename, hint=hint)
        return self.weighed(found, name, certain=certain)

    def found_in(self, diagnosis: Diagnosis, what: str, names: Sequence[str]) -> Iterator[Finding]:
        """One finding for all the names, none without names: a wheel has them by hundreds, or not at all."""
        by_reason: dict[str, list[str]] = {}
        for each in names:
            by_reason.setdefault(self._reason(diagnosis.code, each), []).append(each)
        for some in by_reason.values():
            yield self.found(diagnosis, f"{what}: {listed(some)}", name=some[0])

    def weighed(self, finding: Finding, name: str, *, certain: bool = False) -> Finding:
        """A finding about the member `name` with the severity that it has for this file."""
        if self.accepted and (reason := self._reason(finding.code, name)):
            message = f"{finding.message} (accepted: {reason})"
            return replace(finding, severity=Severity.NOTE, message=message, hint="")
        if certain or finding.severity is not Severity.ERROR:
            return finding
        roles = {"any", *(["index"] if self.public else []), *(["own"] if self.ours else [])}
        if roles.isdisjoint(Diagnosis(finding.code).entry.error_for or _OWN):
            return replace(finding, severity=Severity.WARNING)
        return finding

    def _reason(self, code: str, name: str) -> str:
        """Why the project says that a finding is right, empty if it does not."""
        names = (name, name.partition("/")[2], self.distribution.filename)
        for each in self.accepted:
            named = any(fnmatchcase(one, pattern) for one in names for pattern in each.files)
            if each.code == code and (named or not each.files):
                return each.reason
        return ""

    def installed(self) -> Mapping[str, Member]:
        """Path in site-packages → member, for each file that a wheel puts there.

        https://packaging.python.org/specifications/binary-distribution-format/#the-data-directory
        """
        found = {}
        for each in self.members:
            first, _, rest = each.name.partition("/")
            scheme, _, inside = rest.partition("/")
            if first.endswith(".data") and rest:
                if scheme in {"purelib", "platlib"} and inside:
                    found[inside] = each
            elif not first.endswith(".dist-info") or not rest:
                found[each.name] = each
        return found

    def files(self) -> Mapping[str, Member]:
        """Path below the folder of an sdist → member."""
        paths = ((each.name.removeprefix("./").partition("/")[2], each) for each in self.members)
        return {path: each for path, each in paths if path}


def listed(names: Sequence[str], *, limit: int = 3) -> str:
    """`a, b, c and 4 more`."""
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")


def open_distribution(
    distribution: Distribution,
    *,
    public: tuple[str, ...] = (),
    private: bool = False,
    ours: bool = True,
    accepted: tuple[AcceptedFinding, ...] = (),
) -> Opened:
    """Read the archive, with memory that does not depend on the size of its members."""
    opened = Opened(distribution=distribution, public=public, private=private, ours=ours, accepted=accepted)
    try:
        if opened.is_wheel:
            with zipfile.ZipFile(distribution.path) as wheel:
                record = _record(wheel)
                found = _read(replace(opened, record=record), _of_wheel(wheel, record or {}))
                return replace(found, oddities=tuple(_oddities_of_wheel(wheel)))
        with tarfile.open(distribution.path) as sdist:
            found = _read(opened, _of_sdist(sdist))
            sparse = [each.name for each in sdist.getmembers() if each.issparse()]
            return replace(found, oddities=tuple(_oddities_of_sdist(distribution.path, sparse)))
    except (OSError, *BROKEN) as error:
        message = f"{distribution.filename} cannot be read: {error}"
        finding = Diagnosis("PA201").found(message, where=str(distribution.path))
        return replace(opened, readable=False, findings=(finding,))


def _read(opened: Opened, contents: Iterable[tuple[Member, bytes | None]]) -> Opened:
    members: list[Member] = []
    texts: dict[str, bytes] = {}
    secrets: list[tuple[Finding, str]] = []
    name = opened.distribution.filename
    pointers: list[str] = []
    for member, content in contents:
        members.append(member)
        if content is not None:
            secrets += zip(secrets_in(name, member.name, content), repeat(member.name))
            if len(content) < _LFS_LIMIT and _LFS_POINTER.match(content):
                pointers.append(member.name)
            if _KEPT.fullmatch(member.name):
                texts[posixpath.basename(member.name)] = content
    findings = [*opened.found_in(Diagnosis("PA262"), "Git LFS pointers in place of the files", pointers)]
    if secrets:
        names = {each.name for each in members}
        findings += (opened.weighed(judged(each, place, names), place) for each, place in secrets)
    return replace(opened, members=tuple(members), texts=texts, findings=tuple(findings))


def _record(wheel: zipfile.ZipFile) -> Mapping[str, tuple[str, str]] | None:
    for info in wheel.infolist():
        if re.fullmatch(r"[^/]+\.dist-info/RECORD", info.orig_filename):
            break
    else:
        return None
    if info.file_size > _HASHED:
        raise zipfile.BadZipFile("its RECORD is too long")
    record = {}
    for row in csv.reader(io.StringIO(wheel.read(info).decode(errors="replace"))):
        if row:
            name, digest, size = [*row, "", ""][:3]
            record[name] = (digest, size)
    return record


def _is_searched(name: str, size: int) -> bool:
    return size <= _READ_OF.get(posixpath.splitext(name)[1], _READ)


def _of_wheel(
    wheel: zipfile.ZipFile, record: Mapping[str, tuple[str, str]]
) -> Iterator[tuple[Member, bytes | None]]:
    for each in wheel.infolist():
        if each.is_dir():
            continue
        name = each.orig_filename  # in which Windows' Python leaves backslashes as they are
        linked = stat.S_ISLNK(each.external_attr >> 16)
        content = wheel.read(each) if _is_searched(name, each.file_size) else None
        algorithm = record.get(name, ("", ""))[0].partition("=")[0]
        digest = None
        if algorithm in ALGORITHMS and each.file_size <= _HASHED:
            hasher = hashlib.new(algorithm, content or b"")
            if content is None:
                with wheel.open(each) as file:
                    while chunk := file.read(_CHUNK):
                        hasher.update(chunk)
            digest = f"{algorithm}={base64.urlsafe_b64encode(hasher.digest()).rstrip(b'=').decode()}"
        member = Member(
            name=name,
            size=each.file_size,
            link=(content or b"").decode(errors="replace") if linked else None,
            fingerprint=(each.file_size, each.CRC),
            digest=digest,
        )
        yield member, None if linked else content


def _of_sdist(sdist: tarfile.TarFile) -> Iterator[tuple[Member, bytes | None]]:
    for each in sdist:
        if each.isdir():
            continue
        linked = each.issym() or each.islnk()
        file = sdist.extractfile(each) if each.isreg() and _is_searched(each.name, each.size) else None
        content = file.read() if file is not None else None
        member = Member(
            name=each.name,
            size=each.size,
            link=each.linkname if linked else None,
            hard=each.islnk(),
            special=not linked and not each.isreg(),
            fingerprint=(each.size, zlib.crc32(content)) if content is not None else None,
        )
        yield member, content


def _oddities_of_wheel(wheel: zipfile.ZipFile) -> Iterator[str]:
    """What two readers of a wheel may read in two ways, which PyPI refuses.

    https://blog.pypi.org/posts/2025-08-07-wheel-archive-confusion-attacks/, and warehouse/utils/zipfiles.py of its server.
    """
    described, other, size, packed = [], [], 0, 0
    for each in wheel.infolist():
        if each.flag_bits & _DESCRIBED:
            described.append(each.filename)
        if each.compress_type not in _KNOWN:
            other.append(each.filename)
        size += each.file_size
        packed += each.compress_size
    if described:
        yield f"members with data descriptors: {listed(described)}"
    if other:
        yield f"members compressed otherwise than by deflate: {listed(other)}"
    if size > _LARGE and size > _RATIO * packed:
        yield f"it unpacks to {size >> 20} MiB, over {_RATIO} times its size"
    file = wheel.fp
    if file is None:
        return
    file.seek(0)
    if file.read(2) != _END[:2]:
        yield "there are bytes before the ZIP archive, so that the file may be of two kinds"
    file.seek(-_END_LENGTH - len(wheel.comment), 2)
    if file.read(4) != _END:
        yield "there are bytes after the end of the ZIP archive"


def _oddities_of_sdist(path: Path, sparse: Sequence[str]) -> Iterator[str]:
    """As of wheels, for an sdist with these `sparse` members."""
    if sparse:
        yield f"members of which the archive stores only parts (sparse files): {listed(sparse)}"
    if zipfile.is_zipfile(path):
        yield "the file is a ZIP archive and a tar archive at the same time"
