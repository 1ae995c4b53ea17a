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

if TYPE_CHECKING:  # what the command needs to run is not loaded for its --help
    from publish_all.commands.init import Answers, InitOptions, InitPlan
    from publish_all.commands.scaffold.found import Found

_NONE = "none"


def _values(kind: type[enum.Enum]) -> tuple[str, ...]:
    return tuple(each.value for each in kind)


class InitCommand(UseCaseCommand):
    """Looks at what is there, asks what it can't know, shows every change as a diff, and writes it: the
    [tool.publish-all] table of pyproject.toml, the version source, and a workflow for GitHub or
    GitLab with trusted publishing. Then tells what to fill in on the web pages of PyPI and GitHub.
    With -n it asks nothing, and takes the flags and what goes with the project.
    """

    name = "init"
    description = "Set up a project: configuration, version source, and a CI workflow that publishes"
    takes = (
        Value(
            "repository",
            "NAME",
            "Publish to this repository: NAME or NAME=URL",
            short="r",
            several=True,
            names="repositories",
        ),
        Value("member", "NAME", "Set up this member of the workspace (default in its root: all)"),
        Value("version-source", "SOURCE", "Where versions come from", choices=_values(VersionSource)),
        Value("tag-prefix", "TEXT", "What version tags begin with"),
        Value("ci", "SERVICE", "The CI to write for", several=True, choices=(*_values(Service), _NONE)),
        Value("trigger", "EVENT", "What starts a release", several=True, choices=_values(Trigger)),
        Value("test", "COMMAND", "A command that must pass before a release", several=True),
        flag("no-tests", "Write no job that tests."),
        Value("auth", "HOW", "How the workflow logs in: oidc or token, for all or as NAME=HOW", several=True),
        flag("rehearse", "Publish to TestPyPI before PyPI."),
        flag("no-rehearsal", "Do not publish to TestPyPI before PyPI."),
        flag("no-split", "Build in each job that publishes, not once for all."),
        flag("pages", "Also put a static package index on GitHub Pages after each release."),
        flag("existing-projects", "The projects are on PyPI already."),
        Value(
            "from-workflow", "FILE", "Take build variants and destinations from this hand-written workflow"
        ),
        Value(
            "source", "SOURCE", "Where publish-all comes from: git+URL, a folder with its wheels, or index"
        ),
        flag("dry-run", "Show the changes and write nothing."),
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
        from publish_all.commands.init import carry_out, look, plan_init, suggest
        from publish_all.commands.scaffold.tool_source import missing_from_index

        options = self._init_options()
        found = look(options)
        self.note(*found.notes, *found.migration.notes)
        if self.can_ask:
            suggest(options, found)  # what flags state wrongly is said before anything is asked
            name = found.name or found.root.name
            self.io.write_error_line(f"Setting up {name}. Enter takes the answer in brackets.")
            options = self._interview(options, found)
        answers = suggest(options, found)
        plan = plan_init(answers, found)
        self.note(*plan.notes)
        if plan.needed and found.source.usual and (missing := missing_from_index(options.runtime)):
            self.note(missing)
        for change in plan.needed:
            self.io.write_error(change.diff + "\n\n", type=OutputType.RAW)
        if not plan.needed:
            self.note("there is nothing to change")
        elif self._may_write(plan):
            carry_out(plan)
            self.note(*(f"{change.name} is written" for change in plan.needed))
        else:
            self.note("nothing was written")
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
        """The options of the command line as values. Raises `UsageError`."""
        from publish_all.commands.init import InitOptions

        source, services = self.text("version-source"), self.texts("ci")
        workflow = self.path("from-workflow")  # from the current folder, or else from the project's
        if workflow is not None and not workflow.exists():
            workflow = self.directory / workflow
        return InitOptions(
            directory=self._project(),
            publish_to=self.texts("repository") or None,
            version_source=VersionSource(source) if source else None,
            tag_prefix=self.text_or_unset("tag-prefix"),
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
        """Ask what no option states, each with the answer that goes with the project."""
        from publish_all.commands.init import suggest
        from publish_all.commands.scaffold.pipeline import PUBLIC

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
        ask(
            "publish_to",
            question,
            " ".join(settings.publish_to),
            lambda text: tuple(re.findall(r"[^\s,]+", text)),
        )
        question = "Versions come from (project: as now, git: tags, attribute: __version__)"
        sources = {each.value: each for each in VersionSource}
        ask("version_source", question, settings.version.source.value, _one_of(sources))
        if settings.variants:
            files = ", ".join(each.pyproject for each in settings.variants)
            ask("variants", f"Build variants from {files}?", "yes", _is_yes)
        services = {**{each.value: (each,) for each in Service}, _NONE: ()}
        default = usual.services[0].value if usual.services else _NONE
        ask("services", "Write a workflow for (github, gitlab, none)", default, _one_of(services))
        usual = suggest(options, found)
        pipeline = usual.pipeline
        if not usual.services or not pipeline.publish_to:
            return options
        question = "A release starts with (release: made on the web, tag: pushed, both)"
        triggers = {**{each.value: (each,) for each in Trigger}, "both": tuple(Trigger)}
        default = "both" if len(pipeline.triggers) > 1 else pipeline.triggers[0].value
        ask("triggers", question, default, _one_of(triggers))
        if "pypi" in pipeline.publish_to:
            ask(
                "rehearse",
                "Rehearse on TestPyPI before PyPI?",
                "yes" if pipeline.rehearses else "no",
                _is_yes,
            )
        question = "Log in to PyPI with (oidc: trusted publishing, no secret; token: a secret)"
        if public := [each for each in suggest(options, found).pipeline.destinations if each in PUBLIC]:
            default = "token" if all(each in pipeline.logins for each in public) else "oidc"
            ask("auth", question, default, lambda text: _auth(text.split()))
        if suggest(options, found).pipeline.trusted:
            names = ", ".join(each.project for each in pipeline.products)
            question = f"Is there a project {names} on PyPI already?"
            ask("new_projects", question, "no", lambda text: not _is_yes(text))
        ask(
            "tests",
            "Test with (commands, with ; between; none)",
            "; ".join(pipeline.tests) or _NONE,
            lambda text: tuple(each.strip() for each in text.split(";") if each.strip() not in {"", _NONE}),
        )
        return options

    def _text(self, question: str, default: str) -> str:
        return make_ask(self.io)(f"{question} [{default}]", hidden=False).strip() or default

    def _may_write(self, plan: InitPlan) -> bool:
        names = ", ".join(change.name for change in plan.needed)
        return not self.option("dry-run") and (
            not self.can_ask or _is_yes(self._text(f"Write {names}?", "yes"))
        )

    def _show_result(self, plan: InitPlan, answers: Answers) -> None:
        if self.option("format") == "json":
            self.show_rows("steps", ("action", "target", "fields"), _rows(plan))
            return
        from publish_all.commands.scaffold.pipeline import as_text

        if plan.forms:
            self.io.write("Then, on the web:\n\n" + as_text(plan.forms) + "\n\n", type=OutputType.RAW)
        if plan.missing:
            return
        in_ci, pipeline = bool(answers.services and answers.pipeline.publish_to), answers.pipeline
        then = "push" if in_ci else f"{self.program} publish"
        release = f"{self.program} version{pipeline.whole} --release VERSION, then {then}"
        if in_ci and pipeline.triggers == (Trigger.RELEASE,):
            release += ", then publish a release of that tag on the web"
            if answers.settings.version.from_any_tag:
                release = f"publish a release on the web, with a new tag such as {pipeline.tag_prefix}1.2.3"
        self.io.write(
            f"To try it: {self.program} publish{pipeline.whole} -r local\nTo look for what is missing: {self.program} doctor{pipeline.whole}\n"
            f"To release: {release}\n",
            type=OutputType.RAW,
        )


def _auth(stated: Iterable[str]) -> dict[str, str]:
    """What `--auth` says, by the name in front of `=`; by an empty one for all."""
    parts = (each.rpartition("=") for each in stated)
    return {name: how for name, _, how in parts}


def _one_of(values: Mapping[str, Any]) -> Callable[[str], Any]:
    """Reads an answer that is one of these words. Raises `UsageError` for another."""

    def read(text: str) -> Any:
        if text.lower() not in values:
            raise UsageError(f"the answer is {text!r}", hint="It is one of: " + ", ".join(values))
        return values[text.lower()]

    return read


_is_yes = _one_of({"yes": True, "no": False, "y": True, "n": False})


def _rows(plan: InitPlan) -> Iterator[Row]:
    yield from ((each.verb, each.name, "") for each in plan.needed)
    for form in plan.forms:
        yield "form", form.url, "; ".join(f"{label}: {value}" for label, value in form.fields)
