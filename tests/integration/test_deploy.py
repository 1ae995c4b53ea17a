"""What is in deploy/: each file is checked by its linter, and what it starts is started."""

from __future__ import annotations

import base64
import json
import re
import shlex
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from harness.environments import ROOT, installed, on_path
from harness.process import ServerProcess, clean_environment, free_port, run
from harness.servers import answers
from ruamel.yaml import YAML
from served import program, static_index, wheel

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these servers are run on Linux")

DEPLOY = ROOT / "deploy"
PROGRAM = "/opt/publish-all/bin/"
CACHE = "/var/cache"
"""What %C is in a unit of systemd."""


class Start(NamedTuple):
    """What is started, with which variables of its own, and how it is asked whether it is well."""

    command: Sequence[str]
    variables: Mapping[str, str]
    health: Sequence[str] = ()


def containerfile() -> list[tuple[str, str]]:
    """The instructions of the last stage."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Containerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    found = [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines if line.strip()]
    last = max(number for number, (name, _) in enumerate(found) if name == "FROM")
    return found[last:]


def yaml(name: str) -> list[Any]:
    return list(YAML(typ="safe").load_all((DEPLOY / name).read_text(encoding="utf-8")))


def unit() -> list[tuple[str, str]]:
    text = (DEPLOY / "publish-all-serve.service").read_text(encoding="utf-8").replace("%C", CACHE)
    return [
        (name, value) for name, equals, value in (line.partition("=") for line in text.splitlines()) if equals
    ]


def image() -> Start:
    told = dict(containerfile())
    variables = dict(each.split("=", 1) for each in shlex.split(told["ENV"]))
    return Start([*json.loads(told["ENTRYPOINT"]), *json.loads(told["CMD"])], variables)


def compose() -> Start:
    (project,) = yaml("compose.yaml")
    server = project["services"]["serve"]
    assert not {"command", "entrypoint"} & set(server)
    kind, *health = server["healthcheck"]["test"]
    assert kind == "CMD"
    return Start(image().command, dict(image().variables) | server["environment"], health)


def kubernetes() -> Start:
    deployment = next(each for each in yaml("kubernetes.yaml") if each["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert not {"command", "args"} & set(container)
    stated = {each["name"]: each["value"] for each in container["env"]}
    return image()._replace(variables=dict(image().variables) | stated)


def systemd() -> Start:
    told = unit()
    (command,) = (value for name, value in told if name == "ExecStart")
    variables = [each for name, value in told if name == "Environment" for each in value.split()]
    return Start(command.split(), dict(each.split("=", 1) for each in variables))


@pytest.mark.parametrize("made", [image, compose, kubernetes, systemd])
def test_what_is_started_serves(made: Any, tmp_path: Path) -> None:
    start: Start = made()
    file = wheel(tmp_path / "files", "kindling-synapse", "0.2.0")
    index = static_index(tmp_path / "index", file)
    lines = (DEPLOY / "serve.env.example").read_text(encoding="utf-8").splitlines()
    stated = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    port = str(free_port())
    variables = (
        {"PATH": str(Path(sys.executable).parent)}
        | dict(start.variables)
        | stated
        | {"PUBLISH_ALL_SERVE_REPOSITORY": "", "PUBLISH_ALL_SERVE_REPOSITORY_URL": str(index)}
        | {"PUBLISH_ALL_SERVE_PASSWORD": "hunter2", "PORT": port}
    )
    for name in ("HOME", "PUBLISH_ALL_SERVE_CACHE_DIR"):
        assert variables[name] in {"/tmp", "/cache"} or variables[name].startswith(CACHE)
    variables["HOME"] = str(tmp_path / "home")
    variables["PUBLISH_ALL_SERVE_CACHE_DIR"] = str(tmp_path / "cache")

    def located(command: Sequence[str]) -> list[str]:
        return [
            each.replace(PROGRAM, f"{program().parent}/").replace(":8080/", f":{port}/") for each in command
        ]

    process = ServerProcess(located(start.command), log=tmp_path / "log", environment=variables)
    try:
        url = f"http://127.0.0.1:{port}"
        assert process.wait_until(partial(answers, f"{url}/health")), (tmp_path / "log").read_text()
        login = base64.b64encode(b"ci:hunter2").decode()
        asked = urllib.request.Request(
            f"{url}/simple/kindling-synapse/", headers={"Authorization": f"Basic {login}"}
        )
        with urllib.request.urlopen(asked, timeout=20) as answer:
            assert b"kindling_synapse-0.2.0-py3-none-any.whl" in answer.read()
        if start.health:
            run(located(start.health), cwd=tmp_path, environment=variables, check=True)
        assert process.ask_to_end() == 0
    finally:
        process.stop()


def test_the_image_runs_as_a_number_and_writes_into_the_cache_only() -> None:
    told = dict(containerfile())
    assert re.fullmatch(r"[1-9][0-9]*:[1-9][0-9]*", told["USER"])
    assert told["VOLUME"] == image().variables["PUBLISH_ALL_SERVE_CACHE_DIR"]
    assert image().variables["HOME"] == "/tmp"
    assert "@sha256:" in (DEPLOY / "Containerfile").read_text(encoding="utf-8").split("FROM ", 2)[1]
    (project,) = yaml("compose.yaml")
    for service in project["services"].values():
        assert service["read_only"] is True


def test_each_way_lets_transfers_end_before_it_kills() -> None:
    stop = int(dict(unit())["TimeoutStopSec"])
    assert stop > int(systemd().variables["PUBLISH_ALL_SERVE_GRACE"]) + 1
    (project,) = yaml("compose.yaml")
    stop = int(project["services"]["serve"]["stop_grace_period"].removesuffix("s"))
    assert stop > int(compose().variables["PUBLISH_ALL_SERVE_GRACE"]) + 1
    pod = next(each for each in yaml("kubernetes.yaml") if each["kind"] == "Deployment")["spec"]["template"][
        "spec"
    ]
    waits = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    stop = pod["terminationGracePeriodSeconds"]
    assert stop > waits + int(kubernetes().variables["PUBLISH_ALL_SERVE_GRACE"]) + 1


@pytest.mark.parametrize(
    "command",
    [
        ("hadolint", "Containerfile"),
        ("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"),
        ("kubernetes-validate", "--strict", "kubernetes.yaml"),
        (
            "yamllint",
            "--strict",
            "-d",
            "{extends: default, rules: {line-length: {max: 120}, document-start: disable}}",
            "compose.yaml",
            "kubernetes.yaml",
        ),
    ],
    ids=lambda command: command[0],
)
def test_linters_find_nothing(command: tuple[str, ...], tmp_path: Path) -> None:
    environment = clean_environment(tmp_path)
    run([installed("linters", command[0]), *command[1:]], cwd=DEPLOY, environment=environment, check=True)


def test_systemd_finds_nothing(tmp_path: Path) -> None:
    """A program that is not there would be all that it says, so ours stands for it."""
    analyze = on_path("systemd-analyze", "systemd")
    path = tmp_path / "publish-all-serve.service"
    text = (DEPLOY / path.name).read_text(encoding="utf-8")
    path.write_text(text.replace(PROGRAM, f"{program().parent}/"), encoding="utf-8")
    environment = clean_environment(tmp_path / "home")
    verified = run([analyze, "verify", path], cwd=tmp_path, environment=environment, check=True)
    assert verified.output == ""
    # 0 is a service that can do nothing, 100 one that may do all.
    rated = [analyze, "security", "--offline=yes", "--threshold=20", path]
    run(rated, cwd=tmp_path, environment=environment, check=True)
