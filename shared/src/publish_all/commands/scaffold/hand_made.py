"""Read hand-made workflows: which copies they build, and where they publish. Nothing is run.

Copying a package and a variant's pyproject.toml into a folder and building there becomes a build variant
with a layout. Uploads become destinations. Everything else becomes a note.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple

from publish_all._toml import TOMLDecodeError, loads
from publish_all.commands.scaffold import choices
from publish_all.commands.scaffold.changes import current, masked
from publish_all.commands.scaffold.pipeline import PUBLIC
from publish_all.commands.scaffold.shell import Command, commands_of
from publish_all.commands.scaffold.take_out import without
from publish_all.config.addresses import hostname_of
from publish_all.config.builtin import BUILT_IN, HOSTS, canonical, normalized
from publish_all.config.kinds import upload_url_problem
from publish_all.config.model import EMPTY
from publish_all.config.workflows import FOLDER, Job, Step, Workflow, read_workflow, read_workflows
from publish_all.version.static import project_name

_ROOT = "/."  # the repository, where paths begin
_EXPRESSION = re.compile(r"\$\{\{((?:(?!\$\{\{|\}\}).)+)\}\}")
_PYTHON = re.compile(r"python[\d.]*|py")
_RUNNERS = (("uvx",), ("uv", "run"), ("pipx", "run"), ("poetry", "run"), ("sudo",), ("time",))
# What changes nothing that a release is made of, or what our workflow does by itself.
_HARMLESS = frozenset(
    {
        ".", ":", "[", "[[", "cat", "echo", "env", "exit", "find", "git", "head", "ls", "make", "mkdir", "pip", "pip3",
        "printf", "pwd", "rm", "rmdir", "set", "source", "tail", "tar", "test", "tree", "true", "unzip", "which",
    }
)  # fmt: skip
_TOOLS = {"poetry", "hatch", "uv", "pdm", "flit", "twine", "pipx"}
# Commands of these tools that only prepare, ask or check; what a plugin of theirs adds may do anything.
_PREPARING = frozenset(
    {
        "--version", "add", "check", "config", "ensurepath", "env", "fmt", "inject", "install", "lock", "pip",
        "python", "run", "self", "show", "sync", "test", "tool", "venv",
    }
)  # fmt: skip
# pypa/gh-action-pypi-publish, JRubics/poetry-publish and others.
_PYPI_ACTION = re.compile(
    r"(?:pypi|poetry)[a-z-]*(?:publish|upload|deploy)|(?:publish|upload|deploy)[a-z-]*(?:pypi|poetry)"
)
_BUILD_ACTIONS = frozenset({"hynek/build-and-inspect-python-package"})
# They build a wheel for each platform or interpreter, which one job of ours does not.
_PLATFORM_ACTIONS = frozenset({"messense/maturin-action", "pyo3/maturin-action", "pypa/cibuildwheel"})
_PLATFORM_TOOLS = re.compile(r"\bcibuildwheel\b|\bauditwheel +repair\b|\bdelocate-wheel\b")
_HARMLESS_ACTIONS = frozenset(
    {
        "abatilo/actions-poetry", "actions/cache", "actions/checkout", "actions/download-artifact",
        "actions/setup-python", "actions/upload-artifact", "astral-sh/setup-uv", "pypa/hatch", "snok/install-poetry",
        "step-security/harden-runner",
    }
)  # fmt: skip
_TESTERS = frozenset(
    {
        "black", "coverage", "flake8", "isort", "mypy", "nox", "pre-commit", "pylint", "pyright", "pytest", "ruff",
        "tox", "unittest",
    }
)  # fmt: skip
_TASK = re.compile(r"(^|[-_:])(tests?|lint|check|cov|coverage)\b")
# How a command names where it uploads to: options and variables for a name or a URL, and for a URL alone.
_UPLOADS = {
    ("poetry", "publish"): (("-r", "--repository"), ()),
    ("twine", "upload"): (
        ("-r", "--repository", "TWINE_REPOSITORY"),
        ("--repository-url", "TWINE_REPOSITORY_URL"),
    ),
    ("hatch", "publish"): (("-r", "--repo", "HATCH_INDEX_REPO"), ()),
    ("uv", "publish"): (("--index",), ("--publish-url", "UV_PUBLISH_URL")),
    ("flit", "publish"): (("--repository",), ("FLIT_INDEX_URL",)),
    ("pdm", "publish"): (("-r", "--repository", "PDM_PUBLISH_REPO"), ()),
}
# How they are given a token or password, and a user; {} is the name of the repository.
_LOGINS = {
    "poetry": (
        ("-p", "--password", "POETRY_PYPI_TOKEN_{}", "POETRY_HTTP_BASIC_{}_PASSWORD"),
        ("-u", "--username", "POETRY_HTTP_BASIC_{}_USERNAME"),
    ),
    "twine": (("-p", "--password", "TWINE_PASSWORD"), ("-u", "--username", "TWINE_USERNAME")),
    "hatch": (("-a", "--auth", "HATCH_INDEX_AUTH"), ("-u", "--user", "HATCH_INDEX_USER")),
    "uv": (
        ("-t", "--token", "-p", "--password", "UV_PUBLISH_TOKEN", "UV_PUBLISH_PASSWORD"),
        ("-u", "--username", "UV_PUBLISH_USERNAME"),
    ),
    "flit": (("FLIT_PASSWORD",), ("FLIT_USERNAME",)),
    "pdm": (("-P", "--password", "PDM_PUBLISH_PASSWORD"), ("-u", "--username", "PDM_PUBLISH_USERNAME")),
}
_CREDENTIAL = re.compile(
    r"(TWINE|POETRY|HATCH_INDEX|UV_PUBLISH|FLIT|PDM_PUBLISH)_(\w+_)?(TOKEN|PASSWORD|AUTH)"
)
_SECRET = re.compile(r"@secrets\.(\w+)@")
_STATED = re.compile(r"@((?:secrets|vars)\.\w+)@")
# `if: startsWith(github.ref, 'refs/tags/')`, as in PyPA's guide, where every push starts the workflow.
_IF_TAG = re.compile(r"(?<!!startsWith\(github\.ref, ')refs/tags|ref_type *== *'tag'")
# Events that start a release, or may.
_STARTS = frozenset({"push", "release", "create", "workflow_dispatch", "workflow_call"})
# What a condition asks for, and when it can be true.
_CONDITIONS = (
    (_IF_TAG, frozenset({"release", "tags"})),
    (re.compile(r"event_name *== *'release'|event\.action *== *'published'"), frozenset({"release"})),
    (
        re.compile(r"== *'refs/heads/|(?<!!)startsWith\([\w.]+, *'refs/heads|ref_type *== *'branch'"),
        frozenset({"branches"}),
    ),
)
_TAGS = re.compile(r"(?P<prefix>[A-Za-z][\w./-]*?)(?:\*|\[0-9\])")
_PYTHONS = re.compile(r"3\.(?:1\d)")  # that run publish-all, too


class Upload(NamedTuple):
    """A destination as a tool states it: by `name`, by `url`, or neither for the tool's default, PyPI.

    `environment` is the one of its job.
    """

    name: str | None = None
    url: str | None = None
    trusted: bool = False
    login: choices.Login | None = None
    environment: str | None = None


class Gate(NamedTuple):
    """A test or lint command that stops a workflow, with its file and line."""

    tool: str
    command: str
    where: str


class Migration(NamedTuple):
    """The combined result of all hand-made workflows.

    `workflows` are the files that publish, `trusted` those of them that PyPI trusts, with the
    destinations. Of those that publish on a
    release, `replaceable` do nothing else, `taken_out` are the texts of others without their publish jobs, and `stuck` has the
    reasons why the rest cannot be changed. `gates` are the commands that test or lint, `platforms` is the step of any workflow that builds
    wheels for several platforms.
    """

    workflows: tuple[Path, ...] = ()
    trusted: Mapping[Path, tuple[str, ...]] = MappingProxyType({})
    replaceable: tuple[Path, ...] = ()
    taken_out: Mapping[Path, str] = MappingProxyType({})
    stuck: tuple[str, ...] = ()
    variants: tuple[choices.NewVariant, ...] = ()
    layout: Mapping[str, str] = EMPTY
    include_base: bool = False
    destinations: tuple[str, ...] = ()
    repositories: tuple[choices.NewRepository, ...] = ()
    kept: choices.Kept = choices.Kept()
    gates: tuple[Gate, ...] = ()
    notes: tuple[str, ...] = ()
    platforms: str = ""


def read_migration(
    named: Path | None, *, repository: Path, subfolder: str, known: Iterable[choices.NewRepository]
) -> Migration:
    """Read the given workflow, or every workflow that publishes. Raises `ConfigurationError` if the given one cannot be read."""
    workflows = read_workflows(repository)
    texts = [(each, each.path.read_text(encoding="utf-8")) for each in workflows.found]
    all_made = [HandMade(each, repository, subfolder) for each, text in texts if not choices.is_ours(text)]
    publishing = [each for each in all_made if each.uploads]
    if platforms := next(_platform_steps(workflows.found, subfolder), ""):
        return _merged(publishing, publishing, (), known)._replace(platforms=platforms, notes=workflows.notes)
    if named is None:
        return _merged(publishing, publishing, workflows.notes, known)
    # As the workflows' folder has it, however it was written.
    usual = repository / FOLDER / named.name
    same = usual.is_file() and named.is_file() and usual.samefile(named)
    made = HandMade(read_workflow(usual if same else named), repository, subfolder)
    return _merged(
        [made], [*([made] if same else []), *(each for each in publishing if each.path != usual)], (), known
    )


def _platform_steps(workflows: Iterable[Workflow], subfolder: str) -> Iterator[str]:
    """Where wheels of the project are built for several platforms."""
    for workflow in workflows:
        for job in workflow.jobs:
            for step in job.steps:
                run = step.run or ""
                places = (run, job.working_directory, step.working_directory, *step.inputs.values())
                if any(subfolder in (each or "") for each in places) and (
                    step.action in _PLATFORM_ACTIONS or _PLATFORM_TOOLS.search(run)
                ):
                    yield f"{workflow.path.name}:{step.line}: “{step.title}”"


def _merged(
    made: Sequence[HandMade],
    publishing: Sequence[HandMade],
    notes: tuple[str, ...],
    known: Iterable[choices.NewRepository],
) -> Migration:
    """`made` are the workflows to replace, `publishing` those that may publish in addition to the new one."""
    others = {normalized(each.name): each for each in known}
    found = [
        (upload, each.path, _destination(upload, each, others)) for each in made for upload in each.uploads
    ]
    named = [(place.name, upload, path) for upload, path, place in found if place.name]
    names = dict.fromkeys(name for name, _, _ in named)
    rehearse = "pypi" in names and names.pop("testpypi", "") is None
    trusted: dict[Path, tuple[str, ...]] = {}
    for name, upload, path in named:
        if upload.trusted and name in PUBLIC:
            trusted[path] = (*trusted.get(path, ()), name)
    at_release = [each for each in publishing if each.at_release]
    others_too = [each for each in at_release if not each.replaceable]
    cut = {each.path: each.without_publishing(current(each.path) or "") for each in others_too}
    with_variants = next((each for each in made if each.variants), None)
    return Migration(
        workflows=tuple(each.path for each in publishing),
        trusted=trusted,
        replaceable=tuple(each.path for each in at_release if each.replaceable),
        taken_out={path: text for path, (text, _) in cut.items() if text is not None},
        stuck=tuple(why for text, why in cut.values() if text is None),
        variants=with_variants.variants if with_variants else (),
        layout=with_variants.layout if with_variants else EMPTY,
        include_base=with_variants is not None and with_variants.builds_base,
        destinations=tuple(names),
        repositories=tuple({each.new.name: each.new for _, _, each in found if each.new}.values()),
        kept=choices.Kept(
            triggers=tuple(dict.fromkeys(trigger for each in made for trigger in each.triggers)),
            tag_prefix=next((each.tag_prefix for each in made if each.tag_prefix is not None), None),
            rehearse=rehearse,
            separate=False if trusted else None,  # the environment is a part of what PyPI trusts
            logins={
                name: upload.login._replace(username="") if name in BUILT_IN else upload.login
                for name, upload, _ in reversed(named)
                if upload.login is not None
            },
            environments={name: each.environment for name, each, _ in reversed(named) if each.environment},
            python=next((each.python for each in made if each.python), ""),
            copies=tuple(dict.fromkeys(command for each in made for command in each.copies)),
        ),
        gates=tuple(gate for each in made for gate in each.gates),
        notes=(*notes, *_told(made), *dict.fromkeys(each.note for _, _, each in found if each.note)),
    )


def _told(made: Iterable[HandMade]) -> Iterator[str]:
    for each in made:
        if each.variants:
            listed = ", ".join(variant.name for variant in each.variants)
            yield f"{each.path.name}: its copies and builds become the build variants {listed}"
        yield from each.notes
        yield from each.told


class _Destination(NamedTuple):
    """The name of a destination, its repository to configure, and a note."""

    name: str = ""
    new: choices.NewRepository | None = None
    note: str = ""


def _destination(upload: Upload, made: HandMade, others: Mapping[str, choices.NewRepository]) -> _Destination:
    url, own = upload.url or made.urls.get(upload.name or ""), canonical(upload.name or "pypi")
    if url is None and own in BUILT_IN:
        return _Destination(own)
    if url is None and own in others:
        return _Destination(others[own].name, others[own])
    if url is None:
        note = f"it publishes to {upload.name!r}, whose URL is not known: add `-r {upload.name}=URL`"
        return _Destination(note=note)
    host = hostname_of(url)
    if built_in := next((name for name, hosts in HOSTS.items() if host in hosts), None):
        return _Destination(built_in)
    if host.endswith("pkg.github.com"):
        note = f"GitHub has no Python packages at {host}; the repository `github` stores wheels in the container registry, ghcr.io"
        return _Destination("github", note=note)
    if not host or "$" in url or upload_url_problem(url) is not None:
        note = f"the URL that it publishes to cannot be used ({masked(url)}): add `-r NAME=URL`"
        return _Destination(note=note)
    name = upload.name
    if name is None or own in BUILT_IN:  # `corp` for `pypi.corp.example`
        labels = host.split(".")
        name = labels[-2] if len(labels) > 1 and not labels[-1].isdigit() else "private"
    return _Destination(name, choices.NewRepository(name=name, url=url, origin=made.path.name))


@dataclass(slots=True)
class _Folders:
    """The folders after the commands of a job: `copies` maps targets to sources. Paths are relative to the repository.

    `previous` is where `cd -` goes, `stack` has where each open subshell and each pushd began, `unknown` the lines of
    commands that were not understood.
    """

    cwd: str = ""
    previous: str = ""
    copies: dict[str, str] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    stack: list[str] = field(default_factory=list)
    unknown: list[int] = field(default_factory=list)

    def go(self, folder: str) -> None:
        self.cwd, self.previous = folder, self.cwd

    def path(self, text: str) -> str:
        joined = posixpath.normpath(posixpath.join(self.cwd, text)).lstrip("/")
        return "" if joined == "." else joined


@dataclass(slots=True)
class _Publishing:
    """A step that publishes, at these events as far as is known, and whether it does nothing else."""

    step: Step
    at: frozenset[str]
    uploads: list[Upload] = field(default_factory=list)
    alone: bool = True


class HandMade:
    """The result of one workflow for the project in `subfolder` of `repository` (empty: its root).

    `notes` are about unknown commands, with file and line. `builds_base`: it also builds the project itself.
    `copies` are commands that copy files into the project before the build. `whole`: all of its jobs build or publish.
    `urls` are the URLs of repositories in the configuration of Poetry.
    """

    def __init__(self, workflow: Workflow, repository: Path, subfolder: str = "") -> None:
        self.path = workflow.path
        self._workflow = workflow
        self._repository = repository
        self._subfolder = subfolder
        self._builds: dict[str, Mapping[str, str]] = {}
        self._gates: dict[Gate, None] = {}
        self._notes: dict[str, None] = {}
        self._secrets: dict[str, choices.Login] = {}
        self._publishing: dict[tuple[str, int], _Publishing] = {}  # by job and index
        self._releasing: set[str] = set()  # jobs that do nothing else
        self._pythons: dict[str, None] = {}
        self._only_for_tags = False
        self._inspects = False
        self._copies: dict[str, tuple[str, ...]] = {}
        self._unprepared: dict[int, None] = {}  # lines of commands before a build that are left out
        self.urls: dict[str, str] = {}
        self.builds_base = False
        self.whole = all(any(map(_concerns, job.steps)) for job in workflow.jobs)
        for job in workflow.jobs:
            self._read_job(job)
        self._staying = self._leave_for_branches()
        self.variants, self.layout = self._found_variants()
        self.builds_base = self.builds_base and bool(self.variants)
        self.uploads = tuple(
            dict.fromkeys(upload for each in self._publishing.values() for upload in each.uploads)
        )
        self.gates, self.notes = tuple(self._gates), tuple(self._notes)
        self.copies = tuple(command for commands in self._copies.values() for command in commands)
        python = next(iter(self._pythons), "") if len(self._pythons) == 1 else ""
        self.python = python if _PYTHONS.fullmatch(python) else ""
        self.told = tuple(self._differences())

    @property
    def triggers(self) -> Iterator[choices.Trigger]:
        events = frozenset().union(*self._at) if self._publishing else self._events
        if "release" in events:
            yield choices.Trigger.RELEASE
        if "tags" in events and (self._workflow.tags or self._only_for_tags):
            yield choices.Trigger.TAG

    @property
    def _events(self) -> frozenset[str]:
        return self._workflow.pushed | ({"release"} & self._workflow.triggers.keys())

    @property
    def _at(self) -> list[frozenset[str]]:
        return [each.at for each in self._publishing.values()]

    @property
    def tag_prefix(self) -> str | None:
        """The common prefix of its tag patterns, None if there is none."""
        matches = map(_TAGS.match, self._workflow.tags)
        return next((match["prefix"] for match in matches if match), None)

    @property
    def at_release(self) -> bool:
        """Whether it may run for the events of our workflow, or is started by hand only. A release also creates a tag."""
        if self._publishing and all(at == {"branches"} for at in self._at):
            return False
        triggers = {*self._workflow.triggers} - {"workflow_dispatch"}
        started = not {"release", "create", "workflow_call"}.isdisjoint(triggers)
        return started or not triggers or "tags" in self._workflow.pushed

    @property
    def replaceable(self) -> bool:
        """Whether it does nothing else than ours. Tests that also run for branches and pull requests are something else."""
        only = _STARTS.issuperset(self._workflow.triggers) and "branches" not in self._workflow.pushed
        does_more = self.gates or self._inspects
        return self.whole and not self.notes and not self._staying and (only or not does_more)

    def _leave_for_branches(self) -> list[str]:
        """Forget the jobs that publish for branches alone, where others publish releases: they are none of ours."""
        others = {place: each for place, each in self._publishing.items() if each.at != {"branches"}}
        if not others:
            return []
        gone = sorted(self._publishing.keys() - others.keys())
        self._publishing = others
        return list(dict.fromkeys(job for job, _ in gone))

    def without_publishing(self, text: str) -> tuple[str | None, str]:
        """Its text without the jobs and steps that publish; else None, and where that can't be done."""
        jobs = {key for key, _ in self._publishing if key in self._releasing}
        others = self._workflow.jobs
        while needed := jobs & {need for job in others if job.key not in jobs for need in job.needs}:
            jobs -= needed
        steps = {place: each for place, each in self._publishing.items() if place[0] not in jobs}
        stuck = [each.step for each in steps.values() if not each.alone]
        after = without(text, self._workflow, jobs=jobs, steps=steps) if not stuck else None
        if after is not None:
            return after, ""
        step = next(iter(stuck or [each.step for each in self._publishing.values()]))
        return None, f"{self.path.name}:{step.line}: “{step.title}”"

    def _differences(self) -> Iterator[str]:
        """What the new workflow does otherwise than this one."""
        triggers, name = self._workflow.triggers, self.path.name
        if self.uploads and not any(self.triggers):
            yield f"{name} is started by {', '.join(triggers)}, but the new workflow by a release: see --trigger"
        more = ", ".join(each for each in triggers if each not in _STARTS)
        if self.uploads and self.replaceable and more:
            yield f"{name} also runs for {more}, but the new workflow does not"
        if any("branches" in at and at != {"branches"} for at in self._at):
            yield f"{name} also publishes for branches, but the new workflow only for a release"
        for job in self._staying:
            yield f"{name}: the job {job} is kept, because it publishes for branches, and not for a release"
        if self.uploads and self._pythons and not self.python:
            listed = ", ".join(self._pythons)
            yield f"{name} uses Python {listed}, but the new workflow only one version: that of .python-version, or the newest"
        if self.copies:
            copies = " && ".join(self.copies)
            yield f"{name} copies files before it builds, and so does the new workflow; before a build on this machine, run: {copies}"
        if self._unprepared:
            lines = ", ".join(f"{name}:{line}" for line in self._unprepared)
            yield f"{lines}: not in the new workflow, but run before a build there: add it if it creates files for the build"
        dispatch = triggers.get("workflow_dispatch")
        inputs = dispatch.get("inputs") if isinstance(dispatch, Mapping) else None
        if self.uploads and isinstance(inputs, Mapping):
            yield (
                f"{name}: the new workflow does not have the inputs {', '.join(map(str, inputs))}, but the repository to publish to; for a dry "
                "run, use `publish-all publish --dry-run` before the release"
            )

    def _note(self, line: int, message: str) -> None:
        where = f"{self.path.name}:{line}" if line else self.path.name
        # A credential is cut only where it is not shown.
        self._notes[f"{where}: {masked(message[:600])[:300]}"] = None

    def _read_job(self, job: Job) -> None:
        before = len(self._notes), len(self._gates)
        for step in job.steps:  # what tests or lints, in whichever job: the one that publishes may need it
            for command in commands_of(_substituted(step.run or "", {}), variables={}):
                if (tool := tool_of(_bare(command.words))) is not None:
                    where = f"{self.path.name}:{step.run_line + command.line - 1}"
                    self._gates[Gate(tool, masked(command.text[:600])[:300], where)] = None
        if not any(map(_concerns, job.steps)):
            if job.uses and "publish" in job.uses.lower():
                self._note(job.line, f"the job {job.key} calls another workflow, {job.uses}")
            return
        if job.matrix is None:
            self._note(job.line, f"the matrix of {job.key} is an expression, so its job is read once")
        for combination in job.matrix or ({},):
            folders = _Folders()
            for index, step in enumerate(job.steps):
                notes = len(self._notes)
                uploads = self._read_step(step, job, combination, folders)
                if not uploads:
                    continue
                self._only_for_tags |= bool(_IF_TAG.search(f"{job.condition} {step.condition}"))
                at = _events_by(job.condition, self._events) & _events_by(step.condition, self._events)
                publishing = self._publishing.setdefault((job.key, index), _Publishing(step, at))
                publishing.uploads += uploads
                publishing.alone &= len(self._notes) == notes
        if before == (len(self._notes), len(self._gates)):
            self._releasing.add(job.key)

    def _read_step(
        self, step: Step, job: Job, combination: Mapping[str, str], folders: _Folders
    ) -> list[Upload]:
        """Follow a step, and return its uploads."""
        variables = {"GITHUB_WORKSPACE": _ROOT, **self._workflow.env, **job.env, **step.env}
        known = {f"matrix.{key}": value for key, value in combination.items()}
        known |= {f"env.{key}": value for key, value in variables.items()}

        def filled(stated: Mapping[str, str]) -> dict[str, str]:
            return {key: _substituted(value, known) for key, value in stated.items()}

        variables, inputs = filled(variables), filled(step.inputs)
        notes, uploads = len(self._notes), list[Upload]()
        if _PYPI_ACTION.search(step.action or ""):
            url = inputs.get("repository-url") or inputs.get("repository_url") or None
            stated = next((inputs[key] for key in inputs if re.search("password|token", key)), "")
            uploads.append(Upload(url=url, trusted=not stated, login=_login(stated, inputs.get("user"))))
        elif step.action in _BUILD_ACTIONS:
            self._inspects = True
            folders.cwd = folders.path(f"/{inputs.get('path', '')}")
            self._build(folders)
            if more := ", ".join(each for each in inputs if each != "path"):
                self._note(step.line, f"not understood: {more} of the action {step.uses}")
        elif step.uses is not None and step.action not in _HARMLESS_ACTIONS:
            self._note(step.line, f"not understood: the action {step.uses}")
        if (python := inputs.get("python-version", "")) not in {"", "3", "3.x", "3.*"}:
            self._pythons[python] = None
        # Each step has its own shell.
        folders.cwd, folders.stack = "", []
        folders.go(folders.path(_substituted(step.working_directory or job.working_directory or "", known)))
        script = _substituted(step.run or "", known)
        for each in commands_of(script, variables=variables, glob=lambda text: self._glob(text, folders)):
            if not self._understood(each, variables, folders, uploads):
                line = step.run_line + each.line - 1
                self._note(line, f"not understood: `{each.text}` in “{step.title}”")
                folders.unknown.append(line)
        if len(self._notes) > notes and not uploads:  # a script that has a secret of such a tool
            tried = (self._upload(words, filled(step.env)) for words in _UPLOADS)
            uploads += [upload for upload in tried if upload is not None and upload.login]
        environment = None if "${{" in (job.environment or "") else job.environment
        return [each._replace(environment=environment) for each in uploads]

    def _upload(self, words: tuple[str, ...], variables: Mapping[str, str]) -> Upload | None:
        """What a command uploads, and with which secret; None for one that doesn't upload."""
        upload = _upload_of(words, variables)
        if upload is None:
            return None
        name = upload.name or "pypi"
        secret, user = (
            _stated(words, [each.format(re.sub(r"\W", "_", name).upper()) for each in names], variables)
            for names in _LOGINS[words[0]]
        )
        return upload._replace(login=_login(secret, user) or self._secrets.get(name))

    def _understood(
        self, command: Command, variables: Mapping[str, str], folders: _Folders, uploads: list[Upload]
    ) -> bool:
        words = _bare(command.words)
        builds, upload = _is_build(words), self._upload(words, variables)
        uploads += [upload] if upload is not None else []
        if not command.plain:
            return _is_harmless(words)
        if builds:
            self._build(folders)
        if builds or upload is not None:
            return True
        plain = [folders.path(each) for each in words[1:] if not each.startswith("-")]
        match words:
            case ("poetry", "config", *rest):
                self._configure([each for each in rest if not each.startswith("--")])
            case ("poetry", "version", *rest) if all(each.startswith("-") for each in rest):
                pass  # it is asked for, not set
            case ("cd", "-"):
                folders.go(folders.previous)
            case ("cd", folder):
                folders.go(folders.path(folder))
            case ("(",) | ("pushd", _):
                folders.stack.append(folders.cwd)
                folders.go(plain[0] if plain else folders.cwd)
            case (")",) | ("popd",):
                folders.go(folders.stack.pop() if folders.stack else folders.cwd)
            case ("mkdir", *_):
                folders.made.update(plain)
            case ("rm", *_):
                for path in (each.removesuffix("/*") for each in plain):
                    for target in [each for each in folders.copies if f"{each}/".startswith(f"{path}/")]:
                        del folders.copies[target]
                    folders.made.discard(path)
            case ("cp" | "mv" | "rsync", *arguments):
                return self._copy(arguments, folders)
            case _:
                return _is_harmless(words)
        return True

    def _configure(self, words: Sequence[str]) -> None:
        """Note `poetry config repositories.NAME URL`, `pypi-token.NAME TOKEN`, `http-basic.NAME USER PASSWORD`."""
        match words:
            case [key, url] if key.startswith("repositories.") and "://" in url:
                self.urls[key.removeprefix("repositories.").removesuffix(".url")] = url
            case [key, *user, secret] if key.startswith(("pypi-token.", "http-basic.")):
                login = _login(secret, next(iter(user), None))
                self._secrets |= {key.partition(".")[2]: login} if login else {}

    def _copy(self, arguments: Sequence[str], folders: _Folders) -> bool:
        """Record a copy. False if only a part is copied (`--exclude`, `dir/.`)."""
        paths = [each for each in arguments if not each.startswith("-")]
        if len(paths) < 2 or any(each.startswith(("--exclude", "--include")) for each in arguments):
            return False
        *sources, target = paths
        if any("dist" in posixpath.normpath(each).split("/") for each in sources):
            return True  # collects built files
        found = [path for each in sources for path in (self._glob(each, folders) or (each,))]
        if any(each.endswith(("/.", "/*")) or each in {".", "*"} for each in found):
            return False
        folder = folders.path(target)
        inside = target.endswith(("/", "/.")) or target == "." or len(found) > 1
        inside = inside or folder in folders.made or (self._repository / folder).is_dir()
        for source in map(folders.path, found):
            place = posixpath.join(folder, posixpath.basename(source)) if inside else folder
            folders.copies[place] = folders.copies.get(source, source)
        if inside:
            folders.made.add(folder)
        return True

    def _glob(self, pattern: str, folders: _Folders) -> tuple[str, ...]:
        """The files that a pattern matches, named as in the script; empty if it is not a pattern."""
        if not any(each in pattern for each in "*?["):
            return ()
        folder, _, name = pattern.rpartition("/")
        place = self._repository / folders.path(folder)
        names = sorted(each.name for each in place.iterdir()) if place.is_dir() else []
        fitting = fnmatch.filter((each for each in names if not each.startswith(".")), name)
        return tuple(posixpath.join(folder, each) for each in fitting)

    def _build(self, folders: _Folders) -> None:
        self._unprepared.update(dict.fromkeys(folders.unknown))
        folder, own = folders.cwd, self._own
        inside = {
            posixpath.relpath(target, folder or "."): source
            for target, source in folders.copies.items()
            if not folder or target.startswith(f"{folder}/")
        }
        pyproject = inside.pop("pyproject.toml", None)
        if pyproject is not None:
            layout = {own(source): target for target, source in inside.items() if own(source) != target}
            for target, source in inside.items():
                if own(source).startswith("../"):  # where no layout leads
                    del layout[own(source)]
                    self._copy_into_project(source, target)
                    if "/" in target or (self._repository / source).is_dir():
                        layout[target] = target
            self._builds.setdefault(own(pyproject), layout)
        elif folder in {"", self._subfolder}:
            self.builds_base = True
            others = {posixpath.dirname(each) for each in folders.copies if each.endswith("/pyproject.toml")}
            for target, source in folders.copies.items():
                parent = posixpath.dirname(target)
                is_there = parent in folders.made or (self._repository / parent).is_dir()  # and not /tmp, say
                if is_there and not any(target.startswith(f"{each}/") for each in others):
                    self._copy_into_project(source, own(target))
        else:
            self._note(0, f"a build in {folder}/ without a copied pyproject.toml is skipped")

    def _copy_into_project(self, source: str, target: str) -> None:
        """Keep a copy by which the project gets a file of the repository, its readme for example."""
        if target.startswith("../"):
            return
        place = posixpath.join(self._subfolder, target)
        path = self._repository / source
        folder = place if path.is_dir() else posixpath.dirname(place)
        made = () if not folder or (self._repository / folder).is_dir() else (["mkdir", "-p", folder],)
        words = ["cp", "-R", f"{source}/.", place] if path.is_dir() else ["cp", source, place]
        commands = tuple(map(shlex.join, (*made, words)))
        if not path.exists():
            why = f"{source} is not in the repository"
        elif self._copies.setdefault(place, commands) != commands:
            why = "not always the same"
        else:
            return
        self._note(0, f"skipped: it copies {source} to {place} before the build, {why}")

    def _own(self, path: str) -> str:
        """A path of the repository as one of the project."""
        return posixpath.relpath(path, self._subfolder) if self._subfolder else path

    def _found_variants(self) -> tuple[tuple[choices.NewVariant, ...], Mapping[str, str]]:
        """The builds with their own pyproject.toml, and their common layout."""
        found = []
        for where, layout in self._builds.items():
            project = project_name(read_values(self._repository / self._subfolder / where))
            if project is not None:
                found.append(choices.NewVariant(variant_name(where), project, where, layout))
            else:
                self._note(0, f"{where}, which it builds with, does not exist or has no project name")
        return choices.collected(found)


def read_values(path: Path) -> Mapping[str, Any]:
    """A TOML file of somebody else's; empty where it is none."""
    try:
        return loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, TOMLDecodeError):
        return {}


def variant_name(path: str) -> str:
    """What a variant is called after its file: `build-configs/x.toml`, `pyproject.x.toml`, `x/pyproject.toml`."""
    pure = PurePosixPath(path)
    if pure.name == "pyproject.toml":
        return pure.parent.name
    return re.sub(r"^pyproject[._-]|[._-]pyproject$", "", pure.stem) or pure.stem


def tool_of(words: Sequence[str]) -> str | None:
    """What a command tests or lints with: `pytest`, `make test`; None if it does neither."""
    match words:
        case ("hatch", "test", *_):
            return "pytest"
        case ("hatch", "fmt", *_):
            return "ruff"
        case (("hatch" | "pdm"), "run", task, *_) | (("make" | "just"), task, *_) if _TASK.search(task):
            return " ".join([*words[: words.index(task)], task])
        case (tool, *_) if tool in _TESTERS:
            return tool
    return None


def _concerns(step: Step) -> bool:
    """Whether a step may build or publish: jobs without one are not our business."""
    text = step.run or ""
    names_a_tool = re.search(r"\b(poetry|hatch|uv|pdm|flit|twine|build|setup\.py)\b", text)
    does_it = re.search(r"\b(build|publish|upload|sdist|bdist_wheel)\b", text)
    has_a_secret = any(_CREDENTIAL.match(each) for each in step.env)
    by_action = _PYPI_ACTION.search(step.action or "") is not None or step.action in _BUILD_ACTIONS
    return by_action or has_a_secret or bool(names_a_tool and does_it)


def _events_by(condition: str, events: frozenset[str]) -> frozenset[str]:
    """Those of the events at which the condition can be true, as far as its text tells."""
    found: frozenset[str] = frozenset()
    for each in condition.split("||"):
        left = events
        for pattern, possible in _CONDITIONS:
            left &= possible if pattern.search(each) else events
        found |= left
    return found


def _substituted(text: str, known: Mapping[str, str]) -> str:
    """The text with the values of `${{ matrix.x }}` and `${{ env.x }}`; other expressions become one word."""

    def value(match: re.Match[str]) -> str:
        stated = match[1].strip()
        if stated == "github.workspace":
            return _ROOT
        return known.get(stated, "@" + re.sub(r"[^\w.]+", "_", stated) + "@")

    return _EXPRESSION.sub(value, text)


def _bare(words: tuple[str, ...]) -> tuple[str, ...]:
    """The command without what runs it: `uvx poetry build`, `python -m build`."""
    for runner in _RUNNERS:
        if words[: len(runner)] == runner:
            rest = words[len(runner) :]
            while rest and rest[0].startswith("-"):
                rest = rest[2:] if rest[0] in {"--with", "--from", "--spec"} else rest[1:]
            return _bare(rest) if rest else words
    if _PYTHON.fullmatch(words[0]) and words[1:2] == ("-m",):
        return words[2:] or words
    return words


def _is_build(words: tuple[str, ...]) -> bool:
    first, second = words[0], words[1] if len(words) > 1 else ""
    if _PYTHON.fullmatch(first) and second == "setup.py":
        return not {"sdist", "bdist_wheel"}.isdisjoint(words)
    if first in _TOOLS:
        return second == "build" or (words[:2] == ("poetry", "publish") and "--build" in words)
    return first in {"build", "pyproject-build"}


def _is_harmless(words: tuple[str, ...]) -> bool:
    return words[0] in _HARMLESS | _TESTERS or (words[0] in _TOOLS and not _PREPARING.isdisjoint(words[1:2]))


def _upload_of(words: tuple[str, ...], variables: Mapping[str, str]) -> Upload | None:
    """What a command uploads to; None for one that doesn't. `variables` are those of its environment."""
    stated = _UPLOADS.get((words[0], words[1] if len(words) > 1 else ""))
    if stated is None:
        return None
    name, url = (_stated(words, each, variables) for each in stated)
    if name is not None and "://" in name:
        return Upload(url=name)
    return Upload(url=url) if url else Upload(name=name)


def _stated(words: Sequence[str], names: Iterable[str], variables: Mapping[str, str]) -> str | None:
    """The value of an option, or else of a variable, with these names."""
    for index, word in enumerate(words):
        option, equals, value = word.partition("=")
        if word in names and index + 1 < len(words):
            return words[index + 1]
        if equals and option in names and option.startswith("--"):
            return value
    return next((variables[each] for each in names if variables.get(each)), None)


def _login(secret: str | None, user: str | None) -> choices.Login | None:
    """The login with a secret of the CI service; None for other values."""
    match = _SECRET.fullmatch(secret or "")
    return choices.Login(match[1], _username(user)) if match else None


def _username(stated: str | None) -> str:
    """The user name for our workflow, empty for a token."""
    return "" if stated in {None, "__token__"} else _STATED.sub(r"${{ \1 }}", stated or "")
