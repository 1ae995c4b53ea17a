"""Read hand-made workflows: which copies they build, and where they publish. Nothing is run.

`cd`, copies, loops over words, builds and uploads are understood. Copying a package and a variant's pyproject.toml
into a folder and building there becomes a build variant with a layout. Everything else is reported with its line.
What publishes can be taken out of the text.
"""

from __future__ import annotations

import itertools
import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from publish_all._toml import read_if_valid, table
from publish_all.commands.scaffold import choices
from publish_all.commands.scaffold.changes import current, masked
from publish_all.commands.scaffold.pipeline import PUBLIC
from publish_all.config.addresses import hostname_of
from publish_all.config.builtin import BUILT_IN, HOSTS, canonical, normalized
from publish_all.config.kinds import LEGACY
from publish_all.config.workflows import Job, Step, Workflow, parse_workflow, read_workflow, read_workflows
from publish_all.errors import ConfigurationError
from publish_all.version.static import project_name

_ROOT = "/."  # the repository, where paths begin
_EXPRESSION = re.compile(r"\$\{\{((?:(?!\$\{\{|\}\}).)+)\}\}")
_RUNNER = re.compile(r"((uvx|uv run|pipx run|poetry run|python3? -m) )+")
# Commands and actions that change nothing in a release, or that our workflow does not need.
_HARMLESS = re.compile(
    r"(\.|cat|echo|git|ls|pip3?|printf|pwd|set|source|true)( |$)|(poetry|hatch|uv|pdm|flit|twine|pipx)"
    r" (--version|add|check|config|env|inject|install|lock|pip|python|self|show|sync|tool|venv)\b"
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
# A repository that the workflow adds to the configuration of Poetry: its name and URL.
_ADD = re.compile(r"poetry config repositories\.([\w-]+)\S* (\S+)")
# They build a wheel for each platform or interpreter, which one job of ours does not.
_PLATFORMS = re.compile(r"(?i)maturin-action|\bcibuildwheel\b|\bauditwheel +repair\b|\bdelocate-wheel\b")
# Where a command uploads to: options with a URL, options with a name, and variables.
_URL = re.compile(r" --(?:repository|publish)-url[ =](\S+)")
_NAME = re.compile(r" (?:-r|--repository|--repo|--index)[ =](\S+)")
_VARIABLE = re.compile(
    r"TWINE_REPOSITORY(_URL)?|HATCH_INDEX_REPO|PDM_PUBLISH_REPO|UV_PUBLISH_URL|FLIT_INDEX_URL"
)
# Those of other names in POETRY_HTTP_BASIC_ are for private sources, which tests install from.
_CREDENTIAL = re.compile(
    r"(TWINE|FLIT|PDM_PUBLISH|UV_PUBLISH|HATCH_INDEX|POETRY_(HTTP_BASIC_)?PYPI)_.*(PASSWORD|TOKEN|AUTH)"
)
_SECRET = re.compile(r"\$\{\{ *secrets\.(?!GITHUB_TOKEN)(\w+) *\}\}")
_IF_TAG = re.compile(r"refs/tags|ref_type *== *'tag'")
_TAGS = re.compile(r"(?P<prefix>[A-Za-z][\w./-]*?)(?:\*|\[0-9\])")

# The simple part of shell scripts: commands one after the other, `for` loops over words, variables.
_OPERATOR = re.compile(r"[()]|[;&|<>]+")
_PARAMETER = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=([^|&<]*)")
_COMPOUND = frozenset({"if", "elif", "while", "until", "case"})

Command = tuple[str, ...]
"""The words of a command as it would run, with variables expanded. The words `(` and `)` begin and end a subshell."""


def read_migration(
    named: Path | None, *, repository: Path, subfolder: str, known: Sequence[choices.NewRepository]
) -> HandMade:
    """Read the given workflow, or else the first that publishes. Raises `ConfigurationError` if the given one cannot be read."""
    workflows = read_workflows(repository)
    theirs = [each for each in workflows.found if not choices.is_ours(each.path.read_text(encoding="utf-8"))]
    read = [HandMade(each, repository, subfolder, known) for each in theirs]
    publishing = [each for each in read if each.steps]
    if named is None:
        nothing = HandMade(Workflow(path=repository), repository, subfolder, known)
        nothing.notes = dict.fromkeys(workflows.notes)
        publishing.sort(key=lambda each: (not each.replaceable, each.path.name != "publish.yml"))
        found = next(iter(publishing), nothing)
    else:
        same = (each for each in read if named.is_file() and each.path.samefile(named))
        found = next(same, None) or HandMade(read_workflow(named), repository, subfolder, known)
        found.replaceable &= found in read
    mentioned = (each for each in publishing if subfolder in each.path.read_text(encoding="utf-8"))
    found.publishing = [each for each in mentioned if each.at_release]
    found.platforms = next((each.platforms for each in read if each.platforms), "")
    return found


class HandMade:
    """One workflow, as far as it is understood, for the project in `subfolder` of `repository` (empty: its root).

    `steps` are those that publish, by line, `trusted` the destinations that trust the workflow. `at_release`: it may run
    for the events of ours (a release also creates a tag). `replaceable`: it does nothing but publish releases.
    `publishing` are all workflows that publish releases, `platforms` is a step that builds wheels of the project for
    several platforms.
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
        self._unclear: set[int] = set()  # lines of steps that are not understood
        self._pythons: dict[str, None] = {}
        self.steps: dict[int, str] = {}
        self.trusted: dict[str, None] = {}
        self.notes: dict[str, None] = {}
        self.publishing: list[HandMade] = []
        self.platforms = ""
        for job in workflow.jobs:
            self._read_job(job)
        self.variants, self.layout = choices.collected(self._found)
        self.include_base = self._builds_base and bool(self._found)
        events = workflow.triggers.keys() - {"workflow_dispatch"}
        self.at_release = workflow.runs_for_tags or bool(events & {"release", "create", "workflow_call"})
        does_more = self._does_more or bool(self.notes)
        self.replaceable = bool(self.steps) and not does_more and (self.at_release or not events)
        self._rehearses = "pypi" in self._places and "testpypi" in self._places
        self.destinations = tuple(each for each in self._places if each != "testpypi" or not self._rehearses)
        self.repositories = tuple(each for each in self._places.values() if each.url)

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

    @property
    def left_out(self) -> str:
        """What of it the new workflow does not have: inputs, Python versions, events."""
        triggers = self._workflow.triggers
        found = [f"input {each}" for each in table(triggers, "workflow_dispatch", "inputs")]
        found += [f"Python {each}" for each in self._pythons]
        if self.replaceable:
            of_tags = [*table(triggers, "push")] == ["tags"]
            usual = {"release", "create", "workflow_dispatch", "push" if of_tags else ""}
            found += [f"event {each}" for each in triggers if each not in usual]
        return masked(", ".join(found))

    def without_publishing(self) -> str | None:
        """The text without the jobs and steps that publish. None if they do more, or the rest needs them."""
        lines = (current(self.path) or "").splitlines(keepends=True)
        if any(at in self._unclear or not lines[at - 1].lstrip().startswith("- ") for at in self.steps):
            return None
        left: list[Job] = []
        for job in reversed(self._workflow.jobs):
            of_job = {step.line for step in job.steps}
            gone = sorted(of_job & self.steps.keys(), reverse=True)
            if gone and self._unclear.isdisjoint(of_job) and not any(job.key in each.needs for each in left):
                gone = [job.line]
            else:
                steps = tuple(step for step in job.steps if step.line not in gone)
                left.insert(0, job._replace(steps=steps))
            for line in gone:
                _take_out(lines, line)
        text, needs = "".join(lines), {key for job in left for key in job.needs}
        try:
            same = _shape(parse_workflow(text, self.path).jobs) == _shape(left)
        except ConfigurationError:
            return None
        sound = all(job.steps or job.uses for job in left) and needs <= {job.key for job in left}
        return text if same and sound else None

    def _note(self, message: str, step: Step) -> None:
        line = step.run_line if step.run else step.line
        self._unclear.add(step.line)
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
        if python := expanded(_as_shell(step.inputs.get("python-version", "")), variables):
            self._pythons[", ".join(python.split())] = None
        if _PYPI_ACTION.search(step.action or ""):
            secret = any(re.search("password|token", key) for key in step.inputs)
            url = expanded(_as_shell(step.inputs.get("repository-url", "")), variables)
            self._publish(step, job, url or "pypi", trusted=not secret)
        elif step.uses and not _HARMLESS_ACTION.match(step.action or ""):
            self._note(f"not understood: the action {step.uses}", step)
        # Each step has its own shell.
        folders.cwd = ""
        folders.follow(("cd", expanded(_as_shell(place), variables)))
        for words in commands_of(_as_shell(step.run or ""), variables):
            text = " ".join(words)
            bare = "" if " " in words[0] else _RUNNER.sub("", text, count=1)  # empty if it is not simple
            understood = _HARMLESS.match(bare) or folders.follow(words)
            if added := _ADD.match(bare):
                repository = self._destination(added[2], step)
                self._known |= {normalized(canonical(added[1])): repository} if repository else {}
            if _UPLOAD.match(bare) if bare else _UPLOAD.search(text):
                stated = _URL.search(text) or _NAME.search(text)
                named = (value for key, value in variables.items() if value and _VARIABLE.fullmatch(key))
                self._publish(step, job, stated[1] if stated else next(named, "pypi"))
                understood = bool(bare)
            if _BUILD.match(bare):
                understood = self._build(folders)
            if not understood:
                self._note(f"not understood: `{text}` in “{step.title}”", step)
                if any(map(_CREDENTIAL.match, step.env)):  # a script that uploads with one of the tools
                    self._publish(step, job, "pypi")

    def _publish(self, step: Step, job: Job, stated: str, *, trusted: bool = False) -> None:
        """Note a destination, which is stated by its name or URL."""
        self._releases = True
        self.steps[step.line] = f"{self.path.name}:{step.line}: “{masked(step.title)}”"
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
            self._note(f"it publishes to {stated}, whose URL is not known: add `-r NAME=URL`", step)
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
        project = project_name(read_if_valid(self._repository / self._subfolder / pyproject))
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


def _take_out(lines: list[str], line: int) -> None:
    """Take the entry that begins in a line (counted from 1) out of YAML, and the comments directly above it."""
    start = end = line - 1
    indent = len(lines[start]) - len(lines[start].lstrip(" "))
    for number, each in enumerate(lines[line:], line):
        if each.startswith(" " * (indent + 1)) and each.strip():
            end = number
        elif each.strip() and not each.lstrip().startswith("#"):
            break
    while lines[start - 1].startswith(" " * indent + "#"):
        start -= 1
    start -= not lines[start - 1].strip()
    del lines[start : end + 1]


def _shape(jobs: Iterable[Job]) -> list[tuple[str, list[str]]]:
    return [(job.key, [step.title for step in job.steps]) for job in jobs]


def variant_name(path: str) -> str:
    """What a variant is called after its file: `build-configs/x.toml`, `pyproject.x.toml`, `x/pyproject.toml`."""
    pure = PurePosixPath(path)
    if pure.name == "pyproject.toml":
        return pure.parent.name
    return re.sub(r"^pyproject[._-]|[._-]pyproject$", "", pure.stem) or pure.stem


def commands_of(script: str, variables: Mapping[str, str]) -> list[Command]:
    """All commands of a script in order, loops unrolled. `variables` are those of the environment.

    A command that is more than words (a pipe, a condition, a quote over several lines) becomes a single word with its
    whole text. The caller knows no command of this name, and reports it.
    """
    lines = script.replace("\\\n", " ").splitlines()
    commands = itertools.chain.from_iterable(map(_commands_in, lines))
    return list(itertools.islice(_run(commands, dict(variables)), 1000))  # with loops unrolled


def _commands_in(line: str) -> Iterator[Command]:
    """The commands of one line as they are written."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        tokens = [part for token in lexer for part in _OPERATOR.findall(token) or [token] if token.strip()]
    except ValueError:  # a quote that is not closed on this line
        yield (line.strip(),)
        return
    words: list[str] = []
    plain, redirected = True, False
    for token in [*tokens, ";"]:
        if token in {";", ";;", "&&", "||", "(", ")"}:
            if words:
                yield tuple(words) if plain else (" ".join(words),)
            if token in {"(", ")"}:
                yield (token,)
            words, plain, redirected = [], True, False
        elif token.startswith(">") or redirected:  # where the output goes changes nothing here
            redirected = True
        elif words or token not in {"do", "then", "else", "fi"}:
            words.append(token)
            plain = plain and words[0] not in _COMPOUND and not _OPERATOR.fullmatch(token)


def _run(commands: Iterator[Command], variables: dict[str, str]) -> Iterator[Command]:
    for command in commands:
        words = command
        if words[0] == "for" and words[2:3] == ("in",):
            body = list(_body(commands))
            for value in " ".join(expanded(word, variables) for word in words[3:]).split():
                variables[words[1]] = value
                yield from _run(iter(body), variables)
            continue
        words = words[words[0] == "export" :]
        while words and (assigned := _ASSIGNMENT.fullmatch(words[0])):
            variables[assigned[1]] = expanded(assigned[2], variables)
            words = words[1:]
        if words and words != ("done",):
            yield tuple(expanded(word, variables) for word in words)


def _body(commands: Iterator[Command]) -> Iterator[Command]:
    """The commands up to the `done` of a loop that has begun."""
    depth = 1
    for words in commands:
        first = words[0].partition(" ")[0]
        depth += (first in {"for", "while", "until"}) - (first == "done")
        if not depth:
            return
        yield words


def expanded(word: str, variables: Mapping[str, str]) -> str:
    """The word with the values of variables that are known; others stay as they are written."""
    return _PARAMETER.sub(lambda match: variables.get(match[1] or match[2], match[0]), word)


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
