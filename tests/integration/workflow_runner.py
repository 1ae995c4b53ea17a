"""Runs a workflow of GitHub Actions as GitHub does, as far as what `init` writes needs it: without GitHub, act or docker.

Jobs run one after the other in the order of `needs`, each in a folder and with a home of its own, in which nothing is
installed but git, bash, Python and what its steps bring. Actions that are not in `_ACTIONS` end the test.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.environments import installed
from harness.process import Result, clean_environment, run
from ruamel.yaml import YAML

from publish_all.config.workflows import parse_workflow

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+)|'(?P<text>(?:[^']|'')*)'|(?P<name>[A-Za-z_][\w-]*)|(?P<sign>&&|\|\||==|!=|[!().,*\[\]]))"
)
_STATUS = re.compile(r"\b(always|cancelled|failure|success)\(")


@dataclass(frozen=True, kw_only=True)
class JobRun:
    """How a job of one combination of its matrix ended: `success`, `failure` or `skipped`, and what its steps printed."""

    key: str
    result: str
    steps: tuple[tuple[str, Result], ...] = ()

    def __str__(self) -> str:
        return "\n".join(
            [f"== {self.key}: {self.result}", *(f"-- {name}\n{done}" for name, done in self.steps)]
        )


@dataclass(frozen=True, kw_only=True)
class Runner:
    """A repository at GitHub with its runners. `project` is the checkout, of which what is committed counts.

    `environment` is added to that of all jobs, as a machine's own settings; `identity` to that of jobs that may have
    `id-token: write`. `secrets` are those of the repository and of all its environments.
    `composites` says in which folder the `action.yml` of an `OWNER/NAME` is.
    """

    project: Path
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    identity: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    token: str = "token-of-the-job"
    repository: str = "sep/demo"
    composites: Mapping[str, Path] = field(default_factory=dict)

    def run(
        self, name: str, *, event: str, ref: str = "main", inputs: Mapping[str, str] | None = None
    ) -> list[JobRun]:
        """All jobs of the workflow of this name, for an event of GitHub."""
        text = (self.project / ".github" / "workflows" / name).read_text(encoding="utf-8")
        values = YAML(typ="safe", pure=True).load(text)
        matrices = {job.key: job.matrix for job in parse_workflow(text, Path(name)).jobs}
        assert event in values["on"], f"{name} is not started by {event}"
        contexts = {
            "github": {
                "event_name": event,
                "token": self.token,
                "ref": f"refs/{'heads' if ref == 'main' else 'tags'}/{ref}",
                "ref_name": ref,
                "repository": self.repository,
                "repository_owner": self.repository.partition("/")[0],
            },
            "inputs": _with_defaults(values["on"][event], inputs or {}),
            "secrets": {**self.secrets, "GITHUB_TOKEN": self.token},
            "runner": {"os": "Linux", "temp": ""},
        }
        ended: dict[str, str] = {}
        runs: list[JobRun] = []
        waiting = dict(values["jobs"])
        while waiting:
            ready = [key for key, job in waiting.items() if set(_needs(job)) <= set(ended)]
            assert ready, f"these jobs wait for each other: {list(waiting)}"
            job = waiting.pop(key := ready[0])
            made = list(self._job(key, job, values, matrices[key] or ({},), contexts, ended))
            runs += made
            results = {each.result for each in made}
            ended[key] = (
                "failure" if "failure" in results else "success" if "success" in results else "skipped"
            )
        return runs

    def _job(
        self,
        key: str,
        job: Mapping[str, Any],
        workflow: Mapping[str, Any],
        matrix: tuple[Mapping[str, str], ...],
        contexts: Mapping[str, Any],
        ended: Mapping[str, str],
    ) -> Iterator[JobRun]:
        needs = {each: {"result": ended[each], "outputs": {}} for each in _needs(job)}
        known = {**contexts, "needs": needs}
        good = all(each["result"] == "success" for each in needs.values())
        if not _holds(job.get("if", True), known, good=good):
            yield JobRun(key=key, result="skipped")
            return
        for number, combination in enumerate(matrix):
            if not _filled(job["runs-on"], {**known, "matrix": combination}).startswith("ubuntu-"):
                yield JobRun(key=key, result="skipped")
                continue
            place = self.folder / "jobs" / f"{key}-{number}"
            yield _Job(self, key, job, workflow, place, {**known, "matrix": combination}).run()


class _Job:
    """One job on a machine of its own."""

    def __init__(
        self,
        runner: Runner,
        key: str,
        job: Mapping[str, Any],
        workflow: Mapping[str, Any],
        place: Path,
        contexts: dict[str, Any],
    ) -> None:
        self.runner, self.job, self.key, self.contexts = runner, job, key, contexts
        self.workspace = place / "work"
        self.workspace.mkdir(parents=True)
        self.bin = place / "bin"
        self.bin.mkdir()
        for name in ("python3", "python"):
            (self.bin / name).symlink_to(Path(sys.base_prefix, "bin", "python3"))
        github = contexts["github"]
        self.commands = {
            f"GITHUB_{each}": place / each.lower() for each in ("ENV", "OUTPUT", "PATH", "STEP_SUMMARY")
        }
        for each in self.commands.values():
            each.touch()
        stated = job.get("permissions", workflow.get("permissions", {}))
        trusted = isinstance(stated, Mapping) and stated.get("id-token") == "write"
        self.environment = {
            **clean_environment(place / "home"),
            "PATH": os.pathsep.join([str(self.bin), "/usr/bin", "/bin"]),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": github["event_name"],
            "GITHUB_REF": github["ref"],
            "GITHUB_REF_NAME": github["ref_name"],
            "GITHUB_REF_TYPE": "tag" if "/tags/" in github["ref"] else "branch",
            "GITHUB_REPOSITORY": github["repository"],
            "GITHUB_REPOSITORY_OWNER": github["repository_owner"],
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_WORKSPACE": str(self.workspace),
            "RUNNER_OS": "Linux",
            "RUNNER_TEMP": str(place / "home"),
            **{name: str(path) for name, path in self.commands.items()},
            **runner.environment,
            **(runner.identity if trusted else {}),
        }
        contexts["github"] = {**github, "workspace": str(self.workspace)}
        contexts["runner"] = {**contexts["runner"], "temp": self.environment["RUNNER_TEMP"]}
        contexts["env"] = {}
        for values in (workflow.get("env"), job.get("env")):
            contexts["env"] = {**contexts["env"], **self._texts(values)}
        self.defaults = {
            **((workflow.get("defaults") or {}).get("run") or {}),
            **((job.get("defaults") or {}).get("run") or {}),
        }

    def run(self) -> JobRun:
        done: list[tuple[str, Result]] = []
        good = True
        for step in self.job["steps"]:
            if not _holds(step.get("if", True), self.contexts, good=good):
                continue
            result = self._step(step)
            done.append((step.get("name") or step.get("uses") or step["run"].splitlines()[0], result))
            good = good and (result.returncode == 0 or bool(step.get("continue-on-error")))
        return JobRun(key=self.key, result="success" if good else "failure", steps=tuple(done))

    def _step(self, step: Mapping[str, Any]) -> Result:
        env = {**self.contexts["env"], **self._texts(step.get("env"))}
        if "uses" in step and (composite := self.runner.composites.get(step["uses"].partition("@")[0])):
            return self._composite(composite, self._texts(step.get("with")), env)
        if "uses" in step:
            action = _ACTIONS[step["uses"].partition("@")[0]]
            try:
                action(self, self._texts(step.get("with")))
            except FileNotFoundError as error:
                return Result(command=(step["uses"],), returncode=1, stdout="", stderr=str(error), seconds=0)
            return Result(command=(step["uses"],), returncode=0, stdout="", stderr="", seconds=0)
        known = {**self.contexts, "env": env}
        script = self.workspace.parent / "step.sh"
        script.write_text(_filled(step["run"], known), encoding="utf-8")
        settings = {**self.defaults, **step}
        shell = (
            ["bash", "--noprofile", "--norc", "-eo", "pipefail"] if "shell" in settings else ["bash", "-e"]
        )
        folder = self.workspace / _filled(settings.get("working-directory", "."), known)
        environment = {**self.environment, **env}
        result = run([*shell, script], cwd=folder, environment=environment, timeout=300)
        for line in self.commands["GITHUB_ENV"].read_text().splitlines():
            name, _, value = line.partition("=")
            self.environment[name] = value
        for line in self.commands["GITHUB_PATH"].read_text().splitlines():
            self.environment["PATH"] = os.pathsep.join([line, self.environment["PATH"]])
        self.commands["GITHUB_PATH"].write_text("")
        return result

    def _composite(self, folder: Path, given: Mapping[str, str], env: Mapping[str, str]) -> Result:
        """The steps of an `action.yml`, which see its inputs and the environment of the step that uses it."""
        action = YAML(typ="safe", pure=True).load((folder / "action.yml").read_text(encoding="utf-8"))
        before = self.contexts
        self.contexts = {**before, "inputs": _with_defaults(action, given), "env": {**before["env"], **env}}
        self.environment["GITHUB_ACTION_PATH"] = str(folder)
        results = []
        for step in action["runs"]["steps"]:
            results.append(self._step(step))
            if results[-1].returncode:
                break
        self.contexts = before
        return Result(
            command=(str(folder),),
            returncode=results[-1].returncode,
            stdout="".join(each.stdout for each in results),
            stderr="".join(each.stderr for each in results),
            seconds=sum(each.seconds for each in results),
        )

    def _texts(self, values: Mapping[str, Any] | None) -> dict[str, str]:
        return {key: _filled(_text(value), self.contexts) for key, value in (values or {}).items()}

    def checkout(self, inputs: Mapping[str, str]) -> None:
        target = self.workspace / inputs.get("path", ".")
        depth = [] if inputs.get("fetch-depth") == "0" else ["--depth", "1"]
        clone = ["git", "clone", "-q", *depth, self.runner.project.as_uri(), target]
        run(clone, cwd=self.workspace, environment=self.environment, check=True)
        url = f"https://github.com/{self.runner.repository}"
        ref = inputs.get("ref") or self.contexts["github"]["ref_name"]
        for words in (["remote", "set-url", "origin", url], ["checkout", "-q", ref]):
            run(["git", *words], cwd=target, environment=self.environment, check=True)

    def setup_uv(self, inputs: Mapping[str, str]) -> None:
        for name in ("uv", "uvx"):
            (self.bin / name).symlink_to(installed("dev", name))
        if inputs.get("python-version"):
            self.environment["UV_PYTHON"] = inputs["python-version"]

    def upload(self, inputs: Mapping[str, str]) -> None:
        """Rooted in the folder that all paths have in common. Hidden files are left out."""
        searched = [self.workspace / each.strip() for each in inputs["path"].splitlines() if each.strip()]
        folders = [each if each.is_dir() else each.parent for each in searched]
        root = Path(os.path.commonpath(folders if len(searched) == 1 else [each.parent for each in searched]))
        files = [
            path for each in searched for path in ([each] if each.is_file() else sorted(each.rglob("*")))
        ]
        kept = [each for each in files if each.is_file() and not _is_hidden(each.relative_to(self.workspace))]
        if not kept and inputs.get("if-no-files-found") == "error":
            raise FileNotFoundError(f"no files were found with the path {inputs['path']!r}")
        for each in kept:
            target = (
                self.runner.folder / "artifacts" / inputs.get("name", "artifact") / each.relative_to(root)
            )
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(each, target)

    def download(self, inputs: Mapping[str, str]) -> None:
        source = self.runner.folder / "artifacts" / inputs["name"]
        if not source.is_dir():
            raise FileNotFoundError(f"artifact not found: {inputs['name']}")
        shutil.copytree(source, self.workspace / inputs.get("path", "."), dirs_exist_ok=True)

    def upload_pages(self, inputs: Mapping[str, str]) -> None:
        target = self.runner.folder / "artifacts" / "github-pages"
        shutil.copytree(self.workspace / inputs["path"], target)

    def deploy_pages(self, inputs: Mapping[str, str]) -> None:
        """Nothing happens: the artifact is what GitHub would serve."""


_ACTIONS: dict[str, Callable[[_Job, Mapping[str, str]], None]] = {
    "actions/checkout": _Job.checkout,
    "astral-sh/setup-uv": _Job.setup_uv,
    "actions/upload-artifact": _Job.upload,
    "actions/download-artifact": _Job.download,
    "actions/upload-pages-artifact": _Job.upload_pages,
    "actions/deploy-pages": _Job.deploy_pages,
}


def _is_hidden(path: Path) -> bool:
    return any(fnmatch.fnmatch(part, ".*") for part in path.parts)


def _needs(job: Mapping[str, Any]) -> list[str]:
    needs = job.get("needs", [])
    return [needs] if isinstance(needs, str) else list(needs)


def _with_defaults(trigger: Any, given: Mapping[str, str]) -> dict[str, Any]:
    """The inputs that a person states, and the defaults of the others. Those that are not declared end the test."""
    declared = (trigger or {}).get("inputs") or {}
    assert set(given) <= set(declared), f"there are no inputs {set(given) - set(declared)}"
    for name, value in given.items():
        assert value in declared[name].get("options", [value]), f"{value} is no choice of {name}"
    return {name: given.get(name, each.get("default", "")) for name, each in declared.items()}


def _holds(condition: object, contexts: Mapping[str, Any], *, good: bool) -> bool:
    """Whether an `if` lets it run. Without a function of the status, it needs the success of what was before."""
    text = str(condition).strip().removeprefix("${{").removesuffix("}}")
    value = Expression(text if condition is not True else "true", contexts, good=good).value()
    return bool(value) and (good or _STATUS.search(text) is not None)


def _filled(text: str, contexts: Mapping[str, Any]) -> str:
    return _EXPRESSION.sub(lambda match: _text(Expression(match[1], contexts).value()), text)


def _text(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return str(value).lower() if isinstance(value, bool) else str(value)


class Expression:
    """An expression of GitHub, without numbers that are not whole, `<` and functions that nobody here calls.

    https://docs.github.com/en/actions/reference/workflows-and-actions/expressions
    """

    def __init__(self, text: str, contexts: Mapping[str, Any], *, good: bool = True) -> None:
        self._tokens = list(self._read(text.strip()))
        self._contexts = {**contexts, "true": True, "false": False, "null": None}
        self._good = good

    @staticmethod
    def _read(text: str) -> Iterator[tuple[str, str]]:
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            assert match is not None, f"not understood: {text[at:]!r} in {text!r}"
            kind = match.lastgroup or ""
            yield kind, match[kind].replace("''", "'") if kind == "text" else match[kind]
            at = match.end()

    def value(self) -> Any:
        value = self._or()
        assert not self._tokens, f"not understood: {self._tokens}"
        return value

    def _is(self, *signs: str) -> str | None:
        if self._tokens and self._tokens[0][0] == "sign" and self._tokens[0][1] in signs:
            return self._tokens.pop(0)[1]
        return None

    def _or(self) -> Any:
        value = self._and()
        while self._is("||"):
            other = self._and()
            value = value or other
        return value

    def _and(self) -> Any:
        value = self._equal()
        while self._is("&&"):
            other = self._equal()
            value = value and other
        return value

    def _equal(self) -> Any:
        value = self._not()
        while sign := self._is("==", "!="):
            same = _loose(value) == _loose(self._not())
            value = same if sign == "==" else not same
        return value

    def _not(self) -> Any:
        return not self._not() if self._is("!") else self._place()

    def _place(self) -> Any:
        value = self._atom()
        while sign := self._is(".", "["):
            if sign == "[":
                key = self._or()
                assert self._is("]")
                value = value.get(key) if value else None
            elif self._is("*"):
                value = list((value or {}).values())
            else:
                _, key = self._tokens.pop(0)
                value = (
                    [each.get(key) for each in value] if isinstance(value, list) else (value or {}).get(key)
                )
        return value

    def _atom(self) -> Any:
        if self._is("("):
            value = self._or()
            assert self._is(")")
            return value
        kind, text = self._tokens.pop(0)
        if kind == "number":
            return int(text)
        if kind == "text":
            return text
        if not self._is("("):
            assert text in self._contexts, f"there is no context {text!r} here"
            return self._contexts[text]
        arguments: list[Any] = []
        while not self._is(")"):
            arguments.append(self._or())
            self._is(",")
        return self._call(text, arguments)

    def _call(self, name: str, arguments: list[Any]) -> Any:
        match name, arguments:
            case "always", []:
                return True
            case "cancelled", []:
                return False
            case "success", []:
                return self._good
            case "failure", []:
                return not self._good
            case "contains", [list() as values, value]:
                return value in values
            case "contains", [text, part]:
                return _text(part).lower() in _text(text).lower()
            case "startsWith", [text, part]:
                return _text(text).lower().startswith(_text(part).lower())
            case "fromJSON", [text]:
                return json.loads(text)
        raise AssertionError(f"not understood: {name}() with {len(arguments)} arguments")


def _loose(value: object) -> object:
    """GitHub ignores case, and compares nothing and false with an empty text as numbers."""
    if isinstance(value, str):
        return value.lower() or 0
    return value or 0
