"""Setting a project up: from what is there and a few answers to changes of files. Nothing is printed here.

`look` and `suggest` give the answers that go without saying; a person or flags change some; `plan_init`
makes the changes, which are shown; `carry_out` writes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from pathlib import Path

from packaging.utils import canonicalize_name

from publish_all import __version__
from publish_all._build_system import backend_of
from publish_all._values import dataclass
from publish_all.commands.context import Surroundings
from publish_all.commands.scaffold.changes import Change, current, write
from publish_all.commands.scaffold.choices import (
    NewRepository,
    NewVariant,
    Pipeline,
    Product,
    Service,
    Trigger,
    VersionChoice,
)
from publish_all.commands.scaffold.found import Found
from publish_all.commands.scaffold.found import look as look_around
from publish_all.commands.scaffold.github import github_workflow, is_ours
from publish_all.commands.scaffold.gitlab import gitlab_pipeline
from publish_all.commands.scaffold.next_steps import Form, next_steps
from publish_all.commands.scaffold.pyproject import with_settings
from publish_all.commands.scaffold.testing import is_tested
from publish_all.commands.scaffold.version_found import choose, suggest_version
from publish_all.config.addresses import web_problem
from publish_all.config.builtin import BUILT_IN, FIXED, canonical, normalized
from publish_all.config.model import VersionSource, empty
from publish_all.config.problems import nearest
from publish_all.config.rules import name_problem
from publish_all.config.workflows import FOLDER
from publish_all.errors import UsageError
from publish_all.version.static import asks_us, table

WORKFLOW = "publish.yml"
BESIDE = "publish-all.yml"
GITLAB = ".gitlab-ci.yml"


@dataclass(frozen=True, kw_only=True, slots=True)
class InitOptions:
    """What the command line states; None is for what it leaves open.

    An entry of `publish_to` is a repository's name, or NAME=URL. `services` empty writes no CI.
    `in_poetry` declares our plugin for all who use the project with Poetry.
    """

    directory: Path
    publish_to: tuple[str, ...] | None = None
    version_source: VersionSource | None = None
    tag_prefix: str | None = None
    services: tuple[Service, ...] | None = None
    triggers: tuple[Trigger, ...] | None = None
    tests: tuple[str, ...] | None = None
    rehearse: bool | None = None
    split: bool | None = None
    new_projects: bool | None = None
    from_workflow: Path | None = None
    in_poetry: bool = False
    around: Surroundings = field(default_factory=Surroundings)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """What is to be written. `new_projects` says that public indexes don't know the projects yet."""

    publish_to: tuple[str, ...]
    repositories: tuple[NewRepository, ...] = ()
    version: VersionChoice
    variants: tuple[NewVariant, ...] = ()
    layout: Mapping[str, str] = field(default_factory=empty)
    include_base: bool = False
    services: tuple[Service, ...] = ()
    triggers: tuple[Trigger, ...] = (Trigger.RELEASE,)
    tests: tuple[str, ...] = ()
    rehearse: bool = True
    split: bool = True
    new_projects: bool = True
    declare_plugin: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class InitPlan:
    """The changes in the order in which they are written, what to tell of them, and what to do on web pages."""

    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()
    forms: tuple[Form, ...] = ()

    @property
    def needed(self) -> tuple[Change, ...]:
        return tuple(each for each in self.changes if each.needed)


def look(options: InitOptions) -> Found:
    """What is there. Raises `ConfigurationError` where there is no project, or its file is wrong."""
    return look_around(options.directory, around=options.around, from_workflow=options.from_workflow)


def suggest(options: InitOptions, found: Found) -> Answers:
    """The answers that flags give, and for the others those that go with what is there. Raises `UsageError`."""
    stated = options.publish_to
    migrating = options.from_workflow is not None or not _states_destinations(found)
    if stated is None and found.migration.destinations and migrating:
        publish_to, repositories = found.migration.destinations, found.migration.repositories
    else:
        publish_to, repositories = destinations(
            _usual_destinations(found) if stated is None else stated, found
        )
    return Answers(
        publish_to=publish_to,
        repositories=repositories,
        version=_version(options, found),
        variants=found.variants,
        layout=found.layout,
        include_base=found.migration.include_base,
        services=options.services if options.services is not None else (found.service or Service.GITHUB,),
        triggers=options.triggers or found.migration.triggers or (Trigger.RELEASE,),
        tests=options.tests if options.tests is not None else found.tests,
        rehearse=True if options.rehearse is None else options.rehearse,
        split=True if options.split is None else options.split,
        new_projects=True if options.new_projects is None else options.new_projects,
        declare_plugin=options.in_poetry,
    )


def destinations(stated: Iterable[str], found: Found) -> tuple[tuple[str, ...], tuple[NewRepository, ...]]:
    """The names to publish to, and those of them that the project does not state yet. Raises `UsageError`."""
    known = {normalized(each.name): each for each in found.known}
    names: list[str] = []
    new: list[NewRepository] = []
    for each in stated:
        name, equals, url = each.partition("=")
        name = canonical(name.strip()) if canonical(name.strip()) in BUILT_IN else name.strip()
        _refuse_bad_name(name, url.strip() if equals else None)
        if equals:
            new.append(NewRepository(name=name, url=url.strip(), origin="you"))
        elif name not in BUILT_IN and normalized(name) in known:
            name = known[normalized(name)].name
            new.append(known[normalized(name)])
        elif name not in BUILT_IN and name not in found.config.repositories:
            names_known = (*BUILT_IN, *found.config.repositories, *(other.name for other in found.known))
            meant = nearest(name, names_known)
            msg = f"there is no repository {name!r}"
            hint = (
                f"Known are {', '.join(names_known)}. For another one, state its upload URL: {name}=https://…"
            )
            raise UsageError(msg, hint=f"Did you mean {meant!r}?" if meant else hint)
        if name not in names:
            names.append(name)
    return tuple(names), tuple(new)


def _refuse_bad_name(name: str, url: str | None) -> None:
    trouble = name_problem(name)
    if trouble is None and url is not None:
        trouble = (
            f"{name} is built in, and a project can't change its URL" if name in FIXED else web_problem(url)
        )
    if trouble is not None:
        msg = f"the destination {name!r}: {trouble}"
        raise UsageError(msg)


def _usual_destinations(found: Found) -> tuple[str, ...]:
    if _states_destinations(found):
        return found.config.publish_to
    if not found.config.private:
        return ("pypi",)
    return (found.known[0].name,) if found.known else ("github",)


def _states_destinations(found: Found) -> bool:
    return "publish-to" in table(found.pyproject, "tool", "publish-all")


def _version(options: InitOptions, found: Found) -> VersionChoice:
    suggested = _present_version(found)
    source = options.version_source
    prefix = options.tag_prefix if options.tag_prefix is not None else found.config.version.tag_prefix
    if source is None or source is suggested.source:
        return replace(suggested, tag_prefix=prefix)
    return version_from(source, suggested, found, tag_prefix=prefix)


def _present_version(found: Found) -> VersionChoice:
    """What the configuration states, else what goes with the project."""
    stated = found.config.version
    if asks_us(found.pyproject):
        return VersionChoice(source=stated.source, path=stated.path, tag_prefix=stated.tag_prefix)
    return suggest_version(found.root, found.pyproject, name=found.name, variants=found.variants)


def version_from(
    source: VersionSource, suggested: VersionChoice, found: Found, *, tag_prefix: str
) -> VersionChoice:
    """The choice for a source.

    Raises `UsageError` for `attribute` where no file has a literal `__version__`, and for `project` where
    the project says no version.
    """
    if source is VersionSource.PROJECT and asks_us(found.pyproject):
        msg = f"the version comes from {found.config.version.source.value} now, and the project states none"
        raise UsageError(
            msg, hint="Write `version` into [project], and take [tool.publish-all.version] out, first."
        )
    made = choose(source, suggested, root=found.root, name=found.name, tag_prefix=tag_prefix)
    if source is VersionSource.ATTRIBUTE and made.path is None:
        msg = "no Python file of the project says __version__"
        raise UsageError(msg, hint='Write __version__ = "0.1.0" into its __init__.py first.')
    return made


def without_variants(answers: Answers) -> Answers:
    """The answers for the project alone: files of variants are not kept in step either."""
    sync = tuple(each for each in answers.version.sync if not each.endswith(".toml"))
    version = replace(answers.version, sync=sync)
    return replace(answers, version=version, variants=(), layout=empty(), include_base=False)


def plan_init(answers: Answers, found: Found) -> InitPlan:
    """What is to be written. Raises `ConfigurationError` where an edit can't be made."""
    pyproject = _pyproject_change(answers, found)
    pipeline = pipeline_of(answers, found)
    if not pipeline.publish_to:
        note = "no CI is written: nothing is published to from there but a folder of this machine"
        return InitPlan(changes=(pyproject,), notes=(note,) if answers.services else ())
    changes: list[Change] = [pyproject]
    forms: list[Form] = []
    notes = list(_gates_left_out(answers, found)) if answers.services else []
    for service in answers.services:
        change, workflow, told = _ci_change(service, pipeline, found)
        changes.append(change)
        notes += told
        forms += next_steps(
            pipeline,
            service=service,
            link=found.link,
            workflow=workflow,
            new=answers.new_projects,
        )
    return InitPlan(changes=tuple(changes), notes=tuple(notes), forms=tuple(forms))


def _gates_left_out(answers: Answers, found: Found) -> Iterator[str]:
    """Notes on what tests or lints in a workflow that publishes, and in none that is written here."""
    for gate in found.migration.gates:
        if not is_tested(gate.tool, answers.tests):
            yield (
                f"{gate.where}: `{gate.command}` is run there, and not before what is written here publishes: "
                "state it with --test, as a command that needs nothing installed but uv"
            )


def _pyproject_change(answers: Answers, found: Found) -> Change:
    after = with_settings(
        found.text,
        publish_to=answers.publish_to,
        repositories=answers.repositories,
        version=answers.version,
        variants=answers.variants,
        layout=answers.layout,
        include_base=answers.include_base,
        host_tables=dict(_host_tables(answers, found)),
    )
    path = found.root / "pyproject.toml"
    before = found.text if path.is_file() else None
    return Change(path=path, name=_shown(path, found), before=before, after=after)


def _host_tables(answers: Answers, found: Found) -> Iterator[tuple[tuple[str, ...], Mapping[str, object]]]:
    """What Poetry and Hatch have to know of us."""
    if answers.declare_plugin:
        yield ("tool", "poetry", "requires-plugins"), {"poetry-publish-all": f">={__version__}"}
    if (answers.variants or found.config.variants) and backend_of(found.pyproject).startswith("hatchling"):
        yield ("tool", "hatch", "build", "targets", "variants"), {"dependencies": ["publish-all"]}


def _ci_change(service: Service, pipeline: Pipeline, found: Found) -> tuple[Change, str, tuple[str, ...]]:
    """The file of a CI service, its name as PyPI's form asks for it, and notes."""
    notes: tuple[str, ...] = ()
    match service:
        case Service.GITHUB:
            path, notes = _github_file(found)
            name, text = path.name, github_workflow(pipeline)
        case Service.GITLAB:
            path, notes = _gitlab_file(found)
            name, text = GITLAB, gitlab_pipeline(pipeline)
    change = Change(path=path, name=_shown(path, found), before=current(path), after=text)
    return change, name, notes


def _github_file(found: Found) -> tuple[Path, tuple[str, ...]]:
    """`publish.yml`; another name where one made by hand does more than ours would. And notes on those that stay."""
    folder, made = found.repository / FOLDER, found.migration
    path = folder / WORKFLOW
    text = current(path)
    if text is not None and not is_ours(text) and path not in made.replaceable:
        path = folder / BESIDE
    stay = [each for each in made.workflows if each != path]
    return path, tuple(
        f"{each.name} stays as it is, and publishes too: take out of it what {path.name} does now"
        for each in stay
    )


def _gitlab_file(found: Found) -> tuple[Path, tuple[str, ...]]:
    """The file itself; beside one made by hand, another one for that to include."""
    path = found.repository / GITLAB
    text = current(path)
    if text is None or is_ours(text):
        return path, ()
    beside = found.repository / ".gitlab" / "publish.yml"
    note = (
        f"{GITLAB} stays as it is: let it include the new file (`include: [{{local: {_shown(beside, found)}}}]`) "
        "and name the stages of that one too"
    )
    return beside, (note,)


def _shown(path: Path, found: Found) -> str:
    return path.relative_to(found.repository).as_posix()


def pipeline_of(answers: Answers, found: Found) -> Pipeline:
    """What CI is to do."""
    public = tuple(each for each in answers.publish_to if each != "local")
    trusted = any(each in ("pypi", "testpypi") for each in public)
    extras = "cli,attestations" if trusted else "cli"
    return Pipeline(
        publish_to=public,
        products=_products(answers, found),
        subfolder=found.subfolder,
        triggers=answers.triggers,
        tag_prefix=answers.version.tag_prefix,
        tests=answers.tests,
        rehearse=answers.rehearse,
        split=answers.split,
        separate=answers.new_projects,
        requirement=f"publish-all[{extras}]=={__version__}",
        dist_dir=found.config.dist_dir,
    )


def _products(answers: Answers, found: Found) -> tuple[Product, ...]:
    """The distributions of a release, by their normalised names: as PyPI's form and environments have them."""
    name = found.name or found.root.name
    config = found.config
    made = [Product(variant=each.name, project=canonicalize_name(each.project)) for each in answers.variants]
    made += [
        Product(
            variant=key,
            project=canonicalize_name(each.name or f"{name}-{key}"),
            publish_to=each.publish_to,
        )
        for key, each in config.variants.items()
    ]
    if not made or answers.include_base or config.include_base:
        made.insert(0, Product(variant=None, project=canonicalize_name(name)))
    return tuple(made)


def carry_out(plan: InitPlan) -> None:
    """Write what has been shown. Raises `ConfigurationError` for a file that has changed since, or can't be written."""
    for change in plan.needed:
        write(change)
