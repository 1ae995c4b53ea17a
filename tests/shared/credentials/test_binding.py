from __future__ import annotations

from publish_all.credentials.binding import Bindings, KnownNames, variable_part
from publish_all.credentials.source import Purpose

CORP = "https://pypi.corp.example/legacy/"
EVIL = "https://evil.example/legacy/"


def test_a_tool_serves_the_names_that_mean_the_url():
    names = KnownNames(urls={"ours": CORP, "theirs": EVIL})
    assert names.serving("corp", (CORP,)) == ("corp", "ours")


def test_a_name_that_a_tool_knows_elsewhere_is_not_served():
    assert KnownNames(urls={"corp": CORP}).serving("Corp", (EVIL,)) == ()


def test_a_name_that_a_tool_does_not_know_is_its_own():
    assert KnownNames().serving("Corp_EU", (CORP,)) == ("corp-eu",)


def test_parts_of_variables():
    assert variable_part("corp-eu.x") == "CORP_EU_X"


def test_uploads_are_bound_to_their_own_url_only(make_request, make_repository):
    bindings = Bindings({"corp": make_repository("corp", index_url="https://pypi.corp.example/simple/")})
    assert bindings.addresses(make_request("corp")) == (CORP,)
    read = make_request("corp", "https://pypi.corp.example/simple/", purpose=Purpose.READ)
    assert bindings.addresses(read) == ("https://pypi.corp.example/simple/", CORP)


def test_names_are_found_however_they_are_spelt(make_request, make_repository):
    bindings = Bindings({"corp-eu": make_repository("Corp_EU", CORP)})
    assert bindings.config_of(make_request("corp-eu", CORP)).name == "Corp_EU"


def test_a_repository_is_not_ambiguous_with_itself(make_repository):
    same = make_repository("corp-eu", CORP)
    assert Bindings({"corp-eu": same, "corp_eu": same}).ambiguous_with("corp-eu") is None
    other = make_repository("corp_eu", EVIL)
    assert Bindings({"corp-eu": same, "corp_eu": other}).ambiguous_with("corp-eu") == "corp_eu"
