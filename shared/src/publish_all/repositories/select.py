"""Which kind of repository a configuration asks for, and what repositories of that kind can do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from publish_all._http import Session
from publish_all.attestations.signer import Signer
from publish_all.config.addresses import host_of
from publish_all.config.model import RepositoryConfig, RepositoryKind
from publish_all.credentials.source import Credentials
from publish_all.errors import ConfigurationError
from publish_all.events import Listener, ignore
from publish_all.repositories.repository import Capabilities, Repository

if TYPE_CHECKING:  # each kind is imported when a repository of that kind is made: most runs need one
    from publish_all.repositories.oci_receipt import ReceiptFile

PUBLIC = frozenset({"pypi", "testpypi"})
"""The built-in repositories that anyone can read. Their names can't be given to others."""
_PUBLIC_HOSTS = frozenset({"upload.pypi.org", "test.pypi.org"})


def make_repository(
    config: RepositoryConfig,
    *,
    credentials: Credentials,
    session: Session,
    data_dir: Path | None = None,
    receipt: ReceiptFile | None = None,
    signer: Signer | None = None,
    listener: Listener = ignore,
) -> Repository:
    """The repository that a configuration describes.

    `signer` makes attestations where they are wanted; `listener` is told where they can't be made after
    all. `data_dir` is the user's data folder, for a directory without a `url`; `receipt` is where an OCI
    repository writes down what it was given, instead of listing it. Raises `ConfigurationError`.
    """
    capabilities = capabilities_of(config)
    match config.kind:
        case RepositoryKind.LEGACY:
            from publish_all.attestations.attester import Attester
            from publish_all.repositories.legacy import LegacyRepository

            attester = Attester(
                repository=config.name,
                when=config.attestations,
                public=capabilities.public,
                signer=signer,
                listener=listener,
            )
            return LegacyRepository(
                config,
                capabilities=capabilities,
                credentials=credentials,
                session=session,
                attester=attester,
            )
        case RepositoryKind.DIRECTORY:
            from publish_all.repositories.directory import DirectoryRepository

            return DirectoryRepository(config, root=_folder(config, data_dir), capabilities=capabilities)
        case RepositoryKind.OCI:
            from publish_all.repositories.oci import OciRepository

            return OciRepository(
                config,
                capabilities=capabilities,
                credentials=credentials,
                session=session,
                receipt=receipt,
            )


def capabilities_of(config: RepositoryConfig) -> Capabilities:
    """What a repository of this configuration bears.

    Of legacy repositories all are treated as PyPI wants it, which was measured: several uploads that open
    a release at once fail, and so do more than four at a time to one release.
    """
    match config.kind:
        case RepositoryKind.LEGACY:
            # A file of the user's may call them otherwise: PyPI has a token for each project, `.pypirc` a section.
            public = config.name in PUBLIC or host_of(config.url or "") in _PUBLIC_HOSTS
            return Capabilities(
                opens_alone=True,
                parallel_per_release=4,
                parallel=16,
                lists=True,
                final_on_upload=True,
                local_versions=not public,
                public=public,
            )
        case RepositoryKind.DIRECTORY:
            return Capabilities(
                opens_alone=False,
                parallel_per_release=4,
                parallel=8,
                lists=True,
                final_on_upload=False,
                local_versions=True,
                public=False,
            )
        case RepositoryKind.OCI:
            return Capabilities(
                opens_alone=False,
                parallel_per_release=8,
                parallel=16,
                lists=True,
                final_on_upload=False,
                local_versions=True,
                public=False,
            )


def _folder(config: RepositoryConfig, data_dir: Path | None) -> Path:
    if config.url is None and data_dir is not None:
        return data_dir / "index"
    if not config.url:
        raise ConfigurationError(
            f"tool.publish-all.repositories.{config.name}.url is not stated.",
            hint="State the folder of the index.",
        )
    parts = urlsplit(config.url)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path)).absolute()
    if "://" in config.url:
        raise ConfigurationError(
            f"tool.publish-all.repositories.{config.name}.url is {config.url}, and must be a folder.",
            hint='State a path or a file:// URL, or another `kind`, such as "legacy".',
        )
    return Path(config.url).expanduser().absolute()
