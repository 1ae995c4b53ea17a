"""The folders and files with the configuration of the user: ours, and those of other tools."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

NOWHERE = Path("/nonexistent")
"""The home of a user who has none, as Debian writes it in /etc/passwd."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HostFolders:
    """The files with the user's configuration of other tools. Fields with a default value are not read.

    `docker` are files with logins to registries, as `docker login` and `podman login` write them, and `pip`
    pip's configuration, the one with the highest priority first.
    """

    poetry: Path
    hatch: Path
    uv: Path
    pdm: Path
    pypirc: Path
    uv_credentials: Path = NOWHERE
    docker: tuple[Path, ...] = ()
    pip: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Folders:
    """The user's `config.toml`, the folders of data, state and cache, and the files of other tools.

    If `state` is None, runs are not remembered. If `cache` is None, downloads are not kept.
    """

    config: Path
    data: Path
    hosts: HostFolders
    state: Path | None = None
    cache: Path | None = None


def home_folder() -> Path:
    """The home folder; for users without one (a service, `docker run --user 1234`), a folder that does not exist.

    An empty or relative HOME is ignored. It would make the current folder the home, which contains files of a project.
    """
    try:
        home = Path.home()
    except RuntimeError:
        return NOWHERE
    return home if home.is_absolute() else NOWHERE


def provide_home(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The variables to set for a user without a home, so that `~` does not become a folder in the current one."""
    if os.name == "nt" or Path(environment.get("HOME", "")).is_absolute():
        return {}
    return {"HOME": str(home_folder())}


def usual_folders(*, environment: Mapping[str, str], home: Path) -> Folders:
    """The folders on this system, or those in the environment variables of the tools."""
    from platformdirs import (
        site_config_path,
        user_cache_path,
        user_config_path,
        user_data_path,
        user_state_path,
    )

    def stated(variable: str, default: Path) -> Path:
        return Path(environment[variable]).expanduser() if environment.get(variable) else default

    poetry = user_config_path("pypoetry", appauthor=False, roaming=True)
    uv = user_config_path("uv", appauthor=False, roaming=True)
    uv_data = user_data_path("uv", appauthor=False, roaming=True)
    if sys.platform == "darwin":
        uv = stated("XDG_CONFIG_HOME", home / ".config") / "uv"
        uv_data = stated("XDG_DATA_HOME", home / ".local" / "share") / "uv"
    if sys.platform == "win32":
        uv_data = uv_data / "data"
    containers = stated("XDG_RUNTIME_DIR", NOWHERE) / "containers" / "auth.json"
    pip = "pip.ini" if sys.platform == "win32" else "pip.conf"
    return Folders(
        config=user_config_path("publish-all", appauthor=False) / "config.toml",
        data=user_data_path("publish-all", appauthor=False),
        state=user_state_path("publish-all", appauthor=False),
        cache=user_cache_path("publish-all", appauthor=False),
        hosts=HostFolders(
            poetry=stated("POETRY_CONFIG_DIR", poetry) / "config.toml",
            hatch=stated("HATCH_CONFIG", user_config_path("hatch", appauthor=False) / "config.toml"),
            uv=stated("UV_CONFIG_FILE", uv / "uv.toml"),
            pdm=stated("PDM_CONFIG_FILE", user_config_path("pdm") / "config.toml"),
            pypirc=home / ".pypirc",
            uv_credentials=stated("UV_CREDENTIALS_DIR", uv_data / "credentials") / "credentials.toml",
            docker=(
                stated("DOCKER_CONFIG", home / ".docker") / "config.json",
                stated("REGISTRY_AUTH_FILE", containers),
            ),
            pip=(
                stated("PIP_CONFIG_FILE", NOWHERE),
                user_config_path("pip", appauthor=False, roaming=True) / pip,
                home / ("pip" if sys.platform == "win32" else ".pip") / pip,
                site_config_path("pip", appauthor=False) / pip,
                Path("/etc") / pip,
            ),
        ),
    )
