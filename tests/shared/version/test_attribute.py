"""Texts of `__init__.py` and what each says: nothing is imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from publish_all.errors import VersionError
from publish_all.version.attribute import read_attribute

SAYS = {
    "plain": ('__version__ = "1.2.3"', "1.2.3"),
    "single quotes": ("__version__ = '1.2.3'", "1.2.3"),
    "triple quotes": ('__version__ = """1.2.3"""', "1.2.3"),
    "annotated": ('__version__: str = "1.2.3"', "1.2.3"),
    "Final": ('from typing import Final\n__version__: Final = "1.2.3"', "1.2.3"),
    "annotated before": ('__version__: str\n__version__ = "1.2.3"', "1.2.3"),
    "chained": ('version = __version__ = "1.2.3"', "1.2.3"),
    "chained, first": ('__version__ = VERSION = "1.2.3"', "1.2.3"),
    "unpacked": ('__version__, __author__ = "1.2.3", "me"', "1.2.3"),
    "unpacked, nested": ('(a, (__version__, b)) = (1, ("1.2.3", 2))', "1.2.3"),
    "another name": ('VERSION = "1.2.3"\n__version__ = VERSION', "1.2.3"),
    "tuple": ("__version__ = (1, 2, 3)", "1.2.3"),
    "join, map": ('version_info = (1, 2, 3)\n__version__ = ".".join(map(str, version_info))', "1.2.3"),
    "join, list": ('__version__ = ".".join(["1", "2", "3"])', "1.2.3"),
    "join, mixed": ('V = (1, 2, "rc1")\n__version__ = ".".join(map(str, V))', "1.2rc1"),
    "side by side": ('__version__ = "1.2" ".3"', "1.2.3"),
    "parentheses": ('__version__ = (\n    "1.2.3"\n)', "1.2.3"),
    "white space around": ('__version__ = " 1.2.3\\n"', "1.2.3"),
    "normalised": ('__version__ = "v1.2.3-RC.1"', "1.2.3rc1"),
    "the last one": ('__version__ = "1.0"\n__version__ = "2.0"', "2.0"),
    "bound again too late": ('V = "1.0"\n__version__ = V\nV = "9.9"', "1.0"),
    "itself": ('__version__ = "1.0"\n__version__ = __version__', "1.0"),
    "decoy in the docstring": ('"""\n__version__ = "9.9"\n"""\n__version__ = "1.0"', "1.0"),
    "decoy in a comment": ('# __version__ = "9.9"\n__version__ = "1.0"', "1.0"),
    "decoy in a function": ('__version__ = "1.0"\ndef f():\n    __version__ = "9.9"', "1.0"),
    "decoy in a class": ('__version__ = "1.0"\nclass C:\n    __version__ = "9.9"', "1.0"),
    "decoy for type checkers": (
        'import typing\n__version__ = "1.0"\nif typing.TYPE_CHECKING:\n    __version__ = "9.9"',
        "1.0",
    ),
    "try": ('try:\n    __version__ = "1.0"\nexcept Exception:\n    __version__ = "0.0.0"', "1.0"),
    "try, bound afterwards": (
        'try:\n    import x\nexcept ImportError:\n    pass\nelse:\n    y = 1\nfinally:\n    __version__ = "1.0"',
        "1.0",
    ),
    "with": ('import contextlib\nwith contextlib.suppress(Exception):\n    __version__ = "1.0"', "1.0"),
    "an escape that warns": ('P = "\\d"\n__version__ = "1.0"', "1.0"),
    "a form feed": ('\x0c\n__version__ = "1.0"', "1.0"),
    "semicolons": ('a = 1; __version__ = "1.0"; b = 2', "1.0"),
}

REFUSED = {
    "none": ("x = 1", "there is no __version__"),
    "an empty file": ("", "there is no __version__"),
    "annotated only": ("__version__: str", "there is no __version__"),
    "own metadata": (
        'from importlib.metadata import version\n__version__ = version("de-mo")',
        "init.py:2: circular",
    ),
    "own metadata, other spelling": (
        'import importlib.metadata\n__version__ = importlib.metadata.version("De_Mo")',
        "init.py:2: circular",
    ),
    "own metadata by __name__": (
        "from importlib import metadata\n__version__ = metadata.version(__name__)",
        "init.py:2: circular",
    ),
    "own metadata with a stopgap": (
        (
            'from importlib.metadata import version\ntry:\n    __version__ = version("de-mo")\n'
            'except Exception:\n    __version__ = "0.0.0"'
        ),
        "init.py:3: circular",
    ),
    "pkg_resources": (
        'import pkg_resources\n__version__ = pkg_resources.get_distribution("de-mo").version',
        "init.py:2: circular",
    ),
    "metadata of another": (
        'from importlib.metadata import version\n__version__ = version("other")',
        "init.py:2: circular",
    ),
    "a function": (
        "def get(): ...\n__version__ = get()",
        "init.py:2: __version__ is not a literal",
    ),
    "a file": ('__version__ = open("VERSION").read()', "init.py:1: __version__ is not a literal"),
    "a number": ("__version__ = 1.2", "init.py:1: __version__ is not a literal"),
    "an integer": ("__version__ = 1", "init.py:1: __version__ is not a literal"),
    "None": ("__version__ = None", "init.py:1: __version__ is not a literal"),
    "bytes": ('__version__ = b"1.2"', "init.py:1: __version__ is not a literal"),
    "unknown name": ("__version__ = VERSION", "there is no VERSION"),
    "not PEP 440": ('__version__ = "one"', "init.py:1: __version__ is 'one', which is not a PEP 440 version"),
    "empty": ('__version__ = ""', "is '', which is not a PEP 440 version"),
    "augmented": (
        '__version__ = "1.0"\n__version__ += ".dev0"',
        "init.py:2: __version__ is not a literal",
    ),
    "deleted": ('__version__ = "1.0"\ndel __version__', "init.py:2: __version__ is not a literal"),
    "a loop": ('for __version__ in ("1.0", "2.0"):\n    pass', "init.py:1: __version__ is not a literal"),
    "conditional": (
        'import os\n__version__ = "1.0"\nif os.environ.get("CI"):\n    __version__ = "2.0"',
        "depends on a condition (lines 2, 4)",
    ),
    "a sum": ('BASE = "1.2"\n__version__ = BASE + ".3"', "init.py:2: __version__ is not a literal"),
    "an f-string": ('X = 1\n__version__ = f"{X}.0"', "init.py:2: __version__ is not a literal"),
    "join of a part": (
        'V = (1, 2, "final")\n__version__ = ".".join(map(str, V[:2]))',
        "init.py:2: __version__ is not a literal",
    ),
    "join of a string": ('__version__ = ".".join("123")', "init.py:1: __version__ is not a literal"),
    "an attribute of a module": (
        "from . import _version\n__version__ = _version.number",
        "init.py:2: __version__ is not a literal",
    ),
    "itself": ("__version__ = __version__", "init.py: there is no __version__"),
    "not Python": ("__version__ = ", "init.py:1: is not valid Python"),
    "a null byte": ('__version__ = "1.0"\x00', "is not valid Python"),
    "from a library": (
        "from other import __version__",
        "init.py:1: it comes from other, which is not a file",
    ),
}


@pytest.mark.parametrize(("text", "expected"), SAYS.values(), ids=SAYS)
def test_says(text: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "init.py").write_text(text, newline="")
    assert str(read_attribute(tmp_path / "init.py").version) == expected


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_refuses_what_is_not_literal(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "init.py").write_text(text, newline="")
    with pytest.raises(VersionError) as caught:
        read_attribute(tmp_path / "init.py")
    assert message in str(caught.value)
    assert caught.value.hint or "Python" in message


MODULES = {
    "relative": (
        {"__init__.py": "from ._version import __version__", "_version.py": '__version__ = "1.0"'},
        "_version.py:1",
    ),
    "as": (
        {"__init__.py": "from ._version import v as __version__", "_version.py": '\nv = "1.0"'},
        "_version.py:2",
    ),
    "absolute": (
        {"__init__.py": "from pkg._version import __version__", "_version.py": '__version__ = "1.0"'},
        "_version.py:1",
    ),
    "star with __all__": (
        {
            "__init__.py": "from ._version import *",
            "_version.py": '__all__ = ["__version__"]\n__version__ = "1.0"',
        },
        "_version.py:2",
    ),
    "star without __all__ brings no underscores": (
        {
            "__init__.py": '__version__ = "1.0"\nfrom ._version import *',
            "_version.py": '__version__ = "9.9"',
        },
        "__init__.py:1",
    ),
    "star in try": (
        {
            "__init__.py": "try:\n    from ._version import *\nexcept ImportError:\n    __version__ = '0'",
            "_version.py": '__all__ = ["__version__"]\n__version__ = "1.0"',
        },
        "_version.py:2",
    ),
    "star of what is not here": (
        {"__init__.py": '__version__ = "1.0"\nfrom os.path import *'},
        "__init__.py:1",
    ),
    "two steps": (
        {
            "__init__.py": "from .a import __version__",
            "a.py": "from .b import x as __version__",
            "b.py": 'x = "1.0"',
        },
        "b.py:1",
    ),
    "from a package inside": (
        {
            "__init__.py": "from .sub.about import __version__",
            "sub/__init__.py": "",
            "sub/about.py": '__version__ = "1.0"',
        },
        "sub/about.py:1",
    ),
    "from the package above": (
        {
            "__init__.py": "from .sub import __version__",
            "sub/__init__.py": "from ..b import __version__",
            "b.py": '__version__ = "1.0"',
        },
        "b.py:1",
    ),
    "a stopgap is not taken": (
        {
            "__init__.py": 'try:\n    from ._version import __version__\nexcept ImportError:\n    __version__ = "0.0.0"',
            "_version.py": '__version__ = "1.0"',
        },
        "_version.py:1",
    ),
}


@pytest.mark.parametrize(("files", "where"), MODULES.values(), ids=MODULES)
def test_follows_imports(files: dict[str, str], where: str, tmp_path: Path) -> None:
    package = tmp_path / "src" / "pkg"
    for name, text in files.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    found = read_attribute(package / "__init__.py")
    assert str(found.version) == "1.0"
    assert f"{found.path.relative_to(package).as_posix()}:{found.line}" == where


def test_detects_a_circle_of_imports(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("from .b import __version__")
    (tmp_path / "b.py").write_text("from .a import __version__")
    with pytest.raises(VersionError, match=r"a\.py:1: __version__ is imported in a circle"):
        read_attribute(tmp_path / "a.py")


def test_a_stopgap_is_no_version_when_the_real_one_is_missing(tmp_path: Path) -> None:
    text = 'try:\n    from ._version import __version__\nexcept ImportError:\n    __version__ = "0.0.0"'
    (tmp_path / "__init__.py").write_text(text)
    with pytest.raises(VersionError, match=r"comes from \._version, which is not a file"):
        read_attribute(tmp_path / "__init__.py")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(VersionError, match=r"gone\.py: can't be read"):
        read_attribute(tmp_path / "gone.py")


def test_nothing_is_run(tmp_path: Path) -> None:
    (tmp_path / "init.py").write_text(f'open({str(tmp_path / "ran")!r}, "w")\n__version__ = "1.0"')
    read_attribute(tmp_path / "init.py")
    assert not (tmp_path / "ran").exists()
