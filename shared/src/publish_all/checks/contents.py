"""Checks on what a wheel installs: packages and modules, at places where they can be imported."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from publish_all.checks.members import Member, installed_path
from publish_all.diagnoses import (
    BYTECODE_SHIPPED,
    COMMON_TOP_LEVEL,
    EMPTY_WHEEL,
    NOT_IMPORTABLE,
    OUTSIDE_OF_PACKAGES,
    SAME_CONTENT,
    SEVERAL_TOP_LEVELS,
    Diagnosis,
)
from publish_all.distributions.distribution import Distribution
from publish_all.findings import Finding

_MODULES = (".py", ".pyd", ".so")
_BYTECODE = (".pyc", ".pyo")
_AT_THE_TOP = (*_MODULES, *_BYTECODE, ".pyi", ".pth")
# Names that projects use for what is not their library. One that a project is itself called is its own.
_COMMON = frozenset(
    {
        "app", "build", "cli", "data", "dist", "doc", "docs", "example", "examples", "lib",
        "notebooks", "scripts", "src", "test", "tests", "tools", "utils", "venv", ".venv", ".tox",
        ".nox", ".eggs"
    }
)  # fmt: skip
_SMALL = 64
"""Files up to this size are not compared: empty `__init__.py`s and one-line markers are alike everywhere."""
_SHOWN = 3


def check_contents(distribution: Distribution, members: Sequence[Member]) -> Iterator[Finding]:
    """What is installed, and what should not be."""
    if all(".dist-info/" in each.name for each in members):
        yield EMPTY_WHEEL.found(
            f"{distribution.filename} holds nothing but its metadata",
            where=str(distribution.path),
            hint="See which packages the build backend is told to include.",
        )
        return
    library = [
        replace(each, name=path) for each in members if (path := installed_path(each.name)) is not None
    ]
    names = [each.name for each in library]
    yield from _bytecode(distribution, [each.name for each in members])
    yield from _top(distribution, names)
    yield from _unimportable(distribution, names)
    yield from _alike(distribution, library)


def _bytecode(distribution: Distribution, names: Sequence[str]) -> Iterator[Finding]:
    compiled = [name for name in names if name.endswith(_BYTECODE)]
    yield from _one(
        BYTECODE_SHIPPED,
        distribution,
        compiled,
        "compiled Python",
        hint="Exclude `__pycache__` and `*.pyc` in the build configuration.",
    )


def _top(distribution: Distribution, names: Sequence[str]) -> Iterator[Finding]:
    loose = [name for name in names if "/" not in name and not name.endswith(_AT_THE_TOP)]
    yield from _one(
        OUTSIDE_OF_PACKAGES,
        distribution,
        [*loose, *(name for name in names if name == "__init__.py")],
        "files beside the packages",
        hint="Move them into the package, or exclude them.",
    )
    tops = sorted({_importable(name) for name in names} - {""})
    own = distribution.project.replace("-", "_")
    yield from _one(
        COMMON_TOP_LEVEL,
        distribution,
        [top for top in tops if top in _COMMON and top != own],
        "top-level names that many projects use",
        hint="Tell the build backend which packages to include; or move it into the package.",
    )
    public = [top for top in tops if not top.startswith("_") and top not in _COMMON]
    if len(public) > 1:
        yield from _one(SEVERAL_TOP_LEVELS, distribution, public, "several top-level names", hint="")


def _importable(name: str) -> str:
    """The top-level name that a file installs; nothing for files that are no modules."""
    top, slash, _ = name.partition("/")
    if slash:
        return top.removesuffix("-stubs")
    return top.split(".", 1)[0] if top.endswith(_MODULES) else ""


def _unimportable(distribution: Distribution, names: Sequence[str]) -> Iterator[Finding]:
    packages: dict[str, bool] = {}
    odd = []
    for name in names:
        *folders, file = name.split("/")
        module = file.endswith((*_MODULES, ".pyi"))
        if folders:
            packages[folders[0]] = packages.get(folders[0], False) or module
        if (
            module
            and folders
            and not all(map(_is_identifier, [folders[0].removesuffix("-stubs"), *folders[1:]]))
        ):
            odd.append(name)
    yield from _one(NOT_IMPORTABLE, distribution, odd, "modules in folders that are no identifiers", hint="")
    without = [name for name, has in packages.items() if not has]
    yield from _one(NOT_IMPORTABLE, distribution, without, "top-level folders without a module", hint="")


def _is_identifier(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)


def _alike(distribution: Distribution, library: Iterable[Member]) -> Iterator[Finding]:
    """One finding for all groups of files that are the same; licences and `__init__.py`s often are."""
    alike: dict[tuple[int, int], list[str]] = {}
    for each in library:
        common = each.name.endswith("/__init__.py") or ".dist-info/" in each.name
        if each.fingerprint is not None and each.size > _SMALL and not common:
            alike.setdefault(each.fingerprint, []).append(each.name)
    groups = [" and ".join(names[:2]) for names in alike.values() if len(names) > 1]
    yield from _one(SAME_CONTENT, distribution, groups, "files with the same content", hint="")


def _one(
    diagnosis: Diagnosis, distribution: Distribution, names: Sequence[str], what: str, *, hint: str
) -> Iterator[Finding]:
    """One finding for all of them: a wheel has them by hundreds, or not at all."""
    if names:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        yield diagnosis.found(
            f"{what}: {', '.join(names[:_SHOWN])}{more}", where=distribution.filename, hint=hint
        )
