"""What a builder wrote, as a value for the manifest."""

from __future__ import annotations

import hashlib
from pathlib import Path

from publish_all.builders.builder import BuiltFile
from publish_all.variants.variant import BuildVariant

# Bytes that are read at once: small enough for a processor's cache.
_BLOCK = 1 << 18


def described(
    path: Path,
    variant: BuildVariant,
    kind: str,
    *,
    builder: str,
    seconds: float,
    reused: float | None = None,
) -> BuiltFile:
    """Describe the wheel or sdist at `path`, reading it once. `seconds` is how long its build took."""
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(_BLOCK))
    with path.open("rb", buffering=0) as file:
        while read := file.readinto(buffer):
            digest.update(buffer[:read])
    return BuiltFile(
        variant=variant.name,
        project=variant.project,
        version=variant.version,
        filename=path.name,
        kind=kind,
        # The binary distribution format: the last parts are the tags, and a build number may stand before them.
        tag="-".join(path.stem.split("-")[2:]) if kind == "wheel" else None,
        size=path.stat().st_size,
        sha256=digest.hexdigest(),
        builder=builder,
        seconds=seconds,
        reused=reused,
    )
