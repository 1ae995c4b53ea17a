import os

import pytest

from publish_all.builders.installers import installing, uv_settings

NAMES = ("UV_CONSTRAINT", "UV_BUILD_CONSTRAINT", "PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT")

ALWAYS = {"UV_NO_CONFIG": "1", "PIP_USER": "0"}


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


@pytest.fixture
def settings(workspace):
    """The settings in an environment of these variables only, with these files of pip's."""

    def settings(environment, *, root=None, pip_files=()):
        return installing(environment, pip_files=pip_files, root=root, workspace=workspace)

    return settings


def test_uv_is_kept_from_the_projects_configuration_and_not_from_the_users(tmp_path, settings):
    own = tmp_path / "config" / "uv" / "uv.toml"
    own.parent.mkdir(parents=True)
    own.write_text("")
    root = project(tmp_path, **{"uv.toml": '[[index]]\nurl = "https://stranger.example"\n'})
    given = {"APPDATA" if os.name == "nt" else "XDG_CONFIG_HOME": str(tmp_path / "config")}
    assert settings(given, root=root).variables == {**ALWAYS, "UV_CONFIG_FILE": str(own)}
    other = settings({**given, "UV_CONFIG_FILE": "other"}).variables
    assert other == {**ALWAYS, "UV_CONFIG_FILE": "other"}


def test_constraints_of_the_project_hold_beside_those_of_the_user_for_both_installers(
    tmp_path, settings, workspace
):
    text = '[tool.uv]\nbuild-constraint-dependencies = ["setuptools<80", "wheel==0.45"]\n'
    root = project(tmp_path, **{"pyproject.toml": text})
    found = settings({"PIP_CONSTRAINT": "own.txt", "UV_BUILD_CONSTRAINT": "build.txt"}, root=root).variables
    assert (workspace / "constraints.txt").read_text() == "setuptools<80\nwheel==0.45\n"
    uri = (workspace / "constraints.txt").resolve().as_uri()
    assert " " not in uri
    assert {found[name] for name in NAMES} == {f"own.txt build.txt {uri}"}


@pytest.mark.parametrize(
    ("given", "stated"),
    [
        ({}, "2026-01-01"),
        ({"PIP_UPLOADED_PRIOR_TO": "P3D"}, "P3D"),
        ({"UV_EXCLUDE_NEWER": "1 week", "PIP_UPLOADED_PRIOR_TO": "P3D"}, "1 week"),
    ],
)
def test_a_cooldown_of_one_installer_holds_for_the_other_and_the_users_comes_first(
    tmp_path, settings, given, stated
):
    root = project(tmp_path, **{"pyproject.toml": '[tool.uv]\nexclude-newer = "2026-01-01"\n'})
    found = settings(given, root=root).variables
    assert found["UV_EXCLUDE_NEWER"] == found["PIP_UPLOADED_PRIOR_TO"] == stated


@pytest.mark.parametrize(
    ("given", "pip_conf", "installer"),
    [
        ({}, None, "uv"),
        ({"PIP_INDEX_URL": "https://corp.example/simple"}, None, "pip"),
        ({"PIP_INDEX_URL": ""}, None, "uv"),
        ({"PIP_DEFAULT_TIMEOUT": "60"}, "[global]\ntimeout = 60\n", "uv"),
        ({}, "[global]\nindex-url = https://corp.example/simple\n", "pip"),
        ({}, "[install]\nextra_index_url = https://corp.example/simple\n", "pip"),
        ({"UV_INDEX": "https://corp.example/simple"}, "[global]\nindex-url = https://x.example\n", "uv"),
        ({}, "broken [", "uv"),
    ],
)
def test_pip_installs_where_the_user_has_told_pip_alone_where_packages_come_from(
    tmp_path, settings, given, pip_conf, installer
):
    file = tmp_path / "pip.conf"
    if pip_conf is not None:
        file.write_text(pip_conf)
    assert settings({"PATH": os.environ["PATH"], **given}, pip_files=[file]).installer == installer


@pytest.mark.posix("shell")
@pytest.mark.parametrize(
    ("exit_code", "given", "installer"),
    [(0, {}, "uv"), (127, {}, "pip"), (127, {"UV_INDEX": "https://corp.example/simple"}, "uv")],
)
def test_a_uv_that_does_not_start_is_used_only_where_the_user_has_told_it(
    tmp_path, settings, monkeypatch, exit_code, given, installer
):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    program = tmp_path / "uv"
    program.write_text(f"#!/bin/sh\nexit {exit_code}\n")
    program.chmod(0o755)
    assert settings({"PATH": str(tmp_path), **given}).installer == installer


def test_the_fingerprint_knows_whatever_decides_what_is_installed(tmp_path, settings):
    constraints, pip_conf = tmp_path / "constraints.txt", tmp_path / "pip.conf"
    constraints.write_text("setuptools<80")
    pip_conf.write_text("[global]\nindex-url = https://one.example\n")
    given = {"PIP_CONSTRAINT": constraints.as_uri()}

    def fingerprint(more=None, root=None):
        return settings({**given, **(more or {})}, pip_files=[pip_conf], root=root).fingerprint

    first = fingerprint()
    assert fingerprint() == first == fingerprint({"OTHER": "x"})
    found = {first, fingerprint({"UV_INDEX": "https://two.example"})}
    constraints.write_text("setuptools<81")
    found.add(fingerprint())
    pip_conf.write_text("[global]\nindex-url = https://two.example\n")
    found.add(fingerprint())
    found.add(fingerprint(root=project(tmp_path, **{"uv.toml": 'build-constraint-dependencies = ["b<1"]\n'})))
    assert len(found) == 5


def test_a_uv_toml_comes_before_the_table_of_pyproject(tmp_path):
    files = {
        "pyproject.toml": '[tool.uv]\nbuild-constraint-dependencies = ["a<1"]\n',
        "uv.toml": 'build-constraint-dependencies = ["b<1"]\n',
    }
    assert uv_settings(project(tmp_path, **files), "build-constraint-dependencies") == ["b<1"]


@pytest.mark.parametrize(("member", "expected"), [("packages/demo", ["a<1"]), ("other", ["c<1"])])
def test_a_member_of_a_workspace_has_the_constraints_of_its_root(tmp_path, member, expected):
    root = project(
        tmp_path,
        **{
            "pyproject.toml": '[tool.uv]\nbuild-constraint-dependencies = ["a<1"]\n[tool.uv.workspace]\n'
            'members = ["packages/*"]\n',
            f"{member}/pyproject.toml": '[tool.uv]\nbuild-constraint-dependencies = ["c<1"]\n',
        },
    )
    assert uv_settings(root / member, "build-constraint-dependencies") == expected


@pytest.mark.parametrize(
    "text",
    ["broken [", "[tool]\nuv = 1\n", "[tool.uv]\nbuild-constraint-dependencies = 1\nexclude-newer = 1\n"],
)
def test_what_uv_would_refuse_is_no_constraint(tmp_path, settings, text):
    assert settings({}, root=project(tmp_path, **{"pyproject.toml": text})).variables == ALWAYS
