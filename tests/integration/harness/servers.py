"""Real package indexes and registries on loopback ports, each with a folder of its own."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.environments import installed, on_path
from harness.process import ServerProcess, clean_environment, free_port, run
from harness.token_server import ISSUER, SERVICE, TokenServer

USER = "dev"
PASSWORD = "correct-horse-battery-staple"  # long enough to be found in an output by a test
ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A running index: where to upload to, where to install from, and who may.

    `store` is the folder where it keeps files, None where it keeps them in a form of its own.
    """

    name: str
    upload_url: str
    index_url: str
    username: str | None
    password: str | None
    store: Path | None
    process: ServerProcess

    def log(self) -> str:
        return self.process.log.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        self.process.stop()


@dataclass(frozen=True, kw_only=True, slots=True)
class Registry:
    """A running OCI registry. `host` is HOST:PORT."""

    host: str
    username: str | None
    password: str | None
    store: Path
    process: ServerProcess

    def stop(self) -> None:
        self.process.stop()


def answers(url: str) -> bool:
    """Whether anything but an error of the server comes back."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


def start(folder: Path, command: Callable[[int], list[str | Path]], ready: str) -> tuple[ServerProcess, int]:
    """Start a server on a free port and wait until `ready`, a path on it, answers.

    A port may be taken between finding it and listening on it, so this tries again.
    """
    environment = clean_environment(folder / "home")
    log = folder / "server.log"
    for _ in range(ATTEMPTS):
        port = free_port()
        url = f"http://127.0.0.1:{port}{ready}"
        process = ServerProcess(command(port), log=log, environment=environment)
        if process.wait_until(partial(answers, url)):
            return process, port
        process.stop()
    text = log.read_text(encoding="utf-8", errors="replace")
    raise AssertionError(f"{command(0)[0]} does not start:\n{text[-4000:]}")


def htpasswd_sha(username: str, password: str) -> str:
    """A line of an htpasswd file in a form that needs no library."""
    digest = base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()
    return f"{username}:{{SHA}}{digest}\n"


def start_pypiserver(folder: Path, *, password: str | None) -> Server:
    """Uploads need the password, reading never does; a file that is there is not overwritten (409)."""
    program = installed("servers", "pypi-server")
    store = folder / "packages"
    store.mkdir(parents=True)
    if password is None:
        who = ["-P", ".", "-a", "."]
    else:
        users = folder / "htpasswd"
        users.write_text(htpasswd_sha(USER, password))
        who = ["-P", str(users), "-a", "update"]

    def command(port: int) -> list[str | Path]:
        at = ["-i", "127.0.0.1", "-p", str(port)]
        return [
            program,
            "run",
            *at,
            *who,
            "--disable-fallback",
            "--log-file",
            folder / "access.log",
            "-v",
            store,
        ]

    process, port = start(folder, command, "/health")
    url = f"http://127.0.0.1:{port}"
    return Server(
        name="pypiserver",
        upload_url=f"{url}/",
        index_url=f"{url}/simple/",
        username=None if password is None else USER,
        password=password,
        store=store,
        process=process,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Devpi:
    """A running devpi, which takes seconds to start and so serves many indexes."""

    url: str
    token: str
    process: ServerProcess

    def new_index(self, name: str) -> Server:
        """A fresh index `dev/NAME` without a mirror of PyPI, in which a file that is there can't be overwritten."""
        index = {"type": "stage", "volatile": False, "bases": []}
        ask_devpi("PUT", f"{self.url}/{USER}/{name}", index, token=self.token)
        return Server(
            name="devpi",
            upload_url=f"{self.url}/{USER}/{name}/",
            index_url=f"{self.url}/{USER}/{name}/+simple/",
            username=USER,
            password=PASSWORD,
            store=None,
            process=self.process,
        )


def start_devpi(folder: Path) -> Devpi:
    state = folder / "state"
    folder.mkdir(parents=True, exist_ok=True)
    environment = clean_environment(folder / "home")
    program = installed("servers", "devpi-init")
    init = [program, "--serverdir", state, "--no-root-pypi", "--root-passwd", PASSWORD]
    run(init, cwd=folder, environment=environment, check=True)
    program = installed("servers", "devpi-server")

    def command(port: int) -> list[str | Path]:
        return [program, "--serverdir", state, "--host", "127.0.0.1", "--port", str(port), "--threads", "8"]

    process, port = start(folder, command, "/+api")
    url = f"http://127.0.0.1:{port}"
    ask_devpi("PUT", f"{url}/{USER}", {"password": PASSWORD})
    login = ask_devpi("POST", f"{url}/+login", {"user": USER, "password": PASSWORD})
    return Devpi(url=url, token=login["result"]["password"], process=process)


def ask_devpi(
    method: str, url: str, body: dict[str, object], *, token: str | None = None
) -> dict[str, dict[str, str]]:
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    if token is not None:
        headers["X-Devpi-Auth"] = base64.b64encode(f"{USER}:{token}".encode()).decode()
    request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as response:
        answer: dict[str, dict[str, str]] = json.load(response)
        return answer


def start_registry(
    folder: Path, *, password: str | None = None, tokens: TokenServer | None = None, deletes: bool = True
) -> Registry:
    """Debian's docker-registry: open, with a password, or with tokens from a token server."""
    program = on_path("docker-registry", "docker-registry")
    store = folder / "store"
    store.mkdir(parents=True, exist_ok=True)
    configuration = folder / "config.yml"
    auth = registry_auth(folder, password=password, tokens=tokens)

    def command(port: int) -> list[str | Path]:
        configuration.write_text(
            "version: 0.1\n"
            f"storage: {{filesystem: {{rootdirectory: {store}}}, delete: {{enabled: {str(deletes).lower()}}}}}\n"
            f"http: {{addr: '127.0.0.1:{port}', secret: x}}\n" + auth
        )
        return [program, "serve", configuration]

    process, port = start(folder, command, "/v2/")
    return Registry(
        host=f"127.0.0.1:{port}",
        username=tokens.username if tokens else USER if password else None,
        password=tokens.password if tokens else password,
        store=store,
        process=process,
    )


def registry_auth(folder: Path, *, password: str | None, tokens: TokenServer | None) -> str:
    """The `auth` lines of its configuration."""
    if tokens is not None:
        certificate = folder / "token.crt"
        return (
            f"auth: {{token: {{realm: '{tokens.realm}', service: {SERVICE}, issuer: {ISSUER}, "
            f"rootcertbundle: {certificate}}}}}\n"
        )
    if password is not None:
        users = folder / "htpasswd"
        htpasswd = [on_path("htpasswd", "apache2-utils"), "-Bbn", USER, password]
        users.write_bytes(subprocess.run(htpasswd, check=True, capture_output=True).stdout)
        return f"auth: {{htpasswd: {{realm: test, path: {users}}}}}\n"
    return ""
