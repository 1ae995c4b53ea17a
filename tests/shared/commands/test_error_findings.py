"""Errors that are raised without a finding get the code of what has happened."""

from __future__ import annotations

import pytest

from publish_all._http_errors import Failure, HttpError
from publish_all.diagnoses import findings_of
from publish_all.errors import RepositoryError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (HttpError("Nobody listens.", failure=Failure.REFUSED, url="https://x/"), "PA501"),
        (HttpError("No answer.", failure=Failure.TIMEOUT, url="https://x/"), "PA502"),
        (HttpError("No such host.", failure=Failure.DNS, url="https://x/"), "PA504"),
        (HttpError("It answers 500.", failure=Failure.STATUS, url="https://x/"), "PA510"),
        (RepositoryError("It says nothing."), "PA582"),
    ],
)
def test_what_is_between_us_and_a_server_is_told_as_publish_tells_it(error, code):
    (finding,) = findings_of(error)
    assert (finding.code, finding.message) == (code, error.message)
