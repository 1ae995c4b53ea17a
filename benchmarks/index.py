"""Measure the index server: listing a remote registry, pages and files over loopback, pushes, memory.

    python benchmarks/index.py [--report] [--only listing|serving|push|memory] [--mb N]

listing: 100 versions of 3 files in an OCI registry that is 40 ms away, against a reader that requests them
one after the other. serving: requests per second and the 99th percentile, against nginx with the same files
as static ones and against pypiserver. push: 30 small files, against one by one. memory: a file of N MB (2000)
from a registry through the server. Needs docker-registry and wrk, which speaks HTTP/1.1 as installers do and
keeps its connections; nginx is included if it is installed. The exit code is 1 if a bound is exceeded; with `--report` it is 0.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import tests_on_path
from harness.process import ServerProcess, clean_environment, free_port
from harness.servers import answers, start_registry
from made_files import make_sdist, make_wheel
from served import Served, serving, static_index

from publish_all._http import make_session
from publish_all.config.kinds import OCI
from publish_all.config.model import RepositoryConfig
from publish_all.distributions.distribution import Distribution, Release
from publish_all.distributions.read import read_distribution
from publish_all.index.upload import VisitorCredentials
from publish_all.repositories.oci import OciRepository
from publish_all.repositories.repository import UploadOutcome

ROOT = tests_on_path.ROOT

JSON = "application/vnd.pypi.simple.v1+json"
ROUND_TRIP = 0.040
VERSIONS = 100
TAGS = ("py3-none-any", "cp312-cp312-win_amd64")
SECONDS = 3
LARGE = 20_000_000
PYPISERVER = ROOT / ".cache" / "environments" / "servers" / "bin" / "pypi-server"

COLD, WARM, PUSH, RSS_MB = 8.0, 50.0, 6.0, 200.0


class FarAway:
    """Passes bytes on to a server on this machine and back, each burst delayed by half a round trip."""

    def __init__(self, upstream: int, *, round_trip: float = ROUND_TRIP) -> None:
        self._upstream = upstream
        self._round_trip = round_trip
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=256)
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
        time.sleep(self._round_trip)  # of the handshake
        with (
            client,
            socket.create_connection(("127.0.0.1", self._upstream)) as server,
            contextlib.suppress(OSError),
        ):
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with selectors.DefaultSelector() as selector:
                selector.register(client, selectors.EVENT_READ, server)
                selector.register(server, selectors.EVENT_READ, client)
                asking = False
                while True:
                    for key, _ in selector.select():
                        piece = key.fileobj.recv(1 << 18)  # type: ignore[union-attr] # a socket
                        if not piece:
                            return
                        if key.fileobj is client and not asking:
                            time.sleep(self._round_trip)
                        asking = key.fileobj is client
                        key.data.sendall(piece)


# --- listing


def listing(folder: Path) -> list[str]:
    registry = start_registry(folder / "registry")
    try:
        near = repository(f"http://{registry.host}/bench")
        push(
            near, [each for version in range(VERSIONS) for each in release(folder / "files", f"1.{version}")]
        )
        far = FarAway(int(registry.host.rpartition(":")[2]))
        one_by_one = median([sequential(far.port) for _ in range(3)])
        colds, warms = [], []
        for number in range(3):
            with serving_far(folder / f"serve-{number}", far.port) as served:
                colds.append(timed(served))
                warms.append(median([timed(served) for _ in range(5)]))
        far.close()
    finally:
        registry.stop()
    cold, warm = median(colds), median(warms)
    print(f"\n{VERSIONS} versions of 3 files, {ROUND_TRIP * 1000:.0f} ms away: seconds (times one by one)")
    print(f"  one by one{one_by_one:>10.3f}")
    print(f"  cold      {cold:>10.3f}  ({one_by_one / cold:.1f}, at least {COLD:g})")
    print(f"  warm      {warm:>10.4f}  ({one_by_one / warm:.0f}, at least {WARM:g})")
    kept = {f"cold listing {COLD:g} times as fast": one_by_one / cold >= COLD}
    kept[f"warm listing {WARM:g} times as fast"] = one_by_one / warm >= WARM
    return [what for what, fine in kept.items() if not fine]


def release(folder: Path, version: str) -> list[Path]:
    folder.mkdir(exist_ok=True)
    wheels = [make_wheel(folder, "bench", version, tag=tag, size=100) for tag in TAGS]
    return [*wheels, make_sdist(folder, "bench", version, size=100)]


def sequential(port: int) -> float:
    """A reader that requests the tags, and then the index of each."""
    session = make_session()
    base = f"http://127.0.0.1:{port}/v2/bench/bench"
    headers = {"Accept": "application/vnd.oci.image.index.v1+json"}
    began = time.monotonic()
    session.request("GET", f"http://127.0.0.1:{port}/v2/")
    tags = session.request("GET", f"{base}/tags/list").json()["tags"]
    for tag in tags:
        if session.request("GET", f"{base}/manifests/{tag}", headers=headers).status != 200:
            raise SystemExit(f"no tag {tag}")
    return time.monotonic() - began


def timed(served: Served) -> float:
    request = urllib.request.Request(f"{served.simple}bench/", headers={"Accept": JSON})
    began = time.monotonic()
    with urllib.request.urlopen(request, timeout=60) as reply:
        page = reply.read()
    seconds = time.monotonic() - began
    if page.count(b'"filename"') != VERSIONS * 3:
        raise SystemExit("not all files are listed")
    return seconds


# --- serving


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """The results of wrk: requests per second, and the 99th percentile of the duration, in ms."""

    per_second: float
    p99: float


def serving_(folder: Path) -> list[str]:
    small = [
        make_wheel(made(folder / "files"), "bench", f"1.{number}", size=1000) for number in range(VERSIONS)
    ]
    large = make_wheel(folder / "files", "bench-large", "1.0", size=LARGE)
    index = static_index(folder / "index", *small, large)
    broken: list[str] = []
    with contextlib.ExitStack() as stack:
        environment = clean_environment(folder / "home")
        ours = stack.enter_context(
            serving(folder / "serve", "--repository-url", index, environment=environment)
        )
        urls = {"publish-all": (f"{ours.simple}bench/", file_url(f"{ours.simple}bench-large/"))}
        if shutil.which("nginx"):
            port = stack.enter_context(nginx(folder / "nginx", index))
            base = f"http://127.0.0.1:{port}/simple"
            urls["nginx"] = (f"{base}/bench/index.html", f"{base}/bench-large/{large.name}")
        if PYPISERVER.exists():
            port = stack.enter_context(pypiserver(folder / "pypiserver", folder / "files"))
            base = f"http://127.0.0.1:{port}"
            urls["pypiserver"] = (f"{base}/simple/bench/", f"{base}/packages/{large.name}")
        for title, place, at_once in (
            (f"a page of {VERSIONS} files", 0, 16),
            ("a wheel of 20 MB", 1, 4),
        ):
            print(f"\n{title}: {at_once} at a time, for {SECONDS} s")
            print(f"  {'':<12}{'per second':>12}{'p99 ms':>10}{'ours is':>9}")
            # In turns, twice, the better counts, because the machine runs other programs, too.
            turns = [{name: load(url[place], at_once) for name, url in urls.items()} for _ in range(2)]
            best = {
                name: max((turn[name] for turn in turns), key=lambda each: each.per_second) for name in urls
            }
            for name, each in best.items():
                ratio = best["publish-all"].per_second / each.per_second
                print(f"  {name:<12}{each.per_second:>12.1f}{each.p99:>10.1f}{ratio:>8.2f}x")
            other = best.get("pypiserver")
            if other is not None and best["publish-all"].per_second <= other.per_second:
                broken.append(f"{title}: faster than pypiserver")
    if "nginx" not in urls:
        print("\nnginx is not installed, so it is not compared (on Debian: apt install nginx-light)")
    return broken if "pypiserver" in urls else [*broken, "pypiserver is not installed, so it is not compared"]


def load(url: str, at_once: int) -> Load:
    command = ["wrk", "-t", "1", "-c", str(at_once), "-d", f"{SECONDS}s", "--timeout", "60s", "--latency"]
    done = subprocess.run(
        [*command, "-H", "Accept: text/html", url], capture_output=True, text=True, check=True
    )
    failed = re.search(r"Non-2xx or 3xx responses|Socket errors", done.stdout)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", done.stdout)
    if failed or not rate or not p99:
        raise SystemExit(f"{url}: {done.stdout}")
    return Load(per_second=float(rate[1]), p99=float(p99[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[p99[2]])


def file_url(page: str) -> str:
    with urllib.request.urlopen(page, timeout=60) as reply:
        found = re.search(r'href="../..([^"#]+)', reply.read().decode())
    if found is None:
        raise SystemExit(f"{page} lists nothing")
    return page.partition("/simple/")[0] + found[1]


@contextlib.contextmanager
def nginx(folder: Path, index: Path) -> Iterator[int]:
    port = free_port()
    configuration = made(folder) / "nginx.conf"
    # As root, its workers would run as a user without read access to this folder.
    user = "user root; " if hasattr(os, "geteuid") and os.geteuid() == 0 else ""
    configuration.write_text(
        f"{user}daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ access_log off; sendfile on; keepalive_requests 100000; client_body_temp_path {folder}/a;\n"
        f"proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;\n"
        "types { text/html html; } default_type application/octet-stream;\n"
        f"server {{ listen 127.0.0.1:{port}; root {index}; }} }}\n"
    )
    command = ["nginx", "-p", folder, "-c", configuration, "-e", folder / "error.log"]
    with started(folder, command, f"http://127.0.0.1:{port}/simple/index.html"):
        yield port


@contextlib.contextmanager
def pypiserver(folder: Path, files: Path) -> Iterator[int]:
    port = free_port()
    command = [
        PYPISERVER,
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
        files,
    ]
    with started(made(folder), command, f"http://127.0.0.1:{port}/health"):
        yield port


@contextlib.contextmanager
def started(folder: Path, command: Sequence[str | Path], ready: str) -> Iterator[None]:
    process = ServerProcess(command, log=folder / "log", environment=clean_environment(folder / "home"))
    try:
        if not process.wait_until(lambda: answers(ready)):
            raise SystemExit(f"{command[0]} does not start: {process.log.read_text()[-2000:]}")
        yield
    finally:
        process.stop()


# --- push


def push_(folder: Path) -> list[str]:
    registry = start_registry(folder / "registry")
    try:
        far = FarAway(int(registry.host.rpartition(":")[2]))
        files = [each for version in range(10) for each in release(folder / "files", f"1.{version}")]
        seconds = {}
        for name, threads in (("one by one", 1), ("in parallel", 16)):
            there = repository(f"http://127.0.0.1:{far.port}/{name.replace(' ', '-')}")
            began = time.monotonic()
            push(there, files, threads=threads)
            seconds[name] = time.monotonic() - began
        far.close()
    finally:
        registry.stop()
    ratio = seconds["one by one"] / seconds["in parallel"]
    print(f"\n30 small files of 10 releases, {ROUND_TRIP * 1000:.0f} ms away: seconds")
    for name, each in seconds.items():
        print(f"  {name:<14}{each:>8.2f}")
    print(f"  {ratio:.1f} times as fast, at least {PUSH:g}")
    return [] if ratio >= PUSH else [f"push {PUSH:g} times as fast as one by one"]


def push(there: OciRepository, files: Sequence[Path], *, threads: int = 16) -> None:
    """As the engine does: all files in parallel, then each release is listed."""
    distributions = [read_distribution(each) for each in files]
    releases: dict[tuple[str, str], list[Distribution]] = {}
    for each in distributions:
        releases.setdefault((each.project, str(each.version)), []).append(each)
    with ThreadPoolExecutor(max_workers=threads) as pool:
        outcomes = list(pool.map(lambda each: upload(there, each), distributions))
        listed = list(pool.map(there.commit, [_release(each) for each in releases.values()]))
    findings = [finding.message for each in (*outcomes, *listed) for finding in each.findings]
    if findings or not all(each.complete for each in listed):
        raise SystemExit(f"the push failed: {findings[:3]}")


def upload(there: OciRepository, file: Distribution) -> UploadOutcome:
    """Once more if it fails: docker-registry can fail if the same metadata is sent twice at the same time."""
    outcome = there.upload(file)
    return there.upload(file) if outcome.findings else outcome


def _release(files: Sequence[Distribution]) -> Release:
    return Release(project=files[0].project, version=files[0].version, distributions=tuple(files))


def repository(url: str) -> OciRepository:
    config = RepositoryConfig(name="bench", kind=OCI, url=url)
    return OciRepository(
        config,
        credentials=VisitorCredentials(None),
        session=make_session(),
    )


# --- memory


def memory(folder: Path, megabytes: int) -> list[str]:
    registry = start_registry(folder / "registry")
    try:
        file = make_wheel(made(folder / "files"), "bench-large", "1.0", size=megabytes * 1_000_000)
        push(repository(f"http://{registry.host}/bench"), [file])
        port = int(registry.host.rpartition(":")[2])
        with serving_far(folder / "serve", port, "--cache-size", "4000") as served:
            url = file_url(f"{served.simple}bench-large/")
            began, size = time.monotonic(), 0
            with urllib.request.urlopen(url, timeout=600) as reply:
                while piece := reply.read(1 << 20):
                    size += len(piece)
            seconds, peak = time.monotonic() - began, peak_mb(served)
    finally:
        registry.stop()
    if size != file.stat().st_size:
        raise SystemExit(f"{size} of {file.stat().st_size} bytes arrived")
    shown = "unknown on this system" if peak is None else f"{peak:.0f} MB, at most {RSS_MB:g}"
    print(
        f"\na file of {megabytes} MB through the server: {size / seconds / 1e6:.0f} MB/s; peak memory {shown}"
    )
    return [] if peak is None or peak <= RSS_MB else [f"at most {RSS_MB:g} MB of memory"]


def peak_mb(served: Served) -> float | None:
    port = f"--port\0{served.port}\0".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes()
            size = re.search(r"VmHWM:\s+(\d+) kB", (folder / "status").read_text())
            if port in command and b"guard.py" not in command and size:
                return int(size[1]) / 1000
    return None


# --- all


@contextlib.contextmanager
def serving_far(folder: Path, port: int, *options: str) -> Iterator[Served]:
    variables = {
        "PUBLISH_ALL_REPOSITORIES_GITHUB_URL": f"http://127.0.0.1:{port}/{{owner}}",
        "GITHUB_REPOSITORY_OWNER": "bench",
    }
    environment = clean_environment(made(folder) / "home") | variables
    with serving(folder, "-r", "github", *options, environment=environment) as served:
        yield served


def made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=["listing", "serving", "push", "memory"])
    parser.add_argument("--report", action="store_true", help="always exit with 0")
    parser.add_argument("--mb", type=int, default=2000, help="the size of the large file")
    options = parser.parse_args()
    missing = [each for each in ("docker-registry", "wrk") if shutil.which(each) is None]
    if missing:
        print(f"not installed: {', '.join(missing)}", file=sys.stderr)
        return 1
    parts: Mapping[str, Callable[[Path], list[str]]] = {
        "listing": listing,
        "serving": serving_,
        "push": push_,
        "memory": lambda folder: memory(folder, options.mb),
    }
    broken: list[str] = []
    for name, part in parts.items():
        if options.only in {None, name}:
            with tempfile.TemporaryDirectory(prefix="publish-all-bench-") as folder:
                broken += part(Path(folder))
    for each in broken:
        print(f"NOT KEPT: {each}")
    return 1 if broken and not options.report else 0


if __name__ == "__main__":
    sys.exit(main())
