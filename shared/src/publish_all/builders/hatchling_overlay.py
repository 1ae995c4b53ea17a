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

from publish_all._toml import TOMLDecodeError, loads
from publish_all._values import dataclass
from publish_all.builders.hatchling_adapter import (
    HATCH_FILE,
    IncludedFile,
    OverlaidMetadata,
    OverlaidSdistBuilder,
    OverlaidWheelBuilder,
    Table,
    has_hooks,
    hatch_table,
)
from publish_all.builders.select import Shipped, excluded_beside, key_path, matches, narrowed
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


def _sdist_lister(root: Path, config: Table) -> OverlaidSdistBuilder:
    least, metadata = _least(root, config, "sdist")
    return OverlaidSdistBuilder(str(root), config=least, metadata=metadata)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Listed:
    """A file that hatchling would ship: where it is (relative to the root), and where it goes.

    `target` is what hatchling makes of the place in the configuration, and `inside` the path in the wheel or sdist.
    """

    path: str
    target: str
    inside: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Listing:
    """The files of one target: those that are selected, and those of the tables that map a source to a target.

    `mapped` holds, by the table's key and the source as it is stated, the source's files.
    """

    selected: tuple[_Listed, ...]
    mapped: Mapping[str, Mapping[str, tuple[_Listed, ...]]]

    @property
    def all(self) -> tuple[_Listed, ...]:
        tables = self.mapped.values()
        return (*self.selected, *(each for table in tables for files in table.values() for each in files))


# The tables of a wheel beside `force-include`, and where in the wheel their files go.
_DATA = {
    "shared-data": ".data/data/",
    "shared-scripts": ".data/scripts/",
    "extra-metadata": ".dist-info/extra_metadata/",
}


def _listed(files: Iterable[IncludedFile], root: Path, place: str = "") -> tuple[_Listed, ...]:
    return tuple(
        _Listed(path=_posix(os.path.relpath(each.path, root)), target=target, inside=place + target)
        for each in files
        for target in (_posix(each.distribution_path),)
    )


def _posix(path: str) -> str:
    return path.replace(os.sep, "/")


def _native(path: str) -> str:
    """A target as hatchling's `normalize_relative_path` writes it."""
    return os.path.normpath(path).strip(os.sep)


def _strings(value: Any) -> Iterable[str]:
    """All strings in a table of the configuration."""
    if isinstance(value, str):
        yield os.path.normpath(value).replace(os.sep, "/")
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each)


class _Selection:
    """Turns patterns over paths inside the wheel into hatchling's options, which are over the tree."""

    def __init__(self, tree: SourceTree, config: Table, variant: BuildVariant, shipped: Shipped) -> None:
        self._tree = tree
        self._config = config
        self._variant = variant
        self._wheel = _wheel_lister(tree.root, config, variant)
        self._sdist = _sdist_lister(tree.root, config)
        self._wheel.shipped = self._sdist.shipped = shipped

    def write(self) -> None:
        """Change the configuration so that hatchling ships what the variant says."""
        added = dict(self._additions())
        sources = {
            path: target + path[len(source) :]
            for source, target in added.items()
            for path in self._tree.named(source)
        }
        wheel = self._listing("wheel", self._wheel)
        kept = self._kept(wheel) - set(sources.values())
        gone = {each.path for each in wheel.all if each.inside not in kept}
        gone -= {each.path for each in wheel.all if each.inside in kept} | set(sources)
        self._narrow("wheel", self._wheel, wheel, {each for each in wheel.all if each.inside not in kept})
        if self._variant.sdist and self._variant.wheel is None:
            sdist = self._listing("sdist", self._sdist)
            self._narrow("sdist", self._sdist, sdist, self._gone_from_sdist(sdist, wheel, gone))
        if added:
            forced = dict(_stated(self._config, "wheel", "force-include") or {})
            forced |= {source: _before_sources(inside, self._wheel) for source, inside in added.items()}
            _target(self._config, "wheel")["force-include"] = forced

    def _additions(self) -> Iterable[tuple[str, str]]:
        """The variant's `force_include`: source relative to the root, path inside the wheel."""
        root = self._tree.root
        for source, inside in self._variant.force_include.items():
            path = Path(os.path.normpath(root / source))
            if not path.is_file() and not self._tree.named(source):
                where = key_path(self._variant, "force-include", source)
                what = "file in" if path.exists() else "file or folder"
                msg = f"{where}: there is no {what} {source!r} in {root}"
                raise ConfigurationError(msg, hint="If a step before the build makes it, run that first.")
            yield path.relative_to(root).as_posix(), str(PurePosixPath(inside))

    def _listing(self, target: str, lister: OverlaidWheelBuilder | OverlaidSdistBuilder) -> _Listing:
        """What a target holds without the patterns of the variant."""
        root, config = self._tree.root, lister.config
        data = lister.get_default_build_data()
        lister.set_build_data_defaults(data)
        stated = {"force-include": _stated(self._config, target, "force-include") or {}}
        if target == "wheel":
            stated |= {key: hatch_table(self._config, "build", "targets", target, key) for key in _DATA}
        with config.set_build_data(data):
            mapped = {}
            for key, table in stated.items():
                recurse = lister.recurse_explicit_files if key in _DATA else lister.recurse_forced_files
                place = f"{self._variant.project}-{self._variant.version}{_DATA[key]}" if key in _DATA else ""
                mapped[key] = {
                    source: _listed(recurse({_absolute(source, root): _native(path)}), root, place)
                    for source, path in table.items()
                }
            return _Listing(selected=_listed(lister.recurse_selected_project_files(), root), mapped=mapped)

    def _kept(self, wheel: _Listing) -> frozenset[str]:
        """Paths inside the wheel. `include` says nothing of the files that are installed outside of packages."""
        data = [each for key in _DATA for files in wheel.mapped[key].values() for each in files]
        kept = narrowed(self._variant, {each.inside: each.path for each in wheel.all})
        return kept | {
            each.inside for each in data if not matches(self._variant.exclude, each.inside, each.path)
        }

    def _gone_from_sdist(self, sdist: _Listing, wheel: _Listing, gone: set[str]) -> set[_Listed]:
        """The files of the sdist that the variant's selection leaves out: those which it drops from the wheel, and
        what is in the folders of the wheel's packages for the sdist alone, if `exclude` matches it there.

        What a build hook is told the path of stays: the sdist must build.
        """
        targets = (("targets", "wheel"), ("targets", "sdist"), ())
        hooks = [hatch_table(self._config, "build", *target, "hooks") for target in targets]
        needed = set(_strings([*hooks, hatch_table(self._config, "metadata", "hooks")]))
        in_wheel = {each.path for each in wheel.all}
        others = {
            each.path: _posix(self._wheel.config.get_distribution_path(_native(each.path)))
            for each in sdist.all
            if each.path not in in_wheel
        }
        gone = gone | excluded_beside(self._variant, others, (each.inside for each in wheel.selected))
        return {each for each in sdist.all if each.path in gone - needed}

    def _narrow(
        self,
        target: str,
        lister: OverlaidWheelBuilder | OverlaidSdistBuilder,
        listing: _Listing,
        away: set[_Listed],
    ) -> None:
        """Leave these files out of a target."""
        if not away:
            return
        table = _target(self._config, target)
        # Files of a table of which not all stay, too: hatchling would select them where they are.
        staying = {each.path for each in listing.all if each not in away}
        paths = sorted({each.path for each in away if not each.path.startswith("../")} - staying)
        if paths:
            table["exclude"] = [*(_stated(self._config, target, "exclude") or ()), *_patterns(paths, staying)]
            self._name_no_more(target, lister, paths)
        for key, files_of in listing.mapped.items():
            if any(each in away for files in files_of.values() for each in files):
                stated = _stated(self._config, target, key)
                table[key] = dict(_mapped_anew(stated, files_of, away, lister))

    def _name_no_more(
        self, target: str, lister: OverlaidWheelBuilder | OverlaidSdistBuilder, paths: Sequence[str]
    ) -> None:
        """Take them out of what hatchling ships even if it is excluded: artifacts, and files that are named one by one."""
        table = _target(self._config, target)
        artifacts = lister.config.artifact_spec
        if artifacts is not None:
            negated = [f"!{_exact(each)}" for each in paths if artifacts.match_file(each)]
            table["artifacts"] = [*_stated(self._config, target, "artifacts"), *negated]
        for key in ("only-include", "packages"):
            stated = _stated(self._config, target, key) or ()
            left = [each for each in stated if _posix(os.path.normpath(each)).strip("/") not in paths]
            if len(left) < len(stated):
                table[key] = left
                if not left:  # or hatchling would select by the name
                    table["include"] = exact = [_exact(each) for each in paths]
                    table["exclude"] = list(dict.fromkeys((*table["exclude"], *exact)))


def _mapped_anew(
    stated: Mapping[str, str],
    files_of: Mapping[str, Sequence[_Listed]],
    away: set[_Listed],
    lister: OverlaidWheelBuilder | OverlaidSdistBuilder,
) -> Iterable[tuple[str, str]]:
    """The entries of a table that maps sources to targets, file by file where not all files of a source stay."""
    for source, target in stated.items():
        files = files_of[source]
        if not any(each in away for each in files):
            yield source, target
            continue
        for each in files:
            if each not in away:
                yield each.path, _before_sources(each.target, lister)


def _patterns(away: Iterable[str], staying: Iterable[str]) -> list[str]:
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


def _before_sources(inside: str, builder: OverlaidWheelBuilder | OverlaidSdistBuilder) -> str:
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
    lister = _sdist_lister(root, config)
    paths = {each: Path(_absolute(each, root)).relative_to(root).as_posix() for each in carried}
    _target(config, "sdist")["force-include"] = {
        **own,
        **{source: _before_sources(path, lister) for source, path in paths.items()},
    }
