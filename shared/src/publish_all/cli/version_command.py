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
    """Prints the version on one line, for use in scripts. The other options compare or write the version in the
    places listed in `sync` of [tool.publish-all.version]. The rest of these files is not changed.
    """

    name = "version"
    description = "Show, set or sync the version"
    takes = (
        flag("explain", "Also show where the version comes from."),
        flag("check", "Check that all places have this version (exit code 4 if not)."),
        flag("sync", "Write the version to all places."),
        Value("set", "VERSION", "Set the version at its source and in all places"),
        Value("release", "VERSION", "Set the version, commit and tag"),
        *WORKSPACE,
        flag("dry-run", "Show what --sync, --set or --release would write."),
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
        found = versions(options)
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
        return not self.can_ask or bool(self.confirm("Continue?", default=True))

    def _notes(self, result: VersionResult, options: VersionOptions) -> Iterator[str]:
        from publish_all.reporting.text import count

        if self.option("explain") and result.version is not None:
            yield f"the version comes from {result.version.source}"
            yield from result.version.explanation
        if options.check and not result.findings:
            agreed = count(len(result.places), "place has this version", "places have this version")
            yield (
                agreed
                if result.compared
                else "not compared: commits between two tags have generated versions, which no file can contain"
            )
        if result.release is not None:
            yield f"push it with: {result.release.push}" if result.released else "nothing was done"
        if options.release is not None:
            return
        verb = "would have" if options.dry_run else "has"
        for place in result.changed:
            yield f"{place.where} {verb} version {result.text} (before: {place.says})"


def _release_lines(plan: ReleasePlan) -> Iterator[str]:
    every = (plan, *plan.others)
    for each in every:
        name = each.tag_message if plan.others else str(each.version)
        yield f"release {name}" + (f", after {each.since}" if each.since else "")
        for place in each.changes:
            yield f"  write   {place.where}: {place.says} becomes {each.version}"
    if any(each.changes for each in every):
        yield f"  commit  {plan.commit_message}"
    for tag in plan.tags:
        yield f"  tag     {tag}"


def _row(result: VersionResult) -> Row:
    known, source = result.version, ("", "", "")
    if known is not None:
        source = (known.source, known.tag or "", "; ".join(known.explanation))
    return (
        result.text,
        *source,
        "; ".join(f"{each.where}: {each.says}" for each in result.places),
        "; ".join(each.where for each in result.changed),
    )
