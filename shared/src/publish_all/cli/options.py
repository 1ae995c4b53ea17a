"""What commands are described with: options and arguments that know their values, exit codes and variables.

`--help`, the reference (`tools/reference.py`) and completions are made from these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from cleo.io.inputs.argument import Argument
from cleo.io.inputs.option import Option

EXIT_CODES: Mapping[int, str] = MappingProxyType(
    {
        0: "done, or nothing to do",
        1: "failed",
        2: "wrong usage or configuration",
        3: "a credential is missing or refused",
        4: "a check failed, nothing was uploaded",
        5: "files are or may be uploaded, but not all are uploaded and verified: run again to resume",
        6: "conflict: a file exists with other bytes, nothing was uploaded",
        125: "`exec` could not run the command; all other exit codes of `exec` are those of the command",
    }
)
_OF_CREDENTIALS = {
    "PUBLISH_ALL_<REPOSITORY>_TOKEN": "the token for the repository of that name",
    "PUBLISH_ALL_<REPOSITORY>_TOKEN_FOR_<PROJECT>": "its token for one project, which comes first",
    "PUBLISH_ALL_<REPOSITORY>_USERNAME": "the user name that goes with it",
    "PUBLISH_ALL_<REPOSITORY>_PASSWORD": "a password in place of a token",
    "GITHUB_TOKEN": "the token for GitHub's container registry",
    "PUBLISH_ALL_REPOSITORIES_<NAME>_URL": "where that repository is, before what your configuration says",
}
_OF_VERSION = {
    "PUBLISH_ALL_VERSION": "the version, whatever the project says",
    "PUBLISH_ALL_VERSION_FOR_<PROJECT>": "the same for one project, which comes first",
}
_OF_BUILD = {
    **_OF_VERSION,
    "SOURCE_DATE_EPOCH": "the time that files in sdists and wheels are given, in seconds since 1970",
}
_OF_SERVE = {
    "PUBLISH_ALL_SERVE_PASSWORD": "the password that clients of `serve` must know",
    "PUBLISH_ALL_SERVE_<OPTION>": "the value of any other option of `serve`, as PUBLISH_ALL_SERVE_LOG_FORMAT: "
    "`true` for an option without a value, several values with spaces between them; the command line comes first",
    "PORT": "the port of `serve`, after PUBLISH_ALL_SERVE_PORT",
}
VARIABLES = {**_OF_CREDENTIALS, **_OF_BUILD, **_OF_SERVE}
CREDENTIAL_VARIABLES, VERSION_VARIABLES, BUILD_VARIABLES = map(
    tuple[str, ...], (_OF_CREDENTIALS, _OF_VERSION, _OF_BUILD)
)


class Value(Option):
    """An option with a value, for which `word` stands in the reference.

    Only the `choices` are accepted, if there are any. `names` is what a shell offers the names of:
    "repositories" or "variants".
    """

    def __init__(
        self,
        name: str,
        word: str,
        text: str,
        *,
        short: str | None = None,
        default: str | None = None,
        several: bool = False,
        choices: Iterable[str] = (),
        names: str | None = None,
    ) -> None:
        self.word, self.choices, self.names = word, tuple(choices), names
        text += f": {', '.join(self.choices[:-1])} or {self.choices[-1]}" if self.choices else ""
        super().__init__(name, short, flag=False, is_list=several, description=f"{text}.", default=default)


class Operand(Argument):
    """An argument; `word`, `choices` and `names` as for options."""

    def __init__(
        self,
        name: str,
        word: str,
        text: str,
        *,
        required: bool = False,
        several: bool = False,
        choices: Iterable[str] = (),
        names: str | None = None,
    ) -> None:
        self.word, self.choices, self.names = word, tuple(choices), names
        super().__init__(name, required=required, is_list=several, description=text)


def flag(name: str, text: str, *, short: str | None = None) -> Option:
    return Option(name, short, description=text)


FORMAT = Value("format", "FORMAT", "How to show results", choices=("text", "json"), default="text")
WORKSPACE = [
    flag("all", "All members of the workspace, in the order of their dependencies."),
    Value("member", "NAME", "Only this member of the workspace", several=True),
]
"""Which members of a workspace a command is about; see `UseCaseCommand.members`."""
VARIANT = Value("variant", "NAME", "Only this build variant", several=True, names="variants")
ALLOW_MISSING = flag("allow-missing", "Leave out platform wheels whose prebuilt files are missing.")
BUILD_ENVIRONMENT = [
    flag("no-isolation", "Build with what is installed here, not in an isolated environment."),
    flag("refresh", "Make new isolated build environments. (By default they are used again for 24 hours.)"),
]
"""Where builds run."""
FILES_FLAGS = ("allow-dirty", "allow-missing", "dry-run", "fresh", "offline", "rehearse", "skip-existing")
"""Flags that are fields of `PublishOptions`; each command has some of them."""
CONNECTION = [
    Value("repository-url", "URL", "The URL of the repository, in place of its name"),
    Value("username", "USER", "The user name for the repository", short="u"),
    Value(
        "password", "PASSWORD", "The password or token; better set in the environment or keyring", short="p"
    ),
    Value("auth", "HOW", "Which credentials to use", choices=("auto", "oidc", "token"), default="auto"),
    Value("ca-cert", "FILE", "A file of CA certificates to trust instead of the system's"),
    Value("client-cert", "FILE", "A client certificate (PEM), with its key or beside --client-key"),
    Value("client-key", "FILE", "The key of the client certificate (PEM)"),
    Value("timeout", "SECONDS", "Seconds to wait for the network, for each operation"),
]
"""How to reach a repository."""
NAME_OPTIONS = [
    Value("fallback", "URL", "An index for all names that are not private", several=True),
    Value(
        "private",
        "PATTERN",
        "A name or pattern (kindling-*) that is never looked up in the fallback (default: "
        "what the project publishes)",
        several=True,
    ),
]
"""Which names an index takes from where."""


def repository_option(verb: str, *, several: bool = True) -> Option:
    """`verb` says what is done with the repository; `several` whether the command takes more than one."""
    text = f"{verb} this repository"
    return Value("repository", "NAME", text, short="r", several=several, names="repositories")


def repository_options(verb: str = "Publish to", *, several: bool = True) -> list[Option]:
    return [repository_option(verb, several=several), *CONNECTION]
