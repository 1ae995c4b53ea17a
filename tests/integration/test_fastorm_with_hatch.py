"""The Hatch example through `hatch build` and `hatch publish` with our publisher and our build target."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from harness.corp import listed, state_corp
from harness.environments import ROOT
from harness.hosts import Host
from harness.process import make_venv, pip_install, run, uv_install
from harness.projects import built, git_status, members
from harness.servers import Server

WITH_OURS = {"HATCH_PUBLISHER": "publish-all"}


def local_index(folder: Path) -> dict[str, str]:
    return {"PUBLISH_ALL_REPOSITORIES_LOCAL_URL": folder.as_uri()}


def published(folder: Path) -> dict[str, bytes]:
    """The distributions of a static index, wherever in its folder it keeps them."""
    files = [path for path in folder.rglob("*") if path.name.endswith((".whl", ".tar.gz"))]
    return {path.name: path.read_bytes() for path in files}


def in_dist(project: Path) -> dict[str, bytes]:
    return {name: (project / "dist" / name).read_bytes() for name in built(project / "dist")}


def test_build_and_publish_the_project_itself(fastorm: Path, hatch: Host, tmp_path: Path) -> None:
    index = tmp_path / "index"
    hatch("build", cwd=fastorm, check=True)
    assert git_status(fastorm) == ""

    done = hatch("publish", "-r", "local", cwd=fastorm, environment=WITH_OURS | local_index(index))

    assert done.returncode == 0, done
    assert published(index) == in_dist(fastorm)
    assert len(published(index)) == 2
    assert all(name.startswith("fastorm-") for name in published(index))


def test_build_and_publish_the_variants(fastorm: Path, hatch: Host, tmp_path: Path) -> None:
    index = tmp_path / "index"
    hatch("build", "-t", "variants", cwd=fastorm, check=True)
    assert git_status(fastorm) == ""
    assert len(built(fastorm / "dist")) == 4

    arguments = ("publish", "-p", "publish-all", "-r", "local")
    done = hatch(*arguments, cwd=fastorm, environment=local_index(index))

    assert done.returncode == 0, done
    assert published(index) == in_dist(fastorm)

    again = hatch(*arguments, cwd=fastorm, environment=local_index(index))
    assert again.returncode == 0, again
    assert "nothing to upload" in again.output.lower(), again


def test_one_variant_can_be_built_alone(fastorm: Path, newest_hatch: Host) -> None:
    newest_hatch("build", "-t", "variants", cwd=fastorm, check=True)
    every = in_dist(fastorm)
    variant = min(name.split("-")[0] for name in every).removeprefix("fastorm_")
    shutil.rmtree(fastorm / "dist")

    newest_hatch("build", "-t", f"variants:{variant}", cwd=fastorm, check=True)

    expected = {name: content for name, content in every.items() if name.startswith(f"fastorm_{variant}-")}
    assert expected == in_dist(fastorm)


@pytest.mark.parametrize(
    ("hatch", "way"), [("newest", "options"), ("lowest", "environment")], indirect=["hatch"]
)
def test_user_and_password_as_hatch_users_state_them(
    fastorm: Path, hatch: Host, pypiserver: Server, way: str
) -> None:
    state_corp(fastorm, pypiserver)
    hatch("build", cwd=fastorm, check=True)
    user, password = str(pypiserver.username), str(pypiserver.password)
    options = ["-u", user, "-a", password] if way == "options" else []
    variables = {} if way == "options" else {"HATCH_INDEX_USER": user, "HATCH_INDEX_AUTH": password}

    done = hatch("publish", "-r", "corp", "-n", *options, cwd=fastorm, environment=WITH_OURS | variables)

    assert done.returncode == 0, done
    assert sorted(listed(pypiserver, "fastorm")) == built(fastorm / "dist")
    assert password not in done.output


def test_named_files_are_published_and_no_others(fastorm: Path, newest_hatch: Host, tmp_path: Path) -> None:
    index = tmp_path / "index"
    newest_hatch("build", cwd=fastorm, check=True)
    (wheel,) = (name for name in built(fastorm / "dist") if name.endswith(".whl"))

    arguments = ("publish", f"dist/{wheel}", "-r", "local")
    newest_hatch(*arguments, cwd=fastorm, environment=WITH_OURS | local_index(index), check=True)

    assert list(published(index)) == [wheel]


@pytest.mark.parametrize("target", ["variants", None])
def test_nothing_foreign_in_dist_is_published(
    fastorm: Path, newest_hatch: Host, tmp_path: Path, target: str | None
) -> None:
    """A stale sdist, another project's wheel, and a wheel of our name and version from other sources."""
    index = tmp_path / "index"
    build = ("build", "-t", target) if target else ("build",)
    newest_hatch(*build, cwd=fastorm, check=True)
    genuine = in_dist(fastorm)
    wheel = next(name for name in genuine if name.endswith(".whl"))
    name, version = wheel.split("-")[:2]
    shutil.rmtree(fastorm / "dist")
    from_other_sources(fastorm, newest_hatch, build)
    shutil.copy(fastorm / "dist" / wheel, fastorm / "dist" / "foreign-1.0-py3-none-any.whl")
    shutil.copy(fastorm / "dist" / f"{name}-{version}.tar.gz", fastorm / "dist" / f"{name}-9.9.9.tar.gz")

    newest_hatch(*build, cwd=fastorm, check=True)
    arguments = ("publish", "-p", "publish-all", "-r", "local")
    newest_hatch(*arguments, cwd=fastorm, environment=local_index(index), check=True)

    assert published(index) == genuine


def test_a_wheel_that_is_committed_is_not_published(
    fastorm: Path, newest_hatch: Host, tmp_path: Path
) -> None:
    index = tmp_path / "index"
    newest_hatch("build", cwd=fastorm, check=True)
    (wheel,) = (name for name in built(fastorm / "dist") if name.endswith(".whl"))
    run(["git", "add", "-f", f"dist/{wheel}"], cwd=fastorm, environment=os.environ, check=True)

    arguments = ("publish", "-p", "publish-all", "-r", "local")
    newest_hatch(*arguments, cwd=fastorm, environment=local_index(index), check=True)

    assert list(published(index)) == [name for name in built(fastorm / "dist") if name != wheel]


def from_other_sources(project: Path, hatch: Host, build: tuple[str, ...]) -> None:
    """Fill `dist` with what a changed copy of the project builds to, under the same names."""
    other = project.parent / "other-sources"
    shutil.copytree(project, other)
    (other / "fastorm" / "surprise.py").write_text("raise SystemExit('not the release')\n")
    hatch(*build, cwd=other, check=True)
    shutil.copytree(other / "dist", project / "dist")


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_published_variants_install_and_import(
    fastorm: Path, newest_hatch: Host, environment: Mapping[str, str], tmp_path: Path, installer: str
) -> None:
    index = tmp_path / "index"
    newest_hatch("build", "-t", "variants", cwd=fastorm, check=True)
    arguments = ("publish", "-p", "publish-all", "-r", "local")
    newest_hatch(*arguments, cwd=fastorm, environment=local_index(index), check=True)
    distribution = built(fastorm / "dist")[0].split("-")[0].replace("_", "-")

    python = make_venv(tmp_path / "venv", environment)
    simple = simple_page(index)
    if installer == "pip":
        pip_install(python, "--no-deps", "--index-url", simple, distribution, environment=environment)
    else:
        uv_install(python, "--no-deps", "--default-index", simple, distribution, environment=environment)
    code = f"import importlib.metadata as m; print(m.version({distribution!r}))"
    done = run([python, "-c", code], cwd=tmp_path, environment=environment, check=True)
    assert done.stdout.strip()


def simple_page(index: Path) -> str:
    """The URL of the static index's root page."""
    (root,) = {
        page.parent.parent for page in index.rglob("index.html") if page.parent.name.startswith("fastorm")
    }
    return root.as_uri()


def test_without_our_publisher_the_readme_says_what_to_set(fastorm: Path, newest_hatch: Host) -> None:
    newest_hatch("build", cwd=fastorm, check=True)
    assert newest_hatch("publish", "-r", "local", "-n", cwd=fastorm).returncode != 0
    for readme, heading in (
        ("README.md", "## Quickstart: Hatch"),
        ("hatch_plugin/README.md", "# hatch-publish-all"),
    ):
        section = (ROOT / readme).read_text(encoding="utf-8").partition(heading + "\n")[2]
        first_block = section.split("```")[1]
        assert "HATCH_PUBLISHER=publish-all" in first_block, readme


def test_the_wheel_of_a_variant_holds_the_package(fastorm: Path, newest_hatch: Host) -> None:
    newest_hatch("build", "-t", "variants", cwd=fastorm, check=True)
    for wheel in (fastorm / "dist").glob("*.whl"):
        assert "fastorm/__init__.py" in members(wheel)
