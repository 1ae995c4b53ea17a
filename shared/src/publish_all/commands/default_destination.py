"""Whether PyPI is meant where nothing says where to publish to.

`publish-to` defaults to `["pypi"]`. A project of a company that has configured its index for other tools
only would go to the public then, and an upload to PyPI cannot be taken back.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from publish_all._values import dataclass
from publish_all.commands.context import Surroundings
from publish_all.config.hosts import HostRepositories, HostRepository, unnamed_uv
from publish_all.config.known import known_repositories
from publish_all.config.model import ProjectConfig
from publish_all.config.pip import pip_setting
from publish_all.credentials.address import PYPI_HOSTS, hostname_of, without_user
from publish_all.credentials.select import tool_variables
from publish_all.errors import UsageError
from publish_all.events import Listener, Note

DEFAULT = "pypi"
_MIRRORS = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Other:
    """Another place that is named: `options` are what names it on our command line."""

    shown: str
    origin: str
    options: str


def check_other_places(config: ProjectConfig | None, around: Surroundings, *, listener: Listener) -> None:
    """As `ensure_default_is_meant` of destinations, where nothing says where to publish to."""
    environment, folders = around.environment, around.places()
    known = known_repositories(config, environment=environment, home=around.home, folders=folders)
    repositories = {name: known.get(name) for name in known.names}
    variables = tool_variables(environment, repositories, folders)
    others = [
        *_in_project(config, known.hosts),
        *(
            _Other(shown=_shown(value), origin=f"environment {variable}", options=_options(value))
            for variable, value, url in variables.stated_targets()
            if url is None or not _is_pypi(url)
        ),
    ]
    if others:
        raise _which(others)
    for shown, origin in _sources(known.hosts, environment):
        listener(Note(message=f"{origin} installs from {shown}; uploads go to {DEFAULT}."))
    pip = pip_setting("index-url", environment=environment, files=folders.hosts.pip)
    if pip is not None and not _is_pypi(pip[0]):
        listener(Note(message=f"{pip[1]} installs from {_shown(pip[0])}; uploads go to {DEFAULT}."))


def _in_project(config: ProjectConfig | None, hosts: HostRepositories) -> Iterator[_Other]:
    for each in hosts.repositories:
        is_target = each.url is not None and not _is_pypi(each.url)
        if each.of_project and (is_target or each.replaces_pypi):
            yield _Other(shown=each.name, origin=each.origin, options=_options_for(each))
    if config is not None:
        for origin, url, is_target in unnamed_uv(config):
            if not _is_pypi(url):
                options = _options(url) if is_target else "--repository-url URL"
                yield _Other(shown=_shown(url), origin=origin, options=options)


def _sources(hosts: HostRepositories, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Sources beside PyPI, and mirrors of this machine: what is installed from, and who says so."""
    for each in hosts.repositories:
        if each.url is None and (each.of_project or each.replaces_pypi):
            yield each.name, each.origin
    for variable in _MIRRORS:
        value = environment.get(variable, "")
        if value and not _is_pypi(value):
            yield _shown(value), f"environment {variable}"


def _which(others: list[_Other]) -> UsageError:
    places = ", ".join(dict.fromkeys(f"{each.shown} ({each.origin})" for each in others))
    commands = dict.fromkeys((f"-r {DEFAULT}", *(each.options for each in others)))
    lines = "\n".join(f"  publish-all publish {each}" for each in commands)
    msg = f"nothing says whether to publish to {DEFAULT}, which is the default here, or to {places}"
    return UsageError(msg, hint=f"Run one of these, or state publish-to in [tool.publish-all]:\n{lines}")


def _options_for(each: HostRepository) -> str:
    name = shlex.quote(each.name)
    # A mere source has no address for uploads that anyone has stated.
    return f"-r {name}" if each.url is not None else f"-r {name} --repository-url URL"


def _options(stated: str) -> str:
    return (
        f"--repository-url {shlex.quote(_shown(stated))}" if "://" in stated else f"-r {shlex.quote(stated)}"
    )


def _shown(stated: str) -> str:
    return without_user(stated) if "://" in stated else stated


def _is_pypi(url: str) -> bool:
    return hostname_of(url) in PYPI_HOSTS
