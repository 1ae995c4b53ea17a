"""Installing a package with each tool, from one index and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness import hosts
from harness.environments import installed
from harness.process import make_venv, run

TOOLS = ("pip", "uv", "poetry")


def install(
    tool: str, requirement: str, index: str, folder: Path, environment: Mapping[str, str], name: str
) -> str:
    """Install a requirement into `folder/venv`. The version of `name` that is there then, or what the tool says."""
    venv = folder / "venv"
    if not venv.exists():
        make_venv(venv, dict(environment))
    variables = {
        **environment,
        "UV_CACHE_DIR": str(folder / "uv"),
        "PIP_NO_CACHE_DIR": "1",
        "VIRTUAL_ENV": str(venv),
        "PIP_FIND_LINKS": "",
        "UV_FIND_LINKS": "",
    }
    user = folder / "user"
    user.mkdir(exist_ok=True)
    options = ["--upgrade", "--no-deps"]
    match tool:
        case "pip":
            command = [
                venv / "bin/python",
                "-m",
                "pip",
                "install",
                *options,
                "--index-url",
                index,
                requirement,
            ]
        case "uv":
            uv = [installed("dev", "uv"), "pip", "install", "--refresh"]
            command = [*uv, *options, "--default-index", index, requirement]
        case _:
            (user / "pyproject.toml").write_text(
                f'[project]\nname = "user"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = ["{requirement}"]\n'
                f'[tool.poetry]\npackage-mode = false\n[[tool.poetry.source]]\nname = "site"\nurl = "{index}"\n'
            )
            (user / "poetry.lock").unlink(missing_ok=True)
            command = [hosts.poetry("newest", {}).program, "install", "-n", "--no-cache"]
    done = run(command, cwd=user, environment=variables)
    found = list(venv.rglob(f"{name.replace('-', '_')}-*.dist-info"))
    if done.returncode or not found:
        return done.output
    return found[0].name.split("-")[1].removesuffix(".dist")
