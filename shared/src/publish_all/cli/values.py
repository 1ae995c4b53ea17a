"""What the values of options are: the word for one in a synopsis, and what a shell may offer for it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType

from cleo.io.inputs.option import Option

from publish_all._values import dataclass


class Offer(enum.Enum):
    """What may stand for a value."""

    NOTHING = "nothing"
    FILE = "file"
    FOLDER = "folder"
    REPOSITORY = "repository"
    VARIANT = "variant"
    COMMAND = "command"


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """`choices` is the closed set of values, if it is one."""

    word: str
    offer: Offer = Offer.NOTHING
    choices: tuple[str, ...] = ()


# An option has the same meaning in all commands that have it, so its name is enough.
_OF_OPTIONS: Mapping[str, Value] = MappingProxyType(
    {
        "auth": Value(word="HOW", choices=("auto", "oidc", "token")),
        "ca-cert": Value(word="FILE", offer=Offer.FILE),
        "cache-dir": Value(word="FOLDER", offer=Offer.FOLDER),
        "cache-size": Value(word="MIB"),
        "ci": Value(word="SERVICE", choices=("github", "gitlab", "none")),
        "client-cert": Value(word="FILE", offer=Offer.FILE),
        "client-key": Value(word="FILE", offer=Offer.FILE),
        "dest": Value(word="FOLDER", offer=Offer.FOLDER),
        "diff": Value(word="VARIANT", offer=Offer.VARIANT),
        "directory": Value(word="FOLDER", offer=Offer.FOLDER),
        "fallback": Value(word="URL"),
        "format": Value(word="FORMAT", choices=("text", "json")),
        "from": Value(word="REPOSITORY", offer=Offer.REPOSITORY),
        "from-workflow": Value(word="FILE", offer=Offer.FILE),
        "jobs": Value(word="N"),
        "log-format": Value(word="FORMAT", choices=("text", "json")),
        "kind": Value(word="KIND", choices=("wheel", "sdist")),
        "manifest": Value(word="FILE", offer=Offer.FILE),
        "names": Value(word="KIND", choices=("repositories", "variants")),
        "output": Value(word="FOLDER", offer=Offer.FOLDER),
        "private": Value(word="PATTERN"),
        "project": Value(word="NAME"),
        "receipt": Value(word="FILE", offer=Offer.FILE),
        "register": Value(word="TOOL", choices=("poetry", "hatch", "uv", "pip", "pypirc")),
        "release": Value(word="VERSION"),
        "repository": Value(word="NAME", offer=Offer.REPOSITORY),
        "repository-url": Value(word="URL"),
        "set": Value(word="VERSION"),
        "tag-prefix": Value(word="TEXT"),
        "test": Value(word="COMMAND"),
        "timeout": Value(word="SECONDS"),
        "trigger": Value(word="EVENT", choices=("release", "tag")),
        "upload-limit": Value(word="MIB"),
        "username": Value(word="USER"),
        "variant": Value(word="NAME", offer=Offer.VARIANT),
        "verify-timeout": Value(word="SECONDS"),
        "version-source": Value(word="SOURCE", choices=("project", "git", "attribute")),
        "wheel-tag": Value(word="TAG"),
    }
)

_OF_ARGUMENTS: Mapping[str, Value] = MappingProxyType(
    {
        "command_name": Value(word="COMMAND", offer=Offer.COMMAND),
        "files": Value(word="FILE", offer=Offer.FILE),
        "receipts": Value(word="RECEIPT", offer=Offer.FILE),
        "repository": Value(word="REPOSITORY", offer=Offer.REPOSITORY),
        "requirements": Value(word="REQUIREMENT"),
        "names": Value(word="NAME"),
        "shell": Value(word="SHELL", choices=("bash", "zsh", "fish")),
    }
)


def value_of_option(option: Option) -> Value | None:
    """None for an option that takes no value."""
    if not option.accepts_value():
        return None
    return _OF_OPTIONS.get(option.name, Value(word=option.name.upper()))


def value_of_argument(name: str) -> Value:
    return _OF_ARGUMENTS.get(name, Value(word=name.upper().replace("_", "-")))
