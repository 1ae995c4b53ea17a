"""`publish-all version`, `poetry publish-all version`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cleo.io.outputs.output import Type as OutputType

from publish_all.cli.command import Row, UseCaseCommand
from publish_all.cli.options import BUILD_ENVIRONMENT, FORMAT, VERSION_VARIABLES, Value, flag
from publish_all.commands.version import VersionOptions, VersionResult, version

if TYPE_CHECKING:
    from publish_all.version.change import ReleasePlan


class VersionCommand(UseCaseCommand):
    name = "version"
    description = "Show, set or sync the version"
    takes = (
        flag("explain", "Show where the version comes from."),
        flag("check", "Compare all places; exit code 4 if one has another version."),
        flag("sync", "Write the version into all places, or into none."),
        Value("set", "VERSION", "Set the version at its source, and in all places"),
        Value("release", "VERSION", "Write all places, commit and tag"),
        flag("dry-run", "With --sync, --set and --release: show what would be written."),
        *BUILD_ENVIRONMENT,
        FORMAT,
    )
    help = """\
Prints the version and nothing else, for use in scripts. With other options it compares or writes
the places named in `sync` of [tool.publish-all.version], keeping every other byte of the files.
"""
    examples = ("", "--explain", "--check", "--set 1.3.0", "--release 1.3.0")
    exit_codes = (0, 1, 2, 4)
    variables = VERSION_VARIABLES

    def use_case(self) -> int:
        options = VersionOptions(
            directory=self.directory,
            check=bool(self.option("check")),
            sync=bool(self.option("sync")),
            set_to=self.text("set"),
            release=self.text("release"),
            dry_run=bool(self.option("dry-run")),
            confirm=self._confirm,
            runtime=self.runtime(),
        )
        result = version(options, listener=self.listener)
        if self.option("format") == "json":
            columns = ("version", "source", "tag", "explanation", "places", "changed")
            self.show_rows("version", columns, (_row(result),))
        else:
            if result.release is not None and options.dry_run:
                self._show(result.release)
            self.note(*self._notes(result, options))
            self.io.write_line(result.text, type=OutputType.RAW)
        return result.exit_code

    def _show(self, plan: ReleasePlan) -> None:
        self.io.write_error_line([*_release_lines(plan)], type=OutputType.RAW)

    def _confirm(self, plan: ReleasePlan) -> bool:
        self._show(plan)
        return not self.can_ask or bool(self.confirm("Do this?", default=True))

    def _notes(self, result: VersionResult, options: VersionOptions) -> Iterator[str]:
        from publish_all.reporting.text import count

        if self.option("explain") and result.version is not None:
            yield f"from {result.version.source}"
            yield from result.version.explanation
        if options.check and not result.findings:
            agreed = count(len(result.places), "place agrees", "places agree")
            yield agreed if result.compared else "not compared: between tags no file can hold its own version"
        if result.release is not None:
            yield f"push it with: {result.release.push}" if result.released else "nothing was done"
            return
        verb = "would say" if options.dry_run else "says"
        for place in result.changed:
            yield f"{place.where} {verb} {result.text} (was {place.says})"


def _release_lines(plan: ReleasePlan) -> Iterator[str]:
    yield f"release {plan.version}" + (f", after {plan.since}" if plan.since else "")
    for place in plan.changes:
        yield f"  write   {place.where}: {place.says} becomes {plan.version}"
    if plan.changes:
        yield f"  commit  {plan.commit_message}"
    yield f"  tag     {plan.tag}"


def _row(result: VersionResult) -> Row:
    known = result.version
    source = (
        (known.source, known.tag or "", "; ".join(known.explanation)) if known is not None else ("", "", "")
    )
    return (
        result.text,
        *source,
        "; ".join(f"{each.where}: {each.says}" for each in result.places),
        "; ".join(each.where for each in result.changed),
    )
