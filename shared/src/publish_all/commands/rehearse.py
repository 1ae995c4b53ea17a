"""Rehearsal: what was uploaded to a test index is installed from there and imported, as its users would."""

from __future__ import annotations

import os
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from packaging.tags import parse_tag, sys_tags

from publish_all._process import Completed
from publish_all._temporary import temporary_folder
from publish_all.builders.variables import for_installers, for_project_code
from publish_all.commands.context import Surroundings
from publish_all.distributions.distribution import Distribution, DistributionKind, Release
from publish_all.errors import PublishAllError, RepositoryError
from publish_all.events import Listener, Note, StepStarted
from publish_all.repositories.repository import Repository

_SHOWN_LINES = 15
_TIMEOUT = 900.0
_MODULE = re.compile(r"[A-Za-z_]\w*")
# The step after a failed rehearsal: the test index has the files, so they can't be changed there any more.
_HINT = "Repair it and release under a new version: the test index keeps these files."


class RehearsalError(PublishAllError):
    """What was uploaded to the test index can't be installed or imported; nothing went further."""

    exit_code = 5


def rehearse(
    repository: Repository, releases: Sequence[Release], *, around: Surroundings, listener: Listener
) -> None:
    """Install each release from `repository` into a fresh environment and import what it installs.

    The files come from the test index, their dependencies from where pip takes packages otherwise (so
    that nobody's upload to the test index is installed in a dependency's name). Raises `RehearsalError`.
    """
    for release in releases:
        listener(StepStarted(step="rehearse", detail=f"install {release} from {repository.name}"))
        with temporary_folder() as folder:
            _rehearse_one(repository, release, folder, around, listener)


def _rehearse_one(
    repository: Repository, release: Release, folder: Path, around: Surroundings, listener: Listener
) -> None:
    fetched = _fetch(repository, release, folder)
    wheel = _installable(release)
    if wheel is None:
        listener(Note(message=f"{release} has no wheel for this platform; its sdist is installed"))
        candidates = [each for each in fetched if each.name.endswith(".tar.gz")]
    else:
        candidates = [each for each in fetched if each.name == wheel.filename]
    if not candidates:
        listener(Note(message=f"{release} has nothing that can be installed here; it was not rehearsed"))
        return
    installing = _alone(for_installers(around.environment))
    python = _make_environment(folder / "environment", installing, around, release)
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(candidates[0])]
    _run(command, folder, installing, around, f"pip install {release}")
    importing = _alone(for_project_code(around.environment).environment)
    for module in _modules(wheel):
        _run(
            [python, "-I", "-c", f"import {module}"],
            folder,
            importing,
            around,
            f"import {module} of {release}",
        )


def _fetch(repository: Repository, release: Release, folder: Path) -> tuple[Path, ...]:
    try:
        return repository.fetch(release.project, release.version, folder)
    except RepositoryError as error:
        msg = f"rehearsal: {release} could not be fetched from {repository.name}: {error.message}"
        hint = "Run the same command again in a while: the files are there, and the rehearsal is left."
        raise RehearsalError(msg, hint=hint) from error


def _installable(release: Release) -> Distribution | None:
    here = set(sys_tags())
    for each in release.distributions:
        if each.kind is DistributionKind.WHEEL and each.tag is not None:
            build_or_python, *_ = each.tag.split("-")
            tag = each.tag.partition("-")[2] if build_or_python[0].isdigit() else each.tag
            if parse_tag(tag) & here:
                return each
    return None


def _make_environment(
    folder: Path, environment: Mapping[str, str], around: Surroundings, release: Release
) -> str:
    command = [sys.executable, "-m", "venv", str(folder)]
    _run(command, folder.parent, environment, around, f"an environment for {release}")
    return str(folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def _run(
    command: Sequence[str], cwd: Path, environment: Mapping[str, str], around: Surroundings, what: str
) -> None:
    try:
        done = around.run_project(command, cwd=cwd, environment=environment, timeout=_TIMEOUT)
    except TimeoutError as error:
        msg = f"rehearsal: {what}: {error}"
        raise RehearsalError(msg, hint=_HINT) from error
    if done.returncode != 0:
        msg = f"rehearsal: {what} failed\n{_tail(done)}"
        raise RehearsalError(msg, hint=_HINT)


def _alone(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what would let the new environment see another."""
    others = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_USER"}
    return {name: value for name, value in environment.items() if name not in others}


def _tail(done: Completed) -> str:
    return "\n".join((done.stdout + done.stderr).strip().splitlines()[-_SHOWN_LINES:])


def _modules(wheel: Distribution | None) -> Iterator[str]:
    """The top-level modules that a wheel installs, as `import` names them."""
    if wheel is None:
        return
    with zipfile.ZipFile(wheel.path) as opened:
        names = [each for each in opened.namelist() if each.endswith(".py")]
    tops = {name.partition("/")[0] for name in names if name.count("/") == 0 or name.endswith("/__init__.py")}
    for top in sorted(tops):
        module = top.removesuffix(".py")
        if _MODULE.fullmatch(module):
            yield module
