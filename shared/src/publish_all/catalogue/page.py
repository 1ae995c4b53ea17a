"""The page of the documentation that lists the catalogue, made from it: docs/reference/errors.md."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from publish_all.catalogue.catalogue import entries, title_of
from publish_all.catalogue.entry import Entry, Sight
from publish_all.findings import Severity

_HEAD = """\
# Errors, warnings and notes

Everything that `publish`, `check` and `doctor` find has a code that stays the same for good. `publish-all
explain CODE` shows an entry of this page on the terminal, without a network. An *error* keeps a publish from
starting, or is why a file is not there; a *warning* and a *note* keep it from nothing.

<!-- Made from the code by tools/errors.py; what is written here by hand is lost. -->
"""


def page() -> str:
    """The whole page in Markdown."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield _HEAD.rstrip()
    for title, group in groupby(entries(), key=title_of):
        yield ""
        yield f"## {title}"
        for each in group:
            yield ""
            yield from _section(each)


def _section(entry: Entry) -> Iterator[str]:
    yield f'### <a id="{entry.code.lower()}"></a>{entry.code} {entry.slug}'
    yield ""
    yield f"{entry.text.means}"
    yield ""
    yield f"- **Severity**: {_SEVERITIES[entry.severity]}"
    yield f"- **Why it matters**: {entry.diagnosis.why}"
    yield f"- **Next step**: {entry.text.next_step}"
    yield f"- **Seen by**: {seen_by(entry)}"
    yield f"- **Source**: {entry.text.source}"
    yield f"- **Test**: `{entry.test}`"


_SEVERITIES = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def seen_by(entry: Entry) -> str:
    """Which commands tell it, and why the others do not."""
    text = entry.text
    if text.sight is Sight.DOCTOR:
        # The first twenty of the second hundred are about files.
        who = "check and doctor" if entry.code < "PA230" and entry.code[2] == "2" else "doctor"
        return f"{who}; a publish goes on without a word"
    return f"{text.sight.value}. {text.unseen}" if text.unseen else text.sight.value
