from __future__ import annotations

from subprocess import CompletedProcess

import pytest

from publish_all._toml import loads
from publish_all.commands.context import Runtime
from publish_all.commands.init import carry_out, plan_init, suggest
from publish_all.commands.scaffold.choices import Login, Service, Trigger
from publish_all.commands.scaffold.found import InitOptions, look
from publish_all.config.folders import Folders, HostFolders
from publish_all.config.model import VersionSource
from publish_all.errors import ConfigurationError, UsageError

HATCH = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1.0"
"""
CORP = "https://pypi.corp.example/legacy/"
HAND_MADE = f"""\
on: {{push: {{tags: ["v*"]}}}}
jobs:
  publish:
    steps:
      - run: twine upload --repository-url {CORP} dist/*
"""


class Project:
    """A project in a git repository, and what `init` makes of it."""

    def __init__(self, root, runtime):
        self.root = root
        self._around = runtime
        self.git_remote = "https://github.com/sep/demo"

    def add(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def planned(self, **options):
        found = look(made := InitOptions(directory=self.root, runtime=self._around, **options))
        return plan_init(suggest(made, found), found)

    def suggested(self, **options):
        found = look(made := InitOptions(directory=self.root, runtime=self._around, **options))
        return suggest(made, found)


@pytest.fixture
def project(tmp_path):
    hosts = HostFolders(
        **{name: tmp_path / "home" / name for name in ("poetry", "hatch", "uv", "pdm", "pypirc")}
    )
    folders = Folders(config=tmp_path / "config.toml", data=tmp_path, hosts=hosts)

    def git(command, **_):
        return CompletedProcess(command, 0, f"{made.git_remote}\n", "")

    made = Project(tmp_path / "demo", Runtime(environment={}, home=tmp_path, run=git, folders=folders))
    made.add(".git/HEAD", "")
    made.add("pyproject.toml", HATCH)
    return made


def ours(plan):
    return loads(plan.changes[0].after)["tool"]["publish-all"]


def test_what_goes_without_saying(project):
    answers = project.suggested()
    assert (answers.settings.publish_to, answers.services, answers.pipeline.triggers) == (
        ("pypi",),
        (Service.GITHUB,),
        (Trigger.RELEASE,),
    )
    assert not answers.pipeline.rehearses
    assert answers.pipeline.split


def test_plans_the_configuration_a_workflow_and_the_forms(project):
    plan = project.planned()
    assert [(each.name, each.verb) for each in plan.changes] == [
        ("pyproject.toml", "change"),
        (".github/workflows/publish.yml", "create"),
    ]
    assert ours(plan) == {"publish-to": ["pypi"]}
    assert plan.forms[0].fields[:2] == (("PyPI Project Name", "demo"), ("Owner", "sep"))
    assert not (project.root / ".github").exists()


def test_carries_out_what_was_planned_and_then_has_nothing_to_do(project):
    carry_out(project.planned(version_source=VersionSource.GIT))
    assert 'source = "git"' in (project.root / "pyproject.toml").read_text()
    assert (project.root / ".github/workflows/publish.yml").is_file()
    assert project.planned().needed == ()


LITERAL = '__version__ = "1.0"\n'


def test_a_version_from_tags_needs_no_file_and_says_what_is_left_to_do(project):
    project.add("demo/__init__.py", LITERAL)
    project.add("build-configs/spark.toml", HATCH.replace('"demo"', '"demo-spark"'))
    plan = project.planned(version_source=VersionSource.GIT)
    assert ours(plan)["version"] == {"source": "git"}
    assert "`git tag v1.0`" in plan.notes[-1]
    assert "release:" in plan.changes[1].after


def test_places_that_are_written_before_the_tag_leave_no_release_on_the_web(project):
    project.add("demo/__init__.py", LITERAL)
    project.add("pyproject.toml", HATCH + '[tool.publish-all.version]\nsync = ["demo/*.py"]\n')
    assert project.suggested().pipeline.triggers == (Trigger.RELEASE,)
    assert project.suggested(version_source=VersionSource.GIT).pipeline.triggers == (Trigger.TAG,)
    note, _ = project.planned(version_source=VersionSource.GIT).notes
    assert note.startswith("demo/*.py: in tool.publish-all.version.sync, so each release")


def test_a_file_that_changes_between_the_diff_and_the_answer_is_left_alone(project):
    plan = project.planned()
    project.add("pyproject.toml", HATCH + "\n")
    with pytest.raises(ConfigurationError, match="has changed meanwhile"):
        carry_out(plan)
    assert not (project.root / ".github").exists()


def test_flags_take_the_place_of_what_was_found(project):
    plan = project.planned(
        publish_to=(f"corp={CORP}", "main"),
        services=(Service.GITLAB,),
        tests=("make test",),
        tag_prefix="demo-v",
        version_source=VersionSource.GIT,
        rehearse=False,
    )
    assert ours(plan) == {
        "publish-to": ["corp", "pypi"],
        "repositories": {"corp": {"url": CORP}},
        "version": {"source": "git", "tag-prefix": "demo-v"},
    }
    pipeline = plan.changes[1]
    assert pipeline.name == ".gitlab-ci.yml"
    assert "- make test" in pipeline.after
    assert "/^(demo" in pipeline.after
    assert "testpypi" not in pipeline.after


@pytest.mark.parametrize(
    ("stated", "problem"),
    [
        ("pipy", "no repository 'pipy' found"),
        ("corp", "no repository 'corp' found"),
        ("corp=ftp://x", "the destination 'corp'"),
        ("pypi=https://x.example/", "can't change its URL"),
        ("a b", "is not a valid repository name"),
    ],
)
def test_a_destination_that_is_none_is_an_error_that_says_what_to_write(project, stated, problem):
    with pytest.raises(UsageError, match=problem):
        project.suggested(publish_to=(stated,))


def test_a_private_project_does_not_go_to_pypi(project):
    project.add("pyproject.toml", HATCH + 'classifiers = ["Private :: Do Not Upload"]\n')
    assert project.suggested().settings.publish_to == ("github",)


def test_a_folder_of_this_machine_needs_no_ci(project):
    plan = project.planned(publish_to=("local",))
    assert [each.name for each in plan.changes] == ["pyproject.toml"]
    assert "no CI workflow is written" in plan.notes[0]
    assert plan.forms == ()


def test_an_attribute_that_is_nowhere_is_an_error(project):
    with pytest.raises(UsageError, match="no Python file of the project has a __version__"):
        project.suggested(version_source=VersionSource.ATTRIBUTE)


def test_what_a_hand_made_workflow_does_goes_without_saying(project):
    project.add(".github/workflows/ci.yml", HAND_MADE)
    answers = project.suggested()
    assert (answers.settings.publish_to, answers.pipeline.triggers) == (("corp",), (Trigger.TAG,))
    plan = project.planned()
    assert ours(plan)["repositories"] == {"corp": {"url": CORP}}
    assert [(each.name, each.verb) for each in plan.changes[1:]] == [(".github/workflows/ci.yml", "change")]


def test_destinations_that_are_stated_stay_unless_a_workflow_is_named(project):
    project.add("pyproject.toml", HATCH + "[tool.publish-all]\npublish-to = ['local']\n")
    project.add(".github/workflows/ci.yml", HAND_MADE)
    assert project.suggested().settings.publish_to == ("local",)
    named = project.root / ".github" / "workflows" / "ci.yml"
    assert project.suggested(from_workflow=named).settings.publish_to == ("corp",)


def test_a_hand_made_publish_yml_that_is_understood_is_replaced(project):
    project.add(".github/workflows/publish.yml", HAND_MADE)
    change = project.planned().changes[1]
    assert (change.name, change.before) == (".github/workflows/publish.yml", HAND_MADE)


@pytest.mark.parametrize(
    "more",
    [
        "      - run: ./announce.sh\n",
        "      - run: poetry run pytest\n",
        "  docs:\n    steps:\n      - run: mkdocs gh-deploy\n",
    ],
)
def test_what_publishes_is_taken_out_of_a_hand_made_publish_yml_that_does_more(project, more):
    project.add(".github/workflows/publish.yml", HAND_MADE + more)
    other, ours = project.planned().changes[1:]
    assert ours.name == ".github/workflows/publish-all.yml"
    assert (other.name, other.verb) == (".github/workflows/publish.yml", "change")
    assert "-      - run: twine upload" in other.diff
    assert "twine upload" not in other.after
    assert other.after.endswith(more)


def test_nothing_is_written_beside_a_workflow_that_publishes_in_a_way_that_can_t_be_taken_out(project):
    project.add(".github/workflows/ci.yml", HAND_MADE.replace("dist/*", "dist/* | ./announce.sh"))
    plan = project.planned()
    assert [each.name for each in plan.changes] == ["pyproject.toml"]
    assert "publish.yml is not written, because ci.yml:5: “twine upload" in plan.missing
    assert plan.forms == ()


def test_nothing_is_written_where_wheels_are_built_for_several_platforms(project):
    wheels = "  wheels:\n    steps:\n      - uses: pypa/cibuildwheel@v4\n"
    project.add(".github/workflows/ci.yml", HAND_MADE + wheels)
    plan = project.planned()
    assert [each.name for each in plan.changes] == ["pyproject.toml"]
    assert (
        "publish.yml is not written, because wheels are built for several platforms (ci.yml:" in plan.missing
    )


def test_of_two_that_only_publish_one_is_to_be_removed_first(project):
    project.add(".github/workflows/publish.yml", HAND_MADE)
    project.add(".github/workflows/again.yml", HAND_MADE)
    plan = project.planned()
    assert [each.name for each in plan.changes] == ["pyproject.toml"]
    assert "publish.yml is not written, because again.yml:5: “twine upload" in plan.missing
    (project.root / ".github/workflows/again.yml").unlink()
    carry_out(project.planned())
    assert project.planned().needed == ()


def test_tells_what_of_a_workflow_is_left_out(project):
    python = "      - uses: actions/setup-python@v5\n        with: {python-version: '3.12'}\n"
    project.add(".github/workflows/ci.yml", HAND_MADE + python)
    assert project.planned().notes == ("ci.yml: not in the new workflow: Python 3.12",)


def test_logs_in_with_a_token_where_it_is_asked_to(project):
    publish_to = ("testpypi", "pypi")
    logins = project.suggested(publish_to=publish_to, auth={"pypi": "token"}).pipeline.logins
    assert logins == {"pypi": Login("PYPI_TOKEN")}
    both = project.suggested(publish_to=publish_to, auth={"": "token"}).pipeline
    assert (list(both.logins), both.trusted) == (["testpypi", "pypi"], ())
    assert both.requirement.startswith("publish-all[cli]==")


@pytest.mark.parametrize(("name", "how"), [("", "x"), ("pypi", "x"), ("corp", "token"), ("github", "oidc")])
def test_another_way_to_log_in_is_an_error(project, name, how):
    with pytest.raises(UsageError, match="--auth"):
        project.suggested(publish_to=("pypi", "github"), auth={name: how})


def test_keeps_secret_environment_and_tags_of_the_workflow_that_it_replaces(project):
    project.add(
        ".github/workflows/release.yml",
        "on: {push: {tags: ['release-*']}}\njobs:\n  publish:\n    environment: production\n    steps:\n"
        "      - run: python -m build && twine upload dist/*\n"
        "        env: {TWINE_USERNAME: __token__, TWINE_PASSWORD: '${{ secrets.PYPI_UPLOAD }}'}\n",
    )
    plan = project.planned()
    text = plan.changes[1].after
    assert plan.changes[1].name == ".github/workflows/release.yml"
    for each in (
        "tags: ['release-[0-9]*']",
        "environment: production",
        "PUBLISH_ALL_PYPI_TOKEN: ${{ secrets.PYPI_UPLOAD }}",
        "publish -r pypi --auth token",
    ):
        assert each in text
    assert "id-token" not in text
    assert "it authenticates with PYPI_UPLOAD, as before" in plan.notes[-1]
    assert [each.title for each in plan.forms] == ["GitHub: the environments of the jobs"]
    carry_out(plan)
    assert project.planned().needed == ()
    trusted = project.planned(auth={"pypi": "oidc"}).changes[1].after
    assert "id-token: write" in trusted


def test_a_workflow_that_pypi_trusts_stays_trusted_in_the_same_file(project):
    trusted = HAND_MADE.replace(
        f"run: twine upload --repository-url {CORP} dist/*", "uses: pypa/gh-action-pypi-publish@v1"
    )
    project.add(
        ".github/workflows/ci.yml", trusted.replace("    steps", "    environment: release\n    steps")
    )
    plan = project.planned()
    assert plan.changes[1].name == ".github/workflows/ci.yml"
    assert [dict(each.fields) for each in plan.forms] == [{"Environment": "release"}]
    project.add(".github/workflows/ci.yml", trusted + "  docs:\n    steps:\n      - run: mkdocs gh-deploy\n")
    plan = project.planned()
    assert "ci.yml is already a trusted publisher on PyPI: register publish.yml, too" in plan.notes[-1]
    assert plan.forms[0].title == "PyPI: a trusted publisher for demo"


def test_keeps_what_it_has_written_before(project):
    chosen = {
        "publish_to": ("pypi", "github", f"corp={CORP}"),
        "triggers": (Trigger.TAG,),
        "tests": ("make test", "make docs"),
        "rehearse": True,
        "split": False,
        "auth": {"pypi": "token"},
        "tag_prefix": "demo-v",
    }
    plan = project.planned(**chosen)
    carry_out(plan)
    assert project.planned().needed == ()
    path = project.root / ".github/workflows/publish.yml"
    path.rename(path.with_name("release.yml"))
    path = path.with_name("release.yml")
    text = (
        path.read_text().replace("secrets.CORP_TOKEN", "secrets.NEXUS").replace("name: corp", "name: inhouse")
    )
    path.write_text(text)
    assert project.planned().needed == ()
    assert project.planned(tests=()).changes[1].name == ".github/workflows/release.yml"


@pytest.mark.parametrize("name", [".gitlab-ci.yml", ".gitlab/publish.yml"])
def test_keeps_what_it_has_written_for_gitlab_before(project, name):
    if name != ".gitlab-ci.yml":
        project.add(".gitlab-ci.yml", "build: {script: make}\n")
    chosen = {
        "publish_to": ("pypi", "github"),
        "tests": ("make test", "make docs"),
        "rehearse": True,
        "split": False,
        "auth": {"pypi": "token"},
        "tag_prefix": "demo-v",
    }
    carry_out(project.planned(services=(Service.GITLAB,), **chosen))
    path = project.root / name
    path.write_text(path.read_text().replace("environment: pypi", "environment: {name: production}"))
    again = project.planned(services=(Service.GITLAB,))
    assert again.changes[1].after == path.read_text().replace("{name: production}", "production")
    for broken in (path.read_text() + "}", path.read_text().partition("\n\n")[0]):
        path.write_text(broken)
        assert project.planned(services=(Service.GITLAB,)).changes[1].needed


@pytest.mark.parametrize("service", Service)
def test_keeps_the_jobs_and_environments_of_several_new_projects(project, service):
    variants = "[tool.publish-all.variants.a]\n[tool.publish-all.variants.b]\n"
    project.add("pyproject.toml", HATCH + variants)
    carry_out(project.planned(services=(service,), rehearse=True))
    path = project.planned(services=(service,)).changes[1].path
    path.write_text(path.read_text().replace("environment: pypi-", "environment: release-"))
    assert "release-demo-a" in path.read_text()
    assert project.planned(services=(service,)).needed == ()
    carry_out(project.planned(services=(service,), new_projects=False))
    assert "testpypi" in path.read_text()
    assert project.planned(services=(service,)).needed == ()


def test_each_service_keeps_what_was_written_for_it(project):
    github, gitlab = {"services": (Service.GITHUB,)}, {"services": (Service.GITLAB,)}
    carry_out(project.planned(**github, tests=("make github",)))
    carry_out(project.planned(**gitlab, tests=("make gitlab",)))
    assert project.planned(**gitlab).needed == ()
    assert project.planned(**github).needed == ()


def test_the_service_of_the_repository_keeps_what_was_written_for_it(project):
    carry_out(project.planned(services=(Service.GITHUB,), tests=("make github",)))
    carry_out(project.planned(services=(Service.GITLAB,), tests=("make gitlab",)))
    assert project.planned().needed == ()
    project.git_remote = "https://gitlab.com/sep/demo"
    assert project.planned().needed == ()


def test_two_projects_of_a_repository_have_a_workflow_each(project):
    carry_out(project.planned())
    project.add("sub/pyproject.toml", HATCH)
    whole, project.root = project.root, project.root / "sub"
    plan = project.planned()
    assert plan.changes[1].name == ".github/workflows/publish-sub.yml"
    carry_out(plan)
    assert project.planned().needed == ()
    project.root = whole
    assert project.planned().needed == ()


def test_another_project_takes_no_choices_from_a_pipeline_for_gitlab(project):
    gitlab = {"services": (Service.GITLAB,)}
    carry_out(project.planned(**gitlab, tests=("make whole",), tag_prefix="whole-"))
    project.add("sub/pyproject.toml", HATCH)
    project.root /= "sub"
    plan = project.planned(**gitlab)
    assert "whole" not in plan.changes[1].after
    carry_out(project.planned(**gitlab, tests=("make sub",)))
    assert project.planned(**gitlab).needed == ()


def test_a_hand_made_gitlab_pipeline_stays_and_is_to_include_ours(project):
    project.add(".gitlab-ci.yml", "build: {script: make}\n")
    plan = project.planned(services=(Service.GITLAB,))
    assert plan.changes[1].name == ".gitlab/publish.yml"
    assert "include" in plan.notes[-1]
    assert dict(plan.forms[0].fields)["Top-level pipeline file path"] == ".gitlab-ci.yml"


def test_configured_variants_are_what_is_published(project):
    project.add(
        "pyproject.toml",
        HATCH + "[tool.publish-all]\npublish-to = ['pypi', 'github']\ninclude-base = true\n"
        "[tool.publish-all.variants.a]\nname = 'Demo_A'\n[tool.publish-all.variants.b]\npublish-to = ['github']\n",
    )
    plan = project.planned()
    assert plan.changes[0].after == plan.changes[0].before + (
        '\n[tool.hatch.build.targets.variants]\ndependencies = ["publish-all"]\n'
    )
    projects = [value for form in plan.forms for label, value in form.fields if label == "PyPI Project Name"]
    assert projects == ["demo", "demo-a"]


def test_in_poetry_the_plugin_is_declared_for_all_who_use_the_project(project):
    plan = project.planned(in_poetry=True)
    (plugin,) = loads(plan.changes[0].after)["tool"]["poetry"]["requires-plugins"]
    assert plugin == "poetry-publish-all"


GIT = (
    HATCH.replace('version = "1.0"', 'dynamic = ["version"]') + '[tool.publish-all.version]\nsource = "git"\n'
)


def test_a_version_source_that_is_configured_stays_and_is_wired(project):
    project.add("pyproject.toml", GIT)
    text = project.planned().changes[0].after
    assert loads(text)["tool"]["publish-all"]["version"] == {"source": "git"}
    assert loads(text)["tool"]["hatch"]["version"] == {"source": "publish-all"}


def test_a_version_source_that_is_configured_can_be_changed(project):
    project.add("pyproject.toml", GIT)
    project.add("demo/__init__.py", '__version__ = "1.0"\n')
    plan = project.planned(version_source=VersionSource.ATTRIBUTE)
    assert ours(plan)["version"] == {"source": "attribute", "path": "demo/__init__.py"}
    carry_out(plan)
    assert ours(project.planned(version_source=VersionSource.GIT))["version"]["source"] == "git"


def test_a_project_without_a_version_of_its_own_can_t_be_its_source(project):
    project.add("pyproject.toml", GIT)
    with pytest.raises(UsageError, match="the version comes from git now"):
        project.planned(version_source=VersionSource.PROJECT)


def test_a_job_that_adds_files_to_releases(project):
    carry_out(project.planned(publish_to=("releases",)))
    text = (project.root / ".github/workflows/publish.yml").read_text()
    job = text.partition("\n  releases:\n")[2]
    assert "name: Publish to GitHub releases" in job
    assert "contents: write # to add the files to the release" in job
    assert "GITHUB_TOKEN: ${{ github.token }}" in job
    assert "environment" not in job
    assert project.suggested().pipeline.triggers == (Trigger.TAG,)


def test_puts_an_index_on_github_pages_where_it_is_asked_to(project):
    carry_out(project.planned(publish_to=("github",), pages=True))
    workflow = project.root / ".github/workflows/publish.yml"
    assert "site -r github -o _site" in workflow.read_text()
    assert project.suggested().pipeline.pages
    forms = {each.title: each for each in project.planned().forms}
    assert dict(forms["GitHub Pages: which tags may deploy"].fields)["Allowed tags"] == "*"
    with pytest.raises(UsageError, match="publishes to GitHub itself"):
        project.suggested(publish_to=("pypi",), pages=True)
    with pytest.raises(UsageError, match="publishes to GitHub itself"):
        project.suggested(services=(Service.GITLAB,), pages=True)
    project.add(".github/workflows/docs.yml", "jobs: {a: {steps: [{uses: actions/deploy-pages@v4}]}}")
    with pytest.raises(UsageError, match=r"docs\.yml deploys to GitHub Pages already"):
        project.suggested(pages=True)


def test_a_workspace_has_one_workflow_for_all_members(tmp_path):
    for name, requires in (("core", []), ("app", ["core"])):
        folder = tmp_path / "packages" / name
        folder.mkdir(parents=True)
        text = f'[project]\nname = "{name}"\nversion = "1.0"\ndependencies = {requires}\n[build-system]\nrequires = ["hatchling"]\n'
        (folder / "pyproject.toml").write_text(text)
    (tmp_path / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["packages/*"]\n')
    options = InitOptions(directory=tmp_path, triggers=(Trigger.TAG,))
    found = look(options)

    plan = plan_init(suggest(options, found), found)

    workflow = plan.changes[-1].after
    assert "build --all --manifest" in workflow
    assert "check --all" in workflow
    assert "--member core" in workflow
    assert "needs: [build, pypi-core]" in workflow
    assert workflow.index("--member core") < workflow.index("--member app")
    assert "core-v[0-9]*" in workflow
    assert "app-v[0-9]*" in workflow
    projects = [dict(form.fields)["PyPI Project Name"] for form in plan.forms if "pending" in form.title]
    assert projects == ["core", "app"]
    existing = InitOptions(directory=tmp_path, new_projects=False)
    assert "publish -r pypi --auth" in (
        one_job := plan_init(suggest(existing, found), found).changes[-1].after
    )
    assert '"$AUTH" --all --manifest' in one_job
