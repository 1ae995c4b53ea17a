"""Stages: copies of a project in a temporary folder, of just the files that belong to it.

Backends which cannot be given a configuration in process are run in a stage, and so are projects
whose files are to stand elsewhere than they do (`layout`). Small files are copied and large ones
hard-linked, so that nothing a build does in the stage can change the original.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from publish_all.builders.select import key_path
from publish_all.builders.source_tree import SourceTree, normal
from publish_all.errors import BuildError
from publish_all.variants.variant import BuildVariant

# What hooks rewrite in place (version files) is small. A write through a hard link changes the original.
_HARD_LINK_FROM = 1 << 20
# 2020-02-02, hatchling's date: every stage has the same times, so that backends which record them reproduce.
DEFAULT_EPOCH = 1580601600


class Stages:
    """The stages of one project, below `folder`, which the caller removes at the end.

    `shared` makes one stage per layout and additions, for builders that only read; `fresh` always
    makes a new one, for backends that write where they build.
    """

    def __init__(self, tree: SourceTree, folder: Path) -> None:
        self.tree = tree
        self._folder = folder.resolve()
        self._shared: dict[tuple[tuple[tuple[str, str], ...], ...], Path] = {}
        self._count = 0

    def shared(
        self, *, layout: Mapping[str, str], additions: Mapping[str, str] | None = None, origin: str = "layout"
    ) -> Path:
        """The stage with this layout and `additions` (path in the stage → path of a file or folder in the project). Do not write in it."""
        key = (tuple(layout.items()), tuple((additions or {}).items()))
        if key not in self._shared:
            self._shared[key] = self.fresh(layout=layout, additions=additions, origin=origin)
        return self._shared[key]

    def fresh(
        self, *, layout: Mapping[str, str], additions: Mapping[str, str] | None = None, origin: str = "layout"
    ) -> Path:
        """A new stage. `origin` is the key path that messages about the layout name."""
        self._count += 1
        stage = self._folder / str(self._count) / "project"
        stage.mkdir(parents=True)
        plan = planned(self.tree, layout=layout, origin=origin)
        for path, source in (additions or {}).items():
            named = self.tree.named(source)
            plan.update({_join(normal(path), _below(each, normal(source))): each for each in named})
        for target, source in plan.items():
            _place(self.tree, source, stage / target)
        _set_folder_times(stage)
        return stage


def link_repository(top: Path, stage: Path) -> None:
    """Let git in `stage`, a stage of the whole repository at `top`, see that repository's history and index.

    For version sources and file finders that ask git. Nothing is written: whoever runs there has
    `GIT_OPTIONAL_LOCKS=0`.
    """
    marker = top / ".git"
    if marker.is_dir():
        folder = marker
    elif marker.is_file():  # of a worktree or a submodule
        folder = (top / marker.read_text(encoding="utf-8").partition("gitdir:")[2].strip()).resolve()
    else:
        return
    (stage / ".git").write_text(f"gitdir: {folder}\n", encoding="utf-8")


@contextlib.contextmanager
def working_directory(folder: Path) -> Iterator[None]:
    """Backends and their git look at the current folder. (`contextlib.chdir` comes with Python 3.11.)"""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def forced_sources(tree: SourceTree, variant: BuildVariant) -> dict[str, str]:
    """`force-include` file by file: path inside the wheel → path in the project.

    A source is looked for in the stage that the layout describes, then in the project. Raises
    `BuildError` for one that is in neither.
    """
    plan = planned(tree, layout=variant.layout, origin=key_path(variant, "layout"))
    found: dict[str, str] = {}
    for stated, inside in variant.force_include.items():
        source, target = normal(stated), normal(inside)
        staged = {
            each: path for each, path in plan.items() if each == source or each.startswith(source + "/")
        }
        files = staged or {each: each for each in tree.named(source)}
        if not files:
            msg = f'{key_path(variant, "force-include", stated)}."{stated}": there is no file or folder {stated} in {tree.root}'
            raise BuildError(msg, hint="If a step before the build makes it, run that first.")
        found.update({_join(target, _below(each, source)): path for each, path in files.items()})
    return found


def planned(tree: SourceTree, *, layout: Mapping[str, str], origin: str = "layout") -> dict[str, str]:
    """Path in the stage → path in the project, in the order of placing.

    Without a layout that is every file of the project where it is. With one it is the files in the
    root folder, and each left of the layout at its right. Raises `BuildError` for a left that has no files.
    """
    if not layout:
        return {path: path for path in tree.files}
    plan = {path: path for path in tree.files if "/" not in path and (tree.root / path).is_file()}
    for left, right in layout.items():
        plan.update(_moved(tree, left, right, origin))
    return plan


def _moved(tree: SourceTree, left: str, right: str, origin: str) -> dict[str, str]:
    source, target = normal(left), normal(right)
    files = tree.under(source)
    if not files:
        exists = (tree.root / source).exists()
        msg = f'{origin}."{left}": ' + (
            f"git ignores everything in {left}" if exists else f"there is no {left} in {tree.root}"
        )
        raise BuildError(msg, hint="A layout maps a path in the project to its path in the stage.")
    return {_join(target, _below(each, source)): each for each in files}


def _below(path: str, folder: str) -> str:
    return path[len(folder) :].lstrip("/") if folder else path


def _join(folder: str, path: str) -> str:
    return PurePosixPath(folder, path).as_posix() if folder else path


def _place(tree: SourceTree, source: str, target: Path) -> None:
    original = tree.root / source
    if original.is_symlink():
        _place_linked(tree, original, target)
    else:
        _place_file(original, target)


def _place_linked(tree: SourceTree, link: Path, target: Path) -> None:
    """A link becomes what it points at: it would dangle, or lead out of the stage. Never what git ignores."""
    meant = Path(os.path.realpath(link))
    if not meant.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(link.readlink())
    elif not meant.is_relative_to(tree.root):
        _place_outside(meant, target)
    else:
        inside = meant.relative_to(tree.root).as_posix()
        for each in tree.under(inside):
            if not (tree.root / each).is_symlink():  # a link to a folder that holds the link never ends
                _place_file(tree.root / each, target / _below(each, inside))


def _place_outside(meant: Path, target: Path) -> None:
    if meant.is_file():
        _place_file(meant, target)
        return
    for each in SourceTree(meant).files:
        if not (meant / each).is_symlink():
            _place_file(meant / each, target / each)


def _place_file(original: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    stat = original.stat()
    if stat.st_size >= _HARD_LINK_FROM and _hard_link(original, target):
        return
    shutil.copyfile(original, target)
    target.chmod(0o755 if stat.st_mode & 0o100 else 0o644)
    os.utime(target, (DEFAULT_EPOCH, DEFAULT_EPOCH))


def _hard_link(original: Path, target: Path) -> bool:
    try:
        os.link(original, target)
    except OSError:  # another file system, or one without hard links
        return False
    return True


def _set_folder_times(stage: Path) -> None:
    for folder, _, _ in os.walk(stage, topdown=False):
        os.utime(folder, (DEFAULT_EPOCH, DEFAULT_EPOCH))
