"""Core metadata: from the bytes of METADATA or PKG-INFO to headers, and from headers to the fields of an upload."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from email.parser import HeaderParser
from email.policy import compat32

from publish_all._json import whole_number
from publish_all._values import dataclass

# https://packaging.python.org/specifications/core-metadata/ (1.0 to 2.5), header by header, with the
# name of the form field in PyPI's legacy upload API. Most that may be repeated have a plural there.
_FORM_FIELDS = {
    "Metadata-Version": "metadata_version",
    "Name": "name",
    "Version": "version",
    "Dynamic": "dynamic",
    "Platform": "platform",
    "Supported-Platform": "supported_platform",
    "Summary": "summary",
    "Description": "description",
    "Description-Content-Type": "description_content_type",
    "Keywords": "keywords",
    "Home-page": "home_page",
    "Download-URL": "download_url",
    "Author": "author",
    "Author-email": "author_email",
    "Maintainer": "maintainer",
    "Maintainer-email": "maintainer_email",
    "License": "license",
    "License-Expression": "license_expression",
    "License-File": "license_file",
    "Classifier": "classifiers",
    "Requires": "requires",
    "Provides": "provides",
    "Obsoletes": "obsoletes",
    "Requires-Dist": "requires_dist",
    "Provides-Dist": "provides_dist",
    "Obsoletes-Dist": "obsoletes_dist",
    "Requires-Python": "requires_python",
    "Requires-External": "requires_external",
    "Project-URL": "project_urls",
    "Provides-Extra": "provides_extra",
    "Import-Name": "import_name",
    "Import-Namespace": "import_namespace",
}
_SPELLING = {name.lower(): name for name in _FORM_FIELDS}
_KEEP_LINES = frozenset({"Description", "License"})


@dataclass(frozen=True, kw_only=True, slots=True)
class CoreMetadata:
    """The headers, in the spelling of the specification, values in order; and the description.

    The description is the body (metadata 2.1 and later) or, without one, the header of that name.
    """

    headers: Mapping[str, tuple[str, ...]]
    description: str


def parse_metadata(content: bytes) -> CoreMetadata:
    """Parse METADATA or PKG-INFO. Anything is accepted that has the form of headers."""
    message = HeaderParser(policy=compat32).parsestr(_decode(content))
    found: dict[str, list[str]] = {}
    for name, value in message.items():
        found.setdefault(_SPELLING.get(name.lower(), name), []).append(str(value))
    headers = {name: tuple(values) for name, values in found.items()}
    body = message.get_payload()
    description = body if isinstance(body, str) else ""
    if not description.strip() and "Description" in headers:
        description = _unfold(headers["Description"][0])
    return CoreMetadata(headers=headers, description=description)


def form_fields(headers: Mapping[str, tuple[str, ...]], description: str) -> Iterator[tuple[str, str]]:
    """What the legacy upload API wants to know, as pairs of field and value, in the order of the headers.

    Fields that may be repeated come once for each value. Headers which the API does not know are left out.
    """
    for name, values in headers.items():
        field = _FORM_FIELDS.get(name)
        if name == "License-File" and not knows_licence_files(headers):
            continue
        if field is not None and name != "Description":
            for value in values:
                yield field, _unfold(value) if name in _KEEP_LINES else " ".join(value.split())
    if description:
        yield "description", description


def knows_licence_files(headers: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether `License-File` may be there: build backends wrote it long before metadata 2.4 (PEP 639) defined it.

    PyPI refuses the field in a form of an older version, so it is left out, as twine does.
    """
    version = headers.get("Metadata-Version", ("",))[0]
    numbers = [whole_number(each) for each in version.split(".")]
    return None not in numbers and [each or 0 for each in numbers] >= [2, 4]


def _decode(content: bytes) -> str:
    """UTF-8 as the specification says; Latin-1, which accepts all bytes, for old files that are not."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _unfold(value: str) -> str:
    """A value of several lines without the indentation of those after the first.

    Metadata before 2.1 marks the lines of a description with seven spaces and a bar.
    """
    first, newline, rest = value.partition("\n")
    marked = [line.lstrip(" ").startswith("|") for line in rest.splitlines() if line.strip()]
    if marked and all(marked):
        return first + newline + "\n".join(line.lstrip(" ").removeprefix("|") for line in rest.splitlines())
    return first + newline + textwrap.dedent(rest)
