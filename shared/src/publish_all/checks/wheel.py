"""Checks on wheels: RECORD, the WHEEL file, and the platform tag."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from email.parser import HeaderParser

from packaging.tags import Tag, parse_tag
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from publish_all import diagnoses as known
from publish_all.checks.opened import ALGORITHMS, Opened
from publish_all.diagnoses import Diagnosis
from publish_all.distributions.distribution import variant_label
from publish_all.findings import Finding

_UNSIGNED = re.compile(r"[^/]+\.dist-info/RECORD(?:\.jws|\.p7s)?")

# The platforms that PyPI takes: https://github.com/pypi/warehouse, warehouse/utils/wheel.py,
# `is_valid_platform_tag`, read in 2026.
_FIXED = frozenset(
    {
        "any",
        "win32", "win_amd64", "win_arm64", "win_ia64",
        "linux_armv6l", "linux_armv7l",
        "manylinux1_x86_64", "manylinux1_i686", "manylinux2010_x86_64", "manylinux2010_i686",
        "manylinux2014_x86_64", "manylinux2014_i686", "manylinux2014_aarch64", "manylinux2014_armv7l",
        "manylinux2014_ppc64", "manylinux2014_ppc64le", "manylinux2014_s390x",
    }
)  # fmt: skip
_LINUX = "x86_64|i686|aarch64|armv7l|ppc64le|s390x|riscv64"
_MACOS = "ppc|ppc64|i386|x86_64|arm64|intel|fat|fat3|fat64|universal|universal2"
# After macOS 15 comes 26. The index adds each one after Apple has brought it out: it refuses 27 in November 2026.
_MACOS_MAJOR = "1[1-5]|26"
_FAMILIES = re.compile(
    rf"manylinux_\d+_\d+_(?:{_LINUX}|ppc64)"
    rf"|musllinux_\d+_\d+_(?:{_LINUX})"
    rf"|macosx_(?:10_\d+|(?:{_MACOS_MAJOR})_0)_(?:{_MACOS})"
    r"|ios_\d+_\d+_(?:arm64|x86_64)_(?:iphoneos|iphonesimulator)"
    r"|android_\d+_(?:armeabi_v7a|arm64_v8a|x86|x86_64)"
    r"|pyemscripten_\d+_\d+_wasm32",
    re.ASCII,
)


def check_record(opened: Opened) -> Iterator[Finding]:
    """Every member is in RECORD with its size and, unless it is large, its hash; RECORD lists no other."""
    record = opened.record
    if record is None:
        yield opened.found(known.RECORD_MISMATCH, "the wheel has no RECORD")
        return
    left = set(record)
    for each in opened.members:
        stated, size = record.get(each.name, ("", ""))
        left.discard(each.name)
        if _UNSIGNED.fullmatch(each.name):
            continue
        if each.name not in record:
            yield opened.found(known.RECORD_MISMATCH, f"{each.name} is not in RECORD", name=each.name)
        elif stated.partition("=")[0] not in ALGORITHMS:
            yield opened.found(
                known.RECORD_MISMATCH, f"RECORD has no secure hash of {each.name}", name=each.name
            )
        elif each.digest not in (None, stated) or size not in ("", str(each.size)):
            yield opened.found(known.RECORD_MISMATCH, f"{each.name} is not what RECORD says", name=each.name)
    for name in left:
        yield opened.found(known.RECORD_MISMATCH, f"RECORD lists {name}, which is not in the wheel")


def check_tag(opened: Opened) -> Iterator[Finding]:
    """Public indexes take only platforms whose compatibility is defined (PEP 600, 656, 513).

    They take no wheels of a variant (PEP 825, a draft): uv's preview installs them, folders and registries hold them.
    """
    tag, public = opened.distribution.tag, opened.indexes
    if (label := variant_label(opened.distribution.filename)) is not None:
        yield opened.found(
            Diagnosis("PA268"), f"{public} will refuse a wheel with the variant label {label!r}"
        )
    for platform in (tag or "").rpartition("-")[2].split("."):
        if platform not in _FIXED and _FAMILIES.fullmatch(platform) is None:
            message = f"{public} will refuse the platform tag {platform!r}"
            yield opened.found(Diagnosis("PA209"), message)


def check_folders(opened: Opened) -> Iterator[Finding]:
    """The folders of a wheel are named as it is.

    https://packaging.python.org/specifications/binary-distribution-format/#file-contents
    """
    project, version = opened.distribution.project, opened.distribution.version
    tops: dict[str, set[str]] = {".dist-info": set(), ".data": set()}
    for each in opened.members:
        top, slash, _ = each.name.partition("/")
        suffix = posixpath.splitext(top)[1]
        if slash and suffix in tops:
            tops[suffix].add(top)
    for suffix, found in tops.items():
        if len(found) > 1:
            message = f"the wheel has several {suffix} folders: {', '.join(sorted(found))}"
            yield opened.found(known.WHEEL_FILE_DISAGREES, message)
        for first in sorted(found)[:1]:
            name, _, stated = first.removesuffix(suffix).partition("-")
            if canonicalize_name(name) != project or not _is_version(stated, version):
                message = f"the folder {first} is not named for {project} {version}"
                yield opened.found(known.WHEEL_FILE_DISAGREES, message)


def _is_version(text: str, version: Version) -> bool:
    """Build backends write `+` and `-` of a version as `_` in names of folders."""
    try:
        return Version(text.replace("_", "+", 1)) == version or Version(text.replace("_", "-")) == version
    except InvalidVersion:
        return False


def check_wheel_file(opened: Opened) -> Iterator[Finding]:
    """The WHEEL file is there, and says what the wheel's name says."""
    if "WHEEL" not in opened.texts:
        yield opened.found(known.WHEEL_FILE_DISAGREES, "the wheel has no WHEEL file")
        return
    problems = []
    message = HeaderParser().parsestr(opened.texts["WHEEL"].decode(errors="replace"))
    version = message["Wheel-Version"] or "none"
    if version.split(".")[0].strip() != "1":
        problems.append(f"WHEEL states the Wheel-Version {version}, which installers do not know")
    if (message["Root-Is-Purelib"] or "").strip().lower() not in {"true", "false"}:
        problems.append("WHEEL does not state whether Root-Is-Purelib")
    *build, interpreter, abi, platform = (opened.distribution.tag or "").split("-")
    named = parse_tag(f"{interpreter}-{abi}-{platform}")
    stated: set[Tag] = set()
    for each in message.get_all("Tag", []):
        stated |= parse_tag(each.strip())
    if stated != named:
        problems.append(f"WHEEL states the tags {_listed(stated)}, the file's name {_listed(named)}")
    number, stated_number = "".join(build) or "none", (message["Build"] or "").strip() or "none"
    if stated_number != number:
        problems.append(f"WHEEL states the build number {stated_number}, the file's name {number}")
    for problem in problems:
        yield opened.found(known.WHEEL_FILE_DISAGREES, problem)


def _listed(tags: set[Tag] | frozenset[Tag]) -> str:
    return ", ".join(sorted(map(str, tags))) or "none"


CHECKS = (check_record, check_folders, check_wheel_file)
FOR_PUBLIC_INDEXES = (check_tag,)
