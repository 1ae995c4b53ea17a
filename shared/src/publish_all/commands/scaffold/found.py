"""The state before `init` writes anything: the project, its version, variants, repositories, CI. Nothing is changed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from publish_all._build_system import backend_name
from publish_all._git import repository_root
from publish_all._toml import read_if_valid, table, tables
from publish_all.commands.context import Runtime
from publish_all.commands.scaffold import choices
from publish_all.commands.scaffold.changes import current
from publish_all.commands.scaffold.github_workflow import kept_in
from publish_all.commands.scaffold.gitlab_pipeline import GITLAB_FILE, pipeline_in
from publish_all.commands.scaffold.hand_made import HandMade, read_migration, variant_name
from publish_all.commands.scaffold.tool_source import Source, tool_source
from publish_all.config.github_project import answer_of_git, link_of_remote, remote_of
from publish_all.config.known import adopt
from publish_all.config.load import load_project, parse_toml, read_text, search_pyproject
from publish_all.config.model import EMPTY, ProjectConfig, VersionSource
from publish_all.config.parse import parse_project
from publish_all.config.tools import read_tools
from publish_all.config.workflows import Workflow, read_workflows
from publish_all.errors import ConfigurationError, UsageError, VersionError
from publish_all.variants.setup_files import extras_of_setup, name_in_setup_files
from publish_all.version.attribute import read_attribute
from publish_all.version.places import source_places
from publish_all.version.static import asks_us, project_name

_FOLDERS = ("", "src/", "lib/", "packages/")
_FILES = ("__init__", "_version", "version", "__version__", "__about__", "about")
_NOT_OURS = frozenset({"tests", "test", "docs", "doc", "build", "dist", "examples", "benchmarks", "scripts"})
# The names of extras and dependency groups, and the files, that tests usually need.
_USUAL = ("test", "tests", "testing", "dev")
_REQUIREMENTS = (
    "requirements-test.txt",
    "requirements-dev.txt",
    "requirements/test.txt",
    "requirements/dev.txt",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class InitOptions:
    """The answers from options or the user; None for open questions.

    An entry of `publish_to` is the name of a repository, or NAME=URL. Empty `services` write no CI. `new_projects`: the
    projects do not exist on public indexes yet. `in_poetry`: the Poetry plugin is declared in the project.
    `source` is where to install publish-all from (see `tool_source`). `auth` is `oidc` or `token` by destination;
    the empty name is for all.
    """

    directory: Path
    publish_to: tuple[str, ...] | None = None
    version_source: VersionSource | None = None
    tag_prefix: str | None = None
    variants: bool | None = None
    services: tuple[choices.Service, ...] | None = None
    triggers: tuple[choices.Trigger, ...] | None = None
    tests: tuple[str, ...] | None = None
    auth: Mapping[str, str] | None = None
    rehearse: bool | None = None
    split: bool | None = None
    pages: bool | None = None
    new_projects: bool | None = None
    from_workflow: Path | None = None
    source: str | None = None
    in_poetry: bool = False
    runtime: Runtime = field(default_factory=Runtime)


class Found(NamedTuple):
    """`root` is the project's folder, `subfolder` where that is in the git repository (empty: its root).

    `text` is the pyproject.toml as it is, empty where there is none; `tags` are those of the repository. `known` are repositories that
    other tools define, and that the project could state too. `link` is OWNER/REPOSITORY of the git
    remote, `service` whose it is, as far as that can be told. `tests` are shell commands that need nothing
    installed but uv. `migration` is what hand-made workflows do, `ours` the workflow that `init` has written before, and
    `kept` what of the one or the other is kept. `source` is where publish-all comes from. `members` are those of the
    workspace of which the project is the root.
    """

    root: Path
    repository: Path
    text: str
    config: ProjectConfig
    name: str | None
    subfolder: str
    variants: tuple[choices.NewVariant, ...]
    layout: Mapping[str, str]
    known: tuple[choices.NewRepository, ...]
    service: choices.Service | None
    link: str | None
    tests: tuple[str, ...]
    tags: tuple[str, ...]
    migration: HandMade
    ours: Path | None
    kept: choices.Kept
    notes: tuple[str, ...]
    source: Source
    members: tuple[ProjectConfig, ...]

    @property
    def pyproject(self) -> Mapping[str, Any]:
        return self.config.pyproject


def look(options: InitOptions) -> Found:
    """Look around in and above the directory.

    Raises `ConfigurationError` where there is no Python project, and for a `from_workflow` that can't be read.
    """
    runtime = options.runtime
    root, text = _project(options.directory)
    pyproject = parse_toml(text, root / "pyproject.toml")
    config = parse_project(pyproject, root=root, file="pyproject.toml")
    repository = repository_root(root)
    subfolder = root.relative_to(repository).as_posix() if root != repository else ""
    service, link = _remote(repository, runtime)
    tags = answer_of_git("tag", "--list", root=root, environment=runtime.environment, run=runtime.run)
    known, notes = _known(config, runtime)
    made = read_migration(options.from_workflow, repository=repository, subfolder=subfolder, known=known)
    ours = _own_workflow(repository, subfolder)
    variants, layout = made.variants, made.layout
    if config.variants:
        variants, layout = (), EMPTY
    elif not variants:
        variants, layout = choices.collected(_variants(root))
    if not pyproject:
        notes.append("a pyproject.toml is created for publish-all; setup.py and setup.cfg are not changed")
    for each in known:
        notes.append(f"{each.name} is configured in {each.origin}: use `-r {each.name}` to publish there")
    pipeline = _own_pipeline(repository, subfolder)
    only_gitlab = (options.services or (service,)) == (choices.Service.GITLAB,)
    own = pipeline or ours if only_gitlab else ours or pipeline
    texts = (text, current(own.path) or "") if own is not None else (text,)
    return Found(
        root=root,
        repository=repository,
        text=text,
        config=config,
        name=project_name(pyproject) or name_in_setup_files(root),
        subfolder=subfolder,
        variants=variants,
        layout=layout,
        known=known,
        service=service,
        link=link,
        tests=commands_that_test(root, pyproject),
        tags=tuple(tags.split()),
        migration=made,
        ours=ours.path if ours is not None else None,
        kept=made.kept if own is None or (options.from_workflow and made.destinations) else kept_in(own),
        notes=tuple(notes),
        source=tool_source(
            options.source, root=repository, texts=texts, runtime=runtime, poetry=options.in_poetry
        ),
        members=_members(root),
    )


def _members(root: Path) -> tuple[ProjectConfig, ...]:
    """The members of the workspace of which this is the root; none where it is none."""
    try:
        run = load_project(root, ())
    except (ConfigurationError, UsageError):
        return ()
    return run.members if run.root == root and any(each.root != root for each in run.members) else ()


def _own_workflow(repository: Path, subfolder: str) -> Workflow | None:
    """The workflow that `init` has written for this project."""
    found = read_workflows(repository).found
    return next((each for each in found if _is_for(current(each.path) or "", subfolder)), None)


def _is_for(text: str, subfolder: str) -> bool:
    """Whether `init` has written it for this project; that of another one names another folder."""
    folders = set(re.findall(r"publish-all -C (.+?) (?:publish|build)\b", text))
    return choices.is_ours(text) and folders == ({shlex.quote(subfolder)} if subfolder else set())


def gitlab_file(repository: Path) -> Path:
    """Where our pipeline is. If there is a hand-made one, in another file, which that one can include."""
    path = repository / GITLAB_FILE
    text = current(path)
    return path if text is None or choices.is_ours(text) else repository / ".gitlab" / "publish.yml"


def _own_pipeline(repository: Path, subfolder: str) -> Workflow | None:
    """The pipeline for GitLab that `init` has written for this project, if it is still valid."""
    path = gitlab_file(repository)
    text = current(path) or ""
    with suppress(ConfigurationError):
        return pipeline_in(text, path) if _is_for(text, subfolder) else None
    return None


def _project(directory: Path) -> tuple[Path, str]:
    path = search_pyproject(directory)
    start = directory.absolute()
    if path is not None and (path.parent == start or not _has_setup(start)):
        return path.parent, read_text(path)
    if _has_setup(start):
        return start, ""
    msg = f"no Python project found in {directory}: no pyproject.toml, setup.py or setup.cfg"
    raise ConfigurationError(msg, hint="Create one with `poetry init`, `hatch new --init` or `uv init`.")


def _has_setup(folder: Path) -> bool:
    return any((folder / each).is_file() for each in ("setup.py", "setup.cfg"))


def _variants(root: Path) -> Iterator[choices.NewVariant]:
    """Full pyprojects of variants: in a folder such as `build-configs`, or `pyproject.NAME.toml` beside our own."""
    inside = (each for each in root.glob("*/*.toml") if not each.parent.name.startswith("."))
    for path in (*sorted(root.glob("pyproject[._-]*.toml")), *sorted(inside)):
        where = path.relative_to(root).as_posix()
        name, values = variant_name(where), read_if_valid(path)
        project = project_name(values)
        usable = path.name != "pyproject.toml" and name and set(name).isdisjoint(":, \t")
        if usable and project is not None and "build-system" in values:
            yield choices.NewVariant(name, project, where)


def _remote(repository: Path, runtime: Runtime) -> tuple[choices.Service | None, str | None]:
    """The CI service from the files of the repository or its remote, and its OWNER/REPOSITORY."""
    remote = remote_of(repository, environment=runtime.environment, run=runtime.run)
    link = link_of_remote(remote, runtime.environment)
    at_gitlab = link is None and "gitlab" in remote
    service = choices.Service.GITHUB if link else choices.Service.GITLAB if at_gitlab else None
    if (repository / ".gitlab-ci.yml").is_file() and link is None:
        service = choices.Service.GITLAB
    elif (repository / ".github" / "workflows").is_dir():
        service = choices.Service.GITHUB
    if at_gitlab:
        path = remote.partition("://")[2].partition("/")[2] or remote.rpartition(":")[2]
        link = path.strip("/").removesuffix(".git") or None
    return service, link


def _known(config: ProjectConfig, runtime: Runtime) -> tuple[tuple[choices.NewRepository, ...], list[str]]:
    """Repositories of Poetry, Hatch, uv, pdm and `.pypirc` that can be published to, and notes on the others."""
    tools = read_tools(config, environment=runtime.environment, folders=runtime.places().hosts)
    adopted, refused, notes = adopt(tools.entries)
    sources = tables(table(config.pyproject, "tool", "poetry").get("source"))
    indexes = {each.get("name"): str(each["url"]) for each in sources if "url" in each}
    known = tuple(
        choices.NewRepository(each.name, each.url, each.index_url or indexes.get(each.name), each.origin)
        for each in adopted.values()
        if each.kind.standard_api and each.url is not None and each.name not in config.repositories
    )
    reasons = (f"{each.message}. {each.hint}" for each in refused.values())
    return known, [*tools.notes, *notes, *reasons]


def version_choice(
    found: Found,
    *,
    source: VersionSource | None = None,
    tag_prefix: str | None = None,
    variants: Iterable[choices.NewVariant] = (),
) -> choices.VersionChoice:
    """The version settings to write: another `source` if one is given, else those that suit the project.

    Files with the version are kept in sync, including those of variants with their own version. With tags as
    the source there are none, because a tag on the web cannot change files first. Raises `UsageError` for `attribute`
    if no file has a literal `__version__`, and for `project` if the project has no version.
    """
    stated = found.config.version
    prefix = stated.tag_prefix if tag_prefix is None else tag_prefix
    kept = tuple(each.path for each in stated.sync)
    # The whole folder of a variant's file, and the file itself at the root.
    globs = (re.sub("/[^/]*$", "/*.toml", each.pyproject) for each in variants)
    configs = tuple(dict.fromkeys(globs))
    present = _present_version(found, configs)._replace(tag_prefix=prefix)
    if source is None or source is present.source:
        return present._replace(sync=kept or present.sync)
    if source is VersionSource.PROJECT and asks_us(found.pyproject):
        msg = f"the version comes from {stated.source.value} now, and the project has no other one"
        hint = "First add `version` to [project], and remove [tool.publish-all.version]."
        raise UsageError(msg, hint=hint)
    if source is not VersionSource.ATTRIBUTE:
        return choices.VersionChoice(source, None, prefix, kept)
    files = attribute_files(found)
    if not files:
        msg = "no Python file of the project has a __version__"
        raise UsageError(msg, hint='First add __version__ = "0.1.0" to its __init__.py.')
    return choices.VersionChoice(source, files[0], prefix, kept or files[1:])


def _present_version(found: Found, configs: tuple[str, ...]) -> choices.VersionChoice:
    """The configured version source, or one that suits the project. A version that exists is not moved."""
    stated, pyproject, backend = found.config.version, found.pyproject, backend_name(found.pyproject)
    if asks_us(pyproject):
        return choices.VersionChoice(stated.source, stated.path)
    files = attribute_files(found)
    setup = found.root / "setup.py"
    text = setup.read_text(encoding="utf-8", errors="replace") if setup.is_file() else ""
    try:
        places = source_places(found.config)
    except VersionError:  # the file is not valid Python, for example
        places = ()
    if places or "__version__" in text:
        named = {each.path for each in places}
        return choices.VersionChoice(sync=(*(each for each in files if each not in named), *configs))
    # The build backend has its own version source.
    if table(pyproject, "tool", "hatch", "version") or not backend.startswith(
        ("hatchling", "poetry.core", "publish_all.backends")
    ):
        return choices.VersionChoice()
    if files:
        return choices.VersionChoice(VersionSource.ATTRIBUTE, files[0], sync=files[1:])
    return choices.VersionChoice(VersionSource.GIT)


def attribute_files(found: Found) -> tuple[str, ...]:
    """The files with a literal `__version__`, as relative paths; those of the project's own package first."""
    own = (found.name or "").lower().replace("-", "_").replace(".", "_")
    folders = [path for each in _FOLDERS for path in sorted(found.root.glob(f"{each}[A-Za-z_]*/"))]
    folders.sort(key=lambda each: each.name.lower() != own)
    files: dict[str, None] = {}
    for path in (each / f"{stem}.py" for each in folders if each.name not in _NOT_OURS for stem in _FILES):
        with suppress(VersionError, OSError):
            literal = read_attribute(path).path
            if literal.is_relative_to(found.root):
                files[literal.relative_to(found.root).as_posix()] = None
    return tuple(files)


def commands_that_test(root: Path, pyproject: Mapping[str, Any]) -> tuple[str, ...]:
    """The test commands: nox, tox, Poetry, Hatch, or pytest with the usual requirements; empty for a project without tests.

    They run where only uv is installed. Lint is not run, because it may fail for files that are not part of a release.
    """
    if (root / "noxfile.py").is_file():
        return ("uvx nox --no-error-on-missing-interpreters",)
    tool, tox_ini = table(pyproject, "tool"), root / "tox.ini"
    text = tox_ini.read_text(encoding="utf-8", errors="replace") if tox_ini.is_file() else ""
    if "tox" in tool or "[tox" in text or "[testenv" in text:  # other tools have their settings there, too
        return ("uvx tox run --skip-missing-interpreters true",)
    if not _has_tests(root, pyproject):
        return ()
    if "pytest" in str(table(tool, "poetry", "group")):
        return ("uvx poetry install --all-groups", "uvx poetry run pytest")
    environments = table(tool, "hatch", "envs")
    for name, stated in environments.items():
        if "pytest" in str(stated) and name != "hatch-test":
            return (f"uvx hatch run {shlex.quote(f'{name}:pytest')}",)
    extras = {**extras_of_setup(root), **table(pyproject, "project", "optional-dependencies")}
    named = ",".join(each for each in _USUAL if each in extras)
    needed = [f".[{named}]" if named else "."]
    for name in _USUAL:
        needed += ["--group", name] if name in table(pyproject, "dependency-groups") else []
    for name in _REQUIREMENTS:
        needed += ["-r", name] if (root / name).is_file() else []
    if needed == ["."] and backend_name(pyproject).startswith("hatchling"):
        return ("uvx hatch test",)
    return ("uv venv", f"uv pip install -e {shlex.join(needed)} pytest", "uv run --no-project pytest")


def _has_tests(root: Path, pyproject: Mapping[str, Any]) -> bool:
    """Whether there is a file in which pytest finds tests: it fails where it finds none."""
    stated = table(pyproject, "tool", "pytest", "ini_options").get("testpaths", ("tests", "test"))
    folders = stated.split() if isinstance(stated, str) else [str(each) for each in stated]
    inside = (path for each in folders for path in (root / each).rglob("*.py"))
    names = (path.name for path in (*root.glob("*.py"), *inside))
    return any(name.startswith("test_") or name.endswith("_test.py") for name in names)
