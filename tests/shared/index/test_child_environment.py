from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from publish_all.index.client_settings import ClientSettings, child_environment

URL = "http://publish-all:secret@127.0.0.1:4711/simple/"
CONFIG = Path("/tmp/exec/uv.toml")
BEFORE = {
    "PATH": "/bin",
    "NO_PROXY": "corp.example",
    "PIP_EXTRA_INDEX_URL": "https://elsewhere.example/simple/",
    "PIP_extra-index-url": "https://elsewhere.example/simple/",
    "PIP_Index_Url": "https://elsewhere.example/simple/",
    "PIP_FIND_LINKS": "https://elsewhere.example/",
    "PIP_CONFIG_FILE": "/home/elsewhere/pip.conf",
    "UV_INDEX": "https://elsewhere.example/simple/",
    "UV_INDEX_CORP_PASSWORD": "elsewhere",
    "UV_FIND_LINKS": "https://elsewhere.example/",
    "UV_CONFIG_FILE": "/home/elsewhere/uv.toml",
    "UV_NO_INDEX": "1",
    "UV_HTTP_TIMEOUT": "60",
}


def child(environment: dict[str, str], **options: Any) -> dict[str, str]:
    settings = options.pop("settings", ClientSettings(variables={"PIP_CERT": "/c.pem"}, uv={}, mirror=None))
    return child_environment(
        environment, url=URL, host="127.0.0.1", settings=settings, uv_config=CONFIG, **options
    )


def test_a_command_gets_our_index_and_no_other() -> None:
    found = child(BEFORE)
    assert found["PIP_INDEX_URL"] == found["UV_DEFAULT_INDEX"] == URL
    assert [name for name, value in found.items() if "elsewhere" in value] == []
    assert "UV_NO_INDEX" not in found
    assert found["NO_PROXY"] == "corp.example,127.0.0.1"
    assert (found["PATH"], found["PIP_CERT"], found["UV_HTTP_TIMEOUT"]) == ("/bin", "/c.pem", "60")


def test_configuration_files_are_switched_off() -> None:
    found = child(BEFORE)
    assert (found["PIP_CONFIG_FILE"], found["UV_CONFIG_FILE"]) == (os.devnull, str(CONFIG))


def test_indexes_of_a_project_are_ours() -> None:
    found = child({}, uv_indexes=("corp", "torch"))
    assert found["UV_INDEX"] == f"corp={URL} torch={URL}"


def test_the_proxy_of_pip_is_for_other_hosts_only() -> None:
    proxies = {"HTTPS_PROXY": "http://proxy.corp:3128", "NO_PROXY": ".corp"}
    settings = ClientSettings(variables={}, uv={}, mirror=None, proxies=proxies)
    found = child({"NO_PROXY": "a.example"}, settings=settings)
    assert found["HTTPS_PROXY"] == found["https_proxy"] == "http://proxy.corp:3128"
    assert (found["NO_PROXY"], found["no_proxy"]) == ("a.example,.corp,127.0.0.1", ".corp,127.0.0.1")
    assert "HTTP_PROXY" not in found


def test_our_own_credentials_are_not_passed_on() -> None:
    kept = {"PUBLISH_ALL_REPOSITORIES_BOX_URL": "https://box.example/", "GITHUB_TOKEN": "t"}
    secret = {
        "PUBLISH_ALL_BOX_TOKEN": "t",
        "PUBLISH_ALL_BOX_TOKEN_FOR_KINDLING": "t",
        "PUBLISH_ALL_BOX_PASSWORD": "t",
        "PUBLISH_ALL_REPOSITORIES_CORP_URL": "https://u:p@corp.example/",
    }
    found = child({**kept, **secret})
    assert kept.items() <= found.items()
    assert not secret.keys() & found.keys()
