"""Builds whose requirements are not here: one isolated environment for all variants, and no token in it."""

from __future__ import annotations

import io
import json
import os
import platform
import tarfile
from pathlib import Path

import pytest
from harness.environments import installed, on_path
from harness.process import Result, clean_environment, run
from harness.projects import built, git, git_status, metadata, wheel_generator

# A build requirement whose own build tells what it sees.
CURIOUS = """\
import json, os, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    with open(os.environ["SEEN_AT"], "w") as file:
        json.dump(dict(os.environ), file)
    info = "curious-1.0.dist-info"
    with zipfile.ZipFile(os.path.join(folder, "curious-1.0-py3-none-any.whl"), "w") as wheel:
        wheel.writestr("curious.py", "")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: curious\\nVersion: 1.0\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", f"curious.py,,\\n{info}/METADATA,,\\n{info}/WHEEL,,\\n{info}/RECORD,,\\n")
    return "curious-1.0-py3-none-any.whl"
"""
CURIOUS_PROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
PYPROJECT = """\
[build-system]
requires = [{requires}]
build-backend = "{backend}"

[project]
name = "kindling"
version = "1.0"
requires-python = ">=3.10"

[tool.publish-all]
build-environment = ["SEEN_*"]

[tool.publish-all.variants.one]
[tool.publish-all.variants.two]
"""
CREDENTIALS = {
    "PUBLISH_ALL_PYPI_TOKEN": "pypi-canary-1",
    "POETRY_PYPI_TOKEN_PYPI": "pypi-canary-2",
    "TWINE_PASSWORD": "canary-3",
    "UV_PUBLISH_TOKEN": "pypi-canary-4",
    "HATCH_INDEX_AUTH": "canary-5",
    "GITHUB_TOKEN": "ghp_canary6",
}


def make_sdist(folder: Path) -> Path:
    path = folder / "curious-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in (
            ("backend.py", CURIOUS),
            ("pyproject.toml", CURIOUS_PROJECT),
            ("PKG-INFO", "Metadata-Version: 2.1\nName: curious\nVersion: 1.0\n"),
        ):
            info = tarfile.TarInfo(f"curious-1.0/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return path


def make_project(folder: Path, *, requires: list[str], backend: str) -> Path:
    root = folder / "kindling"
    (root / "kindling").mkdir(parents=True)
    (root / "kindling" / "__init__.py").write_text('"""Kindling."""\n')
    stated = ", ".join(json.dumps(each) for each in requires)
    (root / "pyproject.toml").write_text(PYPROJECT.format(requires=stated, backend=backend))
    (root / ".gitignore").write_text("/dist/\n")
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "the project")
    return root


def publish_all(
    root: Path, *arguments: str, of: str = "dev", program: str = "publish-all", **variables: str
) -> Result:
    environment = clean_environment(root.parent / "home") | variables
    command = [installed(of, program), *arguments, "--no-interaction"]
    return run(command, cwd=root, environment=environment, timeout=240)


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_what_a_build_requires_is_installed_without_credentials(tmp_path: Path, installer: str) -> None:
    sdist, seen = make_sdist(tmp_path), tmp_path / "seen.json"
    root = make_project(
        tmp_path, requires=["hatchling", f"curious @ {sdist.as_uri()}"], backend="hatchling.build"
    )
    variables = {"SEEN_AT": str(seen), "PIP_TRUSTED_HOST": "kept.example", **CREDENTIALS}
    if installer == "pip":  # there is no uv in Poetry's environment, and here none on the path
        done = publish_all(root, "build", of="poetry-newest", UV="no-such-program", **variables)
    else:
        done = publish_all(root, "build", **variables)
    assert done.returncode == 0, done
    text = seen.read_text()
    environment = json.loads(text)
    assert not set(CREDENTIALS) & set(environment)
    assert "canary" not in text
    assert environment["PIP_TRUSTED_HOST"] == "kept.example"
    assert ("PIP_BUILD_TRACKER" in environment) == (installer == "pip")
    assert not any(value in done.output for value in CREDENTIALS.values())


def test_one_environment_serves_all_variants_and_the_reason_is_told(tmp_path: Path) -> None:
    root = make_project(tmp_path, requires=["hatchling==1.26.3"], backend="hatchling.build")
    done = publish_all(root, "build")
    assert done.returncode == 0, done
    told = [line for line in done.stderr.splitlines() if line.startswith("environment")]
    assert len(told) == 1
    assert "hatchling==1.26.3" in told[0]
    assert len(built(root / "dist")) == 4
    wheel = root / "dist" / "kindling_one-1.0-py3-none-any.whl"
    assert wheel_generator(wheel) == "hatchling==1.26.3"
    assert metadata(wheel)["Name"] == "kindling-one"
    assert git_status(root) == ""


def test_an_older_poetry_core_builds_as_it_does(tmp_path: Path) -> None:
    root = make_project(tmp_path, requires=["poetry-core==2.0.0"], backend="poetry.core.masonry.api")
    done = publish_all(root, "build")
    assert done.returncode == 0, done
    assert wheel_generator(root / "dist" / "kindling_one-1.0-py3-none-any.whl") == "poetry-core==2.0.0"


@pytest.mark.parametrize(
    ("requires", "metadata_in"), [("setuptools>=61,<70", "pyproject.toml"), ("setuptools>=61", "setup.py")]
)
def test_a_project_of_setuptools_is_built_and_its_version_told_as_build_does(
    tmp_path: Path, environment: dict[str, str], requires: str, metadata_in: str
) -> None:
    """Before 70.1, setuptools needs `wheel` for its metadata too, which only its hook says."""
    root = tmp_path / "old"
    root.mkdir()
    (root / "demo.py").write_text("__version__ = '1.2'\n")
    system = f'[build-system]\nrequires = ["{requires}"]\nbuild-backend = "setuptools.build_meta"\n'
    if metadata_in == "setup.py":
        (root / "setup.py").write_text(
            "from setuptools import setup\nsetup(name='old', version='1.' + '2', py_modules=['demo'])\n"
        )
    else:
        system += '[project]\nname = "old"\ndynamic = ["version"]\n[tool.setuptools]\npy-modules = ["demo"]\n'
        system += '[tool.setuptools.dynamic]\nversion = { attr = "demo.__version__" }\n'
    (root / "pyproject.toml").write_text(system)
    git(root, "init", "-q")
    told = publish_all(root, "version", "--explain")
    assert told.returncode == 0, told
    assert "1.2" in told.stdout
    done = publish_all(root, "build", "-f", "wheel")
    assert done.returncode == 0, done
    python = installed("dev", "python")
    run(
        [python, "-m", "build", "--installer=uv", "-w", "-o", "by-build"],
        cwd=root,
        environment=environment,
        check=True,
    )
    wheel = "old-1.2-py3-none-any.whl"
    assert wheel_generator(root / "dist" / wheel) == wheel_generator(root / "by-build" / wheel)
    assert metadata(root / "dist" / wheel).items() == metadata(root / "by-build" / wheel).items()


@pytest.mark.parametrize(
    ("backend", "more", "expected"),
    [
        ("poetry-core", "", "environment   current, with poetry-core"),
        ("poetry-core", '[tool.poetry.build]\nscript = "make.py"\n', "environment   isolated"),
        ("hatchling", "", "environment   isolated, with hatchling=="),
    ],
)
def test_poetry_builds_in_its_own_environment_what_it_would_build_there_by_itself(
    tmp_path: Path, backend: str, more: str, expected: str
) -> None:
    module = {"poetry-core": "poetry.core.masonry.api", "hatchling": "hatchling.build"}[backend]
    root = make_project(tmp_path, requires=[backend], backend=module)
    with (root / "pyproject.toml").open("a") as file:
        file.write(more)
    (root / "make.py").write_text("")
    done = publish_all(root, "publish-all", "build", of="poetry-newest", program="poetry")
    assert done.returncode == 0, done
    assert expected in done.output


def test_without_isolation_what_is_installed_builds(tmp_path: Path) -> None:
    root = make_project(tmp_path, requires=["hatchling"], backend="hatchling.build")
    done = publish_all(root, "build", "--no-isolation")
    assert done.returncode == 0, done
    assert "environment   current, with hatchling" in done.stderr
    manifest = tmp_path / "manifest.json"
    assert publish_all(root, "build", "--manifest", str(manifest)).returncode == 0
    entries = json.loads(manifest.read_text())["distributions"]
    assert all(any(each.startswith("hatchling==") for each in entry["installed"]) for entry in entries)
    absent = make_project(tmp_path / "other", requires=["not-here>=1"], backend="hatchling.build")
    done = publish_all(absent, "build", "--no-isolation")
    assert done.returncode == 1
    assert "the build needs not-here>=1 (not installed), and --no-isolation uses only" in done.stderr


def test_what_cannot_be_installed_is_told_with_the_installers_words(tmp_path: Path) -> None:
    root = make_project(tmp_path, requires=["hatchling==0.0.0.1"], backend="hatchling.build")
    done = publish_all(root, "build")
    assert done.returncode == 1, done
    assert "cannot install the build requirements (hatchling==0.0.0.1" in done.stderr
    assert "hint: Check the names and versions" in done.stderr
    assert not (root / "dist").exists()


CRATE = {
    "Cargo.toml": '[package]\nname = "demo-tool"\nversion = "0.1.0"\nedition = "2021"\n',
    "Cargo.lock": 'version = 3\n\n[[package]]\nname = "demo-tool"\nversion = "0.1.0"\n',
    "src/main.rs": 'fn main() { println!("hello"); }\n',
    "pyproject.toml": """\
[build-system]
requires = ["maturin>=1.5,<2"]
build-backend = "maturin"

[project]
name = "demo"
version = "1.0"
requires-python = ">=3.10"

[tool.maturin]
bindings = "bin"

[tool.publish-all.variants.plain]

[tool.publish-all.variants.native.wheels]
"py3-none-{tag}" = {{}}
""",
}


@pytest.mark.real
@pytest.mark.skipif(platform.system() != "Linux", reason="what is compiled is named for Linux here")
def test_maturin_compiles_in_a_stage_and_its_wheel_gets_the_tag_that_fits(tmp_path: Path) -> None:
    on_path("cargo", "cargo")
    root = tmp_path / "demo"
    (root / "src").mkdir(parents=True)
    tag = f"manylinux_2_28_{platform.machine()}"
    for name, text in CRATE.items():
        (root / name).write_text(text.format(tag=tag) if name == "pyproject.toml" else text)
    (root / ".gitignore").write_text("/dist/\n/target/\n")
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "the crate")
    toolchain = {name: os.environ[name] for name in ("CARGO_HOME", "RUSTUP_HOME") if name in os.environ}
    home = {"CARGO_HOME": str(Path.home() / ".cargo"), "RUSTUP_HOME": str(Path.home() / ".rustup")}
    variables = {**home, **toolchain, "CARGO_NET_OFFLINE": "true"}

    done = publish_all(root, "build", **variables)
    assert done.returncode == 0, done
    assert f"demo_native-1.0-py3-none-{tag}.whl" in built(root / "dist")
    assert sum(name.startswith("demo_plain-1.0") for name in built(root / "dist")) == 2
    assert git_status(root) == ""

    file = root / "pyproject.toml"
    file.write_text(file.read_text().replace(tag, "win_amd64"))
    refused = publish_all(root, "build", "--variant", "native", **variables)
    assert refused.returncode == 1
    assert "which cannot get the tag py3-none-win_amd64" in " ".join(refused.stderr.split())
