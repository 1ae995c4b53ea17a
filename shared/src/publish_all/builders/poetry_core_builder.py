"""poetry-core, in the build worker: its own builders in a stage that holds the variant's pyproject.toml.

All uses of poetry-core's internals are in this module. The files are
byte-identical to the files that poetry-core writes for a static copy of the project with the same pyproject.toml,
except for the gzip stream of sdists.
"""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

import tomlkit
from packaging.utils import canonicalize_version
from poetry.core import __version__
from poetry.core.factory import Factory
from poetry.core.masonry.builders.builder import Builder, BuildIncludeFile
from poetry.core.masonry.builders.sdist import SdistBuilder
from poetry.core.masonry.builders.wheel import WheelBuilder
from poetry.core.masonry.utils.include import Include
from poetry.core.masonry.utils.package_include import PackageInclude
from poetry.core.poetry import Poetry

from publish_all._toml import loads, table
from publish_all.builders.builder import notes_once
from publish_all.builders.deflate import DeflateCache
from publish_all.builders.retag import retagged
from publish_all.builders.select import (
    key_path,
    left_out,
    made_table,
    module_name,
    named_though_ignored,
    nothing_shipped,
    pinned,
    poetry_default_package,
    says_the_same,
)
from publish_all.builders.stage import Stages, forced_sources, planned, working_directory
from publish_all.errors import BuildError, VersionError
from publish_all.events import Listener, ignore
from publish_all.variants.variant import BuildVariant
from publish_all.version.static import asks_us
from publish_all.version.toml_text import with_static_version

_NAME_IT = (
    "Add the files to `include` of [tool.poetry], which also packs ignored files, or change .gitignore."
)


class _Plan(NamedTuple):
    """The input of poetry-core for a variant: a stage, the pyproject.toml there, and the excluded files."""

    root: Path
    pyproject: Mapping[str, Any]
    project_file: bytes
    poetry: Poetry
    dropped: frozenset[Path] = frozenset()


class PoetryCoreBuilder:
    """Builds variants of the project of `stages`. `listener` gets notes about patterns that match nothing."""

    def __init__(self, stages: Stages, *, deflate: DeflateCache, listener: Listener = ignore) -> None:
        self._tree = stages.tree
        self._stages = stages
        self._deflate = deflate
        self._tell = notes_once(listener)
        self._listings: dict[str, frozenset[BuildIncludeFile]] = {}
        self._last: tuple[BuildVariant, _Plan] | None = None

    @property
    def name(self) -> str:
        return f"poetry-core {__version__}"

    def build(self, variant: BuildVariant, kind: str, output: Path) -> Path:
        """Write the variant's sdist or wheel into `output`. Raises `BuildError`."""
        try:
            plan = self._plan(variant)
            # A stage serves all variants that have the same files in it.
            (plan.root / "pyproject.toml").write_bytes(plan.project_file)
            builder = self._builder(kind, plan)
            builder.tell = self._tell
            if isinstance(builder, _Wheel) and variant.wheel is not None:
                builder.stated_tag = variant.wheel.tag.compressed
            alone = kind == "sdist" and variant.name is None
            with working_directory(plan.root), self._deflate.in_use(alone=alone):
                built = builder.build(output)
                if kind == "sdist" or variant.wheel is None:
                    return built
                return retagged(built, variant.wheel, backend=self.name)
        except (OSError, RuntimeError, ValueError, AssertionError) as error:
            msg = f"poetry-core cannot build the {kind} of {variant.label}: {error}"
            raise BuildError(
                msg, hint=f"Run `publish-all variants --diff {variant.label}` to see its configuration."
            ) from error

    def _builder(self, kind: str, plan: _Plan) -> _Wheel | _Sdist:
        made = _Wheel(plan.poetry) if kind == "wheel" else _Sdist(plan.poetry)
        made.project, made.listings, made.dropped = self._tree.root, self._listings, plan.dropped
        return made

    def _plan(self, variant: BuildVariant) -> _Plan:
        """The sdist and the wheel of a variant use the same stage, unless a build script has written into it."""
        if self._last is None or self._last[0] is not variant or _has_script(variant):
            self._last = (variant, self._planned(variant))
        return self._last[1]

    def _planned(self, variant: BuildVariant) -> _Plan:
        additions, includes = self._additions(variant)
        named = {each: each for each in named_though_ignored(self._tree, variant.pyproject)}
        additions = {**named, **additions}
        # A build script runs in the folder and may write there, or make poetry-core write a setup.py. And where an
        # ignored file is shipped in one of the formats, poetry-core asks git about the other one.
        if named or _has_script(variant):
            root = self._stages.fresh(variant, additions=additions, git=bool(named), links=False)
        else:
            root = self._stages.shared(variant, additions)
        pyproject = pinned(variant, root)
        if includes:
            poetry = made_table(pyproject, "tool", "poetry")
            # poetry-core reads them as globs, in which Next.js' [slug].js would match s.js.
            new = [{"path": glob.escape(each), "format": ["sdist", "wheel"]} for each in includes]
            poetry["include"] = [*poetry.get("include", []), *new]
        for entry in table(pyproject, "tool", "poetry").get("packages", ()):
            path = self._tree.root / (_source_folder(entry) + str(entry["include"]).strip("/"))
            if path.exists() and not (root / path.relative_to(self._tree.root)).exists():
                raise nothing_shipped("tool.poetry.packages", path, self._tree.root, _NAME_IT)
        plan = self._read(variant, root, pyproject)
        if not (variant.include or variant.exclude):
            return plan
        dropped = frozenset(root / each for each in self._dropped(variant, plan))
        pyproject = _without_empty_packages(variant, pyproject, root, dropped)
        if pyproject != plan.pyproject:
            plan = self._read(variant, root, pyproject)
        return plan._replace(dropped=dropped)

    def _read(self, variant: BuildVariant, root: Path, pyproject: Mapping[str, Any]) -> _Plan:
        content = _project_file(variant, self._tree.root, pyproject)
        (root / "pyproject.toml").write_bytes(content)
        return _Plan(root, pyproject, content, Factory().create_poetry(root, with_groups=False))

    def _dropped(self, variant: BuildVariant, plan: _Plan) -> frozenset[str]:
        """The files that the variant's selection excludes from the wheel, and those that `exclude` removes from the sdist."""
        with working_directory(plan.root):
            wheel = {
                each.relative_to_target_root().as_posix(): each.relative_to_project_root().as_posix()
                for each in self._builder("wheel", plan).find_files_to_add()
            }
            in_sdist = {
                each.relative_to_project_root().as_posix()
                for each in self._builder("sdist", plan).find_files_to_add(exclude_build=False)
            }
        return left_out(variant, wheel, in_sdist, forced=forced_sources(self._tree, variant))[1]

    def _additions(self, variant: BuildVariant) -> tuple[dict[str, str], list[str]]:
        """`force-include` as files of the stage (its path → the project's), and those that need an `include`.

        Where a package covers the target, the file is put into the package. Otherwise it is at the
        target in the stage, and an `include` names it.
        """
        additions, includes = {}, []
        packages = self._packages(variant) if variant.force_include else ()
        for inside, source in forced_sources(self._tree, variant).items():
            covered = next(filter(None, (_in_package(each, inside) for each in packages)), None)
            additions[covered or inside] = source
            if covered is None:
                includes.append(inside)
        return additions, includes

    def _packages(self, variant: BuildVariant) -> tuple[Mapping[str, Any], ...]:
        stated = table(variant.pyproject, "tool", "poetry").get("packages")
        if stated:
            return tuple(each for each in stated if "wheel" in each.get("format", ("sdist", "wheel")))
        paths = planned(self._tree, variant)
        found = poetry_default_package(
            module_name(variant.selection_name),
            lambda path: path in paths or any(each.startswith(path + "/") for each in paths),
        )
        return () if found is None else (found,)


class _Ordered(type(Path())):  # type: ignore[misc]  # Path itself has no working subclasses before Python 3.12
    """poetry-core sorts by path. Those of Windows ignore case, so that archives had their files in another order."""

    def __lt__(self, other: Path) -> bool:
        return bool(self.parts < other.parts)

    def __gt__(self, other: Path) -> bool:
        return bool(self.parts > other.parts)


class _ProjectBuilder(Builder):
    """The common part of both builders.

    `project` is the project's own folder, for messages, and `dropped` (absolute paths) are excluded. `listings` caches
    poetry-core's file lists, for variants with the same selection. `tell` takes notes about patterns that match
    nothing; None skips this check.
    """

    project: Path
    dropped: frozenset[Path] = frozenset()
    listings: dict[str, frozenset[BuildIncludeFile]]
    tell: Callable[[str], None] | None = None

    def find_files_to_add(self, exclude_build: bool = True) -> set[BuildIncludeFile]:
        """poetry-core's listing, made once for all variants that select the same: resolving every path takes a while."""
        selected = (self._package.packages, self._package.include, self._package.exclude)
        name = None if self._package.packages else self._package.name  # which then selects the files
        key = repr((str(self._path), self.format, exclude_build, name, selected))
        if key not in self.listings or self._package.build_script:  # which creates files
            found = [*super().find_files_to_add(exclude_build)]
            for each in found:
                each.path = _Ordered(each.path)
            self.listings[key] = frozenset(found)
        return self._kept(self.listings[key])

    def _kept(self, found: Collection[BuildIncludeFile]) -> set[BuildIncludeFile]:
        """Without the files that the variant excludes."""
        if self.tell is not None:
            self._check_names({str(each.path) for each in found}, self.tell)
        return {each for each in found if each.path not in self.dropped}

    def _check_names(self, found: set[str], tell: Callable[[str], None]) -> None:
        """Raise `BuildError` for a path that does not exist or has no files, and report patterns that match nothing.

        poetry-core packs the rest without a message (https://github.com/python-poetry/poetry/issues/9556).
        """
        for include in self._module.includes:
            if self.format not in include.formats or _gives(include, found):
                continue
            stated = include._include  # noqa: SLF001 - as it is in the configuration
            is_package = isinstance(include, PackageInclude)
            if not is_package and any(character in stated for character in "*?["):
                tell(f"tool.poetry.include: {stated!r} matches no file")
                continue
            paths = [os.path.relpath(each, self._path) for each in (include.base / stated, *include.elements)]
            there = ((root, root / each) for root in (self.project, self._path) for each in paths)
            root, path = next(
                (each for each in there if each[1].exists()), (self.project, self.project / paths[0])
            )
            where = f"tool.poetry.{'packages' if is_package else 'include'}"
            raise nothing_shipped(where, path, root, _NAME_IT)


def _gives(include: Include, found: set[str]) -> bool:
    """Whether any of the files comes from this entry of the configuration."""
    for element in include.elements:
        path = os.path.realpath(element)
        if path in found or (Path(path).is_dir() and any(each.startswith(path + os.sep) for each in found)):
            return True
    return False


class _Wheel(_ProjectBuilder, WheelBuilder):
    """`stated_tag` is the tag of a platform wheel; None if poetry-core sets it."""

    stated_tag: str | None = None

    @property
    def tag(self) -> str:
        return self.stated_tag or super().tag

    def _copy_dist_info(self, wheel: ZipFile, source: Path) -> None:
        super()._copy_dist_info(wheel, _Ordered(source))


class _Sdist(_ProjectBuilder, SdistBuilder):
    def _kept(self, found: Collection[BuildIncludeFile]) -> set[BuildIncludeFile]:
        """Files that the build needs stay, even if the variant excludes them."""
        package = self._poetry.package
        scripts = [*self.convert_script_files(), *map(Path, filter(None, [package.build_script]))]
        named = (*self._get_legal_files(), *package.readmes, *scripts)
        needed = {Path(os.path.realpath(self._path / each)) for each in named}
        return super()._kept(found) | {each for each in found if each.path in needed}


def _project_file(variant: BuildVariant, root: Path, pyproject: Mapping[str, Any]) -> bytes:
    """The stage's pyproject.toml: the project's own file if it is equivalent, so that the sdist is as poetry-core's own.

    If the version comes from publish-all, it is written into it, as our backend for poetry-core does.
    """
    # The project has none, or it is not TOML.
    with contextlib.suppress(OSError, ValueError, VersionError):
        content = (root / "pyproject.toml").read_bytes()
        if says_the_same(root, pyproject):
            return content
        dynamic = variant.dynamic_pyproject
        if dynamic is not None and pyproject == variant.pyproject and says_the_same(root, dynamic):
            text = content.decode()
            stated = None if asks_us(loads(text)) else table(dynamic, "tool", "poetry").get("version")
            if stated is None:
                return with_static_version(text, variant.version).encode()
            if canonicalize_version(stated) == canonicalize_version(variant.version):
                return content
    return tomlkit.dumps(pyproject).encode()


def _has_script(variant: BuildVariant) -> bool:
    return bool(table(variant.pyproject, "tool", "poetry").get("build"))


def _source_folder(entry: Mapping[str, Any]) -> str:
    source = str(entry.get("from", "")).strip("/")
    return f"{source}/" if source else ""


def _in_package(entry: Mapping[str, Any], inside: str) -> str | None:
    """The place of a file that goes to `inside` in the wheel, if this entry of `packages` covers it."""
    include, target = str(entry["include"]).strip("/"), str(entry.get("to", "")).strip("/")
    if any(character in include for character in "*?["):
        return None
    if target:
        if not inside.startswith(target + "/"):
            return None
        inside = inside[len(target) + 1 :]
    covers = inside == include or inside.startswith(include + "/")
    return _source_folder(entry) + inside if covers else None


def _without_empty_packages(
    variant: BuildVariant, pyproject: dict[str, Any], root: Path, dropped: frozenset[Path]
) -> dict[str, Any]:
    """Without the entries of `packages` of which `exclude` leaves nothing: the sdist could not be built with them."""
    poetry = table(pyproject, "tool", "poetry")
    if "packages" not in poetry:
        return pyproject
    entries = []
    for entry in poetry["packages"]:
        elements = (root / str(entry.get("from", ""))).glob(str(entry["include"]))
        found = (file for each in elements for file in ((each,) if each.is_file() else each.rglob("*")))
        files = [each for each in found if each.is_file() and "__pycache__" not in each.parts]
        left = [each for each in files if each not in dropped]
        if left and len(left) < len(files) and not any(each.suffix in {".py", ".pyi"} for each in left):
            msg = f"{key_path(variant, 'exclude')}: all modules of the package {entry['include']!r} are excluded"
            raise BuildError(
                msg,
                hint="poetry-core cannot build a package without modules. Move its data to a package with modules.",
            )
        if left or not files:
            entries.append(entry)
    return {**pyproject, "tool": {**pyproject["tool"], "poetry": {**poetry, "packages": entries}}}
