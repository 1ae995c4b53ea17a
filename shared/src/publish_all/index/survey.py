"""Which installers a command starts, and what it and the files that it names say about where packages come from.

Requirements files hold options as a command line does, a pyproject.toml and a script name indexes and
sources for uv, a lock file holds the addresses of files.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from publish_all._toml import loads, read_if_valid, table, tables
from publish_all._urls import shown_or_raw
from publish_all.config.load import search_pyproject
from publish_all.config.tools import Tool
from publish_all.distributions.distribution import release_of

IsOurs: TypeAlias = Callable[[NormalizedName], bool]
"""Whether a name is looked up in our repositories only."""

# Options of pip and uv whose value is a file of requirements or constraints.
_OF_FILES = re.compile(r"--(with-)?req\w*(-from-script)?|--(build-)?cons\w*|--over\w*|--excludes?")
_SHORT_OF_FILES = re.compile(r"-[qvnU]*[rcb]=?(.*)", re.DOTALL)
_ARCHIVES = (".whl", ".gz", ".zip", ".bz2", ".xz", ".tar")
_INDEX_KEYS = ("index", "index-url", "extra-index-url", "find-links", "no-index")
# PEP 723.
_SCRIPT = re.compile(r"(?m)^# /// script\s*$\n(?P<content>(^#(| .*)$\n)+?)^# ///\s*$")
_COMMENT = re.compile(r"(?<!\S)#.*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_WITH_VALUE = ("-C", "-P", "--directory", "--project", "--config-file", "--cache-dir", "--color")
_LOCKERS = ("uv", "poetry", "pdm", "pipenv", "pip", "pip-compile")
_LOCKS = ("lock", "add", "remove", "sync", "update", "upgrade")
_NAMES = ((Tool.PIP, r"pip[0-9.]*(\.pyz)?"), (Tool.UV, r"uvx?"), (Tool.POETRY, r"poetry"))
_FLAGS = "qvnUIhV"  # short options of pip and uv without a value, which can come before one in the same word
_DEFAULT_INDEXES = ("--index-url", "--pypi-url", "--default-index")
_INDEXES = (*_DEFAULT_INDEXES, "--extra-index-url", "--index")
_OTHERS = ("--find-links", "--no-index", "--proxy", "--isolated", "--config-file", "--torch-backend")
_SHORT = {"i": "--index-url", "f": "--find-links"}
# pip takes any beginning of a name that is not the beginning of two, so these say nothing yet.
_AMBIGUOUS = 4


class Client(NamedTuple):
    """A program that a command starts; `tool` is None for one that is not known. `program` are the words that start it, `arguments` those after them."""

    tool: Tool | None
    program: tuple[str, ...]
    arguments: tuple[str, ...]

    @property
    def subcommand(self) -> str:
        """The first word that is neither an option nor its value; empty if there is none."""
        for before, word in zip(("", *self.arguments), self.arguments, strict=False):
            if not word.startswith("-") and before not in _WITH_VALUE:
                return word
        return ""

    @property
    def locks(self) -> str | None:
        """The command if it writes a lock file, as `uv lock`; else None."""
        words = self.arguments
        name = "pip" if self.tool is Tool.PIP else _name(self.program[-1]) if self.program else ""
        if name not in _LOCKERS or "--frozen" in words or "--locked" in words:
            return None
        writes = self.subcommand in _LOCKS or "compile" in words or name == "pip-compile"
        return f"{name} {self.subcommand}".strip() if writes else None


class Place(NamedTuple):
    """Another place to install from, as a `text` for the user.

    `url` is that of an index, which can be a fallback of ours; with `default` it takes PyPI's place.
    """

    text: str
    url: str = ""
    default: bool = False


def clients_of(command: Sequence[str]) -> tuple[Client, ...]:
    """The program of a command, then the one that it runs (`uv run pip install …`), and so on."""
    program, arguments = _split(command)
    name = _name(program[-1]) if program else ""
    tool = next((tool for tool, pattern in _NAMES if re.fullmatch(pattern, name)), None)
    client = Client(tool, program, arguments)
    inner = _inner(client)
    if inner is None:
        return (client,)
    outer = client._replace(arguments=arguments[: len(arguments) - len(inner)])
    return (outer, *clients_of(inner))


def places(words: Sequence[str], where: str) -> Iterator[Place]:
    """The options among the words that name other places, also in pip's abbreviations."""
    for word, after in zip(words, (*words[1:], ""), strict=False):
        short = re.fullmatch(rf"-[{_FLAGS}]*([if])=?(.*)", word, re.DOTALL)
        name, equals, value = word.partition("=")
        option = _full_name(name) if short is None else _SHORT[short[1]]
        if short is not None:
            value = short[2] or after
        elif not equals:
            value = after
        if option in _INDEXES:
            text = f"{where}: {option} {shown_or_raw(value)} is another index, which would be asked for private names"
            yield Place(text, value, option in _DEFAULT_INDEXES)
        elif option is not None:
            yield Place(f"{where}: {option} would install from other places")


def _full_name(name: str) -> str | None:
    every = (*_INDEXES, *_OTHERS)
    if name in every:
        return name
    if not name.startswith("--") or len(name) < _AMBIGUOUS:
        return None
    return next((each for each in every if each.startswith(name)), None)


def _split(command: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words that start the program (`python -m pip`), and the rest."""
    words = tuple(command)
    if words and re.fullmatch(r"(python|pypy)[0-9.]*|py", _name(words[0])):
        for position, word in enumerate(words[1:], start=1):
            if word == "-m" and position + 1 < len(words):
                return words[: position + 2], words[position + 2 :]
            if not word.startswith("-") and word.endswith(".pyz"):
                return words[: position + 1], words[position + 1 :]
    return words[:1], words[1:]


def _name(word: str) -> str:
    return posixpath.basename(word.replace("\\", "/")).lower().removesuffix(".exe")


def _inner(client: Client) -> tuple[str, ...] | None:
    """The command that `uv run`, `uvx` or `poetry run` is given, where it certainly begins.

    After an option the next word may be its value, so the command begins at the first word that follows
    none, or after `--`.
    """
    words = client.arguments
    uvx = client.tool is Tool.UV and _name(client.program[-1]) == "uvx"
    tool_run = client.tool is Tool.UV and client.subcommand == "tool" and "run" in words
    runs = client.tool in {Tool.UV, Tool.POETRY} and client.subcommand == "run"
    if not uvx and not tool_run and not runs:
        return None
    start = 0 if uvx else words.index("run") + 1
    for position in range(start, len(words)):
        before = words[position - 1] if position > start else ""
        if words[position] == "--":
            return words[position + 1 :] or None
        if not words[position].startswith("-") and (not before.startswith("-") or "=" in before):
            return words[position:]
    return None


@dataclass(kw_only=True)
class Survey:
    """Reads the files that a command names, and those that they name, each once.

    `places` are what would be asked beside our index at `ours`; `uv_indexes` the names of the indexes that
    projects define for uv. With `uv` a project's workspace, sources and indexes are read as well, with
    `frozen` also its lock file. A file that cannot be parsed is left to the tool, which reports it.
    """

    folder: Path
    environment: Mapping[str, str]
    is_ours: IsOurs
    ours: str
    uv: bool = False
    frozen: bool = False
    places: dict[Place, None] = field(default_factory=dict, init=False)
    uv_indexes: dict[str, None] = field(default_factory=dict, init=False)
    _read: set[tuple[Path, bool]] = field(default_factory=set, init=False)

    def words(self, words: Sequence[str], *, where: str, folder: Path | None = None) -> None:
        """Options, requirements and files among the words; files are relative to `folder` or the working folder."""
        self.places.update(dict.fromkeys(places(words, where)))
        for value, is_file in _values(words):
            self._reference(value, where)
            self._path(value, is_file=is_file, where=where, folder=folder or self.folder)

    def project(self, folder: Path) -> None:
        """The project at or above a folder."""
        found = search_pyproject(folder)
        if found is None:
            return
        at = found.parent
        self._pyproject(at)
        for above in at.parents if self.uv else ():
            if "workspace" in table(read_if_valid(above / "pyproject.toml"), "tool", "uv"):
                self._pyproject(above)

    def lock(self, path: Path) -> None:
        """A lock file of uv, or a pylock.toml (PEP 751)."""
        locked = read_if_valid(path)
        self._addresses((*tables(locked.get("package")), *tables(locked.get("packages"))), str(path))

    def _path(self, value: str, *, is_file: bool, where: str, folder: Path) -> None:
        name = value if is_file else re.sub(r"\[[^\]]*\]$", "", value)
        if name.lower().startswith("file:"):
            name = unquote(urlsplit(name).path)
        # A bare word is the name of a package, even where a folder is called so.
        path_like = is_file or "/" in name or os.sep in name or name.startswith(".")
        unreadable = is_file and (value == "-" or re.match(r"(?i)(https?|ftp)://", value) is not None)
        for path in (_absolute(folder / name), _absolute(self.folder / name)):
            with suppress(OSError, ValueError):
                if path.is_dir():
                    if path_like:
                        self.project(path)
                elif path.is_file():
                    self._file(path, is_requirements=is_file)
                else:
                    # A pipe, which could be read only once.
                    unreadable = unreadable or (is_file and path.exists())
        if unreadable:
            said = "cannot be read before the command starts, and may contain other indexes"
            self._add(f"{where}: {shown_or_raw(value)} {said}")

    def _file(self, path: Path, *, is_requirements: bool) -> None:
        """What a file says. pip reads lines from whatever file -r names, and uv goes by the end of its name."""
        if (path, is_requirements) in self._read:
            return
        self._read.add((path, is_requirements))
        suffix = path.suffix.lower()
        if path.name == "pyproject.toml":
            self.project(path.parent)
        elif suffix in {".toml", ".lock"}:
            self.lock(path)
        of_its_own = suffix in {".toml", ".lock", *_ARCHIVES}
        if of_its_own and (not is_requirements or (self.uv and suffix == ".toml")):
            return
        content = _decoded(path.read_bytes())
        if suffix == ".py" or self.uv:
            self._script(path, content)
        # Without -r it may be a program, such as the value of --python. pip takes the character in a comment.
        if (not is_requirements and (suffix == ".py" or "\0" in content)) or (self.uv and suffix == ".py"):
            return
        for number, line in self._lines(content):
            words = _words_of(line)
            before = next((i for i, each in enumerate(words) if each.startswith("-")), len(words))
            self._reference(" ".join(words[:before]), f"{path}:{number}")
            self.words(words, where=f"{path}:{number}", folder=path.parent)

    def _lines(self, content: str) -> Iterator[tuple[int, str]]:
        """The lines of a requirements file as pip joins them, without comments and with variables expanded."""
        held, first = "", 0
        for number, line in enumerate((*content.splitlines(), ""), start=1):
            first = first if held else number
            if line.endswith("\\") and not line.lstrip().startswith("#"):
                held += line[:-1] + " "
                continue
            text, held = _COMMENT.sub("", held + line).strip(), ""
            if text:
                yield first, _VARIABLE.sub(lambda found: self.environment.get(found[1], found[0]), text)

    def _pyproject(self, folder: Path) -> None:
        path = folder / "pyproject.toml"
        if (path, False) in self._read:
            return
        self._read.add((path, False))
        pyproject = read_if_valid(path)
        project = table(pyproject, "project")
        extras, groups = project.get("optional-dependencies"), pyproject.get("dependency-groups")
        self._addresses((project.get("dependencies"), extras, groups), str(path))
        if not self.uv:
            return
        uv = table(pyproject, "tool", "uv")
        self._of_uv(uv, path)
        members = table(uv, "workspace").get("members")
        for pattern in members if isinstance(members, list) else ():
            for member in sorted(folder.glob(str(pattern))):
                self._pyproject(member)
        if self.frozen:
            self.lock(folder / "uv.lock")

    def _of_uv(self, uv: Mapping[str, Any], path: Path) -> None:
        """The indexes and sources in uv's table of a pyproject.toml or a script."""
        names = [each.get("name") for each in tables(uv.get("index"))]
        for stated in table(uv, "sources").values():
            for source in tables(stated if isinstance(stated, list) else [stated]):
                names.append(source.get("index"))
                if isinstance(source.get("path"), str):
                    self.project(path.parent / source["path"])
        self.uv_indexes.update((each, None) for each in names if isinstance(each, str))
        self._addresses(uv.get("sources"), f"{path}: tool.uv.sources")

    def _script(self, path: Path, content: str) -> None:
        found = _SCRIPT.search(content)
        stated: Mapping[str, Any] = {}
        with suppress(ValueError, RecursionError):
            lines = found["content"].splitlines() if found is not None else ()
            stated = loads("\n".join(line[2:] for line in lines))
        self._addresses(stated.get("dependencies"), str(path))
        uv = table(stated, "tool", "uv")
        # uv takes these from a script whatever else is set, without a way to switch them off.
        for key in filter(uv.__contains__, _INDEX_KEYS):
            self._add(f"{path}: {key} in tool.uv would install from other places")
        self._of_uv(uv, path)
        if self.frozen:
            self.lock(path.with_name(f"{path.name}.lock"))

    def _addresses(self, values: Any, where: str, names: tuple[str, ...] = ()) -> None:
        """All references among nested values; `names` are those of the tables that they are in."""
        if isinstance(values, Mapping):
            own = str(values.get("name", ""))
            for key, value in values.items():
                self._addresses(value, where, (*names, own, key))
        elif isinstance(values, list | tuple):
            for value in values:
                self._addresses(value, where, names)
        elif isinstance(values, str) and (" @ " in values or " " not in values):
            self._reference(values, where, names)

    def _reference(self, text: str, where: str, names: tuple[str, ...] = ()) -> None:
        """A requirement with an address (`NAME @ URL`), or an address alone."""
        if "://" not in text:
            return
        try:
            requirement = Requirement(text.partition(" ;")[0])
            names, address = (requirement.name,), requirement.url or ""
        except InvalidRequirement:
            names, address = (*names, _name_in(text)), text
        if not address or address.lower().startswith("file:") or address.startswith(self.ours):
            return
        ours = next(filter(self.is_ours, (canonicalize_name(each) for each in names if each)), None)
        if ours is not None:
            self._add(f"{where}: {ours} comes from {shown_or_raw(address)}, not from the repositories")

    def _add(self, text: str) -> None:
        self.places[Place(text)] = None


def _values(words: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """The values among the words, and whether each is that of an option which names a file."""
    for before, word in zip(("", *words), words, strict=False):
        name, equals, value = word.partition("=")
        attached = _SHORT_OF_FILES.fullmatch(word)
        if word == "-" or not word.startswith("-"):
            short = _SHORT_OF_FILES.fullmatch(before)
            yield word, bool(_OF_FILES.fullmatch(before)) or (short is not None and not short[1])
        elif name.startswith("--") and equals:
            yield value, bool(_OF_FILES.fullmatch(name))
        elif attached is not None and attached[1]:
            yield attached[1], True


def _absolute(path: Path) -> Path:
    return Path(os.path.normpath(path.absolute()))  # links are not followed


def _name_in(url: str) -> str:
    """The name of the project that an address is of, as far as it says so."""
    parts = urlsplit(url)
    release = release_of(unquote(parts.path.rpartition("/")[2]))
    egg = dict(parse_qsl(parts.fragment)).get("egg", "")
    return release[0] if release is not None else egg.partition("[")[0]


def _words_of(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _decoded(content: bytes) -> str:
    # By its mark alone: pip and uv read a file without one as UTF-8, also where the character NUL is in it.
    marked = re.match(rb"\xef\xbb\xbf|\xff\xfe|\xfe\xff|\0\0\xfe\xff", content)
    return content.decode(json.detect_encoding(content) if marked else "utf-8", errors="replace")
