"""Checks of values whose form a standard fixes. Each says what is wrong, or None.

`packaging` is imported only for what is not plain to see: an isolated build reads the configuration on
its way to the version, where that import would cost more than all the rest.
"""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9]", re.IGNORECASE | re.ASCII)
_RELEASE = r"[0-9]+(?:\.[0-9]+)*"
_CLAUSE = rf"(?:(?:>=|<=|<|>|==|!=) *{_RELEASE}|(?:==|!=) *{_RELEASE}\.\*|~= *[0-9]+(?:\.[0-9]+)+)"
# A part of PEP 508 and PEP 440 in which no mistake is possible: `name[extra]>=1.2,<2`.
_PLAIN_SPECIFIERS = re.compile(rf"{_CLAUSE}(?: *, *{_CLAUSE})*")
_PLAIN_REQUIREMENT = re.compile(
    rf"[A-Za-z0-9]+(?:[-_.][A-Za-z0-9]+)*(?:\[[A-Za-z0-9]+\])? *(?:{_PLAIN_SPECIFIERS.pattern})?"
)
_TAG_PART = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*", re.IGNORECASE | re.ASCII)
_LOCAL = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*", re.IGNORECASE | re.ASCII)


def name_problem(name: str) -> str | None:
    """The name of a distribution (PyPA name format)."""
    if _NAME.fullmatch(name):
        return None
    if re.search(r"[\s<>=!~;\[@(]", name):
        return f"must be the name of a distribution alone, not {name!r}"
    return f"{name!r} is not the name of a distribution: letters, digits, '-', '_' and '.' only, no mark at either end"


def requirement_problem(text: str) -> str | None:
    """A dependency specifier (PEP 508)."""
    if _PLAIN_REQUIREMENT.fullmatch(text):
        return None
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        Requirement(text)
    except InvalidRequirement as error:
        return f"{text!r} is not a dependency specifier (PEP 508): {_first_line(error)}"
    return None


def specifiers_problem(text: str) -> str | None:
    """A version specifier set (PEP 440), as in requires-python."""
    if _PLAIN_SPECIFIERS.fullmatch(text):
        return None
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        return f"{text!r} is not a version specifier (as '>=3.10')"
    return None


def version_problem(text: str) -> str | None:
    """A version (PEP 440)."""
    if re.fullmatch(_RELEASE, text):
        return None
    from packaging.version import InvalidVersion, Version

    try:
        Version(text)
    except InvalidVersion:
        return f"{text!r} is not a version (PEP 440)"
    return None


def local_version_problem(text: str) -> str | None:
    """What may follow the `+` of a version (PEP 440, local version identifiers)."""
    if _LOCAL.fullmatch(text):
        return None
    return f"{text!r} can't follow the '+' of a version: letters and digits, parted by '.'; no '+'"


def wheel_tag_problem(tag: str) -> str | None:
    """A tag or compressed tag set (PEP 425), with a build number before it if need be."""
    *build, python, abi, platform = ["", "", "", *tag.split("-")][-max(3, tag.count("-") + 1) :]
    parts_are_right = all(_TAG_PART.fullmatch(each) for each in (python, abi, platform))
    build_is_right = not build or (
        len(build) == 1 and re.fullmatch(r"[0-9][0-9A-Za-z_]*", build[0]) is not None
    )
    if parts_are_right and build_is_right:
        return None
    return f"{tag!r} is not a wheel's tag (python-abi-platform, as 'py3-none-manylinux_2_28_x86_64')"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
