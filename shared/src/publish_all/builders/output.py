"""The folder that a project is built into."""

from __future__ import annotations

from pathlib import Path

from publish_all.config.load import read_toml
from publish_all.config.model import ProjectConfig
from publish_all.config.parse import PYPROJECT
from publish_all.config.workflows import repository_root
from publish_all.errors import ConfigurationError


def output_folder(config: ProjectConfig) -> Path:
    """The configured `dist-dir` as a path.

    Raises `ConfigurationError` where it leads out of the repository or workspace, also through a link: a
    pull request must not choose which folders of the machine are written to.
    """
    folder = config.root / config.dist_dir
    real, root = folder.resolve(), config.root.resolve()
    if not (real.is_relative_to(root) or real.is_relative_to(_outermost(root))):
        msg = f"tool.publish-all.dist-dir: {config.dist_dir} is outside of the repository"
        raise ConfigurationError(msg, hint="Name a folder inside of it, or build with `-o FOLDER`.")
    return folder


def _outermost(root: Path) -> Path:
    """The root of the repository; without one, that of the uv workspace."""
    repository = repository_root(root)
    if (repository / ".git").exists():
        return repository
    return next((each for each in root.parents if _is_workspace(each / PYPROJECT)), root)


def _is_workspace(pyproject: Path) -> bool:
    if not pyproject.is_file():
        return False
    try:
        content, _ = read_toml(pyproject)
    except ConfigurationError:
        return False
    uv = content.get("tool", {}).get("uv", {})
    return isinstance(uv, dict) and "workspace" in uv
