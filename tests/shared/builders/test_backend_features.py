"""What hatchling and poetry-core can do beside packing packages, in a renamed variant as in the project itself.

Each project is built by the backend alone and as a variant that only changes the name: the same files
with the same content and modes, and METADATA the same but for Name.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from publish_all._toml import loads
from publish_all.builders.builder import BuildRequest, BuildSettings
from publish_all.builders.run import build
from publish_all.config.load import load_project
from publish_all.config.model import Isolation
from publish_all.events import ignore
from publish_all.variants.resolve import resolve_variants

HATCHLING = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "demo"
dynamic = ["version", "dependencies", "urls"]
readme = "README.md"
requires-python = ">=3.10"
license-files = ["LICENSES/*"]

[tool.hatch.version]
path = "src/demo/__init__.py"

[tool.hatch.metadata.hooks.custom]
path = "hooks/metadata.py"

[tool.hatch.build]
artifacts = ["src/demo/made.py"]

[tool.hatch.build.hooks.custom]
path = "hooks/build.py"

[tool.hatch.build.targets.wheel.shared-data]
"data/demo.desktop" = "share/applications/demo.desktop"

[tool.hatch.build.targets.wheel.shared-scripts]
"bin/demo-tool" = "demo-tool"

[tool.hatch.build.targets.wheel]
sbom-files = ["sbom/demo.cdx.json"]

[tool.hatch.build.targets.wheel.extra-metadata]
"extra/notes.json" = "notes.json"

[tool.hatch.build.targets.wheel.force-include]
"schemas" = "demo/schemas"
"""
HATCHLING_FILES = {
    "hooks/metadata.py": """\
from hatchling.metadata.plugin.interface import MetadataHookInterface


class Hook(MetadataHookInterface):
    def update(self, metadata):
        metadata["dependencies"] = ["attrs>=23"]
        metadata["urls"] = {"Homepage": "https://demo.example"}
""",
    "hooks/build.py": """\
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Hook(BuildHookInterface):
    def initialize(self, version, build_data):
        Path(self.root, "src/demo/made.py").write_text("made = 1\\n")
        if self.target_name == "wheel":
            build_data["shared_scripts"]["bin/second-tool"] = "second-tool"
            build_data["force_include"]["extra/notes.json"] = "demo/notes.json"
            build_data["dependencies"].append("tomli>=2")
""",
    ".gitignore": "made.py\n/dist/\n",
    "LICENSES/MIT.txt": "MIT\n",
    "src/demo/__init__.py": '__version__ = "1.4"\n',
    "data/demo.desktop": "[Desktop Entry]\n",
    "bin/demo-tool": "#!/usr/bin/env python3.11\nprint('tool')\n",
    "bin/second-tool": "#!/bin/sh\necho second\n",
    "sbom/demo.cdx.json": "{}\n",
    "extra/notes.json": "{}\n",
    "schemas/one.json": "{}\n",
}
POETRY = """\
[build-system]
requires = ["poetry-core"]
build-backend = "poetry.core.masonry.api"

[project]
name = "demo"
version = "1.4"
readme = "README.md"
requires-python = ">=3.10"
dynamic = ["scripts"]

[tool.poetry]
packages = [
    { include = "demo", from = "src" },
    { include = "tools", to = "demo" },
    { include = "demo_tests", from = "tests", format = "sdist" },
    { include = "single.py" },
]
include = [
    { path = "CHANGES.md", format = "sdist" },
    { path = "schemas/*.json", format = ["sdist", "wheel"] },
    { path = "src/demo/generated.py", format = "wheel" },
]
exclude = ["src/demo/private/**", { path = "src/demo/only_sdist.py", format = "wheel" }]

[tool.poetry.scripts]
demo = "demo:main"
demo-tool = { reference = "bin/demo-tool", type = "file" }
"""
POETRY_FILES = {
    ".gitignore": "generated.py\n/dist/\n",
    "src/demo/__init__.py": "",
    "src/demo/private/secret.py": "",
    "src/demo/only_sdist.py": "x = 1\n",
    "src/demo/generated.py": "y = 1\n",
    "tools/__init__.py": "",
    "tests/demo_tests/__init__.py": "",
    "single.py": "",
    "CHANGES.md": "",
    "schemas/one.json": "{}\n",
    "bin/demo-tool": "#!/usr/bin/env python3\n",
}
SCRIPTED = """\
[build-system]
requires = ["poetry-core"]
build-backend = "poetry.core.masonry.api"

[project]
name = "demo"
version = "1.4"
requires-python = ">=3.10"

[tool.poetry.build]
script = "build.py"
"""
SCRIPTED_FILES = {
    "demo/__init__.py": "",
    "build.py": (
        "import os, pathlib\n"
        "pathlib.Path('demo/made.py').write_text('made = 1\\n')\n"
        "assert not any('TOKEN' in name for name in os.environ), 'a token is there'\n"
    ),
}
PROJECTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "hatchling": (HATCHLING, HATCHLING_FILES),
    "poetry-core": (POETRY, POETRY_FILES),
    "poetry-core-script": (SCRIPTED, SCRIPTED_FILES),
}
VARIANT = '\n[tool.publish-all.variants.x]\nname = "other-name"\n'
Content = dict[str, tuple[bytes, int]]


def backend_alone(root: Path, folder: Path) -> tuple[Path, Path]:
    """The sdist and the wheel which the backend itself makes of a project, through its PEP 517 hooks."""
    backend = loads((root / "pyproject.toml").read_text())["build-system"]["build-backend"]
    folder.mkdir()
    code = f"import {backend} as b, sys; print(b.build_sdist(sys.argv[1])); print(b.build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=root, check=True, capture_output=True, text=True
    )
    sdist, wheel = [line for line in done.stdout.splitlines() if line.endswith((".tar.gz", ".whl"))]
    return folder / sdist, folder / wheel


@pytest.fixture(params=PROJECTS)
def project(request, make_tree) -> Path:
    text, files = PROJECTS[request.param]
    root = make_tree({"pyproject.toml": text + VARIANT, "README.md": "# Demo\n", **files})
    for tool in root.glob("bin/*"):
        tool.chmod(0o755)
    return root


@pytest.fixture(params=["in-process", "stage"])
def built(project, tmp_path, request) -> Callable[[], tuple[Path, Path]]:
    way = {"PUBLISH_ALL_BUILD": request.param}

    def run() -> tuple[Path, Path]:
        variants = resolve_variants(load_project(project), version="1.4")
        asked = BuildRequest(root=project, output=tmp_path / "out", variants=variants)
        environment = {**os.environ, **way, "PYPI_TOKEN": "t"}
        settings = BuildSettings(environment, isolation=Isolation.NEVER)
        sdist, wheel = build(asked, listener=ignore, settings=settings).files
        return tmp_path / "out" / sdist.filename, tmp_path / "out" / wheel.filename

    return run


def wheel_content(path: Path) -> Content:
    """Content and mode by name, with the names of the project's own folders under one name for all."""
    name = "-".join(path.name.split("-")[:2])
    found = {}
    with zipfile.ZipFile(path) as opened:
        for info in opened.infolist():
            member = info.filename.replace(f"{name}.", "NAME.")
            content = opened.read(info)
            if member.endswith(".dist-info/METADATA"):
                content = b"\n".join(line for line in content.splitlines() if not line.startswith(b"Name: "))
            if not member.endswith("/RECORD"):
                found[member] = (content, stat.S_IMODE(info.external_attr >> 16))
    return found


def sdist_content(path: Path) -> Content:
    left_out = {"PKG-INFO", "pyproject.toml"}
    with tarfile.open(path) as opened:
        return {
            name: (opened.extractfile(each).read(), each.mode)
            for each in opened
            if each.isfile() and (name := each.name.partition("/")[2]) not in left_out
        }


def test_a_renamed_variant_is_what_the_backend_makes_of_the_project(project, built, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(project, copy)  # hooks write where they run
    sdist, wheel = backend_alone(copy, tmp_path / "alone")
    our_sdist, our_wheel = built()
    assert our_wheel.name.startswith("other_name-1.4-")
    assert wheel_content(our_wheel) == wheel_content(wheel)
    assert sdist_content(our_sdist) == sdist_content(sdist)


def test_the_sdist_of_a_renamed_variant_builds_to_what_the_projects_own_does(project, built, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(project, copy)
    sdist, _ = backend_alone(copy, tmp_path / "alone")
    our_sdist, our_wheel = built()
    again = rebuilt(our_sdist, tmp_path / "ours")
    assert again.name == our_wheel.name
    assert wheel_content(again) == wheel_content(rebuilt(sdist, tmp_path / "theirs"))
    # Of poetry-core, the other has a file that is in wheels only. On Windows, backends write another `create_system`.
    requires = loads((project / "pyproject.toml").read_text())["build-system"]["requires"]
    if "poetry-core" not in requires and os.name == "posix":
        assert again.read_bytes() == our_wheel.read_bytes()


def rebuilt(sdist: Path, folder: Path) -> Path:
    with tarfile.open(sdist) as opened:
        opened.extractall(folder / "unpacked", filter="data")
    (root,) = (folder / "unpacked").iterdir()
    return backend_alone(root, folder / "built")[1]
