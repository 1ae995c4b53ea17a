"""What every destination says before the first byte goes to any of them."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from itertools import islice

from publish_all._http_errors import Failure, HttpError
from publish_all._values import dataclass
from publish_all.diagnoses import LISTED_INCOMPLETE, NO_ANSWER, OTHER_BYTES_SKIPPED
from publish_all.distributions.distribution import Distribution, Release
from publish_all.errors import CheckError, ConflictError, CredentialError, PublishAllError, RepositoryError
from publish_all.events import Event, Found, Listener, RepositoryWaiting, StepStarted, ignore
from publish_all.findings import Finding, Severity
from publish_all.repositories.repository import Repository
from publish_all.results import FileState, PlannedFile, PlanReport
from publish_all.upload.clock import Cancellation, Clock
from publish_all.upload.decide import Decision, decide
from publish_all.upload.journal import Journal
from publish_all.upload.plan import Plan, RepositoryPlan, Step
from publish_all.upload.transfer import RetryPolicy, other_bytes
from publish_all.upload.workers import Workers, questions_at_once

_ATTEMPTS_WHERE_NOBODY_IS = 3
# In bytes: an upload of that size takes about as long as a question.
_SMALL = 1 << 20
_QUESTIONS = RetryPolicy(attempts=6, seconds=60.0, longest_wait=30.0)


class Obstacle(enum.Enum):
    """Why nothing may be uploaded. In this order: the first one that is met tells the exit code."""

    CONFLICT = "conflict"
    CREDENTIAL = "credential"
    UNREACHABLE = "unreachable"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryPreflight:
    """What one repository said: findings, a decision for each filename of its plan, and what stands against it."""

    repository: str
    findings: tuple[Finding, ...]
    decisions: Mapping[str, Decision]
    obstacles: frozenset[Obstacle] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Preflight:
    """What all of them said, in the order of the plan."""

    repositories: tuple[RepositoryPreflight, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(finding for each in self.repositories for finding in each.findings)

    @property
    def problem(self) -> PublishAllError | None:
        """The error that stands against uploading, None if nothing does."""
        obstacles = {obstacle for each in self.repositories for obstacle in each.obstacles}
        if not obstacles:
            return None
        names = ", ".join(each.repository for each in self.repositories if each.obstacles)
        kind, msg = _PROBLEMS[_gravest(obstacles)]
        errors = tuple(each for each in self.findings if each.severity is Severity.ERROR)
        return kind(msg.format(names), findings=errors)

    def require_clear(self) -> None:
        """Raise `problem` if there is one: `ConflictError`, `CredentialError`, `RepositoryError` or `CheckError`."""
        if self.problem is not None:
            raise self.problem


_PROBLEMS: Mapping[Obstacle, tuple[type[PublishAllError], str]] = {
    Obstacle.CONFLICT: (
        ConflictError,
        "{} has files of the same names with other bytes; nothing was uploaded",
    ),
    Obstacle.CREDENTIAL: (CredentialError, "no usable credential for {}; nothing was uploaded"),
    Obstacle.UNREACHABLE: (RepositoryError, "{} can't be reached; nothing was uploaded"),
    Obstacle.OTHER: (CheckError, "{} can't be published to like this; nothing was uploaded"),
}


def _gravest(obstacles: set[Obstacle]) -> Obstacle:
    """A conflict says most; of the others several kinds at once are no particular one."""
    if Obstacle.CONFLICT in obstacles:
        return Obstacle.CONFLICT
    return next(iter(obstacles)) if len(obstacles) == 1 else Obstacle.OTHER


def preflight(
    plan: Plan,
    *,
    journal: Journal,
    listener: Listener = ignore,
    jobs: int = 8,
    skip_existing: bool = False,
    in_earnest: bool = False,
    cancellation: Cancellation | None = None,
    clock: Clock | None = None,
) -> Preflight:
    """Ask all repositories of the plan side by side: can it work, and what do they hold already?

    `in_earnest` says that uploads follow if nothing is against them. Where all is to go to one
    repository, in small files, then the first upload asks some of the questions as well as we could:
    its refusal costs no more, and leaves nothing half done.

    Uploads nothing, mints no token, raises nothing for what repositories say: see `require_clear`.
    Raises `StoppedError` when it is aborted.
    Questions which the network fails are asked again for a while.
    """
    names = ", ".join(each.repository.name for each in plan.repositories)
    listener(StepStarted(step="preflight", detail=names))
    clock = clock or Clock()
    cancellation = cancellation or Cancellation()
    workers = Workers(questions_at_once(jobs), listener=listener, cancellation=cancellation)
    asking = _Asking(
        brief=in_earnest and _is_small(plan), clock=clock, cancellation=cancellation, emit=workers.emit
    )
    try:
        answers = iter(workers.each(_questions(plan, asking)))
    finally:
        workers.close()
    result = Preflight(
        repositories=tuple(
            _Judgement(each, skip_existing=skip_existing).of(
                list(islice(answers, 1 + len(each.releases))), journal
            )
            for each in plan.repositories
        )
    )
    for finding in result.findings:
        listener(Found(finding=finding))
    return result


def _is_small(plan: Plan) -> bool:
    if len(plan.repositories) != 1:
        return False
    return all(step.distribution.size <= _SMALL for step in plan.repositories[0].steps)


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
        exit_code=done.problem.exit_code if done.problem is not None else 0,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    """Findings about a repository, or the states of one release; `error` where there is no answer."""

    findings: tuple[Finding, ...] = ()
    states: Mapping[str, FileState] = field(default_factory=dict)
    error: PublishAllError | None = None

    @property
    def may_pass(self) -> bool:
        """Whether asking again may give another answer."""
        if isinstance(self.error, HttpError):
            return self.error.retryable
        return any(_is_error(each, "PA5") for each in self.findings)

    @property
    def attempts(self) -> int:
        """How often to ask in all: where nobody is at home, waiting long only hides it from the user."""
        nobody = isinstance(self.error, HttpError) and self.error.failure in (Failure.REFUSED, Failure.DNS)
        return _ATTEMPTS_WHERE_NOBODY_IS if nobody else _QUESTIONS.attempts

    @property
    def retry_after(self) -> float | None:
        return self.error.retry_after if isinstance(self.error, HttpError) else None

    @property
    def reason(self) -> str:
        if self.error is not None:
            return self.error.message
        return next(each.message for each in self.findings if _is_error(each, "PA5"))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asking:
    """Asks one question in a worker, again where the network fails it."""

    brief: bool
    clock: Clock
    cancellation: Cancellation
    emit: Callable[[Event], None]

    def repository(self, repository: Repository, releases: tuple[Release, ...]) -> _Answer:
        def ask() -> _Answer:
            try:
                return _Answer(findings=repository.preflight(releases, brief=self.brief))
            except PublishAllError as error:
                return _Answer(error=error)

        return self._patiently(repository, ask)

    def release(self, repository: Repository, release: Release) -> _Answer:
        def ask() -> _Answer:
            try:
                return _Answer(states=repository.states(release))
            except PublishAllError as error:
                return _Answer(error=error)

        return self._patiently(repository, ask)

    def _patiently(self, repository: Repository, ask: Callable[[], _Answer]) -> _Answer:
        """Ask until there is an answer that asking again would not change, or patience ends."""
        began = self.clock.now()
        attempt = 1
        while True:
            answer = ask()
            seconds = _QUESTIONS.wait(attempt, retry_after=answer.retry_after, chance=self.clock.chance())
            late = self.clock.now() - began + seconds > _QUESTIONS.seconds
            spent = late or attempt >= answer.attempts
            if not answer.may_pass or spent or self.cancellation.stopping:
                return answer
            self.emit(RepositoryWaiting(repository=repository.name, seconds=seconds, reason=answer.reason))
            self.clock.wait(seconds, self.cancellation.stopped)
            attempt += 1


def _questions(plan: Plan, asking: _Asking) -> Iterator[Callable[[], _Answer]]:
    """For each repository one question about itself, then one for each of its releases."""
    for each in plan.repositories:
        repository = each.repository
        releases = tuple(one.release for one in each.releases)
        yield lambda repository=repository, releases=releases: asking.repository(repository, releases)  # type: ignore[misc]  # mypy cannot infer a lambda's default
        for release in releases:
            yield lambda repository=repository, release=release: asking.release(repository, release)  # type: ignore[misc]  # as above


class _Judgement:
    """Puts together what one repository answered."""

    def __init__(self, plan: RepositoryPlan, *, skip_existing: bool) -> None:
        self._plan = plan
        self._skip_existing = skip_existing
        self._findings: list[Finding] = []
        self._obstacles: set[Obstacle] = set()
        self._decisions: dict[str, Decision] = {}

    def of(self, answers: Sequence[_Answer], journal: Journal) -> RepositoryPreflight:
        about_itself, *about_releases = answers
        self._hear(about_itself)
        # An index that can't be asked is no news about a repository that can't be reached.
        silent = bool(self._obstacles)
        for release, answer in zip(self._plan.releases, about_releases, strict=True):
            if not silent:
                self._hear(answer)
            for step in release.steps:
                self._decide(step.distribution, answer, journal)
        if not self._needs_credential():
            self._obstacles.discard(Obstacle.CREDENTIAL)
            self._findings = [each for each in self._findings if not each.code.startswith("PA3")]
        return RepositoryPreflight(
            repository=self._plan.repository.name,
            findings=tuple(dict.fromkeys(self._findings)),
            decisions=self._decisions,
            obstacles=frozenset(self._obstacles),
        )

    def _hear(self, answer: _Answer) -> None:
        self._findings += answer.findings
        self._obstacles |= {_obstacle_of(each) for each in answer.findings if each.severity is Severity.ERROR}
        match answer.error:
            case None:
                return
            case CredentialError():
                self._obstacles.add(Obstacle.CREDENTIAL)
            case RepositoryError():
                told = {_obstacle_of(each) for each in answer.error.findings}
                self._obstacles |= told or {Obstacle.UNREACHABLE}
            case _:
                self._obstacles.add(Obstacle.OTHER)
        self._findings += _told(answer.error, self._plan.repository)

    def _decide(self, distribution: Distribution, answer: _Answer, journal: Journal) -> None:
        repository = self._plan.repository
        state = answer.states.get(distribution.filename, FileState.UNKNOWN)
        decision = decide(
            state,
            journal.entry(distribution.digests.sha256, repository.url),
            final_on_upload=repository.capabilities.final_on_upload,
            skip_existing=self._skip_existing,
        )
        self._decisions[distribution.filename] = decision
        if decision.action is FileState.CONFLICT:
            self._obstacles.add(Obstacle.CONFLICT)
            self._findings.append(other_bytes(repository, distribution))
        elif decision.action is FileState.SKIPPED:
            self._findings.append(skipped_other_bytes(repository, distribution))
        elif state is FileState.INCOMPLETE:
            self._findings.append(_listed_incomplete(repository, distribution))

    def _needs_credential(self) -> bool:
        """Where nothing is left to do, a missing credential is no error."""
        to_do = any(each.action is FileState.NOT_STARTED for each in self._decisions.values())
        return to_do or not self._plan.repository.capabilities.final_on_upload


def _obstacle_of(finding: Finding) -> Obstacle:
    """Codes go by hundreds, see `findings`."""
    if finding.code.startswith("PA3"):
        return Obstacle.CREDENTIAL
    return Obstacle.UNREACHABLE if finding.code.startswith("PA5") else Obstacle.OTHER


def skipped_other_bytes(repository: Repository, distribution: Distribution) -> Finding:
    return OTHER_BYTES_SKIPPED.found(
        f"{repository.name} keeps another file named {distribution.filename}; this one was skipped",
        where=f"{repository.name}: {distribution.filename}",
        hint="If its content matters, publish under a new version.",
    )


def _listed_incomplete(repository: Repository, distribution: Distribution) -> Finding:
    return LISTED_INCOMPLETE.found(
        f"{repository.name} lists {distribution.filename}, but the file or a part of it is missing there",
        where=f"{repository.name}: {distribution.filename}",
        hint="A publish uploads what is missing. Exclude these packages from jobs that delete untagged versions.",
    )


def _told(error: PublishAllError, repository: Repository) -> tuple[Finding, ...]:
    """An error as findings. The error may have more to say about the next step than its only finding."""
    if len(error.findings) == 1 and error.hint:
        return (replace(error.findings[0], hint=error.hint),)
    if error.findings:
        return error.findings
    diagnosis = NO_ANSWER
    if isinstance(error, HttpError) and error.failure is not Failure.STATUS:
        from publish_all.repositories.replies import network_diagnosis

        diagnosis = network_diagnosis(error)
    return (diagnosis.found(error.message, where=repository.name, hint=error.hint or ""),)


def _planned_file(
    repository: Repository, release: Release, step: Step, decisions: Mapping[str, Decision]
) -> PlannedFile:
    decision = decisions[step.distribution.filename]
    upload = decision.action is FileState.NOT_STARTED
    return PlannedFile(
        repository=repository.name,
        project=release.project,
        version=str(release.version),
        filename=step.distribution.filename,
        variant=step.distribution.variant,
        size=step.distribution.size,
        sha256=step.distribution.digests.sha256,
        action=decision.action.action,
        reason=step.reason if upload else decision.reason,
    )


def _is_error(finding: Finding, hundred: str) -> bool:
    return finding.severity is Severity.ERROR and finding.code.startswith(hundred)
