from __future__ import annotations

import pytest

from publish_all.commands.scaffold.choices import MARK, NewRepository, Trigger
from publish_all.commands.scaffold.hand_made import read_migration
from publish_all.errors import ConfigurationError

CORP = "https://pypi.corp.example/legacy/"


@pytest.fixture
def migrate(tmp_path):
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)

    def run(named=None, known=(), **workflows):
        for name, text in workflows.items():
            (folder / f"{name}.yml").write_text(text)
        path = folder / named if named else None
        return read_migration(path, repository=tmp_path, subfolder="", known=known)

    return run


def workflow(*commands, on="release", more=""):
    steps = "".join(f"      - run: {each}\n" for each in commands)
    return f"on: {on}\njobs:\n  publish:\n    steps:\n{steps}{more}"


@pytest.mark.parametrize(
    ("commands", "names"),
    [
        (["poetry publish"], ("pypi",)),
        (["twine upload -r testpypi x", "twine upload x"], ("pypi",)),
        (["hatch publish -r test"], ("testpypi",)),
        (["twine upload --repository-url https://test.pypi.org/legacy/ x"], ("testpypi",)),
        (["twine upload --repository-url https://upload.pypi.org/legacy/ x"], ("pypi",)),
        (["hatch publish -r local"], ("local",)),
    ],
)
def test_finds_the_destinations_by_name_and_url(migrate, commands, names):
    made = migrate(ci=workflow(*commands))
    assert (made.destinations, made.repositories, made.notes) == (names, (), ())
    assert made.triggers == (Trigger.RELEASE,)


def test_github_s_python_urls_become_its_container_registry(migrate):
    url = "https://upload.pkg.github.com/sep/kindling"
    made = migrate(ci=workflow(f"poetry config repositories.ghp {url}", "poetry publish -r ghp"))
    assert (made.destinations, made.repositories) == (("github",), ())
    assert "upload.pkg.github.com" in made.notes[0]


@pytest.mark.parametrize(
    ("commands", "name"),
    [
        ([f"poetry config repositories.inhouse {CORP}", "poetry publish -r inhouse"], "inhouse"),
        ([f"twine upload --repository-url {CORP} x"], "corp"),
        ([f"poetry config repositories.pypi {CORP}", "poetry publish -r pypi"], "corp"),
    ],
)
def test_a_private_index_is_stated_with_its_url(migrate, commands, name):
    made = migrate(ci=workflow(*commands))
    assert made.destinations == (name,)
    assert [(each.name, each.url) for each in made.repositories] == [(name, CORP)]


def test_a_name_that_another_tool_knows_is_taken_from_there(migrate):
    known = NewRepository(name="corp", url=CORP, origin=".pypirc")
    made = migrate(ci=workflow("twine upload -r corp x"), known=[known])
    assert (made.destinations, made.repositories) == (("corp",), (known,))


def test_a_password_in_a_url_is_neither_taken_nor_shown(migrate):
    made = migrate(
        ci=workflow("twine upload --repository-url https://bob:hunter2@pypi.corp.example/legacy/ x")
    )
    assert made.destinations == ()
    assert "hunter2" not in repr(made)


@pytest.mark.parametrize(
    ("command", "note"),
    [
        ("twine upload -r corp x", "publishes to 'corp', whose URL is not stated: add `-r corp=URL`"),
        ("twine upload --repository-url ${{ secrets.URL }} x", "add `-r NAME=URL`"),
    ],
)
def test_says_what_it_can_t_know(migrate, command, note):
    made = migrate(ci=workflow(command))
    assert made.destinations == ()
    assert note in made.notes[0]


def test_a_workflow_that_does_nothing_else_can_be_replaced(migrate):
    publishing = workflow("poetry build", "poetry publish")
    more = publishing + "  docs:\n    steps:\n      - run: mkdocs build\n"
    made = migrate(a=publishing, b=more, c=workflow("frobnicate", "poetry publish"))
    assert [each.name for each in made.workflows] == ["a.yml", "b.yml", "c.yml"]
    assert [each.name for each in made.replaceable] == ["a.yml"]


def test_passes_over_workflows_of_its_own_and_those_that_do_not_publish(migrate):
    made = migrate(a=f"{MARK}\n{workflow('poetry publish')}", b=workflow("pytest"), c="a: [\n")
    assert made.workflows == ()
    assert "c.yml" in made.notes[0]


def test_reads_the_named_one_alone(migrate):
    made = migrate("b.yml", a=workflow("twine upload -r testpypi x"), b=workflow("poetry publish"))
    assert made.destinations == ("pypi",)
    with pytest.raises(ConfigurationError, match=r"none\.yml"):
        migrate("none.yml")


def test_says_that_a_trusted_publisher_is_bound_to_its_workflow(migrate):
    made = migrate(ci=workflow(more="      - uses: pypa/gh-action-pypi-publish@release/v1\n"))
    assert made.destinations == ("pypi",)
    assert "must be registered as well" in made.notes[0]
