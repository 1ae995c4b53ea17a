"""A publish with a retry, a build, a plan, a check: what reporters are to show."""

from __future__ import annotations

from dataclasses import fields

from publish_all.diagnoses import Diagnosis
from publish_all.errors import ConflictError
from publish_all.events import (
    BuildFinished,
    BuildStarted,
    EnvironmentChosen,
    Event,
    Found,
    Note,
    RepositoryFinished,
    RepositoryStarted,
    RepositoryWaiting,
    StepStarted,
    UploadFinished,
    UploadProgressed,
    UploadStarted,
    UploadWaiting,
    VerifyWaiting,
)
from publish_all.findings import Finding, Severity
from publish_all.results import (
    CheckedSubject,
    CheckSummary,
    Explanation,
    FileReport,
    FileState,
    PublishReport,
    ReleaseReport,
    RepositoryReport,
)
from publish_all.summaries import (
    BuildSummary,
    BuiltFile,
    DoctorReport,
    Examined,
    ExplainedFinding,
    Fact,
    Listing,
    PlannedFile,
    PlanReport,
)

SYNAPSE = "kindling_synapse-1.2.0-py3-none-any.whl"
SYNAPSE_SDIST = "kindling_synapse-1.2.0.tar.gz"
FABRIC = "kindling_fabric-1.2.0-cp312-cp312-manylinux_2_28_x86_64.manylinux2014_x86_64.whl"
NO_INDEX = Diagnosis("PA450").found(
    "No simple index of corp found.",
    where="https://pypi.corp.example/legacy/",
    hint="Set `index-url`.",
)
REFUSED = Diagnosis("PA449").found(
    "corp refuses the file:\nthe description is too long\x1b[31m, 100% sure", where="corp", hint="Shorten it."
)
OTHER_BYTES = Diagnosis("PA410").found(
    f"pypi has another file named {SYNAPSE}", where=f"pypi: {SYNAPSE}", hint="Publish under a new version."
)
CONFLICT = ConflictError(
    "pypi has files with the same names and other content; nothing was uploaded", findings=[OTHER_BYTES]
)


def upload(filename: str, size: int, attempt: int = 1) -> list[Event]:
    return [
        UploadStarted(repository="pypi", filename=filename, size=size, attempt=attempt),
        UploadProgressed(repository="pypi", filename=filename, sent=size // 2, size=size),
    ]


BUILDING: list[Event] = [
    StepStarted(step="build", detail="kindling-synapse, kindling-fabric"),
    EnvironmentChosen(isolated=False, reason="with hatchling>=1.27"),
    BuildStarted(project="kindling-synapse", variant="synapse", kind="wheel"),
    BuildFinished(project="kindling-synapse", variant="synapse", filename=SYNAPSE, size=48_213, seconds=0.31),
]
BEFORE: list[Event] = [
    Note(message="the host tool's `github` at pypi.pkg.github.com is the built-in one"),
    StepStarted(step="preflight", detail="pypi, corp"),
    RepositoryWaiting(
        repository="corp", seconds=1.52, reason="Nothing answers at https://pypi.corp.example/."
    ),
    Found(finding=NO_INDEX),
]
HALF_WAY: list[Event] = [
    StepStarted(step="upload", detail="pypi"),
    RepositoryStarted(
        repository="pypi", url="https://upload.pypi.org/legacy/", files=2, size=3_048_213, skipped=1
    ),
    *upload(SYNAPSE, 48_213),
    *upload(FABRIC, 3_000_000),
    UploadWaiting(
        repository="pypi", filename=SYNAPSE, attempt=1, seconds=17.4, reason="503 Service Unavailable"
    ),
]
AFTERWARDS: list[Event] = [
    *upload(SYNAPSE, 48_213, attempt=2),
    UploadFinished(
        repository="pypi", filename=SYNAPSE, status="uploaded", attempts=2, seconds=18.1, size=48_213
    ),
    UploadFinished(
        repository="pypi", filename=FABRIC, status="uploaded", attempts=1, seconds=1.94, size=3_000_000
    ),
    StepStarted(step="verify", detail="pypi"),
    VerifyWaiting(repository="pypi", missing=(FABRIC,), seconds=2.0),
    RepositoryFinished(repository="pypi", complete=True, verified=True),
    StepStarted(step="upload", detail="corp"),
    RepositoryStarted(
        repository="corp", url="https://pypi.corp.example/legacy/", files=1, size=48_213, skipped=0
    ),
    UploadStarted(repository="corp", filename=SYNAPSE, size=48_213, attempt=1),
    Found(finding=REFUSED),
    UploadFinished(
        repository="corp", filename=SYNAPSE, status="refused", attempts=1, seconds=0.2, size=48_213
    ),
    RepositoryFinished(repository="corp", complete=False, verified=False),
]
RUN = [*BUILDING, *BEFORE, *HALF_WAY, *AFTERWARDS]


def file(filename: str, status: FileState, *, size: int = 48_213, attempts: int = 1) -> FileReport:
    visible = status in (FileState.UPLOADED, FileState.PRESENT)
    return FileReport(
        filename=filename,
        variant=filename.split("-", maxsplit=1)[0].removeprefix("kindling_"),
        size=size,
        sha256="0123456789abcdef" * 4,
        status=status,
        attempts=attempts,
        seconds=18.123456,
        visibility=FileState.VISIBLE if visible else FileState.UNCHECKED,
    )


def release(project: str, *files: FileReport, index: str) -> ReleaseReport:
    return ReleaseReport(
        project=project,
        version="1.2.0",
        files=files,
        committed=all(each.status.done for each in files),
        page=f"https://{index}/project/{project}/1.2.0/",
        install_command=f"pip install --index-url https://{index}/simple/ {project}==1.2.0",
    )


PYPI = RepositoryReport(
    name="pypi",
    url="https://upload.pypi.org/legacy/",
    kind="legacy",
    releases=(
        release(
            "kindling-synapse",
            file(SYNAPSE, FileState.UPLOADED, attempts=2),
            file(SYNAPSE_SDIST, FileState.PRESENT, attempts=0),
            index="pypi.org",
        ),
        release("kindling-fabric", file(FABRIC, FileState.UPLOADED, size=3_000_000), index="pypi.org"),
    ),
    started=True,
    verified=True,
    seconds=21.4,
)
CORP = RepositoryReport(
    name="corp",
    url="https://pypi.corp.example/legacy/",
    kind="legacy",
    releases=(
        release("kindling-synapse", file(SYNAPSE, FileState.REFUSED), index="pypi.corp.example"),
        release("kindling-fabric", file(FABRIC, FileState.NOT_STARTED), index="pypi.corp.example"),
    ),
    started=True,
    verified=False,
    seconds=0.4,
)
LOCAL = RepositoryReport(
    name="local",
    url="file:///home/me/index",
    kind="directory",
    releases=(release("kindling-synapse", file(SYNAPSE, FileState.NOT_STARTED), index="local"),),
    started=False,
    verified=False,
)
PARTIAL = PublishReport(repositories=(PYPI, CORP, LOCAL), seconds=22.0)
COMPLETE = PublishReport(repositories=(PYPI,), seconds=21.5)


def planned(repository: str, filename: str, action: str, reason: str) -> PlannedFile:
    project = filename.split("-", maxsplit=1)[0].replace("_", "-")
    return PlannedFile(
        repository=repository,
        project=project,
        version="1.2.0",
        filename=filename,
        variant=project.removeprefix("kindling-"),
        size=48_213,
        sha256="0123456789abcdef" * 4,
        action=action,
        reason=reason,
    )


PLAN = PlanReport(
    files=(
        planned("pypi", SYNAPSE, "upload", "opens the release"),
        planned("pypi", SYNAPSE_SDIST, "present", "already uploaded, with the same content"),
        planned("pypi", FABRIC, "upload", "opens the release"),
        planned("corp", SYNAPSE, "upload", "at most 4 files at a time"),
    ),
    findings=(NO_INDEX,),
)


def explained(finding: Finding, why: str) -> ExplainedFinding:
    plain = {each.name: getattr(finding, each.name) for each in fields(Finding)}
    return ExplainedFinding(**plain, why=why)


BUILT = BuildSummary(
    folder="dist",
    files=(
        BuiltFile(
            project="kindling-synapse",
            version="1.2.0",
            variant="synapse",
            filename=SYNAPSE,
            kind="wheel",
            tag="py3-none-any",
            builder="hatchling 1.27.0",
            size=48_213,
            sha256="0123456789abcdef" * 4,
            seconds=0.31,
            reused=0.934,
        ),
        BuiltFile(
            project="kindling",
            version="1.2.0",
            variant=None,
            filename="kindling-1.2.0.tar.gz",
            kind="sdist",
            tag=None,
            builder="hatchling 1.27.0",
            size=1_234_567,
            sha256="0123456789abcdef" * 4,
            seconds=12.3,
        ),
    ),
)
CHECKED = CheckSummary(
    subjects=(
        CheckedSubject(name=SYNAPSE, findings=()),
        CheckedSubject(name=SYNAPSE_SDIST, findings=(REFUSED, NO_INDEX, NO_INDEX)),
    ),
    findings=(NO_INDEX,),
)
DOCTOR = DoctorReport(
    examined=(
        Examined(
            name="project",
            where="/home/me/kindling",
            facts=(
                Fact(label="configured", text="pyproject.toml"),
                Fact(label="variants", text="synapse, fabric"),
                Fact(label="version", text="1.2.0, from git"),
                Fact(label="files", text="4 files, 2.1 MB"),
            ),
            findings=(
                explained(
                    Diagnosis("PA234").found(
                        "the remote origin does not have the tag v1.2.0",
                        where="/home/me/kindling",
                        hint="git push origin v1.2.0",
                    ),
                    "A release whose tag is only here cannot be found in the repository that others see.",
                ),
            ),
            untested=("before-publish, which only publish runs: `make test`",),
        ),
        Examined(
            name="pypi",
            where="https://upload.pypi.org/legacy/",
            facts=(
                Fact(
                    label="credential",
                    text="trusted publishing (GitHub Actions), for upload.pypi.org; a token is minted with the "
                    "first upload",
                ),
                Fact(label="files", text="4 files to upload, 2.1 MB"),
                Fact(label="name", text="kindling-synapse: exists, with 12 file(s)"),
                Fact(label="name", text="kindling-fabric: a new project, created by the first upload"),
                Fact(
                    label="publisher",
                    text="Owner: sep\nRepository name: kindling\nWorkflow name: publish.yml\nEnvironment name: pypi",
                ),
            ),
            untested=("checks that pypi makes only during an upload",),
        ),
        Examined(
            name="corp",
            where="https://pypi.corp.example/legacy/",
            facts=(Fact(label="files", text="4 files to upload, 2.1 MB"),),
            findings=(
                explained(
                    Diagnosis("PA401").found(
                        "corp refuses the user dev with the credential from environment variable "
                        "PUBLISH_ALL_CORP_PASSWORD: 401 Unauthorized\x1b[31m",
                        where="https://pypi.corp.example/legacy/",
                        hint="Check the user name and the password (or token), and whether that user can "
                        "upload here.",
                    ),
                    "The repository does not accept the credential: it is wrong, revoked, or expired.",
                ),
                explained(
                    NO_INDEX,
                    "It is not known where the repository lists its files, so what is there already can't be "
                    "told.",
                ),
            ),
        ),
    ),
    exit_code=3,
    offline=False,
)
READY = DoctorReport(examined=DOCTOR.examined[1:2], exit_code=0, offline=True)
EXPLAINED = Explanation(
    code="PA401",
    slug="credential-refused",
    severity=Severity.ERROR,
    means="`403 Invalid or non-existent authentication information`, or 401.",
    why="The repository does not accept the credential: it is wrong, revoked, or expired.",
    next_step="Make a new token on this very index, and set it in the place that the message names.",
    seen_by="publish and doctor",
    source="PyPI's server, observed (summer 2026)",
    page="docs/reference/errors.md#pa401",
)
LISTED = Listing(
    kind="variants",
    columns=("variant", "project", "files"),
    rows=(("synapse", "kindling-synapse", 12), ("", "kindling", 0)),
)
