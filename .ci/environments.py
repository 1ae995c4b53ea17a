"""Make the environments that developing takes, or leave them alone when nothing has changed.

    python3 .ci/environments.py dev servers poetry-lowest wheelhouse

`dev` is `.venv`; the others stand under `.cache/environments`. Each is made from
`requirements-NAME.txt` here, held to `locks/NAME.txt` where there is one, with uv (pip where uv fails).
The locks of `…-lowest` hold the lowest versions of what is required there and by our distributions.
`wheelhouse` is `.cache/wheelhouse`: wheels of our three distributions for isolated builds to find.
A stamp in each holds a hash of all that it was made from. `--lock` writes the locks anew.
"""
# ruff: noqa: INP001, T201 - a script, which runs before any tool is installed and talks on stdout

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CI = ROOT / ".ci"
CACHE = ROOT / ".cache"
DISTRIBUTIONS = ("shared", "poetry_plugin", "hatch_plugin")
ENVIRONMENTS = (
    "dev",
    "docs",
    "servers",
    "poetry-lowest",
    "hatch-lowest",
    "poetry-newest",
    "hatch-newest",
    "builds",
    "builds-lowest",
    "keyrings",
    "linters",
)
# `action` is no environment here: action.yml makes it on the runners of those who use it.
LOCKED = ("dev", "docs", "servers", "linters", "poetry-lowest", "hatch-lowest", "builds-lowest", "action")
STAMP = ".made-from"


def main(arguments: list[str]) -> int:
    if "--lock" in arguments:
        write_locks()
        return 0
    CACHE.mkdir(exist_ok=True)
    for name in arguments:
        if name == "wheelhouse":
            make_wheelhouse(CACHE / "wheelhouse")
        elif name in ENVIRONMENTS:
            make_environment(name)
        else:
            print(f"no environment {name!r}: {', '.join(ENVIRONMENTS)}, wheelhouse", file=sys.stderr)
            return 2
    return 0


def home(name: str) -> Path:
    return ROOT / ".venv" if name == "dev" else CACHE / "environments" / name


def program(environment: Path, name: str) -> Path:
    """The path of a program in a virtual environment."""
    if os.name == "nt":
        return environment / "Scripts" / f"{name}.exe"
    return environment / "bin" / name


def make_environment(name: str) -> None:
    folder = home(name)
    requirements = CI / f"requirements-{name}.txt"
    lock = CI / "locks" / f"{name}.txt"
    sources = [requirements, lock, Path(__file__), *(ROOT / d / "pyproject.toml" for d in DISTRIBUTIONS)]
    stamp = fingerprint(sources)
    if is_fresh(folder, stamp):
        return
    say(f"making the environment {folder.relative_to(ROOT)} ...")
    # An installation that is interrupted leaves no stamp. A stamp that is a hard link stays as it is in other copies.
    (folder / STAMP).unlink(missing_ok=True)
    if python_version(folder) != sys.version:
        # uv needs no pip in there, and pip takes the longest part of making it
        pip = [] if name == "dev" else ["--without-pip"]
        run([sys.executable, "-m", "venv", "--clear", *pip, str(folder)])
    constraints = ["-c", str(lock)] if lock.is_file() else []
    install(folder, ["-r", str(requirements), *constraints])
    if name == "dev":
        compile_sources(folder)
    (folder / STAMP).write_text(stamp, encoding="utf-8")


def install(environment: Path, arguments: list[str]) -> None:
    """Install with uv, which stands in `.venv`; with pip where uv is not to be had or fails."""
    python = program(environment, "python")
    uv = program(home("dev"), "uv")
    if not uv.is_file():
        attempt([str(program(home("dev"), "python")), "-m", "pip", "install", "--quiet", "uv"])
    upgrade = ["--upgrade", "--quiet"]
    # Tests start hundreds of processes, which may write nothing: each would compile all that it imports.
    compiled = ["--compile-bytecode", "--python", str(python)]
    if uv.is_file() and attempt([str(uv), "pip", "install", *compiled, *upgrade, *arguments]):
        return
    say("uv did not do it; trying pip, which takes longer ...")
    run([str(python), "-m", "ensurepip"])
    run([str(python), "-m", "pip", "install", *upgrade, *arguments])


def compile_sources(environment: Path) -> None:
    """Compile our own modules, too: they are not installed, but read from where they are edited."""
    sources = [str(ROOT / each / "src") for each in DISTRIBUTIONS]
    run([str(program(environment, "python")), "-m", "compileall", "-q", "-j", "0", *sources])


def make_wheelhouse(folder: Path) -> None:
    """Build our wheels with the hatchling of `.venv`, so that nothing is fetched for it."""
    stamp = fingerprint(path for d in DISTRIBUTIONS for path in source_files(ROOT / d))
    if is_fresh(folder, stamp):
        return
    say(f"building our wheels into {folder.relative_to(ROOT)} ...")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STAMP).unlink(missing_ok=True)
    python = str(program(home("dev"), "python"))
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        for distribution in DISTRIBUTIONS:
            command = [python, "-m", "hatchling", "build", "-t", "wheel", "-d", fresh]
            run(command, cwd=ROOT / distribution)
        built = sorted(Path(fresh).glob("*.whl"))
        for stale in set(folder.glob("*.whl")) - {folder / wheel.name for wheel in built}:
            stale.unlink()
        for wheel in built:
            wheel.replace(folder / wheel.name)
    (folder / STAMP).write_text(stamp, encoding="utf-8")


def write_locks() -> None:
    uv = str(program(home("dev"), "uv"))
    for name in LOCKED:
        lock = CI / "locks" / f"{name}.txt"
        lock.parent.mkdir(exist_ok=True)
        command = [
            uv,
            "pip",
            "compile",
            "--quiet",
            "--upgrade",
            "--universal",
            "--no-annotate",
            "--no-header",
        ]
        command += ["--python-version", "3.10", "--no-emit-package", "publish-all"]
        command += ["--no-emit-package", "poetry-publish-all", "--no-emit-package", "hatch-publish-all"]
        command += ["--resolution", "lowest-direct"] if name.endswith("-lowest") else []
        command += ["--generate-hashes"] if name == "action" else []
        run([*command, str(CI / f"requirements-{name}.txt"), "-o", str(lock)])
        say(f"wrote {lock.relative_to(ROOT)}")


def source_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def fingerprint(paths: Iterable[Path]) -> str:
    """A hash over the interpreter and the files' names and bytes; a file that is not there counts as empty."""
    digest = hashlib.sha256(sys.version.encode())
    for path in paths:
        digest.update(str(path.relative_to(ROOT)).encode())
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()


def is_fresh(folder: Path, stamp: str) -> bool:
    made_from = folder / STAMP
    return made_from.is_file() and made_from.read_text(encoding="utf-8") == stamp


def python_version(environment: Path) -> str | None:
    """`sys.version` of an environment's interpreter; None where there is none that runs."""
    python = program(environment, "python")
    if not python.exists():
        return None
    answer = subprocess.run(
        [str(python), "-c", "import sys; sys.stdout.write(sys.version)"],
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout if answer.returncode == 0 else None


def attempt(command: list[str]) -> bool:
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def run(command: list[str], *, cwd: Path = ROOT) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
        sys.exit(f"failed with {done.returncode}: {' '.join(command)}")


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
