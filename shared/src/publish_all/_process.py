"""The only module that starts processes."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NamedTuple, Protocol

# Names of variables that hold credentials: of ours, the hosts', CI's, and whatever says so itself.
# Compiled when it is first used: every isolated build imports this module, and few need it.
_SENSITIVE = (
    r"TOKEN|PASSWORD|PASSWD|PASSPHRASE|SECRET|CREDENTIAL|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY"
    r"|HATCH_INDEX_AUTH|_AUTH$|_PAT$"
)


class Completed(NamedTuple):
    """How a process ended: its exit code and what it printed, decoded with replacement."""

    returncode: int
    stdout: str
    stderr: str


class Run(Protocol):
    """Runs a command to its end. Raises `FileNotFoundError` when there is no such program, `TimeoutError` after `timeout` seconds."""

    def __call__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        environment: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Completed: ...


def run(
    command: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> Completed:
    return _run(command, None, cwd=cwd, environment=environment, timeout=timeout)


def run_with_input(command: Sequence[str], text: str, *, cwd: Path, timeout: float) -> Completed:
    """As `run`, with a text on the standard input."""
    return _run(command, text, cwd=cwd, environment=None, timeout=timeout)


def _run(
    command: Sequence[str],
    text: str | None,
    *,
    cwd: Path,
    environment: Mapping[str, str] | None,
    timeout: float | None,
) -> Completed:
    with _Process(
        list(command),
        cwd=cwd,
        env=None if environment is None else dict(environment),
        stdin=subprocess.DEVNULL if text is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            stdout, stderr = process.communicate(None if text is None else text.encode(), timeout=timeout)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise TimeoutError(f"{command[0]} did not end within {timeout:g} s") from error
        except BaseException:
            process.kill()
            raise
    return Completed(
        returncode=process.returncode,
        stdout=stdout.decode(errors="replace"),
        stderr=stderr.decode(errors="replace"),
    )


class _Process(subprocess.Popen[bytes]):
    """A process whose end is noticed at once where the system can tell.

    `subprocess` looks for it every now and then while there is a time-out, so that 2 ms of git take 3.
    """

    def wait(self, timeout: float | None = None) -> int:
        if timeout is not None and self.returncode is None and hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):
                timeout = timeout if _ended(self.pid, timeout) else 0
        return super().wait(timeout)


def _ended(pid: int, timeout: float) -> bool:
    """Wait for the end of a child, at most `timeout` seconds. Raises `OSError` where the system has no means."""
    import select

    descriptor = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(timeout * 1000))
    finally:
        os.close(descriptor)


def holds_secret(name: str) -> bool:
    """Whether an environment variable of this name may hold a credential."""
    return re.search(_SENSITIVE, name, re.IGNORECASE) is not None


def scrubbed(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without anything that may be a credential: for processes that run project code."""
    source = os.environ if environment is None else environment
    return {name: value for name, value in source.items() if not holds_secret(name)}


class Piped:
    """A running process that is spoken to in lines on its standard input and output."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def say(self, line: str) -> None:
        """Write a line. A process that is gone already is not an error here: it has no answer."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()

    def lines(self) -> Iterator[str]:
        """What it says, line by line, to the end of its output."""
        if self._process.stdout is not None:
            yield from self._process.stdout

    def end(self, *, within: float) -> int:
        """Close its input and wait for it to end, at most `within` seconds, then end it. Its exit code."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            return self._process.wait(timeout=within)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            if self._process.stdout is not None:
                self._process.stdout.close()


@contextlib.contextmanager
def piped(
    command: Sequence[str], *, cwd: Path, environment: Mapping[str, str], errors: Path
) -> Iterator[Piped]:
    """Start a process and speak to it; its standard error goes into the file `errors`. It does not outlive the block."""
    with errors.open("ab") as log:
        started = Piped(
            subprocess.Popen(
                list(command),
                cwd=cwd,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                encoding="utf-8",
                errors="replace",
            )
        )
    try:
        yield started
    finally:
        started.end(within=5)


def attached(command: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> int:
    """Run a command on our own terminal, to its end. Its exit code; 128 + n if signal n ended it.

    Ctrl-C reaches it by itself, other requests to end are passed on. Raises `OSError` where it can't be
    started.
    """
    program = shutil.which(command[0], path=environment.get("PATH")) or command[0]
    process = subprocess.Popen([program, *command[1:]], cwd=cwd, env=dict(environment))
    with _passing_on(process):
        code = process.wait()
    return 128 - code if code < 0 else code


@contextlib.contextmanager
def _passing_on(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """As long as the block runs, SIGTERM and SIGHUP are the process's, and SIGINT is not ours."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        if number != signal.SIGINT:
            process.send_signal(number)

    names = ("SIGINT", "SIGTERM", "SIGHUP")
    known = [getattr(signal, each) for each in names if hasattr(signal, each)]
    before = {each: signal.signal(each, handle) for each in known}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
