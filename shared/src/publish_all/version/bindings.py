"""Which statements of a module may be the last to bind a name. Pure, on the syntax tree.

The last binding wins. In `try` the body wins over the handlers: they hold the stopgap for the case
that the real version can't be found, which is not the version. Where it depends on a condition, all
the possibilities are given.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias


class Assigned(NamedTuple):
    """The name is bound to the value of an expression."""

    value: ast.expr


class Imported(NamedTuple):
    """`from {'.' * level}module import name`."""

    statement: ast.ImportFrom
    name: str


class ImportedModule(NamedTuple):
    """`import module`, or with `as`."""

    statement: ast.Import
    module: str


class Opaque(NamedTuple):
    """Bound, but in a way that only running it can tell."""

    statement: ast.stmt
    what: str


Binding: TypeAlias = "Assigned | Imported | ImportedModule | Opaque"
Star: TypeAlias = Callable[[ast.ImportFrom], bool]
"""Whether a star import binds the name: it takes names with an underscore only from `__all__`."""


Position: TypeAlias = "tuple[int, int]"
"""A line and a column of the syntax tree."""


class _Wanted(NamedTuple):
    name: str
    star: Star
    before: Position | None

    def is_over(self, statement: ast.stmt) -> bool:
        """Whether the statement is done where the name is asked for."""
        end = (statement.end_lineno or statement.lineno, statement.end_col_offset or statement.col_offset)
        return self.before is None or end <= self.before


def last_bindings(
    body: Sequence[ast.stmt], name: str, star: Star, *, before: Position | None = None
) -> tuple[list[Binding], bool]:
    """The bindings of `name` that may hold after `body`, and whether one of them surely does.

    With `before`, those that may hold there: what comes later binds the name too late.
    """
    return _last(body, _Wanted(name, star, before))


def _last(body: Sequence[ast.stmt], wanted: _Wanted) -> tuple[list[Binding], bool]:
    found: list[Binding] = []
    for statement in reversed(body):
        more, surely = _of_statement(statement, wanted)
        found += more
        if surely:
            return found, True
    return found, False


def _of_statement(statement: ast.stmt, wanted: _Wanted) -> tuple[list[Binding], bool]:
    match statement:
        case ast.If():
            if _is_type_checking(statement.test):
                return _last(statement.orelse, wanted)
            return _either([statement.body, statement.orelse], wanted)
        case ast.Match():
            found, _ = _either([case.body for case in statement.cases], wanted)
            return found, False
        case ast.Try():
            return _of_try(statement, wanted)
        case ast.With():
            items = [each.optional_vars for each in statement.items if each.optional_vars is not None]
            if any(_names(each, wanted.name) for each in items):
                return [Opaque(statement=statement, what="with")], True
            return _last(statement.body, wanted)
        case ast.For() | ast.While():
            found, _ = _either([statement.body, statement.orelse], wanted)
            if isinstance(statement, ast.For) and _names(statement.target, wanted.name):
                found.append(Opaque(statement=statement, what="a loop"))
            return found, False
        case _:
            simple = [*_of_simple(statement, wanted.name, wanted.star)] if wanted.is_over(statement) else []
            return simple[-1:], bool(simple)


def _either(bodies: Sequence[Sequence[ast.stmt]], wanted: _Wanted) -> tuple[list[Binding], bool]:
    results = [_last(body, wanted) for body in bodies]
    return [binding for found, _ in results for binding in found], all(surely for _, surely in results)


def _of_try(statement: ast.Try, wanted: _Wanted) -> tuple[list[Binding], bool]:
    for body in (statement.finalbody, statement.orelse, statement.body):
        found, surely = _last(body, wanted)
        if found:
            return found, surely
    found, _ = _either([handler.body for handler in statement.handlers], wanted)
    return found, False


def _of_simple(statement: ast.stmt, name: str, star: Star) -> Iterator[Binding]:
    match statement:
        case ast.Assign():
            for target in statement.targets:
                yield from _of_target(statement, target, statement.value, name)
        case ast.AnnAssign(value=ast.expr() as value):
            yield from _of_target(statement, statement.target, value, name)
        case ast.AugAssign(target=ast.Name(id=target)) if target == name:
            yield Opaque(statement=statement, what="an augmented assignment")
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() if statement.name == name:
            yield Opaque(statement=statement, what="a definition")
        case ast.Delete() if any(_names(each, name) for each in statement.targets):
            yield Opaque(statement=statement, what="del")
        case ast.ImportFrom():
            for alias in statement.names:
                if (alias.asname or alias.name) == name:
                    yield Imported(statement=statement, name=alias.name)
                elif alias.name == "*" and star(statement):
                    yield Imported(statement=statement, name=name)
        case ast.Import():
            for alias in statement.names:
                if alias.asname == name or (alias.asname is None and alias.name.split(".")[0] == name):
                    module = alias.name if alias.asname else name
                    yield ImportedModule(statement=statement, module=module)
        case _:
            return


def _of_target(statement: ast.stmt, target: ast.expr, value: ast.expr, name: str) -> Iterator[Binding]:
    match target, value:
        case ast.Name(id=bound), _:
            if bound == name:
                yield Assigned(value=value)
        case ((ast.Tuple() | ast.List()), (ast.Tuple() | ast.List())) if len(target.elts) == len(value.elts):
            if not any(isinstance(each, ast.Starred) for each in (*target.elts, *value.elts)):
                for inner_target, inner_value in zip(target.elts, value.elts, strict=True):
                    yield from _of_target(statement, inner_target, inner_value, name)
            elif _names(target, name):
                yield Opaque(statement=statement, what="unpacking")
        case ((ast.Tuple() | ast.List()), _) if _names(target, name):
            yield Opaque(statement=statement, what="unpacking")


def _names(target: ast.expr, name: str) -> bool:
    return any(isinstance(each, ast.Name) and each.id == name for each in ast.walk(target))


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )
