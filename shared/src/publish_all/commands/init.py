"""Set up a project: compute changes of files from the project and a few answers. Nothing is printed here.

`found.look` and `suggest` find default answers, which options or the user override; `plan_init`
computes the changes, which are shown; `carry_out` writes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from packaging.utils import canonicalize_name

from publish_all._build_system import backend_name
from publish_all._toml import table
from publish_all.commands.scaffold.changes import Change, current, write
from publish_all.commands.scaffold.choices import (
    Login,
    NewRepository,
    NewVariant,
    Service,
    Settings,
    Trigger,
)
from publish_all.commands.scaffold.found import Found, InitOptions, gitlab_file, version_choice
from publish_all.commands.scaffold.github_workflow import github_workflow
from publish_all.commands.scaffold.gitlab_pipeline import GITLAB_FILE, gitlab_pipeline
from publish_all.commands.scaffold.pipeline import PUBLIC, Form, Pipeline, Product, next_steps
from publish_all.commands.scaffold.pyproject import with_settings
from publish_all.commands.scaffold.tool_source import PLUGIN
from publish_all.config.builtin import BUILT_IN, FIXED, canonical, normalized
from publish_all.config.kinds import LEGACY
from publish_all.config.load import label
from publish_all.config.model import EMPTY, VersionSource
from publish_all.config.rules import name_problem
from publish_all.config.workflows import FOLDER
from publish_all.errors import UsageError
from publish_all.version.git import tag_version
from publish_all.version.static import static_version

_DEPLOYS_PAGES = re.compile(r"actions/deploy-pages|gh-pages|gh-deploy|github-pages-deploy-action")


class Answers(NamedTuple):
    """The settings and the CI pipeline to write."""

    settings: Settings
    services: tuple[Service, ...]
    pipeline: Pipeline


class InitPlan(NamedTuple):
    """The changes in the order of writing, notes about them, and the steps on web pages.

    `missing` is the reason why a workflow is not written, empty if it is.
    """

    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()
    forms: tuple[Form, ...] = ()
    missing: str = ""

    @property
    def needed(self) -> tuple[Change, ...]:
        return tuple(each for each in self.changes if each.needed)


def suggest(options: InitOptions, found: Found) -> Answers:
    """The given answers, with defaults that suit the project for all others. Raises `UsageError`."""
    stated, made, kept = options.publish_to, found.migration, found.kept
    configured = "publish-to" in table(found.pyproject, "tool", "publish-all")
    migrating = options.from_workflow is not None or not configured
    if stated is None and made.destinations and migrating:
        publish_to, repositories = made.destinations, made.repositories
    else:
        if stated is None and configured:
            stated = found.config.publish_to
        elif stated is None:
            elsewhere = found.known[0].name if found.known else "github"
            stated = (elsewhere if found.config.private else "pypi",)
        publish_to, repositories = _destinations(stated, found)
    with_variants = options.variants is not False
    variants = found.variants if with_variants else ()
    prefix = options.tag_prefix
    ours = table(found.pyproject, "tool", "publish-all", "version")
    if prefix is None and "tag-prefix" not in ours and not found.members:
        prefix = kept.tag_prefix
    version = version_choice(found, source=options.version_source, tag_prefix=prefix, variants=variants)
    include_base = with_variants and made.include_base
    public = tuple(each for each in publish_to if each != "local")
    # A release that is published on the web may be immutable, and takes no files then.
    tag_last = (version.source is VersionSource.GIT or "releases" in public) and not version.from_any_tag
    products = tuple(_products(variants, found, include_base=include_base))
    separate = kept.separate if options.new_projects is None and len(products) > 1 else options.new_projects
    pipeline = Pipeline(
        publish_to=public,
        products=products,
        subfolder=found.subfolder,
        triggers=options.triggers or kept.triggers or (Trigger.TAG if tag_last else Trigger.RELEASE,),
        tag_prefix=version.tag_prefix,
        tests=next(each for each in (options.tests, kept.tests, found.tests) if each is not None),
        rehearse=bool(kept.rehearse if options.rehearse is None else options.rehearse),
        split=(kept.split if options.split is None else options.split) is not False,
        separate=separate is not False,
        dist_dir=found.config.dist_dir,
        environments=kept.environments,
        copies=kept.copies,
        member_prefixes=()
        if ours or prefix is not None
        else tuple(dict.fromkeys(each.version.tag_prefix for each in found.members)),
    )
    services = (found.service or Service.GITHUB,) if options.services is None else options.services
    pipeline = pipeline._replace(pages=_pages(options, pipeline, services, found))
    pipeline = pipeline._replace(logins=_logins(options.auth or {}, pipeline, kept.logins))
    extras = ("cli", "attestations") if pipeline.trusted else ("cli",)
    requirement = found.source.requirement(*extras, pinned=True)
    pipeline = pipeline._replace(requirement=requirement, wheels=found.source.wheels)
    host_tables: list[tuple[tuple[str, ...], Mapping[str, object]]] = []
    plugins = table(found.pyproject, "tool", "poetry", "requires-plugins")
    if options.in_poetry and not (found.source.usual and PLUGIN in plugins):
        host_tables.append((("tool", "poetry", "requires-plugins"), found.source.of_poetry(found.subfolder)))
    if (variants or found.config.variants) and backend_name(found.pyproject).startswith("hatchling"):
        target = ("tool", "hatch", "build", "targets", "variants")
        host_tables.append((target, {"dependencies": [found.source.requirement()]}))
    return Answers(
        Settings(
            publish_to,
            repositories,
            version,
            variants,
            found.layout if with_variants else EMPTY,
            include_base,
            tuple(host_tables),
            found.source.requirement(),
        ),
        services,
        pipeline,
    )


def _pages(options: InitOptions, pipeline: Pipeline, services: tuple[Service, ...], found: Found) -> bool:
    """Whether the workflow has a job for GitHub Pages. Raises `UsageError` where it is asked for and can't have one."""
    possible = pipeline.site_of is not None and Service.GITHUB in services
    if not options.pages:
        return found.kept.pages and possible
    if not possible:
        msg = "--pages needs a workflow for GitHub that publishes to GitHub itself"
        raise UsageError(msg, hint="Add -r releases or -r github, and --ci github.")
    others = [each for each in sorted((found.repository / FOLDER).glob("*.y*ml")) if each != found.ours]
    other = next((each.name for each in others if _DEPLOYS_PAGES.search(current(each) or "")), None)
    if other is not None:
        command = f"publish-all site -r {pipeline.site_of} -o _site/packages --url https://OWNER.github.io/REPOSITORY/packages/"
        msg = f"{other} deploys to GitHub Pages already, and a repository has one site"
        raise UsageError(
            msg, hint=f"Add `{command}` to it, before it uploads the site, and leave --pages out."
        )
    return True


def _logins(stated: Mapping[str, str], pipeline: Pipeline, kept: Mapping[str, Login]) -> Mapping[str, Login]:
    """The secrets of destinations and their names. Raises `UsageError` for an invalid choice."""
    for name, how in stated.items():
        if name and name not in pipeline.destinations:
            raise UsageError(f"--auth {name}={how}: nothing is published to {name!r}")
        if how not in {"oidc", "token"} or (how == "oidc" and name not in {"", *PUBLIC}):
            hint = "It is `oidc` (trusted publishing, for PyPI and TestPyPI) or `token`."
            raise UsageError(f"--auth: {how!r} is not a way to log in", hint=hint)
    logins = {name: login for name, login in kept.items() if name in pipeline.destinations}
    for name in (each for each in pipeline.destinations if each in PUBLIC):
        wanted = stated.get(name) or stated.get("")
        if wanted == "token":
            logins.setdefault(name, pipeline.login(name))
        elif wanted == "oidc":
            logins.pop(name, None)
    return logins


def _products(variants: Iterable[NewVariant], found: Found, *, include_base: bool) -> Iterator[Product]:
    """The distributions of a release, by their normalised names: as PyPI's form and environments have them."""
    for config in found.members or (found.config,):
        name, member, to, new = found.name or found.root.name, None, None, tuple(variants)
        if found.members:
            name = member = label(config)
            to = config.publish_to if "publish-to" in table(config.pyproject, "tool", "publish-all") else None
            new = ()
        if include_base or config.include_base or not (new or config.variants):
            yield Product(None, canonicalize_name(name), to, member)
        for each in new:
            yield Product(each.name, canonicalize_name(each.project))
        for key, stated in config.variants.items():
            project = canonicalize_name(stated.name or f"{name}-{key}")
            yield Product(key, project, stated.publish_to or to, member)


def _destinations(stated: Iterable[str], found: Found) -> tuple[tuple[str, ...], tuple[NewRepository, ...]]:
    """The destinations, and those of them that are not configured in the project yet. Raises `UsageError`."""
    known = {normalized(each.name): each for each in found.known}
    names: list[str] = []
    new: list[NewRepository] = []
    for each in stated:
        name, equals, url = (part.strip() for part in each.partition("="))
        name = canonical(name) if canonical(name) in BUILT_IN else name
        trouble = name_problem(name)
        if trouble is None and equals:
            fixed = f"{name} is built in, and a project can't change its URL"
            trouble = fixed if name in FIXED else LEGACY.url_problem(url)
        if trouble is not None:
            raise UsageError(f"the destination {name!r}: {trouble}")
        if equals:
            new.append(NewRepository(name, url, origin="you"))
        elif name not in BUILT_IN and normalized(name) in known:
            new.append(known[normalized(name)])
            name = new[-1].name
        elif name not in BUILT_IN and name not in found.config.repositories:
            others = (*BUILT_IN, *found.config.repositories, *(other.name for other in found.known))
            hint = f"Known are {', '.join(others)}. For another one, state its upload URL: {name}=https://…"
            raise UsageError(f"no repository {name!r} found", hint=hint)
        names.append(name)
    return tuple(dict.fromkeys(names)), tuple(new)


def plan_init(answers: Answers, found: Found) -> InitPlan:
    """Compute the changes. Raises `ConfigurationError` for an edit that is not possible."""
    pipeline = answers.pipeline
    path = found.root / "pyproject.toml"
    before = found.text if path.is_file() else None
    pyproject = _change(path, before, with_settings(found.text, answers.settings), found)
    notes = list(_version_notes(answers.settings, found))
    if not answers.services or not pipeline.publish_to:
        note = "no CI workflow is written, because the only repository is a folder of this machine"
        return InitPlan((pyproject,), (*notes, *((note,) if answers.services else ())))
    changes = [pyproject]
    made = found.migration
    forms: list[Form] = []
    missing = ""
    for service in answers.services:
        if service is Service.GITHUB:
            path, more = _github_file(found)
            notes += more
            workflow, text = path.name, github_workflow(pipeline)
            others = {each: each.without_publishing() for each in made.publishing if each.path != path}
            stuck = [each for each, left in others.items() if left is None]
            if made.platforms and found.ours is None:
                missing = (
                    f"{workflow} is not written, because wheels are built for several platforms ({made.platforms}), "
                    "and it would build for one only. Keep your workflow, and publish the files in it: `publish-all publish "
                    "dist/*`"
                )
                continue
            if stuck:
                where = ", ".join(stuck[0].steps.values())
                missing = (
                    f"{workflow} is not written, because {where} would publish the same releases, and cannot be "
                    "taken out automatically: remove it, and run this command again"
                )
                continue
            changes += [
                _change(each.path, current(each.path), left, found)
                for each, left in others.items()
                if left is not None
            ]
        else:
            path = gitlab_file(found.repository)
            workflow, text = GITLAB_FILE, gitlab_pipeline(pipeline)
            if path.name != GITLAB_FILE:
                note = (
                    f"{GITLAB_FILE} is not changed: remove the upload from it, include the new file "
                    "(`include: [{local: .gitlab/publish.yml}]`), and keep the stage `test`"
                )
                notes.append(note)
        changes.append(_change(path, current(path), text, found))
        forms += next_steps(
            pipeline,
            service=service,
            link=found.link,
            workflow=workflow,
            new=pipeline.separate and not made.trusted,
            there={*made.kept.logins, *(made.trusted if path == made.path else ())},
        )
    return InitPlan(tuple(changes), tuple(notes), tuple(forms), missing)


def _version_notes(settings: Settings, found: Found) -> Iterator[str]:
    """What a version from tags asks of the files and tags that are there."""
    version = settings.version
    if version.source is not VersionSource.GIT:
        return
    if version.sync:
        yield (
            f"{', '.join(version.sync)}: in tool.publish-all.version.sync, so each release needs"
            " `publish-all version --release VERSION`, which changes these files before it tags. A tag made on the web is an error"
        )
    if not any(tag_version(each, version.tag_prefix) for each in found.tags):
        last = static_version(found.pyproject)
        example = f"{version.tag_prefix}{last[0] if last else '0.1.0'}"
        yield (
            "there is no version tag yet, and builds need one: commit this, "
            f"and run `git tag {example}` with the version of the last release"
        )


def _change(path: Path, before: str | None, after: str, found: Found) -> Change:
    return Change(path, path.relative_to(found.repository).as_posix(), before, after)


def _github_file(found: Found) -> tuple[Path, list[str]]:
    """Our file, else one made by hand that does nothing else, else a new one. And notes on the others."""
    folder, made = found.repository / FOLDER, found.migration
    path = found.ours or (made.path if made.replaceable else None)
    if path is None:
        other = re.sub(r"[^\w-]+", "-", found.subfolder) or "all"
        names = ("publish.yml", f"publish-{other}.yml")
        path = next((folder / each for each in names if not (folder / each).exists()), folder / names[-1])
    notes = []
    if made.trusted and made.path.name != path.name:
        notes.append(f"{made.path.name} is already a trusted publisher on PyPI: register {path.name}, too")
    if found.ours is None and made.steps and made.left_out:
        notes.append(f"{made.path.name}: not in the new workflow: {made.left_out}")
    if found.ours is None and made.kept.logins:
        secrets = ", ".join(dict.fromkeys(each.secret for each in made.kept.logins.values()))
        notes.append(
            f"it authenticates with {secrets}, as before: use `--auth oidc` for trusted publishing to PyPI"
        )
    return path, notes


def carry_out(plan: InitPlan) -> None:
    """Write the changes. Raises `ConfigurationError` for a file that has changed since, or cannot be written."""
    write(plan.needed)
