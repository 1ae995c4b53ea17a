"""Checks that a wheel's name, its `.dist-info` folder and its WHEEL file say the same."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from email.parser import HeaderParser

from packaging.tags import Tag, parse_tag
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from publish_all.checks.audience import Audience
from publish_all.diagnoses import WHEEL_FILE_DISAGREES
from publish_all.distributions.distribution import Distribution, DistributionKind
from publish_all.findings import Finding

_READ_LIMIT = 1 << 20


def check_wheel_file(distribution: Distribution, audience: Audience) -> Iterator[Finding]:
    """https://packaging.python.org/specifications/binary-distribution-format/#file-contents."""
    del audience
    if distribution.kind is not DistributionKind.WHEEL:
        return
    try:
        with zipfile.ZipFile(distribution.path) as opened:
            problems = list(_problems(distribution, opened))
    except (OSError, zipfile.BadZipFile):
        return  # the check of the members says so
    for each in problems:
        yield WHEEL_FILE_DISAGREES.found(
            each, where=distribution.filename, hint="Build it again; do not rename or edit wheels by hand."
        )


def _problems(distribution: Distribution, opened: zipfile.ZipFile) -> Iterator[str]:
    names = opened.namelist()
    folders = sorted({name.split("/", 1)[0] for name in names if "/" in name})
    for suffix in (".dist-info", ".data"):
        found = [each for each in folders if each.endswith(suffix)]
        yield from _folders(distribution, suffix, found)
    folder = next((each for each in folders if each.endswith(".dist-info")), None)
    if folder is None:
        return
    if f"{folder}/WHEEL" not in names:
        yield "the wheel has no WHEEL file"
        return
    info = opened.getinfo(f"{folder}/WHEEL")
    text = opened.read(info).decode(errors="replace") if info.file_size <= _READ_LIMIT else ""
    yield from _headers(distribution, text)


def _folders(distribution: Distribution, suffix: str, found: Sequence[str]) -> Iterator[str]:
    if len(found) > 1:
        yield f"the wheel has several {suffix} folders: {', '.join(found)}"
    for each in found[:1]:
        name, _, version = each.removesuffix(suffix).partition("-")
        if canonicalize_name(name) != distribution.project or not _same(version, distribution.version):
            yield f"the folder {each} is not named for {distribution.project} {distribution.version}"


def _same(text: str, version: Version) -> bool:
    """Build backends write `+` and `-` of a version as `_` in names of folders."""
    try:
        return Version(text.replace("_", "+", 1)) == version or Version(text.replace("_", "-")) == version
    except InvalidVersion:
        return False


def _headers(distribution: Distribution, text: str) -> Iterator[str]:
    message = HeaderParser().parsestr(text)
    if message["Wheel-Version"] is None:
        yield "WHEEL states no Wheel-Version"
    elif message["Wheel-Version"].split(".")[0].strip() != "1":
        yield f"WHEEL states the Wheel-Version {message['Wheel-Version']}, which installers do not know"
    if (message["Root-Is-Purelib"] or "").strip().lower() not in {"true", "false"}:
        yield "WHEEL does not state whether Root-Is-Purelib"
    stated = {tag for each in message.get_all("Tag", []) for tag in parse_tag(each.strip())}
    named = _tags_of(distribution.tag or "")
    if stated != named:
        yield f"WHEEL states the tags {_listed(stated)}, the file's name {_listed(named)}"
    build = _build_number(distribution.tag or "")
    if (message["Build"] or "").strip() != build:
        yield f"WHEEL states the build number {message['Build'] or 'none'}, the file's name {build or 'none'}"


def _tags_of(tag: str) -> frozenset[Tag]:
    return parse_tag("-".join(tag.split("-")[-3:]))


def _build_number(tag: str) -> str:
    return tag.split("-", maxsplit=1)[0] if tag.count("-") == 3 else ""


def _listed(tags: set[Tag] | frozenset[Tag]) -> str:
    return ", ".join(sorted(map(str, tags))) or "none"
