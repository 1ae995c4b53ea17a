from __future__ import annotations

import configparser

import pytest

from publish_all.commands.register import with_item

PYPIRC = """\
# mine
[distutils]
index-servers =
    pypi
    ours   ; an inline note

[pypi]
username: __token__
password = 100%secret
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "[distutils]\nindex-servers =\n    pypi\n    corp\n"),
        ("[x]\na = 1", "[x]\na = 1\n\n[distutils]\nindex-servers =\n    pypi\n    corp\n"),
        ("[distutils]\n", "[distutils]\nindex-servers =\n    pypi\n    corp\n"),
        ("[distutils]", "[distutils]\nindex-servers =\n    pypi\n    corp\n"),
        ("[distutils]\nindex-servers = pypi test", "[distutils]\nindex-servers = pypi test\n    corp\n"),
        (
            "[distutils]\nindex-servers=\n  pypi\n\n[pypi]\n",
            "[distutils]\nindex-servers=\n  pypi\n    corp\n\n[pypi]\n",
        ),
        ("[distutils]\nindex-servers = corp\n", "[distutils]\nindex-servers = corp\n"),
        (
            "[distutils]\r\nindex-servers =\r\n  pypi\r\n",
            "[distutils]\r\nindex-servers =\r\n  pypi\r\n    corp\r\n",
        ),
        (
            "[other]\nindex-servers = no\n[distutils]\nx = 1\nindex-servers = pypi\ny = 2\n",
            "[other]\nindex-servers = no\n[distutils]\nx = 1\nindex-servers = pypi\n    corp\ny = 2\n",
        ),
    ],
)
def test_an_item_is_added_to_a_list(text, expected):
    assert with_item(text, "distutils", "index-servers", "corp", first=("pypi",)) == expected


def test_every_other_byte_stays():
    after = with_item(PYPIRC, "distutils", "index-servers", "corp")
    assert after.startswith("# mine\n")
    assert [line for line in after.splitlines() if line not in PYPIRC.splitlines()] == ["    corp"]
    parser = configparser.RawConfigParser()
    parser.read_string(after)
    assert "corp" in parser["distutils"]["index-servers"].split()
    assert parser["pypi"]["password"] == "100%secret"


def test_a_broken_file_is_not_edited():
    with pytest.raises(configparser.Error):
        with_item("[distutils\nindex-servers\n", "distutils", "index-servers", "corp")
