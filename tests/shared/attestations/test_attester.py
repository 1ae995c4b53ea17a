from __future__ import annotations

from collections.abc import Callable

import pytest

from publish_all.attestations.attestation import PUBLISH, Attester, SigningError
from publish_all.config.model import When
from publish_all.findings import Severity

MakeAttester = Callable[..., Attester]


@pytest.fixture
def said() -> list[object]:
    return []


@pytest.fixture
def make_attester(signer, said) -> MakeAttester:
    def make(when: When = When.AUTO, *, public: bool = True) -> Attester:
        return Attester(repository="pypi", when=when, public=public, signer=signer, listener=said.append)

    return make


def beside(wheel, text, kind="publish"):
    wheel.path.with_name(f"{wheel.filename}.{kind}.attestation").write_text(text)


@pytest.mark.parametrize("when", [When.AUTO, When.ALWAYS])
def test_signs_once_for_each_file_however_often_it_is_tried(make_attester, wheel, trusted, signer, when):
    attester = make_attester(when)
    assert list(attester.preflight((wheel,), trusted)) == []
    assert (signer.checked, signer.signed) == (1, [])
    first = attester.attest(wheel, trusted)
    assert [each.predicate for each in first] == [PUBLISH]
    assert attester.attest(wheel, trusted) == first
    assert len(signer.signed) == 1


def test_each_repository_gets_its_own(make_attester, wheel, trusted):
    assert make_attester().attest(wheel, trusted) != make_attester().attest(wheel, trusted)


def test_writes_nothing_beside_the_files(make_attester, wheel, trusted):
    make_attester().attest(wheel, trusted)
    assert list(wheel.path.parent.iterdir()) == [wheel.path]


def test_never_means_never(make_attester, wheel, trusted, write, signer):
    beside(wheel, write(wheel))
    attester = make_attester(When.NEVER)
    assert list(attester.preflight((wheel,), trusted)) == []
    assert attester.attest(wheel, trusted) == ()
    assert (signer.checked, signer.signed) == (0, [])


def test_auto_writes_no_private_project_into_a_public_log(make_attester, wheel, trusted, signer):
    attester = make_attester(public=False)
    assert list(attester.preflight((wheel,), trusted)) == []
    assert attester.attest(wheel, trusted) == ()
    assert (signer.checked, signer.signed) == (0, [])


def test_one_that_lies_beside_is_uploaded_instead(make_attester, wheel, trusted, write, signer):
    beside(wheel, write(wheel))
    attester = make_attester()
    assert list(attester.preflight((wheel,), trusted)) == []
    (given,) = attester.attest(wheel, trusted)
    assert given.content["envelope"]["signature"] == "c2lnbmVk"
    assert (signer.checked, signer.signed) == (0, [])


def test_one_of_another_kind_goes_with_ours(make_attester, wheel, trusted, write):
    beside(wheel, write(wheel, predicate="https://slsa.dev/provenance/v1"), "slsa")
    assert len({each.predicate for each in make_attester().attest(wheel, trusted)}) == 2


def test_a_wrong_one_beside_is_told_before_anything_is_uploaded(make_attester, wheel, trusted, write):
    beside(wheel, write(wheel, sha256="c" * 64))
    (finding,) = make_attester().preflight((wheel,), trusted)
    assert (finding.code, finding.severity) == ("PA332", Severity.ERROR)


class TestWithoutTrustedPublishing:
    def test_auto_goes_without_a_word(self, make_attester, wheel, token, signer):
        attester = make_attester()
        assert list(attester.preflight((wheel,), token)) == []
        assert attester.attest(wheel, token) == ()
        assert (signer.checked, signer.signed) == (0, [])

    def test_auto_says_that_those_beside_are_not_uploaded(self, make_attester, wheel, token, write):
        beside(wheel, write(wheel))
        (finding,) = make_attester().preflight((wheel,), token)
        assert (finding.code, finding.severity) == ("PA333", Severity.WARNING)
        assert make_attester().attest(wheel, token) == ()

    def test_always_is_an_error_before_anything_is_uploaded(self, make_attester, wheel, token):
        (finding,) = make_attester(When.ALWAYS).preflight((wheel,), token)
        assert (finding.code, finding.severity) == ("PA331", Severity.ERROR)
        assert "the token of the test" in finding.message
        with pytest.raises(SigningError):
            make_attester(When.ALWAYS).attest(wheel, token)

    def test_always_is_an_error_without_any_credential(self, make_attester, wheel):
        (finding,) = make_attester(When.ALWAYS).preflight((wheel,), None)
        assert "there is no credential" in finding.message


class TestWhereNothingCanBeSigned:
    @pytest.fixture(autouse=True)
    def failure(self, signer):
        signer.failure = SigningError("Sigstore did not sign: no network", hint="Later.", retryable=True)

    def test_auto_is_a_note_and_asks_no_more(self, make_attester, wheel, trusted, signer, said):
        attester = make_attester()
        (finding,) = attester.preflight((wheel,), trusted)
        assert (finding.code, finding.severity, finding.hint) == ("PA330", Severity.NOTE, "Later.")
        assert attester.attest(wheel, trusted) == ()
        assert (signer.signed, said) == ([], [])

    def test_auto_says_so_once_if_it_begins_later(self, make_attester, wheel, trusted, said):
        attester = make_attester()
        assert attester.attest(wheel, trusted) == ()
        assert attester.attest(wheel, trusted) == ()
        assert [event.finding.code for event in said] == ["PA330"]

    def test_always_is_an_error(self, make_attester, wheel, trusted):
        attester = make_attester(When.ALWAYS)
        (finding,) = attester.preflight((wheel,), trusted)
        assert (finding.code, finding.severity) == ("PA331", Severity.ERROR)
        with pytest.raises(SigningError) as caught:
            attester.attest(wheel, trusted)
        assert "no network" in attester.impossible(caught.value).message
