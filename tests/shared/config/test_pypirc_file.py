from __future__ import annotations

import pytest

from publish_all.config.pypirc import read_pypirc
from publish_all.errors import ConfigurationError

URL = "https://pypi.corp.example/legacy/"
SECTION = (
    f"[distutils]\nindex-servers = corp\n[corp]\nrepository = {URL}\nusername = bob\npassword = canary-ü\n"
)


@pytest.fixture
def read(tmp_path):
    def of(content):
        path = tmp_path / ".pypirc"
        path.write_bytes(content)
        return read_pypirc(path)

    return of


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_byte_order_mark_says_the_encoding(encoding, read):
    (server,) = read(SECTION.encode(encoding))
    assert (server.section, server.url, server.username, server.password) == ("corp", URL, "bob", "canary-ü")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (SECTION.encode("latin-1"), "line 6 is not UTF-8"),
        ("\ufeff".encode("utf-16-le") + b"\x00\xd8x\x00", "is not UTF-16"),
    ],
)
def test_another_encoding_is_told_with_its_line(content, said, read):
    with pytest.raises(ConfigurationError, match=said) as caught:
        read(content)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_server_login_is_for_the_listed_servers_that_state_no_login(read):
    text = (
        "[distutils]\nindex-servers = pypi corp own\n[server-login]\nusername = bob\npassword = canary\n"
        f"[corp]\nrepository = {URL}\n"
        "[own]\nrepository = https://own.example/\nusername = carol\npassword = hers\n"
        "[unlisted]\nrepository = https://unlisted.example/\n"
    )
    found = {each.section: (each.username, each.password) for each in read(text.encode())}
    assert found == {
        "corp": ("bob", "canary"),
        "own": ("carol", "hers"),
        "unlisted": (None, None),
        "pypi": ("bob", "canary"),
    }


def test_a_section_twice_and_the_password_in_the_repr(read):
    (server,) = read((SECTION + "[corp]\nca_cert = /ca.pem\n").encode())
    assert server.ca_cert == "/ca.pem"
    assert "canary" not in repr(server)
