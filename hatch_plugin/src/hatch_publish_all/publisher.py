"""The publisher `publish-all`: `hatch publish -p publish-all`, or with `HATCH_PUBLISHER=publish-all`."""

from __future__ import annotations

import os
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
# Hatch has its own options or commands for these (`hatch build`), and publishes the files of one project.
_OF_HATCH = frozenset(
    {"no-build", "all", "member", "username", "password", "ca-cert", "client-cert", "client-key"}
)
_TRUE, _FALSE = frozenset({"", "1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})


class PublishAllPublisher(PublisherInterface):
    """Translates the options of Hatch into those of `publish-all publish`, and returns its exit code.

    Hatch passes only `-o` and `-n` to foreign publishers; the rest is in the context of click. Hatch has its own
    build command, so nothing is built here.
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
        """Run `publish-all` in this process, so that passwords are not visible in the arguments of a process."""
        return PublishAllApplication().run(ArgvInput(["publish-all", *arguments]))

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
        """The default repository of Hatch; None if the project has `publish-to`."""
        if self._of_project("publish-to") is not None:
            return None
        return _at(self.app.config.publish, "index", "repo") or "main"

    def _files(self, artifacts: list[str]) -> list[Path]:
        """The given files. Empty means the files of the last build.

        As in Hatch, paths are relative to the project, and a folder means the wheels and sdists in it. The
        output folder of the project means the files of the last build, without other files in it.
        """
        root, stated = Path(self.root), self._of_project("dist-dir")
        output = root / (stated if isinstance(stated, str) else "dist")
        if output.resolve() in {(root / each).resolve() for each in artifacts}:
            if len(artifacts) > 1:
                msg = f"the output folder {output} cannot be combined with other files"
                raise UsageError(msg, hint="Use only files, only the folder, or neither.")
            return []
        found: list[Path] = []
        for path in (root / each for each in artifacts):
            inside = sorted([*path.glob("*.whl"), *path.glob("*.tar.gz")]) if path.is_dir() else [path]
            if not inside:
                msg = f"no wheel or sdist found in {path}"
                raise UsageError(msg, hint="Add the files to publish, or run `hatch build` first.")
            found += inside
        return found

    def _of_project(self, key: str) -> Any:
        return _at(self.app.project.raw_config, "tool", "publish-all", key)


def _at(found: Any, *keys: str) -> Any:
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _stated(name: str, *, secret: bool = False) -> str | None:
    """A parameter of `hatch publish`, from an option or its variable; None if it is empty.

    With `secret`, values of variables are ignored here. They are found later, and messages then name the variable.
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
    """Options from `-o KEY=VALUE`, with an empty text without a value. Raises `UsageError`."""
    known = {each.name: each for each in PublishCommand.options if each.name not in _OF_HATCH}
    for key, value in stated.items():
        name = key.replace("_", "-")
        if name not in known:
            msg = f"-o {key} is not a valid option"
            raise UsageError(msg, hint="Valid options: " + ", ".join(sorted(known)))
        yield from _option(known[name], key, value)


def _option(option: Option, key: str, value: str) -> Iterator[str]:
    if option.is_flag():
        if value.lower() in _TRUE:
            yield f"--{option.name}"
        elif value.lower() not in _FALSE:
            msg = f"-o {key}={value}: the value must be true or false"
            raise UsageError(msg)
    elif not value:
        msg = f"-o {key} needs a value"
        raise UsageError(msg, hint=f"Use -o {key}=VALUE.")
    else:
        yield from (
            f"--{option.name}={each}" for each in (value.split(",") if option.is_list() else (value,))
        )


@contextmanager
def _repository_variable(repository: str | None) -> Iterator[None]:
    """Set the variable, because `HATCH_INDEX_USER` and `HATCH_INDEX_AUTH` are for the repository of `-r`, too."""
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
