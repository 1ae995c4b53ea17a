"""Core metadata: from the bytes of METADATA or PKG-INFO to headers, and to the fields of an upload."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from email.parser import HeaderParser
from email.policy import compat32
from typing import NamedTuple

from publish_all._json import whole_number

# Every other header is written with capitals (https://packaging.python.org/specifications/core-metadata/).
_SPELLING = {
    "Download-Url": "Download-URL",
    "Project-Url": "Project-URL",
    "Home-Page": "Home-page",
    "Author-Email": "Author-email",
    "Maintainer-Email": "Maintainer-email",
}
# Where `packaging` has another name for a field than the form of an upload.
_FORM_NAMES = {
    "license_files": "license_file",
    "platforms": "platform",
    "supported_platforms": "supported_platform",
    "import_names": "import_name",
    "import_namespaces": "import_namespace",
}


class CoreMetadata(NamedTuple):
    """The headers, in the spelling of the specification, values in order; and the description.

    The description is the body (metadata 2.1 and later) or, without one, the header of that name.
    """

    headers: Mapping[str, tuple[str, ...]]
    description: str


def parse_metadata(content: bytes) -> CoreMetadata:
    """Parse METADATA or PKG-INFO. Anything is accepted that has the form of headers."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        # It accepts all bytes, for old files that are not UTF-8 as the specification says.
        text = content.decode("latin-1")
    message = HeaderParser(policy=compat32).parsestr(text)
    found: dict[str, list[str]] = {}
    for name, value in message.items():
        found.setdefault(_SPELLING.get(name.title(), name.title()), []).append(str(value))
    headers = {name: tuple(values) for name, values in found.items()}
    body = message.get_payload()
    description = body if isinstance(body, str) else ""
    if not description.strip() and "Description" in headers:
        description = _unfold(headers["Description"][0])
    return CoreMetadata(headers=headers, description=description)


def form_fields(content: bytes, description: str) -> Iterator[tuple[str, str]]:
    """The form fields of PyPI's upload API for METADATA or PKG-INFO, as pairs of field and value.

    It is what `packaging` reads, as PyPI does itself. Fields that may be repeated come once for each value.
    """
    from packaging.metadata import parse_email  # not in isolated builds

    raw, _ = parse_email(content)
    for field, value in raw.items():
        if field == "description" or (
            field == "license_files" and not knows_licence_files(raw.get("metadata_version", ""))
        ):
            continue
        match value:
            case dict():
                values = [f"{label}, {url}" for label, url in value.items()]
            case list():
                values = [",".join(value)] if field == "keywords" else value
            case _:
                values = [str(value)]
        for each in values:
            text = _unfold(each) if field == "license" else " ".join(each.split())
            yield _FORM_NAMES.get(field, field), text
    if description:
        yield "description", description


def knows_licence_files(version: str) -> bool:
    """Whether `License-File` may be in metadata of this version: build backends wrote it long before 2.4 (PEP 639).

    PyPI refuses the field in a form of an older version, so it is left out, as twine does.
    """
    major, _, minor = version.partition(".")
    return (whole_number(major) or 0, whole_number(minor.partition(".")[0]) or 0) >= (2, 4)


def _unfold(value: str) -> str:
    """A value of several lines without the indentation of those after the first.

    Metadata before 2.1 marks the lines of a description with seven spaces and a bar.
    """
    first, newline, rest = value.partition("\n")
    marked = [line.lstrip(" ").startswith("|") for line in rest.splitlines() if line.strip()]
    if marked and all(marked):
        return first + newline + "\n".join(line.lstrip(" ").removeprefix("|") for line in rest.splitlines())
    return first + newline + textwrap.dedent(rest)
