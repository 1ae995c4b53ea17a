"""What `hatch publish` was asked, as a value, and as the command line of `publish-all publish` that does it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cleo.io.inputs.option import Option

from publish_all.errors import UsageError

# Hatch has options of its own for these, or a command: `hatch build`.
_OF_HATCH = frozenset({"no-build", "username", "password", "ca-cert", "client-cert", "client-key"})
_TRUE, _FALSE = frozenset({"", "1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})
_ARCHIVES = (".whl", ".tar.gz")


@dataclass(frozen=True, kw_only=True, slots=True)
class Invocation:
    """`hatch publish [ARTIFACTS] -r … -u … -a … -o KEY=VALUE`.

    `repository` is a name or a URL; it and the others are None where neither an option nor a
    `HATCH_INDEX_…` variable states them. `options` holds what `-o` said, an empty text where it said
    no value. `verbosity` counts `-v` less `-q`.
    """

    root: Path
    artifacts: tuple[str, ...] = ()
    repository: str | None = None
    username: str | None = None
    password: str | None = None
    ca_cert: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    options: Mapping[str, str] | None = None
    interactive: bool = True
    color: bool | None = None
    verbosity: int = 0
    dist_dir: str = "dist"


def command_line(asked: Invocation, *, known: Sequence[Option]) -> list[str]:
    """The arguments of `publish-all`; `known` are the options of its command `publish`. Raises `UsageError`.

    Hatch builds by a command of its own, so nothing is built.
    """
    return [
        *_globals(asked),
        "publish",
        "--no-build",
        *_connection(asked),
        *_options(asked.options or {}, known),
        "--",
        *map(str, files(asked)),
    ]


def files(asked: Invocation) -> list[Path]:
    """The files that were named. Empty means what was built last.

    As in Hatch, paths start at the project's root, and a folder means the wheels and sdists in it;
    but the project's own output folder means what was built there, not whatever else lies in it.
    """
    found: list[Path] = []
    for artifact in asked.artifacts:
        path = asked.root / artifact
        if path.resolve() == (asked.root / asked.dist_dir).resolve():
            if len(asked.artifacts) > 1:
                msg = f"{artifact} means all that was built, so no other file goes with it"
                raise UsageError(msg, hint="Name files, or the folder, or nothing at all.")
            return []
        found.extend(_in_folder(path) if path.is_dir() else [path])
    return found


def _in_folder(folder: Path) -> list[Path]:
    found = sorted(each for each in folder.iterdir() if each.name.endswith(_ARCHIVES))
    if not found:
        msg = f"there is no wheel and no sdist in {folder}"
        raise UsageError(msg, hint="Name the files to publish, or build first.")
    return found


def _globals(asked: Invocation) -> Iterator[str]:
    yield f"--directory={asked.root}"
    if not asked.interactive:
        yield "--no-interaction"
    if asked.color is not None:
        yield "--ansi" if asked.color else "--no-ansi"
    if asked.verbosity > 0:
        yield "-" + "v" * min(asked.verbosity, 3)
    elif asked.verbosity < 0:
        yield "--quiet"


def _connection(asked: Invocation) -> Iterator[str]:
    if asked.repository is not None:
        name = "repository-url" if "://" in asked.repository else "repository"
        yield f"--{name}={asked.repository}"
    for name, value in (
        ("username", asked.username),
        ("password", asked.password),
        ("ca-cert", asked.ca_cert),
        ("client-cert", asked.client_cert),
        ("client-key", asked.client_key),
    ):
        if value is not None:
            yield f"--{name}={value}"


def _options(stated: Mapping[str, str], known: Sequence[Option]) -> Iterator[str]:
    by_name = {each.name: each for each in known if each.name not in _OF_HATCH}
    for key, value in stated.items():
        name = key.replace("_", "-")
        option = by_name.get(name)
        if option is None:
            near = difflib.get_close_matches(name, by_name, n=1)
            msg = f"-o {key}: there is no such option"
            raise UsageError(
                msg,
                hint=f"Did you mean -o {near[0]}?" if near else "There are: " + ", ".join(sorted(by_name)),
            )
        yield from _option(option, key, value)


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
        for each in value.split(",") if option.is_list() else (value,):
            yield f"--{option.name}={each}"
