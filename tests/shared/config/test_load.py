from __future__ import annotations

import subprocess
import sys

import pytest

from publish_all.config.load import find_pyproject, load_project, search_pyproject
from publish_all.errors import ConfigurationError


def test_finds_the_first_project_upwards(tmp_path):
    inner = tmp_path / "project" / "src" / "package"
    inner.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'outer'\n")
    (tmp_path / "project" / "pyproject.toml").write_text("[project]\nname = 'inner'\n")

    config = load_project(inner)

    assert config.root == tmp_path / "project"
    assert config.pyproject == {"project": {"name": "inner"}}


def test_a_relative_folder_leads_upwards_too(tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.chdir(tmp_path / "sub")

    assert search_pyproject(type(tmp_path)("../sub/..")) == tmp_path / "pyproject.toml"


def test_no_project_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(
        ConfigurationError, match=r"no pyproject\.toml found in .* or its parent folders"
    ) as caught:
        find_pyproject(tmp_path)

    assert "-C" in caught.value.hint
    (tmp_path / "setup.py").write_text("")
    with pytest.raises(ConfigurationError) as caught:
        find_pyproject(tmp_path)
    assert caught.value.hint == "Run `publish-all init` to create one. setup.py is not changed."


def test_no_folder_is_an_error(tmp_path):
    with pytest.raises(ConfigurationError, match=r"no folder .* found"):
        load_project(tmp_path / "absent")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[tool.publish-all]\nprivate = yes\n", r"pyproject\.toml: is not valid TOML: .*line 2"),
        (b"a = 1\n[b\n", r"pyproject\.toml: is not valid TOML: .*line 2"),
        (b"a = [\n1,\n", r"pyproject\.toml: is not valid TOML: .*end of document"),
        (b"a = 1\na = 2\n", r"pyproject\.toml: is not valid TOML: .*line 2"),
        (b"\xef\xbb\xbfa = 1\n", r"pyproject\.toml: is not valid TOML: starts with a byte order mark"),
        (b"a = 1\nb = '\xff'\n", r"pyproject\.toml:2: is not valid UTF-8"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path, content, message):
    (tmp_path / "pyproject.toml").write_bytes(content)

    with pytest.raises(ConfigurationError, match=message) as caught:
        load_project(tmp_path)

    assert str(tmp_path) in caught.value.message


def test_line_numbers_are_those_of_the_file_with_any_line_ends(tmp_path):
    (tmp_path / "pyproject.toml").write_bytes(
        b"[project]\r\nname = 'x'\r\n[tool.publish-all]\r\ndist-dir = 'o'\r\n"
    )

    assert load_project(tmp_path).origins["tool.publish-all.dist-dir"] == "pyproject.toml:4"


def test_a_project_of_others_is_not_scanned_for_lines(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.other]\nx = 1\n")

    assert dict(load_project(tmp_path).origins) == {}


def test_loading_a_project_imports_nothing_heavy(tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        "[project]\nname = 'x'\n[tool.publish-all]\npublish-to = ['corp']\n"
        "[tool.publish-all.repositories.corp]\nurl = 'https://x/'\n[tool.publish-all.version]\nsource = 'git'\n"
        "[tool.publish-all.variants.a]\nextend-dependencies = ['azure-synapse>=1,<2']\n"
    )
    code = (
        "import sys, pathlib; from publish_all.config.load import load_project; "
        f"load_project(pathlib.Path({str(tmp_path)!r})); print(*sys.modules)"
    )

    loaded = subprocess.run(
        [sys.executable, "-S", "-c", _with_path(code)], capture_output=True, text=True, check=True
    )

    heavy = {
        "tomlkit",
        "packaging",
        "difflib",
        "requests",
        "platformdirs",
        "configparser",
        "logging",
    }
    assert not heavy & set(loaded.stdout.split())


def _with_path(code: str) -> str:
    return f"import sys; sys.path[:] = {sys.path!r}; {code}"
