from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from publish_all.config.folders import Folders, HostFolders
from publish_all.config.load import file_origins, parse_toml
from publish_all.config.model import ProjectConfig
from publish_all.config.parse import parse_project
from publish_all.errors import ConfigurationError

Parse = Callable[[str], ProjectConfig]
Trouble = Callable[[str], ConfigurationError]


@pytest.fixture
def parse() -> Parse:
    """The configuration that the text of a pyproject.toml states."""

    def parse(text: str) -> ProjectConfig:
        values = parse_toml(text, Path("pyproject.toml"))
        return parse_project(values, root=Path("/project"), origins=file_origins(text, "pyproject.toml"))

    return parse


@pytest.fixture
def trouble(parse: Parse) -> Trouble:
    """The error that the text of a pyproject.toml is."""

    def trouble(text: str) -> ConfigurationError:
        with pytest.raises(ConfigurationError) as caught:
            parse(text)
        return caught.value

    return trouble


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """The user's folders, all empty."""
    user = tmp_path / "user"
    user.mkdir()
    return Folders(
        config=user / "config.toml",
        data=user / "data",
        hosts=HostFolders(
            poetry=user / "poetry.toml",
            hatch=user / "hatch.toml",
            uv=user / "uv.toml",
            pdm=user / "pdm.toml",
            pypirc=user / ".pypirc",
        ),
    )
