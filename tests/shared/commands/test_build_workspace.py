"""What is done for each member of a workspace: side by side, in order, with the name of the one that fails."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from publish_all.commands.build import BuildOptions, build, each_project
from publish_all.commands.context import Runtime
from publish_all.config.load import label, load_project
from publish_all.errors import BuildError, UsageError
from publish_all.events import Note

MEMBER = '[project]\nname = "{0}"\nversion = "1.0"\n[build-system]\nrequires = ["{1}"]\n'


@pytest.fixture
def members(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    for name in ("a", "b", "c", "d"):
        (tmp_path / name).mkdir()
        variants = "[tool.publish-all.variants.x]" if name in {"b", "d"} else ""
        (tmp_path / name / "pyproject.toml").write_text(MEMBER.format(name, "hatchling") + variants)
    (tmp_path / "pyproject.toml").write_text('[tool.publish-all.workspace]\nmembers = ["*"]')
    events: list[object] = []

    def run(do, *variants, names=()):
        config = load_project(tmp_path, names)
        runtime = Runtime(home=tmp_path, listener=events.append)
        found = each_project(config, variants, do, runtime=lambda _: runtime)
        return found, events

    return run


def test_members_go_side_by_side_and_are_answered_in_order(members):
    together = threading.Barrier(2)

    def do(config, variants, runtime):
        runtime.listener(Note(message=label(config)))
        together.wait(timeout=10)
        return label(config), variants

    found, events = members(do)

    assert found == [("a", ()), ("b", ()), ("c", ()), ("d", ())]
    assert {each.message for each in events} == {"a", "b", "c", "d"}


def test_members_without_the_variant_are_passed_over(members):
    found, _ = members(lambda config, variants, _: (label(config), variants), "x")

    assert found == [("b", ("x",)), ("d", ("x",))]
    with pytest.raises(UsageError, match="no member of the workspace has a build variant 'y'"):
        members(lambda *_: None, "y")


def test_the_member_that_fails_is_named(members):
    def do(config, *_):
        if label(config) == "c":
            raise BuildError("no compiler", hint="get one")

    with pytest.raises(BuildError) as caught:
        members(do)

    assert caught.value.message == "c: no compiler"
    assert caught.value.hint == "get one"


def test_ctrl_c_ends_it_at_once(members):
    begun = []

    def do(config, *_):
        begun.append(label(config))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        members(do)
    assert set(begun) <= {"a", "b"}


POETRY = """
[tool.poetry]
name = "{0}"
version = "2.0"
[build-system]
requires = ["poetry-core"]
build-backend = "poetry.core.masonry.api"
"""
PATHS = """
[tool.poetry.dependencies]
core-lib = {path = "../core", develop = true}
plain = "^1"
"""


@pytest.mark.parametrize(
    "project", ["", '[project]\nname = "app"\nversion = "2.0"\ndependencies = ["core-lib"]\n']
)
@pytest.mark.parametrize("configured", [False, True])
def test_what_is_required_instead_of_a_path_is_told_once(tmp_path, *, project, configured):
    for name, text in (("core", POETRY.format("core-lib")), ("app", project + POETRY.format("app") + PATHS)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pyproject.toml").write_text(text)
    if configured:
        (tmp_path / "pyproject.toml").write_text('[tool.publish-all.workspace]\nmembers = ["*"]')
    (tmp_path / ".git").mkdir()
    events: list[object] = []
    runtime = Runtime(home=tmp_path, listener=events.append)

    with pytest.raises(UsageError, match="to build"):
        build(BuildOptions(directory=tmp_path / "app", kinds=(), runtime=runtime))

    notes = [each.message for each in events if isinstance(each, Note)]
    required = "core-lib>=2.0,<3" if project else "core-lib >=2.0,<3"
    told = f"core-lib is a path dependency: the metadata requires {required!r} instead"
    assert notes == ([] if configured else [told])
