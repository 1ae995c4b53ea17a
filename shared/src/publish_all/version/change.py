"""Changing the version: what would be written is worked out first, then written, all of it or nothing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from packaging.version import InvalidVersion, Version

from publish_all._build_system import backend_of
from publish_all.config.model import ProjectConfig, VersionSource
from publish_all.errors import UsageError, VersionError
from publish_all.version.place import Place, read_place
from publish_all.version.places import find_places, source_places, unwritable


def parse_version(text: str) -> Version:
    """The version that a person asked for. Raises `UsageError`."""
    try:
        return Version(text)
    except InvalidVersion as error:
        msg = f"{text!r} is not a PEP 440 version"
        raise UsageError(msg, hint="Write it like 1.2.3 or 1.2.3rc1.") from error


def set_version(config: ProjectConfig, text: str) -> tuple[Place, ...]:
    """Write the version into the source and all places. Gives the places that changed."""
    version = parse_version(text)
    refuse_unsettable(config, version)
    changed, contents = planned(config, version)
    write_all(contents)
    return changed


def refuse_unsettable(config: ProjectConfig, version: Version) -> None:
    """Raise `UsageError` where the version is not written in a file of the project."""
    if config.version.source is VersionSource.GIT:
        msg = "the version comes from git tags: there is nothing to set"
        hint = f"Tag it: publish-all version --release {version}, or git tag {config.version.tag_prefix}{version}."
        raise UsageError(msg, hint=hint)
    if not source_places(config):
        reasons = "; ".join(unwritable(config))
        msg = f"the version is not written where it can be set: the build backend {backend_of(config.pyproject)} knows it"
        hint = (
            f"If it comes from a tag: publish-all version --release {version}. Otherwise write it in [project],"
            " or let tool.publish-all.version.source say where it is."
        )
        raise UsageError(f"{msg} ({reasons})" if reasons else msg, hint=hint)


def planned(config: ProjectConfig, version: Version) -> tuple[tuple[Place, ...], dict[Path, bytes]]:
    """The places that do not say just this version, and what their files hold when they do.

    Nothing is written. Raises `VersionError` for a place that can't say it, and where another place would still
    say another version.
    """
    different = tuple(each for each in find_places(config) if each.says != each.spelt(version))
    contents: dict[Path, bytes] = {}

    def read(path: Path) -> bytes:
        return contents[path] if path in contents else read_place(path)

    for place in different:
        contents[place.file] = place.write(read, place.spelt(version))
    for place in find_places(config, read=read):
        if not place.agrees(version):
            msg = f"{place.where}: it would still say {place.says} when {version} is written into all places"
            raise VersionError(msg, hint="Change it by hand, so that it comes from one literal.")
    return different, contents


def write_all(contents: Mapping[Path, bytes]) -> dict[Path, bytes]:
    """Replace the contents of files, of all or of none. Gives what they held before; new ones held nothing.

    Each is written beside its file first and then moved there, so that no file is ever half written.
    Raises `VersionError` when one cannot be written; the others are then as they were.
    """
    before = {path: path.read_bytes() for path in contents if path.exists()}
    ready: dict[Path, Path] = {}
    done: list[Path] = []
    try:
        for path, data in contents.items():
            ready[path] = _beside(path, data)
        for path, temporary in ready.items():
            temporary.replace(path.resolve())
            done.append(path)
    except OSError as error:
        for path in done:
            if path in before:
                _beside(path, before[path]).replace(path.resolve())
            else:
                path.unlink()
        msg = f"{error.filename or 'a file'}: can't be written: {error.strerror}; no file was changed"
        raise VersionError(msg) from error
    finally:
        for temporary in ready.values():
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
    return before


def _beside(path: Path, data: bytes) -> Path:
    """A new file next to the one that `path` leads to, with its mode."""
    target = path.resolve()
    if target.exists():
        mode = target.stat().st_mode
        if not os.access(target, os.W_OK):
            raise PermissionError(13, "Permission denied", str(target))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        mask = os.umask(0o022)  # it can only be read by setting it
        os.umask(mask)
        mode = 0o666 & ~mask
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        temporary.chmod(mode)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return temporary
