"""Replies as servers give them. `SOURCE` of each: where it was observed or documented.

facts: read from and observed against PyPI's own server (docs: https://docs.pypi.org/api/upload/).
observed: given by the server, run on this project's test machine.
A link: quoted in that thread, or written in that source file.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from requests.structures import CaseInsensitiveDict

from publish_all._http import Reply
from publish_all._http_errors import Failure, HttpError
from publish_all.credentials.credential_source import Credential
from publish_all.distributions.distribution import Distribution
from publish_all.repositories.replies import Attempt, classify, lost, retry_after
from publish_all.results import FileState

URL = "https://corp.example/legacy/"
PYPI = "facts"


@dataclass(frozen=True)
class Case:
    server: str
    status: int
    text: str
    outcome: FileState
    code: str
    source: str
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        if self.content_type != "application/json" or self.text.startswith("{"):
            return self.text.encode()
        return json.dumps(
            {
                "message": f"Access was denied.\n\n\n{self.text}\n",
                "code": f"{self.status} {self.text}",
                "title": "x",
            }
        ).encode()


REFUSED, UNAUTHORIZED, CONFLICT, TRANSIENT, AMBIGUOUS = (
    FileState.REFUSED,
    FileState.UNAUTHORIZED,
    FileState.CONFLICT,
    FileState.FAILED,
    FileState.UNCLEAR,
)


def pypi(status: int, outcome: FileState, code: str, text: str) -> Case:
    return Case("PyPI", status, text, outcome, code, PYPI)


NEXUS_PAGE = """<!DOCTYPE html><html lang="en"><head><title>400 - Nexus Repository Manager</title>
<script>var x = 1;</script></head><body><div class="nexus-body"><span class="title">Error 400</span>
<span class="description">Bad Request</span><div class="content-section">
      Repository does not allow updating assets: pypi-local
    </div></div></body></html>"""
ARTIFACTORY = """{
  "errors" : [ {
    "status" : %d,
    "message" : "%s"
  } ]
}"""
AZURE = """{"$id":"1","innerException":null,"message":"The feed 'Feed' already contains file \
'package-2.1.0-py3-none-any.whl' in package 'package 2.1.0'.","typeName":"Microsoft.VisualStudio.Services.\
Packaging.Shared.WebApi.Exceptions.PackageAlreadyExistsException","typeKey":"PackageAlreadyExistsException",\
"errorCode":0,"eventId":3000}"""

CASES = [
    pypi(403, UNAUTHORIZED, "PA401", "Invalid or non-existent authentication information. See https://pypi.org/help/#invalid-auth for more information."),
    pypi(403, UNAUTHORIZED, "PA405", "Username/Password authentication is no longer supported. Migrate to API Tokens or Trusted Publishers instead."),
    pypi(403, UNAUTHORIZED, "PA401", "Invalid API Token: token is expired"),
    pypi(403, UNAUTHORIZED, "PA401", "Invalid API Token: signatures do not match"),
    pypi(403, UNAUTHORIZED, "PA404", "Invalid API Token: project-scoped token is not valid for project: 'kindling'"),
    pypi(403, UNAUTHORIZED, "PA404", "Invalid API Token: OIDC scoped token is not valid for project 'kindling'"),
    pypi(403, UNAUTHORIZED, "PA403", "The user 'bob' isn't allowed to upload to project 'kindling'. See https://pypi.org/help/#project-name"),
    pypi(403, REFUSED, "PA406", "User 'bob' does not have a verified primary email address. Please add one."),
    pypi(403, REFUSED, "PA406", "User 'bob' does not have two-factor authentication enabled. Please enable it."),
    pypi(403, REFUSED, "PA407", "Read-only mode: Uploads are temporarily disabled."),
    pypi(403, REFUSED, "PA407", "New uploads are temporarily disabled. See https://pypi.org/help/#admin-intervention"),
    pypi(403, REFUSED, "PA407", "New project registration temporarily disabled. See https://pypi.org/help/"),
    pypi(400, REFUSED, "PA420", "The name 'admin' isn't allowed. See https://pypi.org/help/#project-name"),
    pypi(400, REFUSED, "PA420", "The name 'json' isn't allowed (conflict with Python Standard Library module name)."),
    pypi(400, REFUSED, "PA421", "The name 'kindl1ng' is too similar to an existing project. See https://pypi.org/help/"),
    pypi(400, REFUSED, "PA422", "Non-user identities cannot create new projects. This was probably caused by a trusted publisher."),
    pypi(400, REFUSED, "PA412", "This filename was previously used by a file that has since been deleted. Use a different version."),
    pypi(400, REFUSED, "PA414", "Uploading new files to releases older than 14 days is not allowed."),
    pypi(400, REFUSED, "PA415", "Only one sdist may be uploaded per release."),
    pypi(400, REFUSED, "PA431", "The digest supplied does not match a digest calculated from the uploaded file."),
    pypi(400, REFUSED, "PA430", "File too large. Limit for project 'kindling' is 100 MB. See https://pypi.org/help/#file-size-limit"),
    pypi(400, REFUSED, "PA434", "The description failed to render for 'text/x-rst'. See https://pypi.org/help/"),
    pypi(400, REFUSED, "PA433", "'Foo :: Bar' is not a valid classifier."),
    pypi(400, REFUSED, "PA435", "The use of local versions in '1.0+abc' is not allowed."),
    pypi(400, REFUSED, "PA436", "Can't have direct dependency: tinder @ https://example.org/tinder.whl"),
    pypi(400, REFUSED, "PA437", "Version in filename should be '2.0.1' not '2.0.0'."),
    pypi(400, REFUSED, "PA437", "Filename 'a.whl' should contain the normalized project name 'kindling', not 'tinder'."),
    pypi(400, REFUSED, "PA437", "Filename 'kindling-1.0.tgz' is invalid, should be 'kindling-1.0.tar.gz'."),
    pypi(400, REFUSED, "PA438", "Binary wheel 'kindling.whl' has an unsupported platform tag 'linux_x86_64'."),
    pypi(400, REFUSED, "PA439", "Invalid distribution file. ZIP archive not accepted."),
    pypi(400, REFUSED, "PA446", "Invalid attestations supplied during upload: Attestations are only supported with trusted publishing"),
    pypi(400, REFUSED, "PA446", "Invalid attestations supplied during upload: Could not verify the uploaded artifact using the included attestation: Verification failed: x"),
    pypi(400, REFUSED, "PA446", "Invalid attestations supplied during upload: A maximum of 2 attestations per file are supported"),
    pypi(410, REFUSED, "PA442", "This API is no longer supported, instead simply upload the file."),
    pypi(429, REFUSED, "PA423", "Too many new projects created"),
    pypi(409, REFUSED, "PA420", "The name 'acme-kindling' is in a namespace that is reserved by the organisation 'acme'."),
    Case("unknown", 409, "The package already exists in this namespace", CONFLICT, "PA411", "a near miss", "text/plain"),
    pypi(500, AMBIGUOUS, "PA510", "Internal Server Error"),
    Case("TestPyPI", 400, "File already exists. See https://test.pypi.org/help/#file-name-reuse for more information.", CONFLICT, "PA411", "https://github.com/pypa/twine/issues/912"),
    Case("Warehouse", 400, "This filename has already been used, use a different version. See https://pypi.org/help/#file-name-reuse", REFUSED, "PA412", "https://github.com/pypi/warehouse/issues/12597"),
    Case("devpi", 409, '{"message": "", "code": "409 x already exists in non-volatile index", "title": "kindling-1.0.tar.gz already exists in non-volatile index"}', CONFLICT, "PA411", "devpi_server/views.py of devpi-server 6.20"),
    Case("devpi", 403, '{"message": "", "code": "403 no permission to submit", "title": "no permission to submit"}', UNAUTHORIZED, "PA403", "devpi_server/views.py of devpi-server 6.20"),
    Case("devpi", 404, '{"message": "", "code": "404", "title": "cannot submit to mirror index"}', REFUSED, "PA444", "devpi_server/views.py of devpi-server 6.20"),
    Case("devpi", 400, '{"message": "", "code": "400", "title": "filename \'kindling-1.0.tar.gz\' does not contain version \'2.0\'"}', REFUSED, "PA437", "devpi_server/views.py of devpi-server 6.20"),
    Case("pypiserver", 409, "<!DOCTYPE html><title>Error: 409 Conflict</title><h1>Error: 409 Conflict</h1><pre>Package &#039;kindling-1.0.tar.gz&#039; already exists!\n  You may start server with `--overwrite` option.</pre>", CONFLICT, "PA411", "pypiserver/_app.py of pypiserver 2.4", "text/html"),
    Case("pypiserver", 403, "<h1>Error: 403 Forbidden</h1>", UNAUTHORIZED, "PA403", "pypiserver/_app.py of pypiserver 2.4", "text/html"),
    Case("pypiserver", 401, "<h1>Error: 401 Unauthorized</h1>", UNAUTHORIZED, "PA401", "pypiserver/_app.py of pypiserver 2.4", "text/html"),
    Case("pypiserver", 405, "Method Not Allowed", REFUSED, "PA442", "https://github.com/pypiserver/pypiserver/issues/540", "text/plain"),
    Case("Artifactory", 403, ARTIFACTORY % (403, "Not enough permissions to delete/overwrite artifact 'index:my_pkg/my_pkg.whl' (user: 'user' needs DELETE permission)."), CONFLICT, "PA411", "https://github.com/astral-sh/uv/issues/7917"),
    Case("Artifactory", 403, ARTIFACTORY % (403, "Not enough permissions to delete/overwrite all artifacts under index:my_pkg"), CONFLICT, "PA411", "https://github.com/pypa/twine/issues/1251"),
    Case("Artifactory", 403, ARTIFACTORY % (403, "Not enough permissions to overwrite artifact"), CONFLICT, "PA411", "https://github.com/pypa/twine/issues/332"),
    Case("Artifactory", 404, ARTIFACTORY % (404, "Could not locate artifact 'pypi-snapshots:pulumi-helpers/0.0.1.dev0/pulumi_helpers.whl'"), CONFLICT, "PA411", "https://github.com/pypa/twine/issues/918"),
    Case("Nexus", 400, NEXUS_PAGE, CONFLICT, "PA411", "https://github.com/pypa/twine/pull/694", "text/html"),
    Case("Nexus", 400, "foo-pypi/packages/foo-py/0.0.0/foo-0.0.0-py3-none-any.whl cannot be updated", CONFLICT, "PA411", "https://github.com/sonatype/nexus-public/issues/696", "text/plain"),
    Case("GitLab", 400, '{"message":"Validation failed: File name has already been taken"}', CONFLICT, "PA411", "https://github.com/pypa/twine/issues/697"),
    Case("Gitea", 409, "package file already exists", CONFLICT, "PA411", "https://docs.gitea.com/usage/packages/pypi", "text/plain"),
    Case("Gitea", 400, "hash mismatch", REFUSED, "PA431", "routers/api/packages/pypi/pypi.go of go-gitea/gitea", "text/plain"),
    Case("Gitea", 400, "invalid name or version", REFUSED, "PA432", "routers/api/packages/pypi/pypi.go of go-gitea/gitea", "text/plain"),
    Case("Azure Artifacts", 409, AZURE, CONFLICT, "PA411", "https://github.com/astral-sh/uv/issues/8817"),
    Case("AWS CodeArtifact", 409, "Conflict", CONFLICT, "PA411", "https://github.com/DeytaHQ/khora/pull/495", "text/plain"),
    Case("Google Artifact Registry", 400, "Requested entity already exists.\n", CONFLICT, "PA411", "https://github.com/pypa/twine/issues/816", "text/plain"),
    Case("Google Artifact Registry", 403, 'Permission "artifactregistry.repositories.uploadArtifacts" denied on resource "x" (or it may not exist)', UNAUTHORIZED, "PA403", "https://github.com/GoogleCloudPlatform/generative-ai/issues/693", "text/plain"),
    Case("Google Artifact Registry", 401, 'Unauthenticated request. Unauthenticated requests do not have permission "artifactregistry.repositories.uploadArtifacts"', UNAUTHORIZED, "PA401", "https://github.com/GoogleCloudPlatform/generative-ai/issues/693", "text/plain"),
    Case("a proxy", 413, "<html><head><title>413 Request Entity Too Large</title></head></html>", REFUSED, "PA430", "nginx", "text/html"),
    Case("a proxy", 502, "<html><h1>502 Bad Gateway</h1></html>", AMBIGUOUS, "PA510", "nginx", "text/html"),
    Case("unknown", 400, "something else", REFUSED, "PA449", "none", "text/plain"),
    Case("unknown", 404, "", REFUSED, "PA442", "none", "text/plain"),
    Case("unknown", 408, "", TRANSIENT, "PA511", "none", "text/plain"),
    Case("unknown", 425, "", TRANSIENT, "PA511", "none", "text/plain"),
    Case("unknown", 429, "", TRANSIENT, "PA511", "none", "text/plain"),
    Case("unknown", 503, "", TRANSIENT, "PA510", "none", "text/plain"),
    Case("unknown", 504, "", AMBIGUOUS, "PA510", "none", "text/plain"),
    Case("unknown", 507, "", REFUSED, "PA449", "none", "text/plain"),
    Case("unknown", 199, "", FileState.UNCLEAR, "PA506", "none", "text/plain"),
]  # fmt: skip

MakeDistribution = Callable[..., Distribution]


def test_the_next_step_names_the_variables_of_this_repository_and_project(attempt):
    scoped = "Invalid API Token: project-scoped token is not valid for project: 'kindling'"
    (finding,) = classify(reply(403, scoped), attempt._replace(repository="corp-eu"), now=0).findings
    assert "PUBLISH_ALL_CORP_EU_TOKEN_FOR_KINDLING," in finding.hint
    (missing,) = classify(reply(401), attempt._replace(repository="corp-eu", credential=None), now=0).findings
    assert "PUBLISH_ALL_CORP_EU_TOKEN" in missing.hint
    assert "`publish-all login corp-eu`" in missing.hint


@pytest.fixture
def attempt(make_distribution: MakeDistribution, make_credential: Callable[..., Credential]) -> Attempt:
    return Attempt(repository="corp", url=URL, credential=make_credential(), distribution=make_distribution())


def reply(status: int, body: bytes | str = b"", content_type: str = "text/plain", **headers: str) -> Reply:
    return Reply(
        status=status,
        reason="",
        url=URL,
        headers=CaseInsensitiveDict({"Content-Type": content_type} | {k.replace("_", "-"): v for k, v in headers.items()}),
        body=body.encode() if isinstance(body, str) else body,
    )  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda each: f"{each.server}-{each.status}-{each.text[:40]!a}")
def test_understands_the_reply(case: Case, attempt: Attempt):
    outcome = classify(reply(case.status, case.body, case.content_type), attempt, now=0)
    assert outcome.status is case.outcome
    (finding,) = outcome.findings
    assert finding.code == case.code
    assert finding.where == URL
    assert "corp" in finding.message


@pytest.mark.parametrize("case", CASES, ids=lambda each: f"{each.server}-{each.status}-{each.text[:40]!a}")
def test_says_what_to_do_next(case: Case, attempt: Attempt):
    (finding,) = classify(reply(case.status, case.body, case.content_type), attempt, now=0).findings
    assert finding.hint


BOILERPLATE = (
    "The server could not comply with the request since it is either malformed or otherwise incorrect."
)


@pytest.mark.parametrize(
    ("message", "code", "shown"),
    [
        (f"{BOILERPLATE}\n\n\nNo <b> & 'c'.\n\n", "400 No &lt;b&gt; &amp; 'c'.", "No <b> & 'c'."),
        ("Access was denied to this resource.\n\n\nAsk bob.", "403 Forbidden", "Access was denied to this resource. Ask bob."),
        ("One thing.", "400 Another thing.", "One thing."),
        ("The user is not allowed", "", "The user is not allowed"),
    ],
)  # fmt: skip
def test_shows_the_sentence_of_pypi_without_the_words_around_it(message, code, shown, attempt: Attempt):
    body = json.dumps({"message": message, "code": code, "title": "Bad Request"})
    (finding,) = classify(reply(400, body, "application/json"), attempt, now=0).findings
    assert BOILERPLATE not in finding.message
    assert finding.message.endswith((f": {shown}", f": 400 {shown}"))


def test_the_hourly_limit_of_new_projects_is_not_waited_for(attempt: Attempt):
    said = json.dumps(
        {"message": "Too many new projects created", "code": "429 Too many new projects created"}
    )
    limit = {"RateLimit": '"projects";r=0;t=2520', "RateLimit-Policy": '"projects";q=20;w=3600'}
    limited = reply(429, said, "application/json")
    limited.headers.update(limit)  # type: ignore[attr-defined]  # it is a dictionary here
    outcome = classify(limited, attempt, now=NOW)
    assert (outcome.status, outcome.retry_after) == (FileState.REFUSED, None)
    assert "The limit ends in 42 minutes, at 22:55 UTC." in outcome.findings[0].message


def test_a_limit_that_ends_soon_is_waited_for(attempt: Attempt):
    outcome = classify(reply(429, "Too many new projects created", retry_after="30"), attempt, now=NOW)
    assert (outcome.status, outcome.retry_after) == (FileState.FAILED, 30)


def test_success_is_any_2xx(attempt: Attempt):
    for status in (200, 201, 202, 204):
        assert classify(reply(status), attempt, now=0).status is FileState.UPLOADED


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413])
def test_never_retries_what_the_server_refuses(status: int, attempt: Attempt):
    outcome = classify(reply(status, "no", retry_after="1"), attempt, now=0)
    assert outcome.status not in {FileState.FAILED, FileState.UNCLEAR}


def exists(name: str, digest: str) -> Reply:
    text = f"File already exists ('{name}', with blake2_256 hash '{digest}'). See https://pypi.org/help/"
    return reply(400, json.dumps({"message": f"The server could not comply.\n\n{text}"}), "application/json")


def test_our_own_hash_means_present(attempt: Attempt):
    ours = attempt.distribution
    assert ours is not None
    outcome = classify(exists(ours.filename, ours.digests.blake2_256), attempt, now=0)
    assert (outcome.status, outcome.findings) == (FileState.PRESENT, ())


def test_another_hash_means_conflict(attempt: Attempt):
    ours = attempt.distribution
    assert ours is not None
    outcome = classify(exists(ours.filename, "0" * 64), attempt, now=0)
    assert outcome.status is FileState.CONFLICT
    assert outcome.findings[0].code == "PA410"


def test_our_hash_under_another_name_is_refused(attempt: Attempt):
    ours = attempt.distribution
    assert ours is not None
    outcome = classify(exists("other-1.0.tar.gz", ours.digests.blake2_256), attempt, now=0)
    assert outcome.status is FileState.REFUSED
    assert outcome.findings[0].code == "PA413"
    assert "other-1.0.tar.gz" in outcome.findings[0].hint


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_names_the_url_to_configure(status: int):
    attempt = Attempt(repository="corp", url="https://corp.example/legacy")
    (finding,) = classify(reply(status, location="/legacy/"), attempt, now=0).findings
    assert finding.code == "PA440"
    assert "slash at the end is missing" in finding.hint
    assert "https://corp.example/legacy/" in finding.hint


def test_a_redirect_elsewhere_is_not_recommended_blindly(attempt: Attempt):
    location = "https://user:pw@evil.example/?token=1\x1b[31m"
    outcome = classify(reply(308, location=location), attempt, now=0)
    assert outcome.status is FileState.REFUSED
    assert "pw" not in outcome.findings[0].message
    assert "\x1b" not in outcome.findings[0].message


@pytest.mark.parametrize("location", ["/users/sign_in", "https://login.corp.example/oauth2/authorize?x=1"])
def test_a_login_page_is_not_recommended_as_the_url(attempt: Attempt, location: str):
    (finding,) = classify(reply(302, location=location), attempt, now=0).findings
    assert finding.hint.startswith("Check that the URL is the upload URL")


def test_a_page_is_no_success(attempt: Attempt):
    body = "<!DOCTYPE html><html><head><title>Sign in</title></head></html>"
    outcome = classify(reply(200, body, content_type="text/html"), attempt, now=0)
    assert (outcome.status, outcome.findings[0].code) == (FileState.REFUSED, "PA447")
    assert "Sign in" in outcome.findings[0].message


def test_a_redirect_to_nowhere_is_refused(attempt: Attempt):
    for location in ("http://[::1", ""):
        outcome = classify(reply(302, location=location), attempt, now=0)
        assert (outcome.status, outcome.findings[0].code) == (FileState.REFUSED, "PA440")


def test_a_refused_credential_is_named_by_its_origin_and_never_shown(attempt: Attempt):
    (finding,) = classify(reply(401, "who is s3cret-token?"), attempt, now=0).findings
    assert (
        "the user ada with the credential from environment variable PUBLISH_ALL_CORP_TOKEN" in finding.message
    )
    assert "s3cret" not in finding.message


def test_no_credential_was_sent():
    (finding,) = classify(reply(401), Attempt(repository="corp", url=URL), now=0).findings
    assert finding.code == "PA307"
    assert "`publish-all login corp`, or set PUBLISH_ALL_CORP_TOKEN" in finding.hint


def test_the_next_step_names_repository_and_project_as_they_are(attempt: Attempt):
    (finding,) = classify(
        reply(403, "Invalid API Token: token is not valid for project"), attempt, now=0
    ).findings
    assert finding.code == "PA404"
    assert "PUBLISH_ALL_CORP_TOKEN_FOR_KINDLING," in finding.hint


def test_server_text_is_made_fit_to_be_shown(attempt: Attempt):
    text = "bad\x1b]0;owned\x07 \u202etxt.exe\r\n" + "x" * 5000
    (finding,) = classify(reply(400, text), attempt, now=0).findings
    assert finding.message.isprintable()
    assert len(finding.message) < 600


NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "2.5"}, 2.5),
        ({"Retry-After": "Tue, 14 Nov 2023 22:14:20 GMT"}, 60),
        ({"Retry-After": "Tue, 14 Nov 2023 22:12:20 GMT"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"RateLimit": '"projects";r=0;t=30', "RateLimit-Policy": '"projects";q=20;w=3600'}, 30),
        ({"RateLimit": '"projects";r=3;t=30'}, None),
        ({"RateLimit": "limit=20, remaining=0, reset=12"}, 12),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "9"}, 9),
        ({"RateLimit-Remaining": "4", "RateLimit-Reset": "9"}, None),
        ({"X-RateLimit-Reset": "1700000015"}, 15),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000015"}, 15),
        ({"X-RateLimit-Remaining": "4999", "X-RateLimit-Reset": "1700003000"}, None),
        ({"RateLimit": '"burst";r=5;t=1, "projects";r=0;t=30, "day";r=0;t=20'}, 30),
        ({"Retry-After": "3", "RateLimit": '"p";r=0;t=30'}, 3),
    ],
)
def test_reads_how_long_to_wait(headers: dict[str, str], seconds: float | None):
    assert retry_after(CaseInsensitiveDict(headers), NOW) == seconds


def test_the_wait_goes_with_the_outcome(attempt: Attempt):
    assert classify(reply(429, retry_after="4"), attempt, now=0).retry_after == 4


def error(failure: Failure, *, retryable: bool) -> HttpError:
    return HttpError("The connection broke.", failure=failure, url=URL, retryable=retryable)


@pytest.mark.parametrize(
    ("failure", "retryable", "body_sent", "expected"),
    [
        (Failure.REFUSED, True, False, (FileState.FAILED, "PA501")),
        (Failure.TIMEOUT, True, False, (FileState.FAILED, "PA502")),
        (Failure.TIMEOUT, True, True, (FileState.UNCLEAR, "PA506")),
        (Failure.DROPPED, True, False, (FileState.FAILED, "PA505")),
        (Failure.DROPPED, True, True, (FileState.UNCLEAR, "PA506")),
        (Failure.TLS, False, False, (FileState.REFUSED, "PA503")),
        (Failure.DNS, False, False, (FileState.REFUSED, "PA504")),
        (Failure.INVALID, False, False, (FileState.REFUSED, "PA507")),
    ],
)
def test_a_lost_reply_is_ambiguous_only_after_the_body(
    failure: Failure, retryable: bool, body_sent: bool, expected: tuple[FileState, str], attempt: Attempt
):
    outcome = lost(error(failure, retryable=retryable), attempt, body_sent=body_sent)
    assert (outcome.status, outcome.findings[0].code) == expected
