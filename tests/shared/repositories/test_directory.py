from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import Version

from publish_all._own_files import open_own, try_lock
from publish_all.config.kinds import DIRECTORY
from publish_all.config.model import RepositoryConfig
from publish_all.distributions.distribution import Distribution, Release
from publish_all.distributions.read import digests_of
from publish_all.errors import RepositoryError
from publish_all.repositories.directory import DirectoryRepository
from publish_all.results import FileState

MakeDistribution = Callable[..., Distribution]
MakeRelease = Callable[..., Release]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "my index"


@pytest.fixture
def make(root: Path) -> Callable[..., DirectoryRepository]:
    def make(lock_timeout: float = 5) -> DirectoryRepository:
        config = RepositoryConfig(name="local", kind=DIRECTORY, url=str(root))
        return DirectoryRepository(config, lock_timeout=lock_timeout)

    return make


@pytest.fixture
def repository(make: Callable[..., DirectoryRepository]) -> DirectoryRepository:
    return make()


@pytest.fixture
def wheel(make_distribution: MakeDistribution) -> Distribution:
    return make_distribution()


def files_of(folder: Path) -> set[str]:
    return {each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()}


@contextmanager
def locked(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = open_own(path, os.O_RDWR | os.O_CREAT)
    assert try_lock(descriptor)
    yield
    os.close(descriptor)


def test_publishes_a_release(
    repository: DirectoryRepository, root: Path, wheel, make_distribution, release_of: MakeRelease
):
    sdist = make_distribution(kind="sdist")
    release = release_of(wheel, sdist)
    assert set(repository.states(release).states.values()) == {FileState.ABSENT}
    assert [repository.upload(each).status for each in release.distributions] == [FileState.UPLOADED] * 2
    assert repository.verify(release).states == {}
    assert repository.commit(release).complete
    found = repository.verify(release)
    assert found.states == dict.fromkeys((wheel.filename, sdist.filename), FileState.PRESENT)
    assert set(repository.states(release).states.values()) == {FileState.PRESENT}
    assert files_of(root) == {
        ".publish-all.lock",
        "simple/index.html",
        "simple/index.json",
        "simple/kindling/index.html",
        "simple/kindling/index.json",
        f"simple/kindling/{wheel.filename}",
        f"simple/kindling/{wheel.filename}.metadata",
        f"simple/kindling/{sdist.filename}",
    }


def test_pages_hold_hashes_requirements_and_metadata(
    repository: DirectoryRepository, root: Path, wheel, release_of: MakeRelease
):
    repository.upload(wheel)
    repository.commit(release_of(wheel))
    (listed,) = json.loads((root / "simple/kindling/index.json").read_bytes())["files"]
    assert listed["url"] == wheel.filename
    assert listed["hashes"] == {"sha256": wheel.digests.sha256}
    assert (listed["size"], listed["requires-python"]) == (wheel.size, ">=3.10")
    assert (root / f"simple/kindling/{wheel.filename}.metadata").read_bytes() == wheel.core_metadata
    page = (root / "simple/kindling/index.html").read_text()
    assert f'href="{wheel.filename}#sha256={wheel.digests.sha256}"' in page
    assert 'data-requires-python="&gt;=3.10"' in page
    assert 'data-core-metadata="sha256=' in page
    assert 'href="kindling/"' in (root / "simple/index.html").read_text()


def test_project_folders_are_normalised(
    repository: DirectoryRepository, root: Path, make_distribution, release_of
):
    spelt = make_distribution(project="Kindling_Synapse")
    repository.upload(spelt)
    assert repository.commit(release_of(spelt)).complete
    assert (root / "simple/kindling-synapse" / spelt.filename).is_file()


def test_the_same_bytes_again_change_nothing(repository: DirectoryRepository, root: Path, wheel, release_of):
    release = release_of(wheel)
    repository.upload(wheel)
    repository.commit(release)
    before = {each: each.stat().st_mtime_ns for each in (root / "simple").rglob("*")}
    assert repository.upload(wheel).status is FileState.PRESENT
    repository.commit(release)
    assert {each: each.stat().st_mtime_ns for each in (root / "simple").rglob("*") if each.is_file()} == {
        each: when for each, when in before.items() if each.is_file()
    }


def test_other_bytes_are_a_conflict(
    repository: DirectoryRepository, root: Path, wheel, make_distribution, release_of
):
    repository.upload(wheel)
    other = make_distribution(content="other", folder="other")
    assert repository.states(release_of(other)).states == {other.filename: FileState.DIFFERENT}
    outcome = repository.upload(other)
    assert (outcome.status, outcome.findings[0].code) == (FileState.CONFLICT, "PA410")
    assert (root / "simple/kindling" / wheel.filename).read_bytes() == wheel.path.read_bytes()


def test_other_bytes_of_the_same_size_are_seen(
    repository: DirectoryRepository, wheel, make_distribution, release_of
):
    repository.upload(make_distribution(content="aaa", folder="a"))
    same_size = make_distribution(content="bbb", folder="b")
    assert repository.states(release_of(same_size)).states == {wheel.filename: FileState.DIFFERENT}


def test_pages_come_from_the_files_alone(
    repository: DirectoryRepository, root: Path, make_distribution, release_of
):
    old, new = make_distribution(version="1.0"), make_distribution(version="1.10")
    for each in (old, new):
        repository.upload(each)
        repository.commit(release_of(each))
    first = (root / "simple/kindling/index.json").read_bytes()
    assert json.loads(first)["versions"] == ["1.0", "1.10"]
    for each in (root / "simple").rglob("index.*"):
        each.write_text("broken")
    repository.commit(release_of(old))
    assert (root / "simple/kindling/index.json").read_bytes() == first
    (root / "simple/kindling" / new.filename).unlink()
    repository.commit(release_of(old))
    assert json.loads((root / "simple/kindling/index.json").read_bytes())["versions"] == ["1.0"]


def test_a_broken_file_is_left_out_with_a_finding(
    repository: DirectoryRepository, root: Path, wheel, release_of
):
    repository.upload(wheel)
    (root / "simple/kindling/kindling-2.0-py3-none-any.whl").write_bytes(b"half")
    outcome = repository.commit(release_of(wheel))
    assert outcome.complete
    assert outcome.findings[0].code == "PA439"
    assert "kindling-2.0" not in (root / "simple/kindling/index.html").read_text()


def test_a_foreign_file_is_not_listed(
    repository: DirectoryRepository, root: Path, wheel, make_distribution, release_of
):
    repository.upload(wheel)
    foreign = make_distribution(project="tinder")
    (root / "simple/kindling" / foreign.filename).write_bytes(foreign.path.read_bytes())
    repository.commit(release_of(wheel))
    assert "tinder" not in (root / "simple/kindling/index.html").read_text()


def test_a_commit_without_the_files_is_not_complete(repository: DirectoryRepository, wheel, release_of):
    assert not repository.commit(release_of(wheel)).complete


def test_verify_sees_damage(repository: DirectoryRepository, root: Path, wheel, release_of):
    release = release_of(wheel)
    repository.upload(wheel)
    repository.commit(release)
    (root / "simple/kindling" / wheel.filename).write_bytes(b"damaged")
    assert repository.verify(release).states == {wheel.filename: FileState.DIFFERENT}
    (root / "simple/kindling/index.json").write_text("nothing")
    found = repository.verify(release)
    assert (found.states, found.findings[0].code) == ({}, "PA460")


def test_a_file_that_changed_is_not_taken(repository: DirectoryRepository, root: Path, wheel):
    wheel.path.write_bytes(b"changed")
    outcome = repository.upload(wheel)
    assert (outcome.status, outcome.findings[0].code) == (FileState.REFUSED, "PA462")
    assert files_of(root / "simple") == set()


def test_a_file_that_is_gone_is_an_outcome(repository: DirectoryRepository, wheel):
    wheel.path.unlink()
    assert repository.upload(wheel).status is FileState.REFUSED


def test_reports_progress(repository: DirectoryRepository, wheel):
    seen: list[int] = []
    repository.upload(wheel, progress=seen.append)
    assert seen == [wheel.size]


def test_another_writer_is_waited_for_and_then_reported(make, root: Path, wheel, release_of):
    repository = make(lock_timeout=0.05)
    root.mkdir()
    with locked(root / ".publish-all.lock"):
        assert repository.upload(wheel).status is FileState.FAILED
        outcome = repository.commit(release_of(wheel))
    assert (outcome.complete, outcome.retryable, outcome.findings[0].code) == (False, True, "PA461")
    assert repository.upload(wheel).status is FileState.UPLOADED
    assert not [each for each in files_of(root) if each.endswith(".part")]


@pytest.mark.posix("links")
def test_a_lock_that_is_a_link_is_not_followed(make, root: Path, tmp_path: Path, wheel):
    precious = tmp_path / "precious"
    precious.write_text("precious")
    root.mkdir()
    (root / ".publish-all.lock").symlink_to(precious)
    assert make().upload(wheel).status is FileState.REFUSED
    assert precious.read_text() == "precious"


def test_many_threads_write_one_index(make, root: Path, make_distribution, release_of):
    files = [make_distribution(version=f"1.{each}") for each in range(8)]
    complete: list[bool] = []

    def publish(distribution: Distribution) -> None:
        repository = make()
        repository.upload(distribution)
        complete.append(repository.commit(release_of(distribution)).complete)

    threads = [threading.Thread(target=publish, args=(each,)) for each in files]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert complete == [True] * 8
    assert len(json.loads((root / "simple/kindling/index.json").read_bytes())["files"]) == 8


def test_two_writers_of_one_name_with_other_bytes_end_in_one_conflict(make, make_distribution):
    files = [make_distribution(content=each, folder=each) for each in "ab"]
    statuses: list[FileState] = []
    threads = [
        threading.Thread(target=lambda each=each: statuses.append(make().upload(each).status))
        for each in files
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert set(statuses) == {FileState.UPLOADED, FileState.CONFLICT}


class TestPreflight:
    def test_a_folder_that_can_be_made_is_fine_and_not_made(
        self, repository: DirectoryRepository, root, wheel, release_of
    ):
        assert repository.preflight((release_of(wheel),)) == ()
        assert not root.exists()

    def test_a_file_in_its_place_is_found(self, repository: DirectoryRepository, root: Path):
        root.write_text("")
        (finding,) = repository.preflight(())
        assert (finding.code, finding.hint) == (
            "PA460",
            "Set another folder as `url`, or change the permissions of the folder.",
        )

    def test_a_folder_that_cannot_be_written_is_found(self, root: Path):
        config = RepositoryConfig(name="local", kind=DIRECTORY, url=str(root))
        asked: list[Path] = []

        def writable(folder: Path, _: int) -> bool:
            asked.append(folder)
            return False

        repository = DirectoryRepository(config, writable=writable)
        assert repository.preflight(())[0].code == "PA460"
        assert asked == [root.parent]


def test_a_folder_that_became_a_file_is_an_outcome(
    repository: DirectoryRepository, root: Path, wheel, release_of
):
    root.write_text("")
    assert repository.upload(wheel).findings[0].code == "PA460"
    assert repository.commit(release_of(wheel)).findings[0].code == "PA460"


def test_states_raise_what_cannot_be_read(
    repository: DirectoryRepository, root: Path, wheel, release_of, monkeypatch
):
    repository.upload(wheel)

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(root))

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(RepositoryError, match="Permission denied"):
        repository.states(release_of(wheel))


def test_names_what_to_install_from(repository: DirectoryRepository, root: Path, wheel, release_of):
    release = release_of(replace(wheel))
    assert (
        repository.install_command(release, ())
        == f"pip install --index-url {root.as_uri()}/simple kindling==1.0"
    )
    assert repository.page(release) == f"{root.as_uri()}/simple/kindling/index.html"
    assert "%20" in repository.url


def test_names_that_say_the_same_are_one_file(
    repository: DirectoryRepository, root: Path, tmp_path: Path, wheel, release_of
):
    def spelt(content: bytes) -> Distribution:
        (tmp_path / "spelt").mkdir(exist_ok=True)
        path = tmp_path / "spelt" / wheel.filename.replace("kindling", "Kindling")
        path.write_bytes(content)
        return replace(wheel, path=path, size=len(content), digests=digests_of(path)[1])

    repository.upload(wheel)
    repository.commit(release_of(wheel))
    other = spelt(b"other")
    assert repository.states(release_of(other)).states == {other.filename: FileState.DIFFERENT}
    assert repository.upload(other).status is FileState.CONFLICT
    same = spelt(wheel.path.read_bytes())
    assert repository.states(release_of(same)).states == {same.filename: FileState.PRESENT}
    assert repository.upload(same).status is FileState.PRESENT
    assert repository.commit(release_of(same)).complete
    assert repository.verify(release_of(same)).states == {same.filename: FileState.PRESENT}
    assert [each.name for each in root.rglob("*.whl")] == [wheel.filename]


def test_a_url_may_name_the_folder_of_the_pages(root: Path, wheel, release_of: MakeRelease):
    config = RepositoryConfig(
        name="site", kind=DIRECTORY, url=str(root / "simple"), index_url="https://wheels.test/simple/"
    )
    repository = DirectoryRepository(config)
    release = release_of(wheel)
    repository.upload(wheel)
    assert repository.commit(release).complete
    assert (root / "simple/kindling" / wheel.filename).is_file()
    line = repository.install_command(release, ())
    assert line == "pip install --index-url https://wheels.test/simple/ kindling==1.0"


# --- taken back


def published(repository: DirectoryRepository, *files: Distribution) -> None:
    for each in files:
        repository.upload(each)
        release = Release(project=each.project, version=each.version, distributions=(each,))
        assert repository.commit(release).complete


def yanks(root: Path) -> dict[str, str | bool]:
    page = json.loads((root / "simple/kindling/index.json").read_text())
    return {each["filename"]: each["yanked"] for each in page["files"]}


def test_a_yank_is_on_both_pages_and_for_later_files_too(repository, root, wheel, make_distribution):
    published(repository, wheel, make_distribution(version="1.1"))
    assert repository.yank(wheel.project, wheel.version, "breaks on <Spark>") == (wheel.filename,)
    sdist = make_distribution(kind="sdist")
    published(repository, sdist)
    other = next(name for name in yanks(root) if "1.1" in name)
    assert yanks(root) == {
        wheel.filename: "breaks on <Spark>",
        sdist.filename: "breaks on <Spark>",
        other: False,
    }
    html = (root / "simple/kindling/index.html").read_text()
    assert html.count('data-yanked="breaks on &lt;Spark&gt;"') == 2

    repository.yank(wheel.project, Version("1.0.0"), None)
    assert set(yanks(root).values()) == {False}
    assert not [each for each in files_of(root) if each.endswith(".yanked")]


def test_a_yank_without_a_reason(repository, root, wheel):
    published(repository, wheel)
    repository.yank(wheel.project, wheel.version, "")
    assert yanks(root) == {wheel.filename: True}
    assert 'data-yanked=""' in (root / "simple/kindling/index.html").read_text()


def test_a_deletion_leaves_nothing_of_the_version(repository, root, wheel, make_distribution):
    sdist, other = make_distribution(kind="sdist"), make_distribution(version="1.1")
    published(repository, other)
    before = files_of(root)
    pages = (root / "simple/kindling/index.json").read_bytes()
    published(repository, wheel, sdist)
    repository.yank(wheel.project, wheel.version, "broken")
    (step,) = repository.deletion(wheel.project, wheel.version)
    assert set(step.parts) == {wheel.filename, sdist.filename}
    assert set(yanks(root)) == {wheel.filename, sdist.filename, other.filename}
    step.remove()
    assert files_of(root) == before
    assert (root / "simple/kindling/index.json").read_bytes() == pages
    step.remove()  # as where another process was faster
    # The same version may come again, and is not yanked.
    published(repository, wheel)
    assert yanks(root) == {wheel.filename: False, other.filename: False}


def test_what_is_not_there_is_not_taken_back(repository, root, wheel):
    with pytest.raises(RepositoryError, match=r"local has no files of kindling 1\.0"):
        repository.yank(wheel.project, wheel.version, "broken")
    assert not root.exists()
    published(repository, wheel)
    with pytest.raises(RepositoryError, match=r"no files of kindling 2\.0") as caught:
        repository.deletion(wheel.project, Version("2.0"))
    assert caught.value.hint == "It has: 1.0."


def test_a_busy_folder_is_not_taken_back(make, root, wheel):
    published(make(), wheel)
    with locked(root / ".publish-all.lock"), pytest.raises(RepositoryError, match="has been writing"):
        make(lock_timeout=0.01).yank(wheel.project, wheel.version, "broken")
    assert yanks(root) == {wheel.filename: False}


def test_yanks_and_uploads_at_once_lose_nothing(make, root, make_distribution):
    files = [make_distribution(version=f"1.{each}") for each in range(6)]
    late = [make_distribution(version=f"1.{each}", kind="sdist") for each in range(6)]
    published(make(), *files)
    jobs = [
        *(
            threading.Thread(target=make().yank, args=(each.project, each.version, "broken"))
            for each in files
        ),
        *(threading.Thread(target=published, args=(make(), each)) for each in late),
    ]
    for each in jobs:
        each.start()
    for each in jobs:
        each.join()
    assert yanks(root) == {each.filename: "broken" for each in (*files, *late)}
