from __future__ import annotations

import pytest

from publish_all.config.tools import Tool, read_tools


@pytest.fixture
def project(parse, tmp_path):
    """A project at a folder that exists, with the text of its pyproject.toml."""
    from dataclasses import replace

    def project(text=""):
        root = tmp_path / "project"
        root.mkdir(exist_ok=True)
        return replace(parse(text), root=root)

    return project


def found(config, folders, environment=None):
    read = read_tools(config, environment=environment or {}, folders=folders.hosts)
    assert read.notes == ()
    return [
        (each.tool.label, each.name, each.url, each.index_url)
        for each in read.entries
        if each.name and (each.url or each.is_source)
    ]


def test_nothing_is_found_where_nothing_is(folders):
    assert found(None, folders) == []


def test_poetry_of_the_user(folders):
    folders.hosts.poetry.write_text("[repositories.corp]\nurl = 'https://x/'\n[virtualenvs]\ncreate = true\n")

    assert found(None, folders) == [("Poetry", "corp", "https://x/", None)]


def test_poetry_of_the_project_and_of_the_environment_come_first(folders, project):
    config = project()
    folders.hosts.poetry.write_text("repositories.corp.url = 'https://user/'\n")
    (config.root / "poetry.toml").write_text("repositories.corp.url = 'https://project/'\n")

    assert found(
        config, folders, {"POETRY_REPOSITORIES_CORP_EU_URL": "https://env/", "POETRY_HOME": "/x"}
    ) == [
        ("Poetry", "corp-eu", "https://env/", None),
        ("Poetry", "corp", "https://project/", None),
        ("Poetry", "corp", "https://user/", None),
    ]


def test_hatch_states_a_url_or_a_table(folders):
    folders.hosts.hatch.write_text(
        "[publish.index.repos]\ncorp = 'https://x/'\n[publish.index.repos.two]\nurl = 'https://y/'\nuser = 'me'\n"
    )

    assert found(None, folders) == [
        ("Hatch", "corp", "https://x/", None),
        ("Hatch", "two", "https://y/", None),
    ]


def test_uv_of_the_project_and_the_user(folders, project):
    config = project(
        "[[tool.uv.index]]\nname = 'corp'\nurl = 'https://x/simple/'\npublish-url = 'https://x/legacy/'\n"
        "[[tool.uv.index]]\nname = 'mirror'\nurl = 'https://m/simple/'\n"
        "[[tool.uv.index]]\nurl = 'https://nameless/simple/'\n"
    )
    folders.hosts.uv.write_text("[[index]]\nname = 'mine'\npublish-url = 'https://u/legacy/'\n")
    (config.root / "uv.toml").write_text("[[index]]\nname = 'ours'\nurl = 'https://o/simple/'\n")

    assert found(config, folders) == [
        ("uv", "corp", "https://x/legacy/", "https://x/simple/"),
        ("uv", "mirror", None, "https://m/simple/"),
        ("uv", "ours", None, "https://o/simple/"),
        ("uv", "mine", "https://u/legacy/", None),
    ]


def test_pdm(folders):
    folders.hosts.pdm.write_text("[repository.corp]\nurl = 'https://x/'\nusername = 'me'\npassword = 'p'\n")

    assert found(None, folders) == [("pdm", "corp", "https://x/", None)]


def test_pypirc(folders):
    folders.hosts.pypirc.write_text(
        "[distutils]\nindex-servers =\n  pypi\n  corp\n[pypi]\nusername = __token__\npassword = 100%x\n"
        "[corp]\nrepository: https://x/legacy/\n"
    )

    assert found(None, folders) == [
        ("twine", "pypi", "https://upload.pypi.org/legacy/", None),
        ("twine", "corp", "https://x/legacy/", None),
    ]


def test_sources_of_poetry_are_no_targets(folders, project):
    assert found(project("[[tool.poetry.source]]\nname = 'src'\nurl = 'https://x/simple'\n"), folders) == [
        ("Poetry", "src", None, None)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "repositories = 'x'",
        "repositories.corp = 1",
        "repositories.corp.url = 1",
        "repositories.corp = {}",
        "publish = []",
        "publish.index.repos = 3",
        "publish.index.repos.x.url = []",
        "repository = []",
        "index = 'x'",
        "index = [1]",
        "index = [{ name = 1 }]",
    ],
)
def test_a_file_of_another_shape_defines_nothing(folders, text):
    for path in (folders.hosts.poetry, folders.hosts.hatch, folders.hosts.uv, folders.hosts.pdm):
        path.write_text(text)

    assert found(None, folders) == []


@pytest.mark.parametrize(
    "text", ["tool.poetry = 1", "tool.poetry.source = 1", "tool.uv = []", "tool.poetry.source = [1]"]
)
def test_tables_of_the_project_in_another_shape_define_nothing(folders, project, text):
    assert found(project(text), folders) == []


def test_broken_files_are_notes_that_name_them_and_the_rest_goes_on(folders):
    folders.hosts.poetry.write_text("[repositories\n")
    folders.hosts.hatch.write_bytes(b"\xff")
    folders.hosts.uv.write_text("index = [\n")
    folders.hosts.pypirc.write_text("password = hunter2\n[corp]\n")
    folders.hosts.pdm.write_text("repository.corp.url = 'https://x/'")

    read = read_tools(None, environment={}, folders=folders.hosts)

    assert [each.name for each in read.entries if each.name] == ["corp"]
    hosts = folders.hosts
    broken = (hosts.poetry, hosts.hatch, hosts.uv, hosts.pypirc)
    for note, path in zip(read.notes, broken, strict=True):
        assert str(path) in note
        assert "hunter2" not in note


def test_a_broken_uv_toml_of_the_project_is_a_note(folders, project):
    config = project()
    (config.root / "uv.toml").write_text("index = [\n")
    read = read_tools(config, environment={}, folders=folders.hosts)
    assert "uv.toml" in read.notes[0]


def test_uv_states_what_has_no_name(folders, project):
    config = project(
        "[tool.uv]\npublish-url = 'https://u/legacy/'\nindex-url = 'https://pypi.org/simple/'\n"
        "[[tool.uv.index]]\nurl = 'https://d/simple/'\ndefault = true\n"
    )
    entries = read_tools(config, environment={}, folders=folders.hosts).entries
    assert [(each.url, each.index_url, each.replaces_pypi) for each in entries if each.is_source] == [
        (None, "https://d/simple/", True),
        ("https://u/legacy/", None, False),
        (None, "https://pypi.org/simple/", False),
    ]


def test_the_names_of_a_tool_are_its_own_then_the_users(folders, project):
    config = project()
    folders.hosts.poetry.write_text("[repositories]\nCorp.url = 'https://x/'\npypi.url = 'https://evil/'\n")
    (config.root / "poetry.toml").write_text(
        "[repositories]\ncorp.url = 'https://p/'\nown.url = 'https://o/'\n"
    )
    tools = read_tools(config, environment={}, folders=folders.hosts)
    assert tools.url_of(Tool.POETRY, "pypi") == "https://upload.pypi.org/legacy/"
    assert tools.url_of(Tool.POETRY, "corp") == "https://x/"
    assert tools.url_of(Tool.POETRY, "corp", of_project=True) == "https://p/"
    assert tools.url_of(Tool.POETRY, "own") is None
    assert tools.url_of(Tool.PDM, "corp") is None
    assert tools.url_of(Tool.PDM, "https://any/") == "https://any/"


# .pypirc


URL = "https://pypi.corp.example/legacy/"
SECTION = (
    f"[distutils]\nindex-servers = corp\n[corp]\nrepository = {URL}\nusername = bob\npassword = canary-ü\n"
)


@pytest.fixture
def read(folders):
    def of(content):
        folders.hosts.pypirc.write_bytes(content)
        return read_tools(None, environment={}, folders=folders.hosts)

    return of


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_byte_order_mark_says_the_encoding(encoding, read):
    (each,) = read(SECTION.encode(encoding)).entries
    assert (each.name, each.url, each.username, each.secret.reveal()) == ("corp", URL, "bob", "canary-ü")
    assert "canary" not in repr(each)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (SECTION.encode("latin-1"), "it is not valid UTF-8"),
        ("\ufeff".encode("utf-16-le") + b"\x00\xd8x\x00", "is not valid UTF-16"),
    ],
)
def test_another_encoding_is_told_with_its_line(content, said, read):
    (error,) = read(content).broken.values()
    assert said in error.message
    assert "canary" not in str(error)
    assert error.__cause__ is None


def test_server_login_is_for_the_listed_servers_that_state_no_login(read):
    text = (
        "[distutils]\nindex-servers = pypi corp own\n[server-login]\nusername = bob\npassword = canary\n"
        f"[corp]\nrepository = {URL}\n"
        "[own]\nrepository = https://own.example/\nusername = carol\npassword = hers\n"
        "[unlisted]\nrepository = https://unlisted.example/\n"
    )
    found = {
        each.name: (each.username, each.secret and each.secret.reveal())
        for each in read(text.encode()).entries
    }
    assert found == {
        "corp": ("bob", "canary"),
        "own": ("carol", "hers"),
        "unlisted": (None, None),
        "pypi": ("bob", "canary"),
    }


def test_a_section_twice_is_one(read):
    (each,) = read((SECTION + "[corp]\nca_cert = /ca.pem\n").encode()).entries
    assert (each.username, each.ca_cert.as_posix()) == ("bob", "/ca.pem")
