from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from publish_all.builders.described import described
from publish_all.variants.variant import BuildVariant

VARIANT = BuildVariant(
    name="lite",
    project="Demo-Lite",
    version="1.2.3",
    pyproject={},
    selection_name="demo",
    layout={},
    force_include={},
)


@pytest.mark.parametrize(
    ("filename", "kind", "tag"),
    [
        ("demo_lite-1.2.3-py3-none-any.whl", "wheel", "py3-none-any"),
        ("demo_lite-1.2.3-1-cp311-abi3-linux_x86_64.whl", "wheel", "1-cp311-abi3-linux_x86_64"),
        ("demo_lite-1.2.3.tar.gz", "sdist", None),
    ],
)
def test_describes_a_file_and_the_variant_it_is_of(
    tmp_path: Path, filename: str, kind: str, tag: str | None
) -> None:
    (tmp_path / filename).write_bytes(b"content")
    found = described(tmp_path / filename, VARIANT, kind, builder="hatchling 1", seconds=0.5)
    assert (found.variant, found.project, found.version) == ("lite", "Demo-Lite", "1.2.3")
    assert (found.filename, found.kind, found.tag) == (filename, kind, tag)
    assert (found.size, found.sha256) == (7, hashlib.sha256(b"content").hexdigest())
    assert (found.builder, found.seconds) == ("hatchling 1", 0.5)
