"""Checks on wheels: RECORD, the WHEEL file, and the platform tag."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.parser import HeaderParser

from packaging.tags import Tag, parse_tag
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from publish_all.checks.opened import ALGORITHMS, Opened
from publish_all.diagnoses import RECORD_MISMATCH, UNSUPPORTED_TAG, VARIANT_LABEL, WHEEL_FILE_DISAGREES
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
        *(f"manylinux{series}_{arch}" for series in ("1", "2010") for arch in ("x86_64", "i686")),
        *(
            f"manylinux2014_{arch}"
            for arch in ("x86_64", "i686", "aarch64", "armv7l", "ppc64", "ppc64le", "s390x")
        ),
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
_REMEDIES = (
    (r"linux_.*", "Let auditwheel name it manylinux or musllinux, or state such a tag"),
    (
        r"macosx_(?!10_)\d+_[1-9]\d*_.*",
        "From macOS 11 on, only the major version counts: state it with _0, as macosx_11_0",
    ),
    (r"(many|musl)linux.*", "State an architecture and a version that PEP 600 or PEP 656 knows"),
    (r".*", "State a tag that PyPI knows"),
)


def check_record(opened: Opened) -> Iterator[Finding]:
    """Every member is in RECORD with its size and, unless it is large, its hash; RECORD lists no other."""
    if not opened.is_wheel:
        return
    record = opened.record
    if record is None:
        yield opened.found(RECORD_MISMATCH, "the wheel has no RECORD")
        return
    for each in opened.members:
        stated, size = record.get(each.name, ("", ""))
        if _UNSIGNED.fullmatch(each.name):
            continue
        if each.name not in record:
            yield opened.found(RECORD_MISMATCH, f"{each.name} is not in RECORD", name=each.name)
        elif stated.partition("=")[0] not in ALGORITHMS:
            yield opened.found(RECORD_MISMATCH, f"RECORD has no secure hash of {each.name}", name=each.name)
        elif each.digest not in (None, stated) or size not in ("", str(each.size)):
            yield opened.found(RECORD_MISMATCH, f"{each.name} is not what RECORD says", name=each.name)
    for name in record.keys() - {each.name for each in opened.members}:
        yield opened.found(RECORD_MISMATCH, f"RECORD lists {name}, which is not in the wheel")


def check_tag(opened: Opened) -> Iterator[Finding]:
    """Public indexes take only platforms whose compatibility is defined (PEP 600, 656, 513)."""
    tag, public = opened.distribution.tag, opened.indexes
    if tag is None or not public:
        return
    for platform in tag.rpartition("-")[2].split("."):
        if platform not in _FIXED and _FAMILIES.fullmatch(platform) is None:
            remedy = next(advice for pattern, advice in _REMEDIES if re.fullmatch(pattern, platform))
            yield opened.found(
                UNSUPPORTED_TAG,
                f"{public} will refuse the platform tag {platform!r}",
                hint=f"{remedy}; or publish it to a private index only.",
            )


def check_wheel_file(opened: Opened) -> Iterator[Finding]:
    """A wheel's name, its folders and its WHEEL file agree.

    https://packaging.python.org/specifications/binary-distribution-format/#file-contents
    """
    if opened.is_wheel:
        for problem in (*_folder_problems(opened), *_header_problems(opened)):
            yield opened.found(WHEEL_FILE_DISAGREES, problem)


def _folder_problems(opened: Opened) -> Iterator[str]:
    project, version = opened.distribution.project, opened.distribution.version
    tops = sorted({each.name.split("/", 1)[0] for each in opened.members if "/" in each.name})
    for suffix in (".dist-info", ".data"):
        first, *others = [each for each in tops if each.endswith(suffix)] or [""]
        if others:
            yield f"the wheel has several {suffix} folders: {', '.join([first, *others])}"
        name, _, stated = first.removesuffix(suffix).partition("-")
        if first and (canonicalize_name(name) != project or not _is_version(stated, version)):
            yield f"the folder {first} is not named for {project} {version}"


def _is_version(text: str, version: Version) -> bool:
    """Build backends write `+` and `-` of a version as `_` in names of folders."""
    try:
        return Version(text.replace("_", "+", 1)) == version or Version(text.replace("_", "-")) == version
    except InvalidVersion:
        return False


def _header_problems(opened: Opened) -> Iterator[str]:
    if "WHEEL" not in opened.texts:
        yield "the wheel has no WHEEL file"
        return
    message = HeaderParser().parsestr(opened.texts["WHEEL"].decode(errors="replace"))
    version = message["Wheel-Version"]
    if version is None:
        yield "WHEEL states no Wheel-Version"
    elif version.split(".")[0].strip() != "1":
        yield f"WHEEL states the Wheel-Version {version}, which installers do not know"
    if (message["Root-Is-Purelib"] or "").strip().lower() not in {"true", "false"}:
        yield "WHEEL does not state whether Root-Is-Purelib"
    *build, interpreter, abi, platform = (opened.distribution.tag or "").split("-")
    named = parse_tag(f"{interpreter}-{abi}-{platform}")
    stated = {tag for each in message.get_all("Tag", []) for tag in parse_tag(each.strip())}
    if stated != named:
        yield f"WHEEL states the tags {_listed(stated)}, the file's name {_listed(named)}"
    if (message["Build"] or "").strip() != "".join(build):
        yield (
            f"WHEEL states the build number {message['Build'] or 'none'}, "
            f"the file's name {''.join(build) or 'none'}"
        )


def _listed(tags: set[Tag] | frozenset[Tag]) -> str:
    return ", ".join(sorted(map(str, tags))) or "none"


def check_variant_label(opened: Opened) -> Iterator[Finding]:
    """Wheels of a variant (PEP 825, a draft): uv's preview installs them, folders and registries hold them."""
    label = variant_label(opened.distribution.filename)
    if label is not None and opened.public:
        yield opened.found(
            VARIANT_LABEL, f"{opened.indexes} will refuse a wheel with the variant label {label!r}"
        )


CHECKS = (check_record, check_wheel_file, check_tag, check_variant_label)
