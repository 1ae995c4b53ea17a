"""The lowest versions that we claim are installed in the environments `…-lowest`, and builds work with them."""

from __future__ import annotations

import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from harness.environments import ROOT, installed
from harness.process import run
from harness.projects import git, members, wheel_generator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from publish_all._build_system import Backend
from publish_all._toml import loads
from publish_all.builders.backend_versions import LOWEST, SETUPTOOLS_FOR_SETUP_CFG

VERSIONS = """\
import importlib.metadata, json
print(json.dumps({each.metadata["Name"]: each.version for each in importlib.metadata.distributions()}))
"""
# As `publish-all build` does it, without the extra `cli`.
BUILD = """\
import os, sys
from pathlib import Path
from publish_all.builders.builder import BuildRequest, BuildSettings
from publish_all.builders.run import build
from publish_all.config.load import load_project
from publish_all.config.model import Isolation
from publish_all.events import ignore
from publish_all.variants.resolve import resolve_variants

config = load_project(Path.cwd())
request = BuildRequest(root=config.root, output=Path(sys.argv[1]), variants=resolve_variants(config, version="1.0"))
build(request, listener=ignore, settings=BuildSettings(os.environ, isolation=Isolation.NEVER))
"""
PYPROJECT = """\
[build-system]
requires = ["{name}"]
build-backend = "{backend}"

[project]
name = "widget"
version = "1.0"
requires-python = ">=3.10"
dependencies = ["packaging"]

[tool.publish-all]
include-base = true
[tool.publish-all.variants.lite]
exclude = ["widget/heavy/**"]
force-include = {{ "conf/lite.toml" = "widget/conf.toml" }}
extend-dependencies = ["tomlkit"]
"""
BACKENDS = {
    "hatchling": ("hatchling.build", LOWEST[Backend.HATCHLING]),
    "poetry-core": ("poetry.core.masonry.api", LOWEST[Backend.POETRY_CORE]),
    "setuptools": ("setuptools.build_meta", LOWEST[Backend.SETUPTOOLS]),
}

BASE = "widget-1.0-py3-none-any.whl"


def versions(name: str, environment: Mapping[str, str]) -> dict[str, Version]:
    done = run([installed(name, "python"), "-c", VERSIONS], cwd=ROOT, environment=environment, check=True)
    return {canonicalize_name(name): Version(version) for name, version in json.loads(done.stdout).items()}


def lowest_required(*extras: str) -> dict[str, Version]:
    """What `publish-all` requires at least, by its pyproject.toml."""
    project = loads((ROOT / "shared" / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = [*project["dependencies"]]
    for extra in extras:
        texts += project["optional-dependencies"][extra]
    found: dict[str, Version] = {}
    for each in map(Requirement, texts):
        if each.marker is None or each.marker.evaluate():
            name = canonicalize_name(each.name)
            lowest = [Version(one.version) for one in each.specifier if one.operator in {">=", "~=", "=="}]
            found[name] = max([*lowest, found.get(name, Version("0"))])
    assert min(found.values()) > Version("0"), f"something is required in any version: {found}"
    return found


def make_widget(folder: Path, name: str) -> Path:
    root = folder / "widget"
    for path in ("widget/__init__.py", "widget/heavy/__init__.py", "conf/lite.toml"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(f"# {path}\n", encoding="utf-8")
    text = PYPROJECT.format(name=name, backend=BACKENDS[name][0])
    if name == "setuptools":
        text += '\n[tool.setuptools.packages.find]\ninclude = ["widget*"]\n'
    (root / "pyproject.toml").write_text(text, encoding="utf-8")
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "one")
    return root


def sdist_members(path: Path) -> set[str]:
    with tarfile.open(path) as opened:
        return {each.name.partition("/")[2] for each in opened if each.isfile()}


def check_built(output: Path) -> None:
    """The base has all files, and the variant those that it says."""
    base, lite = output / BASE, output / "widget_lite-1.0-py3-none-any.whl"
    assert {"widget/__init__.py", "widget/heavy/__init__.py"} <= set(members(base))
    assert "widget/heavy/__init__.py" not in members(lite)
    assert {"widget/__init__.py", "widget/conf.toml"} <= set(members(lite))
    with zipfile.ZipFile(lite) as opened:
        metadata = opened.read("widget_lite-1.0.dist-info/METADATA").decode()
    assert "Name: widget-lite" in metadata
    assert "Requires-Dist: tomlkit" in metadata
    assert "widget/heavy/__init__.py" in sdist_members(output / "widget-1.0.tar.gz")
    (sdist,) = output.glob("widget?lite-1.0.tar.gz")  # setuptools before 69.3 writes a hyphen
    assert "widget/__init__.py" in sdist_members(sdist)


def test_the_lowest_environment_of_builds_holds_what_we_claim(environment: dict[str, str]) -> None:
    found = versions("builds-lowest", environment)
    for name, (_, lowest) in BACKENDS.items():
        if name != "setuptools":  # its lowest version does not run on Python 3.12
            assert found[name] == Version(lowest)
    assert Version(LOWEST[Backend.SETUPTOOLS]) <= found["setuptools"]
    assert found["setuptools"] <= Version(SETUPTOOLS_FOR_SETUP_CFG)
    for name, version in lowest_required().items():
        assert found[name] == version, name


@pytest.mark.parametrize("host", ["poetry-lowest", "hatch-lowest"])
def test_the_lowest_hosts_hold_the_lowest_packages_that_both_take(
    environment: dict[str, str], host: str
) -> None:
    """Some that the host itself requires are newer than what we require."""
    found = versions(host, environment)
    required = lowest_required("cli")
    assert all(found[name] >= version for name, version in required.items())
    for name in ("cleo", "packaging", "rich", "tomlkit", "trove-classifiers"):
        assert found[name] == required[name], name


@pytest.mark.parametrize("name", BACKENDS)
def test_the_lowest_backends_build(tmp_path: Path, environment: dict[str, str], name: str) -> None:
    root, output = make_widget(tmp_path, name), tmp_path / "dist"
    python = installed("builds-lowest", "python")
    run([python, "-c", BUILD, output], cwd=root, environment=environment, check=True)
    check_built(output)
    if name != "setuptools":  # the generator of those wheels is `bdist_wheel`
        version = versions("builds-lowest", environment)[name]
        assert wheel_generator(output / BASE) == f"{name}=={version}"


@pytest.mark.parametrize(("host", "name"), [("poetry-lowest", "poetry-core"), ("hatch-lowest", "hatchling")])
def test_the_lowest_hosts_build_and_check(
    tmp_path: Path, environment: dict[str, str], host: str, name: str
) -> None:
    root, output = make_widget(tmp_path, name), tmp_path / "dist"
    publish_all = installed(host, "publish-all")
    run([publish_all, "build", "--no-isolation", "-o", output], cwd=root, environment=environment, check=True)
    check_built(output)
    version = versions(host, environment)[name]
    assert wheel_generator(output / BASE) == f"{name}=={version}"
    run([publish_all, "check", *sorted(output.iterdir())], cwd=tmp_path, environment=environment, check=True)
