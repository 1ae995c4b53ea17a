"""`__version__` of a Python file, read from its syntax tree and written as the bytes of one literal. Nothing runs.

The value must be made of literals, in this file or in modules that it imports. Statements are read in order, and
each name keeps all its possible bindings. A value is computed when it is needed.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TypeAlias

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from publish_all.errors import VersionError

NAME = "__version__"
_HINT = f'Write it as a literal: {NAME} = "1.2.3".'
_LINE_END = re.compile(rb"\r\n|\r|\n")  # `splitlines` would also split at form feeds
_LITERAL = re.compile(r"(?P<prefix>[A-Za-z]*)(?P<quote>\"\"\"|'''|\"|')")
_STAR = "*"
_OPAQUE = {ast.AugAssign: "an augmented assignment", ast.Delete: "del"}

Read: TypeAlias = Callable[[Path], bytes]
_Plain: TypeAlias = "str | int | tuple[_Plain, ...]"
_Names: TypeAlias = "Mapping[str, tuple[_Binding, ...]]"
"""The possible bindings of names."""


class _Binding(NamedTuple):
    """The expression or import that binds a name, with the earlier bindings `names`.

    `name` is the imported name, or the module itself. `opaque` describes a binding whose value is
    unknown.
    """

    node: ast.AST
    names: _Names
    name: str = ""
    opaque: str = ""


def _get(names: _Names, name: str) -> tuple[_Binding, ...]:
    """The possible bindings of a name. A star import binds `*`, which may be any name."""
    return names.get(name) or names.get(_STAR) or ()


class SourceFile(NamedTuple):
    """One Python file: its text as UTF-8, in which `ast` counts columns, and the final bindings of its names."""

    path: Path
    text: bytes
    encoding: str
    tree: ast.Module
    names: _Names

    def span(self, node: ast.expr) -> slice:
        """Where the node is in the text."""
        starts = [0, *(match.end() for match in _LINE_END.finditer(self.text))]
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        return slice(starts[node.lineno - 1] + node.col_offset, end)

    def segment(self, node: ast.expr) -> str:
        """The source text of the node."""
        return self.text[self.span(node)].decode()


class Attribute(NamedTuple):
    """A version and its expression, in the file that defines it (after re-exports).

    `is_literal`: it is one literal, so that another version can be written there.
    """

    version: Version
    text: str
    file: SourceFile
    node: ast.expr
    is_literal: bool

    @property
    def path(self) -> Path:
        return self.file.path

    @property
    def line(self) -> int:
        return self.node.lineno


class _Value(NamedTuple):
    plain: _Plain
    file: SourceFile
    node: ast.expr
    is_literal: bool = False


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
    return SourceFile(path, text, encoding, tree, _after(tree.body, {}))


def read_attribute(
    path: Path,
    *,
    name: str = NAME,
    own_name: str | None = None,
    read: Read = Path.read_bytes,
    find: Callable[[ast.Module], ast.expr | None] | None = None,
) -> Attribute:
    """The version in the file `path`: the attribute `name`, or the expression that `find` returns.

    `own_name` is the name of the project, to detect a circle through installed metadata. Raises `VersionError` with
    file and line for values that are not literals or not PEP 440 versions.
    """
    reader, file = _Reader(name, own_name, read), read_source(path, read)
    node = find(file.tree) if find is not None else None
    value = reader.value_of(file, name) if node is None else reader.evaluate(file, node, file.names)
    match value.plain:
        case str() as text:
            pass
        case tuple() as items if items and all(isinstance(each, str | int) for each in items):
            text = ".".join(str(each) for each in items)
        case _:
            raise _failure(value.file, value.node, f"{name} is not a string")
    try:
        return Attribute(Version(text), text, value.file, value.node, value.is_literal)
    except InvalidVersion as error:
        msg = f"{value.file.path}:{value.node.lineno}: {name} is {text!r}, which is not a PEP 440 version"
        raise VersionError(msg, hint="Write it like 1.2.3 or 1.2.3rc1.") from error


def _after(body: Sequence[ast.stmt], names: _Names) -> _Names:
    """The bindings of names after these statements."""
    for statement in body:
        names = _with(names, _bound_by(statement, names))
    return names


def _with(names: _Names, bound: _Names) -> _Names:
    """The names with newer bindings. A star import hides all earlier ones."""
    return bound if _STAR in bound else {**names, **bound}


def _either(before: _Names, *branches: _Names) -> _Names:
    """The names bound in the branches, with all bindings that they may have afterwards."""
    changed = {name for branch in branches for name in branch if branch[name] is not before.get(name)}
    return {
        name: tuple({id(each): each for branch in branches for each in _get(branch, name)}.values())
        for name in changed
    }


def _bound_by(statement: ast.stmt, names: _Names) -> _Names:
    """The names that a statement binds."""
    match statement:
        case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
            return _either(names, _after(statement.orelse, names))
        case ast.If():
            return _either(names, _after(statement.body, names), _after(statement.orelse, names))
        case ast.Try():
            body = [*statement.body, *statement.orelse, *statement.finalbody]
            done = _after(body, names)
            # A handler holds the stopgap for a version that can't be found: it counts only for other names.
            stopgaps = _either(names, names, *(_after(each.body, names) for each in statement.handlers))
            if _STAR in _either(names, done):  # which names these are, is known later
                return _either(names, _after(body, _with(names, stopgaps)))
            return {**stopgaps, **_either(names, done)}
        case ast.With() | ast.For() | ast.While():
            inside = _with(names, _opaque(statement, "with or a loop", names))
            after = _after([*statement.body, *getattr(statement, "orelse", ())], inside)
            return _either(names, after) if isinstance(statement, ast.With) else _either(names, names, after)
        case ast.Assign(targets=targets, value=value):
            return {name: each for target in targets for name, each in _assigned(target, value, names)}
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            return dict(_assigned(target, value, names))
        case ast.AnnAssign():
            return {}
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name: (_Binding(statement, names, opaque="a definition"),)}
        case ast.ImportFrom(names=taken):  # the alias of a star import is _STAR itself
            return {each.asname or each.name: (_Binding(statement, names, each.name),) for each in taken}
        case ast.Import(names=taken):
            # `import a.b` binds `a`, `import a.b as c` the module itself.
            found = {each.asname or each.name.partition(".")[0]: each.asname and each.name for each in taken}
            return {name: (_Binding(statement, names, module or name),) for name, module in found.items()}
        case _:
            return _opaque(statement, _OPAQUE.get(type(statement), "a statement"), names)


def _assigned(target: ast.expr, value: ast.expr, names: _Names) -> Iterator[tuple[str, tuple[_Binding, ...]]]:
    match target, value:
        case ast.Name(id=name), _:
            yield name, (_Binding(value, names),)
        case (
            ast.Tuple(elts=targets) | ast.List(elts=targets),
            ast.Tuple(elts=values) | ast.List(elts=values),
        ) if len(targets) == len(values) and not any(
            isinstance(each, ast.Starred) for each in (*targets, *values)
        ):
            for inner_target, inner_value in zip(targets, values, strict=True):
                yield from _assigned(inner_target, inner_value, names)
        case _:
            yield from _opaque(target, "unpacking", names).items()


def _opaque(node: ast.AST, what: str, names: _Names) -> _Names:
    """All names that are stored or deleted somewhere in the node."""
    stored = (each for each in ast.walk(node) if isinstance(each, ast.Name))
    binding = (_Binding(node, names, opaque=what),)
    return {each.id: binding for each in stored if not isinstance(each.ctx, ast.Load)}


class _Reader:
    """Computes values. `name` is the attribute, for messages."""

    def __init__(self, name: str, own_name: str | None, read: Read) -> None:
        self._name = name
        self._own_name = own_name
        self._read = read
        self._under_way: list[tuple[Path, str]] = []

    def value_of(self, file: SourceFile, name: str) -> _Value:
        """The value that the name has at the end of the file."""
        with self._step(file.path, name):
            return self._looked_up(file, name, file.names, f"{file.path}: there is no {name}")

    @contextmanager
    def _step(self, path: Path, name: str) -> Iterator[None]:
        steps = [*self._under_way, (path, name)]
        if steps[-1] in self._under_way:
            chain = " → ".join(f"{path.name}:{name}" for path, name in steps)
            raise VersionError(f"{path}: {name} is imported in a circle: {chain}", hint=_HINT)
        self._under_way.append(steps[-1])
        try:
            yield
        finally:
            self._under_way.pop()

    def _looked_up(self, file: SourceFile, name: str, names: _Names, missing: str) -> _Value:
        values = [self._bound(file, each) for each in self._bindings(file, name, names)]
        if not values:
            raise VersionError(missing, hint=_HINT)
        if len({each.plain for each in values}) > 1:
            lines = ", ".join(str(line) for line in sorted(each.node.lineno for each in values))
            raise VersionError(f"{file.path}: {name} depends on a condition (lines {lines})", hint=_HINT)
        return values[0] if len(values) == 1 else values[0]._replace(is_literal=False)

    def _bindings(self, file: SourceFile, name: str, names: _Names) -> Iterator[_Binding]:
        for each in _get(names, name):
            if each.name != _STAR or not isinstance(each.node, ast.ImportFrom):
                yield each
            elif self._exports(file, each.node, name):
                yield each._replace(name=name)
            else:
                yield from self._bindings(file, name, each.names)

    def _exports(self, file: SourceFile, statement: ast.ImportFrom, name: str) -> bool:
        """Whether `from … import *` binds the name: public names, or what a literal `__all__` lists."""
        target = _find_module(file.path, statement.module or "", statement.level)
        if target is None:
            return False
        with self._step(target, f"* {name}"):
            module = read_source(target, self._read)
            for stated in self._bindings(module, "__all__", module.names):
                listed = self._bound(module, stated).plain
                return isinstance(listed, tuple) and name in listed
            return not name.startswith("_") and any(self._bindings(module, name, module.names))

    def _bound(self, file: SourceFile, binding: _Binding) -> _Value:
        match binding.node:
            case node if binding.opaque:
                what = f"it is bound by {binding.opaque}, which only running it can tell"
                raise _failure(file, node, what)
            case ast.ImportFrom() as node:
                target = _find_module(file.path, node.module or "", node.level)
                if target is not None:
                    return self.value_of(read_source(target, self._read), binding.name)
                module = node.module or ""
                if module.startswith(("importlib", "pkg_resources")):
                    raise self._circular(file, node)
                what = f"it comes from {'.' * node.level}{module}, which is not a file of this project"
                raise _failure(file, node, what)
            case ast.expr() as node:
                return self.evaluate(file, node, binding.names)
            case node:
                raise _failure(file, node, f"{binding.name} is a module, not a version")

    def evaluate(self, file: SourceFile, node: ast.expr, names: _Names) -> _Value:
        """The value of an expression with these bindings of names."""

        def plain(inner: ast.expr) -> _Plain:
            return self.evaluate(file, inner, names).plain

        match node:
            case ast.Constant(value=bool()):
                pass
            case ast.Constant(value=str() | int() as value):
                return _Value(value, file, node, is_literal=True)
            case ast.Tuple(elts=items) | ast.List(elts=items):
                return _Value(tuple(plain(each) for each in items), file, node, is_literal=True)
            case ast.JoinedStr(values=parts):
                values = [each for each in parts if isinstance(each, ast.FormattedValue)]
                if any(each.conversion != -1 or each.format_spec is not None for each in values):
                    raise _failure(file, node, "an f-string with a format is not a literal")
                texts = [
                    plain(each.value if isinstance(each, ast.FormattedValue) else each) for each in parts
                ]
                return _Value("".join(map(str, texts)), file, node, is_literal=not values)
            case ast.Name(id=name):
                missing = f"{file.path}:{node.lineno}: there is no {name} yet"
                return self._looked_up(file, name, names, missing)
            case ast.Attribute(value=owner, attr=name):
                module = self._module(file, owner, names)
                if module is not None:
                    return self.value_of(read_source(module, self._read), name)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                one, other = plain(left), plain(right)
                if isinstance(one, str) and isinstance(other, str):
                    return _Value(one + other, file, node)
            case ast.Subscript(value=owner, slice=index):
                whole = plain(owner)
                with suppress(ValueError, TypeError, IndexError):
                    if isinstance(whole, tuple):
                        return _Value(whole[_index(index)], file, node)
            case ast.Call(
                func=ast.Attribute(value=ast.Constant(value=str() as separator), attr="join"),
                args=[argument],
                keywords=[],
            ):
                return self._joined(file, node, separator, self.evaluate(file, _iterated(argument), names))
            case ast.Call(func=ast.Name(id="str"), args=[argument], keywords=[]):
                text = self.evaluate(file, argument, names)
                if isinstance(text.plain, str):
                    return text
        raise self._refusal(file, node)

    def _joined(self, file: SourceFile, node: ast.expr, separator: str, items: _Value) -> _Value:
        if not isinstance(items.plain, tuple) or not all(isinstance(each, str | int) for each in items.plain):
            raise _failure(file, node, f"{_short(items.node)} is not a tuple of literals")
        text = separator.join(str(each) for each in items.plain)
        if items.is_literal and separator == ".":
            return items._replace(plain=text)
        return _Value(text, file, node)

    def _module(self, file: SourceFile, owner: ast.expr, names: _Names) -> Path | None:
        """The file of a module in an expression; None if it is not a module of this project."""
        if isinstance(owner, ast.Attribute):
            return _find_module(file.path, ast.unparse(owner))
        for each in self._bindings(file, owner.id, names) if isinstance(owner, ast.Name) else ():
            match each.node:
                case ast.Import():
                    return _find_module(file.path, each.name)
                case ast.ImportFrom(module=module, level=level):
                    return _find_module(file.path, ".".join(filter(None, (module, each.name))), level)
        return None

    def _refusal(self, file: SourceFile, node: ast.expr) -> VersionError:
        """The error for an expression that is not a literal. Reading the version from installed metadata is a circle."""
        for call in (each for each in ast.walk(node) if isinstance(each, ast.Call)):
            called = ast.unparse(call.func).rpartition(".")[2]
            if called in {"version", "get_distribution", "distribution", "metadata", "require"}:
                other = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
                own = self._own_name is None or not isinstance(other, str)
                if own or canonicalize_name(str(other)) == canonicalize_name(self._own_name or ""):
                    return self._circular(file, call)
                what = f"it is the version of another distribution, {other!r}, as installed somewhere"
                return _failure(file, call, what)
        called = f" the result of a call, {_short(node)}," if isinstance(node, ast.Call) else ""
        what = ast.unparse(node) if isinstance(node, ast.Attribute) else self._name
        return _failure(file, node, f"{what} is{called} not a literal")

    def _circular(self, file: SourceFile, node: ast.AST) -> VersionError:
        what = f"circular: {self._name} asks the installed metadata for the version, which is made from {self._name}"
        return _failure(file, node, what)


def _iterated(argument: ast.expr) -> ast.expr:
    """X of `map(str, X)`, of `str(x) for x in X`, and of X itself."""
    match argument:
        case ast.Call(func=ast.Name(id="map"), args=[ast.Name(id="str"), inner], keywords=[]):
            return inner
        case (ast.GeneratorExp() | ast.ListComp()) as made:
            match made.elt, made.generators:
                case (
                    ast.Call(func=ast.Name(id="str"), args=[ast.Name(id=item)], keywords=[]),
                    [ast.comprehension(target=ast.Name(id=bound), iter=inner, ifs=[])],
                ) if item == bound:
                    return inner
    return argument


def _find_module(importer: Path, module: str, level: int = 0) -> Path | None:
    """The file of a module that `importer` imports, by the layout of the files around it."""
    folder = importer.parents[max(level - 1, 0)]
    while not level and (folder / "__init__.py").is_file():
        folder = folder.parent
    stem = folder.joinpath(*module.split(".")) if module else folder
    candidates = (stem / "__init__.py", *([stem.parent / f"{stem.name}.py"] if module else []))
    return next((each for each in candidates if each.is_file()), None)


def _index(node: ast.expr) -> slice | int:
    if not isinstance(node, ast.Slice):
        return int(ast.literal_eval(node))
    bounds = (node.lower, node.upper, node.step)
    return slice(*(None if each is None else ast.literal_eval(each) for each in bounds))


def _short(node: ast.AST) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _failure(file: SourceFile, node: ast.AST, message: str) -> VersionError:
    return VersionError(f"{file.path}:{getattr(node, 'lineno', 1)}: {message}", hint=_HINT)


def rewritten(found: Attribute, version: Version) -> bytes:
    """The contents of the file with another version. Only the literal changes.

    Quotes, prefixes and what surrounds it stay. Raises `VersionError` where the version is not one literal.
    """
    file, node = found.file, found.node
    if not found.is_literal:
        msg = f"{found.path}:{found.line}: the version is put together from several parts"
        raise VersionError(msg, hint=f'Write it as one literal: {NAME} = "{version}".')
    text = file.text
    for each, new in reversed([*_edits(found, node, version)]):
        span = file.span(each)
        text = text[: span.start] + new.encode() + text[span.stop :]
    return text.decode().encode(file.encoding)


def _edits(found: Attribute, node: ast.expr, version: Version) -> Iterator[tuple[ast.expr, str]]:
    """The nodes to replace and their new texts, in the order of the file."""
    segment = found.file.segment
    if not isinstance(node, ast.Tuple | ast.List):
        yield node, _string(segment(node), found.text.strip(), str(version))
        return
    if version.epoch or version.local:
        msg = f"{found.path}:{found.line}: {version} can't be written as a tuple"
        raise VersionError(msg, hint=f'Write it as one literal: {NAME} = "{version}".')
    # 1.3.0rc1 becomes 1, 3, 0, rc1: joined by dots they read as the same version.
    suffixes = str(version).removeprefix(version.base_version).split(".")
    parts = [*map(str, version.release), *filter(None, suffixes)]
    if len(node.elts) == len(parts) and all(isinstance(each, ast.Constant) for each in node.elts):
        yield from ((each, _item(segment(each), part)) for each, part in zip(node.elts, parts, strict=True))
        return
    whole = segment(node)
    opening, closing = (whole[0], whole[-1]) if whole[0] in "([" else ("", "")
    like = segment(node.elts[0]) if node.elts else "0"
    yield node, opening + ", ".join(_item(like, part) for part in parts) + closing


def _string(literal: str, old: str, new: str) -> str:
    """One literal with `new`, in place of one or more adjacent literals."""
    match = _LITERAL.match(literal)
    if match is None:
        return f'"{new}"'
    inside = literal[match.end() : -len(match["quote"])]
    return match[0] + (inside.replace(old, new) if old and inside.strip() == old else new) + match["quote"]


def _item(old: str, part: str) -> str:
    """One element of a tuple, quoted as the old one was; all but numbers need quotes."""
    match = _LITERAL.match(old)
    if match is not None:
        return match[0] + part + match["quote"]
    return part if part.isdecimal() else f'"{part}"'
