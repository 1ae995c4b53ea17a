"""Measure the speed of uploads, compared with twine, uv and hatch.

All upload the same files to the same server: pypiserver behind a proxy that adds 40 ms to a round trip
and 300 ms to a POST, similar to PyPI. The clients take turns; medians count. publish-all does more in
that time: it asks the index for existing files before, and verifies afterwards. It runs twice: with its
default of 8 uploads at a time, and with `--jobs 12`, as for 12 projects; the faster run
is compared with the bound. The exit code is 1 if a bound is exceeded; with `--report` it is 0.

    python benchmarks/upload.py [--runs N] [--report] [--only many|one|big] [--jobs N]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import tests_on_path
from made_files import make_sdist, make_wheel

ROOT = tests_on_path.ROOT

BIN = Path(sys.executable).parent
SERVER = ROOT / ".cache" / "environments" / "servers" / "bin" / "pypi-server"
ROUND_TRIP = 0.040
POST = 0.300
PIECE = 1 << 18

PROJECT = """\
[project]
name = "bench"
version = "1.0"

[tool.publish-all.repositories.far]
url = "{url}"
index-url = "{url}simple/"
"""
PEERS = ("twine", "uv", "hatch")
OURS: list[str] = []
"""Further options of publish-all, from the command line of the benchmark."""

RSS_MB = 90.0
FIRST_BYTE_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """`faster` is the required speed, as a multiple of twine's."""

    key: str
    title: str
    faster: float


SCENARIOS = (
    Scenario(key="many", title="24 files of 12 projects", faster=6.0),
    Scenario(key="one", title="8 files of 1 project", faster=1.9),
    Scenario(key="big", title="one file of 500 MB", faster=1.0),
)


def make_files(scenario: Scenario, folder: Path) -> list[Path]:
    folder.mkdir(parents=True)
    match scenario.key:
        case "many":
            names = [f"bench-{number}" for number in range(12)]
            return [make(folder, name, "1.0") for name in names for make in (make_wheel, make_sdist)]
        case "one":
            tags = [f"cp3{minor}-cp3{minor}-win_amd64" for minor in range(8, 15)]
            return [
                *(make_wheel(folder, "bench", "1.0", tag=tag) for tag in tags),
                make_sdist(folder, "bench", "1.0"),
            ]
        case _:
            return [make_wheel(folder, "bench-big", "1.0", size=500_000_000)]


def commands(url: str) -> Mapping[str, list[str]]:
    """The command of each client, without the files."""
    who = ["-u", "someone", "-p", "something"]
    ours = [str(BIN / "publish-all"), "publish", "-n", "-q", "-r", "far", *who, *OURS]
    return {
        "publish-all": ours,
        "  --jobs 12": [*ours, "--jobs", "12"],
        "twine": [
            str(BIN / "twine"),
            "upload",
            "--non-interactive",
            "--disable-progress-bar",
            "--repository-url",
            url,
            *who,
        ],
        "uv": [str(BIN / "uv"), "publish", "-q", "--publish-url", url, *who],
        "hatch": [str(BIN / "hatch"), "-q", "publish", "-n", "-r", url, "-u", "someone", "-a", "something"],
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """Seconds of wall time, MB of peak memory, seconds from the start to the first byte at the server."""

    seconds: float
    rss: float
    first_byte: float


class SlowProxy:
    """Passes bytes on to a server on this machine, with the delay of a remote server."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self.first_byte: float | None = None
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        time.sleep(ROUND_TRIP)  # of the handshake
        with client, client.makefile("rb", buffering=PIECE) as stream, contextlib.suppress(OSError):
            while self._one(stream, client):
                pass

    def _one(self, stream: BufferedReader, client: socket.socket) -> bool:
        head = _read_head(stream)
        if not head:
            return False
        if self.first_byte is None:
            self.first_byte = time.monotonic()
        length = _content_length(head)
        if b"\r\nexpect: 100-continue" in head.lower():
            time.sleep(ROUND_TRIP)
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        with socket.create_connection(("127.0.0.1", self._upstream)) as server:
            server.sendall(_closing(head))
            while length > 0:
                piece = stream.read1(min(length, PIECE))
                server.sendall(piece)
                length -= len(piece)
            with server.makefile("rb") as answer:
                reply_head = _read_head(answer)
                reply = answer.read()
        time.sleep(ROUND_TRIP + (POST if head.startswith(b"POST") else 0.0))
        client.sendall(_with_length(reply_head, len(reply)) + reply)
        return True


def _read_head(stream: BufferedReader) -> bytes:
    lines = []
    while (line := stream.readline(65536)) not in (b"\r\n", b"\n", b""):
        lines.append(line)
    return b"".join(lines)


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _closing(head: bytes) -> bytes:
    kept = [
        line
        for line in head.split(b"\r\n")
        if line and not line.lower().startswith((b"connection:", b"expect:"))
    ]
    return b"\r\n".join([*kept, b"Connection: close", b"", b""])


def _with_length(head: bytes, length: int) -> bytes:
    dropped = (b"connection:", b"content-length:", b"transfer-encoding:")
    kept = [line for line in head.split(b"\r\n") if line and not line.lower().startswith(dropped)]
    return b"\r\n".join([*kept, b"Content-Length: %d" % length, b"", b""])


@contextlib.contextmanager
def server(folder: Path) -> Iterator[int]:
    """Start an empty pypiserver and return its port."""
    folder.mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    command = [
        str(SERVER),
        "run",
        "-i",
        "127.0.0.1",
        "-p",
        str(port),
        "-P",
        ".",
        "-a",
        ".",
        "--disable-fallback",
        str(folder),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield port
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def _wait_for(port: int) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise SystemExit(f"{SERVER} does not start")


def measure(client: str, files: Sequence[Path], folder: Path) -> Run | None:
    """Upload the files once to an empty server; None if the client fails (as hatch does with 500 MB)."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }
    with server(folder / "packages") as port:
        proxy = SlowProxy(port)
        url = f"http://127.0.0.1:{proxy.port}/"
        (home / "pyproject.toml").write_text(PROJECT.format(url=url))
        shutil.rmtree(home / "dist", ignore_errors=True)
        command = [*commands(url)[client], *map(str, files)]
        with tempfile.TemporaryFile() as output:
            started = time.monotonic()
            child = subprocess.Popen(
                command, cwd=home, env=environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL
            )
            _, status, usage = os.wait4(child.pid, 0)
            seconds = time.monotonic() - started
            child.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            said = output.read().decode(errors="replace")
        proxy.close()
        arrived = sorted(path.name for path in (folder / "packages").iterdir())
        if child.returncode and client in PEERS:
            return None
        if child.returncode or arrived != sorted(path.name for path in files):
            raise SystemExit(f"{client}: {len(arrived)} of {len(files)} files arrived\n{said}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Run(
        seconds=seconds, rss=usage.ru_maxrss * unit / 1e6, first_byte=(proxy.first_byte or 0.0) - started
    )


def compare(scenario: Scenario, runs: int, folder: Path) -> dict[str, Run | None]:
    """The medians of each client; None for one that failed."""
    files = make_files(scenario, folder / scenario.key)
    clients = list(commands(""))
    taken: dict[str, list[Run | None]] = {client: [] for client in clients}
    for _ in range(runs):
        for client in clients:
            taken[client].append(measure(client, files, folder))
    return {client: _median(each) for client, each in taken.items()}


def _median(all_runs: Sequence[Run | None]) -> Run | None:
    runs = [each for each in all_runs if each is not None]
    if len(runs) < len(all_runs):
        return None
    return Run(
        seconds=statistics.median(each.seconds for each in runs),
        rss=statistics.median(each.rss for each in runs),
        first_byte=statistics.median(each.first_byte for each in runs),
    )


def tell(scenario: Scenario, medians: Mapping[str, Run | None]) -> list[str]:
    """Print the medians; return the bounds that are exceeded."""
    print(f"\n{scenario.title}")
    print(f"  {'':<12}{'seconds':>9}{'times twine':>13}{'peak MB':>9}{'first byte s':>14}")
    twine = medians["twine"]
    own = [each for client, each in medians.items() if client not in PEERS and each is not None]
    ours = min(own, key=lambda each: each.seconds, default=None)
    if twine is None or ours is None:
        return [f"{scenario.title}: nothing to compare with, twine failed"]
    for client, each in medians.items():
        if each is None:
            print(f"  {client:<12}{'failed':>9}")
            continue
        ratio = twine.seconds / each.seconds
        print(f"  {client:<12}{each.seconds:>9.2f}{ratio:>13.2f}{each.rss:>9.0f}{each.first_byte:>14.2f}")
    bounds = (
        (
            twine.seconds / ours.seconds >= scenario.faster,
            f"at least {scenario.faster:g} times as fast as twine",
        ),
        (max(each.rss for each in own) <= RSS_MB, f"at most {RSS_MB:g} MB"),
        (ours.first_byte <= FIRST_BYTE_SECONDS, f"at most {FIRST_BYTE_SECONDS:g} s to the first byte"),
    )
    return [f"{scenario.title}: not {what}" for kept, what in bounds if not kept]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", choices=[each.key for each in SCENARIOS])
    parser.add_argument("--report", action="store_true", help="always exit with 0")
    parser.add_argument(
        "--jobs", type=int, help="uploads at a time of publish-all (default: its own default)"
    )
    options = parser.parse_args()
    OURS.extend([] if options.jobs is None else ["--jobs", str(options.jobs)])
    missing = [each for each in ("publish-all", *PEERS) if not (BIN / each).exists()]
    if missing or not SERVER.exists():
        print(f"not installed: {', '.join(missing) or SERVER}; `make bench` installs them", file=sys.stderr)
        return 1
    broken: list[str] = []
    with tempfile.TemporaryDirectory(prefix="publish-all-bench-") as folder:
        for scenario in SCENARIOS:
            if options.only in (None, scenario.key):
                broken += tell(scenario, compare(scenario, options.runs, Path(folder)))
    print("".join(f"\n{each}" for each in broken))
    return 1 if broken and not options.report else 0


if __name__ == "__main__":
    sys.exit(main())
