"""The publisher `publish-all`: `hatch publish -p publish-all`, or with `HATCH_PUBLISHER=publish-all`."""

from __future__ import annotations

import difflib
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from cleo.io.inputs.argv_input import ArgvInput
from cleo.io.inputs.option import Option
from click.core import ParameterSource
from hatch.publish.plugin.interface import PublisherInterface

from publish_all.cli.application import PublishAllApplication
from publish_all.cli.publish_command import PublishCommand
from publish_all.errors import UsageError

_REPOSITORY = "HATCH_INDEX_REPO"
_NOT_PASSED_ON = frozenset({"no_prompt", "initialize_auth"})
# Hatch has options of its own for these, or a command, as `hatch build`; and it names the files of one project.
_OF_HATCH = frozenset(
    {"no-build", "all", "member", "username", "password", "ca-cert", "client-cert", "client-key"}
)
_TRUE, _FALSE = frozenset({"", "1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})
_ARCHIVES = (".whl", ".tar.gz")


class PublishAllPublisher(PublisherInterface):
    """Translates: Hatch's options into those of `publish-all publish`, and its exit code back.

    Hatch passes to publishers other than its own only `-o` and `-n`; the rest is in click's context. It builds by a
    command of its own, so nothing is built.
    """

    PLUGIN_NAME = "publish-all"

    def publish(self, artifacts: list[str], options: dict[str, Any]) -> None:
        repository = _stated("repo") or self._default_repository()
        try:
            if options.get("initialize_auth"):
                msg = "--initialize-auth is for Hatch's own publisher"
                raise UsageError(msg, hint="Store the credential with `keyring set URL USER`.")
            arguments = [
                *self._globals(interactive=not options.get("no_prompt")),
                "publish",
                "--no-build",
                *_connection(repository),
                *_options({key: value for key, value in options.items() if key not in _NOT_PASSED_ON}),
                "--",
                *map(str, self._files(artifacts)),
            ]
        except UsageError as error:
            hint = f"\n  hint: {error.hint}" if error.hint else ""
            self.app.abort(f"error: {error.message}{hint}", code=error.exit_code)
            return
        with _repository_variable(repository):
            code = self.run(arguments)
        if code:
            self.app.abort(code=code)

    def run(self, arguments: list[str]) -> int:
        """Run `publish-all` in this process: passwords must not show in a process's arguments."""
        application = PublishAllApplication()
        application.program = _program()
        return application.run(ArgvInput(["publish-all", *arguments]))

    def _globals(self, *, interactive: bool) -> Iterator[str]:
        yield f"--directory={self.root}"
        if not (interactive and self.app.console.is_interactive):
            yield "--no-interaction"
        if self.app.console.no_color:
            yield "--no-ansi"
        if self.app.verbosity > 0:
            yield "-" + "v" * min(self.app.verbosity, 3)
        elif self.app.verbosity < 0:
            yield "--quiet"

    def _default_repository(self) -> str | None:
        """Hatch's own default, which its command keeps with us; None where the project says where to publish to."""
        if self._of_project("publish-to") is not None:
            return None
        return _at(self.app.config.publish, "index", "repo") or "main"

    def _files(self, artifacts: list[str]) -> list[Path]:
        """The files that were named. Empty means what was built last.

        As in Hatch, paths start at the project's root, and a folder means the wheels and sdists in it;
        but the project's own output folder means what was built there, not whatever else lies in it.
        """
        root, stated = Path(self.root), self._of_project("dist-dir")
        output = (root / (stated if isinstance(stated, str) else "dist")).resolve()
        found: list[Path] = []
        for artifact in artifacts:
            path = root / artifact
            if path.resolve() == output:
                if len(artifacts) > 1:
                    msg = f"{artifact} means all that was built, so no other file goes with it"
                    raise UsageError(msg, hint="Name files, or the folder, or nothing at all.")
                return []
            inside = (
                sorted(each for each in path.iterdir() if each.name.endswith(_ARCHIVES))
                if path.is_dir()
                else [path]
            )
            if not inside:
                msg = f"there is no wheel and no sdist in {path}"
                raise UsageError(msg, hint="Name the files to publish, or build first.")
            found += inside
        return found

    def _of_project(self, key: str) -> Any:
        return _at(self.app.project.raw_config, "tool", "publish-all", key)


def _program() -> str:
    """What runs our commands from the user's shell: `publish-all`, or the one beside Hatch's Python if that is not on PATH."""
    beside = shutil.which("publish-all", path=str(Path(sys.executable).parent))
    return shlex.quote(beside) if beside and shutil.which("publish-all") is None else "publish-all"


def _at(found: Any, *keys: str) -> Any:
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _stated(name: str, *, secret: bool = False) -> str | None:
    """A parameter of `hatch publish`, from an option or from its variable; None where it is empty.

    With `secret`, one from a variable is left there: it is found there later, and messages name the variable.
    """
    context = click.get_current_context(silent=True)
    if context is None or (secret and context.get_parameter_source(name) is ParameterSource.ENVIRONMENT):
        return None
    return context.params.get(name) or None


def _connection(repository: str | None) -> Iterator[str]:
    password = _stated("auth", secret=True)
    name = "repository-url" if "://" in (repository or "") else "repository"
    stated = {
        name: repository,
        # A password of the command line goes with the user of the variable.
        "username": _stated("user", secret=password is None),
        "password": password,
        "ca-cert": _stated("ca_cert"),
        "client-cert": _stated("client_cert"),
        "client-key": _stated("client_key"),
    }
    yield from (f"--{key}={value}" for key, value in stated.items() if value is not None)


def _options(stated: Mapping[str, str]) -> Iterator[str]:
    """What `-o KEY=VALUE` said, an empty text where it said no value. Raises `UsageError`."""
    known = {each.name: each for each in PublishCommand.options if each.name not in _OF_HATCH}
    for key, value in stated.items():
        name = key.replace("_", "-")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean -o {near[0]}?" if near else "There are: " + ", ".join(sorted(known))
            msg = f"-o {key}: there is no such option"
            raise UsageError(msg, hint=hint)
        yield from _option(known[name], key, value)


def _option(option: Option, key: str, value: str) -> Iterator[str]:
    if option.is_flag():
        if value.lower() in _TRUE:
            yield f"--{option.name}"
        elif value.lower() not in _FALSE:
            msg = f"-o {key}={value}: it is either true or false"
            raise UsageError(msg)
    elif not value:
        msg = f"-o {key}: it needs a value"
        raise UsageError(msg, hint=f"Write -o {key}=VALUE.")
    else:
        yield from (
            f"--{option.name}={each}" for each in (value.split(",") if option.is_list() else (value,))
        )


@contextmanager
def _repository_variable(repository: str | None) -> Iterator[None]:
    """`HATCH_INDEX_USER` and `HATCH_INDEX_AUTH` are for the repository that Hatch was told, also with `-r`."""
    before = os.environ.get(_REPOSITORY)
    if repository is not None:
        os.environ[_REPOSITORY] = repository
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_REPOSITORY, None)
        else:
            os.environ[_REPOSITORY] = before
