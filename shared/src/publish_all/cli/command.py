"""The base of all commands: read the options, call one use case, show its result, return an exit code.

The same classes are used by `publish-all X` and by Poetry's `poetry publish-all X`.
"""

from __future__ import annotations

import inspect
import math
import os
import re
import signal
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar

from cleo.commands.command import Command
from cleo.exceptions import CleoError, CleoNoSuchOptionError
from cleo.formatters.formatter import Formatter
from cleo.io.inputs.argument import Argument
from cleo.io.inputs.option import Option
from cleo.io.io import IO
from cleo.io.outputs.output import Type as OutputType
from cleo.io.outputs.output import Verbosity
from cleo.io.outputs.stream_output import StreamOutput

from publish_all._process import TERMINATION, on_signals
from publish_all._secret import Secret
from publish_all.cli.options import (
    CONNECTION,
    CREDENTIAL_VARIABLES,
    EXIT_CODES,
    FILES_FLAGS,
    VARIABLES,
    Value,
)
from publish_all.cli.registry import COMMANDS
from publish_all.config.model import Isolation
from publish_all.config.reading import nearest
from publish_all.errors import PublishAllError, UsageError

if TYPE_CHECKING:  # imported when a command runs, but not for its --help
    from publish_all.commands.context import Runtime
    from publish_all.commands.destinations import ConnectionOptions
    from publish_all.commands.files import PublishOptions
    from publish_all.credentials.prompt import Ask
    from publish_all.reporting.reporter import Reporter

USAGE = 2
N = TypeVar("N", int, float)
Row: TypeAlias = tuple[str | int, ...]


class UseCaseCommand(Command, ABC):
    """A command that runs one use case.

    A `PublishAllError` ends it with the exit code of the error, and a traceback only with `-vvv`. A usage error
    ends it with 2, also inside Poetry, whose own commands end with 1.

    `--help` shows the docstring of the class. `takes` and `takes_last` are its arguments and options, `examples` the command lines
    after its name. `exit_codes` and `variables` are the keys of `EXIT_CODES` and `VARIABLES` that `--help` lists.
    `reporter` shows events and results while the use case runs.
    """

    takes: ClassVar[tuple[Argument | Option, ...]] = ()
    takes_last: ClassVar[tuple[Option, ...]] = ()
    exit_codes: ClassVar[tuple[int, ...]] = (0, 1, 2)
    variables: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[str, ...]]
    reporter: Reporter

    def __init_subclass__(cls) -> None:
        cls.arguments, cls.options = [], []
        for each in (*cls.takes, *cls.takes_last):
            if isinstance(each, Argument):
                cls.arguments.append(each)
            else:
                cls.options.append(each)
        if "examples" in vars(cls):
            cls.help = f"{inspect.getdoc(cls) or cls.description}\n\nExamples:\n"
            for example in cls.examples:
                line = f"{{command_full_name}} {example}".rstrip()
                cls.help += f"  <c1>{line}</c1>\n"

    def run(self, io: IO) -> int:
        try:
            return super().run(io)
        except CleoError as error:
            misspelt = re.search(r"--([^\s\"]+)", str(error))
            meant = None
            if isinstance(error, CleoNoSuchOptionError) and misspelt is not None:
                meant = nearest(misspelt[1], [each.name for each in self.definition.options])
            hint = f"see `{self.called_as} --help`" if meant is None else f"did you mean --{meant}?"
            say_wrong_usage(io, error, hint=hint)
            return USAGE

    def handle(self) -> int:
        reporter = self.make_reporter(self.given("format") or "text", events=bool(self.given("events")))
        return self.reported(self._checked, reporter)

    def _checked(self) -> int | None:
        for each in self.definition.options:
            if isinstance(each, Value) and each.choices:
                for value in self.texts(each.name) if self.option(each.name) != "" else ("",):
                    if value not in each.choices:
                        raise UsageError(
                            f"{self.spelling(each.name)} {value!r} is not a valid value",
                            hint="Use one of: " + ", ".join(each.choices),
                        )
        return self.use_case()

    def reported(self, use_case: Callable[[], int | None], reporter: Reporter) -> int:
        """Run a use case with a reporter. A `PublishAllError` is shown, and its exit code returned.

        If the use case is done and only its output cannot be written, its exit code is returned.
        """
        from publish_all.reporting.text import commands_called

        code: int | None = None
        self.reporter = reporter
        with commands_called(self.program, COMMANDS):
            try:
                with interrupted_by_signals(), reporter:
                    code = use_case() or 0
            except PublishAllError as error:
                return self._failed(error)
            except OSError as error:
                pipe_closed = isinstance(error, BrokenPipeError)
                if pipe_closed and not code:
                    raise  # the reader has closed the pipe, which cleo does not treat as an error
                if code is not None:
                    abandon_output()
                    return code or 1
                return self._failed(_of_system(error))
            return code

    def _failed(self, error: PublishAllError) -> int:
        from publish_all.diagnoses import findings_of

        if self.io.is_debug():
            import traceback

            from publish_all.reporting.text import shown

            self.io.write_error(shown("".join(traceback.format_exception(error))), type=OutputType.RAW)
        error.findings = findings_of(error)
        self.reporter.error(error)
        return error.exit_code

    @abstractmethod
    def use_case(self) -> int | None:
        """Call the use case with the options, show its result, and return the exit code; None is 0."""

    @property
    def processed_help(self) -> str:
        from publish_all.reporting.text import as_called, commands_called

        codes = "".join(f"  {code:<4} {EXIT_CODES[code]}\n" for code in self.exit_codes)
        variables = "".join(f"  {name}\n      {VARIABLES[name]}\n" for name in self.variables)
        more = f"\nExit codes:\n{codes}" + (f"\nEnvironment:\n{variables}" if variables else "")
        with commands_called(self.program, COMMANDS):
            return as_called(str(super().processed_help)) + Formatter.escape(more)

    @property
    def called_as(self) -> str:
        """The command as the user types it. In a host, its name includes `publish-all`."""
        if self.application is None or hasattr(self.application, "program"):
            return f"{self.program} {self.name}"
        return f"{self.application.name} {self.name}"

    @property
    def program(self) -> str:
        """The prefix of our commands: `publish-all` or `poetry publish-all`."""
        if self.application is None:
            return "publish-all"
        return str(getattr(self.application, "program", f"{self.application.name} publish-all"))

    @property
    def directory(self) -> Path:
        """The folder of the project: our `-C`, `-P` or `-C` of Poetry, or the current folder."""
        stated = getattr(self.application, "project_directory", None) or self.given("directory")
        return Path(stated) if stated else Path.cwd()

    @property
    def in_poetry(self) -> bool:
        """Whether the command runs inside Poetry."""
        return getattr(self.application, "project_directory", None) is not None

    def runtime(self) -> Runtime:
        """The environment of the use case, with the options of `BUILD_ENVIRONMENT`."""
        from publish_all.commands.context import Runtime

        isolation = Isolation.HOST if self.in_poetry else Isolation.ALWAYS
        isolation = Isolation.NEVER if self.given("no-isolation") else isolation
        refresh = bool(self.given("refresh"))
        return Runtime(isolation=isolation, refresh=refresh, listener=self.reporter.listener)

    @property
    def can_ask(self) -> bool:
        """Whether the input is a terminal, so that questions can be asked.

        Poetry claims to be interactive without a terminal, too, and cleo then repeats a question for ever.
        """
        return self.io.is_interactive() and sys.stdin is not None and sys.stdin.isatty()

    @property
    def verbosity(self) -> int:
        """-1 quiet, 0 normal, 1 to 3 for -v to -vvv."""
        return list(Verbosity).index(self.io.output.verbosity) - 1

    def make_reporter(self, kind: str = "text", *, events: bool = False) -> Reporter:
        from publish_all.reporting.make import make_reporter

        out, err = self.io.output, self.io.error_output
        return make_reporter(
            kind if kind == "json" else "text",
            out=out.stream if isinstance(out, StreamOutput) else sys.stdout,
            err=err.stream if isinstance(err, StreamOutput) else sys.stderr,
            color=self.io.is_decorated(),
            verbosity=self.verbosity,
            events=events,
        )

    def show_rows(self, kind: str, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
        """Show a list as the result. `kind` is its key in JSON."""
        from publish_all.summaries import Listing

        self.reporter.show(Listing(kind=kind, columns=columns, rows=tuple(rows)))

    def note(self, *messages: str) -> None:
        from publish_all.events import Note

        for each in messages:
            self.reporter.listener(Note(message=each))

    def files_options(self, **more: Any) -> PublishOptions:
        """The options that select files, and `more`."""
        from publish_all.commands.files import PublishOptions

        for name in FILES_FLAGS:
            more[name.replace("-", "_")] = bool(self.given(name))
        return PublishOptions(
            directory=self.directory,
            build=not self.option("no-build"),
            variants=self.texts("variant"),
            members=self.members,
            **more,
        )

    @property
    def members(self) -> tuple[str, ...] | None:
        """The selected members of the workspace, empty for all; None if the command is about one project."""
        names = self.texts("member") if self.definition.has_option("member") else ()
        selected = names if names or self.given("all") else None
        # Workspace tools use -p for a package. Here it would be taken as the password.
        if selected is not None and self.io.input.has_parameter_option("-p"):
            raise UsageError(
                "-p does not select a member of the workspace",
                hint="Use --member NAME. A password with --all is --password, or better a variable.",
            )
        return selected

    def given(self, name: str) -> Any:
        """The value of an option, None if this command does not have it."""
        return self.option(name) if self.definition.has_option(name) else None

    def spelling(self, name: str) -> str:
        """The name of an option for messages."""
        return f"--{name}"

    def text(self, name: str) -> str | None:
        """The value of an option, None if it is not given.

        Raises `UsageError` for an empty value. If a script runs `--set "$VERSION"` with an unset variable, the
        command must not run as if the option was not given.
        """
        value: Any = self.option(name)
        if value == "":
            raise UsageError(f"{self.spelling(name)} is empty", hint="Add a value, or remove the option.")
        return str(value) if value not in (None, False) else None

    def texts(self, name: str) -> tuple[str, ...]:
        values: Any = self.option(name) or ()
        return (values,) if isinstance(values, str) else tuple(values)

    def operands(self, name: str) -> tuple[str, ...]:
        """All values of an argument."""
        return tuple(self.argument(name) or ())

    def path(self, name: str) -> Path | None:
        value = self.text(name)
        return Path(value) if value is not None else None

    def number(self, name: str, kind: type[N], *, least: float = 0, most: float = 1e6) -> N | None:
        """The number in an option, None if it is not given. Raises `UsageError`."""
        value = self.text(name)
        if value is None:
            return None
        number = math.nan
        if re.fullmatch(r"[0-9a-z.+-]+", value, re.IGNORECASE | re.ASCII):
            with suppress(ValueError):
                number = kind(value)
        if not least <= number <= most:
            what = "whole number" if kind is int else "number"
            hint = f"Use a {what} from {least:g} to {most:.0f}."
            raise UsageError(f"{self.spelling(name)} {value!r} is not valid", hint=hint)
        return kind(number)


class ConnectingCommand(UseCaseCommand):
    """A command with the options of `CONNECTION`, which come last in its `--help`."""

    exit_codes: ClassVar[tuple[int, ...]] = (0, 1, 2, 3)
    variables: ClassVar[tuple[str, ...]] = CREDENTIAL_VARIABLES
    takes_last = CONNECTION

    def connection(self) -> ConnectionOptions:
        """Read the options of the command line. Raises `UsageError`."""
        from publish_all.commands.destinations import ConnectionOptions

        password = self.option("password") or None
        return ConnectionOptions(
            repositories=self.texts("repository"),
            repository_url=self.text("repository-url"),
            username=self.option("username") or None,
            password=Secret(password) if password is not None else None,
            ca_cert=self.path("ca-cert"),
            client_cert=self.path("client-cert"),
            client_key=self.path("client-key"),
            timeout=self.number("timeout", float, least=0.1),
            auth=self.text("auth") or "auto",
            ask=make_ask(self.io) if self.can_ask else None,
            runtime=self.runtime(),
        )


def make_ask(io: IO) -> Ask:
    """A function that asks a question on stderr. `hidden` answers are not shown.

    The answer is empty at the end of the input.
    """

    def ask(question: str, *, hidden: bool) -> str:
        from cleo.ui.question import Question

        asked = Question(f"<info>{question}</info>: ")
        if hidden:
            asked.hide()
        asked.set_max_attempts(1)  # cleo would ask for ever
        try:
            answer = asked.ask(IO(io.input, io.error_output, io.error_output))
        except (RuntimeError, EOFError):
            # cleo raises RuntimeError at the end of the input.
            answer = None
        return str(answer or "")

    return ask


def say_wrong_usage(io: IO, error: CleoError, *, hint: str) -> None:
    from publish_all.reporting.text import shown

    io.write_error_line(f"<error>error:</error> {Formatter.escape(shown(str(error)))}")
    io.write_error_line(f"  hint: {hint}")


def error_text(error: PublishAllError, *, program: str) -> str:
    """An error with its hint, escaped for cleo. `program` is the prefix of our commands in it."""
    from publish_all.reporting.text import commands_called, shown

    with commands_called(program, COMMANDS):
        return Formatter.escape(shown(error.with_hint))


def abandon_output() -> None:
    """Close stdout and stderr if they cannot be written, because the interpreter would fail at exit and change the exit code."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
            continue
        with suppress(OSError, ValueError, AttributeError), Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())


def _of_system(error: OSError) -> PublishAllError:
    """An error of the operating system as ours: a full disk, a file instead of a folder, no permission."""
    place = f"{error.filename}: " if error.filename is not None else ""
    hint = "Check the type, the permissions and the free space of this path, and run the command again."
    told = PublishAllError(f"{place}{error.strerror or error}", hint=hint)
    told.__cause__ = error
    return told


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """While the block runs, SIGTERM and SIGHUP raise `KeyboardInterrupt`, so that no child process is left running.

    Only the first signal does, so that a second one does not interrupt the cleanup.
    """
    asked = threading.Event()

    def interrupt(number: int) -> None:
        if not asked.is_set():
            asked.set()
            raise KeyboardInterrupt(signal.Signals(number).name)

    with on_signals(TERMINATION, interrupt):
        yield
