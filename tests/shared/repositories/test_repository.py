from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from publish_all.config.kinds import DIRECTORY, GITHUB_RELEASE, KINDS, LEGACY, OCI, Kind
from publish_all.config.model import RepositoryConfig
from publish_all.errors import ConfigurationError
from publish_all.repositories.directory import DirectoryRepository
from publish_all.repositories.legacy import LegacyRepository
from publish_all.repositories.oci import OciRepository
from publish_all.repositories.repository import Means, Repository, make_repository


@pytest.fixture
def make(session, credentials):
    def make(**keys: Any) -> Repository:
        config = RepositoryConfig(**({"name": "corp", "url": "https://corp.example/"} | keys))
        return make_repository(config, Means(credentials=credentials, session=session))

    return make


def test_makes_each_kind(make, tmp_path: Path):
    legacy = make(kind=LEGACY)
    assert isinstance(legacy, LegacyRepository)
    assert (legacy.kind, legacy.name, legacy.url) == (LEGACY, "corp", "https://corp.example/")
    directory = make(kind=DIRECTORY, url=str(tmp_path / "index"))
    assert isinstance(directory, DirectoryRepository)
    assert (directory.kind, directory.url) == (DIRECTORY, (tmp_path / "index").as_uri())


def test_makes_a_registry_of_a_url_with_an_owner(make):
    registry = make(kind=OCI, name="github", url="ghcr.io/{owner}", owner="Sep")
    assert isinstance(registry, OciRepository)
    assert (registry.kind, registry.name, registry.url) == (OCI, "github", "https://ghcr.io/sep")


def test_a_registry_without_its_owner_says_how_to_state_one(make):
    with pytest.raises(ConfigurationError, match="for github is unknown") as caught:
        make(kind=OCI, name="github", url="ghcr.io/{owner}")
    assert caught.value.hint is not None
    for way in ("owner =", "GITHUB_REPOSITORY_OWNER", "git remote"):
        assert way in caught.value.hint


def test_releases_of_an_unknown_project_have_an_address_to_name(make):
    with pytest.raises(ConfigurationError, match=r"contains \{repository\}") as caught:
        make(kind=GITHUB_RELEASE, name="releases", url="https://api.github.com/repos/{owner}/{repository}")
    assert "`-r releases --repository-url https://api.github.com/repos/OWNER/REPOSITORY`" in (
        caught.value.hint or ""
    )


@pytest.mark.parametrize(("name", "public"), [("pypi", True), ("testpypi", True), ("corp", False)])
def test_pypi_and_testpypi_are_public_by_name_whatever_their_url(make, name: str, public: bool):
    found = make(name=name, kind=LEGACY, url="http://127.0.0.1:1/").capabilities
    assert found.public == public
    assert (found.opens_alone, found.parallel_per_release, found.parallel) == (True, 4, 16)


@pytest.mark.parametrize("url", ["https://upload.pypi.org/legacy/", "https://test.pypi.org/legacy/"])
def test_pypi_and_testpypi_are_public_by_their_url_whatever_their_name(make, url: str):
    assert make(name="my-project", kind=LEGACY, url=url).capabilities.public


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_each_kind_has_a_module_that_makes_its_repositories(make, tmp_path: Path, kind: Kind):
    url = str(tmp_path) if kind.local else "https://corp.example/team"
    assert make(kind=kind, url=url).kind is kind
