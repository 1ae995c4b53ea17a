import os
from pathlib import Path

import pytest

from publish_all._process import run
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.stage import Stages, forced_sources, link_repository, planned, working_directory
from publish_all.errors import BuildError

FILES = {
    ".gitignore": "*.env\nmade/\n",
    "README.md": "readme",
    "pyproject.toml": "",
    "packages/kindling/__init__.py": "",
    "packages/kindling/sub/a.py": "",
    "packages/kindling/s.env": "secret",
    "packages/other/__init__.py": "",
    "made/tool": "binary",
}
LAYOUT = {"packages/kindling": "kindling"}


def files_of(stage: Path) -> list[str]:
    return sorted(each.relative_to(stage).as_posix() for each in stage.rglob("*") if not each.is_dir())


@pytest.fixture
def stages(make_tree, tmp_path):
    return Stages(SourceTree(make_tree(FILES)), tmp_path / "stages")


def test_without_a_layout_it_is_the_whole_project_but_what_git_ignores(stages):
    assert files_of(stages.fresh(layout={})) == sorted(set(FILES) - {"packages/kindling/s.env", "made/tool"})


def test_a_layout_takes_the_left_to_the_right_and_the_files_of_the_root(stages):
    stage = stages.fresh(layout=LAYOUT)
    assert files_of(stage) == [
        ".gitignore",
        "README.md",
        "kindling/__init__.py",
        "kindling/sub/a.py",
        "pyproject.toml",
    ]


def test_a_layout_can_lift_a_folder_to_the_root_and_place_a_single_file(stages):
    layout = {"packages/kindling": ".", "packages/other/__init__.py": "o/one.py"}
    assert {"__init__.py", "sub/a.py", "o/one.py"} <= set(files_of(stages.fresh(layout=layout)))


@pytest.mark.parametrize(
    ("left", "why"), [("absent", "there is no absent"), ("made", "git ignores everything")]
)
def test_a_left_without_files_is_named_with_its_key_path(stages, left, why):
    with pytest.raises(BuildError, match=f'variants.x.layout."{left}": {why}'):
        stages.fresh(layout={left: "a"}, origin="variants.x.layout")


def test_additions_are_taken_though_git_ignores_them(stages):
    stage = stages.fresh(
        layout=LAYOUT, additions={"kindling/bin": "made", "one.py": "packages/other/__init__.py"}
    )
    assert {"kindling/bin/tool", "one.py"} <= set(files_of(stage))


def test_equal_stages_are_shared_and_fresh_ones_are_not(stages):
    assert stages.shared(layout=LAYOUT) == stages.shared(layout=dict(LAYOUT))
    assert stages.shared(layout=LAYOUT) != stages.shared(layout={})
    assert stages.fresh(layout=LAYOUT) != stages.fresh(layout=LAYOUT)


def test_writing_in_a_stage_leaves_the_original_alone(stages):
    stage = stages.fresh(layout={})
    (stage / "README.md").write_text("changed")
    assert (stages.tree.root / "README.md").read_text() == "readme"


def test_large_files_are_not_copied(stages):
    large = stages.tree.root / "large.bin"
    large.write_bytes(b"x" * (1 << 20))
    assert (stages.fresh(layout={}) / "large.bin").samefile(large)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no exec bit")
def test_the_exec_bit_is_kept_and_all_else_is_the_same_everywhere(stages):
    (stages.tree.root / "README.md").chmod(0o700)
    (stages.tree.root / "pyproject.toml").chmod(0o660)
    stage = stages.fresh(layout={})
    modes = [(stage / name).stat().st_mode & 0o777 for name in ("README.md", "pyproject.toml")]
    assert modes == [0o755, 0o644]
    assert {(stage / name).stat().st_mtime for name in ("README.md", "packages")} == {1580601600}


@pytest.mark.skipif(os.name == "nt", reason="only administrators make links on Windows")
def test_links_become_what_they_point_at_but_for_ignored_files(stages, tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("shared")
    root = stages.tree.root
    for name, target in {
        "file": "README.md",
        "folder": "packages/kindling",
        "secret": "packages/kindling/s.env",
        "dangling": "nowhere",
        "outside": str(outside),
    }.items():
        (root / name).symlink_to(target)
    stage = stages.fresh(layout={})
    assert not (stage / "file").is_symlink()
    assert (stage / "file").read_text() == "readme"
    assert files_of(stage / "folder") == ["__init__.py", "sub/a.py"]
    assert not (stage / "secret").exists()
    assert (stage / "dangling").is_symlink()
    assert (stage / "outside").read_text() == "shared"


def test_force_include_is_looked_for_in_the_stage_and_then_in_the_project(stages, make_variant):
    variant = make_variant(
        {}, layout=LAYOUT, force_include={"kindling/sub": "kindling/copy", "packages/other": "kindling/other"}
    )
    assert forced_sources(stages.tree, variant) == {
        "kindling/copy/a.py": "packages/kindling/sub/a.py",
        "kindling/other/__init__.py": "packages/other/__init__.py",
    }


def test_force_include_of_what_is_not_there_names_its_key_path(stages, make_variant):
    variant = make_variant({}, force_include={"absent": "a"})
    with pytest.raises(BuildError, match=r'^tool\.publish-all\.variants\.x\.force-include\."absent"'):
        forced_sources(stages.tree, variant)


def test_the_plan_says_where_each_file_comes_from(stages):
    assert planned(stages.tree, layout=LAYOUT)["kindling/sub/a.py"] == "packages/kindling/sub/a.py"


def test_git_can_be_asked_in_a_stage_of_the_repository(stages):
    stage = stages.fresh(layout={})
    link_repository(stages.tree.root, stage)
    listed = run(["git", "ls-files", "packages/other"], cwd=stage)
    assert listed.stdout == "packages/other/__init__.py\n"
    assert run(["git", "status", "--porcelain", "README.md"], cwd=stage).stdout == "A  README.md\n"


def test_git_can_be_asked_in_a_stage_of_a_worktree(stages, tmp_path):
    root, worktree = stages.tree.root, tmp_path / "worktree"
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    run(["git", *identity, "commit", "--quiet", "-m", "all"], cwd=root)
    run(["git", "worktree", "add", "--quiet", str(worktree)], cwd=root)
    stage = Stages(SourceTree(worktree), tmp_path / "more").fresh(layout={})
    link_repository(worktree, stage)
    assert run(["git", "log", "--format=%s"], cwd=stage).stdout == "all\n"


def test_the_working_directory_comes_back(tmp_path):
    before = Path.cwd()

    def fail_there() -> None:
        with working_directory(tmp_path):
            assert Path.cwd() == tmp_path.resolve()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_there()
    assert Path.cwd() == before
