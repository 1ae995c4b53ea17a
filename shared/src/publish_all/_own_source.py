"""The source of this installation of publish-all, so that written files and hints install it from there, too."""

from __future__ import annotations

import re
from collections.abc import Callable

NAME = "publish-all"
# Without characters that a shell expands in double quotes.
_REMOTE = re.compile(r"([a-z]+\+)?(https|ssh)://[\w@:/.~%+#=-]+", re.ASCII)


def direct_url(name: str = NAME) -> str | None:
    """The record of pip or uv about an install from git or from an archive on the web (PEP 610)."""
    import importlib.metadata  # slow to import, and only few commands need it

    try:
        return importlib.metadata.distribution(name).read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        return None


def own_requirement(*extras: str, recorded: Callable[[], str | None] = direct_url) -> str:
    """The requirement that installs publish-all with these extras on any machine: a name, or the URL of this installation."""
    name = f"{NAME}[{','.join(extras)}]" if extras else NAME
    url = own_url(recorded=recorded, elsewhere=True)
    return f"{name} @ {url}" if url else name


def install_hint(*extras: str) -> str:
    """How to add these extras to this installation, for each way in which it can be installed."""
    wanted = own_requirement(*extras)
    return f'Install it: `pip install "{wanted}"`, for Poetry `poetry self add "{wanted}"`; or run `uvx --from "{wanted}" publish-all`.'


def own_url(*, recorded: Callable[[], str | None] = direct_url, elsewhere: bool = False) -> str | None:
    """The URL that this publish-all came from, as in a direct reference; None for an index.

    With `elsewhere`, None as well for what only this machine has.
    """
    import json

    text = recorded()
    if text is None:
        return None
    try:
        stated = json.loads(text)
        url, vcs, folder = stated["url"], stated.get("vcs_info"), stated.get("subdirectory")
        if vcs is not None:
            url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    url = f"{url}#subdirectory={folder}" if folder else url
    return url if not elsewhere or _REMOTE.fullmatch(url) else None
