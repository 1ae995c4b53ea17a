"""Checks on the members of archives: safe and unique paths, and in wheels what they install."""

from __future__ import annotations

import keyword
import posixpath
import re
import unicodedata
from collections.abc import Iterable, Iterator

from publish_all import diagnoses as known
from publish_all.checks.opened import Member, Opened, listed
from publish_all.checks.secrets import is_example
from publish_all.diagnoses import Diagnosis
from publish_all.findings import Finding

# Names of files and folders, anywhere in a path.
_SECRET = re.compile(
    r"(?:^|/)(?!\.env\.(?:example|sample|template|dist)(?:/|\Z))"
    r"(?:\.env(?:\.[^/]*)?|\.pypirc|\.netrc|id_(?:rsa|dsa|ecdsa|ed25519)|\.aws|\.ssh|\.htpasswd|\.git-credentials)(?:/|\Z)"
)
_LEFT_OVER = re.compile(r"(?:^|/)(?:[^/]*\.(?:pfx|p12|jks|keystore)|\.git|\.hg|\.svn|\.DS_Store)(?:/|\Z)")
_MODULES = (".py", ".pyd", ".so")
_BYTECODE = (".pyc", ".pyo")
_AT_THE_TOP = (*_MODULES, *_BYTECODE, ".pyi", ".pth")
# Names of folders that are usually not part of the library. The project's own name is excluded.
_COMMON = frozenset(
    {
        "app", "build", "cli", "data", "dist", "doc", "docs", "example", "examples", "lib",
        "notebooks", "scripts", "src", "test", "tests", "tools", "utils", "venv", ".venv", ".tox",
        ".nox", ".eggs"
    }
)  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What the two obfuscators write: https://pyarmor.readthedocs.io, https://pypi.org/project/sourcedefender.
_OBFUSCATED = re.compile(r"(?:.*/)?(?:pyarmor_runtime(?:_\d+)?|pytransform)/.*|.*\.pye")
_SMALL = 64
"""Files up to this size are not compared: empty `__init__.py`s and one-line markers are alike everywhere."""


def check_members(opened: Opened) -> Iterator[Finding]:
    """All that names and links alone tell.

    Nothing lies outside, is there twice, or has a name of a file with credentials; no device, no pipe, and no link but
    to another file of an sdist, which is a warning; nothing that can be read in two ways, or hides what it holds.
    """
    seen: set[str] = set()
    folded: dict[str, str] = {}
    odd, hidden = [], []
    for each in opened.members:
        name = each.name
        if name.startswith("/") or ".." in name.split("/") or "\\" in name or ":" in name[1:2]:
            yield opened.found(known.UNSAFE_PATH, f"unsafe path {name!r}", name=name)
        if name in seen:
            yield opened.found(known.UNSAFE_PATH, f"{name!r} is in the archive twice", name=name)
        first = folded.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
        if first != name:
            message = f"{first!r} and {name!r} are one file on some systems"
            yield opened.found(Diagnosis("PA221"), message, name=name)
        secret = _SECRET.search(name)
        if secret or _LEFT_OVER.search(name):
            certain = secret is not None and not is_example(name)
            message = f"{name} must not be published"
            yield opened.found(Diagnosis("PA211"), message, name=name, certain=certain)
        if _CONTROL.search(name):
            odd.append(repr(name))
        if _OBFUSCATED.fullmatch(name):
            hidden.append(name)
        if each.special:
            yield opened.found(known.UNSAFE_LINK, f"{name} is a device or pipe", hint="Leave it out.")
        elif each.link is not None:
            yield _link_finding(opened, each, seen)
        seen.add(name)
    problems = [*opened.oddities]
    if odd:
        problems.append(f"names with control characters: {listed(odd)}")
    if hidden:
        problems.append(f"code that PyArmor or SourceDefender made unreadable: {listed(hidden)}")
    for problem in problems:
        yield opened.found(Diagnosis("PA267"), problem)


def _link_finding(opened: Opened, member: Member, earlier: Iterable[str]) -> Finding:
    link = member.link or ""
    if not member.hard:
        inside = not opened.is_wheel and _stays(member.name, link)
        message = f"{member.name} is a link to {link!r}"
        return opened.found(Diagnosis("PA220") if inside else known.UNSAFE_LINK, message)
    message = f"{member.name} is a hard link to {link!r}"
    if posixpath.normpath(link) in map(posixpath.normpath, earlier):
        return opened.found(Diagnosis("PA263"), message)
    return opened.found(known.UNSAFE_LINK, f"{message}, which is not an earlier file of the sdist")


def _stays(name: str, link: str) -> bool:
    """Whether a symbolic link in an sdist, which is relative to its folder, leads to something in the top-level one."""
    top = name.split("/", 1)[0]
    target = posixpath.normpath(posixpath.join(posixpath.dirname(name), link))
    return not link.startswith("/") and (target == top or target.startswith(top + "/"))


def check_layout(opened: Opened) -> Iterator[Finding]:
    """https://packaging.python.org/specifications/source-distribution-format/: one top-level folder."""
    paths = [posixpath.normpath(each.name).split("/") for each in opened.members]
    tops = {parts[0] for parts in paths if len(parts) > 1}
    loose = [parts[0] for parts in paths if len(parts) == 1]
    if loose or len(tops) > 1:
        what = loose[0] if loose else "the folders " + ", ".join(sorted(tops))
        yield opened.found(Diagnosis("PA218"), f"the sdist has {what} at its top")


def check_contents(opened: Opened) -> Iterator[Finding]:
    """What a wheel installs, and what it should not install."""
    loose, odd = [], []
    contents = [each.name for each in opened.members if ".dist-info/" not in each.name]
    compiled = [each for each in contents if each.endswith(_BYTECODE)]
    if not contents:
        message = f"{opened.distribution.filename} holds nothing but its metadata"
        yield opened.found(Diagnosis("PA216"), message)
        return
    tops: set[str] = set()
    folders: dict[str, bool] = {}  # each with whether it holds a module
    groups: dict[tuple[int, int] | None, list[str]] = {}
    for name, member in opened.installed().items():
        top, slash, _ = name.partition("/")
        if slash:
            is_module = name.endswith((*_MODULES, ".pyi"))
            folders[top] = folders.get(top, False) or is_module
            if is_module and not _is_importable(name):
                odd.append(name)
            tops.add(top.removesuffix("-stubs"))
        elif name == "__init__.py" or not name.endswith(_AT_THE_TOP):
            loose.append(name)
        if not slash and name.endswith(_MODULES):
            tops.add(name.split(".", 1)[0])
        # Licences and `__init__.py`s are often the same.
        if member.size > _SMALL and not name.endswith("/__init__.py") and ".dist-info/" not in name:
            groups.setdefault(member.fingerprint, []).append(name)
    own = opened.distribution.project.replace("-", "_")
    common = sorted((tops & _COMMON) - {own})
    public = [top for top in sorted(tops - _COMMON) if not top.startswith("_")]
    without = [top for top, has_module in folders.items() if not has_module]
    alike = [" and ".join(names[:2]) for names in groups.values() if len(names) > 1]
    yield from opened.found_in(Diagnosis("PA227"), "compiled Python", compiled)
    yield from opened.found_in(Diagnosis("PA228"), "files beside the packages", loose)
    yield from opened.found_in(Diagnosis("PA229"), "top-level names that many projects use", common)
    if len(public) > 1:
        yield from opened.found_in(Diagnosis("PA248"), "several top-level names", public)
    yield from opened.found_in(known.NOT_IMPORTABLE, "modules in folders that cannot be imported", odd)
    yield from opened.found_in(known.NOT_IMPORTABLE, "top-level folders without a module", without)
    yield from opened.found_in(Diagnosis("PA241"), "files with the same content", alike)


def _is_importable(name: str) -> bool:
    first, *others = name.split("/")[:-1]
    for each in (first.removesuffix("-stubs"), *others):
        if not each.isidentifier() or keyword.iskeyword(each):
            return False
    return True
