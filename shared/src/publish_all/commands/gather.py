"""Which files a publish is about: those named, those just built, or those the manifest lists.

Never whatever else lies in the output folder.
"""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from publish_all._values import dataclass
from publish_all.attestations.beside import SUFFIX as ATTESTATION_SUFFIX
from publish_all.builders.builder import BuildRequest
from publish_all.builders.manifest import FILENAME as MANIFEST_NAME
from publish_all.builders.manifest import (
    Manifest,
    check_manifest,
    is_of,
    lacking_wheels,
    read_manifest,
)
from publish_all.checks.diagnoses import CHANGED_SINCE_BUILD
from publish_all.commands.build import BuildOptions, build_project
from publish_all.commands.coded import findings_of
from publish_all.commands.context import Surroundings
from publish_all.config.model import ProjectConfig
from publish_all.distributions.digests import Digest, DistributionError, digests_of
from publish_all.distributions.distribution import Distribution
from publish_all.distributions.metadata import parse_metadata
from publish_all.distributions.read import read_distribution
from publish_all.errors import CheckError, UsageError
from publish_all.events import Listener, Note, ignore
from publish_all.upload.journal import JOURNAL_NAME
from publish_all.upload.lock import LOCK_NAME
from publish_all.variants.variant import BuildVariant

_OUR_FILES = frozenset({MANIFEST_NAME, JOURNAL_NAME, LOCK_NAME})


@dataclass(frozen=True, kw_only=True, slots=True)
class Gathered:
    """The files to publish, and the build variants that they come from (none for files that were named)."""

    distributions: tuple[Distribution, ...]
    variants: tuple[BuildVariant, ...] = ()


def named_files(paths: Sequence[Path], *, digest: Digest = digests_of) -> Gathered:
    """The files that were named. Raises `UsageError` for one that does not exist, `DistributionError` for all
    that are no distributions.

    `dist/*` also names attestations, which go along with the files that they are for, and our own manifest,
    journal and lock, which are skipped.
    """
    for path in paths:
        if not path.is_file():
            msg = f"there is no file {path}"
            raise UsageError(msg, hint="Name wheels and sdists; to build and publish the project, name none.")
    files = [path for path in paths if path.suffix != ATTESTATION_SUFFIX and path.name not in _OUR_FILES]
    if not files:
        msg = f"{', '.join(path.name for path in paths)}: no wheel or sdist"
        raise UsageError(msg, hint="Name wheels and sdists; to build and publish the project, name none.")
    found: list[Distribution] = []
    broken: list[DistributionError] = []
    for path in files:
        try:
            found.append(read_distribution(path, digest=digest))
        except DistributionError as error:
            broken.append(error)
    if len(broken) > 1:
        msg = f"{len(broken)} of {len(files)} files can't be read as wheels and sdists"
        raise DistributionError(msg, findings=[finding for each in broken for finding in findings_of(each)])
    if broken:
        raise broken[0]
    return Gathered(distributions=tuple(found))


def built_files(
    config: ProjectConfig, options: BuildOptions, *, listener: Listener, digest: Digest = digests_of
) -> Gathered:
    """Build now, and take just what was built."""
    report = build_project(config, options, listener=listener)
    return Gathered(
        distributions=tuple(
            read_distribution(report.output / each.filename, variant=each.variant, digest=digest)
            for each in report.result.files
        ),
        variants=report.variants,
    )


def manifest_files(
    output: Path,
    manifest: Manifest,
    variants: Sequence[BuildVariant],
    *,
    allow_missing: bool = False,
    digest: Digest = digests_of,
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
    names = {each.filename for each in entries}
    findings = tuple(
        CHANGED_SINCE_BUILD.found(
            f"{each.filename} {each.problem}",
            where=str(output / each.filename),
            hint="Build again, or name the file if you mean to publish it as it is.",
        )
        for each in check_manifest(manifest, output)
        if each.filename in names
    )
    if findings:
        msg = f"what lies in {output} is not what was built there; nothing was uploaded"
        raise CheckError(msg, findings=findings)
    return Gathered(
        distributions=tuple(
            read_distribution(output / each.filename, variant=each.variant, digest=digest) for each in entries
        ),
        variants=tuple(variants),
    )


def usable_manifest(output: Path, variants: Sequence[BuildVariant]) -> Manifest | None:
    """The manifest in the output folder, if it lists files of each of these variants in its present version."""
    manifest = read_manifest(output)
    if manifest is None:
        return None
    listed = {(each.variant, each.version) for each in manifest.entries if is_of(each, variants)}
    return manifest if all((each.name, each.version) in listed for each in variants) else None


def host_built_files(
    config: ProjectConfig, base: BuildVariant, *, output: Path, around: Surroundings, listener: Listener
) -> Gathered:
    """What the host's own `build` command left: there is no manifest, so prove where each file comes from.

    The candidates are the files with the project's name and version. Each is compared, member by
    member, with what the sources build to now; one that does not come from them is left out and named.
    Raises `UsageError` when there is nothing to publish.
    """
    candidates = list(_candidates(output, base))
    if not candidates:
        msg = (
            f"nothing is built: {output} holds neither a manifest nor a file of {base.project} {base.version}"
        )
        raise UsageError(msg, hint="Build first, or name the files to publish.")
    from publish_all.builders.run import build as run_build

    with TemporaryDirectory(prefix="publish-all-") as folder:
        fresh = Path(folder)
        # The host knows nothing of [tool.publish-all.wheels]: it has built the one wheel and the sdist.
        plain = replace(base, wheels=(), sdist=True)
        request = BuildRequest(root=config.root, output=fresh, variants=(plain,))
        run_build(request, listener=ignore, environment=around.environment)
        same = [path for path in candidates if _same_content(path, fresh / path.name, config.root)]
    for path in candidates:
        if path not in same:
            listener(
                Note(
                    message=f"left out: {path.name} is not what the sources build to now; "
                    "build again, or name it to publish it as it is"
                )
            )
    if not same:
        msg = f"no file in {output} comes from the present sources"
        raise CheckError(msg, hint="Build again, or name the files to publish them as they are.")
    return Gathered(distributions=tuple(read_distribution(path) for path in same), variants=(base,))


def _candidates(output: Path, base: BuildVariant) -> Iterator[Path]:
    for path in sorted(output.iterdir()) if output.is_dir() else ():
        if _parse_filename(path.name) == (canonicalize_name(base.project), base.version):
            yield path


def _parse_filename(filename: str) -> tuple[str, str] | None:
    try:
        if filename.endswith(".whl"):
            name, version, _, _ = parse_wheel_filename(filename)
        else:
            name, version = parse_sdist_filename(filename)
    except (InvalidSdistFilename, InvalidWheelFilename):
        return None
    return name, str(version)


def _same_content(path: Path, fresh: Path, root: Path) -> bool:
    """Whether a host's file and ours, built from the same sources, hold the same.

    Archives may differ in order and times. An sdist of the host holds pyproject.toml as it is in the
    project, ours the resolved one. The host may have built with another version of the backend, whose
    metadata has another version; then what both state must be the same.
    """
    if not fresh.is_file():
        return False
    read = _wheel_members if path.suffix == ".whl" else _sdist_members
    theirs, ours = read(path), read(fresh)
    their_metadata, our_metadata = theirs.pop(_METADATA, b""), ours.pop(_METADATA, b"")
    if path.suffix != ".whl":
        project = hashlib.sha256((root / "pyproject.toml").read_bytes()).digest()
        resolved = ours.pop("pyproject.toml", None)
        if theirs.pop("pyproject.toml", None) not in (project, resolved):
            return False
    return theirs == ours and _same_metadata(their_metadata, our_metadata)


_METADATA = "METADATA or PKG-INFO"
_DECIDING = ("Requires-Dist", "Requires-Python", "Provides-Extra")


def _same_metadata(one: bytes, other: bytes) -> bool:
    if one == other:
        return True
    first, second = parse_metadata(one), parse_metadata(other)
    same_version = first.headers.get("Metadata-Version") == second.headers.get("Metadata-Version")
    if same_version or first.description != second.description:
        return False
    both = {*(first.headers.keys() & second.headers.keys()), *_DECIDING} - {"Metadata-Version"}
    return all(first.headers.get(name) == second.headers.get(name) for name in both)


def _wheel_members(path: Path) -> dict[str, bytes]:
    """What tells the content of each member, but for RECORD; of WHEEL, all that is not the name of the backend."""
    found: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(path) as opened:
            for each in opened.infolist():
                folder, _, name = each.filename.rpartition("/")
                if not folder.endswith(".dist-info") or name not in {"METADATA", "RECORD", "WHEEL"}:
                    found[each.filename] = b"%d %d" % (each.CRC, each.file_size)
                elif name == "METADATA":
                    found[_METADATA] = opened.read(each)
                elif name == "WHEEL":
                    lines = opened.read(each).splitlines()
                    found[each.filename] = b"\n".join(x for x in lines if not x.startswith(b"Generator:"))
    except zipfile.BadZipFile:
        return {}
    return found


def _sdist_members(path: Path) -> dict[str, bytes]:
    """The sha256 of each file, by its path below the sdist's one folder, and the content of PKG-INFO."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(path) as opened:
            for each in opened:
                name = each.name.partition("/")[2]
                content = opened.extractfile(each)
                if content is not None:
                    found[_METADATA if name == "PKG-INFO" else name] = (
                        content.read() if name == "PKG-INFO" else _sha256(content)
                    )
    except (tarfile.TarError, EOFError, OSError):
        return {}
    return found


def _sha256(content: IO[bytes]) -> bytes:
    hasher = hashlib.sha256()
    while chunk := content.read(1 << 20):
        hasher.update(chunk)
    return hasher.digest()
