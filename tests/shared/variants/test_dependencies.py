import pytest
from poetry.core.packages.dependency import Dependency

from publish_all._toml import copied
from publish_all.errors import ConfigurationError
from publish_all.variants import dependencies


def project(*listed, **more):
    return {"project": {"name": "p", "dependencies": list(listed), **more}}


def poetry(**table):
    return {
        "tool": {"poetry": {"name": "p", "dependencies": {"python": "^3.10", "delta-spark": "^2.4"}, **table}}
    }


def extended(base, *requirements):
    return dependencies.extended(copied(base), requirements, where="w")


def excluded(base, *names, must_match=True):
    return dependencies.excluded(copied(base), names, where="w", must_match=must_match)


def test_adds_to_the_list_and_replaces_the_same_name_however_written():
    result = extended(project("Delta_Spark[x]~=2", "b"), "delta-spark>=3", "c")
    assert result["project"]["dependencies"] == ["b", "delta-spark>=3", "c"]


def test_two_of_one_name_with_different_markers_are_both_added():
    both = ["t>=1; python_version < '3.11'", "t>=2; python_version >= '3.11'"]
    assert extended(project("t"), *both)["project"]["dependencies"] == both


def test_drops_by_name_in_the_list_and_in_extras():
    base = project("Delta.Spark>=2", "b", **{"optional-dependencies": {"all": ["delta-spark", "c"]}})
    result = excluded(base, "delta_spark")
    assert result["project"]["dependencies"] == ["b"]
    assert result["project"]["optional-dependencies"] == {"all": ["c"]}


def test_dropping_what_is_no_dependency_names_the_nearest():
    with pytest.raises(ConfigurationError) as caught:
        excluded(project("delta-spark"), "delta-sprak")
    assert caught.value.message.endswith("is not a dependency of the project; did you mean 'delta-spark'?")
    assert excluded(project("a"), "b", must_match=False) == project("a")


def test_dynamic_dependencies_cannot_be_extended_but_replaced():
    base = {"project": {"name": "p", "dynamic": ["dependencies"]}}
    with pytest.raises(ConfigurationError, match="dynamic"):
        extended(base, "a")
    assert dependencies.replaced(copied(base), ["a"], where="w")["project"]["dependencies"] == ["a"]


def test_dropping_from_dynamic_dependencies_says_that_there_is_no_list():
    base = {"project": {"name": "p", "dynamic": ["dependencies"], "optional-dependencies": {"e": ["a", "b"]}}}
    assert excluded(base, "a")["project"]["optional-dependencies"] == {"e": ["b"]}
    with pytest.raises(ConfigurationError, match="dynamic"):
        excluded(base, "c")


def test_what_is_no_requirement_is_refused_with_its_key_path():
    with pytest.raises(ConfigurationError, match=r"^w: 'a b c' is not a PEP 508 requirement"):
        extended(project(), "a b c")


def test_poetry_keeps_python_and_its_own_constraints():
    result = extended(poetry(), "azure-synapse>=1")
    assert result["tool"]["poetry"]["dependencies"] == {
        "python": "^3.10",
        "delta-spark": "^2.4",
        "azure-synapse": ">=1",
    }


@pytest.mark.parametrize(
    ("requirement", "entry"),
    [
        ("a", "*"),
        ("a>=1,<2", "<2,>=1"),
        ("a[y,x]~=1.2", {"version": "~=1.2", "extras": ["x", "y"]}),
        ("a>1; sys_platform == 'win32'", {"version": ">1", "markers": 'sys_platform == "win32"'}),
        ("a @ https://h/a.whl", {"url": "https://h/a.whl"}),
        (
            "a @ git+https://h/a.git@v1#subdirectory=s",
            {"git": "https://h/a.git", "rev": "v1", "subdirectory": "s"},
        ),
        ("a @ git+ssh://git@h/a.git", {"git": "ssh://git@h/a.git"}),
    ],
)
def test_translates_requirements_to_poetry(requirement, entry):
    assert extended(poetry(), requirement)["tool"]["poetry"]["dependencies"]["a"] == entry


@pytest.mark.parametrize("requirement", ["a>=1,<2", "a[x]~=1.2", "a!=1.5", "a>1; python_version < '3.12'"])
def test_poetry_understands_the_translation_as_the_requirement(requirement):
    from poetry.core.factory import Factory

    entry = extended(poetry(), requirement)["tool"]["poetry"]["dependencies"]["a"]
    assert (
        Factory.create_dependency("a", entry).to_pep_508()
        == Dependency.create_from_pep_508(requirement).to_pep_508()
    )


def test_poetry_takes_several_of_one_name_as_a_list():
    result = extended(poetry(), "t>=1; python_version < '3.11'", "t>=2")
    assert result["tool"]["poetry"]["dependencies"]["t"] == [
        {"version": ">=1", "markers": 'python_version < "3.11"'},
        ">=2",
    ]


def test_poetry_what_is_added_is_no_longer_part_of_an_extra():
    base = poetry(extras={"spark": ["delta-spark", "x"]})
    assert extended(base, "delta_spark>=3")["tool"]["poetry"]["extras"] == {"spark": ["x"]}


def test_poetry_drops_from_table_and_extras():
    result = excluded(poetry(extras={"spark": ["Delta_Spark"]}), "delta-spark")["tool"]["poetry"]
    assert (result["dependencies"], result["extras"]) == ({"python": "^3.10"}, {"spark": []})


def test_poetry_replacing_keeps_python_and_optional_ones():
    base = poetry()
    base["tool"]["poetry"]["dependencies"]["opt"] = {"version": "^1", "optional": True}
    result = dependencies.replaced(copied(base), ["new>=1"], where="w")
    assert result["tool"]["poetry"]["dependencies"] == {
        "python": "^3.10",
        "opt": {"version": "^1", "optional": True},
        "new": ">=1",
    }


def test_poetry_extras_become_optional_dependencies():
    result = dependencies.with_extras(copied(poetry()), {"spark": ["s>=1"]}, where="w")
    assert result["tool"]["poetry"]["dependencies"]["s"] == {"version": ">=1", "optional": True}
    assert result["tool"]["poetry"]["extras"] == {"spark": ["s"]}


def test_poetry_cannot_hold_one_name_twice_in_extras():
    with pytest.raises(ConfigurationError, match="twice"):
        dependencies.with_extras(copied(poetry()), {"a": ["s>=1"], "b": ["s>=2"]}, where="w")


def test_extras_are_replaced_one_by_one():
    base = project("a", **{"optional-dependencies": {"All.Of-It": ["b"], "docs": ["c"]}})
    result = dependencies.with_extras(copied(base), {"all_of_it": ["d"], "new": []}, where="w")
    assert result["project"]["optional-dependencies"] == {"docs": ["c"], "all_of_it": ["d"], "new": []}


def test_poetry_extras_are_replaced_one_by_one_and_leave_no_idle_dependency():
    base = poetry(extras={"spark": ["s", "shared"], "docs": ["shared"]})
    base["tool"]["poetry"]["dependencies"] |= {
        name: {"version": "^1", "optional": True} for name in ("s", "shared", "loose")
    }
    result = dependencies.with_extras(copied(base), {"spark": ["t>=1"]}, where="w")["tool"]["poetry"]
    assert result["extras"] == {"docs": ["shared"], "spark": ["t"]}
    optional = [name for name, entry in result["dependencies"].items() if isinstance(entry, dict)]
    assert optional == ["shared", "loose", "t"]


def test_extras_stay_in_project_where_poetry_core_takes_them_from():
    base = {
        "build-system": {"build-backend": "poetry.core.masonry.api"},
        "project": {"name": "p", "optional-dependencies": {"e": ["x"]}},
        "tool": {"poetry": {"dependencies": {"a": "^1"}}},
    }
    result = dependencies.with_extras(copied(base), {"f": ["y"]}, where="w")
    assert result["project"]["optional-dependencies"] == {"e": ["x"], "f": ["y"]}
    assert "extras" not in result["tool"]["poetry"]


def test_project_dependencies_win_over_those_of_tool_poetry():
    base = {
        "build-system": {"build-backend": "poetry.core.masonry.api"},
        "project": {"name": "p", "dependencies": ["a"]},
        "tool": {"poetry": {"dependencies": {"a": {"source": "s"}}}},
    }
    assert not dependencies.in_poetry(base)
    del base["project"]["dependencies"]
    assert dependencies.in_poetry(base)
    base["build-system"]["build-backend"] = "hatchling.build"
    assert not dependencies.in_poetry(base)


PINS = {"core": ">=1.4,<2", "bare": ""}.get


@pytest.mark.parametrize(
    ("stated", "written"),
    [
        ("core", "core>=1.4,<2"),
        ("Core[fast] ; python_version < '4'", 'Core[fast]>=1.4,<2; python_version < "4"'),
        ("core @ file:///${PROJECT_ROOT}/../core", "core>=1.4,<2"),
        ("core @ {root:parent:uri}/core", "core>=1.4,<2"),
        ("core @ ../core", "core>=1.4,<2"),
        ("core>=1", "core>=1"),
        ("core @ git+https://example.org/core", "core @ git+https://example.org/core"),
        ("core-tools", "core-tools"),
        ("bare @ file:///bare", "bare"),
        ("not a requirement", "not a requirement"),
    ],
)
def test_members_are_required_by_version(stated, written):
    found = dependencies.pinned({"project": {"dependencies": [stated]}}, PINS)

    assert found == {"project": {"dependencies": [written]}}


def test_members_of_extras_are_pinned_and_their_sources_are_dropped():
    stated = {
        "project": {"dependencies": [], "optional-dependencies": {"all": ["core"]}},
        "tool": {"uv": {"sources": {"core": {"workspace": True}, "other": {"path": "x"}}}},
    }

    assert dependencies.pinned(stated, PINS) == {
        "project": {"dependencies": [], "optional-dependencies": {"all": ["core>=1.4,<2"]}},
        "tool": {"uv": {"sources": {"other": {"path": "x"}}}},
    }


@pytest.mark.parametrize(
    ("stated", "written"),
    [
        ({"path": "../core", "develop": True}, ">=1.4,<2"),
        ("*", ">=1.4,<2"),
        ("^1", "^1"),
        ({"path": "../core", "optional": True}, {"optional": True, "version": ">=1.4,<2"}),
        ([{"path": "../core", "markers": "x"}], [{"markers": "x", "version": ">=1.4,<2"}]),
        ({"git": "https://example.org/core"}, {"git": "https://example.org/core"}),
    ],
)
def test_members_of_poetry_are_required_by_version(stated, written):
    found = dependencies.pinned({"tool": {"poetry": {"dependencies": {"core": stated}}}}, PINS)

    assert found == {"tool": {"poetry": {"dependencies": {"core": written}}}}


def test_poetry_takes_the_version_from_project_where_it_is_stated():
    stated = {
        "project": {"dependencies": ["core"]},
        "tool": {"poetry": {"dependencies": {"core": {"path": "../core", "develop": True}}}},
    }

    assert dependencies.pinned(stated, PINS) == {
        "project": {"dependencies": ["core>=1.4,<2"]},
        "tool": {"poetry": {"dependencies": {}}},
    }
