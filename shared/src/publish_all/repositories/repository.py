"""The interface of repositories. Every kind answers it; nothing else in the engine knows a kind."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar
from urllib.parse import quote

from packaging.utils import NormalizedName
from packaging.version import Version

from publish_all.config.kinds import Kind
from publish_all.config.model import RepositoryConfig
from publish_all.diagnoses import UPLOAD_FAILED, findings_of
from publish_all.distributions.distribution import Distribution, Release
from publish_all.errors import ConfigurationError, CredentialError, PublishAllError
from publish_all.events import Listener, ignore
from publish_all.findings import Finding
from publish_all.results import FileState

if TYPE_CHECKING:  # a folder needs none of them
    from publish_all._http import Session
    from publish_all.attestations.attestation import Signer
    from publish_all.credentials.credential_source import Credentials
    from publish_all.repositories.oci_layout import ReceiptFile

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What a repository bears and can do.

    `opens_alone`: the first file of a release must be uploaded by itself (PyPI answers 500 to a race);
    `creates_alone`: the first file of a project while nothing else is (PyPI's database deadlocks, and answers 500);
    `parallel_per_release`, `parallel`: how many uploads at most, per release and in all;
    `final_on_upload`: each upload is final, `commit` does nothing; `public`: anyone can read files that are
    uploaded, so private projects are kept out; `visible_together`: readers see no file before all files of the run are
    uploaded, so no upload can wait for another one to be listed.
    """

    opens_alone: bool
    parallel_per_release: int
    parallel: int
    final_on_upload: bool
    public: bool = False
    creates_alone: bool = False
    visible_together: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadOutcome:
    """The value of one attempt. FAILED: nothing was stored, try again; UNCLEAR: the body was sent and no answer came.

    `retry_after` is in seconds, when the server asked for a wait; `url` is a page for people;
    `findings` explain anything but success. `crash` is what an answer 500 says: if it says the same each time, then the
    file is its cause.
    """

    status: FileState
    findings: tuple[Finding, ...] = ()
    crash: str = ""
    retry_after: float | None = None
    url: str | None = None

    @classmethod
    def failed(cls, error: PublishAllError) -> UploadOutcome:
        """An error as the value of an attempt in which nothing was stored."""
        status = FileState.FAILED if error.retryable else FileState.REFUSED
        if isinstance(error, CredentialError):
            status = FileState.UNAUTHORIZED
        findings = findings_of(error, UPLOAD_FAILED)
        return cls(status=status, findings=findings, retry_after=error.retry_after)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleaseOutcome:
    """The value of `commit`: whether all uploaded files of the release are now to be seen by readers."""

    complete: bool
    findings: tuple[Finding, ...] = ()
    retryable: bool = False

    @classmethod
    def failed(cls, error: PublishAllError) -> ReleaseOutcome:
        """An error as the value of `commit`."""
        findings = findings_of(error, UPLOAD_FAILED)
        return cls(complete=False, findings=findings, retryable=error.retryable)


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """One look at the index: how it lists each file of a release, by filename. Files that it does not list may be left out.

    `possible` False: there is no index to ask. `final`: missing files will not be listed later, as `findings` explain.
    `new_project`: it is sure that it has no such project. `findings` are about the project and the release, or say
    why nothing is known.
    """

    states: Mapping[str, FileState] = field(default_factory=dict)
    possible: bool = True
    new_project: bool = False
    final: bool = False
    findings: tuple[Finding, ...] = ()


class Removal(NamedTuple):
    """One step of a deletion: the deleted things, in words for people.

    `remove` raises `RepositoryError` and `CredentialError`; missing things are not an error. With `needed` False a
    refusal does no harm: the parts are no longer visible, and the server removes them when it cleans up.
    """

    parts: tuple[str, ...]
    remove: Callable[[], object]
    needed: bool = True


Progress = Callable[[int], None]
"""Called with the number of the file's bytes sent so far in this attempt, often enough to end it by raising."""


def no_progress(sent: int) -> None:
    del sent


class Repository(Protocol):
    """One destination. Methods may be called from several threads at once."""

    @property
    def name(self) -> str:
        """As configured: `pypi`, `corp`."""

    @property
    def url(self) -> str:
        """Where uploads go; with `name` the key of the journal."""

    @property
    def kind(self) -> Kind: ...

    @property
    def capabilities(self) -> Capabilities: ...

    def preflight(self, releases: tuple[Release, ...], *, brief: bool = False) -> tuple[Finding, ...]:
        """Is it reachable, does it speak the protocol, is there a plausible credential for each release?

        Nothing is uploaded and no token is minted. With `brief`, it may leave to the first
        upload what that finds out as well, and what `states` would notice.
        """

    def states(self, release: Release) -> Look:
        """What there is before uploads, with the state of each of the release's files. Raises `RepositoryError` when the index fails."""

    def expect(self, projects: Mapping[NormalizedName, bool]) -> tuple[Finding, ...]:
        """Receive the projects that are about to be uploaded, each with whether it is new; return problems."""

    def upload(self, distribution: Distribution, *, progress: Progress = no_progress) -> UploadOutcome:
        """One attempt. Never raises for what the server or the network does: that is the outcome."""

    def commit(self, release: Release) -> ReleaseOutcome:
        """Make the uploaded files of a release visible; idempotent; a no-op where uploads are final."""

    def verify(self, release: Release) -> Look:
        """One look at what the index lists for this release; no waiting, never raises for the network."""

    def fetch(self, project: NormalizedName, version: Version, folder: Path) -> tuple[Path, ...]:
        """Copy all files of a release from the index into `folder`, each checked against the hash listed there.

        Raises `RepositoryError` where the release is not there, a file has no hash, or has other bytes.
        """

    def yank(self, project: NormalizedName, version: Version, reason: str | None) -> tuple[str, ...]:
        """Yank a release (PEP 592), with the files that are added to it later. None undoes it. The names of its files.

        Raises `RepositoryError` where it is not there, `CredentialError`, and `UsageError` for a kind that can't.
        """

    def deletion(self, project: NormalizedName, version: Version) -> tuple[Removal, ...]:
        """The steps that delete a release, in an order that the server accepts. Nothing is deleted yet. Raises as `yank`."""

    def page(self, release: Release) -> str | None:
        """A page that shows the release to people, if there is one."""

    def install_command(self, release: Release, together: Collection[NormalizedName]) -> str | None:
        """The exact command which installs the release from here, on a machine that has neither the project nor us.

        `together` are the names of all projects that are published with it.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class Means:
    """What a repository is made with besides its configuration.

    `signer` makes attestations where they are wanted; `listener` is told where they can't be made after
    all. `receipt` is where a registry writes down what it was given, instead of listing it. `tag_prefix`
    is the prefix of the version in the project's tags. `private`: the project must not go to repositories that anyone
    can read.
    """

    credentials: Credentials
    session: Session
    receipt: ReceiptFile | None = None
    signer: Signer | None = None
    listener: Listener = ignore
    tag_prefix: str = "v"
    private: bool = False


def make_repository(config: RepositoryConfig, means: Means | None) -> Repository:
    """The repository that a configuration describes, by `make` in the module of its kind. Raises `ConfigurationError`.

    `means` may be None for a kind that is local.
    """
    module = import_module(f"publish_all.repositories.{config.kind.name.replace('-', '_')}")
    make: Callable[[RepositoryConfig, Means | None], Repository] = module.make
    return make(config, means)


def filled_url(config: RepositoryConfig) -> str:
    """The URL with `{owner}` and `{repository}` filled in. Raises `ConfigurationError`."""
    key_path = f"tool.publish-all.repositories.{config.name}"
    if config.url is None:
        raise ConfigurationError(f"{key_path}.url is missing.", hint="Set it to the upload URL.")
    values = {"repository": (config.link or "").rpartition("/")[2], "owner": config.owner}
    address = config.url.replace("{owner}", "OWNER").replace("{repository}", "REPOSITORY")
    hints = {
        "owner": f'Pass it: `-r {config.name}:OWNER`. Or set `owner = "…"` in [{key_path}]; or set GITHUB_REPOSITORY_OWNER, as GitHub Actions does; or add '
        "the git remote `origin` of a repository on GitHub.",
        "repository": f'Pass it: `-r {config.name} --repository-url {address}`. Or set `link = "OWNER/REPOSITORY"` in [{key_path}].',
    }
    url = config.url
    for key, value in values.items():
        if f"{{{key}}}" in url and not value:
            msg = f"{key_path}.url: the {key} for {config.name} is unknown: {config.url} contains {{{key}}}."
            raise ConfigurationError(msg, hint=hints[key])
        url = url.replace(f"{{{key}}}", quote(value or "", safe=""))
    return url


def in_parallel(function: Callable[[T], R], values: Sequence[T], *, threads: int = 8) -> list[R]:
    """The function's value for each of these, asked for side by side."""
    if not values:
        return []
    with ThreadPoolExecutor(max_workers=min(threads, len(values))) as pool:
        return list(pool.map(function, values))
