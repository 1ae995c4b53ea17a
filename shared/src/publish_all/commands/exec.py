"""Run a command that installs from our repositories, with a temporary index.

Needs the extra `serve`: see `index.ensure_installed`.
"""

from __future__ import annotations

import importlib.util
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

import tomlkit

from publish_all._http import HttpOptions
from publish_all._process import attached
from publish_all._secret import Secret
from publish_all._temporary import temporary_folder
from publish_all._urls import shown_or_raw
from publish_all.commands.context import Runtime
from publish_all.commands.index import IndexOptions
from publish_all.commands.serve import Index, open_index
from publish_all.config.tools import Tool
from publish_all.errors import UsageError
from publish_all.index.client_settings import (
    ClientSettings,
    child_environment,
    client_settings,
    pip_settings,
    uv_files,
)
from publish_all.index.running import listen, running
from publish_all.index.survey import Client, Place, Survey, clients_of

HOST = "127.0.0.1"
USERNAME = "publish-all"
PYPI = "https://pypi.org/simple/"

_PLACES_SHOWN = 5
_OF_FOLDERS = ("--directory", "--project", "-C", "-P")
_NAMES_FILES = re.compile(r"(PIP|UV)_.*(REQUIREMENT|CONSTRAINT|OVERRIDE|EXCLUDE)S?")
_SCRIPT = re.compile(r"-|https?://.*|.*\.py", re.IGNORECASE | re.DOTALL)
# Commands of uv that install nothing of the project around them.
_UV_WITHOUT_PROJECT = frozenset({"pip", "tool", "venv"})
_POETRY_INSTALLS = frozenset({"install", "sync", "add", "remove", "update", "lock", "self", "build"})


Attached = Callable[..., int]
"""Runs a command (`cwd`, `environment`) on our own terminal and gives its exit code. Raises `OSError` where it can't be started."""


def execute(
    command: tuple[str, ...],
    options: IndexOptions,
    *,
    port: int = 0,
    no_fallback: bool = False,
    cwd: Path | None = None,
    run: Attached = attached,
) -> int:
    """Run a command over an index, on any free port if it is 0. Returns the command's exit code.

    Unless `no_fallback`, names that are not private come from the index that pip or uv would use, or PyPI.
    Raises `PublishAllError`, for example for a command that would also install from other indexes.
    """
    cwd = cwd or Path.cwd()
    runtime = options.connection.runtime
    clients = clients_of(command)
    settings = _settings(clients, runtime, cwd)
    for each in filter(None, (client.locks for client in clients)):
        text = f"`{each}` may write a lock file with the address of this index, which stops working when the command ends."
        more = "To lock, run `publish-all serve` at a permanent address, and use it as the index."
        runtime.note(f"{text} {more}")
    if settings.others:
        said = "not passed on, because it names other places to install from"
        runtime.note(f"{said}: {', '.join(settings.others)}. Add an index with --fallback URL.")
    # Only for this run, so that other users of this machine have no access.
    password = secrets.token_urlsafe(32)
    own = _own_options(options, settings, password, no_fallback=no_fallback)
    with open_index(own) as index, temporary_folder() as folder, listen(HOST, port) as bound:
        address = f"{HOST}:{bound.getsockname()[1]}"
        ours = f"http://{address}/"
        places, uv_indexes = _survey(clients, settings, index, runtime=runtime, cwd=cwd, ours=ours)
        if places:
            raise _refusal(places, index)
        uv_config = folder / "uv.toml"
        uv_config.write_text(tomlkit.dumps(dict(settings.uv)), encoding="utf-8")
        runtime.note(index.rule)
        with running(index.app, bound, stop=index.service.stop):
            try:
                child = child_environment(
                    runtime.environment,
                    url=f"http://{USERNAME}:{password}@{address}/simple/",
                    host=HOST,
                    settings=settings,
                    uv_config=uv_config,
                    uv_indexes=uv_indexes,
                )
                code = run(command, cwd=cwd, environment=child)
            except OSError as error:
                msg = f"{command[0]} cannot be started: {error.strerror or error}"
                raise UsageError(msg, hint="Check that it is installed and on PATH.") from error
        if code:
            # pip and uv show the status of an answer at most, and none of its words.
            runtime.note(*index.service.refusals)
        return code


def find_pip(environment: Mapping[str, str]) -> tuple[str, ...] | None:
    """The words that start pip: the one on PATH, else that of this interpreter; None if there is none."""
    path = environment.get("PATH")
    found = shutil.which("pip", path=path) or shutil.which("pip3", path=path)
    if found is not None:
        return (found,)
    return (sys.executable, "-m", "pip") if importlib.util.find_spec("pip") is not None else None


def _settings(clients: Sequence[Client], runtime: Runtime, cwd: Path) -> ClientSettings:
    """The configuration of the installers in the command. uv and Poetry do not read that of pip."""
    environment = runtime.environment
    pips = [each for each in clients if each.tool is Tool.PIP]
    # One that runs in an environment which uv or Poetry would have to make first is not asked.
    asked = pips[0].program if pips and pips[0] is clients[0] else None
    if asked is None and any(each.tool in {Tool.PIP, None} for each in clients):
        asked = find_pip(environment)
    words = pips[0].arguments if pips else ("install",)
    pip = pip_settings(asked, words=words, environment=environment, cwd=cwd, run=runtime.run)
    folders = [folder for each in clients for folder in _folders(each, environment, cwd)]
    files = uv_files(environment=environment, folders=folders, user=runtime.places().hosts.uv)
    return client_settings(environment=environment, pip=pip, uv_files=files)


def _own_options(
    options: IndexOptions, settings: ClientSettings, password: str, *, no_fallback: bool
) -> IndexOptions:
    """The options of the temporary index. Unless `no_fallback`, it has the fallback that pip or uv would use, or PyPI."""
    connection, mirror = options.connection, settings.mirror
    http = HttpOptions(
        ca_cert=connection.ca_cert or settings.ca_cert,
        timeout=connection.timeout,
        proxy=settings.proxies.get("HTTPS_PROXY"),
    )
    own = replace(options, password=Secret(password), takes_uploads=False, fallback_http=http)
    if no_fallback or own.fallbacks:
        return own
    refused = None
    if settings.closed:
        refused = "no-index is set, so names that are not private cannot be found"
    elif mirror is not None and not re.match(r"(?i)https?://", mirror.value):
        refused = f"{mirror.origin} is not used: {shown_or_raw(mirror.value)} is not an http index"
    if refused is not None:
        connection.runtime.note(f"{refused}. Add an index for them with --fallback.")
        return own
    return replace(own, default_fallback=mirror.value if mirror is not None else PYPI)


def _survey(
    clients: Sequence[Client],
    settings: ClientSettings,
    index: Index,
    *,
    runtime: Runtime,
    cwd: Path,
    ours: str,
) -> tuple[tuple[Place, ...], tuple[str, ...]]:
    """Check the command and the files in it. `ours` is the URL of our index without its path.

    Returns places beside our index, and the names of uv's indexes to be given ours.
    """
    environment = runtime.environment
    places: list[Place] = []
    uv_indexes: list[str] = []
    for client, inner in zip_longest(clients, clients[1:]):
        uv = client.tool is Tool.UV
        installs = client.subcommand != "run" and not _POETRY_INSTALLS.isdisjoint(client.arguments)
        if client.tool is Tool.POETRY and installs:
            raise UsageError(
                f"`poetry {client.subcommand}` installs from PyPI and the sources in pyproject.toml, and no "
                "variable replaces them",
                hint="Run `publish-all serve` and add its address as the only source: `poetry source add --priority "
                "primary NAME http://127.0.0.1:8080/simple/`.",
            )
        if client.tool in {Tool.POETRY, None}:
            continue
        frozen = "--frozen" in client.arguments or environment.get("UV_FROZEN", "") not in {"", "0", "false"}
        folders = _folders(client, environment, cwd)
        files = Survey(
            folder=folders[0],
            environment=environment,
            is_ours=index.service.routing.is_ours,
            ours=ours,
            uv=uv,
            frozen=uv and frozen,
        )
        files.words(client.arguments, where="the command")
        if uv and client.subcommand == "run":
            # uv takes indexes from a script, which it also reads from an address or from its input.
            named = inner.program[:1] if inner is not None else ()
            for word in (*named, *(each for each in client.arguments if each == "-")):
                if _SCRIPT.fullmatch(word):
                    files.words(("-r", word), where="the command")
        variables = {**environment, **settings.variables}
        for name in sorted(each for each in variables if _NAMES_FILES.fullmatch(each)):
            for value in variables[name].split():
                files.words(("-r", value), where=name)
        if uv and client.program[-1:] != ("uvx",) and client.subcommand not in _UV_WITHOUT_PROJECT:
            for folder in folders:
                files.project(folder)
        places += files.places
        uv_indexes += files.uv_indexes
    return tuple(dict.fromkeys(places)), tuple(dict.fromkeys(uv_indexes))


def _folders(client: Client, environment: Mapping[str, str], cwd: Path) -> tuple[Path, ...]:
    """The folder in which a client works, then the one of its project if that is another."""
    words = client.arguments
    variables = ("UV_WORKING_DIR", "UV_PROJECT") if client.tool is Tool.UV else ()
    stated = [environment[name] for name in variables if environment.get(name)]
    for position, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in _OF_FOLDERS:
            stated += [value] if equals else list(words[position + 1 : position + 2])
    return tuple(dict.fromkeys((cwd, *(cwd / each for each in stated))))


def _refusal(places: Sequence[Place], index: Index) -> UsageError:
    """The error for a command that is not started, with the command to use instead."""
    said = [each.text for each in places[:_PLACES_SHOWN]]
    if len(places) > len(said):
        said.append(f"and {len(places) - len(said)} more")
    hint = "Remove it, and run again."
    wanted = [each for each in places if each.url]
    if wanted:
        # An index that is named in the place of the default one takes its place as a fallback, too.
        added = not all(each.default for each in wanted)
        before = [each.url for each in index.service.routing.fallbacks] if added else []
        urls = dict.fromkeys([*before, *(each.url for each in wanted)])
        options = " ".join(f"--fallback {shown_or_raw(each)}" for each in urls)
        hint = f"Remove it, and add this before `--` instead: {options}. Private names are never taken from there."
    return UsageError("; ".join(said), hint=hint)
