from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail
from keyring.backends.chainer import ChainerBackend

from publish_all._secret import Secret
from publish_all.credentials.binding import Bindings, KnownNames
from publish_all.credentials.host_config import Account, HatchSettings, PoetrySettings
from publish_all.credentials.keyring import KeyringSource, forget, installed_backends, project_service, store
from publish_all.credentials.source import CredentialKind
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
        assert username is None
        self.asked.append((service, None))
        for (stored, user), password in self.entries.items():
            if stored == service:
                return SimpleNamespace(username=user, password=password)
        return None


class BrokenRing(Ring):
    def get_password(self, service, username):
        msg = "no such interface\non the bus"
        raise RuntimeError(msg)


class HungRing(Ring):
    def get_password(self, service, username):
        threading.Event().wait()


@pytest.fixture
def source_of(recorder, make_repository):
    def build(*rings, **options):
        configured = {name: make_repository(name) for name in ("pypi", "corp", "github")}
        options.setdefault("bindings", Bindings(configured))
        return KeyringSource(backends=lambda: rings, listener=recorder, **options)

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
    poetry = PoetrySettings(names=KnownNames(urls={"corp": CORP}))
    source = source_of(ring, poetry=poetry)
    assert source.find(make_request("corp", EVIL)) is None
    assert source.find(make_request("corp", CORP)) is not None


def test_poetrys_name_for_the_same_url_is_found_with_its_user(source_of, make_request):
    ring = Ring({("poetry-repository-Our.Corp", "carol"): "canary"})
    poetry = PoetrySettings(
        names=KnownNames(urls={"our-corp": CORP}),
        basic={"our-corp": Account(username="carol")},
        spelled={"our-corp": "Our.Corp"},
    )
    assert source_of(ring, poetry=poetry).find(make_request("corp")).username == "carol"


def test_poetrys_empty_user_name_is_understood(source_of, make_request):
    ring = Ring({("poetry-repository-corp", "__poetry_source_empty_username__"): "canary"})
    assert source_of(ring).find(make_request("corp")).username == ""


def test_the_user_that_hatch_remembers_is_asked_for(source_of, make_request):
    class Files(Ring):
        def get_credential(self, service, username):
            return None

    ring = Files({(CORP, "dave"): "canary"})
    assert (
        source_of(ring, hatch=HatchSettings(users={CORP: "dave"})).find(make_request("corp")).username
        == "dave"
    )


def test_the_entry_of_the_project_comes_first(source_of, make_request):
    ring = Ring({(PYPI, "__token__"): "general", (f"{PYPI}#kindling-synapse", "__token__"): "scoped"})
    assert source_of(ring).find(make_request("pypi")).secret == Secret("scoped")
    assert source_of(ring).find(make_request("pypi", project="other")).secret == Secret("general")


def test_a_hung_backend_costs_its_time_once_and_is_named(source_of, make_request, recorder):
    source = source_of(HungRing({}), budget=0.2)
    started = time.monotonic()
    for project in ("a", "b", "c"):
        assert source.find(make_request("corp", project=project)) is None
    assert time.monotonic() - started < 1.5
    assert "HungRing" in recorder.text
    assert len(recorder.events) == 1
    assert "does not answer" in source.misses(make_request("corp", project="c"))[0].outcome


def test_the_usual_budget_is_three_seconds(source_of, make_request):
    source, request = source_of(HungRing({})), make_request("corp")
    started = time.monotonic()
    assert source.find(request) is None
    # It would never answer; that we are woken late on a busy machine is not the budget's doing.
    assert 2.9 < time.monotonic() - started < 30
    assert source.misses(request)[0].outcome == "did not answer within 3 s"


def test_a_broken_backend_is_not_said_to_hold_nothing(source_of, make_request):
    source = source_of(BrokenRing({}), Ring({}))
    assert source.find(make_request("corp")) is None
    broken, empty = source.misses(make_request("corp"))
    assert "BrokenRing" in broken.source
    assert broken.outcome.startswith("failed: ")
    assert "BrokenRing" not in empty.source
    assert empty.outcome.startswith("nothing stored for ")


def test_a_broken_backend_is_noted_and_the_next_one_asked(source_of, make_request, recorder):
    source = source_of(BrokenRing({}), Ring({(CORP, "__token__"): "canary"}))
    assert source.find(make_request("corp")).secret.reveal() == "canary"
    (event,) = recorder.events
    assert event.finding.code == "PA313"
    assert "BrokenRing" in event.finding.message
    assert "\n" not in event.finding.message


def test_a_keyring_that_cannot_be_imported_is_noted(make_request, recorder):
    def backends():
        msg = "No module named keyring"
        raise ImportError(msg)

    assert KeyringSource(backends=backends, listener=recorder).find(make_request("corp")) is None
    assert "No module named keyring" in recorder.text


def test_tells_which_services_it_asked_for(source_of, make_request):
    source = source_of(Ring({}))
    source.find(make_request("corp"))
    (entry,) = source.misses(make_request("corp"))
    assert CORP in entry.outcome
    assert "Ring" in entry.source


def test_without_backends_it_says_so(source_of, make_request):
    source = source_of()
    source.find(make_request("corp"))
    assert "no backend is installed" in source.misses(make_request("corp"))[0].source


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
    assert KeyringSource().find(make_request("corp")).secret == Secret("scoped")
    assert KeyringSource().find(make_request("corp", project="x", username="bob")).secret == Secret("canary")
    assert forget(CORP, "bob")
    assert not forget(CORP, "bob")


def test_a_keyring_that_cannot_store_is_an_error_without_the_secret(installed):
    installed(StoringRing())
    with pytest.raises(CredentialError, match="it is locked") as caught:
        store(CORP, "bob", Secret("refuse"))
    assert "refuse" not in str(caught.value)


def test_no_keyring_is_an_error(installed):
    installed(fail.Keyring())
    with pytest.raises(CredentialError, match="no keyring"):
        store(CORP, "bob", Secret("canary"))
    assert installed_backends() == ()


def test_our_own_backend_is_never_asked(installed, monkeypatch):
    monkeypatch.setenv("PUBLISH_ALL_KEYRING", "1")
    monkeypatch.setattr("keyring.backend.get_all_keyring", lambda: [PublishAllKeyring(), StoringRing()])
    installed(PublishAllKeyring())
    assert [type(ring) for ring in installed_backends()] == [StoringRing]
    installed(ChainerBackend())
    assert not any(isinstance(ring, PublishAllKeyring) for ring in installed_backends())
