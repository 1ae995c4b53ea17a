"""Copies of the examples to work in, and what a test asks of the files that they are built to."""

from __future__ import annotations

import email
import email.message
import email.policy
import shutil
import zipfile
from pathlib import Path

from harness.environments import ROOT
from harness.process import clean_environment, run

JUNK = {
    "packages/kindling/secrets.env": "TOKEN=do-not-ship\n",
    "packages/kindling/__pycache__/entities.cpython-311.pyc": "not bytecode\n",
    "build/kindling/leftover.py": "left by the loop\n",
    ".databrickscfg": "[DEFAULT]\ntoken = do-not-ship\n",
}


def copy_example(name: str, target: Path) -> Path:
    """A git checkout of an example, everything committed, in a folder that is in no other repository."""
    ignore = shutil.ignore_patterns("dist", "build", "__pycache__")
    shutil.copytree(ROOT / "examples" / name, target, ignore=ignore)
    git(target, "init", "-q", "-b", "main")
    git(target, "add", "-A")
    git(target, "commit", "-q", "-m", "the example")
    return target


def add_junk(project: Path) -> None:
    """Files that git ignores, lying about where people leave them."""
    for path, text in JUNK.items():
        file = project / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def git(folder: Path, *arguments: str) -> str:
    home = folder.parent / "git-home"
    environment = clean_environment(home)
    return run(["git", *arguments], cwd=folder, environment=environment, check=True).stdout


def git_status(folder: Path) -> str:
    """What `git status` has to say; empty when the working tree is as committed."""
    return git(folder, "status", "--porcelain")


def metadata(wheel: Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(archive.read(name), policy=email.policy.compat32)


def members(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return sorted(archive.namelist())


def built(folder: Path) -> list[str]:
    """The names of the distributions in a folder."""
    return sorted(path.name for path in folder.iterdir() if path.name.endswith((".whl", ".tar.gz")))


def wheel_generator(wheel: Path) -> str:
    """The backend that built a wheel, as a requirement: `hatchling==1.33.0`."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/WHEEL"))
        generator = str(email.message_from_bytes(archive.read(name))["Generator"])
    return "==".join(generator.split())
