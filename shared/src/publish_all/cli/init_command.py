"""`publish-all init`, `poetry publish-all init`."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cleo.io.outputs.output import Type as OutputType

from publish_all.cli.command import Row, UseCaseCommand, make_ask
from publish_all.cli.options import FORMAT, Value, flag
from publish_all.commands.scaffold.choices import Service, Trigger
from publish_all.config.model import VersionSource
from publish_all.errors import UsageError

if TYPE_CHECKING:  # imported when the command runs, but not for its --help
    from publish_all.commands.init import Answers, InitPlan
    from publish_all.commands.scaffold.found import Found, InitOptions

_NONE = "none"


def _values(kind: type[enum.Enum]) -> tuple[str, ...]:
    return tuple(each.value for each in kind)


class InitCommand(UseCaseCommand):
    """Reads the project, asks some questions, shows all changes as a diff, and writes them: the table
    [tool.publish-all] of pyproject.toml, the version source, and a workflow for GitHub or GitLab with trusted
    publishing. It then shows what to enter on the web pages of PyPI and GitHub. With -n it asks no questions, and
    uses the options and defaults that suit the project.
    """

    name = "init"
    description = "Set up a project and its CI workflow"
    takes = (
        Value(
            "repository",
            "NAME",
            "Publish to this repository, given as NAME or NAME=URL",
            short="r",
            several=True,
            names="repositories",
        ),
        Value("member", "NAME", "Set up this member of the workspace (default in its root: all)"),
        Value("version-source", "SOURCE", "Where versions come from", choices=_values(VersionSource)),
        Value("tag-prefix", "TEXT", "The prefix of version tags"),
        Value(
            "ci",
            "SERVICE",
            "Write a workflow for this CI service",
            several=True,
            choices=(*_values(Service), _NONE),
        ),
        Value("trigger", "EVENT", "The event that starts a release", several=True, choices=_values(Trigger)),
        Value("test", "COMMAND", "Run this command as a test before a release", several=True),
        flag("no-tests", "Do not write a test job."),
        Value(
            "auth",
            "HOW",
            "How the workflow authenticates: oidc or token, or NAME=oidc for one repository",
            several=True,
        ),
        flag("rehearse", "Publish to TestPyPI before PyPI."),
        flag("no-rehearsal", "Do not publish to TestPyPI before PyPI."),
        flag("no-split", "Build in each publish job, instead of once."),
        flag("pages", "Also update a package index on GitHub Pages after each release."),
        flag("existing-projects", "The projects already exist on PyPI."),
        Value("from-workflow", "FILE", "Read build variants and destinations from this workflow"),
        Value(
            "source",
            "SOURCE",
            "Install publish-all from here: git+URL, a folder with its wheels or source, or index",
        ),
        flag("dry-run", "Show the changes, and write nothing."),
        FORMAT,
    )
    examples = (
        "",
        "--dry-run",
        "-n -r pypi -r github --version-source git",
        "-n -r corp=https://pypi.corp.example/legacy/ --ci gitlab",
        "--source git+https://git.corp.example/tools/publish-all",
        "--from-workflow .github/workflows/ci.yml",
    )

    def use_case(self) -> None:
        from publish_all.commands.init import carry_out, plan_init, suggest
        from publish_all.commands.scaffold.found import look
        from publish_all.commands.scaffold.tool_source import missing_from_index

        options = self._init_options()
        found = look(options)
        self.note(*found.notes, *found.migration.notes)
        if self.can_ask:
            suggest(options, found)  # errors in the options are shown before the first question
            name = found.name or found.root.name
            self.io.write_error_line(f"Setting up {name}. Press Enter to accept the answer in brackets.")
            options = self._interview(options, found)
        answers = suggest(options, found)
        plan = plan_init(answers, found)
        self.note(*plan.notes)
        if plan.needed and found.source.usual and (missing := missing_from_index(options.runtime)):
            self.note(missing)
        for change in plan.needed:
            self.io.write_error(change.diff + "\n\n", type=OutputType.RAW)
        names = [change.name for change in plan.needed]
        question = f"Write {', '.join(names)}?"
        if not names:
            self.note("nothing to change")
        elif self.option("dry-run") or (self.can_ask and not _is_yes(self._text(question, "yes"))):
            self.note("nothing was written")
        else:
            carry_out(plan)
            self.note(*(f"{name} was written" for name in names))
        self._show_result(plan, answers)
        if plan.missing:
            self.note(plan.missing)

    def _project(self) -> Path:
        """The member of the workspace that is named, or the project around. Raises `UsageError`."""
        name = self.text("member")
        if name is None:
            return self.directory
        from publish_all.config.load import load_project

        return load_project(self.directory, (name,)).members[0].root

    def _init_options(self) -> InitOptions:
        """Read the options of the command line. Raises `UsageError`."""
        from publish_all.commands.scaffold.found import InitOptions

        source, services = self.text("version-source"), self.texts("ci")
        workflow = self.path("from-workflow")  # relative to the current folder, or else to the project
        if workflow is not None and not workflow.exists():
            workflow = self.directory / workflow
        return InitOptions(
            directory=self._project(),
            publish_to=self.texts("repository") or None,
            version_source=VersionSource(source) if source else None,
            tag_prefix=self.option("tag-prefix") or None,
            services=tuple(Service(each) for each in services if each != _NONE) if services else None,
            triggers=tuple(Trigger(each) for each in self.texts("trigger")) or None,
            tests=() if self.option("no-tests") else self.texts("test") or None,
            auth=_auth(self.texts("auth")) or None,
            rehearse=True if self.option("rehearse") else False if self.option("no-rehearsal") else None,
            split=False if self.option("no-split") else None,
            pages=True if self.option("pages") else None,
            new_projects=False if self.option("existing-projects") else None,
            from_workflow=workflow,
            source=self.text("source"),
            in_poetry=self.in_poetry,
            runtime=self.runtime(),
        )

    def _interview(self, options: InitOptions, found: Found) -> InitOptions:
        """Ask for everything that no option sets, each with a default that suits the project."""
        from publish_all.commands.init import suggest

        def ask(field: str, question: str, default: str, read: Callable[[str], Any]) -> None:
            nonlocal options
            while getattr(options, field) is None and (text := self._text(question, default)) != default:
                try:
                    answered = replace(options, **{field: read(text)})
                    suggest(answered, found)
                    options = answered
                except UsageError as error:
                    hint = f" {error.hint}" if error.hint else ""
                    self.io.write_error_line(f"  {error.message}.{hint}")

        usual = suggest(options, found)
        settings = usual.settings
        known = ["pypi", "testpypi", "github", "releases", "local", *found.config.repositories]
        question = f"Publish to ({', '.join([*known, *(each.name for each in found.known)])}, or NAME=URL)"
        default = " ".join(settings.publish_to)
        ask("publish_to", question, default, lambda text: tuple(re.findall(r"[^\s,]+", text)))
        question = "Version source (project: pyproject.toml as now, git: tags, attribute: __version__)"
        sources = {each.value: each for each in VersionSource}
        ask("version_source", question, settings.version.source.value, _one_of(sources))
        if settings.variants:
            files = ", ".join(each.pyproject for each in settings.variants)
            ask("variants", f"Use {files} as build variants?", "yes", _is_yes)
        services = {**{each.value: (each,) for each in Service}, _NONE: ()}
        default = usual.services[0].value if usual.services else _NONE
        ask("services", "Write a CI workflow for (github, gitlab, none)", default, _one_of(services))
        usual = suggest(options, found)
        pipeline = usual.pipeline
        if not usual.services or not pipeline.publish_to:
            return options
        question = "Publish when (release: a release is published on the web, tag: a tag is pushed, both)"
        triggers = {**{each.value: (each,) for each in Trigger}, "both": tuple(Trigger)}
        default = "both" if len(pipeline.triggers) > 1 else pipeline.triggers[0].value
        ask("triggers", question, default, _one_of(triggers))
        if "pypi" in pipeline.publish_to:
            default = "yes" if pipeline.rehearses else "no"
            ask("rehearse", "Publish to TestPyPI before PyPI?", default, _is_yes)
        if suggest(options, found).pipeline.trusted:
            names = ", ".join(each.project for each in pipeline.products)
            question = f"Does {names} already exist on PyPI?"
            ask("new_projects", question, "no", lambda text: not _is_yes(text))
        return options

    def _text(self, question: str, default: str) -> str:
        return make_ask(self.io)(f"{question} [{default}]", hidden=False).strip() or default

    def _show_result(self, plan: InitPlan, answers: Answers) -> None:
        if self.option("format") == "json":
            self.show_rows("steps", ("action", "target", "fields"), _rows(plan))
            return
        from publish_all.commands.scaffold.pipeline import as_text

        if plan.forms:
            self.io.write("Next, on the web:\n\n" + as_text(plan.forms) + "\n\n", type=OutputType.RAW)
        if plan.missing:
            return
        in_ci, pipeline = bool(answers.services and answers.pipeline.publish_to), answers.pipeline
        then = "push" if in_ci else f"{self.program} publish"
        release = f"{self.program} version{pipeline.whole} --release VERSION, then {then}"
        if in_ci and pipeline.triggers == (Trigger.RELEASE,):
            release += ", then publish a release of this tag on the web"
            if answers.settings.version.from_any_tag:
                release = f"publish a release on the web, with a new tag such as {pipeline.tag_prefix}1.2.3"
        self.io.write(
            f"To try it: {self.program} publish{pipeline.whole} -r local\nTo check the setup: {self.program} doctor{pipeline.whole}\n"
            f"To publish a release: {release}\n",
            type=OutputType.RAW,
        )


def _auth(stated: Iterable[str]) -> dict[str, str]:
    """The values of `--auth` by repository. The empty name is for all repositories."""
    parts = (each.rpartition("=") for each in stated)
    return {name: how for name, _, how in parts}


def _one_of(values: Mapping[str, Any]) -> Callable[[str], Any]:
    """A function that reads one of these words, and raises `UsageError` for other answers."""

    def read(text: str) -> Any:
        if text.lower() not in values:
            raise UsageError(f"{text!r} is not a valid answer", hint="Use one of: " + ", ".join(values))
        return values[text.lower()]

    return read


_is_yes = _one_of({"yes": True, "no": False, "y": True, "n": False})


def _rows(plan: InitPlan) -> Iterator[Row]:
    yield from ((each.verb, each.name, "") for each in plan.needed)
    for form in plan.forms:
        yield "form", form.url, "; ".join(f"{label}: {value}" for label, value in form.fields)
