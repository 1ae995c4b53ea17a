"""Where the user's configuration is: ours, and that of the tools beside us."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from publish_all._values import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class HostFolders:
    """The files in which the tools keep what the user configured."""

    poetry: Path
    hatch: Path
    uv: Path
    pdm: Path
    pypirc: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Folders:
    """The user's own `config.toml`, the folders of the user's data and of our state, and the tools' files.

    `state` is None where nothing is to be remembered.
    """

    config: Path
    data: Path
    hosts: HostFolders
    state: Path | None = None


def usual_folders(*, environment: Mapping[str, str], home: Path) -> Folders:
    """The places of this system, or those that the tools' own variables name."""
    from platformdirs import user_config_path, user_data_path, user_state_path

    def stated(variable: str, default: Path) -> Path:
        return Path(environment[variable]).expanduser() if environment.get(variable) else default

    poetry = user_config_path("pypoetry", appauthor=False, roaming=True)
    uv = user_config_path("uv", appauthor=False, roaming=True)
    if sys.platform == "darwin":
        uv = stated("XDG_CONFIG_HOME", home / ".config") / "uv"
    return Folders(
        config=user_config_path("publish-all", appauthor=False) / "config.toml",
        data=user_data_path("publish-all", appauthor=False),
        state=user_state_path("publish-all", appauthor=False),
        hosts=HostFolders(
            poetry=stated("POETRY_CONFIG_DIR", poetry) / "config.toml",
            hatch=stated("HATCH_CONFIG", user_config_path("hatch", appauthor=False) / "config.toml"),
            uv=stated("UV_CONFIG_FILE", uv / "uv.toml"),
            pdm=stated("PDM_CONFIG_FILE", user_config_path("pdm") / "config.toml"),
            pypirc=home / ".pypirc",
        ),
    )
