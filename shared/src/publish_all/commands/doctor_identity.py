"""Trusted publishing as doctor sees it: which publisher an index must know, from a job's identity or from workflows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from packaging.utils import NormalizedName

from publish_all.checks.workflows import PublishJob, gitlab_line, publish_jobs
from publish_all.commands.doctor_names import NamesAsked
from publish_all.config.builtin import canonical
from publish_all.config.github import from_environment, from_git
from publish_all.config.model import ProjectConfig, When
from publish_all.config.workflows import repository_root
from publish_all.credentials.audience import ask_for_audience, base_of, ensure_own
from publish_all.credentials.identity import AmbientIdentity, IdentityToken
from publish_all.credentials.publisher import form_fields
from publish_all.diagnoses import PENDING_PUBLISHERS_NEEDED
from publish_all.errors import CredentialError
from publish_all.findings import Finding

if TYPE_CHECKING:
    from publish_all.commands.doctor_destination import Destination

_PAGES = {
    "pypi": "https://pypi.org/manage/account/publishing/",
    "testpypi": "https://test.pypi.org/manage/account/publishing/",
}


def workflow_that_publishes(destination: Destination, config: ProjectConfig) -> str | None:
    """The file and line of a job that publishes there, with all that it needs for that; None if there is none."""
    for job in _jobs(destination, config):
        permission = "packages" if destination.is_github else "id-token"
        if job.has_token or job.workflow.permission(job.job, permission) == "write":
            return job.where
    return _gitlab(destination, config)


def _gitlab(destination: Destination, config: ProjectConfig) -> str | None:
    """As above, in GitLab's pipeline."""
    path = repository_root(config.root) / ".gitlab-ci.yml"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    default = tuple(canonical(each) for each in config.publish_to)
    line = gitlab_line(text, canonical(destination.stated.name), default)
    return f"{path.name}:{line}" if line is not None else None


def _jobs(destination: Destination, config: ProjectConfig) -> Iterator[PublishJob]:
    name = canonical(destination.stated.name)
    default = tuple(canonical(each) for each in config.publish_to)
    for workflow in destination.workflows:
        yield from (each for each in publish_jobs(workflow) if each.goes_to(name, default))


def identity_facts(
    destination: Destination, config: ProjectConfig, names: NamesAsked, fact: Callable[[str, str], None]
) -> tuple[Finding, ...]:
    """Tell the publisher of each project as the fields of the index's form; find what N new projects need."""
    if not _is_possible(destination):
        return ()
    new = names.new or ()
    token = _token(destination)
    if token is not None:
        fields = form_fields(token, None)
        fact("publisher", _as_form(fields))
        return _pending(destination, new, dict(fields), one_environment=True)
    publishers = tuple(_of_workflows(destination, config))
    for fields in publishers:
        fact("publisher", _as_form(fields))
    return (
        _pending(destination, new, dict(publishers[0]), one_environment=len(publishers) < len(new))
        if publishers
        else ()
    )


def _is_possible(destination: Destination) -> bool:
    stated = destination.stated
    wanted = canonical(stated.name) in _PAGES or stated.trusted_publishing is When.ALWAYS
    return stated.kind.trusted_publishing and wanted and stated.trusted_publishing is not When.NEVER


def _token(destination: Destination) -> IdentityToken | None:
    """The identity of this job, for its claims alone: nothing is minted with it."""
    identity = AmbientIdentity(environment=destination.around.environment)
    if destination.offline or destination.auth == "token" or identity.provider is None:
        return None
    base = base_of(destination.repository.url)
    offer = ask_for_audience(destination.opened.session, base)
    if offer.audience is None or identity.missing_permission(offer.audience) is not None:
        return None
    try:
        ensure_own(offer.audience, destination.request(None), base, configured=destination.stated.audience)
        return identity.token(offer.audience)
    except CredentialError:
        return None  # told by the chain of credentials


def _of_workflows(destination: Destination, config: ProjectConfig) -> Iterator[tuple[tuple[str, str], ...]]:
    """The form's fields for each job that publishes there with trusted publishing."""
    around = destination.around
    link = (
        from_environment(around.environment).link
        or from_git(config.root, environment=around.environment, run=around.run).link
    )
    owner, _, repository = (link or "(not known: no git remote)/").partition("/")
    seen = set()
    for job in _jobs(destination, config):
        if job.has_token:
            continue
        for environment in job.environments:
            fields = (
                ("Owner", owner),
                ("Repository name", repository or owner),
                ("Workflow name", job.workflow.path.name),
                ("Environment name", environment or "(none: leave it empty)"),
            )
            if fields not in seen:
                seen.add(fields)
                yield fields


def _pending(
    destination: Destination, new: Sequence[NormalizedName], fields: dict[str, str], *, one_environment: bool
) -> tuple[Finding, ...]:
    """The rule of pending publishers for several new projects: one for each environment of a workflow."""
    if len(new) < 2 or not one_environment:
        return ()
    page = _PAGES.get(canonical(destination.stated.name), "the index's page for pending publishers")
    rows = "\n".join(f"  {name}: environment pypi-{name}" for name in new)
    return (
        PENDING_PUBLISHERS_NEEDED.found(
            f"{len(new)} projects are new here ({', '.join(new)}), and the workflow publishes all of them from one "
            f"environment: {fields.get('Environment name', '')}.",
            where=fields.get("Workflow name", destination.repository.name),
            hint=f"Register one pending publisher for each at {page}, with an environment of its own, and publish "
            f"each variant in a job with that environment (--variant):\n{rows}",
        ),
    )


def _as_form(fields: Sequence[tuple[str, str]]) -> str:
    """The fields of the form that an index has for publishers, a line each."""
    return "\n".join(f"{name}: {value}" for name, value in fields)
