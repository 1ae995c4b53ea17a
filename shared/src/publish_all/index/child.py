"""What a command is given so that it installs from our index and nowhere else; and commands that would write its address down. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from publish_all._urls import without_userinfo
from publish_all.builders.variables import is_credential_name
from publish_all.index.client_settings import ClientSettings, is_place
from publish_all.index.clients import Client, Tool

INDEX_VARIABLES = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "PDM_PYPI_URL", "PIPENV_PYPI_MIRROR")
"""Which index pip, uv, pdm and pipenv install from."""

_LOCKERS: Mapping[str, frozenset[str]] = {
    "uv": frozenset({"lock", "add", "remove", "sync", "run", "export", "tree", "version"}),
    "poetry": frozenset({"lock", "add", "remove", "update", "install"}),
    "pdm": frozenset({"lock", "add", "remove", "update", "install"}),
    "pipenv": frozenset({"lock", "install", "update", "upgrade", "uninstall"}),
    "pip": frozenset({"lock"}),
    "pip-compile": frozenset({""}),
}
_KEEPS_LOCK = frozenset({"--frozen", "--locked"})


def child_environment(
    environment: Mapping[str, str],
    *,
    url: str,
    host: str,
    settings: ClientSettings,
    uv_config: Path,
    uv_indexes: Iterable[str] = (),
    poetry_sources: Iterable[str] = (),
) -> dict[str, str]:
    """The environment with our index at `url`, on `host`, as the only one.

    The files of pip and uv are switched off by their own means, and `settings` take their place, with those
    of uv in the file `uv_config`. The `uv_indexes` that a project defines are defined again, as ours, which
    uv prefers to the project's. None of our own credentials is passed on.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if not name.upper().startswith("PIP_") and not is_place(name) and not _is_our_secret(name, value)
    }
    ours = dict.fromkeys(INDEX_VARIABLES, url) | {
        "PIP_CONFIG_FILE": os.devnull,
        "UV_CONFIG_FILE": str(uv_config),
    }
    named = " ".join(f"{name}={url}" for name in uv_indexes)
    if named:
        ours["UV_INDEX"] = named
    for name in poetry_sources:
        ours |= _poetry_credential(name, url)
    # The tools' own settings are for all hosts, ours included. The variables are not.
    proxies = {
        name: settings.proxies[name] for name in ("HTTP_PROXY", "HTTPS_PROXY") if name in settings.proxies
    }
    ours |= proxies | {name.lower(): value for name, value in proxies.items()}
    bypass = (settings.proxies.get("NO_PROXY", ""), host)
    direct = {
        name: ",".join(filter(None, (environment.get(name, ""), *bypass)))
        for name in ("NO_PROXY", "no_proxy")
    }
    return kept | dict(settings.variables) | ours | direct


def locks(client: Client) -> str | None:
    """The part of a command that writes a lock file, as `uv lock`; None if none of it does."""
    words = client.arguments
    name = re.sub(r"\.exe$", "", re.split(r"[/\\]", client.program[-1])[-1].lower()) if client.program else ""
    if client.tool is Tool.PIP:
        name = "pip"
    subcommand = next((each for each in words if not each.startswith("-")), "")
    if name == "uv" and subcommand == "pip":
        return "uv pip compile" if "compile" in words else None
    if name == "uv" and _KEEPS_LOCK & set(words):
        return None
    writes = _LOCKERS.get(name, frozenset())
    return f"{name} {subcommand}".strip() if subcommand in writes or "" in writes else None


def _is_our_secret(name: str, value: str) -> bool:
    """Whether it is a credential of ours, which the command has no use for: pip runs what strangers' sdists say."""
    if not name.upper().startswith("PUBLISH_ALL_"):
        return False
    try:
        return is_credential_name(name) or ("://" in value and without_userinfo(value) != value)
    except ValueError:
        return True


def _poetry_credential(source: str, url: str) -> Mapping[str, str]:
    """How Poetry is told the user name and password of a source in pyproject.toml."""
    username, _, password = url.partition("://")[2].partition("@")[0].partition(":")
    prefix = f"POETRY_HTTP_BASIC_{re.sub(r'[^A-Z0-9]', '_', source.upper())}"
    return {f"{prefix}_USERNAME": username, f"{prefix}_PASSWORD": password}
