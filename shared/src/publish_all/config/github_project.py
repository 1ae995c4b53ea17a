"""The owner and the linked source repository of packages, if they are not configured.

They complete URLs with `{owner}`, such as the built-in `ghcr.io/{owner}`. They come from the variables of GitHub
Actions, or else from the git remote `origin`. A link is OWNER/REPOSITORY on GitHub.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from publish_all._git import ask_git
from publish_all._process import Run, run
from publish_all.config.addresses import hostname_of
from publish_all.config.model import RepositoryConfig
from publish_all.config.rules import link_problem, owner_problem

GIT_SECONDS = 10.0

# https://git-scm.com/docs/git-clone#_git_urls: a URL, or [user@]host:path as in scp.
_SCP = re.compile(r"(?:[^@/\s]+@)?(?P<host>[^:/\s]+):(?P<path>[^/].*)")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s]+", re.IGNORECASE)


def complete(
    config: RepositoryConfig, *, root: Path | None, environment: Mapping[str, str], run: Run = run
) -> RepositoryConfig:
    """The configuration with `owner` and `link` added, if they are missing and can be found.

    `root` is the folder of the project, None outside of a project.
    """
    url = config.url or ""
    wanted = config.kind.registry or "{owner}" in url or "{repository}" in url
    if not wanted or (config.owner is not None and config.link is not None):
        return config
    actions = link_of_actions(environment)
    owner = environment.get("GITHUB_REPOSITORY_OWNER", "").strip() or None
    if owner is None or owner_problem(owner) is not None:
        owner = _owner(actions)
    remote = None
    if root is not None and (owner is None or actions is None):
        remote = link_of_git(root, environment=environment, run=run)
    return replace(
        config,
        owner=config.owner or _owner(config.link) or owner or _owner(remote),
        link=config.link or actions or remote,
    )


def link_of_actions(environment: Mapping[str, str]) -> str | None:
    """The repository of the running workflow, from the variables of GitHub Actions."""
    return _link(environment.get("GITHUB_REPOSITORY", "").strip())


def link_of_git(root: Path, *, environment: Mapping[str, str], run: Run = run) -> str | None:
    """The link of the git remote `origin`, if it is on GitHub."""
    return link_of_remote(remote_of(root, environment=environment, run=run), environment)


def remote_of(root: Path, *, environment: Mapping[str, str], run: Run = run) -> str:
    """The URL of the git remote `origin`; empty without a remote or without git."""
    return answer_of_git("remote", "get-url", "origin", root=root, environment=environment, run=run)


def answer_of_git(*arguments: str, root: Path, environment: Mapping[str, str], run: Run) -> str:
    """The output of a git command; empty if it fails, or without git."""
    try:
        done = ask_git(*arguments, cwd=root, environment=environment, run=run, timeout=GIT_SECONDS)
    except (OSError, TimeoutError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def link_of_remote(remote: str, environment: Mapping[str, str]) -> str | None:
    """The link of a git remote on GitHub (or on the server of the job); None for any other."""
    if _URL.fullmatch(remote):
        host, path = hostname_of(remote), remote.partition("://")[2].partition("/")[2]
    elif match := _SCP.fullmatch(remote):
        host, path = match["host"].lower(), match["path"]
    else:
        return None
    own = hostname_of(environment.get("GITHUB_SERVER_URL") or "https://github.com")
    if host not in {"github.com", "ssh.github.com", own} and not host.endswith(".ghe.com"):
        return None
    return _link(path.strip("/").removesuffix(".git"))


def _link(text: str) -> str | None:
    return text if link_problem(text) is None else None


def _owner(link: str | None) -> str | None:
    return link.partition("/")[0] if link else None
