"""Uploads one file to one repository: attempts, waits between them, and lost answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from publish_all import diagnoses as known
from publish_all.diagnoses import Diagnosis
from publish_all.distributions.distribution import Distribution, Release
from publish_all.errors import PublishAllError, RepositoryError
from publish_all.events import Event, UploadProgressed, UploadStarted, UploadWaiting
from publish_all.findings import Finding
from publish_all.repositories.repository import Repository, UploadOutcome
from publish_all.results import FileReport, FileState
from publish_all.upload.workers import Attempts, StoppedError

_PROGRESS_SECONDS = 0.1
_SAY_SO = (known.OTHER_BYTES.code, known.MAYBE_OTHER_BYTES.code)
_SAME_CRASHES = 3
# The final state of a file that the index lists although no attempt succeeded.
_AFTER_UNCLEAR = {FileState.PRESENT: FileState.UPLOADED, FileState.DIFFERENT: FileState.CONFLICT}


@dataclass(frozen=True, slots=True)
class Transfer:
    """The transfer of one file, to be carried out in a worker thread.

    `sent_before`: an earlier run has sent it, and the server may have stored it.
    """

    repository: Repository
    file: Distribution
    attempts: Attempts
    emit: Callable[[Event], None]
    sent_before: bool = False

    def __call__(self) -> FileReport:
        """Never raises: errors after the first byte are in the report."""
        try:
            outcome = self._try()
        except Exception as error:  # noqa: BLE001 - other files may be there: the run must end with its report
            finding = unexpected(error, self.file.filename)
            outcome = UploadOutcome(status=FileState.UNCLEAR, findings=(finding,))
        findings = () if outcome.status.done else outcome.findings
        if outcome.status is FileState.CONFLICT and not any(each.code in _SAY_SO for each in findings):
            findings = (*findings, other_bytes(self.repository, self.file))
        return replace(
            file_report(self.file, outcome.status),
            attempts=self.attempts.number,
            seconds=self.attempts.seconds,
            url=outcome.url,
            findings=findings,
        )

    def _try(self) -> UploadOutcome:
        attempts, unclear, crashes = self.attempts, False, list[str]()
        while True:
            attempts.number += 1
            outcome = self._attempt()
            crashes.append(outcome.crash)
            # The same answer each time is not a temporary error.
            hopeless = crashes.count(outcome.crash) == _SAME_CRASHES and outcome.crash != ""
            end = self._judge(outcome.status, again=attempts.number > 1 or self.sent_before)
            if end is None:
                unclear = unclear or outcome.status is not FileState.FAILED
                pause = None if hopeless else attempts.pause(outcome.retry_after)
                if pause is not None:
                    waiting = UploadWaiting(
                        repository=self.repository.name,
                        filename=self.file.filename,
                        attempt=attempts.number,
                        seconds=pause,
                        reason=_reason(outcome),
                    )
                    self.emit(waiting)
                again = attempts.wait(pause)
                if unclear or not again:
                    end = _AFTER_UNCLEAR.get(self._listed())
                if end is None and not again:
                    return self._give_up(outcome, unclear=unclear)
            if end is not None:
                return replace(outcome, status=end)

    def _attempt(self) -> UploadOutcome:
        """One attempt. Progress is reported at most ten times a second; an aborted run ends it."""
        repository, name, size = self.repository.name, self.file.filename, self.file.size
        clock, cancellation = self.attempts.clock, self.attempts.cancellation
        number = self.attempts.number
        self.emit(UploadStarted(repository=repository, filename=name, size=size, attempt=number))
        last = clock.now()

        def progress(sent: int) -> None:
            nonlocal last
            if cancellation.aborting:
                raise StoppedError("the run ends at once")
            now = clock.now()
            if sent >= size or now - last >= _PROGRESS_SECONDS:
                last = now
                self.emit(UploadProgressed(repository=repository, filename=name, sent=sent, size=size))

        try:
            return self.repository.upload(self.file, progress=progress)
        except StoppedError:
            return UploadOutcome(status=FileState.UNCLEAR)
        except PublishAllError as error:
            return UploadOutcome.failed(error)
        except OSError as error:
            finding = Diagnosis("PA486").found(f"{error.strerror or error}", where=str(self.file.path))
            return UploadOutcome(status=FileState.REFUSED, findings=(finding,))

    def _judge(self, state: FileState, *, again: bool) -> FileState | None:
        """The final state after an attempt, None if there is another attempt.

        `again`: there were attempts before. Whatever their outcome seemed to be, one of them
        may have stored the file: gateways answer 502 for servers that were merely slow.
        """
        # Some servers say "exists" whatever the bytes are: the index knows whose they are.
        match self._listed() if state is FileState.CONFLICT else state:
            case FileState.FAILED | FileState.UNCLEAR:
                return None
            case FileState.PRESENT:
                return FileState.UPLOADED if again else FileState.PRESENT
            case FileState.INCOMPLETE:
                # It is ours, and the server does not accept it again. Verification reports that it is missing.
                return FileState.PRESENT
            case FileState.DIFFERENT:
                return FileState.CONFLICT
            case FileState.ABSENT | FileState.UNKNOWN:
                # After another attempt it may be ours although the index does not list it yet.
                return None if again else FileState.CONFLICT
            case end:
                return end

    def _listed(self) -> FileState:
        """The state of the file in the index."""
        file = self.file
        one = Release(project=file.project, version=file.version, distributions=(file,))
        try:
            return self.repository.states(one).states.get(file.filename, FileState.UNKNOWN)
        except RepositoryError:
            return FileState.UNKNOWN

    def _give_up(self, outcome: UploadOutcome, *, unclear: bool) -> UploadOutcome:
        if self.attempts.cancellation.stopping:
            return replace(outcome, status=FileState.INTERRUPTED)
        spent = f"{self.attempts.number} attempts in {self.attempts.seconds:.0f} s"
        message, hint = f"given up after {spent}; last error: {_reason(outcome)}", ""
        broken = [f"{field}: {entry}" for field, entry in self.file.broken_requirements()]
        if outcome.crash and broken:
            hint = f"This field of the metadata is probably the cause. Correct it: {'; '.join(broken)}"
        finding = Diagnosis("PA581").found(message, where=self.file.filename, hint=hint)
        state = FileState.UNCLEAR if unclear else FileState.FAILED
        return replace(outcome, status=state, findings=(*outcome.findings, finding))


def file_report(file: Distribution, state: FileState) -> FileReport:
    """The report of a file before its upload."""
    return FileReport(
        filename=file.filename,
        variant=file.variant,
        size=file.size,
        sha256=file.digests.sha256,
        status=state,
    )


def other_bytes(repository: Repository, file: Distribution, *, skipped: bool = False) -> Finding:
    diagnosis = Diagnosis("PA482") if skipped else known.OTHER_BYTES
    message = f"{repository.name} has another file named {file.filename}{'; this file was skipped' if skipped else ''}"
    return diagnosis.found(message, where=f"{repository.name}: {file.filename}")


def _reason(outcome: UploadOutcome) -> str:
    for finding in outcome.findings:
        return finding.message.splitlines()[0] if finding.message else finding.slug
    return "no answer" if outcome.status is FileState.UNCLEAR else "the server asks to try again"


def unexpected(error: Exception, where: str) -> Finding:
    """The finding for an unexpected error, such as an absurd answer of a server."""
    return known.UPLOAD_FAILED.found(f"unexpected error: {type(error).__name__}: {error}", where=where)
