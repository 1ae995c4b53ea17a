import gzip
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest
import tomlkit
from poetry.core.masonry import api
from poetry.core.masonry.builders.builder import Builder

from publish_all._process import run
from publish_all._toml import loads
from publish_all.builders.deflate import DeflateCache
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.stage import Stages, refuse_missing, working_directory
from publish_all.builders.staged_builder import StagedBuilder
from publish_all.errors import BuildError

pytestmark = pytest.mark.usefixtures("as_in_the_worker")
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
        self.root, self.folder, self.notes = root, folder, []
        tree = SourceTree(root)
        self.builder = StagedBuilder(
            Stages(tree, folder / "stages"),
            deflate=DeflateCache(),
            listener=lambda event: self.notes.append(event.message),
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


def tar(sdist: Path) -> bytes:
    return gzip.decompress(sdist.read_bytes())


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
    assert tar(project.build(variant, "sdist")) == tar(sdist)
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


def test_variants_with_the_same_tables_are_searched_for_files_once(project, make_variant, monkeypatch):
    searched = []
    own = Builder.find_files_to_add
    monkeypatch.setattr(
        Builder,
        "find_files_to_add",
        lambda self, exclude_build=True: searched.append(self.format) or own(self, exclude_build),
    )
    packages = [{"include": "demo"}]
    first, second = (config(name=name, packages=packages) for name in ("demo-x", "demo-y"))
    without = config(name="demo-z", packages=packages, exclude=["demo/data.json"])
    wheels = [
        project.build(make_variant(each, project=each["tool"]["poetry"]["name"])) for each in (first, second)
    ]
    assert [*map(members, wheels)] == [WHEEL, WHEEL]
    assert searched == ["wheel"]
    wheel = project.build(make_variant(without, project="demo-z"))
    assert members(wheel) == [each for each in WHEEL if each != "demo/data.json"]


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
    expected = [
        "demo/__init__.py",
        "demo/data.json",
        "demo/notebooks/left.env",  # ignored by git, and named with its folder
        "demo/notebooks/one.ipynb",
        "extra/readme.md",
    ]
    assert members(wheel) == expected
    assert set(expected) <= set(members(sdist))
    assert not any(each.startswith("demo/db/") for each in members(sdist))
    assert not {"demo/plain.env", "demo/ü.env"} & set(members(sdist))
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


def test_what_the_variant_excludes_is_not_in_its_sdist(make_tree, tmp_path, make_variant):
    files = {"src/demo/db/fast.pyx": "", "tests/db/test_a.py": "", "db/schema.sql": ""}
    moved = {f"src/{path}" if path.startswith("demo/") else path: text for path, text in FILES.items()}
    project = Project(make_tree({**moved, **files}), tmp_path)
    packages = [
        {"include": "demo", "from": "src", "format": "wheel"},
        {"include": "src/demo", "format": "sdist"},
    ]
    include = [{"path": path, "format": "sdist"} for path in ("tests", "db/*.sql", "src/demo/db/fast.pyx")]
    variant = make_variant(config(packages=packages, include=include), exclude=("demo/db/**",))
    sdist, wheel = project.build(variant, "sdist"), project.build(variant)
    assert members(wheel) == ["demo/__init__.py", "demo/data.json"]
    assert [each for each in members(sdist) if "db/" in each] == ["db/schema.sql", "tests/db/test_a.py"]


def test_the_sdist_keeps_what_it_is_built_with(make_tree, tmp_path, make_variant):
    files = {"demo/build.py": "", "demo/about.md": "# Demo\n"}
    project = Project(make_tree({**FILES, **files}), tmp_path)
    build = {"script": "demo/build.py", "generate-setup-file": False}
    variant = make_variant(config(build=build, readme="demo/about.md"), exclude=("build.py", "about.md"))
    assert set(files) <= set(members(project.build(variant, "sdist")))
    assert not set(files) & set(members(project.build(variant)))


def test_files_with_brackets_are_forced_and_excluded_by_their_names(make_tree, tmp_path, make_variant):
    files = {"web/[id].html": "", "web/i.html": "", "demo/[slug].js": "", "demo/s.js": ""}
    project = Project(make_tree({**FILES, **files}), tmp_path)
    forced = {"web": "site", "web/[id].html": "demo/[id].html"}
    variant = make_variant(config(), exclude=("demo/\\[slug\\].js", "demo/db"), force_include=forced)
    sdist, wheel = project.build(variant, "sdist"), project.build(variant)
    assert members(wheel) == [
        "demo/[id].html",
        "demo/__init__.py",
        "demo/data.json",
        "demo/s.js",
        "site/[id].html",
        "site/i.html",
    ]
    assert project.rebuilt(sdist).read_bytes() == wheel.read_bytes()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            {"packages": [{"include": "demo"}, {"include": "made"}]},
            r"packages: .* every file of made, so none",
        ),
        ({"include": ["gone/data.json"]}, "include: no file or folder gone/data.json in "),
        ({"include": [{"path": "empty", "format": "sdist"}]}, "include: no file in empty"),
    ],
)
def test_a_path_that_gives_nothing_is_an_error(make_tree, tmp_path, make_variant, table, message):
    project = Project(make_tree({**FILES, ".gitignore": "/made/\n", "made/__init__.py": ""}), tmp_path)
    (project.root / "empty").mkdir()
    with pytest.raises(BuildError, match=rf"^tool\.poetry\.{message}") as caught:
        refuse_missing(SourceTree(project.root), [make_variant(config(**table))])
    assert caught.value.hint is not None


def test_a_pattern_that_matches_nothing_is_told_once(project, make_variant):
    variant = make_variant(config(include=[{"path": "demo/*.so", "format": ["sdist", "wheel"]}]))
    notes = []
    refuse_missing(SourceTree(project.root), [variant, variant], listener=notes.append)
    assert [each.message for each in notes] == [
        "tool.poetry.include: 'demo/*.so' matches no file that can be packed"
    ]


def test_an_included_folder_that_git_ignores_is_there(make_tree, tmp_path, make_variant):
    project = Project(make_tree({**FILES, ".gitignore": "libs/\n", "demo/libs/deep/a.txt": ""}), tmp_path)
    include = [{"path": "demo/libs", "format": ["sdist", "wheel"]}]
    variant = make_variant(config(include=include))
    assert "demo/libs/deep/a.txt" in members(project.build(variant))
    assert "demo/libs/deep/a.txt" in members(project.build(variant, "sdist"))


@pytest.mark.parametrize("git", [True, False])
def test_folders_are_not_junk_by_their_name(make_tree, tmp_path, make_variant, git):
    names = {f"demo/{each}/__init__.py" for each in ("venv", "node_modules", "build", "CVS", "env", "dist")}
    project = Project(make_tree({**FILES, ".gitignore": "", **dict.fromkeys(names, "")}, git=git), tmp_path)
    assert names <= set(members(project.build(make_variant(config()))))
    assert names <= set(members(project.build(make_variant(config()), "sdist")))
    staged = make_variant(config(), force_include={"README.md": "demo/readme.md"})
    assert names <= set(members(project.build(staged)))


@pytest.mark.posix("names")
@pytest.mark.parametrize("kind", ["sdist", "wheel"])
def test_a_name_that_is_not_utf8_is_an_error_that_shows_it(make_tree, tmp_path, make_variant, kind):
    project = Project(make_tree(FILES, git=False), tmp_path)
    Path(os.fsdecode(os.fsencode(project.root) + b"/demo/a\xff.txt")).write_text("x")
    with pytest.raises(BuildError, match=r"not valid UTF-8: demo/a\\xff\.txt"):
        project.build(make_variant(config()), kind)


def test_a_package_of_which_nothing_is_left_is_not_in_the_sdist_either(make_tree, tmp_path, make_variant):
    root = make_tree({"demo/__init__.py": "", "other/__init__.py": "", "README.md": ""})
    project = Project(root, tmp_path)
    variant = make_variant(config(packages=[{"include": "demo"}, {"include": "other"}]), exclude=("other",))
    sdist, wheel = project.build(variant, "sdist"), project.build(variant)
    assert members(wheel) == ["demo/__init__.py"]
    assert project.rebuilt(sdist).read_bytes() == wheel.read_bytes()


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
    assert tar(project.build(variant, "sdist")) == tar(sdist)


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
    with pytest.raises(BuildError, match=r"^poetry-core \S+ cannot build the wheel of x: ") as caught:
        project.build(make_variant(pyproject))
    assert why in caught.value.message


@pytest.mark.parametrize("kind", ["sdist", "wheel"])
def test_honours_source_date_epoch(project, make_variant, monkeypatch, kind):
    variant = make_variant(config())
    default = project.build(variant, kind).read_bytes()
    assert project.build(variant, kind).read_bytes() == default
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert project.build(variant, kind).read_bytes() != default


@pytest.mark.posix("links")
def test_a_link_is_shipped_under_its_own_name_beside_the_file_that_it_points_at(
    make_tree, make_variant, tmp_path
):
    (tmp_path / "shared.txt").write_text("shared")
    root = make_tree(FILES)
    (root / "demo/latest.py").symlink_to("db/a.py")
    (root / "demo/shared.txt").symlink_to("../../shared.txt")
    project = Project(root, tmp_path)
    wheel, sdist = (project.build(make_variant(config()), kind) for kind in ("wheel", "sdist"))
    with zipfile.ZipFile(wheel) as opened:
        assert opened.read("demo/latest.py") == opened.read("demo/db/a.py")
        assert opened.read("demo/shared.txt") == b"shared"
    with tarfile.open(sdist) as opened:
        assert opened.getmember("demo_x-1.0/demo/latest.py").isreg()
        assert opened.extractfile("demo_x-1.0/demo/shared.txt").read() == b"shared"
