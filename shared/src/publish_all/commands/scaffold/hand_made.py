"""Read hand-made workflows: which copies they build, and where they publish. Nothing is run.

`cd`, copies, loops over words, builds and uploads are understood. Copying a package and a variant's pyproject.toml
into a folder and building there becomes a build variant with a layout. Everything else is reported with its line.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from publish_all._toml import TOMLDecodeError, loads
from publish_all.commands.scaffold import choices
from publish_all.commands.scaffold.changes import masked
from publish_all.commands.scaffold.pipeline import PUBLIC
from publish_all.commands.scaffold.shell import commands_of, expanded
from publish_all.config.addresses import hostname_of
from publish_all.config.builtin import BUILT_IN, HOSTS, canonical, normalized
from publish_all.config.kinds import LEGACY
from publish_all.config.workflows import FOLDER, Job, Step, Workflow, read_workflow, read_workflows
from publish_all.version.static import project_name

_ROOT = "/."  # the repository, where paths begin
_EXPRESSION = re.compile(r"\$\{\{((?:(?!\$\{\{|\}\}).)+)\}\}")
_RUNNER = re.compile(r"((uvx|uv run|pipx run|poetry run|python3? -m) )+")
# Commands and actions that change nothing in a release, or that our workflow does not need.
_HARMLESS = re.compile(
    r"(\.|cat|echo|git|ls|pip3?|printf|pwd|set|source|true)( |$)|(poetry|hatch|uv|pdm|flit|twine|pipx)"
    r" (?!config .*://)(--version|add|check|config|env|inject|install|lock|pip|python|self|show|sync|tool|venv)\b"
)
_HARMLESS_ACTION = re.compile(
    r"actions/(cache|checkout|(download|upload)-artifact|setup-python)$|abatilo/actions-poetry$|pypa/hatch$"
    r"|astral-sh/setup-uv$|snok/install-poetry$"
)
# pypa/gh-action-pypi-publish, JRubics/poetry-publish and others.
_PYPI_ACTION = re.compile(r"(pypi|poetry)[a-z-]*(publish|upload)|(publish|upload|deploy)[a-z-]*(pypi|poetry)")
_BUILD = re.compile(
    r"(build|pyproject-build|(poetry|hatch|uv|pdm|flit) build)( |$)|poetry publish .*--build\b"
    r"|python3? setup\.py .*\b(sdist|bdist_wheel)\b"
)
_UPLOAD = re.compile(r"((poetry|hatch|uv|pdm|flit) publish|twine upload)( |$)")
# They build a wheel for each platform or interpreter, which one job of ours does not.
_PLATFORMS = re.compile(r"(?i)maturin-action|\bcibuildwheel\b|\bauditwheel +repair\b|\bdelocate-wheel\b")
# Where a command uploads to: options with a URL, options with a name, and variables.
_URL = re.compile(r" --(?:repository|publish)-url[ =](\S+)")
_NAME = re.compile(r" (?:-r|--repository|--repo|--index)[ =](\S+)")
_VARIABLE = re.compile(
    r"TWINE_REPOSITORY(_URL)?|HATCH_INDEX_REPO|PDM_PUBLISH_REPO|UV_PUBLISH_URL|FLIT_INDEX_URL"
)
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
        nothing = HandMade(Workflow(path=repository / FOLDER), repository, subfolder, known)
        nothing.notes = dict.fromkeys(workflows.notes)
        publishing.sort(key=lambda each: (not each.replaceable, each.path.name != "publish.yml"))
        found = next(iter(publishing), nothing)
    else:
        same = (each for each in read if named.is_file() and each.path.samefile(named))
        found = next(same, None) or HandMade(read_workflow(named), repository, subfolder, known)
        found.replaceable &= found in read
    found.publishing = {each.path: each.steps for each in publishing if each.at_release}
    found.platforms = next((each.platforms for each in read if each.platforms), "")
    return found


class HandMade:
    """One workflow, as far as it is understood, for the project in `subfolder` of `repository` (empty: its root).

    `steps` are those that publish, `trusted` the destinations that trust the workflow. `replaceable`: it publishes
    releases, and does nothing else. `publishing` has the steps of all workflows that publish releases, `platforms` a
    step that builds wheels of the project for several platforms.
    """

    def __init__(
        self, workflow: Workflow, repository: Path, subfolder: str, known: Sequence[choices.NewRepository]
    ) -> None:
        self.path = workflow.path
        self._workflow = workflow
        self._repository = repository
        self._subfolder = subfolder
        self._known = {normalized(each.name): each for each in known}
        self._places: dict[str, choices.NewRepository] = {}
        self._logins: dict[str, choices.Login] = {}
        self._environments: dict[str, str] = {}
        self._copies: dict[str, None] = {}
        self._found: list[choices.NewVariant] = []
        self._only_for_tags = self._builds_base = self._releases = self._does_more = False
        self.steps: dict[str, None] = {}
        self.trusted: dict[str, None] = {}
        self.notes: dict[str, None] = {}
        self.publishing: dict[Path, dict[str, None]] = {}
        self.platforms = ""
        for job in workflow.jobs:
            self._read_job(job)
        self.variants, self.layout = choices.collected(self._found)
        self.include_base = self._builds_base and bool(self._found)
        self.replaceable = self.at_release and bool(self.steps) and not self._does_more and not self.notes
        self._rehearses = "pypi" in self._places and "testpypi" in self._places
        self.destinations = tuple(each for each in self._places if each != "testpypi" or not self._rehearses)
        self.repositories = tuple(each for each in self._places.values() if each.url)

    @property
    def at_release(self) -> bool:
        """Whether it may run for the events of our workflow, or is started by hand only. A release also creates a tag."""
        triggers = {*self._workflow.triggers} - {"workflow_dispatch"}
        started = not {"release", "create", "workflow_call"}.isdisjoint(triggers)
        return started or not triggers or self._workflow.runs_for_tags

    @property
    def kept(self) -> choices.Kept:
        """The choices that the new workflow keeps."""
        tags = self._workflow.tags
        triggers = [choices.Trigger.RELEASE] if "release" in self._workflow.triggers else []
        if tags or (self._only_for_tags and self._workflow.runs_for_tags):
            triggers.append(choices.Trigger.TAG)
        return choices.Kept(
            triggers=tuple(triggers),
            tag_prefix=next((match["prefix"] for each in tags if (match := _TAGS.match(each))), None),
            rehearse=self._rehearses,
            separate=False if self.trusted else None,  # the environment is a part of what PyPI trusts
            logins=self._logins,
            environments=self._environments,
            copies=tuple(self._copies),
        )

    def _note(self, message: str, line: int) -> None:
        # A credential is cut only where it is not shown.
        self.notes[f"{self.path.name}:{line}: {masked(message[:600])[:300]}"] = None

    def _read_job(self, job: Job) -> None:
        """Follow a job. Unknown commands are reported only if the job builds or publishes."""
        notes, self._releases = dict(self.notes), False
        for combination in job.matrix or ({},):
            folders = _Folders(self._repository)
            for step in job.steps:
                self._read_step(step, job, combination, folders)
        if not self._releases:
            self.notes, self._does_more = notes, True

    def _read_step(self, step: Step, job: Job, combination: Mapping[str, str], folders: _Folders) -> None:
        place = step.working_directory or job.working_directory or ""
        text = "\n".join((step.run or "", step.uses or "", place, *step.inputs.values()))
        if self._subfolder in text and _PLATFORMS.search(text):
            self.platforms = f"{self.path.name}:{step.line}: “{masked(step.title)}”"
        variables = {f"matrix_{key}": value for key, value in combination.items()}
        variables |= {"github_workspace": _ROOT, "GITHUB_WORKSPACE": _ROOT}
        for key, value in {**self._workflow.env, **job.env, **step.env}.items():
            variables[key] = expanded(_as_shell(value), variables)
        if _PYPI_ACTION.search(step.action or ""):
            secret = any(re.search("password|token", key) for key in step.inputs)
            url = expanded(_as_shell(step.inputs.get("repository-url", "")), variables)
            self._publish(step, job, url or "pypi", trusted=not secret)
        elif step.uses and not _HARMLESS_ACTION.match(step.action or ""):
            self._note(f"not understood: the action {step.uses}", step.line)
        # Each step has its own shell.
        folders.cwd = ""
        folders.follow(("cd", expanded(_as_shell(place), variables)))
        for words in commands_of(_as_shell(step.run or ""), variables):
            text = " ".join(words)
            bare = "" if " " in words[0] else _RUNNER.sub("", text, count=1)  # empty if it is not simple
            understood = _HARMLESS.match(bare) or folders.follow(words)
            if _UPLOAD.match(bare):
                stated = _URL.search(bare) or _NAME.search(bare)
                named = (value for key, value in variables.items() if value and _VARIABLE.fullmatch(key))
                self._publish(step, job, stated[1] if stated else next(named, "pypi"))
                understood = True
            if _BUILD.match(bare):
                understood = self._build(folders)
            if not understood:
                self._note(f"not understood: `{text}` in “{step.title}”", step.run_line)

    def _publish(self, step: Step, job: Job, stated: str, *, trusted: bool = False) -> None:
        """Note a destination, which is stated by its name or URL."""
        self._releases = True
        self.steps[f"{self.path.name}:{step.line}: “{masked(step.title)}”"] = None
        self._only_for_tags |= bool(_IF_TAG.search(job.condition + step.condition))
        place = self._destination(stated, step)
        if place is None or place.name in self._places:
            return
        self._places[place.name] = place
        if trusted and place.name in PUBLIC:
            self.trusted[place.name] = None
        own = [*step.env.items(), *step.inputs.items(), ("token", step.run or "")]
        login = _login([*own, *job.env.items(), *self._workflow.env.items()])
        if login is not None and not trusted:
            self._logins[place.name] = login
        if job.environment and "${{" not in job.environment:
            self._environments[place.name] = job.environment

    def _destination(self, stated: str, step: Step) -> choices.NewRepository | None:
        """The repository of a name or URL, without a URL if it is built in; None if it is not known."""
        url = stated if "://" in stated else ""
        own, host = canonical(stated), hostname_of(url)
        if not url and own in self._known:
            return self._known[own]
        built_in = next((name for name, hosts in HOSTS.items() if host in hosts), own)
        if built_in in BUILT_IN:
            return choices.NewRepository(built_in, "")
        if not host or "$" in url or host.endswith("pkg.github.com") or LEGACY.url_problem(url) is not None:
            self._note(f"it publishes to {stated}, whose URL is not known: add `-r NAME=URL`", step.line)
            return None
        labels = host.split(".")  # `corp` for `pypi.corp.example`
        name = labels[-2] if len(labels) > 1 and not labels[-1].isdigit() else "private"
        return choices.NewRepository(name=name, url=url, origin=self.path.name)

    def _build(self, folders: _Folders) -> bool:
        """Note the build of the current folder. Returns whether it is understood."""
        self._releases = True
        folder = folders.cwd
        inside = {
            posixpath.relpath(target, folder or "."): posixpath.relpath(source, self._subfolder or ".")
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
            return is_project
        project = project_name(read_values(self._repository / self._subfolder / pyproject))
        if project is None or any(each.startswith("../") for each in inside.values()):
            return False
        layout = {own: target for target, own in inside.items() if own != target}
        self._found.append(choices.NewVariant(variant_name(pyproject), project, pyproject, layout))
        return True


class _Folders:
    """The current folder of a job, and its copies from target to source. Paths are relative to the repository."""

    def __init__(self, repository: Path) -> None:
        self._repository = repository
        self._stack: list[str] = []
        self._made: set[str] = set()
        self.copies: dict[str, str] = {}
        self.cwd = ""

    def _path(self, text: str) -> str:
        joined = posixpath.normpath(posixpath.join(self.cwd, text)).lstrip("/")
        return "" if joined == "." else joined

    def follow(self, words: Sequence[str]) -> bool:
        """Follow a command. Returns whether it is understood."""
        match words:
            case ("cd", folder):
                self.cwd = self._path(folder)
            case ("(",):
                self._stack.append(self.cwd)
            case (")",):
                self.cwd = self._stack.pop() if self._stack else self.cwd
            case ("mkdir", *paths):
                self._made.update(map(self._path, paths))
            case ("rm", *paths):
                gone = tuple(f"{self._path(each.removesuffix('/*'))}/" for each in paths)
                self.copies = {to: at for to, at in self.copies.items() if not f"{to}/".startswith(gone)}
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
        inside = target.endswith(("/", ".")) or folder in self._made or (self._repository / folder).is_dir()
        for each in sources:
            source = self._path(each)
            if each.endswith(".") or not (source in self.copies or (self._repository / source).exists()):
                return False
            place = posixpath.join(folder, posixpath.basename(source)) if inside else folder
            self.copies[place] = self.copies.get(source, source)
        return bool(sources)


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


def _login(stated: Sequence[tuple[str, str]]) -> choices.Login | None:
    """The secret in the variables and inputs of a step, by their names, with the user name (empty for a token)."""
    secrets = (_SECRET.search(value) for key, value in stated if re.search("(?i)token|password|auth", key))
    secret = next(filter(None, secrets), None)
    if secret is None:
        return None
    user = next((value for key, value in stated if re.search("(?i)user", key)), "__token__")
    return choices.Login(secret[1], "" if user == "__token__" else user)
