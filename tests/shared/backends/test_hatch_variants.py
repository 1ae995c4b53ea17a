from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hatchling.plugin.manager import PluginManager

from publish_all._process import run
from publish_all.backends.hatch_variants import VariantsBuilder

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "demo"
dynamic = ["version"]
requires-python = ">=3.10"

[tool.hatch.version]
path = "demo/__init__.py"

[tool.hatch.build.hooks.custom]

[tool.publish-all.variants.lite]
exclude = ["demo/db/**"]

[tool.publish-all.variants.full]
extend-dependencies = ["packaging"]
"""
HOOK = """\
import os
from pathlib import Path
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

class Custom(BuildHookInterface):
    def clean(self, versions):
        self.log("clean")

    def initialize(self, version, build_data):
        assert build_data["force_include"] is not None
        self.log("initialize")

    def finalize(self, version, build_data, artifact):
        self.log("finalize")

    def log(self, text):
        with Path(os.environ["HOOKS_LOG"]).open("a") as log:
            log.write(f"{text} {self.target_name} {self.metadata.name}\\n")
"""
ALL = {
    "demo_lite-1.2.3.tar.gz",
    "demo_lite-1.2.3-py3-none-any.whl",
    "demo_full-1.2.3.tar.gz",
    "demo_full-1.2.3-py3-none-any.whl",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    files = {
        "pyproject.toml": PYPROJECT,
        "hatch_build.py": HOOK,
        "demo/__init__.py": '__version__ = "1.2.3"\n',
        "demo/db/__init__.py": "",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.setenv("HOOKS_LOG", str(tmp_path / "hooks.log"))
    monkeypatch.chdir(root)  # hatchling promises that builds run there
    return root


def run_target(root: Path, *names: str, **options: Any) -> list[Path]:
    return [Path(each) for each in VariantsBuilder(str(root)).build(versions=list(names), **options)]


def distributions(output: Path) -> set[str]:
    return {each.name for each in output.iterdir()}


def hooks(root: Path) -> list[str]:
    return (root.parent / "hooks.log").read_text().splitlines()


def test_hatchling_finds_the_target_by_its_entry_point() -> None:
    assert PluginManager().builder.get("variants") is VariantsBuilder


def test_loads_nothing_heavy() -> None:
    code = (
        "import sys, publish_all.backends.hatchling as plugin\n"
        "assert 'publish_all.config' not in sys.modules\n"
        "plugin.hatch_register_builder(), plugin.hatch_register_version_source()\n"
        "heavy = {'requests', 'keyring', 'cleo', 'rich', 'tomlkit', 'urllib3'}\n"
        "print(sorted(heavy & {each.split('.')[0] for each in sys.modules}))"
    )
    done = run([sys.executable, "-c", code], cwd=Path.cwd(), timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_builds_and_yields_all_files_of_all_variants_and_leaves_no_other_file(project: Path) -> None:
    built = run_target(project)
    assert {each.name for each in built} == ALL
    assert all(each.parent == project / "dist" and each.is_file() for each in built)
    assert distributions(project / "dist") == ALL
    with zipfile.ZipFile(project / "dist" / "demo_lite-1.2.3-py3-none-any.whl") as wheel:
        assert "demo/db/__init__.py" not in wheel.namelist()


def test_hooks_run_once_for_each_file(project: Path) -> None:
    run_target(project)
    expected = [
        f"{step} {kind} {name}"
        for name in ("demo-lite", "demo-full")
        for kind in ("sdist", "wheel")
        for step in ("initialize", "finalize")
    ]
    assert hooks(project) == expected


def test_a_named_variant_leaves_the_files_of_the_others(project: Path) -> None:
    run_target(project)
    built = run_target(project, "lite")
    assert {each.name for each in built} == {each for each in ALL if "lite" in each}
    assert distributions(project / "dist") == ALL


def test_a_configured_folder_outside_of_the_project_is_refused(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = PYPROJECT + '\n[tool.publish-all]\ndist-dir = "../elsewhere"\n'
    (project / "pyproject.toml").write_text(text)
    with pytest.raises(SystemExit) as caught:
        run_target(project)
    assert caught.value.code == 2
    assert "tool.publish-all.dist-dir" in "".join(capfd.readouterr())
    assert not (project.parent / "elsewhere").exists()


def test_goes_where_the_command_line_the_variable_or_the_configuration_says(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = PYPROJECT.replace(
        "[tool.publish-all.variants.lite]", '[tool.publish-all]\ndist-dir = "out"\n\\g<0>', 1
    )
    (project / "pyproject.toml").write_text(text.replace("\\g<0>", "[tool.publish-all.variants.lite]"))
    assert {each.parent for each in run_target(project, "lite")} == {project / "out"}
    monkeypatch.setenv("HATCH_BUILD_LOCATION", str(tmp_path / "variable"))
    assert {each.parent for each in run_target(project, "lite")} == {tmp_path / "variable"}
    directory = str(tmp_path / "argument")
    assert {each.parent for each in run_target(project, "lite", directory=directory)} == {
        tmp_path / "argument"
    }


def test_clean_removes_the_files_of_the_variants_and_no_other_file(project: Path) -> None:
    run_target(project)
    dist = project / "dist"
    for other in ("demo_lite-1.2.2.tar.gz", "demo-1.2.3.tar.gz", "foreign-1.0-py3-none-any.whl", "notes.txt"):
        (dist / other).write_bytes(b"x")
    assert run_target(project, clean_only=True) == []
    assert distributions(dist) == {"demo-1.2.3.tar.gz", "foreign-1.0-py3-none-any.whl", "notes.txt"}
    assert hooks(project)[-2:] == ["clean sdist demo", "clean wheel demo"]


def test_clean_of_a_named_variant_leaves_the_others(project: Path) -> None:
    run_target(project)
    run_target(project, "lite", clean_only=True)
    assert distributions(project / "dist") == {each for each in ALL if "full" in each}


def test_clean_of_nothing_is_nothing(project: Path) -> None:
    assert run_target(project, clean_only=True) == []


def test_hooks_only_builds_nothing_and_removes_nothing(project: Path) -> None:
    run_target(project)
    (project.parent / "hooks.log").unlink()
    assert run_target(project, hooks_only=True, clean=True) == []
    assert distributions(project / "dist") == ALL
    assert next(line for line in hooks(project) if "initialize" in line) == "initialize sdist demo"


@pytest.mark.parametrize(
    ("names", "change", "expected"),
    [
        (["lyte"], ("", ""), "there is no build variant 'lyte'"),
        (
            [],
            ("tool.publish-all.variants.lite", "tool.publish-all.varaints.lite"),
            "tool.publish-all.varaints",
        ),
        (
            [],
            ('exclude = ["demo/db/**"]', 'exclude = ["nothing/**"]'),
            "'nothing/**' matches no file of lite",
        ),
    ],
)
def test_what_is_wrong_ends_with_our_code_and_words(
    project: Path, capfd: pytest.CaptureFixture[str], names: list[str], change: tuple[str, str], expected: str
) -> None:
    (project / "pyproject.toml").write_text(PYPROJECT.replace(*change))
    with pytest.raises(SystemExit) as caught:
        run_target(project, *names)
    said = "".join(capfd.readouterr())
    assert expected in said
    assert caught.value.code == (1 if change[1].startswith("exclude") else 2)


def test_a_variant_of_another_backend_is_refused(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    full = '[project]\nname = "other"\nversion = "1"\n[build-system]\nrequires = []\nbuild-backend = "flit_core.buildapi"\n'
    (project / "other.toml").write_text(full)
    (project / "pyproject.toml").write_text(
        PYPROJECT + '\n[tool.publish-all.variants.other]\npyproject = "other.toml"\n'
    )
    with pytest.raises(SystemExit) as caught:
        run_target(project)
    assert caught.value.code == 2
    assert "build backend flit_core.buildapi" in "".join(capfd.readouterr())


def test_the_dependencies_of_the_files_targets_count(project: Path) -> None:
    text = PYPROJECT + '\n[tool.hatch.build.targets.wheel.hooks.custom]\ndependencies = ["cffi"]\n'
    (project / "pyproject.toml").write_text(text)
    assert "cffi" in VariantsBuilder(str(project)).config.dependencies


def test_the_version_is_the_one_of_every_build_of_ours(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLISH_ALL_VERSION_FOR_DEMO", "2.0")
    assert {each.name.split("-")[1].removesuffix(".tar.gz") for each in run_target(project, "lite")} == {
        "2.0"
    }


def test_builds_the_platform_wheels_of_a_variant_and_no_sdist(project: Path) -> None:
    file = project / "pyproject.toml"
    tags = ("py3-none-win_amd64", "1-py3-none-macosx_11_0_arm64")
    wheels = "".join(f'"{each}" = {{ force-include = {{ "made/{each}" = "demo/tool" }} }}\n' for each in tags)
    file.write_text(f"{PYPROJECT}\n[tool.publish-all.variants.full.wheels]\n{wheels}", encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        run_target(project, "full")
    assert ended.value.code == 1
    (project / "made").mkdir()
    for each in tags:
        (project / "made" / each).write_text(each)
    assert [each.name for each in run_target(project, "full")] == [
        f"demo_full-1.2.3-{each}.whl" for each in tags
    ]
    assert distributions(project / "dist") == {f"demo_full-1.2.3-{each}.whl" for each in tags}
