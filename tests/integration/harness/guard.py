"""Run a command until it ends or until our stdin closes, which it does however our parent ends.

A `t` on stdin asks it to end (SIGTERM).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading


def main(command: list[str]) -> int:
    # a group of its own, so that what the server starts ends with it
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=os.name == "posix")

    def end() -> None:
        with contextlib.suppress(ProcessLookupError):
            if os.name == "posix":
                os.killpg(child.pid, signal.SIGKILL)
            else:
                child.kill()

    def watch() -> None:
        while os.read(0, 1) == b"t":  # not sys.stdin: its lock would trouble the interpreter's end
            child.terminate()
        end()

    def on_term(signum: int, frame: object) -> None:
        end()

    signal.signal(signal.SIGTERM, on_term)
    threading.Thread(target=watch, daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
