"""The packages in an OCI registry as an index source."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias

from packaging.utils import NormalizedName

from publish_all._http import Download
from publish_all._http_errors import HttpError
from publish_all.diagnoses import REGISTRY_CREDENTIAL_REFUSED
from publish_all.errors import CredentialError
from publish_all.index.source import RemoteFile, SourceError, Trouble, Visitor
from publish_all.repositories.oci_registry import OciPackage, OciRegistry, PackageRelease, ReleaseFile
from publish_all.repositories.oci_replies import Login, RefusedError
from publish_all.repositories.simple_pages import IndexFile, ProjectPage

Own: TypeAlias = Callable[[NormalizedName | None], Login | None]
"""The server's own credential for a project (None: for the list of all). Raises `CredentialError`, `HttpError`."""

_PROJECTS_KEPT = 512

_Releases: TypeAlias = Mapping[str, PackageRelease]


class OciSource:
    """The packages at one place of a registry.

    In the name of each visitor, or with `own` in the server's own, whoever visits.
    """

    def __init__(self, name: str, registry: OciRegistry, *, own: Own | None = None) -> None:
        self.name = name
        self._registry = registry
        self._own = own
        self._known: OrderedDict[tuple[NormalizedName, Login | None], _Releases] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def scope(self) -> str | None:
        return None if self._own is not None else self._registry.place.registry

    def projects(self, visitor: Visitor) -> tuple[NormalizedName, ...]:
        login = self._login(None, visitor)
        with self._troubles(login):
            return self._registry.projects(login)

    def page(self, project: NormalizedName, visitor: Visitor) -> ProjectPage | None:
        login = self._login(project, visitor)
        with self._troubles(login):
            releases = self._releases(project, login)
        if not releases:
            return None
        return ProjectPage(
            name=project,
            files=tuple(_listed(each) for release in releases for each in release.files),
            versions=tuple(dict.fromkeys(str(each.version) for each in releases)),
        )

    def file(self, project: NormalizedName, filename: str, sha256: str, visitor: Visitor) -> RemoteFile:
        """By its digest, without a look at what is listed: a client has the digest from a page."""
        del filename
        return self._blob(project, sha256, visitor)

    def metadata(self, project: NormalizedName, filename: str, sha256: str, visitor: Visitor) -> RemoteFile:
        del filename
        return self._blob(project, sha256, visitor)

    def ready(self) -> None:
        with self._troubles(None):
            self._registry.knock()

    def _releases(self, project: NormalizedName, login: Login | None) -> tuple[PackageRelease, ...]:
        """All that is there now, oldest first. What has not changed since the last time is not sent again."""
        key = (project, login)
        package = self._registry.package(project, login=login)
        with self._lock:
            before = self._known.get(key, {})
        found = package.releases(package.versions(), known=before)
        if not found:
            return ()
        with self._lock:
            self._known[key] = {each.tag: each for each in found}
            self._known.move_to_end(key)
            while len(self._known) > _PROJECTS_KEPT:
                self._known.popitem(last=False)
        return found

    def _blob(self, project: NormalizedName, sha256: str, visitor: Visitor) -> RemoteFile:
        @contextmanager
        def package() -> Iterator[OciPackage]:
            login = self._login(project, visitor)
            with self._troubles(login):
                yield self._registry.package(project, login=login)

        @contextmanager
        def open_(byte_range: str | None) -> Iterator[Download]:
            with package() as found, found.blob(f"sha256:{sha256}", byte_range=byte_range) as download:
                yield download

        def check() -> None:
            with package() as found:
                if not found.has_blob(f"sha256:{sha256}"):
                    raise SourceError(f"{self.name} has no such file of {project}", trouble=Trouble.ABSENT)

        place = self._registry.place
        scope = f"{place.registry}/{place.repository(project)}"
        # In the server's own name all visitors are one.
        return RemoteFile(scope=scope, sha256=sha256, open=open_, check=check if self._own is None else _same)

    def _login(self, project: NormalizedName | None, visitor: Visitor) -> Login | None:
        if self._own is not None:
            try:
                return self._own(project)
            except (CredentialError, HttpError) as error:
                msg = f"{self.name}: {error.message}"
                raise SourceError(msg, trouble=Trouble.DOWN, hint=error.hint) from error
        if visitor is None:
            return None
        if not visitor.secret.reveal():
            # pip asks its keyring only after a 401, and shows an empty password before.
            msg = f"{self.name}: the password of {visitor.username or 'the user'} is empty"
            raise SourceError(
                msg, trouble=Trouble.NOBODY, hint="Give the password or token with the user name."
            )
        return Login(username=visitor.username, secret=visitor.secret, origin="the request")

    def _is_unknown(self, login: Login | None, error: RefusedError) -> bool:
        """Whether the client is to be asked for a credential (401), or for another one."""
        if self._own is not None:
            return False
        wrong = any(each.code == REGISTRY_CREDENTIAL_REFUSED.code for each in error.findings)
        return login is None or error.status == 401 or wrong

    @contextmanager
    def _troubles(self, login: Login | None) -> Iterator[None]:
        """What the registry says, as a trouble of ours."""
        try:
            yield
        except RefusedError as error:
            trouble = Trouble.ABSENT if error.status == 404 else Trouble.DOWN
            if error.unauthorized:
                trouble = Trouble.NOBODY if self._is_unknown(login, error) else Trouble.FORBIDDEN
            msg = f"{self.name}: {error.message}"
            raise SourceError(msg, trouble=trouble, hint=error.hint) from error
        except HttpError as error:
            msg = f"{self.name}: {error.message}"
            raise SourceError(msg, trouble=Trouble.DOWN, hint=error.hint) from error


def _listed(file: ReleaseFile) -> IndexFile:
    return IndexFile(
        filename=file.filename,
        url="",
        hashes={"sha256": file.sha256},
        requires_python=file.requires_python,
        core_metadata={"sha256": file.core_metadata} if file.core_metadata else None,
        size=file.size,
        yanked=file.yanked,
        upload_time=file.uploaded,
    )


def _same() -> None:
    """Whoever asks may read what another was given."""
