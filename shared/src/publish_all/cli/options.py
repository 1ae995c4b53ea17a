"""Options, arguments, exit codes and environment variables of the commands.

`--help`, the reference (`tools/reference.py`) and the completions are generated from these.
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
        5: "files may be uploaded, but not all are uploaded and verified: run again to resume",
        6: "a file already exists with other content, nothing was uploaded",
        125: "`exec` could not run the command; its other exit codes are those of the command",
    }
)
_OF_CREDENTIALS = {
    "PUBLISH_ALL_<REPOSITORY>_TOKEN": "the token for this repository",
    "PUBLISH_ALL_<REPOSITORY>_TOKEN_FOR_<PROJECT>": "the token for one project, used before the other one",
    "PUBLISH_ALL_<REPOSITORY>_USERNAME": "the user name for this repository",
    "PUBLISH_ALL_<REPOSITORY>_PASSWORD": "the password for this repository, instead of a token",
    "GITHUB_TOKEN": "the token for GitHub's container registry",
    "PUBLISH_ALL_REPOSITORIES_<NAME>_URL": "the URL of this repository, used before the configured one",
}
_OF_VERSION = {
    "PUBLISH_ALL_VERSION": "the version, used before the version source of the project",
    "PUBLISH_ALL_VERSION_FOR_<PROJECT>": "the version of one project, used before PUBLISH_ALL_VERSION",
}
_OF_BUILD = {
    **_OF_VERSION,
    "SOURCE_DATE_EPOCH": "the time stamp of files in sdists and wheels, in seconds since 1970",
}
_OF_SERVE = {
    "PUBLISH_ALL_SERVE_PASSWORD": "the password that clients of `serve` need",
    "PUBLISH_ALL_SERVE_<OPTION>": "an option of `serve`, for example PUBLISH_ALL_SERVE_LOG_FORMAT. Separate several "
    "values with spaces, and use `true` for an option without a value. The command line is used first",
    "PORT": "the port of `serve`, if PUBLISH_ALL_SERVE_PORT is not set",
}
VARIABLES = {**_OF_CREDENTIALS, **_OF_BUILD, **_OF_SERVE}
CREDENTIAL_VARIABLES, VERSION_VARIABLES, BUILD_VARIABLES = map(
    tuple[str, ...], (_OF_CREDENTIALS, _OF_VERSION, _OF_BUILD)
)


class Value(Option):
    """An option with a value. The reference calls the value `word`.

    If there are `choices`, other values are rejected. `names` is the kind of names that completions offer:
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
    """An argument, with `word`, `choices` and `names` as for options."""

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


FORMAT = Value("format", "FORMAT", "Output format", choices=("text", "json"), default="text")
WORKSPACE = [
    flag("all", "Use all members of the workspace, dependencies first."),
    Value("member", "NAME", "Use only this member of the workspace", several=True),
]
"""Select members of a workspace; see `UseCaseCommand.members`."""
BUILD_ENVIRONMENT = [
    flag("no-isolation", "Build in the current environment instead of an isolated one."),
    flag("refresh", "Create new isolated build environments. (By default they are reused for 24 hours.)"),
]
"""The environment of builds."""
BUILD = [
    Value("variant", "NAME", "Use only this build variant", several=True, names="variants"),
    *WORKSPACE,
    flag("allow-missing", "Skip platform wheels whose prebuilt files are missing."),
    *BUILD_ENVIRONMENT,
]
"""What commands build, and how."""
FILES_FLAGS = ("allow-dirty", "allow-missing", "dry-run", "fresh", "offline", "rehearse", "skip-existing")
"""Flags that are also fields of `PublishOptions`. Each command has some of them."""
CONNECTION = (
    Value("repository-url", "URL", "The upload URL of the repository, instead of its name"),
    Value("username", "USER", "The user name for the repository", short="u"),
    Value("password", "PASSWORD", "The password or token (safer in the keyring or in a variable)", short="p"),
    Value("auth", "HOW", "How to authenticate", choices=("auto", "oidc", "token"), default="auto"),
    Value("ca-cert", "FILE", "CA certificates to trust instead of those of the system (PEM)"),
    Value("client-cert", "FILE", "A client certificate (PEM), which can include its key"),
    Value("client-key", "FILE", "The key of the client certificate (PEM)"),
    Value("timeout", "SECONDS", "The timeout of each network operation, in seconds"),
)
"""How to reach a repository."""
NAME_OPTIONS = [
    Value("fallback", "URL", "Take all names that are not private from this index", several=True),
    Value(
        "private",
        "PATTERN",
        "Never take this name from the fallback: a name, or a pattern such as kindling-* "
        "(default: the names of the project)",
        several=True,
    ),
]
"""Where an index takes each name from."""


def repository_option(verb: str, *, several: bool = True) -> Option:
    """The option `-r`. `verb` is the start of its help text; `several` allows more than one repository."""
    text = f"{verb} this repository"
    return Value("repository", "NAME", text, short="r", several=several, names="repositories")
