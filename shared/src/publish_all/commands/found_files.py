"""Files in the output folder that fit by name: what the host's own `build` left, or another job handed over.

Nothing proves where they come from, so that they are listed before anything is uploaded, and files that git
tracks are left out: a pull request can commit any file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import field
from pathlib import Path

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from publish_all._git import ask_git
from publish_all._values import dataclass
from publish_all.builders.manifest import Manifest, ManifestEntry, is_of, lacking_wheels
from publish_all.commands.context import Surroundings, project_variants
from publish_all.commands.gather import Gathered, manifest_files, usable_manifest
from publish_all.commands.state import state_of
from publish_all.config.model import ProjectConfig
from publish_all.config.workflows import repository_root
from publish_all.distributions.read import read_distribution
from publish_all.errors import ConfigurationError, UsageError
from publish_all.events import Listener, Note, ignore
from publish_all.variants.tag import WheelTag
from publish_all.variants.variant import BuildVariant
from publish_all.version.git import one_line


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltBefore:
    """Which files are wanted that were built before: those of `variants` (empty: all), or of the project `itself`."""

    config: ProjectConfig
    output: Path
    variants: tuple[str, ...] = ()
    itself: bool = False
    allow_missing: bool = False
    around: Surroundings = field(default_factory=Surroundings)

    def resolved(self, listener: Listener) -> tuple[BuildVariant, ...]:
        return project_variants(
            self.config, self.variants, itself=self.itself, around=self.around, listener=listener
        )


def files_built_before(wanted: BuiltBefore, *, listener: Listener = ignore) -> Gathered:
    """The files that the manifest of this checkout lists, or else those in the output folder that fit by name.

    Raises `UsageError` where nothing fits, or more than one set of files, and `CheckError` for listed files
    that are not as they were built.
    """
    variants = wanted.resolved(listener)
    manifest = usable_manifest(state_of(wanted.config.root, wanted.around).manifest(wanted.output), variants)
    if manifest is not None:
        return manifest_files(manifest, variants, allow_missing=wanted.allow_missing)
    return _found(wanted, _untracked(wanted, listener), variants, listener)


def _found(
    wanted: BuiltBefore,
    files: Sequence[_File],
    variants: Sequence[BuildVariant],
    listener: Listener,
) -> Gathered:
    sets = [each for each in _sets(wanted, variants, listener) if any(_of(each, files))]
    if not sets:
        releases = ", ".join(f"{each.project} {each.version}" for each in variants)
        msg = f"nothing is built: there is no file of {releases} in {wanted.output}"
        raise UsageError(msg, hint="Build first, or name the files to publish.")
    if len(sets) > 1:
        names = " and of ".join(", ".join(one.project for one in each) for each in sets)
        msg = f"two sets of files fit in {wanted.output}: of {names}"
        raise UsageError(msg, hint="Say which with `--variant NAME`, or name the files to publish.")
    (chosen,) = sets
    pairs = list(_of(chosen, files))
    manifest = Manifest(project="", folder=wanted.output, entries=tuple(entry for _, entry in pairs))
    _ensure_complete(manifest, chosen, allow_missing=wanted.allow_missing)
    _ensure_unambiguous(manifest)
    kept = [(path, entry) for path, entry in pairs if is_of(entry, chosen)]
    names = ", ".join(path.name for path, _ in kept)
    listener(Note(message=f"found by their names in {wanted.output}: {names}"))
    return Gathered(
        distributions=tuple(read_distribution(path, variant=entry.variant) for path, entry in kept),
        variants=tuple(chosen),
    )


def _sets(
    wanted: BuiltBefore, variants: Sequence[BuildVariant], listener: Listener
) -> Iterator[tuple[BuildVariant, ...]]:
    """What a build of ours makes, and what the host's own build makes: the project itself."""
    yield tuple(variants)
    if wanted.variants or wanted.itself or any(each.name is None for each in variants):
        return
    with suppress(ConfigurationError):  # a project without a name of its own
        yield project_variants(wanted.config, (), itself=True, around=wanted.around, listener=listener)


@dataclass(frozen=True, kw_only=True, slots=True)
class _File:
    path: Path
    name: str
    version: Version
    tag: str | None


def _untracked(wanted: BuiltBefore, listener: Listener) -> tuple[_File, ...]:
    found = [each for path in _regular_files(wanted.output) if (each := _parse(path)) is not None]
    tracked = _tracked(wanted.output, wanted.around) if found else frozenset()
    for each in found:
        if each.path.name in tracked:
            listener(
                Note(message=f"left out: {each.path.name} is in the git repository, so no build made it")
            )
    return tuple(each for each in found if each.path.name not in tracked)


def _regular_files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (each for each in sorted(folder.iterdir()) if each.is_file() and not each.is_symlink())


def _parse(path: Path) -> _File | None:
    try:
        if path.suffix == ".whl":
            name, version, _, _ = parse_wheel_filename(path.name)
            tag = "-".join(path.stem.split("-")[2:])
            return _File(path=path, name=name, version=version, tag=tag)
        name, version = parse_sdist_filename(path.name)
    except (InvalidSdistFilename, InvalidWheelFilename):
        return None
    return _File(path=path, name=name, version=version, tag=None)


def _tracked(folder: Path, around: Surroundings) -> frozenset[str]:
    """The files of a folder that git tracks. Raises `UsageError` where there is a repository that git cannot read."""
    real = folder.resolve()
    if not (repository_root(real) / ".git").exists():
        return frozenset()
    try:
        done = ask_git("ls-files", "-z", cwd=real, environment=around.environment, run=around.run)
        why = one_line(done.stderr) if done.returncode else None
    except (OSError, TimeoutError) as error:
        why = str(error)
    if why is not None:
        msg = f"cannot ask git which files of {folder} it tracks: {why}"
        raise UsageError(msg, hint="Name the files to publish.")
    return frozenset(done.stdout.split("\0"))


def _of(variants: Sequence[BuildVariant], files: Sequence[_File]) -> Iterator[tuple[Path, ManifestEntry]]:
    """The files with name and version of one of the variants."""
    releases = {(canonicalize_name(each.project), Version(each.version)): each for each in variants}
    for each in files:
        variant = releases.get((canonicalize_name(each.name), each.version))
        if variant is not None:
            entry = ManifestEntry(
                variant=variant.name,
                name=variant.project,
                version=variant.version,
                filename=each.path.name,
                kind="sdist" if each.tag is None else "wheel",
                tag=each.tag,
                size=0,
                sha256="",
                builder="",
            )
            yield each.path, entry


def _ensure_complete(manifest: Manifest, variants: Sequence[BuildVariant], *, allow_missing: bool) -> None:
    there = {each.variant for each in manifest.entries if is_of(each, variants)}
    lacking = [f"{each.project} {each.version}" for each in variants if each.name not in there]
    if not allow_missing:
        lacking += lacking_wheels(manifest, variants)
    if lacking:
        msg = f"not built yet: {', '.join(lacking)}"
        raise UsageError(msg, hint="Build it first, or say what to publish with `--variant NAME`.")


def _ensure_unambiguous(manifest: Manifest) -> None:
    """One sdist of each release, and one wheel of each tag."""
    same: dict[tuple[str | None, tuple[str, ...]], list[str]] = defaultdict(list)
    for each in manifest.entries:
        tags = WheelTag.parse(each.tag).expanded if each.tag is not None else ()
        same[each.variant, tags].append(each.filename)
    for names in same.values():
        if len(names) > 1:
            msg = f"two files fit in {manifest.folder}: {' and '.join(names)}"
            raise UsageError(msg, hint="Delete the one that is not to be published, or name the files.")
