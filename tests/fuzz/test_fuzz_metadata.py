"""METADATA and PKG-INFO of a file that is checked, uploaded or received."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from fuzz_inputs import fuzz, in_time, long, near
from hypothesis import given

from publish_all.checks.metadata import (
    check_classifiers,
    check_for_public_indexes,
    check_metadata,
    check_references,
)
from publish_all.checks.opened import open_distribution
from publish_all.distributions.core_metadata import form_fields
from publish_all.distributions.distribution import DistributionError
from publish_all.distributions.read import read_distribution
from publish_all.repositories.oci_layout import render_file

METADATA = b"""\
Metadata-Version: 2.4
Name: demo
Version: 1.0
Summary: A demonstration
License-Expression: MIT
License-File: LICENSE
Classifier: Programming Language :: Python
Requires-Dist: requests[socks]>=2 ; python_version < "3.12" and extra == "x"
Requires-Dist: other @ https://example.test/other-1.0.tar.gz
Project-URL: Home, https://example.test
Requires-Python: >=3.9
Description-Content-Type: text/markdown; charset=UTF-8; variant=GFM
Provides-Extra: x

# Demo
"""
HEAD = b"Metadata-Version: 2.4\nName: demo\nVersion: 1.0\n"
OLD = (
    b"Metadata-Version: 1.2\nName: demo\nVersion: 1.0\nDescription: first\n       |second\nLicense: a\n  b\n"
)
PIECES = (
    *(
        b"\n",
        b" ",
        b"\t",
        b"\r",
        b":",
        b"A: b\n",
        b"A:\n",
        b"Classifier: a\n",
        b"Requires-Dist: ",
        b"Keywords: ",
    ),
    *(
        b"a",
        b"(",
        b")",
        b"[",
        b"]",
        b",",
        b"<",
        b";",
        b"=",
        b"|",
        b"or ",
        b"Project-URL: ",
        b"Version: ",
        b"1",
        b".",
    ),
    *(b"\xc3", b"\0", b"=?utf-8?q?", b"?=", b"Description: ", b"License: ", b"Metadata-Version: "),
)


def look(content: bytes) -> None:
    """Read a wheel with this METADATA, check it, and make its form and manifest."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "demo-1.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("demo-1.0.dist-info/METADATA", content)
        try:
            distribution = read_distribution(path)
        except DistributionError as error:
            assert str(path) in str(error)  # noqa: PT017 - what it says is a part of the behaviour
            return
        opened = open_distribution(distribution, public=("pypi",))
    list(form_fields(distribution.core_metadata, distribution.description))
    for check in (check_metadata, check_classifiers, check_for_public_indexes, check_references):
        list(check(opened))
    render_file(distribution, source=None, created="2026-01-01T00:00:00Z")


@fuzz
@given(near(METADATA, OLD))
def test_metadata(content: bytes) -> None:
    in_time(lambda: look(content))


@fuzz
@given(long(*PIECES).map(lambda content: HEAD + content))
def test_long(content: bytes) -> None:
    in_time(lambda: look(content))
