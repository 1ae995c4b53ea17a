"""What a workflow that was made by hand does: which copies it builds, and where it publishes. Nothing runs.

Copying a package and a variant's pyproject.toml into a folder and building there becomes a build variant
with a layout; what is uploaded where becomes destinations. All else is told.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path, PurePosixPath

from publish_all._toml import TOMLDecodeError, loads
from publish_all._values import dataclass
from publish_all.commands.scaffold.choices import NewRepository, NewVariant, Trigger, with_unique_names
from publish_all.commands.scaffold.shell import ENTER, LEAVE, Command, commands_of
from publish_all.commands.scaffold.shown import shown
from publish_all.commands.scaffold.testing import Gate, tool_of
from publish_all.commands.scaffold.uploads import Upload, upload_of, upload_of_action, url_in_config
from publish_all.config.model import empty
from publish_all.config.workflows import Job, Step, Workflow
from publish_all.version.static import project_name

_ROOT = "/."  # the repository, where paths begin
_EXPRESSION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")
_RUNNERS = (("uvx",), ("uv", "run"), ("pipx", "run"), ("poetry", "run"), ("sudo",), ("time",))
_BUILDS = (
    ("poetry", "build"),
    ("hatch", "build"),
    ("uv", "build"),
    ("pdm", "build"),
    ("flit", "build"),
    ("pyproject-build",),
    ("build",),
)
# What changes nothing that a release is made of, or what our workflow does by itself.
_HARMLESS = frozenset(
    {
        ":",
        "[",
        "[[",
        "black",
        "cat",
        "coverage",
        "echo",
        "env",
        "exit",
        "find",
        "flake8",
        "git",
        "head",
        "isort",
        "ls",
        "make",
        "mkdir",
        "mypy",
        "nox",
        "pip",
        "pip3",
        "pre-commit",
        "printf",
        "pwd",
        "pytest",
        "rm",
        "rmdir",
        "ruff",
        "set",
        "tail",
        "tar",
        "test",
        "tox",
        "tree",
        "true",
        "unzip",
        "which",
    }
)
_HARMLESS_OF = {
    "poetry": {"install", "lock", "check", "self", "sync", "env", "show", "config", "add", "--version"},
    "hatch": {"test", "fmt", "env", "--version", "config", "run"},
    "uv": {"sync", "pip", "venv", "python", "lock", "tool", "--version", "run"},
    "twine": {"check", "--version"},
    "pipx": {"install", "inject", "ensurepath"},
    "pdm": {"install", "sync", "config"},
}
_ACTIONS = frozenset(
    {
        "abatilo/actions-poetry",
        "actions/cache",
        "actions/checkout",
        "actions/download-artifact",
        "actions/setup-python",
        "actions/upload-artifact",
        "astral-sh/setup-uv",
        "pypa/hatch",
        "snok/install-poetry",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class HandMade:
    """What one workflow comes to. `notes` say what was not understood, with file and line.

    `builds_base` tells that it also builds the project as it is; `whole` that all of its jobs build or
    publish; `publishes` that it uploads at all. `gates` are the commands that test or lint in it.
    """

    variants: tuple[NewVariant, ...] = ()
    layout: Mapping[str, str] = field(default_factory=empty)
    builds_base: bool = False
    whole: bool = False
    uploads: tuple[Upload, ...] = ()
    repositories: tuple[NewRepository, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    gates: tuple[Gate, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def publishes(self) -> bool:
        return bool(self.uploads)


@dataclasses.dataclass(slots=True)
class _Stage:
    """The folders as a job has changed them: target → what was copied there. Paths are the repository's.

    `previous` is where `cd -` goes, `stack` is that of pushd, `shells` has where each open subshell began.
    """

    cwd: str = ""
    previous: str = ""
    copies: dict[str, str] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    stack: list[str] = field(default_factory=list)
    shells: list[str] = field(default_factory=list)

    def begin(self, folder: str) -> None:
        """A step has a shell of its own."""
        self.cwd = ""
        self.cwd = self.previous = self.path(folder)
        self.stack.clear()
        self.shells.clear()

    def go(self, folder: str) -> None:
        self.cwd, self.previous = folder, self.cwd

    def path(self, text: str) -> str:
        joined = posixpath.normpath(posixpath.join(self.cwd, text)).lstrip("/")
        return "" if joined == "." else joined


@dataclass(frozen=True, kw_only=True, slots=True)
class _Build:
    folder: str
    pyproject: str | None
    layout: Mapping[str, str]


class Reader:
    """Reads one workflow for the project in `subfolder` of `repository` (empty: its root)."""

    def __init__(self, workflow: Workflow, *, repository: Path, subfolder: str = "") -> None:
        self._workflow = workflow
        self._repository = repository
        self._subfolder = subfolder
        self._builds: dict[tuple[str, str | None], _Build] = {}
        self._uploads: dict[Upload, None] = {}
        self._urls: dict[str, str] = {}
        self._gates: dict[Gate, None] = {}
        self._notes: dict[str, None] = {}

    def read(self) -> HandMade:
        for job in self._workflow.jobs:
            self._read_job(job)
            self._find_gates(job)
        variants, layout = self._variants()
        return HandMade(
            variants=variants,
            layout=layout,
            builds_base=any(each.pyproject is None for each in self._builds.values()) and bool(variants),
            whole=all(any(map(_concerns, job.steps)) for job in self._workflow.jobs),
            uploads=tuple(self._uploads),
            repositories=tuple(
                NewRepository(name=name, url=url, origin=self._workflow.path.name)
                for name, url in self._urls.items()
            ),
            triggers=tuple(_triggers(self._workflow)),
            gates=tuple(self._gates),
            notes=tuple(self._notes),
        )

    def _read_job(self, job: Job) -> None:
        if not any(_concerns(step) for step in job.steps):
            if job.uses and "publish" in job.uses.lower():
                self._note(job.line, f"the job {job.key} calls another workflow, {job.uses}")
            return
        if job.matrix is None:
            self._note(job.line, f"the matrix of {job.key} is made by an expression: its jobs are read once")
        for combination in job.matrix or ({},):
            stage = _Stage()
            for step in job.steps:
                self._read_step(step, job, combination, stage)

    def _find_gates(self, job: Job) -> None:
        """What tests or lints, in whichever job: the one that publishes may need it."""
        for step in job.steps:
            script = _substituted(step.run or "", {})
            for command in commands_of(script, variables={}):
                tool = tool_of(_bare(command.words))
                if tool is not None:
                    where = f"{self._workflow.path.name}:{step.run_line + command.line - 1}"
                    self._gates[Gate(tool=tool, command=shown(command.text), where=where)] = None

    def _read_step(self, step: Step, job: Job, combination: Mapping[str, str], stage: _Stage) -> None:
        known = {f"matrix.{key}": value for key, value in combination.items()}
        variables = {"GITHUB_WORKSPACE": _ROOT, **self._workflow.env, **job.env, **step.env}
        known |= {f"env.{key}": value for key, value in variables.items()}
        variables = {key: _substituted(value, known) for key, value in variables.items()}
        if step.uses is not None:
            self._read_action(step, known)
        if step.run is not None:
            folder = step.working_directory or job.working_directory or ""
            stage.begin(_substituted(folder, known))
            script = _substituted(step.run, known)
            for command in commands_of(
                script, variables=variables, glob=lambda text: self._glob(text, stage)
            ):
                self._read_command(command, step, variables, stage)

    def _read_action(self, step: Step, known: Mapping[str, str]) -> None:
        inputs = {key: _substituted(value, known) for key, value in step.inputs.items()}
        upload = upload_of_action(step.action or "", inputs)
        if upload is not None:
            self._uploads[upload] = None
        elif step.action not in _ACTIONS:
            self._note(step.line, f"not understood: the action {step.uses}")

    def _read_command(
        self, command: Command, step: Step, variables: Mapping[str, str], stage: _Stage
    ) -> None:
        words = _bare(command.words)
        understood = self._understood(words, variables, stage) if command.plain else _harmless(words)
        if not understood:
            line = step.run_line + command.line - 1
            self._note(line, f"not understood: `{command.text}` in “{step.title}”")

    def _understood(self, words: tuple[str, ...], variables: Mapping[str, str], stage: _Stage) -> bool:
        url = url_in_config(words)
        if url is not None:
            self._urls[url[0]] = url[1]
            return True
        built = _is_build(words) or (words[:2] == ("poetry", "publish") and "--build" in words)
        if built:
            self._build(stage)
        upload = upload_of(words, variables)
        if upload is not None:
            self._uploads[upload] = None
        if built or upload is not None:
            return True
        match words:
            case ("(",) | (")",):
                _subshell(words[0], stage)
            case ("cd", "-"):
                stage.go(stage.previous)
            case ("cd", folder):
                stage.go(stage.path(folder))
            case ("pushd", folder):
                stage.stack.append(stage.cwd)
                stage.go(stage.path(folder))
            case ("popd",):
                stage.go(stage.stack.pop() if stage.stack else "")
            case ("poetry", "version", *arguments) if all(each.startswith("-") for each in arguments):
                pass  # it is asked for, not set
            case ("mkdir", *folders):
                stage.folders |= {stage.path(each) for each in folders if not each.startswith("-")}
            case ("rm", *paths):
                _remove([stage.path(each) for each in paths if not each.startswith("-")], stage)
            case ("cp" | "mv" | "rsync", *arguments):
                return self._copy(arguments, stage)
            case _:
                return _harmless(words)
        return True

    def _copy(self, arguments: Sequence[str], stage: _Stage) -> bool:
        """Note what lies where now. False for what only part of is copied (`--exclude`, `dir/.`)."""
        paths = [each for each in arguments if not each.startswith("-")]
        if len(paths) < 2 or any(each.startswith(("--exclude", "--include")) for each in arguments):
            return False
        if any("dist" in posixpath.normpath(each).split("/") for each in paths[:-1]):
            return True  # what was built is gathered
        *sources, target = paths
        found = [path for each in sources for path in (self._glob(each, stage) or (each,))]
        if any(each.endswith(("/.", "/*")) or each in {".", "*"} for each in found):
            return False
        folder = stage.path(target)
        inside = (
            target.endswith(("/", "/.")) or target == "." or len(found) > 1 or self._is_folder(folder, stage)
        )
        for each in found:
            source = stage.path(each)
            place = posixpath.join(folder, posixpath.basename(source)) if inside else folder
            stage.copies[place] = stage.copies.get(source, source)
        if inside:
            stage.folders.add(folder)
        return True

    def _is_folder(self, path: str, stage: _Stage) -> bool:
        return path in stage.folders or (self._repository / path).is_dir()

    def _glob(self, pattern: str, stage: _Stage) -> tuple[str, ...]:
        """The repository's files that a pattern names, as the script would name them; empty for what is none."""
        if not any(each in pattern for each in "*?["):
            return ()
        folder, _, name = pattern.rpartition("/")
        place = self._repository / stage.path(folder)
        names = sorted(each.name for each in place.iterdir()) if place.is_dir() else []
        fitting = fnmatch.filter((each for each in names if not each.startswith(".")), name)
        return tuple(f"{folder}/{each}" if folder else each for each in fitting)

    def _build(self, stage: _Stage) -> None:
        folder = stage.cwd
        inside = {
            posixpath.relpath(target, folder or "."): source
            for target, source in stage.copies.items()
            if not folder or target.startswith(f"{folder}/")
        }
        pyproject = inside.pop("pyproject.toml", None)
        if pyproject is None and folder not in {"", self._subfolder}:
            self._note(0, f"a build in {folder}/, to which no pyproject.toml was copied, is left out")
            return
        own = self._own
        layout = {own(source): target for target, source in inside.items() if own(source) != target}
        self._builds[folder, pyproject] = _Build(
            folder=folder, pyproject=own(pyproject) if pyproject else None, layout=layout
        )

    def _own(self, path: str) -> str:
        """A path of the repository as one of the project."""
        return posixpath.relpath(path, self._subfolder) if self._subfolder else path

    def _variants(self) -> tuple[tuple[NewVariant, ...], Mapping[str, str]]:
        """The builds with a pyproject.toml of their own, and the layout that they share."""
        builds = [each for each in self._builds.values() if each.pyproject is not None]
        shared = builds[0].layout if builds and all(e.layout == builds[0].layout for e in builds) else {}
        found = []
        for build in builds:
            variant = self._variant(build, {} if shared else build.layout)
            found += [variant] if variant is not None else []
        return with_unique_names(found), shared

    def _variant(self, build: _Build, layout: Mapping[str, str]) -> NewVariant | None:
        where = build.pyproject or ""
        path = self._repository / self._subfolder / where
        try:
            project = project_name(loads(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, TOMLDecodeError):
            project = None
        if project is None:
            self._note(0, f"{where}, which it builds with, is not there or names no project")
            return None
        return NewVariant(name=variant_name(where), project=project, pyproject=where, layout=layout)

    def _note(self, line: int, message: str) -> None:
        where = f"{self._workflow.path.name}:{line}" if line else self._workflow.path.name
        self._notes[f"{where}: {shown(message)}"] = None


def variant_name(path: str) -> str:
    """What a variant is called after its file: `build-configs/x.toml`, `pyproject.x.toml`, `x/pyproject.toml`."""
    pure = PurePosixPath(path)
    if pure.name == "pyproject.toml":
        return pure.parent.name
    return re.sub(r"^pyproject[._-]|[._-]pyproject$", "", pure.stem) or pure.stem


def read_hand_made(workflow: Workflow, *, repository: Path, subfolder: str = "") -> HandMade:
    """What a workflow comes to for the project in `subfolder` of `repository`."""
    return Reader(workflow, repository=repository, subfolder=subfolder).read()


def _concerns(step: Step) -> bool:
    """Whether a step may build or publish: jobs without one are not our business."""
    if upload_of_action(step.action or "", step.inputs) is not None:
        return True
    text = step.run or ""
    return bool(re.search(r"\b(poetry|hatch|uv|pdm|flit|twine|build|setup\.py)\b", text)) and bool(
        re.search(r"\b(build|publish|upload|sdist|bdist_wheel)\b", text)
    )


def _triggers(workflow: Workflow) -> Iterator[Trigger]:
    if "release" in workflow.triggers:
        yield Trigger.RELEASE
    push = workflow.triggers.get("push")
    if isinstance(push, Mapping) and "tags" in push:
        yield Trigger.TAG


def _substituted(text: str, known: Mapping[str, str]) -> str:
    """The text with the values of `${{ matrix.x }}` and `${{ env.x }}`; other expressions become one word."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name == "github.workspace":
            return _ROOT
        return known.get(name, "@" + re.sub(r"[^\w.]+", "_", name) + "@")

    return _EXPRESSION.sub(value, text)


def _bare(words: tuple[str, ...]) -> tuple[str, ...]:
    """The command without what runs it: `uvx poetry build`, `python -m build`."""
    for runner in _RUNNERS:
        if words[: len(runner)] == runner and len(words) > len(runner):
            rest = words[len(runner) :]
            while rest and rest[0].startswith("-"):
                rest = rest[2:] if rest[0] in {"--with", "--from", "--spec"} else rest[1:]
            return _bare(rest) if rest else words
    if re.fullmatch(r"python[\d.]*|py", words[0]) and words[1:2] == ("-m",):
        return words[2:] or words
    return words


def _is_build(words: tuple[str, ...]) -> bool:
    if re.fullmatch(r"python[\d.]*|py", words[0]) and words[1:2] == ("setup.py",):
        return any(each in {"sdist", "bdist_wheel"} for each in words[2:])
    return any(words[: len(each)] == each for each in _BUILDS)


def _harmless(words: Iterable[str]) -> bool:
    first, *rest = words
    return first in _HARMLESS or (bool(rest) and rest[0] in _HARMLESS_OF.get(first, ()))


def _subshell(word: str, stage: _Stage) -> None:
    if word == ENTER:
        stage.shells.append(stage.cwd)
    elif word == LEAVE and stage.shells:
        stage.go(stage.shells.pop())


def _remove(paths: Iterable[str], stage: _Stage) -> None:
    for path in paths:
        gone = path.removesuffix("/*")
        for target in [each for each in stage.copies if each == gone or each.startswith(f"{gone}/")]:
            del stage.copies[target]
        stage.folders.discard(gone)
