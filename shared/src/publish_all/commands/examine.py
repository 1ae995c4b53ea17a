"""What publish and doctor look at before an upload, in the same way: who goes where, files, version."""

from __future__ import annotations

from collections.abc import Sequence

from publish_all.commands.check import CheckResult, audience, goes_to, run_checks
from publish_all.commands.context import Surroundings, project_version
from publish_all.commands.gather import Gathered
from publish_all.config.addresses import host_of
from publish_all.config.model import ProjectConfig
from publish_all.distributions.distribution import Distribution
from publish_all.errors import UsageError
from publish_all.events import Listener, Note
from publish_all.findings import Finding
from publish_all.repositories.repository import Repository
from publish_all.upload.plan import Destination, RepositoryPlan


def destinations_of(
    gathered: Gathered, repositories: Sequence[Repository], listener: Listener
) -> tuple[Destination, ...]:
    """Each repository with the build variants that may go there (`publish-to` of a variant narrows).

    Raises `UsageError` when nothing goes anywhere.
    """
    found: list[Destination] = []
    for repository in repositories:
        kept = [each for each in gathered.variants if not goes_to(each, repository.name)]
        for each in kept:
            listener(Note(message=f"{each.label} does not go to {repository.name}: its publish-to says so"))
        if not kept:
            found.append(Destination(repository=repository))
            continue
        names = {each.name for each in gathered.variants} - {each.name for each in kept}
        if names:
            found.append(Destination(repository=repository, variants=frozenset(names)))
    if not found:
        msg = "no build variant goes to " + " or ".join(each.name for each in repositories)
        raise UsageError(msg, hint="See `publish-to` of the variants, or name another repository with -r.")
    return tuple(found)


def planned_files(planned: Sequence[RepositoryPlan]) -> tuple[Distribution, ...]:
    """Every file of a plan, once."""
    found = {file.filename: file for each in planned for file in each.files}
    return tuple(found.values())


def check_planned(config: ProjectConfig | None, planned: Sequence[RepositoryPlan]) -> CheckResult:
    """Each file of a plan, checked for those repositories that it goes to."""
    to: dict[str, dict[str, bool]] = {}
    for each in planned:
        for file in each.files:
            there = to.setdefault(file.filename, {})
            there[each.repository.name] = each.repository.capabilities.public
    return run_checks(planned_files(planned), lambda file: audience(config, to[file.filename]), config=config)


def version_findings(
    config: ProjectConfig,
    repositories: Sequence[Repository],
    *,
    allow_dirty: bool,
    ask_remote: bool,
    around: Surroundings,
    listener: Listener,
) -> tuple[Finding, ...]:
    """What the working tree and its tags have against publishing the project's version.

    Empty where only build variants have a version. Raises `VersionError`.
    """
    from publish_all.version.guard import release_findings  # files that are named are not of a working tree

    version = project_version(config, around=around, listener=listener)
    if version is None:
        return ()
    return release_findings(
        config,
        version,
        pypi=any(each.name == "pypi" or host_of(each.url) == "upload.pypi.org" for each in repositories),
        allow_dirty=allow_dirty,
        ask_remote=ask_remote,
        environment=around.environment,
        run=around.run,
    )
