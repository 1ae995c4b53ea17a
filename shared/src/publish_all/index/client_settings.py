"""What pip and uv are configured to, and what a command is given instead so that it installs from our index alone.

Their configuration is taken out of play for the command of `exec`. Whatever does not say where packages
come from is passed on; the index that takes PyPI's place becomes the fallback.
"""

from __future__ import annotations

import ast
import contextlib
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from publish_all._process import Run
from publish_all._toml import read_if_valid, table, tables
from publish_all._urls import without_userinfo
from publish_all.builders.variables import is_credential_name

PIP_SECONDS = 30.0
"""How long pip may take to print its configuration."""

# What pip and uv call the settings that say where packages come from. A proxy is for pip all hosts' proxy.
_PIP_PLACES = frozenset({"index-url", "pypi-url", "extra-index-url", "find-links", "no-index", "proxy"})
# uv's own proxies ignore NO_PROXY, as pip's does.
_UV_PLACES = re.compile(r".*\bindex\b.*|.*-proxy|find-links|torch-backend|offline")
# uv refuses these in a uv.toml, and reads them from pyproject.toml by itself:
# https://github.com/astral-sh/uv/blob/main/crates/uv-settings/src/lib.rs (validate_uv_toml)
_UV_PROJECT = frozenset(
    [
        "conflicts",
        "workspace",
        "sources",
        "dev-dependencies",
        "default-groups",
        "dependency-groups",
        "managed",
        "package",
        "build-backend",
        "environments",
        "required-environments",
    ]
)
_UV_VARIABLES = re.compile(
    r"UV_((?!PUBLISH_)(.*_)?INDEX(_.*)?|FIND_LINKS|OFFLINE|TORCH_BACKEND|CONFIG_FILE|NO_CONFIG)"
)
_UV_OTHERS = frozenset({"UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"})
_NOT_SETTINGS = frozenset({"config-file", "version", "help"})


class Setting(NamedTuple):
    """A value and where it is stated: a variable, a file, or "pip's configuration". A URL may hold a password."""

    value: str
    origin: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientSettings:
    """What pip and uv are configured to.

    `variables` are pip's settings to be passed on and `uv` the content of a uv.toml; neither says where
    packages come from. `mirror` is the index in the place of PyPI, `others` name what else says where they come from. With `closed`
    nothing may be taken from an index (`no-index`). `proxies` are for other hosts than this machine, by the name
    of their variable (`HTTPS_PROXY`). `ca_cert` is pip's.
    """

    variables: Mapping[str, str]
    uv: Mapping[str, Any]
    mirror: Setting | None
    others: tuple[str, ...] = ()
    closed: bool = False
    proxies: Mapping[str, str] = field(default_factory=dict)
    ca_cert: Path | None = None


def is_place(variable: str) -> bool:
    """Whether a variable of the environment tells pip or uv where packages come from."""
    name = variable.upper()
    return _UV_VARIABLES.fullmatch(name) is not None or (
        name.startswith("PIP_") and _pip_key(name) in _PIP_PLACES | {"config-file"}
    )


def client_settings(
    *,
    environment: Mapping[str, str],
    pip: Mapping[str, Setting],
    uv_files: Sequence[Path],
) -> ClientSettings:
    """Put together what variables, pip and uv's files say. uv's settings come first where both name a mirror."""
    read = [(path, found) for path in uv_files if (found := _uv_table(path)) is not None]
    uv: dict[str, Any] = {}
    for _, found in read:
        uv = _combined(uv, found)
    uv_from, uv_pip = ", ".join(str(path) for path, _ in read), table(uv, "pip")
    others = [pip[key].origin for key in ("extra-index-url", "find-links") if key in pip]
    others += [name for name in sorted(environment) if name.upper() in _UV_OTHERS and environment[name]]
    others += _uv_others(uv, uv_from)
    no_index, cert = pip.get("no-index"), Path(pip["cert"].value) if "cert" in pip else None
    passed_on = {key: each.value for key, each in pip.items() if key not in _PIP_PLACES | _NOT_SETTINGS}
    kept = {
        key: value for key, value in uv.items() if key not in _UV_PROJECT and not _UV_PLACES.fullmatch(key)
    }
    if "pip" in kept:
        kept["pip"] = {key: value for key, value in uv_pip.items() if not _UV_PLACES.fullmatch(key)}
    return ClientSettings(
        variables={f"PIP_{key.upper().replace('-', '_')}": value for key, value in passed_on.items()},
        uv=kept,
        mirror=_uv_mirror(environment, uv, uv_from) or pip.get("index-url") or pip.get("pypi-url"),
        others=tuple(dict.fromkeys(others)),
        closed=(no_index is not None and _is_true(no_index.value))
        or bool(uv_pip.get("no-index") or uv.get("no-index")),
        proxies=_proxies(pip, uv),
        ca_cert=cert if cert is not None and cert.is_file() else None,
    )


def pip_settings(
    program: Sequence[str] | None,
    *,
    words: Sequence[str],
    environment: Mapping[str, str],
    cwd: Path,
    run: Run,
) -> dict[str, Setting]:
    """Pip's settings by name, from its own `pip config list` and from variables, which win.

    Of the sections for single commands those count that are among the `words`. Without a pip, or where
    its files are broken, only the variables are known.
    """
    printed = ""
    if program is not None:
        with contextlib.suppress(OSError, TimeoutError):
            command = (*program, "config", "list")
            printed = run(command, cwd=cwd, environment=environment, timeout=PIP_SECONDS).stdout
    found: dict[str, Setting] = {}
    for section, name, text in re.findall(r"(?m)^([^.:=]+)\.([^=\n]+)=(.*)$", printed):
        key = name.lower().replace("_", "-")
        # Sections of commands are printed after `global` or before, and win in any case.
        if section in words or (section == "global" and key not in found):
            with contextlib.suppress(ValueError, SyntaxError):
                found[key] = Setting(str(ast.literal_eval(text)), f"{key} in pip's configuration")
    variables = {name: value for name, value in environment.items() if name.upper().startswith("PIP_")}
    return found | {_pip_key(name): Setting(value, name) for name, value in variables.items() if value}


def uv_files(*, environment: Mapping[str, str], folders: Sequence[Path], user: Path) -> tuple[Path, ...]:
    """The files that uv reads, the one that wins first: of the project, of the user, of the system.

    https://docs.astral.sh/uv/concepts/configuration-files/
    """
    stated = environment.get("UV_CONFIG_FILE")
    if stated:
        return (Path(stated),)
    if _is_true(environment.get("UV_NO_CONFIG", "")):
        return ()
    system = [Path(each) for each in environment.get("XDG_CONFIG_DIRS", "/etc/xdg").split(os.pathsep)]
    if sys.platform == "win32":
        system = [Path(environment.get("PROGRAMDATA", r"C:\ProgramData"))]
    of_project = next(filter(None, map(_uv_of_project, folders)), None)
    installed = (each / "uv" / "uv.toml" for each in (*system, Path("/etc")))
    files = (of_project, user, next(filter(Path.is_file, installed), None))
    return tuple(each for each in files if each is not None and each.is_file())


def _pip_key(variable: str) -> str:
    return variable[len("PIP_") :].lower().replace("_", "-")


def _uv_of_project(folder: Path) -> Path | None:
    """The nearest uv.toml, or pyproject.toml with a table for uv; of a workspace that of its root."""
    start = Path(os.path.normpath(folder.absolute()))  # links are not followed
    nearest = None
    for each in (start, *start.parents):
        if nearest is None and (each / "uv.toml").is_file():
            nearest = each / "uv.toml"
        own = _uv_table(each / "pyproject.toml")
        if own is not None and (nearest is None or "workspace" in own):
            nearest = each / ("uv.toml" if (each / "uv.toml").is_file() else "pyproject.toml")
    return nearest


def _uv_table(path: Path) -> Mapping[str, Any] | None:
    """Uv's settings in a file; None of a pyproject.toml without any. A file that cannot be read is uv's to report."""
    values = read_if_valid(path)
    found = table(values, "tool").get("uv") if path.name == "pyproject.toml" else values
    return found if isinstance(found, Mapping) else None


def _proxies(pip: Mapping[str, Setting], uv: Mapping[str, Any]) -> dict[str, str]:
    """Proxies of the settings as variables. pip's own is for both schemes."""
    found = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), pip["proxy"].value) if "proxy" in pip else {}
    for key in ("http-proxy", "https-proxy", "no-proxy"):
        value = uv.get(key)
        text = ",".join(map(str, value)) if isinstance(value, list) else value
        if isinstance(text, str) and text:
            found[key.upper().replace("-", "_")] = text
    return found


def _combined(first: Mapping[str, Any], then: Mapping[str, Any]) -> dict[str, Any]:
    """Values of the first win; lists are joined, tables merged."""
    merged = dict(first)
    for key, value in then.items():
        known = merged.get(key)
        if isinstance(known, list) and isinstance(value, list):
            merged[key] = [*known, *value]
        elif isinstance(known, dict) and isinstance(value, dict):
            merged[key] = {**value, **known}
        else:
            merged.setdefault(key, value)
    return merged


def _uv_mirror(environment: Mapping[str, str], uv: Mapping[str, Any], uv_from: str) -> Setting | None:
    for variable in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        if environment.get(variable):
            # It may have a name: `corp=https://…`.
            named = re.fullmatch(r"([\w.-]+)=(.*)", environment[variable])
            name, url = (named[1], named[2]) if named else ("", environment[variable])
            return Setting(_with_credential(url, name, environment), variable)
    for each in tables(uv.get("index")):
        if each.get("default") is True and isinstance(each.get("url"), str):
            url = _with_credential(each["url"], str(each.get("name", "")), environment)
            return Setting(url, f"index in {uv_from}")
    stated = table(uv, "pip").get("index-url") or uv.get("index-url")
    return Setting(stated, f"index-url in {uv_from}") if isinstance(stated, str) and stated else None


def _uv_others(uv: Mapping[str, Any], uv_from: str) -> Iterator[str]:
    for each in tables(uv.get("index")):
        if each.get("default") is not True and not each.get("explicit"):
            yield f"index {each.get('name', '')} in {uv_from}"
    for settings in (uv, table(uv, "pip")):
        yield from (f"{key} in {uv_from}" for key in ("extra-index-url", "find-links") if settings.get(key))


def _with_credential(url: str, name: str, environment: Mapping[str, str]) -> str:
    """The URL with the user name and password that uv's variables have for an index of that name."""
    prefix = f"UV_INDEX_{re.sub(r'[^A-Z0-9]', '_', name.upper())}"
    username, password = environment.get(f"{prefix}_USERNAME", ""), environment.get(f"{prefix}_PASSWORD", "")
    if not name or not (username or password) or without_userinfo(url) != url:
        return url
    parts = urlsplit(url)
    return parts._replace(
        netloc=f"{quote(username, safe='')}:{quote(password, safe='')}@{parts.netloc}"
    ).geturl()


def _is_true(value: str) -> bool:
    return value.strip().lower() in {"1", "true", "yes", "on", "y", "t"}


# What a command is given

INDEX_VARIABLES = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "PDM_PYPI_URL", "PIPENV_PYPI_MIRROR")
"""Which index pip, uv, pdm and pipenv install from."""


def child_environment(
    environment: Mapping[str, str],
    *,
    url: str,
    host: str,
    settings: ClientSettings,
    uv_config: Path,
    uv_indexes: Iterable[str] = (),
) -> dict[str, str]:
    """The environment with our index at `url`, on `host`, as the only one.

    The files of pip and uv are switched off by their own means, and `settings` take their place, with those
    of uv in the file `uv_config`. The `uv_indexes` that a project defines are defined again, as ours, which
    uv prefers to the project's. Credentials of publish-all are not passed on.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if not name.upper().startswith("PIP_") and not is_place(name) and not _is_our_secret(name, value)
    }
    ours = dict.fromkeys(INDEX_VARIABLES, url) | {
        "PIP_CONFIG_FILE": os.devnull,
        "UV_CONFIG_FILE": str(uv_config),
    }
    named = " ".join(f"{name}={url}" for name in uv_indexes)
    if named:
        ours["UV_INDEX"] = named
    # The tools' own settings are for all hosts, ours included. The variables are not.
    proxies = {
        name: settings.proxies[name] for name in ("HTTP_PROXY", "HTTPS_PROXY") if name in settings.proxies
    }
    ours |= proxies | {name.lower(): value for name, value in proxies.items()}
    bypass = (settings.proxies.get("NO_PROXY", ""), host)
    direct = {
        name: ",".join(filter(None, (environment.get(name, ""), *bypass)))
        for name in ("NO_PROXY", "no_proxy")
    }
    return kept | dict(settings.variables) | ours | direct


def _is_our_secret(name: str, value: str) -> bool:
    """Whether it is a credential of ours, which the command has no use for: pip runs what strangers' sdists say."""
    if not name.upper().startswith("PUBLISH_ALL_"):
        return False
    try:
        return is_credential_name(name) or ("://" in value and without_userinfo(value) != value)
    except ValueError:
        return True
