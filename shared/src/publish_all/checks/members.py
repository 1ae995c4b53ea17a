"""Checks on the members of archives: safe and unique paths, and in wheels what they install."""

from __future__ import annotations

import keyword
import posixpath
import re
import unicodedata
from collections.abc import Iterator
from fnmatch import translate
from functools import lru_cache

from publish_all.checks.opened import Opened, listed
from publish_all.checks.secrets import is_example
from publish_all.diagnoses import (
    ARCHIVE_NOT_TAKEN,
    BYTECODE_SHIPPED,
    COMMON_TOP_LEVEL,
    EMPTY_WHEEL,
    FORBIDDEN_FILE,
    HARD_LINK_IN_SDIST,
    LINK_IN_SDIST,
    NOT_IMPORTABLE,
    OUTSIDE_OF_PACKAGES,
    PATHS_COLLIDE,
    SAME_CONTENT,
    SDIST_LAYOUT,
    SEVERAL_TOP_LEVELS,
    UNSAFE_LINK,
    UNSAFE_PATH,
)
from publish_all.findings import Finding

_SECRET_NAMES = (
    ".env", ".env.*", ".pypirc", ".netrc", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", ".aws", ".ssh", ".htpasswd",
    ".git-credentials",
)  # fmt: skip
_LEFT_OVER_NAMES = ("*.pfx", "*.p12", "*.jks", "*.keystore", ".git", ".hg", ".svn", ".DS_Store")
_SECRET = re.compile("|".join(map(translate, _SECRET_NAMES)))
_LEFT_OVER = re.compile("|".join(map(translate, _LEFT_OVER_NAMES)))
_HARMLESS = (".env.example", ".env.sample", ".env.template", ".env.dist")
_MODULES = (".py", ".pyd", ".so")
_BYTECODE = (".pyc", ".pyo")
_AT_THE_TOP = (*_MODULES, *_BYTECODE, ".pyi", ".pth")
# Names that projects use for what is not their library. One that a project is itself called is its own.
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


def check_paths(opened: Opened) -> Iterator[Finding]:
    """All that names alone tell: nothing lies outside, is there twice, or has a name of a file with credentials."""
    seen: set[str] = set()
    folded: dict[str, str] = {}
    for name in (each.name for each in opened.members):
        if name.startswith("/") or ".." in name.split("/") or "\\" in name or ":" in name[1:2]:
            yield opened.found(UNSAFE_PATH, f"unsafe path {name!r}", name=name)
        if name in seen:
            yield opened.found(UNSAFE_PATH, f"{name!r} is in the archive twice", name=name)
        seen.add(name)
        first = folded.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
        if first != name:
            yield opened.found(
                PATHS_COLLIDE, f"{first!r} and {name!r} are one file on some systems", name=name
            )
        parts = name.split("/")
        secret = any(map(_is_secret, parts))
        if secret or any(map(_is_left_over, parts)):
            certain = secret and not is_example(name)
            yield opened.found(FORBIDDEN_FILE, f"{name} must not be published", name=name, certain=certain)


@lru_cache(maxsize=4096)
def _is_secret(part: str) -> bool:
    return part not in _HARMLESS and _SECRET.fullmatch(part) is not None


@lru_cache(maxsize=4096)
def _is_left_over(part: str) -> bool:
    return _LEFT_OVER.fullmatch(part) is not None


def check_links(opened: Opened) -> Iterator[Finding]:
    """Links, devices and pipes. A link to another file of the sdist is only a warning."""
    earlier: set[str] = set()
    for each in opened.members:
        if each.special:
            yield opened.found(UNSAFE_LINK, f"{each.name} is a device or pipe", hint="Leave it out.")
        elif each.hard and each.link is not None:
            message = f"{each.name} is a hard link to {each.link!r}"
            if posixpath.normpath(each.link) in earlier:
                yield opened.found(HARD_LINK_IN_SDIST, message)
            else:
                yield opened.found(UNSAFE_LINK, f"{message}, which is not an earlier file of the sdist")
        elif each.link is not None:
            inside = not opened.is_wheel and _stays(each.name, each.link)
            yield opened.found(
                LINK_IN_SDIST if inside else UNSAFE_LINK, f"{each.name} is a link to {each.link!r}"
            )
        earlier.add(posixpath.normpath(each.name))


def _stays(name: str, link: str) -> bool:
    """Whether a symbolic link in an sdist, which is relative to its folder, leads to something in the top-level one."""
    top = name.split("/", 1)[0]
    target = posixpath.normpath(posixpath.join(posixpath.dirname(name), link))
    return not link.startswith("/") and (target == top or target.startswith(top + "/"))


def check_layout(opened: Opened) -> Iterator[Finding]:
    """https://packaging.python.org/specifications/source-distribution-format/: one top-level folder."""
    if opened.is_wheel:
        return
    paths = [posixpath.normpath(each.name).split("/") for each in opened.members]
    tops = {parts[0] for parts in paths if len(parts) > 1}
    loose = [parts[0] for parts in paths if len(parts) == 1]
    if loose or len(tops) > 1:
        what = loose[0] if loose else "the folders " + ", ".join(sorted(tops))
        yield opened.found(SDIST_LAYOUT, f"the sdist has {what} at its top")


def check_contents(opened: Opened) -> Iterator[Finding]:
    """What a wheel installs, and what it should not install."""
    if not opened.is_wheel:
        return
    if all(".dist-info/" in each.name for each in opened.members):
        yield opened.found(EMPTY_WHEEL, f"{opened.distribution.filename} holds nothing but its metadata")
        return
    names = list(opened.installed())
    compiled = [each.name for each in opened.members if each.name.endswith(_BYTECODE)]
    yield from opened.found_in(BYTECODE_SHIPPED, "compiled Python", compiled)
    loose = [
        name
        for name in names
        if "/" not in name and (name == "__init__.py" or not name.endswith(_AT_THE_TOP))
    ]
    yield from opened.found_in(OUTSIDE_OF_PACKAGES, "files beside the packages", loose)
    tops = sorted({_top_level(name) for name in names} - {""})
    own = opened.distribution.project.replace("-", "_")
    common = [top for top in tops if top in _COMMON and top != own]
    yield from opened.found_in(COMMON_TOP_LEVEL, "top-level names that many projects use", common)
    public = [top for top in tops if not top.startswith("_") and top not in _COMMON]
    if len(public) > 1:
        yield from opened.found_in(SEVERAL_TOP_LEVELS, "several top-level names", public)
    yield from _not_importable(opened, names)
    yield from _same_content(opened)


def _top_level(name: str) -> str:
    """The top-level name that a file installs; nothing for files that are no modules."""
    top, slash, _ = name.partition("/")
    if slash:
        return top.removesuffix("-stubs")
    return top.split(".", 1)[0] if top.endswith(_MODULES) else ""


def _not_importable(opened: Opened, names: list[str]) -> Iterator[Finding]:
    modules = [name for name in names if "/" in name and name.endswith((*_MODULES, ".pyi"))]
    odd = [name for name in modules if not _is_importable(name)]
    yield from opened.found_in(NOT_IMPORTABLE, "modules in folders that are no identifiers", odd)
    folders = dict.fromkeys(name.split("/", 1)[0] for name in names if "/" in name)
    with_modules = {name.split("/", 1)[0] for name in modules}
    without = [each for each in folders if each not in with_modules]
    yield from opened.found_in(NOT_IMPORTABLE, "top-level folders without a module", without)


def _is_importable(name: str) -> bool:
    first, *others = name.split("/")[:-1]
    folders = (first.removesuffix("-stubs"), *others)
    return all(each.isidentifier() and not keyword.iskeyword(each) for each in folders)


def _same_content(opened: Opened) -> Iterator[Finding]:
    """One finding for all groups of files that are the same; licences and `__init__.py`s often are."""
    groups: dict[tuple[int, int] | None, list[str]] = {}
    for name, each in opened.installed().items():
        if each.size > _SMALL and not name.endswith("/__init__.py") and ".dist-info/" not in name:
            groups.setdefault(each.fingerprint, []).append(name)
    alike = [" and ".join(names[:2]) for names in groups.values() if len(names) > 1]
    yield from opened.found_in(SAME_CONTENT, "files with the same content", alike)


def check_archive_for_index(opened: Opened) -> Iterator[Finding]:
    """Archives that can be read in two ways, or hide what they hold."""
    odd = [each.name for each in opened.members if _CONTROL.search(each.name)]
    hidden = [each.name for each in opened.members if _OBFUSCATED.fullmatch(each.name)]
    problems = [
        *opened.oddities,
        *([f"names with control characters: {listed([repr(each) for each in odd])}"] if odd else ()),
        *([f"code that PyArmor or SourceDefender made unreadable: {listed(hidden)}"] if hidden else ()),
    ]
    for problem in problems:
        yield opened.found(ARCHIVE_NOT_TAKEN, problem)


CHECKS = (check_paths, check_links, check_layout, check_contents, check_archive_for_index)
