from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from publish_all._http import ServerTls
from publish_all.config.model import Scope
from publish_all.config.tools import Tool, ToolRepository
from publish_all.credentials.transport import server_settings

CORP = "https://pypi.corp.example/legacy/"
SERVER = "https://pypi.corp.example"
PYPI = "https://upload.pypi.org"


@pytest.fixture
def files(tmp_path):
    for name in ("ca.pem", "client.pem", "key.pem", "other.pem"):
        (tmp_path / name).write_text("")
    return tmp_path


@pytest.fixture
def settings(make_repository, tools_of, recorder):
    def of(*stated, environment=None, pip="", poetry="", **changes):
        repositories = [make_repository("corp", **changes), make_repository("pypi")]
        tools = tools_of({"pip.conf": pip, "config.toml": poetry}, environment)
        tools = replace(tools, places={**tools.places, "stated": stated})
        return server_settings(tools, repositories, listener=recorder)

    return of


def test_what_stands_beside_a_url_is_for_its_host_alone(settings, files):
    stated = ToolRepository(
        tool=Tool.PDM,
        url=CORP,
        ca_cert=files / "ca.pem",
        client_cert=files / "client.pem",
        client_key=files / "key.pem",
        origin="pdm config.toml",
    )
    found = settings(stated)
    assert found == {
        SERVER: ServerTls(
            ca_certs=(files / "ca.pem",), client_cert=files / "client.pem", client_key=files / "key.pem"
        )
    }


def test_what_a_name_has_in_poetry_goes_where_poetry_knows_the_name(settings, files):
    stated = ToolRepository(
        tool=Tool.POETRY, name="Corp", client_cert=files / "client.pem", origin="Poetry config.toml"
    )
    assert settings(stated)[SERVER].client_cert == files / "client.pem"
    assert settings(stated, poetry="[repositories.corp]\nurl = 'https://other.example/'\n") == {}


def test_a_project_adds_no_authority_for_pypi(settings, files):
    stated = ToolRepository(
        tool=Tool.POETRY, name="pypi", ca_cert=files / "ca.pem", origin="Poetry poetry.toml", of_project=True
    )
    assert settings(stated) == {}
    assert list(
        settings(ToolRepository(tool=Tool.POETRY, name="pypi", ca_cert=files / "ca.pem", origin="x"))
    ) == [PYPI]


def test_a_project_adds_no_authority_for_pypi_under_another_name(settings, files):
    def stated(url):
        return ToolRepository(
            tool=Tool.PDM, name="corp", url=url, ca_cert=files / "ca.pem", origin="pdm.toml", of_project=True
        )

    assert settings(stated(f"{PYPI}/legacy/"), url=f"{PYPI}/legacy/") == {}
    assert list(settings(stated(CORP), index_url="https://pypi.org/simple/")) == [SERVER]


def test_what_poetry_has_for_pypi_goes_to_pypi_whatever_url_is_stated(settings, files):
    poetry = f"[repositories.pypi]\nurl = '{CORP}'\n[certificates.pypi]\nclient-cert = '{files}/client.pem'\n"
    assert list(settings(poetry=poetry)) == [PYPI]


@pytest.mark.parametrize(
    "variable", ["TWINE_CERT", "HATCH_INDEX_CA_CERT", "PIP_CERT", "PDM_PUBLISH_CA_CERTS"]
)
def test_an_authority_in_a_variable_is_added_for_all(variable, settings, files):
    found = settings(environment={variable: str(files / "ca.pem")})
    assert found == {each: ServerTls(ca_certs=(files / "ca.pem",)) for each in (SERVER, PYPI)}


@pytest.mark.parametrize(
    ("environment", "origin", "shown"),
    [
        ({"TWINE_CLIENT_CERT": "client.pem"}, "[corp] in .pypirc", True),
        ({"TWINE_CLIENT_CERT": "client.pem"}, "pyproject.toml:3", False),
        ({"TWINE_CLIENT_CERT": "client.pem", "TWINE_REPOSITORY_URL": CORP}, "pyproject.toml:3", True),
        ({"TWINE_CLIENT_CERT": "client.pem", "TWINE_REPOSITORY_URL": "https://x.example/"}, "", False),
        ({"SSL_CLIENT_CERT": "client.pem", "UV_PUBLISH_URL": CORP}, "", True),
        ({"PIP_CLIENT_CERT": "client.pem", "PIP_INDEX_URL": f"{SERVER}/simple/"}, "", True),
        ({"PIP_CLIENT_CERT": "client.pem", "PIP_INDEX_URL": "https://x.example/"}, "", False),
    ],
)
def test_a_client_certificate_in_a_variable_goes_where_the_tool_would_show_it(
    environment, origin, shown, settings, files
):
    placed = {
        name: str(files / value) if value.endswith(".pem") else value for name, value in environment.items()
    }
    pypirc = ToolRepository(tool=Tool.TWINE, name="corp", url=CORP, origin="[corp] in .pypirc")
    found = settings(pypirc, environment=placed, origin=origin)
    assert found == ({SERVER: ServerTls(client_cert=files / "client.pem")} if shown else {})


def test_pips_own_files_are_read_unless_pip_does_not(settings, files):
    conf = f"[global]\ncert = {files / 'ca.pem'}\nindex-url = {SERVER}/simple/\n"
    assert settings(pip=conf)[SERVER] == ServerTls(ca_certs=(files / "ca.pem",))
    assert settings(pip=conf, environment={"PIP_CONFIG_FILE": os.devnull}) == {}
    assert settings(pip="no ini file") == {}


def test_an_index_on_another_host_is_trusted_but_shown_no_client_certificate(settings, files):
    stated = ToolRepository(
        tool=Tool.PDM, url=CORP, ca_cert=files / "ca.pem", client_cert=files / "client.pem", origin="pdm"
    )
    found = settings(stated, index_url="https://wheels.corp.example/simple/")
    assert found["https://wheels.corp.example"] == ServerTls(ca_certs=(files / "ca.pem",))


def test_a_file_that_is_not_there_is_noted_once_with_where_it_is_stated(settings, files, recorder):
    assert settings(environment={"TWINE_CERT": str(files / "nowhere.pem")}) == {}
    (event,) = recorder.events
    assert (
        event.message
        == f"environment TWINE_CERT names the certificate file {files / 'nowhere.pem'}, which does not exist."
    )


def test_folders_and_plain_http_have_no_certificates(settings, files):
    environment = {"TWINE_CERT": str(files / "ca.pem")}
    found = settings(environment=environment, url="http://pypi.corp.example/", scope=Scope.PROJECT)
    assert list(found) == [PYPI]
    assert isinstance(next(iter(found[PYPI].ca_certs)), Path)
