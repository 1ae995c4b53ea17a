"""Where this publish-all was installed from, so that what we write and print installs it from there, too."""

from __future__ import annotations

import re
from collections.abc import Callable

NAME = "publish-all"
# Nothing in it that a shell reads otherwise in double quotes.
_REMOTE = re.compile(r"([a-z]+\+)?(https|ssh)://[\w@:/.~%+#=-]+", re.ASCII)


def direct_url(name: str = NAME) -> str | None:
    """What pip or uv wrote down of an install from git or from an archive on the web (PEP 610)."""
    import importlib.metadata  # takes longer than all else here, and only few commands need it

    try:
        return importlib.metadata.distribution(name).read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        return None


def own_requirement(*extras: str, recorded: Callable[[], str | None] = direct_url) -> str:
    """What installs publish-all with these extras, on any machine: by name, or from the URL it came from here."""
    name = f"{NAME}[{','.join(extras)}]" if extras else NAME
    url = own_url(recorded=recorded, elsewhere=True)
    return f"{name} @ {url}" if url else name


def install_hint(*extras: str) -> str:
    """How to get what these extras bring to where publish-all is, in each way that it can be there."""
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
