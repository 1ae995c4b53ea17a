"""Real projects from PyPI build through us to what their own backend makes of them.

Each is built plainly, and as a build variant that only changes the name: the files must be the same
but for the dist-info folder, and METADATA the same but for Name.
"""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
import tomlkit
from _pytest.mark import ParameterSet
from harness.corp import download
from harness.environments import installed
from harness.process import clean_environment, run
from harness.projects import members, metadata

HATCHLING = (
    "filelock==3.18.0",
    "httpx==0.28.1",
    "pygments==2.19.1",
    "soupsieve==2.6",
    "starlette==0.46.1",
    "urllib3==2.3.0",
)
POETRY_CORE = (
    "cleo==2.1.0",
    "crashtest==0.4.1",
    "pastel==0.2.1",
    "poetry-plugin-export==1.9.0",
    "rich==13.9.4",
    "tomlkit==0.13.2",
)
SETUPTOOLS = (
    "importlib-metadata==8.5.0",
    "zipp==3.21.0",
    "jaraco-classes==3.4.0",
    "lazy-loader==0.4",
    "networkx==3.4.2",
    "tabulate==0.9.0",
)
FLIT_CORE = (
    "idna==3.10",
    "installer==0.7.0",
    "packaging==24.2",
    "pathspec==0.12.1",
    "tomli==2.2.1",
    "typing-extensions==4.12.2",
)
CONFIGURATION = """
[tool.publish-all]
include-base = true

[tool.publish-all.variants.renamed]
name = "renamed-for-a-test"
"""


def some_and_all(*backends: tuple[str, ...]) -> list[ParameterSet]:
    """Two projects of each backend always, the rest by `make test-real`."""
    always = [pytest.param(name) for backend in backends for name in backend[:2]]
    return always + [
        pytest.param(name, marks=pytest.mark.real) for backend in backends for name in backend[2:]
    ]


@pytest.mark.parametrize("requirement", some_and_all(HATCHLING, POETRY_CORE, SETUPTOOLS, FLIT_CORE))
def test_the_project_and_a_renamed_variant_have_the_same_content(requirement: str, tmp_path: Path) -> None:
    environment = clean_environment(tmp_path / "home")
    sdist = fetch_sdist(requirement, tmp_path, environment)
    plain = unpack(sdist, tmp_path / "plain")
    ours = unpack(sdist, tmp_path / "ours")
    add_variant(ours)

    build = [
        installed("dev", "python"),
        "-m",
        "build",
        "--wheel",
        "--installer",
        "uv",
        "--outdir",
        tmp_path / "theirs",
    ]
    run(build, cwd=plain, environment=environment, check=True, timeout=200)
    publish_all = installed("dev", "publish-all")
    run([publish_all, "build", "-n"], cwd=ours, environment=environment, check=True, timeout=200)

    (theirs,) = (tmp_path / "theirs").glob("*.whl")
    (renamed,) = (ours / "dist").glob("renamed_for_a_test-*.whl")
    (itself,) = (ours / "dist").glob(theirs.name)
    assert content(itself) == content(theirs)
    assert metadata(itself).items() == metadata(theirs).items()
    assert content(renamed) == content(theirs)
    assert without_name(renamed) == without_name(theirs)
    assert metadata(renamed)["Name"] == "renamed-for-a-test"


def fetch_sdist(requirement: str, folder: Path, environment: Mapping[str, str]) -> Path:
    """Fetch it by the address that uv tells: `pip download` would build it first."""
    wanted = folder / "requirements.txt"
    wanted.write_text(requirement)
    compile_ = [
        installed("dev", "uv"),
        "pip",
        "compile",
        "-q",
        "--no-deps",
        "--format",
        "pylock.toml",
        wanted,
    ]
    pylock = run(compile_, cwd=folder, environment=environment, check=True).stdout
    (package,) = tomlkit.parse(pylock).unwrap()["packages"]
    sdist = folder / "project.tar.gz"
    sdist.write_bytes(download(package["sdist"]["url"]))
    return sdist


def unpack(sdist: Path, target: Path) -> Path:
    with tarfile.open(sdist) as archive:
        archive.extractall(target, filter="data")
    (root,) = target.iterdir()
    return root


def add_variant(project: Path) -> None:
    pyproject = project / "pyproject.toml"
    with pyproject.open("a", encoding="utf-8") as file:
        file.write(CONFIGURATION)


def content(wheel: Path) -> list[str]:
    """The members, with the dist-info folder under one name for all."""
    return sorted(
        name if ".dist-info/" not in name else "dist-info/" + name.partition(".dist-info/")[2]
        for name in members(wheel)
    )


def without_name(wheel: Path) -> tuple[list[tuple[str, str]], object]:
    message = metadata(wheel)
    headers = [(key, str(value)) for key, value in message.items() if key != "Name"]
    return headers, message.get_payload()
