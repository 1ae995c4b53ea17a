import os
from pathlib import Path

import pytest

from publish_all._own_files import INDEX_LOCK
from publish_all._process import Completed, run
from publish_all.builders.source_tree import SourceTree, normal, relative
from publish_all.errors import BuildError

FILES = {
    ".gitignore": "*.env\ndist/\nmade/\n",
    "demo/__init__.py": "",
    "demo/a.env": "secret",
    "demo/ü.env": "secret",
    "demo/nested/.gitignore": "private.py\n",
    "demo/nested/private.py": "",
    "made/tool": "",
    "dist/old.whl": "",
}
OWN = (".gitignore", "demo/__init__.py", "demo/nested/.gitignore")


def test_in_git_it_is_what_git_does_not_ignore(make_tree):
    tree = SourceTree(make_tree(FILES))
    assert tree.in_git
    assert tree.files == OWN


def test_new_files_count_and_deleted_ones_do_not(make_tree):
    root = make_tree(FILES)
    (root / "demo/new.py").touch()
    (root / "demo/__init__.py").unlink()
    assert SourceTree(root).files == (".gitignore", "demo/nested/.gitignore", "demo/new.py")


def test_a_file_that_git_tracks_counts_though_it_is_ignored(make_tree):
    root = make_tree(FILES)
    run(["git", "add", "--force", "demo/a.env"], cwd=root)
    assert "demo/a.env" in SourceTree(root).files


@pytest.mark.parametrize("git", [True, False])
def test_knows_which_files_are_links(make_tree, git):
    root = make_tree({"a.py": "", "b/c.py": ""}, git=git)
    (root / "link.py").symlink_to("a.py")
    (root / "folder").symlink_to("b")
    (root / "b/nowhere").symlink_to("missing")
    tree = SourceTree(root)
    assert tree.files == ("a.py", "b/c.py", "b/nowhere", "folder", "link.py")
    assert tree.links == {"link.py", "folder", "b/nowhere"}


def test_in_a_subfolder_of_a_repository(make_tree):
    root = make_tree({f"core/{path}": content for path, content in FILES.items()} | {"other.py": ""})
    assert SourceTree(root / "core").files == OWN


MADE_BY_TOOLS = {
    ".venv/pyvenv.cfg": "",
    ".venv/x.py": "",
    "env/conda-meta/history": "",
    "a/.mypy_cache/CACHEDIR.TAG": "",
    "a/__pycache__/b.pyc": "",
    "a.egg-info/PKG-INFO": "",
    "build/lib/a/old.py": "",
    "dist/old-1.0-py3-none-any.whl": "",
    "node_modules/left/index.js": "",
    "CVS/Entries": "",
    "CVS/Repository": "",
}
NAMED_LIKE_THEM = (
    "a/build/c.py",
    "a/CVS/d.py",
    "a/node_modules/e.js",
    "a/venv/__init__.py",
    "dist/__init__.py",
)


def test_outside_of_git_it_is_everything_that_no_tool_made(make_tree):
    tree = SourceTree(make_tree({"a/b.py": "", **MADE_BY_TOOLS}, git=False))
    assert not tree.in_git
    assert tree.files == ("a/b.py",)


@pytest.mark.parametrize("git", [True, False])
def test_a_folder_is_not_left_out_for_its_name(make_tree, git):
    tree = SourceTree(make_tree(dict.fromkeys(NAMED_LIKE_THEM, ""), git=git))
    assert tree.files == tuple(sorted(NAMED_LIKE_THEM))


def test_what_setuptools_left_behind_is_left_out_unless_git_tracks_it(make_tree):
    root = make_tree({"a.py": "", "build/lib/kept.py": "", "docs.egg-info/PKG-INFO": ""})
    for made in ("build/lib/old.py", "build/bdist.linux/x", "a.egg-info/PKG-INFO", "a.egg-info/SOURCES.txt"):
        (root / made).parent.mkdir(parents=True, exist_ok=True)
        (root / made).touch()
    assert SourceTree(root).files == ("a.py", "build/lib/kept.py", "docs.egg-info/PKG-INFO")


def test_a_package_called_build_is_no_output(make_tree):
    root = make_tree({"build/__init__.py": ""})
    (root / "build/lib").mkdir()
    (root / "build/lib/new.py").touch()
    assert SourceTree(root).files == ("build/__init__.py", "build/lib/new.py")


def test_distributions_in_the_root_are_left_out_where_builds_write_there(make_tree):
    root = make_tree({"a.py": "", "vendored-1.0-py3-none-any.whl": ""})
    for name in ("a-1.0.tar.gz", "a-1.0-py3-none-any.whl", "publish-all.json", "notes.txt"):
        (root / name).touch()
    tree = SourceTree(root, leave_out=[root])
    assert tree.files == ("a.py", "notes.txt", "vendored-1.0-py3-none-any.whl")


@pytest.mark.posix("names")
@pytest.mark.parametrize("git", [True, False])
def test_a_file_name_that_is_not_utf8_is_an_error_that_names_the_file(make_tree, git):
    root = make_tree({"a.py": ""}, git=git)
    Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9.txt")).touch()
    with pytest.raises(BuildError, match=r"not valid UTF-8: caf\\"):
        _ = SourceTree(root).files


def test_a_folder_that_an_outer_repository_ignores_is_outside_of_git(make_tree):
    root = make_tree({".gitignore": "copy/\n", "copy/a.py": ""})
    tree = SourceTree(root / "copy")
    assert not tree.in_git
    assert tree.files == ("a.py",)


def test_output_folders_are_left_out(make_tree):
    root = make_tree({"a.py": "", "out/old.whl": ""})
    assert SourceTree(root, leave_out=[root / "out", root]).files == ("a.py",)


@pytest.mark.parametrize("git", [True, False])
def test_an_index_in_the_project_is_output(make_tree, git):
    root = make_tree({"a.py": "", "simple/data.json": ""}, git=git)
    (root / "packages/simple/a").mkdir(parents=True)
    for each in ("simple/a/a-1.0.tar.gz", "simple/index.html", INDEX_LOCK):
        (root / "packages" / each).touch()
    (root / "packages/b.py").touch()
    assert SourceTree(root).files == ("a.py", "packages/b.py", "simple/data.json")


def test_tells_what_git_tracks_and_which_repositories_are_inside(make_tree):
    tree = SourceTree(make_tree({"a.py": ""}))
    make_tree({"b.py": ""}, name="project/inner")
    (tree.root / "new.py").touch()
    assert tree.files == ("a.py", "inner/b.py", "new.py")
    assert tree.tracked == {"a.py", "inner/b.py"}
    assert tree.nested == {"inner": True}
    assert tree.top == tree.root
    assert SourceTree(tree.root / "inner").top == tree.root / "inner"


def test_repositories_inside_are_looked_into(make_tree):
    inner = make_tree({"b.py": "", "b.env": "", ".gitignore": "*.env\n"}, name="project/inner")
    assert inner.is_dir()
    assert SourceTree(make_tree({"a.py": ""})).files == ("a.py", "inner/.gitignore", "inner/b.py")


def test_what_is_asked_for_by_name_is_taken_whether_git_ignores_it_or_not(make_tree):
    tree = SourceTree(make_tree(FILES))
    assert tree.named("made") == ("made/tool",)
    assert tree.named("demo/a.env") == ("demo/a.env",)
    assert tree.named("demo/nested") == ("demo/nested/.gitignore", "demo/nested/private.py")
    assert tree.named("absent") == ()
    assert tree.under("made") == ()


def test_a_repository_that_git_refuses_to_read_is_an_error(make_tree):
    def refusing(command, *, cwd, environment=None, timeout=None):
        return Completed(returncode=128, stdout="", stderr="fatal: detected dubious ownership in repository")

    tree = SourceTree(make_tree(FILES), run=refusing)
    with pytest.raises(BuildError, match="dubious ownership") as caught:
        _ = tree.files
    assert "safe.directory" in str(caught.value.hint)


def test_a_worktree_whose_repository_is_gone_is_an_error(make_tree):
    root = make_tree({"a.py": "", "a.env": "", ".git": "gitdir: /nowhere/.git/worktrees/a"}, git=False)
    with pytest.raises(BuildError, match="not a git repository: /nowhere"):
        _ = SourceTree(root).files


def test_a_repository_without_git_is_an_error(make_tree):
    def missing(command, *, cwd, environment=None, timeout=None):
        raise FileNotFoundError(command[0])

    with pytest.raises(BuildError, match="`git` is not installed"):
        _ = SourceTree(make_tree(FILES), run=missing).files


@pytest.mark.parametrize(
    ("given", "path"), [(".", ""), ("", ""), ("a/", "a"), ("./a//b", "a/b"), ("a\\b", "a/b")]
)
def test_paths_have_one_form(given, path):
    assert normal(given) == path


def test_tells_where_git_put_crlf(make_tree):
    root = make_tree({"a.py": "a\n", "b.py": "b\r\n", "ä.py": "c\n"})
    assert SourceTree(root).crlf() == ()
    run(["git", "config", "core.autocrlf", "true"], cwd=root)
    (root / "ä.py").write_bytes(b"c\r\n")
    assert SourceTree(root).crlf() == ("ä.py",)


def test_a_path_on_another_drive_is_shown_as_it_is(monkeypatch):
    def refuse(*paths):
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr("os.path.relpath", refuse)
    assert relative("/d/file", "/c") == "/d/file"
