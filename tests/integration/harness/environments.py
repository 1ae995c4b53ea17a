"""Where the set-up (`make test`) put the hosts, the servers and our wheels, and how to ask for them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[3]
CACHE = ROOT / ".cache"


def installed(environment: str, program: str) -> Path:
    """A program of one of the environments that `.ci/environments.py` makes."""
    folder = ROOT / ".venv" if environment == "dev" else CACHE / "environments" / environment
    path = folder / "Scripts" / f"{program}.exe" if os.name == "nt" else folder / "bin" / program
    if not path.is_file():
        not_there(f"{program} ({path.relative_to(ROOT)})", "run the tests with `make test`, which makes it")
    return path


def on_path(program: str, package: str) -> str:
    """A program that the operating system has to bring."""
    path = shutil.which(program)
    if path is None:
        not_there(program, f"on Debian: apt install {package}")
    return path


def not_there(what: str, hint: str) -> NoReturn:
    """Fail in continuous integration, where nothing may be left out unnoticed; elsewhere skip, saying why."""
    message = f"{what} is not there: {hint}"
    if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def wheelhouse() -> Path:
    """The wheels of our own distributions, as an isolated build would fetch them from PyPI."""
    folder = CACHE / "wheelhouse"
    if not list(folder.glob("publish_all-*.whl")):
        not_there("the wheelhouse", "run the tests with `make test`, which builds it")
    return folder
