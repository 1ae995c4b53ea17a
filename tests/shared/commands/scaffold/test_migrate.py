from __future__ import annotations

import pytest

from publish_all.commands.scaffold.choices import MARK, Login, NewRepository, Trigger
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
    assert (made.destinations, made.repositories, tuple(made.notes)) == (names, (), ())
    assert made.kept.triggers == (Trigger.RELEASE,)


@pytest.mark.parametrize(
    ("condition", "triggers"),
    [
        ("startsWith(github.ref, 'refs/tags/')", (Trigger.TAG,)),
        ("github.ref_type == 'tag'", (Trigger.TAG,)),
        ("github.ref == 'refs/heads/main'", ()),
    ],
)
@pytest.mark.parametrize("of", ["job", "step"])
def test_a_condition_that_asks_for_a_tag_is_the_trigger_where_every_push_starts_the_workflow(
    migrate, condition, triggers, of
):
    job, step = (f"    if: {condition}\n", "") if of == "job" else ("", f"        if: {condition}\n")
    made = migrate(
        ci=f"on: push\njobs:\n  publish:\n{job}    runs-on: x\n    steps:\n      - run: twine upload x\n{step}"
    )
    assert made.kept.triggers == triggers


@pytest.mark.parametrize(
    "commands",
    [
        [f"twine upload --repository-url {CORP} x"],
        [f"poetry config repositories.inhouse {CORP}", "poetry publish -r inhouse"],
        [f"poetry config repositories.pypi.url {CORP} && poetry publish -r pypi"],
    ],
)
def test_a_private_index_is_stated_with_its_url(migrate, commands):
    made = migrate(ci=workflow(*commands))
    assert made.destinations == ("corp",)
    assert [(each.name, each.url) for each in made.repositories] == [("corp", CORP)]
    assert made.replaceable


def test_a_name_that_another_tool_knows_is_taken_from_there(migrate):
    known = NewRepository(name="corp", url=CORP, origin=".pypirc")
    made = migrate(ci=workflow("twine upload -r corp x"), known=[known])
    assert (made.destinations, made.repositories) == (("corp",), (known,))


def test_a_password_in_a_url_is_neither_taken_nor_shown(migrate):
    made = migrate(
        ci=workflow("twine upload --repository-url https://bob:hunter2@pypi.corp.example/legacy/ x")
    )
    assert made.destinations == ()
    assert "hunter2" not in repr((made.notes, made.steps, made.repositories))


@pytest.mark.parametrize(
    ("command", "note"),
    [
        ("twine upload -r corp x", "it publishes to corp, whose URL is not known: add `-r NAME=URL`"),
        ("twine upload --repository-url https://upload.pkg.github.com/o/p x", "add `-r NAME=URL`"),
        ("twine upload --repository-url ${{ secrets.URL }} x", "add `-r NAME=URL`"),
    ],
)
def test_says_what_it_can_t_know(migrate, command, note):
    made = migrate(ci=workflow(command))
    assert made.destinations == ()
    assert note in next(iter(made.notes))


def test_a_workflow_that_does_nothing_else_can_be_replaced(migrate):
    publishing = workflow("poetry build", "poetry publish")
    more = publishing + "  docs:\n    steps:\n      - run: mkdocs build\n"
    assert migrate(a=more).replaceable is False
    assert migrate(a=workflow("frobnicate", "poetry publish")).replaceable is False
    made = migrate(a=more, b=publishing)
    assert (made.path.name, made.replaceable) == ("b.yml", True)
    assert {each.path.name: [*each.steps.values()] for each in made.publishing} == {
        "a.yml": ["a.yml:6: “poetry publish”"],
        "b.yml": ["b.yml:6: “poetry publish”"],
    }


def test_passes_over_workflows_of_its_own_and_those_that_do_not_publish(migrate):
    made = migrate(a=f"{MARK}\n{workflow('poetry publish')}", b=workflow("pytest"), c="a: [\n")
    assert made.steps == {}
    assert "c.yml" in next(iter(made.notes))


def test_reads_the_named_one_alone(migrate):
    made = migrate("b.yml", a=workflow("twine upload -r testpypi x"), b=workflow("poetry publish"))
    assert made.destinations == ("pypi",)
    with pytest.raises(ConfigurationError, match=r"none\.yml"):
        migrate("none.yml")


def test_says_that_a_trusted_publisher_is_bound_to_its_workflow(migrate):
    made = migrate(ci=workflow(more="      - uses: pypa/gh-action-pypi-publish@release/v1\n"))
    assert made.destinations == ("pypi",)
    assert (made.path.name, made.trusted) == ("ci.yml", {"pypi": None})


def with_env(command, **env):
    stated = "".join(f"          {key}: {value}\n" for key, value in env.items())
    return f"on: release\njobs:\n  publish:\n    environment: release\n    steps:\n      - run: {command}\n        env:\n{stated}"


SECRET = "${{ secrets.PYPI_API_TOKEN }}"


@pytest.mark.parametrize(
    ("text", "login"),
    [
        (with_env("twine upload dist/*", TWINE_USERNAME="__token__", TWINE_PASSWORD=SECRET), ""),
        (with_env("twine upload -p $TOKEN dist/*", TOKEN=SECRET), ""),
        (with_env("poetry publish", POETRY_PYPI_TOKEN_PYPI=SECRET), ""),
        (with_env("poetry publish -u __token__ -p $TOKEN", TOKEN=SECRET), ""),
        (workflow(f"twine upload -u __token__ -p {SECRET} x"), ""),
        (with_env("uv publish", UV_PUBLISH_TOKEN=SECRET), ""),
        (with_env("scripts/publish", TWINE_PASSWORD=SECRET), ""),
        (with_env("hatch publish", HATCH_INDEX_USER="__token__", HATCH_INDEX_AUTH=SECRET), ""),
        (workflow(more=f"      - uses: pypa/gh-action-pypi-publish@v1\n        with: {{password: '{SECRET}'}}\n"), ""),
        (workflow(more=f"      - uses: JRubics/poetry-publish@v2\n        with: {{pypi_token: '{SECRET}'}}\n"), ""),
        (with_env(f"twine upload --repository-url {CORP} x", TWINE_USERNAME="bob", TWINE_PASSWORD=SECRET), "bob"),
        (
            with_env(f"twine upload --repository-url {CORP} x", TWINE_USERNAME="${{ secrets.U }}", TWINE_PASSWORD=SECRET),
            "${{ secrets.U }}",
        ),
    ],
)  # fmt: skip
def test_keeps_the_name_of_the_secret_and_the_environment(migrate, text, login):
    made = migrate(ci=text)
    (name,) = made.destinations
    assert made.kept.logins == {name: Login("PYPI_API_TOKEN", login)}
    if "environment" in text:
        assert made.kept.environments == {name: "release"}


@pytest.mark.parametrize(
    ("name", "destinations"),
    [
        ("POETRY_PYPI_TOKEN_PYPI", ("pypi",)),
        ("POETRY_HTTP_BASIC_PYPI_PASSWORD", ("pypi",)),
        ("POETRY_HTTP_BASIC_CORP_PASSWORD", ()),
    ],
)
def test_a_script_with_the_login_of_a_private_source_does_not_publish(migrate, name, destinations):
    assert migrate(ci=with_env("make test", **{name: SECRET})).destinations == destinations


@pytest.mark.parametrize(
    ("on", "prefix"),
    [
        ("{push: {tags: ['v*']}}", "v"),
        ("{push: {tags: ['v[0-9]+.*']}}", "v"),
        ("{push: {tags: ['*.*.*', 'release-*']}}", "release-"),
        ("{push: {tags: '*'}}", None),
    ],
)
def test_keeps_what_tags_begin_with(migrate, on, prefix):
    assert migrate(ci=workflow("twine upload x", on=on)).kept.tag_prefix == prefix


def test_testpypi_before_pypi_is_a_rehearsal(migrate):
    made = migrate(ci=workflow("twine upload -r testpypi x", "twine upload x"))
    assert (made.destinations, made.kept.rehearse) == (("pypi",), True)


TWO_JOBS = """\
on: {push: {branches: [main], tags: ['v*']}}
jobs:
  test:
    steps:
      - run: pytest

  # To PyPI, when a tag is pushed.
  publish:
    needs: test
    steps:
      - uses: actions/checkout@v4

      # Build and upload.
      - run: |
          python -m build
          # Then

          twine upload dist/*
        # A comment in between.
        env: {TWINE_PASSWORD: x}

  # The pages.
  docs:
    needs: [test]
    steps:
      - run: mkdocs gh-deploy
"""


def without(made):
    (workflow,) = made.publishing
    return workflow.without_publishing()


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_job_that_only_publishes_is_taken_out_of_a_workflow_that_does_more(migrate, tmp_path, newline):
    migrate()
    text = TWO_JOBS.replace("\n", newline)
    (tmp_path / ".github" / "workflows" / "ci.yml").write_bytes(text.encode())
    before, _, after = text.partition(f"{newline}  # To PyPI")
    made = migrate()
    assert without(made) == before + after[after.index(f"{newline}  # The pages") :]
    assert not made.replaceable


def test_jobs_that_wait_for_each_other_are_taken_out_together(migrate):
    job = "  {}:\n    needs: {}\n    steps:\n      - run: twine upload -r {} x\n"
    text = TWO_JOBS.partition("\n  # To")[0]
    both = job.format("rehearse", "test", "testpypi") + job.format("publish", "rehearse", "pypi")
    assert without(migrate(ci=text + both)) == text
    other_way = job.format("publish", "rehearse", "pypi") + job.format("rehearse", "test", "testpypi")
    assert without(migrate(ci=text + other_way)) == text


@pytest.mark.parametrize(
    ("old", "new"), [("needs: [test]", "needs: [test, publish]"), ("      - uses", "      - run: ./announce.sh\n      - uses")]
)  # fmt: skip
def test_a_step_is_taken_out_of_a_job_that_others_need_or_that_does_more(migrate, old, new):
    text = TWO_JOBS.replace(old, new)
    before, _, after = text.partition("\n      # Build and upload.")
    assert without(migrate(ci=text)) == before + after[after.index("\n\n  # The pages") + 1 :]


@pytest.mark.parametrize(
    "text",
    [
        workflow("pytest", "twine upload dist/* && ./announce.sh"),
        workflow("pytest", "twine upload dist/* | ./announce.sh"),
        with_env("scripts/publish", TWINE_PASSWORD=SECRET),
        workflow("pytest", "twine upload -r unknown dist/*"),
        workflow("poetry publish"),
        workflow("twine upload x") + "  docs:\n    needs: publish\n    steps:\n      - run: x\n",
        "on: release\njobs: {a: {steps: [{run: pytest}, {run: ./x}, {run: twine upload x}]}}\n",
        "on: release\njobs:\n  a:\n    steps:\n      - run: ./x\n      -\n        run: twine upload x\n",
        "on: release\njobs:\n  a:\n    steps:\n      - &x {run: twine upload x}\n  b:\n    steps: [run: ./x, *x]\n",
        'on: release\njobs:\n  a:\n    steps:\n      - run: ./x\n      - run: "twine upload\n  x"\n',
    ],
)
def test_what_cannot_be_taken_out_is_refused(migrate, text):
    assert without(migrate(ci=text)) is None


def test_another_project_of_the_repository_is_left_alone(migrate, tmp_path):
    migrate(ci=TWO_JOBS, lib=TWO_JOBS.replace("python -m build", "cd lib; python -m build"))
    made = read_migration(None, repository=tmp_path, subfolder="lib", known=())
    assert [each.path.name for each in made.publishing] == ["lib.yml"]


def test_tells_which_inputs_python_versions_and_events_are_left_out(migrate):
    python = "      - uses: actions/setup-python@v5\n        with: {python-version: '${{ matrix.python }}'}\n"
    on = "{push: {tags: ['v*']}, pull_request: {}, workflow_dispatch: {inputs: {dry_run: {type: boolean}}}}"
    text = workflow("twine upload x", on=on, more=python).replace(
        "    steps", "    strategy: {matrix: {python: ['3.11', '3.12']}}\n    steps"
    )
    made = migrate(ci=text)
    assert made.left_out == "input dry_run, Python 3.11, Python 3.12, event pull_request"
    more = "  docs:\n    steps:\n      - run: x\n"
    assert migrate(ci=text + more).left_out == "input dry_run, Python 3.11, Python 3.12"
    assert migrate(ci=workflow("twine upload x", on="push")).left_out == "event push"
    token = workflow("twine upload x", more=python.replace("${{ matrix.python }}", f"ghp_{'a' * 36}"))
    assert migrate(ci=token).left_out == "Python ***"


def test_a_workflow_that_is_only_started_by_hand_publishes_no_releases(migrate):
    made = migrate(ci=workflow("pytest", "twine upload -r testpypi x", on="workflow_dispatch"))
    assert (made.destinations, made.publishing) == (("testpypi",), [])
    assert migrate(ci=workflow("twine upload x", on="workflow_dispatch")).replaceable


def test_a_workflow_for_other_events_does_not_publish_releases(migrate):
    made = migrate(ci=workflow("twine upload -r testpypi x", on="{push: {branches: [main]}}"))
    assert (made.path.name, made.replaceable, made.publishing) == ("ci.yml", False, [])


def test_the_others_that_publish_are_seen_too_where_one_is_named(migrate):
    made = migrate("a.yml", a=workflow("twine upload x"), b=workflow("poetry publish"))
    assert [each.path.name for each in made.publishing] == ["a.yml", "b.yml"]
    assert (made.path.name, made.destinations) == ("a.yml", ("pypi",))


@pytest.mark.parametrize(
    ("step", "subfolder", "found"),
    [
        ("uses: pypa/cibuildwheel@v4", "", True),
        ("run: pipx run cibuildwheel", "", True),
        ("{uses: PyO3/maturin-action@v1, with: {working-directory: rust}}", "rust", True),
        ("{uses: PyO3/maturin-action@v1, with: {working-directory: rust}}", "python", False),
        ("run: python -m build", "", False),
    ],
)
def test_finds_the_step_that_builds_for_platforms(migrate, tmp_path, step, subfolder, found):
    (tmp_path / ".github" / "workflows" / "wheels.yml").write_text(
        f"on: push\njobs:\n  a:\n    steps:\n      - {step}\n"
    )
    made = read_migration(None, repository=tmp_path, subfolder=subfolder, known=())
    assert made.platforms.partition(": ")[0] == ("wheels.yml:5" if found else "")
