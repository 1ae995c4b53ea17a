from __future__ import annotations

import pytest

from publish_all.index.child import child_environment, dropped, locks

URL = "http://publish-all:secret@127.0.0.1:4711/simple/"
BEFORE = {
    "PATH": "/bin",
    "NO_PROXY": "corp.example",
    "PIP_EXTRA_INDEX_URL": "https://elsewhere.example/simple/",
    "PIP_INDEX_URL": "https://mirror.example/simple/",
    "UV_INDEX": "https://elsewhere.example/simple/",
    "UV_NO_INDEX": "",
    "PIP_CERT": "/corp.pem",
}


def test_a_command_gets_our_index_and_no_other() -> None:
    child = child_environment(BEFORE, URL, "127.0.0.1")
    assert child["PIP_INDEX_URL"] == child["UV_DEFAULT_INDEX"] == URL
    assert not [name for name, value in child.items() if "elsewhere" in value or "mirror" in value]
    assert "UV_NO_INDEX" not in child
    assert child["NO_PROXY"] == "corp.example,127.0.0.1"
    assert (child["PATH"], child["PIP_CERT"]) == ("/bin", "/corp.pem")


def test_says_what_is_left_out() -> None:
    assert dropped(BEFORE) == ("PIP_EXTRA_INDEX_URL", "UV_INDEX")


@pytest.mark.parametrize(
    ("command", "part"),
    [
        ("uv lock", "uv lock"),
        ("uv -q add kindling", "uv add"),
        ("/usr/bin/uv.exe sync", "uv sync"),
        ("uv sync --frozen", None),
        ("uv run --locked pytest", None),
        ("uv pip install kindling", None),
        ("uv pip compile requirements.in", "uv pip compile"),
        ("poetry lock", "poetry lock"),
        ("pip install kindling", None),
        ("python3.12 -m pip lock kindling", "pip lock"),
        ("pip-compile", "pip-compile"),
        ("tox -e py312", None),
    ],
)
def test_knows_commands_that_write_a_lock_file(command: str, part: str | None) -> None:
    assert locks(command.split()) == part
