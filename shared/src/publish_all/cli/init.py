"""`publish-all init`, `poetry publish-all init`."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from cleo.io.inputs.option import Option
from cleo.io.outputs.output import Type as OutputType

from publish_all.cli.command import UseCaseCommand
from publish_all.cli.options import FORMAT, Value, flag
from publish_all.cli.questions import Questions, member_of, members_of
from publish_all.commands.scaffold.choices import Service, Trigger
from publish_all.config.model import VersionSource
from publish_all.events import Note
from publish_all.reporting.reporter import Reporter
from publish_all.results import Listing

if TYPE_CHECKING:  # what the command needs to run is not loaded for its --help
    from publish_all.commands.init import InitOptions, InitPlan

_NONE = "none"


def _values(kind: type[enum.Enum]) -> tuple[str, ...]:
    return tuple(each.value for each in kind)


class InitCommand(UseCaseCommand):
    name = "init"
    description = "Set up a project: configuration, version source, and a CI workflow that publishes"
    options: ClassVar[list[Option]] = [
        Value(
            "repository",
            "NAME",
            "Publish to this repository: NAME or NAME=URL",
            short="r",
            several=True,
            names="repositories",
        ),
        Value("version-source", "SOURCE", "Where versions come from", choices=_values(VersionSource)),
        Value("tag-prefix", "TEXT", "What version tags begin with"),
        Value(
            "ci",
            "SERVICE",
            "The CI to write for",
            several=True,
            choices=(*_values(Service), _NONE),
        ),
        Value(
            "trigger",
            "EVENT",
            "What starts a release",
            several=True,
            choices=_values(Trigger),
        ),
        Value(
            "test",
            "COMMAND",
            "A command that must pass before a release",
            several=True,
        ),
        flag("no-tests", "Write no job that tests."),
        flag("no-rehearsal", "Do not publish to TestPyPI before PyPI."),
        flag("no-split", "Build in each job that publishes, not once for all."),
        flag("existing-projects", "The projects are on PyPI already."),
        Value(
            "from-workflow", "FILE", "Take build variants and destinations from this hand-written workflow"
        ),
        flag("dry-run", "Show the changes and write nothing."),
        FORMAT,
    ]
    help = """\
Looks at what is there, asks what it can't know, shows every change as a diff, and writes it: the
[tool.publish-all] table of pyproject.toml, the version source, and a workflow for GitHub or
GitLab with trusted publishing. Then tells what to fill in on the web pages of PyPI and GitHub.
With -n it asks nothing, and takes the flags and what goes with the project.

Examples:
  <c1>{command_full_name}</c1>
  <c1>{command_full_name} --dry-run</c1>
  <c1>{command_full_name} -n -r pypi -r github --version-source git</c1>
  <c1>{command_full_name} -n -r corp=https://pypi.corp.example/legacy/ --ci gitlab</c1>
  <c1>{command_full_name} --from-workflow .github/workflows/ci.yml</c1>
"""

    def use_case(self, reporter: Reporter) -> int:
        from publish_all.commands.init import carry_out, look, plan_init, suggest

        options = self._init_options()
        found = look(options)
        self._tell((*found.notes, *found.migration.notes), reporter)
        answers = suggest(options, found)
        if self.can_ask:
            from publish_all.cli.interview import Interview

            name = found.name or found.root.name
            self.io.write_error_line(f"Setting up {name}. Enter takes the answer in brackets.")
            answers = Interview(Questions(self.io), options, found).held(answers)
        plan = plan_init(answers, found)
        self._tell(plan.notes, reporter)
        self._show_changes(plan, reporter)
        if self._may_write(plan):
            carry_out(plan)
            for change in plan.needed:
                reporter.listener(Note(message=f"{change.name} is written"))
        elif plan.needed:
            reporter.listener(Note(message="nothing was written"))
        self._show_result(plan, reporter)
        return 0

    def _tell(self, notes: Iterable[str], reporter: Reporter) -> None:
        for note in notes:
            reporter.listener(Note(message=note))

    def _init_options(self) -> InitOptions:
        """The options of the command line as values. Raises `UsageError`."""
        from publish_all.commands.init import InitOptions

        source = self.text("version-source")
        no_ci = self.texts("ci") == (_NONE,)
        tests = () if self.option("no-tests") else self.texts("test") or None
        return InitOptions(
            directory=self.directory,
            publish_to=self.texts("repository") or None,
            version_source=member_of(VersionSource, "version-source", source) if source else None,
            tag_prefix=self.text_or_unset("tag-prefix"),
            services=() if no_ci else members_of(Service, "ci", self.texts("ci"), more=(_NONE,)),
            triggers=members_of(Trigger, "trigger", self.texts("trigger")),
            tests=tests,
            rehearse=False if self.option("no-rehearsal") else None,
            split=False if self.option("no-split") else None,
            new_projects=False if self.option("existing-projects") else None,
            from_workflow=self._from_workflow(),
            in_poetry=getattr(self.application, "project_directory", None) is not None,
        )

    def _from_workflow(self) -> Path | None:
        """The file that was named, from the current folder or else from the project's."""
        path = self.path("from-workflow")
        if path is None or path.exists():
            return path
        return self.directory / path

    def _show_changes(self, plan: InitPlan, reporter: Reporter) -> None:
        for change in plan.needed:
            self.io.write_error(change.diff + "\n\n", type=OutputType.RAW)
        if not plan.needed:
            reporter.listener(Note(message="there is nothing to change"))

    def _may_write(self, plan: InitPlan) -> bool:
        if self.option("dry-run") or not plan.needed:
            return False
        names = ", ".join(change.name for change in plan.needed)
        return not self.can_ask or Questions(self.io).confirm(f"Write {names}?", default=True)

    def _show_result(self, plan: InitPlan, reporter: Reporter) -> None:
        if self.option("format") == "json":
            reporter.show(_listing(plan))
            return
        from publish_all.commands.scaffold.next_steps import as_text

        if plan.forms:
            self.io.write("Then, on the web:\n\n" + as_text(plan.forms) + "\n\n", type=OutputType.RAW)
        program = self.called_as.removesuffix(" init")
        self.io.write(
            f"To try it: {program} publish -r local\nTo look for what is missing: {program} doctor\n",
            type=OutputType.RAW,
        )


def _listing(plan: InitPlan) -> Listing:
    changes = tuple((each.verb, each.name, "") for each in plan.needed)
    forms = tuple(
        ("form", each.url, "; ".join(f"{label}: {value}" for label, value in each.fields))
        for each in plan.forms
    )
    return Listing(kind="steps", columns=("action", "target", "fields"), rows=(*changes, *forms))
