from __future__ import annotations

import pytest

from publish_all.distributions.core_metadata import form_fields, knows_licence_files, parse_metadata

FULL = """\
Metadata-Version: 2.5
Name: kindling-synapse
Version: 1.2.0
Dynamic: requires-dist
Platform: linux
Platform: macos
Supported-Platform: RedHat 7.2
Summary: Kindling for
 Synapse
Description-Content-Type: text/markdown; charset=UTF-8
Keywords: spark,synapse
Home-page: https://example.org
Download-URL: https://example.org/dl
Author: Ada
Author-email: ada@example.org
Maintainer: Bob
Maintainer-email: bob@example.org
License: MIT License
        Copyright
          indented
License-Expression: MIT
License-File: LICENSE
License-File: NOTICE
Classifier: Programming Language :: Python :: 3
Classifier: Topic :: Utilities
Requires: re
Provides: kindling
Obsoletes: tinder
Requires-Dist: azure-synapse>=1
Requires-Dist: pyspark
Provides-Dist: kindling
Obsoletes-Dist: tinder
Requires-Python: >=3.10
Requires-External: java
Project-URL: Source, https://example.org/src
Project-URL: Documentation, https://example.org/docs
Provides-Extra: test
Import-Name: kindling
Import-Name: kindling_extra
Import-Namespace: kindling_plugins
X-Ours: unknown

# Kindling

Größe
"""


def fields(text: str) -> dict[str, list[str]]:
    metadata = parse_metadata(text.encode())
    result: dict[str, list[str]] = {}
    for key, value in form_fields(text.encode(), metadata.description):
        result.setdefault(key, []).append(value)
    return result


def test_sends_every_field_under_the_key_of_the_upload_api():
    found = fields(FULL)
    assert found == {
        "metadata_version": ["2.5"],
        "name": ["kindling-synapse"],
        "version": ["1.2.0"],
        "dynamic": ["requires-dist"],
        "platform": ["linux", "macos"],
        "supported_platform": ["RedHat 7.2"],
        "summary": ["Kindling for Synapse"],
        "description_content_type": ["text/markdown; charset=UTF-8"],
        "keywords": ["spark,synapse"],
        "home_page": ["https://example.org"],
        "download_url": ["https://example.org/dl"],
        "author": ["Ada"],
        "author_email": ["ada@example.org"],
        "maintainer": ["Bob"],
        "maintainer_email": ["bob@example.org"],
        "license": ["MIT License\nCopyright\n  indented"],
        "license_expression": ["MIT"],
        "license_file": ["LICENSE", "NOTICE"],
        "classifiers": ["Programming Language :: Python :: 3", "Topic :: Utilities"],
        "requires": ["re"],
        "provides": ["kindling"],
        "obsoletes": ["tinder"],
        "requires_dist": ["azure-synapse>=1", "pyspark"],
        "provides_dist": ["kindling"],
        "obsoletes_dist": ["tinder"],
        "requires_python": [">=3.10"],
        "requires_external": ["java"],
        "project_urls": ["Source, https://example.org/src", "Documentation, https://example.org/docs"],
        "provides_extra": ["test"],
        "import_name": ["kindling", "kindling_extra"],
        "import_namespace": ["kindling_plugins"],
        "description": ["# Kindling\n\nGröße\n"],
    }


def test_takes_the_description_from_the_header_of_old_metadata():
    text = "Metadata-Version: 1.1\nName: a\nDescription: First\n        |\n        |    code\nVersion: 1\n"
    assert fields(text)["description"] == ["First\n\n    code"]


def test_reads_headers_in_any_case_and_spells_them_as_the_specification():
    headers = parse_metadata(b"name: a\nHOME-PAGE: https://example.org\nX-Other: y\n\n").headers
    assert headers == {"Name": ("a",), "Home-page": ("https://example.org",), "X-Other": ("y",)}


def test_reads_latin_1_where_it_is_not_utf_8():
    metadata = parse_metadata("Name: a\nAuthor: Jürgen\n\n".encode("latin-1"))
    assert metadata.headers["Author"] == ("Jürgen",)


def test_leaves_licence_files_of_older_metadata_out():
    text = "Metadata-Version: 2.1\nName: a\nLicense-File: LICENSE\n\n"
    assert "license_file" not in fields(text)
    assert fields(text.replace("2.1", "2.4"))["license_file"] == ["LICENSE"]


def test_sends_no_empty_description():
    assert "description" not in fields("Name: a\nVersion: 1\n")


@pytest.mark.parametrize(
    ("version", "knows"),
    [("2.4", True), (" 3.0", True), ("2.3", False), ("²", False), ("2.x", False), ("9" * 5000, False)],
)
def test_licence_files_came_with_metadata_2_4(version: str, knows: bool):
    assert knows_licence_files(version) is knows


def test_reads_many_headers_in_time_that_grows_with_their_number():
    metadata = parse_metadata(b"Classifier: a\n" * 50_000)
    assert len(metadata.headers["Classifier"]) == 50_000
