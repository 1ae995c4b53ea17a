from __future__ import annotations

import pytest

from publish_all.config.reading import did_you_mean, nearest


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("varaints", ["variants", "version"], "variants"),
        ("publish_to", ["publish-to"], "publish-to"),
        ("GitHub", ["github", "gitlab"], "github"),
        ("force", ["include", "force-include"], "force-include"),
        ("pipy", ["pypi", "testpypi"], "pypi"),
        ("xyz", ["variants"], None),
        ("x", [], None),
    ],
)
def test_the_nearest_name(name, known, meant):
    assert nearest(name, known) == meant


def test_says_nothing_where_nothing_is_near():
    assert did_you_mean("xyz", ["variants"]) == ""
