"""Frozen dataclasses that cost little to define.

`dataclasses.dataclass` writes the source of six methods for each class and compiles it, about 0.4 ms each. A publish
defines some 140 values before it sends its first byte, which was a fifth of its start. Here all classes share methods
that were compiled with this module; an object takes a microsecond longer to make.

`dataclass` is used as the standard one is, and type checkers see the standard one. `fields`, `replace`, `asdict` and
`is_dataclass` of `dataclasses` work as usual. That module is imported only where it is needed, since builds that ask
for a version alone do without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import Field, dataclass
else:

    def dataclass(*, frozen: bool, slots: bool, kw_only: bool = False) -> Callable[[type], type]:
        """`dataclasses.dataclass`, for values alone: `frozen` and `slots` are always stated, and true."""
        if not (frozen and slots):
            raise TypeError("this is for frozen dataclasses with slots; take that of `dataclasses`")
        return lambda cls: _define(cls, kw_only=kw_only)


__all__ = ["dataclass"]

_MISSING = object()


def _define(cls: type, *, kw_only: bool) -> type:
    """The class anew, with `__slots__` and what makes it a value."""
    declared: dict[str, tuple[Any, Any]] = {}
    for base in reversed(cls.__mro__[1:]):
        declared |= base.__dict__.get("__declared__", {})
    inherited = frozenset(declared)
    namespace = dict(cls.__dict__)
    for name, annotation in cls.__annotations__.items():
        declared[name] = (annotation, namespace.pop(name, _MISSING))
    for name in ("__dict__", "__weakref__"):
        namespace.pop(name, None)
    namespace |= _METHODS
    namespace["__slots__"] = tuple(name for name in declared if name not in inherited)
    namespace["__qualname__"] = cls.__qualname__
    namespace["__match_args__"] = () if kw_only else tuple(declared)
    namespace["__declared__"] = declared
    namespace["__dataclass_fields__"] = _StandardFields()
    made = type(cls)(cls.__name__, cls.__bases__, namespace)
    _equip(made, declared)
    return made


def _equip(made: Any, declared: Mapping[str, tuple[Any, Any]]) -> None:
    """Give the class what the shared methods go by: how to set each field, and what to compare."""
    made.__plan__ = tuple(
        (name, getattr(made, name).__set__, *_defaults(each)) for name, (_, each) in declared.items()
    )
    compared = [name for name, (_, each) in declared.items() if getattr(each, "compare", True)]
    made.__compared__ = staticmethod(attrgetter(*compared) if compared else _nothing)


def _defaults(declared: Any) -> tuple[Any, Any]:
    """The default and the factory of a field, either or both of them missing."""
    if not hasattr(declared, "default_factory"):
        return declared, _MISSING
    from dataclasses import MISSING

    default = _MISSING if declared.default is MISSING else declared.default
    factory = _MISSING if declared.default_factory is MISSING else declared.default_factory
    return default, factory


def _nothing(_: object) -> tuple[()]:
    return ()


class _StandardFields:
    """`__dataclass_fields__`, made by the standard library when somebody first asks for it."""

    def __get__(self, instance: object, owner: Any) -> Mapping[str, Field[Any]]:
        from dataclasses import dataclass as standard

        declared = owner.__declared__
        namespace = {name: each for name, (_, each) in declared.items() if each is not _MISSING}
        namespace["__annotations__"] = {name: annotation for name, (annotation, _) in declared.items()}
        namespace["__module__"] = owner.__module__
        twin: Any = standard(kw_only=True)(type(owner.__name__, (), namespace))
        made: Mapping[str, Field[Any]] = twin.__dataclass_fields__
        owner.__dataclass_fields__ = made  # from now on it is found there
        return made


def _init(self: Any, /, *positional: Any, **given: Any) -> None:
    cls = type(self)
    if positional:
        names = cls.__match_args__[: len(positional)]
        if len(names) < len(positional) or not given.keys().isdisjoint(names):
            raise TypeError(f"{cls.__qualname__}() takes fewer positional arguments, and each argument once")
        given.update(zip(names, positional, strict=True))
    for name, store, default, factory in cls.__plan__:
        value = given.pop(name, default)
        if value is _MISSING:
            if factory is _MISSING:
                raise TypeError(f"{cls.__qualname__}() is missing the argument {name!r}")
            value = factory()
        store(self, value)
    if given:
        raise TypeError(f"{cls.__qualname__}() has no argument {next(iter(given))!r}")


def _repr(self: Any) -> str:
    shown = (
        f"{name}={getattr(self, name)!r}"
        for name, (_, each) in self.__declared__.items()
        if getattr(each, "repr", True)
    )
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _eq(self: Any, other: Any) -> object:
    return (
        self.__compared__(self) == self.__compared__(other) if type(self) is type(other) else NotImplemented
    )


def _hash(self: Any) -> int:
    return hash(self.__compared__(self))


def _no_change(self: Any, name: str, *_: object) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot change {name!r} of a {type(self).__qualname__}")


def _getstate(self: Any) -> tuple[Any, ...]:
    return tuple(getattr(self, name) for name in self.__declared__)


def _setstate(self: Any, state: tuple[Any, ...]) -> None:
    for (_, store, _, _), value in zip(self.__plan__, state, strict=True):
        store(self, value)


_METHODS: Mapping[str, object] = {
    "__init__": _init,
    "__repr__": _repr,
    "__eq__": _eq,
    "__hash__": _hash,
    "__setattr__": _no_change,
    "__delattr__": _no_change,
    "__getstate__": _getstate,
    "__setstate__": _setstate,
}
