"""The only module that starts processes."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, Protocol

# prctl(2) and capabilities(7).
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
# CAP_SYS_PTRACE, CAP_PERFMON and CAP_SYS_ADMIN: each of them opens the memory of other processes to root.
_CAPABILITIES = (19, 38, 21)
_GRACE_SECONDS = 2.0
"""How long a process has to end after SIGTERM."""

TERMINATION = (signal.SIGTERM,) if sys.platform == "win32" else (signal.SIGTERM, signal.SIGHUP)
"""The signals that ask a process to end. Windows has no SIGHUP."""
INTERRUPTED = threading.Event()
"""Set by the signal handler of the process: then a wait for another program, such as a keyring, ends at once."""

_RUNNING: set[subprocess.Popen[str]] = set()
"""The processes that `piped` has started, in all threads."""


class Completed(NamedTuple):
    """How a process ended: its exit code and what it printed, decoded with replacement."""

    returncode: int
    stdout: str
    stderr: str


class Run(Protocol):
    """Runs a command to its end. Raises `FileNotFoundError` if the program does not exist, `TimeoutError` after `timeout` seconds."""

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
    text: str | None = None,
    *,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    timeout: float | None = None,
    contained: bool = False,
) -> Completed:
    """See `Run`. `text` is the standard input. Child processes of a `contained` command end with it, and cannot read our memory."""
    try:
        with _start(
            command, cwd, environment, own_group=contained, stdin=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            try:
                printed = process.communicate((text or "").encode(), timeout=timeout)
            finally:
                if contained or (sys.platform == "win32" and process.poll() is None):
                    _end_group(process)
                elif process.poll() is None:
                    process.kill()
    except subprocess.TimeoutExpired as error:
        program = command if isinstance(command, str) else command[0]
        raise TimeoutError(f"{program} did not end within {timeout:g} s") from error
    return Completed(process.returncode, *(each.decode(errors="replace") for each in printed))


run_project_code: Run = partial(run, contained=True)
"""The time limit for commands of the project."""


def _start(
    command: Sequence[str],
    cwd: Path,
    environment: Mapping[str, str] | None,
    *,
    own_group: bool = True,
    **streams: Any,
) -> subprocess.Popen[Any]:
    """Start a process for foreign code, in a new group. It cannot read our memory or environment.

    On Linux, other processes of the same user have no access as long as we run (`PR_SET_DUMPABLE`). Root's have,
    with the capabilities. So processes that root starts do not get them, as in a container: the thread that
    starts them drops them.
    """

    def start() -> subprocess.Popen[Any]:
        process = subprocess.Popen(
            command if isinstance(command, str) else list(command),
            cwd=cwd,
            env=environment,
            stdout=subprocess.PIPE,
            start_new_session=own_group,
            **streams,
        )
        if sys.platform == "win32":
            _put_into_job(process, own_group=own_group)
        return process

    if sys.platform != "linux" or not own_group:
        return start()
    import ctypes

    prctl = ctypes.CDLL(None, use_errno=True).prctl
    numbers = (ctypes.c_ulong(0),) * 3
    prctl(_PR_SET_DUMPABLE, ctypes.c_ulong(0), *numbers)
    if os.geteuid() != 0:
        return start()
    from concurrent.futures import ThreadPoolExecutor

    def give_up() -> None:
        for each in _CAPABILITIES:
            prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(each), *numbers)

    with ThreadPoolExecutor(1, initializer=give_up) as pool:
        starting = pool.submit(start)
        try:
            return starting.result()
        except KeyboardInterrupt:
            _end_group(starting.result())
            raise


def _end_group(process: subprocess.Popen[Any]) -> None:
    """End the processes of a process's own group: first with SIGTERM, later with SIGKILL.

    On Windows the process and its child processes, which may hold its pipes.
    """
    if sys.platform == "win32":
        _end_job(process)
        if process.poll() is None:
            process.kill()
        return
    try:
        _signal_group(process, signal.SIGTERM)
    finally:
        _signal_group(process, signal.SIGKILL)


def _signal_group(process: subprocess.Popen[Any], number: int) -> None:
    """Send a signal to all processes of the group, and wait a while for them to end."""
    deadline = time.monotonic() + _GRACE_SECONDS
    pause = 0.001
    with contextlib.suppress(
        ProcessLookupError, PermissionError
    ):  # none is left, or (macOS) only its remains
        os.killpg(process.pid, number)
        while time.monotonic() < deadline:
            process.poll()
            os.killpg(process.pid, 0)
            time.sleep(pause)
            pause = min(2 * pause, 0.05)


if sys.platform == "win32":
    import ctypes
    import struct
    from ctypes import wintypes
    from weakref import WeakKeyDictionary

    _JOBS: WeakKeyDictionary[subprocess.Popen[Any], Any] = WeakKeyDictionary()
    """The job object of each process: Windows has no process groups that could be ended."""
    _kernel32 = ctypes.WinDLL("kernel32")
    _kernel32.CreateJobObjectW.restype = _kernel32.OpenProcess.restype = wintypes.HANDLE
    # JOBOBJECT_EXTENDED_LIMIT_INFORMATION, with JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE.
    _LIMITS = struct.pack("qqINNINII0q6Q4N", 0, 0, 0x2000, *[0] * 16)
    _EXTENDED_LIMIT_INFORMATION = 9
    _TERMINATE_AND_SET_QUOTA = 0x0101

    def _put_into_job(process: subprocess.Popen[Any], *, own_group: bool) -> None:
        """Child processes are in the same job. The job of a separate group ends when our process ends."""
        job = subprocess.Handle(_kernel32.CreateJobObjectW(None, None))
        if own_group:
            _kernel32.SetInformationJobObject(
                wintypes.HANDLE(job), _EXTENDED_LIMIT_INFORMATION, _LIMITS, len(_LIMITS)
            )
        opened = subprocess.Handle(_kernel32.OpenProcess(_TERMINATE_AND_SET_QUOTA, False, process.pid))
        _kernel32.AssignProcessToJobObject(wintypes.HANDLE(job), wintypes.HANDLE(opened))
        opened.Close()
        _JOBS[process] = job

    def _end_job(process: subprocess.Popen[Any]) -> None:
        job = _JOBS.pop(process, None)
        if job is not None:
            _kernel32.TerminateJobObject(wintypes.HANDLE(job), 1)
            job.Close()


class Piped:
    """A running process with a protocol of lines on its standard input and output."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def say(self, line: str) -> None:
        """Write a line. It is not an error here if the process has ended: it gives no answer."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):  # Windows raises EINVAL instead of EPIPE
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()

    def lines(self) -> Iterator[str]:
        """Its output, line by line."""
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


def end_running() -> None:
    """End all processes that `piped` has started, in all threads."""
    for each in [*_RUNNING]:
        _end_group(each)


@contextlib.contextmanager
def piped(
    command: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    errors: Path,
    own_group: bool = True,
) -> Iterator[Piped]:
    """Start a process for foreign code, with pipes to it.

    Its standard error goes into the file `errors`. The process and its child processes end with the block.
    Without `own_group` it belongs to our process group, and its child processes end with that.
    """
    streams: dict[str, Any] = {"stdin": subprocess.PIPE, "encoding": "utf-8", "errors": "replace"}
    with errors.open("ab") as log:
        process = _start(command, cwd, environment, own_group=own_group, stderr=log, **streams)
    started = Piped(process)
    if own_group:
        _RUNNING.add(process)
    try:
        yield started
        started.end(within=5)
    finally:
        _RUNNING.discard(process)
        if own_group:
            _end_group(process)
        started.end(within=0)


def attached(command: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> int:
    """Run a command on our own terminal, to its end. Its exit code; 128 + n if signal n ended it.

    Ctrl-C reaches it directly, other signals to end are passed on. Raises `OSError` if it cannot be
    started.
    """
    program = shutil.which(command[0], path=environment.get("PATH")) or command[0]
    process = subprocess.Popen([program, *command[1:]], cwd=cwd, env=dict(environment))
    with on_signals(TERMINATION, process.send_signal), on_signals((signal.SIGINT,), lambda _: None):
        code = process.wait()
    return 128 - code if code < 0 else code


@contextlib.contextmanager
def on_signals(signals: tuple[signal.Signals, ...], handle: Callable[[int], object]) -> Iterator[None]:
    """Call `handle` for these signals, except ignored ones. Outside of the main thread, for none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handler(number: int, frame: FrameType | None) -> None:
        del frame
        handle(number)

    before = {}
    try:
        for each in signals:
            if signal.getsignal(each) is not signal.SIG_IGN:
                before[each] = signal.signal(each, handler)
        yield
    finally:
        for each, handled in before.items():
            signal.signal(each, handled)
