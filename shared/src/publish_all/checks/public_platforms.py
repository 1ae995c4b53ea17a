"""The platform tags that public indexes take, and what to do about one that they refuse.

The rules are those of PyPI's upload handler: https://github.com/pypi/warehouse, warehouse/utils/wheel.py,
`is_valid_platform_tag`, read in 2026.
"""

from __future__ import annotations

import re

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
# After macOS 15 comes 26; the index adds each one that Apple brings out.
_MACOS_MAJOR = r"1[1-5]|2[6-9]|[3-9]\d"
_FAMILIES = re.compile(
    rf"manylinux_\d+_\d+_(?:{_LINUX}|ppc64)"
    rf"|musllinux_\d+_\d+_(?:{_LINUX})"
    rf"|macosx_(?:10_\d+|(?:{_MACOS_MAJOR})_0)_(?:{_MACOS})"
    r"|ios_\d+_\d+_(?:arm64|x86_64)_(?:iphoneos|iphonesimulator)"
    r"|android_\d+_(?:armeabi_v7a|arm64_v8a|x86|x86_64)"
    r"|pyemscripten_\d+_\d+_wasm32",
    re.ASCII,
)

_ELSEWHERE = "publish it to a private index only"
_REMEDIES = (
    (re.compile(r"linux_.*"), "Let auditwheel name it manylinux or musllinux, or state such a tag"),
    (
        re.compile(r"macosx_(?!10_)\d+_[1-9]\d*_.*"),
        "From macOS 11 on, only the major version counts: state it with _0, as macosx_11_0",
    ),
    (re.compile(r"(many|musl)linux.*"), "State an architecture and a version that PEP 600 or PEP 656 knows"),
)


def is_taken(platform: str) -> bool:
    """Whether a public index takes a wheel for this platform, one of a compressed tag set."""
    return platform in _FIXED or _FAMILIES.fullmatch(platform) is not None


def remedy(platform: str) -> str:
    """What to do about a platform that is not taken."""
    for pattern, advice in _REMEDIES:
        if pattern.fullmatch(platform):
            return f"{advice}; or {_ELSEWHERE}."
    return f"State a tag that PyPI knows, or {_ELSEWHERE}."
