"""poetry-core, in process: its own builders on the project's own files, with the variant's configuration.

Nothing is written into the project. The files are byte-identical to those which poetry-core writes
for a static copy of the project with the same pyproject.toml.
"""

from __future__ import annotations

import contextlib
import glob
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit

from publish_all._toml import loads
from publish_all._values import dataclass
from publish_all.builders.member_store import MemberStore
from publish_all.builders.poetry_core_adapter import (
    Listings,
    ProjectFiles,
    Sdist,
    Wheel,
    __version__,
    make_poetry,
    sdists_usable,
    usable,
)
from publish_all.builders.select import (
    Shipped,
    excluded_beside,
    key_path,
    module_name,
    narrowed,
    pinned,
    poetry_default_package,
)
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.stage import Stages, forced_sources, planned, working_directory
from publish_all.errors import BuildError
from publish_all.events import Listener, Note, ignore
from publish_all.variants.overlay import copied
from publish_all.variants.variant import BuildVariant


@dataclass(frozen=True, kw_only=True, slots=True)
class _Prepared:
    """A variant ready to build: where, with which configuration, and of which files."""

    root: Path
    pyproject: Mapping[str, Any]
    files: ProjectFiles

    def wheel(self, files: ProjectFiles | None = None) -> Wheel:
        made = Wheel(make_poetry(self.root, self.pyproject))
        made.files = self.files if files is None else files
        return made

    def sdist(self, files: ProjectFiles | None = None) -> Sdist:
        made = Sdist(make_poetry(self.root, self.pyproject))
        made.files = self.files if files is None else files
        return made


class PoetryCoreBuilder:
    """`workspace` is a temporary folder for what the builder needs on disk; `stages` has its own.

    `store` deflates for all variants; without it, and where this poetry-core can't take from it,
    poetry-core deflates for each. `listener` hears of patterns that match nothing.
    """

    def __init__(
        self,
        *,
        tree: SourceTree,
        stages: Stages,
        workspace: Path,
        store: MemberStore | None = None,
        listener: Listener = ignore,
    ) -> None:
        self._tree = tree
        self._stages = stages
        self._workspace = workspace
        self._store = self._sdist_store = store
        self._listener = listener
        self._told: set[str] = set()
        self._listings: Listings = {}
        self._shipped = Shipped(tree)
        self._store_tried = self._sdist_store_tried = False
        self._last: tuple[BuildVariant, _Prepared] | None = None

    @property
    def name(self) -> str:
        return f"poetry-core {__version__}"

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
        if kind == "wheel":
            wheel = prepared.wheel()
            wheel.stated_tag = None if variant.wheel is None else variant.wheel.tag
            wheel.store = self._usable_store(variant, prepared)
            return wheel.build(output)
        resolved = self._workspace / f"sdist-{variant.project}" / "pyproject.toml"
        resolved.parent.mkdir(parents=True, exist_ok=True)
        resolved.write_bytes(_project_file(prepared))
        sdist = prepared.sdist()
        sdist.project_file = resolved
        sdist.store = self._usable_sdist_store(prepared)
        return sdist.build(output)

    def _usable_store(self, variant: BuildVariant, prepared: _Prepared) -> MemberStore | None:
        """The store, if poetry-core can take from it, which the first wheel tells."""
        if self._store is not None and not self._store_tried:
            self._store_tried = True
            if not usable(prepared.wheel, self._store):
                self._store = None
        if self._store is not None and _has_script(variant):
            self._store.forget()
        return self._store

    def _usable_sdist_store(self, prepared: _Prepared) -> MemberStore | None:
        """As `_usable_store`, which the first sdist tells."""
        if self._sdist_store is not None and not self._sdist_store_tried:
            self._sdist_store_tried = True
            if not sdists_usable(prepared.sdist, self._sdist_store):
                self._sdist_store = None
        return self._sdist_store

    def _tell(self, message: str) -> None:
        """A note, once for all files."""
        if message not in self._told:
            self._told.add(message)
            self._listener(Note(message=message))

    def _prepared(self, variant: BuildVariant) -> _Prepared:
        """The sdist and the wheel of a variant are made of the same, unless a build script has written into it."""
        if self._last is None or self._last[0] is not variant or _has_script(variant):
            self._last = (variant, self._prepare(variant))
        return self._last[1]

    def _prepare(self, variant: BuildVariant) -> _Prepared:
        additions, includes = self._additions(variant)
        root = self._root(variant, additions)
        pyproject = _with_includes(pinned(variant, root), includes)
        shipped = self._shipped if root == self._tree.root and self._tree.in_git else None
        all_files = _Prepared(
            root=root, pyproject=pyproject, files=ProjectFiles(shipped=shipped, listings=self._listings)
        )
        dropped: frozenset[Path] = frozenset()
        if variant.include or variant.exclude:
            dropped = frozenset(root / each for each in self._dropped(variant, all_files))
            pyproject = _without_empty_packages(variant, pyproject, root, dropped)
        files = ProjectFiles(shipped=shipped, listings=self._listings, dropped=dropped, tell=self._tell)
        return _Prepared(root=root, pyproject=pyproject, files=files)

    def _dropped(self, variant: BuildVariant, prepared: _Prepared) -> frozenset[str]:
        """The files that the variant's selection leaves out of the wheel, and what `exclude` leaves out of the sdist."""
        with working_directory(prepared.root):
            wheel = {
                each.relative_to_target_root().as_posix(): each.relative_to_project_root().as_posix()
                for each in prepared.wheel().find_files_to_add()
            }
            in_sdist = {
                each.relative_to_project_root().as_posix() for each in prepared.sdist().find_files_to_add()
            }
        forced = forced_sources(self._tree, variant)
        stated = {inside: path for inside, path in wheel.items() if inside not in forced}
        kept = narrowed(variant, stated)
        away = {path for inside, path in stated.items() if inside not in kept}
        folders = [_source_folder(each) for each in self._packages(variant)]
        others = {
            path: next((path[len(each) :] for each in folders if path.startswith(each)), path)
            for path in in_sdist - set(wheel.values())
        }
        return frozenset(away) | excluded_beside(variant, others, wheel)

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


def _formats(entry: Mapping[str, Any]) -> tuple[str, ...]:
    stated = entry.get("format", ("sdist", "wheel"))
    return (stated,) if isinstance(stated, str) else tuple(stated)


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
    if inside != include and not inside.startswith(include + "/"):
        return None
    return _source_folder(entry) + inside


def _with_includes(pyproject: dict[str, Any], includes: list[str]) -> dict[str, Any]:
    if includes:
        poetry = pyproject.setdefault("tool", {}).setdefault("poetry", {})
        # poetry-core takes them for globs, in which Next.js' [slug].js would match s.js.
        new = [{"path": glob.escape(each), "format": ["sdist", "wheel"]} for each in includes]
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
