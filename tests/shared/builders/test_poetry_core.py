import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest
import tomlkit
from poetry.core.masonry import api

from publish_all._process import run
from publish_all._toml import loads
from publish_all.builders.poetry_core import PoetryCoreBuilder
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.stage import Stages, working_directory
from publish_all.errors import BuildError

BUILD_SYSTEM = {"requires": ["poetry-core"], "build-backend": "poetry.core.masonry.api"}
FILES = {
    "pyproject.toml": "# not what is built\n",
    ".gitignore": "*.env\ndist/\n",
    "README.md": "# Demo\n",
    "LICENSE": "MIT\n",
    "demo/__init__.py": "x = 1\n",
    "demo/db/__init__.py": "",
    "demo/db/a.py": "y = 1\n",
    "demo/data.json": "{}\n",
    "demo/plain.env": "secret\n",
    "demo/ü.env": "secret\n",
    "notebooks/one.ipynb": "{}\n",
    "notebooks/left.env": "secret\n",
}
WHEEL = ["demo/__init__.py", "demo/data.json", "demo/db/__init__.py", "demo/db/a.py"]


def config(name="demo-x", **poetry):
    table = {
        "name": name,
        "version": "1.0",
        "description": "d",
        "authors": ["A <a@b.c>"],
        "readme": "README.md",
    }
    return {"build-system": BUILD_SYSTEM, "tool": {"poetry": {**table, **poetry}}}


class Project:
    """A project, its builder, and what vanilla poetry-core makes of the same."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder = root, folder
        tree = SourceTree(root)
        self.builder = PoetryCoreBuilder(
            tree=tree, stages=Stages(tree, folder / "stages"), workspace=folder / "work"
        )
        self.output = folder / "output"
        self.output.mkdir()

    def build(self, variant, kind="wheel"):
        return self.builder.build(variant, kind, self.output)

    def vanilla(self, pyproject, *hidden):
        """Both files as poetry-core makes them of a copy in which pyproject.toml says the same."""
        copy = self.folder / "vanilla"
        shutil.copytree(self.root, copy)
        (copy / "pyproject.toml").write_bytes(tomlkit.dumps(pyproject).encode())
        for each in hidden:
            (copy / each).unlink()
        made = self.folder / "made"
        made.mkdir()
        with working_directory(copy):
            return made / api.build_sdist(str(made)), made / api.build_wheel(str(made))

    def rebuilt(self, sdist):
        """The wheel that poetry-core makes of an unpacked sdist."""
        place = self.folder / "rebuilt"
        shutil.rmtree(place, ignore_errors=True)
        with tarfile.open(sdist) as opened:
            opened.extractall(place, filter="data")
        (unpacked,) = place.iterdir()
        with working_directory(unpacked):
            return place / api.build_wheel(str(place))


@pytest.fixture
def project(make_tree, tmp_path, monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    return Project(make_tree(FILES), tmp_path)


def members(path: Path) -> list[str]:
    """Of a wheel without its dist-info, of an sdist below its folder; sorted."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as opened:
            return sorted(each for each in opened.namelist() if ".dist-info/" not in each)
    with tarfile.open(path) as opened:
        return sorted(each.partition("/")[2] for each in opened.getnames())


def test_both_files_are_byte_identical_to_vanilla(project, make_variant):
    pyproject = config(name="demo")
    variant = make_variant(pyproject, project="demo")
    sdist, wheel = project.vanilla(pyproject, "demo/ü.env")  # which vanilla would ship
    assert project.build(variant, "sdist").read_bytes() == sdist.read_bytes()
    assert project.build(variant, "wheel").read_bytes() == wheel.read_bytes()


@pytest.mark.parametrize("says_the_same", [True, False])
def test_the_sdist_holds_the_projects_own_file_where_that_says_the_same(project, make_variant, says_the_same):
    pyproject = config(name="demo")
    text = "# of ours, and so kept\n" + tomlkit.dumps(pyproject)
    (project.root / "pyproject.toml").write_text(text + ("" if says_the_same else "[tool.other]\nx = 1\n"))
    built = project.build(make_variant(pyproject, project="demo"), "sdist")
    with tarfile.open(built) as opened:
        held = opened.extractfile("demo-1.0/pyproject.toml").read().decode()
    assert (held == text) is says_the_same
    assert loads(held) == pyproject


def test_renaming_keeps_the_files_and_drops_what_git_ignores(project, make_variant):
    wheel = project.build(make_variant(config()))
    assert wheel.name == "demo_x-1.0-py2.py3-none-any.whl"
    assert members(wheel) == WHEEL


def test_the_sdist_holds_the_resolved_pyproject_and_builds_to_the_same_wheel(project, make_variant):
    variant = make_variant(config())
    sdist, wheel = project.build(variant, "sdist"), project.build(variant)
    with tarfile.open(sdist) as opened:
        held = opened.extractfile("demo_x-1.0/pyproject.toml")
        assert held is not None
        poetry = loads(held.read().decode())["tool"]["poetry"]
    assert (poetry["version"], poetry["packages"]) == ("1.0", [{"include": "demo"}])
    assert members(sdist) == sorted([*WHEEL, "LICENSE", "PKG-INFO", "README.md", "pyproject.toml"])
    assert project.rebuilt(sdist).read_bytes() == wheel.read_bytes()


def test_nothing_changes_in_the_project(project, make_variant):
    def state():
        return {each: each.stat().st_mtime_ns for each in project.root.rglob("*") if ".git" not in each.parts}

    before = state()
    variant = make_variant(config(), force_include={"notebooks": "demo/notebooks"}, exclude=("demo/db/**",))
    project.build(variant, "sdist")
    project.build(variant)
    assert state() == before


@pytest.mark.parametrize("packages", [None, [{"include": "demo"}], [{"include": "demo/**/*"}]])
def test_exclude_and_force_include_hold_in_wheel_and_sdist(project, make_variant, packages):
    variant = make_variant(
        config(**({"packages": packages} if packages else {})),
        exclude=("demo/db/**",),
        force_include={"notebooks": "demo/notebooks", "README.md": "extra/readme.md"},
    )
    sdist, wheel = project.build(variant, "sdist"), project.build(variant)
    expected = ["demo/__init__.py", "demo/data.json", "demo/notebooks/one.ipynb", "extra/readme.md"]
    assert members(wheel) == expected
    assert set(expected) <= set(members(sdist))
    assert not any(each.startswith("demo/db/") or each.endswith(".env") for each in members(sdist))
    assert project.rebuilt(sdist).read_bytes() == wheel.read_bytes()


def test_force_include_goes_into_packages_that_lie_elsewhere(make_tree, tmp_path, make_variant):
    root = make_tree({"src/demo/__init__.py": "", "n/a.json": "{}", "README.md": ""})
    project = Project(root, tmp_path)
    packages = [{"include": "demo", "from": "src", "to": "lib"}]
    variant = make_variant(
        config(packages=packages), force_include={"n": "lib/demo/n", "n/a.json": "lib/b.json"}
    )
    sdist, wheel = project.build(variant, "sdist"), project.build(variant)
    assert members(wheel) == ["lib/b.json", "lib/demo/__init__.py", "lib/demo/n/a.json"]
    assert project.rebuilt(sdist).read_bytes() == wheel.read_bytes()


def test_include_narrows(project, make_variant):
    wheel = project.build(make_variant(config(), include=("demo/*.py", "demo/db/a.py")))
    assert members(wheel) == ["demo/__init__.py", "demo/db/a.py"]


def test_a_package_of_which_nothing_is_left_is_not_in_the_sdist_either(make_tree, tmp_path, make_variant):
    root = make_tree({"demo/__init__.py": "", "other/__init__.py": "", "README.md": ""})
    project = Project(root, tmp_path)
    variant = make_variant(config(packages=[{"include": "demo"}, {"include": "other"}]), exclude=("other",))
    sdist, wheel = project.build(variant, "sdist"), project.build(variant)
    assert members(wheel) == ["demo/__init__.py"]
    assert project.rebuilt(sdist).read_bytes() == wheel.read_bytes()


def test_a_package_that_is_left_without_modules_is_an_error(project, make_variant):
    variant = make_variant(config(packages=[{"include": "demo"}]), include=("demo/data.json",))
    with pytest.raises(BuildError, match="no module of the package 'demo' is left"):
        project.build(variant)


def test_a_pattern_that_matches_nothing_is_an_error(project, make_variant):
    with pytest.raises(BuildError, match=r"variants\.x\.exclude: 'nope/\*\*' matches no file"):
        project.build(make_variant(config(), exclude=("nope/**",)))


def test_a_layout_builds_as_the_hand_made_copy_does(make_tree, tmp_path, make_variant):
    files = {f"packages/{path}" if path.startswith("demo/") else path: text for path, text in FILES.items()}
    project = Project(make_tree(files), tmp_path)
    pyproject = config(packages=[{"include": "demo"}])
    variant = make_variant(pyproject, layout={"packages/demo": "demo"})
    by_hand = tmp_path / "by-hand"
    shutil.copytree(project.root / "packages/demo", by_hand / "demo", ignore=shutil.ignore_patterns("*.env"))
    for name in ("README.md", "LICENSE"):
        shutil.copy(project.root / name, by_hand)
    (by_hand / "pyproject.toml").write_bytes(tomlkit.dumps(pyproject).encode())
    with working_directory(by_hand):
        wheel = by_hand / api.build_wheel(str(by_hand))
        sdist = by_hand / api.build_sdist(str(by_hand))
    assert project.build(variant).read_bytes() == wheel.read_bytes()
    assert project.build(variant, "sdist").read_bytes() == sdist.read_bytes()


def test_what_poetry_includes_by_name_is_shipped_though_git_ignores_it(project, make_variant):
    include = [{"path": "demo/plain.env", "format": ["wheel"]}]
    assert members(project.build(make_variant(config(include=include)))) == sorted([*WHEEL, "demo/plain.env"])


def test_a_build_script_runs_in_a_stage(make_tree, tmp_path, make_variant):
    script = "from pathlib import Path\nPath('demo/made.txt').write_text('made')\n"
    project = Project(make_tree({**FILES, "build.py": script}), tmp_path)
    wheel = project.build(make_variant(config(build={"script": "build.py", "generate-setup-file": False})))
    assert "demo/made.txt" in members(wheel)
    assert run(["git", "status", "--porcelain"], cwd=project.root).stdout.count("made.txt") == 0


def test_without_git_all_of_the_package_is_packed(make_tree, tmp_path, make_variant):
    project = Project(
        make_tree({"demo/__init__.py": "", "demo/a.env": "", "README.md": ""}, git=False), tmp_path
    )
    assert members(project.build(make_variant(config()))) == ["demo/__init__.py", "demo/a.env"]


@pytest.mark.parametrize(
    ("pyproject", "why"),
    [
        (config(packages=[{"include": "absent"}]), "absent does not contain any element"),
        ({"build-system": BUILD_SYSTEM, "tool": {"poetry": {"name": "demo-x"}}}, "configuration is invalid"),
        (config(dependencies={"a": "not a version"}), "Could not parse version constraint"),
    ],
)
def test_what_poetry_core_refuses_names_the_variant(project, make_variant, pyproject, why):
    with pytest.raises(BuildError, match=r"^poetry-core cannot build the wheel of x: ") as caught:
        project.build(make_variant(pyproject))
    assert why in caught.value.message


def test_tells_its_name_with_the_version(project):
    assert project.builder.name.startswith("poetry-core 2.")


@pytest.mark.parametrize("kind", ["sdist", "wheel"])
def test_honours_source_date_epoch(project, make_variant, monkeypatch, kind):
    variant = make_variant(config())
    default = project.build(variant, kind).read_bytes()
    assert project.build(variant, kind).read_bytes() == default
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert project.build(variant, kind).read_bytes() != default
