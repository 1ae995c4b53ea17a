"""hatchling, in the build worker: its own builders in a stage, with the variant's configuration.

All uses of hatchling's internals are in this module. The builders differ from hatchling's in these
points: the metadata comes from a given configuration without hatch.toml; files that the variant excludes are not packed;
the sdist contains the given pyproject.toml; a path in the configuration without files is an error; and a clean
never removes files of other projects. The wheel is the one that hatchling alone builds from
the unpacked sdist.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from hatchling.__about__ import __version__
from hatchling.bridge.app import Application
from hatchling.builders.plugin.interface import BuilderInterface, IncludedFile
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
from hatchling.metadata.core import HatchMetadata, ProjectMetadata
from hatchling.plugin.manager import PluginManager
from pathspec import GitIgnoreSpec

from publish_all._toml import Table, copied, table
from publish_all.builders.builder import notes_once
from publish_all.builders.deflate import DeflateCache
from publish_all.builders.retag import retagged
from publish_all.builders.select import (
    LATER,
    key_path,
    left_out,
    made_table,
    matches,
    named_though_ignored,
    nothing_shipped,
    says_the_same,
    texts,
)
from publish_all.builders.source_tree import SourceTree, relative
from publish_all.builders.stage import Stages, working_directory
from publish_all.errors import BuildError, ConfigurationError, PublishAllError, VersionError
from publish_all.events import Listener, ignore
from publish_all.variants.variant import BuildVariant, WheelTag

_PROJECT_FILE = "pyproject.toml"
# The tables of a wheel beside `force-include`, and where in the wheel their files go.
_DATA = {
    "shared-data": ".data/data/",
    "shared-scripts": ".data/scripts/",
    "extra-metadata": ".dist-info/extra_metadata/",
}


class _Plan(NamedTuple):
    """The input of hatchling for a variant: its pyproject.toml, and the paths that the variant excludes from each kind."""

    config: Table
    dropped: Mapping[str, frozenset[str]]


class HatchlingBuilder:
    """Builds variants of the project of `stages`.

    A project without changes to pyproject.toml is built as `hatch build` builds it. `app` is the application object of
    build hooks, hatchling's own by default. `listener` gets notes about patterns that match nothing.
    """

    def __init__(
        self,
        stages: Stages,
        *,
        deflate: DeflateCache,
        listener: Listener = ignore,
        plugin_manager: PluginManager | None = None,
        app: Any = None,
    ) -> None:
        self._stages = stages
        self._deflate = deflate
        self._tell = notes_once(listener)
        self._plugin_manager = plugin_manager or PluginManager()
        self._app: Any = app or _Application().get_safe_application()
        self._last: tuple[BuildVariant, Path, _Plan] | None = None

    @property
    def name(self) -> str:
        return f"hatchling {__version__}"

    def build(self, variant: BuildVariant, kind: str, output: Path) -> Path:
        """Write the variant's sdist or wheel into `output`; other files there are left alone."""
        built = self.run(variant, kind, output, {"hooks_only": False, "clean": False})
        if built is None:
            raise BuildError(f"hatchling did not write a {kind} for {variant.label}")
        return built

    def run(
        self, variant: BuildVariant, kind: str, output: Path, options: Mapping[str, bool | None]
    ) -> Path | None:
        """As `build`, with the options of hatchling's `build` for hooks; None where these say to build nothing.

        Then the hooks run in the project itself, else in a stage. Raises `BuildError` for whatever hatchling or a build hook raises, `ConfigurationError` for
        errors in the configuration.
        """
        output = output.resolve()
        output.mkdir(parents=True, exist_ok=True)
        with _translated(variant, kind):
            _ = self._stages.tree.files  # which refuses names that no archive can hold
            ships = not (options.get("hooks_only") or options.get("clean_only"))
            tree = self._tree(variant, kind) if ships else self._stages.tree
            with working_directory(tree.root), TemporaryDirectory(prefix="publish-all-") as folder:
                builder = self._builder(tree, variant, kind, Path(folder))
                built = list(builder.build(directory=str(output), versions=["standard"], **options))
            if not built or variant.wheel is None:
                return Path(built[0]) if built else None
            with self._deflate.in_use():
                return retagged(Path(built[0]), variant.wheel, backend=self.name)

    def _tree(self, variant: BuildVariant, kind: str) -> SourceTree:
        """The stage in which the variant is built: a separate one if hooks may write there, or git is used."""
        tree = self._stages.tree
        hatch = _hatch(variant.pyproject)
        named = {
            source: source
            for source in variant.force_include
            if not _is_laid_out(source, variant) and (tree.root / source).exists()
        }
        everything = _stated(variant.pyproject, kind, "ignore-vcs")
        ignored = tree.ignored(["."]) if everything else named_though_ignored(tree, variant.pyproject)
        additions = {**named, **{each: each for each in ignored}}
        asks_git = variant.dynamic_pyproject is not None or "hooks" in table(hatch, "metadata")
        if asks_git or _has_hooks(variant.pyproject, kind):
            return SourceTree(self._stages.fresh(variant, additions=additions, git=True, links=False))
        return SourceTree(self._stages.shared(variant, additions))

    def _builder(
        self, tree: SourceTree, variant: BuildVariant, kind: str, folder: Path
    ) -> _WheelBuilder | _SdistBuilder:
        plan = None
        metadata = self._own_metadata(variant, tree.root)
        if metadata is None:
            plan = self._plan(tree, variant)
            # hatchling appends to lists of its configuration
            metadata = _Metadata(str(tree.root), self._plugin_manager, copy.deepcopy(plan.config))
        arguments = (metadata.root, self._plugin_manager, metadata.config, metadata, self._app)
        builder: _WheelBuilder | _SdistBuilder
        if kind == "wheel":
            builder = _WheelBuilder(*arguments)
            builder.tag = None if variant.wheel is None else variant.wheel.tag
        else:
            builder = _SdistBuilder(*arguments)
            if plan is not None:
                import tomlkit  # slow to import, and not needed for the version

                builder.project_file = folder / _PROJECT_FILE
                builder.project_file.write_bytes(tomlkit.dumps(plan.config).encode())
        if plan is not None:
            builder.dropped = plan.dropped[kind]
        builder.project, builder.tree = self._stages.tree.root, tree
        builder.exclude, builder.tell, builder.deflate = variant.exclude, self._tell, self._deflate
        return builder

    def _own_metadata(self, variant: BuildVariant, root: Path) -> ProjectMetadata[PluginManager] | None:
        """A builder for the project's own files, if the variant needs no changes to them."""
        if variant.include or variant.exclude or variant.force_include or variant.layout:
            return None
        own = ProjectMetadata(str(root), self._plugin_manager)
        if says_the_same(root, variant.pyproject):
            return own
        if variant.dynamic_pyproject is None or not says_the_same(root, variant.dynamic_pyproject):
            return None
        with contextlib.suppress(
            Exception, SystemExit
        ):  # hatchling does not know the version, so it gets it from us
            return own if own.version == variant.version else None
        return None

    def _plan(self, tree: SourceTree, variant: BuildVariant) -> _Plan:
        """Kept for the variant's next file."""
        if self._last is None or self._last[0] is not variant or self._last[1] != tree.root:
            self._last = (variant, tree.root, _planned(self._stages.tree, tree, variant))
        return self._last[2]


def dynamic_version(root: Path) -> str:
    """The version which hatchling gives the project at `root`, normalised. Raises `VersionError`."""
    try:
        with working_directory(root):
            return ProjectMetadata(str(root), PluginManager()).version
    except PublishAllError:
        raise
    except (Exception, SystemExit) as error:
        msg = f"hatchling cannot find the version of {root}: {error}"
        raise VersionError(
            msg, hint="Check [tool.hatch.version] and the file or plugin that it names."
        ) from error


class _Application(Application):
    def display_warning(self, message: str = "", **kwargs: Any) -> None:
        del kwargs  # formatting options, which are not used
        logging.getLogger("hatchling").warning(message)


class _Metadata(ProjectMetadata[PluginManager]):
    """The metadata of a given configuration: hatch.toml has been folded into it and is not read again."""

    _given: HatchMetadata[PluginManager] | None = None

    @property
    def hatch(self) -> HatchMetadata[PluginManager]:
        if self._given is None:
            # As hatchling does, whose own annotation of its plugin manager is optional only here.
            self._given = HatchMetadata(
                self.root, dict(_hatch(self.config)), self.plugin_manager or PluginManager()
            )
        return self._given


class _Builder(BuilderInterface[Any, PluginManager]):
    """The common part of both builders, for the stage `tree` of the project in the folder `project`.

    `dropped` are paths which the variant leaves out. `exclude` is the variant's, for the files that build hooks make. `tell` takes notes about patterns that match
    nothing.
    """

    project: Path
    tree: SourceTree
    dropped: frozenset[str] = frozenset()
    exclude: Sequence[str] = ()
    tell: Callable[[str], None]
    deflate: DeflateCache

    def recurse_included_files(self) -> Iterable[IncludedFile]:
        selected = list(self.recurse_selected_project_files())
        self._check_names(selected)
        return [*selected, *self.recurse_forced_files(self.config.get_force_include())]

    def recurse_selected_project_files(self) -> Iterable[IncludedFile]:
        """Hatchling's files, without those that the variant excludes."""
        for file in super().recurse_selected_project_files():
            is_made = self.config.path_is_build_artifact(file.relative_path)
            if not (self._is_excluded(file) if is_made else self._is_dropped(file)):
                yield file

    def recurse_forced_files(self, inclusion_map: dict[str, str]) -> Iterable[IncludedFile]:
        """Hatchling's files, without those that the variant excludes. Files that the build of an sdist needs stay."""
        needed = self.config.build_force_include
        for source, target in inclusion_map.items():
            for file in super().recurse_forced_files({source: target}):
                if source not in needed:
                    left_out = self._is_dropped(file)
                else:
                    left_out = self.PLUGIN_NAME == "wheel" and self._is_excluded(file)
                if not left_out:
                    yield file

    def recurse_explicit_files(self, inclusion_map: dict[str, str]) -> Iterable[IncludedFile]:
        return (each for each in super().recurse_explicit_files(inclusion_map) if not self._is_dropped(each))

    def _is_dropped(self, file: IncludedFile) -> bool:
        return bool(self.dropped) and relative(file.path, self.root) in self.dropped

    def _is_excluded(self, file: IncludedFile) -> bool:
        return matches(self.exclude, _posix(file.distribution_path), _posix(file.relative_path))

    def clean(self, directory: str, versions: list[str]) -> None:
        """Remove nothing: hatchling's own method removes every wheel in the folder, also of other projects."""

    def _check_names(self, selected: Sequence[IncludedFile]) -> None:
        """Raise `BuildError` for a path that does not exist or has no files, and report patterns that match nothing.

        hatchling packs the rest without a message (https://github.com/pypa/hatch/issues/1283).
        """
        walked = "only-include" if self._has("only-include") else "packages"
        for source in self.config.only_include:
            below = f"{source}{os.sep}"
            found = [each for each in selected if f"{each.path}{os.sep}".startswith(below)]
            self._check(walked, source, chain(found, self._left_out(source)))
        for key in ("force-include", *_DATA):
            recurse = self.recurse_forced_files if key == "force-include" else self.recurse_explicit_files
            for source, target in getattr(self.config, key.replace("-", "_"), {}).items():
                self._check(key, source, chain(recurse({source: target}), self._left_out(source)))
        for key in ("include", "artifacts"):
            for pattern in self._patterns(key):
                where = f"{self._key_path(key)}: {pattern!r}"
                paths = (each.relative_path for each in selected)
                if key == "include" and self.config.only_include:
                    self.tell(f"{where} has no effect, because `{walked}` selects the files")
                elif not any(map(GitIgnoreSpec.from_lines([pattern]).match_file, paths)):
                    self.tell(f"{where} matches no file that can be packed")

    def _check(self, key: str, source: str, found: Iterable[object]) -> None:
        path = relative(source, self.root)
        staged = Path(self.root, path)
        if not staged.exists() or not any(True for _ in found):
            hint = "Name the files in `artifacts` or `force-include` of [tool.hatch.build.targets.wheel], or change .gitignore."
            root = Path(self.root) if staged.exists() else self.project
            raise nothing_shipped(self._key_path(key), root / path, root, hint)

    def _left_out(self, source: str) -> Iterator[str]:
        """Files of a path that `exclude` removes. It can be intended that none is left."""
        path = relative(source, self.root)
        yield from (each for each in self.dropped if f"{each}/".startswith(f"{path}/"))
        if self._has("exclude"):
            yield from self.tree.under(path)

    def _has(self, key: str) -> bool:
        return key in self.config.target_config or key in self.config.build_config

    def _key_path(self, key: str) -> str:
        target = f"targets.{self.PLUGIN_NAME}." if key in self.config.target_config else ""
        return f"tool.hatch.build.{target}{key}"

    def _patterns(self, key: str) -> Iterator[str]:
        stated, excluded = (
            self.config.target_config.get(name, self.config.build_config.get(name, ()))
            for name in (key, "exclude")
        )
        return (each for each in stated if not each.startswith("!") and each not in excluded)


class _WheelBuilder(_Builder, WheelBuilder):
    """`tag` is that of a platform wheel; None where hatchling and the project's hooks tell it."""

    tag: WheelTag | None = None

    def get_default_build_data(self) -> dict[str, Any]:
        return super().get_default_build_data() | self._tagged()  # hooks see for what they build

    def build_standard(self, directory: str, **build_data: Any) -> str:
        with self.deflate.in_use():
            return super().build_standard(directory, **(build_data | self._tagged()))

    def _tagged(self) -> dict[str, Any]:
        """Without the build number, which hatchling does not know."""
        return {} if self.tag is None else {"tag": self.tag.compressed, "pure_python": self.tag.is_pure}


class _SdistBuilder(_Builder, SdistBuilder):
    """`project_file` is the pyproject.toml which the sdist holds instead of that and hatch.toml of the tree."""

    project_file: Path | None = None

    def build_standard(self, directory: str, **build_data: Any) -> str:
        with self.deflate.in_use(alone=self.project_file is None):
            return super().build_standard(directory, **build_data)

    def recurse_forced_files(self, inclusion_map: dict[str, str]) -> Iterable[IncludedFile]:
        for file in super().recurse_forced_files(inclusion_map):
            path = relative(file.path, self.root) if self.project_file is not None else ""
            if path == _PROJECT_FILE:
                file.path = str(self.project_file)
            if path != "hatch.toml":
                yield file


def _planned(project: SourceTree, tree: SourceTree, variant: BuildVariant) -> _Plan:
    """Everything except the excluded files is in hatchling's own configuration, which the sdist contains.

    Raises `ConfigurationError` for paths that can't be right, `BuildError` for patterns that match nothing and when
    hatchling finds no files to ship.
    """
    config: Table = copied(variant.pyproject)
    # Without [tool.publish-all] the target `variants` has no configuration.
    config.get("tool", {}).get("hatch", {}).get("build", {}).get("targets", {}).pop("variants", None)
    _pin_selection(tree.root, config, variant)
    in_wheel = in_sdist = frozenset[str]()
    if variant.include or variant.exclude or variant.force_include:
        in_wheel, in_sdist = _select(project, tree, config, variant)
    _carry_forced_sources(tree, config, variant)
    return _Plan(config, {"wheel": in_wheel, "sdist": in_sdist})


def _select(
    project: SourceTree, tree: SourceTree, config: Table, variant: BuildVariant
) -> tuple[frozenset[str], frozenset[str]]:
    """Put the variant's `force_include` into the configuration, and tell the paths to leave out of wheel and sdist."""
    wheel = _lister(_WheelBuilder, tree, config, variant)
    sdist = _lister(_SdistBuilder, tree, config, variant)
    added = dict(_additions(project, tree, variant))
    forced = {target + path[len(source) :] for source, target in added.items() for path in tree.named(source)}
    files = _listed(wheel)
    data = {each: path for key in _DATA for _, each, path in _listed_entries(wheel, key, variant)}
    beside = _listed(sdist).values() if variant.wheel is None and variant.sdist else ()
    stays, left = left_out(variant, files, beside, forced=forced, outside=data)
    replaced = {files[each] for each in forced & files.keys()}
    dropped = (left | replaced) - {path for source in added for path in tree.named(source)}
    gone = {inside: path for inside, path in {**files, **data}.items() if inside not in stays}
    twice = _leave_out_places(
        {each: gone[each] for each in gone if gone[each] not in dropped}, wheel, config, variant
    )
    # The sdist must build: it keeps the files that its build needs, and excludes them from the wheel.
    needed = dropped & _needed(config)
    wheel_table = _target(config, "wheel")
    if needed or twice:
        exact = map(_exact, sorted(needed | twice))
        wheel_table["exclude"] = [*(_stated(config, "wheel", "exclude") or ()), *exact]
    for target in ("wheel", "sdist"):
        entries = _stated(config, target, "force-include") or {}
        kept = {source: path for source, path in entries.items() if not _is_gone(source, tree, dropped)}
        if len(kept) < len(entries):
            _target(config, target)["force-include"] = kept
    if added:
        wheel_table["force-include"] = {
            **(_stated(config, "wheel", "force-include") or {}),
            **{source: _before_sources(inside, wheel) for source, inside in added.items()},
        }
    return dropped, dropped - needed


def _is_gone(source: str, tree: SourceTree, dropped: Iterable[str]) -> bool:
    """Whether no file of a path is left. hatchling refuses a source of `force-include` that does not exist."""
    path = _absolute(source, tree.root)
    files = set(tree.named(relative(path, tree.root))) if Path(path).is_relative_to(tree.root) else set()
    return bool(files) and files <= set(dropped)


def _additions(project: SourceTree, tree: SourceTree, variant: BuildVariant) -> Iterator[tuple[str, str]]:
    """The variant's `force_include`: source relative to the root, path inside the wheel."""
    for source, inside in variant.force_include.items():
        path = Path(os.path.normpath(tree.root / source))
        if not path.is_file() and not tree.named(source):
            where = key_path(variant, "force-include", source)
            what = "file in" if (project.root / source).exists() else "file or folder"
            raise ConfigurationError(f"{where}: no {what} {source!r} in {project.root}", hint=LATER)
        yield path.relative_to(tree.root).as_posix(), str(PurePosixPath(inside))


def _lister(
    kind: type[_WheelBuilder | _SdistBuilder], tree: SourceTree, config: Table, variant: BuildVariant
) -> Any:
    """A builder with the least metadata that hatchling accepts, which only lists files."""
    build = copy.deepcopy(dict(table(config, "tool", "hatch", "build")))
    least = {
        "project": {"name": variant.selection_name, "version": "0"},
        "tool": {"hatch": {"build": build}},
    }
    return kind(str(tree.root), config=least, metadata=_Metadata(str(tree.root), None, least))


def _listed(lister: _Builder) -> dict[str, str]:
    """The files that hatchling selects or is made to include: path inside → path in the project."""
    data = lister.get_default_build_data()
    lister.set_build_data_defaults(data)
    with lister.config.set_build_data(data):
        selected = lister.recurse_selected_project_files()
        forced = lister.recurse_forced_files(lister.config.force_include)
        return {
            _posix(each.distribution_path): relative(each.path, lister.root) for each in (*selected, *forced)
        }


def _listed_entries(lister: _WheelBuilder, key: str, variant: BuildVariant) -> Iterator[tuple[str, str, str]]:
    """The files of a table that maps sources to places: the source, the path inside, the path in the project."""
    place = f"{variant.project}-{variant.version}{_DATA[key]}" if key in _DATA else ""
    recurse = lister.recurse_explicit_files if key in _DATA else lister.recurse_forced_files
    for source, target in getattr(lister.config, key.replace("-", "_"), {}).items():
        for each in recurse({source: target}):
            yield source, place + _posix(each.distribution_path), relative(each.path, lister.root)


def _leave_out_places(
    places: Mapping[str, str], wheel: _WheelBuilder, config: Table, variant: BuildVariant
) -> set[str]:
    """Leave files out of places inside the wheel, which stay at others of it; gives those that are selected there.

    A table that maps such a file to the place is rewritten, file by file.
    """
    selected = dict(places)
    for key in ("force-include", *_DATA):
        found = list(_listed_entries(wheel, key, variant))
        changed = {source for source, inside, _ in found if inside in places}
        if not changed:
            continue
        entries = {
            source: target
            for source, target in _stated(config, "wheel", key).items()
            if _absolute(source, Path(wheel.root)) not in changed
        }
        for source, inside, path in found:
            if source in changed and inside not in places:
                place = inside.partition(_DATA[key])[2] if key in _DATA else _before_sources(inside, wheel)
                entries[path] = place
            selected.pop(inside, None)
        _target(config, "wheel")[key] = entries
    return set(selected.values())


def _needed(config: Table) -> set[str]:
    """Files that the build of an sdist needs: the readme, licences, and files in the options of build hooks."""
    build = table(config, "tool", "hatch", "build")
    hooks = [table(build, *target, "hooks") for target in ((), ("targets", "wheel"), ("targets", "sdist"))]
    stated = [table(config, "project").get(key) for key in ("readme", "license", "license-files")]
    named = texts([*hooks, table(config, "tool", "hatch", "metadata", "hooks"), *stated])
    return {_posix(os.path.normpath(each)) for each in named}


def _pin_selection(root: Path, config: Table, variant: BuildVariant) -> None:
    """Configure the files that hatchling selects by the project's name, before a new name selects others."""
    if any(_stated(config, "wheel", key) for key in ("include", "packages", "only-include")):
        return
    try:
        lister = _lister(_WheelBuilder, SourceTree(root), config, variant)
        selection = lister.config.default_file_selection_options
    except ValueError as error:
        if _has_hooks(config, "wheel"):
            return  # all packed files may come from build hooks
        msg = f"hatchling finds no files for the wheel of {variant.label}: {str(error).split(': http')[0]}"
        raise BuildError(
            msg,
            hint='Select them in [tool.hatch.build.targets.wheel], for example: packages = ["src/package"]',
        ) from error
    for key, found in (("packages", selection.packages), ("only-include", selection.only_include)):
        if found and _stated(config, "wheel", key) is None:
            _target(config, "wheel")[key] = [_posix(each) for each in found]


def _carry_forced_sources(tree: SourceTree, config: Table, variant: BuildVariant) -> None:
    """Files of the wheel's `force-include` must be in the same place in the sdist, even if git ignores them."""
    root = tree.root
    carried = [
        each
        for each in _stated(config, "wheel", "force-include") or {}
        if Path(_absolute(each, root)).is_relative_to(root)
    ]
    if not carried:
        return
    own = table(config, "tool", "hatch", "build", "targets", "sdist").get("force-include")
    if own is None:
        shared = table(config, "tool", "hatch", "build").get("force-include", {})
        own = {source: target for source, target in shared.items() if source not in carried}
    lister = _lister(_SdistBuilder, tree, config, variant)
    _target(config, "sdist")["force-include"] = {
        **own,
        **{each: _before_sources(relative(_absolute(each, root), root), lister) for each in carried},
    }


def _before_sources(inside: str, builder: _WheelBuilder | _SdistBuilder) -> str:
    """The target which hatchling, applying `sources` to it as to all paths, turns into this path."""
    replaced = builder.config.sources.items()
    for candidate in (
        inside,
        *(_posix(old) + inside[len(new) :] for old, new in replaced if inside.startswith(_posix(new))),
    ):
        if _posix(builder.config.get_distribution_path(candidate.replace("/", os.sep))) == inside:
            return candidate
    msg = f"hatchling cannot put a file at {inside!r} because of `sources`"
    raise ConfigurationError(msg, hint="Change `sources` in [tool.hatch.build], or change the path.")


def _hatch(config: Mapping[str, Any]) -> Mapping[str, Any]:
    return table(config, "tool", "hatch")


def _has_hooks(config: Mapping[str, Any], target: str) -> bool:
    """Whether build hooks run for a target."""
    build = table(config, "tool", "hatch", "build")
    return bool(table(build, "hooks") or table(build, "targets", target, "hooks"))


def _target(config: Table, target: str) -> Table:
    """The table of a build target, made where it is missing."""
    return made_table(config, "tool", "hatch", "build", "targets", target)


def _stated(config: Mapping[str, Any], target: str, key: str) -> Any:
    """An option as hatchling looks it up: the target's, else that of all targets, else None."""
    build = table(config, "tool", "hatch", "build")
    return table(build, "targets", target).get(key, build.get(key))


def _exact(path: str) -> str:
    """The gitignore pattern that matches this path from the root, and nothing else."""
    escaped = "".join(f"\\{each}" if each in "\\*?[]!#" else each for each in path)
    return "/" + (f"{escaped[:-1]}\\ " if escaped.endswith(" ") else escaped)


def _absolute(source: str, root: Path) -> str:
    """A source of `force-include` as hatchling's `normalize_inclusion_map` writes it."""
    return os.path.normpath(root / Path(os.path.normpath(source)).expanduser())


def _posix(path: str) -> str:
    return path.replace(os.sep, "/")


def _is_laid_out(source: str, variant: BuildVariant) -> bool:
    """Whether a path is a place in the stage that the layout fills."""
    parts = Path(source).parts
    return any(
        Path(right).parts in (parts[: len(Path(right).parts)], ()) for right in variant.layout.values()
    )


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
        raise BuildError(msg, hint="`publish-all variants --diff NAME` shows its configuration.") from error
