from __future__ import annotations

import base64
import json

import pytest

from publish_all._process import Completed
from publish_all.config.kinds import OCI
from publish_all.credentials.docker import IDENTITY_USER, DockerSource
from publish_all.errors import CredentialError

ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
HARBOR = "harbor.corp.example"


def pair(user, password):
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


class Helpers:
    """The programs `docker-credential-NAME`, each with what it knows."""

    def __init__(self, **known):
        self.known = known
        self.asked = []

    def __call__(self, command, text, *, cwd, timeout):
        program, action = command
        assert action == "get"
        name = program.removeprefix("docker-credential-")
        self.asked.append((name, text))
        if name not in self.known:
            raise FileNotFoundError(program)
        found = self.known[name].get(text)
        if found is None:
            return Completed(returncode=1, stdout="credentials not found in native keychain", stderr="")
        user, secret = found
        return Completed(returncode=0, stdout=json.dumps({"Username": user, "Secret": secret}), stderr="")


@pytest.fixture
def source_of(tmp_path):
    def build(config, helpers=None, content=None):
        path = tmp_path / "config.json"
        if config is not None:
            path.write_text(config if isinstance(config, str) else json.dumps(config))
        return DockerSource((tmp_path / "none.json", path), content, ask=helpers or Helpers())

    return build


@pytest.fixture
def team(make_request, make_repository):
    url = f"https://{HARBOR}/team"
    return make_request("corp", url, config=make_repository("corp", url, kind=OCI))


def found_in(source, team):
    found = source.find(team)
    return None if found is None else (found.username, found.secret.reveal())


@pytest.mark.parametrize("key", [HARBOR, f"https://{HARBOR}", f"https://{HARBOR}/v2/"])
def test_a_login_that_is_written_down(key, source_of, team):
    source = source_of({"auths": {key: pair("bob", "can:ary")}})
    assert found_in(source, team) == ("bob", "can:ary")


@pytest.mark.parametrize(
    "key", ["other.example", f"{HARBOR}:8443", f"{HARBOR}.evil.example", f"{HARBOR}/other"]
)
def test_a_login_to_another_place_is_not_taken(key, source_of, team, misses):
    source = source_of({"auths": {key: pair("bob", "canary")}})
    assert HARBOR in misses(source, team)["docker login"]


def test_a_login_to_a_part_of_a_registry_is_not_used(source_of, team):
    auths = {f"{HARBOR}/team": pair("of-team", "y"), HARBOR: pair("general", "x")}
    assert found_in(source_of({"auths": auths}), team) == ("general", "x")


def test_the_helper_of_a_registry_comes_before_the_store_and_the_file(source_of, team):
    helpers = Helpers(**{"ecr-login": {HARBOR: ("AWS", "of-helper")}, "desktop": {HARBOR: ("x", "of-store")}})
    config = {
        "credHelpers": {HARBOR: "ecr-login", ECR: "other"},
        "credsStore": "desktop",
        "auths": {HARBOR: pair("y", "of-file")},
    }
    assert found_in(source_of(config, helpers), team) == ("AWS", "of-helper")
    assert helpers.asked == [("ecr-login", HARBOR)]


def test_the_store_is_asked_by_the_name_under_which_docker_has_stored(source_of, team):
    key = f"https://{HARBOR}"
    helpers = Helpers(desktop={key: ("bob", "canary")})
    source = source_of({"credsStore": "desktop", "auths": {key: {}, "other.example": {}}}, helpers)
    assert found_in(source, team) == ("bob", "canary")
    assert helpers.asked == [("desktop", key)]


def test_a_helper_that_is_not_installed_is_told(source_of, team, misses):
    source = source_of({"credHelpers": {HARBOR: "gcloud"}})
    assert misses(source, team)["docker-credential-gcloud"] == "not installed"


def test_the_name_of_a_helper_is_no_path(source_of, team):
    helpers = Helpers()
    source = source_of({"credHelpers": {HARBOR: "../../tmp/x"}, "credsStore": "a b"}, helpers)
    assert found_in(source, team) is None
    assert helpers.asked == []


def test_an_identity_token_goes_with_its_own_user_name(source_of, team):
    entry = {**pair("00000000-0000-0000-0000-000000000000", ""), "identitytoken": "canary"}
    assert found_in(source_of({"auths": {HARBOR: entry}}), team) == (IDENTITY_USER, "canary")


def test_only_registries_are_served(source_of, make_request, misses):
    source = source_of({"auths": {HARBOR: pair("bob", "canary")}})
    assert misses(source, make_request("corp", f"https://{HARBOR}/team")) == {}


def test_the_variable_of_gitlab_comes_first(source_of, team):
    content = json.dumps({"auths": {HARBOR: pair("ci", "of-variable")}})
    source = source_of({"auths": {HARBOR: pair("bob", "of-file")}}, content=content)
    assert found_in(source, team) == ("ci", "of-variable")


@pytest.mark.parametrize(
    "config",
    [
        "{canary",
        "[]",
        '{"auths": 1, "credHelpers": [], "credsStore": {}}',
        '{"auths": {"harbor.corp.example": {"auth": "%%"}}}',
    ],
)
def test_a_file_of_another_shape_holds_nothing_and_a_broken_one_is_named(config, source_of, team):
    source = source_of(config)
    if config.startswith("{canary"):
        with pytest.raises(CredentialError, match=r"config\.json cannot be read") as caught:
            found_in(source, team)
        assert "canary" not in str(caught.value)
        assert caught.value.__cause__ is None
    else:
        assert found_in(source, team) is None
