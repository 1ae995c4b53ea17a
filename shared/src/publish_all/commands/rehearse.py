"""Rehearsal: install and import the files from a test index, as its users would."""

from __future__ import annotations

import os
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename

from publish_all._temporary import temporary_folder
from publish_all.builders.variables import for_installers, for_project_code
from publish_all.commands.context import Runtime
from publish_all.distributions.distribution import Release, without_label
from publish_all.errors import PublishAllError, RepositoryError
from publish_all.repositories.repository import Repository

_SHOWN_LINES = 15
_TIMEOUT = 900.0
# They make another Python environment visible.
_OTHER_ENVIRONMENTS = frozenset(
    {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_USER"}
)
_MODULE = re.compile(r"[A-Za-z_]\w*")
# The step after a failed rehearsal: the test index has the files, so they can't be changed there any more.
_HINT = "Fix it and release a new version, because the files on the test index cannot be replaced."


class RehearsalError(PublishAllError):
    """The files on the test index cannot be installed or imported; nothing else was uploaded."""

    exit_code = 5


def rehearse(repository: Repository, releases: Sequence[Release], *, runtime: Runtime) -> None:
    """Install each release from `repository` into a fresh environment and import what it installs.

    The files come from the test index, their dependencies from the usual index of pip, so that
    a foreign upload to the test index is not installed as a dependency. Raises `RehearsalError`.
    """
    for release in releases:
        runtime.step("rehearse", f"install {release} from {repository.name}")
        with temporary_folder() as folder:
            try:
                fetched = repository.fetch(release.project, release.version, folder)
            except RepositoryError as error:
                msg = f"rehearsal: {release} could not be downloaded from {repository.name}: {error.message}"
                hint = (
                    "Run the same command again later. Only the rehearsal of the uploaded files is missing."
                )
                raise RehearsalError(msg, hint=hint) from error
            _install_and_import(release, fetched, folder, runtime)


def _install_and_import(release: Release, fetched: Sequence[Path], folder: Path, runtime: Runtime) -> None:
    here = set(sys_tags())
    sdists = [each for each in fetched if each.name.endswith(".tar.gz")]
    wheels = [
        each
        for each in fetched
        if each.suffix == ".whl" and parse_wheel_filename(without_label(each.name))[3] & here
    ]
    if not wheels:
        runtime.note(f"{release} has no wheel for this platform; its sdist is installed")
    if not wheels and not sdists:
        runtime.note(f"{release} has no file that can be installed here, so it was not rehearsed")
        return
    file = (wheels or sdists)[0]

    def run(command: Sequence[str], environment: Mapping[str, str], what: str) -> None:
        alone = {name: value for name, value in environment.items() if name not in _OTHER_ENVIRONMENTS}
        try:
            done = runtime.run_project(command, cwd=folder, environment=alone, timeout=_TIMEOUT)
        except TimeoutError as error:
            raise RehearsalError(f"rehearsal: {what}: {error}", hint=_HINT) from error
        if done.returncode != 0:
            tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-_SHOWN_LINES:])
            raise RehearsalError(f"rehearsal: {what} failed\n{tail}", hint=_HINT)

    installing = for_installers(runtime.environment)
    run([sys.executable, "-m", "venv", "environment"], installing, f"an environment for {release}")
    python = str(folder / "environment" / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(file)]
    run(pip, installing, f"pip install {release}")
    importing = for_project_code(runtime.environment).environment
    for module in _modules(file) if wheels else ():
        run([python, "-I", "-c", f"import {module}"], importing, f"import {module} of {release}")


def _modules(wheel: Path) -> Iterator[str]:
    """The top-level modules that a wheel installs, as `import` names them."""
    with zipfile.ZipFile(wheel) as opened:
        names = [each for each in opened.namelist() if each.endswith(".py")]
    tops = {name.partition("/")[0] for name in names if name.count("/") == 0 or name.endswith("/__init__.py")}
    for top in sorted(tops):
        module = top.removesuffix(".py")
        if _MODULE.fullmatch(module):
            yield module
