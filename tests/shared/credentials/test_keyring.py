from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail
from keyring.backends.chainer import ChainerBackend

from publish_all._secret import Secret
from publish_all.config.tools import ToolSettings
from publish_all.credentials.credential_source import CredentialKind, Purpose
from publish_all.credentials.keyring import (
    KeyringSource,
    forget,
    installed_backends,
    project_service,
    store,
)
from publish_all.errors import CredentialError
from publish_all.keyring_backend import PublishAllKeyring

PYPI = "https://upload.pypi.org/legacy/"
CORP = "https://pypi.corp.example/legacy/"
EVIL = "https://evil.example/legacy/"


class Ring:
    """A backend that holds what it is given, and remembers what it was asked."""

    def __init__(self, entries):
        self.entries = entries
        self.asked = []

    def get_password(self, service, username):
        self.asked.append((service, username))
        return self.entries.get((service, username))

    def get_credential(self, service, username):
        if username is not None:  # as keyring's own class does it
            password = self.get_password(service, username)
            return SimpleNamespace(username=username, password=password) if password else None
        self.asked.append((service, None))
        for (stored, user), password in self.entries.items():
            if stored == service:
                return SimpleNamespace(username=user, password=password)
        return None


class CloudRing(Ring):
    """As those of the clouds: a token for whatever URL is at its host, whoever is asked for."""

    def get_password(self, service, username):
        self.asked.append((service, username))
        return "made" if service.startswith("https://pypi.corp.example/") else None

    def get_credential(self, service, username):
        password = self.get_password(service, username)
        return SimpleNamespace(username="oauth2accesstoken", password=password) if password else None


class BrokenRing(Ring):
    def get_password(self, service, username):
        msg = "no such interface\non the bus"
        raise RuntimeError(msg)

    def get_credential(self, service, username):
        return self.get_password(service, username)


class HungRing(Ring):
    def get_password(self, service, username):
        threading.Event().wait()

    def get_credential(self, service, username):
        return self.get_password(service, username)


@pytest.fixture
def source_of(recorder, tools_of):
    def build(*rings, files=None, **options):
        return KeyringSource(tools_of(files), backends=lambda: rings, listener=recorder, **options)

    return build


@pytest.mark.parametrize(
    ("service", "user", "repository"),
    [
        ("poetry-repository-corp", "__token__", "corp"),
        ("poetry-repository-pypi", "__token__", "pypi"),
        (CORP, "__token__", "corp"),
        (CORP, "bob", "corp"),
        (CORP.rstrip("/"), "bob", "corp"),
        ("pypi.corp.example", "bob", "corp"),
        (PYPI, "__token__", "pypi"),
        (project_service(PYPI, "kindling-synapse"), "__token__", "pypi"),
    ],
)
def test_finds_what_other_tools_have_stored(service, user, repository, source_of, make_request):
    found = source_of(Ring({(service, user): "canary"})).find(make_request(repository))
    assert (found.username, found.secret.reveal()) == (user, "canary")
    assert service in found.origin
    assert found.kind is (CredentialKind.TOKEN if user == "__token__" else CredentialKind.PASSWORD)


@pytest.mark.parametrize(
    ("service", "user"), [(CORP, "carol"), (PYPI, "__token__"), ("evil.example.org", "bob")]
)
def test_an_entry_for_another_url_or_user_is_not_taken(service, user, source_of, make_request):
    ring = Ring({(service, user): "canary"})
    assert source_of(ring).find(make_request("corp", EVIL, username="bob")) is None


def test_poetrys_entry_for_a_name_that_poetry_knows_elsewhere_is_not_taken(source_of, make_request):
    ring = Ring({("poetry-repository-corp", "__token__"): "canary"})
    source = source_of(ring, files={"config.toml": f"[repositories.corp]\nurl = '{CORP}'\n"})
    assert source.find(make_request("corp", EVIL)) is None
    assert source.find(make_request("corp", CORP)) is not None


def test_poetrys_name_for_the_same_url_is_found_with_its_user(source_of, make_request):
    ring = Ring({("poetry-repository-Our.Corp", "carol"): "canary"})
    files = {
        "config.toml": f"[repositories.'Our.Corp']\nurl = '{CORP}'\n",
        "auth.toml": "[http-basic.'Our.Corp']\nusername = 'carol'\n",
    }
    assert source_of(ring, files=files).find(make_request("corp")).username == "carol"


def test_poetrys_empty_user_name_is_understood(source_of, make_request):
    ring = Ring({("poetry-repository-corp", "__poetry_source_empty_username__"): "canary"})
    assert source_of(ring).find(make_request("corp")).username == ""


def test_the_user_that_hatch_states_is_asked_for(source_of, make_request):
    class Files(Ring):
        def get_credential(self, service, username):
            return None

    ring = Files({(CORP, "dave"): "canary"})
    files = {"hatch.toml": f"[publish.index.repos.ours]\nurl = '{CORP}'\nuser = 'dave'\n"}
    assert source_of(ring, files=files).find(make_request("corp")).username == "dave"


def test_the_entry_of_the_project_comes_first(source_of, make_request):
    ring = Ring({(PYPI, "__token__"): "general", (f"{PYPI}#kindling-synapse", "__token__"): "scoped"})
    assert source_of(ring).find(make_request("pypi")).secret == Secret("scoped")
    assert source_of(ring).find(make_request("pypi", project="other")).secret == Secret("general")


def test_a_cloud_makes_one_token_for_all_projects_and_its_user_name_is_kept(source_of, make_request):
    ring = CloudRing({})
    source = source_of(ring)
    for project in ("a", "b", None):
        found = source.find(make_request("corp", project=project))
        assert (found.username, found.secret.reveal()) == ("oauth2accesstoken", "made")
    assert [each for each in ring.asked if each[0].startswith("https:")] == [(CORP, "__token__")]
    assert source.find(make_request("corp", EVIL)) is None


def test_an_index_is_read_with_the_token_for_its_upload_url_if_it_is_on_the_same_host(
    source_of, make_request, make_repository
):
    ring = CloudRing({})
    corp = make_repository("corp", index_url="https://pypi.corp.example/simple/")
    source = source_of(ring)
    for url, purpose in (("https://pypi.corp.example/simple/", Purpose.READ), (CORP, Purpose.UPLOAD)):
        assert (
            source.find(make_request("corp", url, purpose=purpose, config=corp)).username
            == "oauth2accesstoken"
        )
    assert ring.asked == [(CORP, "__token__")]
    elsewhere = "https://evil.example/simple/"
    assert source.find(make_request("corp", elsewhere, purpose=Purpose.READ, config=corp)) is None


def test_a_made_token_is_made_anew_when_it_is_renewed(source_of, make_request):
    ring = CloudRing({})
    source = source_of(ring)
    source.find(make_request("corp"))
    before = len(ring.asked)
    assert source.renew(make_request("corp")).username == "oauth2accesstoken"
    assert len(ring.asked) > before


def test_a_made_token_goes_with_its_own_user_name_whoever_is_stated(source_of, make_request):
    found = source_of(CloudRing({})).find(make_request("corp", username="carol"))
    assert (found.username, found.secret.reveal()) == ("oauth2accesstoken", "made")
    found = source_of(CloudRing({})).find(make_request("corp", username="oauth2accesstoken"))
    assert (found.username, found.secret.reveal()) == ("oauth2accesstoken", "made")


def test_whoever_is_stored_comes_before_a_guess_but_at_pypi(source_of, make_request):
    ring = Ring({(url, user): user for url in (CORP, PYPI) for user in ("bob", "__token__")})
    assert source_of(ring).find(make_request("corp", project=None)).username == "bob"
    assert source_of(ring).find(make_request("pypi", project=None)).username == "__token__"


def test_a_hung_backend_costs_its_time_once_and_is_named(source_of, make_request, recorder, misses):
    source = source_of(HungRing({}), seconds=0.2)
    started = time.monotonic()
    for project in ("a", "b", "c"):
        assert source.find(make_request("corp", project=project)) is None
    assert time.monotonic() - started < 1.5
    assert "HungRing" in recorder.text
    assert len(recorder.events) == 1
    assert "did not answer" in str(misses(source, make_request("corp", project="c")))


def test_a_hung_backend_does_not_keep_the_next_one_from_being_asked(source_of, make_request):
    source = source_of(HungRing({}), Ring({(CORP, "bob"): "canary"}), seconds=0.2)
    for _ in range(2):
        assert source.find(make_request("corp")).username == "bob"


def test_what_is_waited_for_is_said(source_of, make_request, recorder, monkeypatch):
    monkeypatch.setattr("publish_all.credentials.keyring.SECONDS_UNTIL_TOLD", 0.1)
    source_of(HungRing({}), seconds=0.5).find(make_request("corp"))
    waiting, given_up = recorder.events
    assert waiting.message.startswith("Waiting for the keyring ")
    assert "HungRing" in waiting.message
    assert "did not answer within 0.5 s" in given_up.finding.message


def test_an_interrupt_ends_the_wait_at_once(source_of, make_request, monkeypatch):
    interrupted = threading.Event()
    monkeypatch.setattr("publish_all.credentials.keyring.INTERRUPTED", interrupted)
    threading.Timer(0.2, interrupted.set).start()
    started = time.monotonic()
    with pytest.raises(CredentialError, match=r"waiting for the keyring .*HungRing"):
        source_of(HungRing({})).find(make_request("corp"))
    assert time.monotonic() - started < 10


def test_a_broken_backend_is_not_said_to_hold_nothing(source_of, make_request, misses):
    source = source_of(BrokenRing({}), Ring({}))
    (broken, why), (empty, outcome) = misses(source, make_request("corp")).items()
    assert "BrokenRing" in broken
    assert why.startswith("failed: ")
    assert "BrokenRing" not in empty
    assert outcome.startswith("nothing stored for ")


def test_a_broken_backend_is_noted_and_the_next_one_asked(source_of, make_request, recorder):
    source = source_of(BrokenRing({}), Ring({(CORP, "__token__"): "canary"}))
    assert source.find(make_request("corp")).secret.reveal() == "canary"
    (event,) = recorder.events
    assert event.finding.code == "PA313"
    assert "BrokenRing" in event.finding.message
    assert "\n" not in event.finding.message


def test_a_keyring_that_cannot_be_imported_is_noted(make_request, recorder, tools_of):
    def backends():
        msg = "No module named keyring"
        raise ImportError(msg)

    assert KeyringSource(tools_of(), backends=backends, listener=recorder).find(make_request("corp")) is None
    assert "No module named keyring" in recorder.text


def test_tells_which_services_it_asked_for(source_of, make_request, misses):
    ((place, outcome),) = misses(source_of(Ring({})), make_request("corp")).items()
    assert CORP in outcome
    assert "Ring" in place


def test_without_backends_it_says_so(source_of, make_request, misses):
    assert misses(source_of(), make_request("corp")) == {"keyring": "no backend is installed"}


@pytest.fixture
def installed(monkeypatch):
    """Makes a ring the one that `keyring` has chosen."""

    def install(ring):
        monkeypatch.setattr("keyring.core._keyring_backend", ring)
        return ring

    return install


class StoringRing(KeyringBackend):
    priority = -1

    def __init__(self):
        super().__init__()
        self.entries = {}

    def get_password(self, service, username):
        return self.entries.get((service, username))

    def set_password(self, service, username, password):
        if password == "refuse":
            msg = "it is\nlocked"
            raise RuntimeError(msg)
        self.entries[service, username] = password

    def delete_password(self, service, username):
        del self.entries[service, username]


def test_what_is_stored_is_found_and_forgotten(installed, make_request):
    ring = installed(StoringRing())
    assert "StoringRing" in store(CORP, "bob", Secret("canary"))
    store(CORP, "__token__", Secret("scoped"), project="kindling-synapse")
    assert ring.entries == {(CORP, "bob"): "canary", (f"{CORP}#kindling-synapse", "__token__"): "scoped"}
    assert KeyringSource(ToolSettings()).find(make_request("corp")).secret == Secret("scoped")
    assert KeyringSource(ToolSettings()).find(
        make_request("corp", project="x", username="bob")
    ).secret == Secret("canary")
    assert forget(CORP, "bob")
    assert not forget(CORP, "bob")


def test_a_keyring_that_cannot_store_is_an_error_without_the_secret(installed):
    installed(StoringRing())
    with pytest.raises(CredentialError, match="it is locked") as caught:
        store(CORP, "bob", Secret("refuse"))
    assert "refuse" not in str(caught.value)


def test_no_keyring_is_an_error(installed):
    installed(fail.Keyring())
    with pytest.raises(CredentialError, match="No keyring"):
        store(CORP, "bob", Secret("canary"))
    assert installed_backends() == ()


def test_our_own_backend_is_never_asked(installed, monkeypatch):
    monkeypatch.setenv("PUBLISH_ALL_KEYRING", "1")
    monkeypatch.setattr("keyring.backend.get_all_keyring", lambda: [PublishAllKeyring(), StoringRing()])
    installed(PublishAllKeyring())
    assert [type(ring) for ring in installed_backends()] == [StoringRing]
    installed(ChainerBackend())
    assert not any(isinstance(ring, PublishAllKeyring) for ring in installed_backends())
