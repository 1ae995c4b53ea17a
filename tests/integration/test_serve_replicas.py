"""Three servers over one registry, behind nginx as deploy/nginx.conf sets it up, while servers end."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import re
import socket
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urljoin

import pytest
from harness.authority import authority
from harness.environments import ROOT, on_path
from harness.process import ServerProcess, clean_environment, free_port, run
from harness.servers import PASSWORD, USER, Registry
from served import Served, github_at, program, serving, wheel

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these servers are run on Linux")

READERS = 10
UPLOADERS = 2
BEFORE, AFTER = 2.0, 4.0
"""Seconds of load before and after a server ends."""
LARGE = 12_000_000
PASSED_ON = {"Authorization": "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
JSON = {"Accept": "application/vnd.pypi.simple.v1+json", **PASSED_ON}


class World:
    """The proxy, and the servers behind it by their ports, which stay the same when one is started again."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], registry: Registry, held: ExitStack
    ) -> None:
        self.ports = [free_port() for _ in range(3)]
        self.servers: dict[int, Served] = {}
        self._folder = folder
        self._environment = dict(environment) | github_at(registry)
        self._held = held
        self.ca, _ = authority(folder)
        self.port = free_port()

    def begin(self) -> None:
        for port in self.ports:
            self.start(port)
        text = (ROOT / "deploy/nginx.conf").read_text(encoding="utf-8")
        servers = "\n".join(f"server 127.0.0.1:{port} max_fails=1 fail_timeout=5s;" for port in self.ports)
        for shipped, here in (
            ("/tmp/", f"{self._folder}/"),
            ("server serve:8080 resolve max_fails=1 fail_timeout=5s;", servers),
            ("listen 8443 ssl;", f"listen 127.0.0.1:{self.port} ssl;"),
            ("/etc/nginx/tls/tls.crt", str(self.ca)),
            ("/etc/nginx/tls/tls.key", str(self.ca.parent / "key.pem")),
        ):
            assert text.count(shipped) >= 1
            text = text.replace(shipped, here)
        path = self._folder / "nginx.conf"
        # As root it would become a user who may not enter our folder.
        who = "user root;\n" if os.geteuid() == 0 else ""
        path.write_text(f"daemon off;\n{who}{text}", encoding="utf-8")
        command = [on_path("nginx", "nginx-light"), "-c", path, "-e", "stderr"]
        self.proxy = ServerProcess(command, log=self._folder / "nginx.log", environment=self._environment)
        self._held.callback(self.proxy.stop)
        assert self.proxy.wait_until(self._listens), (self._folder / "nginx.log").read_text()

    def start(self, port: int) -> None:
        arguments = ("-r", "github", "--trusted-proxy", "127.0.0.1", "--grace", "20")
        folder = self._folder / str(port)
        served = serving(folder, *arguments, environment=self._environment, port=port)
        self.servers[port] = self._held.enter_context(served)

    def connect(self) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=str(self.ca))
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=context)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def world(registry_with_password: Registry, tmp_path: Path) -> Iterator[World]:
    environment = clean_environment(tmp_path / "home")
    files = [
        *(wheel(tmp_path / "files", f"kindling-{each}", "1.0", padding=60_000) for each in range(4)),
        wheel(tmp_path / "files", "kindling-large", "1.0", padding=LARGE),
    ]
    who = github_at(registry_with_password) | {"GITHUB_TOKEN": PASSWORD, "GITHUB_ACTOR": USER}
    for file in files:
        command = [program(), "publish", "-r", "github", file]
        run(command, cwd=tmp_path, environment=environment | who, check=True)
    with ExitStack() as held:
        made = World(tmp_path, environment, registry_with_password, held)
        made.begin()
        yield made


class Load:
    """Clients that read pages and files and upload, as long as it runs; what came of it."""

    def __init__(self, world: World, name: str) -> None:
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []
        self.longest = 0.0
        self._world = world
        self._name = name
        self._ended = threading.Event()
        self._lock = threading.Lock()

    def during(self, event: Callable[[], object]) -> None:
        with ThreadPoolExecutor(READERS + UPLOADERS) as pool:
            running = [pool.submit(self._read, number) for number in range(READERS)]
            running += [pool.submit(self._upload, number) for number in range(UPLOADERS)]
            try:
                time.sleep(BEFORE)
                event()
                time.sleep(AFTER)
            finally:
                self._ended.set()
            for each in running:
                each.result()

    def _ask(
        self, connection: http.client.HTTPSConnection, method: str, path: str, **more: object
    ) -> tuple[int, bytes]:
        """The answer; one that breaks off in its middle is asked for again, from there on."""
        began, got, headers = time.monotonic(), b"", dict(JSON)
        while True:
            try:
                connection.request(method, path, **{"headers": headers, **more})  # type: ignore[arg-type] # body
                answer = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                with self._lock:
                    self.failures.append(f"{method} {path}: {error!r}")
                connection.close()
                return 0, b""
            whole = len(got) + int(answer.headers["Content-Length"])
            while piece := answer.read(1_000_000):
                got += piece
                if len(piece) == 1_000_000:
                    time.sleep(0.05)  # a large file is always on its way
            if len(got) < whole:
                headers["Range"] = f"bytes={len(got)}-"
                connection.close()
                with self._lock:
                    self.counts["broken off"] += 1
                continue
            with self._lock:
                self.longest = max(self.longest, time.monotonic() - began)
                if answer.status not in {200, 206}:
                    self.failures.append(f"{method} {path}: {answer.status} {got[:200]!r}")
            return answer.status, got

    def _read(self, number: int) -> None:
        connection = self._world.connect()
        project = "large" if number < 3 else str(number % 4)
        while not self._ended.is_set():
            page = f"/simple/kindling-{project}/"
            status, body = self._ask(connection, "GET", page)
            if status != 200:
                continue
            (file,) = json.loads(body)["files"]
            status, content = self._ask(connection, "GET", urljoin(page, file["url"]))
            with self._lock:
                self.counts["pages"] += 1
                self.counts["files"] += 1
                if status and hashlib.sha256(content).hexdigest() != file["hashes"]["sha256"]:
                    self.failures.append(f"{page}: other bytes")
        connection.close()

    def _upload(self, number: int) -> None:
        connection = self._world.connect()
        folder = self._world.ca.parent / "uploads"
        for count in range(1_000_000):
            if self._ended.is_set():
                break
            name, version = f"uploaded-{self._name}-{number}", f"1.{count}"
            content = wheel(folder, name, version, padding=200_000).read_bytes()
            head = (
                '--b\r\nContent-Disposition: form-data; name=":action"\r\n\r\nfile_upload\r\n--b\r\n'
                'Content-Disposition: form-data; name="content"; '
                f'filename="{name.replace("-", "_")}-{version}-py3-none-any.whl"\r\n\r\n'
            )
            body = head.encode() + content + b"\r\n--b--\r\n"
            headers = {"Content-Type": "multipart/form-data; boundary=b", **PASSED_ON}
            if self._ask(connection, "POST", "/legacy/", body=body, headers=headers)[0] == 200:
                self.counts[f"upload {number}"] += 1
        connection.close()

    def __str__(self) -> str:
        return f"{self._name}: {dict(self.counts)}, {len(self.failures)} failed, longest {self.longest:.1f} s"


def test_servers_that_end_fail_no_request_that_the_proxy_can_repeat(world: World) -> None:
    killed, asked_to_end, stays = world.ports
    killing = Load(world, "killed")
    killing.during(world.servers[killed].process.stop)
    print(killing)
    assert killing.failures == []
    # Only what was on its way from it broke off, and each client went on from there.
    assert killing.counts["broken off"] <= READERS

    world.start(killed)
    ending = Load(world, "ended")
    codes: list[int] = []
    ending.during(lambda: codes.append(world.servers[asked_to_end].process.ask_to_end()))
    print(ending)
    assert (ending.failures, ending.counts["broken off"], codes) == ([], 0, [0])

    for load in (killing, ending):
        assert load.counts["files"] > 50
        for number in range(UPLOADERS):
            # Each upload that was confirmed is listed, by a server that may not have taken it.
            connection = world.connect()
            connection.request("GET", f"/simple/uploaded-{load._name}-{number}/", headers=JSON)
            listed = json.load(connection.getresponse())["files"]
            assert len(listed) >= load.counts[f"upload {number}"] > 0
            connection.close()
    # The client is the one that nginx states.
    assert re.search(r" 127\.0\.0\.1 GET /simple/kindling-large/ 200 ", world.servers[stays].log())


def test_the_proxy_shows_no_metrics(world: World) -> None:
    connection = world.connect()
    connection.request("GET", "/metrics", headers=PASSED_ON)
    assert connection.getresponse().status == 404
    connection.close()
