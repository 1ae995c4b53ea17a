"""What pip and uv are told when they install build requirements: no configuration of the project's, but its constraints."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from publish_all._toml import loads

_KEY = "build-constraint-dependencies"


def installer_settings(
    environment: Mapping[str, str], *, root: Path | None, workspace: Path
) -> dict[str, str]:
    """Variables for pip and uv. `root` is the project's folder, None where no project has a say.

    uv reads no configuration of the current folder, which names indexes (`UV_NO_CONFIG`); the user's is still
    read. https://docs.astral.sh/uv/reference/settings/#build-constraint-dependencies hold for what is
    installed, and for the builds of what has no wheel. `workspace` is where they are written down.
    """
    settings = {"UV_NO_CONFIG": "1"}
    if not environment.get("UV_CONFIG_FILE") and (file := _users_file(environment)) is not None:
        settings["UV_CONFIG_FILE"] = str(file)
    constraints = build_constraints(root) if root is not None else ()
    if constraints:
        path = workspace / "constraints.txt"
        path.write_text("".join(f"{each}\n" for each in constraints), encoding="utf-8")
        for name in ("UV_CONSTRAINT", "UV_BUILD_CONSTRAINT", "PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT"):
            # A list that is separated by spaces, and a URL has none.
            settings[name] = " ".join(filter(None, (environment.get(name), path.resolve().as_uri())))
    return settings


def build_constraints(root: Path) -> tuple[str, ...]:
    """The project's constraints for build requirements: those of its workspace's root, as uv takes them.

    A `uv.toml` comes before `[tool.uv]` in the same folder.
    """
    for folder in _workspace_roots(root):
        for name, keys in (("uv.toml", ()), ("pyproject.toml", ("tool", "uv"))):
            stated = _at(_read(folder / name), *keys, _KEY)
            if isinstance(stated, list):
                return tuple(each for each in stated if isinstance(each, str))
    return ()


def _workspace_roots(root: Path) -> Iterator[Path]:
    """The folder of the workspace that the project is a member of, if it is in one, then its own."""
    for folder in root.resolve().parents:
        workspace = _at(_read(folder / "pyproject.toml"), "tool", "uv", "workspace")
        if isinstance(workspace, Mapping):
            inside = root.resolve().relative_to(folder)
            members = workspace.get("members")
            if any(inside.match(str(each)) for each in (members if isinstance(members, list) else ())):
                yield folder
            break
    yield root


def _users_file(environment: Mapping[str, str]) -> Path | None:
    """The user's `uv.toml`, or the machine's: https://docs.astral.sh/uv/concepts/configuration-files/."""
    if os.name == "nt":
        places = [environment.get("APPDATA"), environment.get("PROGRAMDATA")]
    else:
        home = environment.get("HOME")
        own = environment.get("XDG_CONFIG_HOME") or (home and str(Path(home) / ".config"))
        places = [own, *(environment.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":"), "/etc"]
    files = (Path(each) / "uv" / "uv.toml" for each in places if each)
    return next((each for each in files if each.is_file()), None)


def _read(path: Path) -> Mapping[str, Any]:
    """Empty where there is no such file, or it is broken: whoever it belongs to will say so."""
    try:
        return loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _at(values: Any, *keys: str) -> Any:
    for key in keys:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values
