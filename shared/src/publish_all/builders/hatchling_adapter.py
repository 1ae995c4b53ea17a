"""The parts of hatchling that are not public: its builders, which build what they are given here.

All use of hatchling's internals is in this module, and `backend_contract` lists them. The builders differ from
hatchling's in five points, and in nothing else: the metadata comes from a given configuration without hatch.toml;
what git ignores is not shipped, also where a nested .gitignore says so; the sdist holds the given pyproject.toml; a
path that the configuration names and that gives nothing is told; and a clean removes no other project's files.
Archives take their members from the member store where that gives what hatchling writes by itself.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import hatchling.builders.sdist as hatchling_sdist
import hatchling.builders.wheel as hatchling_wheel
from hatchling.__about__ import __version__
from hatchling.builders.plugin.interface import BuilderInterface, IncludedFile
from hatchling.builders.sdist import SdistArchive, SdistBuilder
from hatchling.builders.utils import (
    format_file_hash,
    normalize_archive_path,
    normalize_file_permissions,
    set_zip_info_mode,
)
from hatchling.builders.wheel import RecordFile, WheelArchive, WheelBuilder
from hatchling.metadata.core import HatchMetadata, ProjectMetadata
from hatchling.plugin.manager import PluginManager
from pathspec import GitIgnoreSpec

from publish_all.builders.member_store import MemberStore
from publish_all.builders.member_trial import agree, agree_in_sdists
from publish_all.builders.raw_zip import append
from publish_all.builders.select import Shipped, matches, refuse_undecodable
from publish_all.builders.stitched_gzip import StitchedGzip
from publish_all.builders.stitched_tar import StitchedTar
from publish_all.errors import BuildError
from publish_all.variants.tag import WheelTag

__all__ = [
    "HATCH_FILE", "PROJECT_FILE", "STEP", "IncludedFile", "OverlaidMetadata", "OverlaidSdistBuilder",
    "OverlaidWheelBuilder", "PluginManager", "ProjectMetadata", "SdistBuilder", "Table", "WheelBuilder",
    "__version__", "has_hooks", "hatch_table", "sdists_usable", "usable",
]  # fmt: skip

HATCH_FILE = "hatch.toml"
PROJECT_FILE = "pyproject.toml"
# How many bytes hatchling hands to zlib at once.
STEP = 16384
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


class _Shipping(BuilderInterface[Any, PluginManager]):
    """What both builders share. `store` holds the files deflated; None to have hatchling deflate them.

    `exclude` is the variant's, for the files that build hooks make: others are excluded in the configuration. `tell`
    takes the notes about patterns that match nothing; None to not look for them.
    """

    shipped: Shipped | None = None
    exclude: Sequence[str] = ()
    store: MemberStore | None = None
    tell: Callable[[str], None] | None = None
    segments = False

    def recurse_included_files(self) -> Iterable[IncludedFile]:
        selected = list(self.recurse_selected_project_files())
        self._check_names(selected)
        found = [*selected, *self.recurse_forced_files(self.config.get_force_include())]
        refuse_undecodable((each.distribution_path for each in found), Path(self.root))
        if self.store is not None:
            self.store.expect((each.path for each in found), segments=self.segments)
        return found

    def recurse_selected_project_files(self) -> Iterable[IncludedFile]:
        """hatchling's, without what is not to be shipped. It ships artifacts, and files named one by one, in any case."""
        for file in super().recurse_selected_project_files():
            path = file.relative_path
            if self.config.path_is_build_artifact(path):
                if not self._is_excluded(file):
                    yield file
            elif (
                self.shipped is None
                or self.shipped.allows(path, ignore_vcs=self.config.ignore_vcs)
                or file.path in self.config.only_include
                or self.config.path_is_artifact(path)
            ):
                yield file

    def recurse_forced_files(self, inclusion_map: dict[str, str]) -> Iterable[IncludedFile]:
        for source, target in inclusion_map.items():
            for file in super().recurse_forced_files({source: target}):
                if self.shipped is None or self.shipped.allows_forced(source, file.path):
                    yield file

    def _is_excluded(self, file: IncludedFile) -> bool:
        paths = (file.distribution_path.replace(os.sep, "/"), file.relative_path.replace(os.sep, "/"))
        return matches(self.exclude, *paths)

    def clean(self, directory: str, versions: list[str]) -> None:
        """Remove nothing: hatchling's own removes every wheel in the folder, whosoever it is."""

    def _check_names(self, selected: Sequence[IncludedFile]) -> None:
        """Raise `BuildError` for a path that is not there or gives no file, and tell of patterns that match nothing.

        hatchling ships the rest without a word (https://github.com/pypa/hatch/issues/1283).
        """
        walked = "only-include" if self._has("only-include") else "packages"
        for source in self.config.only_include:
            self._check_path(walked, source, selected)
        for package in self.config.packages:
            self._check_exists("packages", str(Path(self.root, package)))
        for key in ("force-include", "shared-data", "shared-scripts", "extra-metadata"):
            stated: Mapping[str, str] = getattr(self.config, key.replace("-", "_"), {})
            recurse = self.recurse_forced_files if key == "force-include" else self.recurse_explicit_files
            for source, target in stated.items():
                self._check_exists(key, source)
                if next(iter(recurse({source: target})), None) is None:
                    raise self._empty(key, source)
        if self.tell is None:
            return
        for key in ("include", "artifacts"):
            for pattern in self._patterns(key):
                where = f"{self._key_path(key)}: {pattern!r}"
                if key == "include" and self.config.only_include:
                    self.tell(f"{where} has no effect, because `{walked}` says what to ship")
                elif not any(map(GitIgnoreSpec.from_lines([pattern]).match_file, _paths(selected))):
                    self.tell(f"{where} matches no file that can be shipped")

    def _check_path(self, key: str, source: str, selected: Sequence[IncludedFile]) -> None:
        self._check_exists(key, source)
        if self.shipped is None or any(
            f"{each.path}{os.sep}".startswith(f"{source}{os.sep}") for each in selected
        ):
            return
        # With `exclude` that may be what is wanted: a build variant without one of the packages.
        if not (self._has("exclude") and self.shipped.holds(os.path.relpath(source, self.root))):
            raise self._empty(key, source)

    def _check_exists(self, key: str, source: str) -> None:
        if not Path(source).exists():
            path = os.path.relpath(source, self.root)
            msg = f"{self._key_path(key)}: there is no file or folder {path} in {self.root}"
            raise BuildError(msg, hint="If a step before the build makes it, run that first.")

    def _empty(self, key: str, source: str) -> BuildError:
        path = os.path.relpath(source, self.root)
        if any(Path(source).rglob("*")):
            msg = f"{self._key_path(key)}: git or hatchling ignores every file of {path}, so nothing of it is shipped"
            hint = "Name the files in `artifacts` or `force-include` of [tool.hatch.build.targets.wheel], or change .gitignore."
            return BuildError(msg, hint=hint)
        msg = f"{self._key_path(key)}: there is no file in {path}"
        return BuildError(msg, hint="If a step before the build makes its files, run that first.")

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


def _paths(files: Iterable[IncludedFile]) -> Iterator[str]:
    return (each.relative_path for each in files)


class OverlaidWheelBuilder(_Shipping, WheelBuilder):
    """`tag` is that of a platform wheel; None where hatchling and the project's hooks tell it."""

    tag: WheelTag | None = None

    def recurse_forced_files(self, inclusion_map: dict[str, str]) -> Iterable[IncludedFile]:
        by_hooks = self.config.build_force_include
        for source, target in inclusion_map.items():
            for file in super().recurse_forced_files({source: target}):
                if source not in by_hooks or not self._is_excluded(file):
                    yield file

    def get_default_build_data(self) -> dict[str, Any]:
        data = super().get_default_build_data()
        if self.tag is not None:  # hooks see for what they build
            data |= {"tag": str(self.tag), "pure_python": self.tag.is_pure}
        return data

    def build_standard(self, directory: str, **build_data: Any) -> str:
        if self.tag is not None:  # whatever the hooks have made of it
            build_data |= {"tag": str(self.tag), "pure_python": self.tag.is_pure}
        with _archives_from(self.store):
            return super().build_standard(directory, **build_data)

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


class _Numbered:
    """The archive of a wheel whose WHEEL gets a build number."""

    def __init__(self, archive: WheelArchive, number: str) -> None:
        self._archive = archive
        self._number = number

    def write_metadata(self, path: str, content: str) -> Any:
        return self._archive.write_metadata(path, f"{content}Build: {self._number}\n")


class OverlaidSdistBuilder(_Shipping, SdistBuilder):
    """`project_file` is the pyproject.toml which the sdist holds instead of that and hatch.toml of the tree."""

    project_file: Path | None = None
    segments = True

    def build_standard(self, directory: str, **build_data: Any) -> str:
        with _sdist_archives_from(self.store):
            return super().build_standard(directory, **build_data)

    def recurse_forced_files(self, inclusion_map: dict[str, str]) -> Iterable[IncludedFile]:
        at_root = {str(Path(self.root, name)): name for name in (PROJECT_FILE, HATCH_FILE)}
        for file in super().recurse_forced_files(inclusion_map):
            name = at_root.get(file.path) if self.project_file is not None else None
            if name == PROJECT_FILE:
                file.path = str(self.project_file)
            if name != HATCH_FILE:
                yield file


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


class _StoredArchive(WheelArchive):
    """Writes what `WheelArchive` writes, with the members of files out of `store`."""

    store: MemberStore | None = None

    def add_file(self, included_file: IncludedFile) -> tuple[str, str, str]:
        if self.store is None or not self.reproducible or self.time_tuple is None:
            return super().add_file(included_file)
        path = normalize_archive_path(included_file.distribution_path)
        found = self.store.deflated(included_file.path)
        if found is None or path in self.zf.NameToInfo:  # the second file of a name is hatchling's to refuse
            return super().add_file(included_file)
        member, mode = found
        info = zipfile.ZipInfo(path, self.time_tuple)
        set_zip_info_mode(info, normalize_file_permissions(mode))
        append(self.zf, info, member, self.store.stream(member))
        return path, f"sha256={format_file_hash(member.sha256)}", str(member.size)


def _archive_class(store: MemberStore) -> type[_StoredArchive]:
    return type("WheelArchive", (_StoredArchive,), {"store": store})


@contextlib.contextmanager
def _archives_from(store: MemberStore | None) -> Iterator[None]:
    """Within it, hatchling's wheel builder, which makes the archives of its module's class, makes ours."""
    if store is None:
        yield
        return
    own = hatchling_wheel.WheelArchive
    module: Any = hatchling_wheel
    module.WheelArchive = _archive_class(store)
    try:
        yield
    finally:
        module.WheelArchive = own


class _StoredSdistArchive(SdistArchive):
    """Writes the tar that `SdistArchive` writes, gzipped with segments out of `store`."""

    store: MemberStore

    def __init__(self, name: str, *, reproducible: bool) -> None:
        super().__init__(name, reproducible=reproducible)
        own: Any = self.gz
        own.fileobj = None  # or its end would be written when it goes
        self.fd.seek(0)
        self.fd.truncate()
        mtime = time.time() if self.timestamp is None else self.timestamp
        archive: Any = self
        archive.gz = StitchedGzip(self.fd, mtime=mtime, store=self.store)
        archive.tf = StitchedTar(fileobj=archive.gz, mode="w", format=self.tf.format)


def _sdist_archive_class(store: MemberStore) -> type[_StoredSdistArchive]:
    return type("SdistArchive", (_StoredSdistArchive,), {"store": store})


@contextlib.contextmanager
def _sdist_archives_from(store: MemberStore | None) -> Iterator[None]:
    """As `_archives_from`, for sdists."""
    if store is None:
        yield
        return
    module: Any = hatchling_sdist
    own = module.SdistArchive
    module.SdistArchive = _sdist_archive_class(store)
    try:
        yield
    finally:
        module.SdistArchive = own


def usable(store: MemberStore) -> bool:
    """Whether this hatchling writes the same wheels from the store as by itself."""
    return agree(_sample_wheel, store)


def sdists_usable(store: MemberStore) -> bool:
    """As `usable`, for the tars of sdists."""
    return agree_in_sdists(_sample_sdist, store)


def _sample_wheel(files: Sequence[Path], store: MemberStore | None) -> tuple[bytes, Any]:
    kind = WheelArchive if store is None else _archive_class(store)
    with kind("sample-1", reproducible=True) as archive:
        records = [
            archive.add_file(IncludedFile(str(each), each.name, f"sample/{each.name}")) for each in files
        ]
    written = Path(archive.path)
    try:
        return written.read_bytes(), records
    finally:
        written.unlink()


def _sample_sdist(files: Sequence[Path], store: MemberStore | None) -> bytes:
    kind: Any = SdistArchive if store is None else _sdist_archive_class(store)
    with kind("sample-1", reproducible=True) as archive:
        for each in files:
            info = archive.gettarinfo(str(each), arcname=f"sample-1/{each.name}")
            with each.open("rb") as file:
                archive.addfile(info, file)
        archive.create_file("Name: sample", "PKG-INFO")
    written = Path(archive.path)
    try:
        return gzip.decompress(written.read_bytes())
    finally:
        written.unlink()
