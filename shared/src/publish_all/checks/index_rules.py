"""What PyPI's server refuses in archives and metadata, found before the upload.

The rules are those of https://github.com/pypi/warehouse: `warehouse/forklift/legacy.py`, `warehouse/forklift/metadata.py`
and `warehouse/utils/zipfiles.py`, seen on that server in autumn 2026.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from email.utils import getaddresses
from urllib.parse import urlsplit

from packaging.version import InvalidVersion, Version

from publish_all.checks.opened import Opened, listed
from publish_all.diagnoses import ARCHIVE_NOT_TAKEN, METADATA_NOT_TAKEN, VARIANT_LABEL
from publish_all.distributions.distribution import variant_label
from publish_all.findings import Finding

# RFC 6761, 7686 and 8375: domains that are never those of an address.
_NO_DOMAINS = ("arpa", "invalid", "local", "localhost", "onion", "test")
_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\\\"]+@(?P<domain>(?:[^\s@.<>\[\]]+\.)+(?P<top>[^\s@.<>\[\]]+))")
_NO_SCRIPT = re.compile(r"[/\\]|^\.|^$|[\x00-\x1f]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What the two obfuscators write: https://pyarmor.readthedocs.io, https://pypi.org/project/sourcedefender.
_OBFUSCATED = re.compile(r"(?:.*/)?(?:pyarmor_runtime(?:_\d+)?|pytransform)/.*|.*\.pye")


def check_metadata_for_index(opened: Opened) -> Iterator[Finding]:
    """Fields that the core metadata allows, or says nothing about, and PyPI refuses."""
    for problem in (
        *_contacts(opened),
        *_urls(opened),
        *_licences(opened),
        *_provided(opened),
        *_commands(opened),
    ):
        yield opened.found(METADATA_NOT_TAKEN, problem)


def _contacts(opened: Opened) -> Iterator[str]:
    for field in ("Author-email", "Maintainer-email"):
        for _, address in getaddresses(opened.distribution.metadata.get(field, ())):
            found = _ADDRESS.fullmatch(address)
            if address and (found is None or found["top"].lower() in _NO_DOMAINS):
                yield f"{field} has {address!r}, which is not an e-mail address"


def _urls(opened: Opened) -> Iterator[str]:
    stated = [(field, opened.distribution.header(field) or "") for field in ("Home-page", "Download-URL")]
    for entry in opened.distribution.metadata.get("Project-URL", ()):
        label, comma, url = entry.partition(",")
        if not comma or not label.strip():
            yield f"Project-URL must be a label, a comma and a URL, not {entry!r}"
        else:
            stated.append((f"Project-URL {label.strip()!r}", url))
    for field, url in stated:
        if url.strip() not in {"", "UNKNOWN"} and not _is_web_address(url.strip()):
            yield f"{field} has {url.strip()!r}, which is not an http or https URL"


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"\s", url)
    except ValueError:
        return False


def _licences(opened: Opened) -> Iterator[str]:
    metadata = opened.distribution.metadata
    if metadata.get("License-Expression") and any(each.strip() for each in metadata.get("License", ())):
        yield "License and License-Expression are both stated; PyPI takes only one of them"
    # PEP 639: metadata 2.4 says where they lie; before that the field is setuptools' own.
    if not opened.readable or not _states_licence_files(opened):
        return
    held = {name.partition("/")[2] for name in (each.name.removeprefix("./") for each in opened.members)}
    prefix = "licenses/" if opened.is_wheel else ""
    lacking = [each for each in metadata.get("License-File", ()) if prefix + each.strip() not in held]
    if lacking:
        yield f"License-File names files that are not in the archive: {listed(lacking)}"


def _states_licence_files(opened: Opened) -> bool:
    try:
        return Version(opened.distribution.header("Metadata-Version") or "0") >= Version("2.4")
    except InvalidVersion:
        return False


def _provided(opened: Opened) -> Iterator[str]:
    for field, entry in opened.distribution.broken_requirements("Provides-Dist", "Obsoletes-Dist"):
        yield f"{field} has {entry!r}, which is not a requirement; PyPI's server answers 500 to it"


def _commands(opened: Opened) -> Iterator[str]:
    """entry_points.txt: https://packaging.python.org/specifications/entry-points/."""
    if "entry_points.txt" not in opened.texts:
        return
    parser = configparser.RawConfigParser(delimiters=("=",), strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as the specification says
    try:
        parser.read_string(opened.texts["entry_points.txt"].decode())
    except (configparser.Error, UnicodeDecodeError) as error:
        yield f"entry_points.txt cannot be read: {' '.join(str(error).split())}"
        return
    for group in ("console_scripts", "gui_scripts"):
        for name in parser.options(group) if parser.has_section(group) else ():
            if _NO_SCRIPT.search(name):
                yield f"entry_points.txt has the command {name!r}, which is no name of a file"


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


def check_variant_label(opened: Opened) -> Iterator[Finding]:
    """Wheels of a variant (PEP 825, a draft): uv's preview installs them, folders and registries hold them."""
    label = variant_label(opened.distribution.filename)
    if label is not None and opened.public:
        yield opened.found(
            VARIANT_LABEL, f"{opened.indexes} will refuse a wheel with the variant label {label!r}"
        )


def check_sdists(files: list[Opened]) -> Iterator[Finding]:
    """A release has one sdist: https://peps.python.org/pep-0527/."""
    sdists = [each for each in files if not each.is_wheel]
    for each in sdists[1:]:
        yield each.found(
            METADATA_NOT_TAKEN,
            f"{each.distribution.filename} is a second sdist of the release, beside {sdists[0].distribution.filename}",
        )


CHECKS = (check_metadata_for_index, check_variant_label)
CHECKS_OF_ARCHIVE = (check_archive_for_index,)
