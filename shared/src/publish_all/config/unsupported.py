"""What the configuration can already say, and this version can't do yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from publish_all.config.model import ProjectConfig, When
from publish_all.config.parse import PYPROJECT, TABLE
from publish_all.config.problems import KeyPath, Problems


def refuse_unsupported(config: ProjectConfig) -> None:
    """Raise `ConfigurationError` for each key whose feature does not exist yet."""
    problems = Problems(PYPROJECT, config.origins)
    for find in _FEATURES:
        for path in find(config):
            problems.add((*TABLE, *path), "is not supported yet", hint=_HINT)
    problems.raise_if_any()


def _attestations(config: ProjectConfig) -> Iterator[KeyPath]:
    for name, each in config.repositories.items():
        if each.attestations is When.ALWAYS:
            yield ("repositories", name, "attestations")


def _trusted_publishing(config: ProjectConfig) -> Iterator[KeyPath]:
    for name, each in config.repositories.items():
        if each.trusted_publishing is When.ALWAYS:
            yield ("repositories", name, "trusted-publishing")


_HINT = "Leave it out until a later version of publish-all."

_FEATURES: tuple[Callable[[ProjectConfig], Iterator[KeyPath]], ...] = (
    _attestations,
    _trusted_publishing,
)
