"""The files of a publish: the given ones, new builds, those in a manifest, or those with matching names.

Other files in the output folder are never used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from publish_all.commands.context import Runtime
from publish_all.commands.destinations import ConnectionOptions
from publish_all.config.model import ProjectConfig
from publish_all.diagnoses import findings_of
from publish_all.distributions.distribution import ATTESTATION_SUFFIX, Distribution, DistributionError
from publish_all.distributions.read import read_distribution
from publish_all.errors import UsageError
from publish_all.events import Listener
from publish_all.upload.workers import Cancellation

if TYPE_CHECKING:  # files that are named are of no build variant
    from publish_all.variants.variant import BuildVariant

# Files of older versions, which had no state folder.
_OLD_NAMES = frozenset({"publish-all.json", "publish-all.lock", "publish-all.journal.jsonl"})
_NAME_FILES = "Add wheels and sdists, or run the command without files to build the project."


def _never() -> AbstractContextManager[Cancellation]:
    return nullcontext(Cancellation())


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishOptions:
    """The options of `publish`, `doctor` and `check`.

    `files` are published as they are, instead of the project; `variants` names some of the build
    variants, `itself` asks for the project and none of them; `build` False uses the files of the last build, or
    those in the file `manifest`; with
    `allow_missing`, platform wheels whose files are not there are left out; `fresh` forgets an unfinished run; `output`
    is the folder of built files instead of `dist-dir`. With `source`, the files of `releases`
    (`NAME==VERSION`) in this repository are published. `rehearse` publishes to the test index first, and continues
    only if the files there can be installed and imported. `receipt` is a file that records the files pushed to OCI
    repositories, which `finalize` lists later. `offline` uses no repository and no git remote (for `doctor`).
    `members` asks for the members of the workspace of these names, empty for all of them.
    `verify_timeout` is in seconds, None for the default. `cancelling` is entered around preflight and
    uploads, and can end them early.
    """

    directory: Path
    files: tuple[Path, ...] = ()
    variants: tuple[str, ...] = ()
    itself: bool = False
    members: tuple[str, ...] | None = None
    dry_run: bool = False
    offline: bool = False
    skip_existing: bool = False
    build: bool = True
    manifest: Path | None = None
    allow_missing: bool = False
    allow_dirty: bool = False
    fresh: bool = False
    source: str | None = None
    releases: tuple[str, ...] = ()
    rehearse: bool = False
    receipt: Path | None = None
    output: Path | None = None
    jobs: int | None = None
    verify: bool = True
    verify_timeout: float | None = None
    connection: ConnectionOptions = field(default_factory=ConnectionOptions)
    cancelling: Callable[[], AbstractContextManager[Cancellation]] = _never

    @property
    def runtime(self) -> Runtime:
        return self.connection.runtime

    def heard_by(self, listener: Listener) -> PublishOptions:
        """The options with another listener."""
        runtime = replace(self.runtime, listener=listener)
        return replace(self, connection=replace(self.connection, runtime=runtime))


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundFiles:
    """The files of a project to publish, and the build variants that they come from (none for files that were named).

    `config` is None outside of a project, `member` is of a workspace. `built`: publish-all has built them, so every problem is an error.
    """

    config: ProjectConfig | None = None
    member: str | None = None
    distributions: tuple[Distribution, ...]
    variants: tuple[BuildVariant, ...] = ()
    built: bool = False


def named_files(paths: Sequence[Path], runtime: Runtime) -> FoundFiles:
    """The files that were named. Raises `UsageError` for one that does not exist, `DistributionError` for
    files that are not distributions.

    Attestations, which `dist/*` names too, go along with the files that they are for. What an older
    publish-all kept in `dist` is left out, with a note.
    """
    files: list[Distribution] = []
    broken: list[DistributionError] = []
    for path in paths:
        if not path.is_file():
            raise UsageError(f"no file {path} found", hint=_NAME_FILES)
        if path.name in _OLD_NAMES:
            runtime.note(f"{path} was written by an older publish-all and is ignored. You can delete it")
        elif path.suffix != ATTESTATION_SUFFIX:
            try:
                files.append(read_distribution(path))
            except DistributionError as error:
                broken.append(error)
    if len(broken) == 1:
        raise broken[0]
    if broken:
        msg = f"{len(broken)} of {len(paths)} files are not valid wheels or sdists"
        raise DistributionError(msg, findings=[finding for each in broken for finding in findings_of(each)])
    if paths and not files:
        names = ", ".join(path.name for path in paths)
        raise UsageError(f"{names}: not a wheel or sdist", hint=_NAME_FILES)
    return FoundFiles(distributions=tuple(files))
