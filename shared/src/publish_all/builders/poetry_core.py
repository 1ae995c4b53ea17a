"""poetry-core, in process: its own builders on the project's own files, with the variant's configuration.

Nothing is written into the project. The files are byte-identical to those which poetry-core writes
for a static copy of the project with the same pyproject.toml.
"""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import tomlkit
from poetry.core import __version__ as poetry_core_version
from poetry.core.factory import Factory
from poetry.core.masonry.builders.builder import BuildIncludeFile
from poetry.core.masonry.builders.wheel import wheel_file_template
from poetry.core.masonry.utils.module import Module
from poetry.core.poetry import Poetry
from poetry.core.pyproject.toml import PyProjectTOML

from publish_all._toml import loads
from publish_all._values import dataclass
from publish_all.builders.member_store import MemberStore
from publish_all.builders.poetry_core_listing import ListedOnce, Listings
from publish_all.builders.poetry_core_members import (
    StoredSdistBuilder,
    StoredWheelBuilder,
    sdists_usable,
    usable,
)
from publish_all.builders.select import key_path, module_name, narrowed, pinned, poetry_default_package
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.stage import Stages, forced_sources, planned, working_directory
from publish_all.errors import BuildError
from publish_all.variants.overlay import copied
from publish_all.variants.tag import WheelTag
from publish_all.variants.variant import BuildVariant


@dataclass(frozen=True, kw_only=True, slots=True)
class _Prepared:
    """A variant ready to build: where, with which configuration, without which files, and what is there besides git's."""

    root: Path
    pyproject: Mapping[str, Any]
    dropped: frozenset[Path]
    tracked: frozenset[str] | None
    listings: Listings


class PoetryCoreBuilder:
    """`workspace` is a temporary folder for what the builder needs on disk; `stages` has its own.

    `store` deflates for all variants; without it, and where this poetry-core can't take from it,
    poetry-core deflates for each.
    """

    def __init__(
        self, *, tree: SourceTree, stages: Stages, workspace: Path, store: MemberStore | None = None
    ) -> None:
        self._tree = tree
        self._stages = stages
        self._workspace = workspace
        self._store = self._sdist_store = store
        self._listings: Listings = {}
        self._store_tried = self._sdist_store_tried = False
        self._last: tuple[BuildVariant, _Prepared] | None = None

    @property
    def name(self) -> str:
        return f"poetry-core {poetry_core_version}"

    def build(self, variant: BuildVariant, kind: str, output: Path) -> Path:
        try:
            prepared = self._prepared(variant)
            with working_directory(prepared.root):
                return self._build(variant, prepared, kind, output)
        except (OSError, RuntimeError, ValueError, AssertionError) as error:
            msg = f"poetry-core cannot build the {kind} of {variant.label}: {error}"
            raise BuildError(
                msg, hint=f"See what is built with: publish-all variants --diff {variant.label}"
            ) from error

    def _build(self, variant: BuildVariant, prepared: _Prepared, kind: str, output: Path) -> Path:
        poetry = _poetry(prepared.root, prepared.pyproject)
        if kind == "wheel":
            tag = None if variant.wheel is None else variant.wheel.tag
            wheel = _Wheel(poetry, prepared, tag=tag)
            wheel.store = self._usable_store(variant, prepared)
            return wheel.build(output)
        resolved = self._workspace / f"sdist-{variant.project}" / "pyproject.toml"
        resolved.parent.mkdir(parents=True, exist_ok=True)
        resolved.write_bytes(_project_file(prepared))
        sdist = _Sdist(poetry, prepared, pyproject=resolved)
        sdist.store = self._usable_sdist_store(prepared, resolved)
        return sdist.build(output)

    def _usable_store(self, variant: BuildVariant, prepared: _Prepared) -> MemberStore | None:
        """The store, if poetry-core can take from it, which the first wheel tells."""
        if self._store is not None and not self._store_tried:
            self._store_tried = True
            if not usable(lambda: _Wheel(_poetry(prepared.root, prepared.pyproject), prepared), self._store):
                self._store = None
        if self._store is not None and _has_script(variant):
            self._store.forget()
        return self._store

    def _usable_sdist_store(self, prepared: _Prepared, resolved: Path) -> MemberStore | None:
        """As `_usable_store`, which the first sdist tells."""
        if self._sdist_store is not None and not self._sdist_store_tried:
            self._sdist_store_tried = True

            def make() -> _Sdist:
                return _Sdist(_poetry(prepared.root, prepared.pyproject), prepared, pyproject=resolved)

            if not sdists_usable(make, self._sdist_store):
                self._sdist_store = None
        return self._sdist_store

    def _prepared(self, variant: BuildVariant) -> _Prepared:
        """The sdist and the wheel of a variant are made of the same, unless a build script has written into it."""
        if self._last is None or self._last[0] is not variant or _has_script(variant):
            self._last = (variant, self._prepare(variant))
        return self._last[1]

    def _prepare(self, variant: BuildVariant) -> _Prepared:
        additions, includes = self._additions(variant)
        root = self._root(variant, additions)
        pyproject = _with_includes(pinned(variant, root), includes)
        tracked = self._tree.file_set if root == self._tree.root and self._tree.in_git else None
        prepared = _Prepared(
            root=root, pyproject=pyproject, dropped=frozenset(), tracked=tracked, listings=self._listings
        )
        if not variant.include and not variant.exclude:
            return prepared
        files = _wheel_files(prepared)
        forced = forced_sources(self._tree, variant)
        kept = narrowed(variant, {inside: path for inside, path in files.items() if inside not in forced})
        dropped = frozenset(
            root / path for inside, path in files.items() if inside not in kept and inside not in forced
        )
        return _Prepared(
            root=root,
            pyproject=_without_empty_packages(variant, pyproject, root, dropped),
            dropped=dropped,
            tracked=tracked,
            listings=self._listings,
        )

    def _root(self, variant: BuildVariant, additions: Mapping[str, str]) -> Path:
        if _has_script(variant):
            # A build script runs in the folder and may write there, or make poetry-core write a setup.py.
            return self._stages.fresh(
                layout=variant.layout, additions=additions, origin=key_path(variant, "layout")
            )
        if variant.layout or additions:
            return self._stages.shared(
                layout=variant.layout, additions=additions, origin=key_path(variant, "layout")
            )
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
        stated = variant.pyproject.get("tool", {}).get("poetry", {}).get("packages")
        if stated:
            return tuple(each for each in stated if "wheel" in _formats(each))
        paths = planned(self._tree, layout=variant.layout, origin=key_path(variant, "layout"))
        found = poetry_default_package(
            module_name(variant.selection_name),
            lambda path: path in paths or any(each.startswith(path + "/") for each in paths),
        )
        return () if found is None else (found,)


def _project_file(prepared: _Prepared) -> bytes:
    """The sdist's pyproject.toml: the project's own file where that says the same, so that it is as poetry-core's own."""
    own = prepared.root / "pyproject.toml"
    with contextlib.suppress(OSError, ValueError):  # there is none in the stage, or one that is not TOML
        content = own.read_bytes()
        if loads(content.decode()) == copied(prepared.pyproject):
            return content
    return tomlkit.dumps(prepared.pyproject).encode()


def _has_script(variant: BuildVariant) -> bool:
    return bool(variant.pyproject.get("tool", {}).get("poetry", {}).get("build"))


class _ResolvedToml(PyProjectTOML):
    """A pyproject.toml whose content is not the one on disk."""

    def __init__(self, path: Path, content: dict[str, Any]) -> None:
        super().__init__(path)
        self._content = content

    @property
    def data(self) -> dict[str, Any]:
        return self._content


def _poetry(root: Path, pyproject: Mapping[str, Any]) -> Poetry:
    """As `Factory.create_poetry(root, with_groups=False)`, from data. Raises `RuntimeError` for what is invalid."""
    data = copy.deepcopy(dict(pyproject))  # validation writes defaults into it
    resolved = _ResolvedToml(root / "pyproject.toml", data)
    errors = Factory.validate(data)["errors"]
    if errors:
        raise RuntimeError("the configuration is invalid: " + "; ".join(errors))
    project, poetry = data.get("project", {}), data["tool"]["poetry"]
    package = Factory.get_package(
        project.get("name") or poetry["name"], project.get("version") or poetry["version"]
    )
    Factory.configure_package(package, resolved, root, with_groups=False)
    return Poetry(resolved.path, resolved.poetry_config, package)


class _Wheel(StoredWheelBuilder, ListedOnce):
    """`tag` is that of a platform wheel; None where poetry-core tells it."""

    def __init__(self, poetry: Poetry, prepared: _Prepared, *, tag: WheelTag | None = None) -> None:
        super().__init__(poetry)
        self.listings = prepared.listings
        self._prepared = prepared
        self._stated_tag = tag

    @property
    def tag(self) -> str:
        return super().tag if self._stated_tag is None else str(self._stated_tag)

    def _write_wheel_file(self, fp: TextIO) -> None:
        """poetry-core's, which writes a tag set in one line and knows no build numbers (PEP 427)."""
        if self._stated_tag is None:
            super()._write_wheel_file(fp)
            return
        single = {"version": poetry_core_version, "tag": self._stated_tag.expanded[0]}
        fp.write(wheel_file_template.format(pure_lib=str(self._stated_tag.is_pure).lower(), **single))
        fp.writelines(f"Tag: {each}\n" for each in self._stated_tag.expanded[1:])
        if self._stated_tag.build:
            fp.write(f"Build: {self._stated_tag.build}\n")

    def find_files_to_add(self, exclude_build: bool = True) -> set[BuildIncludeFile]:
        found = _own_files(super().find_files_to_add(exclude_build), self._prepared, self._module)
        if self.store is not None:
            self.store.expect(str(each.path) for each in found)
        return found


class _Sdist(StoredSdistBuilder, ListedOnce):
    def __init__(self, poetry: Poetry, prepared: _Prepared, *, pyproject: Path) -> None:
        super().__init__(poetry)
        self.listings = prepared.listings
        self._prepared = prepared
        self._pyproject = pyproject

    def find_files_to_add(self, exclude_build: bool = False) -> set[BuildIncludeFile]:
        """The backend's, with the resolved pyproject.toml in place of the one on disk."""
        stated = {
            Path(os.path.realpath(self._path / each))
            for each in (
                *self._get_legal_files(),
                *self.convert_script_files(),
                *self._poetry.package.readmes,
            )
        }
        on_disk = Path(os.path.realpath(self._path / "pyproject.toml"))
        found = super().find_files_to_add(exclude_build)
        kept = _own_files(found, self._prepared, self._module) | {
            each for each in found if each.path in stated
        }
        folder = self._pyproject.parent
        resolved = BuildIncludeFile(path=self._pyproject, project_root=folder, source_root=folder)
        return self.expected({each for each in kept if each.path != on_disk} | {resolved})


def _own_files(found: set[BuildIncludeFile], prepared: _Prepared, module: Module) -> set[BuildIncludeFile]:
    """Without what the variant drops, and without what git ignores.

    poetry-core misses ignored files whose names git quotes (non-ASCII ones), and all of them when it
    does not find the repository. Files that `tool.poetry.include` names are meant, ignored or not.
    """
    kept = {each for each in found if each.path not in prepared.dropped}
    if prepared.tracked is None:
        return kept
    meant = {
        Path(os.path.realpath(element)) for each in module.explicit_includes for element in each.elements
    }
    return {
        each
        for each in kept
        if each.relative_to_project_root().as_posix() in prepared.tracked
        or each.path in meant
        or not meant.isdisjoint(each.path.parents)
    }


def _wheel_files(prepared: _Prepared) -> dict[str, str]:
    """What poetry-core would put into the wheel: path inside → path in the project."""
    with working_directory(prepared.root):
        found = _Wheel(_poetry(prepared.root, prepared.pyproject), prepared).find_files_to_add()
    return {
        each.relative_to_target_root().as_posix(): each.relative_to_project_root().as_posix()
        for each in found
    }


def _formats(entry: Mapping[str, Any]) -> tuple[str, ...]:
    stated = entry.get("format", ("sdist", "wheel"))
    return (stated,) if isinstance(stated, str) else tuple(stated)


def _in_package(entry: Mapping[str, Any], inside: str) -> str | None:
    """Where a file stands that is to be at `inside` in the wheel, if this entry of `packages` covers it."""
    include, target = str(entry["include"]).strip("/"), str(entry.get("to", "")).strip("/")
    if any(character in include for character in "*?["):
        return None
    if target:
        if not inside.startswith(target + "/"):
            return None
        inside = inside[len(target) + 1 :]
    if inside != include and not inside.startswith(include + "/"):
        return None
    source = str(entry.get("from", "")).strip("/")
    return f"{source}/{inside}" if source else inside


def _with_includes(pyproject: dict[str, Any], includes: list[str]) -> dict[str, Any]:
    if includes:
        poetry = pyproject.setdefault("tool", {}).setdefault("poetry", {})
        new = [{"path": each, "format": ["sdist", "wheel"]} for each in includes]
        poetry["include"] = [*poetry.get("include", []), *new]
    return pyproject


def _without_empty_packages(
    variant: BuildVariant, pyproject: dict[str, Any], root: Path, dropped: frozenset[Path]
) -> dict[str, Any]:
    """Without the entries of `packages` of which `exclude` leaves nothing: the sdist could not be built with them."""
    poetry = pyproject.get("tool", {}).get("poetry", {})
    if "packages" not in poetry:
        return pyproject
    entries = []
    for entry in poetry["packages"]:
        files = _files_of(root, entry)
        left = [each for each in files if each not in dropped]
        if left and len(left) < len(files) and not any(each.suffix in {".py", ".pyi"} for each in left):
            msg = f"{key_path(variant, 'exclude')}: no module of the package {entry['include']!r} is left"
            raise BuildError(
                msg, hint="poetry-core builds no package without modules. Put data where modules are."
            )
        if left or not files:
            entries.append(entry)
    return {**pyproject, "tool": {**pyproject["tool"], "poetry": {**poetry, "packages": entries}}}


def _files_of(root: Path, entry: Mapping[str, Any]) -> list[Path]:
    found = []
    for element in (root / str(entry.get("from", ""))).glob(str(entry["include"])):
        found.extend(
            [each for each in element.rglob("*") if each.is_file()] if element.is_dir() else [element]
        )
    return [each for each in found if "__pycache__" not in each.parts]
