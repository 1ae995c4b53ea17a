"""The files to publish that were not named: built now or before, or those of another repository.

Files of earlier builds are those in a manifest, or those in the output folder with matching names. What fits by name
the host's own `build` may have left, or another job handed over. Nothing proves where it comes from, so that it is
listed before anything is uploaded, and files that git tracks are left out: a pull request can commit any file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from packaging.utils import InvalidName, NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from publish_all._git import ask_git, repository_root
from publish_all.builders.build_plan import output_folder
from publish_all.builders.manifest import Manifest, check_manifest, is_of, lacking_wheels, read_manifest
from publish_all.commands.build import BuildOptions, build_project, each_project
from publish_all.commands.context import Runtime, project_variants
from publish_all.commands.destinations import open_connection
from publish_all.commands.files import FoundFiles, PublishOptions
from publish_all.commands.state import state_of
from publish_all.config.load import label, names_of
from publish_all.config.model import ProjectConfig
from publish_all.diagnoses import Diagnosis
from publish_all.distributions.distribution import release_of, variant_label
from publish_all.distributions.read import read_distribution
from publish_all.errors import CheckError, ConfigurationError, UsageError
from publish_all.upload.journal import Journal
from publish_all.variants.variant import BuildVariant, WheelTag
from publish_all.version.git import one_line


def find_files(
    config: ProjectConfig | None, options: PublishOptions, scratch: Path | None, journal: Journal
) -> list[FoundFiles]:
    """The files of another repository, of the project, or of each member of the workspace.

    Builds go into the folder `scratch`; None is for the project's own, where they are kept. `journal` is that of
    earlier runs.
    """
    if options.source is not None and scratch is not None:
        return [_promoted(config, options, scratch)]
    if config is None or not config.members:
        return [_find(config, _as_built(options), scratch, journal)]
    folder = options.output or output_folder(config)

    def of_member(member: ProjectConfig, variants: tuple[str, ...], runtime: Runtime) -> FoundFiles:
        connection = replace(options.connection, runtime=runtime)
        of = replace(options, directory=member.root, variants=variants, output=folder, connection=connection)
        found = _find(member, of, scratch, journal)
        name = label(member)
        files = tuple(replace(each, member=name) for each in found.distributions)
        return replace(found, member=name, distributions=files)

    return each_project(
        config,
        options.variants,
        of_member,
        runtime=lambda member: _as_built(options, names_of(member)).runtime,
    )


def _find(
    config: ProjectConfig | None, options: PublishOptions, scratch: Path | None, journal: Journal
) -> FoundFiles:
    if options.manifest is not None:
        return _listed(config, options)
    if config is None:
        raise ValueError("there is no project to build")
    output = options.output or output_folder(config)
    if not options.build or not journal.complete:
        variants = project_variants(config, options.variants, itself=options.itself, runtime=options.runtime)
        manifest = _last_build(config, options, output, variants)
        if not options.build:
            if manifest is None:
                return _found_by_name(config, variants, options, output)
            return _of_manifest(manifest, config, variants, allow_missing=options.allow_missing)
        # Files that are published in part are not built again: they could be other bytes.
        if manifest is not None and journal.unfinished(each.sha256 for each in manifest.entries):
            with suppress(UsageError):  # a wheel that is not built yet
                found = _of_manifest(manifest, config, variants, allow_missing=options.allow_missing)
                text = "an earlier run was not finished: its files are published and not built again"
                options.runtime.note(text)
                return found
    build = BuildOptions(
        directory=options.directory,
        variants=options.variants,
        itself=options.itself,
        output=scratch or output,
        allow_missing=options.allow_missing,
        runtime=options.runtime,
    )
    variants, built = build_project(config, build, remembered=scratch is None)
    folder = Path(built.folder)
    read = (read_distribution(folder / each.filename, variant=each.variant) for each in built.files)
    return FoundFiles(config=config, distributions=tuple(read), variants=variants, built=True)


def _last_build(
    config: ProjectConfig, options: PublishOptions, output: Path, variants: Sequence[BuildVariant]
) -> Manifest | None:
    """The manifest of the last build, if it lists files of each of these variants in its current version.

    None if all of its files have been deleted.
    """
    path = state_of(config.root, options.runtime).manifest(output)
    manifest = read_manifest(path) if path is not None else None
    if manifest is None:
        return None
    entries = [each for each in manifest.entries if is_of(each, variants)]
    listed = {(each.variant, *_release(each.project, each.version)) for each in entries}
    wanted = {(each.name, *_release(each.project, each.version)) for each in variants}
    there = any((manifest.folder / each.filename).exists() for each in entries)
    return manifest if there and wanted <= listed else None


def _of_manifest(
    manifest: Manifest, config: ProjectConfig | None, variants: Sequence[BuildVariant], *, allow_missing: bool
) -> FoundFiles:
    """The files that the manifest lists of these variants (outside of a project: all), which must still be the bytes that were built.

    Raises `CheckError` for one that is missing or was changed, and `UsageError` for a platform wheel
    that has not been built, unless `allow_missing`.
    """
    lacking = lacking_wheels(manifest.entries, variants)
    if lacking and not allow_missing:
        msg = f"not built yet: {', '.join(lacking)}"
        raise UsageError(msg, hint="Build it first, or use `--allow-missing` to publish without it.")
    entries = [each for each in manifest.entries if is_of(each, variants, others=config is None)]
    names = {each.filename for each in entries}
    findings = tuple(
        Diagnosis("PA214").found(f"{name} {problem}", where=str(manifest.folder / name))
        for name, problem in check_manifest(manifest).items()
        if name in names
    )
    if findings:
        msg = f"the files in {manifest.folder} have changed since the build; nothing was uploaded"
        raise CheckError(msg, findings=findings)
    read = (read_distribution(manifest.folder / each.filename, variant=each.variant) for each in entries)
    return FoundFiles(config=config, distributions=tuple(read), variants=tuple(variants), built=True)


def _listed(config: ProjectConfig | None, options: PublishOptions) -> FoundFiles:
    """The files that a manifest lists which the user named. That of a workspace lists those of other members, too.

    Raises `UsageError` where it lists files of other releases than those of the project now.
    """
    path = options.manifest or Path()
    manifest = read_manifest(path)
    if manifest is None:
        hint = "Use a file that `publish-all build --manifest FILE` has written."
        raise UsageError(f"no file {path} found", hint=hint)
    if config is None:
        return _of_manifest(manifest, None, (), allow_missing=options.allow_missing)
    variants = project_variants(config, options.variants, itself=options.itself, runtime=options.runtime)
    if options.members is not None:
        manifest = _of_names(manifest, names_of(config))
    now = {each.name: (each.project, each.version) for each in variants}
    for each in manifest.entries:
        if each.variant in now and _release(*now[each.variant]) != _release(each.project, each.version):
            name, version = now[each.variant]
            msg = f"{path} lists {each.project} {each.version}, but the project is now {name} {version}"
            raise UsageError(msg, hint="Build again from the commit that you publish.")
    listed = {each.variant for each in manifest.entries}
    of = [each for each in variants if each.name in listed]
    if not of:
        msg = f"{path} lists no file of {', '.join(each.label for each in variants)}"
        raise UsageError(msg, hint="Build again with `--manifest`, or add the files to the command.")
    return _of_manifest(manifest, config, of, allow_missing=options.allow_missing)


def _as_built(options: PublishOptions, names: Collection[str] = ()) -> PublishOptions:
    """The options with the version from the manifest, because a publish job does not run project code to find it.

    It is the version of the distributions in `names`, or else of all files, without the local part of variants.
    """
    manifest = read_manifest(options.manifest) if options.manifest is not None else None
    if manifest is None:
        return options
    version = manifest.version
    if version is None:
        entries = _of_names(manifest, names).entries if names else manifest.entries
        found = {each.version if each.variant is None else each.version.partition("+")[0] for each in entries}
        version = found.pop() if len(found) == 1 else ""
    runtime = replace(options.runtime, built_version=version)
    return replace(options, connection=replace(options.connection, runtime=runtime))


def _of_names(manifest: Manifest, names: Collection[str]) -> Manifest:
    entries = tuple(each for each in manifest.entries if canonicalize_name(each.project) in names)
    return replace(manifest, entries=entries)


def _release(project: str, version: str) -> tuple[NormalizedName, Version]:
    return canonicalize_name(project), Version(version)


def _found_by_name(
    config: ProjectConfig, variants: Sequence[BuildVariant], options: PublishOptions, output: Path
) -> FoundFiles:
    """The files in the output folder with the names and versions of the variants, or of the project itself.

    Raises `UsageError` where nothing fits, or more than one set of files, as by two wheels of the same tags.
    """
    # What a build of ours makes, and what the host's own build makes: the project itself.
    sets = [variants]
    if not options.variants and not options.itself and all(each.name is not None for each in variants):
        with suppress(ConfigurationError):  # a project without a name
            sets.append(project_variants(config, (), itself=True, runtime=options.runtime))
    paths = list(_untracked(output, options.runtime))
    fitting = []
    for each in sets:
        of = {_release(one.project, one.version): one.name for one in each}
        named = [(path, of[found]) for path in paths if (found := release_of(path.name)) in of]
        fitting += [(each, named)] if named else []
    if not fitting:
        releases = ", ".join(f"{each.project} {each.version}" for each in variants)
        msg = f"nothing to publish: no file of {releases} found in {output}"
        raise UsageError(msg, hint="Run `publish-all build` first, or add the files to the command.")
    if len(fitting) > 1:
        names = " and of ".join(", ".join(one.project for one in each) for each, _ in fitting)
        msg = f"{output} has two matching sets of files: {names}"
        raise UsageError(msg, hint="Select one with `--variant NAME`, or add the files to the command.")
    ((chosen, named),) = fitting
    files = [read_distribution(path, variant=variant) for path, variant in named]
    files = [each for each in files if is_of(each, chosen)]
    there = {each.variant for each in files}
    lacking = [f"{each.project} {each.version}" for each in chosen if each.name not in there]
    if not options.allow_missing:
        lacking += lacking_wheels(files, chosen)
    if lacking:
        msg = f"not built yet: {', '.join(lacking)}"
        raise UsageError(msg, hint="Build it first, or select build variants with `--variant NAME`.")
    seen: dict[object, str] = {}
    for file in files:
        tags = WheelTag.parse(file.tag).expanded if file.tag is not None else None
        first = seen.setdefault((file.variant, tags, variant_label(file.filename)), file.filename)
        if first != file.filename:
            msg = f"{output} has two matching files: {first} and {file.filename}"
            raise UsageError(msg, hint="Delete the wrong one, or add the files to the command.")
    options.runtime.note(f"found by their names in {output}: {', '.join(each.filename for each in files)}")
    return FoundFiles(config=config, distributions=tuple(files), variants=tuple(chosen))


def _untracked(output: Path, runtime: Runtime) -> Iterator[Path]:
    """The wheels and sdists in a folder, without those that git tracks.

    Raises `UsageError` where there is a repository that git cannot read.
    """
    files = [each for each in sorted(output.glob("*")) if each.is_file() and not each.is_symlink()]
    files = [each for each in files if release_of(each.name) is not None]
    real, tracked = output.resolve(), frozenset[str]()
    if files and (repository_root(real) / ".git").exists():
        try:
            done = ask_git("ls-files", "-z", cwd=real, environment=runtime.environment, run=runtime.run)
            why = one_line(done.stderr) if done.returncode else None
        except (OSError, TimeoutError) as error:
            why = str(error)
        if why is not None:
            msg = f"git cannot list the tracked files of {output}: {why}"
            raise UsageError(msg, hint="Add the files to the command.")
        tracked = frozenset(done.stdout.split("\0"))
    for each in files:
        if each.name in tracked:
            runtime.note(f"skipped: {each.name} is tracked by git, so it is not a build result")
        else:
            yield each


def _promoted(config: ProjectConfig | None, options: PublishOptions, folder: Path) -> FoundFiles:
    """Fetch releases (`NAME==VERSION`; none: the project's, in its present version) from `source` into `folder`.

    The project's are those of its build variants. Each file is checked against the hash that the source's index
    states. Raises `RepositoryError`, and `UsageError` for an invalid release.
    """
    connection = options.connection.to_other(str(options.source))
    (repository,) = open_connection(config, connection).repositories()
    wanted = [parse_release(each) for each in options.releases]
    if not wanted:
        if config is None:
            raise UsageError("--from needs the releases to copy", hint="Write releases as NAME==VERSION.")
        variants = project_variants(config, (), runtime=options.runtime)
        wanted = [_release(each.project, each.version) for each in variants]
    shown = ", ".join(f"{project}=={version}" for project, version in wanted)
    options.runtime.step("fetch", f"{repository.name}: {shown}")
    paths: list[Path] = []
    for project, version in dict.fromkeys(wanted):
        paths += repository.fetch(project, version, folder)
    return FoundFiles(config=config, distributions=tuple(read_distribution(path) for path in sorted(paths)))


def parse_release(text: str) -> tuple[NormalizedName, Version]:
    """The release that `NAME==VERSION` names. Raises `UsageError`."""
    name, _, version = text.partition("==")
    try:
        return canonicalize_name(name.strip(), validate=True), Version(version)
    except (InvalidName, InvalidVersion) as error:
        msg = f"{text!r} is not a release"
        raise UsageError(msg, hint="Write releases as NAME==VERSION.") from error
