"""What the documentation shows is right: commands and options exist, and TOML, YAML and JSON can be read.

`[tool.publish-all]` tables are parsed by tests/shared/config/test_documentation.py.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cleo.exceptions import CleoError
from cleo.io.inputs.argv_input import ArgvInput
from ruamel.yaml import YAML

from publish_all.cli.application import PublishAllApplication
from publish_all.cli.registry import COMMANDS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "README.md", *sorted(ROOT.glob("*/README.md")), *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^( *)```([a-z]+)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:poetry |uvx --from \S+ )?(?:publish-all|build-all)(?: [^`]+)?)`")
_RUN = re.compile(r"^\s*(?:- )?run: (.*)$", re.MULTILINE)
_PROGRAM = re.compile(r"(?:^|\s|\()((?:poetry +)?(?:publish-all|build-all)(?:\s.*)?)$")
# What examples start besides our own commands.
OTHERS = {
    "../try/bin/pip", "cd", "curl", "docker", "echo", "export", "gh", "git", "hatch", "kubectl", "make", "pip", "pipx",
    "podman", "poetry", "publish-all", "python3", "skopeo", "sudo", "twine", "uv", "uvx",
}  # fmt: skip


def blocks(language: str) -> Iterator[object]:
    for path in FILES:
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        for match in _BLOCK.finditer(text):
            if match[2] == language:
                indent, body = len(match[1]), match[3]
                lines = [line[indent:] for line in body.splitlines()]
                place = f"{path.relative_to(ROOT).as_posix()}:{text.count(chr(10), 0, match.start()) + 1}"
                yield pytest.param("\n".join(lines) + "\n", id=place)


def inline() -> Iterator[object]:
    """Commands in running text, but for those that stand for several."""
    for path in FILES:
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        for match in _INLINE.finditer(_BLOCK.sub("", text)):
            if not re.search(r"[…|\[]|\.\.\.", match[1].replace("publish-all[", "")):
                line = text.count("\n", 0, text.find(match[0])) + 1
                yield pytest.param(match[1], id=f"{path.relative_to(ROOT).as_posix()}:{line}:{match[1]}")


def check_command(line: str, *, whole: bool = True) -> None:
    """Raise `CleoError` if the line calls one of our commands and it, or an option of it, does not exist.

    One that is only mentioned, and not `whole`, may be without its arguments.
    """
    words = shlex.split(line, comments=True)
    for operator in ("&&", "||", ";", ">", "|"):
        if operator in words:
            words = words[: words.index(operator)]
    place = next((n for n, word in enumerate(words) if word in {"publish-all", "build-all"}), None)
    if place is None or words[place - 1 : place] in (["install"], ["hatch"], ["-p"], ["--from"]):
        return
    program, rest = words[place], words[place + 1 :]
    in_poetry = place > 0 and words[place - 1] == "poetry"
    application = PublishAllApplication()
    name = "build" if program == "build-all" else _command(rest)
    if in_poetry and name not in COMMANDS:
        name, rest = "publish", ["publish", *rest]
    elif program == "build-all":
        rest = ["build", *rest]
    if name is None:
        assert set(rest) <= {"--help", "--version"}, f"no command in {line!r}"
        return
    command = application.find(name)
    command.merge_application_definition()
    if whole or not rest[-1].startswith("-"):
        typed = ArgvInput(["publish-all", *rest])
        typed.bind(command.definition)
        if whole and "--help" not in rest:
            typed.validate()
    elif not command.definition.has_option(rest[-1].lstrip("-")):
        raise CleoError(rest[-1])


def _command(words: list[str]) -> str | None:
    """The first word that is neither an option nor the value of `-C`."""
    left = iter(words)
    for word in left:
        if word in {"-C", "--directory"}:
            next(left, None)
        elif not word.startswith("-"):
            return word
    return None


@pytest.mark.parametrize("block", list(blocks("console")))
def test_commands_that_are_shown_exist(block: str) -> None:
    shown = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
    assert shown, "a console block shows a command, after `$ `"
    for line in shown:
        assert shlex.split(line, comments=True)[0] in OTHERS, line
        check_command(line)


@pytest.mark.parametrize("line", list(inline()))
def test_commands_in_running_text_exist(line: str) -> None:
    check_command(line, whole=False)


@pytest.mark.parametrize("block", list(blocks("yaml")))
def test_yaml_can_be_read_and_its_commands_exist(block: str) -> None:
    assert YAML(typ="safe").load(block)
    for match in _RUN.finditer(block):
        check_command(re.sub(r"\$\{\{.*?\}\}", "VALUE", match[1]))


@pytest.mark.parametrize("block", list(blocks("bash")))
def test_commands_of_scripts_exist(block: str) -> None:
    for line in block.replace("\\\n", " ").splitlines():
        found = _PROGRAM.search(line.partition("#")[0].replace(";;", "").strip())
        if found:
            check_command(found[1])


@pytest.mark.parametrize("block", list(blocks("toml")))
def test_toml_can_be_read(block: str) -> None:
    assert tomllib.loads(block)


@pytest.mark.parametrize("block", list(blocks("json")))
def test_json_can_be_read(block: str) -> None:
    assert json.loads(block)


def test_every_block_says_what_it_is() -> None:
    known = {"console", "toml", "yaml", "json", "ini", "text", "bash"}
    for path in FILES:
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        openings = re.findall(r"^ *```(\w*)$", text, re.MULTILINE)[::2]
        assert set(openings) <= known, path


@pytest.mark.parametrize(
    "line",
    [
        "publish-all pubish",
        "publish-all publish --dryrun",
        "poetry publish-all --variants x",
        'uvx --from "publish-all[cli]" publish-all check --nosuch',
        "publish-all login",
        "poetry build-all --variants x",
    ],
)
def test_what_does_not_exist_would_be_found(line: str) -> None:
    with pytest.raises(CleoError):
        check_command(line)


GOLDEN = ROOT / "tests" / "shared" / "reporting" / "golden"


def keys(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for each in value.values() for key in keys(each)}
    return {key for each in value for key in keys(each)} if isinstance(value, list) else set()


def documented() -> set[str]:
    text = (ROOT / "docs" / "reference" / "json.md").read_text(encoding="utf-8")
    return set(re.findall(r"`\"?([a-z0-9_-]+)\"?(?:: \d)?`", text))


@pytest.mark.parametrize("name", ["run", "plan", "built", "checked", "error"])
def test_the_json_page_names_every_key_of_real_output(name: str) -> None:
    real = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    assert keys(real) <= documented() | {"schema"}


def test_the_json_page_names_every_event_with_its_keys() -> None:
    text = (GOLDEN / "run.jsonl").read_text(encoding="utf-8")
    events = [json.loads(line) for line in text.splitlines() if '"event"' in line]
    assert events
    page = (ROOT / "docs" / "reference" / "json.md").read_text(encoding="utf-8")
    for each in events:
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{each['event']}` |")]
        assert set(each) - {"schema", "event"} <= set(re.findall(r"`([a-z0-9_-]+)`", row)), each
