from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from publish_all._process import Completed
from publish_all._secret import Secret
from publish_all.commands.context import Runtime
from publish_all.config.model import ProjectConfig, When
from publish_all.credentials.credential_source import CredentialKind
from publish_all.credentials.default_chain import default_chain
from publish_all.credentials.docker import GitHubCliSource
from publish_all.credentials.prompt import Explicit
from publish_all.errors import CredentialError, UsageError

CORP = "https://pypi.corp.example/legacy/"
GITHUB_JOB = {"GITHUB_ACTIONS": "true", "ACTIONS_ID_TOKEN_REQUEST_URL": "https://token.example/"}
JWT = "e30.eyJpc3MiOiAieCJ9.s"


@dataclass
class Index:
    """Offers trusted publishing under the audience given, or not at all."""

    token: str
    audience: str | None = "pypi"
    posts: list[str] = field(default_factory=list)

    def request(self, method, url, *, headers=None, body=None):
        if method == "GET":
            content = {"audience": self.audience} if self.audience else {}
            return SimpleNamespace(status=200 if self.audience else 404, json=lambda: content)
        self.posts.append(json.loads(body)["token"])
        content = {"success": True, "token": self.token, "expires": 0}
        return SimpleNamespace(status=200, json=lambda: content)


@pytest.fixture
def home(tmp_path):
    (tmp_path / "user").mkdir()
    return tmp_path / "user"


@pytest.fixture
def chain_of(tools_of, make_token, recorder):
    def build(environment=None, *, rings=(), audience="pypi", project=None, **options):
        values = {
            "session": Index(make_token("pypi.org"), audience),
            "backends": lambda: rings,
            "listener": recorder,
            "detect": lambda audience: JWT,
            "run": no_gh,
        }
        names = ("pypi", "testpypi", "corp", "github")
        return default_chain(tools_of(None, environment, project), names, **{**values, **options})

    return build


def no_gh(command, **options):
    raise FileNotFoundError(command[0])


def ring(**entries):
    def get_password(service, username):
        return entries.get(service)

    def get_credential(service, username):
        password = get_password(service, username)
        return SimpleNamespace(username=username or "bob", password=password) if password else None

    return SimpleNamespace(get_password=get_password, get_credential=get_credential)


def test_the_order_of_the_sources(chain_of, make_request, home):
    (home / ".pypirc").write_text(f"[corp]\nrepository={CORP}\nusername=bob\npassword=from-pypirc\n")
    (home / ".pypirc").chmod(0o600)
    environment, rings = {"PUBLISH_ALL_CORP_TOKEN": "from-env"}, (ring(**{CORP: "from-keyring"}),)
    explicit = Explicit("corp", user="bob", password=Secret("from-cli"))

    def found(*args, **options):
        return chain_of(*args, audience=None, **options).get(make_request("corp")).secret.reveal()

    assert found(environment, rings=rings, explicit=explicit) == "from-cli"
    assert found(environment, rings=rings) == "from-env"
    assert found(rings=rings) == "from-keyring"
    assert found() == "from-pypirc"


def test_a_user_name_on_the_command_line_is_looked_up_in_the_keyring(chain_of, make_request):
    entries = {("bob", CORP): "of-bob", ("__token__", CORP): "of-nobody"}
    backend = SimpleNamespace(
        get_password=lambda service, user: entries.get((user, service)), get_credential=lambda *_: None
    )
    chain = chain_of(rings=(backend,), explicit=Explicit("corp", user="bob"))
    assert chain.get(make_request("corp")).secret == Secret("of-bob")


def test_a_user_name_of_pypirc_is_looked_up_in_the_keyring(chain_of, make_request, home):
    (home / ".pypirc").write_text(f"[corp]\nrepository={CORP}\nusername=bob\n")
    entries = {("bob", CORP): "of-bob", ("__token__", CORP): "of-nobody"}
    backend = SimpleNamespace(
        get_password=lambda service, user: entries.get((user, service)), get_credential=lambda *_: None
    )
    found = chain_of(rings=(backend,)).get(make_request("corp"))
    assert (found.username, found.secret) == ("bob", Secret("of-bob"))


def test_a_projects_poetry_toml_and_pdm_toml_are_read(chain_of, make_request, tmp_path):
    project = ProjectConfig(root=tmp_path, pyproject={})
    (tmp_path / "pdm.toml").write_text(
        f'[repository.ours]\nurl = "{CORP}"\nusername = "carol"\npassword = "canary"\n'
    )
    assert chain_of(project=project).get(make_request("corp")).username == "carol"
    assert chain_of(project=None).get(make_request("corp")) is None


def test_poetrys_and_hatchs_files_are_read(chain_of, make_request, home):
    (home / "config.toml").write_text(f'[repositories.Our_Corp]\nurl = "{CORP}"\n')
    (home / "auth.toml").write_text('[http-basic.Our_Corp]\nusername = "bob"\npassword = "poetrys"\n')
    found = chain_of().get(make_request("corp"))
    assert (found.username, found.secret.reveal()) == ("bob", "poetrys")
    (home / "auth.toml").unlink()
    (home / "hatch.toml").write_text(
        f'[publish.index]\nauth = "for-main"\n[publish.index.repos.x]\nurl = "{CORP}"\nuser = "eve"\nauth = "hatchs"\n'
    )
    found = chain_of().get(make_request("corp"))
    assert (found.username, found.secret.reveal()) == ("eve", "hatchs")


def test_poetrys_token_for_a_known_name_does_not_go_to_a_projects_url(chain_of, make_request, home):
    (home / "config.toml").write_text(f'[repositories.corp]\nurl = "{CORP}"\n')
    (home / "auth.toml").write_text('[pypi-token]\ncorp = "canary"\npypi = "canary"\n')
    assert chain_of().get(make_request("corp", "https://evil.example/legacy/")) is None
    assert chain_of().get(make_request("corp")) is not None


def test_a_broken_auth_toml_is_an_error_only_when_it_is_reached(chain_of, make_request, home):
    (home / "auth.toml").write_text("[http-basic\n")
    assert chain_of({"PUBLISH_ALL_CORP_TOKEN": "x"}).get(make_request("corp")) is not None
    with pytest.raises(CredentialError, match=r"auth\.toml"):
        chain_of().get(make_request("corp"))


def test_trusted_publishing_is_used_in_a_job_with_an_identity(chain_of, make_request):
    found = chain_of(GITHUB_JOB).get(make_request("pypi"))
    assert found.kind is CredentialKind.TRUSTED_PUBLISHING


def test_a_token_in_the_environment_beats_it_with_a_remark(chain_of, make_request, make_token, recorder):
    environment = {**GITHUB_JOB, "PYPI_TOKEN": make_token("pypi.org")}
    session = Index(make_token("pypi.org"))
    chain = chain_of(environment, session=session)
    for project in ("a", "b"):
        assert chain.get(make_request("pypi", project=project)).kind is CredentialKind.TOKEN
    assert [event.finding.code for event in recorder.events] == ["PA328"]
    assert "attestations" in recorder.text
    assert session.posts == []


def test_auth_decides(chain_of, make_request, make_token, recorder):
    environment = {**GITHUB_JOB, "PYPI_TOKEN": make_token("pypi.org"), "GITHUB_TOKEN": "ghs_0123"}
    oidc = chain_of(environment, auth="oidc")
    assert oidc.get(make_request("pypi")).kind is CredentialKind.TRUSTED_PUBLISHING
    assert oidc.get(make_request("github")).secret == Secret("ghs_0123")
    token = chain_of(environment, auth="token")
    assert token.get(make_request("pypi")).kind is CredentialKind.TOKEN
    assert recorder.events == []
    with pytest.raises(CredentialError, match="needs a CI job"):
        chain_of({"PYPI_TOKEN": "pypi-x"}, auth="oidc").get(make_request("pypi"))
    with pytest.raises(UsageError, match="never"):
        chain_of(auth="never")
    with pytest.raises(UsageError):
        chain_of(auth="oidc", explicit=Explicit("pypi", password=Secret("x")))


def test_the_configuration_decides_for_one_repository(chain_of, make_request, make_repository, make_token):
    environment = {**GITHUB_JOB, "PYPI_TOKEN": make_token("pypi.org")}
    never = make_repository("pypi", trusted_publishing=When.NEVER)
    assert chain_of(GITHUB_JOB).get(make_request("pypi", config=never)) is None
    always = make_repository("pypi", trusted_publishing=When.ALWAYS)
    found = chain_of(environment).get(make_request("pypi", config=always))
    assert found.kind is CredentialKind.TRUSTED_PUBLISHING


def test_a_missing_permission_is_an_error_only_if_nothing_else_is_found(chain_of, make_request):
    job = {"GITHUB_ACTIONS": "true"}
    with pytest.raises(CredentialError) as caught:
        chain_of(job).get(make_request("pypi"))
    assert "id-token: write" in caught.value.hint
    rings = (ring(**{CORP: "stored"}),)
    assert chain_of(job, rings=rings, audience="corp").get(make_request("corp")) is not None


def test_a_failed_exchange_is_a_warning_if_something_else_is_found(chain_of, make_request, recorder):
    rings = (ring(**{CORP: "stored"}),)
    chain = chain_of(GITHUB_JOB, rings=rings, audience="pypi")
    assert chain.get(make_request("corp")).secret == Secret("stored")
    assert [event.finding.code for event in recorder.events] == ["PA323"]
    assert "warning" in recorder.text


def test_gh_is_asked_for_github_only(chain_of, make_request):
    asked = []

    def run(command, **options):
        asked.append((tuple(command), options["timeout"]))
        return SimpleNamespace(returncode=0, stdout="gho_canary\n", stderr="")

    chain = chain_of(run=run)
    assert chain.get(make_request("corp")) is None
    assert asked == []
    assert chain.get(make_request("github", username="sep")).username == "sep"
    assert asked == [(("gh", "auth", "token", "--hostname", "github.com"), 5.0)]


def test_the_prompt_is_last_and_asked_once_for_all_projects(chain_of, make_request):
    questions = []

    def ask(question, *, hidden):
        questions.append((question, hidden))
        return {"Password": "typed", "User": "bob"}.get(question.split(maxsplit=1)[0], "")

    chain = chain_of(ask=ask)
    found = [chain.get(make_request("corp", project=project)) for project in ("a", "b")]
    assert [(each.username, each.secret.reveal()) for each in found] == [("bob", "typed")] * 2
    assert [hidden for _, hidden in questions] == [False, True, False]
    assert chain_of(ask=None).get(make_request("corp")) is None


@pytest.mark.posix("modes")
def test_the_same_thing_is_said_once_for_all_projects(chain_of, make_request, home, recorder):
    (home / ".pypirc").write_text(f"[corp]\nrepository={CORP}\nusername=bob\npassword=x\n")
    (home / ".pypirc").chmod(0o644)
    chain = chain_of(rings=(SimpleNamespace(get_password=None),), audience=None)
    for project in ("a", "b"):
        assert chain.get(make_request("corp", project=project)).username == "bob"
    assert sorted(event.finding.code for event in recorder.events) == ["PA312", "PA313"]


def test_the_trace_tells_every_place(chain_of, make_request):
    chain = chain_of({"TWINE_PASSWORD": "canary"})
    assert chain.get(make_request("corp")) is None
    trace = {entry.source: entry.outcome for entry in chain.trace(make_request("corp"))}
    assert trace["environment variable PUBLISH_ALL_CORP_TOKEN"] == "not set"
    assert "it is for https://upload.pypi.org/legacy/" in trace["environment variable TWINE_PASSWORD"]
    assert trace["trusted publishing"] == "no CI service with an identity"
    assert trace["keyring"] == "no backend is installed"
    assert ".pypirc" in trace
    assert "canary" not in repr(trace)


# The command line, and gh


def test_answers_for_the_repository_it_was_said_for(make_request):
    source = Explicit("corp", user="bob", password=Secret("canary"))
    found = source.find(make_request("corp"))
    assert (found.username, found.secret.reveal(), found.host) == ("bob", "canary", "pypi.corp.example")
    assert source.find(make_request("pypi")) is None
    assert "canary" not in repr(source) + repr(found)


def test_the_user_name_may_be_the_configured_one_or_that_of_tokens(make_request):
    source = Explicit("corp", password=Secret("canary"))
    assert source.find(make_request("corp", username="carol")).username == "carol"
    assert source.find(make_request("corp")).username == "__token__"


def test_a_user_name_alone_is_no_answer_but_is_told(make_request):
    source = Explicit("corp", user="bob")
    assert source.find(make_request("corp")) is None
    assert source.username(make_request("corp")) == "bob"
    assert source.username(make_request("pypi")) is None


def test_an_empty_password_is_no_answer(make_request):
    source = Explicit("corp", user="bob", password=Secret(" "))
    assert source.find(make_request("corp")) is None


@pytest.fixture
def gh_of():
    def build(answer):
        def run(command, *, cwd, environment=None, timeout=None):
            if isinstance(answer, Exception):
                raise answer
            return answer

        return GitHubCliSource(run)

    return build


def test_the_token_of_gh_goes_to_github_only(gh_of, make_request):
    source = gh_of(Completed(returncode=0, stdout="gho_canary\r\n", stderr=""))
    assert source.find(make_request("github")).secret.reveal() == "gho_canary"
    for url in ("https://evil.example/", "https://ghcr.io.evil.example/", "https://upload.pypi.org/legacy/"):
        assert source.find(make_request("github", url)) is None


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (FileNotFoundError("gh"), "not installed"),
        (TimeoutError("gh"), "did not answer"),
        (PermissionError("gh"), "did not answer"),
        (Completed(returncode=1, stdout="", stderr="no oauth token"), "not logged in"),
    ],
)
def test_a_gh_that_cannot_help_is_not_here(answer, words, gh_of, make_request, misses):
    assert words in misses(gh_of(answer), make_request("github"))["gh auth token"]


def test_no_description_of_a_chain_has_the_environment(chain_of):
    chain = chain_of({"PUBLISH_ALL_CORP_TOKEN": "canary"}, explicit=Explicit("corp", "bob", Secret("canary")))
    tools = [each.tools for each in chain.sources if hasattr(each, "tools")]
    assert tools
    assert "canary" not in repr([chain, *chain.sources, *tools])
    assert "canary" not in repr(Runtime(environment={"PUBLISH_ALL_CORP_TOKEN": "canary"}))
