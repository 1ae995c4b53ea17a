from __future__ import annotations

import configparser
import stat

import pytest

from publish_all import _toml
from publish_all.commands.context import Runtime
from publish_all.commands.register import TOOLS, plan_registration, write_registration
from publish_all.config.folders import NOWHERE, Folders, HostFolders
from publish_all.config.tools import Tool
from publish_all.errors import ConfigurationError, UsageError

CORP = "https://pypi.corp.example/legacy/"
SECRET = "canary-of-the-corporation"
INDEX = "https://pypi.corp.example/simple/"
FILES = {
    Tool.POETRY: "poetry.toml",
    Tool.HATCH: "hatch.toml",
    Tool.UV: "uv.toml",
    Tool.TWINE: ".pypirc",
    Tool.PIP: "pip.conf",
}


@pytest.fixture
def plan(tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        f'[tool.publish-all.repositories.corp]\nurl = "{CORP}"\nindex-url = "{INDEX}"\nusername = "bob"\n'
        '[tool.publish-all.repositories.folder]\nkind = "directory"\nurl = "index"\n'
    )
    hosts = HostFolders(
        poetry=tmp_path / FILES[Tool.POETRY],
        hatch=tmp_path / FILES[Tool.HATCH],
        uv=tmp_path / FILES[Tool.UV],
        pdm=tmp_path / "pdm.toml",
        pypirc=tmp_path / FILES[Tool.TWINE],
        pip=(NOWHERE, tmp_path / FILES[Tool.PIP]),
    )

    def build(tool, *names, text=None, secret=None):
        if text is not None:
            (tmp_path / FILES[tool]).write_bytes(text.encode())
        runtime = Runtime(
            environment={"PUBLISH_ALL_CORP_PASSWORD": secret} if secret is not None else {},
            home=tmp_path,
            folders=Folders(config=tmp_path / "config.toml", data=tmp_path, hosts=hosts),
        )
        return plan_registration(tool, project, names=names, with_secrets=secret is not None, runtime=runtime)

    return build


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        (Tool.POETRY, {"repositories": {"corp": {"url": CORP}}}),
        (Tool.HATCH, {"publish": {"index": {"repos": {"corp": {"url": CORP, "user": "bob"}}}}}),
        (Tool.UV, {"index": [{"name": "corp", "url": INDEX, "publish-url": CORP, "explicit": True}]}),
    ],
)
@pytest.mark.parametrize("text", [None, "# mine\n[other]   # kept\nx=1\n", "a = 1\r\n[other]\r\nx = 1\r\n"])
def test_toml_files(tool, expected, text, plan):
    registration = plan(tool, text=text)
    values = _toml.loads(registration.after)
    assert {key: values[key] for key in expected} == expected
    kept = text or ""
    assert all(line in registration.after for line in kept.splitlines(keepends=True))
    assert registration.after.startswith(kept.split("[")[0])


def test_existing_tables_get_one_more(plan):
    text = '[repositories]\n# ours\nold = { url = "https://old.example/" }\n\n[virtualenvs]\nin-project = true # x\n'
    after = plan(Tool.POETRY, text=text).after
    assert _toml.loads(after)["repositories"] == {
        "old": {"url": "https://old.example/"},
        "corp": {"url": CORP},
    }
    assert all(line in after.splitlines() for line in text.splitlines())


def test_pypirc(plan):
    registration = plan(Tool.TWINE, text="[pypi]\npassword = canary\n")
    parser = configparser.RawConfigParser()
    parser.read_string(registration.after)
    assert dict(parser["corp"]) == {"repository": CORP, "username": "bob"}
    assert parser["distutils"]["index-servers"].split() == ["pypi", "testpypi", "corp"]
    assert registration.after.startswith("[pypi]\npassword = canary\n")


def test_pip_reads_the_index_and_is_warned_of_confusion(plan):
    registration = plan(Tool.PIP, text="[global]\ntimeout = 5\n")
    assert registration.after == f"[global]\nextra-index-url =\n    {INDEX}\ntimeout = 5\n"
    assert "highest version" in registration.notes[0]


@pytest.mark.parametrize("tool", TOOLS.values())
def test_a_second_time_there_is_nothing_to_do(tool, plan):
    write_registration(plan(tool))
    again = plan(tool)
    assert not again.needed
    assert again.diff == ""
    assert again.notes == ()


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        (Tool.POETRY, '[repositories.corp]\nurl = "https://other.example/"\n'),
        (Tool.HATCH, '[publish.index.repos]\ncorp = "https://other.example/"\n'),
        (Tool.UV, '[[index]]\nname = "corp"\nurl = "https://other.example/"\n'),
        (Tool.TWINE, "[corp]\nrepository = https://other.example/\n"),
    ],
)
def test_an_entry_that_says_something_else_is_the_users(tool, text, plan):
    registration = plan(tool, "corp", text=text)
    assert not registration.needed
    assert "not changed" in registration.notes[0]


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        (Tool.POETRY, '[repositories.corp]\nurl = "https://bob:canary@other.example/?key=canary"\n'),
        (Tool.TWINE, "[corp]\nrepository = https://bob:canary@other.example/?key=canary\n"),
    ],
)
def test_the_credential_in_another_url_is_not_shown(tool, text, plan):
    (note,) = plan(tool, "corp", text=text).notes
    assert "https://other.example/" in note
    assert "canary" not in note


@pytest.mark.parametrize("tool", [Tool.HATCH, Tool.TWINE])
def test_a_secret_that_is_not_written_beside_an_entry_is_told(tool, plan):
    write_registration(plan(tool, "corp"))
    registration = plan(tool, "corp", secret=SECRET)
    assert not registration.needed
    assert registration.notes == ("corp already exists and was not changed",)


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        (Tool.POETRY, "[repositories\n"),
        (Tool.POETRY, 'repositories = "x"\n'),
        (Tool.TWINE, "[pypi\npassword = canary\n"),
    ],
)
def test_a_broken_file_is_left_alone_and_not_quoted(tool, text, plan):
    with pytest.raises(ConfigurationError, match="not changed") as caught:
        plan(tool, text=text)
    assert "canary" not in str(caught.value)


def test_what_a_tool_cannot_publish_to_is_told(plan):
    with pytest.raises(UsageError, match="folder"):
        plan(Tool.POETRY, "folder")


def test_the_diff_shows_the_change(plan):
    diff = plan(Tool.TWINE, text="[pypi]\npassword = canary\n[x]\na = 1\n").diff
    assert "+[corp]" in diff
    assert "canary" not in diff
    assert "canary" not in plan(Tool.TWINE, text="[pypi]\npassword = canary").diff


def test_a_file_that_has_changed_meanwhile_is_not_written(plan):
    registration = plan(Tool.TWINE, text="")
    registration.path.write_text("[pypi]\n")
    with pytest.raises(ConfigurationError, match="changed meanwhile"):
        write_registration(registration)
    assert registration.path.read_text() == "[pypi]\n"


@pytest.mark.posix("modes")
def test_permissions_stay_and_a_link_is_written_through(plan, tmp_path):
    registration = plan(Tool.TWINE)
    write_registration(registration)
    assert stat.S_IMODE(registration.path.stat().st_mode) == 0o600
    real = tmp_path / "dotfiles-pypirc"
    registration.path.rename(real)
    registration.path.symlink_to(real)
    real.write_text("")
    real.chmod(0o640)
    write_registration(plan(Tool.TWINE))
    assert registration.path.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert "[corp]" in real.read_text()


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        (Tool.HATCH, [f'auth = "{SECRET}"', 'user = "bob"']),
        (Tool.TWINE, [f"password = {SECRET}", "username = bob"]),
    ],
)
def test_secrets_are_written_when_asked_for_and_not_shown(tool, expected, plan):
    registration = plan(tool, "corp", secret=SECRET)
    assert all(line in registration.after.splitlines() for line in expected)
    assert SECRET not in registration.diff
    assert SECRET not in repr(registration)
    assert "***" in registration.diff


@pytest.mark.parametrize("tool", [Tool.HATCH, Tool.TWINE])
def test_without_a_credential_the_rest_is_written_and_it_is_said(tool, plan):
    registration = plan(tool, "corp", secret="")
    assert registration.needed
    assert registration.notes == ("no stored credential for corp found",)


@pytest.mark.parametrize("tool", [Tool.POETRY, Tool.UV, Tool.PIP])
def test_a_tool_without_a_place_for_secrets_says_where_they_go(tool, plan):
    with pytest.raises(UsageError, match="cannot have secrets in this file") as caught:
        plan(tool, "corp", secret=SECRET)
    assert "keyring" in (caught.value.hint or "")
