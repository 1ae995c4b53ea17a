"""Build again and compare: each sdist outside of the project, or the whole project in other surroundings."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from publish_all._temporary import temporary_folder
from publish_all.builders.build_environment import BuildWheel, standard_builds
from publish_all.builders.builder import BuildRequest, BuildSettings
from publish_all.builders.compare import first_content_difference, first_difference
from publish_all.builders.run import build
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.stage import Stages
from publish_all.commands.context import Runtime
from publish_all.diagnoses import NOT_REBUILT, Diagnosis
from publish_all.distributions.distribution import Distribution, DistributionKind
from publish_all.errors import BuildError
from publish_all.findings import Finding
from publish_all.summaries import BuiltFile
from publish_all.upload.plan import releases_of

_OTHERWISE = Diagnosis("PA242")
# Neither the time zone nor the order of sets and dicts may tell in a file.
_ELSEWHERE = {"TZ": "UTC-14", "PYTHONHASHSEED": "4711"}


def rebuild(
    distributions: Sequence[Distribution], runtime: Runtime, settings: BuildSettings
) -> tuple[Finding, ...]:
    """The findings of building all sdists."""
    sdists = [each for each in distributions if each.kind is DistributionKind.SDIST]
    runtime.step("rebuild", ", ".join(each.filename for each in sdists))
    with temporary_folder() as place:
        build_wheel = standard_builds(settings=settings, workspace=place / "work", listener=runtime.listener)
        return tuple(compare_all(distributions, place, build_wheel, runtime))


def compare_all(
    distributions: Sequence[Distribution], place: Path, build_wheel: BuildWheel, runtime: Runtime
) -> Iterator[Finding]:
    """Each release that has wheels, with its sdist. `place` is an empty folder."""
    for number, release in enumerate(releases_of(distributions)):
        files = release.distributions
        sdist = next((each for each in files if each.kind is DistributionKind.SDIST), None)
        wheels = {each.filename: each for each in files if each.kind is DistributionKind.WHEEL}
        if sdist is not None and wheels:
            yield from _compare(sdist, wheels, place / str(number), build_wheel, runtime)
            continue
        lack = "no sdist" if sdist is None else "no wheel"
        yield NOT_REBUILT.found(f"there is {lack} of {files[0].project} to compare with")


def _compare(
    sdist: Distribution,
    wheels: Mapping[str, Distribution],
    place: Path,
    build_wheel: BuildWheel,
    runtime: Runtime,
) -> Iterator[Finding]:
    try:
        rebuilt = build_wheel(_unpacked(sdist, place / "sdist"), _made(place / "dist"))
    except (BuildError, tarfile.TarError, OSError) as error:
        yield _OTHERWISE.found(f"{sdist.filename} does not build: {error}", where=sdist.filename)
        return
    wheel = wheels.get(rebuilt.name)
    if wheel is None:
        yield NOT_REBUILT.found(f"{sdist.filename} builds {rebuilt.name}, which is not among the files")
    elif (difference := first_content_difference(wheel.path, rebuilt)) is not None:
        text = f"{sdist.filename} does not build the same {rebuilt.name}: {difference}"
        yield _OTHERWISE.found(text, where=sdist.filename)
    else:
        runtime.note(f"{sdist.filename} builds the same files as {rebuilt.name}")


def _unpacked(sdist: Distribution, place: Path) -> Path:
    """The only folder of the sdist, unpacked there. Raises `TarError` for what must not be unpacked (PEP 706)."""
    options: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(sdist.path) as opened:
        for each in opened:
            # Python before 3.10.12 has no filter, and follows whatever an archive says.
            outside = ".." in PurePosixPath(each.name).parts or each.name.startswith("/")
            if outside or (each.linkname and not options):
                raise tarfile.ExtractError(f"{each.name} leads out of it")
        opened.extractall(_made(place), **options)  # noqa: S202 - the filter, and the check of the members
    folders = [each for each in place.iterdir() if each.is_dir()]
    if len(folders) != 1:
        raise tarfile.TarError("it has no single folder")
    return folders[0]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def reproduce(
    request: BuildRequest, files: Sequence[BuiltFile], runtime: Runtime, settings: BuildSettings
) -> None:
    """Build `request` a second time and compare with its `files`. Raises `BuildError` naming the first member that differs.

    The copy holds what belongs to the project: what git ignores only where a variant includes it by force.
    """
    one = [each.filename for each in files]
    runtime.step("reproduce", ", ".join(one))
    with temporary_folder() as place:
        copied = replace(request, root=_copy(request, place), output=place / "dist")
        elsewhere = settings._replace(environment={**settings.environment, **_ELSEWHERE})
        again = build(copied, listener=runtime.listener, settings=elsewhere)
        other = [each.filename for each in again.files]
        problems = [f"{name} is built only the first time" for name in sorted({*one} - {*other})]
        problems += [f"{name} is built only the second time" for name in sorted({*other} - {*one})]
        for name in (each for each in one if each in other):
            if (difference := first_difference(request.output / name, copied.output / name)) is not None:
                problems.append(f"{name}: {difference}")
    if problems:
        raise BuildError(
            "two builds are not the same:\n" + "\n".join(problems),
            hint="Look for dates, random numbers, absolute paths and unsorted listings in build hooks and "
            "scripts; SOURCE_DATE_EPOCH fixes the dates that build backends write.",
        )
    runtime.note(f"built twice, in different folders: {len(files)} files, the same bytes")


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
    return Stages(tree, place / "copy").fresh(additions=forced, git=True)
