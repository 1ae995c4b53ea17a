from __future__ import annotations

from types import SimpleNamespace

import pytest
from packaging.version import Version

from publish_all.commands.context import Runtime
from publish_all.commands.rehearse import RehearsalError, rehearse
from publish_all.distributions.distribution import Release
from publish_all.errors import RepositoryError


def test_files_that_cannot_be_fetched_are_a_rehearsal_that_may_be_run_again():
    def fetch(*_):
        msg = "testpypi has no demo 1.0"
        raise RepositoryError(msg)

    release = Release(project="demo", version=Version("1.0"), distributions=())
    repository = SimpleNamespace(name="testpypi", fetch=fetch)
    with pytest.raises(RehearsalError, match="testpypi has no demo") as caught:
        rehearse(repository, [release], runtime=Runtime())
    assert caught.value.exit_code == 5
    assert "same command again" in caught.value.hint
    assert "new version" not in caught.value.hint
