from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from publish_all._secret import Secret
from publish_all.config.folders import Folders, HostFolders
from publish_all.config.model import ProjectConfig, When
from publish_all.credentials.explicit import Explicit
from publish_all.credentials.select import default_chain
from publish_all.credentials.source import CredentialKind
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
    (tmp_path / "hatch").mkdir()
    return tmp_path


@pytest.fixture
def chain_of(home, make_repository, make_token, recorder):
    def build(environment=None, *, rings=(), audience="pypi", repositories=None, **options):
        names = ("pypi", "testpypi", "corp", "github")
        known = {name: make_repository(name) for name in names}
        folders = Folders(
            config=home / "config.toml",
            data=home,
            hosts=HostFolders(
                poetry=home / "config.toml",
                hatch=home / "hatch" / "config.toml",
                uv=home / "uv.toml",
                pdm=home / "pdm.toml",
                pypirc=home / ".pypirc",
            ),
        )
        values = {
            "environment": {"HATCH_CACHE_DIR": str(home), **(environment or {})},
            "repositories": {**known, **(repositories or {})},
            "session": Index(make_token("pypi.org"), audience),
            "home": home,
            "folders": folders,
            "backends": lambda: rings,
            "listener": recorder,
            "detect": lambda audience: JWT,
            "run": no_gh,
        }
        return default_chain(**{**values, **options})

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
    explicit = Explicit(repository="corp", username="bob", password=Secret("from-cli"))

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
    chain = chain_of(rings=(backend,), explicit=Explicit(repository="corp", username="bob"))
    assert chain.get(make_request("corp")).secret == Secret("of-bob")


def test_a_user_name_of_pypirc_is_looked_up_in_the_keyring(chain_of, make_request, home):
    (home / ".pypirc").write_text(f"[corp]\nrepository={CORP}\nusername=bob\n")
    entries = {("bob", CORP): "of-bob", ("__token__", CORP): "of-nobody"}
    backend = SimpleNamespace(
        get_password=lambda service, user: entries.get((user, service)), get_credential=lambda *_: None
    )
    found = chain_of(rings=(backend,)).get(make_request("corp"))
    assert (found.username, found.secret) == ("bob", Secret("of-bob"))


def test_a_projects_poetry_toml_and_pdm_toml_serve_the_urls_that_they_have(chain_of, make_request, tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    project = ProjectConfig(root=root, pyproject={})
    secret = '[http-basic.corp]\nusername = "bob"\npassword = "canary"\n'
    (root / "poetry.toml").write_text(f'[repositories.corp]\nurl = "{CORP}"\n{secret}')
    found = chain_of(project=project).get(make_request("corp"))
    assert (found.username, found.secret, "poetry.toml" in found.origin) == ("bob", Secret("canary"), True)
    assert chain_of(project=project).get(make_request("corp", "https://evil.example/")) is None

    (root / "poetry.toml").unlink()
    (root / "pdm.toml").write_text(
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
    (home / "hatch" / "config.toml").write_text(
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
    found = chain_of(GITHUB_JOB, mask=lambda secret: None).get(make_request("pypi"))
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
    oidc = chain_of(environment, auth="oidc", mask=lambda secret: None)
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
        chain_of(auth="oidc", explicit=Explicit(repository="pypi", password=Secret("x")))


def test_the_configuration_decides_for_one_repository(chain_of, make_request, make_repository, make_token):
    environment = {**GITHUB_JOB, "PYPI_TOKEN": make_token("pypi.org")}
    never = {"pypi": make_repository("pypi", trusted_publishing=When.NEVER)}
    assert chain_of(GITHUB_JOB, repositories=never).get(make_request("pypi")) is None
    always = {"pypi": make_repository("pypi", trusted_publishing=When.ALWAYS)}
    chain = chain_of(environment, repositories=always, mask=lambda secret: None)
    assert chain.get(make_request("pypi")).kind is CredentialKind.TRUSTED_PUBLISHING


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

    chain = chain_of(interactive=True, ask=ask)
    found = [chain.get(make_request("corp", project=project)) for project in ("a", "b")]
    assert [(each.username, each.secret.reveal()) for each in found] == [("bob", "typed")] * 2
    assert [hidden for _, hidden in questions] == [False, True, False]
    assert chain_of(interactive=False, ask=ask).get(make_request("corp")) is None


def test_a_refused_answer_is_asked_for_again_at_most_twice(chain_of, make_request):
    answers = iter(["bob", "wrong1", "n", "bob", "wrong2", "n", "bob", "wrong3", "n"])
    now = [1000.0]
    chain = chain_of(interactive=True, ask=lambda question, *, hidden: next(answers), clock=lambda: now[0])
    assert chain.get(make_request("corp")).secret == Secret("wrong1")
    for expected in ("wrong2", "wrong3"):
        now[0] += 60
        assert chain.renew(make_request("corp")).secret == Secret(expected)
    now[0] += 60
    assert chain.renew(make_request("corp")) is None


def test_the_trace_tells_every_place(chain_of, make_request):
    chain = chain_of({"TWINE_PASSWORD": "canary"})
    assert chain.get(make_request("corp")) is None
    trace = {entry.source: entry.outcome for entry in chain.trace(make_request("corp"))}
    assert trace["environment variable PUBLISH_ALL_CORP_TOKEN"] == "not set"
    assert "it is for https://upload.pypi.org/legacy/" in trace["environment variable TWINE_PASSWORD"]
    assert trace["trusted publishing"] == "no CI service with an identity"
    assert trace["keyring (no backend is installed)"] == "not there"
    assert ".pypirc" in trace
    assert "canary" not in repr(trace)
