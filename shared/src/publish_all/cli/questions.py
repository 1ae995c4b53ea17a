"""Questions with a default answer, asked on the terminal until an answer will do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cleo.io.io import IO

from publish_all.cli.prompt import make_ask
from publish_all.errors import UsageError

_T = TypeVar("_T")


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
