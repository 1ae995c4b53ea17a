"""Check that PyPI is the intended destination if none is configured.

`publish-to` defaults to `["pypi"]`. If a company has configured its index only for other
tools, its project would become public, and an upload to PyPI cannot be undone.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import NamedTuple

from publish_all.commands.context import Runtime
from publish_all.config.addresses import PYPI_HOSTS, hostname_of, without_user
from publish_all.config.model import ProjectConfig
from publish_all.config.tools import Tool, ToolSettings
from publish_all.errors import UsageError
from publish_all.events import Listener, Note

DEFAULT = "pypi"
_MIRRORS = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")


class _Other(NamedTuple):
    """Another configured destination. `options` select it on our command line."""

    shown: str
    origin: str
    options: str


def check_other_places(config: ProjectConfig | None, runtime: Runtime, *, listener: Listener) -> None:
    """Raise `UsageError` if the project or the environment configures another destination; see `destinations`."""
    tools = runtime.known(config).tools
    others = [*_in_project(tools), *_in_variables(tools)]
    if others:
        places = ", ".join(dict.fromkeys(f"{each.shown} ({each.origin})" for each in others))
        commands = dict.fromkeys((f"-r {DEFAULT}", *(each.options for each in others)))
        lines = "\n".join(f"  publish-all publish {each}" for each in commands)
        msg = f"it is not clear whether to publish to {DEFAULT} (the default) or to {places}"
        hint = f"Run one of these, or set publish-to in [tool.publish-all]:\n{lines}"
        raise UsageError(msg, hint=hint)
    for shown, origin in _sources(tools):
        listener(Note(message=f"{origin} installs from {shown}, but uploads go to {DEFAULT}."))


def _in_project(tools: ToolSettings) -> Iterator[_Other]:
    for each in tools.entries:
        is_target = each.url is not None and not _is_pypi(each.url)
        if not each.of_project or not (is_target or each.replaces_pypi):
            continue
        # A mere source has no address for uploads that anyone has stated.
        name = [f"-r {shlex.quote(each.name)}"] if each.name else []
        url = [] if each.name and each.url else [f"--repository-url {shlex.quote(_shown(each.url or 'URL'))}"]
        shown = each.name or _shown(each.url or each.index_url or "")
        yield _Other(shown, each.origin, " ".join(name + url))


def _in_variables(tools: ToolSettings) -> Iterator[_Other]:
    for tool in Tool:
        for variable in tool.targets:
            stated = tools.variable(variable)
            if stated is not None and not _is_pypi(tools.url_of(tool, stated) or ""):
                option = "--repository-url" if "://" in stated else "-r"
                shown = _shown(stated)
                yield _Other(shown, f"environment {variable}", f"{option} {shlex.quote(shown)}")


def _sources(tools: ToolSettings) -> Iterator[tuple[str, str]]:
    """Additional sources and mirrors for installs, with their origins."""
    for each in tools.entries:
        if each.name and each.url is None and each.is_source and (each.of_project or each.replaces_pypi):
            yield each.name, each.origin
    stated = [(tools.variable(variable), f"environment {variable}") for variable in _MIRRORS]
    for value, origin in (*stated, tools.pip.get("index-url", (None, ""))):
        if value is not None and not _is_pypi(value):
            yield _shown(value), origin


def _shown(stated: str) -> str:
    return without_user(stated) if "://" in stated else stated


def _is_pypi(url: str) -> bool:
    return hostname_of(url) in PYPI_HOSTS
