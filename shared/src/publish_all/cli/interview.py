"""The questions of `init`, each with the answer that goes with the project."""

from __future__ import annotations

from dataclasses import replace

from publish_all.cli.questions import Questions, member_of
from publish_all.commands.init import (
    Answers,
    InitOptions,
    destinations,
    pipeline_of,
    version_from,
    without_variants,
)
from publish_all.commands.scaffold.choices import Service, Trigger
from publish_all.commands.scaffold.found import Found
from publish_all.config.model import VersionSource

NONE = "none"


class Interview:
    """The questions, each with the answer that goes with the project; what flags state is not asked."""

    def __init__(self, questions: Questions, options: InitOptions, found: Found) -> None:
        self._ask = questions
        self._options = options
        self._found = found

    def held(self, answers: Answers) -> Answers:
        answers = self._destinations(answers)
        answers = self._version(answers)
        answers = self._variants(answers)
        answers = self._services(answers)
        pipeline = pipeline_of(answers, self._found)
        return self._releases(answers) if answers.services and pipeline.publish_to else answers

    def _destinations(self, answers: Answers) -> Answers:
        if self._options.publish_to is not None:
            return answers
        known = ["pypi", "testpypi", "github", "local", *self._found.config.repositories]
        known += [each.name for each in self._found.known]
        question = f"Publish to ({', '.join(known)}, or NAME=URL)"
        usual = " ".join(answers.publish_to)

        def read(text: str) -> Answers:
            if text == usual:
                return answers
            names, new = destinations(text.replace(",", " ").split(), self._found)
            return replace(answers, publish_to=names, repositories=new)

        return self._ask.parsed(question, usual, read)

    def _version(self, answers: Answers) -> Answers:
        if self._options.version_source is not None:
            return answers
        prefix = answers.version.tag_prefix

        def read(text: str) -> Answers:
            source = member_of(VersionSource, "version-source", text)
            if source is answers.version.source:
                return answers
            made = version_from(source, answers.version, self._found, tag_prefix=prefix)
            return replace(answers, version=made)

        question = "Versions come from (project: as now, git: tags, attribute: __version__)"
        return self._ask.parsed(question, answers.version.source.value, read)

    def _variants(self, answers: Answers) -> Answers:
        if not answers.variants:
            return answers
        files = ", ".join(each.pyproject for each in answers.variants)
        if self._ask.confirm(f"Build variants from {files}?", default=True):
            return answers
        return without_variants(answers)

    def _services(self, answers: Answers) -> Answers:
        if self._options.services is not None:
            return answers

        def read(text: str) -> Answers:
            services = () if text == NONE else (member_of(Service, "ci", text, more=(NONE,)),)
            return replace(answers, services=services)

        default = answers.services[0].value if answers.services else NONE
        return self._ask.parsed("Write a workflow for (github, gitlab, none)", default, read)

    def _releases(self, answers: Answers) -> Answers:
        pipeline = pipeline_of(answers, self._found)
        if self._options.triggers is None:
            answers = self._ask.parsed(
                "A release starts with (release: made on the web, tag: pushed, both)",
                "both" if len(answers.triggers) > 1 else answers.triggers[0].value,
                lambda text: replace(
                    answers,
                    triggers=tuple(Trigger) if text == "both" else (member_of(Trigger, "trigger", text),),
                ),
            )
        if self._options.rehearse is None and "pypi" in pipeline.publish_to:
            rehearse = self._ask.confirm("Rehearse on TestPyPI before PyPI?", default=answers.rehearse)
            answers = replace(answers, rehearse=rehearse)
        if self._options.new_projects is None and pipeline.trusted:
            names = ", ".join(each.project for each in pipeline.products)
            exist = self._ask.confirm(f"Is there a project {names} on PyPI already?", default=False)
            answers = replace(answers, new_projects=not exist)
        if self._options.tests is None:
            text = self._ask.text(
                "Test and lint with (commands, with ; between; none)", "; ".join(answers.tests) or NONE
            )
            tests = () if text == NONE else tuple(each.strip() for each in text.split(";") if each.strip())
            answers = replace(answers, tests=tests)
        return answers
