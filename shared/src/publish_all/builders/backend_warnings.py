"""The warnings of build backends, in a few lines each: they go to a log that is shown only when a build fails.

Backends give them to Python's `warnings` and `logging`. Their output, including that of compilers, is not searched.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from publish_all._build_system import Backend, backend_name, backend_of
from publish_all.diagnoses import Diagnosis
from publish_all.events import Found, Listener

# Lines of a warning: most have the problem in the first line, and the solution in the next lines.
_LINES = 5
_WIDTH = 200
# The frames that setuptools draws around its texts, and messages that are not about the project.
_FRAME = re.compile(r"[!*=~-]*")
_IDLE = re.compile(
    r"no previously-included (files|directories)|byte-compiling is disabled|setup\.py install is deprecated"
    r"|standard file '-c' not found"
)
_PREFIX = re.compile(r"(?:\S+:\d+: )?(?:\w*warning: )", re.IGNORECASE)


@contextlib.contextmanager
def warnings_heard(pyproject: Mapping[str, Any], listener: Listener) -> Iterator[None]:
    """Within it, warnings of the backend of this pyproject.toml go to the listener and to the log."""
    backend = backend_of(pyproject)
    name = backend.value if backend is not Backend.OTHER else backend_name(pyproject).partition(".")[0]

    def tell(text: str) -> None:
        lines = _shortened(text)
        if lines and not _IDLE.search(lines[0]):
            listener(Found(finding=Diagnosis("PA703").found("\n".join([f"{name}: {lines[0]}", *lines[1:]]))))

    show, record = warnings.showwarning, logging.getLogRecordFactory()

    def showwarning(message: Warning | str, *arguments: Any, **options: Any) -> None:
        tell(str(message))
        show(message, *arguments, **options)

    def recorded(*arguments: Any, **options: Any) -> logging.LogRecord:
        made = record(*arguments, **options)
        if made.levelno == logging.WARNING:
            tell(made.getMessage())
        return made

    # A handler would keep setuptools from setting up its own.
    warnings.showwarning = showwarning
    logging.setLogRecordFactory(recorded)
    try:
        yield
    finally:
        warnings.showwarning = show
        logging.setLogRecordFactory(record)


def _shortened(text: str) -> list[str]:
    """The first lines, without frames, control characters and the folder of this build."""
    here = str(Path.cwd())
    text = _PREFIX.sub("", text.replace(f"{here}{os.sep}", "").replace(here, "."), count=1)
    printable = (
        "".join(each if each.isprintable() else " " for each in line).strip() for line in text.splitlines()
    )
    lines = [each for each in printable if not _FRAME.fullmatch(each)]
    return [each if len(each) <= _WIDTH else f"{each[: _WIDTH - 1]}…" for each in lines[:_LINES]]
