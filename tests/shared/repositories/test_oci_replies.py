from __future__ import annotations

import json

import pytest

from publish_all._http import Reply
from publish_all._secret import Secret
from publish_all.repositories.replies import Asked, Login, UnauthorizedError, fine_grained, refusal

TOKEN = "ghp_0123456789abcdef"  # not a real one


def asked(secret: str | None = TOKEN, *, write: bool = True, registry: str = "https://ghcr.io") -> Asked:
    login = None
    if secret is not None:
        login = Login(username="ada", secret=Secret(secret), origin="environment variable GITHUB_TOKEN")
    return Asked(registry, "sep/kindling", login, write=write, name="corp-eu")


def said(status: int, message: str, code: str = "DENIED") -> Reply:
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    return Reply(
        status=status,
        reason="",
        url="https://ghcr.io/v2/",
        headers={"Content-Type": "application/json"},
        body=body,
    )


@pytest.mark.parametrize(
    ("who", "status", "message", "code", "remedy"),
    [
        (asked(), 403, "permission_denied: write_package", "PA604", "Manage Actions access"),
        (asked("github_pat_x"), 403, "denied", "PA601", "classic token with write:packages"),
        (asked("github_pat_x"), 401, "unauthenticated: User cannot be authenticated with the token provided.",
         "PA601", "write:packages"),
        (asked("ghs_x"), 401, "unauthenticated: User cannot be authenticated with the token provided.",
         "PA602", "GITHUB_TOKEN of the workflow"),
        (asked(), 401, "unauthenticated: User cannot be authenticated with the token provided.",
         "PA612", "classic personal access token"),
        (asked("ghs_x"), 403, "permission_denied: The token provided does not match expected scopes.",
         "PA603", "`permissions: packages: write`"),
        (asked("gho_x"), 403, "permission_denied: The token provided does not match expected scopes.",
         "PA603", "gh auth refresh -s write:packages"),
        (asked(), 403, "permission_denied: The token provided does not match expected scopes.",
         "PA603", "token with write:packages"),
        (asked("ghs_x"), 403, "installation not allowed to Create organization package", "PA605",
         "Package creation"),
        (asked("ghs_x"), 403, "installation not allowed to Write organization package", "PA603",
         "packages: write"),
        (asked(), 403, "permission_denied: create_package", "PA605", "Package creation"),
        (asked(), 403, "denied", "PA607", "owner"),
        (asked(write=False), 403, "denied", "PA606", "read:packages"),
        (asked(None, write=False), 401, "authentication required", "PA606", "read:packages"),
        (asked(None), 401, "authentication required", "PA307", "gh auth refresh -s write:packages"),
        (asked(registry="https://registry.corp.example"), 401, "authentication required", "PA612", "credential"),
        (asked(registry="https://registry.corp.example"), 403, "no", "PA613", "push access"),
        (asked(None, registry="https://registry.corp.example"), 401, "no", "PA307", "PUBLISH_ALL_CORP_EU_TOKEN, or run `publish-all login corp-eu`"),
        (asked(registry="https://containers.ghe.example"), 403, "permission_denied: write_package", "PA604",
         "Write"),
    ],
)  # fmt: skip
def test_refusals_tell_the_remedy(who, status, message, code, remedy):
    error = refusal(said(status, message), who, now=0)
    (finding,) = error.findings
    assert finding.code == code
    assert remedy in finding.hint
    assert isinstance(error, UnauthorizedError)
    assert finding.where.endswith("/sep/kindling")


@pytest.mark.parametrize(
    ("status", "code", "message", "expected"),
    [
        (400, "NAME_INVALID", "invalid repository name", "PA608"),
        (400, "", "invalid reference format: repository name must be lowercase", "PA608"),
        (400, "DIGEST_INVALID", "provided digest did not match", "PA620"),
        (405, "UNSUPPORTED", "The operation is unsupported.", "PA610"),
        (413, "", "too large", "PA430"),
        (404, "NAME_UNKNOWN", "The repository does not exist", "PA614"),
        (418, "", "teapot", "PA611"),
    ],
)
def test_other_answers_are_told_apart(status, code, message, expected):
    error = refusal(said(status, message, code), asked(), now=0)
    assert error.findings[0].code == expected
    assert error.retryable is (code == "DIGEST_INVALID")  # sent again, the bytes may arrive whole


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (500, "UNKNOWN"),
        (503, ""),
        (429, "TOOMANYREQUESTS"),
        (400, "MANIFEST_BLOB_UNKNOWN"),
        (400, "DIGEST_INVALID"),
        (404, "BLOB_UPLOAD_UNKNOWN"),
    ],
)
def test_what_may_pass_is_worth_another_try(status, code):
    assert refusal(said(status, "x", code), asked(), now=0).retryable


def test_a_wait_of_less_than_a_second_is_understood():
    reply = Reply(status=429, reason="", url="https://ghcr.io/", headers={"Retry-After": "0.412"})
    assert refusal(reply, asked(), now=0).retry_after == 0.412


def test_neither_the_secret_nor_control_characters_are_shown():
    error = refusal(said(403, f"bad token {TOKEN}\x1b[31m"), asked(), now=0)
    assert TOKEN not in str(error) + error.findings[0].hint
    assert "\x1b" not in str(error)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"errors":[]}', b'{"errors":{"x":1}}', b"\xff\x00", b"{" * 5000]
)
def test_odd_bodies_are_no_crash(body):
    reply = Reply(status=403, reason="Forbidden", url="https://ghcr.io/", body=body)
    assert refusal(reply, asked(), now=0).status == 403


def test_a_fine_grained_token_is_told_before_it_is_sent():
    finding = fine_grained(asked("github_pat_11AAA"))
    assert finding is not None
    assert finding.code == "PA601"
    assert fine_grained(asked()) is None
    assert fine_grained(asked("github_pat_11AAA", registry="https://registry.corp.example")) is None
