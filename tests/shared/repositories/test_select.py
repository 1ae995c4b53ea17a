from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from publish_all.config.model import RepositoryConfig, RepositoryKind
from publish_all.errors import ConfigurationError
from publish_all.repositories.directory import DirectoryRepository
from publish_all.repositories.legacy import LegacyRepository
from publish_all.repositories.oci import OciRepository
from publish_all.repositories.repository import Repository
from publish_all.repositories.select import capabilities_of, make_repository


@pytest.fixture
def make(session, credentials):
    def make(**keys: Any) -> Repository:
        data_dir = keys.pop("data_dir", None)
        config = RepositoryConfig(**({"name": "corp", "url": "https://corp.example/"} | keys))
        return make_repository(config, credentials=credentials, session=session, data_dir=data_dir)

    return make


def test_makes_each_kind(make, tmp_path: Path):
    legacy = make(kind=RepositoryKind.LEGACY)
    assert isinstance(legacy, LegacyRepository)
    assert (legacy.kind, legacy.name, legacy.url) == ("legacy", "corp", "https://corp.example/")
    directory = make(kind=RepositoryKind.DIRECTORY, url=str(tmp_path / "index"))
    assert isinstance(directory, DirectoryRepository)
    assert (directory.kind, directory.url) == ("directory", (tmp_path / "index").as_uri())


def test_a_directory_may_be_a_file_url(make, tmp_path: Path):
    folder = tmp_path / "an index"
    assert make(kind=RepositoryKind.DIRECTORY, url=folder.as_uri()).url == folder.as_uri()


def test_a_directory_without_a_url_is_in_the_data_folder(make, tmp_path: Path):
    assert (
        make(kind=RepositoryKind.DIRECTORY, url=None, data_dir=tmp_path).url == (tmp_path / "index").as_uri()
    )


@pytest.mark.parametrize("url", [None, "", "https://corp.example/simple/"])
def test_a_directory_must_be_a_folder(make, url: str | None):
    with pytest.raises(ConfigurationError, match=r"tool\.publish-all\.repositories\.corp\.url"):
        make(kind=RepositoryKind.DIRECTORY, url=url)


def test_makes_a_registry_of_a_url_with_an_owner(make):
    registry = make(kind=RepositoryKind.OCI, name="github", url="ghcr.io/{owner}", owner="Sep")
    assert isinstance(registry, OciRepository)
    assert (registry.kind, registry.name, registry.url) == ("oci", "github", "https://ghcr.io/sep")


def test_a_registry_without_its_owner_says_how_to_state_one(make):
    with pytest.raises(ConfigurationError, match="whose packages") as caught:
        make(kind=RepositoryKind.OCI, name="github", url="ghcr.io/{owner}")
    assert caught.value.hint is not None
    for way in ("owner =", "GITHUB_REPOSITORY_OWNER", "git remote"):
        assert way in caught.value.hint


@pytest.mark.parametrize(("name", "public"), [("pypi", True), ("testpypi", True), ("corp", False)])
def test_pypi_and_testpypi_are_public_by_name_whatever_their_url(name: str, public: bool):
    config = RepositoryConfig(name=name, kind=RepositoryKind.LEGACY, url="http://127.0.0.1:1/")
    found = capabilities_of(config)
    assert (found.public, found.local_versions) == (public, not public)
    assert (found.opens_alone, found.parallel_per_release, found.parallel) == (True, 4, 16)


@pytest.mark.parametrize("url", ["https://upload.pypi.org/legacy/", "https://test.pypi.org/legacy/"])
def test_pypi_and_testpypi_are_public_by_their_url_whatever_their_name(url: str):
    found = capabilities_of(RepositoryConfig(name="my-project", kind=RepositoryKind.LEGACY, url=url))
    assert (found.public, found.local_versions) == (True, False)
