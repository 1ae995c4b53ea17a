"""Which files a publish is about: those named, those just built, those that a manifest lists, or those that fit by name.

Never whatever else lies in the output folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from publish_all._values import dataclass
from publish_all.attestations.attestation import SUFFIX as ATTESTATION_SUFFIX
from publish_all.builders.manifest import (
    Manifest,
    ManifestEntry,
    check_manifest,
    is_of,
    lacking_wheels,
    read_manifest,
)
from publish_all.commands.build import BuildOptions, build_project
from publish_all.commands.coded import findings_of
from publish_all.config.model import ProjectConfig
from publish_all.diagnoses import CHANGED_SINCE_BUILD
from publish_all.distributions.distribution import Distribution, DistributionError
from publish_all.distributions.read import read_distribution
from publish_all.errors import CheckError, UsageError
from publish_all.events import Listener, Note, ignore
from publish_all.variants.variant import BuildVariant

# What publish-all kept beside the files before it had a folder of its own for it.
_OLD_NAMES = frozenset({"publish-all.json", "publish-all.lock", "publish-all.journal.jsonl"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Gathered:
    """The files to publish, and the build variants that they come from (none for files that were named)."""

    distributions: tuple[Distribution, ...]
    variants: tuple[BuildVariant, ...] = ()


def named_files(paths: Sequence[Path], *, listener: Listener = ignore) -> Gathered:
    """The files that were named. Raises `UsageError` for one that does not exist, `DistributionError` for all
    that are no distributions.

    Attestations, which `dist/*` names too, go along with the files that they are for. What an older
    publish-all kept in `dist` is left out.
    """
    for path in paths:
        if not path.is_file():
            msg = f"there is no file {path}"
            raise UsageError(msg, hint="Name wheels and sdists; to build and publish the project, name none.")
    note_old_files(paths, listener)
    files = [path for path in paths if path.suffix != ATTESTATION_SUFFIX and path.name not in _OLD_NAMES]
    if paths and not files:
        msg = f"{', '.join(path.name for path in paths)}: no wheel or sdist"
        raise UsageError(msg, hint="Name wheels and sdists; to build and publish the project, name none.")
    found: list[Distribution] = []
    broken: list[DistributionError] = []
    for path in files:
        try:
            found.append(read_distribution(path))
        except DistributionError as error:
            broken.append(error)
    if len(broken) > 1:
        msg = f"{len(broken)} of {len(files)} files can't be read as wheels and sdists"
        raise DistributionError(msg, findings=[finding for each in broken for finding in findings_of(each)])
    if broken:
        raise broken[0]
    return Gathered(distributions=tuple(found))


def note_old_files(paths: Iterable[Path], listener: Listener) -> None:
    """Say of each file that an older publish-all kept in `dist` that it is not used any more."""
    for path in paths:
        if path.name in _OLD_NAMES:
            listener(Note(message=f"{path} is from an older publish-all and is ignored; delete it"))


def built_files(
    config: ProjectConfig,
    options: BuildOptions,
    *,
    listener: Listener,
    remembered: bool = False,
) -> Gathered:
    """Build now, and take just what was built. `remembered` as in `build_project`."""
    report = build_project(config, options, listener=listener, remembered=remembered)
    return Gathered(
        distributions=tuple(
            read_distribution(report.output / each.filename, variant=each.variant)
            for each in report.result.files
        ),
        variants=report.variants,
    )


def manifest_files(
    manifest: Manifest,
    variants: Sequence[BuildVariant],
    *,
    allow_missing: bool = False,
) -> Gathered:
    """The files that the manifest lists of these variants, which must still be the bytes that were built.

    Raises `CheckError` for one that is missing or was changed, and `UsageError` for a platform wheel
    that has not been built, unless `allow_missing`.
    """
    lacking = lacking_wheels(manifest, variants)
    if lacking and not allow_missing:
        msg = f"not built yet: {', '.join(lacking)}"
        raise UsageError(msg, hint="Build it first. `--allow-missing` publishes those that are there.")
    entries = [each for each in manifest.entries if is_of(each, variants)]
    return Gathered(distributions=_read(manifest, entries), variants=tuple(variants))


def listed_files(
    path: Path,
    variants: Sequence[BuildVariant] | None,
    *,
    allow_missing: bool = False,
) -> Gathered:
    """The files that a manifest lists which the user named. `variants` None: there is no project around.

    Raises `UsageError` where it lists files of other releases than those of the project now.
    """
    manifest = read_manifest(path)
    if manifest is None:
        msg = f"there is no file {path}"
        raise UsageError(msg, hint="Name the file that `publish-all build --manifest FILE` wrote.")
    if variants is None:
        return Gathered(distributions=_read(manifest, manifest.entries))
    now = {each.name: (canonicalize_name(each.project), Version(each.version)) for each in variants}
    for each in manifest.entries:
        if each.variant in now and now[each.variant] != _release(each):
            name, version = now[each.variant]
            msg = f"{path} lists {each.name} {each.version}, and the project is {name} {version} now"
            raise UsageError(msg, hint="Build again, from the commit that you publish.")
    listed = {each.variant for each in manifest.entries}
    of = [each for each in variants if each.name in listed]
    if not of:
        msg = f"{path} lists no file of {', '.join(each.label for each in variants)}"
        raise UsageError(msg, hint="Build again with `--manifest`, or name the files to publish.")
    return manifest_files(manifest, of, allow_missing=allow_missing)


def _read(manifest: Manifest, entries: Sequence[ManifestEntry]) -> tuple[Distribution, ...]:
    """Read what is listed. Raises `CheckError` for what is not as it was built."""
    names = {each.filename for each in entries}
    findings = tuple(
        CHANGED_SINCE_BUILD.found(
            f"{each.filename} {each.problem}",
            where=str(manifest.folder / each.filename),
            hint="Build again with `publish-all build`, or name the file to publish it as it is.",
        )
        for each in check_manifest(manifest)
        if each.filename in names
    )
    if findings:
        msg = f"the files in {manifest.folder} are not those that were built there; nothing was uploaded"
        raise CheckError(msg, findings=findings)
    return tuple(read_distribution(manifest.folder / each.filename, variant=each.variant) for each in entries)


def usable_manifest(path: Path | None, variants: Sequence[BuildVariant]) -> Manifest | None:
    """The manifest of what was built here, if it lists files of each of these variants in its present version.

    None also where none of its files is there any more.
    """
    manifest = read_manifest(path) if path is not None else None
    if manifest is None:
        return None
    entries = [each for each in manifest.entries if is_of(each, variants)]
    listed = {(each.variant, *_release(each)) for each in entries}
    wanted = {(each.name, canonicalize_name(each.project), Version(each.version)) for each in variants}
    there = any((manifest.folder / each.filename).exists() for each in entries)
    return manifest if there and wanted <= listed else None


def _release(entry: ManifestEntry) -> tuple[NormalizedName, Version]:
    return canonicalize_name(entry.name), Version(entry.version)
