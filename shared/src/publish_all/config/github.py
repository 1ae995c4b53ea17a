"""Whose packages a repository is for, and which source repository they belong to, where nobody states it.

For URLs with `{owner}`, such as the built-in `ghcr.io/{owner}`: from GitHub Actions' variables, else from
the git remote `origin` of the project.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from publish_all._git import ask_git
from publish_all._process import Run, run
from publish_all._values import dataclass
from publish_all.config.addresses import hostname_of
from publish_all.config.model import RepositoryConfig
from publish_all.config.rules import owner_problem

GIT_SECONDS = 10.0

# https://git-scm.com/docs/git-clone#_git_urls: a URL, or [user@]host:path as in scp.
_SCP = re.compile(r"(?:[^@/\s]+@)?(?P<host>[^:/\s]+):(?P<path>[^/].*)")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s]+", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class GitHubProject:
    """Owner and repository on GitHub, as far as they are known: `link` is OWNER/REPOSITORY."""

    owner: str | None = None
    link: str | None = None


def complete(
    config: RepositoryConfig,
    *,
    root: Path | None,
    environment: Mapping[str, str],
    run: Run = run,
) -> RepositoryConfig:
    """The configuration with `owner` and `link`, where it leaves them open and they can be told.

    `root` is the project's folder, None outside of any.
    """
    url = config.url or ""
    wanted = config.kind.registry or "{owner}" in url or "{repository}" in url
    if not wanted or (config.owner is not None and config.link is not None):
        return config
    found = from_environment(environment)
    if root is not None and (found.owner is None or found.link is None):
        of_git = from_git(root, environment=environment, run=run)
        found = GitHubProject(owner=found.owner or of_git.owner, link=found.link or of_git.link)
    stated = (config.link or "").partition("/")[0] or None
    return replace(config, owner=config.owner or stated or found.owner, link=config.link or found.link)


def from_environment(environment: Mapping[str, str]) -> GitHubProject:
    """What GitHub Actions says of the repository whose workflow runs."""
    link = _link(environment.get("GITHUB_REPOSITORY", ""))
    owner = environment.get("GITHUB_REPOSITORY_OWNER", "").strip()
    if not owner or owner_problem(owner) is not None:
        owner = link.partition("/")[0] if link else ""
    return GitHubProject(owner=owner or None, link=link)


def from_git(root: Path, *, environment: Mapping[str, str], run: Run = run) -> GitHubProject:
    """What the git remote `origin` says, if it is on GitHub. No git and no such remote are no errors."""
    try:
        done = ask_git(
            "remote", "get-url", "origin", cwd=root, environment=environment, run=run, timeout=GIT_SECONDS
        )
    except (OSError, TimeoutError):
        return GitHubProject()
    link = link_of_remote(done.stdout.strip(), environment) if done.returncode == 0 else None
    return GitHubProject(owner=link.partition("/")[0] if link else None, link=link)


def link_of_remote(remote: str, environment: Mapping[str, str]) -> str | None:
    """OWNER/REPOSITORY of a git remote on GitHub (or on the server of the job); None for any other."""
    if _URL.fullmatch(remote):
        host, path = hostname_of(remote), remote.partition("://")[2].partition("/")[2]
    else:
        match = _SCP.fullmatch(remote)
        host, path = (match["host"].lower(), match["path"]) if match else ("", "")
    own = hostname_of(environment.get("GITHUB_SERVER_URL") or "https://github.com")
    if host not in {"github.com", "ssh.github.com", own} and not host.endswith(".ghe.com"):
        return None
    return _link(path.strip("/").removesuffix(".git"))


def _link(text: str) -> str | None:
    owner, slash, name = text.strip().partition("/")
    return text.strip() if slash and owner_problem(owner) is None and owner_problem(name) is None else None
