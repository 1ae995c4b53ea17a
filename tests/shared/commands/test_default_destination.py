from __future__ import annotations

import pytest

from publish_all._secret import Secret
from publish_all.commands.context import Runtime
from publish_all.commands.destinations import ConnectionOptions, ensure_default_is_meant
from publish_all.config.folders import Folders, HostFolders
from publish_all.config.load import load_project
from publish_all.errors import UsageError

CORP = "https://pypi.corp.example/legacy/"
SIMPLE = "https://pypi.corp.example/simple/"
PROJECT = '[project]\nname = "demo"\nversion = "1.0"\n'


@pytest.fixture
def notes(tmp_path):
    """What is noted before a publish without `-r`; raises where it is refused."""

    def of(pyproject="", *, files=None, environment=None, user=None, **options):
        root, home = tmp_path / "project", tmp_path / "home"
        for folder, content in (
            (root, {"pyproject.toml": PROJECT + pyproject, **(files or {})}),
            (home, user or {}),
        ):
            folder.mkdir(exist_ok=True)
            for name, text in content.items():
                (folder / name).write_text(text)
        folders = Folders(
            config=home / "config.toml",
            data=home,
            hosts=HostFolders(
                **{name: home / f"{name}.toml" for name in ("poetry", "hatch", "uv", "pdm", "pypirc")},
                pip=(home / "pip.conf",),
            ),
        )
        said = []
        runtime = Runtime(
            environment=environment or {},
            home=home,
            folders=folders,
            listener=lambda event: said.append(event.message),
        )
        ensure_default_is_meant(load_project(root), ConnectionOptions(runtime=runtime, **options))
        return said

    return of


REFUSED = [
    (f"[[tool.uv.index]]\nname = 'corp'\nurl = '{SIMPLE}'\npublish-url = '{CORP}'\n", {}, {}, "-r corp"),
    (
        f"[[tool.uv.index]]\nname = 'corp'\nurl = '{SIMPLE}'\ndefault = true\n",
        {},
        {},
        "-r corp --repository-url URL",
    ),
    (f"[[tool.uv.index]]\nurl = '{SIMPLE}'\ndefault = true\n", {}, {}, "--repository-url URL"),
    (f"[tool.uv]\npublish-url = '{CORP}'\n", {}, {}, f"--repository-url {CORP}"),
    ("", {"uv.toml": f"publish-url = '{CORP}'\n"}, {}, f"--repository-url {CORP}"),
    (f"[[tool.poetry.source]]\nname = 'corp'\nurl = '{SIMPLE}'\n", {}, {}, "-r corp --repository-url URL"),
    (f"[[tool.pdm.source]]\nname = 'pypi'\nurl = '{SIMPLE}'\n", {}, {}, "-r pypi --repository-url URL"),
    ("", {"poetry.toml": f"[repositories.corp]\nurl = '{CORP}'\n"}, {}, "-r corp"),
    (
        "",
        {},
        {"TWINE_REPOSITORY_URL": "https://me:canary@pypi.corp.example/legacy/"},
        f"--repository-url {CORP}",
    ),
    ("", {}, {"TWINE_REPOSITORY": "corp"}, "-r corp"),
    ("", {}, {"TWINE_REPOSITORY": "testpypi"}, "-r testpypi"),
    ("", {}, {"UV_PUBLISH_URL": CORP}, f"--repository-url {CORP}"),
    ("", {}, {"HATCH_INDEX_REPO": "corp"}, "-r corp"),
    ("", {}, {"FLIT_INDEX_URL": CORP}, f"--repository-url {CORP}"),
    ("", {}, {"PDM_PUBLISH_REPO": "corp"}, "-r corp"),
]


@pytest.mark.parametrize(("pyproject", "files", "environment", "command"), REFUSED)
def test_another_place_is_a_question_with_both_commands(pyproject, files, environment, command, notes):
    with pytest.raises(UsageError, match="it is not clear whether to publish to pypi") as caught:
        notes(pyproject, files=files, environment=environment)
    assert caught.value.exit_code == 2
    lines = caught.value.hint.splitlines()
    assert "  publish-all publish -r pypi" in lines
    assert f"  publish-all publish {command}" in lines
    assert "canary" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "stated", [{"repositories": ("pypi",)}, {"repository_url": CORP, "password": Secret("x")}]
)
def test_whoever_says_where_is_not_asked(stated, notes):
    assert notes(environment={"TWINE_REPOSITORY_URL": CORP}, **stated) == []


def test_publish_to_says_where(notes):
    pyproject = "[tool.publish-all]\npublish-to = ['pypi']\n"
    assert notes(pyproject, environment={"TWINE_REPOSITORY_URL": CORP}) == []


@pytest.mark.parametrize(
    "environment",
    [
        {"TWINE_REPOSITORY": "pypi"},
        {"HATCH_INDEX_REPO": "main"},
        {"UV_PUBLISH_URL": "https://upload.pypi.org/legacy/"},
        {"UV_PUBLISH_URL": ""},
        {"POETRY_REPOSITORIES_CORP_URL": CORP},
        {},
    ],
)
def test_pypi_by_another_name_is_no_other_place(environment, notes):
    assert notes(environment=environment) == []


@pytest.mark.parametrize(
    ("pyproject", "said"),
    [
        (f"[[tool.poetry.source]]\nname = 'corp'\nurl = '{SIMPLE}'\npriority = 'explicit'\n", "corp"),
        (f"[[tool.poetry.source]]\nname = 'corp'\nurl = '{SIMPLE}'\npriority = 'supplemental'\n", "corp"),
        (
            f"[tool.poetry]\nsource = [{{ name = 'corp', url = '{SIMPLE}' }}, {{ name = 'PyPI', priority = 'primary' }}]\n",
            "corp",
        ),
        (f"[[tool.uv.index]]\nname = 'corp'\nurl = '{SIMPLE}'\nexplicit = true\n", "corp"),
        (f"[[tool.pdm.source]]\nname = 'corp'\nurl = '{SIMPLE}'\n", "corp"),
    ],
)
def test_a_source_beside_pypi_is_a_note(pyproject, said, notes):
    found = notes(pyproject)
    assert any(f"installs from {said}, but uploads go to pypi." in each for each in found)


@pytest.mark.parametrize(
    ("environment", "user"),
    [
        ({"PIP_INDEX_URL": "https://me:canary@mirror.example/simple/"}, {}),
        ({"UV_DEFAULT_INDEX": "https://me:canary@mirror.example/simple/"}, {}),
        ({}, {"pip.conf": "[global]\nindex-url = https://me:canary@mirror.example/simple/\n"}),
    ],
)
def test_a_mirror_of_the_machine_is_a_note_without_its_password(environment, user, notes):
    (note,) = notes(environment=environment, user=user)
    assert "installs from https://mirror.example/simple/, but uploads go to pypi." in note


def test_a_default_index_of_the_user_is_a_note(notes):
    user = {"uv.toml": f"[[index]]\nname = 'mirror'\nurl = '{SIMPLE}'\ndefault = true\n"}
    (note,) = notes(user=user)
    assert "installs from mirror, but uploads go to pypi." in note
