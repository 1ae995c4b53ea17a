"""The build manifest: the files of a folder that publish-all built, and their hashes.

It is kept in the user's state folder, outside of the checkout, so that a file in a repository is never
used as our manifest. `build --manifest FILE` writes one for another job.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from publish_all._json import loads
from publish_all._own_files import write_whole
from publish_all.distributions.distribution import Distribution, sha256_of
from publish_all.errors import ConfigurationError
from publish_all.summaries import BuiltFile
from publish_all.variants.variant import BuildVariant, WheelTag

SCHEMA = 1
# Of each file, with the `name` of its distribution.
_KEYS = ("variant", "version", "filename", "kind", "tag", "size", "sha256", "builder", "installed")


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """The files that were built from one project into `folder`, an absolute path.

    `version` is the project's own, None if it has none or the manifest does not have it.
    """

    project: str
    folder: Path
    entries: tuple[BuiltFile, ...]
    version: str | None = None


def write_manifest(
    path: Path,
    output: Path,
    *,
    project: str,
    files: tuple[BuiltFile, ...],
    variants: Sequence[BuildVariant] = (),
    version: str | None = None,
) -> Manifest:
    """Write the manifest of the `files` just built into `output` to `path`, atomically.

    Files of other variants that an earlier build of the same versions left there, unchanged, stay listed:
    `--variant` builds one after the other, and `--wheel-tag` one wheel after the other of the wheels that
    `variants` state.
    """
    folder = output.resolve()
    kept = (each for each in _still_valid(path, folder, project, files) if is_of(each, variants, others=True))
    manifest = Manifest(project=project, folder=folder, entries=(*kept, *files), version=version)
    text = json.dumps(_to_json(manifest, path), indent=2, ensure_ascii=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode())
    return manifest


def read_manifest(path: Path) -> Manifest | None:
    """The manifest in the file `path`, None if the file does not exist.

    Raises `ConfigurationError` for a file that is not a manifest.
    """
    try:
        content = loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, OSError) as error:
        raise _unreadable(path, f"it cannot be read: {error}") from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise _unreadable(path, f"its schema is not {SCHEMA}")
    try:
        entries = tuple(_entry(each) for each in content["distributions"])
        folder = path.resolve().parent / str(content.get("folder", "."))
        version = content.get("version")
        return Manifest(
            project=str(content["project"]),
            folder=folder.resolve(),
            entries=entries,
            version=version if isinstance(version, str) else None,
        )
    except (KeyError, TypeError, AttributeError, ValueError, OSError) as error:
        raise _unreadable(path, f"{error} is missing in it") from error


def is_of(entry: BuiltFile | Distribution, variants: Sequence[BuildVariant], *, others: bool = False) -> bool:
    """Whether a build of these variants makes this file, as they are configured now.

    `others` is the answer for a file of a variant that is not among them.
    """
    of = [each for each in variants if each.name == entry.variant]
    if not of:
        return others
    if entry.tag is None:
        return any(each.sdist for each in of)
    tags = [wheel.tag for each in of for wheel in each.wheels]
    return not tags or any(each.same_as(WheelTag.parse(entry.tag)) for each in tags)


def lacking_wheels(
    files: Sequence[BuiltFile | Distribution], variants: Sequence[BuildVariant]
) -> tuple[str, ...]:
    """The platform wheels of these variants which are not among the files, each in words."""
    return tuple(
        f"the wheel {wheel.tag} of {variant.label}"
        for variant in variants
        for wheel in variant.wheels
        if not any(
            each.variant == variant.name and each.tag and wheel.tag.same_as(WheelTag.parse(each.tag))
            for each in files
        )
    )


def check_manifest(manifest: Manifest) -> dict[str, str]:
    """The files that are missing or were changed since the build: the problem, to follow the name."""
    return {
        each.filename: problem
        for each in manifest.entries
        if (problem := _problem(each, manifest.folder / each.filename))
    }


def _problem(entry: BuiltFile, path: Path) -> str | None:
    try:
        if not path.is_file():
            return "no longer exists"
        if path.stat().st_size != entry.size or sha256_of(path) != entry.sha256:
            return "has changed since it was built"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None


def _still_valid(path: Path, folder: Path, project: str, new: tuple[BuiltFile, ...]) -> tuple[BuiltFile, ...]:
    try:
        before = read_manifest(path)
    except ConfigurationError:  # a broken one is replaced
        return ()
    if before is None or before.project != project or before.folder != folder:
        return ()
    filenames = {each.filename for each in new}
    files = {(each.variant, each.kind, each.tag) for each in new}
    return tuple(
        each
        for each in before.entries
        if each.filename not in filenames
        and (each.variant, each.kind, each.tag) not in files
        and _is_of_release(each, new)
        and _problem(each, folder / each.filename) is None
    )


def _is_of_release(entry: BuiltFile, new: Sequence[BuiltFile]) -> bool:
    """Whether it has the version of the new files; for another variant, without the local part that each may add."""
    if entry.version in {each.version for each in new}:
        return True
    if entry.variant in {each.variant for each in new}:
        return False
    return entry.version.partition("+")[0] in {each.version.partition("+")[0] for each in new}


def _entry(plain: Mapping[str, Any]) -> BuiltFile:
    values = {key: plain.get(key) for key in _KEYS}
    values["project"] = plain.get("name", plain.get("project"))
    values["installed"] = tuple(map(str, plain.get("installed") or ()))
    for key in ("project", "version", "filename", "kind", "size", "sha256"):
        if values[key] is None:
            raise KeyError(key)
    if Path(str(values["filename"])).name != values["filename"]:
        msg = "a file name without folders"
        raise TypeError(msg)
    return BuiltFile(**values)  # type: ignore[arg-type]  # the keys are checked above, the values written by us


def _to_json(manifest: Manifest, path: Path) -> dict[str, Any]:
    """The folder is written relative to the manifest, so that both can be moved together."""
    try:
        folder = Path(os.path.relpath(manifest.folder, path.resolve().parent))
    except ValueError:  # another drive of Windows
        folder = manifest.folder
    return {
        "schema": SCHEMA,
        "project": manifest.project,
        **({"version": manifest.version} if manifest.version is not None else {}),
        "folder": folder.as_posix(),
        "distributions": [
            {"variant": each.variant, "name": each.project}
            | {key: getattr(each, key) for key in _KEYS if key != "variant"}
            for each in manifest.entries
        ],
    }


def _unreadable(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path}: {why}", hint="Pass a file that `publish-all build --manifest FILE` wrote, or build again."
    )
