"""All keys of the configuration with types, defaults and meanings, for `config --keys` and the docs."""

from __future__ import annotations

import enum
import json
from dataclasses import fields
from typing import NamedTuple

from publish_all.config.model import (
    ProjectConfig,
    RepositoryConfig,
    VariantConfig,
    VersionConfig,
    WheelConfig,
    WorkspaceConfig,
)
from publish_all.config.parse import PROJECT, REPOSITORY, VERSION, WORKSPACE
from publish_all.config.reading import Key, field_of
from publish_all.config.variants import VARIANT, WHEEL


class Section(NamedTuple):
    """A table of TOML. `NAME` and `TAG` are placeholders."""

    table: str
    keys: tuple[Key, ...]


def _section(table: str, model: type[object], keys: tuple[Key, ...]) -> Section:
    """A section with the defaults of the model for keys that do not describe theirs."""
    defaults = {each.name: each.default for each in fields(model)}  # type: ignore[arg-type]  # the models are dataclasses
    return Section(
        table,
        tuple(
            each._replace(default=each.default or _as_toml(defaults.get(field_of(each.name))))
            for each in keys
        ),
    )


def _as_toml(default: object) -> str | None:
    """A default as TOML, None if there is none or it is an empty table."""
    match default:
        case enum.Enum():
            return json.dumps(default.value)
        case tuple():
            return json.dumps(list(default))
        case str() | bool():
            return json.dumps(default)
        case _:
            return None


SECTIONS = (
    _section("[tool.publish-all]", ProjectConfig, PROJECT),
    _section("[tool.publish-all.repositories.NAME]", RepositoryConfig, REPOSITORY),
    _section("[tool.publish-all.version]", VersionConfig, VERSION),
    _section("[tool.publish-all.workspace]", WorkspaceConfig, WORKSPACE),
    _section("[tool.publish-all.variants.NAME]", VariantConfig, VARIANT),
    _section("[tool.publish-all.variants.NAME.wheels.TAG]", WheelConfig, WHEEL),
)
"""In the order of docs/reference/configuration.md, whose tables are generated from them."""
