"""Which of the repositories that other tools define we take over under their names, and why not the others.

A tool's `test` or `github` may be another place than ours. Such a name is refused when it is used:
either guess could send a private package to the public.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from publish_all._values import dataclass
from publish_all.config.addresses import first_segment, host_of
from publish_all.config.builtin import ALIASES, BUILT_IN, FIXED, canonical, normalized
from publish_all.config.hosts import HostRepository
from publish_all.config.kinds import LEGACY
from publish_all.config.model import EMPTY, RepositoryConfig, Scope
from publish_all.config.problems import dotted
from publish_all.config.rules import name_problem, owner_problem

# Old `.pypirc` files name hosts which PyPI has left.
_SAME_INDEX = {
    "pypi": {"upload.pypi.org", "pypi.org", "pypi.python.org"},
    "testpypi": {"test.pypi.org", "testpypi.python.org"},
    "github": {"ghcr.io"},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why a name that someone defines can't be published to, and what to do instead."""

    message: str
    hint: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Adopted:
    """What is usable, by normalised name; why the rest is not; and what to tell the user."""

    accepted: Mapping[str, RepositoryConfig]
    refused: Mapping[str, Refusal]
    notes: tuple[str, ...]


def adopt(repositories: Iterable[HostRepository]) -> Adopted:
    """What of the tools' definitions can be used, the first of each name; and why the others can't."""
    accepted: dict[str, RepositoryConfig] = {}
    refused: dict[str, Refusal] = {}
    notes: list[str] = []
    for each in repositories:
        key = normalized(each.name)
        if key in accepted or key in refused:
            continue
        if canonical(key) in FIXED:
            _judge_built_in(each, accepted, refused, notes)
        elif (refusal := _refusal(each)) is not None:
            refused[key] = refusal
        else:
            accepted[key] = _of_host(each)
    usable = {key: each for key, each in refused.items() if key not in accepted}
    return Adopted(accepted=accepted, refused=usable, notes=tuple(notes))


def _judge_built_in(
    each: HostRepository,
    accepted: dict[str, RepositoryConfig],
    refused: dict[str, Refusal],
    notes: list[str],
) -> None:
    """A tool may have its own idea of `test` or `github`: then the name means two things, and one of them may be public."""
    name = canonical(each.name)
    if each.url is None:
        return
    host = host_of(each.url)
    if _is_github_packages(host) and name == "github":
        owner = first_segment(each.url)
        accepted["github"] = _with_owner(owner, each)
        of = f" of the owner {owner!r}" if accepted["github"].owner else ""
        notes.append(
            f"the repository 'github' of {each.origin} is taken as the built-in one{of} (ghcr.io): "
            f"GitHub has no Python packages at {host}"
        )
    elif host not in _SAME_INDEX[name]:
        refused[normalized(each.name)] = _two_meanings(each, name, host)


def _two_meanings(each: HostRepository, name: str, host: str) -> Refusal:
    message = f"{each.name!r} means two repositories: {host or 'another one'} ({each.origin}), and the built-in {name!r}"
    if normalized(each.name) in ALIASES:
        return Refusal(
            message=message, hint=f"Write {name!r} for the built-in one; give the other one another name."
        )
    variable = f"PUBLISH_ALL_REPOSITORIES_{name.upper()}_URL"
    return Refusal(
        message=message, hint=f"Give the other one another name, or set {variable} to its URL if you mean it."
    )


def _with_owner(owner: str, each: HostRepository) -> RepositoryConfig:
    right = owner_problem(owner) is None
    return replace(
        BUILT_IN["github"],
        owner=owner if right else None,
        origins=MappingProxyType({"owner": each.origin}) if right else EMPTY,
    )


def _refusal(each: HostRepository) -> Refusal | None:
    if each.url is None:
        return Refusal(
            message=f"{each.name!r} is a source to install from ({each.origin}), not a repository to publish to",
            hint="State where uploads go, with url and index-url, in "
            f"[{dotted(('tool', 'publish-all', 'repositories', each.name))}].",
        )
    if _is_github_packages(host_of(each.url)):
        return Refusal(
            message=f"{each.name!r} ({each.origin}) is at {host_of(each.url)}, where GitHub has no Python packages",
            hint="Publish to the built-in 'github': it keeps wheels in GitHub's container registry, ghcr.io.",
        )
    trouble = name_problem(each.name) or LEGACY.url_problem(each.url)
    if trouble is None:
        return None
    return Refusal(message=f"{each.name!r} ({each.origin}): its URL {trouble}", hint="Correct it there.")


def _is_github_packages(host: str) -> bool:
    return host == "pkg.github.com" or host.endswith(".pkg.github.com")


def _of_host(each: HostRepository) -> RepositoryConfig:
    stated = {"kind": LEGACY, "url": each.url, "index-url": each.index_url}
    return RepositoryConfig(
        name=each.name,
        kind=LEGACY,
        url=each.url,
        index_url=each.index_url,
        scope=Scope.HOST,
        origin=each.origin,
        origins=MappingProxyType({key: each.origin for key, value in stated.items() if value is not None}),
    )
