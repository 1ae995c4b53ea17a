"""What pip and uv are configured to, asked of them or read from their files: what must stay, and what must not.

Their configuration is taken out of play for the command of `exec`. Whatever does not say where packages
come from is passed on; the index that takes PyPI's place becomes the fallback.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from publish_all._process import Run
from publish_all._toml import TOMLDecodeError, loads
from publish_all._urls import shown_or_raw, without_userinfo
from publish_all._values import dataclass

PIP_SECONDS = 30.0
"""How long pip may take to print its configuration."""

# What pip and uv call the settings that say where packages come from. A proxy is for pip all hosts' proxy.
_PIP_PLACES = frozenset({"index-url", "pypi-url", "extra-index-url", "find-links", "no-index", "proxy"})
_UV_PLACES = frozenset(
    {
        "index",
        "index-url",
        "extra-index-url",
        "find-links",
        "no-index",
        "index-strategy",
        "torch-backend",
        "offline",
        # These ignore NO_PROXY, as pip's does.
        "http-proxy",
        "https-proxy",
        "no-proxy",
    }
)
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
_NOT_SETTINGS = frozenset({"config-file", "version", "help"})
_CONFIGURED = re.compile(r"([^.=]+)\.([^=]+)=(.*)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """A setting of pip, and where it is stated: a variable, or "pip's configuration"."""

    value: str
    origin: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Mirror:
    """The index that is used in the place of PyPI, and where it is stated. The URL may hold a password."""

    url: str
    origin: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientSettings:
    """What pip and uv are configured to.

    `variables` are pip's settings to be passed on and `uv` the content of a uv.toml; neither says where
    packages come from. `others` are the origins of settings that do, with their values. With `closed`
    nothing may be taken from an index (`no-index`). `proxies` are for other hosts than this machine, by the name
    of their variable (`HTTPS_PROXY`). `ca_cert` is pip's.
    """

    variables: Mapping[str, str]
    uv: Mapping[str, Any]
    mirror: Mirror | None
    others: tuple[tuple[str, str], ...] = ()
    closed: bool = False
    proxies: Mapping[str, str] = field(default_factory=dict)
    ca_cert: Path | None = None

    def notes(self) -> Iterator[str]:
        """What is not passed on, and what to do about it."""
        for origin, value in self.others:
            more = ""
            if re.match(r"(?i)https?://", value):
                urls = " ".join(f"--fallback {shown_or_raw(each)}" for each in value.split())
                more = f". For names that are not private add: {urls}"
            yield f"{origin} is not passed on, because it names another place to install from{more}"


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
    uv, uv_from = _uv_settings(uv_files)
    mirror = _uv_mirror(environment, uv, uv_from)
    index = pip.get("index-url") or pip.get("pypi-url")
    if mirror is None and index is not None:
        mirror = Mirror(url=index.value, origin=index.origin)
    others = [
        (each.origin, each.value) for key in ("extra-index-url", "find-links") if (each := pip.get(key))
    ]
    others += [
        (name, environment[name]) for name in sorted(environment) if _is_other(name) and environment[name]
    ]
    others += _uv_others(uv, uv_from)
    no_index = pip.get("no-index")
    cert = pip.get("cert")
    passed_on = {key: each.value for key, each in pip.items() if key not in _PIP_PLACES | _NOT_SETTINGS}
    return ClientSettings(
        variables={f"PIP_{key.upper().replace('-', '_')}": value for key, value in passed_on.items()},
        uv=_without_places(uv),
        mirror=mirror,
        others=tuple(dict.fromkeys(others)),
        closed=(no_index is not None and _is_true(no_index.value))
        or bool(_pip_table(uv).get("no-index") or uv.get("no-index")),
        proxies=_proxies(pip, uv),
        ca_cert=Path(cert.value) if cert is not None and Path(cert.value).is_file() else None,
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
    found: dict[str, Setting] = {}
    for section, key, value in _configured(program, environment, cwd, run):
        if section == "global" or section in words:
            # Sections of commands are printed after `global` or before, and win in any case.
            if section == "global" and key in found:
                continue
            found[key] = Setting(value=value, origin=f"{key} in pip's configuration")
    for name, value in environment.items():
        if name.upper().startswith("PIP_") and value:
            found[_pip_key(name)] = Setting(value=value, origin=name)
    return found


def uv_files(*, environment: Mapping[str, str], folders: Sequence[Path], user: Path) -> tuple[Path, ...]:
    """The files that uv reads, the one that wins first: of the project, of the user, of the system.

    https://docs.astral.sh/uv/concepts/configuration-files/
    """
    stated = environment.get("UV_CONFIG_FILE")
    if stated:
        return (Path(stated),)
    if _is_true(environment.get("UV_NO_CONFIG", "")):
        return ()
    project = next((found for folder in folders if (found := _uv_of_project(folder))), None)
    system = [
        Path(each) / "uv" / "uv.toml"
        for each in environment.get("XDG_CONFIG_DIRS", "/etc/xdg").split(os.pathsep)
    ]
    if sys.platform == "win32":
        system = [Path(environment.get("PROGRAMDATA", r"C:\ProgramData")) / "uv" / "uv.toml"]
    found = next((each for each in (*system, Path("/etc/uv/uv.toml")) if each.is_file()), None)
    return tuple(each for each in (project, user, found) if each is not None and each.is_file())


def _configured(
    program: Sequence[str] | None, environment: Mapping[str, str], cwd: Path, run: Run
) -> Iterator[tuple[str, str, str]]:
    """Section, key and value of what pip's files say."""
    if program is None:
        return
    try:
        done = run((*program, "config", "list"), cwd=cwd, environment=environment, timeout=PIP_SECONDS)
    except (OSError, TimeoutError):
        return
    for line in done.stdout.splitlines():
        found = _CONFIGURED.fullmatch(line)
        if found is None or found[1].startswith(":"):
            continue
        try:
            value = ast.literal_eval(found[3])
        except (ValueError, SyntaxError):
            continue
        yield found[1], found[2].lower().replace("_", "-"), str(value)


def _pip_key(variable: str) -> str:
    return variable[len("PIP_") :].lower().replace("_", "-")


def _is_other(variable: str) -> bool:
    """Whether a variable names a further place for uv."""
    return variable.upper() in {"UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"}


def _uv_of_project(folder: Path) -> Path | None:
    """The nearest uv.toml, or pyproject.toml with a table for uv; of a workspace that of its root."""
    start = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would follow links
    nearest = None
    for each in (start, *start.parents):
        if nearest is None and (each / "uv.toml").is_file():
            nearest = each / "uv.toml"
        table = _uv_table(each / "pyproject.toml")
        if table is not None and (nearest is None or "workspace" in table):
            nearest = each / ("uv.toml" if (each / "uv.toml").is_file() else "pyproject.toml")
    return nearest


def _uv_table(path: Path) -> Mapping[str, Any] | None:
    try:
        values: Any = loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TOMLDecodeError):
        return None
    if path.name != "pyproject.toml":
        return values if isinstance(values, dict) else None
    for key in ("tool", "uv"):
        values = values.get(key) if isinstance(values, dict) else None
    return values if isinstance(values, dict) else None


def _uv_settings(files: Sequence[Path]) -> tuple[dict[str, Any], str]:
    """The files merged as uv merges them, and their names. A file that cannot be read is uv's to report."""
    merged: dict[str, Any] = {}
    read = [(path, table) for path in files if (table := _uv_table(path)) is not None]
    for _, table in read:
        merged = _combined(merged, table)
    return merged, ", ".join(str(path) for path, _ in read)


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


def _pip_table(uv: Mapping[str, Any]) -> Mapping[str, Any]:
    table = uv.get("pip")
    return table if isinstance(table, Mapping) else {}


def _without_places(uv: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in uv.items() if key not in _UV_PLACES | _UV_PROJECT}
    if "pip" in kept:
        kept["pip"] = {key: value for key, value in _pip_table(uv).items() if key not in _UV_PLACES}
    return kept


def _uv_mirror(environment: Mapping[str, str], uv: Mapping[str, Any], uv_from: str) -> Mirror | None:
    for variable in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        if environment.get(variable):
            # It may have a name: `corp=https://…`.
            named = re.fullmatch(r"([\w.-]+)=(.*)", environment[variable])
            name, url = (named[1], named[2]) if named else ("", environment[variable])
            return Mirror(url=_with_credential(url, name, environment), origin=variable)
    for each in _indexes(uv):
        if each.get("default") is True and isinstance(each.get("url"), str):
            url = _with_credential(each["url"], str(each.get("name", "")), environment)
            return Mirror(url=url, origin=f"index in {uv_from}")
    stated = _pip_table(uv).get("index-url") or uv.get("index-url")
    return (
        Mirror(url=stated, origin=f"index-url in {uv_from}") if isinstance(stated, str) and stated else None
    )


def _uv_others(uv: Mapping[str, Any], uv_from: str) -> Iterator[tuple[str, str]]:
    for each in _indexes(uv):
        if each.get("default") is not True and not each.get("explicit"):
            yield f"index {each.get('name') or each.get('url')} in {uv_from}", str(each.get("url", ""))
    for table in (uv, _pip_table(uv)):
        for key in ("extra-index-url", "find-links"):
            for value in table.get(key, ()) if isinstance(table.get(key), list) else ():
                yield f"{key} in {uv_from}", str(value)


def _indexes(uv: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    stated = uv.get("index")
    yield from (each for each in stated if isinstance(each, Mapping)) if isinstance(stated, list) else ()


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
