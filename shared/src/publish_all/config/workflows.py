"""The GitHub Actions workflows of a repository, as far as they matter for publishing.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from publish_all._git import repository_root
from publish_all._toml import table
from publish_all.config.model import EMPTY
from publish_all.errors import ConfigurationError

FOLDER = PurePosixPath(".github/workflows")
_MOST_DEPTH = 100
_MOST_VALUES = 20_000  # take about a second; the largest workflows have a few thousand
_MOST_COMBINATIONS = 256  # https://docs.github.com/en/actions/reference/limits


class Step(NamedTuple):
    """One step of a job. `line` counts from 1. Values of `inputs` (`with:`) and `env` are strings. `condition` is `if:`.

    `run_line` is the line of the first command in `run`, which is after the `|` of a block.
    """

    line: int
    name: str = ""
    uses: str | None = None
    run: str | None = None
    run_line: int = 0
    inputs: Mapping[str, str] = EMPTY
    env: Mapping[str, str] = EMPTY
    working_directory: str | None = None
    condition: str = ""

    @property
    def action(self) -> str | None:
        """OWNER/NAME of the action without its version, in lower case."""
        return self.uses.partition("@")[0].lower() if self.uses else None

    @property
    def title(self) -> str:
        """The title for messages: the name of the step, or its action, or its first command."""
        first = next((line.strip() for line in (self.run or "").splitlines() if line.strip()), "")
        return self.name or self.uses or first


class Job(NamedTuple):
    """One job. `needs` are the keys of jobs before it; `uses` is the reusable workflow that it calls.

    `permissions` maps a scope to `read`, `write` or `none` (`*` for all scopes). None means that
    the job has the permissions of the workflow. `matrix` has the combinations that the job runs for, None if an
    expression computes them. A job without a matrix has one empty combination.
    """

    key: str
    line: int
    needs: tuple[str, ...] = ()
    environment: str | None = None
    permissions: Mapping[str, str] | None = None
    matrix: tuple[Mapping[str, str], ...] | None = (EMPTY,)
    env: Mapping[str, str] = EMPTY
    working_directory: str | None = None
    uses: str | None = None
    steps: tuple[Step, ...] = ()
    condition: str = ""


class Workflow(NamedTuple):
    """One file of `.github/workflows`. `triggers` maps each event to its filters (None without filters)."""

    path: Path
    triggers: Mapping[str, Any] = EMPTY
    permissions: Mapping[str, str] | None = None
    env: Mapping[str, str] = EMPTY
    jobs: tuple[Job, ...] = ()

    @property
    def runs_for_tags(self) -> bool:
        """Whether pushing a tag starts the workflow. Without a filter for branches or tags, it does."""
        push = self.triggers.get("push")
        filters = {*push} if isinstance(push, Mapping) else set()
        for_tags = filters & {"tags", "tags-ignore"} or not filters & {"branches", "branches-ignore"}
        return "push" in self.triggers and bool(for_tags)

    @property
    def tags(self) -> tuple[str, ...]:
        """The patterns of tags that start the workflow when they are pushed; empty without a filter for tags."""
        push = self.triggers.get("push")
        stated = push.get("tags") if isinstance(push, Mapping) else None
        return tuple(map(_text, stated if isinstance(stated, list) else [stated] if stated else ()))

    def permission(self, job: Job, scope: str) -> str | None:
        """`read`, `write` or `none` for a scope in a job; None if the default of the repository applies.

        If any permission is set, all others are `none`.
        """
        stated = self.permissions if job.permissions is None else job.permissions
        if stated is None:
            return None
        return stated.get(scope, stated.get("*", "none"))


class Workflows(NamedTuple):
    """The workflows by file name, and notes on files that could not be read."""

    found: tuple[Workflow, ...]
    notes: tuple[str, ...] = ()


def read_workflows(directory: Path) -> Workflows:
    """All workflows of the repository of `directory`. Never raises for the contents of files."""
    folder = repository_root(directory) / FOLDER
    found: list[Workflow] = []
    notes: list[str] = []
    for path in (each for each in sorted(folder.glob("*")) if each.suffix in {".yml", ".yaml"}):
        try:
            found.append(read_workflow(path))
        except ConfigurationError as error:
            notes.append(f"ignored: {error.message}")
    return Workflows(found=tuple(found), notes=tuple(notes))


def read_workflow(path: Path) -> Workflow:
    """One file. Raises `ConfigurationError` if it cannot be read or is not a workflow."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not valid UTF-8"
        raise _refusal(path, f"cannot be read: {why}") from error
    return parse_workflow(text, path)


def parse_workflow(text: str, path: Path) -> Workflow:
    """The workflow in a text. Raises `ConfigurationError` with the line of a YAML error."""
    values = load_yaml(text, path)
    if not isinstance(values, dict) or not isinstance(values.get("jobs"), dict):
        raise _refusal(path, "is not a GitHub Actions workflow: it has no jobs")
    triggers, jobs = values.get("on"), values["jobs"]
    if not isinstance(triggers, dict):
        triggers = dict.fromkeys(map(_text, triggers if isinstance(triggers, list) else [triggers]))
    return Workflow(
        path=path,
        triggers={str(key): value for key, value in triggers.items()},
        permissions=_permissions(values),
        env=_texts(values.get("env")),
        jobs=tuple(
            _job(str(key), each, _line(jobs, key)) for key, each in jobs.items() if isinstance(each, dict)
        ),
    )


def load_yaml(text: str, path: Path) -> Any:
    """Parse YAML 1.2, in which `on` is a string, with line numbers. Raises `ConfigurationError`."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError

    if sum(text.count(each) for each in (":", ",", "[", "{", "- ", "\n")) > _MOST_VALUES:
        raise _refusal(path, "has too many values for a workflow")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yaml = YAML(typ="rt", pure=True)
            # The error for a duplicate key quotes values, which aliases can make very large.
            yaml.allow_duplicate_keys = True
            yaml.max_depth = _MOST_DEPTH
            return yaml.load(text)
    except Exception as error:  # ruamel.yaml raises errors of many types for invalid YAML
        if isinstance(error, RecursionError) or type(error).__name__ == "MaxDepthExceededError":
            raise _refusal(path, "is nested too deep for a workflow") from error
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        where = f"{path}:{mark.line + 1}" if mark is not None else path
        what = getattr(error, "problem", None) or type(error).__name__
        raise _refusal(where, f"is not valid YAML: {what}") from error


def _refusal(where: Path | str, what: str) -> ConfigurationError:
    hint = "Use a GitHub Actions workflow, such as .github/workflows/ci.yml."
    return ConfigurationError(f"{where}: {what}", hint=hint)


def _job(key: str, values: dict[str, Any], line: int) -> Job:
    steps, strategy, needs = values.get("steps"), values.get("strategy"), values.get("needs")
    environment = values.get("environment")
    if isinstance(environment, dict):
        environment = environment.get("name")
    return Job(
        key=key,
        line=line,
        needs=tuple(map(_text, needs if isinstance(needs, list) else [needs] if needs else ())),
        environment=_text(environment) or None,
        permissions=_permissions(values),
        matrix=_matrix(strategy.get("matrix")) if isinstance(strategy, dict) else (EMPTY,),
        env=_texts(values.get("env")),
        working_directory=_text(table(values, "defaults", "run").get("working-directory")) or None,
        uses=_text(values.get("uses")) or None,
        steps=tuple(_steps(steps)) if isinstance(steps, list) else (),
        condition=_text(values.get("if")),
    )


def _steps(steps: Any) -> Iterator[Step]:
    for index, each in enumerate(steps):
        if isinstance(each, dict):
            yield Step(
                line=_line(steps, index),
                name=_text(each.get("name")),
                uses=_text(each.get("uses")) or None,
                run=_text(each.get("run")) or None,
                run_line=_line(each, "run") + ("\n" in _text(each.get("run"))),
                inputs=_texts(each.get("with")),
                env=_texts(each.get("env")),
                working_directory=_text(each.get("working-directory")) or None,
                condition=_text(each.get("if")),
            )


def _permissions(values: dict[str, Any]) -> Mapping[str, str] | None:
    stated = values.get("permissions")
    if isinstance(stated, str):
        return {"*": stated.removesuffix("-all")}
    return _texts(stated) if isinstance(stated, dict) else None


def _matrix(stated: Any) -> tuple[Mapping[str, str], ...] | None:
    """All combinations: the product of the lists, without `exclude`, with `include` added to matching ones.

    An entry of `include` without a matching combination becomes a new one. None if the combinations are not known,
    or are more than GitHub allows.
    """
    if not isinstance(stated, dict):
        return None
    axes = {str(key): value for key, value in stated.items() if key not in {"include", "exclude"}}
    include, exclude = stated.get("include", []), stated.get("exclude", [])
    if not all(isinstance(each, list) for each in (*axes.values(), include, exclude)):
        return None
    # A malicious file could have any number; GitHub has this limit.
    if math.prod(len(each) for each in axes.values()) > _MOST_COMBINATIONS:
        return None
    lists = [[_text(each) for each in values] for values in axes.values()]
    made = [dict(zip(axes, each, strict=True)) for each in itertools.product(*lists)] if axes else []
    left_out = [_texts(each) for each in exclude]
    made = [each for each in made if not any(_fits(out, each) for out in left_out)]
    added = []
    for entry in map(_texts, include):
        own = {key: value for key, value in entry.items() if key in axes}
        fitting = [each for each in made if _fits(own, each)]
        for each in fitting:
            each.update(entry)
        if not fitting:
            added.append(entry)
    return (*made, *added)


def _fits(part: Mapping[str, str], whole: Mapping[str, str]) -> bool:
    return all(whole.get(key) == value for key, value in part.items())


def _line(parent: Any, key: Any) -> int:
    """The line of an entry. For an entry that is merged with `<<`, the line of the table."""
    return int((parent.lc.data or {}).get(key, (parent.lc.line,))[0]) + 1


def _texts(stated: Any) -> Mapping[str, str]:
    items = stated.items() if isinstance(stated, dict) else ()
    return {str(key): _text(value) for key, value in items}


def _text(value: Any) -> str:
    """A value as the string that GitHub makes of it; empty for lists and tables."""
    match value:
        case None | dict() | list() | set():
            return ""
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)
