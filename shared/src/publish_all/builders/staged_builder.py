"""Any PEP 517 backend, in a stage with the variant's files and its pyproject.toml."""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import gzip
import importlib.metadata
import os
import re
import shutil
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import tomlkit
from packaging.version import Version

from publish_all._build_system import Backend, backend_name, backend_of, build_requires
from publish_all._toml import table
from publish_all.builders.backend_hooks import (
    metadata_of,
    requirements_of_hooks,
    writes_same_sdists,
)
from publish_all.builders.builder import notes_once
from publish_all.builders.retag import retagged
from publish_all.builders.select import (
    key_path,
    left_out,
    made_table,
    matches,
    missing_forced,
    named_though_ignored,
    pinned,
    read_toml,
    says_the_same,
    texts,
)
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.stage import DEFAULT_EPOCH, Stages, forced_sources, planned
from publish_all.builders.unix_modes import modes_below
from publish_all.builders.worker_protocol import ask_worker
from publish_all.distributions.distribution import release_of
from publish_all.errors import BuildError
from publish_all.events import Listener, ignore
from publish_all.variants.setup_files import fields_in
from publish_all.variants.variant import BuildVariant

# The most files that a note names.
_SHOWN = 3
# Tools that give setuptools the list of tracked files.
_FILE_FINDER = re.compile(r"setuptools[-_.]?(scm|git)\b", re.IGNORECASE)


def extra_requires(variant: BuildVariant, kinds: Sequence[str], stages: Stages) -> tuple[str, ...]:
    """The requirements from the backend's `get_requires_for_build_*` hooks for the variant."""
    return requirements_of_hooks(_Stage.of(variant, stages).folder, variant.pyproject, kinds)


class _OtherVersion(Exception):  # noqa: N818 - not an error: another way is tried
    def __init__(self, version: str) -> None:
        super().__init__(version)
        self.version = version


class StagedBuilder:
    """Calls the hooks of a variant's backend, each time in a new stage."""

    def __init__(self, stages: Stages, *, listener: Listener = ignore) -> None:
        self._stages = stages
        self._listener = listener
        self._tell = notes_once(listener)
        self._probed: dict[str, Mapping[str, str]] = {}
        self._stated_elsewhere: dict[tuple[tuple[str, str], ...], frozenset[str]] = {}
        self._ways: dict[str, int] = {}
        self._name = ""

    @property
    def name(self) -> str:
        return self._name

    def build(self, variant: BuildVariant, kind: str, output: Path) -> Path:
        self._name = _described(variant.pyproject)
        ways = _ways(self._with_metadata_elsewhere(variant, output))
        for number in range(self._ways.get(variant.label, 0), len(ways)):
            self._ways[variant.label] = number
            try:
                return self._build(*ways[number], kind=kind, output=output)
            except _OtherVersion as error:
                told = error.version
        msg = f"{self._name} builds version {told} of {variant.label} instead of {variant.version}"
        hint = "Set the version in the place where this backend reads it, or remove `local-version`."
        raise BuildError(msg, hint=hint)

    def _build(self, variant: BuildVariant, version: str | None, *, kind: str, output: Path) -> Path:
        placed = self._files(variant, version, output)
        stage = _Stage.of(variant, self._stages, placed)
        built = _built(stage, variant, kind, output, version, listener=self._listener)
        if kind == "wheel":
            _verify(variant, built, placed)
            self._tell_of_ignored(stage.pyproject, built)
            if variant.wheel is not None:
                built = retagged(built, variant.wheel, backend=self._name)
        elif placed.dropped or not writes_same_sdists(variant.pyproject):
            _write_sdist_again(built, without=placed.dropped)
        return built

    def _tell_of_ignored(self, pyproject: Mapping[str, Any], wheel: Path) -> None:
        """Report once the ignored files in packages that are not packed, but would be by the backend alone."""
        tree = self._stages.tree
        if not tree.in_git:
            return
        with zipfile.ZipFile(wheel) as opened:
            names = [each for each in opened.namelist() if ".dist-info/" not in each]
        found = list(_ignored(names, pyproject, tree))
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        if found:
            text = ", ".join(found[:_SHOWN]) + more
            self._tell(f"not packed, because git ignores it: {text}. To pack it, add it to `force-include`")

    def _with_metadata_elsewhere(self, variant: BuildVariant, output: Path) -> BuildVariant:
        """Keep only dynamic fields that setup.cfg and setup.py set: setuptools refuses others."""
        if not _has_metadata_elsewhere(variant, self._stages.tree):
            return variant
        key = tuple(variant.layout.items())
        told = None if variant.version_from_backend else variant.version
        if key not in self._stated_elsewhere:
            stage = _Stage.of(variant, self._stages, metadata_elsewhere=True)
            place = output / "metadata"
            metadata = metadata_of(stage.folder, stage.pyproject, place, version=told)
            shutil.rmtree(place)
            self._stated_elsewhere[key] = fields_in(metadata)
        stated = self._stated_elsewhere[key]
        project = variant.pyproject["project"]
        dynamic = [each for each in project["dynamic"] if each in stated]
        pyproject = {**variant.pyproject, "project": {**project, "dynamic": dynamic}}
        return replace(
            variant,
            pyproject=pyproject,
            dynamic_pyproject=None if variant.dynamic_pyproject is None else _as_dynamic(pyproject),
        )

    def _files(self, variant: BuildVariant, version: str | None, output: Path) -> _Placed:
        if not (variant.include or variant.exclude or variant.force_include):
            return _Placed()
        if variant.label not in self._probed:  # the same for all platform wheels of a variant
            self._probed[variant.label] = self._probe(variant, version, output)
        files = self._probed[variant.label]
        tree = self._stages.tree
        forced = forced_sources(tree, variant)
        plan = planned(tree, variant)
        kept, dropped = left_out(variant, files, plan, forced=forced)
        return _Placed(
            additions={_place_for(inside, files): source for inside, source in forced.items()},
            forced=tuple(forced),
            dropped=tuple(sorted(dropped)),
            kept=kept,
            unwanted=frozenset(files) - kept - frozenset(forced),
        )

    def _probe(self, variant: BuildVariant, version: str | None, output: Path) -> Mapping[str, str]:
        """Build once unchanged, to map the files of the wheel to the files of the project."""
        stage = _Stage.of(variant, self._stages)
        sources = [
            each.relative_to(stage.folder).as_posix() for each in stage.folder.rglob("*") if each.is_file()
        ]
        with tempfile.TemporaryDirectory(dir=output) as probe:
            wheel = _built(stage, variant, "wheel", Path(probe), version, listener=ignore)
            return origins(wheel, stage.folder, sources)


class _Placed(NamedTuple):
    """The differences of a stage from the project: added files (path in it → path in the project) and removed ones.

    `forced`, `kept` and `unwanted` are paths inside the wheel: added files, files that the selection
    keeps, and files that it drops.
    """

    additions: Mapping[str, str] = {}
    forced: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    kept: frozenset[str] = frozenset()
    unwanted: frozenset[str] = frozenset()


class _Stage(NamedTuple):
    folder: Path
    pyproject: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        variant: BuildVariant,
        stages: Stages,
        placed: _Placed = _Placed(),  # noqa: B008 - frozen
        *,
        metadata_elsewhere: bool = False,
    ) -> _Stage:
        """With `metadata_elsewhere`, of a project that has its metadata in setup.cfg or setup.py: without `[project]`."""
        tree = stages.tree
        root = stages.shared(variant) if variant.layout else tree.root
        pyproject = pinned(variant, root)
        if metadata_elsewhere and _has_metadata_elsewhere(variant, tree):
            del pyproject["project"]
        if backend_of(pyproject) is Backend.SETUPTOOLS:
            _drop_empty_packages(pyproject, placed)
            _state_package_data(pyproject, (*placed.forced, *_moved_data(variant, tree)))
        if backend_of(pyproject) is Backend.HATCHLING:
            _force_ignored(pyproject, placed, tree)
        changed = {}
        if not says_the_same(tree.root, pyproject):
            changed["pyproject.toml"] = tomlkit.dumps(pyproject).encode()
        folder = stages.fresh(
            variant,
            additions={**{each: each for each in named_though_ignored(tree, pyproject)}, **placed.additions},
            # It is folded into pyproject.toml, whose tables it would replace.
            dropped=(*placed.dropped, *(["hatch.toml"] if changed else ())),
            changed=changed,
            git=True,
            links=backend_of(pyproject)
            is not Backend.POETRY_CORE,  # which packs only one of a link and its target
        )
        return cls(folder=folder, pyproject=pyproject)


def _ways(variant: BuildVariant) -> list[tuple[BuildVariant, str | None]]:
    """The ways in which a variant can get its version, best first: a pyproject, and the version for tools.

    Tools that compute the version also write it into files. So they compute it if the result is
    right, automatically or because of a variable. It is not if the version contains the day, which
    differs in a reproducible build.
    """
    static = (variant, variant.version)
    if variant.dynamic_pyproject is None:
        return [static]
    dynamic = replace(variant, pyproject=variant.dynamic_pyproject)
    by_itself = [(dynamic, None)] if variant.version_from_backend else []
    return [*by_itself, (dynamic, variant.version), static]


def _has_metadata_elsewhere(variant: BuildVariant, tree: SourceTree) -> bool:
    """Whether `variants.resolve` has declared all fields of a project without `[project]` as dynamic."""
    return "dynamic" in variant.pyproject.get("project", {}) and "project" not in read_toml(
        tree.root / "pyproject.toml"
    )


def _as_dynamic(pyproject: Mapping[str, Any]) -> dict[str, Any]:
    """The same with the version left to the backend."""
    project = {key: value for key, value in pyproject["project"].items() if key != "version"}
    return {**pyproject, "project": {**project, "dynamic": ["version", *project.get("dynamic", ())]}}


def _refuse_other_version(variant: BuildVariant, built: Path) -> None:
    """Raise `_OtherVersion` if the backend used another version than the project has."""
    found = release_of(built.name)  # if it is None, the checks report it
    if found is not None and found[1] != Version(variant.version):
        built.unlink()
        raise _OtherVersion(str(found[1]))


def _built(
    stage: _Stage,
    variant: BuildVariant,
    kind: str,
    output: Path,
    version: str | None,
    *,
    listener: Listener,
) -> Path:
    """Build a file in a separate process, because backends keep state, of versions for example (PEP 517)."""
    question = {
        "ask": "hook",
        "folder": stage.folder,
        "pyproject": stage.pyproject,
        "hook": f"build_{kind}",
        "arguments": [str(output)],
        "version": version,
        "modes": modes_below(stage.folder),
    }
    with tempfile.TemporaryDirectory(prefix="publish-all-hook-") as workspace:
        try:
            answer = ask_worker(
                question,
                executable=sys.executable,
                environment=os.environ,
                workspace=Path(workspace),
                listener=listener,
                own_group=False,
            )
        except BuildError as error:
            msg = f"{_described(stage.pyproject)} cannot build the {kind} of {variant.label}: {error.message}"
            raise BuildError(msg, hint=error.hint) from error
    built = output / str(answer)
    _refuse_other_version(variant, built)
    return built


def _described(pyproject: Mapping[str, Any]) -> str:
    """`setuptools 80.1.0`: the first requirement is the backend, by custom."""
    backend = backend_of(pyproject)
    names = [backend.value] if backend is not Backend.OTHER else []
    names += [each.split("[")[0].strip() for each in build_requires(pyproject)[:1]]
    for name in names:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError, ValueError):
            plain = "".join(character for character in name if character.isalnum() or character in "-_.")
            return f"{plain} {importlib.metadata.version(plain)}"
    return backend_name(pyproject)


def origins(wheel: Path, stage: Path, sources: Iterable[str]) -> dict[str, str]:
    """Path inside the wheel → its source among `sources` (paths in the stage); empty for files that the backend created.

    Found by content and by the end of the path, so that it works for every package layout.
    """
    named: dict[str, list[str]] = {}
    for each in sources:
        named.setdefault(each.rpartition("/")[2], []).append(each)
    found = {}
    with zipfile.ZipFile(wheel) as opened:
        for info in opened.infolist():
            inside = info.filename
            if info.is_dir() or inside.partition("/")[0].endswith((".dist-info", ".data")):
                continue
            alike = [
                each
                for each in named.get(inside.rpartition("/")[2], ())
                if _common(inside, each) >= min(2, inside.count("/") + 1) and _holds(stage / each, info)
            ]
            found[inside] = min(alike, key=lambda each: (-_common(inside, each), len(each)), default="")
    return found


def _ignored(names: Collection[str], pyproject: Mapping[str, Any], tree: SourceTree) -> Iterator[str]:
    """Ignored files that a backend would pack: modules of the wheel's packages, and files in its tables.

    Then ignored packages next to them. Setuptools finds packages automatically.
    """
    folders = _package_folders(names, tree)
    patterns = [each.replace("**/", "*").strip("/") for each in texts(pyproject.get("tool", {}))]

    def named(*paths: str) -> bool:
        return any(fnmatch.fnmatchcase(path, text) for text in patterns for path in paths)

    for path in tree.ignored(folders.values()):
        for package, folder in folders.items():
            inside = path.removeprefix(folder)
            if inside == path or f"{package}{inside}" in names:
                continue
            if path.endswith((".py", ".pyi")) or named(path, inside):
                yield path
    stated = table(pyproject, "tool", "setuptools").get("packages", {})
    looks = (
        backend_of(pyproject) is Backend.SETUPTOOLS
        and isinstance(stated, Mapping)
        and "include" not in table(stated, "find")
    )
    for root in sorted({folder.removesuffix(package) for package, folder in folders.items()}):
        for init in sorted((tree.root / root).glob("*/__init__.py")):
            folder = f"{root}{init.parent.name}"
            if not tree.under(folder) and ((looks and root) or named(init.parent.name, folder)):
                yield f"{folder}/__init__.py"


def _package_folders(names: Iterable[str], tree: SourceTree) -> dict[str, str]:
    """The packages of a wheel (`demo/`) → their folders in the project (`src/demo/`)."""
    found: dict[str, str] = {}
    for name in names:
        package, slash, _ = name.partition("/")
        if slash and f"{package}/" not in found:
            ends = (each for each in tree.files if each == name or each.endswith(f"/{name}"))
            path = min(ends, key=len, default=None)
            if path is not None:
                found[f"{package}/"] = path.removesuffix(name) + f"{package}/"
    return found


def _common(one: str, other: str) -> int:
    """How many segments two paths have in common, from the end."""
    pairs = zip(reversed(one.split("/")), reversed(other.split("/")), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _holds(path: Path, info: zipfile.ZipInfo) -> bool:
    return (
        path.is_file() and path.stat().st_size == info.file_size and zlib.crc32(path.read_bytes()) == info.CRC
    )


def _place_for(inside: str, files: Mapping[str, str]) -> str:
    """The place of a file that goes to `inside`: next to other files of the same package."""
    beside = [
        each
        for each, path in files.items()
        if path.endswith(each) and each.partition("/")[0] == inside.partition("/")[0]
    ]
    if not beside:
        return inside
    nearest = max(beside, key=lambda each: len(os.path.commonpath((each, inside))))
    return files[nearest][: len(files[nearest]) - len(nearest)] + inside


def _moved_data(variant: BuildVariant, tree: SourceTree) -> Iterator[str]:
    """Files that setuptools packs because git tracks them, and that a layout moves to untracked paths."""
    if variant.layout and any(_FILE_FINDER.match(each) for each in build_requires(variant.pyproject)):
        plan = planned(tree, variant)
        yield from (path.removeprefix("src/") for path, source in plan.items() if path != source)


def _drop_empty_packages(pyproject: dict[str, Any], placed: _Placed) -> None:
    """Remove configured packages whose folders are empty after the variant's exclusions: setuptools refuses them."""
    packages = table(pyproject, "tool", "setuptools").get("packages")
    if isinstance(packages, list) and placed.unwanted:

        def has(folder: str, files: Iterable[str]) -> bool:
            return any(path.startswith(folder) for path in files)

        folders = {each: each.replace(".", "/") + "/" for each in packages}
        pyproject["tool"]["setuptools"]["packages"] = [
            each
            for each, folder in folders.items()
            if has(folder, (*placed.kept, *placed.forced)) or not has(folder, placed.unwanted)
        ]


def _state_package_data(pyproject: dict[str, Any], insides: Iterable[str]) -> None:
    """Configure data files, which setuptools packs only if they are listed."""
    for inside in insides:
        package, _, rest = inside.partition("/")
        if not rest or inside.endswith(".py") or package.endswith(".data"):
            continue
        data = made_table(pyproject, "tool", "setuptools", "package-data")
        data.setdefault(package, []).append(glob.escape(rest))


def _force_ignored(pyproject: dict[str, Any], placed: _Placed, tree: SourceTree) -> None:
    """Configure ignored files, which hatchling packs only if they are listed; in the sdist at the same place."""
    inside_of = dict(zip(placed.additions, placed.forced, strict=True))
    ignored = {
        path: inside_of[path] for path, source in placed.additions.items() if source not in tree.file_set
    }
    if ignored:
        for target, forced in (("wheel", ignored), ("sdist", {path: path for path in ignored})):
            below = made_table(pyproject, "tool", "hatch", "build", "targets", target)
            below["force-include"] = {**below.get("force-include", {}), **forced}


def _verify(variant: BuildVariant, wheel: Path, placed: _Placed) -> None:
    """Check that the backend packed the files that the variant requires. Raises `BuildError`."""
    with zipfile.ZipFile(wheel) as opened:
        names = [each for each in opened.namelist() if ".dist-info/" not in each and not each.endswith("/")]
    backend = backend_name(variant.pyproject)
    missing = missing_forced(variant, names)
    if missing:
        where = key_path(variant, "force-include", missing[0])
        msg = f"{where}: {backend} left {missing[0]!r} out of the wheel of {variant.label}"
        hint = f"Configure {backend} to pack this path as package data or as a package."
        if missing[0].partition("/")[0].endswith(".data"):
            hint = f"Only {backend} itself can put files there, for example as `scripts` of [project]."
        raise BuildError(msg, hint=hint)
    lost = sorted(placed.kept - frozenset(names))
    if lost:
        msg = f"{backend} leaves {lost[0]!r} out of the wheel of {variant.label} when the variant's files are added"
        raise BuildError(msg, hint=f"List all package data of the project in the [tool] keys of {backend}.")
    extra = next((each for each in names if each in placed.unwanted or _is_excluded(variant, each)), None)
    if extra is not None:
        key = "exclude" if matches(variant.exclude, extra) else "include"
        msg = f"{key_path(variant, key)}: {backend} still packs {extra!r} into the wheel of {variant.label}"
        raise BuildError(
            msg, hint=f"Exclude it in the configuration of {backend} ([tool.…] keys of the variant)."
        )


def _is_excluded(variant: BuildVariant, inside: str) -> bool:
    targets = [each.rstrip("/") for each in variant.force_include.values()]
    forced = any(inside == each or inside.startswith(each + "/") for each in targets)
    return not forced and matches(variant.exclude, inside)


def _write_sdist_again(sdist: Path, *, without: Collection[str]) -> None:
    """Write the same members without users, times of files and of the compression, and hard links; few backends do this.

    `without` are files of the project that are removed: some backends take files from git's history.
    """
    with tempfile.TemporaryFile(dir=sdist.parent) as unpacked:
        with gzip.open(sdist) as packed:
            shutil.copyfileobj(packed, unpacked, 1 << 20)
        unpacked.seek(0)
        with (
            tarfile.open(fileobj=unpacked, mode="r:") as old,
            sdist.open("wb") as file,
            gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=_epoch()) as zipped,
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as new,
        ):
            for member in sorted(old.getmembers(), key=lambda each: each.name):
                if member.name.partition("/")[2] in without:
                    continue
                linked = old.getmember(member.linkname) if member.islnk() else member
                content = old.extractfile(linked) if linked.isreg() else None
                new.addfile(_anonymous(member, linked), content)


def _anonymous(member: tarfile.TarInfo, linked: tarfile.TarInfo) -> tarfile.TarInfo:
    """The member without properties of this machine; a hard link becomes a copy of its target."""
    if member is not linked:
        member.type, member.size, member.linkname = linked.type, linked.size, ""
        member.mode = linked.mode
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = _epoch()
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    member.pax_headers = {}
    return member


def _epoch() -> int:
    return int(os.environ.get("SOURCE_DATE_EPOCH", DEFAULT_EPOCH))
