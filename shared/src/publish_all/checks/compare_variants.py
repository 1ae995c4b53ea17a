"""Check that build variants differ where their configuration says so, and nowhere else, in wheels and in sdists.

Their wheels come from one tree. So a file that is in one and not in the other must be named by an
`include`, `exclude` or `force-include`, and one that is in both is the same unless `force-include` puts
it there. Variants with another `layout`, or other settings of the build backend, are not compared:
what these do only the backend knows.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from packaging.version import Version

from publish_all.builders.select import matches
from publish_all.checks.opened import Opened, listed
from publish_all.diagnoses import Diagnosis
from publish_all.distributions.distribution import Distribution
from publish_all.findings import Finding
from publish_all.variants.variant import BuildVariant

_VERSION_FILE = 1 << 20  # bytes; files that contain a version are far smaller


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wheel:
    """A wheel of a variant: path in site-packages → digest of the content."""

    variant: BuildVariant
    opened: Opened
    files: Mapping[str, tuple[int, int] | None]


def check_variants(files: Sequence[Opened], variants: Sequence[BuildVariant]) -> Iterator[Finding]:
    """Compare the wheels of the variants, two by two. Platform wheels differ by their nature and are left out."""
    wheels = list(_wheels(files, variants))
    for one, other in combinations(wheels, 2):
        if _is_same(one, other):
            yield other.opened.found(
                Diagnosis("PA244"),
                f"{one.variant.label} and {other.variant.label} differ in their names and nothing else",
            )
        elif _rules(one.variant) == _rules(other.variant):
            yield from _elsewhere(one, other)


def check_selection(variant: BuildVariant, sdist: Opened, wheels: Sequence[Opened]) -> Iterator[Finding]:
    """No file that the variant leaves out of its wheels is in its sdist.

    `wheels` are those of the same variant: where their files are in the sdist shows which folders of it are
    source roots, so that `package/internal/**` names `src/package/internal/`, and not `tests/package/internal/`.
    """
    if not (variant.include or variant.exclude):
        return
    held = sdist.files()
    installed = {path for wheel in wheels for path in wheel.installed()}
    packages = {path.split("/", 1)[0] for path in installed}
    found = set()
    for root in _source_roots(held, installed):
        for path in held:
            inside = path.removeprefix(root)
            if path.startswith(root) and inside not in installed and not _is_forced(variant, path, inside):
                within = inside.split("/", 1)[0] in packages
                if _is_left_out(variant, path, inside, within_package=within):
                    found.add(path)
    if found:
        yield sdist.found(
            Diagnosis("PA264"),
            f"the sdist of {variant.label} holds {listed(sorted(found))}, which `include` or `exclude` of the "
            "variant leaves out",
        )


def _source_roots(held: Collection[str], installed: Collection[str]) -> tuple[str, ...]:
    """The folders of an sdist that installed paths are relative to, with a slash at the end; the root is empty.

    For each top-level name it is the folder which has most of the files. Without a wheel: the usual two.
    """
    if not installed:
        return ("", "src/")
    counts: dict[str, Counter[str]] = {}
    for path in held:
        parts = path.split("/")
        for start in range(len(parts)):
            if "/".join(parts[start:]) in installed:
                counts.setdefault(parts[start], Counter())["".join(f"{each}/" for each in parts[:start])] += 1
    return tuple({max(each, key=lambda root: (each[root], -len(root))) for each in counts.values()})


def _is_left_out(variant: BuildVariant, path: str, inside: str, *, within_package: bool) -> bool:
    """Whether the variant leaves a file out.

    Beside the packages of the wheel there are tests and documents, which `*.md` or an `include` does not mean:
    there, only a pattern counts that names the folder.
    """
    if within_package:
        not_included = bool(variant.include) and not matches(variant.include, inside, path)
        return matches(variant.exclude, inside, path) or (not_included and inside.endswith(".py"))
    tops = (path.split("/", 1)[0], inside.split("/", 1)[0])
    naming = [
        each
        for each in variant.exclude
        if "/" in each.strip("/") and each.strip("/").split("/", 1)[0] in tops
    ]
    return matches(naming, inside, path)


def _is_forced(variant: BuildVariant, path: str, inside: str) -> bool:
    sources = (each.strip("/") for each in variant.force_include)
    return _is_target(variant, inside) or any(path == each or path.startswith(f"{each}/") for each in sources)


def _wheels(files: Sequence[Opened], variants: Sequence[BuildVariant]) -> Iterator[_Wheel]:
    for variant in variants:
        own = [each for each in files if each.is_wheel and each.distribution.variant == variant.name]
        if len(own) == 1 and not variant.wheels and own[0].readable:
            contents = {
                _without_name(each.name): each.fingerprint
                for each in own[0].members
                if not each.name.split("/", 1)[0].endswith(".dist-info")
            }
            yield _Wheel(variant=variant, opened=own[0], files=contents)


def _without_name(path: str) -> str:
    """The path in the wheel, with `*.data` for the folder of that name, which has the distribution's in it."""
    top, slash, rest = path.partition("/")
    return f"*.data/{rest}" if slash and top.endswith(".data") else path


def _is_same(one: _Wheel, other: _Wheel) -> bool:
    first, second = one.opened.distribution, other.opened.distribution
    return (
        first.project != second.project
        and one.files == other.files
        and first.description == second.description
        and _metadata(first) == _metadata(second)
    )


def _metadata(distribution: Distribution) -> Mapping[str, tuple[str, ...]]:
    return {name: values for name, values in distribution.metadata.items() if name not in ("Name", "Version")}


def _rules(variant: BuildVariant) -> str:
    """The rules by which the variant is made from the tree."""
    pyproject = variant.pyproject
    tool = dict(pyproject.get("tool", {}))
    poetry = tool.pop("poetry", {})
    selection = {key: poetry[key] for key in ("packages", "include", "exclude", "build") if key in poetry}
    rules = [dict(variant.layout), pyproject.get("build-system"), tool, selection]
    return json.dumps(rules, sort_keys=True, default=str)


def _elsewhere(one: _Wheel, other: _Wheel) -> Iterator[Finding]:
    for first, second in ((one, other), (other, one)):
        extra = [
            name
            for name in first.files.keys() - second.files.keys()
            if not _is_target(first.variant, name) and not _is_kept_out(second.variant, name)
        ]
        if extra:
            what = f"{first.variant.label} has {listed(sorted(extra))}, which {second.variant.label} has not"
            yield _unexplained(first, what)
    changed = [
        name
        for name in one.files.keys() & other.files.keys()
        if one.files[name] != other.files[name]
        and not _is_target(one.variant, name)
        and not _is_target(other.variant, name)
        and not _is_version_file(one, other, name)
    ]
    if changed:
        labels = f"{one.variant.label} and {other.variant.label}"
        yield _unexplained(one, f"{labels} have different contents of {listed(sorted(changed))}")


def _is_version_file(one: _Wheel, other: _Wheel, name: str) -> bool:
    """Whether a build hook wrote the local version into the file, and nothing else in it differs."""
    sizes = [each.files[name] or (0, 0) for each in (one, other)]
    return max(sizes)[0] <= _VERSION_FILE and _without_local(one, name) == _without_local(other, name)


def _without_local(wheel: _Wheel, name: str) -> str:
    """A file without the local version: without `+cu12`, and without its parts in a tuple `(1, 2, 3, 'cu12')`."""
    path = next(each.name for each in wheel.opened.members if _without_name(each.name) == name)
    with zipfile.ZipFile(wheel.opened.distribution.path) as archive:
        content = archive.read(path).decode(errors="surrogateescape")
    local = Version(wheel.variant.version).local
    if local is None:
        return content
    parts = "|".join(map(re.escape, (local, *local.split("."))))
    return re.sub(rf"""\+{re.escape(local)}(?![\w.])|, *(['"])(?:{parts})\1""", "", content)


def _unexplained(wheel: _Wheel, what: str) -> Finding:
    return wheel.opened.found(Diagnosis("PA245"), f"{what}, and nothing in the configuration says so")


def _is_target(variant: BuildVariant, name: str) -> bool:
    targets = (each.rstrip("/") for each in variant.force_include.values())
    return any(name == each or name.startswith(each + "/") for each in targets)


def _is_kept_out(variant: BuildVariant, name: str) -> bool:
    if matches(_meanings(variant.exclude), name):
        return True
    return bool(variant.include) and not matches(_meanings(variant.include), name)


def _meanings(patterns: Sequence[str]) -> tuple[str, ...]:
    """The patterns, and what they may mean in the wheel: those of the tree begin with `src/` or `packages/x/`."""
    shorter = (
        "/" + "/".join(parts[start:])
        for parts in (each.strip("/").split("/") for each in patterns)
        for start in range(1, len(parts))
        if "".join(parts[start:]).strip("*")  # only stars would match every file
    )
    return (*patterns, *shorter)
