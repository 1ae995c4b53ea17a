"""Runs the host's git for git.exe under wine, with paths translated both ways: `git_on_host.py REQUEST`."""
# ruff: noqa: INP001 - a script

import os
import re
import subprocess
import sys
from pathlib import Path

_DRIVE = re.compile(r"^((?:--[a-z-]+=)?(?:file:///)?)([A-Za-z]):[\\/](.*)$", re.DOTALL)
_PATHS = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_DIR", "HOME")


def on_host(text: str) -> str:
    """An argument whose path begins with a drive, with the path as the host has it."""
    found = _DRIVE.match(text)
    if found is None:
        return "/dev/null" if text.lower() == "nul" else text
    before, drive, path = found[1].replace("file:///", "file://"), found[2].lower(), found[3]
    return f"{before}{root_of(drive)}/{path}".replace("\\", "/")


def root_of(drive: str) -> str:
    return os.path.realpath(Path(os.environ["WINEPREFIX"], "dosdevices", f"{drive}:")).rstrip("/")


def in_wine(path: bytes) -> bytes:
    """A path of the host, as git for Windows says it."""
    on_c = root_of("c").encode() + b"/"
    return b"C:/" + path[len(on_c) :] if path.startswith(on_c) else b"Z:" + path


def repository(folder: Path) -> dict[str, str]:
    """Variables for the repository around a folder, where its files lead on by paths of Windows."""
    for each in (folder, *folder.parents):
        data, leads_on = each / ".git", ""
        if data.is_file():
            leads_on = data.read_text(encoding="utf-8").partition("gitdir:")[2].strip()
            data = each / on_host(leads_on)
        if not data.is_dir():
            continue
        for written in (data / "commondir", *data.glob("modules/**/commondir")):
            # References are searched where the file says, whatever GIT_COMMON_DIR is.
            text = written.read_text(encoding="utf-8") if written.is_file() else ""
            if _DRIVE.match(text):
                written.write_text(on_host(text), encoding="utf-8")
        alternates = data / "objects/info/alternates"
        paths = alternates.read_text(encoding="utf-8").split("\n")[:-1] if alternates.is_file() else []
        found = {"GIT_DIR": str(data), "GIT_WORK_TREE": str(each)} if _DRIVE.match(leads_on) else {}
        if any(map(_DRIVE.match, paths)):
            found["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = ":".join(map(on_host, paths))
        return found
    return {}


def main(request: str) -> int:
    folder, *rest = Path(request).read_bytes().decode("utf-8", "surrogateescape").split("\0")[:-1]
    end = rest.index("")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "HOME"))}
    for name, _, value in (each.partition("=") for each in rest[:end]):
        several = name == "GIT_CEILING_DIRECTORIES"
        value = ":".join(map(on_host, value.split(";"))) if several else value  # noqa: PLW2901 - translated
        environment[name] = on_host(value) if name in _PATHS else value
    here = Path(on_host(folder))
    arguments = [on_host(each) for each in rest[end + 1 :]]
    with (
        Path(f"{request}.in").open("rb") as given,
        Path(f"{request}.out").open("wb") as said,
        Path(f"{request}.err").open("wb") as complained,
    ):
        done = subprocess.run(
            ["git", *arguments],
            cwd=here,
            env={**repository(here), **environment},
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=complained,
            check=False,
        )
        lines = done.stdout.splitlines(keepends=True)
        is_path = bool({"rev-parse", "worktree"} & set(arguments))
        said.writelines(in_wine(each) if is_path and each.startswith(b"/") else each for each in lines)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
