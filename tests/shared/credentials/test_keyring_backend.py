from __future__ import annotations

import threading
import time
from pathlib import Path

import keyring.backend
import pytest
from keyring.backends.chainer import ChainerBackend
from keyring.errors import PasswordDeleteError, PasswordSetError

from publish_all._secret import Secret
from publish_all.credentials.credential_source import Credential, CredentialKind, Purpose
from publish_all.credentials.keyring import OUR_BACKEND, is_ours
from publish_all.errors import ConfigurationError, CredentialError
from publish_all.keyring_backend import Known, PublishAllKeyring

CORP = "https://pypi.corp.example/legacy/"
INDEX = "https://pypi.corp.example/simple/"
PYPROJECT = f"""
[project]
name = "Kindling.Synapse"
[tool.publish-all.repositories.corp]
url = "{CORP}"
index-url = "{INDEX}"
"""


class Chain:
    """Answers every request alike, and remembers it."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = []

    def get(self, request):
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def credential(username="__token__"):
    return Credential(
        username=username,
        secret=Secret("canary"),
        host="pypi.corp.example",
        kind=CredentialKind.TOKEN,
        origin="the fake",
    )


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The current folder, and a user without any configuration."""
    for name in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PYPROJECT)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def answers_of(project, make_repository):
    def build(answer, *, load=None):
        chain = Chain(answer)
        corp = make_repository("corp", index_url=INDEX)
        known = Known((corp, make_repository("pypi"), make_repository("github")), chain, "kindling-synapse")
        return PublishAllKeyring(load or (lambda directory: known)), chain

    return build


@pytest.mark.parametrize(
    ("service", "purpose"),
    [
        (CORP, Purpose.UPLOAD),
        (CORP.rstrip("/"), Purpose.UPLOAD),
        (INDEX, Purpose.READ),
        ("pypi.corp.example", Purpose.READ),
        ("https://upload.pypi.org/legacy/", Purpose.UPLOAD),
    ],
)
def test_answers_for_the_places_of_repositories(service, purpose, answers_of):
    answers, chain = answers_of(credential())
    assert answers.get_credential(service, None).password == "canary"
    assert answers.get_credential(service, "__token__") is not None
    assert {request.purpose for request in chain.asked} == {purpose}
    assert {request.project for request in chain.asked} == {"kindling-synapse"}


@pytest.mark.parametrize(
    "service",
    [
        "python-poetry-check",
        "poetry-repository-corp",
        "",
        "https://",
        "https://[broken",
        "https://other.example/legacy/",
        "https://pypi.corp.example/other/",
        "https://pypi.corp.example.evil.example/legacy/",
        "https://pypi.corp.example@evil.example/legacy/",
        "http://pypi.corp.example/legacy/",
        "evil.example",
        "ghcr.io",
    ],
)
def test_anything_else_is_none(service, answers_of):
    answers, chain = answers_of(credential())
    assert answers.get_credential(service, None) is None
    assert answers.get_credential(service, "__token__") is None
    assert chain.asked == []


@pytest.mark.parametrize("service", ["some-service", "python-poetry-check", "https://other.example/simple/"])
def test_what_no_configuration_mentions_costs_less_than_a_millisecond(service, answers_of):
    def load(directory):
        raise AssertionError

    answers, _ = answers_of(None, load=load)
    times = []
    for _ in range(20):
        started = time.process_time()
        assert answers.get_credential(service, "me") is None
        times.append(time.process_time() - started)
    assert min(times) < 0.001


def test_another_user_than_asked_for_is_none(answers_of):
    answers, chain = answers_of(credential("bob"))
    assert answers.get_credential(CORP, "bob").username == "bob"
    assert answers.get_credential(CORP, "eve") is None
    assert answers.get_credential(CORP, "__token__") is None
    assert [request.username for request in chain.asked] == ["bob", "eve", None]


def test_a_url_in_a_variable_is_mentioned(answers_of, monkeypatch):
    answers, _ = answers_of(credential())
    monkeypatch.setenv("PUBLISH_ALL_REPOSITORIES_X_URL", "https://x.example/")
    assert answers.is_mentioned("x.example", Path.cwd())
    assert not answers.is_mentioned("y.example", Path.cwd())


def test_a_question_of_our_own_search_is_not_answered(answers_of):
    answers, chain = answers_of(credential())
    found = []
    thread = threading.Thread(
        target=lambda: found.append(answers.get_credential(CORP, None)), name="publish-all keyring"
    )
    thread.start()
    thread.join(5)
    assert found == [None]
    assert chain.asked == []


@pytest.mark.parametrize("error", [CredentialError("it is broken"), ConfigurationError("it is wrong")])
def test_what_goes_wrong_is_logged_and_none(error, answers_of, caplog):
    answers, _ = answers_of(error)
    assert answers.get_credential(CORP, None) is None
    assert error.message in caplog.text


def test_a_configuration_that_cannot_be_loaded_is_told_once(answers_of, caplog):
    def load(directory):
        raise ConfigurationError("it is wrong")

    answers, _ = answers_of(None, load=load)
    assert answers.get_credential(CORP, None) is None
    assert answers.get_credential(CORP, None) is None
    assert caplog.text.count("it is wrong") == 1


@pytest.mark.usefixtures("project")
def test_the_real_configuration_and_chain(monkeypatch):
    monkeypatch.setenv("PUBLISH_ALL_CORP_TOKEN", "canary")
    answers = PublishAllKeyring()
    assert answers.get_password(CORP, "__token__") == "canary"
    assert answers.get_credential(INDEX, None).password == "canary"


def test_it_does_not_exist_unless_switched_on(monkeypatch):
    monkeypatch.delenv("PUBLISH_ALL_KEYRING", raising=False)
    assert not PublishAllKeyring.viable
    with pytest.raises(RuntimeError, match="PUBLISH_ALL_KEYRING"):
        _ = PublishAllKeyring.priority
    monkeypatch.setenv("PUBLISH_ALL_KEYRING", "1")
    assert PublishAllKeyring.viable


def test_it_stores_nothing_and_lets_the_next_backend_do_it(monkeypatch):
    monkeypatch.setenv("PUBLISH_ALL_KEYRING", "1")
    ours = PublishAllKeyring()
    with pytest.raises(PasswordSetError):
        ours.set_password("service", "user", "canary")
    with pytest.raises(PasswordDeleteError):
        ours.delete_password("service", "user")
    stored = []

    class Chained(ChainerBackend):
        backends = (ours, type("Next", (), {"set_password": lambda _, *what: stored.append(what)})())

    keyring.backend.KeyringBackend._classes.discard(Chained)
    Chained().set_password("service", "user", "secret")
    assert stored == [("service", "user", "secret")]


def test_our_own_search_knows_it(monkeypatch):
    monkeypatch.setenv("PUBLISH_ALL_KEYRING", "1")
    assert is_ours(PublishAllKeyring())
    assert PublishAllKeyring.__module__ == OUR_BACKEND
