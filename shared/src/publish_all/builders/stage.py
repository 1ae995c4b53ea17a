"""Stages: copies of a project, in the repository around it, in which a backend may write.

A stage looks like the user's own checkout: the same files in the same places, links as links, the folders
of the repository above the project, and git's data with the same HEAD, tags and changes. It only differs in
the changes of a build variant, which git does not count as changes. Ignored files are not in it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path, PurePath, PurePosixPath

from publish_all._git import ask_git
from publish_all._process import Completed
from publish_all.builders.builder import notes_once
from publish_all.builders.select import LATER, key_path, texts
from publish_all.builders.source_tree import SourceTree, normal
from publish_all.builders.stated_files import files_of_metadata, missing_files, selections_without_files
from publish_all.builders.unix_modes import keep_mode
from publish_all.errors import BuildError, ConfigurationError
from publish_all.events import Listener, ignore
from publish_all.variants.variant import BuildVariant

# Hooks rewrite small files in place (version files). A write through a hard link changes the original.
_HARD_LINK_FROM = 1 << 20
# 2020-02-02, hatchling's date: every stage has the same times, so that backends which record them reproduce.
DEFAULT_EPOCH = 1580601600
_PYPROJECT = "pyproject.toml"
_AT_ONCE = 200  # paths, which fit into a command line on every system
_LONG = 600.0  # seconds, for repositories of very many files


class Stages:
    """The stages of one project, below `folder`, which the caller removes later.

    `shared` creates one stage per layout and additions, for builders that only read; `fresh` always
    creates a new one, for backends that write in the folder of the build.
    """

    def __init__(self, tree: SourceTree, folder: Path) -> None:
        self.tree = tree
        self._folder = folder.resolve()
        self._shared: dict[object, Path] = {}
        self._count = 0

    @cached_property
    def _around(self) -> SourceTree:
        """The whole repository of which the project is a part."""
        return self.tree if self.tree.top == self.tree.root else SourceTree(self.tree.top)

    @cached_property
    def _below(self) -> str:
        """The project's path in the repository, with a slash at its end; empty for the root."""
        path = self.tree.root.relative_to(self.tree.top).as_posix()
        return "" if path == "." else f"{path}/"

    def shared(
        self,
        variant: BuildVariant,
        *,
        additions: Mapping[str, str] | None = None,
        dropped: Collection[str] = (),
        project_file: bytes | None = None,
    ) -> Path:
        """The stage with the variant's layout and the changes of `fresh`. Do not write in it.

        `project_file` is the content of its pyproject.toml, None for the project's own, until the next call.
        """
        metadata = frozenset(_metadata(self.tree, variant))
        layout, added = tuple(variant.layout.items()), tuple((additions or {}).items())
        key = (layout, added, frozenset(dropped), metadata)
        if key not in self._shared:
            self._shared[key] = self.fresh(variant, additions=additions, dropped=dropped, links=False)
        own = self.tree.root / _PYPROJECT
        if project_file is None and own.is_file():
            project_file = own.read_bytes()
        if project_file is not None:
            _write(self._shared[key] / _PYPROJECT, project_file)
        return self._shared[key]

    def fresh(
        self,
        variant: BuildVariant | None = None,
        *,
        additions: Mapping[str, str] | None = None,
        dropped: Iterable[str] = (),
        project_file: bytes | None = None,
        git: bool = False,
        links: bool = True,
    ) -> Path:
        """A new stage with the variant's layout (None: the project as it is); the path of the project in it.

        `additions` are files or folders of the project by their paths in the stage, `dropped` files that
        are not in the stage, `project_file` is another content of pyproject.toml. With `git`, git works in the stage as
        it does in the project, and counts none of these as changes. Without `links`, links are replaced by their targets.
        """
        self._count += 1
        stage = self._folder / str(self._count) / self.tree.top.name
        project = stage / self._below
        project.mkdir(parents=True)
        plan = planned(self.tree, variant)
        links = links and not (variant and variant.layout)
        solid = linked_out(self.tree, variant)
        for path in dropped:
            plan.pop(path, None)
        for path, source in (additions or {}).items():
            named = self.tree.named(source)
            plan.update({_join(normal(path), _rest(each, normal(source))): each for each in named})
        if project_file is not None:
            plan.pop(_PYPROJECT, None)
            _write(project / _PYPROJECT, project_file)
        _place_all(self.tree, plan, project, around=self._around, as_links=links, solid=solid)
        if self._below:
            outside = {each: each for each in self._around.files if not each.startswith(self._below)}
            leads_out = variant is None or any("../" in each for each in texts(variant.pyproject))
            if not (git or leads_out):  # then only the files that hatchling searches in the folders above
                outside = {each: each for each in outside if each.endswith(".gitignore")}
            _place_all(self._around, outside, stage, around=self._around, as_links=True)
        if git and self.tree.in_git:
            same = {path for path, source in plan.items() if path == source}
            other = {each for each in self._around.links if not (stage / each).is_symlink()}
            for each in self._around.tracked:
                mine = each.startswith(self._below) and each[len(self._below) :] not in same
                if mine and os.path.lexists(self.tree.top / each):  # what the user deleted stays deleted
                    other.add(each)
            link_repository(self._around, stage, self._folder / str(self._count), other=other)
        for folder, _, _ in os.walk(stage, topdown=False):
            os.utime(folder, (DEFAULT_EPOCH, DEFAULT_EPOCH))
        return project


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

    A source is searched in the stage that the layout describes, then in the project. Raises
    `ConfigurationError` for one that is in neither.
    """
    plan = planned(tree, variant) if variant.layout else {}
    found: dict[str, str] = {}
    for stated, inside in variant.force_include.items():
        source, target = normal(stated), normal(inside)
        staged = {
            each: path for each, path in plan.items() if each == source or each.startswith(source + "/")
        }
        files = staged or {each: each for each in tree.named(source)}
        if not files:
            msg = f'{key_path(variant, "force-include", stated)}."{stated}": no file or folder {stated} in {tree.root}'
            raise ConfigurationError(msg, hint=LATER)
        found.update({_join(target, _rest(each, source)): path for each, path in files.items()})
    return found


def planned(tree: SourceTree, variant: BuildVariant | None) -> dict[str, str]:
    """Path in the stage → path in the project, in the order of placing.

    Without a layout that is every file of the project where it is. With one it is the files in the
    root folder, and each left of the layout at its right. Readme, licences and other files that metadata is read
    from are among them, ignored by git or not. Raises `BuildError` for a left that has no files.
    """
    if variant is None:
        return {path: path for path in tree.files}
    if variant.layout:
        plan = {path: path for path in tree.files if "/" not in path and (tree.root / path).is_file()}
        for left, right in variant.layout.items():
            plan.update(_moved(tree, left, right, key_path(variant, "layout")))
    else:
        plan = {path: path for path in tree.files}
    for path in _metadata(tree, variant):
        plan.setdefault(path, path)
    return plan


def _metadata(tree: SourceTree, variant: BuildVariant) -> Iterator[str]:
    for path in sorted(files_of_metadata(variant.pyproject, tree.root)):
        if not any(str(folder) in tree.links for folder in PurePosixPath(path).parents):
            yield path


def linked_out(tree: SourceTree, variant: BuildVariant | None) -> frozenset[str]:
    """Readmes, licences and similar files that are links out of the project: an sdist needs their targets."""
    metadata = () if variant is None else _metadata(tree, variant)
    return frozenset(
        each
        for each in metadata
        if each in tree.links and not (tree.root / each).resolve().is_relative_to(tree.root)
    )


def refuse_missing(
    tree: SourceTree,
    variants: Iterable[BuildVariant],
    *,
    sdist: bool = True,
    listener: Listener = ignore,
) -> None:
    """Raise `BuildError` with all configured files that are missing, or that an sdist cannot contain, if one is built.

    The listener gets notes about patterns that match nothing.
    """
    problems: dict[str, str] = {}
    tell = notes_once(listener)
    for variant in variants:
        plan = partial(planned, tree, variant)
        problems.update(missing_files(variant, tree.root, plan, sdist=sdist))
        for problem, hint in selections_without_files(variant, tree, plan):
            if hint is None:
                tell(problem)
            else:
                problems[problem] = hint
    if problems:
        raise BuildError("\n".join(problems), hint=" ".join(dict.fromkeys(problems.values())))


def _moved(tree: SourceTree, left: str, right: str, origin: str) -> dict[str, str]:
    source, target = normal(left), normal(right)
    files = tree.under(source)
    if not files:
        problem = f"no {left} in {tree.root}"
        if (tree.root / source).exists():
            problem = f"git ignores everything in {left}"
        hint = "A layout maps a path in the project to its path in the build folder."
        raise BuildError(f'{origin}."{left}": {problem}', hint=hint)
    return {_join(target, _rest(each, source)): each for each in files}


def _rest(path: str, folder: str) -> str:
    return path[len(folder) :].lstrip("/") if folder else path


def _join(folder: str, path: str) -> str:
    return PurePosixPath(folder, path).as_posix() if folder else path


def _place_all(
    tree: SourceTree,
    plan: Mapping[str, str],
    stage: Path,
    *,
    around: SourceTree,
    as_links: bool,
    solid: Collection[str] = (),
) -> None:
    """Put the files of a plan into a stage. `as_links`: links stay links where their target is in the stage of `around`, too.

    Links in `solid` are replaced by their targets.
    """
    linked: set[int] = set()
    for folder in sorted({path.rpartition("/")[0] for path in plan}):
        (stage / folder).mkdir(parents=True, exist_ok=True)
    for path, is_checked_out in tree.nested.items():
        if as_links and not is_checked_out:
            (stage / path).mkdir(parents=True, exist_ok=True)
    # Links first: a file of the project wins over one that a link leads to.
    for path, source in sorted(plan.items(), key=lambda each: each[1] not in tree.links):
        if source in tree.links and source not in solid:
            as_link = as_links and path == source
            _place_link(tree.root / source, stage / path, linked, around=around, as_link=as_link)
        else:
            _copy(tree.root / source, stage / path, linked)


def _place_link(link: Path, target: Path, linked: set[int], *, around: SourceTree, as_link: bool) -> None:
    """A link, or its target if the link would be broken or lead out of the repository. Never an ignored file."""
    meant = Path(os.path.realpath(link))
    pointed = link.readlink()
    if not meant.exists():
        target.unlink(missing_ok=True)
        target.symlink_to(pointed)
    elif not meant.is_relative_to(around.root):
        _place_outside(meant, target, linked)
    else:
        inside = normal(meant.relative_to(around.root).as_posix())
        files = around.under(inside)
        if as_link and files and not pointed.is_absolute():
            target.unlink(missing_ok=True)
            target.symlink_to(pointed)
            return
        for each in files:
            if each not in around.links:  # a link to a folder that holds the link never ends
                _copy_below(around.root, each, target / _rest(each, inside), linked)


def _place_outside(meant: Path, target: Path, linked: set[int]) -> None:
    if meant.is_file():
        _copy(meant, target, linked)
        return
    for each in SourceTree(meant).files:
        if not (meant / each).is_symlink():
            _copy_below(meant, each, target / each, linked)


def _copy_below(folder: Path, path: str, target: Path, linked: set[int]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    _copy(folder / path, target, linked)


def _copy(original: Path, target: Path, linked: set[int]) -> None:
    """Copy a file with its exec bit, or link a large one, once: backends write hard links into sdists.

    `linked` are the inodes that were linked.
    """
    status = os.stat(original)  # noqa: PTH116 - `use_modes` replaces it, and Path.stat of Python 3.10 keeps the old one
    keep_mode(target, status.st_mode)
    # A file that was put there before may be a link, and is not written through.
    target.unlink(missing_ok=True)
    if status.st_size >= _HARD_LINK_FROM and status.st_ino not in linked:
        with contextlib.suppress(OSError):  # another file system, or one without hard links
            os.link(original, target)
            linked.add(status.st_ino)
            return
    with target.open("xb") as copied, original.open("rb") as source:
        shutil.copyfileobj(source, copied, 1 << 20)
    target.chmod(0o755 if status.st_mode & 0o100 else 0o644)
    os.utime(target, (DEFAULT_EPOCH, DEFAULT_EPOCH))


def _write(target: Path, content: bytes) -> None:
    target.unlink(missing_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    os.utime(target, (DEFAULT_EPOCH, DEFAULT_EPOCH))


def link_repository(tree: SourceTree, stage: Path, place: Path, *, other: Collection[str]) -> None:
    """Add git's data to `stage`, a copy of the repository `tree`, and to its submodules.

    The data is as from `git worktree add`, but outside of the repository: a folder with its own HEAD and index,
    whose `commondir` names the repository (gitrepository-layout(5)). Nothing is written to the repository, so that
    a killed build leaves nothing behind in it.

    The data is in the same place as in the checkout: in a folder `.git`, or in `place` with a file `.git` that
    points to it. The data of submodules is in `modules`, so that this file is the same in every stage: backends pack it if
    the submodule is in a package. `other` are files that are different or missing
    in the stage on purpose: git regards them as unchanged. Raises `BuildError` if git fails.
    """
    repositories = ["", *(path for path, is_checked_out in tree.nested.items() if is_checked_out)]
    is_folder = (tree.root / ".git").is_dir()
    data = {"": stage / ".git" if is_folder else place / f"{stage.name}.git"}
    for path in repositories:
        prefix = f"{path}/" if path else ""
        inner = [each for each in repositories if each != path and each.startswith(prefix)]
        own = {
            each.removeprefix(prefix)
            for each in tree.tracked
            if each.startswith(prefix) and not any(each.startswith(f"{below}/") for below in inner)
        }
        hidden = {each.removeprefix(prefix) for each in other if each.startswith(prefix)} & own
        if path:
            outer = max((each for each in data if path.startswith(f"{each}/") or not each), key=len)
            data[path] = data[outer] / "modules" / path.removeprefix(f"{outer}/")
        _link(tree.root / path, stage / path, data[path], hidden)


def _link(source: Path, stage: Path, data: Path, other: Collection[str]) -> None:
    """One repository, without nested ones."""
    told = _git(source, "rev-parse", "--absolute-git-dir", "--git-common-dir").stdout.splitlines()
    own, common = Path(told[0]), (source / told[1]).resolve()
    data.mkdir(parents=True)
    for name in ("HEAD", "index", *(each.name for each in own.glob("sharedindex.*"))):
        if (own / name).is_file():
            shutil.copy2(own / name, data / name)
    (data / "commondir").write_text(f"{common}\n", encoding="utf-8")
    (data / "gitdir").write_text(f"{stage / '.git'}\n", encoding="utf-8")
    if data != stage / ".git":
        told_by = PurePath(os.path.relpath(data, stage)).as_posix()
        (stage / ".git").write_text(f"gitdir: {told_by}\n", encoding="utf-8")
    present = [each for each in other if os.path.lexists(stage / each)]
    missing = [each for each in other if not os.path.lexists(stage / each)]
    for option, paths in (("--assume-unchanged", present), ("--skip-worktree", missing)):
        names = sorted(paths)
        for start in range(0, len(names), _AT_ONCE):
            _git(stage, "update-index", option, "--", *names[start : start + _AT_ONCE])
    # The index has the times of the user's files. This compares contents once instead of for every git command.
    ask_git("update-index", "-q", "--refresh", cwd=stage, environment=os.environ, timeout=_LONG)


def _git(folder: Path, *arguments: str) -> Completed:
    done = ask_git(*arguments, cwd=folder, environment=os.environ, timeout=_LONG)
    if done.returncode != 0:
        msg = f"git {arguments[0]} failed in {folder}: {done.stderr.strip()}"
        raise BuildError(msg, hint="Run `git status` in the project to see the problem.")
    return done
