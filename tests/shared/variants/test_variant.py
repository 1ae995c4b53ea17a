from __future__ import annotations

import pytest
from packaging.tags import parse_tag

from publish_all.variants.variant import BuildVariant, PlatformWheel, WheelTag


def variant(**more: object) -> BuildVariant:
    stated: dict[str, object] = {
        "name": "x",
        "project": "demo",
        "version": "1",
        "pyproject": {},
        "selection_name": "demo",
        "layout": {},
        "force_include": {},
    }
    return BuildVariant(**{**stated, **more})  # type: ignore[arg-type]  # the tests state the right types


@pytest.mark.parametrize(
    "text",
    ["py3-none-any", "py2.py3-none-any", "cp310-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64"],
)
def test_a_tag_is_written_as_it_was_stated_and_expands_as_packaging_does(text):
    tag = WheelTag.parse(text)
    assert str(tag) == tag.compressed == text
    assert tag.expanded == tuple(sorted(map(str, parse_tag(text))))


def test_a_build_number_stands_before_the_tag():
    tag = WheelTag.parse("12a-py3-none-win_amd64")
    assert (tag.build, tag.compressed, str(tag)) == ("12a", "py3-none-win_amd64", "12a-py3-none-win_amd64")


@pytest.mark.parametrize(
    "text",
    ["", "py3", "py3-none", "a1-py3-none-any", "1-2-py3-none-any", "py3-none-", "py3.-none-any", "py3--any"],
)
def test_what_no_wheel_can_be_named_is_refused(text):
    with pytest.raises(ValueError, match="is not a wheel's tag"):
        WheelTag.parse(text)


@pytest.mark.parametrize(
    ("text", "pure"),
    [("py3-none-any", True), ("py3-none-win32", False), ("cp311-cp311-any", False), ("py3-abi3-any", False)],
)
def test_only_a_wheel_of_no_abi_and_no_platform_is_pure(text, pure):
    assert WheelTag.parse(text).is_pure is pure


def test_tags_are_the_same_in_any_order_but_not_with_another_build_number():
    tag = WheelTag.parse("py2.py3-none-any")
    assert tag.same_as(WheelTag.parse("py3.PY2-none-any"))
    assert not tag.same_as(WheelTag.parse("1-py2.py3-none-any"))
    assert not tag.same_as(WheelTag.parse("py3-none-any"))


def test_a_wheel_lies_over_its_variant():
    wheel = PlatformWheel(
        tag=WheelTag.parse("py3-none-win32"), exclude=("b",), force_include={"win/tool": "demo/tool"}
    )
    of = variant(
        exclude=("a",), force_include={"any/tool": "demo/tool", "data": "demo/data"}, wheels=(wheel,)
    ).for_wheel(wheel)
    assert of.exclude == ("a", "b")
    assert of.force_include == {"data": "demo/data", "win/tool": "demo/tool"}
    assert (of.wheels, of.wheel) == ((), wheel)


def test_the_include_of_a_wheel_is_instead_of_the_variants():
    tag = WheelTag.parse("py3-none-win32")
    of = variant(include=("a",))
    assert of.for_wheel(PlatformWheel(tag=tag)).include == ("a",)
    assert of.for_wheel(PlatformWheel(tag=tag, include=("b",))).include == ("b",)
