"""`__version__` of a Python file, read from its syntax tree: nothing is imported, nothing runs.

What is there must come down to literals, here or in a module that it is imported from.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from publish_all.errors import VersionError
from publish_all.version.bindings import (
    Assigned,
    Binding,
    Imported,
    ImportedModule,
    Opaque,
    Position,
    last_bindings,
)
from publish_all.version.source_file import Read, SourceFile, read_source

NAME = "__version__"
_HINT = f'Write it as a literal: {NAME} = "1.2.3".'


class Spot(NamedTuple):
    """The one literal that a value is written in."""

    file: SourceFile
    node: ast.expr


class Attribute(NamedTuple):
    """A version and where it stands: the file that holds the literal, which re-exports have led to.

    `spot` is None where the value is put together from several literals.
    """

    version: Version
    text: str
    path: Path
    line: int
    spot: Spot | None


_Plain: TypeAlias = "str | int | tuple[_Plain, ...]"
_Step: TypeAlias = "tuple[Path, str, Position | None]"


class _Value(NamedTuple):
    plain: _Plain
    file: SourceFile
    node: ast.expr
    spot: Spot | None


def read_attribute(
    path: Path, *, name: str = NAME, own_name: str | None = None, read: Read = Path.read_bytes
) -> Attribute:
    """The version that `path` says. `own_name` is the project's, to know a circle through installed metadata.

    Raises `VersionError` with file and line for anything that is not literal, and for no PEP 440 version.
    """
    return _version(_Reader(name, own_name, read).value_of(read_source(path, read), name), name)


def read_expression(
    path: Path,
    find: Callable[[ast.Module], ast.expr | None],
    *,
    name: str,
    own_name: str | None = None,
    read: Read = Path.read_bytes,
) -> Attribute | None:
    """The version that an expression of the file comes down to, which messages call `name`; None if there is none.

    Raises as `read_attribute` does.
    """
    file = read_source(path, read)
    node = find(file.tree)
    return None if node is None else _version(_Reader(name, own_name, read).value_at(file, node), name)


def _version(value: _Value, name: str) -> Attribute:
    text = _text(value, name)
    try:
        version = Version(text)
    except InvalidVersion as error:
        msg = f"{value.file.path}:{value.node.lineno}: {name} is {text!r}, which is not a PEP 440 version"
        raise VersionError(msg, hint="Write it like 1.2.3 or 1.2.3rc1.") from error
    return Attribute(
        version=version, text=text, path=value.file.path, line=value.node.lineno, spot=value.spot
    )


def _text(value: _Value, name: str) -> str:
    match value.plain:
        case str():
            return value.plain
        case tuple() if value.plain and all(isinstance(each, str | int) for each in value.plain):
            return ".".join(str(each) for each in value.plain)
        case _:
            raise _failure(value.file, value.node, f"{name} is not a string")


class _Reader:
    def __init__(self, name: str, own_name: str | None, read: Read) -> None:
        self._name = name
        self._own_name = own_name
        self._read = read
        self._under_way: list[_Step] = []
        self._here: Position | None = None

    def value_at(self, file: SourceFile, node: ast.expr) -> _Value:
        """The value of an expression, where it stands."""
        self._here = (node.lineno, node.col_offset)
        return self._evaluate(file, node)

    def value_of(self, file: SourceFile, name: str, before: Position | None = None) -> _Value:
        """The value at the end of the file, or at a position in it."""
        step = (file.path, name, before)
        if step in self._under_way:
            msg = f"{file.path}: {name} is imported in a circle: {_chain([*self._under_way, step])}"
            raise VersionError(msg, hint=_HINT)
        self._under_way.append(step)
        try:
            found, _ = last_bindings(
                file.tree.body, name, lambda each: self._exports(file, each, name), before=before
            )
            if not found:
                msg = f"{file.path}: there is no {name}"
                if before is not None:
                    msg = f"{file.path}:{before[0]}: there is no {name} yet"
                raise VersionError(msg, hint=_HINT)
            return self._agreed(file, name, [self._bound(file, each) for each in found])
        finally:
            self._under_way.pop()

    def _agreed(self, file: SourceFile, name: str, values: Sequence[_Value]) -> _Value:
        if len({each.plain for each in values}) > 1:
            lines = ", ".join(str(each.node.lineno) for each in reversed(values))
            msg = f"{file.path}: {name} depends on a condition (lines {lines})"
            raise VersionError(msg, hint=_HINT)
        first = values[0]
        if len(values) == 1:
            return first
        return _Value(plain=first.plain, file=first.file, node=first.node, spot=None)

    def _bound(self, file: SourceFile, binding: Binding) -> _Value:
        match binding:
            case Assigned(value=value):
                outer, self._here = self._here, (value.lineno, value.col_offset)
                try:
                    return self._evaluate(file, value)
                finally:
                    self._here = outer
            case Imported():
                return self._imported(file, binding.statement, binding.name)
            case ImportedModule():
                raise _failure(file, binding.statement, f"{binding.module} is a module, not a version")
            case Opaque():
                raise _failure(
                    file, binding.statement, f"it is bound by {binding.what}, which only running it can tell"
                )

    def _imported(self, file: SourceFile, statement: ast.ImportFrom, name: str) -> _Value:
        target = _find_module(file.path, statement.module or "", statement.level)
        if target is None:
            dots = "." * statement.level + (statement.module or "")
            if (statement.module or "").startswith(("importlib", "pkg_resources")):
                raise self._circular(file, statement)
            raise _failure(file, statement, f"it comes from {dots}, which is not a file of this project")
        return self.value_of(read_source(target, self._read), name)

    def _exports(self, file: SourceFile, statement: ast.ImportFrom, name: str) -> bool:
        """Whether `from … import *` binds the name: public names, or what a literal `__all__` lists."""
        target = _find_module(file.path, statement.module or "", statement.level)
        if target is None:
            return False
        module = read_source(target, self._read)
        stated, _ = last_bindings(module.tree.body, "__all__", lambda _: False)
        if not stated:
            found, _ = last_bindings(module.tree.body, name, lambda each: self._exports(module, each, name))
            return bool(found) and not name.startswith("_")
        listed = self._bound(module, stated[0])
        return isinstance(listed.plain, tuple) and name in listed.plain

    def _evaluate(self, file: SourceFile, node: ast.expr) -> _Value:
        match node:
            case ast.Constant(value=bool()):
                pass
            case ast.Constant(value=str() | int() as plain):
                return _Value(plain=plain, file=file, node=node, spot=Spot(file, node))
            case ast.Tuple() | ast.List():
                return _Value(plain=self._items(file, node), file=file, node=node, spot=Spot(file, node))
            case ast.JoinedStr():
                return self._joined(file, node)
            case ast.Name(id=name):
                return self.value_of(file, name, self._here)
            case ast.Attribute():
                return self._member(file, node)
            case ast.Call():
                return self._call(file, node)
            case ast.BinOp(op=ast.Add()):
                return self._sum(file, node)
            case ast.Subscript():
                return self._subscript(file, node)
        raise _failure(file, node, f"{self._name} is not a literal")

    def _items(self, file: SourceFile, node: ast.Tuple | ast.List) -> tuple[_Plain, ...]:
        found: list[_Plain] = []
        for each in node.elts:
            if isinstance(each, ast.Starred):
                inner = self._evaluate(file, each.value).plain
                found += inner if isinstance(inner, tuple) else (inner,)
            else:
                found.append(self._evaluate(file, each).plain)
        return tuple(found)

    def _joined(self, file: SourceFile, node: ast.JoinedStr) -> _Value:
        parts = []
        for each in node.values:
            if isinstance(each, ast.FormattedValue):
                if each.conversion != -1 or each.format_spec is not None:
                    raise _failure(file, node, "an f-string with a format is not a literal")
                parts.append(str(self._evaluate(file, each.value).plain))
            else:
                parts.append(str(self._evaluate(file, each).plain))
        whole = all(isinstance(each, ast.Constant) for each in node.values)
        return _Value(plain="".join(parts), file=file, node=node, spot=Spot(file, node) if whole else None)

    def _sum(self, file: SourceFile, node: ast.BinOp) -> _Value:
        left, right = self._evaluate(file, node.left).plain, self._evaluate(file, node.right).plain
        match left, right:
            case str(), str():
                return _Value(plain=left + right, file=file, node=node, spot=None)
            case tuple(), tuple():
                return _Value(plain=left + right, file=file, node=node, spot=None)
            case _:
                raise _failure(file, node, "this sum is not one of strings or tuples")

    def _subscript(self, file: SourceFile, node: ast.Subscript) -> _Value:
        plain = self._evaluate(file, node.value).plain
        if isinstance(plain, tuple):
            try:
                index = (
                    ast.literal_eval(node.slice)
                    if not isinstance(node.slice, ast.Slice)
                    else _slice(node.slice)
                )
                return _Value(plain=plain[index], file=file, node=node, spot=None)
            except (ValueError, TypeError, IndexError):
                pass
        raise _failure(file, node, f"{self._name} is not a literal")

    def _member(self, file: SourceFile, node: ast.Attribute) -> _Value:
        """`module.name`, of a module that a plain import has bound."""
        module = self._module(file, node.value)
        if module is None:
            self._refuse_metadata(file, node)
            raise _failure(file, node, f"{ast.unparse(node)} is not a literal")
        return self.value_of(read_source(module, self._read), node.attr)

    def _module(self, file: SourceFile, node: ast.expr) -> Path | None:
        if isinstance(node, ast.Attribute):
            return _find_module(file.path, ast.unparse(node), 0)
        if not isinstance(node, ast.Name):
            return None
        found, _ = last_bindings(file.tree.body, node.id, lambda _: False, before=self._here)
        match found[:1]:
            case [ImportedModule() as binding]:
                return _find_module(file.path, binding.module, 0)
            case [Imported() as binding]:
                inner = ".".join(filter(None, (binding.statement.module, binding.name)))
                return _find_module(file.path, inner, binding.statement.level)
            case _:
                return None

    def _call(self, file: SourceFile, node: ast.Call) -> _Value:
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Constant(value=str() as separator), attr="join"),
                args=[argument],
                keywords=[],
            ):
                return self._join(file, node, separator, argument)
            case ast.Call(func=ast.Name(id="str"), args=[argument], keywords=[]):
                value = self._evaluate(file, argument)
                if isinstance(value.plain, str):
                    return value
        self._refuse_metadata(file, node)
        raise _failure(file, node, f"{self._name} is the result of a call, {_short(node)}, not a literal")

    def _join(self, file: SourceFile, node: ast.Call, separator: str, argument: ast.expr) -> _Value:
        value = self._evaluate(file, _iterated(argument))
        if not isinstance(value.plain, tuple) or not all(isinstance(each, str | int) for each in value.plain):
            raise _failure(file, node, f"{_short(argument)} is not a tuple of literals")
        spot = value.spot if separator == "." else None
        plain = separator.join(str(each) for each in value.plain)
        return _Value(
            plain=plain, file=value.file if spot else file, node=value.node if spot else node, spot=spot
        )

    def _refuse_metadata(self, file: SourceFile, node: ast.expr) -> None:
        """`importlib.metadata.version(…)` and its like ask what is installed: what we are about to build."""
        calls = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
        for call in calls:
            called = ast.unparse(call.func).split(".")
            if called[-1] in {"version", "get_distribution", "distribution", "metadata", "require"}:
                argument = call.args[0] if call.args else None
                if not isinstance(argument, ast.Constant) or self._is_own(argument.value):
                    raise self._circular(file, call)
                msg = f"it is the version of another distribution, {argument.value!r}, as installed somewhere"
                raise _failure(file, call, msg)

    def _is_own(self, name: object) -> bool:
        if self._own_name is None:
            return True
        return isinstance(name, str) and canonicalize_name(name) == canonicalize_name(self._own_name)

    def _circular(self, file: SourceFile, node: ast.AST) -> VersionError:
        return _failure(
            file,
            node,
            f"circular: {self._name} asks the installed metadata for the version, which is made from {self._name}",
        )


def _iterated(argument: ast.expr) -> ast.expr:
    """X of `map(str, X)`, of `str(x) for x in X`, and of X itself."""
    if isinstance(argument, ast.GeneratorExp | ast.ListComp):
        match argument.elt, argument.generators:
            case (
                ast.Call(func=ast.Name(id="str"), args=[ast.Name(id=item)], keywords=[]),
                [ast.comprehension(target=ast.Name(id=bound), iter=inner, ifs=[])],
            ) if item == bound:
                return inner
    match argument:
        case ast.Call(func=ast.Name(id="map"), args=[ast.Name(id="str"), inner], keywords=[]):
            return inner
        case _:
            return argument


def _find_module(importer: Path, module: str, level: int) -> Path | None:
    """The file of a module that `importer` imports, by the layout of the files around it."""
    if level:
        folder = importer.parent
        for _ in range(level - 1):
            folder = folder.parent
    else:
        folder = importer.parent
        while (folder / "__init__.py").is_file():
            folder = folder.parent
    stem = folder.joinpath(*module.split(".")) if module else folder
    for path in (stem / "__init__.py", stem.parent / f"{stem.name}.py"):
        if path.is_file() and (module or path.name == "__init__.py"):
            return path
    return None


def _slice(node: ast.Slice) -> slice:
    bounds = (
        None if each is None else ast.literal_eval(each) for each in (node.lower, node.upper, node.step)
    )
    return slice(*bounds)


def _chain(steps: Sequence[_Step]) -> str:
    return " → ".join(f"{path.name}:{name}" for path, name, _ in steps)


def _short(node: ast.AST) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _failure(file: SourceFile, node: ast.AST, message: str) -> VersionError:
    line = getattr(node, "lineno", None)
    where = f"{file.path}:{line}" if line else str(file.path)
    return VersionError(f"{where}: {message}", hint=_HINT)
