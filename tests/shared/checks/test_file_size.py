"""PA206: files beyond what PyPI takes unless it has raised the limit."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version

from publish_all.checks.audience import Audience
from publish_all.checks.metadata import check_for_public_indexes
from publish_all.distributions.distribution import Digests, Distribution, DistributionKind

MIB = 1024 * 1024


@pytest.mark.parametrize(("size", "codes"), [(100 * MIB, []), (100 * MIB + 1, ["PA206"])])
@pytest.mark.parametrize("public", [(), ("pypi",)])
def test_a_file_of_more_than_100_mib_is_told_for_public_indexes(size, codes, public):
    distribution = Distribution(
        path=Path("demo-1.0-py3-none-any.whl"),
        kind=DistributionKind.WHEEL,
        name="demo",
        version=Version("1.0"),
        tag="py3-none-any",
        size=size,
        digests=Digests(md5="", sha256="", blake2_256=""),
        metadata={"Name": ("demo",), "Version": ("1.0",)},
        description="# Demo",
        core_metadata=b"",
    )
    audience = Audience(public=public, private=False, local_versions=not public)
    found = [each.code for each in check_for_public_indexes(distribution, audience)]
    assert found == (codes if public else [])
