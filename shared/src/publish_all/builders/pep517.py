"""Any other PEP 517 backend, in a stage that holds the variant's own files and its pyproject.toml."""

from __future__ import annotations

import contextlib
import gzip
import importlib
import importlib.metadata
import io
import os
import re
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import tomlkit

from publish_all._toml import loads
from publish_all._values import dataclass
from publish_all.builders.retag import retagged
from publish_all.builders.select import (
    Backend,
    backend_name,
    backend_of,
    build_requires,
    key_path,
    matches,
    missing_forced,
    narrowed,
    pinned,
)
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.stage import (
    DEFAULT_EPOCH,
    Stages,
    forced_sources,
    link_repository,
    working_directory,
)
from publish_all.errors import BuildError, PublishAllError
from publish_all.variants.setup_cfg import fields_in
from publish_all.variants.variant import BuildVariant

# Folders which projects keep their packages in, and which are not part of the path inside the wheel.
_SOURCE_FOLDERS = ("", "src", "lib", "python")

# Those which honour SOURCE_DATE_EPOCH in sdists too. The others record when and by whom they were packed.
_REPRODUCIBLE_SDISTS = (Backend.FLIT, Backend.UV, Backend.SCIKIT_BUILD)


def extra_requires(variant: BuildVariant, kinds: Sequence[str], stages: Stages) -> tuple[str, ...]:
    """What the backend's `get_requires_for_build_*` hooks want."""
    stage = _Stage.of(variant, stages, additions={}, dropped=(), metadata_elsewhere=True)
    found: dict[str, None] = {}
    for kind in kinds:
        with _backend(stage.folder, stage.pyproject) as hooks:
            hook = getattr(hooks, f"get_requires_for_build_{kind}", None)
            found.update(dict.fromkeys(hook() if hook else ()))
    return tuple(found)


def metadata_of(
    folder: Path, pyproject: Mapping[str, Any], workspace: Path, *, version: str | None = None
) -> str:
    """The core metadata of the project in `folder`, as the backend makes it; of this `version` if it asks git."""
    workspace.mkdir(parents=True)
    with _backend(folder, pyproject, version=version) as hooks:
        prepare = getattr(hooks, "prepare_metadata_for_build_wheel", None)
        if prepare is not None:
            return (workspace / str(prepare(str(workspace))) / "METADATA").read_text(encoding="utf-8")
        with zipfile.ZipFile(workspace / hooks.build_wheel(str(workspace))) as wheel:
            name = next(each for each in wheel.namelist() if each.endswith(".dist-info/METADATA"))
            return wheel.read(name).decode()


class Pep517Builder:
    """Calls the hooks of whatever backend a variant names, each time in a new stage."""

    def __init__(self, *, stages: Stages) -> None:
        self._stages = stages
        self._probed: dict[str, Mapping[str, str]] = {}
        self._stated_elsewhere: dict[tuple[tuple[str, str], ...], frozenset[str]] = {}
        self._name = ""

    @property
    def name(self) -> str:
        return self._name

    def build(self, variant: BuildVariant, kind: str, output: Path) -> Path:
        self._name = _described(variant.pyproject)
        variant = self._with_metadata_elsewhere(variant, output)
        placed = self._files(variant, output)
        stage = _Stage.of(variant, self._stages, additions=placed.additions, dropped=placed.dropped)
        built = _built(stage, variant, kind, output)
        if kind == "wheel":
            _verify(variant, built, placed.unwanted)
            if variant.wheel is not None:
                built = retagged(built, variant.wheel, backend=self._name)
        elif backend_of(variant.pyproject) not in _REPRODUCIBLE_SDISTS:
            _make_reproducible(built)
        return built

    def _with_metadata_elsewhere(self, variant: BuildVariant, output: Path) -> BuildVariant:
        """Setuptools refuses a dynamic field that setup.cfg and setup.py do not state: keep those which they do."""
        if not _has_metadata_elsewhere(variant, self._stages.tree):
            return variant
        key = tuple(variant.layout.items())
        if key not in self._stated_elsewhere:
            stage = _Stage.of(variant, self._stages, additions={}, dropped=(), metadata_elsewhere=True)
            place = output / "metadata"
            metadata = metadata_of(stage.folder, stage.pyproject, place, version=variant.version)
            shutil.rmtree(place)
            self._stated_elsewhere[key] = fields_in(metadata)
        stated = self._stated_elsewhere[key]
        project = variant.pyproject["project"]
        dynamic = [each for each in project["dynamic"] if each in stated]
        return replace(variant, pyproject={**variant.pyproject, "project": {**project, "dynamic": dynamic}})

    def _files(self, variant: BuildVariant, output: Path) -> _Placed:
        if not (variant.include or variant.exclude or variant.force_include):
            return _Placed(additions={}, dropped=())
        if variant.label not in self._probed:
            self._probed[variant.label] = self._probe(variant, output)
        files = self._probed[variant.label]
        forced = forced_sources(self._stages.tree, variant)
        kept = narrowed(variant, {inside: path for inside, path in files.items() if inside not in forced})
        dropped = tuple(
            path for inside, path in files.items() if path and inside not in kept and inside not in forced
        )
        additions = {_place_for(inside, files): source for inside, source in forced.items()}
        return _Placed(
            additions=additions, dropped=dropped, unwanted=frozenset(files) - kept - frozenset(forced)
        )

    def _probe(self, variant: BuildVariant, output: Path) -> Mapping[str, str]:
        """Build once as it is, to learn which file of the project becomes which of the wheel.

        That is the same for all platform wheels of a variant.
        """
        probe = output / "probe"
        probe.mkdir()
        stage = _Stage.of(variant, self._stages, additions={}, dropped=())
        wheel = _built(stage, variant, "wheel", probe)
        files = _origins(wheel, stage.folder, _source_folders(variant.pyproject))
        wheel.unlink()
        probe.rmdir()
        return files


@dataclass(frozen=True, kw_only=True, slots=True)
class _Placed:
    """What a stage has more (path in it → path in the project) and less than the project.

    `unwanted` are the paths inside the wheel of what is dropped.
    """

    additions: Mapping[str, str]
    dropped: tuple[str, ...]
    unwanted: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stage:
    folder: Path
    pyproject: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        variant: BuildVariant,
        stages: Stages,
        *,
        additions: Mapping[str, str],
        dropped: Sequence[str],
        metadata_elsewhere: bool = False,
    ) -> _Stage:
        """With `metadata_elsewhere`, of a project that has its metadata in setup.cfg or setup.py: without `[project]`."""
        folder = stages.fresh(layout=variant.layout, additions=additions, origin=key_path(variant, "layout"))
        for path in dropped:
            (folder / path).unlink()
            _remove_empty(folder, folder / path)
        pyproject = pinned(variant, folder)
        if metadata_elsewhere and _has_metadata_elsewhere(variant, stages.tree):
            del pyproject["project"]
        if backend_of(pyproject) is Backend.SETUPTOOLS:
            _state_package_data(pyproject, additions)
        file = folder / "pyproject.toml"
        file.unlink(missing_ok=True)
        file.write_bytes(tomlkit.dumps(pyproject).encode())
        os.utime(file, (DEFAULT_EPOCH, DEFAULT_EPOCH))
        if _uses_setuptools_scm(pyproject):
            _prepare_for_setuptools_scm(stages.tree, variant, folder)
        return cls(folder=folder, pyproject=pyproject)


def _has_metadata_elsewhere(variant: BuildVariant, tree: SourceTree) -> bool:
    """Whether `variants.resolve` has said of a project without `[project]` that all of it is dynamic."""
    if backend_of(variant.pyproject) is not Backend.SETUPTOOLS:
        return False
    stated = loads((tree.root / "pyproject.toml").read_text(encoding="utf-8"))
    return "project" not in stated and "dynamic" in variant.pyproject.get("project", {})


def _uses_setuptools_scm(pyproject: Mapping[str, Any]) -> bool:
    return any(re.match(r"setuptools[-_.]scm\b", each, re.IGNORECASE) for each in build_requires(pyproject))


def _prepare_for_setuptools_scm(tree: SourceTree, variant: BuildVariant, stage: Path) -> None:
    """It takes the list of data files from git, and writes a version file, which it does not where the version is static."""
    if not variant.layout and (tree.root / ".git").exists():
        link_repository(tree.root, stage)
    table = variant.pyproject.get("tool", {}).get("setuptools_scm", {})
    wanted = table.get("version_file") or table.get("write_to")
    if wanted:
        dump = importlib.import_module("setuptools_scm").dump_version
        dump(str(stage), variant.version, str(wanted), template=table.get("version_file_template"))


def _remove_empty(stage: Path, path: Path) -> None:
    for folder in path.parents:
        if folder == stage or any(folder.iterdir()):
            return
        folder.rmdir()


def _built(stage: _Stage, variant: BuildVariant, kind: str, output: Path) -> Path:
    try:
        with _backend(stage.folder, stage.pyproject, version=variant.version) as hooks:
            filename = getattr(hooks, f"build_{kind}")(str(output))
    except PublishAllError:
        raise
    except (Exception, SystemExit) as error:  # setup.py may do anything, exit included
        msg = f"{_described(stage.pyproject)} cannot build the {kind} of {variant.label}: {type(error).__name__}: {error}"
        raise BuildError(msg) from error
    return output / str(filename)


@contextlib.contextmanager
def _backend(folder: Path, pyproject: Mapping[str, Any], *, version: str | None = None) -> Iterator[Any]:
    """The backend's object with the hooks, with the project's folder as the current one (PEP 517)."""
    build_system = pyproject.get("build-system", {})
    in_tree = [str(folder / each) for each in build_system.get("backend-path", ())]
    before, environment, arguments = list(sys.path), dict(os.environ), list(sys.argv)
    sys.path[:0] = in_tree
    os.environ.setdefault("SOURCE_DATE_EPOCH", str(DEFAULT_EPOCH))
    os.environ["GIT_OPTIONAL_LOCKS"] = "0"
    if version is not None:
        # There is no repository in the stage for those who compute the version; it is resolved already.
        os.environ["SETUPTOOLS_SCM_PRETEND_VERSION"] = os.environ["PDM_BUILD_SCM_VERSION"] = version
    try:
        with working_directory(folder):
            yield _imported(backend_name(pyproject))
    finally:
        sys.path[:], sys.argv[:] = _without_folder(before, folder), arguments
        os.environ.clear()
        os.environ.update(environment)
        _forget_modules_in(in_tree)


def _without_folder(before: Sequence[str], folder: Path) -> list[str]:
    """The path as it was, and what the backend has added for good: setuptools finds its own libraries so, once."""
    new = (each for each in sys.path if each and each not in before)
    added = [each for each in new if not Path(each).is_relative_to(folder)]
    return [*before, *added]


def _imported(name: str) -> Any:
    module, _, attributes = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for attribute in filter(None, attributes.split(".")):
            found = getattr(found, attribute)
    except (ImportError, AttributeError) as error:
        msg = f"the build backend {name!r} cannot be imported: {error}"
        hint = "Is it in [build-system] requires, and is build-backend right?"
        raise BuildError(msg, hint=hint) from error
    return found


def _forget_modules_in(folders: Sequence[str]) -> None:
    """An in-tree backend is imported anew from the next stage."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and any(Path(file).is_relative_to(folder) for folder in folders):
            del sys.modules[name]


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


def _source_folders(pyproject: Mapping[str, Any]) -> tuple[str, ...]:
    setuptools = pyproject.get("tool", {}).get("setuptools", {})
    stated = [str(each) for each in setuptools.get("package-dir", {}).values()]
    packages = setuptools.get("packages")
    if isinstance(packages, Mapping):
        stated += [str(each) for each in packages.get("find", {}).get("where", ())]
    return tuple(dict.fromkeys((*stated, *_SOURCE_FOLDERS)))


def _origins(wheel: Path, stage: Path, folders: Sequence[str]) -> dict[str, str]:
    """Path inside the wheel → path in the stage, which is empty for what the backend has made."""
    found = {}
    with zipfile.ZipFile(wheel) as opened:
        for info in opened.infolist():
            if info.is_dir() or info.filename.partition("/")[0].endswith((".dist-info", ".data")):
                continue
            found[info.filename] = ""
            for folder in folders:
                path = f"{folder}/{info.filename}" if folder else info.filename
                if (stage / path).is_file() and (stage / path).stat().st_size == info.file_size:
                    found[info.filename] = path
                    break
    return found


def _place_for(inside: str, files: Mapping[str, str]) -> str:
    """Where a file is put so that it gets to `inside`: beside what goes there already."""
    top = inside.split("/", 1)[0] + "/"
    for member, path in files.items():
        if path and member.startswith(top):
            return path[: len(path) - len(member)] + inside
    return inside


def _state_package_data(pyproject: dict[str, Any], additions: Mapping[str, str]) -> None:
    """Setuptools takes data files only where it is told to."""
    for path in additions:
        parts = path.split("/")
        parts = parts[1:] if parts[0] in _SOURCE_FOLDERS else parts
        if len(parts) < 2 or path.endswith(".py"):
            continue
        data = pyproject.setdefault("tool", {}).setdefault("setuptools", {}).setdefault("package-data", {})
        data.setdefault(parts[0], []).append("/".join(parts[1:]))


def _verify(variant: BuildVariant, wheel: Path, unwanted: frozenset[str]) -> None:
    """The backend decides what it takes: see that the variant's wishes hold. Raises `BuildError`."""
    with zipfile.ZipFile(wheel) as opened:
        names = [each for each in opened.namelist() if ".dist-info/" not in each and not each.endswith("/")]
    backend = backend_name(variant.pyproject)
    missing = missing_forced(variant, names)
    if missing:
        where = key_path(variant, "force-include", missing[0])
        msg = f"{where}: {backend} left {missing[0]!r} out of the wheel of {variant.label}"
        raise BuildError(
            msg, hint=f"Configure {backend} so that it packs this path (as package data, or as a package)."
        )
    extra = next((each for each in names if each in unwanted or _is_excluded(variant, each)), None)
    if extra is not None:
        key = "exclude" if matches(variant.exclude, extra) else "include"
        msg = f"{key_path(variant, key)}: {backend} still packs {extra!r} into the wheel of {variant.label}"
        raise BuildError(
            msg, hint=f"Leave it out in the configuration of {backend} ([tool.…] keys of the variant)."
        )


def _is_excluded(variant: BuildVariant, inside: str) -> bool:
    targets = [each.rstrip("/") for each in variant.force_include.values()]
    forced = any(inside == each or inside.startswith(each + "/") for each in targets)
    return not forced and matches(variant.exclude, inside)


def _make_reproducible(sdist: Path) -> None:
    """Write the same members without users, times and the moment of compression."""
    packed = io.BytesIO()
    with (
        tarfile.open(sdist, "r:gz") as old,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda each: each.name):
            content = old.extractfile(member) if member.isreg() else None
            new.addfile(_anonymous(member), content)
    with (
        sdist.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=_epoch()) as zipped,
    ):
        zipped.write(packed.getvalue())


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = _epoch()
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    member.pax_headers = {}
    return member


def _epoch() -> int:
    return int(os.environ.get("SOURCE_DATE_EPOCH", DEFAULT_EPOCH))
