"""What a build variant states of its metadata is in its files: from the configuration to both backends' METADATA."""

from __future__ import annotations

import email
import email.message
import os
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from publish_all._toml import loads
from publish_all.builders.builder import BuildRequest, BuildSettings
from publish_all.builders.run import build
from publish_all.config.load import load_project
from publish_all.config.model import Isolation
from publish_all.errors import ConfigurationError
from publish_all.events import ignore
from publish_all.variants.resolve import resolve_variants

HERE = BuildSettings(os.environ, isolation=Isolation.NEVER)

PROJECT = """
[project]
name = "kindling"
version = "1.0"
description = "Kindling"
readme = "README.md"
requires-python = ">=3.10"
license = "MIT"
license-files = ["LICENSE"]
authors = [{ name = "Base", email = "base@example.com" }]
keywords = ["base"]
dependencies = ["attrs>=23"]
[project.optional-dependencies]
notebooks = ["ipykernel"]
docs = ["sphinx"]
[project.scripts]
kindling = "kindling:main"
old = "kindling:old"
[project.urls]
Homepage = "https://kindling.example"
[project.entry-points.kindling]
plugin = "kindling:plugin"
[dependency-groups]
dev = ["ruff"]
test = ["pytest"]
"""
POETRY_STYLE = """
[tool.poetry]
name = "kindling"
version = "1.0"
description = "Kindling"
readme = "README.md"
license = "MIT"
authors = ["Base <base@example.com>"]
keywords = ["base"]
homepage = "https://kindling.example"
[tool.poetry.dependencies]
python = ">=3.10"
attrs = ">=23"
ipykernel = { version = "*", optional = true }
sphinx = { version = "*", optional = true }
[tool.poetry.extras]
notebooks = ["ipykernel"]
docs = ["sphinx"]
[tool.poetry.scripts]
kindling = "kindling:main"
old = "kindling:old"
[tool.poetry.plugins.kindling]
plugin = "kindling:plugin"
[dependency-groups]
dev = ["ruff"]
test = ["pytest"]
"""
HATCHLING = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
POETRY = '[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n'
STYLES = {
    "hatchling": HATCHLING + PROJECT,
    "poetry-core": POETRY + PROJECT,
    "tool.poetry": POETRY + POETRY_STYLE,
}
FILES = {
    "kindling/__init__.py": "",
    "README.md": "# Kindling\n",
    "README.synapse.md": "# Kindling for Synapse\n",
    "LICENSE": "MIT\n",
    "LICENSE.synapse": "More\n",
}
SYNAPSE = """
[tool.publish-all.variants.synapse]
description = "For Synapse"
readme = "README.synapse.md"
requires-python = ">=3.11"
local-version = "cu126"
scripts = { kindling = "kindling.synapse:main" }
entry-points = { other = { plugin = "kindling.synapse:plugin" } }
optional-dependencies = { notebooks = ["notebook>=7"], gpu = ["cupy"] }
extend-dependencies = ["azure-synapse>=1; python_version < '3.13'"]
keywords = ["synapse"]
classifiers = ["Environment :: Console"]
urls = { Homepage = "https://synapse.example" }
authors = [{ name = "Other", email = "other@example.com" }]
maintainers = [{ name = "Keeper", email = "keeper@example.com" }]
dependency-groups = { test = ["pytest>=8", { include-group = "dev" }] }
"""


class Built:
    def __init__(self, paths: dict[str, Path]) -> None:
        with zipfile.ZipFile(paths["wheel"]) as opened:
            self.members = {name: opened.read(name).decode() for name in opened.namelist()}
        with tarfile.open(paths["sdist"]) as opened_tar:
            name = paths["sdist"].name.removesuffix(".tar.gz")
            file = opened_tar.extractfile(f"{name}/pyproject.toml")
            assert file is not None
            self.pyproject: dict[str, Any] = loads(file.read().decode())
            self.sdist_members = set(opened_tar.getnames())
        self.metadata = email.message_from_string(self.info("METADATA"))

    def info(self, name: str) -> str:
        (found,) = (text for path, text in self.members.items() if path.endswith(f".dist-info/{name}"))
        return found

    def all(self, header: str) -> list[str]:
        return [str(each) for each in self.metadata.get_all(header, [])]


@pytest.fixture
def make(make_tree, tmp_path):
    def run(pyproject: str, variants: str = SYNAPSE) -> Built:
        root = make_tree({**FILES, "pyproject.toml": pyproject + variants})
        (variant,) = resolve_variants(load_project(root), version="1.0")
        request = BuildRequest(root=root, output=tmp_path / "out", variants=(variant,))
        files = build(request, listener=ignore, settings=HERE).files
        return Built({each.kind: tmp_path / "out" / each.filename for each in files})

    return run


@pytest.mark.parametrize("style", STYLES)
def test_each_key_of_a_variant_is_in_its_metadata(make, style):
    built = make(STYLES[style])
    assert built.all("Name") == ["kindling-synapse"]
    assert built.all("Version") == ["1.0+cu126"]
    assert built.all("Summary") == ["For Synapse"]
    assert built.all("Requires-Python") == [">=3.11"]
    assert built.metadata.get_payload().strip() == "# Kindling for Synapse"
    assert [each.split(",") for each in built.all("Keywords")] == [["synapse"]]
    assert "Environment :: Console" in built.all("Classifier")
    assert "synapse.example" in "".join(built.all("Project-URL") + built.all("Home-page"))
    assert "kindling.example" not in built.info("METADATA")
    assert "Base" not in built.info("METADATA")
    assert "other@example.com" in built.info("METADATA")
    assert "keeper@example.com" in built.info("METADATA")
    assert sorted(each.lower() for each in built.all("Provides-Extra")) == ["docs", "gpu", "notebooks"]
    needed = " ".join(built.all("Requires-Dist")).replace('"', "'").replace(" ", "")
    for each in ("attrs", "azure-synapse", "notebook", "cupy", "sphinx"):
        assert each in needed
    assert "ipykernel" not in needed
    assert "extra=='gpu'" in needed


@pytest.mark.parametrize("style", STYLES)
def test_scripts_and_entry_points_are_the_variants_own(make, style):
    text = make(STYLES[style]).info("entry_points.txt").replace(" ", "")
    assert "kindling=kindling.synapse:main" in text
    assert "old=" not in text
    assert "[other]\nplugin=kindling.synapse:plugin" in text
    assert "[kindling]" not in text


@pytest.mark.parametrize("style", STYLES)
def test_the_sdist_says_the_same(make, style):
    pyproject = make(STYLES[style]).pyproject
    assert pyproject["dependency-groups"] == {
        "dev": ["ruff"],
        "test": ["pytest>=8", {"include-group": "dev"}],
    }
    table = pyproject["project"] if "project" in pyproject else pyproject["tool"]["poetry"]
    assert (table["name"], table["version"]) == ("kindling-synapse", "1.0+cu126")
    assert "publish-all" not in pyproject.get("tool", {})


@pytest.mark.parametrize("style", ["hatchling", "poetry-core"])
def test_a_variant_has_its_own_licence_files(make, style):
    built = make(
        STYLES[style],
        '[tool.publish-all.variants.x]\nlicense = "MIT AND Apache-2.0"\nlicense-files = ["LICENSE.*"]\n',
    )
    assert built.all("License-File") == ["LICENSE.synapse"]
    assert built.info("licenses/LICENSE.synapse") == "More\n"
    assert not any(each.endswith("licenses/LICENSE") for each in built.members)
    assert built.all("License-Expression") == ["MIT AND Apache-2.0"]
    assert "kindling_x-1.0/LICENSE.synapse" in built.sdist_members


def test_poetrys_own_table_knows_no_licence_files(make):
    with pytest.raises(ConfigurationError, match=r"variants\.x\.license-files"):
        make(STYLES["tool.poetry"], '[tool.publish-all.variants.x]\nlicense-files = ["LICENSE"]\n')


@pytest.mark.parametrize("style", STYLES)
def test_a_readme_may_be_of_another_kind(make, style):
    built = make(
        STYLES[style],
        '[tool.publish-all.variants.x]\nreadme = { file = "LICENSE", content-type = "text/plain" }\n'
        if style != "tool.poetry"
        else '[tool.publish-all.variants.x]\nreadme = "README.synapse.md"\n',
    )
    kind = "text/plain" if style != "tool.poetry" else "text/markdown"
    assert built.metadata["Description-Content-Type"].startswith(kind)


@pytest.mark.parametrize("style", STYLES)
def test_gui_scripts_are_told_apart_from_scripts(make, style):
    stated = '[tool.publish-all.variants.x]\ngui-scripts = { kindle = "kindling:gui" }\n'
    if style == "tool.poetry":
        with pytest.raises(ConfigurationError, match="gui-scripts"):
            make(STYLES[style], stated)
        return
    assert "[gui_scripts]\nkindle=kindling:gui" in make(STYLES[style], stated).info(
        "entry_points.txt"
    ).replace(" ", "")
