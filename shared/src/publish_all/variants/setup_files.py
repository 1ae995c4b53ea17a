"""Projects whose metadata is in setup.cfg or setup.py, and not in pyproject.toml. Nothing of setup.py runs."""

from __future__ import annotations

import ast
import configparser
from collections.abc import Mapping
from contextlib import suppress
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from publish_all._toml import table

# The headers of core metadata, and the fields of [project] that they come from.
_HEADERS = {
    "summary": "description",
    "requires-python": "requires-python",
    "license": "license",
    "license-expression": "license",
    "author": "authors",
    "author-email": "authors",
    "maintainer": "maintainers",
    "maintainer-email": "maintainers",
    "keywords": "keywords",
    "classifier": "classifiers",
    "project-url": "urls",
    "provides-extra": "optional-dependencies",
    "requires-dist": "dependencies",
}
# setuptools takes these for stated even where they are empty.
_ALWAYS = ("scripts", "gui-scripts", "entry-points")
# What setuptools can find elsewhere (pyproject.toml specification, `dynamic`).
FIELDS = tuple(dict.fromkeys((*_HEADERS.values(), "readme", *_ALWAYS)))


def has_metadata_elsewhere(pyproject: Mapping[str, Any]) -> bool:
    """Whether pyproject.toml has no metadata: setuptools, and backends around it such as pbr's, take it from setup.cfg and setup.py."""
    return "project" not in pyproject and table(pyproject, "tool").keys().isdisjoint({"poetry", "flit"})


def name_in_setup_files(root: Path) -> str | None:
    """The name of the distribution, None where neither setup.cfg nor setup.py says it in a way that can be read."""
    stated = _setup_cfg(root).get("metadata", "name", fallback="").strip()
    return stated or stated_in_setup_py(root, "name") or _name_by_variable(root)


def readmes_in_setup_cfg(root: Path) -> tuple[str, ...]:
    """The files that `long_description` is read from."""
    kind, _, files = _setup_cfg(root).get("metadata", "long_description", fallback="").partition("file:")
    return () if kind.strip() else tuple(each.strip() for each in files.split(",") if each.strip())


def _setup_cfg(root: Path) -> configparser.ConfigParser:
    """The parsed file; empty if it is invalid, as setuptools reports that."""
    parser = configparser.ConfigParser(interpolation=None)
    with suppress(configparser.Error, UnicodeDecodeError):
        parser.read(root / "setup.cfg", encoding="utf-8")
    return parser


def fields_in(metadata: str) -> frozenset[str]:
    """The fields of `[project]` which core metadata holds, of those that setuptools may have found elsewhere."""
    message = HeaderParser().parsestr(metadata)
    found = {_HEADERS[name.lower()] for name in message if name.lower() in _HEADERS}
    if str(message.get_payload()).strip():
        found.add("readme")
    return frozenset((*found, *_ALWAYS))


def extras_of_setup(root: Path) -> Mapping[str, list[str]]:
    """The extras with their requirements that setup.cfg and setup.py state, as far as setup.py does not work them out."""
    stated = _setup_argument(root, "extras_require")
    found: dict[str, list[str]] = {}
    with suppress(ValueError, TypeError, AttributeError):  # no literal, or none of texts
        values = ast.literal_eval(stated) if stated is not None else {}
        found = {name: [each] if isinstance(each, str) else [*each] for name, each in values.items()}
    of_file = _setup_cfg(root)
    options = of_file["options.extras_require"] if of_file.has_section("options.extras_require") else {}
    return {**found, **{name: text.split("\n") for name, text in options.items()}}


def stated_in_setup_py(root: Path, keyword: str) -> str | None:
    """What setup.py states as `name` or `version`; None where there is no setup.py, or it works that out."""
    stated = _setup_argument(root, keyword)
    return stated.value if isinstance(stated, ast.Constant) and isinstance(stated.value, str) else None


def _name_by_variable(root: Path) -> str | None:
    """For `name=NAME`, and for `name=about["__title__"]` of a file that setup.py names and executes."""
    match _setup_argument(root, "name"):
        case ast.Name(id=variable):
            return _assigned(root / "setup.py", variable)
        case ast.Subscript(slice=ast.Constant(value=str(variable))):
            texts = (
                each.value for each in ast.walk(_parsed(root / "setup.py")) if isinstance(each, ast.Constant)
            )
            named = {
                each.rpartition("/")[2] for each in texts if isinstance(each, str) and each.endswith(".py")
            }
            files = sorted(
                each for pattern in ("*.py", "*/*.py", "src/*/*.py") for each in root.glob(pattern)
            )
            found = (_assigned(each, variable) for each in files if each.name in named)
            return next((each for each in found if each), None)
    return None


def _assigned(path: Path, variable: str) -> str | None:
    """The text that a file assigns to the variable, outside of functions and conditions."""
    for node in _parsed(path).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))) if (
                name == variable
            ):
                return text
    return None


def _parsed(path: Path) -> ast.Module:
    """The file, empty where it is none."""
    try:
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ast.Module([], [])


def _setup_argument(root: Path, keyword: str) -> ast.expr | None:
    for node in ast.walk(_parsed(root / "setup.py")):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "setup":
            for each in node.keywords:
                if each.arg == keyword:
                    return each.value
    return None
