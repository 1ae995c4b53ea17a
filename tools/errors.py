"""Write docs/reference/errors.md from the catalogue of diagnoses.

python tools/errors.py           # writes the page
python tools/errors.py --check   # ends with 1 if it is not up to date
"""
# ruff: noqa: INP001, T201 - a script, which talks on stdout

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from publish_all.diagnoses import PAGE, catalogue
from publish_all.results import Explanation

PATH = Path(__file__).parents[1] / PAGE
HEAD = """\
# Errors, warnings and notes

Look up a message or a code, and see what it means and what to do. Every finding of `publish`, `check` and `doctor` has a code
that never changes. `publish-all explain CODE` shows its entry in the terminal, without a network.

An *error* stops a publish, or is the reason why a file is missing. A *warning* or a *note* does not stop a publish.

<!-- Made from shared/src/publish_all/catalogue/*.toml by tools/errors.py: edit those files. -->"""
_MESSAGE = re.compile(r"`(?!permissions:)([^`\s|](?:(?!--)[^`|])* (?:(?!--)[^`|])*[^`\s|])`")
HUNDREDS = {
    "1": "Configuration and surroundings",
    "2": "Distributions and versions",
    "3": "Credentials, trusted publishing, attestations",
    "4": "What repositories answer and hold",
    "5": "The way to a server",
    "6": "OCI registries and GitHub Packages",
    "7": "Builds",
}


def page() -> str:
    """The whole page in Markdown."""
    return "\n".join([HEAD, *_messages(), *_sections()]) + "\n"


def _messages() -> Iterator[str]:
    """The messages of servers and tools that the entries quote, to be found by them."""
    yield "\n## Messages of servers and tools\n\n| message | explained in |\n| --- | --- |"
    quoted = {
        message: each.code
        for each in catalogue()
        if each.code[2] in "456"
        for message in _MESSAGE.findall(each.means)
    }
    for message, code in sorted(quoted.items(), key=lambda each: each[0].lower()):
        yield f"| `{message}` | [{code}](#{code.lower()}) |"


def _sections() -> Iterator[str]:
    for digit, entries in groupby(catalogue(), key=lambda each: each.code[2]):
        yield f"\n## {HUNDREDS[digit]}"
        for each in entries:
            yield _section(each)


def _section(entry: Explanation) -> str:
    return f"""
### <a id="{entry.code.lower()}"></a>{entry.code} {entry.slug}

{entry.means}

- **Why it matters**: {entry.why}
- **Next step**: {entry.next_step}
- **Severity**: {entry.severity.value}, seen by {entry.seen_by}
- **Source**: {entry.source}"""


def main(arguments: list[str]) -> int:
    made = page()
    if PATH.is_file() and PATH.read_text(encoding="utf-8") == made:
        return 0
    if "--check" in arguments:
        print(f"{PAGE} is not up to date: run python tools/errors.py", file=sys.stderr)
        return 1
    PATH.write_text(made, encoding="utf-8", newline="\n")
    print(f"wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
