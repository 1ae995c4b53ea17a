"""Commands and servers as child processes, with nothing of ours in their environment by accident."""

from __future__ import annotations

import contextlib
import os
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.environments import CACHE, installed, wheelhouse

# What a child needs to find its programs, and to reach the package registry as this machine does.
_PASSED_ON = re.compile(
    r"PATH|PATHEXT|SYSTEMROOT|COMSPEC|TEMP|TMP|TMPDIR|LD_LIBRARY_PATH"
    r"|(HTTPS?|ALL|NO)_PROXY|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE"
    r"|PIP_(?!FIND_LINKS|CACHE_DIR).*|UV_(?!PUBLISH|FIND_LINKS|CACHE_DIR|PROJECT|PYTHON).*",
    re.IGNORECASE,
)
_PIP_FILES = (".config/pip/pip.conf", ".pip/pip.conf", "Library/Application Support/pip/pip.conf")


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """How a command ended, as text."""

    command: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def output(self) -> str:
        return self.stdout + self.stderr

    def __str__(self) -> str:
        return f"$ {' '.join(self.command)}\n{self.stdout}\n{self.stderr}\n[{self.returncode}, {self.seconds:.1f} s]"


def run(
    command: Sequence[object],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    timeout: float = 120,
    check: bool = False,
) -> Result:
    """Run a command, whose words are turned to text, to its end. With `check`, anything but 0 fails the test and shows what it printed."""
    words = tuple(str(word) for word in command)
    started = time.monotonic()
    done = subprocess.run(
        words,
        cwd=cwd,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    result = Result(
        command=words,
        returncode=done.returncode,
        stdout=done.stdout,
        stderr=done.stderr,
        seconds=time.monotonic() - started,
    )
    if check and result.returncode:
        raise AssertionError(str(result))
    return result


def journal_of(project: Path, environment: Mapping[str, str]) -> Path:
    """The journal that publish-all keeps of this checkout."""
    folders = Path(environment["XDG_STATE_HOME"], "publish-all", "checkouts")
    (found,) = folders.glob(f"{project.name}-*/journal.jsonl")
    return found


def clean_environment(home: Path, ambient: Mapping[str, str] = os.environ) -> dict[str, str]:
    """An environment for hosts and clients: a home of its own, no credentials, no keyring, our wheels to be found.

    Caches of pip and uv are this machine's, so that nothing is fetched twice.
    """
    passed_on = {name: value for name, value in ambient.items() if _PASSED_ON.fullmatch(name)}
    caches = Path(ambient.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    links = wheelhouse().as_posix()
    environment = passed_on | {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "APPDATA": str(home / "appdata"),
        "LOCALAPPDATA": str(home / "appdata"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_STATE_HOME": str(home / "state"),
        "POETRY_CONFIG_DIR": str(home / "poetry"),
        "POETRY_DATA_DIR": str(home / "poetry-data"),
        "POETRY_CACHE_DIR": str(home / "poetry-cache"),
        "HATCH_CONFIG": str(home / "hatch" / "config.toml"),
        "HATCH_DATA_DIR": str(home / "hatch-data"),
        "HATCH_CACHE_DIR": str(home / "hatch-cache"),
        "PIP_CACHE_DIR": ambient.get("PIP_CACHE_DIR") or str(caches / "pip"),
        "PIP_FIND_LINKS": " ".join(filter(None, (ambient.get("PIP_FIND_LINKS"), links))),
        "UV_CACHE_DIR": ambient.get("UV_CACHE_DIR") or str(caches / "uv"),
        "UV_FIND_LINKS": ",".join(filter(None, (ambient.get("UV_FIND_LINKS"), links))),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "NO_COLOR": "1",
        "COLUMNS": "100",
        "LANG": "C.UTF-8",
    }
    if "PIP_CONFIG_FILE" not in environment:
        known = [path for path in (Path.home() / name for name in _PIP_FILES) if path.is_file()]
        environment |= {"PIP_CONFIG_FILE": str(known[0])} if known else {}
    for folder in ("config", "data", "cache", "state", "poetry", "hatch"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    # So are isolated build environments: each is made once for all tests.
    kept = CACHE / "build-environments"
    kept.mkdir(parents=True, exist_ok=True)
    link = home / "cache" / "publish-all" / kept.name
    if not link.exists():
        link.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # Windows lets only administrators make links
            link.symlink_to(kept, target_is_directory=True)
    gitconfig = "[user]\n\tname = Someone\n\temail = someone@example.com\n[init]\n\tdefaultBranch = main\n"
    (home / ".gitconfig").write_text(gitconfig)
    (home / "hatch" / "config.toml").write_text("")
    return environment


def free_port() -> int:
    """A loopback port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ServerProcess:
    """A server as a child, which dies with us whatever way we die: it runs under `guard.py`."""

    def __init__(self, command: Sequence[str | Path], *, log: Path, environment: Mapping[str, str]) -> None:
        self.log = log
        guard = Path(__file__).with_name("guard.py")
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, str(guard), *(str(word) for word in command)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=log.parent,
            )

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def wait_until(self, ready: Callable[[], bool], seconds: float = 60) -> bool:
        """True when it is ready; False when it has ended or `seconds` have passed."""
        deadline = time.monotonic() + seconds
        while self.running and time.monotonic() < deadline:
            if ready():
                return True
            time.sleep(0.05)
        return False

    def ask_to_end(self, seconds: float = 60) -> int:
        """Send SIGTERM, and wait for the exit code."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"t")
        self._process.stdin.flush()
        return self._process.wait(seconds)

    def stop(self) -> None:
        """End the server at once (SIGKILL); returns when its process is gone."""
        if self._process.stdin is not None:
            self._process.stdin.close()  # the guard ends its child when this closes
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def make_venv(folder: Path, environment: Mapping[str, str]) -> Path:
    """A fresh virtual environment with nothing but pip; gives its interpreter. uv makes it in no time."""
    command = [installed("dev", "uv"), "venv", "-q", "--seed", "--python", sys.executable, folder]
    run(command, cwd=folder.parent, environment=environment, check=True)
    return folder / "Scripts" / "python.exe" if os.name == "nt" else folder / "bin" / "python"


def pip_install(python: Path, *arguments: str | Path, environment: Mapping[str, str]) -> Result:
    command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *arguments]
    return run(command, cwd=python.parent, environment=environment, check=True)


def uv_install(python: Path, *arguments: str | Path, environment: Mapping[str, str]) -> Result:
    """As `pip_install` where it does not matter who installs: faster."""
    command = [installed("dev", "uv"), "pip", "install", "-q", "--python", python, *arguments]
    return run(command, cwd=python.parent, environment=environment, check=True)


def answer(
    command: Sequence[object],
    answers: Sequence[tuple[str, str]],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    seconds: float = 120,
) -> Result:
    """Run a command on a terminal of its own (POSIX), and type each answer when its question is seen."""
    import pty

    words = tuple(str(word) for word in command)
    started = time.monotonic()
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(cwd)
        os.execve(words[0], words, dict(environment))
    said, expected = "", list(answers)
    while ready := select.select([terminal], [], [], max(0.0, started + seconds - time.monotonic()))[0]:
        try:
            piece = os.read(ready[0], 4096).decode(errors="replace")
        except OSError:  # what Linux says when the child is gone
            break
        if not piece:
            break
        said += piece
        if expected and expected[0][0] in said.rpartition("\0")[2]:
            os.write(terminal, f"{expected.pop(0)[1]}\n".encode())
            said += "\0"  # an answer is for one question
    os.close(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Result(command=words, returncode=code, stdout=said, stderr="", seconds=time.monotonic() - started)
