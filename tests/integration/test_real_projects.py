"""Real projects from PyPI, in git repositories: publish-all builds what their own backend builds in the same checkout.

Each project is committed and tagged, in the root of a repository and in a folder of one. It is built by
`python -m build` and by publish-all, as it is and as a build variant that only has another name: the files
must have the same members and the same metadata.
"""

from __future__ import annotations

import os
import re
import shutil
import tarfile
from collections.abc import Mapping
from email.parser import Parser
from pathlib import Path
from typing import NamedTuple

import pytest
import tomlkit
from _pytest.mark import ParameterSet
from harness.corp import download
from harness.environments import installed
from harness.process import clean_environment, run
from harness.projects import git, members, metadata

HATCHLING = ("filelock==3.18.0", "httpx==0.28.1", "pygments==2.19.1", "urllib3==2.3.0", "starlette==0.46.1")
POETRY_CORE = ("cleo==2.1.0", "crashtest==0.4.1", "pastel==0.2.1", "rich==13.9.4", "tomlkit==0.13.2")
SETUPTOOLS = (
    "importlib-metadata==8.5.0",  # setuptools-scm
    "networkx==3.4.2",
    "pluggy==1.5.0",  # setuptools-scm with a version file
    "typeguard==4.4.1",  # setuptools-scm
    "tabulate==0.9.0",
    "partd==1.4.2",  # versioneer
    "zict==3.0.0",
    "lazy-loader==0.4",
)
PBR = ("stevedore==5.4.0", "fixtures==4.1.0", "oslo-i18n==6.5.0", "testscenarios==0.5.0")
FLIT_CORE = ("idna==3.10", "installer==0.7.0", "packaging==24.2", "tomli==2.2.1", "typing-extensions==4.12.2")
PDM_BACKEND = (
    "unearth==0.17.2",
    "findpython==0.6.2",
    "dep-logic==0.4.10",
    "pbs-installer==2025.1.6",
    "pdm==2.22.3",
)
UV_BUILD = (
    "py-key-value-aio==0.5.0",
    "narwhals==2.29.0",
    "py-key-value-shared==0.3.0",
    "typing-graph==0.3.0",
)
MESON_PYTHON = ("meson-python==0.17.1", "contourpy==1.3.1")
CONFIGURATION = """
[tool.publish-all]
include-base = true

[tool.publish-all.variants.renamed]
name = "renamed-for-a-test"
"""
FOLDER = "packages/core"
COMPILER_SECONDS = 900  # a project in C++ is built several times


MATURIN = """\
[build-system]
requires = ["maturin>=1.7,<2"]
build-backend = "maturin"
[project]
name = "hello-crate"
version = "0.3.0"
[tool.maturin]
bindings = "bin"
"""
CRATE = '[package]\nname = "hello-crate"\nversion = "0.3.0"\nedition = "2021"\n'
LOCK = '[[package]]\nname = "hello-crate"\nversion = "0.3.0"\n'
CRATES = {
    "alone": {
        "pyproject.toml": MATURIN + CONFIGURATION,
        "Cargo.toml": CRATE,
        "Cargo.lock": f"version = 4\n\n{LOCK}",
        "src/main.rs": 'fn main() { println!("hello"); }\n',
        ".gitignore": "target/\n",
    },
    "workspace above": {
        "py/pyproject.toml": MATURIN + CONFIGURATION,
        "Cargo.toml": '[workspace]\nmembers = ["core", "py"]\nresolver = "2"\n',
        "Cargo.lock": f'version = 4\n\n{LOCK}dependencies = ["hello-core"]\n\n'
        '[[package]]\nname = "hello-core"\nversion = "0.3.0"\n',
        "core/Cargo.toml": CRATE.replace("hello-crate", "hello-core"),
        "core/src/lib.rs": 'pub fn say() -> &\'static str { "hello" }\n',
        "py/Cargo.toml": f'{CRATE}[dependencies]\nhello-core = {{ path = "../core" }}\n',
        "py/src/main.rs": 'fn main() { println!("{}", hello_core::say()); }\n',
        ".gitignore": "target/\n",
    },
}


def some_and_all() -> list[ParameterSet]:
    """One project of each backend always, in the root of its repository; the rest by `make test-real`."""
    found = []
    for backend in (HATCHLING, POETRY_CORE, SETUPTOOLS, FLIT_CORE, PDM_BACKEND, UV_BUILD, PBR, MESON_PYTHON):
        for number, requirement in enumerate(backend):
            for folder in ("", FOLDER):
                always = number == 0 and not folder and backend is not MESON_PYTHON
                marks = () if always else (pytest.mark.real, pytest.mark.timeout(COMPILER_SECONDS))
                found.append(
                    pytest.param(requirement, folder, marks=marks, id=f"{requirement}-{folder or 'root'}")
                )
    return found


class Built(NamedTuple):
    wheel: Path
    sdist: Path


@pytest.mark.parametrize(("requirement", "folder"), some_and_all())
def test_the_project_and_a_renamed_variant_are_what_the_backend_makes(
    requirement: str, folder: str, tmp_path: Path
) -> None:
    environment = clean_environment(tmp_path / "home")
    repository = make_repository(requirement, folder, tmp_path, environment)
    compare(repository, folder, tmp_path, environment)


@pytest.mark.real
@pytest.mark.parametrize("layout", CRATES)
def test_a_crate_without_dependencies(layout: str, tmp_path: Path) -> None:
    """Projects of maturin on PyPI need crates from crates.io; these need cargo alone."""
    assert shutil.which("cargo"), "cargo is not installed, so maturin is not tested"
    repository = tmp_path / "repository"
    for path, text in CRATES[layout].items():
        (repository / path).parent.mkdir(parents=True, exist_ok=True)
        (repository / path).write_text(text, encoding="utf-8")
    git(repository, "init", "-q", "-b", "main")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "the crate")
    environment = clean_environment(tmp_path / "home")
    environment["RUSTUP_HOME"] = os.environ.get("RUSTUP_HOME", str(Path.home() / ".rustup"))
    compare(repository, "py" if layout == "workspace above" else "", tmp_path, environment)


def compare(repository: Path, folder: str, tmp_path: Path, environment: Mapping[str, str]) -> None:
    """Build the project in `folder` by `python -m build` and by publish-all: the files must hold the same."""
    theirs = build_theirs(repository, folder, tmp_path, environment)

    checkout = clone(repository, tmp_path / "checkout")
    publish_all = installed("dev", "publish-all")
    run(
        [publish_all, "build", "-n", "-o", tmp_path / "ours"],
        cwd=checkout / folder,
        environment=environment,
        check=True,
        timeout=400,
    )

    itself = Built(tmp_path / "ours" / theirs.wheel.name, tmp_path / "ours" / theirs.sdist.name)
    renamed = Built(
        *(next((tmp_path / "ours").glob(f"renamed_for_a_test-*{end}")) for end in (".whl", ".tar.gz"))
    )
    assert git(checkout, "status", "--porcelain") == ""
    assert metadata(itself.wheel).items() == metadata(theirs.wheel).items()
    assert content(itself.wheel) == content(renamed.wheel) == content(theirs.wheel)
    assert without_name(metadata(renamed.wheel)) == without_name(metadata(theirs.wheel))
    assert metadata(renamed.wheel)["Name"] == "renamed-for-a-test"
    assert in_sdist(itself.sdist) == in_sdist(theirs.sdist)
    assert in_sdist(renamed.sdist) == in_sdist(theirs.sdist)
    assert pkg_info(itself.sdist).items() == pkg_info(theirs.sdist).items()
    assert without_name(pkg_info(renamed.sdist)) == without_name(pkg_info(theirs.sdist))


def make_repository(requirement: str, folder: str, tmp_path: Path, environment: Mapping[str, str]) -> Path:
    """The project, committed and tagged with its version; without what only an sdist has."""
    repository = tmp_path / "repository"
    project = repository / folder
    project.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(unpack(fetch_sdist(requirement, tmp_path, environment), tmp_path / "unpacked"), project)
    for made in (
        project / "PKG-INFO",
        *project.rglob("*.egg-info"),
        project / "AUTHORS",
        project / "ChangeLog",
    ):
        shutil.rmtree(made) if made.is_dir() else made.unlink(missing_ok=True)
    pyproject = project / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8") if pyproject.is_file() else ""
    pyproject.write_text(below(text, folder) + CONFIGURATION, encoding="utf-8")
    git(repository, "init", "-q", "-b", "main")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "the project")
    git(repository, "tag", requirement.partition("==")[2])
    return repository


def below(text: str, folder: str) -> str:
    """A pyproject.toml that tells setuptools-scm and hatch-vcs that the repository is above the project's folder."""
    document = tomlkit.parse(text)
    tool = document.get("tool", {})
    tables = [tool[each] for each in ("setuptools_scm", "setuptools-scm") if each in tool]
    version = tool.get("hatch", {}).get("version", {})
    if version.get("source") == "vcs":
        tables.append(version.setdefault("raw-options", tomlkit.inline_table()))
    if not folder or not tables:
        return text
    for table in tables:
        table["root"] = "../.."
    return tomlkit.dumps(document)


def build_theirs(repository: Path, folder: str, tmp_path: Path, environment: Mapping[str, str]) -> Built:
    """Each in a clone of its own: what a build leaves behind would get into the next one."""
    output = tmp_path / "theirs"
    for kind in ("sdist", "wheel"):
        checkout = clone(repository, tmp_path / kind / "repository")
        build = [
            installed("dev", "python"),
            "-m",
            "build",
            f"--{kind}",
            "--installer",
            "uv",
            "--outdir",
            output,
        ]
        run(build, cwd=checkout / folder, environment=environment, check=True, timeout=400)
    (wheel,), (sdist,) = output.glob("*.whl"), output.glob("*.tar.gz")
    return Built(wheel, sdist)


def clone(repository: Path, target: Path) -> Path:
    """A checkout of just what is committed."""
    git(target.parent.parent, "clone", "-q", str(repository), str(target))
    return target


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


def content(wheel: Path) -> list[str]:
    """The members, with the dist-info and data folders under one name for all."""
    return sorted(re.sub(r"^[^/]+\.(dist-info|data)/", r"\1/", name) for name in members(wheel))


def in_sdist(sdist: Path) -> list[str]:
    """The files below the sdist's folder, with egg-info under one name for all."""
    with tarfile.open(sdist) as archive:
        names = [each.name.partition("/")[2] for each in archive if not each.isdir()]
    return sorted(re.sub(r"[^/]+\.egg-info/", "egg-info/", name) for name in names)


def pkg_info(sdist: Path) -> object:
    with tarfile.open(sdist) as archive:
        (name,) = (each for each in archive.getnames() if re.fullmatch(r"[^/]+/PKG-INFO", each))
        file = archive.extractfile(name)
        assert file is not None
        return Parser().parsestr(file.read().decode())


def without_name(message: object) -> tuple[list[tuple[str, str]], object]:
    """The metadata but for the name; extras that require the project itself name it, too."""
    own = re.compile(rf"^{re.escape(message['Name'])}(?=\[)", re.IGNORECASE)
    headers = [(key, own.sub("itself", str(value))) for key, value in message.items() if key != "Name"]
    return headers, message.get_payload()
