from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import field

import pytest

from publish_all._values import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A place."""

    x: int
    y: int = 2
    tags: tuple[str, ...] = field(default_factory=lambda: ("new",))
    note: str = field(default="hidden", repr=False, compare=False)

    @property
    def total(self) -> int:
        return self.x + self.y


@dataclass(frozen=True, kw_only=True, slots=True)
class Deep(Point):
    z: int = 3


@dataclass(frozen=True, slots=True)
class Pair:
    left: int
    right: int = 0


@dataclass(frozen=True, slots=True)
class Empty:
    pass


def standard(cls: type) -> type:
    """The same class as the standard library makes it."""
    declared = dataclasses.fields(cls)
    kw_only = cls.__match_args__ == ()
    return dataclasses.make_dataclass(
        cls.__name__,
        [
            (each.name, each.type, copied(each))
            for each in sorted(declared, key=lambda each: not required(each))
        ],
        frozen=True,
        slots=True,
        kw_only=kw_only,
    )


def required(each: dataclasses.Field) -> bool:
    return each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING


def copied(each: dataclasses.Field) -> dataclasses.Field:
    options = {"repr": each.repr, "compare": each.compare}
    if each.default_factory is not dataclasses.MISSING:
        return field(default_factory=each.default_factory, **options)
    return field(**options) if required(each) else field(default=each.default, **options)


CALLS: list[tuple[type, Callable[[type], object]]] = [
    (Point, lambda cls: cls(x=1)),
    (Point, lambda cls: cls(x=1, y=5, tags=(), note="seen")),
    (Deep, lambda cls: cls(x=1, z=9)),
    (Pair, lambda cls: cls(1)),
    (Pair, lambda cls: cls(1, 2)),
    (Pair, lambda cls: cls(1, right=2)),
    (Pair, lambda cls: cls(left=1)),
    (Empty, lambda cls: cls()),
]


@pytest.mark.parametrize(("cls", "make"), CALLS)
def test_is_made_shown_and_taken_apart_as_a_standard_one(cls, make):
    ours, theirs = make(cls), make(standard(cls))
    assert repr(ours) == repr(theirs)
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)
    assert [each.name for each in dataclasses.fields(ours)] == [
        each.name for each in dataclasses.fields(theirs)
    ]
    assert hash(ours) == hash(make(cls))
    assert ours == make(cls)
    assert ours != theirs


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (Point, "x"),
        (lambda: Point(x=1, nope=2), "nope"),
        (lambda: Point(1), "positional"),
        (lambda: Pair(1, 2, 3), "positional"),
        (lambda: Pair(1, left=2), "positional"),
        (Pair, "left"),
        (lambda: Empty(nope=1), "nope"),
    ],
)
def test_wrong_arguments_are_type_errors_that_name_class_and_argument(make, named):
    with pytest.raises(TypeError, match=named):
        make()


def test_does_not_change():
    point = Point(x=1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="'x' of a Point"):
        point.x = 2
    with pytest.raises(dataclasses.FrozenInstanceError, match="'x' of a Point"):
        del point.x
    with pytest.raises(dataclasses.FrozenInstanceError):
        point.another = 2
    assert not hasattr(point, "__dict__")


def test_only_what_is_compared_counts_and_only_the_same_class_is_equal():
    assert Point(x=1, note="a") == Point(x=1, note="b")
    assert hash(Point(x=1, note="a")) == hash(Point(x=1, note="b"))
    assert Point(x=1) != Point(x=2)
    assert Deep(x=1) != Point(x=1)
    assert len({Pair(1), Pair(1), Pair(2)}) == 2
    assert Empty() == Empty()


def test_a_default_factory_is_called_for_each():
    @dataclass(frozen=True, slots=True)
    class Holder:
        held: list[int] = field(default_factory=list)

    assert Holder().held is not Holder().held


def test_copies_pickles_and_replaces():
    deep = Deep(x=1, z=4)
    assert copy.copy(deep) == deep
    assert copy.deepcopy(deep) == deep
    assert pickle.loads(pickle.dumps(deep)) == deep
    assert dataclasses.replace(deep, y=7) == Deep(x=1, y=7, z=4)
    assert dataclasses.replace(deep, note="n").note == "n"


def test_is_a_dataclass_with_its_own_text_and_methods():
    assert dataclasses.is_dataclass(Point)
    assert Point.__doc__ == "A place."
    assert Point(x=1).total == 3
    match Pair(1, 2):
        case Pair(left, right):
            assert (left, right) == (1, 2)


def test_anything_but_a_value_is_refused():
    with pytest.raises(TypeError, match="frozen"):

        @dataclass(frozen=False, slots=True)
        class Changing:
            x: int


def test_defining_one_imports_neither_dataclasses_nor_inspect():
    code = (
        "import sys\nfrom publish_all._values import dataclass\n"
        "@dataclass(frozen=True, slots=True)\nclass A:\n    x: int\n"
        "assert A(1).x == 1\nprint(sorted({'dataclasses', 'inspect'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
