from __future__ import annotations

import pytest

from publish_all._secret import Secret
from publish_all.credentials.trusted_publishing import (
    AmbientIdentity,
    IdentityToken,
    file_of_workflow,
    form_fields,
    near_miss,
    read_claims,
)


@pytest.mark.parametrize(
    ("environment", "provider"),
    [
        ({}, None),
        ({"GITHUB_ACTIONS": "true"}, "GitHub Actions"),
        ({"GITHUB_ACTIONS": ""}, None),
        ({"GITLAB_CI": "true"}, "GitLab CI/CD"),
        ({"BUILDKITE": "true"}, "Buildkite"),
        ({"CIRCLECI": "true"}, "CircleCI"),
        ({"GOOGLE_SERVICE_ACCOUNT_NAME": "x"}, "Google Cloud"),
    ],
)
def test_where_we_are(environment, provider):
    identity = AmbientIdentity(environment=environment)
    assert identity.provider == provider


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
    assert file_of_workflow("") == ""


# Publishers


def token(**claims):
    return IdentityToken(secret=Secret("canary"), claims=claims)


GITHUB = {
    "iss": "https://token.actions.githubusercontent.com",
    "repository": "sep/kindling",
    "job_workflow_ref": "sep/kindling/.github/workflows/release.yml@refs/heads/main",
    "workflow_ref": "sep/kindling/.github/workflows/release.yml@refs/heads/main",
}


@pytest.mark.parametrize(
    ("claims", "fields"),
    [
        (
            GITHUB,
            {
                "Owner": "sep",
                "Repository name": "kindling",
                "Workflow name": "release.yml",
                "Environment name": "(none: leave it empty)",
            },
        ),
        (
            {
                "iss": "https://gitlab.com",
                "project_path": "group/sub/kindling",
                "ci_config_ref_uri": "gitlab.com/group/sub/kindling//ci/release.yml@refs/heads/main",
                "environment": "release",
            },
            {
                "GitLab instance": "https://gitlab.com",
                "Namespace": "group/sub",
                "Project name": "kindling",
                "Top-level pipeline file path": "ci/release.yml",
                "Environment name": "release",
            },
        ),
        (
            {"iss": "https://accounts.google.com", "email": "x@y.example", "sub": "123"},
            {"Email": "x@y.example", "Subject": "123"},
        ),
        (
            {"iss": "https://agent.buildkite.com", "sub": "o"},
            {"Issuer": "https://agent.buildkite.com", "Subject": "o"},
        ),
        ({}, {"Issuer": "", "Subject": ""}),
    ],
)
def test_the_fields_of_the_form(claims, fields):
    assert dict(form_fields(token(**claims), None)) == fields
    assert form_fields(token(**claims), "kindling")["PyPI Project Name"] == "kindling"


def test_claims_are_shown_without_control_characters():
    fields = dict(form_fields(token(**{**GITHUB, "environment": "\x1b[31mred\nline"}), None))
    assert fields["Environment name"] == "[31mred line"


def test_a_plain_job_has_no_near_misses():
    assert near_miss(token(**GITHUB)) is None
    assert near_miss(token(iss="https://gitlab.com", event_name="pull_request_target")) is None
