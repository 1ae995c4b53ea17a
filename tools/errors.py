"""Write docs/reference/errors.md from the catalogue of diagnoses.

python tools/errors.py           # writes the page
python tools/errors.py --check   # ends with 1 if it is not up to date
"""
# ruff: noqa: INP001, T201 - a script, which talks on stdout

from __future__ import annotations

import sys
from pathlib import Path

from publish_all.catalogue.entry import PAGE
from publish_all.catalogue.page import page

PATH = Path(__file__).parents[1] / "docs" / PAGE


def main(arguments: list[str]) -> int:
    made = page()
    if PATH.is_file() and PATH.read_text(encoding="utf-8") == made:
        return 0
    if "--check" in arguments:
        print(f"docs/{PAGE} is not what the catalogue says: run python tools/errors.py", file=sys.stderr)
        return 1
    PATH.write_text(made, encoding="utf-8", newline="\n")
    print(f"wrote docs/{PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
