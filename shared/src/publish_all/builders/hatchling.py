"""Builds variants with the real hatchling, in this process, on the real tree."""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from publish_all._toml import loads
from publish_all._values import dataclass
from publish_all.builders.hatchling_adapter import (
    PROJECT_FILE,
    OverlaidMetadata,
    OverlaidSdistBuilder,
    OverlaidWheelBuilder,
    PluginManager,
    ProjectMetadata,
    Table,
    __version__,
    has_hooks,
    hatch_table,
    sdists_usable,
    usable,
)
from publish_all.builders.hatchling_overlay import overlaid, plain
from publish_all.builders.member_store import MemberStore
from publish_all.builders.select import Shipped, key_path
from publish_all.builders.source_tree import SourceTree, normal
from publish_all.builders.stage import Stages
from publish_all.errors import BuildError, PublishAllError, VersionError
from publish_all.events import Listener, Note, ignore
from publish_all.variants.variant import BuildVariant


class MakeTree(Protocol):
    """Tells what of a folder belongs to the project."""

    def __call__(self, root: Path, /, *, leave_out: Sequence[Path]) -> SourceTree: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class HookOptions:
    """What hatchling is to do beside building; None leaves it to its `HATCH_BUILD_…` variables."""

    hooks_only: bool | None = False
    clean: bool | None = False
    clean_hooks_after: bool | None = None
    clean_only: bool = False


_BUILD = HookOptions()


class HatchlingBuilder:
    """Builds the project at `root`: what hatchling alone writes where pyproject.toml says the same.

    A variant whose pyproject is the project's own file, as it is, is built as `hatch build` builds it:
    then the sdist holds that file, with the version as dynamic as it is there.

    `leave_out` names folders that are never shipped, beside the one that is built into. `app` is what
    build hooks speak to, hatchling's own by default. `store` deflates for all variants; without it, and
    where this hatchling can't take from it, hatchling deflates for each. `listener` hears of patterns that
    match nothing. With `hooks_in_stage`, build hooks run in a stage: most write where they run.
    """

    def __init__(
        self,
        root: Path,
        *,
        leave_out: Sequence[Path] = (),
        plugin_manager: PluginManager | None = None,
        app: Any = None,
        make_tree: MakeTree = SourceTree,
        store: MemberStore | None = None,
        listener: Listener = ignore,
        hooks_in_stage: bool = False,
    ) -> None:
        self._root = root.resolve()
        self._hooks_in_stage = hooks_in_stage
        self._leave_out = tuple(leave_out)
        self._plugin_manager = plugin_manager or PluginManager()
        self._app = app
        self._make_tree = make_tree
        self._tree = make_tree(self._root, leave_out=self._leave_out)
        self._prepared: tuple[BuildVariant, Path, Table] | None = None
        self._files = store
        self._listener = listener
        self._told: set[str] = set()
        self._store = store if store is not None and usable(store) else None

    @property
    def name(self) -> str:
        return f"hatchling {__version__}"

    @cached_property
    def _sdist_store(self) -> MemberStore | None:
        return self._files if self._files is not None and sdists_usable(self._files) else None

    def build(self, variant: BuildVariant, kind: str, output: Path) -> Path:
        """Write the variant's sdist or wheel into `output`; other files there are left alone."""
        built = self.run(variant, kind, output)
        if built is None:
            msg = f"hatchling wrote no {kind} for {variant.label}"
            raise BuildError(msg)
        return built

    def run(
        self, variant: BuildVariant, kind: str, output: Path, options: HookOptions = _BUILD
    ) -> Path | None:
        """As `build`, with hatchling's options for hooks; None where these say to build nothing.

        Raises `BuildError` for whatever hatchling or a build hook raises, `ConfigurationError` for
        what is wrong in the configuration.
        """
        output = output.resolve()
        with _translated(variant, kind), self._folder(variant, kind) as tree, _working_in(tree.root):
            return self._run(tree, variant, kind, output, options)

    def _run(
        self, tree: SourceTree, variant: BuildVariant, kind: str, output: Path, options: HookOptions
    ) -> Path | None:
        output.mkdir(parents=True, exist_ok=True)
        left_out = (*self._leave_out, output)
        metadata = self._metadata(tree, variant, left_out)
        # Hooks make files, so what there is to ship is asked anew once they have run.
        hooks = has_hooks({"tool": {"hatch": metadata.hatch.config}}, kind)
        fresh = self._make_tree(tree.root, leave_out=left_out) if hooks else tree
        if hooks and self._files is not None:
            self._files.forget()
        shipped = Shipped(fresh, leave_out=left_out, forced=_forced(variant))
        with contextlib.ExitStack() as stack:
            builder = self._builder(variant, kind, metadata, shipped, stack)
            built = list(
                builder.build(
                    directory=str(output),
                    versions=["standard"],
                    hooks_only=options.hooks_only,
                    clean=options.clean,
                    clean_hooks_after=options.clean_hooks_after,
                    clean_only=options.clean_only,
                )
            )
        return Path(built[0]) if built else None

    def _metadata(
        self, tree: SourceTree, variant: BuildVariant, left_out: Sequence[Path]
    ) -> ProjectMetadata[PluginManager]:
        if _is_as_it_is(variant, tree.root):
            return ProjectMetadata(str(tree.root), self._plugin_manager)
        # hatchling appends to lists of its configuration.
        config = copy.deepcopy(self._configuration(tree, variant, left_out))
        return OverlaidMetadata(str(tree.root), self._plugin_manager, config)

    def _builder(
        self,
        variant: BuildVariant,
        kind: str,
        metadata: ProjectMetadata[PluginManager],
        shipped: Shipped,
        stack: contextlib.ExitStack,
    ) -> OverlaidWheelBuilder | OverlaidSdistBuilder:
        made: OverlaidWheelBuilder | OverlaidSdistBuilder
        arguments = (metadata.root, self._plugin_manager, metadata.config, metadata, self._app)
        if kind == "wheel":
            made = OverlaidWheelBuilder(*arguments)
            made.tag = None if variant.wheel is None else variant.wheel.tag
            made.store = self._store
        else:
            made = OverlaidSdistBuilder(*arguments)
            made.store = self._sdist_store
            if isinstance(metadata, OverlaidMetadata):
                folder = stack.enter_context(TemporaryDirectory(prefix="publish-all-"))
                made.project_file = Path(folder, PROJECT_FILE)
                made.project_file.write_text(_document(metadata.config), encoding="utf-8", newline="\n")
        made.shipped = shipped
        made.exclude = variant.exclude
        made.tell = self._tell
        return made

    def _tell(self, message: str) -> None:
        """A note, once for all files."""
        if message not in self._told:
            self._told.add(message)
            self._listener(Note(message=message))

    def _configuration(self, tree: SourceTree, variant: BuildVariant, left_out: Sequence[Path]) -> Table:
        """The overlaid configuration, kept for the variant's next file."""
        if self._prepared is not None:
            last, root, config = self._prepared
            if last is variant and root == tree.root:
                return config
        config = overlaid(tree, variant, Shipped(tree, leave_out=left_out))
        self._prepared = (variant, tree.root, config)
        return config

    @contextlib.contextmanager
    def _folder(self, variant: BuildVariant, kind: str) -> Iterator[SourceTree]:
        """Where the variant is built: the project itself, or a stage where a layout moves its files or hooks write."""
        hooks = self._hooks_in_stage and has_hooks(variant.pyproject, kind)
        if not variant.layout and not hooks:
            yield self._tree
            return
        with TemporaryDirectory(prefix="publish-all-") as folder:
            additions = {
                source: source
                for source in variant.force_include
                if not _is_laid_out(source, variant) and (self._root / source).exists()
            }
            if hooks:
                additions |= {each: each for each in _named(self._tree, variant)}
            stages = Stages(self._tree, Path(folder))
            origin = key_path(variant, "layout")
            stage = stages.fresh(layout=variant.layout, additions=additions, origin=origin, git=hooks)
            yield self._make_tree(stage, leave_out=())


def _named(tree: SourceTree, variant: BuildVariant) -> Iterator[str]:
    """Files which git ignores and hatchling's configuration names: by their paths, or as artifacts."""
    build = hatch_table(variant.pyproject, "build")
    for text in _texts(build):
        path = normal(text)
        if path and not PurePosixPath(path).is_absolute() and ".." not in path.split("/"):
            yield from (each for each in tree.named(path) if each not in tree.file_set)
    tables = (build, *hatch_table(variant.pyproject, "build", "targets").values())
    patterns = [str(each) for table in tables for each in table.get("artifacts", ())]
    if patterns:
        from pathspec import GitIgnoreSpec  # hatchling's own

        spec = GitIgnoreSpec.from_lines(patterns)
        yield from (each for each in tree.ignored(["."]) if spec.match_file(each))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from (key, *_texts(each))
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def dynamic_version(root: Path) -> str:
    """The version which hatchling gives the project at `root`, normalised. Raises `VersionError`."""
    try:
        with _working_in(root):
            return ProjectMetadata(str(root), PluginManager()).version
    except PublishAllError:
        raise
    except (Exception, SystemExit) as error:
        msg = f"hatchling can't tell the version of {root}: {error}"
        raise VersionError(
            msg, hint="Look at [tool.hatch.version] and the file or plugin that it names."
        ) from error


def _is_as_it_is(variant: BuildVariant, root: Path) -> bool:
    if variant.include or variant.exclude or variant.force_include or variant.layout:
        return False
    return bool(loads((root / PROJECT_FILE).read_text(encoding="utf-8")) == plain(variant.pyproject))


def _forced(variant: BuildVariant) -> Iterator[str]:
    return (os.path.normpath(source).replace(os.sep, "/") for source in variant.force_include)


def _is_laid_out(source: str, variant: BuildVariant) -> bool:
    """Whether a path means a place in the stage which the layout fills."""
    parts = Path(source).parts
    return any(
        Path(right).parts in (parts[: len(Path(right).parts)], ()) for right in variant.layout.values()
    )


def _document(config: Table) -> str:
    """The sdist's pyproject.toml. Raises `BuildError` if it does not read back as what was written."""
    import tomlkit

    text = tomlkit.dumps(config)
    if loads(text) != config:
        msg = "the resolved pyproject.toml does not survive being written and read again"
        raise BuildError(
            msg, hint="This is a defect of publish-all; please report it with your pyproject.toml."
        )
    return text


@contextlib.contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    """Work in a folder: PEP 517 promises hooks that they run in the root of the sources."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextlib.contextmanager
def _translated(variant: BuildVariant, kind: str) -> Iterator[None]:
    """Hatchling and the hooks of projects raise anything; `SystemExit` is how hatchling's own `abort` ends."""
    try:
        yield
    except PublishAllError:
        raise
    except (Exception, SystemExit) as error:
        what = str(error) or type(error).__name__
        msg = f"hatchling could not build the {kind} of {variant.label}: {what}"
        raise BuildError(msg, hint="`publish-all variants --diff NAME` shows what it was told.") from error
