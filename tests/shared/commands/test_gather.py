"""Which files a command is about, when they are named."""

from __future__ import annotations

import zipfile

import pytest

from publish_all.builders.manifest import FILENAME
from publish_all.commands.gather import _same_content, named_files
from publish_all.errors import UsageError
from publish_all.upload.journal import JOURNAL_NAME
from publish_all.upload.lock import LOCK_NAME

WHEEL = "demo-1.0-py3-none-any.whl"
OURS = (FILENAME, JOURNAL_NAME, LOCK_NAME)


@pytest.fixture
def dist(tmp_path):
    with zipfile.ZipFile(tmp_path / WHEEL, "w") as opened:
        opened.writestr("demo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n")
    for name in OURS:
        (tmp_path / name).write_text("{}", encoding="utf-8")
    return tmp_path


def test_what_a_pattern_names_of_ours_is_skipped(dist):
    found = named_files(sorted(dist.iterdir())).distributions
    assert [each.filename for each in found] == [WHEEL]


@pytest.mark.parametrize("name", OURS)
def test_a_file_of_ours_alone_is_nothing_to_publish(dist, name):
    with pytest.raises(UsageError, match=f"{name}: no wheel or sdist"):
        named_files([dist / name])


def test_a_file_that_does_not_exist_is_told_even_if_it_has_a_name_of_ours(dist):
    with pytest.raises(UsageError, match="there is no file"):
        named_files([dist / WHEEL, dist / "other" / FILENAME])


def wheel(
    folder, *, version="2.4", requires="attrs", generator="hatchling 1.27.0", module=b"x = 1\n", more=""
):
    folder.mkdir(exist_ok=True)
    metadata = (
        f"Metadata-Version: {version}\nName: demo\nVersion: 1.0\nRequires-Dist: {requires}\n{more}\n# Demo\n"
    )
    with zipfile.ZipFile(folder / WHEEL, "w") as opened:
        opened.writestr("demo/__init__.py", module)
        opened.writestr("demo-1.0.dist-info/METADATA", metadata)
        opened.writestr("demo-1.0.dist-info/WHEEL", f"Generator: {generator}\nTag: py3-none-any\n")
        opened.writestr("demo-1.0.dist-info/RECORD", generator)
    return folder / WHEEL


@pytest.mark.parametrize(
    ("theirs", "same"),
    [
        ({}, True),
        ({"generator": "hatchling 1.33.0"}, True),
        ({"version": "2.5", "more": "Import-Name: demo\n"}, True),
        ({"version": "2.5", "requires": "attrs>=24"}, False),
        ({"version": "2.5", "more": "Requires-Python: >=3.10\n"}, False),
        ({"more": "Keywords: later\n"}, False),
        ({"module": b"x = 2\n"}, False),
    ],
)
def test_a_file_of_the_host_comes_from_the_sources_by_whichever_version_of_the_backend(
    tmp_path, theirs, same
):
    """`hatch build` runs the newest hatchling in an environment of its own, and we the one beside Hatch."""
    one, fresh = wheel(tmp_path / "dist", **theirs), wheel(tmp_path / "fresh")
    assert _same_content(one, fresh, tmp_path) is same
