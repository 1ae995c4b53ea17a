"""All checks of one distribution, offline, and of several side by side.

A check is a function from the opened distribution to its findings. It never raises for a bad distribution. Each
module lists its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from packaging.utils import NormalizedName
from packaging.version import Version

from publish_all import diagnoses as known
from publish_all.checks import members, metadata, wheel
from publish_all.checks.opened import Opened, listed
from publish_all.diagnoses import Diagnosis
from publish_all.findings import Finding

# The fields that installers decide by, and so must be the same in all files of a release.
_DECIDING = ("Requires-Dist", "Requires-Python", "Provides-Extra")


def check_distribution(opened: Opened) -> Iterator[Finding]:
    """Run every check; those of the archive only if it can be read."""
    yield from opened.findings
    checks: list[Callable[[Opened], Iterator[Finding]]] = []
    if opened.readable:
        checks.append(members.check_members)
        if opened.is_wheel:
            checks += (members.check_contents, *wheel.CHECKS)
        else:
            checks.append(members.check_layout)
    checks += metadata.CHECKS
    if opened.public:
        checks += metadata.FOR_PUBLIC_INDEXES
        checks += wheel.FOR_PUBLIC_INDEXES if opened.is_wheel and opened.readable else ()
    for check in checks:
        yield from check(opened)


def check_across_files(
    files: Sequence[Opened], *, sources: Callable[[], Collection[str]] = tuple
) -> Iterator[Finding]:
    """Projects that install the same package, and files of one release that don't belong together.

    `sources` returns the paths of the project's own files, if the distributions are made of a project at hand.
    """
    if len(files) < 2:
        return
    yield from _shared_packages(files)
    releases: dict[tuple[NormalizedName, Version], list[Opened]] = {}
    for each in files:
        releases.setdefault((each.distribution.project, each.distribution.version), []).append(each)
    for release in releases.values():
        # With the sdist first, or the first wheel where there is none.
        first, *others = sorted(release, key=lambda each: each.is_wheel)
        for second in [each for each in release if not each.is_wheel][1:]:
            # A release has one sdist: https://peps.python.org/pep-0527/.
            message = f"{second.distribution.filename} is a second sdist of the release"
            yield second.found(known.METADATA_NOT_TAKEN, message)
        for other in others:
            yield from _different_metadata(first, other)
            if not first.is_wheel and other.is_wheel and first.readable:
                yield from _lacking_modules(first, other, sources)


def _shared_packages(files: Iterable[Opened]) -> Iterator[Finding]:
    owners: dict[str, set[str]] = {}
    for each in files:
        tops = {member.name.split("/", 1)[0] for member in each.members if each.is_wheel}
        for top in tops:
            if not top.endswith((".dist-info", ".data")):
                owners.setdefault(top.removesuffix(".py"), set()).add(each.distribution.name)
    for package, names in sorted(owners.items()):
        if len(names) > 1:
            yield Diagnosis("PA217").found(f"{', '.join(sorted(names))} all install the package {package!r}")


def _different_metadata(first: Opened, other: Opened) -> Iterator[Finding]:
    dynamic = {each.casefold() for each in first.distribution.metadata.get("Dynamic", ())}
    for field in _DECIDING:
        if field.casefold() not in dynamic and _values(first, field) != _values(other, field):
            message = (
                f"{other.distribution.filename} and {first.distribution.filename} state different {field}"
            )
            yield other.found(Diagnosis("PA224"), message)


def _values(opened: Opened, field: str) -> list[str]:
    return sorted("".join(each.split()) for each in opened.distribution.metadata.get(field, ()))


def _lacking_modules(
    sdist: Opened, wheel: Opened, sources: Callable[[], Collection[str]]
) -> Iterator[Finding]:
    """Modules of a wheel that the project has, and its sdist has under no folder."""
    held = {path: each for path, each in sdist.files().items() if path.endswith(".py")}
    ends = _endings(held)
    # A module may be in another folder: setuptools' `package_dir`, `force-include`. Empty ones keep their name.
    moved = {each.fingerprint for each in held.values() if each.size}
    empty = {path.rpartition("/")[2] for path, each in held.items() if not each.size}
    lacking = sorted(
        path
        for path, each in wheel.installed().items()
        if path.endswith(".py") and path not in ends
        if each.fingerprint not in moved and (each.size or path.rpartition("/")[2] not in empty)
    )
    if lacking:  # the build may make the others, such as `_version.py`
        own = _endings(sources())
        lacking = [each for each in lacking if each in own]
    if lacking:
        yield sdist.found(
            Diagnosis("PA261"),
            f"{sdist.distribution.filename} lacks modules of {wheel.distribution.filename}: {listed(lacking)}",
        )


def _endings(paths: Iterable[str]) -> set[str]:
    """Each module under its path, and under that path without its first folders: `src/a/b.py`, `a/b.py`, `b.py`."""
    split = (path.split("/") for path in paths if path.endswith(".py"))
    return {"/".join(parts[start:]) for parts in split for start in range(len(parts))}
