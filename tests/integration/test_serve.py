"""Installing from a served index with pip, uv and Poetry: private names from a registry, all others from elsewhere."""

from __future__ import annotations

import base64
import json
import re
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from harness import pyoci
from harness.environments import installed
from harness.hosts import Host
from harness.process import Result, clean_environment, free_port, make_venv, run, uv_install
from harness.servers import PASSWORD, USER, Registry, start_registry
from served import Served, github_at, program, serving, static_index, wheel

PRIVATE = ("--private", "kindling-*")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def elsewhere(folder: Path) -> Iterator[Served]:
    """What PyPI would be: it has the dependency, and a name of ours that somebody has taken there."""
    files = [
        wheel(folder / "elsewhere", "outside-dep", "1.0"),
        wheel(folder / "elsewhere", "kindling-synapse", "99.0"),
    ]
    public = static_index(folder / "public", *files)
    environment = clean_environment(folder / "elsewhere-home")
    with serving(folder / "fallback", "--repository-url", public, environment=environment) as running:
        yield running


@pytest.fixture(scope="module")
def registry(folder: Path) -> Iterator[Registry]:
    """A private registry with two versions of `kindling-synapse`."""
    started = start_registry(folder / "registry", password=PASSWORD)
    files = [
        wheel(folder / "ours", "kindling-synapse", each, requires=["outside-dep"])
        for each in ("0.1.0", "0.2.0")
    ]
    environment = clean_environment(folder / "publisher-home") | github_at(started)
    who = {"GITHUB_TOKEN": PASSWORD, "GITHUB_ACTOR": USER}
    command = [program(), "publish", "-r", "github", "--no-verify", *files]
    run(command, cwd=folder, environment=environment | who, check=True)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def index(registry: Registry, elsewhere: Served, folder: Path) -> Iterator[Served]:
    """Each client asks in its own name; the server has no credential."""
    environment = clean_environment(folder / "index-home") | github_at(registry)
    options = ("-r", "github", *PRIVATE, "--fallback", elsewhere.simple)
    with serving(folder / "index", *options, environment=environment) as running:
        yield running


def installer(environment: dict[str, str]) -> dict[str, str]:
    """As `environment`, but nothing is installed from beside the index."""
    return {
        name: value for name, value in environment.items() if not name.endswith(("_FIND_LINKS", "_CACHE_DIR"))
    }


def versions(python: Path, environment: dict[str, str]) -> str:
    script = "import kindling_synapse, outside_dep; print(kindling_synapse.VERSION, outside_dep.VERSION)"
    done = run([python, "-c", script], cwd=python.parent, environment=environment)
    return done.stdout.strip()


def uv(*arguments: object, cwd: Path, environment: dict[str, str], check: bool = True) -> Result:
    return run([installed("dev", "uv"), *arguments], cwd=cwd, environment=environment, check=check)


def test_pip_and_uv_install_from_a_private_registry(
    index: Served, tmp_path: Path, environment: dict[str, str]
) -> None:
    variables = installer(environment) | {"PIP_EXTRA_INDEX_URL": "", "PIP_CONFIG_FILE": ""}
    own = index.as_user(USER, PASSWORD)
    python = make_venv(tmp_path / "pip", environment)
    pip = [
        python,
        "-m",
        "pip",
        "install",
        "--isolated",
        "--no-cache-dir",
        "--index-url",
        own,
        "kindling-synapse",
    ]
    run(pip, cwd=tmp_path, environment=variables, check=True)
    assert versions(python, variables) == "0.2.0 1.0"

    uv("venv", "uv", cwd=tmp_path, environment=variables)
    install = ("pip", "install", "-p", "uv", "--no-cache", "--default-index", own)
    uv(*install, "kindling-synapse<0.2", cwd=tmp_path, environment=variables)
    assert versions(tmp_path / "uv" / python.relative_to(tmp_path / "pip"), variables) == "0.1.0 1.0"

    nobody = uv(
        *install[:-1],
        index.simple,
        "--reinstall",
        "kindling-synapse",
        cwd=tmp_path,
        environment=variables,
        check=False,
    )
    assert nobody.returncode != 0
    assert PASSWORD not in index.log()


def test_pip_of_debian_12_installs(index: Served, tmp_path: Path, environment: dict[str, str]) -> None:
    """The pip that comes with it, and with Python 3.10, asks for JSON, and does not bear all that may be in it."""
    variables = installer(environment) | {"PIP_EXTRA_INDEX_URL": "", "PIP_CONFIG_FILE": ""}
    python = make_venv(tmp_path / "pip", environment)
    uv_install(python, "pip==23.0.1", environment=environment)
    own = index.as_user(USER, PASSWORD)
    install = [python, "-m", "pip", "install", "--isolated", "--no-cache-dir", "--index-url", own]
    run([*install, "kindling-synapse"], cwd=tmp_path, environment=variables, check=True)
    assert versions(python, variables) == "0.2.0 1.0"


def test_uv_locks_and_syncs(index: Served, tmp_path: Path, environment: dict[str, str]) -> None:
    variables = installer(environment) | {"UV_INDEX_CORP_USERNAME": USER, "UV_INDEX_CORP_PASSWORD": PASSWORD}
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[project]\nname = "user"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = ["kindling-synapse"]\n'
        f'[[tool.uv.index]]\nname = "corp"\nurl = "{index.simple}"\ndefault = true\n'
    )
    uv("lock", "--no-cache", cwd=project, environment=variables)
    lock = (project / "uv.lock").read_text()
    assert 'name = "kindling-synapse"\nversion = "0.2.0"' in lock
    assert PASSWORD not in lock
    uv("sync", "--locked", "--no-cache", cwd=project, environment=variables)
    listed = uv("pip", "list", cwd=project, environment=variables).stdout
    assert "kindling-synapse 0.2.0" in " ".join(listed.split())


def test_poetry_adds_and_installs(
    index: Served, tmp_path: Path, newest_poetry: Host, environment: dict[str, str]
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[project]\nname = "user"\nversion = "1"\nrequires-python = ">=3.10,<4"\n[tool.poetry]\npackage-mode = false\n'
        f'[[tool.poetry.source]]\nname = "corp"\nurl = "{index.simple}"\npriority = "primary"\n'
    )
    variables = {
        "POETRY_HTTP_BASIC_CORP_USERNAME": USER,
        "POETRY_HTTP_BASIC_CORP_PASSWORD": PASSWORD,
        "POETRY_VIRTUALENVS_IN_PROJECT": "true",
    }
    newest_poetry(
        "add", "-n", "--source", "corp", "kindling-synapse", cwd=project, environment=variables, check=True
    )
    assert 'version = "0.2.0"' in (project / "poetry.lock").read_text()
    newest_poetry("install", "-n", cwd=project, environment=variables, check=True)
    shown = newest_poetry(
        "run",
        "python",
        "-c",
        "import kindling_synapse; print(kindling_synapse.VERSION)",
        cwd=project,
        environment=variables,
    )
    assert shown.stdout.strip() == "0.2.0"


class Failing:
    """A registry that answers everything with one status."""

    def __init__(self) -> None:
        failing = self
        self.status = 500

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(failing.status)
                self.send_header("WWW-Authenticate", 'Basic realm="x"')
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


def test_a_private_name_never_comes_from_elsewhere_whatever_the_registry_says(
    elsewhere: Served, tmp_path: Path, environment: dict[str, str]
) -> None:
    failing = Failing()
    variables = installer(environment) | {
        "PUBLISH_ALL_REPOSITORIES_GITHUB_URL": failing.url + "/{owner}",
        "GITHUB_REPOSITORY_OWNER": "sep",
    }
    uv("venv", "v", cwd=tmp_path, environment=variables)
    options = ("-r", "github", *PRIVATE, "--fallback", elsewhere.simple)
    with serving(tmp_path / "serve", *options, environment=variables) as index:
        own = index.as_user(USER, PASSWORD)
        for status in (404, 401, 403, 500, None):
            if status is None:
                failing.server.shutdown()
                failing.server.server_close()
            else:
                failing.status = status
            install = ("pip", "install", "-p", "v", "--no-cache", "--default-index", own)
            private = uv(*install, "kindling-synapse", cwd=tmp_path, environment=variables, check=False)
            assert private.returncode != 0, status
            assert "99.0" not in private.output
        uv(*install, "outside-dep", cwd=tmp_path, environment=variables)


def test_a_release_that_pyoci_wrote_is_installed(
    open_registry: Registry, tmp_path: Path, environment: dict[str, str]
) -> None:
    file = wheel(tmp_path / "files", "kindling.fabric", "1.0+local")
    content = file.read_bytes()
    pyoci.write(open_registry.host, "sep", "kindling-fabric", "1.0-local", {"py3-none-any.whl": content})
    variables = installer(environment) | github_at(open_registry)
    install = [
        installed("dev", "uv"),
        "pip",
        "install",
        "-p",
        "v",
        "--no-cache",
        "Kindling.Fabric==1.0+local",
    ]
    uv("venv", "v", cwd=tmp_path, environment=variables)
    run([program(), "exec", "-r", "github", "--", *install], cwd=tmp_path, environment=variables, check=True)
    assert "1.0+local" in uv("pip", "list", "-p", "v", cwd=tmp_path, environment=variables).stdout


@pytest.mark.parametrize("password", ["", "wrong"])
def test_an_empty_or_wrong_password_is_answered_so_that_pip_asks_its_keyring(
    password: str, index: Served, registry: Registry, tmp_path: Path
) -> None:
    for served in (index.simple, f"{index.url}/files/github/kindling-synapse/{'0' * 64}/"):
        url = (
            f"{served}kindling-synapse/"
            if served == index.simple
            else f"{served}kindling_synapse-0.2.0.tar.gz"
        )
        assert _status(url, USER, password) == 401
    assert _status(f"{index.simple}kindling-synapse/", USER, PASSWORD) == 200
    own = clean_environment(tmp_path / "home") | github_at(registry)
    own |= {"PUBLISH_ALL_SERVE_PASSWORD": "s3rve", "GITHUB_TOKEN": PASSWORD, "GITHUB_ACTOR": USER}
    with serving(tmp_path / "own", "-r", "github", environment=own) as guarded:
        assert _status(f"{guarded.simple}kindling-synapse/", "anyone", password) == 401
        assert _status(f"{guarded.simple}kindling-synapse/", "anyone", "s3rve") == 200


def _status(url: str, username: str, password: str) -> int:
    login = base64.b64encode(f"{username}:{password}".encode()).decode()
    request = urllib.request.Request(url, headers={"Authorization": f"Basic {login}"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        # A client asks its keyring only where it is told how.
        return error.code if error.headers.get("WWW-Authenticate", "").startswith("Basic ") else -error.code


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_each_request_is_a_line_of_the_log(
    log_format: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    file = wheel(tmp_path / "files", "kindling-synapse", "0.2.0")
    folder = static_index(tmp_path / "index", file)
    options = ("--repository-url", folder, "--log-format", log_format)
    with serving(tmp_path / "serve", *options, environment=environment) as served:
        request = urllib.request.Request(
            f"{served.simple}kindling-synapse/?token={PASSWORD}",
            headers={"X-Request-ID": "abc", "Authorization": "Basic " + PASSWORD},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            size = len(answer.read())
        # The line is written after the last byte is sent.
        assert served.process.wait_until(lambda: "/simple/kindling-synapse/" in served.log())
    log = served.log()
    assert PASSWORD not in log
    lines = log.splitlines()
    if log_format == "text":
        (line,) = (each for each in lines if "/simple/kindling-synapse/" in each)
        assert re.fullmatch(rf"\S+ 127\.0\.0\.1 GET /simple/kindling-synapse/ 200 {size} [0-9.]+ms abc", line)
        return
    objects = [json.loads(each) for each in lines]
    assert objects[0]["event"] == "note"
    (found,) = (each for each in objects if each.get("path") == "/simple/kindling-synapse/")
    assert (found["status"], found["bytes"], found["request_id"]) == (200, size, "abc")


@pytest.mark.parametrize(("proxy", "client"), [("127.0.0.0/8", "192.0.2.7"), ("192.0.2.0/24", "127.0.0.1")])
def test_only_a_trusted_proxy_says_who_the_client_is(
    proxy: str, client: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    folder = static_index(tmp_path / "index", wheel(tmp_path / "files", "kindling-synapse", "0.2.0"))
    options = ("--repository-url", folder, "--trusted-proxy", proxy)
    # uvicorn's own variable changes nothing.
    variables = environment | {"FORWARDED_ALLOW_IPS": "*"}
    with serving(tmp_path / "serve", *options, environment=variables) as served:
        for sent in ("198.51.100.1, 192.0.2.7", "192.0.2.7"):
            request = urllib.request.Request(served.simple, headers={"X-Forwarded-For": sent})
            urllib.request.urlopen(request, timeout=20).close()
        assert served.process.wait_until(lambda: served.log().count(" GET /simple/ ") == 2)
    assert re.findall(r"(\S+) GET /simple/ ", served.log()) == [client, client]


# --- without a server of one's own


def test_exec_installs_with_pip_and_uv(
    registry: Registry, elsewhere: Served, tmp_path: Path, environment: dict[str, str]
) -> None:
    other = "http://127.0.0.1:9/simple/"
    variables = (
        installer(environment) | github_at(registry) | {"PIP_EXTRA_INDEX_URL": other, "UV_INDEX": other}
    )
    variables |= {"GITHUB_TOKEN": PASSWORD, "GITHUB_ACTOR": USER}
    ours = [program(), "exec", "-r", "github", *PRIVATE, "--fallback", elsewhere.simple, "--proxy", "--"]
    python = make_venv(tmp_path / "pip", environment)
    pip = [python, "-m", "pip", "install", "--no-cache-dir", "kindling-synapse"]
    done = run([*ours, *pip], cwd=tmp_path, environment=variables, check=True)
    assert versions(python, variables) == "0.2.0 1.0"
    assert "other places to install from: PIP_EXTRA_INDEX_URL, " in done.stderr

    uv("venv", "uv", cwd=tmp_path, environment=variables)
    install = [installed("dev", "uv"), "pip", "install", "-p", "uv", "--no-cache", "kindling-synapse"]
    run([*ours, *install], cwd=tmp_path, environment=variables, check=True)
    assert versions(tmp_path / "uv" / python.relative_to(tmp_path / "pip"), variables) == "0.2.0 1.0"


def test_exec_syncs_what_was_locked_against_a_server_on_the_same_port(
    registry: Registry, elsewhere: Served, tmp_path: Path, environment: dict[str, str]
) -> None:
    variables = (
        installer(environment) | github_at(registry) | {"GITHUB_TOKEN": PASSWORD, "GITHUB_ACTOR": USER}
    )
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[project]\nname = "user"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = ["kindling-synapse"]\n'
    )
    port = free_port()
    ours = [
        program(),
        "exec",
        "-r",
        "github",
        *PRIVATE,
        "--fallback",
        elsewhere.simple,
        "--port",
        str(port),
        "--",
    ]
    locked = run(
        [*ours, installed("dev", "uv"), "lock", "--no-cache"], cwd=project, environment=variables, check=True
    )
    assert "lock" in locked.stderr
    assert "publish-all serve" in locked.stderr
    assert "publish-all:" not in (project / "uv.lock").read_text()
    synced = run(
        [*ours, installed("dev", "uv"), "sync", "--frozen", "--no-cache"],
        cwd=project,
        environment=variables,
        check=True,
    )
    assert "publish-all serve" not in synced.stderr
    listed = uv("pip", "list", cwd=project, environment=variables).stdout
    assert "kindling-synapse 0.2.0" in " ".join(listed.split())


@pytest.mark.parametrize(
    ("command", "code"),
    [(["-c", "raise SystemExit(7)"], 7), (["-c", "pass"], 0), (["no-such-program"], 125)],
)
def test_exec_ends_with_the_code_of_its_command(
    command: list[str], code: int, tmp_path: Path, environment: dict[str, str]
) -> None:
    folder = static_index(tmp_path / "index")
    words = [installed("dev", "python"), *command] if len(command) > 1 else command
    done = run(
        [program(), "exec", "--repository-url", folder, "--", *words], cwd=tmp_path, environment=environment
    )
    assert done.returncode == code, done
    assert ("[PA102 not-possible-as-asked]" in done.stderr) == (code == 125)


@pytest.mark.parametrize("code", [0, 3])
def test_exec_tells_what_the_index_refused_where_the_command_fails(
    code: int, tmp_path: Path, environment: dict[str, str]
) -> None:
    folder = static_index(tmp_path / "index")
    script = (
        "import base64, os, urllib.error, urllib.request as r\n"
        "head, _, host = os.environ['PIP_INDEX_URL'].removeprefix('http://').partition('@')\n"
        "login = 'Basic ' + base64.b64encode(head.encode()).decode()\n"
        "for _ in range(2):\n"
        "    try: r.urlopen(r.Request(f'http://{host}kindling-none/', headers={'Authorization': login}))\n"
        "    except urllib.error.HTTPError as error: print(error.code)\n"
        f"raise SystemExit({code})\n"
    )
    words = ["--private", "kindling-*", "--", installed("dev", "python"), "-c", script]
    done = run([program(), "exec", "--repository-url", folder, *words], cwd=tmp_path, environment=environment)
    assert (done.returncode, done.stdout) == (code, "404\n404\n"), done
    assert done.stderr.count("has no kindling-none. It is a private name") == (1 if code else 0)


def test_exec_lets_nobody_else_in(tmp_path: Path, environment: dict[str, str]) -> None:
    folder = static_index(tmp_path / "index", wheel(tmp_path / "files", "kindling-synapse", "0.2.0"))
    script = (
        "import os, urllib.error, urllib.request as r\n"
        "url = os.environ['PIP_INDEX_URL']\n"
        "bare = 'http://' + url.partition('@')[2]\n"
        "try: r.urlopen(bare)\n"
        "except urllib.error.HTTPError as error: print(error.code, bare)\n"
    )
    ours = [program(), "exec", "--repository-url", folder, "--", installed("dev", "python"), "-c", script]
    done = run(ours, cwd=tmp_path, environment=environment, check=True)
    code, url = done.stdout.split()
    assert code == "401"
    port = int(url.partition("127.0.0.1:")[2].partition("/")[0])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_exec_takes_other_names_from_several_indexes_and_from_a_mirror_with_a_password(
    tool: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    """As PyTorch's index beside PyPI, and as the mirror of a company."""
    ours = wheel(tmp_path / "files", "kindling-synapse", "1.0", requires=["on-first", "on-second"])
    folder = static_index(tmp_path / "index", ours)
    variables = {name: value for name, value in installer(environment).items() if name != "PIP_CONFIG_FILE"}
    own = environment | {"PUBLISH_ALL_SERVE_PASSWORD": "m1rror"}
    files = [wheel(tmp_path / "files", name, "1.0") for name in ("on-first", "on-second")]
    files += [wheel(tmp_path / "files", "kindling-synapse", "99.0")]
    first = static_index(tmp_path / "first", files[0], files[2])
    second = static_index(tmp_path / "second", files[1], files[2])
    both = static_index(tmp_path / "both", *files)
    python = make_venv(tmp_path / "venv", environment)
    install = {
        "pip": [python, "-m", "pip", "install", "--no-cache-dir", "--force-reinstall", "kindling-synapse"],
        "uv": [
            installed("dev", "uv"),
            "pip",
            "install",
            "-p",
            python,
            "--no-cache",
            "--reinstall",
            "kindling-synapse",
        ],
    }[tool]
    command = [program(), "exec", "--repository-url", folder, "--private", "kindling-*"]
    with (
        serving(tmp_path / "1", "--repository-url", first, environment=environment) as one,
        serving(tmp_path / "2", "--repository-url", second, environment=environment) as two,
        serving(tmp_path / "3", "--repository-url", both, environment=own) as mirror,
    ):
        several = [*command, "--fallback", one.simple, "--fallback", two.simple, "--", *install]
        run(several, cwd=tmp_path, environment=variables, check=True)
        name = {"pip": "PIP_INDEX_URL", "uv": "UV_DEFAULT_INDEX"}[tool]
        mirrored = variables | {name: mirror.as_user("dev", "m1rror")}
        done = run([*command, "--", *install], cwd=tmp_path, environment=mirrored, check=True)
        logs = one.log() + two.log() + mirror.log()
    assert "m1rror" not in done.output
    assert "/simple/kindling" not in logs
    listed = uv("pip", "list", "-p", python, cwd=tmp_path, environment=variables).stdout
    assert "kindling-synapse 1.0 on-first 1.0 on-second 1.0" in " ".join(listed.split())


def test_exec_says_which_line_names_another_index_and_what_to_write(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    folder = static_index(tmp_path / "index")
    (tmp_path / "requirements.txt").write_text("-r more.txt\n")
    (tmp_path / "more.txt").write_text("requests\n--extra-index-url https://u:s3cret@torch.example/whl\n")
    command = [program(), "exec", "--repository-url", folder, "--private", "kindling-*", "--"]
    done = run(
        [*command, "pip", "install", "-r", "requirements.txt"],
        cwd=tmp_path,
        environment=environment | {"PIP_INDEX_URL": "https://mirror.example/simple/"},
    )
    assert done.returncode == 125
    assert (
        "more.txt:2: --extra-index-url https://torch.example/whl is another index, which would be asked for private names"
        in done.stderr
    )
    assert "--fallback https://mirror.example/simple/ --fallback https://torch.example/whl" in done.stderr
    assert "s3cret" not in done.output
