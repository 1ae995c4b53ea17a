"""Remove jobs and steps from the text of a workflow, without changing the rest. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from publish_all.config.workflows import Workflow


def without(
    text: str, workflow: Workflow, *, jobs: Collection[str], steps: Collection[tuple[str, int]]
) -> str | None:
    """The text without these jobs, and steps by job and index; None where the YAML has a form that can't be cut so.

    Comments directly above go too. No job may be left without steps, and no workflow without jobs.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    found = {each.key: each for each in workflow.jobs}
    starts = [(found[each].line, "") for each in jobs]
    starts += [(found[job].steps[index].line, "- ") for job, index in steps]
    lines = text.splitlines(keepends=True)
    gone: set[int] = set()
    for line, begins_with in starts:
        if not lines[line - 1].lstrip().startswith(begins_with):
            return None
        gone.update(_block(lines, line - 1))
    after = "".join(each for number, each in enumerate(lines) if number not in gone)
    yaml = YAML(typ="safe", pure=True)
    try:
        if any(getattr(each, "anchor", None) for each in yaml.parse(text)):
            return None  # a comparison of shared values (anchors) could take too much memory
        expected: Any = yaml.load(text)
        for job, index in sorted(steps, reverse=True):
            del expected["jobs"][job]["steps"][index]
        for job in jobs:
            del expected["jobs"][job]
        whole = all(each.get("steps", True) for each in expected["jobs"].values())
        return after if expected["jobs"] and whole and yaml.load(after) == expected else None
    except (YAMLError, KeyError):  # for example a job whose key is not a string
        return None


def _block(lines: list[str], start: int) -> Iterable[int]:
    """The lines of the entry at `start`: its indented lines, comments above it, and one empty line before."""
    indent = _indent(lines[start])
    end = start + 1
    while end < len(lines) and (not lines[end].strip() or _indent(lines[end]) > indent):
        end += 1
    while not lines[end - 1].strip():
        end -= 1
    while _indent(lines[start - 1]) == indent and lines[start - 1].lstrip().startswith("#"):
        start -= 1
    return range(start - (not lines[start - 1].strip()), end)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
