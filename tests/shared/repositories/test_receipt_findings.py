"""PA631: what is given to `finalize` and is no receipt."""

from __future__ import annotations

import pytest

from publish_all.errors import UsageError
from publish_all.repositories.oci_layout import read_receipt


@pytest.mark.parametrize("text", ["", "{}", '{"schema": 1, "kind": "publish-all manifest", "releases": []}'])
def test_other_files_are_named_with_their_code(tmp_path, text):
    path = tmp_path / "receipt.json"
    path.write_text(text)
    with pytest.raises(UsageError) as raised:
        read_receipt(path)
    assert [each.code for each in raised.value.findings] == ["PA631"]
    assert raised.value.hint


def test_a_receipt_without_releases_is_one(tmp_path):
    path = tmp_path / "receipt.json"
    path.write_text('{"schema": 1, "kind": "publish-all receipt", "releases": []}')
    assert not read_receipt(path)
