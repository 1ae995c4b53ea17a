from __future__ import annotations

import sys

import pytest

from publish_all.commands.scaffold.changes import Change, current, write
from publish_all.errors import ConfigurationError


def change(path, before, after):
    return Change(path=path, name=path.name, before=before, after=after)


def test_shows_a_change_with_the_lines_around_it(tmp_path):
    shown = change(tmp_path / "a.toml", "a = 1\nb = 2\n", "a = 1\nb = 3\n").diff
    assert shown.splitlines() == [
        "--- a/a.toml",
        "+++ b/a.toml",
        "@@ -1,2 +1,2 @@",
        " a = 1",
        "-b = 2",
        "+b = 3",
    ]


def test_shows_no_token_that_a_file_holds(tmp_path):
    before = "env:\n  TWINE_PASSWORD: pypi-AgEIcHlwaS5vcmcCEzhmM2QxYzU1\n"
    assert "AgEI" not in change(tmp_path / "a.yml", before, "").diff


def test_a_new_file_comes_from_nothing(tmp_path):
    made = change(tmp_path / "sub" / "a.toml", None, "a = 1\n")
    assert made.diff.startswith("--- /dev/null\n+++ b/a.toml\n")
    assert (made.verb, made.needed) == ("create", True)
    write([made])
    assert current(made.path) == "a = 1\n"


def test_keeps_line_ends_and_permissions(tmp_path):
    path = tmp_path / "a.toml"
    path.write_bytes(b"a = 1\r\n")
    path.chmod(0o600)
    write([change(path, "a = 1\r\n", "a = 2\r\n")])
    assert path.read_bytes() == b"a = 2\r\n"
    if sys.platform != "win32":
        assert path.stat().st_mode & 0o777 == 0o600


def test_leaves_a_file_alone_that_has_changed_since(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("a = 9\n")
    with pytest.raises(ConfigurationError, match="has changed meanwhile"):
        write([change(path, "a = 1\n", "a = 2\n")])
    assert path.read_text() == "a = 9\n"


def test_what_is_no_text_is_not_read(tmp_path):
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="can't be read"):
        current(path)
