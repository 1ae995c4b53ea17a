"""An sdist builds to the very wheel that was published, with pip and away from git."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from harness.hosts import Host
from harness.process import make_venv, run
from harness.projects import built, git_status, wheel_generator


def rebuilt(dist: Path, environment: Mapping[str, str]) -> dict[str, bytes]:
    """Wheel name → bytes of what `pip wheel` makes of each sdist, with the backend that built the wheels."""
    apart = dist.parent.parent / "apart"
    apart.mkdir()
    python = make_venv(apart / "venv", environment)
    backend = wheel_generator(next(dist.glob("*.whl")))
    constraint = apart / "constraint.txt"
    constraint.write_text(backend)
    same_backend = {"PIP_CONSTRAINT": str(constraint), "PIP_BUILD_CONSTRAINT": str(constraint)}
    for sdist in dist.glob("*.tar.gz"):
        shutil.copy(sdist, apart)
        command = [python, "-m", "pip", "wheel", "-q", "--no-deps", "-w", "wheels", sdist.name]
        run(command, cwd=apart, environment={**environment, **same_backend}, check=True)
    return {wheel.name: wheel.read_bytes() for wheel in (apart / "wheels").glob("*.whl")}


def wheels(dist: Path) -> dict[str, bytes]:
    return {name: (dist / name).read_bytes() for name in built(dist) if name.endswith(".whl")}


def test_of_poetry_variants(kindling: Path, newest_poetry: Host, environment: dict[str, str]) -> None:
    newest_poetry("build-all", cwd=kindling, check=True)
    assert len(wheels(kindling / "dist")) == 3
    assert rebuilt(kindling / "dist", environment) == wheels(kindling / "dist")
    assert git_status(kindling) == ""


def test_of_hatch_variants(fastorm: Path, newest_hatch: Host, environment: dict[str, str]) -> None:
    newest_hatch("build", "-t", "variants", cwd=fastorm, check=True)
    assert len(wheels(fastorm / "dist")) == 2
    assert rebuilt(fastorm / "dist", environment) == wheels(fastorm / "dist")
    assert git_status(fastorm) == ""
