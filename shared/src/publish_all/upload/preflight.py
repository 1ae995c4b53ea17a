"""Asks every destination before the first byte is uploaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from packaging.utils import NormalizedName

from publish_all.diagnoses import Diagnosis, findings_of
from publish_all.distributions.distribution import Distribution, Release
from publish_all.errors import CheckError, ConflictError, CredentialError, PublishAllError, RepositoryError
from publish_all.events import Found, Listener, RepositoryWaiting, StepStarted, ignore
from publish_all.findings import Finding, Severity
from publish_all.repositories.repository import Look, Repository
from publish_all.results import FileState
from publish_all.upload.journal import Journal
from publish_all.upload.plan import RepositoryPlan
from publish_all.upload.transfer import other_bytes
from publish_all.upload.workers import Attempts, Cancellation, Clock, Workers

_ATTEMPTS_WHERE_NOBODY_IS = 3
# In bytes: an upload of that size takes about as long as a question.
_SMALL = 1 << 20
# A question is a small request, and nothing can start before the last one is answered.
_QUESTIONS_PER_JOB = 2
_ACTIONS = {FileState.NOT_STARTED: "upload", FileState.SKIPPED: "skip"}
"""What a publish would do with a file; the other states are their own words."""
_TAKEN = {FileState.PUBLISHED, FileState.VISIBLE, FileState.UNVERIFIED}

# The errors that findings end a publish with, other than `CheckError`; codes go by hundreds (see `diagnoses`).
_KINDS: Mapping[str, type[PublishAllError]] = {"PA3": CredentialError, "PA5": RepositoryError}
# The messages of problems, by the error that ends the publish.
_PROBLEMS: Mapping[type[PublishAllError], str] = {
    ConflictError: "{} has files with the same names and other content; nothing was uploaded",
    CredentialError: "no usable credential for {}; nothing was uploaded",
    RepositoryError: "{} cannot be reached; nothing was uploaded",
    CheckError: "cannot publish to {}; nothing was uploaded",
}


if TYPE_CHECKING:  # of a dry run
    from publish_all.summaries import PlannedFile, PlanReport

_Answer: TypeAlias = tuple[Look, frozenset[type[PublishAllError]]]
"""How a repository lists a release, or its findings about itself; and errors that prevent uploads."""
_Decide: TypeAlias = Callable[
    [Repository, Distribution, FileState, str], tuple[FileState, str, tuple[Finding, ...]]
]
Released: TypeAlias = Callable[[Repository, Distribution], bool]
"""Whether an existing file with other bytes is the same release, except for its requirements on workspace members."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryPreflight:
    """The answer of one repository: the state and reason of each file of its plan, findings, and errors that prevent uploads.

    `creates` are the projects whose first file must be uploaded while nothing else is.
    """

    plan: RepositoryPlan
    states: tuple[tuple[FileState, str], ...]
    findings: tuple[Finding, ...]
    obstacles: frozenset[type[PublishAllError]] = frozenset()
    creates: frozenset[str] = frozenset()

    @property
    def files(self) -> tuple[PlannedFile, ...]:
        """The files as a dry run shows them."""
        from publish_all.summaries import PlannedFile

        return tuple(
            PlannedFile(
                repository=self.plan.repository.name,
                project=file.project,
                version=str(file.version),
                filename=file.filename,
                variant=file.variant,
                size=file.size,
                sha256=file.digests.sha256,
                action=_ACTIONS.get(state, state.value),
                reason=reason,
            )
            for file, (state, reason) in zip(self.plan.files, self.states, strict=True)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Preflight:
    """The answers of all repositories, in the order of the plan. `failed` are members of a workspace that failed checks."""

    repositories: tuple[RepositoryPreflight, ...]
    failed: frozenset[str | None] = frozenset()

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(finding for each in self.repositories for finding in each.findings)

    @property
    def problem(self) -> PublishAllError | None:
        """The error that prevents uploads, None if there is none.

        A conflict comes first; for several other kinds at once the error is a general one.
        """
        obstacles: set[type[PublishAllError]] = set()
        for each in self.repositories:
            obstacles |= each.obstacles
        if not obstacles:
            return None
        several = ConflictError if ConflictError in obstacles else CheckError
        kind = several if len(obstacles) > 1 else next(iter(obstacles))
        names = ", ".join(each.plan.repository.name for each in self.repositories if each.obstacles)
        errors = tuple(each for each in self.findings if each.severity is Severity.ERROR)
        return kind(_PROBLEMS[kind].format(names), findings=errors)

    @property
    def stopped(self) -> frozenset[str | None]:
        """The members that failed, and those of which files are in conflict."""
        stopped = {*self.failed}
        for each in self.repositories:
            for file, (state, _) in zip(each.plan.files, each.states, strict=True):
                if state is FileState.CONFLICT:
                    stopped.add(file.member)
        return frozenset(stopped)

    @property
    def others_go(self) -> bool:
        """Whether there are files that need no `stopped` member, and no other errors."""
        return all(each.obstacles <= {ConflictError} for each in self.repositories) and any(
            state is FileState.NOT_STARTED and not each.plan.waits_for(file.member, self.stopped)
            for each in self.repositories
            for file, (state, _) in zip(each.plan.files, each.states, strict=True)
        )

    @property
    def report(self) -> PlanReport:
        """The plan as `--dry-run` shows it."""
        from publish_all.summaries import PlanReport

        return PlanReport(
            files=tuple(file for each in self.repositories for file in each.files),
            findings=self.findings,
            exit_code=self.problem.exit_code if self.problem is not None else 0,
        )


def preflight(
    plan: Sequence[RepositoryPlan],
    *,
    journal: Journal,
    listener: Listener = ignore,
    jobs: int = 8,
    skip_existing: bool = False,
    in_earnest: bool = False,
    cancellation: Cancellation | None = None,
    clock: Clock | None = None,
    released: Released = lambda *_: False,
) -> Preflight:
    """Ask all repositories of the plan in parallel: do they accept the upload, and which files do they have?

    `in_earnest`: uploads follow if there are no errors. If all files are small and go to one
    repository, the first upload answers some of the questions: its refusal costs no more, and leaves
    no incomplete release. `released` files are skipped.

    Uploads nothing, mints no token, raises nothing for answers of repositories: see `problem`.
    Raises `StoppedError` when it is aborted.
    Questions which the network fails are asked again for a while.
    """
    listener(StepStarted(step="preflight", detail=", ".join(each.repository.name for each in plan)))
    workers = Workers(
        _QUESTIONS_PER_JOB * jobs,
        listener=listener,
        cancellation=cancellation or Cancellation(),
        clock=clock or Clock(),
    )
    brief = in_earnest and len(plan) == 1 and all(each.size <= _SMALL for each in plan[0].files)
    questions: list[Callable[[], _Answer]] = []
    for each in plan:
        ask = partial(_ask, each, workers=workers, brief=brief)
        questions += (ask, *(partial(ask, release) for release in each.releases))
    try:
        answers = iter(workers.each(questions))
    finally:
        workers.close()
    judged = []
    decide = partial(_decide, journal=journal, skip_existing=skip_existing, released=released)
    for each in plan:
        about_itself, *about_releases = islice(answers, 1 + len(each.releases))
        found = _judge(each, about_itself, about_releases, decide)
        judged.append(found)
        for finding in found.findings:
            listener(Found(finding=finding))
    return Preflight(repositories=tuple(judged))


def _ask(plan: RepositoryPlan, release: Release | None = None, *, workers: Workers, brief: bool) -> _Answer:
    """Ask a repository about itself or about a release, until asking again would not change the answer, or patience ends."""
    repository = plan.repository
    attempts = Attempts(
        clock=workers.clock, cancellation=workers.cancellation, most=6, time_limit=60.0, longest_wait=30.0
    )
    while True:
        attempts.number += 1
        reason, retry_after = "", None
        try:
            if release is None:
                look = Look(findings=repository.preflight(plan.releases, brief=brief))
            else:
                look = repository.states(release)
            answer = look, _obstacles_of(look.findings)
            for each in look.findings:
                if RepositoryError in _obstacles_of([each]):
                    reason = each.message
        except PublishAllError as error:
            answer = _failed(error, repository)
            # If the server does not run, a long wait only hides this from the user.
            nobody = error.code == "PA501" and attempts.number >= _ATTEMPTS_WHERE_NOBODY_IS
            if error.retryable and not nobody:
                reason, retry_after = error.message, error.retry_after
        if not reason:
            return answer
        pause = attempts.pause(retry_after)
        if pause is not None:
            workers.emit(RepositoryWaiting(repository=repository.name, reason=reason, seconds=pause))
        if not attempts.wait(pause):
            return answer


def _failed(error: PublishAllError, repository: Repository) -> _Answer:
    """An error as an answer. It may have more to say about the next step than its only finding."""
    findings = findings_of(error, Diagnosis("PA582"))
    if len(findings) == 1:
        first = findings[0]
        findings = (replace(first, where=first.where or repository.name, hint=error.hint or first.hint),)
    if isinstance(error, RepositoryError):
        obstacles = frozenset(_KINDS.get(each.code[:3], CheckError) for each in findings)
    else:
        obstacles = frozenset({CredentialError if isinstance(error, CredentialError) else CheckError})
    return Look(findings=findings), obstacles


def _judge(
    plan: RepositoryPlan, about_itself: _Answer, about_releases: Sequence[_Answer], decide: _Decide
) -> RepositoryPreflight:
    """Combine the answers of one repository."""
    repository = plan.repository
    findings, obstacles = [*about_itself[0].findings], {*about_itself[1]}
    # If the repository cannot be reached, a failure of its index adds no information.
    silent = bool(obstacles)
    states: list[tuple[FileState, str]] = []
    creates: set[str] = set()
    kinds: set[FileState] = set()
    wanted: dict[NormalizedName, bool] = {}
    for release, (look, prevents) in zip(plan.releases, about_releases, strict=True):
        if not silent:
            findings += look.findings
            obstacles |= prevents
        if look.new_project and repository.capabilities.creates_alone:
            creates.add(release.project)
        for file in release.distributions:
            listed = look.states.get(file.filename, FileState.UNKNOWN)
            reason = plan.reason(release, file, creates=release.project in creates)
            state, reason, remarks = decide(repository, file, listed, reason)
            states.append((state, reason))
            kinds.add(state)
            findings += remarks
            if state is FileState.NOT_STARTED:
                wanted[file.project] = release.project in creates
    if wanted and not obstacles:
        said = repository.expect(wanted)
        findings += said
        obstacles |= _obstacles_of(said)
    if FileState.CONFLICT in kinds:
        obstacles.add(ConflictError)
    if FileState.NOT_STARTED not in kinds and repository.capabilities.final_on_upload:
        # Nothing is left to do, so a missing credential is not an error.
        obstacles.discard(CredentialError)
        findings = [each for each in findings if not each.code.startswith("PA3")]
    return RepositoryPreflight(
        plan=plan,
        states=tuple(states),
        findings=tuple(dict.fromkeys(findings)),
        obstacles=frozenset(obstacles),
        creates=frozenset(creates),
    )


def _decide(
    repository: Repository,
    file: Distribution,
    listed: FileState,
    reason: str,
    *,
    journal: Journal,
    skip_existing: bool,
    released: Released,
) -> tuple[FileState, str, tuple[Finding, ...]]:
    """What to do with a file and why, from the index and the journal, with findings.

    `reason` says why it is uploaded at its place, if it is.

    The index is right where it can be asked: a file that it does not list is sent (again), which is safe,
    since it has the same bytes. The journal is believed only where the index cannot be asked.
    """
    state = FileState.NOT_STARTED
    remarks: tuple[Finding, ...] = ()
    entry = journal.entry(file.digests.sha256, repository.url)
    taken = _TAKEN | ({FileState.UPLOADED} if repository.capabilities.final_on_upload else set())
    if listed is FileState.PRESENT:
        state, reason = FileState.PRESENT, "already uploaded, with the same content"
    elif listed is FileState.DIFFERENT and released(repository, file):
        state = FileState.SKIPPED
        reason = "already uploaded; only the required members of the workspace differ"
    elif listed is FileState.DIFFERENT and skip_existing:
        state, reason = FileState.SKIPPED, "skipped, although the existing file has other content"
        remarks = (other_bytes(repository, file, skipped=True),)
    elif listed is FileState.DIFFERENT:
        state, reason = FileState.CONFLICT, "the existing file has other content"
        remarks = (other_bytes(repository, file),)
    elif listed is FileState.INCOMPLETE:
        msg = f"{repository.name} lists {file.filename}, but the file or a part of it is missing there"
        remarks = (Diagnosis("PA488").found(msg, where=f"{repository.name}: {file.filename}"),)
    elif listed is FileState.UNKNOWN and entry is not None and entry.state in taken:
        state, reason = FileState.PRESENT, "uploaded by an earlier run, according to the journal"
    return state, reason, remarks


def _obstacles_of(findings: Iterable[Finding]) -> frozenset[type[PublishAllError]]:
    """The errors of findings that prevent uploads; warnings and notes have none."""
    errors = (each for each in findings if each.severity is Severity.ERROR)
    return frozenset(_KINDS.get(each.code[:3], CheckError) for each in errors)
