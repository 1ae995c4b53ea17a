"""What wine says it does, and does not."""
# ruff: noqa: INP001 - a module that Python imports when it starts

import os
import time
from contextlib import suppress
from typing import Any

ERROR_INTERNAL_ERROR = 1359


def _refuse(source: Any, target: Any, *_: object, **__: object) -> None:
    """As Windows without developer mode: `ERROR_PRIVILEGE_NOT_HELD`."""
    raise OSError(22, "A required privilege is not held by the client", source, 1314, target)


os.symlink = _refuse
with suppress(ImportError, AttributeError):
    import _winapi

    kernel: Any = _winapi  # of Windows alone
    create_process = kernel.CreateProcess

    def _create_process(*arguments: object) -> Any:
        """Wine now and then cannot start a process at once."""
        for _ in range(5):
            try:
                return create_process(*arguments)
            except OSError as error:
                if getattr(error, "winerror", None) != ERROR_INTERNAL_ERROR:
                    raise
                time.sleep(0.5)
        return create_process(*arguments)

    kernel.CreateProcess = _create_process
    del kernel.CopyFile2
