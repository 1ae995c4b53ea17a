"""poetry-core, in the build worker: its own builders on the project's own files, with the variant's configuration.

All use of poetry-core's internals is in this module. Nothing is written into the project. The files are
byte-identical to those which poetry-core writes for a static copy of the project with the same pyproject.toml,
but for the gzip stream of sdists.
"""

from __future__ import annotations

import contextlib
import copy
import glob
import logging
import os
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeVar

import poetry.core.masonry.builders.builder as poetry_builder
import poetry.core.masonry.builders.sdist as poetry_sdist
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
from poetry.core.pyproject.toml import PyProjectTOML

from publish_all._toml import copied, loads, table
from publish_all.builders.builder import notes_once
from publish_all.builders.deflate import DeflateCache
from publish_all.builders.retag import retagged
from publish_all.builders.select import (
    key_path,
    left_out,
    made_table,
    module_name,
    nothing_shipped,
    pinned,
    poetry_default_package,
    says_the_same,
)
from publish_all.builders.source_tree import Shipped
from publish_all.builders.stage import Stages, forced_sources, linked_out, planned, working_directory
from publish_all.errors import BuildError, VersionError
from publish_all.events import Listener, ignore
from publish_all.variants.variant import BuildVariant
from publish_all.version.static import asks_us
from publish_all.version.toml_text import with_static_version

_Made = TypeVar("_Made", bound="_ProjectBuilder")


class _Plan(NamedTuple):
    """What poetry-core builds a variant from: in which folder, with which pyproject.toml, without which files."""

    root: Path
    pyproject: Mapping[str, Any]
    dropped: frozenset[Path] = frozenset()


class PoetryCoreBuilder:
    """Builds variants of the project of `stages`. `workspace` is a temporary folder.

    `listener` hears of patterns that match nothing.
    """

    def __init__(
        self, stages: Stages, *, workspace: Path, deflate: DeflateCache, listener: Listener = ignore
    ) -> None:
        self._tree = stages.tree
        self._stages = stages
        self._workspace = workspace
        self._deflate = deflate
        self._tell = notes_once(listener)
        self._listings: dict[str, frozenset[BuildIncludeFile]] = {}
        self._shipped = Shipped(self._tree)
        self._last: tuple[BuildVariant, _Plan] | None = None

    @property
    def name(self) -> str:
        return f"poetry-core {__version__}"

    def build(self, variant: BuildVariant, kind: str, output: Path) -> Path:
        """Write the variant's sdist or wheel into `output`. Raises `BuildError`."""
        try:
            plan = self._plan(variant)
            alone = kind == "sdist" and variant.name is None
            with working_directory(plan.root), self._deflate.in_use(alone=alone):
                return self._build(variant, plan, kind, output)
        except (OSError, RuntimeError, ValueError, AssertionError) as error:
            msg = f"poetry-core cannot build the {kind} of {variant.label}: {error}"
            raise BuildError(
                msg, hint=f"See what is built with: publish-all variants --diff {variant.label}"
            ) from error

    def _build(self, variant: BuildVariant, plan: _Plan, kind: str, output: Path) -> Path:
        if kind == "wheel":
            wheel = self._set_up(_Wheel, plan)
            wheel.stated_tag = None if variant.wheel is None else variant.wheel.tag.compressed
            wheel.tell = self._tell
            built = wheel.build(output)
            return built if variant.wheel is None else retagged(built, variant.wheel, backend=self.name)
        sdist = self._set_up(_Sdist, plan)
        sdist.tell = self._tell
        sdist.project_file = self._workspace / f"sdist-{variant.project}" / "pyproject.toml"
        sdist.project_file.parent.mkdir(parents=True, exist_ok=True)
        sdist.project_file.write_bytes(_project_file(variant, plan))
        return sdist.build(output)

    def _set_up(self, kind: type[_Made], plan: _Plan) -> _Made:
        made = kind(_poetry(plan.root, plan.pyproject))
        made.shipped = self._shipped if plan.root == self._tree.root and self._tree.in_git else None
        made.listings, made.dropped = self._listings, plan.dropped
        return made

    def _plan(self, variant: BuildVariant) -> _Plan:
        """The sdist and the wheel of a variant are made of the same, unless a build script has written into it."""
        if self._last is None or self._last[0] is not variant or _has_script(variant):
            self._last = (variant, self._planned(variant))
        return self._last[1]

    def _planned(self, variant: BuildVariant) -> _Plan:
        _ = self._tree.files  # which refuses names that no archive can hold
        additions, includes = self._additions(variant)
        root = self._root(variant, additions)
        pyproject = pinned(variant, root)
        for each in Factory.validate(copied(variant.dynamic_pyproject or variant.pyproject))["warnings"]:
            logging.getLogger(Factory.__module__).warning(each)  # as when it reads the project itself
        if includes:
            poetry = made_table(pyproject, "tool", "poetry")
            # poetry-core takes them for globs, in which Next.js' [slug].js would match s.js.
            new = [{"path": glob.escape(each), "format": ["sdist", "wheel"]} for each in includes]
            poetry["include"] = [*poetry.get("include", []), *new]
        if not (variant.include or variant.exclude):
            return _Plan(root, pyproject)
        dropped = frozenset(root / each for each in self._dropped(variant, _Plan(root, pyproject)))
        return _Plan(root, _without_empty_packages(variant, pyproject, root, dropped), dropped)

    def _dropped(self, variant: BuildVariant, plan: _Plan) -> frozenset[str]:
        """The files that the variant's selection leaves out of the wheel, and what `exclude` leaves out of the sdist."""
        with working_directory(plan.root):
            wheel = {
                each.relative_to_target_root().as_posix(): each.relative_to_project_root().as_posix()
                for each in self._set_up(_Wheel, plan).find_files_to_add()
            }
            in_sdist = {
                each.relative_to_project_root().as_posix()
                for each in self._set_up(_Sdist, plan).find_files_to_add()
            }
        return left_out(variant, wheel, in_sdist, forced=forced_sources(self._tree, variant))[1]

    def _root(self, variant: BuildVariant, additions: Mapping[str, str]) -> Path:
        if _has_script(variant):
            # A build script runs in the folder and may write there, or make poetry-core write a setup.py.
            return self._stages.fresh(variant, additions=additions)
        if variant.layout or additions or linked_out(self._tree, variant):
            return self._stages.shared(variant, additions)
        return self._tree.root

    def _additions(self, variant: BuildVariant) -> tuple[dict[str, str], list[str]]:
        """`force-include` as files of the stage (its path → the project's), and those that need an `include`.

        Where a package covers the target, the file is put into the package. Otherwise it stands at the
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


def _poetry(root: Path, pyproject: Mapping[str, Any]) -> Poetry:
    """As `Factory.create_poetry(root, with_groups=False)`, from data. Raises `RuntimeError` for what is invalid."""
    data = copy.deepcopy(dict(pyproject))  # validation writes defaults into it
    errors = Factory.validate(data)["errors"]
    if errors:
        raise RuntimeError("the configuration is invalid: " + "; ".join(errors))
    resolved = _ResolvedToml(root / "pyproject.toml")
    resolved.content = data
    project, poetry = data.get("project", {}), data["tool"]["poetry"]
    package = Factory.get_package(
        project.get("name") or poetry["name"], project.get("version") or poetry["version"]
    )
    Factory.configure_package(package, resolved, root, with_groups=False)
    return Poetry(resolved.path, resolved.poetry_config, package)


class _ResolvedToml(PyProjectTOML):
    """A pyproject.toml whose content is not the one on disk."""

    content: dict[str, Any]

    @property
    def data(self) -> dict[str, Any]:
        return self.content


class _Ordered(type(Path())):  # type: ignore[misc]  # the class of paths of this system
    """poetry-core sorts by path. Those of Windows ignore case, so that archives had their files in another order."""

    def __lt__(self, other: Path) -> bool:
        return bool(self.parts < other.parts)

    def __gt__(self, other: Path) -> bool:
        return bool(self.parts > other.parts)


class _AsNamed(BuildIncludeFile):
    """A file under the name that it has: poetry-core takes a link for what it points at, and ships one of the two."""

    def __init__(self, path: Path | str, *arguments: Any, **options: Any) -> None:
        super().__init__(path, *arguments, **options)
        named = Path(path) if Path(path).is_absolute() else self.source_root / path
        if named.is_symlink() and named.is_file():
            self.path = named.parent.resolve() / named.name
        self.path = _Ordered(self.path)


@contextlib.contextmanager
def _replaced(module: Any, name: str, value: object) -> Iterator[None]:
    own = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, own)


class _ProjectBuilder(Builder):
    """What both builders share.

    `dropped` (absolute paths) are left out. `shipped` tells what git ignores; None where nothing is ignored.
    `listings` keeps what poetry-core listed, for the variants that select the same. `tell` takes notes about
    patterns that match nothing; None to check no names.
    """

    shipped: Shipped | None = None
    dropped: frozenset[Path] = frozenset()
    listings: dict[str, frozenset[BuildIncludeFile]]
    tell: Callable[[str], None] | None = None

    def find_files_to_add(self, exclude_build: bool = True) -> set[BuildIncludeFile]:
        """poetry-core's listing, made once for all variants that select the same.

        Asking git and resolving every path is most of what poetry-core does for a wheel.
        """
        selected = (self._package.packages, self._package.include, self._package.exclude)
        name = None if self._package.packages else self._package.name  # which then selects
        key = repr((str(self._path), self.format, exclude_build, name, selected))
        if key not in self.listings or self._package.build_script:  # which makes files
            with _replaced(poetry_builder, "BuildIncludeFile", _AsNamed):
                self.listings[key] = frozenset(super().find_files_to_add(exclude_build))
        return set(self.listings[key])

    def _own(self, found: set[BuildIncludeFile]) -> set[BuildIncludeFile]:
        """Without what git ignores, and without what the variant drops.

        poetry-core misses ignored files whose names git quotes (non-ASCII ones), and all of them when it does not
        find the repository. Files that `tool.poetry.include` names are shipped, ignored or not.
        """
        if self.shipped is not None:
            named = {
                os.path.realpath(element)
                for each in self._module.explicit_includes
                for element in each.elements
            }
            found = {
                each
                for each in found
                if self.shipped.allows(each.relative_to_project_root().as_posix())
                or str(each.path) in named
                or not named.isdisjoint(map(str, each.path.parents))
            }
        if self.tell is not None:
            self._check_names({str(each.path) for each in found}, self.tell)
        return {each for each in found if each.path not in self.dropped}

    def _check_names(self, found: set[str], tell: Callable[[str], None]) -> None:
        """Raise `BuildError` for a path that is not there or gives no file, and tell of patterns that match nothing.

        poetry-core ships the rest without a word (https://github.com/python-poetry/poetry/issues/9556).
        """
        for include in self._module.includes:
            if self.format not in include.formats or _gives(include, found):
                continue
            stated = include._include  # noqa: SLF001 - as it is in the configuration
            is_package = isinstance(include, PackageInclude)
            if not is_package and any(character in stated for character in "*?["):
                tell(f"tool.poetry.include: {stated!r} matches no file")
                continue
            hint = "Name the files in `include` of [tool.poetry], which ships what git ignores, or change .gitignore."
            path = include.base / stated
            path = next((each for each in (path, *include.elements) if each.exists()), path)
            raise nothing_shipped(
                f"tool.poetry.{'packages' if is_package else 'include'}", path, self._path, hint
            )


def _gives(include: Include, found: set[str]) -> bool:
    """Whether any of the files comes from this entry of the configuration."""
    for element in include.elements:
        path = os.path.realpath(element)
        if path in found or (Path(path).is_dir() and any(each.startswith(path + os.sep) for each in found)):
            return True
    return False


class _Wheel(WheelBuilder, _ProjectBuilder):
    """`stated_tag` is that of a platform wheel; None where poetry-core tells it."""

    stated_tag: str | None = None

    @property
    def tag(self) -> str:
        return self.stated_tag or super().tag

    def find_files_to_add(self, exclude_build: bool = True) -> set[BuildIncludeFile]:
        return self._own(super().find_files_to_add(exclude_build))


class _Sdist(SdistBuilder, _ProjectBuilder):
    """`project_file` is the pyproject.toml which the sdist holds instead of that on disk (None: that on disk)."""

    project_file: Path | None = None

    def build(self, target_dir: Path | None = None) -> Path:
        with _replaced(poetry_sdist, "tarfile", SimpleNamespace(**{**vars(tarfile), "TarFile": _Tar})):
            return super().build(target_dir)

    def find_files_to_add(self, exclude_build: bool = False) -> set[BuildIncludeFile]:
        """poetry-core's, with the given pyproject.toml. What the build needs is there, whatever the variant drops."""
        package = self._poetry.package
        scripts = [*self.convert_script_files(), *map(Path, filter(None, [package.build_script]))]
        named = (*self._get_legal_files(), *package.readmes, *scripts)
        needed = {Path(os.path.realpath(self._path / each)) for each in named}
        found = super().find_files_to_add(exclude_build)
        kept = self._own(found) | {each for each in found if Path(os.path.realpath(each.path)) in needed}
        if self.project_file is not None:
            on_disk, folder = Path(os.path.realpath(self._path / "pyproject.toml")), self.project_file.parent
            given = BuildIncludeFile(path=self.project_file, project_root=folder, source_root=folder)
            kept = {each for each in kept if Path(os.path.realpath(each.path)) != on_disk} | {given}
        return kept


class _Tar(tarfile.TarFile):
    """Holds what links point at: a link out of the project leads nowhere in an unpacked sdist."""

    dereference = True


def _project_file(variant: BuildVariant, plan: _Plan) -> bytes:
    """The sdist's pyproject.toml: the project's own file where that says the same, so that it is as poetry-core's own.

    With the version written in where publish-all tells it, as our backend for poetry-core does.
    """
    own = plan.root / "pyproject.toml"
    # There is none in the stage, or one that is not TOML.
    with contextlib.suppress(OSError, ValueError, VersionError):
        content = own.read_bytes()
        if says_the_same(plan.root, plan.pyproject):
            return content
        dynamic = variant.dynamic_pyproject
        if dynamic is not None and plan.pyproject == variant.pyproject and says_the_same(plan.root, dynamic):
            text = content.decode()
            stated = None if asks_us(loads(text)) else table(dynamic, "tool", "poetry").get("version")
            if stated is None:
                return with_static_version(text, variant.version).encode()
            if canonicalize_version(stated) == canonicalize_version(variant.version):
                return content
    return tomlkit.dumps(plan.pyproject).encode()


def _has_script(variant: BuildVariant) -> bool:
    return bool(table(variant.pyproject, "tool", "poetry").get("build"))


def _source_folder(entry: Mapping[str, Any]) -> str:
    source = str(entry.get("from", "")).strip("/")
    return f"{source}/" if source else ""


def _in_package(entry: Mapping[str, Any], inside: str) -> str | None:
    """Where a file stands that is to be at `inside` in the wheel, if this entry of `packages` covers it."""
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
            msg = f"{key_path(variant, 'exclude')}: no module of the package {entry['include']!r} is left"
            raise BuildError(
                msg, hint="poetry-core builds no package without modules. Put data where modules are."
            )
        if left or not files:
            entries.append(entry)
    return {**pyproject, "tool": {**pyproject["tool"], "poetry": {**poetry, "packages": entries}}}
