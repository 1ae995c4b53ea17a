from __future__ import annotations

import pytest
from packaging.utils import canonicalize_name

from publish_all.index.fallback import Fallback, Routing, private_patterns

ROUTING = Routing(
    private=private_patterns(["kindling_*", "Fast.ORM", " "]),
    fallbacks=(Fallback(url="https://pypi.test/simple/"),),
)


@pytest.mark.parametrize(
    "name", ["kindling-synapse", "Kindling__Fabric", "kindling.x.y", "fastorm".replace("o", "-o")]
)
def test_private_names_are_ours_however_they_are_spelt(name: str) -> None:
    assert ROUTING.is_ours(canonicalize_name(name))


@pytest.mark.parametrize("name", ["kindling", "requests", "fast-orm-extra", "xkindling-synapse"])
def test_all_other_names_are_the_fallbacks(name: str) -> None:
    assert not ROUTING.is_ours(canonicalize_name(name))


def test_without_a_fallback_every_name_is_ours() -> None:
    assert Routing().is_ours(canonicalize_name("requests"))
    assert Routing().redirect(canonicalize_name("requests")) is None


def test_clients_are_redirected_for_names_that_are_not_private() -> None:
    assert ROUTING.redirect(canonicalize_name("requests")) == "https://pypi.test/simple/requests/"
    assert ROUTING.redirect(canonicalize_name("kindling-x")) is None
    through_us = Routing(private=ROUTING.private, fallbacks=ROUTING.fallbacks, proxy=True)
    assert through_us.redirect(canonicalize_name("requests")) is None
