"""`__version__` of a Python file, read from its syntax tree and written as the bytes of one literal. Nothing runs.

The value is a string or a tuple, in this file or in a module that it imports. The last binding at module level counts,
of `try` the one in its body.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from packaging.version import InvalidVersion, Version

from publish_all.errors import VersionError

NAME = "__version__"
_HINT = f'Write it as a literal: {NAME} = "1.2.3".'
_LINE_END = re.compile(rb"\r\n|\r|\n")  # `splitlines` would also split at form feeds
_LITERAL = re.compile(r"(?P<prefix>[A-Za-z]*)(?P<quote>\"\"\"|'''|\"|')")
_METADATA = frozenset({"version", "get_distribution", "distribution", "metadata", "require"})

Read: TypeAlias = Callable[[Path], bytes]
Find: TypeAlias = Callable[[ast.Module], "ast.expr | None"]


class SourceFile(NamedTuple):
    """One Python file: its text as UTF-8, in which `ast` counts columns."""

    path: Path
    text: bytes
    encoding: str
    tree: ast.Module

    def span(self, node: ast.expr) -> slice:
        """Where the node is in the text."""
        starts = [0, *(match.end() for match in _LINE_END.finditer(self.text))]
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        return slice(starts[node.lineno - 1] + node.col_offset, end)


class Attribute(NamedTuple):
    """A version and the literal that has it, in the file that defines it (after re-exports)."""

    version: Version
    text: str
    file: SourceFile
    node: ast.expr

    @property
    def path(self) -> Path:
        return self.file.path

    @property
    def line(self) -> int:
        return self.node.lineno


class _Binding(NamedTuple):
    """A statement that binds a name, to an expression or to an imported name; `*` is any name."""

    name: str
    node: ast.stmt | ast.expr
    imported: str = ""
    conditional: bool = False


def read_source(path: Path, read: Read = Path.read_bytes) -> SourceFile:
    """Read and parse. Raises `VersionError` for a file that is not there or not Python."""
    try:
        data = read(path)
        encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings of the compiler are ignored
            tree = ast.parse(data, filename=str(path))
    except OSError as error:
        msg = f"{path}: can't be read: {error.strerror or error}"
        raise VersionError(
            msg, hint="The configuration names this file as the source of the version."
        ) from error
    except (SyntaxError, ValueError, RecursionError) as error:
        line = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        msg = f"{path}{line}: is not valid Python for this interpreter: {getattr(error, 'msg', error)}"
        raise VersionError(msg) from error
    text = data.decode(encoding).encode()  # without the byte order mark
    return SourceFile(path, text, encoding, tree)


def read_attribute(
    path: Path, *, name: str = NAME, read: Read = Path.read_bytes, find: Find | None = None
) -> Attribute:
    """The version in the file `path`: the attribute `name`, or the expression that `find` returns.

    Raises `VersionError` with file and line for values that are not literals or not PEP 440 versions.
    """
    reader, file = _Reader(name, read), read_source(path, read)
    node = find(file.tree) if find is not None else None
    found, literal = reader.literal_of(file, name) if node is None else reader.literal(file, node)
    text = (
        literal.value if isinstance(literal, ast.Constant) else ".".join(map(str, ast.literal_eval(literal)))
    )
    try:
        return Attribute(Version(str(text)), str(text), found, literal)
    except InvalidVersion as error:
        msg = f"{found.path}:{literal.lineno}: {name} is {text!r}, which is not a PEP 440 version"
        raise VersionError(msg, hint="Write it like 1.2.3 or 1.2.3rc1.") from error


def _bindings(body: Sequence[ast.stmt]) -> Iterator[_Binding]:
    """What binds names at module level, in the order of the file."""
    for statement in body:
        match statement:
            case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
                yield from _bindings(statement.orelse)
            case ast.If():
                for each in _bindings([*statement.body, *statement.orelse]):
                    yield each._replace(conditional=True)
            case ast.Try():  # a handler has the stopgap for a version that cannot be found
                yield from _bindings([*statement.body, *statement.orelse, *statement.finalbody])
            case ast.With():
                yield from _bindings(statement.body)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    yield from _assigned(target, value)
            case ast.AnnAssign(target=ast.Name(id=name), value=value):
                yield from [_Binding(name, value)] if value is not None else []
            case ast.ImportFrom(names=taken):
                for imported in taken:
                    yield _Binding(imported.asname or imported.name, statement, imported.name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield _Binding(name, statement)
            case _:
                yield from _assigned(statement, statement)


def _assigned(target: ast.stmt | ast.expr, value: ast.stmt | ast.expr) -> Iterator[_Binding]:
    """The names in a target, each with its part of the value if both are tuples."""
    match target, value:
        case ast.Tuple(elts=targets), ast.Tuple(elts=values) if len(targets) == len(values):
            for inner_target, inner_value in zip(targets, values, strict=True):
                yield from _assigned(inner_target, inner_value)
        case ast.Name(id=name), _:
            yield _Binding(name, value)
        case _:
            for each in ast.walk(target):
                if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load):
                    yield _Binding(each.id, target)


class _Reader:
    """Finds literals. `name` is the attribute, for messages."""

    def __init__(self, name: str, read: Read) -> None:
        self._name = name
        self._read = read
        self._imported: list[tuple[Path, str]] = []

    def literal_of(
        self, file: SourceFile, name: str, before: ast.expr | None = None
    ) -> tuple[SourceFile, ast.expr]:
        """The literal that a name has at the end of the file, or `before` an expression, and the file with it."""
        found = [
            each
            for each in _bindings(file.tree.body)
            if each.name == name or self._is_star_of(each, file, name)
        ]
        if before is not None:
            end = (before.lineno, before.col_offset)
            found = [each for each in found if (each.node.lineno, each.node.col_offset) < end]
        if not found:
            raise VersionError(f"{file.path}: there is no {name}", hint=_HINT)
        last = found[-1]
        if last.conditional and len(found) > 1:
            lines = ", ".join(str(each.node.lineno) for each in found)
            raise VersionError(f"{file.path}: {name} depends on a condition (lines {lines})", hint=_HINT)
        if isinstance(last.node, ast.ImportFrom):
            return self._imported_literal(file, last.node, name if last.name == "*" else last.imported)
        if isinstance(last.node, ast.expr):
            return self.literal(file, last.node)
        raise self._refusal(file, last.node)

    def _is_star_of(self, binding: _Binding, file: SourceFile, name: str) -> bool:
        """Whether this is `from … import *`, of a module of the project whose `__all__` lists the name."""
        if binding.name != "*" or not isinstance(binding.node, ast.ImportFrom):
            return False
        target = _find_module(file.path, binding.node)
        module = read_source(target, self._read).tree.body if target is not None else []
        return any(
            isinstance(each, ast.Constant) and each.value == name
            for stated in _bindings(module)
            if stated.name == "__all__"
            for each in ast.walk(stated.node)
        )

    def _imported_literal(
        self, file: SourceFile, statement: ast.ImportFrom, name: str
    ) -> tuple[SourceFile, ast.expr]:
        module = "." * statement.level + (statement.module or "")
        target = _find_module(file.path, statement)
        if target is None and module.startswith(("importlib", "pkg_resources")):
            raise self._circular(file, statement)
        if target is None:
            what = f"it comes from {module}, which is not a file of this project"
            raise _failure(file, statement, what)
        if (target, name) in self._imported:
            raise _failure(file, statement, f"{name} is imported in a circle")
        self._imported.append((target, name))
        return self.literal_of(read_source(target, self._read), name)

    def literal(self, file: SourceFile, node: ast.expr) -> tuple[SourceFile, ast.expr]:
        """The literal that an expression names."""
        match node:
            case ast.Constant(value=str()):
                return file, node
            case ast.Tuple(elts=items) | ast.List(elts=items) if items and all(map(_is_item, items)):
                return file, node
            case ast.Name(id=name):
                return self.literal_of(file, name, before=node)
            case ast.Call(func=ast.Attribute(value=ast.Constant(value="."), attr="join"), args=[argument]):
                if isinstance(argument, ast.Call) and ast.unparse(argument).startswith("map(str, "):
                    argument = argument.args[-1]
                found, literal = self.literal(file, argument)
                if not isinstance(literal, ast.Constant):
                    return found, literal
        raise self._refusal(file, node)

    def _refusal(self, file: SourceFile, node: ast.stmt | ast.expr) -> VersionError:
        """The error for another value. Reading the version from installed metadata is a circle."""
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] in _METADATA:
                return self._circular(file, node)
        return _failure(file, node, f"{self._name} is not a literal")

    def _circular(self, file: SourceFile, node: ast.stmt | ast.expr) -> VersionError:
        what = f"circular: {self._name} is read from the metadata of an installed distribution"
        return _failure(file, node, what)


def _is_item(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str | int)


def _find_module(importer: Path, statement: ast.ImportFrom) -> Path | None:
    """The file of a module that `importer` imports from, by the layout of the files around it."""
    folder = importer.parents[max(statement.level - 1, 0)]
    while not statement.level and (folder / "__init__.py").is_file():
        folder = folder.parent
    stem = folder.joinpath(*(statement.module or "").split("."))
    candidates = (stem / "__init__.py", *([stem.parent / f"{stem.name}.py"] if statement.module else []))
    return next((each for each in candidates if each.is_file()), None)


def _failure(file: SourceFile, node: ast.AST, message: str) -> VersionError:
    return VersionError(f"{file.path}:{getattr(node, 'lineno', 1)}: {message}", hint=_HINT)


def rewritten(found: Attribute, version: Version) -> bytes:
    """The contents of the file with another version. Only the literal changes; its quotes and prefix stay."""
    file, node = found.file, found.node
    span = file.span(node)
    old = file.text[span].decode()
    if isinstance(node, ast.Tuple | ast.List):
        new = _tuple(old, node, version)
    else:
        match = _LITERAL.match(old)
        head = match[0] if match is not None else '"'
        quote = match["quote"] if match is not None else '"'
        inside, stated = old[len(head) : -len(quote)], found.text.strip()
        new = (
            head
            + (inside.replace(stated, str(version)) if inside.strip() == stated else str(version))
            + quote
        )
    if new is None:
        msg = f"{found.path}:{found.line}: {version} can't be written as a tuple"
        raise VersionError(msg, hint=f'Write it as one literal: {NAME} = "{version}".')
    return (file.text[: span.start] + new.encode() + file.text[span.stop :]).decode().encode(file.encoding)


def _tuple(old: str, node: ast.Tuple | ast.List, version: Version) -> str | None:
    """The items of a tuple or list: 1.3.0rc1 becomes 1, 3, 0, "rc1". None where they cannot be written."""
    if version.epoch or version.local or "#" in old:
        return None
    suffixes = str(version).removeprefix(version.base_version).split(".")
    parts = [*map(str, version.release), *filter(None, suffixes)]
    first = node.elts[0]
    quoted = isinstance(first, ast.Constant) and isinstance(first.value, str)
    items = ", ".join(part if part.isdecimal() and not quoted else f'"{part}"' for part in parts)
    return f"{old[0]}{items}{old[-1]}" if old[0] in "([" else items
