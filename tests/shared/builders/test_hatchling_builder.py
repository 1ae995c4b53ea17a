from __future__ import annotations

import gzip
import io
import itertools
import os
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from publish_all._process import run
from publish_all._toml import loads
from publish_all.builders.backend_hooks import hatchling_version
from publish_all.builders.deflate import DeflateCache
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.stage import Stages, refuse_missing
from publish_all.builders.staged_builder import StagedBuilder
from publish_all.errors import BuildError, ConfigurationError
from publish_all.variants.variant import BuildVariant

pytestmark = pytest.mark.usefixtures("as_in_the_worker")
PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "demo"
dynamic = ["version"]
readme = "README.md"
requires-python = ">=3.10"
dependencies = ["packaging"]

[tool.hatch.version]
path = "demo/__init__.py"

[tool.hatch.build.targets.variants]
dependencies = ["publish-all"]
"""
FILES = {
    "pyproject.toml": PYPROJECT,
    "README.md": "# demo\n",
    "LICENSE": "MIT\n",
    ".gitignore": "dist/\n*.env\n/made/\n",
    "demo/__init__.py": '__version__ = "1.2.3"\n',
    "demo/core.py": "x = 1\n",
    "demo/nested/.gitignore": "private.py\n",
    "demo/db/__init__.py": "",
    "demo/db/postgres.py": "y = 1\n",
    "demo/db/[odd] name!.py": "z = 1\n",
    "notebooks/one.ipynb": "{}\n",
    "notebooks/deep/two.ipynb": "{}\n",
}
JUNK = {
    "demo/secrets.env": "token\n",
    "notebooks/secrets.env": "token\n",
    "demo/nested/private.py": "secret = 1\n",
    "made/tool": "binary\n",
}


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def git(root: Path, *arguments: str) -> str:
    done = run(["git", "-c", "user.name=a", "-c", "user.email=a@b.invalid", *arguments], cwd=root, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = write(tmp_path / "project", FILES)
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "x")
    return write(root, JUNK)


def variant(root: Path, name: str | None = "lite", **changes: Any) -> BuildVariant:
    pyproject = loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    pyproject["tool"].pop("publish-all", None)
    if "version" in pyproject["project"].get("dynamic", []):
        pyproject["project"]["dynamic"].remove("version")
        pyproject["project"]["version"] = "1.2.3"
    base = pyproject["project"]["name"]
    project = changes.pop("project", f"{base}-{name}" if name else base)
    pyproject["project"]["name"] = project
    for key, value in changes.pop("hatch", {}).items():
        pyproject.setdefault("tool", {}).setdefault("hatch", {})[key] = value
    return BuildVariant(
        name=name,
        project=project,
        version=pyproject["project"]["version"],
        pyproject=pyproject,
        selection_name=base,
        **{"layout": {}, "force_include": {}, **changes},
    )


def inside(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as opened:
        return {name for name in opened.namelist() if ".dist-info/" not in name}


def members(sdist: Path) -> set[str]:
    with tarfile.open(sdist) as opened:
        return {name.split("/", 1)[1] for name in opened.getnames()}


def unpacked(sdist: Path, folder: Path) -> Path:
    with tarfile.open(sdist) as opened:
        opened.extractall(folder, filter="data")
    return folder / sdist.name.removesuffix(".tar.gz")


def plain(root: Path, output: Path, builder: type = WheelBuilder) -> Path:
    output.mkdir(exist_ok=True)
    return Path(next(builder(str(root)).build(directory=str(output), versions=["standard"])))


_NUMBERS = itertools.count()


def builder_of(root: Path, *leave_out: Path, **options: Any) -> StagedBuilder:
    stages = Stages(SourceTree(root, leave_out=leave_out), root.parent / f"stages-{next(_NUMBERS)}")
    return StagedBuilder(stages, deflate=DeflateCache(), **options)


def build_both(root: Path, wanted: BuildVariant, output: Path) -> tuple[Path, Path]:
    builder = builder_of(root, output)
    output.mkdir(parents=True, exist_ok=True)
    return builder.build(wanted, "sdist", output), builder.build(wanted, "wheel", output)


def assert_rebuilds(sdist: Path, wheel: Path, tmp_path: Path) -> Path:
    """The sdist, unpacked outside git, builds to the same wheel and to itself; the unpacked tree is returned."""
    tree = unpacked(sdist, tmp_path / "unpacked")
    again = plain(tree, tmp_path / "again")
    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()
    return tree


def test_writes_what_hatchling_alone_writes_for_the_project_itself(project: Path, tmp_path: Path) -> None:
    (project / "demo/nested/private.py").unlink()  # what hatchling alone ships, though git ignores it
    expected = plain(project, tmp_path / "plain")
    _, wheel = build_both(project, variant(project, None), tmp_path / "out")
    assert wheel.name == "demo-1.2.3-py3-none-any.whl"
    assert wheel.read_bytes() == expected.read_bytes()


def test_a_renamed_variant_has_the_files_of_the_base(project: Path, tmp_path: Path) -> None:
    _, base = build_both(project, variant(project, None), tmp_path / "out")
    sdist, wheel = build_both(project, variant(project), tmp_path / "out")
    assert wheel.name == "demo_lite-1.2.3-py3-none-any.whl"
    assert inside(wheel) == inside(base)
    assert_rebuilds(sdist, wheel, tmp_path)


def test_the_project_as_it_is_gives_the_files_of_hatch_build(project: Path, tmp_path: Path) -> None:
    (project / "demo/nested/private.py").unlink()  # what hatchling alone ships, though git ignores it
    write(project, {"hatch.toml": '[build.targets.wheel]\npackages = ["demo"]\nexclude = ["core.py"]\n'})
    own = loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = replace(variant(project, None), pyproject=own)
    sdist, wheel = build_both(project, wanted, tmp_path / "out")
    assert wheel.read_bytes() == plain(project, tmp_path / "plain").read_bytes()
    alone = plain(project, tmp_path / "plain", SdistBuilder)
    assert gzip.decompress(sdist.read_bytes()) == gzip.decompress(alone.read_bytes())
    assert {"hatch.toml", "pyproject.toml"} <= members(sdist)


def test_what_git_ignores_is_not_shipped_and_the_tree_stays_clean(project: Path, tmp_path: Path) -> None:
    before = git(project, "status", "--porcelain", "--ignored")
    wanted = variant(project, force_include={"notebooks/one.ipynb": "demo/one.ipynb"})
    sdist, wheel = build_both(project, wanted, tmp_path / "out")
    for junk in ("secrets.env", "private.py", "tool"):
        assert not [name for name in inside(wheel) | members(sdist) if name.endswith(junk)]
    assert git(project, "status", "--porcelain", "--ignored") == before


@pytest.mark.parametrize("ignores", [True, False])
def test_ignore_vcs_ships_what_git_ignores(project: Path, tmp_path: Path, *, ignores: bool) -> None:
    wanted = variant(project, hatch={"build": {"ignore-vcs": ignores}})
    sdist, wheel = build_both(project, wanted, tmp_path / "out")
    for names in (inside(wheel), members(sdist)):
        assert ({"demo/secrets.env", "demo/nested/private.py"} <= names) is ignores
        assert ("demo/secrets.env" in names) is ignores


def test_links_are_followed_but_not_to_what_git_ignores(project: Path, tmp_path: Path) -> None:
    write(tmp_path, {"outside/data.txt": "x"})
    for link, meant in {
        "demo/books": "../notebooks",
        "demo/tools": "../made",
        "demo/tool": "../made/tool",
        "demo/about.md": "../README.md",
        "demo/outside": "../../outside",
    }.items():
        (project / link).symlink_to(meant)
    git(project, "add", "-A")
    sdist, wheel = build_both(project, variant(project), tmp_path / "out")
    assert {"demo/books/one.ipynb", "demo/about.md", "demo/outside/data.txt"} <= inside(wheel)
    for leaked in ("demo/tools/tool", "demo/tool", "demo/books/secrets.env"):
        assert leaked not in inside(wheel)
        assert leaked not in members(sdist)


def test_the_output_folder_is_not_packed_into_the_next_sdist(project: Path) -> None:
    output = project / "out"
    build_both(project, variant(project), output)
    sdist, _ = build_both(project, variant(project), output)
    assert not [name for name in members(sdist) if name.startswith("out/")]


def test_the_sdist_holds_the_resolved_pyproject(project: Path, tmp_path: Path) -> None:
    sdist, wheel = build_both(project, variant(project), tmp_path / "out")
    tree = assert_rebuilds(sdist, wheel, tmp_path)
    held = loads((tree / "pyproject.toml").read_text(encoding="utf-8"))
    assert held["project"]["name"] == "demo-lite"
    assert held["project"]["version"] == "1.2.3"
    assert held["tool"]["hatch"]["build"]["targets"]["wheel"] == {"packages": ["demo"]}
    assert loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"] == "demo"


def test_exclude_is_over_paths_inside_the_wheel(project: Path, tmp_path: Path) -> None:
    (project / "src").mkdir()
    (project / "demo").rename(project / "src" / "demo")
    wanted = variant(project, exclude=("demo/db/**", "demo/nested"))
    sdist, wheel = build_both(project, wanted, tmp_path / "out")
    assert inside(wheel) == {"demo/__init__.py", "demo/core.py"}
    assert_rebuilds(sdist, wheel, tmp_path)


def test_exclude_takes_a_path_from_the_root_and_odd_names(project: Path, tmp_path: Path) -> None:
    (project / "src").mkdir()
    (project / "demo").rename(project / "src" / "demo")
    wanted = variant(project, exclude=("src/demo/core.py", "*odd*"))
    sdist, wheel = build_both(project, wanted, tmp_path / "out")
    assert "demo/core.py" not in inside(wheel)
    assert "demo/db/[odd] name!.py" not in inside(wheel)
    assert "demo/db/postgres.py" in inside(wheel)
    assert_rebuilds(sdist, wheel, tmp_path)


def test_include_narrows(project: Path, tmp_path: Path) -> None:
    wanted = variant(project, include=("demo/*.py", "demo/db"), exclude=("demo/db/postgres.py",))
    sdist, wheel = build_both(project, wanted, tmp_path / "out")
    assert inside(wheel) == {
        "demo/__init__.py",
        "demo/core.py",
        "demo/db/__init__.py",
        "demo/db/[odd] name!.py",
    }
    assert_rebuilds(sdist, wheel, tmp_path)


def test_patterns_that_leave_nothing_are_refused(project: Path, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="all files of lite are excluded"):
        build_both(project, variant(project, exclude=("demo",)), tmp_path / "out")


def test_the_patterns_hold_against_artifacts_and_forced_files(project: Path, tmp_path: Path) -> None:
    wanted = variant(
        project,
        exclude=("made.env", "demo/notebooks/deep"),
        hatch={
            "build": {
                "artifacts": ["*.env"],
                "targets": {"wheel": {"force-include": {"notebooks": "demo/notebooks"}}},
            }
        },
    )
    write(project, {"demo/made.env": "", "demo/kept.env": ""})
    sdist, wheel = build_both(project, wanted, tmp_path / "out")
    assert "demo/kept.env" in inside(wheel)
    assert "demo/notebooks/one.ipynb" in inside(wheel)
    assert not [name for name in inside(wheel) if name.endswith(("made.env", "two.ipynb"))]
    assert_rebuilds(sdist, wheel, tmp_path)


def test_force_include_ships_what_was_named_even_if_git_ignores_it(project: Path, tmp_path: Path) -> None:
    wanted = variant(project, force_include={"made/tool": "demo/_bin/tool", "notebooks": "demo/notebooks"})
    sdist, wheel = build_both(project, wanted, tmp_path / "out")
    assert {"demo/_bin/tool", "demo/notebooks/one.ipynb", "demo/notebooks/deep/two.ipynb"} <= inside(wheel)
    assert_rebuilds(sdist, wheel, tmp_path)


@pytest.mark.parametrize("of_the_variant", [True, False])
def test_force_include_of_a_folder_ships_all_of_it(
    project: Path, tmp_path: Path, *, of_the_variant: bool
) -> None:
    write(project, {"prebuilt/.gitignore": "*\n!.gitignore\n"})
    git(project, "add", "-A")
    write(project, {"prebuilt/tool": "binary\n", "prebuilt/venv/a.env": "x\n"})
    write(project, {"prebuilt/__pycache__/a.pyc": "x\n"})
    forced = {"prebuilt": "demo/_bin"}
    hatch = {} if of_the_variant else {"build": {"targets": {"wheel": {"force-include": forced}}}}
    wanted = variant(project, hatch=hatch, force_include=forced if of_the_variant else {})
    sdist, wheel = build_both(project, wanted, tmp_path / "out")
    assert {name for name in inside(wheel) if name.startswith("demo/_bin/")} == {
        "demo/_bin/.gitignore",
        "demo/_bin/tool",
        "demo/_bin/venv/a.env",
    }
    assert_rebuilds(sdist, wheel, tmp_path)


def test_a_forced_folder_does_not_bring_the_output_in_it(project: Path) -> None:
    output = project / "made" / "out"
    wanted = variant(project, force_include={"made": "demo/made"})
    build_both(project, wanted, output)
    sdist, wheel = build_both(project, wanted, output)
    assert "demo/made/tool" in inside(wheel)
    assert not [name for name in inside(wheel) | members(sdist) if "made/out" in name]


def test_what_the_variant_excludes_is_not_in_its_sdist(project: Path, tmp_path: Path) -> None:
    (project / "src").mkdir()
    (project / "demo").rename(project / "src" / "demo")
    beside = {"src/demo/db/fast.pyx": "", "db/schema.sql": "", "tests/db/test_a.py": ""}
    write(project, {**beside, "src/demo/db/made.env": ""})
    wheel_table = {"exclude": ["*.pyx"], "artifacts": ["made.env"]}
    sdist_table = {"artifacts": ["*.env"], "force-include": {"src/demo": "copy"}}
    hatch = {"build": {"targets": {"wheel": wheel_table, "sdist": sdist_table}}}
    wanted = variant(project, exclude=("demo/db/**",), hatch=hatch)
    sdist, wheel = build_both(project, wanted, tmp_path / "out")
    assert not [name for name in inside(wheel) if "/db/" in name]
    assert {name for name in members(sdist) if "db/" in name} == {"db/schema.sql", "tests/db/test_a.py"}
    assert {"copy/core.py", "README.md", "notebooks/one.ipynb"} <= members(sdist)


def test_an_included_subset_is_the_subset_of_the_sdist_too(project: Path, tmp_path: Path) -> None:
    sdist, wheel = build_both(project, variant(project, include=("demo/*.py",)), tmp_path / "out")
    assert {name for name in members(sdist) if name.startswith("demo/")} == inside(wheel)
    assert "notebooks/one.ipynb" in members(sdist)
    assert_rebuilds(sdist, wheel, tmp_path)


def test_a_file_that_is_replaced_is_not_in_the_sdist(project: Path, tmp_path: Path) -> None:
    write(project, {"stubs/core.py": "x = 0\n"})
    wanted = variant(project, force_include={"stubs/core.py": "demo/core.py"})
    sdist, wheel = build_both(project, wanted, tmp_path / "out")
    assert "demo/core.py" not in members(sdist)
    assert_rebuilds(sdist, wheel, tmp_path)


def test_the_sdist_keeps_the_files_that_it_is_built_with(project: Path, tmp_path: Path) -> None:
    write(project, {"demo/about.md": "# demo\n", "demo/hook.py": HOOK})
    text = PYPROJECT.replace('"README.md"', '"demo/about.md"')
    write(project, {"pyproject.toml": text})
    hatch = {"build": {"hooks": {"custom": {"path": "demo/hook.py"}}}}
    wanted = variant(project, exclude=("about.md", "hook.py"), hatch=hatch)
    sdist, wheel = build_both(project, wanted, tmp_path / "out")
    assert {"demo/about.md", "demo/hook.py"} <= members(sdist)
    assert not {"demo/about.md", "demo/hook.py"} & inside(wheel)
    assert_rebuilds(sdist, wheel, tmp_path)


def test_modules_that_are_named_one_by_one_are_excluded(tmp_path: Path) -> None:
    root = write(
        tmp_path / "project", {"pyproject.toml": PYPROJECT, "README.md": "", "demo.py": "", "b.py": ""}
    )
    write(root, {"stub.py": "x = 0\n"})
    hatch = {"build": {"only-include": ["demo.py", "b.py"]}}
    sdist, wheel = build_both(root, variant(root, exclude=("b.py",), hatch=hatch), tmp_path / "out")
    assert inside(wheel) == {"demo.py"}
    assert "b.py" not in members(sdist)
    wanted = variant(
        root, "all", force_include={"stub.py": "demo.py"}, hatch={"version": {"path": "demo.py"}}
    )
    sdist, wheel = build_both(root, wanted, tmp_path / "out")
    with zipfile.ZipFile(wheel) as opened:
        assert opened.read("demo.py") == b"x = 0\n"
    assert_rebuilds(sdist, wheel, tmp_path)


def test_what_a_hook_makes_at_an_excluded_place_is_an_error(project: Path, tmp_path: Path) -> None:
    hook = HOOK.replace(
        "        Path(self.root",
        """        Path(self.root, "demo", "fast.so").write_text("")
        build_data["artifacts"] += ["*.so"]
        if self.target_name == "wheel":
            build_data["force_include"]["README.md"] = "demo/db/README.md"
        Path(self.root""",
        1,
    )
    write(project, {"hatch_build.py": hook, ".gitignore": FILES[".gitignore"] + "*.so\n"})
    wanted = variant(project, exclude=("demo/db/**",), hatch={"build": {"hooks": {"custom": {}}}})
    with pytest.raises(BuildError, match="still packs 'demo/db/"):
        build_both(project, wanted, tmp_path / "out")


DATA = {"share/a/x.cfg": "x\n", "share/a/private.cfg": "y\n", "share/y.cfg": "z\n"}


def test_shared_data_and_metadata_are_there_wherever_they_go(project: Path, tmp_path: Path) -> None:
    write(project, DATA)
    git(project, "add", "-A")
    target = {"packages": ["demo"], "shared-data": {"share": "etc/demo"}, "extra-metadata": {"share": "more"}}
    hatch = {"build": {"targets": {"wheel": target}}}
    expected = {"a/x.cfg", "a/private.cfg", "y.cfg"}
    for number, exclude in enumerate(((), ("share/a/private.cfg",))):
        wanted = variant(project, hatch=hatch, exclude=exclude)
        sdist, wheel = build_both(project, wanted, tmp_path / str(number))
        with zipfile.ZipFile(wheel) as opened:
            names = opened.namelist()
        for place in (".data/data/etc/demo/", ".dist-info/extra_metadata/more/"):
            found = {name.partition(place)[2] for name in names if place in name}
            assert found == expected - {each.removeprefix("share/") for each in exclude}
        assert ("share/a/private.cfg" in members(sdist)) is not exclude
        assert_rebuilds(sdist, wheel, tmp_path / str(number))


@pytest.mark.parametrize("key", ["shared-data", "force-include"])
def test_a_file_that_goes_elsewhere_can_be_excluded_as_a_whole(
    project: Path, tmp_path: Path, key: str
) -> None:
    write(project, DATA)
    git(project, "add", "-A")
    hatch = {"build": {"targets": {"wheel": {"packages": ["demo"], key: {"share/y.cfg": "demo/y.cfg"}}}}}
    sdist, wheel = build_both(
        project, variant(project, exclude=("share/y.cfg",), hatch=hatch), tmp_path / "out"
    )
    with zipfile.ZipFile(wheel) as opened:
        assert not [name for name in opened.namelist() if name.endswith("y.cfg")]
    assert_rebuilds(sdist, wheel, tmp_path)


def test_a_file_that_is_forced_elsewhere_can_be_excluded_where_it_is(project: Path, tmp_path: Path) -> None:
    wanted = variant(project, exclude=("demo/core.py",), force_include={"demo/core.py": "demo/kept.py"})
    sdist, wheel = build_both(project, wanted, tmp_path / "out")
    assert "demo/core.py" not in inside(wheel)
    assert "demo/kept.py" in inside(wheel)
    assert_rebuilds(sdist, wheel, tmp_path)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"packages": ["demo", "gone"]}, r"targets\.wheel\.packages: no file or folder gone in "),
        (
            {"only-include": ["demo", "gone.py"]},
            r"targets\.wheel\.only-include: no file or folder gone\.py in ",
        ),
        (
            {"packages": ["demo", "made"]},
            r"targets\.wheel\.packages: git ignores every file of made",
        ),
        ({"packages": ["demo", "empty"]}, r"targets\.wheel\.packages: no file in empty"),
        ({"shared-data": {"gone": "x"}}, r"targets\.wheel\.shared-data: no file or folder gone in "),
        (
            {"force-include": {"gone": "x"}},
            r"targets\.wheel\.force-include: no file or folder gone in ",
        ),
        ({"force-include": {"empty": "x"}}, r"targets\.wheel\.force-include: no file in empty"),
        ({"shared-data": {"empty": "x"}}, r"targets\.wheel\.shared-data: no file in empty"),
    ],
)
def test_a_path_that_gives_nothing_is_an_error(project: Path, table: dict[str, Any], message: str) -> None:
    (project / "empty").mkdir()
    wanted = variant(project, hatch={"build": {"targets": {"wheel": table}}})
    with pytest.raises(BuildError, match=message) as caught:
        refuse_missing(SourceTree(project), [wanted])
    assert caught.value.hint is not None


def test_packages_of_which_the_variant_leaves_nothing_are_no_error(project: Path, tmp_path: Path) -> None:
    write(project, {"other/__init__.py": "", "other.py": ""})
    hatch = {"build": {"targets": {"wheel": {"packages": ["demo", "other"]}}}}
    wanted = variant(project, exclude=("other/**",), hatch=hatch)
    sdist, wheel = build_both(project, wanted, tmp_path / "out")
    assert not [name for name in inside(wheel) if name.startswith("other")]
    assert "other/__init__.py" not in members(sdist)


def test_a_pattern_that_matches_nothing_is_told_once(project: Path) -> None:
    notes: list[str] = []
    build = {"artifacts": ["*.so", "!x"], "targets": {"wheel": {"packages": ["demo"]}}}
    wanted = [variant(project, name, hatch={"build": build}) for name in ("lite", "full")]
    refuse_missing(
        SourceTree(project), wanted, listener=lambda event: notes.append(getattr(event, "message", ""))
    )
    assert notes == ["tool.hatch.build.artifacts: '*.so' matches no file that can be packed"]


def test_folders_are_not_junk_by_their_name(tmp_path: Path) -> None:
    names = {
        f"demo/{each}/__init__.py": "" for each in ("venv", "node_modules", "build", "CVS", "env", "dist")
    }
    for in_git in (True, False):
        root = write(tmp_path / str(in_git), {**FILES, ".gitignore": "", **names})
        if in_git:
            git(root, "init", "-q")
        sdist, wheel = build_both(root, variant(root), root.parent / f"out-{in_git}")
        assert set(names) <= inside(wheel)
        assert set(names) <= members(sdist)


@pytest.mark.posix("names")
@pytest.mark.parametrize("kind", ["sdist", "wheel"])
def test_a_name_that_is_not_utf8_is_an_error_that_shows_it(tmp_path: Path, kind: str) -> None:
    root = write(tmp_path / "project", FILES)
    Path(os.fsdecode(os.fsencode(root) + b"/demo/a\xff.txt")).write_text("x")
    with pytest.raises(BuildError, match=r"not valid UTF-8: demo/a\\xff\.txt"):
        builder_of(root).build(variant(root), kind, tmp_path / "out")


@pytest.mark.parametrize("in_git", [True, False])
def test_builds_into_the_project_itself(tmp_path: Path, *, in_git: bool) -> None:
    root = write(tmp_path / "project", FILES)
    if in_git:
        git(root, "init", "-q")
    for _ in range(2):
        builder = builder_of(root, root)
        sdist = builder.build(variant(root), "sdist", root)
        builder.build(variant(root), "wheel", root)
    assert not [name for name in members(sdist) if name.endswith((".whl", ".tar.gz"))]
    assert {"README.md", "demo/core.py", "pyproject.toml"} <= members(sdist)


def test_force_include_puts_a_file_into_several_places(project: Path, tmp_path: Path) -> None:
    forced = {"notebooks": "demo/a", "notebooks/one.ipynb": "demo/b.ipynb", "demo/core.py": "demo/core.py"}
    sdist, wheel = build_both(project, variant(project, force_include=forced), tmp_path / "out")
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
    assert {"demo/a/one.ipynb", "demo/a/deep/two.ipynb", "demo/b.ipynb"} <= set(names)
    assert names.count("demo/core.py") == names.count("demo/b.ipynb") == 1
    assert_rebuilds(sdist, wheel, tmp_path)


def test_force_include_replaces_a_file(project: Path, tmp_path: Path) -> None:
    write(project, {"variants/core.py": "x = 2\n"})
    wanted = variant(project, force_include={"variants/core.py": "demo/core.py"})
    sdist, wheel = build_both(project, wanted, tmp_path / "out")
    with zipfile.ZipFile(wheel) as opened:
        assert opened.read("demo/core.py") == b"x = 2\n"
    assert_rebuilds(sdist, wheel, tmp_path)


@pytest.mark.parametrize("source", ["build/tool", "empty"])
def test_force_include_of_nothing_names_the_key(project: Path, tmp_path: Path, source: str) -> None:
    (project / "empty").mkdir()
    wanted = variant(project, force_include={source: "demo/tool"})
    with pytest.raises(ConfigurationError, match=r"tool\.publish-all\.variants\.lite\.force-include"):
        build_both(project, wanted, tmp_path / "out")


def test_force_include_of_all_targets_survives_in_the_sdist(project: Path, tmp_path: Path) -> None:
    wanted = variant(project, hatch={"build": {"force-include": {"notebooks": "demo/notebooks"}}})
    sdist, wheel = build_both(project, wanted, tmp_path / "out")
    assert "demo/notebooks/one.ipynb" in inside(wheel)
    assert_rebuilds(sdist, wheel, tmp_path)


@pytest.mark.parametrize(
    ("moved", "expected"),
    [
        ("demo.py", {"demo.py"}),
        ("space/demo/__init__.py", {"space/demo/__init__.py"}),
        ("src/demo/__init__.py", {"demo/__init__.py"}),
    ],
)
def test_every_default_selection_is_pinned(tmp_path: Path, moved: str, expected: set[str]) -> None:
    root = write(
        tmp_path / "project", {"pyproject.toml": PYPROJECT, "README.md": "", moved: '__version__ = "1"'}
    )
    sdist, wheel = build_both(root, variant(root), tmp_path / "out")
    assert inside(wheel) == expected
    assert_rebuilds(sdist, wheel, tmp_path)


def test_says_when_there_is_nothing_to_select(tmp_path: Path) -> None:
    root = write(tmp_path / "project", {"pyproject.toml": PYPROJECT, "README.md": ""})
    with pytest.raises(BuildError, match="Unable to determine which files to ship"):
        build_both(root, variant(root), tmp_path / "out")


HOOK = """\
from pathlib import Path
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

class Custom(BuildHookInterface):
    def initialize(self, version, build_data):
        with Path(self.directory, "folders.log").open("a") as log:
            log.write(str(Path.cwd()) + "\\n")
        Path(self.root, "demo", "generated.py").write_text(self.metadata.core.name)
        with Path(self.directory, "hooks.log").open("a") as log:
            log.write(self.target_name + "\\n")
"""


def test_build_hooks_run_once_for_each_file(project: Path, tmp_path: Path) -> None:
    write(project, {"hatch_build.py": HOOK})
    wanted = variant(project, hatch={"build": {"hooks": {"custom": {}}}})
    sdist, wheel = build_both(project, wanted, tmp_path / "out")
    assert (tmp_path / "out" / "hooks.log").read_text() == "sdist\nwheel\n"
    folders = (tmp_path / "out" / "folders.log").read_text().splitlines()
    assert len(set(folders)) == 2, "each in a stage of its own"
    assert str(project) not in folders
    with zipfile.ZipFile(wheel) as opened:
        assert opened.read("demo/generated.py") == b"demo-lite"
    assert_rebuilds(sdist, wheel, tmp_path)


METADATA_HOOK = """\
from hatchling.metadata.plugin.interface import MetadataHookInterface

class Custom(MetadataHookInterface):
    def update(self, metadata):
        metadata["description"] = "of " + metadata["name"]
"""


def test_metadata_hooks_run_under_the_name_of_the_variant(project: Path, tmp_path: Path) -> None:
    write(project, {"hatch_build.py": METADATA_HOOK})
    text = PYPROJECT.replace('dynamic = ["version"]', 'dynamic = ["version", "description"]')
    write(project, {"pyproject.toml": text + "\n[tool.hatch.metadata.hooks.custom]\n"})
    sdist, wheel = build_both(project, variant(project), tmp_path / "out")
    with zipfile.ZipFile(wheel) as opened:
        assert b"Summary: of demo-lite\n" in opened.read("demo_lite-1.2.3.dist-info/METADATA")
    assert_rebuilds(sdist, wheel, tmp_path)


def test_a_failing_hook_is_a_build_error(project: Path, tmp_path: Path) -> None:
    write(project, {"hatch_build.py": HOOK.replace("with", "self.app.abort('no compiler')\n        with", 1)})
    wanted = variant(project, hatch={"build": {"hooks": {"custom": {}}}})
    before = Path.cwd()
    with pytest.raises(BuildError, match="cannot build the wheel of lite"):
        builder_of(project).build(wanted, "wheel", tmp_path / "out")
    assert Path.cwd() == before


def test_the_configuration_of_one_build_does_not_reach_the_next(project: Path, tmp_path: Path) -> None:
    write(project, {"sbom.json": "{}"})
    wanted = variant(
        project, hatch={"build": {"targets": {"wheel": {"packages": ["demo"], "sbom-files": ["sbom.json"]}}}}
    )
    builder = builder_of(project)
    first = builder.build(wanted, "wheel", tmp_path / "out").read_bytes()
    assert builder.build(wanted, "wheel", tmp_path / "out").read_bytes() == first


def test_source_date_epoch_is_honoured(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    sdist, wheel = build_both(project, variant(project), tmp_path / "out")
    with zipfile.ZipFile(wheel) as opened:
        assert {each.date_time[:3] for each in opened.infolist()} == {(2023, 11, 14)}
    with tarfile.open(fileobj=io.BytesIO(sdist.read_bytes())) as opened:
        assert {each.mtime for each in opened} == {1700000000}


def test_two_builds_are_the_same_bytes(project: Path, tmp_path: Path) -> None:
    first = [each.read_bytes() for each in build_both(project, variant(project), tmp_path / "one")]
    for folder, _, names in os.walk(project):
        for name in names:
            os.utime(Path(folder, name), (1, 1))
    assert [each.read_bytes() for each in build_both(project, variant(project), tmp_path / "two")] == first


def test_a_layout_is_built_in_a_stage(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": PYPROJECT.replace('path = "demo/', 'path = "packages/demo/'),
        "README.md": "# demo\n",
        "packages/demo/__init__.py": '__version__ = "1.2.3"\n',
        "packages/other/__init__.py": "",
        "extra/tool": "x",
    }
    root = write(tmp_path / "project", files)
    wanted = variant(root, layout={"packages/demo": "demo"}, force_include={"extra/tool": "demo/_bin/tool"})
    sdist, wheel = build_both(root, wanted, tmp_path / "out")
    assert inside(wheel) == {"demo/__init__.py", "demo/_bin/tool"}
    assert {"demo/__init__.py", "extra/tool", "README.md"} <= members(sdist)
    assert "packages/other/__init__.py" not in members(sdist)
    assert_rebuilds(sdist, wheel, tmp_path)


def test_tells_the_hatchling_version(project: Path) -> None:
    assert hatchling_version(project) == "1.2.3"


def test_a_version_that_cannot_be_told_is_an_error(project: Path) -> None:
    (project / "demo" / "__init__.py").write_text("")
    with pytest.raises(BuildError, match="unable to parse the version"):
        hatchling_version(project)


WRITING_HOOK = """\
from pathlib import Path
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

class Hook(BuildHookInterface):
    def initialize(self, version, build_data):
        Path(self.root, "demo", "_version.py").write_text(f"version = {self.metadata.version!r}\\n")
        build_data["artifacts"].append("demo/_version.py")
"""


def test_hooks_write_into_a_stage_with_what_git_ignores_and_the_configuration_names(
    project: Path, tmp_path: Path
) -> None:
    hooked = PYPROJECT + (
        '[tool.hatch.build]\nartifacts = ["*.built"]\n[tool.hatch.build.hooks.custom]\npath = "hook.py"\n'
        '[tool.hatch.build.targets.wheel.force-include]\n"made" = "demo/made"\n'
    )
    write(project, {"hook.py": WRITING_HOOK, "pyproject.toml": hooked, "demo/app.built": "x"})
    write(project, {".gitignore": FILES[".gitignore"] + "*.built\n_version.py\n"})
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "hooks")
    before = git(project, "status", "--porcelain", "--ignored")
    builder = builder_of(project)
    wanted = replace(variant(project), pyproject=loads(hooked), project="demo")
    built = builder.build(wanted, "wheel", tmp_path / "out")
    assert {"demo/_version.py", "demo/app.built", "demo/made/tool"} <= inside(built)
    assert git(project, "status", "--porcelain", "--ignored") == before
