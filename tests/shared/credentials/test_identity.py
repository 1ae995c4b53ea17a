from __future__ import annotations

import pytest

from publish_all.credentials.identity import (
    AmbientIdentity,
    Provider,
    file_of_workflow,
    read_claims,
    repository_of_workflow,
)


@pytest.mark.parametrize(
    ("environment", "product", "provider"),
    [
        ({}, "", None),
        ({"GITHUB_ACTIONS": "true"}, "", Provider.GITHUB),
        ({"GITHUB_ACTIONS": ""}, "", None),
        ({"GITLAB_CI": "true"}, "", Provider.GITLAB),
        ({"BUILDKITE": "true"}, "", Provider.BUILDKITE),
        ({"CIRCLECI": "true"}, "", Provider.CIRCLECI),
        ({"GOOGLE_SERVICE_ACCOUNT_NAME": "x"}, "", Provider.GOOGLE),
        ({}, "Google", Provider.GOOGLE),
        ({}, "OptiPlex 7050", None),
    ],
)
def test_where_we_are(environment, product, provider):
    identity = AmbientIdentity(environment=environment, product_name=lambda: product)
    assert identity.provider is provider


@pytest.mark.parametrize(
    "value", ["", "x", "a.b.c", "e30.W10.s", "e30.!!!.s", "e30.eyJ4.s", "\ud800.\ud800.\ud800"]
)
def test_what_is_no_jwt_claims_nothing(value):
    assert read_claims(value) == {}


def test_claims_are_read():
    assert read_claims("e30.eyJzdWIiOiJ4In0.s") == {"sub": "x"}


def test_an_identity_that_is_not_there_is_none():
    assert AmbientIdentity(environment={}, detect=lambda audience: None).token("pypi") is None


def test_a_token_does_not_show_itself():
    identity = AmbientIdentity(environment={}, detect=lambda audience: "canary.eyJzdWIiOiJ4In0.s")
    assert "canary" not in repr(identity.token("pypi"))


def test_the_parts_of_a_workflows_reference():
    reference = "sep/kindling/.github/workflows/release.yml@refs/heads/a@b"
    assert file_of_workflow(reference) == ".github/workflows/release.yml"
    assert repository_of_workflow(reference) == "sep/kindling"
    assert file_of_workflow("") == ""
