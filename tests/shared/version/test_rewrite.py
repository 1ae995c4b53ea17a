"""Rewriting changes the bytes of the literal and no others."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version

from publish_all.errors import VersionError
from publish_all.version.attribute import read_attribute, rewritten

REWRITES: dict[str, tuple[bytes, bytes]] = {
    "plain": (b'__version__ = "1.2.3"\n', b'__version__ = "1.3.0"\n'),
    "single quotes and a comment": (
        b"__version__  =  '1.2.3'   # the one\n",
        b"__version__  =  '1.3.0'   # the one\n",
    ),
    "no newline at the end": (b'__version__ = "1.2.3"', b'__version__ = "1.3.0"'),
    "CRLF": (
        b'import os\r\n__version__ = "1.2.3"\r\nx = 1\r\n',
        b'import os\r\n__version__ = "1.3.0"\r\nx = 1\r\n',
    ),
    "CR": (b'import os\r__version__ = "1.2.3"\rx = 1', b'import os\r__version__ = "1.3.0"\rx = 1'),
    "mixed line ends": (
        b'a = 1\r\nb = 2\n__version__ = "1.2.3"\rc = 3\n',
        b'a = 1\r\nb = 2\n__version__ = "1.3.0"\rc = 3\n',
    ),
    "BOM": (b'\xef\xbb\xbf__version__ = "1.2.3"\n', b'\xef\xbb\xbf__version__ = "1.3.0"\n'),
    "latin-1 cookie": (
        b'# -*- coding: latin-1 -*-\nname = "\xe9"; __version__ = "1.2.3"  # \xfc\n',
        b'# -*- coding: latin-1 -*-\nname = "\xe9"; __version__ = "1.3.0"  # \xfc\n',
    ),
    "UTF-8 before it on the line": (
        'name = "é😀"; __version__ = "1.2.3"  # ü\n'.encode(),
        'name = "é😀"; __version__ = "1.3.0"  # ü\n'.encode(),
    ),
    "raw prefix": (b'__version__ = r"1.2.3"\n', b'__version__ = r"1.3.0"\n'),
    "u prefix": (b"__version__ = U'1.2.3'\n", b"__version__ = U'1.3.0'\n"),
    "triple quotes": (b'__version__ = """1.2.3"""\n', b'__version__ = """1.3.0"""\n'),
    "triple quotes over lines": (b"__version__ = '''\n  1.2.3\n'''\n", b"__version__ = '''\n  1.3.0\n'''\n"),
    "parentheses": (
        b'__version__ = (  # here\n    "1.2.3"  # now\n)\n',
        b'__version__ = (  # here\n    "1.3.0"  # now\n)\n',
    ),
    "side by side": (b'__version__ = "1.2" ".3"  # two\n', b'__version__ = "1.3.0"  # two\n'),
    "side by side over lines": (
        b"__version__ = (\n    '1.'\n    '2.3'\n)\n",
        b"__version__ = (\n    '1.3.0'\n)\n",
    ),
    "form feed": (
        b'x = 1\n\x0c\n__version__ = "1.2.3"\n\x0cy = 2\n',
        b'x = 1\n\x0c\n__version__ = "1.3.0"\n\x0cy = 2\n',
    ),
    "line separators which Python does not know": (
        'a = "\u2028\x85"\n__version__ = "1.2.3"\n'.encode(),
        'a = "\u2028\x85"\n__version__ = "1.3.0"\n'.encode(),
    ),
    "backslash continuation": (b'__version__ = \\\n    "1.2.3"\n', b'__version__ = \\\n    "1.3.0"\n'),
    "tabs": (b'if True:\n\t__version__ = "1.2.3"\n', b'if True:\n\t__version__ = "1.3.0"\n'),
    "the last one only": (
        b'__version__ = "1.2.3"\n__version__ = "1.2.3"\n',
        b'__version__ = "1.2.3"\n__version__ = "1.3.0"\n',
    ),
    "chained": (b'version = __version__ = "1.2.3"\n', b'version = __version__ = "1.3.0"\n'),
    "unpacked": (b'__version__, a = "1.2.3", "1.2.3"\n', b'__version__, a = "1.3.0", "1.2.3"\n'),
    "another name": (b'V = "1.2.3"\n__version__ = V\n', b'V = "1.3.0"\n__version__ = V\n'),
    "tuple": (
        b'V = (1,  2, 3,)  # so\n__version__ = ".".join(map(str, V))\n',
        b'V = (1, 3, 0)  # so\n__version__ = ".".join(map(str, V))\n',
    ),
    "list of strings": (
        b'__version__ = ".".join(["1", \'2\'])\n',
        b'__version__ = ".".join(["1", "3", "0"])\n',
    ),
    "bare tuple": (
        b"V = 1, 2\n__version__ = '.'.join(map(str, V))\n",
        b"V = 1, 3, 0\n__version__ = '.'.join(map(str, V))\n",
    ),
    "try": (
        b'try:\n    __version__ = "1.2.3"\nexcept Exception:\n    __version__ = "0.0.0"\n',
        b'try:\n    __version__ = "1.3.0"\nexcept Exception:\n    __version__ = "0.0.0"\n',
    ),
}


@pytest.mark.parametrize(("before", "after"), REWRITES.values(), ids=REWRITES)
def test_rewrites_the_literal_alone(before: bytes, after: bytes, tmp_path: Path) -> None:
    path = tmp_path / "init.py"
    path.write_bytes(before)
    assert rewritten(read_attribute(path), Version("1.3.0")) == after
    assert path.read_bytes() == before


def test_a_prerelease_goes_into_a_tuple_as_a_string(tmp_path: Path) -> None:
    path = tmp_path / "init.py"
    path.write_bytes(b'V = (1, 2, 3)\n__version__ = ".".join(map(str, V))\n')
    expected = b'V = (1, 3, 0, "rc1")\n__version__ = ".".join(map(str, V))\n'
    assert rewritten(read_attribute(path), Version("1.3.0rc1")) == expected


def test_rewrites_the_file_that_imports_lead_to(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_bytes(b"from ._version import __version__\n")
    (tmp_path / "_version.py").write_bytes(b'__version__ = "1.2.3"\r\n')
    found = read_attribute(tmp_path / "__init__.py")
    assert found.path == tmp_path / "_version.py"
    assert rewritten(found, Version("1.3.0")) == b'__version__ = "1.3.0"\r\n'


@pytest.mark.parametrize("version", ["1!2.0", "1.0+local"])
def test_refuses_an_epoch_or_local_part_in_a_tuple(version: str, tmp_path: Path) -> None:
    path = tmp_path / "init.py"
    path.write_text('V = (1, 2)\n__version__ = ".".join(map(str, V))')
    with pytest.raises(VersionError, match="can't be written as a tuple"):
        rewritten(read_attribute(path), Version(version))


def test_refuses_a_tuple_with_comments(tmp_path: Path) -> None:
    path = tmp_path / "init.py"
    path.write_text('V = (\n    1,  # major\n    2,\n)\n__version__ = ".".join(map(str, V))')
    with pytest.raises(VersionError, match="can't be written as a tuple"):
        rewritten(read_attribute(path), Version("1.3"))
