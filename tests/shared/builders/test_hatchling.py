from __future__ import annotations

import io
import os
import shutil
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
from publish_all.builders.hatchling import HatchlingBuilder, dynamic_version
from publish_all.errors import BuildError, ConfigurationError, VersionError
from publish_all.variants.variant import BuildVariant

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


def build_both(root: Path, wanted: BuildVariant, output: Path) -> tuple[Path, Path]:
    builder = HatchlingBuilder(root)
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


def test_writes_what_hatchling_alone_writes_where_the_file_says_the_same(
    project: Path, tmp_path: Path
) -> None:
    wanted = variant(project, exclude=("demo/db/**",), force_include={"notebooks": "demo/notebooks"})
    sdist, wheel = build_both(project, wanted, tmp_path / "out")
    tree = unpacked(sdist, tmp_path / "unpacked")
    clean = tmp_path / "clean"
    git(tmp_path, "clone", "-q", str(project), str(clean))
    shutil.copy(tree / "pyproject.toml", clean / "pyproject.toml")
    assert plain(clean, tmp_path / "plain").read_bytes() == wheel.read_bytes()
    assert plain(clean, tmp_path / "plain", SdistBuilder).read_bytes() == sdist.read_bytes()


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
    assert sdist.read_bytes() == plain(project, tmp_path / "plain", SdistBuilder).read_bytes()
    assert {"hatch.toml", "pyproject.toml"} <= members(sdist)


def test_the_other_wheels_in_the_folder_stay(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HATCH_BUILD_CLEAN", "true")
    output = write(tmp_path / "out", {"other-1-py3-none-any.whl": "x", "other-1.tar.gz": "x"})
    build_both(project, variant(project), output)
    assert (output / "other-1-py3-none-any.whl").exists()
    assert (output / "other-1.tar.gz").exists()


def test_what_git_ignores_is_not_shipped_and_the_tree_stays_clean(project: Path, tmp_path: Path) -> None:
    before = git(project, "status", "--porcelain", "--ignored")
    wanted = variant(project, force_include={"notebooks": "demo/notebooks"})
    sdist, wheel = build_both(project, wanted, tmp_path / "out")
    for junk in ("secrets.env", "private.py", "tool"):
        assert not [name for name in inside(wheel) | members(sdist) if name.endswith(junk)]
    assert git(project, "status", "--porcelain", "--ignored") == before


@pytest.mark.skipif(os.name == "nt", reason="links need privileges on Windows")
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
    assert held["tool"]["hatch"]["build"]["targets"] == {"wheel": {"packages": ["demo"]}}
    assert loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"] == "demo"


def test_exclude_is_over_paths_inside_the_wheel(project: Path, tmp_path: Path) -> None:
    (project / "src").mkdir()
    (project / "demo").rename(project / "src" / "demo")
    wanted = variant(project, exclude=("demo/db/**", "demo/nested"))
    sdist, wheel = build_both(project, wanted, tmp_path / "out")
    assert inside(wheel) == {"demo/__init__.py", "demo/core.py"}
    tree = assert_rebuilds(sdist, wheel, tmp_path)
    held = loads((tree / "pyproject.toml").read_text(encoding="utf-8"))
    assert held["tool"]["hatch"]["build"]["targets"]["wheel"]["exclude"] == [
        "/src/demo/db/",
        "/src/demo/nested/",
    ]


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
    with pytest.raises(BuildError, match="no file of lite is left"):
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


def test_force_include_replaces_a_file(project: Path, tmp_path: Path) -> None:
    write(project, {"variants/core.py": "x = 2\n"})
    wanted = variant(project, force_include={"variants/core.py": "demo/core.py"})
    sdist, wheel = build_both(project, wanted, tmp_path / "out")
    with zipfile.ZipFile(wheel) as opened:
        assert opened.read("demo/core.py") == b"x = 2\n"
    assert_rebuilds(sdist, wheel, tmp_path)


def test_force_include_lands_where_it_says_in_spite_of_sources(project: Path, tmp_path: Path) -> None:
    wanted = variant(
        project,
        force_include={"notebooks": "lib/demo/notebooks"},
        hatch={"build": {"targets": {"wheel": {"packages": ["demo"], "sources": {"": "lib"}}}}},
    )
    sdist, wheel = build_both(project, wanted, tmp_path / "out")
    assert {"lib/demo/core.py", "lib/demo/notebooks/one.ipynb"} <= inside(wheel)
    assert_rebuilds(sdist, wheel, tmp_path)


def test_force_include_of_nothing_names_the_key(project: Path, tmp_path: Path) -> None:
    wanted = variant(project, force_include={"build/tool": "demo/tool"})
    with pytest.raises(ConfigurationError, match=r"tool\.publish-all\.variants\.lite\.force-include"):
        build_both(project, wanted, tmp_path / "out")


def test_force_include_of_all_targets_survives_in_the_sdist(project: Path, tmp_path: Path) -> None:
    wanted = variant(project, hatch={"build": {"force-include": {"notebooks": "demo/notebooks"}}})
    sdist, wheel = build_both(project, wanted, tmp_path / "out")
    assert "demo/notebooks/one.ipynb" in inside(wheel)
    assert_rebuilds(sdist, wheel, tmp_path)


def test_hatch_toml_is_folded_in(project: Path, tmp_path: Path) -> None:
    write(project, {"hatch.toml": '[build.targets.wheel]\npackages = ["demo"]\nexclude = ["core.py"]\n'})
    wanted = variant(
        project, hatch={"build": {"targets": {"wheel": {"packages": ["demo"], "exclude": ["postgres.py"]}}}}
    )
    sdist, wheel = build_both(project, wanted, tmp_path / "out")
    assert "demo/core.py" in inside(wheel)
    assert "demo/db/postgres.py" not in inside(wheel)
    assert "hatch.toml" not in members(sdist)
    assert_rebuilds(sdist, wheel, tmp_path)


def test_a_broken_hatch_toml_is_named(project: Path, tmp_path: Path) -> None:
    write(project, {"hatch.toml": "[build"})
    with pytest.raises(ConfigurationError, match=r"hatch\.toml is not TOML"):
        build_both(project, variant(project), tmp_path / "out")


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
    with pytest.raises(BuildError, match="hatchling finds no files for the wheel of lite") as caught:
        build_both(root, variant(root), tmp_path / "out")
    assert caught.value.hint is not None
    assert "[tool.hatch.build.targets.wheel]" in caught.value.hint


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
    assert set((tmp_path / "out" / "folders.log").read_text().splitlines()) == {str(project)}
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
    with pytest.raises(BuildError, match="hatchling could not build the wheel of lite"):
        HatchlingBuilder(project).build(wanted, "wheel", tmp_path / "out")
    assert Path.cwd() == before


def test_the_configuration_of_one_build_does_not_reach_the_next(project: Path, tmp_path: Path) -> None:
    write(project, {"sbom.json": "{}"})
    wanted = variant(
        project, hatch={"build": {"targets": {"wheel": {"packages": ["demo"], "sbom-files": ["sbom.json"]}}}}
    )
    builder = HatchlingBuilder(project)
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


def test_tells_the_dynamic_version(project: Path) -> None:
    assert dynamic_version(project) == "1.2.3"


def test_a_version_that_cannot_be_told_is_a_version_error(project: Path) -> None:
    (project / "demo" / "__init__.py").write_text("")
    with pytest.raises(VersionError, match="hatchling can't tell the version") as caught:
        dynamic_version(project)
    assert caught.value.hint is not None


def test_names_backend_and_version(project: Path) -> None:
    assert HatchlingBuilder(project).name.startswith("hatchling 1.")
