"""The files of earlier builds: those in a manifest, or those in the output folder with matching names.

What fits by name the host's own `build` may have left, or another job handed over. Nothing proves where it comes
from, so that it is listed before anything is uploaded, and files that git tracks are left out: a pull request can
commit any file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from publish_all._git import ask_git, repository_root
from publish_all.builders.manifest import (
    Manifest,
    check_manifest,
    is_of,
    lacking_wheels,
    read_manifest,
)
from publish_all.commands.context import Runtime, project_variants
from publish_all.commands.files import FoundFiles, PublishOptions
from publish_all.commands.state import state_of
from publish_all.config.model import ProjectConfig
from publish_all.diagnoses import CHANGED_SINCE_BUILD
from publish_all.distributions.distribution import Distribution, release_of
from publish_all.distributions.read import read_distribution
from publish_all.errors import CheckError, ConfigurationError, UsageError
from publish_all.events import Listener, Note
from publish_all.summaries import BuiltFile
from publish_all.upload.journal import Journal
from publish_all.variants.variant import BuildVariant, WheelTag
from publish_all.version.git import one_line


def files_built_before(
    config: ProjectConfig, options: PublishOptions, output: Path, listener: Listener
) -> FoundFiles:
    """The files in the manifest of this checkout, or else those in the output folder with matching names.

    Raises `UsageError` where nothing fits, or more than one set of files, and `CheckError` for listed files
    that are not as they were built.
    """
    variants = options.project_variants(config, listener)
    manifest = usable_manifest(config, options, output, variants)
    if manifest is not None:
        return manifest_files(manifest, variants, allow_missing=options.allow_missing)
    files = tuple(_untracked(output, options.runtime, listener))
    # What a build of ours makes, and what the host's own build makes: the project itself.
    sets = [variants]
    if not options.variants and not options.itself and all(each.name is not None for each in variants):
        with suppress(ConfigurationError):  # a project without a name
            sets.append(project_variants(config, (), itself=True, runtime=options.runtime, listener=listener))
    fitting = [(each, entries) for each in sets if (entries := tuple(_of(each, files)))]
    if not fitting:
        releases = ", ".join(f"{each.project} {each.version}" for each in variants)
        msg = f"nothing to publish: no file of {releases} found in {output}"
        raise UsageError(msg, hint="Run `publish-all build` first, or add the files to the command.")
    if len(fitting) > 1:
        names = " and of ".join(", ".join(one.project for one in each) for each, _ in fitting)
        msg = f"{output} has two matching sets of files: {names}"
        raise UsageError(msg, hint="Select one with `--variant NAME`, or add the files to the command.")
    ((chosen, entries),) = fitting
    _ensure_complete(entries, chosen, output, allow_missing=options.allow_missing)
    kept = [each for each in entries if is_of(each, chosen)]
    listener(Note(message=f"found by their names in {output}: {', '.join(each.filename for each in kept)}"))
    return FoundFiles(
        distributions=tuple(read_distribution(output / each.filename, variant=each.variant) for each in kept),
        variants=tuple(chosen),
    )


def unfinished_files(
    config: ProjectConfig,
    options: PublishOptions,
    output: Path,
    journal: Journal,
    listener: Listener,
    *,
    killed: bool,
) -> FoundFiles | None:
    """The files of an earlier run, if some are public, and it was not finished or was killed; else None.

    A run that was killed after its last upload is not recorded as finished. New builds of the files would be in conflict.
    """
    variants = options.project_variants(config, listener)
    manifest = usable_manifest(config, options, output, variants)
    if manifest is None or (lacking_wheels(manifest, variants) and not options.allow_missing):
        return None
    built = {each.sha256 for each in manifest.entries}
    if not journal.unfinished(built) and not (
        killed and any(each.sha256 in built for each in journal.public)
    ):
        return None
    listener(Note(message="an earlier run was not finished: its files are published and not built again"))
    return manifest_files(manifest, variants, allow_missing=options.allow_missing)


def _untracked(output: Path, runtime: Runtime, listener: Listener) -> Iterator[BuiltFile]:
    """The wheels and sdists in a folder, without those that git tracks."""
    files = [each for each in sorted(output.glob("*")) if each.is_file() and not each.is_symlink()]
    found = {path.name: release for path in files if (release := release_of(path.name)) is not None}
    tracked = _tracked(output, runtime) if found else ()
    for filename, (name, version) in found.items():
        if filename in tracked:
            text = f"skipped: {filename} is tracked by git, so it is not a build result"
            listener(Note(message=text))
            continue
        tag = "-".join(filename.removesuffix(".whl").split("-")[2:]) if filename.endswith(".whl") else None
        yield BuiltFile(
            variant=None,
            project=name,
            version=str(version),
            filename=filename,
            kind="sdist" if tag is None else "wheel",
            tag=tag,
            size=0,
            sha256="",
            builder="",
        )


def _tracked(folder: Path, runtime: Runtime) -> frozenset[str]:
    """The files of a folder that git tracks. Raises `UsageError` where there is a repository that git cannot read."""
    real = folder.resolve()
    if not (repository_root(real) / ".git").exists():
        return frozenset()
    try:
        done = ask_git("ls-files", "-z", cwd=real, environment=runtime.environment, run=runtime.run)
        why = one_line(done.stderr) if done.returncode else None
    except (OSError, TimeoutError) as error:
        why = str(error)
    if why is not None:
        msg = f"git cannot list the tracked files of {folder}: {why}"
        raise UsageError(msg, hint="Add the files to the command.")
    return frozenset(done.stdout.split("\0"))


def _of(variants: Sequence[BuildVariant], files: Sequence[BuiltFile]) -> Iterator[BuiltFile]:
    """The files with name and version of one of the variants, as files of that variant."""
    releases = {_release(each.project, each.version): each for each in variants}
    for each in files:
        if (variant := releases.get(_release(each.project, each.version))) is not None:
            yield replace(each, variant=variant.name)


def _ensure_complete(
    entries: tuple[BuiltFile, ...], variants: Sequence[BuildVariant], output: Path, *, allow_missing: bool
) -> None:
    """Files of each variant, one sdist of each release, and one wheel of each tag. Raises `UsageError`."""
    there = {each.variant for each in entries if is_of(each, variants)}
    lacking = [f"{each.project} {each.version}" for each in variants if each.name not in there]
    if not allow_missing:
        lacking += lacking_wheels(Manifest(project="", folder=output, entries=entries), variants)
    if lacking:
        msg = f"not built yet: {', '.join(lacking)}"
        raise UsageError(msg, hint="Build it first, or select build variants with `--variant NAME`.")
    same: dict[tuple[str | None, tuple[str, ...]], list[str]] = defaultdict(list)
    for each in entries:
        tags = WheelTag.parse(each.tag).expanded if each.tag is not None else ()
        same[each.variant, tags].append(each.filename)
    for names in same.values():
        if len(names) > 1:
            msg = f"{output} has two matching files: {' and '.join(names)}"
            raise UsageError(msg, hint="Delete the wrong one, or add the files to the command.")


def manifest_files(
    manifest: Manifest, variants: Sequence[BuildVariant], *, allow_missing: bool
) -> FoundFiles:
    """The files that the manifest lists of these variants, which must still be the bytes that were built.

    Raises `CheckError` for one that is missing or was changed, and `UsageError` for a platform wheel
    that has not been built, unless `allow_missing`.
    """
    lacking = lacking_wheels(manifest, variants)
    if lacking and not allow_missing:
        msg = f"not built yet: {', '.join(lacking)}"
        raise UsageError(msg, hint="Build it first, or use `--allow-missing` to publish without it.")
    entries = [each for each in manifest.entries if is_of(each, variants)]
    return FoundFiles(distributions=_read(manifest, entries), variants=tuple(variants), built=True)


def listed_files(
    path: Path, variants: Sequence[BuildVariant] | None, *, allow_missing: bool, of_member: bool = False
) -> FoundFiles:
    """The files that a manifest lists which the user named. `variants` None: there is no project around.

    That of a workspace lists those of other members, too. Raises `UsageError` where it lists files of other releases than those of the project now.
    """
    manifest = read_manifest(path)
    if manifest is None:
        hint = "Use a file that `publish-all build --manifest FILE` has written."
        raise UsageError(f"no file {path} found", hint=hint)
    if variants is None:
        return FoundFiles(distributions=_read(manifest, manifest.entries), built=True)
    if of_member:
        manifest = _of_names(manifest, {canonicalize_name(each.project) for each in variants})
    now = {each.name: _release(each.project, each.version) for each in variants}
    for each in manifest.entries:
        if each.variant in now and now[each.variant] != _release(each.project, each.version):
            name, version = now[each.variant]
            msg = f"{path} lists {each.project} {each.version}, but the project is now {name} {version}"
            raise UsageError(msg, hint="Build again from the commit that you publish.")
    listed = {each.variant for each in manifest.entries}
    of = [each for each in variants if each.name in listed]
    if not of:
        msg = f"{path} lists no file of {', '.join(each.label for each in variants)}"
        raise UsageError(msg, hint="Build again with `--manifest`, or add the files to the command.")
    return manifest_files(manifest, of, allow_missing=allow_missing)


def _read(manifest: Manifest, entries: Sequence[BuiltFile]) -> tuple[Distribution, ...]:
    """Read the listed files. Raises `CheckError` for files that have changed since the build."""
    names = {each.filename for each in entries}
    findings = tuple(
        CHANGED_SINCE_BUILD.found(f"{name} {problem}", where=str(manifest.folder / name))
        for name, problem in check_manifest(manifest).items()
        if name in names
    )
    if findings:
        msg = f"the files in {manifest.folder} have changed since the build; nothing was uploaded"
        raise CheckError(msg, findings=findings)
    return tuple(read_distribution(manifest.folder / each.filename, variant=each.variant) for each in entries)


def usable_manifest(
    config: ProjectConfig, options: PublishOptions, output: Path, variants: Sequence[BuildVariant]
) -> Manifest | None:
    """The manifest of the last build, if it lists files of each of these variants in its current version.

    None if all of its files have been deleted.
    """
    path = state_of(config.root, options.runtime).manifest(output)
    manifest = read_manifest(path) if path is not None else None
    if manifest is None:
        return None
    entries = [each for each in manifest.entries if is_of(each, variants)]
    listed = {(each.variant, *_release(each.project, each.version)) for each in entries}
    wanted = {(each.name, *_release(each.project, each.version)) for each in variants}
    there = any((manifest.folder / each.filename).exists() for each in entries)
    return manifest if there and wanted <= listed else None


def _release(project: str, version: str) -> tuple[NormalizedName, Version]:
    return canonicalize_name(project), Version(version)


def _of_names(manifest: Manifest, names: Collection[str]) -> Manifest:
    entries = tuple(each for each in manifest.entries if canonicalize_name(each.project) in names)
    return replace(manifest, entries=entries)


def as_built(options: PublishOptions, path: Path, names: Collection[str] = ()) -> PublishOptions:
    """The options with the version from a manifest, because a publish job does not run project code to find it.

    It is the version of the distributions in `names`, or else of all files, without the local part of variants.
    """
    manifest = read_manifest(path)
    if manifest is None:
        return options
    manifest = _of_names(manifest, names) if names else manifest
    version = manifest.version
    if version is None:
        found = {
            each.version if each.variant is None else each.version.partition("+")[0]
            for each in manifest.entries
        }
        version = found.pop() if len(found) == 1 else ""
    runtime = replace(options.runtime, built_version=version)
    return replace(options, connection=replace(options.connection, runtime=runtime))
