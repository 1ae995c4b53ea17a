from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace

import pytest

from publish_all import diagnoses
from publish_all._secret import Secret
from publish_all.config.model import When
from publish_all.credentials.chain import CredentialChain, explain_missing
from publish_all.credentials.credential_source import Credential, CredentialKind, CredentialSource, TraceEntry
from publish_all.credentials.value import refused
from publish_all.errors import CredentialError
from publish_all.events import Found
from publish_all.findings import Severity

CANARY = "canary-7f3e9b-do-not-show"
NOW = 1_800_000_000.0


def credential(secret=CANARY, *, expires=None, host="pypi.corp.example", kind=CredentialKind.PASSWORD):
    return Credential(
        username="bob", secret=Secret(secret), host=host, kind=kind, origin="the fake", expires=expires
    )


@dataclass
class Fake(CredentialSource):
    """A source with given answers, in order; the last one stays."""

    name: str
    answers: list[Credential | CredentialError | None]
    asked: list[object] = field(default_factory=list)

    def find(self, request, tell=None):
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, CredentialError):
            raise answer
        return answer


class Mint(Fake):
    mints = True

    def promise(self, request, tell=None):
        return credential("", kind=CredentialKind.TRUSTED_PUBLISHING)


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_the_first_answer_is_taken_and_the_others_are_not_asked(make_request):
    first, second, third = (
        Fake("first", [None]),
        Fake("second", [credential()]),
        Fake("third", [credential()]),
    )
    chain = CredentialChain([first, second, third])
    assert chain.get(make_request("corp")) == credential()
    assert third.asked == []
    assert chain.trace(make_request("corp")) == (
        TraceEntry(source="first", outcome="nothing found"),
        TraceEntry(source="the fake", outcome="found (password)", found=True),
    )


def test_the_trace_of_any_project_is_told_without_one(make_request):
    chain = CredentialChain([Fake("one", [None])])
    chain.get(make_request("corp", project="a"))
    assert chain.trace(make_request("corp", project=None)) == chain.trace(make_request("corp", project="a"))
    assert chain.trace(make_request("pypi", project=None)) == ()


def test_an_answer_is_kept_per_repository_and_project(make_request):
    source = Fake("one", [credential()])
    chain = CredentialChain([source])
    for project in ("a", "a", "b", None):
        chain.get(make_request("corp", project=project))
    chain.get(make_request("pypi", "http://127.0.0.1:1/legacy/"))
    assert len(source.asked) == 4


def test_nothing_found_is_kept_too(make_request):
    source = Fake("one", [None])
    chain = CredentialChain([source])
    assert chain.get(make_request("corp")) is None
    assert chain.get(make_request("corp")) is None
    assert chain.renew(make_request("corp")) is None
    assert len(source.asked) == 1


def test_a_broken_source_ends_the_search_and_is_traced(make_request):
    chain = CredentialChain([Fake("one", [CredentialError("it is broken")]), Fake("two", [credential()])])
    with pytest.raises(CredentialError, match="it is broken"):
        chain.get(make_request("corp"))
    assert chain.trace(make_request("corp")) == (TraceEntry(source="one", outcome="refused: it is broken"),)


def test_a_credential_is_not_sent_over_plain_http(make_request):
    chain = CredentialChain([Fake("one", [credential()])])
    with pytest.raises(CredentialError) as caught:
        chain.get(make_request("corp", "http://pypi.corp.example/legacy/"))
    assert caught.value.findings[0].code == "PA308"
    assert CANARY not in str(caught.value) + repr(caught.value.findings)
    for url in ("http://127.0.0.1:8080/", "http://localhost/", "http://[::1]:80/"):
        assert chain.get(make_request("corp", url)) is not None


def test_a_token_for_another_index_is_refused(make_request, make_token):
    chain = CredentialChain([Fake("one", [credential(make_token("test.pypi.org"), host="upload.pypi.org")])])
    with pytest.raises(CredentialError) as caught:
        chain.get(make_request("pypi"))
    assert "PA301" in {finding.code for finding in caught.value.findings}
    assert caught.value.exit_code == 3


def test_a_credential_near_its_end_is_replaced(make_request, clock):
    source = Fake("one", [credential("a", expires=NOW + 900), credential("b", expires=NOW + 1800)])
    chain = CredentialChain([source], clock=clock)
    assert chain.get(make_request("corp")).secret == Secret("a")
    clock.now += 779
    assert chain.get(make_request("corp")).secret == Secret("a")
    clock.now += 2
    assert chain.get(make_request("corp")).secret == Secret("b")


def test_renew_gives_another_one_or_none(make_request, clock):
    chain = CredentialChain([Fake("one", [credential("a"), credential("b")])], clock=clock)
    chain.get(make_request("corp"))
    assert chain.renew(make_request("corp")).secret == Secret("b")
    assert chain.get(make_request("corp")).secret == Secret("b")
    clock.now += 60
    assert chain.renew(make_request("corp")) is None


def test_the_same_one_with_white_space_around_it_is_no_other(make_request):
    chain = CredentialChain([Fake("first", [credential("a\n")])])
    assert chain.get(make_request("corp")).secret == Secret("a")
    assert chain.renew(make_request("corp")) is None


def test_parallel_uploads_that_renew_together_get_one(make_request, clock):
    source = Fake("one", [credential("a"), credential("b"), credential("c")])
    chain = CredentialChain([source], clock=clock)
    chain.get(make_request("corp"))
    assert {chain.renew(make_request("corp")).secret.reveal() for _ in range(4)} == {"b"}
    assert len(source.asked) == 2


def test_renewing_never_goes_to_another_source(make_request):
    chain = CredentialChain([Fake("one", [credential("a")]), Fake("two", [credential("b")])])
    chain.get(make_request("corp"))
    assert chain.renew(make_request("corp")) is None


def test_plausible_never_mints(make_request):
    mint = Mint("mint", [credential("minted", kind=CredentialKind.TRUSTED_PUBLISHING)])
    chain = CredentialChain([mint])
    promised = chain.plausible(make_request("corp"))
    assert not promised.secret
    assert chain.plausible(make_request("corp")) == promised
    assert mint.asked == []
    assert chain.get(make_request("corp")).secret == Secret("minted")
    assert chain.plausible(make_request("corp")).secret == Secret("minted")


def test_what_is_plausible_and_needs_no_minting_is_kept_for_get(make_request):
    source = Fake("one", [credential()])
    chain = CredentialChain([source])
    assert chain.plausible(make_request("corp")) == chain.get(make_request("corp"))
    assert len(source.asked) == 1


@pytest.mark.parametrize(
    ("when", "asked"), [(When.AUTO, "minted"), (When.ALWAYS, "minted"), (When.NEVER, "stored")]
)
def test_minting_may_must_or_must_not_be_the_answer(when, asked, make_request):
    mint, stored = Mint("mint", [credential("minted")]), Fake("stored", [credential("stored")])
    chain = CredentialChain([mint, stored], when=lambda request: when)
    assert chain.get(make_request("corp")).secret == Secret(asked)
    assert len(mint.asked) + len(stored.asked) == 1


def test_what_fails_to_mint_lets_the_others_go_first(make_request, recorder):
    failure = refused(diagnoses.MINT_REFUSED.found("no"))
    chain = CredentialChain([Mint("mint", [failure]), Fake("two", [credential()])], listener=recorder)
    assert chain.get(make_request("corp")) == credential()
    assert [each.finding.severity for each in recorder.events] == [Severity.WARNING]
    with pytest.raises(CredentialError, match="no"):
        CredentialChain([Mint("mint", [failure]), Fake("two", [None])]).get(make_request("corp"))
    always = CredentialChain([Mint("mint", [failure])], when=lambda request: When.ALWAYS)
    with pytest.raises(CredentialError, match="no"):
        always.get(make_request("corp"))


def test_a_token_that_cannot_be_minted_again_is_none(make_request):
    mint = Mint("mint", [credential("minted"), refused(diagnoses.MINT_REFUSED.found("no"))])
    chain = CredentialChain([mint])
    assert chain.get(make_request("corp")) is not None
    assert chain.renew(make_request("corp")) is None


def test_a_user_name_stated_elsewhere_is_what_sources_are_asked_for(make_request):
    class Named(Fake):
        def username(self, request):
            return "carol"

    source = Named("one", [credential()])
    CredentialChain([source]).get(make_request("corp", username="bob"))
    assert source.asked == [replace(make_request("corp"), username="carol")]


def test_an_unused_source_has_its_say(make_request, recorder):
    finding = diagnoses.TRUSTED_PUBLISHING_UNUSED.found("it would have been possible")

    class Unused(Fake):
        def unused(self, request, credential):
            return finding

    chain = CredentialChain([Fake("one", [credential()]), Unused("two", [None])], listener=recorder)
    chain.get(make_request("corp"))
    assert recorder.events == [Found(finding=finding)]


def test_a_value_is_cleaned_with_a_note(make_request, recorder):
    chain = CredentialChain([Fake("one", [credential(f" {CANARY}\n")])], listener=recorder)
    assert chain.get(make_request("corp")).secret == Secret(CANARY)
    assert "the fake" in recorder.text
    assert CANARY not in recorder.text


def test_a_line_break_inside_is_refused_and_names_the_origin(make_request):
    with pytest.raises(CredentialError, match="the fake") as caught:
        CredentialChain([Fake("one", [credential(f"{CANARY}\nmore")])]).get(make_request("corp"))
    assert CANARY not in str(caught.value) + repr(caught.value.findings)


def test_one_lookup_at_a_time_for_each_project(make_request):
    class Slow(Fake):
        def find(self, request, tell=None):
            gate.wait(5)
            return super().find(request)

    gate = threading.Event()
    source = Slow("slow", [credential()])
    chain = CredentialChain([source])
    threads = [threading.Thread(target=chain.get, args=(make_request("corp"),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join(5)
    assert len(source.asked) == 1


def test_nothing_shows_the_secret(make_request, recorder):
    chain = CredentialChain([Fake("one", [credential()])], listener=recorder)
    found = chain.get(make_request("corp"))
    shown = f"{found} {found!r} {chain.trace(make_request('corp'))} {recorder.text} {chain!r} {vars(chain)}"
    assert CANARY not in shown


def test_a_missing_credential_is_explained(make_request):
    trace = (TraceEntry(source="environment variable PUBLISH_ALL_CORP_TOKEN", outcome="not set"),)
    error = explain_missing(make_request("corp", "https://bob:pw@pypi.corp.example/legacy/"), trace)
    assert error.exit_code == 3
    assert "PUBLISH_ALL_CORP_TOKEN: not set" in error.message
    assert "https://pypi.corp.example/legacy/" in error.message
    assert "bob:pw" not in error.message
    assert "PUBLISH_ALL_CORP_TOKEN" in error.hint
    assert "publish-all login corp" in error.hint
    assert "keyring set https://pypi.corp.example/legacy/ __token__" in error.hint


def test_the_way_to_keep_a_missing_credential_names_the_configured_user(make_request):
    error = explain_missing(replace(make_request("corp", "https://pypi.corp.example/"), username="bob"), ())
    assert "keyring set https://pypi.corp.example/ bob" in error.hint
