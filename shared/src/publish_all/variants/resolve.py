"""From the configuration to the build variants and their pyproject.toml. Reads the files that the configuration names, and setup.cfg.

In this order: our pyproject, then the variant's `pyproject` (replaces it) or `overlay` (merged over
it), then `variant-defaults`, then the variant's own keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from packaging.utils import canonicalize_name, canonicalize_version
from packaging.version import InvalidVersion, Version

from publish_all._toml import Table, copied, merged, table
from publish_all.config.load import read_toml
from publish_all.config.model import ProjectConfig, VariantConfig, VersionSource, WheelConfig
from publish_all.config.parse import check_shape
from publish_all.config.reading import did_you_mean
from publish_all.config.rules import distribution_problem
from publish_all.errors import ConfigurationError, UsageError
from publish_all.variants import dependencies, overlay
from publish_all.variants.setup_files import FIELDS, has_metadata_elsewhere, name_in_setup_files
from publish_all.variants.variant import BuildVariant, PlatformWheel, WheelTag

_ROOT = "tool.publish-all"
_DEFAULTS = f"{_ROOT}.variant-defaults"


def resolve_variants(
    config: ProjectConfig,
    *,
    version: str,
    from_backend: bool = False,
    only: Sequence[str] = (),
    base: bool = False,
    pins: dependencies.Pins = lambda _: None,
) -> tuple[BuildVariant, ...]:
    """The build variants of a project, in the order of the configuration, the project itself first if it is one.

    `version` is the project's, empty if it has none; `from_backend`: it comes from the build backend. `only` names variants (empty: all);
    `base` adds the project itself even if the configuration builds only variants. `pins` are for members of the
    workspace that are required without a version.
    Raises `UsageError` for an unknown name in `only` and `ConfigurationError` for what can't be resolved.
    """
    _check_names(config, only)
    own = dependencies.pinned(_own_pyproject(config), pins)
    resolver = _Resolver(config, version, from_backend, own, pins)
    wanted = [each for name, each in config.variants.items() if not only or name in only]
    found = [resolver.variant(each) for each in wanted]
    if base or ((config.include_base or not config.variants) and not only):
        found.insert(0, resolver.base())
    _refuse_same_filenames(found)
    return tuple(found)


class _Origin(NamedTuple):
    """The pyproject.toml that a variant starts from. `own_name` and `own_version` are those of the variant's file.

    `selection_name` is the name of a full file, whose default selection is its own; an overlay only
    renames.
    """

    pyproject: Table
    file: Path
    own_name: str | None = None
    own_version: str | None = None
    selection_name: str | None = None


class _Resolver(NamedTuple):
    config: ProjectConfig
    version: str
    from_backend: bool
    pyproject: Table
    pins: dependencies.Pins

    def base(self) -> BuildVariant:
        """The project itself, with its version written in."""
        name = self._own_name()
        if name is None:
            raise self._nameless("the project has no name")
        version = self._normalised(self.version, self.config.root / "pyproject.toml")
        return BuildVariant(
            name=None,
            project=name,
            version=version,
            pyproject=self._base_pyproject(name, version),
            dynamic_pyproject=_dynamic(
                dependencies.pinned(overlay.without_ours(self.config.pyproject), self.pins)
            ),
            version_from_backend=self.from_backend,
            selection_name=name,
            layout={},
            force_include={},
            sdist=_first(self.config.sdist, default=not self.config.wheels),
            wheels=_wheels({_ROOT: self.config.wheels}),
        )

    def _base_pyproject(self, name: str, version: str) -> Table:
        stated = overlay.without_ours(self.config.pyproject)
        if not has_metadata_elsewhere(stated):
            own = overlay.static_version_of(stated)
            is_same = own is not None and canonicalize_version(own, strip_trailing_zero=False) == version
            return self.pyproject if is_same else overlay.with_version(self.pyproject, version)
        if self.config.version.source is VersionSource.PROJECT:
            return stated  # the backend finds name and version again
        return overlay.with_version(overlay.with_name(self.pyproject, name), version)

    def _own_name(self) -> str | None:
        return overlay.name_of(self.pyproject) or name_in_setup_files(self.config.root)

    def variant(self, own: VariantConfig) -> BuildVariant:
        defaults = self.config.variant_defaults
        where = f"{_ROOT}.variants.{own.variant}"
        origin = self._origin(own, where)
        result = _inline(origin.pyproject, defaults, _DEFAULTS, must_match=False)
        result = dependencies.pinned(_inline(result, own, where, must_match=True), self.pins)
        project = self._own_name()
        name = own.name or defaults.name or origin.own_name or (project and f"{project}-{own.variant}")
        if name is None:
            what = f"{where}: the variant has no name, and the project has none to make one from"
            raise self._nameless(what)
        if (trouble := distribution_problem(name)) is not None:
            raise ConfigurationError(f"{where}: {trouble}", hint="Set `name` there.")
        selection = origin.selection_name or overlay.name_of(self.pyproject) or name
        version = self._normalised(origin.own_version or self.version, origin.file)
        version = _with_local(version, own.local_version or defaults.local_version)
        result = overlay.with_name(result, name)
        return BuildVariant(
            name=own.variant,
            project=name,
            version=version,
            pyproject=overlay.with_version(result, version),
            dynamic_pyproject=_dynamic(result),
            version_from_backend=self.from_backend and version == self.version,
            selection_name=selection,
            layout={**defaults.layout, **own.layout},
            include=own.include or defaults.include,
            exclude=own.exclude or defaults.exclude,
            force_include={**defaults.force_include, **own.force_include},
            sdist=_first(own.sdist, defaults.sdist, default=not (own.wheels or defaults.wheels)),
            publish_to=own.publish_to if own.publish_to is not None else defaults.publish_to,
            wheels=_wheels({_DEFAULTS: defaults.wheels, where: own.wheels}),
        )

    def _origin(self, own: VariantConfig, where: str) -> _Origin:
        defaults = self.config.variant_defaults
        origin = _Origin(pyproject=self.pyproject, file=self.config.root / "pyproject.toml")
        if full := own.pyproject or defaults.pyproject:
            origin = self._replaced(full, where if own.pyproject else _DEFAULTS)
        if partial := own.overlay or (None if own.pyproject else defaults.overlay):
            origin = self._overlaid(origin, partial, where if own.overlay else _DEFAULTS)
        return origin

    def _replaced(self, file: str, where: str) -> _Origin:
        path, content = self._content(file, f"{where}.pyproject")
        if not table(content, "project") and not table(content, "tool", "poetry"):
            msg = f"{where}.pyproject: {path} has neither a [project] nor a [tool.poetry] table, so it is not a full pyproject.toml"
            raise ConfigurationError(msg, hint="To change parts of the project's own file, use `overlay`.")
        result = overlay.without_ours(content)
        if beside := _hatch_file(self.config):
            tool = result.setdefault("tool", {})
            tool["hatch"] = merged(beside, tool.get("hatch", {}))
        if "build-system" not in result and "build-system" in self.pyproject:
            result["build-system"] = copied(self.pyproject["build-system"])
        name = overlay.name_of(result)
        return _Origin(result, path, name, self._version_of(result), name)

    def _overlaid(self, origin: _Origin, file: str, where: str) -> _Origin:
        path, content = self._content(file, f"{where}.overlay")
        over = overlay.without_ours(content)
        return origin._replace(
            pyproject=overlay.without_stated_dynamic(merged(origin.pyproject, over), over),
            file=path,
            own_name=overlay.name_of(over) or origin.own_name,
            own_version=self._version_of(over) or origin.own_version,
        )

    def _version_of(self, pyproject: Table) -> str | None:
        """The version in the variant's own file, if this project has versions in files."""
        of_files = self.config.version.source is VersionSource.PROJECT
        return overlay.static_version_of(pyproject) if of_files else None

    def _content(self, file: str, where: str) -> tuple[Path, Mapping[str, Any]]:
        path = self.config.root / file
        try:
            content = read_toml(path)
        except FileNotFoundError as error:
            msg = f"{where}: there is no file {path}"
            raise ConfigurationError(msg, hint="Paths are relative to the project's root.") from error
        check_shape(content, path)
        return path, content

    def _nameless(self, what: str) -> ConfigurationError:
        file = self.config.root / "pyproject.toml"
        hint = "State `name` in [project], or as a text in setup.cfg or setup.py, or in each [tool.publish-all.variants.…]."
        return ConfigurationError(f"{file}: {what}", hint=hint)

    def _normalised(self, version: str, file: Path) -> str:
        if not version:
            msg = f"{file}: no version is stated there, and the project has none"
            raise ConfigurationError(
                msg, hint="State `version` there, or a source in [tool.publish-all.version]."
            )
        try:
            return str(Version(version))
        except InvalidVersion as error:
            msg = f"{file}: the version {version!r} is not a PEP 440 version"
            raise ConfigurationError(
                msg, hint="See https://packaging.python.org/specifications/version-specifiers/"
            ) from error


def _own_pyproject(config: ProjectConfig) -> Table:
    """Ours, with hatch.toml folded in: hatchling lets it replace tables of [tool.hatch], whatever is overlaid."""
    check_shape(config.pyproject, config.root / "pyproject.toml")
    result = overlay.without_ours(config.pyproject)
    if has_metadata_elsewhere(result):
        # It is said in [project], so that a variant can change a part of it.
        result["project"] = {"dynamic": ["version", *FIELDS]}
    beside = _hatch_file(config)
    if beside:
        tool = result.setdefault("tool", {})
        tool["hatch"] = {**tool.get("hatch", {}), **beside}
    return result


def _inline(pyproject: Table, stated: VariantConfig, where: str, *, must_match: bool) -> Table:
    result = overlay.with_project_keys(pyproject, stated.project, where=where)
    excluded, extended = f"{where}.exclude-dependencies", f"{where}.extend-dependencies"
    dependencies.excluded(result, stated.exclude_dependencies, where=excluded, must_match=must_match)
    dependencies.extended(result, stated.extend_dependencies, where=extended)
    over = {"tool": stated.tool, "dependency-groups": stated.dependency_groups}
    return merged(result, {key: tables for key, tables in over.items() if tables})


def _dynamic(pyproject: Table) -> Table | None:
    """The pyproject where it leaves the version to the backend, None where it does not."""
    return pyproject if overlay.static_version_of(pyproject) is None else None


def _hatch_file(config: ProjectConfig) -> Table:
    try:
        return copied(read_toml(config.root / "hatch.toml"))
    except FileNotFoundError:
        return {}


def _first(*values: bool | None, default: bool) -> bool:
    return next((each for each in values if each is not None), default)


def _with_local(version: str, local: str | None) -> str:
    """The version with this local part (PEP 440), before one that it has already (a commit's)."""
    if not local:
        return version
    public, _, present = version.partition("+")
    return str(Version(f"{public}+{local}.{present}" if present else f"{public}+{local}"))


def _wheels(stated: Mapping[str, Mapping[str, WheelConfig]]) -> tuple[PlatformWheel, ...]:
    """The wheels of a variant from the tables that state them; of two for one tag the later stands.

    Raises `ConfigurationError` for two keys that name the same wheel.
    """
    found: dict[object, PlatformWheel] = {}
    for table_path, wheels in stated.items():
        here: dict[object, PlatformWheel] = {}
        for each in wheels.values():
            tag, where = WheelTag.parse(each.tag), f'{table_path}.wheels."{each.tag}"'
            if tag.key in here:
                msg = f"{where}: it names the same wheel as {str(here[tag.key].tag)!r}"
                raise ConfigurationError(msg, hint="Keep one of the two.")
            here[tag.key] = PlatformWheel(
                tag=tag,
                include=each.include,
                exclude=each.exclude,
                force_include=each.force_include,
                where=where,
            )
        found |= here
    return tuple(found.values())


def _check_names(config: ProjectConfig, only: Sequence[str]) -> None:
    for name in only:
        if name not in config.variants:
            msg = f"there is no build variant {name!r}{did_you_mean(name, config.variants)}"
            names = ", ".join(config.variants)
            add = "Add a table [tool.publish-all.variants.NAME] to pyproject.toml."
            raise UsageError(msg, hint=f"There are: {names}" if names else add)


def _refuse_same_filenames(variants: Sequence[BuildVariant]) -> None:
    seen: dict[object, BuildVariant] = {}
    for each in variants:
        files: list[object] = [wheel.tag.key for wheel in each.wheels] or ["wheel"]
        for file in [*files, *(["sdist"] if each.sdist else [])]:
            first = seen.setdefault((canonicalize_name(each.project), each.version, file), each)
            if first is not each:
                other = "the project itself" if first.name is None else f"the variant {first.name!r}"
                msg = f"{_ROOT}.variants.{each.name}.name: {other} and the variant {each.name!r} would both be {each.project} {each.version}"
                hint = "Give one of them another `name`; they would write the same files."
                raise ConfigurationError(msg, hint=hint)
