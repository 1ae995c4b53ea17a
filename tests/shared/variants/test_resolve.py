from pathlib import Path
from unittest import mock

import pytest

from publish_all.config.model import ProjectConfig, VariantConfig, VersionConfig, VersionSource, WheelConfig
from publish_all.config.parse import parse_project
from publish_all.errors import ConfigurationError, UsageError
from publish_all.variants import resolve
from publish_all.variants.resolve import resolve_variants

ROOT = Path("project")
BUILD_SYSTEM = {"requires": ["hatchling"], "build-backend": "hatchling.build"}
POETRY = {"requires": ["poetry-core"], "build-backend": "poetry.core.masonry.api"}
DYNAMIC_POETRY = {
    "requires": ["poetry-core", "poetry-dynamic-versioning"],
    "build-backend": "poetry_dynamic_versioning.backend",
}
BASE = {
    "build-system": BUILD_SYSTEM,
    "project": {"name": "kindling", "version": "1.0", "description": "base", "dependencies": ["delta-spark"]},
    "tool": {"publish-all": {"variants": {}}, "hatch": {"build": {"skip": 1}}},
}
POETRY_FILE = {"tool": {"poetry": {"name": "kindling-synapse", "version": "0.9", "description": "own"}}}


def reading(**files):
    """What `read_toml` gives for these files, named without extension."""
    contents = {ROOT / f"{name}.toml": content for name, content in files.items()}

    def read(path):
        if path not in contents:
            raise FileNotFoundError(path)
        return contents[path]

    return read


NO_FILES = reading()


def config(*variants, pyproject=BASE, defaults=None, source=VersionSource.PROJECT, **more):
    return ProjectConfig(
        root=ROOT,
        pyproject=pyproject,
        variants={each.variant: each for each in variants},
        variant_defaults=defaults or VariantConfig(variant=None),
        version=VersionConfig(source=source),
        **more,
    )


def resolved(*variants, version="1.0", read=NO_FILES, only=(), base=False, **more):
    with mock.patch.object(resolve, "read_toml", read):
        return resolve_variants(config(*variants, **more), version=version, only=only, base=base)


def variant(key="x", /, **more):
    return VariantConfig(variant=key, **more)


def test_a_project_without_variants_is_its_own_distribution():
    (only,) = resolved()
    assert (only.name, only.project, only.version, only.selection_name) == (
        None,
        "kindling",
        "1.0",
        "kindling",
    )
    assert "publish-all" not in only.pyproject["tool"]


def test_variants_stand_in_for_the_project_unless_it_is_included():
    assert [each.label for each in resolved(variant("a"), variant("b"))] == ["a", "b"]
    assert [each.label for each in resolved(variant("a"), include_base=True)] == ["kindling", "a"]
    assert [each.label for each in resolved(variant("a"), base=True)] == ["kindling", "a"]


def test_the_default_name_is_made_of_project_and_variant():
    (only,) = resolved(variant("synapse"))
    assert (only.project, only.pyproject["project"]["name"]) == ("kindling-synapse", "kindling-synapse")
    assert only.selection_name == "kindling"


def test_a_full_pyproject_replaces_ours_and_keeps_its_own_name_and_version():
    (only,) = resolved(
        variant(pyproject="own.toml"),
        read=reading(own=POETRY_FILE),
        pyproject={**BASE, "build-system": POETRY},
    )
    assert only.pyproject == {**POETRY_FILE, "build-system": POETRY}
    assert (only.project, only.version, only.selection_name) == (
        "kindling-synapse",
        "0.9",
        "kindling-synapse",
    )


@pytest.mark.parametrize("own", [{}, {"build-system": DYNAMIC_POETRY}])
def test_a_placeholder_of_a_full_pyproject_is_not_its_version(own):
    placeholder = {**POETRY_FILE, **own}
    (only,) = resolved(
        variant(pyproject="own.toml"),
        read=reading(own=placeholder),
        pyproject={**BASE, "build-system": DYNAMIC_POETRY},
    )
    assert (only.version, only.pyproject["tool"]["poetry"]["version"]) == ("1.0", "1.0")


def test_the_version_is_written_over_a_full_pyprojects_own_when_it_comes_from_git():
    (only,) = resolved(
        variant(pyproject="own.toml"), version="2.0", read=reading(own=POETRY_FILE), source=VersionSource.GIT
    )
    assert (only.version, only.pyproject["tool"]["poetry"]["version"]) == ("2.0", "2.0")


def test_a_root_without_name_and_version_is_fine_where_each_variant_has_its_own():
    root = {"tool": {"poetry": {"package-mode": False}}}
    (only,) = resolved(
        variant(pyproject="own.toml"), version="", pyproject=root, read=reading(own=POETRY_FILE)
    )
    assert (only.project, only.version) == ("kindling-synapse", "0.9")


def test_a_missing_version_names_the_file_which_lacks_it():
    unversioned = {"project": {"name": "a"}}
    with pytest.raises(ConfigurationError, match=r"own\.toml: no version"):
        resolved(variant(pyproject="own.toml"), version="", read=reading(own=unversioned))


def test_an_overlay_is_merged_and_drops_what_it_states_from_dynamic():
    base = {**BASE, "project": {"name": "kindling", "dynamic": ["version", "dependencies"]}}
    over = {
        "project": {"dependencies": ["x"]},
        "tool": {"publish-all": {"private": True}, "hatch": {"build": {"a": 2}}},
    }
    (only,) = resolved(variant(overlay="over.toml"), pyproject=base, read=reading(over=over))
    assert only.pyproject["project"] == {"version": "1.0", "name": "kindling-x", "dependencies": ["x"]}
    assert only.pyproject["tool"] == {"hatch": {"build": {"skip": 1, "a": 2}}}


def test_an_overlay_may_state_the_name():
    (only,) = resolved(variant(overlay="over.toml"), read=reading(over={"project": {"name": "other"}}))
    assert (only.project, only.selection_name) == ("other", "kindling")


def test_the_variants_own_keys_come_after_the_defaults():
    defaults = VariantConfig(
        variant=None,
        project={"description": "default", "keywords": ["k"]},
        extend_dependencies=("a",),
        tool={"hatch": {"one": 1, "two": 1}},
        layout={"packages/kindling": "kindling"},
        force_include={"a": "b"},
        exclude=("x",),
        publish_to=("github",),
    )
    own = variant(
        project={"description": "own"},
        extend_dependencies=("b",),
        exclude_dependencies=("a",),
        tool={"hatch": {"two": 2}},
        force_include={"c": "d"},
        sdist=False,
    )
    (only,) = resolved(own, defaults=defaults)
    assert only.pyproject["project"]["description"] == "own"
    assert only.pyproject["project"]["keywords"] == ["k"]
    assert only.pyproject["project"]["dependencies"] == ["delta-spark", "b"]
    assert only.pyproject["tool"]["hatch"] == {"build": {"skip": 1}, "one": 1, "two": 2}
    assert (dict(only.layout), dict(only.force_include)) == (
        {"packages/kindling": "kindling"},
        {"a": "b", "c": "d"},
    )
    assert (only.exclude, only.sdist, only.publish_to) == (("x",), False, ("github",))


def test_a_default_may_exclude_what_one_variant_does_not_have():
    defaults = VariantConfig(variant=None, exclude_dependencies=("absent",))
    assert resolved(variant(), defaults=defaults)
    with pytest.raises(ConfigurationError, match=r"^tool\.publish-all\.variants\.x\.exclude-dependencies"):
        resolved(variant(exclude_dependencies=("absent",)))


def test_hatch_toml_is_folded_in():
    beside = {"build": {"targets": {}}, "envs": {}}
    (only,) = resolved(variant(), read=reading(hatch=beside))
    assert only.pyproject["tool"]["hatch"] == beside


def test_resolving_leaves_the_configuration_alone():
    before = repr(BASE)
    resolved(variant(extend_dependencies=("a",), project={"keywords": ["k"]}), include_base=True)
    assert repr(BASE) == before


def test_two_of_one_name_and_version_are_refused():
    with pytest.raises(ConfigurationError, match=r"variants\.b\.name: .*'a'.*'b'.*Same_Name"):
        resolved(variant("a", name="same-name"), variant("b", name="Same_Name"))


def test_a_variant_with_the_projects_own_name_is_refused_beside_it():
    with pytest.raises(ConfigurationError, match="the project itself"):
        resolved(variant("a", name="Kindling"), include_base=True)


def test_one_variant_can_be_asked_for():
    assert [each.label for each in resolved(variant("a"), variant("b"), only=("b",), include_base=True)] == [
        "b"
    ]


@pytest.mark.parametrize(
    ("variants", "message", "hint"),
    [
        (("synapse",), "did you mean 'synapse'?", "There are: synapse"),
        (
            (),
            "there is no build variant 'sinapse'",
            "Add a table [tool.publish-all.variants.NAME] to pyproject.toml.",
        ),
    ],
)
def test_an_unknown_name_is_a_usage_error_with_the_nearest(variants, message, hint):
    with pytest.raises(UsageError) as caught:
        resolved(*map(variant, variants), only=("sinapse",))
    assert caught.value.message.endswith(message)
    assert caught.value.hint == hint


def test_a_file_that_is_not_there_is_named_with_its_key_path():
    with pytest.raises(
        ConfigurationError, match=r"^tool\.publish-all\.variants\.x\.overlay: there is no file .*no\.toml"
    ):
        resolved(variant(overlay="no.toml"))
    with pytest.raises(ConfigurationError, match=r"^tool\.publish-all\.variant-defaults\.pyproject"):
        resolved(variant(), defaults=VariantConfig(variant=None, pyproject="no.toml"))


def test_a_partial_file_is_not_a_full_one():
    with pytest.raises(ConfigurationError, match="not a full pyproject") as caught:
        resolved(variant(pyproject="p.toml"), read=reading(p={"tool": {"hatch": {}}}))
    assert caught.value.hint is not None
    assert "overlay" in caught.value.hint


def test_what_is_not_a_version_is_refused():
    with pytest.raises(ConfigurationError, match="'one' is not a PEP 440 version"):
        resolved(version="one")


LINUX, MAC = "py3-none-manylinux_2_28_x86_64", "py3-none-macosx_11_0_arm64"


def wheels(*tags, **more):
    return {tag: WheelConfig(tag=tag, **more) for tag in tags}


def tags(of):
    return [str(each.tag) for each in of.wheels]


def test_a_variant_with_wheels_has_no_sdist_unless_it_says_so():
    (without,) = resolved(variant(wheels=wheels(LINUX, MAC)))
    assert (tags(without), without.sdist) == ([LINUX, MAC], False)
    (with_one,) = resolved(variant(wheels=wheels(LINUX), sdist=True))
    assert with_one.sdist


def test_the_project_itself_has_wheels_of_its_own_and_its_variants_do_not_share_them():
    (base,) = resolved(wheels=wheels(LINUX, exclude=("a",)))
    assert (tags(base), base.sdist) == ([LINUX], False)
    assert base.wheels[0].where == f'tool.publish-all.wheels."{LINUX}"'
    (base,) = resolved(wheels=wheels(LINUX), sdist=True)
    assert base.sdist
    (only,) = resolved(variant(), wheels=wheels(LINUX))
    assert only.wheels == ()


def test_wheels_of_all_variants_are_replaced_tag_by_tag():
    defaults = VariantConfig(
        variant=None, wheels=wheels("py2.py3-none-any", exclude=("a",)) | wheels(LINUX, exclude=("a",))
    )
    (only,) = resolved(variant(wheels=wheels("py3.py2-none-any", exclude=("b",))), defaults=defaults)
    assert [each.exclude for each in only.wheels] == [("b",), ("a",)]
    assert [each.where for each in only.wheels] == [
        'tool.publish-all.variants.x.wheels."py3.py2-none-any"',
        f'tool.publish-all.variant-defaults.wheels."{LINUX}"',
    ]


def test_two_keys_for_one_wheel_are_an_error():
    with pytest.raises(ConfigurationError, match=r"the same wheel as 'py2\.py3-none-any'"):
        resolved(variant(wheels=wheels("py2.py3-none-any", "py3.py2-none-any")))


def test_variants_of_one_name_may_share_it_if_their_files_differ():
    linux, mac = variant("a", name="one", wheels=wheels(LINUX)), variant("b", name="one", wheels=wheels(MAC))
    assert [tags(each) for each in resolved(linux, mac)] == [[LINUX], [MAC]]
    with pytest.raises(ConfigurationError, match="would both be one"):
        resolved(linux, variant("b", name="one", wheels=wheels(MAC, LINUX)))


def test_a_local_version_follows_the_projects_and_stands_in_every_place():
    (only,) = resolved(variant(local_version="cu126"))
    assert (only.version, only.pyproject["project"]["version"]) == ("1.0+cu126", "1.0+cu126")
    (other,) = resolved(variant(), defaults=VariantConfig(variant=None, local_version="CU-118"))
    assert other.version == "1.0+cu.118"


def test_a_local_version_goes_before_the_commit():
    (only,) = resolved(variant(local_version="cu126"), version="1.1.dev2+g1234567")
    assert only.version == "1.1.dev2+cu126.g1234567"


def test_local_versions_tell_variants_of_one_name_apart():
    found = resolved(
        variant("a", name="one", local_version="cu126"), variant("b", name="one", local_version="cu118")
    )
    assert [each.version for each in found] == ["1.0+cu126", "1.0+cu118"]


def test_dependency_groups_are_replaced_group_by_group():
    base = {**BASE, "dependency-groups": {"dev": ["ruff"], "test": ["pytest"]}}
    groups = {"test": ["pytest>=8", {"include-group": "dev"}]}
    (only,) = resolved(variant(dependency_groups=groups), pyproject=base)
    assert only.pyproject["dependency-groups"] == {"dev": ["ruff"], **groups}


def test_extras_are_replaced_extra_by_extra():
    project = {**BASE["project"], "optional-dependencies": {"a": ["x"], "b": ["y"]}}
    (only,) = resolved(
        variant(project={"optional-dependencies": {"b": ["z"]}}), pyproject={**BASE, "project": project}
    )
    assert only.pyproject["project"]["optional-dependencies"] == {"a": ["x"], "b": ["z"]}


def test_a_pyproject_whose_tables_are_none_is_refused():
    with pytest.raises(ConfigurationError, match=r"pyproject\.toml: project\.dynamic: must be a list"):
        resolved(pyproject={"project": {"name": "x", "version": "1", "dynamic": 3}})


@pytest.mark.parametrize("key", ["overlay", "pyproject"])
def test_a_file_of_a_variant_whose_tables_are_none_is_refused_with_its_name(key):
    with pytest.raises(ConfigurationError, match=r"over\.toml: project: must be a table, not the number 3"):
        resolved(variant(**{key: "over.toml"}), read=reading(over={"project": 3, "tool": {"poetry": {}}}))


def test_a_variant_whose_name_makes_no_valid_distribution_name_is_named_in_the_error():
    config = parse_project(
        {"project": {"name": "demo", "version": "1"}, "tool": {"publish-all": {"variants": {"c++": {}}}}},
        root=Path("/demo"),
    )
    with pytest.raises(
        ConfigurationError, match=r"variants\.c\+\+: 'demo-c\+\+' is not a valid distribution name"
    ) as caught:
        resolve_variants(config, version="1")
    assert "`name`" in caught.value.hint
