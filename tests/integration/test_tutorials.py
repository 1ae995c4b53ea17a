"""The tutorials, as they stand: each command is run in one shell, and prints what the page shows.

With WRITE_GOLDEN=1 the pages are given what the commands print.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.environments import ROOT, installed
from harness.process import run
from harness.servers import Server

PAGES = ROOT / "docs" / "tutorial"
_BLOCK = re.compile(r"^```(console|toml)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# How a host is installed is tested by the rehearsal of a release.
_INSTALLS = ("poetry self add ", "pipx ")
# What pip says of this machine's own indexes.
_ELSEWHERE = re.compile(r"WARNING: Location ")
_PARALLEL = re.compile(r"(?:^uploaded +\S+ \(.*\n)+", re.MULTILINE)
# What is another number in each run.
_VARIES = (
    (r"\d+(\.\d+)? (ms|s)\b", "0.1 s"),
    (r"\b\d+(\.\d+)? (B|kB)\b", "1.2 kB"),
    (r"\b[0-9a-f]{8}\b(?=  \S+$)", "0123abcd"),
    (r"==\d[\w.]*(?=( |,|$))(?<!first)", "==1.2.3"),
    (r"\bsha256[:=][0-9a-f]+", "sha256:0123abcd"),
)


@pytest.mark.parametrize("name", ["poetry", "hatch"])
def test_every_command_prints_what_the_page_shows(
    name: str, environment: dict[str, str], tmp_path: Path, open_pypiserver: Server
) -> None:
    page = PAGES / f"{name}.md"
    text = page.read_text(encoding="utf-8")
    blocks = [(match[1], match[2]) for match in _BLOCK.finditer(text)]
    stand_in = (f"URL={open_pypiserver.upload_url}", f"INDEX_URL={open_pypiserver.index_url}")
    script, outputs = [], []
    for language, body in blocks:
        if language == "toml":
            script.append(f"cat >>pyproject.toml <<'EOF'\n\n{body}EOF")
            continue
        for command in re.findall(r"^\$ (.*)$", body, re.MULTILINE):
            if command.startswith(_INSTALLS):
                continue
            if "PUBLISH_ALL_TESTPYPI_TOKEN" in command:
                script += [f"export PUBLISH_ALL_REPOSITORIES_TESTPYPI_{key}" for key in stand_in]
            outputs.append(tmp_path / f"output-{len(outputs)}")
            script.append(f"{{ {command}\n}} >{outputs[-1]} 2>&1")
    folders = [installed(f"{name}-newest", name).parent, Path(sys.executable).parent]
    (tmp_path / "bin").mkdir()
    for program in (name, "publish-all", "python3"):
        found = next(each for folder in folders for each in [folder / program] if each.exists())
        (tmp_path / "bin" / program).symlink_to(found)
    settings = {
        **{key: value for key, value in environment.items() if key != "XDG_DATA_HOME"},
        "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
        "COLUMNS": "80",
    }
    # `hatch new` asks GitHub for the text of a licence that is not in its cache.
    licences = tmp_path / "cache" / "licenses"
    licences.mkdir(parents=True)
    shutil.copy(ROOT / "LICENSE", licences / "MIT.txt")
    settings["HATCH_CACHE_DIR"] = str(licences.parent)
    (tmp_path / "work").mkdir()
    run(["bash", "-c", "\n".join(script)], cwd=tmp_path / "work", environment=settings, timeout=300)
    home = str(tmp_path / "home")
    base = open_pypiserver.index_url.removesuffix("simple/")
    shown = [each.read_text(encoding="utf-8").replace(home, "/home/jo") for each in outputs]
    printed = iter([each.replace(base, "https://test.pypi.org/") for each in shown])
    made = _BLOCK.sub(lambda match: filled(match, printed, str(tmp_path / "work")), text)
    if os.environ.get("WRITE_GOLDEN"):
        page.write_text(made, encoding="utf-8")
    assert settled(made) == settled(text)


def filled(match: re.Match[str], printed: Iterator[str], work: str) -> str:
    """A block with the output of each of its commands."""
    if match[1] == "toml":
        return match[0]
    lines = []
    for command in re.findall(r"^\$ .*$", match[2], re.MULTILINE):
        lines.append(command)
        if not command.startswith(tuple(f"$ {each}" for each in _INSTALLS)):
            shown = next(printed).replace(work, "/home/jo").splitlines()
            lines += [each for each in shown if not _ELSEWHERE.match(each)]
    return "\n".join([f"```{match[1]}", *(each.rstrip() for each in lines), "```"])


def settled(text: str) -> str:
    for pattern, same in _VARIES:
        text = re.sub(pattern, same, text)
    text = _PARALLEL.sub(lambda match: "".join(sorted(match[0].splitlines(keepends=True))), text)
    return re.sub(r" +", " ", text)
