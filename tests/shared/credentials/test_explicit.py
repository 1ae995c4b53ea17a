from __future__ import annotations

from publish_all._secret import Secret
from publish_all.credentials.explicit import Explicit, ExplicitSource


def test_answers_for_the_repository_it_was_said_for(make_request):
    source = ExplicitSource(explicit=Explicit(repository="corp", username="bob", password=Secret("canary")))
    found = source.find(make_request("corp"))
    assert (found.username, found.secret.reveal(), found.host) == ("bob", "canary", "pypi.corp.example")
    assert source.find(make_request("pypi")) is None
    assert "canary" not in repr(source) + repr(found)


def test_the_user_name_may_be_the_configured_one_or_that_of_tokens(make_request):
    source = ExplicitSource(explicit=Explicit(repository="corp", password=Secret("canary")))
    assert source.find(make_request("corp", username="carol")).username == "carol"
    assert source.find(make_request("corp")).username == "__token__"


def test_a_user_name_alone_is_no_answer_but_is_told(make_request):
    source = ExplicitSource(explicit=Explicit(repository="corp", username="bob"))
    assert source.find(make_request("corp")) is None
    assert source.username(make_request("corp")) == "bob"
    assert source.username(make_request("pypi")) is None


def test_an_empty_password_is_no_answer(make_request):
    source = ExplicitSource(explicit=Explicit(repository="corp", username="bob", password=Secret(" ")))
    assert source.find(make_request("corp")) is None
