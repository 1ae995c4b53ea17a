"""Questions with a default answer, asked on the terminal until an answer will do."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TypeVar

from cleo.io.io import IO

from publish_all.cli.command import make_ask
from publish_all.errors import UsageError

_T = TypeVar("_T")
_Member = TypeVar("_Member", bound=enum.Enum)


class Questions:
    """Asks on the error output. At the end of the input every answer is the default."""

    def __init__(self, io: IO) -> None:
        self._io = io
        self._ask = make_ask(io)

    def text(self, question: str, default: str) -> str:
        return self._ask(f"{question} [{default}]", hidden=False).strip() or default

    def parsed(self, question: str, default: str, read: Callable[[str], _T]) -> _T:
        """What `read` makes of the answer; asked again where it raises `UsageError`."""
        while True:
            text = self.text(question, default)
            try:
                return read(text)
            except UsageError as error:
                if text == default:
                    raise
                hint = f" {error.hint}" if error.hint else ""
                self._io.write_error_line(f"  {error.message}.{hint}")

    def confirm(self, question: str, *, default: bool) -> bool:
        answer = self.text(question, "yes" if default else "no").lower()
        return answer in {"y", "yes"} if answer in {"y", "yes", "n", "no"} else default


def member_of(kind: type[_Member], name: str, text: str, *, more: tuple[str, ...] = ()) -> _Member:
    """The member of an enum that the option `name` means; `more` may be said too. Raises `UsageError`."""
    try:
        return kind(text.strip().lower())
    except ValueError:
        msg = f"--{name} is {text!r}"
        raise UsageError(
            msg, hint="It is one of: " + ", ".join((*(each.value for each in kind), *more))
        ) from None


def members_of(
    kind: type[_Member], name: str, texts: tuple[str, ...], *, more: tuple[str, ...] = ()
) -> tuple[_Member, ...] | None:
    return tuple(dict.fromkeys(member_of(kind, name, each, more=more) for each in texts)) or None
