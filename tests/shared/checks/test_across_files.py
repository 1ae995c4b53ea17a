"""Files side by side."""

from __future__ import annotations

import tarfile
import zipfile

import pytest

from publish_all.checks.all_checks import check_across_files, check_distribution
from publish_all.checks.opened import open_distribution

NEEDS = "Summary: A demo\nRequires-Dist: attrs>=23\nRequires-Python: >=3.10"


def compare(*distributions, sources=()):
    opened = [open_distribution(each) for each in distributions]
    return list(check_across_files(opened, sources=lambda: sources))


def slugs(*distributions):
    return [each.slug for each in compare(*distributions)]


def build_system(backend, more=""):
    return f'[build-system]\nrequires = []\nbuild-backend = "{backend}"\n{more}'.encode()


FLIT = build_system("flit_core.buildapi")
MODULES = {"demo/__init__.py": b"", "demo/a.py": b"a = 1\n", "demo/sub/b.py": b"b = 1\n"}


@pytest.fixture
def lacking(make_wheel, make_sdist):
    """The modules that an sdist lacks, from the message; empty if nothing is said."""

    def lacking(wheel, sdist, *, sources=None):
        sources = [*wheel, "pure.py"] if sources is None else sources
        files = make_wheel(files=wheel), make_sdist(files=sdist)
        found = [each for each in compare(*files, sources=sources) if each.code == "PA261"]
        return found[0].message.partition(": ")[2] if found else ""

    return lacking


def test_files_of_a_release_that_state_the_same_are_fine(make_wheel, make_sdist, metadata):
    text = metadata.replace("Summary: A demo", NEEDS)
    spaced = text.replace("attrs>=23", "attrs >= 23")
    assert slugs(make_wheel(metadata=spaced), make_sdist(metadata=text)) == []


@pytest.mark.parametrize("other", ["attrs>=24", "attrs>=23\nRequires-Dist: cattrs"])
def test_a_wheel_with_other_dependencies_than_the_sdist(make_wheel, make_sdist, metadata, other):
    text = metadata.replace("Summary: A demo", NEEDS)
    found = slugs(make_wheel(metadata=text.replace("attrs>=23", other)), make_sdist(metadata=text))
    assert found == ["metadata-differs"]


def test_what_the_sdist_calls_dynamic_may_differ(make_wheel, make_sdist, metadata):
    text = metadata.replace("2.1", "2.2").replace("Summary: A demo", NEEDS)
    dynamic = text.replace("Summary: A demo", "Dynamic: Requires-Dist\nSummary: A demo")
    assert slugs(make_wheel(metadata=text.replace(">=23", ">=24")), make_sdist(metadata=dynamic)) == []


def test_wheels_without_an_sdist_are_compared_with_each_other(make_wheel, metadata):
    text = metadata.replace("Summary: A demo", NEEDS)
    one = make_wheel(metadata=text, tag="py3-none-win_amd64")
    other = make_wheel(metadata=text.replace(">=3.10", ">=3.11"), tag="py3-none-any")
    assert slugs(one, other) == ["metadata-differs"]


def test_other_releases_may_state_anything(make_wheel, metadata):
    text = metadata.replace("Summary: A demo", NEEDS)
    one = make_wheel(metadata=text)
    other = make_wheel(
        metadata=text.replace("Version: 1.0", "Version: 1.1").replace(">=23", ">=24"), files={"b.py": b""}
    )
    assert slugs(one, other) == []


def test_an_sdist_without_a_module_of_the_project(lacking):
    held = {"pyproject.toml": FLIT, "src/demo/__init__.py": b"", "src/demo/sub/b.py": b"b = 1\n"}
    assert lacking(MODULES, held) == "demo/a.py"
    assert lacking(MODULES, {**held, "src/demo/a.py": b"a = 1\n"}) == ""


def test_a_build_may_make_modules_that_are_no_source(lacking):
    held = {"pyproject.toml": FLIT, "src/demo/__init__.py": b"", "src/demo/a.py": b"a = 2\n"}
    assert lacking(MODULES, held, sources=[]) == ""
    assert lacking(MODULES, held, sources=["README.md", "packages/demo/sub/b.py", "b.py"]) == "demo/sub/b.py"


def test_modules_in_another_folder_of_the_sdist_are_there(lacking):
    """`package_dir = {"demo": "lib"}` of setuptools, and `force-include`."""
    moved = {f"lib/{name.removeprefix('demo/')}": data for name, data in MODULES.items()}
    assert lacking(MODULES, {"pyproject.toml": FLIT, **moved}) == ""
    renamed = {
        "pyproject.toml": FLIT,
        "src/demo/__init__.py": b"",
        "conf/x.py": b"a = 1\n",
        "y.py": b"b = 1\n",
    }
    assert lacking(MODULES, renamed) == ""


def test_an_empty_module_is_not_any_other_empty_file(lacking):
    wheel = {"demo/__init__.py": b"", "demo/empty.py": b""}
    assert lacking(wheel, {"pyproject.toml": FLIT, "demo/__init__.py": b""}) == "demo/empty.py"


def test_only_modules_count_and_those_beside_the_packages_too(lacking):
    wheel = {
        "demo/__init__.py": b"",
        "demo/native.so": b"x",
        "demo/data.txt": b"x",
        "demo-1.0.data/scripts/run.py": b"x",
        "demo-1.0.data/purelib/pure.py": b"p = 1\n",
    }
    held = {"pyproject.toml": FLIT, "demo/__init__.py": b""}
    assert lacking(wheel, held) == "pure.py"


def test_an_sdist_alone_and_one_of_another_release_lack_nothing(make_wheel, make_sdist, metadata):
    sdist = make_sdist(files={"pyproject.toml": FLIT})
    wheel = make_wheel(metadata=metadata.replace("Version: 1.0", "Version: 1.1"))
    assert slugs(sdist) == []
    assert slugs(sdist, wheel) == []


def test_each_archive_is_opened_once_for_all_checks(make_wheel, make_sdist, monkeypatch):
    files = make_wheel(files=MODULES), make_sdist(files={"pyproject.toml": FLIT})
    opened = []
    for module, name in ((zipfile, "ZipFile"), (tarfile, "open")):
        original = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda path, original=original: (opened.append(path), original(path))[1]
        )
    archives = [open_distribution(each, public=("pypi",)) for each in files]
    found = [each.slug for archive in archives for each in check_distribution(archive)]
    found += [each.slug for each in check_across_files(archives, sources=lambda: MODULES)]
    assert found == ["sdist-lacks-modules"]
    assert opened == [each.path for each in files]
