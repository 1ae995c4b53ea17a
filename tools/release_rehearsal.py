"""Rehearse a release of our three distributions on this machine: `make release-rehearsal`.

From a clone of HEAD it builds them, publishes them as a workspace to stand-ins for TestPyPI, PyPI and GitHub's registry,
installs them from there with pip, pipx, uv, Poetry and Hatch, and runs the quickstarts of the README word by word. Only
settings of indexes come from outside. It exits with 1 at the first command that fails, and shows its output.
"""
# ruff: noqa: INP001, T201, E402 - a script, which talks on stdout and takes its servers from the tests

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "integration"))

from harness import servers
from harness.environments import installed
from harness.process import clean_environment, free_port

OURS = ("publish-all", "poetry-publish-all", "hatch-publish-all")
INDEX = "https://pypi.org/simple/"
_BLOCK = re.compile(r"^```(console|toml)\n(.*?)^```", re.MULTILINE | re.DOTALL)


class StepError(Exception):
    """A command did not do what it should."""


def main() -> int:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="publish-all-rehearsal-") as name:
        folder = Path(name).resolve()
        try:
            Rehearsal(folder).run()
        except StepError as error:
            print(f"\nThe rehearsal failed: {error}")
            return 1
    print(f"\nDone in {time.monotonic() - started:.0f} s.")
    return 0


class Rehearsal:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkout = folder / "publish-all"
        self.ours = str(installed("dev", "publish-all"))
        self.environment = {
            key: value
            for key, value in clean_environment(folder / "home").items()
            if key not in {"PIP_FIND_LINKS", "UV_FIND_LINKS"}
        } | {
            "PATH": f"{folder / 'bin'}:{Path(sys.executable).parent}:/usr/bin:/bin",
            "XDG_BIN_HOME": str(folder / "bin"),  # where uv and pipx put programs
            "PIPX_BIN_DIR": str(folder / "bin"),
            "PUBLISH_ALL_TESTPYPI_TOKEN": "pypi-AgENdGVzdC5weXBpLm9yZw",
            "PUBLISH_ALL_PYPI_TOKEN": "pypi-AgEIcHlwaS5vcmc",
            "GITHUB_TOKEN": "token",
        }

    def run(self) -> None:
        self.sh(f"git clone -q {ROOT} {self.checkout}", self.folder)
        testpypi, pypi = (
            servers.start_pypiserver(self.folder / each, password=None) for each in ("testpypi", "pypi")
        )
        registry = servers.start_registry(self.folder / "registry")
        try:
            for name, server in (("TESTPYPI", testpypi), ("PYPI", pypi)):
                self.environment[f"PUBLISH_ALL_REPOSITORIES_{name}_URL"] = server.upload_url
                self.environment[f"PUBLISH_ALL_REPOSITORIES_{name}_INDEX_URL"] = server.index_url
            self.environment["PUBLISH_ALL_REPOSITORIES_GITHUB_URL"] = f"http://{registry.host}/{{owner}}"
            self.publish()
            self.install_without_dependencies(pypi.index_url)
            with self.index():
                self.install()
                self.quickstarts()
        finally:
            for each in (testpypi, pypi, registry):
                each.stop()

    def publish(self) -> None:
        say("publish the workspace to TestPyPI, PyPI and GitHub")
        self.sh(f"{self.ours} check --all", self.checkout)
        for repository in ("testpypi", "pypi", "github:owner"):
            shown = self.sh(f"{self.ours} publish --all -r {repository}", self.checkout)
            places = [shown.find(f"uploaded      {each.replace('-', '_')}-") for each in OURS]
            if not -1 < places[0] < min(places[1:]):
                raise StepError(f"publish-all was not uploaded before its plugins:\n{shown}")
        self.sh(f"{self.ours} publish --all -r testpypi -r pypi -r github:owner", self.checkout)

    def install_without_dependencies(self, index: str) -> None:
        say("install all three from PyPI's stand-in")
        python = self.environment_of("plain")
        self.sh(f"{python} -m pip install -q --no-deps --index-url {index} {' '.join(OURS)}", self.folder)

    @contextmanager
    def index(self) -> Iterator[None]:
        """Ours from the registry and all else from PyPI, in the index that `publish-all serve` is; for all installers."""
        port = free_port()
        private = " ".join(f"--private {each}" for each in OURS)
        command = f"{self.ours} serve -q -r github:owner --own-credentials --fallback {INDEX} --port {port} {private}"
        with subprocess.Popen(command.split(), cwd=self.folder, env=self.environment) as server:
            url = f"http://127.0.0.1:{port}/simple/"
            self.environment |= {
                "PIP_INDEX_URL": url,
                "UV_DEFAULT_INDEX": url,
                "PIP_CONFIG_FILE": "/dev/null",
            }
            try:
                self.sh(f"curl -fsS --retry 20 --retry-connrefused {url}publish-all/", self.folder)
                yield
            finally:
                server.terminate()

    def install(self) -> None:
        say("install the command line with pip, pipx and uv")
        python = self.environment_of("pip")
        self.sh(f"{python} -m pip install -q 'publish-all[cli,serve,attestations]'", self.folder)
        self.sh(f"{python.parent}/publish-all --version", self.folder)
        self.sh("uv tool install -q pipx", self.folder)
        self.sh(
            "pipx install -q 'publish-all[cli]' && publish-all --version && pipx uninstall publish-all",
            self.folder,
        )
        self.sh("uv tool install -q 'publish-all[cli]' && publish-all --version", self.folder)
        self.sh("uvx --from 'publish-all[cli]' publish-all --help", self.folder)

    def quickstarts(self) -> None:
        settings = f'[[tool.poetry.source]]\nname = "index"\nurl = "{self.environment["PIP_INDEX_URL"]}"\npriority = "primary"\n'
        say("run the README's quickstart for Poetry")
        self.sh("uv tool install -q poetry && poetry new first-steps", self.folder)
        # Poetry has the project of its plugins there, which installs from PyPI without a source.
        Path(self.environment["POETRY_CONFIG_DIR"], "pyproject.toml").write_text(
            f'[project]\nname = "poetry-instance"\nversion = "1"\n\n[tool.poetry]\npackage-mode = false\n\n{settings}',
            encoding="utf-8",
        )
        self.follow("Quickstart: Poetry", self.folder / "first-steps", more=settings)
        say("run the README's quickstart for Hatch")
        self.sh("pipx install -q hatch && hatch new 'Second Steps'", self.folder)
        self.follow("Quickstart: Hatch", self.folder / "second-steps")

    def follow(self, section: str, project: Path, more: str = "") -> None:
        """Run the commands of a section of the README, and add the tables that it shows to pyproject.toml."""
        text = (self.checkout / "README.md").read_text(encoding="utf-8")
        part = text[text.index(f"## {section}\n") :].split("\n## ")[0]
        (project / "README.md").write_text("Made by the rehearsal.\n", encoding="utf-8")
        self.sh("git init -q && git add . && git commit -q -m Start", project)
        script = []
        for match in _BLOCK.finditer(part):
            if match[1] == "toml":
                script.append(f"cat >>pyproject.toml <<'EOF'\n\n{match[2]}{more}EOF")
                more = ""
            else:
                script += re.findall(r"^\$ (.*)$", match[2], re.MULTILINE)
        self.sh("\n".join(script), project)

    def environment_of(self, name: str) -> Path:
        """The Python of a new virtual environment."""
        self.sh(f"{sys.executable} -m venv {self.folder / name}", self.folder)
        return self.folder / name / "bin" / "python"

    def sh(self, script: str, folder: Path) -> str:
        done = subprocess.run(
            ["bash", "-ec", script],
            cwd=folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=600,
        )
        if done.returncode:
            raise StepError(f"{script}\n{done.stdout}[exit code {done.returncode}]")
        return done.stdout


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
