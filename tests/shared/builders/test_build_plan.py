from __future__ import annotations

from pathlib import Path

import pytest

from publish_all.builders.build_plan import distributions_of, with_present_files, with_tags
from publish_all.errors import BuildError, UsageError
from publish_all.events import ignore
from publish_all.variants.variant import PlatformWheel, WheelTag

LINUX, MAC = "py3-none-manylinux_2_28_x86_64", "py3-none-macosx_11_0_arm64"


def wheel(tag, **force_include):
    return PlatformWheel(
        tag=WheelTag.parse(tag),
        force_include={f"prebuilt/{each}": f"demo/{each}" for each in force_include},
        where=f'tool.publish-all.variants.x.wheels."{tag}"',
    )


@pytest.fixture
def native(make_variant):
    return make_variant({}, wheels=(wheel(LINUX, linux=1), wheel(MAC, mac=1)), sdist=False)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "prebuilt").mkdir()
    (tmp_path / "prebuilt" / "linux").write_text("")
    return tmp_path


def names(variants, kinds=("sdist", "wheel")):
    return [
        (kind, None if each.wheel is None else str(each.wheel.tag))
        for each, kind in distributions_of(variants, kinds)
    ]


def test_each_stated_wheel_is_built_and_no_other(native, make_variant):
    assert names([native]) == [("wheel", LINUX), ("wheel", MAC)]
    assert names([make_variant({})]) == [("sdist", None), ("wheel", None)]


def test_an_sdist_is_built_where_it_is_wanted(make_variant):
    of = make_variant({}, wheels=(wheel(LINUX),), sdist=True)
    assert names([of]) == [("sdist", None), ("wheel", LINUX)]
    assert names([of], kinds=("sdist",)) == [("sdist", None)]


def test_a_tag_selects_its_wheel_alone(native, make_variant):
    plain = make_variant({}, name="plain")
    assert names(with_tags([plain, native], [MAC])) == [("wheel", MAC)]


def test_a_tag_is_found_whatever_the_order_of_its_parts(make_variant):
    of = make_variant({}, wheels=(wheel("py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64"),))
    assert with_tags([of], ["py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64"])


@pytest.mark.parametrize(
    ("tag", "hint"),
    [
        ("py3-none-macosx_11_0_arm46", f"Configured tags: {LINUX}, {MAC}"),
        ("zzz9-abi9-q", f"Configured tags: {LINUX}, {MAC}"),
        ("nonsense", "Write it as"),
    ],
)
def test_an_unknown_tag_is_an_error_of_usage_that_helps(native, tag, hint):
    with pytest.raises(UsageError) as caught:
        with_tags([native], [tag])
    assert hint in caught.value.hint


def test_asking_for_a_tag_where_none_is_configured_says_where_to_state_it(make_variant):
    with pytest.raises(UsageError) as caught:
        with_tags([make_variant({})], [MAC])
    assert "tool.publish-all.wheels" in caught.value.hint


def test_a_missing_file_is_told_with_its_tag_and_key_path(native, root):
    with pytest.raises(BuildError) as caught:
        with_present_files([native], root, allow_missing=False, listener=ignore)
    message = caught.value.message
    assert f"the wheel {MAC} of x" in message
    assert f'tool.publish-all.variants.x.wheels."{MAC}".force-include."prebuilt/mac"' in message
    assert str(root) in message
    assert "prebuilt/linux" not in message
    assert "--allow-missing" in caught.value.hint


def test_all_missing_files_are_told_at_once(native, tmp_path):
    with pytest.raises(BuildError) as caught:
        with_present_files([native], tmp_path, allow_missing=False, listener=ignore)
    assert len(caught.value.message.splitlines()) == 2


def test_those_present_are_built_if_that_is_allowed(native, root):
    notes = []
    found = with_present_files([native], root, allow_missing=True, listener=notes.append)
    assert names(found) == [("wheel", LINUX)]
    assert [MAC in each.message for each in notes] == [True]


def test_none_present_is_an_error_even_then(native, tmp_path):
    with pytest.raises(BuildError, match="no platform wheel can be built"):
        with_present_files([native], tmp_path, allow_missing=True, listener=ignore)


def test_a_variant_of_which_nothing_is_present_is_left_out_with_its_sdist(native, make_variant, root):
    other = make_variant({}, name="other", wheels=(wheel(MAC, mac=1),), sdist=True)
    found = with_present_files([native, other], root, allow_missing=True, listener=ignore)
    assert [each.name for each in found] == ["x"]


@pytest.mark.parametrize("placeholder", [None, ".gitkeep", ".gitignore", "__init__.py", "__pycache__/x.pyc"])
def test_a_folder_without_files_or_with_a_placeholder_is_as_good_as_none(make_variant, root, placeholder):
    folder = root / "prebuilt" / "mac" / "deep"
    folder.mkdir(parents=True)
    if placeholder is not None:
        (folder / placeholder).parent.mkdir(exist_ok=True)
        (folder / placeholder).write_text("" if placeholder == "__init__.py" else "*\n")
    of = make_variant({}, wheels=(wheel(MAC, mac=1),))
    with pytest.raises(BuildError, match="no file in prebuilt/mac"):
        with_present_files([of], root, allow_missing=False, listener=ignore)
    (folder / "tool").write_text("#!/bin/sh\n")
    assert with_present_files([of], root, allow_missing=False, listener=ignore) == (of,)


@pytest.mark.parametrize(
    "layout", [{"native": "prebuilt"}, {"native/linux": "prebuilt/mac"}, {"native": "."}]
)
def test_a_path_of_the_stage_is_looked_for_where_the_layout_takes_it_from(make_variant, tmp_path, layout):
    of = make_variant({}, wheels=(wheel(MAC, mac=1),), layout=layout)
    place = {"prebuilt": "native/mac", "prebuilt/mac": "native/linux", ".": "native/prebuilt/mac"}
    with pytest.raises(BuildError):
        with_present_files([of], tmp_path, allow_missing=False, listener=ignore)
    file = Path(tmp_path, place[next(iter(layout.values()))])
    file.parent.mkdir(parents=True)
    file.write_text("")
    assert with_present_files([of], tmp_path, allow_missing=False, listener=ignore) == (of,)
