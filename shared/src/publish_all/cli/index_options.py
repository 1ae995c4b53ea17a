"""The options that `serve`, `exec` and `download` share."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cleo.helpers import option
from cleo.io.inputs.option import Option

from publish_all.commands.index import IndexOptions

if TYPE_CHECKING:
    from publish_all.cli.connection import ConnectingCommand

_MIB = 1024 * 1024
MOST_MIB = 1e9
MOST_PORT = 65535


def name_options() -> list[Option]:
    """Which names come from where."""
    return [
        option(
            "fallback",
            None,
            "An index for all names that are not private (may be given several times).",
            flag=False,
            multiple=True,
        ),
        option(
            "private",
            None,
            "A name or pattern (kindling-*) that is never looked up in the fallback (may be given several "
            "times; default: what the project publishes).",
            flag=False,
            multiple=True,
        ),
    ]


def index_options() -> list[Option]:
    return [
        *name_options(),
        option("proxy", None, "Pass the fallback's pages and files on, instead of redirecting.", flag=True),
        option("cache-dir", None, "The folder in which fetched files are kept.", flag=False),
        option("cache-size", None, "How much is kept there, in MiB (default: 2048).", flag=False),
    ]


def read_index_options(command: ConnectingCommand) -> IndexOptions:
    """What those options say. Raises `UsageError`."""
    options = IndexOptions(
        directory=command.directory,
        # Asked for by a server's thread, a password would be typed into another program.
        connection=replace(command.connection(), ask=None),
        fallbacks=command.texts("fallback"),
        private=command.texts("private"),
        proxy=bool(command.option("proxy")),
        cache_dir=command.path("cache-dir"),
    )
    size = command.number("cache-size", most=MOST_MIB)
    return options if size is None else replace(options, cache_size=int(size * _MIB))
