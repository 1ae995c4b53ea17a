from __future__ import annotations

from pathlib import Path

import pytest

from publish_all.builders.build_plan import output_folder
from publish_all.config.load import load_project
from publish_all.config.model import ProjectConfig
from publish_all.errors import ConfigurationError


def project(root: Path, dist_dir: str) -> ProjectConfig:
    root.mkdir(parents=True, exist_ok=True)
    text = f'[project]\nname = "demo"\nversion = "1"\n[tool.publish-all]\ndist-dir = "{dist_dir}"\n'
    (root / "pyproject.toml").write_text(text, encoding="utf-8")
    return load_project(root)


@pytest.mark.parametrize("stated", ["dist", "build/out", "./a/../b", "."])
def test_is_a_folder_inside_of_the_project(tmp_path: Path, stated: str) -> None:
    assert output_folder(project(tmp_path / "p", stated)) == tmp_path / "p" / stated


@pytest.mark.parametrize("stated", ["..", "../dist", "a/../../dist", "{tmp}/elsewhere"])
def test_leads_nowhere_else(tmp_path: Path, stated: str) -> None:
    config = project(tmp_path / "p", stated.format(tmp=tmp_path.as_posix()))
    with pytest.raises(ConfigurationError, match=r"tool\.publish-all\.dist-dir: .* outside") as caught:
        output_folder(config)
    assert "-o" in (caught.value.hint or "")


@pytest.mark.posix("links")
def test_leads_nowhere_else_through_a_link(tmp_path: Path) -> None:
    config = project(tmp_path / "p", "dist")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "p" / "dist").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="outside"):
        output_folder(config)


def test_members_of_a_repository_may_share_one(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert output_folder(project(tmp_path / "members" / "p", "../../dist")).resolve() == tmp_path / "dist"
    with pytest.raises(ConfigurationError):
        output_folder(project(tmp_path / "members" / "p", "../../../dist"))


@pytest.mark.parametrize(
    ("text", "inside"),
    [("[tool.uv.workspace]\nmembers = ['p']\n", True), ("[tool.uv]\n", False), ("no TOML", False)],
)
def test_members_of_a_workspace_without_a_repository_may_share_one(
    tmp_path: Path, text: str, inside: bool
) -> None:
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    config = project(tmp_path / "p", "../dist")
    if inside:
        assert output_folder(config).resolve() == tmp_path / "dist"
    else:
        with pytest.raises(ConfigurationError):
            output_folder(config)
