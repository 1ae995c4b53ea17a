"""Build again, from a copy elsewhere and in other surroundings, and see that the bytes are the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from publish_all._temporary import temporary_folder
from publish_all.builders.builder import Build, BuildRequest, BuildResult
from publish_all.builders.compare import first_difference
from publish_all.builders.run import build as run_build
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.stage import Stages
from publish_all.errors import BuildError
from publish_all.events import Listener, Note, StepStarted

# Neither the time zone nor the order of sets and dicts may tell in a file.
_ELSEWHERE = {"TZ": "UTC-14", "PYTHONHASHSEED": "4711"}


def reproduce(
    request: BuildRequest,
    result: BuildResult,
    *,
    listener: Listener,
    environment: Mapping[str, str],
    build: Build = run_build,
) -> None:
    """Build `request` a second time and compare with `result`. Raises `BuildError` naming the first member that differs.

    The copy holds what belongs to the project: what git ignores only where a variant includes it by force.
    """
    listener(StepStarted(step="reproduce", detail=", ".join(each.filename for each in result.files)))
    with temporary_folder() as place:
        copied = replace(request, root=_copy(request, place), output=place / "dist")
        again = build(copied, listener=listener, environment={**environment, **_ELSEWHERE})
        problems = list(_problems(request, result, copied, again))
    if problems:
        raise BuildError(
            "built twice, and not the same:\n" + "\n".join(problems),
            hint="Look for dates, random numbers, absolute paths and unsorted listings in build hooks and "
            "scripts; setting SOURCE_DATE_EPOCH fixes the dates which backends write.",
        )
    listener(Note(message=f"built twice, in different folders: {len(result.files)} files, the same bytes"))


def _problems(
    request: BuildRequest, result: BuildResult, copied: BuildRequest, again: BuildResult
) -> list[str]:
    one = {each.filename for each in result.files}
    other = {each.filename for each in again.files}
    found = [f"{name} is built only the first time" for name in sorted(one - other)]
    found += [f"{name} is built only the second time" for name in sorted(other - one)]
    for name in (each.filename for each in result.files if each.filename in other):
        difference = first_difference(request.output / name, copied.output / name)
        if difference is not None:
            found.append(f"{name}: {difference}")
    return found


def _copy(request: BuildRequest, place: Path) -> Path:
    """A stage of the whole repository, or of the project where it is in none; the project's folder in it."""
    root = request.root.resolve()
    forced = {
        source: source
        for variant in request.variants
        for each in (variant, *map(variant.for_wheel, variant.wheels))
        for source in each.force_include
        if (root / source).exists()
    }
    tree = SourceTree(root, leave_out=[request.output.resolve()])
    return Stages(tree, place / "copy").fresh(layout={}, additions=forced, git=True)
