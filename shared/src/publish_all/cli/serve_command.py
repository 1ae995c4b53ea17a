"""`publish-all serve` and `publish-all exec`: an index over repositories, to install from."""

from __future__ import annotations

import contextlib
import ipaddress
import math
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
    from publish_all.reporting.reporter import Reporter

VARIABLE = "PUBLISH_ALL_SERVE_"
"""The start of the variables that hold options of `serve`."""
PASSWORD = "PUBLISH_ALL_SERVE_PASSWORD"  # noqa: S105 - the name of a variable
FAILED = 125
"""The exit code of `exec` for whatever is not the command's own, as env and docker have it."""
_MIB = 1024 * 1024
_MOST_MIB = 1e9
_MOST_PORT = 65535
_MOST_GRACE = 24 * 3600
_CLOUD_RUN_MIB = 32  # of a response with its length: https://cloud.google.com/run/quotas
_BASE_PATH = re.compile(r"(/[A-Za-z0-9][A-Za-z0-9._~-]*)+", re.ASCII)
_YES, _NO = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
_INDEX_OPTIONS = [
    *common.NAME_OPTIONS,
    flag("proxy", "Pass on pages and files of the fallback, instead of redirecting."),
    Value("cache-dir", "FOLDER", "The folder in which fetched files are kept"),
    Value("cache-size", "MIB", "How much is kept there, in MiB", default="2048"),
]


class _IndexCommand(ConnectingCommand):
    def index(self) -> IndexOptions:
        """The options that both commands have. Raises `UsageError`."""
        from publish_all.commands.index import IndexOptions, ensure_installed

        ensure_installed()
        return IndexOptions(
            directory=self.directory,
            # Asked for by a server's thread, a password would be typed into another program.
            connection=replace(self.connection(), ask=None),
            fallbacks=self.texts("fallback"),
            private=self.texts("private"),
            proxy=self.option("proxy"),
            cache_dir=self.path("cache-dir"),
            cache_size=int((self.number("cache-size", float, most=_MOST_MIB) or 0) * _MIB),
        )


class ServeCommand(_IndexCommand):
    """Serves an index until it is stopped. Clients authenticate with a user name and password, and the registry
    is asked in their name. With a password in <c1>PUBLISH_ALL_SERVE_PASSWORD</c1>, clients must know that password, and
    the registry is asked in yours. Uploads (to <c1>/legacy/</c1>) go to the repository that is named first. Each request
    is one line on stdout: time, client, method, path, status, bytes, duration. With <c1>--log-format json</c1> it is a
    JSON object, and so are the messages of the server. Figures for Prometheus are at <c1>/metrics</c1>.

    Each option can be given as a variable: <c1>--log-format json</c1> is <c1>PUBLISH_ALL_SERVE_LOG_FORMAT=json</c1>.
    """

    name = "serve"
    description = "Serve a package index over OCI registries and folders, for pip, uv and Poetry"
    takes = (
        *common.repository_options("Serve"),
        Value("host", "HOST", "The address to listen on", default="127.0.0.1"),
        Value("port", "PORT", "The port to listen on (0: any free one)", default="8080"),
        *_INDEX_OPTIONS,
        flag("own-credentials", "Read the repositories with your own credentials, for all clients."),
        Value("upload-limit", "MIB", "The largest upload, in MiB", default="2048"),
        Value("log-format", "FORMAT", "How to log requests", choices=("text", "json"), default="text"),
        Value("base-path", "PATH", "A path before all addresses, as /python"),
        Value(
            "trusted-proxy",
            "ADDRESS",
            "A proxy whose X-Forwarded-For is believed: an address, a network, or * for all",
            several=True,
        ),
        Value("grace", "SECONDS", "How long running transfers may take after a SIGTERM", default="8"),
        Value(
            "chunked-above",
            "MIB",
            "Send larger files in chunks, without their length, in MiB (default: never; on Cloud Run 32)",
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
        return super().handle()

    def _take_variables(self) -> None:
        """Set the options that variables state and the command line does not. Raises `CleoError`."""
        self._stated: dict[str, str] = {}
        environment = self.runtime().environment
        for option in self.options:
            name = VARIABLE + option.name.upper().replace("-", "_")
            if option.name == "port" and not environment.get(name):
                name = "PORT"
            text = environment.get(name)
            typed = [f"--{option.name}", *(f"-{each}" for each in (option.shortcut,) if each)]
            # --password is the password of a repository, and the variable that of clients.
            if not text or name == PASSWORD or self.io.input.has_parameter_option(typed):
                continue
            value: object = text.split() if option.is_list() else text
            if option.is_flag():
                value = text.lower() in _YES
                if not value and text.lower() not in _NO:
                    raise CleoValueError(f"{name} is {text!r}; it is true or false")
            self._stated[option.name] = name
            self.io.input.set_option(option.name, value)

    def spelling(self, name: str) -> str:
        return self._stated.get(name) or super().spelling(name)

    def own_reporter(self) -> Reporter:
        kind = self.option("log-format")
        return self.make_reporter(kind, events=kind == "json")

    def use_case(self) -> None:
        index = self.index()
        from publish_all.commands.serve import serve

        password = index.connection.runtime.environment.get(PASSWORD)
        chunked = self.number("chunked-above", float, most=_MOST_MIB)
        if chunked is None:
            chunked = _CLOUD_RUN_MIB if "K_SERVICE" in index.connection.runtime.environment else math.inf
        base_path = (self.text("base-path") or "").rstrip("/")
        if base_path and not _BASE_PATH.fullmatch(base_path):
            hint = "It is a path such as /python."
            raise UsageError(f"{self.spelling('base-path')} is {base_path!r}", hint=hint)
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
            listener=self.listener,
            trusted_proxies=self._trusted_proxies(),
            grace=self.number("grace", int, most=_MOST_GRACE) or 0,
        )

    def _trusted_proxies(self) -> tuple[str, ...]:
        """As uvicorn takes them, which says nothing of one that it does not understand. Raises `UsageError`."""
        stated = self.texts("trusted-proxy")
        for each in stated:
            try:
                _ = each == "*" or ipaddress.ip_network(each)
            except ValueError as error:
                hint = "Give an IP address, a network as 10.0.0.0/8, or *."
                raise UsageError(f"{self.spelling('trusted-proxy')}: {error}", hint=hint) from error
        return ("*",) if "*" in stated else stated


def _print(line: str) -> None:
    # Requests are answered also when nobody reads the log any more.
    with contextlib.suppress(OSError, ValueError):
        print(line, flush=True)  # noqa: T201 - the result of `serve` is its log


class ExecCommand(_IndexCommand):
    """Starts an index on a port of this machine that only the command can use, and runs the command with
    <c1>PIP_INDEX_URL</c1>, <c1>UV_DEFAULT_INDEX</c1> and the like set to it. The configuration files of pip and uv are
    switched off for the command; settings in them that do not name an index are passed on. Private names come
    from the repositories only. If any are known (by <c1>--private</c1>, or as the project's own), all others come from
    <c1>--fallback</c1>, or else from the index that pip or uv is configured to, or else from PyPI.

    A command that names other indexes itself (an option, a requirements file, a lock file), and Poetry, which
    takes indexes from pyproject.toml only, are not started. The exit code is the command's; 125 if it could not
    be run. If it fails, the reasons of the index are shown after it. <c1>github:sep</c1> is GitHub's registry, and sep
    the owner of the packages; in the project itself <c1>-r github</c1> is enough.
    """

    name = "exec"
    description = "Run a command, such as pip install, with a temporary package index"
    takes = (
        Operand(
            "program", "PROGRAM", "What to run, with its arguments, after --.", required=True, several=True
        ),
        *common.repository_options("Install from"),
        *_INDEX_OPTIONS,
        Value("port", "PORT", "The port of the index (default: any free one)"),
        flag("no-fallback", "Install from the repositories alone."),
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
            raise UsageError("--fallback and --no-fallback exclude each other", hint="Leave one of them out.")
        code = execute(
            self.operands("program"),
            index,
            port=self.number("port", int, most=_MOST_PORT) or 0,
            no_fallback=no_fallback,
            listener=self.listener,
        )
        self._ran = True
        return code
