"""The packages in an OCI registry as an index source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeAlias

from packaging.utils import NormalizedName

from publish_all._http import Download
from publish_all.credentials.credential_source import Purpose
from publish_all.diagnoses import PART_MISSING, REGISTRY_CREDENTIAL_REFUSED, Diagnosis
from publish_all.findings import Finding
from publish_all.index.cache import Recent
from publish_all.index.index_source import Address, IndexSource, RemoteFile, ServeError, Visitor, troubles_of
from publish_all.repositories.oci import OciRepository
from publish_all.repositories.oci_layout import version_of
from publish_all.repositories.oci_registry import OciPackage, OciRegistry, PackageRelease
from publish_all.repositories.replies import Login, UnauthorizedError, WhoAsks
from publish_all.repositories.simple_pages import ProjectPage

Own: TypeAlias = Callable[[NormalizedName | None], Login | None]
"""The server's own credential for a project (None: for the list of all). Raises `CredentialError`, `HttpError`."""

MOST_FINDINGS = 20
_PROJECTS_KEPT = 512
_MOST_VERSIONS = 5000


def make(repository: OciRepository, *, own: bool) -> OciSource:
    """The packages in a registry, read in the name of each visitor, or with `own` in that of the repository."""
    login = (lambda project: repository.login(project, Purpose.READ)) if own else None
    return OciSource(repository.name, repository.registry, own=login)


class OciSource(IndexSource):
    """The packages at one place of a registry.

    The registry is asked with each visitor's login, or with `own` with the server's.
    """

    def __init__(self, name: str, registry: OciRegistry, *, own: Own | None = None) -> None:
        self.name = name
        self._registry = registry
        self._own = own
        self._known: Recent[tuple[NormalizedName, WhoAsks], Mapping[str, PackageRelease]] = Recent(
            _PROJECTS_KEPT
        )

    @property
    def scope(self) -> str | None:
        return None if self._own is not None else self._registry.place.registry

    def projects(self, visitor: Visitor) -> tuple[NormalizedName, ...]:
        login = self._login(None, visitor)
        with self._troubles(login):
            return self._registry.projects(login)

    def page(self, project: NormalizedName, visitor: Visitor) -> ProjectPage | None:
        """The newest releases, oldest first. Releases that have not changed are not requested again."""
        login = self._login(project, visitor)
        with self._troubles(login):
            package = self._registry.package(project, login=login)
            key = project, login if self._own is None else None
            before = self._known.get(key) or {}
            tags = [*package.versions()]
            releases = package.releases(tags[-_MOST_VERSIONS:], known=before)
        if not releases:
            return None
        self._known.put(key, {each.tag: each for each in releases})
        # A registry has no addresses of files that clients could use.
        files = tuple(replace(file, url="") for release in releases for file in release.files)
        versions = tuple(dict.fromkeys(str(each.version) for each in releases))
        older = max(len(tags) - _MOST_VERSIONS, 0)
        return ProjectPage(
            name=project, files=files, versions=versions, source=releases[-1].source, older=older
        )

    def file(self, address: Address, visitor: Visitor) -> RemoteFile:
        """By its digest, without reading the index: a client has the digest from a page."""
        project, digest = address.project, f"sha256:{address.sha256}"

        @contextmanager
        def package() -> Iterator[OciPackage]:
            login = self._login(project, visitor)
            with self._troubles(login):
                yield self._registry.package(project, login=login)

        @contextmanager
        def open_(byte_range: str | None) -> Iterator[Download]:
            with package() as found, found.blob(digest, byte_range=byte_range) as download:
                yield download

        def check() -> None:
            if self._own is not None:
                return  # in the server's own name all visitors are one
            with package() as found:
                if not found.has_blob(digest):
                    raise ServeError(f"{self.name} has no such file of {project}", status=404)

        place = self._registry.place
        scope = f"{place.registry}/{place.repository(project)}"
        return RemoteFile(scope=scope, sha256=address.sha256, open=open_, check=check)

    def ready(self) -> None:
        with self._troubles(None):
            self._registry.knock()

    def oddities(self, project: NormalizedName) -> tuple[Finding, ...]:
        """Tags that are not versions, and parts of files that the registry lists but no longer has."""
        login = self._login(project, None)
        releases = [*(self._known.get((project, None)) or {}).values()]
        with self._troubles(login):
            package = self._registry.package(project, login=login)
            foreign = [tag for tag in package.tags() if version_of(tag) is None]
            missing = package.missing(releases)
        where = f"{self._registry.url}/{self._registry.place.repository(project)}"
        findings = []
        if foreign:
            shown = ", ".join(foreign[:5]) + (", …" if len(foreign) > 5 else "")
            message = f"{project} in {self.name} has tags that are not versions: {shown}"
            findings.append(Diagnosis("PA624").found(message, where=where))
        messages = [
            f"{file.filename} cannot be installed: {self.name} has not got {', '.join(parts)}."
            for file, parts in missing[:MOST_FINDINGS]
        ]
        if (more := len(missing) - len(messages)) > 0:
            messages.append(
                f"{more} more files of {project} cannot be installed, because parts of them are missing."
            )
        return (*findings, *(PART_MISSING.found(message, where=where) for message in messages))

    def _login(self, project: NormalizedName | None, visitor: Visitor) -> WhoAsks:
        own = self._own
        if own is not None:
            return lambda: own(project)
        if visitor is None:
            return None
        if not visitor.secret.reveal():
            # pip asks its keyring only after a 401, and shows an empty password before.
            msg = f"{self.name}: the password of {visitor.username or 'the user'} is empty"
            raise ServeError(msg, status=401, hint="Give the password or token with the user name.")
        return Login(username=visitor.username, secret=visitor.secret, origin="the request")

    @contextmanager
    def _troubles(self, login: WhoAsks) -> Iterator[None]:
        """What the registry refuses, as an answer of ours."""
        with troubles_of(self.name):
            try:
                yield
            except UnauthorizedError as error:
                # The client is asked for a credential, or for another one.
                wrong = any(each.code == REGISTRY_CREDENTIAL_REFUSED.code for each in error.findings)
                unknown = self._own is None and (login is None or error.status == 401 or wrong)
                status = 401 if unknown else 403
                raise ServeError(f"{self.name}: {error.message}", status=status, hint=error.hint) from error
