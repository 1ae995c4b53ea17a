"""What an index over repositories serves, as options: for `serve`, `exec` and `download --with-dependencies`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import NormalizedName

from publish_all._own_source import install_hint
from publish_all._secret import Secret
from publish_all.commands.context import distribution_names
from publish_all.commands.destinations import ConnectionOptions
from publish_all.config.model import ProjectConfig
from publish_all.errors import UsageError

if TYPE_CHECKING:
    from publish_all._http import HttpOptions

GIB = 1024**3


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexOptions:
    """What is served, and to whom.

    `private` are names and patterns that are never looked up in the `fallbacks`; empty for those that the
    project publishes. `default_fallback` is used without one where private names are known, and is what
    clients themselves would ask. With `proxy` the pages and files of a fallback pass through us; those of
    several, and of one with a password, always do. They are reached by `fallback_http`, by default as the
    repositories are. `password` is what clients must know; with it, or with `own_credentials`, repositories are
    read with our own credentials, else with those that each client sends. `cache_dir` None is the user's cache
    folder; `cache_size` and `upload_limit` are in bytes.
    """

    directory: Path
    connection: ConnectionOptions = field(default_factory=ConnectionOptions)
    fallbacks: tuple[str, ...] = ()
    default_fallback: str | None = None
    fallback_http: HttpOptions | None = None
    private: tuple[str, ...] = ()
    proxy: bool = False
    password: Secret | None = None
    own_credentials: bool = False
    takes_uploads: bool = True
    cache_dir: Path | None = None
    cache_size: int = 2 * GIB
    upload_limit: int = 2 * GIB


def ensure_installed() -> None:
    """Raise `UsageError` without the libraries of the extra `serve`, which `commands.serve` and `commands.exec` import."""
    try:
        import python_multipart  # noqa: F401 - is it installed?
        import starlette  # noqa: F401 - is it installed?
        import uvicorn  # noqa: F401 - is it installed?
    except ImportError as error:
        msg = f"{error.name} is not installed, which the index server needs"
        raise UsageError(msg, hint=install_hint("cli", "serve")) from error


def published_names(config: ProjectConfig | None) -> tuple[NormalizedName, ...]:
    """The names of the project and of its build variants; none of a project that we are not configured for.

    The name of a project which only installs packages would make those packages look public.
    """
    if config is None or "publish-all" not in config.pyproject.get("tool", {}):
        return ()
    return distribution_names(config)
