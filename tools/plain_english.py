"""Check that what a person reads is plain English: `python tools/plain_english.py` lists what is not.

Reads the prose of README, CONTRIBUTING, CHANGELOG and docs, the docstrings, comments and messages of our code, and
the texts of the catalogue of errors. `PATTERNS` has the phrases that stop a reader, and better ones. A sentence that
must hold one of them is named in EXCEPTIONS, as `FILE: WORDS AROUND IT`.
"""
# ruff: noqa: INP001, T201 - a script, which talks on stdout

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXCEPTIONS = Path(__file__).with_name("plain_english_exceptions.txt")
MOST_EXCEPTIONS = 20

# What it looks like, and what to write.
PATTERNS = {
    r"\bthat which\b|\bthose which\b": "name the thing",
    r"\bwhat (?:is|was|are|were|has|had|comes|came|goes|stays|others|nobody)\b": "name the thing",
    r"\bWhat (?:is|was|are|were|has|had|comes|came|goes|stays)\b(?![^.!]*\?)": "name the thing",
    r"\b(?:all|anything|everything|nothing) (?:that|which) (?:is|was|are|were|stands|lies)\b": "name the thing",
    r"\bwho(?:so)?ever\b": "users, maintainers, anyone who",
    r"\bnobody\b|\bno one\b": "say who can, or use the passive",
    r"(?<!here )\b(?:is|are|was|were|be) no (?!longer\b|more\b|less\b)\w+": "is not a, there is no",
    r"\b(?:tell|tells|told|speak|speaks|spoke|hear|hears|heard|say|says|said) of\b": "describe, report, show",
    r"\b[Tt]ells (?!(?:pip|uv|Poetry|Hatch|git|users?)\b)": "shows, prints, says",
    r"\bl(?:ies|ay|ie) (?:in|at|on|about|beside|under|there|around)\b": "is in",
    r"\bst(?:ands?|ood) (?!alone\b|out\b)\w+": "is, means, is written",
    r"\b(?:is|are|was|were|not|well|be) meant\b|\bmeant (?:for|to|by)\b": "is for, should",
    r"\bth(?:is|ese|at|e) very\b": "this, the same",
    r"\banew\b|\bafresh\b": "again",
    r"\bkeeps? from\b": "prevents",
    r"\bheed(?:s|ed)?\b": "follow, use",
    r"\b(?:came|comes?) of\b": "result, outcome",
    r"\bof (?:its|their|our|your|his) own\b(?! \w+ly\b)": "its own …, put before the noun",
    r"\bby themselves\b": "automatically",
    r"\b(?:can|may|could|not) be had\b|\bto be had\b": "is available, can be installed",
    r"\b(?:is|are|was|were) to be (?!an?\b|the\b)": "must be, should be, will be",
    r"\bis there already\b|\bwas there already\b|\bis already there\b": "already exists",
    r"\bunsaid\b|\bunasked\b|\bunheard\b": "without a message",
    r"\b(?:[Dd]o|[Dd]oes|did|[Nn]ever) (?:not )?mind\b|\bminds\b": "allow, ignore",
    r"\bbut for\b|\bsave for\b": "except",
    r"\bsays to\b|\bit says only\b": "happens, reports",
    r"\bwithout touching\b": "read-only",
    r"\bmay pass\b|\bdid not pass\b": "temporary",
    r"\blives? as long\b": "while … runs",
    r"\bthe like\b": "similar",
    r"\blest\b|\bhence\b|\bthereof\b|\bherein\b|\byonder\b": "so that, therefore",
    r"\bin particular\b": "leave it out",
    r"\bas it (?:pleases|likes)\b": "freely",
    r"\bwith nothing (?:in|on|to)\b": "empty, without",
    r"\ball of what\b|\ball that\b": "everything, all …",
    r"\bis to blame\b": "is the cause",
}
_CODE = re.compile(r"^( *)(```|~~~).*?^\1\2|`[^`\n]*`|<!--.*?-->", re.MULTILINE | re.DOTALL)


def main() -> int:
    exceptions = EXCEPTIONS.read_text(encoding="utf-8").splitlines() if EXCEPTIONS.is_file() else []
    found = [
        (path, first + text.count("\n", 0, offset), phrase, advice)
        for path, first, text in texts()
        for offset, phrase, advice in findings(text)
        if not excepted(path, text, offset, exceptions)
    ]
    for path, line, phrase, advice in found:
        print(f'{path.relative_to(ROOT)}:{line}: "{phrase}": {advice}')
    if len(exceptions) > MOST_EXCEPTIONS:
        print(f"{EXCEPTIONS.name} has more than {MOST_EXCEPTIONS} lines: rewrite a sentence instead")
        return 1
    return 1 if found else 0


def findings(text: str) -> Iterator[tuple[int, str, str]]:
    """Where in a text a phrase is that stops a reader, the phrase, and what to write instead."""
    for pattern, advice in PATTERNS.items():
        for match in re.finditer(pattern, text):
            yield match.start(), match[0], advice


def excepted(path: Path, text: str, offset: int, exceptions: list[str]) -> bool:
    around = " ".join(text[max(0, offset - 60) : offset + 60].split())
    name = path.relative_to(ROOT).as_posix()
    return any(name == file and words in around for file, _, words in (e.partition(": ") for e in exceptions))


def texts() -> Iterator[tuple[Path, int, str]]:
    """All texts that are checked: their file, the line they begin at, and the text without code."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("*/README.md"), *(ROOT / "docs").rglob("*.md")]
    for path in sorted({*pages, *ROOT.glob("*/src/**/catalogue/*.toml")}):
        yield path, 1, _CODE.sub(_blank, path.read_text(encoding="utf-8"))
    for path in sorted([*ROOT.glob("*/src/**/*.py"), *ROOT.glob("tools/*.py")]):
        if path != Path(__file__).resolve():
            for line, text in of_python(path.read_text(encoding="utf-8")):
                yield path, line, _CODE.sub(_blank, text)


def of_python(source: str) -> Iterator[tuple[int, str]]:
    """The comments of a module, and its strings of more than one word: docstrings, messages, help texts."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value


def _blank(match: re.Match[str]) -> str:
    return "x" + "\n" * match[0].count("\n")


if __name__ == "__main__":
    sys.exit(main())
