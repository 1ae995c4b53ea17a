import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from publish_all._build_system import Backend, backend_name, backend_of, build_requires
from publish_all.builders.backend_tables import pinned
from publish_all.builders.select import left_out, matches, missing_forced, narrowed
from publish_all.errors import BuildError


def using(backend, **more):
    return {"build-system": {"build-backend": backend, "requires": ["x"]}, **more}


@pytest.mark.parametrize(
    ("name", "backend"),
    [
        ("hatchling.build", Backend.HATCHLING),
        ("poetry.core.masonry.api", Backend.POETRY_CORE),
        ("publish_all.backends.poetry_core", Backend.POETRY_CORE),
        ("setuptools.build_meta", Backend.SETUPTOOLS),
        ("flit_core.buildapi", Backend.FLIT),
        ("mesonpy", Backend.OTHER),
    ],
)
def test_knows_backends_by_their_module(name, backend):
    assert backend_of(using(name)) is backend


def test_without_a_build_system_it_is_setuptools():
    assert (backend_of({}), backend_name({}), build_requires({})) == (
        Backend.SETUPTOOLS,
        "setuptools.build_meta:__legacy__",
        ("setuptools>=40.8.0",),
    )


def test_an_in_tree_backend_is_not_the_one_of_the_same_name():
    pyproject = {"build-system": {"build-backend": "hatchling.build", "backend-path": ["."]}}
    assert backend_of(pyproject) is Backend.OTHER


@pytest.mark.parametrize(
    ("files", "packages"),
    [
        (["demo/__init__.py"], [{"include": "demo"}]),
        (["src/demo/__init__.py"], [{"include": "demo", "from": "src"}]),
        (["demo.py"], [{"include": "demo.py"}]),
        (["src/demo.py"], [{"include": "demo.py", "from": "src"}]),
        (["other/__init__.py"], None),
    ],
)
def test_pins_what_poetry_core_finds_under_the_base_name(make_tree, make_variant, files, packages):
    root = make_tree(dict.fromkeys(files, ""), git=False)
    result = pinned(make_variant(using("poetry.core.masonry.api")), root)
    assert result.get("tool", {}).get("poetry", {}).get("packages") == packages


def test_pins_nothing_where_the_name_is_the_base_or_the_selection_is_stated(tmp_path, make_variant):
    stated = using("poetry.core.masonry.api", tool={"poetry": {"packages": [{"include": "p"}]}})
    assert pinned(make_variant(stated), tmp_path) == stated
    plain = using("flit_core.buildapi")
    assert pinned(make_variant(plain, project="Demo"), tmp_path) == plain


def test_pinning_leaves_the_variant_alone(tmp_path, make_variant):
    variant = make_variant(using("flit_core.buildapi", tool={}))
    pinned(variant, tmp_path)
    assert variant.pyproject["tool"] == {}


@pytest.mark.parametrize(
    ("backend", "tool"),
    [
        ("flit_core.buildapi", {"flit": {"module": {"name": "my_demo"}}}),
        ("uv_build", {"uv": {"build-backend": {"module-name": "my_demo"}}}),
        ("scikit_build_core.build", {"scikit-build": {"wheel": {"packages": ["src/my_demo"]}}}),
    ],
)
def test_pins_the_module_of_other_backends(make_tree, make_variant, backend, tool):
    root = make_tree({"src/my_demo/__init__.py": ""}, git=False)
    assert pinned(make_variant(using(backend), selection_name="my-demo"), root)["tool"] == tool


@pytest.mark.parametrize(
    ("backend", "tool"),
    [
        ("flit_core.buildapi", {"flit": {"module": {"name": "My_demo-stubs"}}}),
        ("uv_build", {"uv": {"build-backend": {"module-name": "my_demo-stubs"}}}),
        ("poetry.core.masonry.api", {}),  # which looks for my_demo_stubs
    ],
)
def test_pins_the_folder_of_a_stub_only_package(make_tree, make_variant, backend, tool):
    root = make_tree({"src/my_demo-stubs/__init__.pyi": ""}, git=False)
    result = pinned(make_variant(using(backend), selection_name="My-demo-stubs"), root)
    assert result.get("tool", {}) == tool


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("demo/db/**", ["demo/db/a.py", "demo/db/x/y"], ["demo/dbx", "x/demo/db/a.py"]),
        ("demo/db", ["demo/db/a.py", "demo/db"], ["demo/db2/a.py"]),
        ("demo/db/", ["demo/db/a.py"], ["demo/d"]),
        ("*.md", ["a.md", "demo/x/b.md"], ["a.mdx"]),
        ("**/tests/*.py", ["tests/a.py", "x/y/tests/b.py"], ["tests2/a.py"]),
        ("demo/**/x.py", ["demo/x.py", "demo/a/b/x.py"], ["x.py"]),
        ("/demo/a?.py", ["demo/ab.py"], ["demo/a.py", "y/demo/ab.py"]),
        ("demo/[ab].py", ["demo/a.py"], ["demo/c.py"]),
        ("demo/[!ab].py", ["demo/c.py"], ["demo/a.py"]),
        ("demo/a+(b).py", ["demo/a+(b).py"], ["demo/aab.py"]),
        ("tests", ["demo/tests/a.py"], ["demo/mytests/a.py"]),
        (r"demo/\[slug\].js", ["demo/[slug].js"], ["demo/s.js", "demo/\\[slug\\].js"]),
        (r"demo/\[slug].js", ["demo/[slug].js"], ["demo/s.js"]),
        (r"demo/\*.js", ["demo/*.js"], ["demo/a.js"]),
        (r"demo/a\b", ["demo/ab"], ["demo/a/b"]),
        (r"demo/a\\b", ["demo/a\\b"], ["demo/ab", "demo/a/b"]),
        (r"\#a", ["#a"], ["a"]),
        (r"demo/[\]a].py", ["demo/].py", "demo/a.py"], ["demo/\\.py"]),
        ("demo/[]a].py", ["demo/].py", "demo/a.py"], ["demo/b.py"]),
        ("demo/[^ab].py", ["demo/c.py"], ["demo/a.py"]),
        ("demo/[a-c-].py", ["demo/b.py", "demo/-.py"], ["demo/d.py"]),
        ("demo/[c-a].py", [], ["demo/b.py"]),
        ("demo[!x]a.py", ["demo-a.py"], ["demo/a.py"]),
        ("demo/[a.py", ["demo/[a.py"], ["demo/a.py"]),
    ],
)
def test_patterns_are_those_of_gitignore(pattern, yes, no):
    assert [path for path in (*yes, *no) if matches((pattern,), path)] == yes


WHEEL = {
    "demo/__init__.py": "src/demo/__init__.py",
    "demo/db/a.py": "src/demo/db/a.py",
    "demo/web/b.py": "src/demo/web/b.py",
}


def test_include_narrows_and_exclude_drops(make_variant):
    assert narrowed(make_variant({}, exclude=("demo/db/**",)), WHEEL) == set(WHEEL) - {"demo/db/a.py"}
    both = make_variant({}, include=("demo/*.py", "demo/db"), exclude=("demo/__init__.py",))
    assert narrowed(both, WHEEL) == {"demo/db/a.py"}


def test_a_path_in_the_project_means_the_same(make_variant):
    assert narrowed(make_variant({}, include=("src/demo/db/**",)), WHEEL) == {"demo/db/a.py"}


@pytest.mark.parametrize("key", ["include", "exclude"])
def test_a_pattern_that_matches_nothing_is_named_with_its_key_path(make_variant, key):
    with pytest.raises(
        BuildError, match=rf"^tool\.publish-all\.variants\.x\.{key}: 'demo/dv/\*\*' matches no file"
    ):
        narrowed(make_variant({}, **{key: ("demo/dv/**",)}), WHEEL)


def test_a_path_of_windows_that_matches_nothing_is_told_what_to_write(make_variant):
    with pytest.raises(BuildError, match=r"exclude: 'demo\\db\\a\.py' matches no file") as caught:
        narrowed(make_variant({}, exclude=(r"demo\db\a.py",)), WHEEL)
    assert "Write `/` between folders" in caught.value.hint


def test_the_sdist_alone_has_sources_beside_excluded_modules(make_variant):
    others = ("src/demo/db/a.pyx", "db/b.sql", "docs/db/c.md")
    files = {inside: f"src/{inside}" for inside in WHEEL}
    kept, dropped = left_out(make_variant({}, exclude=("db",)), files, others, forced=(), outside={})
    assert "src/demo/db/a.pyx" in dropped
    assert not dropped & {"db/b.sql", "docs/db/c.md"}
    assert dropped == {"src/demo/db/a.pyx", *(files[each] for each in files.keys() - kept)}


def test_leaving_nothing_is_an_error(make_variant):
    with pytest.raises(BuildError, match="all files of x are excluded"):
        narrowed(make_variant({}, exclude=("demo",)), WHEEL)


def test_tells_which_forced_files_are_missing(make_variant):
    variant = make_variant({}, force_include={"a": "demo/a", "b": "demo/b.py", "c": "demo/c/"})
    assert missing_forced(variant, ["demo/a/x", "demo/c.py"]) == ("demo/b.py", "demo/c")


SEGMENT = st.sampled_from(
    ["a", "b", "ab", "a*", "*", "?", "**", "[ab]", "[!a]", r"\[a]", r"\*", r"\a", "a.py", "*.py"]
)
NAME = st.sampled_from(["a", "b", "ab", "abc", "[a]", "*", "a.py", "b.py"])


@given(
    pattern=st.builds(
        "{}{}{}".format,
        st.sampled_from(["", "/"]),
        st.lists(SEGMENT, min_size=1, max_size=4).map("/".join),
        st.sampled_from(["", "/"]),
    ),
    path=st.lists(NAME, min_size=1, max_size=4).map("/".join),
)
@example(pattern="a/**", path="a")
@example(pattern="**", path="a/b")
@example(pattern="**/a", path="a")
@example(pattern="a/**/b", path="a/b")
@example(pattern="a/", path="a/b")
@example(pattern="a/**/", path="a")
@example(pattern="a/**/", path="a/b")
def test_patterns_mean_what_git_makes_of_them(pattern, path):
    # `a/` asks git for a folder. A pattern of ours means a folder of files, so take the path for one;
    # but `a/**/` means what is in `a`, and not `a` itself.
    if pattern.endswith("**/"):
        pattern = pattern.rstrip("/")
    asked = f"{path}/" if pattern.endswith("/") else path
    assert matches((pattern,), path) == GitIgnoreSpec.from_lines([pattern]).match_file(asked)
