"""What wine says it does, and does not."""
# ruff: noqa: INP001 - a module that Python imports when it starts

import os
from contextlib import suppress
from typing import Any


def _refuse(source: Any, target: Any, *_: object, **__: object) -> None:
    """As Windows without developer mode: `ERROR_PRIVILEGE_NOT_HELD`."""
    raise OSError(22, "A required privilege is not held by the client", source, 1314, target)


os.symlink = _refuse
with suppress(ImportError, AttributeError):
    import _winapi

    del _winapi.CopyFile2  # type: ignore[attr-defined,unused-ignore]  # of Windows alone
