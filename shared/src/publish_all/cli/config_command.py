"""`publish-all config`, `variants` and `explain`, which work without a network."""

from __future__ import annotations

import re
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
from publish_all.config.reading import nearest
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
            from publish_all.commands.config import SECTIONS

            keys = (
                (section.table, key.name, key.shown_type, key.default or "", key.meaning)
                for section in SECTIONS
                for key in section.keys
            )
            self.show_rows("keys", ("table", "key", "type", "default", "meaning"), keys)
            return
        from publish_all.commands.config import show_config

        settings = show_config(self.directory, runtime=self.runtime())
        self.show_rows("settings", ("key", "value", "origin"), settings)


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
            found = list_variants(self.directory, members=self.members, runtime=self.runtime())
            rows = tuple(row for each, texts in found for row in _rows(each, texts, spread=for_people))
            columns: tuple[str, ...] = ("variant", "name", "version", "differences")
            self.show_rows("variants", columns, rows)
            return
        diff = variant_diff(self.directory, name, runtime=self.runtime())
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
        self.reporter.show(explain(str(self.argument("code"))))


def explain(text: str) -> Explanation:
    """The entry with this code or slug, or the one about this message of a server or of ours. Raises `UsageError`."""
    from publish_all.repositories.replies import diagnosis_of

    wanted = " ".join(text.casefold().split())
    code = re.search(r"\bpa\d{3}\b", wanted)
    for each in catalogue():
        if each.slug == wanted or (code is not None and each.code.lower() == code[0]):
            return each
    said = diagnosis_of(text)
    if said is not None:
        return said.entry
    for each in catalogue():
        words = f"{each.means} {each.why} {each.next_step}".casefold()
        quoted = [one for one in re.findall("`([^`]+)`", each.means.casefold()) if len(one) >= _TEXT_LENGTH]
        if (len(wanted) >= _TEXT_LENGTH and wanted in words) or any(one in wanted for one in quoted):
            return each
    meant = nearest(wanted, [each.slug for each in catalogue()])
    hint = f"Codes look like PA301. {PAGE} lists all codes." if meant is None else f"Did you mean {meant}?"
    raise UsageError(f"no code {text} found", hint=hint)
