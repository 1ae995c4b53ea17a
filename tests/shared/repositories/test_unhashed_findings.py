"""PA451: an index without hashes, and a file that is too large to be fetched for comparison."""

from __future__ import annotations

import json

import pytest

from publish_all.repositories import simple_index
from publish_all.results import FileState

UPLOAD = "https://corp.example/legacy/"
PAGE = "https://corp.example/simple/kindling/"
FILE = "https://corp.example/files/kindling-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("limit", "hashes", "codes"), [(0, False, ["PA451"]), (10_000_000, False, []), (0, True, [])]
)
def test_told_only_where_nothing_can_be_compared(
    make_legacy, make_distribution, release_of, network, answer, monkeypatch, limit, hashes, codes
):
    monkeypatch.setattr(simple_index, "COMPARE_LIMIT", limit)
    wheel = make_distribution()
    listed = {
        "filename": wheel.filename,
        "url": FILE,
        "hashes": {"sha256": wheel.digests.sha256} if hashes else {},
    }
    page = {"meta": {"api-version": "1.0"}, "name": "kindling", "files": [listed]}
    kind = {"Content-Type": "application/vnd.pypi.simple.v1+json"}
    network.on("GET", PAGE, answer(200, json.dumps(page), kind))
    network.on("GET", FILE, answer(200, wheel.path.read_bytes()))
    repository = make_legacy(url=UPLOAD, index_url="https://corp.example/simple/")
    seen = repository.verify(release_of(wheel))
    assert seen.states[wheel.filename] in {FileState.PRESENT, FileState.UNKNOWN}
    assert [each.code for each in seen.findings] == codes
