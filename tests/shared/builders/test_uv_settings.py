import pytest

from publish_all.builders.build_environment import build_constraints, installer_settings

NAMES = ("UV_CONSTRAINT", "UV_BUILD_CONSTRAINT", "PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT")


@pytest.fixture
def workspace(tmp_path):
    made = tmp_path / "work space"
    made.mkdir()
    return made


def project(tmp_path, **files):
    for name, text in {"pyproject.toml": "", **files}.items():
        path = tmp_path / "repository" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "repository"


def test_uv_is_kept_from_the_projects_configuration_and_not_from_the_users(tmp_path, workspace, monkeypatch):
    monkeypatch.setattr("os.name", "posix")
    own = tmp_path / "config" / "uv" / "uv.toml"
    own.parent.mkdir(parents=True)
    own.write_text("")
    root = project(tmp_path, **{"uv.toml": '[[index]]\nurl = "https://stranger.example"\n'})
    given = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    settings = installer_settings(given, root=root, workspace=workspace)
    assert settings == {"UV_NO_CONFIG": "1", "UV_CONFIG_FILE": str(own)}
    assert installer_settings({**given, "UV_CONFIG_FILE": "other"}, root=None, workspace=workspace) == {
        "UV_NO_CONFIG": "1"
    }


def test_constraints_of_the_project_hold_beside_those_of_the_user(tmp_path, workspace):
    text = '[tool.uv]\nbuild-constraint-dependencies = ["setuptools<80", "wheel==0.45"]\n'
    settings = installer_settings(
        {"PIP_CONSTRAINT": "own.txt"}, root=project(tmp_path, **{"pyproject.toml": text}), workspace=workspace
    )
    assert (workspace / "constraints.txt").read_text() == "setuptools<80\nwheel==0.45\n"
    uri = (workspace / "constraints.txt").resolve().as_uri()
    assert " " not in uri
    assert [settings[name] for name in NAMES] == [uri, uri, f"own.txt {uri}", uri]


def test_a_uv_toml_comes_before_the_table_of_pyproject(tmp_path):
    files = {
        "pyproject.toml": '[tool.uv]\nbuild-constraint-dependencies = ["a<1"]\n',
        "uv.toml": 'build-constraint-dependencies = ["b<1"]\n',
    }
    assert build_constraints(project(tmp_path, **files)) == ("b<1",)


@pytest.mark.parametrize(("member", "expected"), [("packages/demo", ("a<1",)), ("other", ("c<1",))])
def test_a_member_of_a_workspace_has_the_constraints_of_its_root(tmp_path, member, expected):
    root = project(
        tmp_path,
        **{
            "pyproject.toml": '[tool.uv]\nbuild-constraint-dependencies = ["a<1"]\n[tool.uv.workspace]\n'
            'members = ["packages/*"]\n',
            f"{member}/pyproject.toml": '[tool.uv]\nbuild-constraint-dependencies = ["c<1"]\n',
        },
    )
    assert build_constraints(root / member) == expected


@pytest.mark.parametrize(
    "text", ["broken [", "[tool]\nuv = 1\n", "[tool.uv]\nbuild-constraint-dependencies = 1\n"]
)
def test_what_uv_would_refuse_is_no_constraint(tmp_path, text):
    assert build_constraints(project(tmp_path, **{"pyproject.toml": text})) == ()
