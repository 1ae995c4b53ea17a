from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, replace
from itertools import count

import pytest

from publish_all._http_errors import Failure, HttpError
from publish_all._secret import Secret
from publish_all.config.model import When
from publish_all.credentials.credential_source import Credential, CredentialKind, Purpose
from publish_all.credentials.trusted_publishing import AmbientIdentity, TrustedPublishingSource
from publish_all.errors import CredentialError

NOW = 1_800_000_000.0
TESTINDEX = "https://index.corp.example/legacy/"
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "ACTIONS_ID_TOKEN_REQUEST_URL": "https://token.example/?v=2",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "canary-request-token",
}
CLAIMS = {
    "iss": "https://token.actions.githubusercontent.com",
    "repository": "Sep/spark-kindling-framework",
    "repository_owner": "Sep",
    "repository_owner_id": "1234",
    "workflow_ref": "Sep/spark-kindling-framework/.github/workflows/release.yml@refs/tags/v1",
    "job_workflow_ref": "Sep/spark-kindling-framework/.github/workflows/release.yml@refs/tags/v1",
    "event_name": "push",
    "environment": "release",
}


def jwt(number, **claims):
    body = base64.urlsafe_b64encode(json.dumps({**CLAIMS, "jti": number, **claims}).encode())
    return f"e30.{body.decode().rstrip('=')}.canary-signature"


@dataclass
class Answer:
    status: int
    content: object

    def json(self):
        if isinstance(self.content, str):
            return json.loads(self.content)
        return self.content


def refusal(code, description="it says why"):
    errors = [{"code": code, "description": description}]
    return Answer(422, {"message": "Token request failed", "errors": errors})


def minted(token="pypi-canary-minted", expires=NOW + 900):
    return Answer(200, {"success": True, "token": token, "expires": int(expires)})


@dataclass
class Index:
    """An index which answers as PyPI does; `mints` are its answers to mint requests, the last one stays."""

    audience: object = "testindex"
    mints: list[object] = field(default_factory=lambda: [minted()])
    seen: list[tuple[str, str]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    def request(self, method, url, *, headers=None, body=None):
        self.seen.append((method, url))
        if method == "GET":
            assert url.endswith("/_/oidc/audience")
            answer = self.audience
            answer = answer if isinstance(answer, Answer | Exception) else Answer(200, {"audience": answer})
        else:
            assert url.endswith("/_/oidc/mint-token")
            assert headers["Content-Type"] == "application/json"
            self.tokens.append(json.loads(body)["token"])
            answer = self.mints.pop(0) if len(self.mints) > 1 else self.mints[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class World:
    def __init__(self, recorder, make_repository):
        self.index = Index()
        self.environment = dict(GITHUB)
        self.claims = {}
        self.recorder = recorder
        self.masked = []
        self.slept = []
        self.audiences = []
        self.numbers = count()
        self.required = False
        self.now = NOW
        self.static_jwt = None
        self.testindex = make_repository("testindex", TESTINDEX, audience="testindex")

    def detect(self, audience):
        self.audiences.append(audience)
        return self.static_jwt or jwt(next(self.numbers), **self.claims)

    def source(self):
        return TrustedPublishingSource(
            http=self.index,
            identity=AmbientIdentity(environment=self.environment, detect=self.detect),
            when=lambda request: When.ALWAYS if self.required else When.AUTO,
            mask=self.masked.append,
            listener=self.recorder,
            clock=lambda: self.now,
            sleep=self.slept.append,
        )


@pytest.fixture
def world(recorder, make_repository):
    return World(recorder, make_repository)


@pytest.fixture
def request_of(make_request, world):
    def build(name="testindex", **changes):
        if name != "testindex":
            return make_request(name, **changes)
        return make_request(name, TESTINDEX, config=world.testindex, **changes)

    return build


def test_mints_a_token_for_the_job(world, request_of):
    found = world.source().find(request_of())
    assert found.secret.reveal() == "pypi-canary-minted"
    assert (found.username, found.kind, found.expires) == (
        "__token__",
        CredentialKind.TRUSTED_PUBLISHING,
        NOW + 900,
    )
    assert found.host == "index.corp.example"
    assert found.origin == "trusted publishing (GitHub Actions)"
    assert world.audiences == ["testindex"]
    assert world.index.seen == [
        ("GET", "https://index.corp.example/_/oidc/audience"),
        ("POST", "https://index.corp.example/_/oidc/mint-token"),
    ]


@pytest.mark.parametrize(
    ("name", "audience", "host"),
    [("pypi", "pypi", "https://pypi.org"), ("testpypi", "testpypi", "https://test.pypi.org")],
)
def test_pypi_answers_on_its_own_host(name, audience, host, world, request_of):
    world.index.audience = audience
    assert world.source().find(request_of(name)) is not None
    assert [url for _, url in world.index.seen] == [f"{host}/_/oidc/audience", f"{host}/_/oidc/mint-token"]


def test_each_mint_gets_a_new_jwt_and_the_audience_is_asked_once(world, request_of):
    source = world.source()
    for project in ("a", "b", "c"):
        source.find(request_of(project=project))
    assert len(set(world.index.tokens)) == 3
    assert [method for method, _ in world.index.seen].count("GET") == 1


@pytest.mark.parametrize(
    "passing",
    [
        Answer(503, "{}"),
        Answer(429, {"message": "slow down"}),
        refusal("invalid-reuse-token"),
        HttpError("no answer", failure=Failure.TIMEOUT, url=TESTINDEX, retryable=True),
    ],
)
def test_what_may_pass_is_tried_again_with_a_new_jwt(passing, world, request_of):
    world.index.mints = [passing, minted()]
    assert world.source().find(request_of()) is not None
    assert len(world.index.tokens) == len(set(world.index.tokens)) == 2
    assert world.slept == [2.0]


def test_a_jwt_that_the_service_gives_only_once_serves_all_projects(world, request_of):
    world.static_jwt = jwt(1)
    source = world.source()
    first, second = source.find(request_of(project="a")), source.find(request_of(project="b"))
    assert first == second
    assert len(world.index.tokens) == 1
    world.now += 800
    world.index.mints = [refusal("invalid-reuse-token")]
    world.required = True
    with pytest.raises(CredentialError) as caught:
        source.renew(request_of(project="a"))
    assert "separate jobs" in caught.value.hint


def test_secrets_are_masked(world, request_of):
    world.source().find(request_of())
    assert world.masked == [world.index.tokens[0], "pypi-canary-minted"]


@pytest.mark.parametrize("expires", [None, "soon", NOW - 5, NOW + 10**9])
def test_an_expiry_beyond_belief_is_replaced(expires, world, request_of):
    world.index.mints = [Answer(200, {"success": True, "token": "pypi-x", "expires": expires})]
    assert world.source().find(request_of()).expires == NOW + 900


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (refusal("invalid-payload"), "PA326", "proxy"),
        (refusal("not-enabled"), "PA326", "has disabled"),
        (refusal("invalid-token"), "PA326", "GitHub Actions, gitlab.com"),
        (refusal("invalid-token", "token is expired"), "PA326", "identity token of this job has expired"),
        (refusal("invalid-publisher"), "PA324", "Workflow name: release.yml"),
        (refusal("invalid-pending-publisher"), "PA325", "already exists"),
        (refusal("invalid-reuse-token"), "PA326", "used before"),
        (refusal("something-new", "with a\nreason"), "PA326", "with a reason"),
        (Answer(403, {"message": "Forbidden by us"}), "PA326", "403"),
        (Answer(404, "<html>"), "PA326", "404"),
        (Answer(200, {"success": True}), "PA326", "no usable token"),
        (Answer(200, "[]"), "PA326", "no usable token"),
        (minted("pypi-a\n::set-output name=x::canary"), "PA326", "no usable token"),
        (minted("pypi-canary\x1b[31m"), "PA326", "no usable token"),
        (minted("pypi-canary\u202e"), "PA326", "no usable token"),
    ],
)
def test_each_refusal_is_explained(answer, code, words, world, request_of):
    world.index.mints, world.required = [answer], True
    with pytest.raises(CredentialError) as caught:
        world.source().find(request_of())
    (finding,) = caught.value.findings
    assert finding.code == code
    assert words in finding.message + finding.hint
    assert "canary" not in str(caught.value) + repr(finding)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("required", [True, False])
def test_an_index_that_is_down_is_not_a_wrong_credential(required, world, request_of):
    world.index.mints, world.required = [Answer(503, "<html>")] * 9, required
    with pytest.raises(HttpError, match="answers 503") as caught:
        world.source().find(request_of())
    assert caught.value.retryable


def test_an_index_that_is_down_when_its_audience_is_asked_for_offers_no_answer(world, request_of, misses):
    world.index.audience = Answer(503, "<html>")
    assert "not offered" in misses(world.source(), request_of())["trusted publishing"]
    world.required = True
    with pytest.raises(HttpError, match="_/oidc/audience answers 503"):
        world.source().find(request_of())


def test_an_unknown_publisher_is_told_as_the_fields_to_fill_in(world, request_of):
    world.index.audience, world.index.mints, world.required = "pypi", [refusal("invalid-publisher")], True
    with pytest.raises(CredentialError) as caught:
        world.source().find(request_of("pypi"))
    (finding,) = caught.value.findings
    assert [line.strip() for line in finding.message.splitlines()[1:]] == [
        "PyPI Project Name: kindling-synapse",
        "Owner: Sep",
        "Repository name: spark-kindling-framework",
        "Workflow name: release.yml",
        "Environment name: release",
    ]
    assert "the owner of this job, Sep, has the id 1234" in finding.hint
    assert "https://pypi.org/manage/account/publishing/" in finding.hint
    assert "https://pypi.org/manage/project/kindling-synapse/settings/publishing/" in finding.hint
    assert "case" in finding.hint
    assert "fork" in finding.hint


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"event_name": "pull_request_target"}, "pull_request_target"),
        ({"environment": None}, "`environment: NAME`"),
        (
            {"job_workflow_ref": "Sep/spark-kindling-framework/.github/workflows/called.yml@refs/tags/v1"},
            "Register called.yml",
        ),
        ({"job_workflow_ref": "other/shared/.github/workflows/x.yml@main"}, "other/shared"),
    ],
)
def test_near_misses_are_told_before_and_after(claims, words, world, request_of):
    world.claims, world.required = claims, True
    world.source().promise(request_of())
    told_before = words in world.recorder.text
    assert told_before is ("environment" not in claims)
    world.index.mints = [refusal("invalid-publisher")]
    with pytest.raises(CredentialError) as caught:
        world.source().find(request_of())
    assert words in caught.value.hint


def test_several_new_projects_get_the_list_of_publishers_to_register(world, request_of):
    world.index.audience, world.required = "pypi", True
    source = world.source()
    for project in ("kindling-synapse", "kindling-databricks", "kindling-fabric"):
        source.promise(request_of("pypi", project=project))
    world.index.mints = [refusal("invalid-publisher")]
    with pytest.raises(CredentialError) as caught:
        source.find(request_of("pypi"))
    for project in ("kindling-synapse", "kindling-databricks", "kindling-fabric"):
        assert f"{project}: environment pypi-{project}" in caught.value.hint
    assert "one pending publisher for each new project" in caught.value.hint


def test_plausible_reads_the_claims_and_mints_nothing(world, request_of):
    found = world.source().promise(request_of())
    assert not found.secret
    assert found.kind is CredentialKind.TRUSTED_PUBLISHING
    assert world.index.tokens == []


@pytest.mark.parametrize(
    "audience",
    [
        "pypi",
        "testpypi",
        "PyPI",
        " testindex",
        "sigstore",
        "api://AzureADTokenExchangeUSGov",
        "https://other.example",
        "other.example",
        "vault",
        "corp",
        "https://index.corp.example/x",
        "index.corp.example.evil.example",
    ],
)
@pytest.mark.parametrize("url", [TESTINDEX, "http://127.0.0.1:8080/legacy/"])
def test_a_host_that_asks_for_anothers_audience_gets_no_token(audience, url, world, make_request):
    world.index.audience, world.required = audience, True
    with pytest.raises(CredentialError) as caught:
        world.source().find(make_request("testindex", url))
    assert caught.value.findings[0].code == "PA323"
    assert world.audiences == []
    assert world.index.tokens == []


def test_testpypi_may_not_ask_for_pypis(world, request_of):
    world.index.audience, world.required = "pypi", True
    with pytest.raises(CredentialError):
        world.source().find(request_of("testpypi"))


@pytest.mark.parametrize(
    "audience",
    ["testindex", "index.corp.example", "https://index.corp.example", "https://index.corp.example/"],
)
def test_a_host_may_ask_for_its_own_and_for_what_the_user_has_configured(audience, world, request_of):
    world.index.audience = audience
    assert world.source().find(request_of()) is not None


@pytest.mark.parametrize(
    "audience",
    [
        Answer(404, "<html>"),
        Answer(403, {"message": "disabled"}),
        Answer(200, "<html>"),
        Answer(200, {}),
        HttpError("refused", failure=Failure.REFUSED, url=TESTINDEX),
    ],
)
def test_an_index_without_trusted_publishing_is_passed_over_unless_it_is_required(
    audience, world, request_of, misses
):
    world.index.audience = audience
    source = world.source()
    assert "not offered" in misses(source, request_of())["trusted publishing"]
    world.required = True
    with pytest.raises(CredentialError) as caught:
        world.source().find(request_of())
    assert caught.value.findings[0].code == "PA322"


def test_without_a_ci_service_nobody_is_asked(world, request_of):
    world.environment = {}
    assert world.source().find(request_of()) is None
    assert world.index.seen == []
    world.required = True
    with pytest.raises(CredentialError) as caught:
        world.source().find(request_of())
    assert caught.value.findings[0].code == "PA321"


def test_a_missing_permission_is_told_with_the_lines_to_add(world, request_of):
    world.environment = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKFLOW_REF": "sep/kindling/.github/workflows/release.yml@refs/heads/main",
    }
    with pytest.raises(CredentialError) as caught:
        world.source().find(request_of())
    finding = caught.value.findings[0]
    assert finding.code == "PA320"
    assert finding.where == ".github/workflows/release.yml"
    assert "id-token: write" in finding.hint
    assert world.audiences == []


def test_gitlab_is_told_which_variable_to_ask_for(world, request_of):
    world.environment, world.index.audience = {"GITLAB_CI": "true"}, "testpypi"
    with pytest.raises(CredentialError) as caught:
        world.source().find(request_of("testpypi"))
    assert "TESTPYPI_ID_TOKEN:\n      aud: testpypi" in caught.value.hint


def test_an_identity_that_cannot_be_had_is_an_error(world, request_of):
    def detect(audience):
        msg = "GitHub: OIDC token request failed\n(code=500)"
        raise RuntimeError(msg)

    world.detect, world.required = detect, True
    with pytest.raises(CredentialError) as caught:
        world.source().find(request_of())
    assert "(code=500)" in caught.value.message
    assert "\n" not in caught.value.message


def test_reading_other_kinds_and_plain_http_are_not_for_it(world, request_of, make_request):
    source = world.source()
    assert source.find(request_of(purpose=Purpose.READ)) is None
    assert source.find(make_request("github")) is None
    assert source.find(make_request("testindex", "http://index.corp.example/legacy/")) is None
    assert world.index.seen == []


@pytest.mark.parametrize(
    ("job", "name", "possible"),
    [
        (GITHUB, "pypi", True),
        ({"GITHUB_ACTIONS": "true"}, "pypi", False),
        ({}, "pypi", False),
        (GITHUB, "corp", False),
        (GITHUB, "testindex", True),
        ({"GITLAB_CI": "true", "PYPI_ID_TOKEN": "x"}, "pypi", True),
        ({"GITLAB_CI": "true", "PYPI_ID_TOKEN": "x"}, "testpypi", False),
    ],
)
def test_tells_offline_whether_it_would_have_been_possible(job, name, possible, world, request_of):
    world.environment = job
    token = Credential(
        username="__token__",
        secret=Secret("canary"),
        host="",
        kind=CredentialKind.TOKEN,
        origin="environment variable X",
    )
    assert (world.source().unused(request_of(name), token) is not None) is possible
    found = world.source().unused(request_of(name), replace(token, origin="the command line's --password"))
    assert (found is not None) is possible
    assert world.source().unused(request_of(name), replace(token, origin="keyring")) is None
    assert world.index.seen == []
    assert world.audiences == []
