"""Build variants differ where they should, and only there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from publish_all.checks.compare_variants import check_selection, check_variants
from publish_all.checks.opened import open_distribution
from publish_all.variants.variant import BuildVariant, PlatformWheel

FILES = {"demo/__init__.py": b"x = 1\n", "demo/a.py": b"a", "demo/b.py": b"b"}


def variant(name, **stated):
    return BuildVariant(
        name=name,
        project=f"demo-{name}",
        version=stated.pop("version", "1.0"),
        pyproject=stated.pop("pyproject", {"project": {"name": f"demo-{name}"}}),
        selection_name="demo",
        layout=stated.pop("layout", {}),
        force_include=stated.pop("force_include", {}),
        **stated,
    )


@pytest.fixture
def found(make_wheel, metadata):
    """Check two variants with these files; the slugs and messages."""

    def found(one, one_files, other, other_files, *, needs=True):
        wheels = []
        for each, files in ((one, one_files), (other, other_files)):
            text = metadata.replace("Name: demo", f"Name: {each.project}")
            if needs:
                text = text.replace("Summary", f"Requires-Dist: sdk-{each.name}\nSummary")
            wheel = replace(make_wheel(metadata=text, files=files), variant=each.name)
            wheels.append(open_distribution(wheel))
        return [(each.slug, each.message) for each in check_variants(wheels, [one, other])]

    return found


def test_variants_with_other_dependencies_and_the_same_files_are_fine(found):
    assert found(variant("a"), FILES, variant("b"), FILES) == []


def test_variants_with_nothing_but_another_name_are_told(found):
    assert found(variant("a"), FILES, variant("b"), FILES, needs=False) == [
        ("variants-alike", "a and b differ in their names and nothing else")
    ]


@pytest.mark.parametrize(
    "stated",
    [
        {"exclude": ("demo/b.py",)},
        {"exclude": ("demo/b*",)},
        {"exclude": ("packages/core/demo/b.py",)},
        {"exclude": ("src/**/b.py",)},
        {"include": ("demo/__init__.py", "demo/a.py")},
    ],
)
def test_what_is_excluded_may_be_missing(found, stated):
    fewer = {name: data for name, data in FILES.items() if name != "demo/b.py"}
    assert found(variant("a"), FILES, variant("b", **stated), fewer) == []


def test_what_nobody_excluded_may_not_be_missing(found):
    fewer = {name: data for name, data in FILES.items() if name != "demo/b.py"}
    ((slug, message),) = found(variant("a"), FILES, variant("b", exclude=("demo/c.py",)), fewer)
    assert slug == "variant-differs-elsewhere"
    assert message.startswith("a has demo/b.py, which b has not")


@pytest.mark.parametrize("folder", ["demo/sub/**", "demo/sub/", "src/demo/sub/*"])
def test_a_folder_that_is_left_out_or_kept_is_no_other_folder(found, folder):
    files = FILES | {"demo/sub/c.py": b"c"}
    only = {"demo/sub/c.py": b"c"}
    assert found(variant("a"), files, variant("b", include=(folder,)), only) == []
    ((slug, message),) = found(variant("a"), files, variant("b", exclude=(folder,)), {"demo/a.py": b"a"})
    assert slug == "variant-differs-elsewhere"
    assert message.startswith("a has demo/__init__.py, demo/b.py, which b has not")


def test_shared_data_and_scripts_are_compared_without_the_name_in_their_folder(found):
    def files(name, script):
        return {**FILES, f"demo_{name}-1.0.data/scripts/run": script}

    one, other = variant("a"), variant("b")
    assert found(one, files("a", b"s"), other, files("b", b"s")) == []
    ((_, message),) = found(one, files("a", b"s"), other, files("b", b"t"))
    assert message.startswith("a and b have different contents of *.data/scripts/run")


@pytest.mark.parametrize("forced", [{"conf/b.py": "demo/b.py"}, {"conf": "demo"}])
def test_what_is_forced_may_differ_and_be_there_alone(found, forced):
    other = FILES | {"demo/b.py": b"other", "demo/c.py": b"new"}
    second = variant("b", force_include={"c": "demo/c.py", **forced})
    assert found(variant("a"), FILES, second, other) == []


def test_another_content_must_be_forced(found):
    other = FILES | {"demo/b.py": b"other"}
    ((slug, message),) = found(variant("a"), FILES, variant("b", force_include={"c": "demo/bb.py"}), other)
    assert slug == "variant-differs-elsewhere"
    assert message.startswith("a and b have different contents of demo/b.py")


@pytest.mark.parametrize(
    "stated",
    [
        {"layout": {"packages/demo": "demo"}},
        {"pyproject": {"tool": {"hatch": {"build": {"exclude": ["demo/b.py"]}}}}},
        {"pyproject": {"tool": {"poetry": {"packages": [{"include": "other"}]}}}},
        {"pyproject": {"build-system": {"requires": ["flit-core"]}}},
        {"wheels": (PlatformWheel(tag="py3-none-any", include=(), exclude=(), force_include={}),)},
    ],
)
def test_variants_made_by_other_rules_are_not_compared(found, stated):
    assert found(variant("a"), FILES, variant("b", **stated), {"demo/z.py": b""}) == []


def test_other_dependencies_of_poetry_are_no_other_rules(found):
    tool = {"tool": {"poetry": {"dependencies": {"sdk": ">=1"}}}}
    base = {"tool": {"poetry": {"dependencies": {}}}}
    messages = found(
        variant("a", pyproject=base), FILES, variant("b", pyproject=tool), {**FILES, "demo/z.py": b""}
    )
    assert [slug for slug, _ in messages] == ["variant-differs-elsewhere"]


@pytest.fixture
def leaked(make_wheel, make_sdist, metadata):
    """The files of an sdist that the variant leaves out, from the message; empty if nothing is said."""

    def leaked(stated, wheel, sdist):
        one = variant("lite", **stated)
        text = metadata.replace("Name: demo", "Name: demo-lite")
        wheels = [open_distribution(make_wheel(metadata=text, files=wheel))] if wheel else []
        files = dict.fromkeys(sdist, b"x")
        sdist = open_distribution(make_sdist(metadata=text, files=files))
        found = list(check_selection(one, sdist, wheels))
        assert {each.code for each in found} <= {"PA264"}
        return found[0].message.partition("holds ")[2].partition(", which")[0] if found else ""

    return leaked


@pytest.mark.parametrize("root", ["", "src/", "packages/core/"])
@pytest.mark.parametrize(
    "pattern", ["demo/internal/**", "demo/internal", "/demo/internal/", "internal", "**/p*.py"]
)
def test_what_is_left_out_of_the_wheel_is_not_in_the_sdist(leaked, root, pattern):
    wheel = {"demo/__init__.py": b"", "demo/a.py": b""}
    held = [
        f"{root}demo/__init__.py",
        f"{root}demo/a.py",
        "tests/demo/internal/price.py",
        "docs/internal/p.md",
    ]
    stated = {"exclude": (pattern,)}
    assert leaked(stated, wheel, held) == ""
    assert leaked(stated, wheel, [*held, f"{root}demo/internal/price.py"]) == f"{root}demo/internal/price.py"


def test_a_pattern_may_be_a_path_of_the_tree(leaked):
    held = ["src/demo/__init__.py", "src/demo/b.py"]
    assert leaked({"exclude": ("src/demo/b.py",)}, {"demo/__init__.py": b""}, held) == "src/demo/b.py"


def test_a_package_that_is_left_out_as_a_whole(leaked):
    held = ["src/demo/__init__.py", "src/pricing/model.py", "setup.py"]
    assert leaked({"exclude": ("pricing/**",)}, {"demo/__init__.py": b""}, held) == "src/pricing/model.py"


def test_without_a_wheel_the_usual_source_roots_are_looked_at(leaked):
    stated = {"exclude": ("demo/internal/**",)}
    assert leaked(stated, None, ["src/demo/internal/a.py", "demo/b.py"]) == "src/demo/internal/a.py"
    assert leaked(stated, None, ["demo/internal/a.py"]) == "demo/internal/a.py"


def test_include_leaves_the_other_modules_out(leaked):
    stated = {"include": ("demo/__init__.py", "demo/core/**")}
    wheel = {"demo/__init__.py": b"", "demo/core/a.py": b""}
    held = ["src/demo/__init__.py", "src/demo/core/a.py", "setup.py", "tests/test_a.py", "src/demo/notes.txt"]
    assert leaked(stated, wheel, held) == ""
    assert leaked(stated, wheel, [*held, "src/demo/b.py"]) == "src/demo/b.py"


def test_patterns_for_files_of_the_package_do_not_mean_those_beside_it(leaked):
    held = ["src/demo/__init__.py", "README.md", "tests/test_a.py", "docs/index.md"]
    assert leaked({"exclude": ("*.md", "test_*.py", "**/docs/**")}, {"demo/__init__.py": b""}, held) == ""


def test_what_is_forced_into_the_wheel_may_be_in_the_sdist(leaked):
    stated = {
        "exclude": ("demo/conf/**",),
        "force_include": {"conf": "demo/conf", "src/demo/x.toml": "demo/y"},
    }
    wheel = {"demo/__init__.py": b"", "demo/conf/a.toml": b""}
    held = ["src/demo/__init__.py", "conf/a.toml", "src/demo/conf/a.toml", "src/demo/x.toml"]
    assert leaked(stated, wheel, held) == ""


def test_tells_how_many_files_there_are(leaked):
    held = ["demo/__init__.py", *(f"demo/internal/{name}.py" for name in "abcde")]
    found = leaked({"exclude": ("demo/internal/**",)}, {"demo/__init__.py": b""}, held)
    assert found == "demo/internal/a.py, demo/internal/b.py, demo/internal/c.py and 2 more"


def stating(version, numbers, more=""):
    return {
        **FILES,
        "demo/_version.py": f"version = '{version}'\nversion_tuple = ({numbers})\n{more}".encode(),
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("1.0", "1, 0"), ("1.0+cu12", "1, 0, 'cu12'")),
        (("1.0+cu118", '1, 0, "cu118"'), ("1.0+cu12", '1, 0, "cu12"')),
        (("1.0", "1, 0"), ("1.0+cu12.g123", "1, 0, 'cu12', 'g123'")),
        (("1.0", "1, 0"), ("1.0+cu12.g123", "1, 0, 'cu12.g123'")),
    ],
)
def test_a_version_file_may_state_the_local_version(found, one, other):
    first, second = variant("a", version=one[0]), variant("b", version=other[0])
    assert found(first, stating(*one), second, stating(*other)) == []


@pytest.mark.parametrize(
    ("version", "other"),
    [
        ("1.0+cu12", ("1.1+cu12", "1, 1, 'cu12'")),
        ("1.0+cu12", ("1.0+cu12", "1, 0, 'cu12'", "backend = 'cuda'")),
        ("1.0+cu12", ("1.0+cu128", "1, 0")),
        ("1.0", ("1.0+cu12", "1, 0, 'cu12'")),
    ],
)
def test_other_differences_of_a_version_file_are_told(found, version, other):
    first, second = variant("a"), variant("b", version=version)
    ((slug, message),) = found(first, stating("1.0", "1, 0"), second, stating(*other))
    assert slug == "variant-differs-elsewhere"
    assert "different contents of demo/_version.py" in message


def test_other_files_of_variants_with_different_local_versions_are_compared(found):
    first, second = variant("a", version="1.0+cu118"), variant("b", version="1.0+cu12")
    other = stating("1.0+cu12", "1, 0, 'cu12'") | {"demo/a.py": b"other"}
    ((slug, message),) = found(first, stating("1.0+cu118", "1, 0, 'cu118'"), second, other)
    assert slug == "variant-differs-elsewhere"
    assert "different contents of demo/a.py" in message
