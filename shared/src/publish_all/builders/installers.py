"""The installer for isolated build environments, pip or uv, with the settings of the user and the project."""

from __future__ import annotations

import configparser
import hashlib
import importlib.util
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

from publish_all._process import run
from publish_all._toml import read_if_valid, table

# Variables and keys of pip.conf that say where packages come from, or which versions of them.
_SAYS_WHAT = r"DEFAULT_INDEX|(?:EXTRA_)?INDEX(?:_URL)?|FIND_LINKS|NO_INDEX|UPLOADED_PRIOR_TO|EXCLUDE_NEWER"
_CONSTRAINTS = ("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT", "UV_CONSTRAINT", "UV_BUILD_CONSTRAINT")
_SETTING = re.compile(rf"(?P<installer>PIP|UV)_(?:{_SAYS_WHAT}|(?:BUILD_)?CONSTRAINT)")
_PIP_SECTIONS = ("global", "install")
_SECONDS = 10.0


class Installing(NamedTuple):
    """How build requirements are installed.

    `installer` is "pip" or "uv", `variables` are added to its environment, and `fingerprint` is a hash of all settings
    that decide what it installs.
    """

    installer: str
    variables: Mapping[str, str]
    fingerprint: str


def installing(
    environment: Mapping[str, str], *, pip_files: Iterable[Path], root: Path | None, workspace: Path
) -> Installing:
    """The settings for pip and uv. `root` is the project's folder, None where no project has a say.

    `pip_files` are where pip's configuration may be.

    Constraints of pip and of uv hold for both, and so does a date before which a package must have been uploaded
    (pip's `uploaded-prior-to`, uv's `exclude-newer`), also those of the project's `[tool.uv]`:
    https://docs.astral.sh/uv/reference/settings/#build-constraint-dependencies. uv reads no other configuration of the
    current folder, which could name indexes (`UV_NO_CONFIG`); the user's is still read. pip would install nothing where
    the user has set `user`. `workspace` is a folder for the project's constraints.
    """
    variables = {"UV_NO_CONFIG": "1", "PIP_USER": "0"}
    users = _users_uv_file(environment)
    if users is not None:
        variables["UV_CONFIG_FILE"] = str(users)
    stated = [environment[name] for name in _CONSTRAINTS if environment.get(name)]
    own = uv_settings(root, "build-constraint-dependencies") if root is not None else None
    constraints = [each for each in own if isinstance(each, str)] if isinstance(own, list) else []
    if constraints:
        path = workspace / "constraints.txt"
        path.write_text("".join(f"{each}\n" for each in constraints), encoding="utf-8")
        stated.append(path.resolve().as_uri())  # a list that is separated by spaces, and a URL has none
    if stated:
        variables |= dict.fromkeys(_CONSTRAINTS, " ".join(dict.fromkeys(" ".join(stated).split())))
    newest = environment.get("UV_EXCLUDE_NEWER") or environment.get("PIP_UPLOADED_PRIOR_TO")
    newest = newest or (uv_settings(root, "exclude-newer") if root is not None else None)
    if isinstance(newest, str):
        variables |= {"UV_EXCLUDE_NEWER": newest, "PIP_UPLOADED_PRIOR_TO": newest}
    of_pip = list(_configure_pip(pip_files))
    installer = _installer(environment, of_pip=bool(of_pip), of_uv=users is not None)
    digest = hashlib.sha256(json.dumps([installer, constraints, newest]).encode())
    for name in sorted(each for each in environment if each.startswith(("PIP_", "UV_"))):
        digest.update(f"{name}={environment[name]}\0".encode(errors="surrogateescape"))
    for path in (*of_pip, *([users] if users else []), *map(_local, " ".join(stated).split())):
        if path.is_file():
            digest.update(path.read_bytes())
    return Installing(installer, variables, digest.hexdigest())


def _installer(environment: Mapping[str, str], *, of_pip: bool, of_uv: bool) -> str:
    """Uv if it is installed, because it is faster; pip if only pip has settings for package indexes.

    `of_pip` and `of_uv` say whether they have configuration files that do. A uv that does not start, such as a shim of
    pyenv, counts only where the user has configured it.
    """
    told = {
        found["installer"]
        for name in environment
        if (found := _SETTING.fullmatch(name)) and environment[name]
    }
    of_pip, of_uv = of_pip or "PIP" in told, of_uv or "UV" in told
    if of_pip and not of_uv:
        return "pip"
    if importlib.util.find_spec("uv") is not None:
        return "uv"
    program = shutil.which(environment.get("UV") or "uv", path=environment.get("PATH"))
    return "uv" if program and (of_uv or _starts(program, environment)) else "pip"


def _starts(program: str, environment: Mapping[str, str]) -> bool:
    try:
        done = run([program, "--version"], cwd=Path.cwd(), environment=environment, timeout=_SECONDS)
    except (OSError, TimeoutError):
        return False
    return done.returncode == 0


def _local(place: str) -> Path:
    parts = urlsplit(place)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else Path(place)


def _configure_pip(files: Iterable[Path]) -> Iterator[Path]:
    """The files of pip's configuration that decide what pip installs: https://pip.pypa.io/en/stable/topics/configuration/."""
    for path in dict.fromkeys(files):
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError):  # pip will say so
            continue
        keys = {key for section in _PIP_SECTIONS if parser.has_section(section) for key in parser[section]}
        if any(_SETTING.fullmatch(f"PIP_{key.replace('-', '_').upper()}") for key in keys):
            yield path


def uv_settings(root: Path, key: str) -> Any:
    """What `[tool.uv]` of the project says, or of its workspace's root, as uv takes it; None where it says nothing.

    A `uv.toml` comes before `[tool.uv]` in the same folder.
    """
    for folder in _workspace_roots(root):
        for name, keys in (("uv.toml", ()), ("pyproject.toml", ("tool", "uv"))):
            stated = table(read_if_valid(folder / name), *keys).get(key)
            if stated is not None:
                return stated
    return None


def _workspace_roots(root: Path) -> Iterator[Path]:
    """The folder of the workspace that the project is a member of, if it is in one, then its own."""
    for folder in root.resolve().parents:
        uv = table(read_if_valid(folder / "pyproject.toml"), "tool", "uv")
        if "workspace" in uv:
            inside = root.resolve().relative_to(folder)
            members = table(uv, "workspace").get("members")
            if any(inside.match(str(each)) for each in (members if isinstance(members, list) else ())):
                yield folder
            break
    yield root


def _users_uv_file(environment: Mapping[str, str]) -> Path | None:
    """The user's `uv.toml`, or the machine's: https://docs.astral.sh/uv/concepts/configuration-files/."""
    if environment.get("UV_CONFIG_FILE"):
        return Path(environment["UV_CONFIG_FILE"])
    if os.name == "nt":
        places = [environment.get("APPDATA"), environment.get("PROGRAMDATA")]
    else:
        home = environment.get("HOME")
        own = environment.get("XDG_CONFIG_HOME") or (home and str(Path(home) / ".config"))
        places = [own, *(environment.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":"), "/etc"]
    files = (Path(each) / "uv" / "uv.toml" for each in places if each)
    return next((each for each in files if each.is_file()), None)
