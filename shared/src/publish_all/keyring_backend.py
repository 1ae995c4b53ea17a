"""A keyring backend that gives our credentials to twine, uv, pip, Poetry and Hatch.

They ask a keyring about many services. Those that no configuration mentions are answered from the raw text of a few
small files, before anything is parsed or imported.

It exists only with `PUBLISH_ALL_KEYRING=1`. Without it, it must not exist for `keyring`: on a machine
without any other backend it would become the keyring, and tools would try to store secrets in it.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from keyring.backend import KeyringBackend
from keyring.compat import properties
from keyring.credentials import SimpleCredential
from keyring.errors import PasswordDeleteError, PasswordSetError

if TYPE_CHECKING:
    from packaging.utils import NormalizedName

    from publish_all.config.folders import Folders
    from publish_all.config.model import RepositoryConfig
    from publish_all.credentials.credential_source import CredentialRequest, Credentials

SWITCH = "PUBLISH_ALL_KEYRING"

_log = logging.getLogger("publish_all.keyring")

# The thread in which our own chain asks the other keyrings: a request from there would be a circle.
_OUR_THREAD = "publish-all keyring"

_BUILT_IN = frozenset({"upload.pypi.org", "test.pypi.org"})
_URLS = ("PUBLISH_ALL_REPOSITORIES_", "POETRY_REPOSITORIES_")


class NothingStoredError(PasswordSetError, PasswordDeleteError, NotImplementedError):
    """Nothing is stored here. A chain of backends continues with its next one after a `NotImplementedError`."""

    def __init__(self) -> None:
        super().__init__(f"the keyring of publish-all is read-only; unset {SWITCH} to use another keyring")


class Known(NamedTuple):
    """The repositories of the present folder, the chain that finds their credentials, and the project there."""

    repositories: Iterable[RepositoryConfig]
    credentials: Credentials
    project: NormalizedName | None


class PublishAllKeyring(KeyringBackend):
    """Answers for the URLs of configured repositories. For other services, and after an error (which is logged), None.

    `load` reads the configuration of a folder, once for each.
    """

    def __init__(self, load: Callable[[Path], Known] | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring does not annotate it
        self._load = load or _load
        self._known: dict[Path, Known | None] = {}
        self._lock = threading.Lock()

    @properties.classproperty
    def priority(cls) -> float:  # noqa: N805 - a property of the class
        """Above the systems' keyrings, which we ask ourselves; below the chain, which stores in them.

        Raises `RuntimeError` unless the user has switched it on.
        """
        if os.environ.get(SWITCH) != "1":
            msg = f"{SWITCH} is not 1"
            raise RuntimeError(msg)
        return 9

    def get_password(self, service: str, username: str) -> str | None:
        found = self.get_credential(service, username)
        return found.password if found is not None else None

    def get_credential(self, service: str, username: str | None) -> SimpleCredential | None:
        host, directory = _host_in(service), Path.cwd()
        if (
            not host
            or threading.current_thread().name == _OUR_THREAD
            or not self.is_mentioned(host, directory)
        ):
            return None
        try:
            known = self._at(directory)
            request = _request_for(service, username, known) if known is not None else None
            found = known.credentials.get(request) if known is not None and request is not None else None
        except Exception as error:  # noqa: BLE001 - a keyring that raises breaks the tool that asks
            _log.warning("publish-all gives no credential for %s: %s", host, error)
            return None
        if found is None or username not in {None, found.username}:
            return None
        return SimpleCredential("".join(found.username), found.secret.reveal())

    def set_password(self, service: str, username: str, password: str) -> None:
        del service, username, password
        raise NothingStoredError

    def delete_password(self, service: str, username: str) -> None:
        del service, username
        raise NothingStoredError

    @cached_property
    def _folders(self) -> Folders:
        from publish_all.config.folders import home_folder, usual_folders

        return usual_folders(environment=os.environ, home=home_folder())

    def is_mentioned(self, host: str, directory: Path) -> bool:
        """Whether any configuration holds the name of the host at all."""
        names = [each for each in os.environ if each.startswith(_URLS) and each.endswith("_URL")]
        if host in _BUILT_IN or any(host in os.environ[each] for each in names):
            return True
        hosts = self._folders.hosts
        own = (self._folders.config, hosts.poetry, hosts.hatch, hosts.uv, hosts.pdm, hosts.pypirc)
        projects = (folder / "pyproject.toml" for folder in (directory, *directory.parents))
        return any(host.encode() in _content(path) for path in (*own, *projects))

    def _at(self, directory: Path) -> Known | None:
        with self._lock:
            if directory not in self._known:
                self._known[directory] = None  # if it cannot be read, this is reported once
                self._known[directory] = self._load(directory)
            return self._known[directory]


def _load(directory: Path) -> Known:
    from packaging.utils import canonicalize_name

    from publish_all.commands.context import Runtime, project_of_files
    from publish_all.commands.destinations import Connection, ConnectionOptions
    from publish_all.version.static import project_name

    runtime = Runtime(listener=lambda event: _log.debug("%s", event))
    config = project_of_files(directory, optional=True)
    known = runtime.known(config)
    opened = Connection(chosen=(), known=known, options=ConnectionOptions(runtime=runtime), config=config)
    name = project_name(config.pyproject) if config is not None else None
    project = canonicalize_name(name) if name else None
    return Known([known.get(name) for name in known.names], opened.credentials, project)


def _request_for(service: str, username: str | None, known: Known) -> CredentialRequest | None:
    """The request to the chain, for the repository of the service; None if the service belongs to none.

    A bare host is for reading, so that nothing is minted for it.
    """
    from publish_all.config.addresses import host_of, same_url
    from publish_all.credentials.credential_source import CredentialRequest, Purpose

    for config in known.repositories:
        if not config.kind.standard_api or config.url is None:
            continue
        index = config.index_url or config.url
        if "://" in service and same_url(service, config.url):
            url, purpose = config.url, Purpose.UPLOAD
        elif same_url(service, index) if "://" in service else host_of(service) == host_of(index):
            url, purpose = index, Purpose.READ
        else:
            continue
        return CredentialRequest(
            config=config,
            url=url,
            project=known.project,
            purpose=purpose,
            username=None if username == "__token__" else username,
        )
    return None


def _host_in(service: str) -> str:
    """The host without port in a service's name; empty where it cannot be one."""
    try:
        host = urlsplit(service if "://" in service else f"//{service}").hostname or ""
    except ValueError:
        return ""
    return host if "." in host or ":" in host or host == "localhost" else ""


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
