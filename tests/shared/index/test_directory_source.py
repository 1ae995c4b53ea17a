from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

import pytest
from index_fakes.files import wheel
from packaging.utils import canonicalize_name

from publish_all.config.kinds import DIRECTORY
from publish_all.config.model import RepositoryConfig
from publish_all.distributions.distribution import Release
from publish_all.distributions.read import read_distribution
from publish_all.index.directory_source import DirectorySource
from publish_all.index.index_source import Address, ServeError
from publish_all.repositories.directory import DirectoryRepository

KINDLING = canonicalize_name("kindling-synapse")
NAME = "kindling_synapse-0.2.0-py3-none-any.whl"
SHA256 = hashlib.sha256(wheel()).hexdigest()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An index with one wheel, as `publish -r local` writes it."""
    path = tmp_path / NAME
    path.write_bytes(wheel())
    config = RepositoryConfig(name="local", kind=DIRECTORY, url=str(tmp_path / "root"))
    repository = DirectoryRepository(config)
    file = read_distribution(path)
    repository.upload(file)
    repository.commit(Release(project=file.project, version=file.version, distributions=(file,)))
    return repository.root


def test_gives_what_was_published_with_size_and_time(root: Path) -> None:
    source = DirectorySource("local", root)
    page = source.page(KINDLING, None)
    assert page is not None
    (file,) = page.files
    assert (file.filename, file.url, file.size) == (NAME, "", len(wheel()))
    assert file.upload_time is not None
    assert file.upload_time.endswith("Z")
    found = source.file(Address(KINDLING, NAME, SHA256), None)
    assert found is not None
    assert found.read_bytes() == wheel()
    assert file.core_metadata is not None
    metadata = source.file(Address(KINDLING, NAME, file.core_metadata["sha256"], metadata=True), None)
    assert metadata is not None
    assert metadata.read_bytes().startswith(b"Metadata-Version")
    assert source.projects(None) == ("kindling-synapse",)


def test_has_nothing_that_its_pages_do_not_list(root: Path) -> None:
    source = DirectorySource("local", root)
    (root / "simple/kindling-synapse/other-1.0-py3-none-any.whl").write_bytes(b"")
    assert source.file(Address(KINDLING, NAME, "0" * 64), None) is None
    assert source.file(Address(KINDLING, "other-1.0-py3-none-any.whl", SHA256), None) is None
    assert source.file(Address(KINDLING, NAME, "0" * 64, metadata=True), None) is None
    assert source.page(canonicalize_name("absent"), None) is None
    assert source.page(canonicalize_name("../simple"), None) is None


def test_does_not_follow_a_page_out_of_its_folder(root: Path, tmp_path: Path) -> None:
    secret = tmp_path / NAME
    (root / "simple/kindling-synapse" / NAME).unlink()
    (root / "simple/kindling-synapse" / NAME).symlink_to(secret)
    assert DirectorySource("local", root).file(Address(KINDLING, NAME, SHA256), None) is None
    page = root / "simple/kindling-synapse/index.json"
    content = json.loads(page.read_text())
    content["files"][0]["filename"] = "../../../" + NAME
    page.write_text(json.dumps(content))
    source = DirectorySource("local", root)
    assert source.file(Address(KINDLING, "../../../" + NAME, SHA256), None) is None
    found = source.page(KINDLING, None)
    assert found is not None
    assert found.files == ()


def test_reads_pages_in_html_too_and_notices_changes(root: Path) -> None:
    source = DirectorySource("local", root)
    assert source.page(KINDLING, None) is not None
    (root / "simple/kindling-synapse/index.json").unlink()
    page = source.page(KINDLING, None)
    assert page is not None
    assert [each.size for each in page.files] == [len(wheel())]
    (root / "simple/kindling-synapse/index.html").write_text("<html></html>")
    empty = source.page(KINDLING, None)
    assert empty is not None
    assert empty.files == ()


def test_a_broken_page_is_a_trouble_and_an_absent_folder_is_empty(root: Path, tmp_path: Path) -> None:
    (root / "simple/kindling-synapse/index.json").write_text("{")
    with pytest.raises(ServeError) as caught:
        DirectorySource("local", root).page(KINDLING, None)
    assert caught.value.status == 502
    if os.name == "posix" and sys.version_info < (3, 14):  # elsewhere no file has so long a name
        with pytest.raises(ServeError, match="can't be read"):
            DirectorySource("local", root).page(canonicalize_name("a" * 300), None)
    absent = DirectorySource("local", tmp_path / "absent")
    assert absent.projects(None) == ()
    assert absent.page(KINDLING, None) is None
    absent.ready()
    with pytest.raises(ServeError, match="not a folder"):
        DirectorySource("local", tmp_path / NAME).ready()
