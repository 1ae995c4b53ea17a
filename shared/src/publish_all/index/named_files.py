"""What the files that a command names say about where packages come from.

Requirements files hold options as a command line does, a pyproject.toml and a script name indexes and
sources for uv, a lock file holds the addresses of files.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from publish_all._toml import TOMLDecodeError, loads, table, tables
from publish_all._urls import shown_or_raw
from publish_all.distributions.distribution import release_of
from publish_all.index.clients import Place, places

IsOurs: TypeAlias = Callable[[NormalizedName], bool]
"""Whether a name is looked up in our repositories only."""

UNREADABLE = "-r"
"""The option of a `Place` whose value is a file that cannot be read beforehand."""
ELSEWHERE = "@"
"""The option of a `Place` that takes one of our names from an address: `value` is "NAME from ADDRESS"."""

# Options of pip and uv whose value is a file of requirements or constraints.
_OF_FILES = re.compile(r"--(with-)?req\w*(-from-script)?|--(build-)?cons\w*|--over\w*|--excludes?")
_SHORT_OF_FILES = re.compile(r"-[qvnU]*[rcb]=?(.*)", re.DOTALL)
_ARCHIVES = (".whl", ".gz", ".zip", ".bz2", ".xz", ".tar")
_INDEX_KEYS = ("index", "index-url", "extra-index-url", "find-links", "no-index")
# PEP 723.
_SCRIPT = re.compile(r"(?m)^# /// script\s*$\n(?P<content>(^#(| .*)$\n)+?)^# ///\s*$")
_COMMENT = re.compile(r"(^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")


class NamedFiles:
    """Reads the files that a command names, and those that they name, each once.

    `places` are what would be asked beside our index at `ours`; `uv_indexes` the names of the indexes that
    projects define for uv. With `uv` a project's workspace, sources and indexes are read as well, with
    `frozen` also its lock file. A file that cannot be parsed is left to the tool, which reports it.
    """

    def __init__(
        self,
        *,
        folder: Path,
        environment: Mapping[str, str],
        is_ours: IsOurs,
        ours: str,
        uv: bool = False,
        frozen: bool = False,
    ) -> None:
        self._places: dict[Place, None] = {}
        self.uv_indexes: dict[str, None] = {}
        self._folder = folder
        self._environment = environment
        self._is_ours = is_ours
        self._ours = ours
        self._uv = uv
        self._frozen = frozen
        self._seen: set[Path] = set()
        self._read: set[tuple[Path, bool]] = set()

    @property
    def places(self) -> tuple[Place, ...]:
        return tuple(self._places)

    def words(self, words: Sequence[str], *, where: str, folder: Path | None = None) -> None:
        """Options, requirements and files among the words; files are relative to `folder` or the working folder."""
        self._places.update(dict.fromkeys(places(words, where)))
        for value, is_file in _values(words):
            self._reference(value, where)
            self._path(
                value, is_file=is_file, where=where, folder=folder or self._folder, is_requirements=is_file
            )

    def project(self, folder: Path) -> None:
        """The project at or above a folder."""
        at = project_at(folder)
        if at is None:
            return
        self._pyproject(at)
        for above in at.parents if self._uv else ():
            if "workspace" in table(toml_if_valid(above / "pyproject.toml"), "tool", "uv"):
                self._pyproject(above)

    def lock(self, path: Path) -> None:
        """A lock file of uv, or a pylock.toml (PEP 751)."""
        if path in self._seen or not path.is_file():
            return
        self._seen.add(path)
        locked = toml_if_valid(path)
        for package in (*tables(locked.get("package")), *tables(locked.get("packages"))):
            name = str(package.get("name", ""))
            for address in _addresses(package):
                self._elsewhere(name, address, str(path))

    def _add(self, place: Place) -> None:
        self._places[place] = None

    def _path(
        self, value: str, *, is_file: bool, where: str, folder: Path, is_requirements: bool = False
    ) -> None:
        if is_file and (value == "-" or re.match(r"(?i)(https?|ftp)://", value)):
            self._add(Place(where=where, option=UNREADABLE, value=shown_or_raw(value)))
            return
        name = value if is_requirements else re.sub(r"\[[^\]]*\]$", "", value)
        if name.lower().startswith("file:"):
            name = unquote(urlsplit(name).path)
        # A bare word is the name of a package, even where a folder is called so.
        path_like = is_file or "/" in name or os.sep in name or name.startswith(".")
        candidates = (_absolute(folder / name), _absolute(self._folder / name))
        for path in dict.fromkeys(candidates):
            try:
                if path.is_dir():
                    if path_like:
                        self.project(path)
                elif path.is_file():
                    self._file(path, is_requirements=is_requirements)
                elif is_file and path.exists():
                    # A pipe, which could be read only once.
                    self._add(Place(where=where, option=UNREADABLE, value=value))
            except (OSError, ValueError):
                continue

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
        if of_its_own and (not is_requirements or (self._uv and suffix == ".toml")):
            return
        content = _decoded(path.read_bytes())
        if suffix == ".py" or self._uv:
            self._script(path, content)
        # Without -r it may be a program, such as the value of --python. pip takes the character in a comment.
        if (not is_requirements and (suffix == ".py" or "\0" in content)) or (self._uv and suffix == ".py"):
            return
        for number, line in self._lines(content):
            words = _split(line)
            before = next((i for i, each in enumerate(words) if each.startswith("-")), len(words))
            self._reference(" ".join(words[:before]), f"{path}:{number}")
            self.words(words, where=f"{path}:{number}", folder=path.parent)

    def _lines(self, content: str) -> Iterator[tuple[int, str]]:
        """The lines of a requirements file as pip joins them, without comments and with variables expanded."""
        held, first = "", 0
        for number, line in enumerate(content.splitlines(), start=1):
            first = first if held else number
            if line.endswith("\\") and not line.lstrip().startswith("#"):
                held += line[:-1] + " "
                continue
            text, held = _COMMENT.sub("", held + line).strip(), ""
            if text:
                yield first, _VARIABLE.sub(lambda found: self._environment.get(found[1], found[0]), text)
        if held.strip():
            yield first, held

    def _pyproject(self, folder: Path) -> None:
        path = folder / "pyproject.toml"
        if path in self._seen:
            return
        self._seen.add(path)
        pyproject = toml_if_valid(path)
        project = table(pyproject, "project")
        groups = (
            *table(project, "optional-dependencies").values(),
            *table(pyproject, "dependency-groups").values(),
        )
        for text in _texts(project.get("dependencies"), *groups):
            self._reference(text, str(path))
        if not self._uv:
            return
        uv = table(pyproject, "tool", "uv")
        self._indexes_and_sources(uv, path)
        for pattern in _texts(table(uv, "workspace").get("members")):
            for member in sorted(folder.glob(pattern)):
                self._pyproject(member)
        if self._frozen:
            self.lock(folder / "uv.lock")

    def _indexes_and_sources(self, uv: Mapping[str, Any], path: Path) -> None:
        names = [each.get("name") for each in tables(uv.get("index"))]
        for name, stated in table(uv, "sources").items():
            for source in tables(stated if isinstance(stated, list) else [stated]):
                names.append(source.get("index"))
                for address in _texts(source.get("url"), source.get("git")):
                    self._elsewhere(name, address, f"{path}: tool.uv.sources")
                for value in _texts(source.get("path")):
                    self._path(value, is_file=True, where=str(path), folder=path.parent)
        self.uv_indexes.update(dict.fromkeys(_texts(*names)))

    def _script(self, path: Path, content: str) -> None:
        found = _SCRIPT.search(content)
        if found is None:
            return
        stated = _loads("\n".join(line[2:] for line in found["content"].splitlines()))
        for text in _texts(stated.get("dependencies")):
            self._reference(text, str(path))
        uv = table(stated, "tool", "uv")
        # uv takes these from a script whatever else is set, without a way to switch them off.
        for key in _INDEX_KEYS:
            values = uv.get(key, [])
            for value in values if isinstance(values, list) else [values]:
                url = value.get("url", "") if isinstance(value, Mapping) else value
                self._add(Place(where=f"{path}: tool.uv", option=f"--{key}", value=str(url)))
        self._indexes_and_sources(uv, path)
        if self._frozen:
            self.lock(path.with_name(f"{path.name}.lock"))

    def _reference(self, text: str, where: str) -> None:
        """A requirement with an address (`NAME @ URL`), or an address alone."""
        if "://" not in text:
            return
        try:
            requirement = Requirement(text.partition(" ;")[0])
        except InvalidRequirement:
            self._elsewhere(_name_in(text), text, where)
            return
        if requirement.url:
            self._elsewhere(requirement.name, requirement.url, where)

    def _elsewhere(self, name: str, address: str, where: str) -> None:
        if not name or address.lower().startswith("file:") or address.startswith(self._ours):
            return
        if not self._is_ours(canonicalize_name(name)):
            return
        said = f"{canonicalize_name(name)} from {shown_or_raw(address)}"
        self._add(Place(where=where, option=ELSEWHERE, value=said))


def _values(words: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """The values among the words, and whether each is that of an option which names a file."""
    for position, word in enumerate(words):
        before = words[position - 1] if position else ""
        name, equals, value = word.partition("=")
        attached = _SHORT_OF_FILES.fullmatch(word)
        if word == "-" or not word.startswith("-"):
            short = _SHORT_OF_FILES.fullmatch(before)
            is_file = bool(_OF_FILES.fullmatch(before)) or (short is not None and not short[1])
            yield word, is_file
        elif name.startswith("--") and equals:
            yield value, bool(_OF_FILES.fullmatch(name))
        elif attached is not None and attached[1]:
            yield attached[1], True


def _addresses(package: Mapping[str, Any]) -> Iterator[str]:
    """Where the files of a locked package come from, as far as that is not this machine."""
    source = table(package, "source")
    yield from _texts(source.get("registry"))
    yield from (
        each for each in _texts(source.get("url"), source.get("git")) if "git" in source or "://" in each
    )
    files = (*tables(package.get("wheels")), *(table(package, key) for key in ("sdist", "archive", "vcs")))
    yield from (each for each in _texts(*(file.get("url") for file in files)) if "://" in each)


def project_at(folder: Path) -> Path | None:
    """The nearest folder with a pyproject.toml, from `folder` upwards."""
    start = _absolute(folder)
    return next((each for each in (start, *start.parents) if (each / "pyproject.toml").is_file()), None)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links


def _name_in(url: str) -> str:
    """The name of the project that an address is of, as far as it says so."""
    parts = urlsplit(url)
    release = release_of(unquote(parts.path.rpartition("/")[2]))
    egg = dict(parse_qsl(parts.fragment)).get("egg", "")
    return release[0] if release is not None else egg.partition("[")[0]


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _decoded(content: bytes) -> str:
    # By its mark alone: pip and uv read a file without one as UTF-8, also where the character NUL is in it.
    marked = re.match(rb"\xef\xbb\xbf|\xff\xfe|\xfe\xff|\0\0\xfe\xff", content)
    return content.decode(json.detect_encoding(content) if marked else "utf-8", errors="replace")


def toml_if_valid(path: Path) -> Mapping[str, Any]:
    """The values of a TOML file; none of one that cannot be read or parsed."""
    try:
        return _loads(_decoded(path.read_bytes()))
    except OSError:
        return {}


def _loads(text: str) -> Mapping[str, Any]:
    try:
        return loads(text)
    except (TOMLDecodeError, RecursionError):
        return {}


def _texts(*values: Any) -> Iterator[str]:
    """The strings among the values, and in lists among them."""
    for each in values:
        yield from (text for text in (each if isinstance(each, list) else (each,)) if isinstance(text, str))
