"""What the user states for all projects: `publish-all/config.toml`, and `PUBLISH_ALL_REPOSITORIES_<NAME>_URL`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from publish_all.config.load import file_origins, read_toml
from publish_all.config.model import EMPTY, RepositoryConfig, Scope
from publish_all.config.parse import repositories
from publish_all.config.problems import Problems, did_you_mean
from publish_all.config.reading import Value, fields

PREFIX = "PUBLISH_ALL_REPOSITORIES_"

_KEYS = {"_INDEX_URL": "index-url", "_URL": "url", "_KIND": "kind", "_AUDIENCE": "audience"}


def user_repositories(path: Path) -> Mapping[str, RepositoryConfig]:
    """`[repositories.NAME]` of the user's own file. Raises `ConfigurationError`, as for a project."""
    if not path.is_file():
        return EMPTY
    values, text = read_toml(path)
    problems = Problems(str(path), file_origins(text, str(path)))
    found = fields(Value(values, (), problems), {"repositories": repositories(Scope.USER)})
    problems.raise_if_any()
    stated: Mapping[str, RepositoryConfig] = found.get("repositories", EMPTY)
    return stated


def environment_repositories(
    environment: Mapping[str, str],
) -> tuple[Mapping[str, RepositoryConfig], tuple[str, ...]]:
    """What the variables state, and notes on those that say nothing. An empty variable is not set.

    Raises `ConfigurationError` that names the variable.
    """
    stated: dict[str, dict[str, str]] = {}
    origins: dict[str, str] = {}
    notes = []
    for variable, value in sorted(environment.items()):
        if not variable.startswith(PREFIX) or not value:
            continue
        rest = variable.removeprefix(PREFIX)
        suffix = next((each for each in _KEYS if rest.endswith(each)), None)
        if suffix is None:
            notes.append(_unknown_variable(variable))
            continue
        name = rest.removesuffix(suffix).lower().replace("_", "-")
        stated.setdefault(name, {})[_KEYS[suffix]] = value
        origins[f"{name}.{_KEYS[suffix]}"] = f"environment {variable}"
        origins.setdefault(name, f"environment {variable}")
    problems = Problems("environment", origins)
    found = repositories(Scope.ENVIRONMENT)(Value(stated, (), problems))
    problems.raise_if_any()
    return found, tuple(notes)


def _unknown_variable(variable: str) -> str:
    stem = variable.rpartition("_")[0] if variable.count("_") > PREFIX.count("_") else f"{PREFIX}NAME"
    known = [f"{stem}{suffix}" for suffix in _KEYS]
    return f"the environment variable {variable} says nothing{did_you_mean(variable, known)}"
