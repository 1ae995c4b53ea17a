"""Files that pyproject.toml states as metadata: an error, or in the wheel, and never lost."""

import os
import tarfile
import zipfile

import pytest
import tomlkit

from publish_all.builders.builder import BuildRequest, BuildSettings
from publish_all.builders.run import build
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.stage import refuse_missing
from publish_all.builders.stated_files import stated_files
from publish_all.config.model import Isolation
from publish_all.errors import BuildError
from publish_all.events import ignore

HERE = BuildSettings(os.environ, isolation=Isolation.NEVER)
BACKENDS = {
    "flit": ("flit_core", "flit_core.buildapi"),
    "hatchling": ("hatchling", "hatchling.build"),
    "pdm": ("pdm-backend", "pdm.backend"),
    "poetry": ("poetry-core", "poetry.core.masonry.api"),
    "setuptools": ("setuptools", "setuptools.build_meta"),
}
PROJECT = {"name": "demo", "version": "1.0", "description": "d", "readme": "README.md"}
FILES = {
    "src/demo/__init__.py": '"""Demo."""\n',
    "pyproject.toml": "",
    ".gitignore": "/README.md\n/LICENSE\n",
}


def pyproject(backend="setuptools", tool=None, **project):
    requires, module = BACKENDS[backend]
    return {
        "build-system": {"requires": [requires], "build-backend": module},
        "project": {**PROJECT, **project},
        "tool": tool or {},
    }


def built(root, variant, output):
    (root / "pyproject.toml").write_text(tomlkit.dumps(variant.pyproject))
    request = BuildRequest(root=root, output=output, variants=(variant,))
    files = build(request, listener=ignore, settings=HERE).files
    return {each.kind: output / each.filename for each in files}


def description(wheel):
    with zipfile.ZipFile(wheel) as opened:
        (name,) = (each for each in opened.namelist() if each.endswith(".dist-info/METADATA"))
        # setuptools writes line ends of the system
        return opened.read(name).decode().replace("\r\n", "\n").partition("\n\n")[2].strip()


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        (pyproject(), "project.readme: no file README.md in"),
        (pyproject(readme={"file": "docs/x.md"}), "project.readme.file: no file docs/x.md in"),
        (pyproject(readme="../README.md"), "project.readme: ../README.md is outside"),
        (pyproject(readme="x", license={"file": "COPYING"}), "project.license.file: no file COPYING"),
        (pyproject(**{"license-files": ["LICEN[CS]E*"]}), "project.license-files: no file matches LICEN[CS]E* in"),
        (
            pyproject(tool={"setuptools": {"dynamic": {"optional-dependencies": {"x": {"file": ["a.txt"]}}}}}),
            "tool.setuptools.dynamic.optional-dependencies.x.file: no file a.txt in",
        ),
        (pyproject(tool={"setuptools": {"license-files": ["NOTICE", "AUTHORS*"]}}), "license-files: no file NOTICE"),
        (
            {"build-system": pyproject("poetry")["build-system"], "tool": {"poetry": {"readme": ["a.md", "b.md"]}}},
            "tool.poetry.readme: no file a.md in",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", [None, "lite"])
def test_a_missing_file_is_an_error_with_its_key(make_tree, make_variant, stated, message, name):
    tree = SourceTree(make_tree({**FILES, "x": ""}))
    with pytest.raises(BuildError) as caught:
        refuse_missing(tree, [make_variant(stated, name=name)])
    expected = message if name is None else message.replace(":", " of the variant 'lite':", 1)
    assert expected in caught.value.message
    assert caught.value.hint


def test_all_that_is_missing_is_named_at_once(make_tree, make_variant):
    stated = pyproject(**{"license-files": ["LICENSE", "NOTICE"]})
    with pytest.raises(BuildError) as caught:
        refuse_missing(SourceTree(make_tree(FILES)), [make_variant(stated)])
    assert len(caught.value.message.splitlines()) == 3


@pytest.mark.parametrize("backend", ["hatchling", "poetry"])
def test_a_wheel_alone_has_the_readme_that_lies_above_the_project(make_tree, make_variant, tmp_path, backend):
    root = make_tree({"README.md": "# Above\n", "lib/src/demo/__init__.py": ""}) / "lib"
    variant = make_variant(pyproject("poetry", readme="../README.md"), name=None, project="demo")
    (root / "pyproject.toml").write_text(tomlkit.dumps(variant.pyproject))
    request = BuildRequest(root=root, output=tmp_path / "out", variants=(variant,), kinds=("wheel",))
    (wheel,) = build(request, listener=ignore, settings=HERE).files
    assert description(tmp_path / "out" / wheel.filename) == "# Above"
    with pytest.raises(BuildError, match="is outside"):
        refuse_missing(SourceTree(root), [variant])
    refuse_missing(SourceTree(root), [make_variant(variant.pyproject, sdist=False)])


def test_setup_cfg_counts_where_pyproject_leaves_the_readme_to_it(make_tree, make_variant):
    root = make_tree(
        {**FILES, "setup.cfg": "[metadata]\nname = demo\nlong_description = file: x, NEWS\n", "x": ""}
    )
    with pytest.raises(BuildError, match=r"setup.cfg: metadata.long_description: no file NEWS"):
        refuse_missing(SourceTree(root), [make_variant({}, name=None)])
    assert not list(stated_files({"project": {"name": "demo"}}, root))


def test_a_layout_may_put_the_file_there(make_tree, make_variant):
    tree = SourceTree(make_tree({**FILES, "docs/README.md": "# Demo\n"}))
    refuse_missing(tree, [make_variant(pyproject(), layout={"docs": ""})])


@pytest.mark.parametrize("licence", [{"license-files": ["LICENSE"]}, {}])
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_git_ignores_is_kept(make_tree, make_variant, tmp_path, backend, licence):
    """As after a step that copies the readme of the repository into the project."""
    root = make_tree(FILES)
    (root / "README.md").write_text("# Demo\n")
    (root / "LICENSE").write_text("MIT\n")
    stated = pyproject(backend, license="MIT", **licence)
    files = built(root, make_variant(stated, name=None, project="demo"), tmp_path / "out")
    assert description(files["wheel"]) == "# Demo"
    with zipfile.ZipFile(files["wheel"]) as wheel, tarfile.open(files["sdist"]) as sdist:
        assert "demo-1.0.dist-info/licenses/LICENSE" in wheel.namelist()
        assert {"demo-1.0/README.md", "demo-1.0/LICENSE"} <= set(sdist.getnames())


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_link_out_of_the_project_becomes_the_file(make_tree, make_variant, tmp_path, backend):
    files = {f"lib/{name}": text for name, text in FILES.items() if name != ".gitignore"}
    root = make_tree({**files, "README.md": "# Demo\n"}) / "lib"
    (root / "README.md").symlink_to("../README.md")
    stated = pyproject(backend)
    made = built(root, make_variant(stated, name=None, project="demo"), tmp_path / "out")
    assert description(made["wheel"]) == "# Demo"
    with tarfile.open(made["sdist"]) as sdist:
        assert sdist.extractfile("demo-1.0/README.md").read() == b"# Demo\n"
        assert sdist.getmember("demo-1.0/README.md").isreg()
