"""Draw pictures of commands, from real runs: `python tools/pictures.py` writes docs/assets/*.svg at 80 and 120 columns.

Each command runs in a terminal, in a copy of examples/kindling with a new home folder. Run it after the output of one
of these commands changes; `make demo` makes the environment it needs.
"""
# ruff: noqa: INP001 - a script

from __future__ import annotations

import io
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "docs" / "assets"
PROGRAM = Path(sys.executable).with_name("publish-all")
WIDTHS = (80, 120)
# In this order: what one command publishes, the next one shows.
COMMANDS = {
    "version": ["version"],
    "check": ["check"],
    "doctor": ["doctor", "-r", "local"],
    "dry-run": ["publish", "-r", "local", "--dry-run"],
    "publish": ["publish", "-r", "local"],
    "list": ["list", "-r", "local"],
}
_FONTS = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
_CONTROLS = re.compile(r"\x1b\[\?\d+[hl]|\x1b\[\d*[A-HJ]")


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="publish-all-pictures-") as name:
        home = Path(name).resolve()
        project = home / "kindling"
        shutil.copytree(ROOT / "examples" / "kindling", project)
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "Kindling"]):
            identity = ["-c", "user.name=Jo", "-c", "user.email=jo@example.com"]
            subprocess.run(["git", *identity, *words], cwd=project, check=True)
        for width in WIDTHS:
            for picture, words in COMMANDS.items():
                shown = run(words, project, home, width)
                target = ASSETS / (f"{picture}.svg" if width == WIDTHS[0] else f"{picture}-{width}.svg")
                target.write_text(draw(" ".join(["publish-all", *words]), shown, width), encoding="utf-8")
            shutil.rmtree(home / "data")  # the next width publishes again
    return 0


def run(words: list[str], project: Path, home: Path, width: int) -> str:
    """What a command shows in a terminal of this width, with its colours, when it has ended."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TERM": "xterm-256color",
        "COLUMNS": str(width),
        "LINES": "50",
        "XDG_CACHE_HOME": str(ROOT / ".cache"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_STATE_HOME": str(home / "state"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }
    ours, theirs = pty.openpty()
    started = subprocess.Popen(
        [PROGRAM, *words], cwd=project, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux reports the end of a terminal as an error
            break
        if not part:
            break
        shown += part
    started.wait()
    os.close(ours)
    return settled(shown.decode()).replace(str(home), "~")


def settled(shown: str) -> str:
    """The text that stays on the screen: a line that was written over holds only its last content."""
    lines: list[str] = []
    for line in shown.split("\n"):
        up = line.count("\x1b[1A")
        del lines[len(lines) - up :]
        last = re.split(r"\r(?=.)|\x1b\[2K", line.rstrip("\r"))[-1]
        lines.append(_CONTROLS.sub("", last))
    return "\n".join(lines).strip("\n")


def draw(command: str, shown: str, width: int) -> str:
    console = Console(record=True, width=width, file=io.StringIO())
    console.print(Text.assemble(("$ ", "dim"), (command, "bold")))
    console.print(Text.from_ansi(shown))
    drawn = console.export_svg(title=command, unique_id=re.sub(r"\W+", "-", command))
    return _FONTS.sub("", drawn)  # no reader asks a font server


if __name__ == "__main__":
    sys.exit(main())
