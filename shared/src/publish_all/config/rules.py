"""Rules for single values: names, versions, paths. Each function returns the problem with a value, or None.

Paths use `/` on all systems, and are relative to the root of the project or of the stage. `packaging` is imported only
for values that are not simple, because isolated builds read the configuration to find the version, and that import would
take most of the time.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_NAME = re.compile(r"[A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9]", re.IGNORECASE | re.ASCII)
_RELEASE = r"[0-9]+(?:\.[0-9]+)*"
_CLAUSE = rf"(?:(?:>=|<=|<|>|==|!=) *{_RELEASE}|(?:==|!=) *{_RELEASE}\.\*|~= *[0-9]+(?:\.[0-9]+)+)"
# A subset of PEP 508 and PEP 440 that is always valid: `name[extra]>=1.2,<2`.
_PLAIN_SPECIFIERS = re.compile(rf"{_CLAUSE}(?: *, *{_CLAUSE})*")
_PLAIN_REQUIREMENT = re.compile(
    rf"[A-Za-z0-9]+(?:[-_.][A-Za-z0-9]+)*(?:\[[A-Za-z0-9]+\])? *(?:{_PLAIN_SPECIFIERS.pattern})?"
)
_TAGS = r"\w+(?:\.\w+)*"
_TAG = re.compile(rf"(?:[0-9]\w*-)?{_TAGS}-{_TAGS}-{_TAGS}", re.ASCII)
_LOCAL = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*", re.IGNORECASE | re.ASCII)
_DRIVE = re.compile(r"[A-Za-z]:")
_REPOSITORY = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_OWNER = re.compile(r"[A-Za-z0-9_.-]+")
_RESERVED = re.compile(r"_TOKEN_FOR(_|$)|^REPOSITORIES(_|$)|^SERVE$|^VERSION_FOR(_|$)")
"""Parts of variable names that have another meaning."""


def not_empty(text: str) -> str | None:
    return None if text.strip() else "must not be empty"


# --- standards


def distribution_problem(name: str) -> str | None:
    """The name of a distribution (PyPA name format)."""
    if _NAME.fullmatch(name):
        return None
    return f"{name!r} is not a valid distribution name: use letters, digits, '-', '_' and '.', with a letter or digit at both ends"


def requirement_problem(text: str) -> str | None:
    """A dependency specifier (PEP 508)."""
    if _PLAIN_REQUIREMENT.fullmatch(text):
        return None
    from packaging.requirements import Requirement

    return _unreadable(text, Requirement, "a dependency specifier (PEP 508)")


def specifiers_problem(text: str) -> str | None:
    """A version specifier set (PEP 440), as in requires-python."""
    if _PLAIN_SPECIFIERS.fullmatch(text):
        return None
    from packaging.specifiers import SpecifierSet

    return _unreadable(text, SpecifierSet, "a version specifier (such as '>=3.10')")


def version_problem(text: str) -> str | None:
    """A version (PEP 440)."""
    if re.fullmatch(_RELEASE, text):
        return None
    from packaging.version import Version

    return _unreadable(text, Version, "a version (PEP 440)")


def _unreadable(text: str, read: Callable[[str], object], what: str) -> str | None:
    try:
        read(text)
    except ValueError as error:
        return f"{text!r} is not {what}: {str(error).splitlines()[0]}"
    return None


def local_version_problem(text: str) -> str | None:
    """The part after the `+` of a version (PEP 440, local version identifiers)."""
    if _LOCAL.fullmatch(text):
        return None
    return f"{text!r} is not a valid local version: use letters and digits, separated by '.', without '+'"


def wheel_tag_problem(tag: str) -> str | None:
    """A tag or compressed tag set (PEP 425), with an optional build number before it."""
    if _TAG.fullmatch(tag):
        return None
    return f"{tag!r} is not a valid wheel tag (python-abi-platform, such as 'py3-none-manylinux_2_28_x86_64')"


# --- paths


def source_problem(path: str) -> str | None:
    """A path in the project."""
    if path.startswith(("/", "\\")) or _DRIVE.match(path):
        return f"{path!r} must be relative to the root of the project"
    return path_problem(path)


def glob_problem(path: str) -> str | None:
    """As `source_problem`, for a path that may be a glob."""
    if any("**" in part and part != "**" for part in path.split("/")):
        return f"{path!r} has a ** that is not a complete part of the path, as in docs/**/*.toml"
    return source_problem(path)


def target_problem(path: str) -> str | None:
    """A path that must stay inside the wheel, the stage or the project."""
    trouble = source_problem(path)
    if trouble is None and ".." in path.replace("\\", "/").split("/"):
        return f"{path!r} leaves the folder that it is relative to"
    return trouble


def path_problem(path: str) -> str | None:
    """The path of a folder at any place."""
    if not path:
        return "must not be empty"
    return f"{path!r} contains control characters" if not path.isprintable() else None


# --- repositories


def name_problem(name: str) -> str | None:
    """The name of a repository, which is also a part of variable names.

    Each variable must belong to one repository only, so that its token is not sent to another one:
    PUBLISH_ALL_PYPI_TOKEN_FOR_JWT_TOKEN is the token of `pypi` for the project jwt-token, and would also be
    the token of a repository `pypi-token-for-jwt`.
    """
    if not _REPOSITORY.fullmatch(name):
        return f"{name!r} is not a valid repository name: use letters, digits, '-', '_' and '.', with a letter or digit at both ends"
    if _RESERVED.search(variable_part(name)):
        return f"{name!r} is not a valid repository name: its environment variables have another meaning"
    return None


def variable_part(name: str) -> str:
    """A name as a part of variable names."""
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def owner_problem(owner: str) -> str | None:
    """The name of a GitHub user or organisation, which becomes a part of a URL."""
    return None if _OWNER.fullmatch(owner) and owner.strip(".") else f"{owner!r} is not a valid GitHub owner"


def link_problem(value: str) -> str | None:
    owner, slash, repository = value.partition("/")
    if slash and owner_problem(owner) is None and owner_problem(repository) is None:
        return None
    return f"{value!r} must be OWNER/REPOSITORY on GitHub"
