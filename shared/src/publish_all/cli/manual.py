"""The manual of the commands as values, made from the commands: for `--help` and for the reference.

What is said of a command is written down once, at the command. This is read by `page_text` for a
terminal, and by `tools/reference.py` for docs/reference/commands.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from cleo.commands.command import Command
from cleo.io.inputs.argument import Argument
from cleo.io.inputs.option import Option

from publish_all._values import dataclass
from publish_all.cli.values import value_of_argument, value_of_option

EXIT_CODES: Mapping[int, str] = MappingProxyType(
    {
        0: "done, or nothing to do",
        1: "failed",
        2: "usage or configuration",
        3: "credentials",
        4: "a check failed, nothing was uploaded",
        5: "some uploads are or may be done, and not all are done and seen in the index: run again to resume",
        6: "conflict: the same filename with other bytes; nothing was uploaded",
        125: "of `exec`: the command could not be run; any other code of `exec` is the command's own",
    }
)

VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        "PUBLISH_ALL_<REPOSITORY>_TOKEN": "the token for the repository of that name",
        "PUBLISH_ALL_<REPOSITORY>_TOKEN_FOR_<PROJECT>": "its token for one project, which comes first",
        "PUBLISH_ALL_<REPOSITORY>_USERNAME": "the user name that goes with it",
        "PUBLISH_ALL_<REPOSITORY>_PASSWORD": "a password in place of a token",
        "PUBLISH_ALL_REPOSITORIES_<NAME>_URL": "where that repository is, before what your configuration says",
        "PUBLISH_ALL_VERSION": "the version, whatever the project says",
        "PUBLISH_ALL_VERSION_FOR_<PROJECT>": "the same for one project, which comes first",
        "PUBLISH_ALL_SERVE_PASSWORD": "the password that clients of `serve` must know",
        "GITHUB_TOKEN": "the token for GitHub's container registry",
        "SOURCE_DATE_EPOCH": "the time that files in sdists and wheels are given, in seconds since 1970",
    }
)

CREDENTIAL_VARIABLES = (
    "PUBLISH_ALL_<REPOSITORY>_TOKEN",
    "PUBLISH_ALL_<REPOSITORY>_TOKEN_FOR_<PROJECT>",
    "PUBLISH_ALL_<REPOSITORY>_USERNAME",
    "PUBLISH_ALL_<REPOSITORY>_PASSWORD",
    "GITHUB_TOKEN",
    "PUBLISH_ALL_REPOSITORIES_<NAME>_URL",
)
VERSION_VARIABLES = ("PUBLISH_ALL_VERSION", "PUBLISH_ALL_VERSION_FOR_<PROJECT>")
BUILD_VARIABLES = (*VERSION_VARIABLES, "SOURCE_DATE_EPOCH")

GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Start": ("init", "doctor", "explain", "login"),
        "Build and publish": ("build", "check", "publish"),
        "Look": ("version", "variants", "config", "repositories"),
        "OCI registries, such as GitHub's": ("list", "download", "finalize"),
        "Install": ("exec", "serve"),
    }
)
"""The commands in the order in which people meet them; those not named here come last."""
REST = "This command line"

_CONNECTION = (
    "repository-url",
    "username",
    "password",
    "auth",
    "ca-cert",
    "client-cert",
    "client-key",
    "timeout",
)
_STYLE = re.compile(r"<(/?)[a-z0-9]*>")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """An argument or option: `-r, --repository NAME`, what it does, and its default as written."""

    synopsis: str
    text: str
    default: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """All that is to be told of one command. `text` is paragraphs, `options` groups by their titles."""

    name: str
    called_as: str
    summary: str
    usage: str
    text: str
    arguments: tuple[Entry, ...]
    options: Mapping[str, tuple[Entry, ...]]
    examples: tuple[str, ...]
    exit_codes: Mapping[int, str]
    variables: Mapping[str, str]


def page_of(command: Command, *, called_as: str) -> Page:
    """The page of a command, under the name by which it is called (`publish-all build`)."""
    text, examples = _split(command.help, called_as)
    codes: Iterable[int] = getattr(command, "exit_codes", (0, 1, 2))
    variables: Iterable[str] = getattr(command, "variables", ())
    return Page(
        name=command.name or "",
        called_as=called_as,
        summary=command.description,
        usage=" ".join([called_as, "[options]", *map(_usage, command.arguments)]),
        text=text,
        arguments=tuple(map(_argument, command.arguments)),
        options=_groups(command.options),
        examples=examples,
        exit_codes={code: EXIT_CODES[code] for code in codes},
        variables={name: VARIABLES[name] for name in variables},
    )


def ordered(names: Iterable[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The names in their groups; groups without any are left out."""
    left = list(names)
    for title, members in GROUPS.items():
        here = tuple(each for each in members if each in left)
        if here:
            yield title, here
    rest = tuple(each for each in left if not any(each in members for members in GROUPS.values()))
    if rest:
        yield REST, rest


def option_entry(option: Option) -> Entry:
    value = value_of_option(option)
    short = f"-{option.shortcut.split('|')[0]}, " if option.shortcut else ""
    word = "" if value is None else f" {value.word}"
    return Entry(
        synopsis=f"{short}--{option.name}{word}",
        text=_plain(option.description),
        default=_default(option.default) if value is not None else None,
    )


def _split(help_text: str, called_as: str) -> tuple[str, tuple[str, ...]]:
    """The paragraphs of a help text, and its examples."""
    full = _plain(help_text.replace("{command_full_name}", called_as))
    text, _, examples = full.partition("Examples:\n")
    return text.strip(), tuple(line.strip() for line in examples.splitlines() if line.strip())


def _plain(text: str) -> str:
    return _STYLE.sub("", text)


def _usage(argument: Argument) -> str:
    word = value_of_argument(argument.name).word + ("…" if argument.is_list() else "")
    return word if argument.is_required() else f"[{word}]"


def _argument(argument: Argument) -> Entry:
    word = value_of_argument(argument.name).word
    return Entry(synopsis=word + ("…" if argument.is_list() else ""), text=_plain(argument.description))


def _default(value: object) -> str | None:
    return None if value in (None, [], "") else value if isinstance(value, str) else json.dumps(value)


def _groups(options: Iterable[Option]) -> Mapping[str, tuple[Entry, ...]]:
    every = list(options)
    connects = {each.name for each in every}.issuperset(_CONNECTION)
    apart = [each for each in every if connects and each.name in _CONNECTION]
    own = [each for each in every if each not in apart]
    groups = {"Options": own, "To reach the repository": apart}
    return {title: tuple(map(option_entry, members)) for title, members in groups.items() if members}
