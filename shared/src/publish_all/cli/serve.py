"""`publish-all serve`, `poetry publish-all serve`."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import ClassVar

from cleo.helpers import option
from cleo.io.inputs.option import Option

from publish_all._secret import Secret
from publish_all.cli.command import FORMATS
from publish_all.cli.connection import ConnectingCommand
from publish_all.cli.index_options import MOST_MIB, MOST_PORT, index_options, read_index_options
from publish_all.cli.manual import CREDENTIAL_VARIABLES
from publish_all.cli.options import repository_options
from publish_all.commands.serve import ServeOptions, serve
from publish_all.errors import UsageError
from publish_all.reporting.reporter import Reporter

PASSWORD = "PUBLISH_ALL_SERVE_PASSWORD"  # noqa: S105 - the name of a variable
_MIB = 1024 * 1024


class ServeCommand(ConnectingCommand):
    name = "serve"
    description = "Serves an index over OCI registries and folders, for pip, uv and Poetry to install from."
    options: ClassVar[list[Option]] = [
        *repository_options("Serve"),
        option("host", None, "The address to listen on.", flag=False, default="127.0.0.1"),
        option("port", None, "The port to listen on (0: any free one).", flag=False, default="8080"),
        *index_options(),
        option(
            "own-credentials",
            None,
            "Read the repositories with your own credentials, whoever asks.",
            flag=True,
        ),
        option("upload-limit", None, "How long an upload may be, in MiB (default: 2048).", flag=False),
        option("log-format", None, "How requests are logged: text or json.", flag=False, default="text"),
    ]
    help = """\
Serves an index until it is stopped. Clients say who they are by Basic authentication, and the registry
is asked in their name; with a password in <c1>PUBLISH_ALL_SERVE_PASSWORD</c1> they must know that, and the
registry is asked in yours. Uploads (to <c1>/legacy/</c1>) go to the repository that is named first. Each request is
one line on stdout: time, client, method, path, status, bytes, duration. With <c1>--log-format json</c1> it is a JSON
object, and so are the messages of the server.

Examples:
  <c1>{command_full_name} -r github</c1>
  <c1>{command_full_name} -r github --fallback https://pypi.org/simple/ --private "kindling-*"</c1>
  <c1>{command_full_name} -r local --host 0.0.0.0 --port 8080</c1>
"""
    exit_codes = (0, 1, 2, 3)
    variables = ("PUBLISH_ALL_SERVE_PASSWORD", *CREDENTIAL_VARIABLES)

    def handle(self) -> int:
        as_json = self.option("log-format") == "json"
        return self.reported(self.use_case, self.make_reporter("json" if as_json else "text", events=as_json))

    def use_case(self, reporter: Reporter) -> int:
        log_format = self.text("log-format")
        if log_format not in FORMATS:
            msg = f"--log-format is {log_format!r}"
            raise UsageError(msg, hint="It is one of: " + ", ".join(FORMATS))
        index = read_index_options(self)
        password = index.connection.around.environment.get(PASSWORD)
        limit = self.number("upload-limit", least=1, most=MOST_MIB)
        index = replace(
            index,
            password=Secret(password) if password else None,
            own_credentials=bool(self.option("own-credentials")) or index.connection.password is not None,
            upload_limit=index.upload_limit if limit is None else int(limit * _MIB),
        )
        port = self.whole_number("port", most=MOST_PORT) or 0
        serve(
            ServeOptions(
                index=index,
                host=_address(self.text("host") or "127.0.0.1"),
                port=port,
                log=_print if self.verbosity >= 0 else None,
                log_as_json=log_format == "json",
            ),
            listener=reporter.listener,
        )
        return 0


def _print(line: str) -> None:
    # Requests are answered also when nobody reads the log any more.
    with contextlib.suppress(OSError, ValueError):
        print(line, flush=True)  # noqa: T201 - the result of `serve` is its log


def _address(host: str) -> str:
    """An address as one listens on it: that of IPv6 without the brackets that it has in URLs."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host
