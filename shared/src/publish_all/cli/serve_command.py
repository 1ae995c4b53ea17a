"""`publish-all serve` and `publish-all exec`: a package index that serves the files of repositories."""

from __future__ import annotations

import contextlib
import ipaddress
import math
import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from cleo.exceptions import CleoValueError
from cleo.io.io import IO

from publish_all._secret import Secret
from publish_all.cli import options as common
from publish_all.cli.command import ConnectingCommand
from publish_all.cli.options import Operand, Value, flag
from publish_all.errors import UsageError

if TYPE_CHECKING:
    from publish_all.commands.index import IndexOptions

VARIABLE = "PUBLISH_ALL_SERVE_"
"""The prefix of environment variables for options of `serve`."""
PASSWORD = "PUBLISH_ALL_SERVE_PASSWORD"  # noqa: S105 - the name of a variable
FAILED = 125
"""The exit code of `exec` if the command could not run, as in env and docker."""
_MIB = 1024 * 1024
_MOST_MIB = 1e9
_MOST_PORT = 65535
_MOST_GRACE = 24 * 3600
_CLOUD_RUN_MIB = 32  # the largest response with a length: https://cloud.google.com/run/quotas
_BASE_PATH = re.compile(r"(/[A-Za-z0-9][A-Za-z0-9._~-]*)+", re.ASCII)
_YES, _NO = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
_INDEX_OPTIONS = [
    *common.NAME_OPTIONS,
    flag("proxy", "Download pages and files of the fallback, instead of redirecting clients to it."),
    Value("cache-dir", "FOLDER", "The folder of the download cache"),
    Value("cache-size", "MIB", "The size of the download cache, in MiB", default="2048"),
]


class _IndexCommand(ConnectingCommand):
    def index(self) -> IndexOptions:
        """Read the options that both commands have. Raises `UsageError`."""
        from publish_all.commands.index import IndexOptions, ensure_installed

        ensure_installed()
        return IndexOptions(
            directory=self.directory,
            # A prompt from a thread of the server would mix with the input of another program.
            connection=replace(self.connection(), ask=None),
            fallbacks=self.texts("fallback"),
            private=self.texts("private"),
            proxy=self.option("proxy"),
            cache_dir=self.path("cache-dir"),
            cache_size=int((self.number("cache-size", float, most=_MOST_MIB) or 0) * _MIB),
        )


class ServeCommand(_IndexCommand):
    """Serves a package index until it is stopped. Clients send a user name and password, which the index uses
    to read the registry. If <c1>PUBLISH_ALL_SERVE_PASSWORD</c1> is set, clients need that password instead,
    and the index reads the registry with your credentials. Uploads to <c1>/legacy/</c1> go to the first repository.

    Each request is logged as one line on stdout: time, client, method, path, status, bytes and duration. With
    <c1>--log-format json</c1>, requests and messages are JSON objects. Prometheus metrics are at <c1>/metrics</c1>.

    Each option can be set by a variable, for example <c1>PUBLISH_ALL_SERVE_LOG_FORMAT=json</c1>.
    """

    name = "serve"
    description = "Serve a package index for pip, uv and Poetry"
    takes = (
        common.repository_option("Serve"),
        Value("host", "HOST", "The address to listen on", default="127.0.0.1"),
        Value("port", "PORT", "The port to listen on (0: any free port)", default="8080"),
        *_INDEX_OPTIONS,
        flag("own-credentials", "Read the repositories with your own credentials for all clients."),
        Value("upload-limit", "MIB", "The maximum size of an upload, in MiB", default="2048"),
        Value("log-format", "FORMAT", "The format of the log", choices=("text", "json"), default="text"),
        Value("base-path", "PATH", "A path prefix for all URLs, such as /python"),
        Value(
            "trusted-proxy",
            "ADDRESS",
            "Trust X-Forwarded-For of this proxy: an address, a network, or * for all",
            several=True,
        ),
        Value("grace", "SECONDS", "How long transfers may run after SIGTERM, in seconds", default="8"),
        Value(
            "chunked-above",
            "MIB",
            "Send files above this size in chunks without a length, in MiB (default: never; on Cloud Run: 32)",
        ),
    )
    examples = (
        "-r github",
        '-r github --fallback https://pypi.org/simple/ --private "kindling-*"',
        "-r local --host 0.0.0.0 --port 8080",
    )
    variables = (PASSWORD, f"{VARIABLE}<OPTION>", "PORT", *common.CREDENTIAL_VARIABLES)

    def handle(self) -> int:
        self._take_variables()
        kind = self.option("log-format")
        return self.reported(self._checked, self.make_reporter(kind, events=kind == "json"))

    def _take_variables(self) -> None:
        """Set options from environment variables, if the command line does not set them. Raises `CleoError`."""
        self._stated: dict[str, str] = {}
        environment = os.environ
        for option in self.options:
            name = VARIABLE + option.name.upper().replace("-", "_")
            if option.name == "port" and not environment.get(name):
                name = "PORT"
            text = environment.get(name)
            typed = [f"--{option.name}", *(f"-{each}" for each in (option.shortcut,) if each)]
            # --password is for the repository; the variable is the password of clients.
            if not text or name == PASSWORD or self.io.input.has_parameter_option(typed):
                continue
            value: object = text.split() if option.is_list() else text
            if option.is_flag():
                value = text.lower() in _YES
                if not value and text.lower() not in _NO:
                    raise CleoValueError(f"{name} is {text!r}, which is neither true nor false")
            self._stated[option.name] = name
            self.io.input.set_option(option.name, value)

    def spelling(self, name: str) -> str:
        return self._stated.get(name) or super().spelling(name)

    def use_case(self) -> None:
        index = self.index()
        from publish_all.commands.serve import serve

        password = index.connection.runtime.environment.get(PASSWORD)
        chunked = self.number("chunked-above", float, most=_MOST_MIB)
        if chunked is None:
            chunked = _CLOUD_RUN_MIB if "K_SERVICE" in index.connection.runtime.environment else math.inf
        base_path = (self.text("base-path") or "").rstrip("/")
        if base_path and not _BASE_PATH.fullmatch(base_path):
            hint = "Use a path such as /python."
            raise UsageError(f"{self.spelling('base-path')} {base_path!r} is not a valid path", hint=hint)
        index = replace(
            index,
            password=Secret(password) if password else None,
            own_credentials=self.option("own-credentials") or index.connection.password is not None,
            upload_limit=int((self.number("upload-limit", float, least=1, most=_MOST_MIB) or 0) * _MIB),
            chunked_above=chunked * _MIB,
            base_path=base_path,
        )
        serve(
            index,
            # IPv6 addresses have brackets in URLs only.
            host=(self.text("host") or "127.0.0.1").removeprefix("[").removesuffix("]"),
            port=self.number("port", int, most=_MOST_PORT) or 0,
            log=_print if self.verbosity >= 0 else None,
            log_as_json=self.option("log-format") == "json",
            trusted_proxies=self._trusted_proxies(),
            grace=self.number("grace", int, most=_MOST_GRACE) or 0,
        )

    def _trusted_proxies(self) -> tuple[str, ...]:
        """The proxies for uvicorn, which would ignore invalid ones silently. Raises `UsageError`."""
        stated = self.texts("trusted-proxy")
        for each in stated:
            try:
                _ = each == "*" or ipaddress.ip_network(each)
            except ValueError as error:
                hint = "Use an IP address, a network such as 10.0.0.0/8, or *."
                raise UsageError(f"{self.spelling('trusted-proxy')}: {error}", hint=hint) from error
        return ("*",) if "*" in stated else stated


def _print(line: str) -> None:
    # The server keeps running if the reader of the log is gone.
    with contextlib.suppress(OSError, ValueError):
        print(line, flush=True)  # noqa: T201 - the result of `serve` is its log


class ExecCommand(_IndexCommand):
    """Starts a temporary package index on this machine, and runs a command with <c1>PIP_INDEX_URL</c1>,
    <c1>UV_DEFAULT_INDEX</c1> and similar variables set to it. Only this command can use the index. The configuration
    files of pip and uv are not read; settings in them that are not about indexes still apply.

    Private names come from the repositories only. They are set by <c1>--private</c1>; the default is the names of the
    project. If there are private names, all other names come from <c1>--fallback</c1>, or else from the index in
    the configuration of pip or uv, or else from PyPI.

    <c1>-r github:OWNER</c1> is the GitHub registry of that owner. In the project itself, <c1>-r github</c1> is enough.

    Commands that name other indexes are not started: in an option, a requirements file or a lock file. Poetry is not
    started either, because it reads indexes from pyproject.toml only. If the command fails, errors of the index are
    shown after its output.
    """

    name = "exec"
    description = "Run a command, such as pip install, with a temporary package index"
    takes = (
        Operand(
            "program", "PROGRAM", "The command and its arguments, after `--`.", required=True, several=True
        ),
        common.repository_option("Install from"),
        *_INDEX_OPTIONS,
        Value("port", "PORT", "The port of the index (default: any free port)"),
        flag("no-fallback", "Install from the repositories only."),
    )
    examples = (
        "-r github:sep --private kindling-synapse -- pip install kindling-synapse",
        '-r github:sep --private "kindling-*" -- uv pip install kindling-synapse',
        '-r github:sep --private "kindling-*" --fallback https://pypi.org/simple/ --fallback https://download.pytorch.org/whl/cpu -- pip install kindling-synapse',
    )
    exit_codes = (0, 125)

    _ran = False

    def run(self, io: IO) -> int:
        code = super().run(io)
        return FAILED if code and not self._ran else code

    def use_case(self) -> int:
        index = self.index()
        from publish_all.commands.exec import execute

        no_fallback = self.option("no-fallback")
        if no_fallback and index.fallbacks:
            raise UsageError("--fallback and --no-fallback cannot be combined", hint="Remove one of them.")
        code = execute(
            self.operands("program"),
            index,
            port=self.number("port", int, most=_MOST_PORT) or 0,
            no_fallback=no_fallback,
        )
        self._ran = True
        return code
