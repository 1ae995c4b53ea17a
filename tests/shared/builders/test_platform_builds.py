"""Platform wheels by the real backends, in the worker."""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from publish_all.builders.builder import BuildRequest, BuildSettings
from publish_all.builders.run import build
from publish_all.config.model import Isolation
from publish_all.errors import BuildError, ConfigurationError
from publish_all.events import BuildStarted, ignore
from publish_all.variants.variant import PlatformWheel, WheelTag

HATCHLING = {
    "build-system": {"requires": ["hatchling"], "build-backend": "hatchling.build"},
    "project": {"name": "demo-x", "version": "1.0", "requires-python": ">=3.10"},
}
POETRY = {
    "build-system": {"requires": ["poetry-core"], "build-backend": "poetry.core.masonry.api"},
    "project": {"name": "demo-x", "version": "1.0", "requires-python": ">=3.10"},
}
BACKENDS = pytest.mark.parametrize("pyproject", [HATCHLING, POETRY], ids=["hatchling", "poetry-core"])
FILES = {
    "pyproject.toml": "",
    ".gitignore": "/prebuilt/\n",
    "demo/__init__.py": "",
    "demo/fallback.py": "",
    "demo/other.py": "",
    "prebuilt/linux/tool": "linux",
    "prebuilt/mac/tool": "mac",
}
LINUX, MAC, ANY = (
    "py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64",
    "3-py3-none-macosx_11_0_arm64",
    "py3-none-any",
)


def wheel(tag, **more):
    return PlatformWheel(tag=WheelTag.parse(tag), where=f'tool.publish-all.variants.x.wheels."{tag}"', **more)


WHEELS = (
    wheel(LINUX, force_include={"prebuilt/linux/tool": "demo/_bin/tool"}, exclude=("demo/fallback.py",)),
    wheel(MAC, force_include={"prebuilt/mac": "demo/_bin"}, include=("demo/__init__.py",)),
    wheel(ANY),
)

HERE = BuildSettings(os.environ, isolation=Isolation.NEVER)


@pytest.fixture(params=["in-process", "stage"])
def built(make_tree, make_variant, tmp_path, request):
    environment = {**os.environ, "PUBLISH_ALL_BUILD": request.param}
    root = make_tree(FILES)
    for each in ("linux", "mac"):
        (root / "prebuilt" / each / "tool").chmod(0o755)

    def make(pyproject, listener=ignore, **more):
        variant = make_variant(pyproject, **{"wheels": WHEELS, "sdist": False, **more})
        asked = BuildRequest(root=root, output=tmp_path / "out", variants=(variant,))
        files = build(asked, listener=listener, settings=HERE._replace(environment=environment)).files
        return [tmp_path / "out" / each.filename for each in files], files

    return make


def content(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as opened:
        return {
            name: opened.read(name).decode() for name in opened.namelist() if not name.endswith("/RECORD")
        }


def described(path: Path) -> list[str]:
    (text,) = (text for name, text in content(path).items() if name.endswith(".dist-info/WHEEL"))
    return [line for line in text.splitlines() if line.startswith(("Root", "Tag", "Build"))]


@BACKENDS
def test_each_wheel_holds_what_its_tag_says_and_says_so(built, pyproject):
    (linux, mac, anywhere), files = built(pyproject)
    assert [each.tag for each in files] == [LINUX, MAC, ANY]
    assert linux.name == f"demo_x-1.0-{LINUX}.whl"
    assert described(linux) == [
        "Root-Is-Purelib: false",
        "Tag: py3-none-manylinux2014_x86_64",
        "Tag: py3-none-manylinux_2_17_x86_64",
    ]
    assert described(mac) == ["Root-Is-Purelib: false", "Tag: py3-none-macosx_11_0_arm64", "Build: 3"]
    assert described(anywhere) == ["Root-Is-Purelib: true", "Tag: py3-none-any"]
    modules = [
        {each for each in content(path) if each.startswith("demo/")} for path in (linux, mac, anywhere)
    ]
    assert modules == [
        {"demo/__init__.py", "demo/other.py", "demo/_bin/tool"},
        {"demo/__init__.py", "demo/_bin/tool"},
        {"demo/__init__.py", "demo/fallback.py", "demo/other.py"},
    ]
    assert (content(linux)["demo/_bin/tool"], content(mac)["demo/_bin/tool"]) == ("linux", "mac")


@BACKENDS
@pytest.mark.posix("modes")
def test_programs_stay_executable(built, pyproject):
    (linux, _, _), _ = built(pyproject)
    with zipfile.ZipFile(linux) as opened:
        modes = {each.filename: stat.S_IMODE(each.external_attr >> 16) for each in opened.infolist()}
    assert (modes["demo/_bin/tool"], modes["demo/other.py"]) == (0o755, 0o644)


@BACKENDS
def test_the_wheels_have_one_metadata(built, pyproject):
    paths, _ = built(pyproject)
    metadata = {text for path in paths for name, text in content(path).items() if name.endswith("/METADATA")}
    assert len(metadata) == 1


@BACKENDS
def test_an_sdist_is_built_if_it_is_wanted_without_what_is_for_one_platform(built, pyproject):
    paths, files = built(pyproject, sdist=True)
    assert [each.kind for each in files] == ["sdist", "wheel", "wheel", "wheel"]
    with tarfile.open(paths[0]) as opened:
        assert not [each for each in opened.getnames() if "tool" in each]


@BACKENDS
def test_listeners_hear_for_which_tag_each_wheel_is(built, pyproject):
    events = []
    built(pyproject, events.append)
    assert [each.tag for each in events if isinstance(each, BuildStarted)] == [LINUX, MAC, ANY]


@BACKENDS
def test_a_pattern_of_a_tag_that_matches_nothing_is_told_by_its_key_path(built, pyproject):
    with pytest.raises(BuildError) as caught:
        built(pyproject, wheels=(wheel(ANY, exclude=("demo/nothing.py",)),))
    assert caught.value.message.startswith(f'tool.publish-all.variants.x.wheels."{ANY}".exclude')


@BACKENDS
def test_a_missing_file_is_told_by_the_builder_too(built, pyproject):
    with pytest.raises((BuildError, ConfigurationError)) as caught:
        built(pyproject, wheels=(wheel(MAC, force_include={"prebuilt/none": "demo/none"}),))
    assert f'tool.publish-all.variants.x.wheels."{MAC}".force-include' in caught.value.message


def test_two_builds_of_one_wheel_are_identical(built):
    first = [each.sha256 for each in built(POETRY)[1]]
    assert [each.sha256 for each in built(POETRY)[1]] == first


def test_two_variants_that_turn_out_to_have_one_file_name_are_an_error(make_tree, make_variant, tmp_path):
    root = make_tree(FILES)
    variants = (
        make_variant(HATCHLING, name="a", sdist=False),
        make_variant(HATCHLING, name="b", sdist=False, wheels=(wheel(ANY),)),
    )
    request = BuildRequest(root=root, output=tmp_path / "out", variants=variants)
    with pytest.raises(BuildError, match=r"demo_x-1\.0-py3-none-any\.whl is built twice"):
        build(request, listener=ignore, settings=HERE)
