"""The files to build and their folder: all files of the variants, some tags, or the wheels whose files exist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from publish_all._toml import read_if_valid, table
from publish_all.builders.source_tree import normal
from publish_all.config.model import ProjectConfig
from publish_all.errors import BuildError, ConfigurationError, UsageError
from publish_all.events import Listener, Note
from publish_all.variants.variant import BuildVariant, PlatformWheel, WheelTag

_HINT = "Build or fetch the file first. `--allow-missing` builds only wheels whose files exist, `--wheel-tag` only one wheel."


def distributions_of(
    variants: Sequence[BuildVariant], kinds: Sequence[str]
) -> Iterator[tuple[BuildVariant, str]]:
    """Each file to build: its kind, and the variant as it is in that file."""
    for variant in variants:
        for kind in kinds:
            if kind == "sdist":
                if variant.sdist:
                    yield variant, kind
            elif variant.wheels:
                yield from ((variant.for_wheel(each), kind) for each in variant.wheels)
            else:
                yield variant, kind


def with_tags(variants: Sequence[BuildVariant], tags: Sequence[str]) -> tuple[BuildVariant, ...]:
    """Only the wheels of these tags, without the sdist. Raises `UsageError` for a tag that no variant has."""
    stated = [wheel.tag for variant in variants for wheel in variant.wheels]
    try:
        wanted = [WheelTag.parse(each) for each in tags]
    except ValueError as error:
        raise UsageError(str(error), hint="Write it as in `wheels` of the configuration.") from error
    for tag in wanted:
        if not any(tag.same_as(each) for each in stated):
            names = ", ".join(dict.fromkeys(map(str, stated)))
            msg = f"no wheel is configured for the tag {str(tag)!r}"
            add = "Add it to [tool.publish-all.variants.NAME.wheels] or [tool.publish-all.wheels]."
            raise UsageError(msg, hint=f"Configured tags: {names}" if names else add)
    found = []
    for variant in variants:
        wheels = tuple(each for each in variant.wheels if any(each.tag.same_as(tag) for tag in wanted))
        if wheels:
            found.append(replace(variant, wheels=wheels, sdist=False))
    return tuple(found)


def with_present_files(
    variants: Sequence[BuildVariant], root: Path, *, allow_missing: bool, listener: Listener
) -> tuple[BuildVariant, ...]:
    """The variants with the wheels whose prebuilt files exist.

    A variant without any such wheel is skipped, with its sdist. Raises `BuildError` naming each missing
    path, its tag and its key path: unless `allow_missing`, and then if no platform wheel is left at all.
    """
    lacking = {
        (number, wheel.where): tuple(_missing(variant, wheel, root))
        for number, variant in enumerate(variants)
        for wheel in variant.wheels
    }
    problems = [each for found in lacking.values() for each in found]
    if not problems:
        return tuple(variants)
    if not allow_missing:
        raise BuildError("\n".join(problems), hint=_HINT)
    if all(lacking.values()):
        msg = "no platform wheel can be built:\n" + "\n".join(problems)
        raise BuildError(msg, hint="Build or fetch the files of at least one wheel.")
    for problem in problems:
        listener(Note(message=f"wheel skipped: {problem}"))
    found = []
    for number, variant in enumerate(variants):
        wheels = tuple(each for each in variant.wheels if not lacking[number, each.where])
        if wheels or not variant.wheels:
            found.append(replace(variant, wheels=wheels))
    return tuple(found)


def _missing(variant: BuildVariant, wheel: PlatformWheel, root: Path) -> Iterator[str]:
    for source in wheel.force_include:
        if not any(_holds_files(root / each) for each in _places(variant, normal(source))):
            yield (
                f'the wheel {wheel.tag} of {variant.label}: {wheel.where}.force-include."{source}": '
                f"no file {'in ' if (root / source).is_dir() else ''}{source} in {root}"
            )


def _places(variant: BuildVariant, source: str) -> Iterator[str]:
    """Where in the project a path can be: as the layout moves it, or as it is."""
    for left, right in variant.layout.items():
        target = normal(right)
        if source == target or source.startswith(f"{target}/" if target else ""):
            yield f"{normal(left)}/{source[len(target) :].lstrip('/')}".rstrip("/")
    yield source


def _holds_files(path: Path) -> bool:
    """Whether there is a file to pack: this one, or one in this folder that is not hidden or empty.

    Those (`.gitkeep`, `.gitignore`, an empty `__init__.py`) keep a folder in git until a build puts its files there.
    """
    if path.is_file():
        return True
    files = (each for each in path.rglob("*") if each.is_file() and "__pycache__" not in each.parts)
    return any(not each.name.startswith(".") and each.stat().st_size for each in files)


def output_folder(config: ProjectConfig) -> Path:
    """The configured `dist-dir` as a path.

    Raises `ConfigurationError` if it is outside the repository or workspace, also through a link: a
    pull request must not choose which folders of the machine are written.
    """
    folder = config.root / config.dist_dir
    real, root = folder.resolve(), config.root.resolve()
    if not (real.is_relative_to(root) or real.is_relative_to(_outermost(root))):
        msg = f"tool.publish-all.dist-dir: {config.dist_dir} is outside the repository"
        raise ConfigurationError(msg, hint="Set a folder inside the repository, or build with `-o FOLDER`.")
    return folder


def _outermost(root: Path) -> Path:
    """The root of the repository; without one, that of the uv workspace."""
    from publish_all._git import repository_root  # which the build worker does without

    repository = repository_root(root)
    if (repository / ".git").exists():
        return repository
    stated = ((each, table(read_if_valid(each / "pyproject.toml"), "tool", "uv")) for each in root.parents)
    return next((each for each, uv in stated if "workspace" in uv), root)
