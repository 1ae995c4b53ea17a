"""What the data of an app is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from blinker import signal

entity_added = signal("entity-added")


@dataclass(frozen=True)
class Entity:
    """A table: its name, the columns that tell its rows apart, and free tags."""

    name: str
    keys: tuple[str, ...]
    tags: frozenset[str] = field(default_factory=frozenset)


class EntityRegistry:
    """All entities of an app, by name."""

    def __init__(self) -> None:
        self._entities: dict[str, Entity] = {}

    def add(self, entity: Entity) -> Entity:
        if entity.name in self._entities:
            raise ValueError(f"the entity {entity.name!r} is there already")
        self._entities[entity.name] = entity
        entity_added.send(self, entity=entity)
        return entity

    def __getitem__(self, name: str) -> Entity:
        return self._entities[name]

    def __iter__(self) -> Iterator[Entity]:
        return iter(self._entities.values())

    def tagged(self, tag: str) -> tuple[Entity, ...]:
        return tuple(entity for entity in self if tag in entity.tags)


entities = EntityRegistry()
