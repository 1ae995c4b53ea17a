"""What a command is given so that it installs from our index and nowhere else; and commands that would write its address down. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence

INDEX_VARIABLES = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "PDM_PYPI_URL", "PIPENV_PYPI_MIRROR")
"""Which index pip, uv, pdm and pipenv install from."""

# An index beside ours would be asked for private names, and anyone may have taken them there.
_OTHERS = (
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_NO_INDEX",
    "UV_OFFLINE",
    "PIP_NO_INDEX",
    "PIP_EXTRA_INDEX_URL",
)

_LOCKERS: tuple[tuple[str, frozenset[str]], ...] = (
    ("uv", frozenset({"lock", "add", "remove", "sync", "run", "export", "tree", "version"})),
    ("poetry", frozenset({"lock", "add", "remove", "update", "install"})),
    ("pdm", frozenset({"lock", "add", "remove", "update", "install"})),
    ("pipenv", frozenset({"lock", "install", "update", "upgrade", "uninstall"})),
    ("pip", frozenset({"lock"})),
    ("pip-compile", frozenset({""})),
)
_KEEPS_LOCK = frozenset({"--frozen", "--locked"})


def child_environment(environment: Mapping[str, str], url: str, host: str) -> dict[str, str]:
    """The environment with our index at `url`, on `host`, as the only one."""
    kept = {name: value for name, value in environment.items() if name.upper() not in _OTHERS}
    # The option of pip's configuration files can't be taken away, but a variable takes its place.
    ours = dict.fromkeys((*INDEX_VARIABLES, "PIP_EXTRA_INDEX_URL"), url)
    direct = {
        name: ",".join(filter(None, (environment.get(name, ""), host))) for name in ("NO_PROXY", "no_proxy")
    }
    return kept | ours | direct


def dropped(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The variables that the command does not get, as they name other indexes."""
    return tuple(sorted(name for name, value in environment.items() if name.upper() in _OTHERS and value))


def locks(command: Sequence[str]) -> str | None:
    """The part of a command that writes a lock file, as `uv lock`; None if none of it does."""
    words = _without_runner(command)
    if not words:
        return None
    name = re.sub(r"(\.exe)?$", "", posixpath.basename(words[0].replace("\\", "/")).lower())
    subcommand = next((each for each in words[1:] if not each.startswith("-")), "")
    if name == "uv" and subcommand == "pip":
        return "uv pip compile" if "compile" in words else None
    if name == "uv" and _KEEPS_LOCK & set(words):
        return None
    for tool, subcommands in _LOCKERS:
        if name == tool and (subcommand in subcommands or "" in subcommands):
            return f"{name} {subcommand}".strip()
    return None


def _without_runner(command: Sequence[str]) -> Sequence[str]:
    """`python -m pip …` as `pip …`."""
    words = list(command)
    if len(words) > 2 and re.search(r"python[0-9.]*(\.exe)?$", words[0]) and words[1] == "-m":
        return words[2:]
    return words
