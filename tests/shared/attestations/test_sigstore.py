from __future__ import annotations

import pytest
from attestation_stand_ins.local_sigstore import verify
from pypi_attestations import AttestationType

from publish_all.attestations.attestation import SigningError


def test_what_it_signs_is_what_pypi_reads(make_sigstore_signer, wheel):
    attestation = verify(make_sigstore_signer().sign(wheel).content)
    (subject,) = attestation.statement["subject"]
    assert subject == {"name": wheel.filename, "digest": {"sha256": wheel.digests.sha256}}
    assert attestation.statement["predicateType"] == AttestationType.PYPI_PUBLISH_V1.value


def test_one_certificate_serves_all_files(make_sigstore_signer, wheel, sigstore, masked):
    signer = make_sigstore_signer()
    signer.check()
    assert sigstore.tokens == []
    signer.sign(wheel)
    signer.sign(wheel)
    assert sigstore.tokens == masked == ["sigstore-jwt-0-canary"]
    assert sigstore.opened == 1


def test_an_expired_certificate_is_followed_by_one_for_a_new_identity_token(
    make_sigstore_signer, wheel, sigstore
):
    signer = make_sigstore_signer()
    signer.sign(wheel)
    sigstore.expire()
    verify(signer.sign(wheel).content)
    assert sigstore.tokens == ["sigstore-jwt-0-canary", "sigstore-jwt-1-canary"]


def test_without_the_extra_it_says_how_to_install_it(make_sigstore_signer, wheel, sigstore):
    sigstore.down = ModuleNotFoundError("No module named 'pypi_attestations'", name="pypi_attestations")
    with pytest.raises(SigningError, match="not installed here") as caught:
        make_sigstore_signer().check()
    assert "publish-all[cli,attestations]" in caught.value.hint
    assert not caught.value.retryable


def test_without_network_it_asks_once_and_may_be_tried_again(make_sigstore_signer, wheel, sigstore):
    sigstore.down = ConnectionError("no route to host")
    signer = make_sigstore_signer()
    for _ in range(2):
        with pytest.raises(SigningError, match="Sigstore did not sign: no route to host") as caught:
            signer.check()
        assert caught.value.retryable
    assert sigstore.opened == 1


def test_an_error_that_repeats_the_token_does_not_show_it(make_sigstore_signer, wheel, sigstore):
    signer = make_sigstore_signer()
    sigstore.certify = repeat
    with pytest.raises(SigningError) as caught:
        signer.sign(wheel)
    assert "canary" not in str(caught.value)
    assert "***" in str(caught.value)


def repeat(token):
    raise ValueError(f"bad token {token}")


def test_without_an_identity_or_its_permission_nothing_is_asked(make_sigstore_signer, sigstore):
    with pytest.raises(SigningError, match="CI job with an identity"):
        make_sigstore_signer({}).check()
    with pytest.raises(SigningError) as caught:
        make_sigstore_signer({"GITHUB_ACTIONS": "true"}).check()
    assert "id-token: write" in caught.value.hint
    with pytest.raises(SigningError) as caught:
        make_sigstore_signer({"GITLAB_CI": "true"}).check()
    assert "SIGSTORE_ID_TOKEN" in caught.value.hint
    assert sigstore.opened == 0
