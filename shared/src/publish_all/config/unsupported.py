"""What the configuration can already say, and this version can't do yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from publish_all.config.model import ProjectConfig, RepositoryKind, VariantConfig, When
from publish_all.errors import ConfigurationError

_PREFIX = "tool.publish-all"


def refuse_unsupported(config: ProjectConfig) -> None:
    """Raise `ConfigurationError` for each key whose feature does not exist yet."""
    found = [key for find in _FEATURES for key in find(config)]
    if found:
        file = "pyproject.toml"
        lines = (f"{config.origins.get(key, file)}: {key}: is not supported yet" for key in found)
        raise ConfigurationError("\n".join(lines), hint="Leave it out until a later version of publish-all.")


def _wheels(config: ProjectConfig) -> Iterator[str]:
    if config.wheels:
        yield f"{_PREFIX}.wheels"
    yield from (f"{path}.wheels" for path, variant in _variants(config) if variant.wheels)


def _local_version(config: ProjectConfig) -> Iterator[str]:
    return (f"{path}.local-version" for path, variant in _variants(config) if variant.local_version)


def _attestations(config: ProjectConfig) -> Iterator[str]:
    for name, each in config.repositories.items():
        if each.attestations is When.ALWAYS:
            yield f"{_PREFIX}.repositories.{name}.attestations"


def _trusted_publishing(config: ProjectConfig) -> Iterator[str]:
    for name, each in config.repositories.items():
        if each.trusted_publishing is When.ALWAYS:
            yield f"{_PREFIX}.repositories.{name}.trusted-publishing"


def _oci(config: ProjectConfig) -> Iterator[str]:
    for name, each in config.repositories.items():
        if each.kind is RepositoryKind.OCI and "kind" in each.origins:
            yield f"{_PREFIX}.repositories.{name}.kind"


def _variants(config: ProjectConfig) -> Iterator[tuple[str, VariantConfig]]:
    yield f"{_PREFIX}.variant-defaults", config.variant_defaults
    for name, variant in config.variants.items():
        yield f"{_PREFIX}.variants.{name}", variant


_FEATURES: tuple[Callable[[ProjectConfig], Iterator[str]], ...] = (
    _wheels,
    _local_version,
    _attestations,
    _trusted_publishing,
    _oci,
)
