"""A value that is never printed."""

from __future__ import annotations


class Secret:
    """A token or password. `repr`, `str` and formatting give `***`; `reveal()` gives the value.

    Not a dataclass and not a `str`, so that `asdict`, `json.dumps` and concatenation cannot leak it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> str | tuple[object, ...]:
        msg = "a Secret is not pickled: it would leave the process"
        raise TypeError(msg)


class SecretName(str):
    """A user name that is a token, with an empty password: shown as `***`, and sent unchanged."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return "***"
