"""Which files a command is about, when they are named."""

from __future__ import annotations

import zipfile

import pytest

from publish_all.commands.context import Runtime
from publish_all.commands.files import named_files
from publish_all.errors import UsageError

WHEEL = "demo-1.0-py3-none-any.whl"
OURS = ("publish-all.json", "publish-all.lock", "publish-all.journal.jsonl")


@pytest.fixture
def dist(tmp_path):
    with zipfile.ZipFile(tmp_path / WHEEL, "w") as opened:
        opened.writestr("demo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n")
    for name in OURS:
        (tmp_path / name).write_text("{}", encoding="utf-8")
    return tmp_path


def test_what_a_pattern_names_of_ours_is_skipped_with_a_note(dist):
    events = []
    found = named_files(sorted(dist.iterdir()), Runtime(listener=events.append)).distributions
    assert [each.filename for each in found] == [WHEEL]
    assert [each.message.partition(" was written by an older publish-all")[0] for each in events] == sorted(
        str(dist / name) for name in OURS
    )


@pytest.mark.parametrize("name", OURS)
def test_a_file_of_ours_alone_is_nothing_to_publish(dist, name):
    with pytest.raises(UsageError, match=f"{name}: not a wheel or sdist"):
        named_files([dist / name], Runtime())


def test_a_file_that_does_not_exist_is_told_even_if_it_has_a_name_of_ours(dist):
    with pytest.raises(UsageError, match=r"no file .* found"):
        named_files([dist / WHEEL, dist / "other" / OURS[0]], Runtime())
