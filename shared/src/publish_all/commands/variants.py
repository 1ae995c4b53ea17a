"""List the build variants, or show what one of them differs in from the project."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path

from publish_all._values import dataclass
from publish_all.commands.context import Surroundings, open_project, project_variants
from publish_all.events import Listener, ignore
from publish_all.variants.difference import summary, unified_diff


@dataclass(frozen=True, kw_only=True, slots=True)
class VariantsOptions:
    """`diff` names the one variant to show against the project; None lists all."""

    directory: Path
    diff: str | None = None
    around: Surroundings = field(default_factory=Surroundings)


@dataclass(frozen=True, kw_only=True, slots=True)
class VariantRow:
    """One build variant. `variant` is None for the project itself; `differences` are short texts."""

    variant: str | None
    project: str
    version: str
    differences: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class VariantsResult:
    """What a build makes, and the difference that was asked for: a unified diff, empty where there is none."""

    variants: tuple[VariantRow, ...]
    diff: str | None = None


def list_variants(options: VariantsOptions, *, listener: Listener = ignore) -> VariantsResult:
    """Resolve the build variants. Raises `UsageError` for a name that is not configured."""
    config = open_project(options.directory)
    only = (options.diff,) if options.diff is not None else ()
    variants = project_variants(config, only, around=options.around, listener=listener)
    rows = tuple(
        VariantRow(
            variant=each.name,
            project=each.project,
            version=each.version,
            differences=summary(config.pyproject, each) if each.name is not None else (),
        )
        for each in variants
    )
    diff = unified_diff(config.pyproject, variants[0]) if options.diff is not None else None
    return VariantsResult(variants=rows, diff=diff)
