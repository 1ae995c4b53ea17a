"""What our keyring backend answers: the credential of a configured repository, by its URL.

Other tools ask a keyring about many services. Those that no configuration mentions are answered from
the raw text of a few small files, before anything is parsed or imported.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from publish_all._values import dataclass

if TYPE_CHECKING:
    from publish_all.config.folders import Folders
    from publish_all.config.model import RepositoryConfig
    from publish_all.credentials.source import Credential, CredentialRequest, Credentials, Purpose

_log = logging.getLogger("publish_all.keyring")

# The thread in which our own chain asks the other keyrings: a question from there comes back from us.
_OUR_THREAD = "publish-all keyring"

_BUILT_IN = frozenset({"upload.pypi.org", "test.pypi.org"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """The repositories of the present folder, and the chain that finds their credentials.

    `project` is the normalised name of the project there, None where there is none.
    """

    repositories: Mapping[str, RepositoryConfig]
    credentials: Credentials
    project: str | None


Load = Callable[[Path], Known]


class KeyringAnswers:
    """Answers one process's questions. `load` reads the configuration of a folder, once for each."""

    def __init__(
        self,
        *,
        environment: Mapping[str, str] | None = None,
        folders: Folders | None = None,
        directory: Callable[[], Path] = Path.cwd,
        load: Load | None = None,
    ) -> None:
        self._environment = os.environ if environment is None else environment
        self._files = _configuration_files(self._environment, folders)
        self._directory = directory
        self._load = load or self._loaded
        self._folders = folders
        self._known: dict[Path, Known | None] = {}
        self._lock = threading.Lock()

    def find(self, service: str, username: str | None) -> Credential | None:
        """The credential for a service, None for what is not ours and for whatever goes wrong (which is logged)."""
        host = _host_in(service)
        if not host or threading.current_thread().name == _OUR_THREAD:
            return None
        directory = self._directory()
        if not self._is_mentioned(host, directory):
            return None
        known = self._at(directory)
        request = _request_for(service, username, known) if known is not None else None
        if known is None or request is None:
            return None
        return _answer(known.credentials, request, username)

    def _is_mentioned(self, host: str, directory: Path) -> bool:
        """Whether any configuration holds the name of the host at all."""
        if host in _BUILT_IN or any(host in value for value in self._stated_urls()):
            return True
        sought = host.encode()
        projects = (folder / "pyproject.toml" for folder in (directory, *directory.parents))
        return any(sought in _text(path) for path in (*self._files, *projects))

    def _stated_urls(self) -> Iterator[str]:
        return (
            value
            for name, value in self._environment.items()
            if name.endswith("_URL")
            and name.startswith(("PUBLISH_ALL_REPOSITORIES_", "POETRY_REPOSITORIES_"))
        )

    def _at(self, directory: Path) -> Known | None:
        with self._lock:
            if directory not in self._known:
                try:
                    self._known[directory] = self._load(directory)
                except Exception as error:  # noqa: BLE001 - a keyring that raises breaks the tool that asks
                    _log.warning("publish-all cannot answer as a keyring: %s", error)
                    self._known[directory] = None
            return self._known[directory]

    def _loaded(self, directory: Path) -> Known:
        from publish_all._http import HttpOptions, make_session
        from publish_all.config.folders import home_folder
        from publish_all.config.known import known_repositories
        from publish_all.config.load import load_project, search_pyproject
        from publish_all.credentials.select import default_chain

        config = load_project(directory) if search_pyproject(directory) is not None else None
        home = home_folder()
        known = known_repositories(config, environment=self._environment, home=home, folders=self._folders)
        repositories = {name: known.get(name) for name in known.names}
        credentials = default_chain(
            environment=self._environment,
            repositories=repositories,
            session=make_session(HttpOptions()),
            home=home,
            project=config,
            folders=self._folders,
            listener=lambda event: _log.debug("%s", event),
        )
        return Known(
            repositories=repositories,
            credentials=credentials,
            project=_project_name(config.pyproject) if config is not None else None,
        )


def _answer(credentials: Credentials, request: CredentialRequest, username: str | None) -> Credential | None:
    from publish_all.errors import PublishAllError

    try:
        found = credentials.get(request)
    except PublishAllError as error:
        _log.warning("publish-all gives no credential for %s: %s", request.repository, error.message)
        return None
    return found if found is not None and username in {None, found.username} else None


def _request_for(service: str, username: str | None, known: Known) -> CredentialRequest | None:
    """What to ask the chain, for the repository that the service is a place of; None when it is none's."""
    from packaging.utils import canonicalize_name

    from publish_all.credentials.source import CredentialRequest

    for config in known.repositories.values():
        place = _place(service, config)
        if place is None:
            continue
        url, purpose = place
        stated = None if username == "__token__" else username
        return CredentialRequest(
            repository=config.name,
            url=url,
            project=canonicalize_name(known.project) if known.project else None,
            purpose=purpose,
            username=stated or config.username,
        )
    return None


def _place(service: str, config: RepositoryConfig) -> tuple[str, Purpose] | None:
    """The URL that a service means, and for what: a bare host is for reading, so that nothing is minted for it."""
    from publish_all.credentials.address import host_of, same_url
    from publish_all.credentials.source import Purpose

    if not config.kind.standard_api or config.url is None:
        return None
    if "://" in service and same_url(service, config.url):
        return config.url, Purpose.UPLOAD
    index = config.index_url or config.url
    is_index = same_url(service, index) if "://" in service else host_of(service) == host_of(index)
    return (index, Purpose.READ) if is_index else None


def _host_in(service: str) -> str:
    """The host without port in a service's name; empty where it cannot be one."""
    try:
        host = urlsplit(service if "://" in service else f"//{service}").hostname or ""
    except ValueError:
        return ""
    return host if "." in host or ":" in host or host == "localhost" else ""


def _configuration_files(environment: Mapping[str, str], folders: Folders | None) -> tuple[Path, ...]:
    from publish_all.config.folders import home_folder, usual_folders

    places = folders or usual_folders(environment=environment, home=home_folder())
    hosts = places.hosts
    return (places.config, hosts.poetry, hosts.hatch, hosts.uv, hosts.pdm, hosts.pypirc)


def _text(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _project_name(pyproject: Mapping[str, object]) -> str | None:
    """The name in `[project]`, else in `[tool.poetry]`."""
    tool = pyproject.get("tool")
    poetry = tool.get("poetry") if isinstance(tool, Mapping) else None
    for table in (pyproject.get("project"), poetry):
        name = table.get("name") if isinstance(table, Mapping) else None
        if isinstance(name, str) and name:
            return name
    return None
