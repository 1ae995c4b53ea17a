"""What servers like PyPI see of a publish: how many uploads at once, and none at all after a conflict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from harness.environments import installed
from harness.process import Result, run
from made_files import make_release
from pypi_like import PyPILike, pypi_like

NAMES = ("first", "second", "third")


@pytest.fixture
def indexes() -> Iterator[Sequence[PyPILike]]:
    with ExitStack() as stack:
        yield [stack.enter_context(pypi_like()) for _ in NAMES]


@pytest.fixture
def publish(tmp_path: Path, indexes: Sequence[PyPILike], environment: Mapping[str, str]):
    tables = [
        f'[tool.publish-all.repositories.{name}]\nurl = "{each.upload_url}"\nindex-url = "{each.index_url}"\n'
        for name, each in zip(NAMES, indexes, strict=True)
    ]
    project = '[project]\nname = "many"\nversion = "1.0"\n'
    (tmp_path / "pyproject.toml").write_text(project + "".join(tables), encoding="utf-8")
    tokens = {f"PUBLISH_ALL_{name.upper()}_TOKEN": "a-token-for-tests" for name in NAMES}

    def publish(*words: object) -> Result:
        command = [installed("dev", "publish-all"), "publish", "-n", *words]
        return run(command, cwd=tmp_path, environment=dict(environment) | tokens)

    return publish


def test_one_upload_opens_a_release_and_four_follow(
    tmp_path: Path, publish, indexes: Sequence[PyPILike]
) -> None:
    files = [path for n in range(12) for path in make_release(tmp_path / "dist", f"many-{n}", wheels=5)]
    done = publish("-r", "first", *files)
    assert done.returncode == 0, done
    index = indexes[0]
    assert (index.unique_violations, index.deadlocks) == (0, 0)
    assert sorted(index.uploads) == sorted(path.name for path in files)
    assert set(index.uploads.values()) == {1}
    in_all = index.most_at_once.pop("all")
    assert 5 <= in_all <= 8
    assert max(index.most_at_once.values()) <= 4


def test_conflict_in_the_second_of_three_uploads_nothing(
    tmp_path: Path, publish, indexes: Sequence[PyPILike]
) -> None:
    files = make_release(tmp_path / "dist", "many-0")
    indexes[1].held["many-0"] = {files[0].name: "0" * 64}
    done = publish("-r", "first", "-r", "second", "-r", "third", *files)
    assert done.returncode == 6, done
    assert files[0].name in done.stderr
    assert "second" in done.stderr
    assert [sum(each.uploads.values()) for each in indexes] == [0, 0, 0]


def test_dry_run_uploads_nothing_and_tells_the_plan(
    tmp_path: Path, publish, indexes: Sequence[PyPILike]
) -> None:
    files = make_release(tmp_path / "dist", "many-0", wheels=2)
    done = publish("-r", "first", "-r", "second", "--dry-run", *files)
    assert done.returncode == 0, done
    assert [line.split(":")[0] for line in done.stdout.splitlines() if line[:1].isalpha()] == [
        "first",
        "second",
    ]
    assert sum(sum(each.uploads.values()) for each in indexes) == 0
