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
from types import MappingProxyType
from typing import Any, NamedTuple

from publish_all._toml import TOMLDecodeError, loads
from publish_all.commands.scaffold import choices
from publish_all.commands.scaffold.changes import masked
from publish_all.commands.scaffold.pipeline import PUBLIC
from publish_all.commands.scaffold.shell import commands_of
from publish_all.config.addresses import hostname_of
from publish_all.config.builtin import BUILT_IN, HOSTS, canonical, normalized
from publish_all.config.kinds import upload_url_problem
from publish_all.config.model import EMPTY
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
_HARMLESS_ACTIONS = frozenset(
    {
        "abatilo/actions-poetry", "actions/cache", "actions/checkout", "actions/download-artifact",
        "actions/setup-python", "actions/upload-artifact", "astral-sh/setup-uv", "pypa/hatch", "snok/install-poetry",
        "step-security/harden-runner",
    }
)  # fmt: skip
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


class Upload(NamedTuple):
    """A destination as a tool states it: by `name`, by `url`, or neither for the tool's default, PyPI.

    `environment` is the one of its job.
    """

    name: str | None = None
    url: str | None = None
    trusted: bool = False
    login: choices.Login | None = None
    environment: str | None = None


class Migration(NamedTuple):
    """The result of the hand-made workflow `path`.

    `replaceable`: it does nothing else. `trusted` are the destinations that trust it. `publishing` has the steps of
    all workflows that publish releases, `platforms` the step of any workflow that builds wheels for several platforms.
    """

    path: Path | None = None
    replaceable: bool = False
    trusted: tuple[str, ...] = ()
    variants: tuple[choices.NewVariant, ...] = ()
    layout: Mapping[str, str] = EMPTY
    include_base: bool = False
    destinations: tuple[str, ...] = ()
    repositories: tuple[choices.NewRepository, ...] = ()
    kept: choices.Kept = choices.Kept()
    notes: tuple[str, ...] = ()
    publishing: Mapping[Path, tuple[str, ...]] = MappingProxyType({})
    platforms: str = ""


def read_migration(
    named: Path | None, *, repository: Path, subfolder: str, known: Iterable[choices.NewRepository]
) -> Migration:
    """Read the given workflow, or else the first that publishes. Raises `ConfigurationError` if the given one cannot be read."""
    workflows = read_workflows(repository)
    theirs = [each for each in workflows.found if not choices.is_ours(each.path.read_text(encoding="utf-8"))]
    publishing = [found for each in theirs if (found := HandMade(each, repository, subfolder)).uploads]
    publishing.sort(key=lambda each: (not each.replaceable, each.path.name != "publish.yml"))
    made, notes = publishing[:1], workflows.notes
    if named is not None:
        # As the workflows' folder has it, however it was written.
        usual = repository / FOLDER / named.name
        same = usual.is_file() and named.is_file() and usual.samefile(named)
        made, notes = [HandMade(read_workflow(usual if same else named), repository, subfolder)], ()
    migration = made[0].migration(known) if made else Migration()
    at_release = {each.path: tuple(each.uploads.values()) for each in publishing if each.at_release}
    return migration._replace(
        replaceable=migration.replaceable and migration.path in at_release,
        publishing=at_release,
        platforms=next(_platform_steps(workflows.found, subfolder), ""),
        notes=(*notes, *migration.notes),
    )


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

    `uploads` have the steps that they are made in, `urls` the URLs of repositories in the configuration of Poetry.
    """

    def __init__(self, workflow: Workflow, repository: Path, subfolder: str = "") -> None:
        self.path = workflow.path
        self._workflow = workflow
        self._repository = repository
        self._subfolder = subfolder
        self._variants: list[choices.NewVariant] = []
        self._builds_base = False
        self._copies: dict[str, None] = {}
        self._notes: dict[str, None] = {}
        self._only_for_tags = False
        self._does_more = False
        self._urls: dict[str, str] = {}
        self.uploads: dict[Upload, str] = {}
        for job in workflow.jobs:
            self._read_job(job)

    @property
    def at_release(self) -> bool:
        """Whether it may run for the events of our workflow, or is started by hand only. A release also creates a tag."""
        triggers = {*self._workflow.triggers} - {"workflow_dispatch"}
        started = not {"release", "create", "workflow_call"}.isdisjoint(triggers)
        return started or not triggers or "tags" in self._workflow.pushed

    @property
    def replaceable(self) -> bool:
        """Whether it does nothing else than build and publish."""
        return not self._does_more and not self._notes

    def migration(self, known: Iterable[choices.NewRepository]) -> Migration:
        """The result. `known` are the repositories of other tools."""
        replaceable = self.replaceable
        others = {normalized(each.name): each for each in known}
        places = [(self._destination(each, others), each) for each in self.uploads]
        uploads = {place.name: each for place, each in reversed(places) if place is not None}
        names = dict.fromkeys(place.name for place, _ in places if place is not None)
        rehearse = "pypi" in names and names.pop("testpypi", "") is None
        trusted = tuple(name for name, each in uploads.items() if each.trusted and name in PUBLIC)
        tags = self._workflow.tags
        events = {
            choices.Trigger.RELEASE: "release" in self._workflow.triggers,
            choices.Trigger.TAG: tags or (self._only_for_tags and "tags" in self._workflow.pushed),
        }
        variants, layout = choices.collected(self._variants)
        return Migration(
            path=self.path,
            replaceable=replaceable,
            trusted=trusted,
            variants=variants,
            layout=layout,
            include_base=self._builds_base and bool(variants),
            destinations=tuple(names),
            repositories=tuple({place.name: place for place, _ in places if place and place.url}.values()),
            kept=choices.Kept(
                triggers=tuple(each for each, stated in events.items() if stated),
                tag_prefix=next((match["prefix"] for each in tags if (match := _TAGS.match(each))), None),
                rehearse=rehearse,
                separate=False if trusted else None,  # the environment is a part of what PyPI trusts
                logins={name: each.login for name, each in uploads.items() if each.login is not None},
                environments={name: each.environment for name, each in uploads.items() if each.environment},
                copies=tuple(self._copies),
            ),
            notes=tuple(self._notes),
        )

    def _destination(
        self, upload: Upload, others: Mapping[str, choices.NewRepository]
    ) -> choices.NewRepository | None:
        """The repository of a destination, without a URL if it is built in; None if it is not known."""
        url, own = upload.url or self._urls.get(upload.name or ""), canonical(upload.name or "pypi")
        if url is None:
            found = choices.NewRepository(own, "") if own in BUILT_IN else others.get(own)
            if found is None:
                self._note(
                    f"it publishes to {upload.name!r}, whose URL is not known: add `-r {upload.name}=URL`"
                )
            return found
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
        name = upload.name
        if name is None or own in BUILT_IN:  # `corp` for `pypi.corp.example`
            labels = host.split(".")
            name = labels[-2] if len(labels) > 1 and not labels[-1].isdigit() else "private"
        return choices.NewRepository(name=name, url=url, origin=self.path.name)

    def _note(self, message: str, line: int = 0) -> None:
        where = f"{self.path.name}:{line}" if line else self.path.name
        # A credential is cut only where it is not shown.
        self._notes[f"{where}: {masked(message[:600])[:300]}"] = None

    def _read_job(self, job: Job) -> None:
        """Follow a job. Unknown commands are reported only if the job builds or publishes."""
        before, concerns = dict(self._notes), False
        if job.matrix is None:
            self._note(f"the matrix of {job.key} is an expression, so its job is read once", job.line)
        for combination in job.matrix or ({},):
            folders = _Folders(self._repository)
            for step in job.steps:
                concerns |= self._read_step(step, job, combination, folders)
        if not concerns:
            self._notes, self._does_more = before, True

    def _read_step(self, step: Step, job: Job, combination: Mapping[str, str], folders: _Folders) -> bool:
        """Follow a step. Returns whether it builds or publishes."""
        stated = {**self._workflow.env, **job.env, **step.env}
        known = {f"matrix.{key}": value for key, value in combination.items()}
        known |= {f"env.{key}": value for key, value in stated.items()}
        variables = {key: _substituted(value, known) for key, value in stated.items()}
        uploads: list[Upload] = []
        builds = False
        if _PYPI_ACTION.search(step.action or ""):
            url = step.inputs.get("repository-url") or step.inputs.get("repository_url") or ""
            secret = any(re.search("password|token", key) for key in step.inputs)
            uploads.append(Upload(url=_substituted(url, known) or None, trusted=not secret))
        elif step.uses is not None and step.action not in _HARMLESS_ACTIONS:
            self._note(f"not understood: the action {step.uses}", step.line)
        # Each step has its own shell.
        folders.begin(_substituted(step.working_directory or job.working_directory or "", known))
        script = _substituted(step.run or "", known)
        for command in commands_of(script, {"GITHUB_WORKSPACE": _ROOT, **variables}):
            words = _bare(command.words)
            upload = _upload_of(words, variables)
            understood = command.plain and (upload is not None or _is_harmless(words))
            if command.plain and _is_build(words):
                builds, understood = True, self._build(folders)
            elif command.plain and words[:2] == ("poetry", "config") and "://" in words[-1]:
                self._urls[words[-2].removeprefix("repositories.").removesuffix(".url")] = words[-1]
            elif command.plain and not understood:
                understood = folders.follow(words)
            if not understood:
                line = step.run_line + command.line - 1
                self._note(f"not understood: `{' '.join(command.words)}` in “{step.title}”", line)
            uploads += [upload] if upload is not None else []
        in_script = ("token", step.run or "")
        login = _login([*step.env.items(), *step.inputs.items(), in_script, *stated.items()])
        environment = None if "${{" in (job.environment or "") else job.environment
        for each in uploads:
            self._only_for_tags |= bool(_IF_TAG.search(job.condition + step.condition))
            made = each._replace(login=None if each.trusted else login, environment=environment)
            self.uploads.setdefault(made, f"{self.path.name}:{step.line}: “{masked(step.title)}”")
        return builds or bool(uploads)

    def _build(self, folders: _Folders) -> bool:
        """Note a build of the current folder. Returns whether it is one of the project or of a variant."""
        folder = folders.cwd
        inside = {
            posixpath.relpath(target, folder or "."): self._own(source)
            for target, source in folders.copies.items()
            if not folder or target.startswith(f"{folder}/")
        }
        pyproject = inside.pop("pyproject.toml", None)
        if pyproject is None:
            self._builds_base |= folder in {"", self._subfolder}
            for target, source in folders.copies.items():
                if (self._repository / posixpath.dirname(target)).is_dir():  # so it is for the project
                    self._copies[shlex.join(["cp", "-R", source, target])] = None
            return folder in {"", self._subfolder}
        project = project_name(read_values(self._repository / self._subfolder / pyproject))
        outside = [each for each in inside.values() if each.startswith("../")]
        if outside:
            self._note(f"{', '.join(outside)} is not in the project, and not copied into its build variants")
        if project is not None:
            layout = {
                source: target
                for target, source in inside.items()
                if source != target and source not in outside
            }
            self._variants.append(choices.NewVariant(variant_name(pyproject), project, pyproject, layout))
        return project is not None

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


def _substituted(text: str, known: Mapping[str, str]) -> str:
    """The text with the values of `${{ matrix.x }}` and `${{ env.x }}`; other expressions become one word."""

    def value(match: re.Match[str]) -> str:
        stated = match[1].strip()
        if stated == "github.workspace":
            return _ROOT
        return known.get(stated, "$" + re.sub(r"\W+", "_", stated))

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
    if _PYTHON.fullmatch(words[0]) and words[1:2] == ("setup.py",):
        return not {"sdist", "bdist_wheel"}.isdisjoint(words)
    if words[0] in _TOOLS:
        return words[1:2] == ("build",) or (words[:2] == ("poetry", "publish") and "--build" in words)
    return words[0] in {"build", "pyproject-build"}


def _is_harmless(words: tuple[str, ...]) -> bool:
    return words[0] in _HARMLESS or (words[0] in _TOOLS and not _PREPARING.isdisjoint(words[1:2]))


def _upload_of(words: tuple[str, ...], variables: Mapping[str, str]) -> Upload | None:
    """What a command uploads to; None for one that doesn't. `variables` are those of its environment."""
    stated = _UPLOADS.get((words[0], "".join(words[1:2])))
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


def _login(stated: Sequence[tuple[str, str]]) -> choices.Login | None:
    """The secret in the variables and inputs of a step, by their names, with the user name (empty for a token)."""
    secrets = (_SECRET.search(value) for key, value in stated if re.search("(?i)token|password|auth", key))
    secret = next(filter(None, secrets), None)
    if secret is None:
        return None
    user = next((value for key, value in stated if re.search("(?i)user", key)), "__token__")
    return choices.Login(secret[1], "" if user == "__token__" else user)
