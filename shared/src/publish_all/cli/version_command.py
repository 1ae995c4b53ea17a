"""`publish-all version`, `poetry publish-all version`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cleo.io.outputs.output import Type as OutputType

from publish_all.cli.command import Row, UseCaseCommand
from publish_all.cli.options import BUILD_ENVIRONMENT, FORMAT, VERSION_VARIABLES, WORKSPACE, Value, flag
from publish_all.commands.version import VersionOptions, VersionResult, versions

if TYPE_CHECKING:
    from publish_all.version.change import ReleasePlan


class VersionCommand(UseCaseCommand):
    """Prints the version and nothing else, for use in scripts. With other options it compares or writes
    the places named in `sync` of [tool.publish-all.version], keeping every other byte of the files.
    """

    name = "version"
    description = "Show, set or sync the version"
    takes = (
        flag("explain", "Show where the version comes from."),
        flag("check", "Compare all places; exit code 4 if one has another version."),
        flag("sync", "Write the version into all places, or into none."),
        Value("set", "VERSION", "Set the version at its source, and in all places"),
        Value("release", "VERSION", "Write all places, commit and tag"),
        *WORKSPACE,
        flag("dry-run", "With --sync, --set and --release: show what would be written."),
        *BUILD_ENVIRONMENT,
        FORMAT,
    )
    examples = ("", "--explain", "--check", "--set 1.3.0", "--release 1.3.0")
    exit_codes = (0, 1, 2, 4)
    variables = VERSION_VARIABLES

    def use_case(self) -> int:
        options = VersionOptions(
            directory=self.directory,
            members=self.members,
            check=bool(self.option("check")),
            sync=bool(self.option("sync")),
            set_to=self.text("set"),
            release=self.text("release"),
            dry_run=bool(self.option("dry-run")),
            confirm=self._confirm,
            runtime=self.runtime(),
        )
        found = versions(options, listener=self.listener)
        if self.option("format") == "json":
            columns = ("version", "source", "tag", "explanation", "places", "changed")
            if self.members is None:
                self.show_rows("version", columns, (_row(result) for _, result in found))
            else:
                rows = ((name, *_row(result)) for name, result in found)
                self.show_rows("version", ("member", *columns), rows)
            return max(result.exit_code for _, result in found)
        for name, result in found:
            if result.release is not None and options.dry_run:
                self._show(result.release)
            self.note(*self._notes(result, options))
            self.io.write_line(f"{name} {result.text}".strip(), type=OutputType.RAW)
        return max(result.exit_code for _, result in found)

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
        if options.release is not None:
            return
        verb = "would say" if options.dry_run else "says"
        for place in result.changed:
            yield f"{place.where} {verb} {result.text} (was {place.says})"


def _release_lines(plan: ReleasePlan) -> Iterator[str]:
    every = (plan, *plan.others)
    for each in every:
        name = each.tag_message if plan.others else str(each.version)
        yield f"release {name}" + (f", after {each.since}" if each.since else "")
        for place in each.changes:
            yield f"  write   {place.where}: {place.says} becomes {each.version}"
    if any(each.changes for each in every):
        yield f"  commit  {plan.commit_message}"
    for each in every:
        yield f"  tag     {each.tag}"


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
