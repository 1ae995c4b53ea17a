"""What every destination says before the first byte goes to any of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from publish_all.distributions.distribution import Distribution, Release
from publish_all.errors import CheckError, ConflictError, CredentialError, RepositoryError
from publish_all.events import Found, Listener, StepStarted, ignore
from publish_all.findings import Finding, Severity
from publish_all.repositories.repository import Repository, State
from publish_all.results import PlannedAction, PlannedFile, PlanReport
from publish_all.upload.clock import Cancellation, Clock
from publish_all.upload.diagnoses import INDEX_UNREACHABLE, OTHER_BYTES, OTHER_BYTES_SKIPPED
from publish_all.upload.journal import Journal, JournalEntry, JournalState
from publish_all.upload.plan import Plan, RepositoryPlan, Step
from publish_all.upload.transfer import RetryPolicy, other_bytes
from publish_all.upload.workers import Workers

T = TypeVar("T")

PROPAGATION_SECONDS = 600.0
"""How long an index may keep showing its old page after an upload: PyPI's caches hold it for 10 minutes."""

_QUESTIONS = RetryPolicy(attempts=6, seconds=60.0, longest_wait=30.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What is to be done with one file in one repository, and why."""

    action: PlannedAction
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryPreflight:
    """What one repository said: findings, and a decision for each filename of its plan."""

    repository: str
    findings: tuple[Finding, ...]
    decisions: Mapping[str, Decision]


@dataclass(frozen=True, kw_only=True, slots=True)
class Preflight:
    """What all of them said, in the order of the plan."""

    repositories: tuple[RepositoryPreflight, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(finding for each in self.repositories for finding in each.findings)

    def require_clear(self) -> None:
        """Raise `ConflictError`, `CredentialError` or `CheckError` if anything stands against uploading."""
        errors = tuple(each for each in self.findings if each.severity is Severity.ERROR)
        if not errors:
            return
        conflicts = tuple(each for each in errors if each.code == OTHER_BYTES.code)
        if conflicts:
            msg = f"{_count(conflicts, 'file is', 'files are')} already published with other bytes; nothing was uploaded"
            raise ConflictError(msg, findings=errors)
        if all(_is_about_credentials(each) for each in errors):
            msg = "no repository can be published to without a credential; nothing was uploaded"
            raise CredentialError(msg, findings=errors)
        msg = f"{_count(errors, 'thing stands', 'things stand')} against publishing; nothing was uploaded"
        raise CheckError(msg, findings=errors)


def preflight(
    plan: Plan,
    *,
    journal: Journal,
    listener: Listener = ignore,
    jobs: int = 8,
    skip_existing: bool = False,
    cancellation: Cancellation | None = None,
    clock: Clock | None = None,
) -> Preflight:
    """Ask all repositories of the plan side by side: can it work, and what do they hold already?

    Uploads nothing, mints no token, raises nothing for what repositories say: see `require_clear`.
    Questions which the network fails are asked again for a while.
    """
    names = ", ".join(each.repository.name for each in plan.repositories)
    listener(StepStarted(step="preflight", detail=names))
    workers = Workers(jobs, listener=listener)
    asking = _Asking(clock=clock or Clock(), cancellation=cancellation or Cancellation())
    try:
        answers = workers.each(_questions(plan, asking))
    finally:
        workers.close()
    remaining = iter(answers)
    result = Preflight(
        repositories=tuple(
            _judge(each, list(_take(remaining, 1 + len(each.releases))), journal, asking.clock, skip_existing)
            for each in plan.repositories
        )
    )
    for finding in result.findings:
        listener(Found(finding=finding))
    return result


def describe(plan: Plan, done: Preflight) -> PlanReport:
    """The plan as `--dry-run` shows it."""
    return PlanReport(
        files=tuple(
            _planned_file(repository_plan.repository, release.release, step, answer.decisions)
            for repository_plan, answer in zip(plan.repositories, done.repositories, strict=True)
            for release in repository_plan.releases
            for step in release.steps
        ),
        findings=done.findings,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    """Findings of `preflight`, or the states of one release (empty when the index failed)."""

    findings: tuple[Finding, ...] = ()
    states: Mapping[str, State] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asking:
    clock: Clock
    cancellation: Cancellation

    def repository(self, repository: Repository, releases: tuple[Release, ...]) -> _Answer:
        def ask() -> tuple[_Answer, bool]:
            findings = repository.preflight(releases)
            return _Answer(findings=findings), any(_is_about_the_network(each) for each in findings)

        return self._patiently(ask)

    def release(self, repository: Repository, release: Release) -> _Answer:
        def ask() -> tuple[_Answer, bool]:
            try:
                return _Answer(states=repository.states(release)), False
            except RepositoryError as error:
                errors = [each for each in error.findings if each.severity is Severity.ERROR]
                passing = not errors or any(_is_about_the_network(each) for each in errors)
                return _Answer(findings=(_unreachable(repository, release, error),)), passing

        return self._patiently(ask)

    def _patiently(self, ask: Callable[[], tuple[T, bool]]) -> T:
        """Ask until the answer is not a failure that may pass, or patience ends."""
        began = self.clock.now()
        for attempt in range(1, _QUESTIONS.attempts):
            answer, passing = ask()
            seconds = _QUESTIONS.wait(attempt, retry_after=None, chance=self.clock.chance())
            late = self.clock.now() - began + seconds > _QUESTIONS.seconds
            if not passing or late or self.cancellation.stopping:
                return answer
            self.clock.wait(seconds, self.cancellation.stopped)
        return ask()[0]


def _questions(plan: Plan, asking: _Asking) -> Iterator[Callable[[], _Answer]]:
    """For each repository one question about itself, then one for each of its releases."""
    for each in plan.repositories:
        repository = each.repository
        releases = tuple(one.release for one in each.releases)
        yield lambda repository=repository, releases=releases: asking.repository(repository, releases)  # type: ignore[misc]  # mypy cannot infer a lambda's default
        for release in releases:
            yield lambda repository=repository, release=release: asking.release(repository, release)  # type: ignore[misc]  # as above


def _take(answers: Iterator[_Answer], number: int) -> Iterator[_Answer]:
    return (next(answers) for _ in range(number))


def _judge(
    plan: RepositoryPlan, answers: Sequence[_Answer], journal: Journal, clock: Clock, skip_existing: bool
) -> RepositoryPreflight:
    of_repository, *of_releases = answers
    decisions: dict[str, Decision] = {}
    findings = list(of_repository.findings)
    broken = any(each.severity is Severity.ERROR for each in findings)
    for release, answer in zip(plan.releases, of_releases, strict=True):
        # An index that can't be asked is no news about a repository that can't be reached.
        findings += () if broken else answer.findings
        for step in release.steps:
            state = (answer.states or {}).get(step.distribution.filename, State.UNKNOWN)
            entry = journal.entry(step.distribution.digests.sha256, plan.repository.url)
            decision = decide(
                state,
                entry,
                final_on_upload=plan.repository.capabilities.final_on_upload,
                skip_existing=skip_existing,
                now=clock.wall(),
            )
            decisions[step.distribution.filename] = decision
            findings += _findings_about(decision, plan.repository, step.distribution)
    return RepositoryPreflight(
        repository=plan.repository.name,
        findings=tuple(_without_moot_ones(findings, plan, decisions)),
        decisions=decisions,
    )


def decide(
    state: State, entry: JournalEntry | None, *, final_on_upload: bool, skip_existing: bool, now: float
) -> Decision:
    """What to do with a file, from what the index says and what the journal says. Pure.

    The index is right where it knows the file. Where it does not, the journal is believed: always if
    the repository cannot be asked; for `PROPAGATION_SECONDS` after the upload if the file has not been
    seen in the index yet. Later, or once seen and gone again, the file is sent once more, which is
    safe: it has the same bytes.
    """
    taken = entry is not None and (
        entry.state in (JournalState.PUBLISHED, JournalState.VISIBLE)
        or (entry.state is JournalState.UPLOADED and final_on_upload)
    )
    match state:
        case State.SAME:
            return Decision(action=PlannedAction.PRESENT, reason="already there, the same bytes")
        case State.DIFFERENT if skip_existing:
            return Decision(action=PlannedAction.SKIP, reason="other bytes are there; skipped as asked")
        case State.DIFFERENT:
            return Decision(action=PlannedAction.CONFLICT, reason="other bytes are there")
        case State.UNKNOWN if taken:
            return Decision(
                action=PlannedAction.PRESENT, reason="uploaded by an earlier run, says the journal"
            )
        case State.UNKNOWN:
            return Decision(action=PlannedAction.UPLOAD, reason="what is there cannot be asked")
        case State.ABSENT:
            fresh = entry is not None and now - entry.at < PROPAGATION_SECONDS
            if taken and fresh and entry is not None and entry.state is not JournalState.VISIBLE:
                reason = "uploaded by an earlier run; the index does not list it yet"
                return Decision(action=PlannedAction.PRESENT, reason=reason)
            return Decision(action=PlannedAction.UPLOAD, reason="not there yet")


def _findings_about(
    decision: Decision, repository: Repository, distribution: Distribution
) -> Iterator[Finding]:
    if decision.action is PlannedAction.CONFLICT:
        yield other_bytes(repository, distribution)
    elif decision.action is PlannedAction.SKIP:
        yield skipped_other_bytes(repository, distribution)


def skipped_other_bytes(repository: Repository, distribution: Distribution) -> Finding:
    return OTHER_BYTES_SKIPPED.found(
        f"{repository.name} keeps another file named {distribution.filename}; this one was skipped",
        where=f"{repository.name}: {distribution.filename}",
        hint="If its content matters, publish under a new version.",
    )


def _without_moot_ones(
    findings: Iterable[Finding], plan: RepositoryPlan, decisions: Mapping[str, Decision]
) -> Iterator[Finding]:
    """Where nothing is left to do, a missing credential is no error."""
    to_do = any(each.action is PlannedAction.UPLOAD for each in decisions.values())
    needs_credential = to_do or not plan.repository.capabilities.final_on_upload
    for each in findings:
        if needs_credential or not _is_about_credentials(each):
            yield each


def _unreachable(repository: Repository, release: Release, error: RepositoryError) -> Finding:
    return INDEX_UNREACHABLE.found(
        f"{repository.name} does not say what it holds of {release}: {error.message}",
        where=repository.name,
        hint=error.hint or "Try again; or look at its index-url, `publish-all doctor` explains it.",
    )


def _planned_file(
    repository: Repository, release: Release, step: Step, decisions: Mapping[str, Decision]
) -> PlannedFile:
    decision = decisions[step.distribution.filename]
    upload = decision.action is PlannedAction.UPLOAD
    return PlannedFile(
        repository=repository.name,
        project=release.project,
        version=str(release.version),
        filename=step.distribution.filename,
        variant=step.distribution.variant,
        size=step.distribution.size,
        sha256=step.distribution.digests.sha256,
        action=decision.action,
        reason=step.reason if upload else decision.reason,
    )


def _is_about_credentials(finding: Finding) -> bool:
    return finding.code.startswith("PA3")


def _is_about_the_network(finding: Finding) -> bool:
    """Codes go by hundreds (see `findings`): these may pass by themselves."""
    return finding.severity is Severity.ERROR and finding.code.startswith("PA5")


def _count(things: Sequence[object], one: str, many: str) -> str:
    return f"{len(things)} {one if len(things) == 1 else many}"
