import os
from pathlib import Path

import pytest

from publish_all._process import run
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.stage import Stages, forced_sources, planned, working_directory
from publish_all.errors import BuildError, ConfigurationError
from publish_all.variants.variant import BuildVariant

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


def laid_out(layout) -> BuildVariant:
    return BuildVariant(
        name="x",
        project="demo-x",
        version="1.0",
        pyproject={},
        selection_name="demo",
        layout=layout,
        force_include={},
    )


def files_of(stage: Path) -> list[str]:
    return sorted(each.relative_to(stage).as_posix() for each in stage.rglob("*") if not each.is_dir())


@pytest.fixture
def stages(make_tree, tmp_path):
    return Stages(SourceTree(make_tree(FILES)), tmp_path / "stages")


def test_without_a_layout_it_is_the_whole_project_but_what_git_ignores(stages):
    assert files_of(stages.fresh()) == sorted(set(FILES) - {"packages/kindling/s.env", "made/tool"})


def test_a_layout_takes_the_left_to_the_right_and_the_files_of_the_root(stages):
    stage = stages.fresh(laid_out(LAYOUT))
    assert files_of(stage) == [
        ".gitignore",
        "README.md",
        "kindling/__init__.py",
        "kindling/sub/a.py",
        "pyproject.toml",
    ]


def test_a_layout_can_lift_a_folder_to_the_root_and_place_a_single_file(stages):
    layout = {"packages/kindling": ".", "packages/other/__init__.py": "o/one.py"}
    assert {"__init__.py", "sub/a.py", "o/one.py"} <= set(files_of(stages.fresh(laid_out(layout))))


@pytest.mark.parametrize(("left", "why"), [("absent", "no absent"), ("made", "git ignores everything")])
def test_a_left_without_files_is_named_with_its_key_path(stages, left, why):
    with pytest.raises(BuildError, match=f'variants.x.layout."{left}": {why}'):
        stages.fresh(laid_out({left: "a"}))


def test_additions_are_taken_though_git_ignores_them(stages):
    stage = stages.fresh(
        laid_out(LAYOUT), additions={"kindling/bin": "made", "one.py": "packages/other/__init__.py"}
    )
    assert {"kindling/bin/tool", "one.py"} <= set(files_of(stage))


def test_equal_stages_are_shared_and_fresh_ones_are_not(stages):
    assert stages.shared(laid_out(LAYOUT)) == stages.shared(laid_out(dict(LAYOUT)))
    assert stages.shared(laid_out(LAYOUT)) != stages.shared(laid_out({}))
    assert stages.fresh(laid_out(LAYOUT)) != stages.fresh(laid_out(LAYOUT))


def test_writing_in_a_stage_leaves_the_original_alone(stages):
    stage = stages.fresh()
    (stage / "README.md").write_text("changed")
    assert (stages.tree.root / "README.md").read_text() == "readme"


def test_large_files_are_not_copied(stages):
    large = stages.tree.root / "large.bin"
    large.write_bytes(b"x" * (1 << 20))
    assert (stages.fresh() / "large.bin").samefile(large)


@pytest.mark.posix("modes")
def test_the_exec_bit_is_kept_and_all_else_is_the_same_everywhere(stages):
    (stages.tree.root / "README.md").chmod(0o700)
    (stages.tree.root / "pyproject.toml").chmod(0o660)
    stage = stages.fresh()
    modes = [(stage / name).stat().st_mode & 0o777 for name in ("README.md", "pyproject.toml")]
    assert modes == [0o755, 0o644]
    assert {(stage / name).stat().st_mtime for name in ("README.md", "packages")} == {1580601600}


@pytest.fixture
def linked(stages, tmp_path):
    """The project with links to a file, a folder, what git ignores, nothing, and a file outside of the repository."""
    outside = tmp_path / "outside.txt"
    outside.write_text("shared")
    for name, target in {
        "file": "README.md",
        "folder": "packages/kindling",
        "secret": "packages/kindling/s.env",
        "dangling": "nowhere",
        "outside": str(outside),
    }.items():
        (stages.tree.root / name).symlink_to(target)
    return stages


@pytest.mark.posix("links")
def test_links_stay_links_unless_they_lead_to_what_is_not_in_the_stage(linked):
    stage = linked.fresh()
    assert (stage / "file").readlink() == Path("README.md")
    assert (stage / "folder").readlink() == Path("packages/kindling")
    assert sorted(each.name for each in (stage / "folder").iterdir()) == ["__init__.py", "sub"]
    assert not os.path.lexists(stage / "secret")
    assert (stage / "dangling").is_symlink()
    assert not (stage / "outside").is_symlink()
    assert (stage / "outside").read_text() == "shared"


@pytest.mark.posix("links")
def test_with_a_layout_links_become_what_they_point_at(linked):
    (linked.tree.root / "packages/kindling/again.md").symlink_to("../../README.md")
    stage = linked.fresh(laid_out(LAYOUT))
    assert not (stage / "kindling/again.md").is_symlink()
    assert (stage / "kindling/again.md").read_text() == "readme"


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
    with pytest.raises(ConfigurationError, match=r'^tool\.publish-all\.variants\.x\.force-include\."absent"'):
        forced_sources(stages.tree, variant)


def test_the_plan_says_where_each_file_comes_from(stages):
    assert planned(stages.tree, laid_out(LAYOUT))["kindling/sub/a.py"] == "packages/kindling/sub/a.py"


IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "protocol.file.allow=always")


def git(folder, *arguments):
    done = run(["git", *IDENTITY, *arguments], cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def commit(root):
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "all")
    git(root, "tag", "v1.2.3")


def described(folder):
    return git(folder, "describe", "--tags", "--dirty").strip(), git(folder, "status", "--porcelain")


@pytest.fixture
def monorepo(make_tree, tmp_path):
    """A repository with a submodule, whose project is the folder `py`, and links in every direction."""
    library = make_tree({"lib.c": "int a;"}, name="library")
    commit(library)
    root = make_tree(
        {
            "README.md": "readme",
            "Cargo.toml": "[workspace]",
            "py/pyproject.toml": "",
            "py/src/demo/__init__.py": "",
            "py/src/demo/old.py": "",
            ".gitignore": "*.env\n",
        },
        name="mono",
    )
    if os.name == "posix":
        (root / "py/README.md").symlink_to("../README.md")
        (root / "code").symlink_to("py/src/demo")
    else:  # links need a right there
        (root / "py/README.md").write_text("readme")
    git(root, "submodule", "--quiet", "add", str(library), "vendor/library")
    commit(root)
    return root


@pytest.fixture
def in_monorepo(monorepo, tmp_path):
    return Stages(SourceTree(monorepo / "py"), tmp_path / "stages")


def test_a_stage_is_the_project_in_its_repository(in_monorepo):
    project = in_monorepo.fresh(git=True)
    assert project.name == "py"
    assert (project / "../README.md").read_text() == "readme"
    assert (project / "README.md").read_text() == "readme"
    assert (project / "../vendor/library/lib.c").is_file()
    assert described(project) == ("v1.2.3", "")
    assert described(project / "../vendor/library") == ("v1.2.3", "")
    assert git(project, "ls-files") == "README.md\npyproject.toml\nsrc/demo/__init__.py\nsrc/demo/old.py\n"


def test_what_a_variant_changes_does_not_make_the_tree_dirty(in_monorepo):
    project = in_monorepo.fresh(git=True, dropped=["src/demo/old.py"], project_file=b"# other")
    assert not (project / "src/demo/old.py").exists()
    assert (project / "pyproject.toml").read_bytes() == b"# other"
    assert described(project) == ("v1.2.3", "")


def test_a_layout_does_not_make_the_tree_dirty(in_monorepo):
    project = in_monorepo.fresh(laid_out({"src/demo": "demo"}), git=True)
    assert described(project)[0] == "v1.2.3"


@pytest.mark.parametrize("change", ["modify", "delete", "stage", "submodule", "outside"])
def test_what_the_user_has_changed_counts_in_the_stage_as_well(in_monorepo, monorepo, change):
    match change:
        case "modify":
            (monorepo / "py/src/demo/old.py").write_text("x = 1")
        case "delete":
            (monorepo / "py/src/demo/old.py").unlink()
        case "stage":
            (monorepo / "py/new.py").touch()
            git(monorepo, "add", ".")
        case "submodule":
            (monorepo / "vendor/library/lib.c").write_text("int b;")
        case "outside":
            (monorepo / "Cargo.toml").write_text("[package]")
    project = in_monorepo.fresh(git=True, project_file=b"# other")
    assert described(project)[0] == "v1.2.3-dirty"
    assert described(project) == described(monorepo)


def test_an_untracked_file_is_told_by_git_in_the_stage_as_in_the_project(in_monorepo, monorepo):
    (monorepo / "py/new.py").touch()
    (monorepo / "py/secret.env").touch()
    project = in_monorepo.fresh(git=True)
    assert described(project) == described(monorepo) == ("v1.2.3", "?? py/new.py\n")
    assert not (project / "secret.env").exists()


def test_nothing_of_a_stage_is_left_in_the_repository(in_monorepo, monorepo):
    before = sorted(each for each in (monorepo / ".git").rglob("*"))
    content = (monorepo / ".git/index").read_bytes()
    in_monorepo.fresh(git=True, project_file=b"# other")
    assert sorted(each for each in (monorepo / ".git").rglob("*")) == before
    assert (monorepo / ".git/index").read_bytes() == content


def test_a_submodule_that_is_not_checked_out_is_an_empty_folder(monorepo, tmp_path):
    git(tmp_path, "clone", "--quiet", str(monorepo), "clone")
    project = Stages(SourceTree(tmp_path / "clone/py"), tmp_path / "stages").fresh(git=True)
    assert (project / "../vendor/library").is_dir()
    assert described(project) == ("v1.2.3", "")


def test_git_can_be_asked_in_a_stage_of_a_worktree_and_of_a_submodule(monorepo, tmp_path):
    git(monorepo, "worktree", "add", "--quiet", str(tmp_path / "worktree"))
    for number, root in enumerate((tmp_path / "worktree/py", monorepo / "vendor/library")):
        project = Stages(SourceTree(root), tmp_path / str(number)).fresh(git=True)
        assert described(project) == ("v1.2.3", "")
    assert "worktree" in git(monorepo, "worktree", "list")


def test_the_file_that_leads_to_the_data_of_a_submodule_is_the_users_in_every_stage(monorepo, tmp_path):
    inner = monorepo / "vendor/inner"
    inner.mkdir()
    git(inner, "init", "--quiet")
    (inner / "a.py").touch()
    commit(inner)
    stages = Stages(SourceTree(monorepo / "py"), tmp_path / "stages")
    tops = [stages.fresh(git=True).parent for _ in range(2)]
    for top in tops:
        assert (top / ".git").is_dir()
        assert (top / "vendor/library/.git").read_text() == (monorepo / "vendor/library/.git").read_text()
        assert (top / "vendor/inner/.git").read_text() == "gitdir: ../../.git/modules/vendor/inner\n"
        assert described(top / "vendor/inner") == ("v1.2.3", "")


def test_in_a_repository_without_a_commit_git_can_be_asked(stages):
    stage = stages.fresh(git=True)
    assert git(stage, "ls-files", "packages/other") == "packages/other/__init__.py\n"


def test_many_files_are_placed_by_threads(make_tree, tmp_path):
    files = {f"data/{number}.txt": str(number) for number in range(600)}
    stage = Stages(SourceTree(make_tree(files)), tmp_path / "stages").fresh()
    assert {each.name: each.read_text() for each in (stage / "data").iterdir()} == {
        f"{number}.txt": str(number) for number in range(600)
    }


def test_the_working_directory_comes_back(tmp_path):
    before = Path.cwd()

    def fail_there() -> None:
        with working_directory(tmp_path):
            assert Path.cwd() == tmp_path.resolve()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_there()
    assert Path.cwd() == before
