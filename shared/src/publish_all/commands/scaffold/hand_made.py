"""Read hand-made workflows: which copies they build, and where they publish. Nothing is run.

`cd`, copies, loops over words, builds and uploads are understood. Copying a package and a variant's pyproject.toml
into a folder and building there becomes a build variant with a layout. Everything else is reported with its line.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from publish_all._toml import TOMLDecodeError, loads
from publish_all.commands.scaffold import choices
from publish_all.commands.scaffold.changes import masked
from publish_all.commands.scaffold.pipeline import PUBLIC
from publish_all.commands.scaffold.shell import commands_of, expanded
from publish_all.config.addresses import hostname_of
from publish_all.config.builtin import BUILT_IN, HOSTS, canonical, normalized
from publish_all.config.kinds import upload_url_problem
from publish_all.config.workflows import FOLDER, Job, Step, Workflow, read_workflow, read_workflows
from publish_all.version.static import project_name

_ROOT = "/."  # the repository, where paths begin
_EXPRESSION = re.compile(r"\$\{\{((?:(?!\$\{\{|\}\}).)+)\}\}")
_PYTHON = re.compile(r"python[\d.]*|py")
_RUNNERS = (("uvx",), ("uv", "run"), ("pipx", "run"), ("poetry", "run"))
# Commands and actions that change nothing in a release, or that our workflow does not need.
_HARMLESS = frozenset(
    {
        ".", ":", "cat", "echo", "env", "git", "ls", "pip", "pip3", "printf", "pwd", "set", "source", "tree", "true",
        "which",
    }
)  # fmt: skip
_TOOLS = frozenset({"poetry", "hatch", "uv", "pdm", "flit", "twine", "pipx"})
_PREPARING = frozenset(
    {
        "--version", "add", "check", "config", "ensurepath", "env", "inject", "install", "lock", "pip", "python",
        "self", "show", "sync", "tool", "venv",
    }
)  # fmt: skip
_HARMLESS_ACTION = re.compile(
    r"actions/(cache|checkout|(download|upload)-artifact|setup-python)$|abatilo/actions-poetry$|pypa/hatch$"
    r"|astral-sh/setup-uv$|snok/install-poetry$|step-security/harden-runner$"
)
# pypa/gh-action-pypi-publish, JRubics/poetry-publish and others.
_PYPI_ACTION = re.compile(
    r"(?:pypi|poetry)[a-z-]*(?:publish|upload|deploy)|(?:publish|upload|deploy)[a-z-]*(?:pypi|poetry)"
)
# They build a wheel for each platform or interpreter, which one job of ours does not.
_PLATFORMS = re.compile(
    r"maturin-action|\bcibuildwheel\b|\bauditwheel +repair\b|\bdelocate-wheel\b", re.IGNORECASE
)
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
_SECRET = re.compile(r"\$\{\{ *secrets\.(?!GITHUB_TOKEN)(\w+) *\}\}")
_IF_TAG = re.compile(r"refs/tags|ref_type *== *'tag'")
_TAGS = re.compile(r"(?P<prefix>[A-Za-z][\w./-]*?)(?:\*|\[0-9\])")


def read_migration(
    named: Path | None, *, repository: Path, subfolder: str, known: Sequence[choices.NewRepository]
) -> HandMade:
    """Read the given workflow, or else the first that publishes. Raises `ConfigurationError` if the given one cannot be read."""
    workflows = read_workflows(repository)
    theirs = [each for each in workflows.found if not choices.is_ours(each.path.read_text(encoding="utf-8"))]
    read = [HandMade(each, repository, subfolder, known) for each in theirs]
    publishing = [each for each in read if each.steps]
    if named is None:
        nothing = HandMade(Workflow(path=repository / FOLDER), repository, subfolder)
        nothing.notes = dict.fromkeys(workflows.notes)
        publishing.sort(key=lambda each: (not each.replaceable, each.path.name != "publish.yml"))
        found = next(iter(publishing), nothing)
    else:
        same = (each for each in read if named.is_file() and each.path.samefile(named))
        found = next(same, None) or HandMade(read_workflow(named), repository, subfolder, known)
        found.replaceable &= found in read
    found.publishing = {each.path: each.steps for each in publishing if each.at_release}
    found.platforms = next(_platform_steps(workflows.found, subfolder), "")
    return found


def _platform_steps(workflows: Iterable[Workflow], subfolder: str) -> Iterator[str]:
    """Where wheels of the project are built for several platforms."""
    for workflow in workflows:
        for job in workflow.jobs:
            for step in job.steps:
                texts = (step.run, step.uses, job.working_directory, step.working_directory)
                text = "\n".join(filter(None, (*texts, *step.inputs.values())))
                if subfolder in text and _PLATFORMS.search(text):
                    yield f"{workflow.path.name}:{step.line}: “{masked(step.title)}”"


class HandMade:
    """One workflow, as far as it is understood, for the project in `subfolder` of `repository` (empty: its root).

    `steps` are those that publish, `trusted` the destinations that trust the workflow. `replaceable`: it publishes
    releases, and does nothing else. `publishing` has the steps of all workflows that publish releases, `platforms` the
    step of any workflow that builds wheels for several platforms.
    """

    def __init__(
        self,
        workflow: Workflow,
        repository: Path,
        subfolder: str = "",
        known: Sequence[choices.NewRepository] = (),
    ) -> None:
        self.path = workflow.path
        self._workflow = workflow
        self._repository = repository
        self._subfolder = subfolder
        self._known = {normalized(each.name): each for each in known}
        self._urls: dict[str, str] = {}  # of repositories in the configuration of Poetry
        self._places: dict[str, choices.NewRepository] = {}
        self._logins: dict[str, choices.Login] = {}
        self._environments: dict[str, str] = {}
        self._copies: dict[str, None] = {}
        self._only_for_tags = self._builds_base = self._does_more = False
        self.steps: dict[str, None] = {}
        self.trusted: dict[str, None] = {}
        self.notes: dict[str, None] = {}
        self.publishing: dict[Path, dict[str, None]] = {}
        self.platforms = ""
        found: list[choices.NewVariant] = []
        for job in workflow.jobs:
            found += self._read_job(job)
        self.variants, self.layout = choices.collected(found)
        self.include_base = self._builds_base and bool(found)
        self.replaceable = self.at_release and bool(self.steps) and not self._does_more and not self.notes
        self._rehearses = "pypi" in self._places and "testpypi" in self._places
        self.destinations = tuple(each for each in self._places if each != "testpypi" or not self._rehearses)
        self.repositories = tuple(each for each in self._places.values() if each.url)

    @property
    def at_release(self) -> bool:
        """Whether it may run for the events of our workflow, or is started by hand only. A release also creates a tag."""
        triggers = {*self._workflow.triggers} - {"workflow_dispatch"}
        started = not {"release", "create", "workflow_call"}.isdisjoint(triggers)
        return started or not triggers or "tags" in self._workflow.pushed

    @property
    def kept(self) -> choices.Kept:
        """The choices that the new workflow keeps."""
        tags = self._workflow.tags
        events = {
            choices.Trigger.RELEASE: "release" in self._workflow.triggers,
            choices.Trigger.TAG: tags or (self._only_for_tags and "tags" in self._workflow.pushed),
        }
        return choices.Kept(
            triggers=tuple(each for each, stated in events.items() if stated),
            tag_prefix=next((match["prefix"] for each in tags if (match := _TAGS.match(each))), None),
            rehearse=self._rehearses,
            separate=False if self.trusted else None,  # the environment is a part of what PyPI trusts
            logins=self._logins,
            environments=self._environments,
            copies=tuple(self._copies),
        )

    def _note(self, message: str, line: int = 0) -> None:
        where = f"{self.path.name}:{line}" if line else self.path.name
        # A credential is cut only where it is not shown.
        self.notes[f"{where}: {masked(message[:600])[:300]}"] = None

    def _read_job(self, job: Job) -> list[choices.NewVariant]:
        """Follow a job. Unknown commands are reported only if the job builds or publishes."""
        before, steps = dict(self.notes), len(self.steps)
        if job.matrix is None:
            self._note(f"the matrix of {job.key} is an expression, so its job is read once", job.line)
        builds: list[choices.NewVariant | None] = []
        for combination in job.matrix or ({},):
            folders = _Folders(self._repository)
            for step in job.steps:
                builds += self._read_step(step, job, combination, folders)
        if not builds and len(self.steps) == steps:
            self.notes, self._does_more = before, True
        return [each for each in builds if each is not None]

    def _read_step(
        self, step: Step, job: Job, combination: Mapping[str, str], folders: _Folders
    ) -> Iterator[choices.NewVariant | None]:
        """Follow a step. Gives its builds: a variant, or None for the project itself."""
        stated = {**self._workflow.env, **job.env, **step.env}
        variables = {f"matrix_{key}": value for key, value in combination.items()}
        variables |= {"github_workspace": _ROOT, "GITHUB_WORKSPACE": _ROOT}
        for key, value in stated.items():
            variables[key] = variables[f"env_{key}"] = expanded(_as_shell(value), variables)
        if _PYPI_ACTION.search(step.action or ""):
            stated_url = step.inputs.get("repository-url") or step.inputs.get("repository_url") or ""
            secret = any(re.search("password|token", key) for key in step.inputs)
            self._publish(
                step, job, url=expanded(_as_shell(stated_url), variables) or None, trusted=not secret
            )
        elif step.uses is not None and not _HARMLESS_ACTION.match(step.action or ""):
            self._note(f"not understood: the action {step.uses}", step.line)
        # Each step has its own shell.
        place = step.working_directory or job.working_directory or ""
        folders.begin(expanded(_as_shell(place), variables))
        for command in commands_of(_as_shell(step.run or ""), variables):
            words = _bare(command.words)
            uploads = _UPLOADS.get((words[0], "".join(words[1:2])))
            understood = command.plain and (uploads is not None or _is_harmless(words))
            if uploads is not None:
                name, url = (_stated(words, each, variables) for each in uploads)
                url = url or (name if name and "://" in name else None)
                self._publish(step, job, name=None if url else name, url=url)
            if command.plain and _is_build(words):
                understood, variant = self._build(folders)
                yield variant
            elif command.plain and words[:2] == ("poetry", "config") and "://" in words[-1]:
                self._urls[words[-2].removeprefix("repositories.").removesuffix(".url")] = words[-1]
            elif command.plain and not understood:
                understood = folders.follow(words)
            if not understood:
                line = step.run_line + command.line - 1
                self._note(f"not understood: `{' '.join(command.words)}` in “{step.title}”", line)

    def _publish(
        self, step: Step, job: Job, *, name: str | None = None, url: str | None = None, trusted: bool = False
    ) -> None:
        """Note a destination as a tool states it: by `name`, by `url`, or neither for the tool's default, PyPI."""
        self.steps[f"{self.path.name}:{step.line}: “{masked(step.title)}”"] = None
        self._only_for_tags |= bool(_IF_TAG.search(job.condition + step.condition))
        place = self._destination(name, url or self._urls.get(name or ""))
        if place is None or place.name in self._places:
            return
        self._places[place.name] = place
        if trusted and place.name in PUBLIC:
            self.trusted[place.name] = None
        stated = [*step.env.items(), *step.inputs.items(), ("token", step.run or "")]
        login = _login([*stated, *job.env.items(), *self._workflow.env.items()])
        if login is not None and not trusted:
            self._logins[place.name] = login
        if job.environment and "${{" not in job.environment:
            self._environments[place.name] = job.environment

    def _destination(self, name: str | None, url: str | None) -> choices.NewRepository | None:
        """The repository of a destination, without a URL if it is built in; None if it is not known."""
        own = canonical(name or "pypi")
        if url is None and (own in BUILT_IN or own in self._known):
            return choices.NewRepository(own, "") if own in BUILT_IN else self._known[own]
        if url is None:
            self._note(f"it publishes to {name!r}, whose URL is not known: add `-r {name}=URL`")
            return None
        host = hostname_of(url)
        if host.endswith("pkg.github.com"):
            self._note(
                f"GitHub has no Python packages at {host}; the repository `github` stores wheels in the container registry, ghcr.io"
            )
            return choices.NewRepository("github", "")
        if built_in := next((name for name, hosts in HOSTS.items() if host in hosts), None):
            return choices.NewRepository(built_in, "")
        if not host or "$" in url or upload_url_problem(url) is not None:
            self._note(f"the URL that it publishes to cannot be used ({url}): add `-r NAME=URL`")
            return None
        if name is None or own in BUILT_IN:  # `corp` for `pypi.corp.example`
            labels = host.split(".")
            name = labels[-2] if len(labels) > 1 and not labels[-1].isdigit() else "private"
        return choices.NewRepository(name=name, url=url, origin=self.path.name)

    def _build(self, folders: _Folders) -> tuple[bool, choices.NewVariant | None]:
        """Whether a build of the current folder is understood, and its variant; None for the project itself."""
        folder = folders.cwd
        inside = {
            posixpath.relpath(target, folder or "."): self._own(source)
            for target, source in folders.copies.items()
            if not folder or target.startswith(f"{folder}/")
        }
        pyproject = inside.pop("pyproject.toml", None)
        if pyproject is None:
            is_project = folder in {"", self._subfolder}
            self._builds_base |= is_project
            for target, source in folders.copies.items():
                if (self._repository / posixpath.dirname(target)).is_dir():  # so it is for the project
                    self._copies[shlex.join(["cp", "-R", source, target])] = None
            return is_project, None
        project = project_name(read_values(self._repository / self._subfolder / pyproject))
        outside = [each for each in inside.values() if each.startswith("../")]
        if outside:
            self._note(f"{', '.join(outside)} is not in the project, and not copied into its build variants")
        layout = {own: target for target, own in inside.items() if own != target and own not in outside}
        if project is None:
            return False, None
        return True, choices.NewVariant(variant_name(pyproject), project, pyproject, layout)

    def _own(self, path: str) -> str:
        """A path of the repository as one of the project."""
        return posixpath.relpath(path, self._subfolder) if self._subfolder else path


class _Folders:
    """The current folder of a job, and its copies from target to source. Paths are relative to the repository."""

    def __init__(self, repository: Path) -> None:
        self._repository = repository
        self._stack: list[str] = []
        self._made: set[str] = set()
        self.copies: dict[str, str] = {}
        self.cwd = ""

    def begin(self, folder: str) -> None:
        """Begin the shell of a step in a folder of the repository."""
        self.cwd, self._stack = "", []
        self.cwd = self._path(folder)

    def _path(self, text: str) -> str:
        joined = posixpath.normpath(posixpath.join(self.cwd, text)).lstrip("/")
        return "" if joined == "." else joined

    def _has(self, source: str) -> bool:
        path = self._path(source)
        return path in self.copies or (self._repository / path).exists()

    def follow(self, words: Sequence[str]) -> bool:
        """Follow a command. Returns whether it is understood."""
        match words:
            case ("cd", folder):
                self.cwd = self._path(folder)
            case ("(",) | ("pushd", _):
                self._stack.append(self.cwd)
                self.cwd = self._path("".join(words[1:]))
            case (")",) | ("popd",):
                self.cwd = self._stack.pop() if self._stack else self.cwd
            case ("mkdir", *paths):
                self._made.update(map(self._path, paths))
            case ("rm", *paths):
                gone = tuple(f"{self._path(each.removesuffix('/*'))}/" for each in paths)
                left = {each for each in self.copies if not f"{each}/".startswith(gone)}
                self.copies = {each: self.copies[each] for each in self.copies if each in left}
                self._made = {each for each in self._made if not f"{each}/".startswith(gone)}
            case ("cp", *arguments):
                return self._copy([each for each in arguments if not each.startswith("-")])
            case _:
                return False
        return True

    def _copy(self, paths: Sequence[str]) -> bool:
        """Record a copy. Returns False if it is not one of files and folders of the repository."""
        *sources, target = paths or ("",)
        if any("dist" in posixpath.normpath(each).split("/") for each in sources):
            return True  # collects built files
        folder = self._path(target)
        inside = target.endswith(("/", "/.")) or target == "." or len(sources) > 1
        inside = inside or folder in self._made or (self._repository / folder).is_dir()
        if not sources or any(each.endswith(".") or not self._has(each) for each in sources):
            return False
        for source in map(self._path, sources):
            place = posixpath.join(folder, posixpath.basename(source)) if inside else folder
            self.copies[place] = self.copies.get(source, source)
        if inside:
            self._made.add(folder)
        return True


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


def _as_shell(text: str) -> str:
    """The text with `${{ matrix.x }}` as the variable `matrix_x`."""
    return _EXPRESSION.sub(lambda match: "${" + re.sub(r"\W+", "_", match[1].strip()) + "}", text)


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
    if _PYTHON.fullmatch(words[0]) and words[1:2] == ("setup.py",):
        return not {"sdist", "bdist_wheel"}.isdisjoint(words)
    if words[0] in _TOOLS:
        return words[1:2] == ("build",) or (words[:2] == ("poetry", "publish") and "--build" in words)
    return words[0] in {"build", "pyproject-build"}


def _is_harmless(words: tuple[str, ...]) -> bool:
    return words[0] in _HARMLESS or (words[0] in _TOOLS and not _PREPARING.isdisjoint(words[1:2]))


def _stated(words: Sequence[str], names: Iterable[str], variables: Mapping[str, str]) -> str | None:
    """The value of an option, or else of a variable, with these names."""
    for index, word in enumerate(words):
        option, equals, value = word.partition("=")
        if word in names and index + 1 < len(words):
            return words[index + 1]
        if equals and option in names and option.startswith("--"):
            return value
    return next((variables[each] for each in names if variables.get(each)), None)


def _login(stated: Sequence[tuple[str, str]]) -> choices.Login | None:
    """The secret in the variables and inputs of a step, by their names, with the user name (empty for a token)."""
    secrets = (_SECRET.search(value) for key, value in stated if re.search("(?i)token|password|auth", key))
    secret = next(filter(None, secrets), None)
    if secret is None:
        return None
    user = next((value for key, value in stated if re.search("(?i)user", key)), "__token__")
    return choices.Login(secret[1], "" if user == "__token__" else user)
