"""Digests that are taken while something else goes on."""

from __future__ import annotations

import hashlib
import os
import random
import threading
from pathlib import Path

import pytest

from publish_all.distributions import digests
from publish_all.distributions.digests import DistributionError, LateDigests, digests_of


@pytest.fixture(autouse=True)
def _small_files_count_as_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "_LATE_FROM", 1000)


def test_late_ones_are_those_of_the_file(tmp_path: Path) -> None:
    contents = [random.Random(size).randbytes(size) for size in (0, 999, 1000, 3_000_000, 5000)]
    digest = LateDigests()
    taken = []
    for number, content in enumerate(contents):
        (tmp_path / str(number)).write_bytes(content)
        taken.append(digest(tmp_path / str(number)))
    for content, (size, found) in zip(contents, taken, strict=True):
        assert size == len(content)
        assert found.md5 == hashlib.md5(content).hexdigest()
        assert found.sha256 == hashlib.sha256(content).hexdigest()
        assert found.blake2_256 == hashlib.blake2b(content, digest_size=32).hexdigest()


def test_nobody_waits_for_what_is_not_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    may_go_on, path = threading.Event(), tmp_path / "large"
    path.write_bytes(b"x" * 5000)

    def slow(path: Path) -> object:
        assert may_go_on.wait(30)
        return digests_of(path)

    monkeypatch.setattr(digests, "digests_of", slow)
    size, found = LateDigests()(path)
    assert size == 5000
    may_go_on.set()
    assert found.sha256 == hashlib.sha256(b"x" * 5000).hexdigest()


def test_a_thread_is_there_only_while_there_is_something_to_do(tmp_path: Path) -> None:
    path, digest = tmp_path / "large", LateDigests()
    path.write_bytes(b"x" * 5000)
    for _ in range(3):
        _, found = digest(path)
        assert found.md5
        for each in threading.enumerate():
            if each.name == "publish-all-digests":
                each.join(30)
        assert not any(each.name == "publish-all-digests" for each in threading.enumerate())


def test_what_stands_against_reading_is_told_to_whoever_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"x" * 5000)

    def gone(path: Path) -> object:
        raise OSError(5, os.strerror(5))

    monkeypatch.setattr(digests, "digests_of", gone)
    _, found = LateDigests()(path)
    for _ in range(2):
        with pytest.raises(DistributionError, match=r"large can't be read: Input/output error"):
            _ = found.sha256


def test_a_file_that_grows_meanwhile_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"x" * 5000)

    def grown(path: Path) -> object:
        path.write_bytes(b"x" * 6000)
        return digests_of(path)

    monkeypatch.setattr(digests, "digests_of", grown)
    _, found = LateDigests()(path)
    with pytest.raises(DistributionError, match="was changed after it was looked at"):
        _ = found.blake2_256


def test_another_file_in_its_place_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, may_go_on = tmp_path / "large", threading.Event()
    path.write_bytes(b"x" * 5000)
    (tmp_path / "other").write_bytes(b"y" * 5000)
    status = path.stat()
    os.utime(tmp_path / "other", ns=(status.st_atime_ns, status.st_mtime_ns))

    def later(path: Path) -> object:
        assert may_go_on.wait(30)
        return digests_of(path)

    monkeypatch.setattr(digests, "digests_of", later)
    _, found = LateDigests()(path)
    (tmp_path / "other").replace(path)
    may_go_on.set()
    with pytest.raises(DistributionError, match="was changed after it was looked at"):
        _ = found.sha256
