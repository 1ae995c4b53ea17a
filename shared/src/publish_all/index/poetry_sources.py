"""Which sources a Poetry project installs from."""

from __future__ import annotations

from pathlib import Path

from publish_all.index.named_files import project_at, read_toml, table, tables


def poetry_sources(folder: Path, ours: str) -> tuple[str, ...] | None:
    """The names of the sources of the project at or above `folder`, if all are our index; else None.

    Without a primary source Poetry installs from PyPI, too:
    https://python-poetry.org/docs/repositories/#package-sources
    """
    found = project_at(folder)
    if found is None:
        return None
    sources = tables(table(read_toml(found / "pyproject.toml"), "tool", "poetry").get("source"))
    names = tuple(str(each.get("name", "")) for each in sources)
    only_ours = all(str(each.get("url", "")).startswith(ours) for each in sources)
    primary = any(each.get("priority", "primary") == "primary" for each in sources)
    return names if only_ours and primary else None
