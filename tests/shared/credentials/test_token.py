from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publish_all._secret import Secret
from publish_all._token_shapes import GITHUB_PREFIXES
from publish_all.credentials.credential_source import Credential, CredentialKind
from publish_all.credentials.value import describe, github_prefix, inspect, read_pypi_token

NOW = 1_800_000_000.0
PYPI_HOST, TESTPYPI_HOST = "upload.pypi.org", "test.pypi.org"


def credential(secret, host, username="__token__"):
    return Credential(
        username=username,
        secret=Secret(secret),
        host=host,
        kind=CredentialKind.TOKEN,
        origin="environment variable X",
    )


@pytest.fixture
def codes(make_request):
    def look(secret, repository="pypi", *, username="__token__", host=None, project="kindling-synapse"):
        hosts = {
            "pypi": PYPI_HOST,
            "testpypi": TESTPYPI_HOST,
            "corp": "pypi.corp.example",
            "github": "ghcr.io",
        }
        request = make_request(repository, project=project)
        findings = inspect(credential(secret, host or hosts[repository], username), request, now=lambda: NOW)
        assert all(secret not in repr(finding) for finding in findings)
        return [finding.code for finding in findings]

    return look


def test_reads_where_a_token_is_for(make_token):
    assert make_token("pypi.org").startswith("pypi-AgEIcHlwaS5vcmc")
    assert make_token("test.pypi.org").startswith("pypi-AgENdGVzdC5weXBpLm9yZw")
    assert read_pypi_token(make_token("pypi.org")).location == "pypi.org"


@pytest.mark.parametrize(
    ("caveats", "expires", "projects"),
    [
        ((), None, None),
        (([3, "a user's id"],), None, None),
        (([0, 1800000900, 1800000000],), 1800000900.0, None),
        (([1, ["Foo.Bar"]], [2, ["an id"]]), None, {"foo-bar"}),
        (({"version": 1, "permissions": "user"},), None, None),
        (({"version": 1, "permissions": {"projects": ["foo"]}},), None, {"foo"}),
        (({"nbf": 1, "exp": 2}, [0, 5, 1]), 2.0, None),
        (([1, ["a", "b"]], [1, ["b", "c"]]), None, {"b"}),
        (([0], [1], [], "text", 7, [0, "soon", 0], [0, True, 0]), None, None),
    ],
)
def test_reads_the_caveats(caveats, expires, projects, make_token):
    token = read_pypi_token(make_token("pypi.org", *caveats))
    assert token.expires == expires
    assert token.projects == (None if projects is None else frozenset(projects))


def test_reads_the_ids_of_the_projects_that_a_minted_token_covers(make_token):
    def ids(*caveats):
        return read_pypi_token(make_token("pypi.org", *caveats)).project_ids

    assert ids([0, 5, 1], [2, ["x", "y"]], [4, "publisher", {}]) == {"x", "y"}
    assert ids([2, ["x", "y"]], [2, ["y"]]) == {"y"}
    assert ids([2, []]) == frozenset()
    assert ids([2], [2, "text"], [1, ["x"]]) is None


def test_a_part_of_a_token_is_none(make_token):
    whole = make_token("pypi.org", [1, ["foo"]])
    for length in range(len(whole) - 1):
        assert read_pypi_token(whole[:length]) is None


@given(st.text() | st.text("ABCDEFabcdef0123456789-_Ag").map("pypi-".__add__))
def test_anything_else_is_none_and_nothing_is_raised(value):
    assert read_pypi_token(value) is None


@pytest.mark.parametrize(
    ("location", "repository", "expected"),
    [
        ("pypi.org", "pypi", []),
        ("test.pypi.org", "testpypi", []),
        ("pypi.org", "testpypi", ["PA301"]),
        ("test.pypi.org", "pypi", ["PA301"]),
        ("pypi.org", "corp", ["PA301"]),
        ("corp.example", "corp", []),
        ("corp.example", "pypi", ["PA301"]),
        ("pypi.org", "github", ["PA304"]),
    ],
)
def test_a_token_goes_to_its_own_index_only(location, repository, expected, make_token, codes):
    assert codes(make_token(location), repository) == expected


def test_this_machine_may_be_a_stand_in_for_any_index(make_token, codes):
    assert codes(make_token("pypi.org"), "corp", host="127.0.0.1:8080") == []


def test_an_expired_token_is_told(make_token, codes):
    assert codes(make_token("pypi.org", [0, NOW - 1, NOW - 900])) == ["PA302"]
    assert codes(make_token("pypi.org", [0, NOW + 900, NOW])) == []


def test_a_token_for_other_projects_is_told(make_token, codes):
    token = make_token("pypi.org", [1, ["kindling"]])
    assert codes(token) == ["PA303"]
    assert codes(token, project="kindling") == []
    assert codes(token, project=None) == []


@pytest.mark.parametrize("prefix", GITHUB_PREFIXES)
def test_a_github_token_is_not_for_pypi(prefix, codes):
    assert codes(f"{prefix}0123456789abcdef") == ["PA304"]
    assert codes(f"{prefix}0123456789abcdef", "testpypi") == ["PA304"]
    assert github_prefix(f"{prefix}0123") == prefix


def test_a_github_token_is_for_github(codes):
    assert codes("ghp_0123456789", "github", username="octocat") == []


def test_a_fine_grained_token_is_warned_about_at_the_container_registry(codes):
    assert codes("github_pat_0123456789", "github") == ["PA315"]


def test_another_user_than_token_is_told_at_pypi(make_token, codes):
    assert codes(make_token("pypi.org"), username="bob") == ["PA305"]
    assert codes("hunter2-and-more", username="bob") == ["PA305"]
    assert codes("hunter2-and-more", "corp", username="bob") == []


@pytest.mark.parametrize("secret", ["hunter2-and-more", "pypi-AgEIcHlwaS5vcmcC", "'pypi-AgEI'"])
def test_something_that_is_no_token_is_told_at_pypi(secret, codes):
    assert codes(secret) == ["PA306"]
    assert codes(secret, "testpypi") == ["PA306"]


def test_an_empty_secret_is_a_promise_and_nothing_is_said_about_it(codes):
    assert codes("") == []


def test_describes_without_showing(make_token):
    token = make_token("pypi.org", [1, ["foo"]])
    assert describe(Secret(token)) == "a token of pypi.org, only for foo"
    assert describe(Secret("ghp_0123")) == "a GitHub token (ghp_…)"
    assert describe(Secret("hunter2")) == "a password or token of unknown kind"
