"""What a setup.py states literally, read from its syntax tree: nothing of it runs."""

from __future__ import annotations

import ast
from pathlib import Path


def name_in_setup_py(root: Path) -> str | None:
    """The project's name; None where there is no setup.py, or it works the name out."""
    return _keyword(root, "name")


def version_in_setup_py(root: Path) -> str | None:
    """The version, as `name_in_setup_py`."""
    return _keyword(root, "version")


def _keyword(root: Path, keyword: str) -> str | None:
    try:
        tree = ast.parse((root / "setup.py").read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_setup(node.func):
            for each in node.keywords:
                if each.arg == keyword and isinstance(each.value, ast.Constant):
                    return each.value.value if isinstance(each.value.value, str) else None
    return None


def _is_setup(function: ast.expr) -> bool:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name == "setup"
        case _:
            return False
