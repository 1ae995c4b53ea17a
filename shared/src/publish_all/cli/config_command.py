"""`publish-all config`, `variants` and `explain`, which work without a network."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cleo.io.outputs.output import Type as OutputType

from publish_all.cli.command import UseCaseCommand
from publish_all.cli.options import (
    BUILD_ENVIRONMENT,
    FORMAT,
    VERSION_VARIABLES,
    WORKSPACE,
    Operand,
    Value,
    flag,
)
from publish_all.config.problems import nearest
from publish_all.diagnoses import PAGE, catalogue
from publish_all.errors import UsageError
from publish_all.results import Explanation

if TYPE_CHECKING:
    from publish_all.variants.variant import BuildVariant


class ConfigCommand(UseCaseCommand):
    """Shows all settings of the project, its build variants and its repositories. For each setting, it shows the
    file and line where it is set, or the variable, or that it is a default.
    """

    name = "config"
    description = "Show the configuration and where each value comes from"
    takes = (flag("keys", "Show all possible keys with their types, defaults and meanings."), FORMAT)
    examples = ("", "--keys", "--format json")
    exit_codes = (0, 2)
    variables = ("PUBLISH_ALL_REPOSITORIES_<NAME>_URL",)

    def use_case(self) -> None:
        if self.option("keys"):
            from publish_all.config.reference import SECTIONS

            keys = (
                (section.table, key.name, key.shown_type, key.default or "", key.meaning)
                for section in SECTIONS
                for key in section.keys
            )
            self.show_rows("keys", ("table", "key", "type", "default", "meaning"), keys)
            return
        from publish_all.commands.config import show_config

        settings = show_config(self.directory, listener=self.listener)
        rows = ((each.key, _toml(each.value), each.origin) for each in settings)
        self.show_rows("settings", ("key", "value", "origin"), rows)


def _toml(value: object) -> str:
    """A value as one line of TOML. For these types, TOML and JSON are the same."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)


class VariantsCommand(UseCaseCommand):
    """Lists the build variants with their names and versions, and how they differ from the project. With --diff,
    compares the pyproject.toml of one variant, as in its sdist, with that of the project.
    """

    name = "variants"
    description = "List the build variants"
    takes = (
        Value(
            "diff",
            "VARIANT",
            "Compare the pyproject.toml of this variant with that of the project",
            names="variants",
        ),
        *WORKSPACE,
        *BUILD_ENVIRONMENT,
        FORMAT,
    )
    examples = ("", "--diff synapse")
    variables = VERSION_VARIABLES

    def use_case(self) -> None:
        from publish_all.commands.build import list_variants, variant_diff

        for_people = self.option("format") == "text"
        name = self.text("diff")
        if name is None:
            found = list_variants(
                self.directory, members=self.members, runtime=self.runtime(), listener=self.listener
            )
            rows = tuple(row for each, texts in found for row in _rows(each, texts, spread=for_people))
            columns: tuple[str, ...] = ("variant", "name", "version", "differences")
            self.show_rows("variants", columns, rows)
            return
        diff = variant_diff(self.directory, name, runtime=self.runtime(), listener=self.listener)
        if for_people:
            self.io.write(diff or "no differences\n", type=OutputType.RAW)
        else:
            self.show_rows("diff", ("variant", "diff"), ((name, diff),))


def _rows(each: BuildVariant, differences: tuple[str, ...], *, spread: bool) -> Iterator[tuple[str, ...]]:
    """One row per difference with `spread`, which is easier to read, otherwise one row per variant."""
    head = (each.name or "", each.project, each.version)
    if not spread or not differences:
        yield (*head, "; ".join(differences) or "the project itself")
        return
    for place, difference in enumerate(differences):
        yield (*(head if place == 0 else ("", "", "")), difference)


_TEXT_LENGTH = 8
_WORD = re.compile(r"[a-z_]{3,}")
_STATUS = re.compile(r"\b([45]\d\d)(?: (?:Client|Server) Error:?)? [A-Z]")
"""An HTTP error in the output of a tool, such as `HTTPError: 403 Forbidden from`."""


class ExplainCommand(UseCaseCommand):
    """Shows the meaning of a code, its cause, the next step and links. Instead of a code, you can paste an error message
    of an index. It works without a network.
    """

    name = "explain"
    description = "Explain an error, a warning or a note"
    takes = (
        Operand(
            "code",
            "CODE",
            "A code such as PA301, its name, or an error message of a server.",
            required=True,
        ),
        FORMAT,
    )
    examples = ("PA301", "token-for-other-index", '"Invalid or non-existent authentication information"')

    def use_case(self) -> None:
        self.show(explain(str(self.argument("code"))))


def explain(name: str) -> Explanation:
    """The entry with this code (`PA301`) or slug, ignoring case, or about this text. Raises `UsageError`."""
    by_name = {each: entry for entry in reversed(catalogue()) for each in (entry.code.lower(), entry.slug)}
    wanted = name.strip().lower()
    if wanted in by_name:
        return by_name[wanted]
    about = _about(name)
    if about is not None:
        return about
    # The most common mistake in a code is a letter instead of a digit.
    as_code = wanted[:2] + wanted[2:].translate(str.maketrans("oilsb", "01158"))
    close = as_code if as_code in by_name else nearest(wanted, by_name)
    hint = f"Codes look like PA301. {PAGE} lists all codes."
    meant = _nearest_entry(name) if len(name.split()) > 1 else by_name.get(close or "")
    if meant is not None:
        hint = f"Did you mean {meant.code} ({meant.slug})?"
    raise UsageError(f"no code {name} found", hint=hint)


def _about(text: str) -> Explanation | None:
    """The entry for a line of our output, for a message of a server, or for a text that an entry quotes."""
    from publish_all.repositories.replies import diagnosis_of

    entries = catalogue()
    named = re.search(r"\[(PA\d{3}) ", text)
    if named is not None:
        return next((each for each in entries if each.code == named[1]), None)
    said = diagnosis_of(text)
    if said is not None:
        return said.entry
    wanted = " ".join(text.casefold().split())
    status = _STATUS.search(text)
    for fits in (
        lambda each: len(wanted) >= _TEXT_LENGTH and wanted in _words_of(each),
        lambda each: any(len(one) >= _TEXT_LENGTH and one in wanted for one in _quoted(each)),
        lambda each: status is not None and each.code > "PA4" and re.search(rf"\b{status[1]}\b", each.means),
    ):
        if (found := next(filter(fits, entries), None)) is not None:
            return found
    return None


def _words_of(entry: Explanation) -> str:
    return f"{entry.means} {entry.why} {entry.next_step}".casefold()


def _quoted(entry: Explanation) -> Iterator[str]:
    """The messages of other tools that an entry quotes."""
    return (each.casefold() for each in re.findall("`([^`]+)`", entry.means))


def _nearest_entry(text: str) -> Explanation | None:
    """The entry that has the rarest words in common with a text of several words."""
    wanted = set(_WORD.findall(text.casefold()))
    shared = [(wanted & set(_WORD.findall(_words_of(each))), each) for each in catalogue()]
    often = Counter(word for words, _ in shared for word in words)
    words, best = max(shared, key=lambda each: sum(1 / often[word] for word in each[0]))
    return best if len(words) > 2 else None
