"""What hatchling is told of a build variant: its resolved pyproject.toml with the file selection written out.

Everything a variant asks for is expressed in hatchling's own configuration. So the wheel built from
the working tree and the one that plain hatchling builds from the unpacked sdist are the same bytes.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from hatchling.builders.plugin.interface import IncludedFile
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from publish_all._toml import TOMLDecodeError, loads
from publish_all._values import dataclass
from publish_all.builders.hatchling_classes import (
    HATCH_FILE,
    OverlaidMetadata,
    OverlaidWheelBuilder,
    Shipped,
    Table,
    has_hooks,
    hatch_table,
)
from publish_all.builders.select import key_path, narrowed
from publish_all.builders.source_tree import SourceTree
from publish_all.errors import BuildError, ConfigurationError
from publish_all.variants.variant import BuildVariant


def overlaid(tree: SourceTree, variant: BuildVariant, shipped: Shipped) -> Table:
    """The pyproject.toml from which hatchling builds the variant of `tree`, and which its sdist holds.

    Raises `ConfigurationError` for paths that can't be right, `BuildError` for patterns that match
    nothing and when hatchling finds no files to ship.
    """
    config: Table = plain(variant.pyproject)
    _fold_hatch_file(tree.root, config)
    _pin_selection(tree.root, config, variant)
    if variant.include or variant.exclude or variant.force_include:
        _Selection(tree, config, variant, shipped).write()
    _carry_forced_sources(tree.root, config)
    return config


def plain(value: Any) -> Any:
    """TOML values with dicts and lists for every mapping and sequence."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def _fold_hatch_file(root: Path, config: Table) -> None:
    """hatch.toml would silently replace whole tables of the overlay: lay it under the overlay instead."""
    path = root / HATCH_FILE
    if path.is_file():
        try:
            below = loads(path.read_text(encoding="utf-8"))
        except TOMLDecodeError as error:
            msg = f"{path} is not TOML: {error}"
            raise ConfigurationError(msg) from error
        config.setdefault("tool", {})["hatch"] = _merged(below, hatch_table(config))
    # Without [tool.publish-all] the target `variants` means nothing, so the sdist does not name it.
    hatch_table(config, "build", "targets").pop("variants", None)


def _merged(below: Table, above: Table) -> Table:
    result = dict(below)
    for key, value in above.items():
        lower = result.get(key)
        result[key] = _merged(lower, value) if isinstance(lower, dict) and isinstance(value, dict) else value
    return result


def _target(config: Table, target: str) -> Table:
    """The table of a build target, made where it is missing."""
    table = config
    for key in ("tool", "hatch", "build", "targets", target):
        table = table.setdefault(key, {})
    return table


def _stated(config: Table, target: str, key: str) -> Any:
    """An option as hatchling looks it up: the target's, else that of all targets, else None."""
    return hatch_table(config, "build", "targets", target).get(key, hatch_table(config, "build").get(key))


def _pin_selection(root: Path, config: Table, variant: BuildVariant) -> None:
    """Write down the files that hatchling selects by the project's name, before a new name selects others."""
    if any(_stated(config, "wheel", key) for key in ("include", "packages", "only-include")):
        return
    try:
        selection = _wheel_lister(root, config, variant).config.default_file_selection_options
    except ValueError as error:
        if has_hooks(config, "wheel"):
            return  # what the hooks make may be all there is to ship
        msg = f"hatchling finds no files for the wheel of {variant.label}: {str(error).split(': http')[0]}"
        raise BuildError(
            msg, hint='Name them in [tool.hatch.build.targets.wheel], such as: packages = ["src/package"]'
        ) from error
    for key, found in (("packages", selection.packages), ("only-include", selection.only_include)):
        if found and _stated(config, "wheel", key) is None:
            _target(config, "wheel")[key] = [_posix(each) for each in found]


def _least(root: Path, config: Table, name: str) -> tuple[Table, OverlaidMetadata]:
    """The least metadata that hatchling accepts, for builders that only list files."""
    build = copy.deepcopy(hatch_table(config, "build"))
    least = {"project": {"name": name, "version": "0"}, "tool": {"hatch": {"build": build}}}
    return least, OverlaidMetadata(str(root), None, least)


def _wheel_lister(root: Path, config: Table, variant: BuildVariant) -> OverlaidWheelBuilder:
    least, metadata = _least(root, config, variant.selection_name)
    return OverlaidWheelBuilder(str(root), config=least, metadata=metadata)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Listed:
    """A file that hatchling would ship: where it is (relative to the root), and where it goes."""

    path: str
    inside: str


def _listed(files: Iterable[IncludedFile], root: Path) -> tuple[_Listed, ...]:
    return tuple(
        _Listed(path=_posix(os.path.relpath(each.path, root)), inside=_posix(each.distribution_path))
        for each in files
    )


def _posix(path: str) -> str:
    return path.replace(os.sep, "/")


class _Selection:
    """Turns patterns over paths inside the wheel into hatchling's options, which are over the tree."""

    def __init__(self, tree: SourceTree, config: Table, variant: BuildVariant, shipped: Shipped) -> None:
        self._tree = tree
        self._config = config
        self._variant = variant
        self._lister = _wheel_lister(tree.root, config, variant)
        self._lister.shipped = shipped

    def write(self) -> None:
        """Change the configuration so that hatchling ships what the variant says."""
        added = dict(self._additions())
        selected, forced = self._list()
        everything = (*selected, *(each for files in forced.values() for each in files))
        replaced = {inside for source, target in added.items() for inside in self._insides(source, target)}
        kept = narrowed(self._variant, {each.inside: each.path for each in everything}) - replaced
        self._exclude(selected, kept)
        self._force(forced, kept, added)

    def _additions(self) -> Iterable[tuple[str, str]]:
        """The variant's `force_include`: source relative to the root, path inside the wheel."""
        root = self._tree.root
        for source, inside in self._variant.force_include.items():
            path = Path(os.path.normpath(root / source))
            if not path.exists():
                where = key_path(self._variant, "force-include", source)
                msg = f"{where}: there is no file or folder {source!r} in {root}"
                raise ConfigurationError(msg, hint="If a step before the build makes it, run that first.")
            yield path.relative_to(root).as_posix(), str(PurePosixPath(inside))

    def _insides(self, source: str, target: str) -> Iterable[str]:
        for path in self._tree.named(source):
            yield target + path.removeprefix(source)

    def _list(self) -> tuple[tuple[_Listed, ...], Mapping[str, tuple[_Listed, ...]]]:
        """What the wheel holds without the patterns: selected files, and by force (source → its files)."""
        config, root = self._lister.config, self._tree.root
        data = self._lister.get_default_build_data()
        self._lister.set_build_data_defaults(data)
        with config.set_build_data(data):
            selected = _listed(self._lister.recurse_selected_project_files(), root)
            forced = {
                source: _listed(self._lister.recurse_forced_files({source: target}), root)
                for source, target in config.force_include.items()
            }
        return selected, forced

    def _exclude(self, selected: Sequence[_Listed], kept: frozenset[str]) -> None:
        away = [each.path for each in selected if each.inside not in kept]
        if not away:
            return
        staying = [each.path for each in selected if each.inside in kept]
        wheel = _target(self._config, "wheel")
        wheel["exclude"] = [*(_stated(self._config, "wheel", "exclude") or ()), *_patterns(away, staying)]
        artifacts = self._lister.config.artifact_spec
        if artifacts is not None:
            # An artifact is shipped even where it is excluded, so it must not be one.
            negated = [f"!{_exact(each)}" for each in away if artifacts.match_file(each)]
            wheel["artifacts"] = [*_stated(self._config, "wheel", "artifacts"), *negated]

    def _force(
        self, forced: Mapping[str, Sequence[_Listed]], kept: frozenset[str], added: Mapping[str, str]
    ) -> None:
        stated: Mapping[str, str] = _stated(self._config, "wheel", "force-include") or {}
        result: dict[str, str] = {}
        for source, target in stated.items():
            files = forced[_absolute(source, self._tree.root)]
            if all(each.inside in kept for each in files):
                result[source] = target
            else:
                result |= {each.path: self._before(each.inside) for each in files if each.inside in kept}
        result |= {source: self._before(inside) for source, inside in added.items()}
        if result != stated:
            _target(self._config, "wheel")["force-include"] = result

    def _before(self, inside: str) -> str:
        return _before_sources(inside, self._lister)


def _patterns(away: Sequence[str], staying: Sequence[str]) -> list[str]:
    """As few patterns as name just the files that go: a whole folder where nothing of it stays."""
    needed = {str(folder) for path in staying for folder in PurePosixPath(path).parents}
    patterns: dict[str, None] = {}
    for path in sorted(away):
        folders = [str(each) for each in reversed(PurePosixPath(path).parents)][1:]
        whole = next((each for each in folders if each not in needed), None)
        patterns[_exact(path) if whole is None else f"{_exact(whole)}/"] = None
    return list(patterns)


def _exact(path: str) -> str:
    """The gitignore pattern that matches this path from the root, and nothing else."""
    escaped = "".join(f"\\{each}" if each in "\\*?[]!#" else each for each in path)
    return "/" + (f"{escaped[:-1]}\\ " if escaped.endswith(" ") else escaped)


def _before_sources(inside: str, builder: WheelBuilder | SdistBuilder) -> str:
    """The target which hatchling, applying `sources` to it as to all paths, turns into this path."""
    candidates = [inside]
    for source, replacement in builder.config.sources.items():
        if inside.startswith(_posix(replacement)):
            candidates.append(_posix(source) + inside[len(replacement) :])
    for candidate in candidates:
        if _posix(builder.config.get_distribution_path(candidate.replace("/", os.sep))) == inside:
            return candidate
    msg = f"hatchling's `sources` leave no way to put a file at {inside!r}"
    raise ConfigurationError(msg, hint="Change `sources` in [tool.hatch.build], or the path.")


def _absolute(source: str, root: Path) -> str:
    """A source of `force-include` as hatchling's `normalize_inclusion_map` writes it."""
    return os.path.normpath(root / Path(os.path.normpath(source)).expanduser())


def _carry_forced_sources(root: Path, config: Table) -> None:
    """What the wheel includes by force must lie at the same place in the sdist, ignored by git or not."""
    stated: Mapping[str, str] = _stated(config, "wheel", "force-include") or {}
    carried = [each for each in stated if Path(_absolute(each, root)).is_relative_to(root)]
    if not carried:
        return
    own = hatch_table(config, "build", "targets", "sdist").get("force-include")
    if own is None:
        shared = hatch_table(config, "build").get("force-include", {})
        own = {source: target for source, target in shared.items() if source not in carried}
    least, metadata = _least(root, config, "sdist")
    lister = SdistBuilder(str(root), config=least, metadata=metadata)
    paths = {each: Path(_absolute(each, root)).relative_to(root).as_posix() for each in carried}
    _target(config, "sdist")["force-include"] = {
        **own,
        **{source: _before_sources(path, lister) for source, path in paths.items()},
    }
