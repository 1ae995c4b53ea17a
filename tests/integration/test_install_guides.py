"""What docs/how-to/install shows, run with pip and uv against `publish-all serve` with a password."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from harness.environments import installed
from harness.process import Result, clean_environment, make_venv, run
from served import Served, serving, static_index, wheel

PAGES = Path(__file__).parents[2] / "docs" / "how-to" / "install"
PASSWORD = "open-sesame"
DAYS = 24 * 3600


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A private package that was uploaded today, and a dependency that was uploaded ten days ago."""
    folder = tmp_path_factory.mktemp("index")
    private = wheel(folder / "files", "kindling-synapse", "0.2.0", requires=["outside-dep"])
    shelf = static_index(folder / "shelf", private, wheel(folder / "files", "outside-dep", "1.0"))
    (old,) = shelf.rglob("outside_dep*.whl")
    os.utime(old, (time.time() - 10 * DAYS,) * 2)
    environment = clean_environment(folder / "home") | {"PUBLISH_ALL_SERVE_PASSWORD": PASSWORD}
    with serving(folder / "served", "--repository-url", shelf, environment=environment) as running:
        yield running


def shown(page: str, language: str, index: Served) -> list[str]:
    """The blocks of a page, with the address and password of the index in place of those that stand there."""
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    text = re.sub(r"https://([^/\s]*@)?index\.corp\.example/", rf"http://\g<1>127.0.0.1:{index.port}/", text)
    text = text.replace("index.corp.example", "127.0.0.1").replace(
        "password PASSWORD", f"password {PASSWORD}"
    )
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def shell(environment: Mapping[str, str], tmp_path: Path) -> dict[str, str]:
    """A user's, with a virtual environment for pip and with uv."""
    python = make_venv(tmp_path / "venv", environment)
    left_out = re.compile(r"(PIP|UV)_(FIND_LINKS|CONFIG_FILE|INDEX_URL|EXTRA_INDEX_URL|DEFAULT_INDEX)")
    clean = {name: value for name, value in environment.items() if not left_out.fullmatch(name)}
    path = os.pathsep.join((str(python.parent), str(installed("dev", "uv").parent), os.environ["PATH"]))
    return clean | {
        "PATH": path,
        "VIRTUAL_ENV": str(tmp_path / "venv"),
        "INDEX_PASSWORD": PASSWORD,
        "PIP_NO_CACHE_DIR": "1",
    }


def bash(text: str, shell: Mapping[str, str], folder: Path, *, check: bool = True) -> Result:
    return run(["bash", "-euc", text], cwd=folder, environment=shell, check=check)


def found(shell: Mapping[str, str], folder: Path) -> bool:
    return "kindling-synapse==0.2.0" in bash("uv pip freeze", shell, folder).stdout


def test_pip_with_netrc(index: Served, shell: dict[str, str], tmp_path: Path) -> None:
    netrc = Path(shell["HOME"]) / ".netrc"
    netrc.write_text(shown("pip", "text", index)[0], encoding="utf-8")
    netrc.chmod(0o600)
    bash(shown("pip", "bash", index)[0], shell, tmp_path)
    assert found(shell, tmp_path)


def test_pip_with_a_variable(index: Served, shell: dict[str, str], tmp_path: Path) -> None:
    done = bash(f"{shown('pip', 'bash', index)[1]}pip install kindling-synapse", shell, tmp_path)
    assert found(shell, tmp_path)
    assert PASSWORD not in done.output


def test_uv_with_variables(index: Served, shell: dict[str, str], tmp_path: Path) -> None:
    project = '[project]\nname = "user"\nversion = "1"\nrequires-python = ">=3.10"\n'
    (tmp_path / "pyproject.toml").write_text(project + shown("uv", "toml", index)[0], encoding="utf-8")
    bash(shown("uv", "bash", index)[0], shell, tmp_path)
    lock = (tmp_path / "uv.lock").read_text(encoding="utf-8")
    assert 'name = "kindling-synapse"\nversion = "0.2.0"' in lock
    assert PASSWORD not in lock


@pytest.mark.parametrize("client", ["pip", "uv pip"])
def test_requirements_with_a_variable(
    client: str, index: Served, shell: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "requirements.txt").write_text(shown("requirements", "text", index)[0], encoding="utf-8")
    bash(f"{client} install -r requirements.txt", shell, tmp_path)
    assert found(shell, tmp_path)


def test_uv_waits_for_what_is_new(index: Served, shell: dict[str, str], tmp_path: Path) -> None:
    project = (
        '[project]\nname = "user"\nversion = "1"\nrequires-python = ">=3.10"\n'
        'dependencies = ["kindling-synapse"]\n'
    )
    (settings,) = shown("cooldowns", "toml", index)
    path = tmp_path / "pyproject.toml"
    own = index.as_user("reader", PASSWORD)
    path.write_text(project + settings, encoding="utf-8")
    bash(f"uv lock --default-index {own}", shell, tmp_path)
    path.write_text(project + re.sub("exclude-newer-package.*", "", settings), encoding="utf-8")
    (tmp_path / "uv.lock").unlink()
    assert "kindling-synapse" in bash(f"uv lock --default-index {own}", shell, tmp_path, check=False).stderr
    path.write_text(path.read_text().replace("kindling-synapse", "outside-dep"), encoding="utf-8")
    bash(f"uv lock --default-index {own}", shell, tmp_path)


def test_pip_waits_for_what_is_new(index: Served, shell: dict[str, str], tmp_path: Path) -> None:
    day = (datetime.now(tz=timezone.utc) - timedelta(days=3)).date()
    line = f"pip install --index-url {index.as_user('reader', PASSWORD)} --uploaded-prior-to {day}"
    bash(f"{line} outside-dep", shell, tmp_path)
    assert bash(f"{line} kindling-synapse", shell, tmp_path, check=False).returncode != 0
