"""Build each sdist outside of the project, by its own backend, and see that it is the wheel beside it."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from publish_all._temporary import temporary_folder
from publish_all.builders.compare import first_content_difference
from publish_all.builders.standard_build import BuildWheel, standard_builds
from publish_all.diagnoses import NOT_REBUILT, SDIST_BUILDS_OTHERWISE
from publish_all.distributions.distribution import Distribution, DistributionKind
from publish_all.errors import BuildError
from publish_all.events import Listener, Note, StepStarted
from publish_all.findings import Finding


def rebuild(
    distributions: Sequence[Distribution],
    *,
    listener: Listener,
    environment: Mapping[str, str],
    admitted: Sequence[str] = (),
) -> tuple[Finding, ...]:
    """What is found when all sdists are built. An isolated environment is made where this one lacks a backend.

    `admitted` are the names of `build-environment`.
    """
    sdists = [each for each in distributions if each.kind is DistributionKind.SDIST]
    listener(StepStarted(step="rebuild", detail=", ".join(each.filename for each in sdists)))
    with (
        temporary_folder() as place,
        standard_builds(
            environment=environment, admitted=admitted, workspace=place / "work", listener=listener
        ) as build_wheel,
    ):
        return tuple(compare_all(distributions, place, build_wheel, listener))


def compare_all(
    distributions: Sequence[Distribution], place: Path, build_wheel: BuildWheel, listener: Listener
) -> Iterator[Finding]:
    """Each release that has wheels, with its sdist. `place` is an empty folder."""
    releases: dict[tuple[str, str], list[Distribution]] = {}
    for each in distributions:
        releases.setdefault((each.project, str(each.version)), []).append(each)
    for number, files in enumerate(releases.values()):
        sdist = next((each for each in files if each.kind is DistributionKind.SDIST), None)
        wheels = {each.filename: each for each in files if each.kind is DistributionKind.WHEEL}
        if sdist is None or not wheels:
            lack = "no sdist" if sdist is None else "no wheel"
            yield NOT_REBUILT.found(f"there is {lack} of {files[0].project} to compare with")
            continue
        yield from _compare(sdist, wheels, place / str(number), build_wheel, listener)


def _compare(
    sdist: Distribution,
    wheels: Mapping[str, Distribution],
    place: Path,
    build_wheel: BuildWheel,
    listener: Listener,
) -> Iterator[Finding]:
    try:
        rebuilt = build_wheel(_unpacked(sdist, place / "sdist"), _made(place / "dist"))
    except (BuildError, tarfile.TarError, OSError) as error:
        yield _otherwise(sdist, f"{sdist.filename} does not build to a wheel: {error}")
        return
    wheel = wheels.get(rebuilt.name)
    if wheel is None:
        yield NOT_REBUILT.found(f"{sdist.filename} builds to {rebuilt.name}, which is not among the files")
    elif (difference := first_content_difference(wheel.path, rebuilt)) is not None:
        yield _otherwise(sdist, f"{sdist.filename} does not build to {rebuilt.name}: {difference}")
    else:
        listener(Note(message=f"{sdist.filename} builds to what {rebuilt.name} installs"))


def _otherwise(sdist: Distribution, message: str) -> Finding:
    return SDIST_BUILDS_OTHERWISE.found(message, where=sdist.filename)


def _unpacked(sdist: Distribution, place: Path) -> Path:
    """The only folder of the sdist, unpacked there. Raises `TarError` for what must not be unpacked (PEP 706)."""
    options: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(sdist.path) as opened:
        for each in opened:
            # Python before 3.10.12 has no filter, and follows whatever an archive says.
            if (
                ".." in PurePosixPath(each.name).parts
                or each.name.startswith("/")
                or (each.linkname and not options)
            ):
                raise tarfile.ExtractError(f"{each.name} leads out of it")
        opened.extractall(_made(place), **options)  # noqa: S202 - the filter, and the check of the members
    folders = [each for each in place.iterdir() if each.is_dir()]
    if len(folders) != 1:
        raise tarfile.TarError("it has no single folder")
    return folders[0]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
