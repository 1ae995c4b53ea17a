"""Which files `publish --no-build` and `publish --manifest` take, in process, with a static index to publish to."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1.0"
description = "A demo"
requires-python = ">=3.10"

[tool.publish-all]
publish-to = ["shelf"]

[tool.publish-all.repositories.shelf]
kind = "directory"
url = "SHELF"
"""
VARIANTS = """
[tool.publish-all.variants.lite]
[tool.publish-all.variants.full]
"""
BOTH = {"demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"}
OF_VARIANTS = {
    f"demo_{each}-1.0{end}" for each in ("lite", "full") for end in ("-py3-none-any.whl", ".tar.gz")
}


class Checkout:
    def __init__(self, root: Path, shelf: Path, typed, variants: bool = False) -> None:
        self.root, self.shelf, self._typed = root, shelf, typed
        (root / "demo").mkdir(parents=True)
        (root / "demo" / "__init__.py").write_text("x = 1\n", encoding="utf-8")
        text = PYPROJECT.replace("SHELF", shelf.as_posix()) + (VARIANTS if variants else "")
        (root / "pyproject.toml").write_text(text, encoding="utf-8")

    @property
    def dist(self) -> Path:
        return self.root / "dist"

    def __call__(self, *arguments: str, code: int | None = 0):
        ended = self._typed("-C", str(self.root), "-n", *arguments)
        assert code is None or ended.code == code, ended
        return ended

    def published(self) -> dict[str, bytes]:
        files = [each for each in self.shelf.rglob("*") if each.name.endswith((".whl", ".tar.gz"))]
        return {each.name: each.read_bytes() for each in files}

    def git(self, *arguments: str) -> None:
        who = ("-c", "user.name=Someone", "-c", "user.email=someone@example.com")
        subprocess.run(["git", *who, *arguments], cwd=self.root, check=True, capture_output=True)


@pytest.fixture
def make(tmp_path: Path, typed):
    def make(name: str = "checkout", *, variants: bool = False) -> Checkout:
        return Checkout(tmp_path / name, tmp_path / "shelf", typed, variants)

    return make


@pytest.fixture
def built_elsewhere(make):
    """The files of a checkout in which publish-all has built nothing: as `hatch build` leaves them."""

    def built(checkout: Checkout, *, variants: bool = False) -> None:
        other = make("elsewhere", variants=variants)
        other("build")
        checkout.dist.mkdir(exist_ok=True)
        for each in other.dist.iterdir():
            shutil.copy(each, checkout.dist)
        shutil.rmtree(other.root)

    return built


def test_files_that_another_tool_built_are_listed_and_published(make, built_elsewhere) -> None:
    checkout = make()
    built_elsewhere(checkout)
    for other in ("demo-0.9.tar.gz", "other-1.0-py3-none-any.whl", "notes.txt"):
        (checkout.dist / other).write_bytes(b"x")
    ended = checkout("publish", "--no-build")
    assert set(checkout.published()) == BOTH
    assert "found by their names" in ended.err
    assert all(name in ended.err.partition("found by their names")[2].splitlines()[0] for name in BOTH)


def test_those_of_the_variants_are_found_as_well(make, built_elsewhere) -> None:
    checkout = make(variants=True)
    built_elsewhere(checkout, variants=True)
    checkout("publish", "--no-build")
    assert set(checkout.published()) == OF_VARIANTS


def test_one_variant_can_be_asked_for(make, built_elsewhere) -> None:
    checkout = make(variants=True)
    built_elsewhere(checkout, variants=True)
    checkout("publish", "--no-build", "--variant", "lite")
    assert set(checkout.published()) == {each for each in OF_VARIANTS if "lite" in each}


def test_the_project_itself_is_found_beside_no_variant(make, built_elsewhere) -> None:
    checkout = make(variants=True)
    built_elsewhere(checkout)
    checkout("publish", "--no-build")
    assert set(checkout.published()) == BOTH


def test_two_sets_of_files_are_refused(make, built_elsewhere) -> None:
    checkout = make(variants=True)
    built_elsewhere(checkout)
    built_elsewhere(checkout, variants=True)
    ended = checkout("publish", "--no-build", code=2)
    assert "two matching sets of files" in ended.err
    assert "--variant" in ended.err
    assert checkout.published() == {}


@pytest.mark.parametrize("other", ["demo-1.0-1-py3-none-any.whl", "demo-1.0.0-py3-none-any.whl"])
def test_two_wheels_with_the_same_version_and_tags_are_refused(make, built_elsewhere, other: str) -> None:
    checkout = make()
    built_elsewhere(checkout)
    shutil.copy(checkout.dist / "demo-1.0-py3-none-any.whl", checkout.dist / other)
    ended = checkout("publish", "--no-build", code=2)
    assert "two matching files" in ended.err
    assert other in ended.err
    assert checkout.published() == {}


def test_a_variant_that_is_not_built_is_named(make, built_elsewhere) -> None:
    checkout = make(variants=True)
    built_elsewhere(checkout, variants=True)
    for each in checkout.dist.glob("demo_lite*"):
        each.unlink()
    ended = checkout("publish", "--no-build", code=2)
    assert "not built yet: demo-lite 1.0" in ended.err
    assert checkout.published() == {}


def test_nothing_built_says_so(make) -> None:
    ended = make()("publish", "--no-build", code=2)
    assert "nothing to publish" in ended.err
    assert "demo 1.0" in ended.err


def test_a_file_that_git_tracks_is_left_out(make, built_elsewhere) -> None:
    checkout = make()
    built_elsewhere(checkout)
    checkout.git("init", "-q")
    checkout.git("add", "-f", "dist/demo-1.0-py3-none-any.whl")
    ended = checkout("publish", "--no-build")
    assert set(checkout.published()) == {"demo-1.0.tar.gz"}
    assert "skipped: demo-1.0-py3-none-any.whl" in ended.err


def test_a_file_of_a_submodule_in_dist_is_left_out(make, built_elsewhere) -> None:
    checkout = make()
    built_elsewhere(checkout)
    checkout.git("init", "-q")
    checkout.git("init", "-q", "dist")
    checkout.git("-C", "dist", "add", ".")
    assert "nothing to publish" in checkout("publish", "--no-build", code=2).err


def test_a_repository_that_git_cannot_read_says_so(make, built_elsewhere) -> None:
    checkout = make()
    built_elsewhere(checkout)
    (checkout.root / ".git").write_text("gitdir: /nowhere\n")
    ended = checkout("publish", "--no-build", code=2)
    assert "git cannot list" in ended.err
    assert checkout.published() == {}


def test_a_link_in_dist_is_not_followed(make, built_elsewhere, tmp_path: Path) -> None:
    checkout = make()
    built_elsewhere(checkout)
    (tmp_path / "hidden").mkdir()
    wheel = shutil.move(checkout.dist / "demo-1.0-py3-none-any.whl", tmp_path / "hidden")
    (checkout.dist / "demo-1.0-py3-none-any.whl").symlink_to(wheel)
    checkout("publish", "--no-build")
    assert set(checkout.published()) == {"demo-1.0.tar.gz"}


def test_memory_that_a_repository_holds_is_none_of_ours(make, built_elsewhere) -> None:
    """A clone with a wheel, a manifest and a journal is built, and what was committed is not published."""
    checkout = make()
    built_elsewhere(checkout)
    wheel = checkout.dist / "demo-1.0-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes() + b"evil")
    committed = wheel.read_bytes()
    for name in ("publish-all.json", "publish-all.lock", "publish-all.journal.jsonl"):
        (checkout.dist / name).write_text("{}")
    checkout("publish")
    assert set(checkout.published()) == BOTH
    assert committed not in checkout.published().values()


def test_what_an_older_version_left_in_dist_is_no_distribution(make, built_elsewhere) -> None:
    checkout = make()
    built_elsewhere(checkout)
    (checkout.dist / "publish-all.json").write_text("{}")
    (checkout.dist / "publish-all.journal.jsonl").write_text("{}")
    files = [str(each) for each in sorted(checkout.dist.iterdir())]
    checkout("check", *files)
    checkout("publish", *files)
    assert set(checkout.published()) == BOTH


def test_they_alone_are_nothing_to_publish(make, tmp_path: Path) -> None:
    (tmp_path / "publish-all.json").write_text("{}")
    ended = make()("publish", str(tmp_path / "publish-all.json"), code=2)
    assert "publish-all.json: not a wheel or sdist" in ended.err


def test_nothing_of_ours_is_in_the_checkout(make) -> None:
    checkout = make()
    checkout("publish")
    assert {each.name for each in checkout.dist.iterdir()} == BOTH
    assert {each.name for each in checkout.root.iterdir()} == {"demo", "dist", "pyproject.toml"}


def test_files_are_handed_to_another_job_by_a_manifest(make, tmp_path: Path, monkeypatch) -> None:
    build, publish = make("build", variants=True), make("publish", variants=True)
    monkeypatch.chdir(build.root)
    build("build", "--manifest", "m.json")
    shutil.copytree(build.dist, publish.dist)
    shutil.copy(build.root / "m.json", publish.root / "m.json")
    monkeypatch.chdir(publish.root)
    shutil.rmtree(build.root)
    publish("publish", "--manifest", "m.json", "--variant", "lite")
    assert set(publish.published()) == {each for each in OF_VARIANTS if "lite" in each}
    publish("publish", "--manifest", "m.json")
    assert set(publish.published()) == OF_VARIANTS


def test_a_file_that_changed_on_the_way_is_refused(make, monkeypatch) -> None:
    checkout = make()
    monkeypatch.chdir(checkout.root)
    checkout("build", "--manifest", "m.json")
    with (checkout.dist / "demo-1.0.tar.gz").open("ab") as file:
        file.write(b"x")
    ended = checkout("publish", "--manifest", "m.json", code=4)
    assert "demo-1.0.tar.gz has changed" in ended.err
    assert checkout.published() == {}


def test_a_manifest_of_another_version_is_refused(make, monkeypatch) -> None:
    checkout = make()
    monkeypatch.chdir(checkout.root)
    checkout("build", "--manifest", "m.json")
    pyproject = checkout.root / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('version = "1.0"', 'version = "2.0"'))
    ended = checkout("publish", "--manifest", "m.json", code=2)
    assert "lists demo 1.0, but the project is now demo 2.0" in ended.err


def test_a_manifest_with_a_file_of_another_folder_is_refused(make, monkeypatch) -> None:
    checkout = make()
    monkeypatch.chdir(checkout.root)
    checkout("build", "--manifest", "m.json")
    content = json.loads(Path("m.json").read_text())
    content["distributions"][0]["filename"] = "../secret.tar.gz"
    Path("m.json").write_text(json.dumps(content))
    assert "without folders" in checkout("publish", "--manifest", "m.json", code=2).err


def test_a_manifest_is_not_written_over_another_file(make, monkeypatch) -> None:
    checkout = make()
    monkeypatch.chdir(checkout.root)
    before = (checkout.root / "pyproject.toml").read_bytes()
    ended = checkout("build", "--manifest", "pyproject.toml", code=2)
    assert "pyproject.toml" in ended.err
    assert (checkout.root / "pyproject.toml").read_bytes() == before
    assert not checkout.dist.exists()


@pytest.mark.parametrize("more", [["a.whl"], ["--from", "testpypi"]])
def test_a_manifest_goes_with_nothing_else_that_names_files(make, more: list[str]) -> None:
    assert "--manifest" in make()("publish", "--manifest", "m.json", *more, code=2).err


def test_a_manifest_that_is_not_there(make) -> None:
    assert "no file m.json found" in make()("publish", "--manifest", "m.json", code=2).err


def test_without_a_state_folder_it_publishes_and_says_so(make, monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    monkeypatch.setattr("platformdirs.user_state_path", lambda *_, **__: tmp_path / "state")
    checkout = make()
    ended = checkout("publish")
    assert "publishing without a journal" in ended.err
    assert set(checkout.published()) == BOTH
    assert {each.name for each in checkout.dist.iterdir()} == BOTH
    checkout("publish", "--no-build")


def test_files_that_are_gone_do_not_keep_a_project_from_being_built(make) -> None:
    checkout = make()
    checkout("publish")
    shutil.rmtree(checkout.dist)
    checkout("publish")
    assert set(checkout.published()) == BOTH
