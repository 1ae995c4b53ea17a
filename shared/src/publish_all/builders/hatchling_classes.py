"""hatchling's own builders, told what to build instead of reading it from the working tree.

They differ from hatchling's in four points, and in nothing else: the metadata comes from a given
configuration without hatch.toml; what git ignores is not shipped, also where a nested .gitignore says
so; the sdist holds the given pyproject.toml; and a clean removes no other project's files.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

from hatchling.builders.config import BuilderConfig
from hatchling.builders.plugin.interface import BuilderInterface, IncludedFile
from hatchling.builders.sdist import SdistBuilder, SdistBuilderConfig
from hatchling.builders.wheel import RecordFile, WheelArchive, WheelBuilder, WheelBuilderConfig
from hatchling.metadata.core import HatchMetadata, ProjectMetadata
from hatchling.plugin.manager import PluginManager

from publish_all.builders.hatchling_members import archives_from, sdist_archives_from
from publish_all.builders.member_store import MemberStore
from publish_all.builders.source_tree import SourceTree, normal
from publish_all.variants.tag import WheelTag

HATCH_FILE = "hatch.toml"
PROJECT_FILE = "pyproject.toml"
Table: TypeAlias = dict[str, Any]


class OverlaidMetadata(ProjectMetadata[PluginManager]):
    """The metadata of a given configuration: hatch.toml has been folded into it and is not read again."""

    _overlaid: HatchMetadata[PluginManager] | None = None

    @property
    def hatch(self) -> HatchMetadata[PluginManager]:
        if self._overlaid is None:
            table = self.config.get("tool", {}).get("hatch", {})
            # As hatchling does, whose own annotation of its plugin manager is optional only here.
            self._overlaid = HatchMetadata(self.root, table, self.plugin_manager or PluginManager())
        return self._overlaid


class Shipped:
    """What may be shipped of a tree: what git does not ignore, and nothing of the folders left out.

    `forced` names files and folders (relative to the root) that a variant includes by force: of a
    folder which git does not ignore as a whole, the ignored files still stay out.
    """

    def __init__(
        self, tree: SourceTree, *, leave_out: Iterable[Path] = (), forced: Iterable[str] = ()
    ) -> None:
        self._tree = tree
        folders = (_below(each, tree.root) for each in leave_out)
        self._leave_out = tuple(f"{each}/" for each in folders if each is not None)
        self._forced = frozenset(forced)

    def allows(self, path: str, *, ignore_vcs: bool) -> bool:
        """Whether a file at this path, relative to the root, may be shipped. `ignore_vcs` is hatchling's option."""
        path = _composed(path)
        if path.startswith(self._leave_out):
            return False
        if ignore_vcs or not self._tree.in_git:
            return True
        is_link = self._known.get(path)
        if is_link is not None:
            return not is_link or self._allows_meant(self._tree.root / path)
        # hatchling follows links to folders, where git lists the link alone.
        listed = any(str(each) in self._known for each in PurePosixPath(path).parents)
        return listed and self._allows_meant(self._tree.root / path)

    def allows_forced(self, source: str, path: str) -> bool:
        """The same for a file below `source`, both absolute, which is included by force."""
        below = _below(Path(source), self._tree.root)
        if below is None or below not in self._forced:
            return True
        return os.path.relpath(path, self._tree.root).replace(os.sep, "/") in self._tree.named(below)

    def _allows_meant(self, link: Path) -> bool:
        """A link out of the project means what it says; one into it must not lead to what git ignores."""
        try:
            meant = link.resolve().relative_to(self._tree.root)
        except ValueError:
            return True
        return _composed(meant.as_posix()) in self._known

    @cached_property
    def _known(self) -> dict[str, bool]:
        """Path → whether it is a symbolic link."""
        links = self._tree.links
        return {_composed(path): path in links for path in self._tree.files}


def _composed(path: str) -> str:
    path = path.replace(os.sep, "/")
    # macOS: git speaks of names in composed form, the file system need not.
    return path if path.isascii() else unicodedata.normalize("NFC", path)


def _below(path: Path, root: Path) -> str | None:
    try:
        relative = normal(path.resolve().relative_to(root).as_posix())
    except ValueError:
        return None
    return relative or None


class _ShippedOnly(BuilderInterface[Any, PluginManager]):
    """What both builders share."""

    shipped: Shipped | None = None

    def recurse_forced_files(self, inclusion_map: dict[str, str]) -> Iterable[IncludedFile]:
        for source, target in inclusion_map.items():
            for file in super().recurse_forced_files({source: target}):
                if self.shipped is None or self.shipped.allows_forced(source, file.path):
                    yield file

    def clean(self, directory: str, versions: list[str]) -> None:
        """Remove nothing: hatchling's own removes every wheel in the folder, whosoever it is."""

    def keeps_back(self, path: str, *, ignore_vcs: bool) -> bool:
        """Whether a file that hatchling selects is not to be shipped."""
        return self.shipped is not None and not self.shipped.allows(path, ignore_vcs=ignore_vcs)


class _ShippedOnlyConfig(BuilderConfig):
    def path_is_excluded(self, relative_path: str) -> bool:
        if super().path_is_excluded(relative_path):
            return True
        builder: object = self.builder
        return isinstance(builder, _ShippedOnly) and builder.keeps_back(
            relative_path, ignore_vcs=self.ignore_vcs
        )


class OverlaidWheelConfig(_ShippedOnlyConfig, WheelBuilderConfig):
    """hatchling's, without what is not to be shipped."""


class OverlaidSdistConfig(_ShippedOnlyConfig, SdistBuilderConfig):
    """hatchling's, without what is not to be shipped."""


class OverlaidWheelBuilder(_ShippedOnly, WheelBuilder):
    """`tag` is that of a platform wheel; None where hatchling and the project's hooks tell it.

    `store` holds the files deflated; None to have hatchling deflate them.
    """

    tag: WheelTag | None = None
    store: MemberStore | None = None

    def get_default_build_data(self) -> dict[str, Any]:
        data = super().get_default_build_data()
        if self.tag is not None:  # hooks see for what they build
            data |= {"tag": str(self.tag), "pure_python": self.tag.is_pure}
        return data

    def build_standard(self, directory: str, **build_data: Any) -> str:
        if self.tag is not None:  # whatever the hooks have made of it
            build_data |= {"tag": str(self.tag), "pure_python": self.tag.is_pure}
        with archives_from(self.store):
            return super().build_standard(directory, **build_data)

    def recurse_included_files(self) -> Iterable[IncludedFile]:
        found = super().recurse_included_files()
        if self.store is None:
            return found
        listed = list(found)
        self.store.expect(each.path for each in listed)
        return listed

    @staticmethod
    def write_archive_metadata(
        archive: WheelArchive, records: RecordFile, build_data: dict[str, Any]
    ) -> None:
        """hatchling's, which knows no build numbers (binary distribution format, `Build:` in WHEEL)."""
        number, parted, tag = str(build_data["tag"]).partition("-")
        if tag.count("-") != 2:
            WheelBuilder.write_archive_metadata(archive, records, build_data)
            return
        del parted
        numbered: Any = _Numbered(archive, number)
        WheelBuilder.write_archive_metadata(numbered, records, {**build_data, "tag": tag})

    @classmethod
    def get_config_class(cls) -> type[WheelBuilderConfig]:
        return OverlaidWheelConfig


class _Numbered:
    """The archive of a wheel whose WHEEL gets a build number."""

    def __init__(self, archive: WheelArchive, number: str) -> None:
        self._archive = archive
        self._number = number

    def write_metadata(self, path: str, content: str) -> Any:
        return self._archive.write_metadata(path, f"{content}Build: {self._number}\n")


class OverlaidSdistBuilder(_ShippedOnly, SdistBuilder):
    """`project_file` is the pyproject.toml which the sdist holds instead of that and hatch.toml of the tree.

    `store` holds the files deflated; None to have hatchling deflate them.
    """

    project_file: Path | None = None
    store: MemberStore | None = None

    def build_standard(self, directory: str, **build_data: Any) -> str:
        with sdist_archives_from(self.store):
            return super().build_standard(directory, **build_data)

    def recurse_included_files(self) -> Iterable[IncludedFile]:
        found = self._recurse_own_files()
        if self.store is None:
            return found
        listed = list(found)
        self.store.expect((each.path for each in listed), segments=True)
        return listed

    def _recurse_own_files(self) -> Iterable[IncludedFile]:
        at_root = {str(Path(self.root, name)): name for name in (PROJECT_FILE, HATCH_FILE)}
        for file in super().recurse_included_files():
            match at_root.get(file.path):
                case "pyproject.toml" if self.project_file is not None:
                    file.path = str(self.project_file)
                    yield file
                case "hatch.toml" if self.project_file is not None:
                    continue
                case _:
                    yield file

    @classmethod
    def get_config_class(cls) -> type[SdistBuilderConfig]:
        return OverlaidSdistConfig


def hatch_table(config: Mapping[str, Any], *keys: str) -> Table:
    """The table below `tool.hatch`, empty where it is not stated."""
    found: Any = config.get("tool", {}).get("hatch", {})
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def has_hooks(config: Mapping[str, Any], target: str) -> bool:
    """Whether build hooks run for a target."""
    return bool(
        hatch_table(config, "build", "hooks") or hatch_table(config, "build", "targets", target, "hooks")
    )
