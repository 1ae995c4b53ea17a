"""Build all build variants of a project, and record the built files."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from packaging.version import Version

from publish_all._process import end_running
from publish_all.builders.build_plan import distributions_of, output_folder, with_present_files, with_tags
from publish_all.builders.builder import BuildRequest
from publish_all.builders.manifest import read_manifest, write_manifest
from publish_all.builders.variables import for_project_code, not_passed
from publish_all.commands.context import Runtime, project_variants, project_version
from publish_all.commands.state import state_of
from publish_all.config.load import label, load_project, path_dependencies
from publish_all.config.model import ProjectConfig
from publish_all.diagnoses import Diagnosis
from publish_all.errors import CheckError, PublishAllError, UsageError
from publish_all.summaries import BuildSummary
from publish_all.upload.workers import Cancellation, StoppedError, Workers
from publish_all.variants.dependencies import requirement_of
from publish_all.variants.variant import BuildVariant
from publish_all.version.static import project_name

T = TypeVar("T")

KINDS = ("sdist", "wheel")
_SHOWN_LINES = 20
# The year 2106, which is as far as the time in a gzip file goes.
_LATEST = 0xFFFFFFFF


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildOptions:
    """What to build, and where.

    `variants` names those to build (empty: all), `itself` asks for the project and none of them;
    `kinds` is a subset of `KINDS`; `output` overrides `dist-dir`. `wheel_tags` asks for the platform
    wheels of these tags and nothing else; with `allow_missing`, those whose prebuilt files are not
    there are left out. `reproduce` builds a second time elsewhere and compares. `manifest` is a file to
    list the built files in, for another job. Before it is written, the commands of `before-publish` must pass.
    `members` asks for the members of the workspace of these names, empty for all of them.
    """

    directory: Path
    members: tuple[str, ...] | None = None
    variants: tuple[str, ...] = ()
    itself: bool = False
    kinds: tuple[str, ...] = KINDS
    output: Path | None = None
    wheel_tags: tuple[str, ...] = ()
    allow_missing: bool = False
    reproduce: bool = False
    manifest: Path | None = None
    runtime: Runtime = field(default_factory=Runtime)


def build(options: BuildOptions) -> BuildSummary:
    """Build, and record the built files. Raises `PublishAllError`.

    `options.manifest` is not overwritten if it is a file of another kind.
    """
    config = load_project(options.directory, options.members)
    if options.manifest is not None:
        read_manifest(options.manifest)
    output = options.output or output_folder(config)

    def build_one(member: ProjectConfig, wanted: tuple[str, ...], runtime: Runtime) -> BuildSummary:
        manifest = None if config.members else options.manifest
        of = replace(
            options, directory=member.root, variants=wanted, output=output, manifest=manifest, runtime=runtime
        )
        return build_project(member, of, remembered=True)[1]

    built = each_project(config, options.variants, build_one, runtime=lambda _: options.runtime)
    files = tuple(file for each in built for file in each.files)
    if config.members and options.manifest is not None:
        for each in config.projects:
            run_before_publish(each, runtime=options.runtime)
        write_manifest(options.manifest, output, project=label(config), files=files)
    return BuildSummary(folder=str(output), files=files)


def each_project(
    config: ProjectConfig,
    variants: Sequence[str],
    do: Callable[[ProjectConfig, tuple[str, ...], Runtime], T],
    *,
    runtime: Callable[[ProjectConfig], Runtime],
) -> list[T]:
    """Build the project, or the members of a workspace in parallel, each with those of the `variants` that it has.

    Members that have none of them are passed over. Raises what the first one raises that fails, which is then named.
    """
    if not config.members:
        return [do(config, tuple(variants), runtime(config))]
    chosen = [
        (each, wanted)
        for each in config.members
        if (wanted := tuple(name for name in variants if name in each.variants)) or not variants
    ]
    if not chosen:
        raise UsageError(f"no member of the workspace has a build variant {' or '.join(map(repr, variants))}")
    abandoned = threading.Event()
    listener = runtime(config).listener
    workers = Workers(min(len(chosen), os.cpu_count() or 1), listener=listener, cancellation=_AtOnce())

    def carry_out(member: ProjectConfig, wanted: tuple[str, ...]) -> T:
        if abandoned.is_set():
            raise StoppedError("stopped")
        try:
            return do(member, wanted, replace(runtime(member), listener=workers.emit))
        except PublishAllError as error:
            error.message = f"{label(member)}: {error.message}"
            raise

    try:
        for each, _ in chosen:  # asked here, so that each is asked for once
            project_version(each, runtime=runtime(each))
        return workers.each([partial(carry_out, *each) for each in chosen])
    except BaseException:
        abandoned.set()
        end_running()
        raise
    finally:
        workers.close()


class _AtOnce(Cancellation):
    """Ctrl-C ends builds at once."""

    def cancel(self) -> None:
        raise KeyboardInterrupt


def build_project(
    config: ProjectConfig, options: BuildOptions, *, remembered: bool
) -> tuple[tuple[BuildVariant, ...], BuildSummary]:
    """As `build`, for a project whose configuration is loaded; also its build variants.

    `remembered` False is for output that is gone when the command ends: it is not written down.
    """
    from publish_all.builders.run import build as run_build  # files that are named are not built

    variants = project_variants(config, options.variants, itself=options.itself, runtime=options.runtime)
    version = project_version(config, runtime=options.runtime)
    for each in variants:
        if version is not None and Version(each.version).public != version.version.public:
            text = f"{each.label} has the version {each.version} in its own file, but the project has {version.text}"
            hint = "add the file to `sync` of [tool.publish-all.version] to keep them in sync"
            options.runtime.note(f"{text}: {hint}")
    for name in path_dependencies(config):
        if required := requirement_of(name, variants[0].pyproject):
            options.runtime.note(f"{name} is a path dependency: the metadata requires {required!r} instead")
    wanted = _wanted(config, variants, options)
    output = options.output or output_folder(config)
    options.runtime.step("build", _summary(wanted))
    request = BuildRequest(
        root=config.root,
        output=output,
        variants=wanted,
        kinds=tuple(kind for kind in KINDS if kind in options.kinds),
        source_date_epoch=_source_date_epoch(options.runtime),
        compression=config.compression,
    )
    settings = options.runtime.build_settings(config)
    files = run_build(request, listener=options.runtime.listener, settings=settings).files
    if options.manifest is not None:  # the other half of a publish follows in another job
        run_before_publish(config, runtime=options.runtime)

    def write(path: Path) -> None:
        write_manifest(
            path,
            output,
            project=project_name(config.pyproject) or variants[0].project,
            files=files,
            variants=variants,
            version=version.text if version is not None else None,
        )

    if remembered:
        own = state_of(config.root, options.runtime, make=True).manifest(output)
        if own is not None:
            with suppress(OSError):  # files are found by their names, too
                write(own)
        if options.manifest is not None:
            write(options.manifest)
    if options.reproduce:
        from publish_all.commands.rebuild import reproduce

        reproduce(request, files, options.runtime, settings)
    return variants, BuildSummary(folder=str(output), files=files)


def _wanted(
    config: ProjectConfig, variants: Sequence[BuildVariant], options: BuildOptions
) -> tuple[BuildVariant, ...]:
    """The variants with those of their files that are asked for, and can be built."""
    wanted = with_tags(variants, options.wheel_tags) if options.wheel_tags else tuple(variants)
    if "wheel" in options.kinds:
        wanted = with_present_files(
            wanted, config.root, allow_missing=options.allow_missing, listener=options.runtime.listener
        )
    if not any(distributions_of(wanted, options.kinds)):
        msg = f"there is no {' and no '.join(options.kinds)} to build of {_summary(variants)}"
        raise UsageError(msg, hint="A variant with `wheels` has an sdist only with `sdist = true`.")
    return wanted


def _source_date_epoch(runtime: Runtime) -> int | None:
    text = runtime.environment.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or int(text) > _LATEST:
        msg = f"the environment variable SOURCE_DATE_EPOCH is {text!r}, not a number of seconds to {_LATEST}"
        raise UsageError(msg, hint="Set it to seconds since 1970, or unset it.")
    return int(text)


def _summary(variants: Sequence[BuildVariant]) -> str:
    return ", ".join(each.project for each in variants)


def run_before_publish(config: ProjectConfig, *, runtime: Runtime) -> None:
    """Run each command in the root of the project with the shell, and the environment of a build.

    Raises `CheckError` for the first that fails, with the end of what it printed.
    """
    environment, dropped = for_project_code(runtime.environment, config.build_environment)
    for command in config.before_publish:
        runtime.step("before-publish", command)
        done = runtime.run_project(_in_shell(command), cwd=config.root, environment=environment)
        if done.returncode != 0:
            tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-_SHOWN_LINES:])
            msg = f"before-publish: {command!r} failed with exit code {done.returncode}; nothing was uploaded"
            finding = Diagnosis("PA702").found((f"{msg}\n{tail}" if tail else msg) + not_passed(dropped))
            raise CheckError(finding.message, hint=finding.hint, findings=(finding,))


def _in_shell(command: str, system: str = os.name) -> Sequence[str]:
    """The shell command. On Windows it is a string, because `cmd` does not know the escapes of `subprocess`."""
    return f'cmd /d /s /c "{command}"' if system == "nt" else ("/bin/sh", "-c", command)


def list_variants(
    directory: Path, *, members: Sequence[str] | None = None, runtime: Runtime
) -> tuple[tuple[BuildVariant, tuple[str, ...]], ...]:
    """The build variants, each with its differences from the project as short texts."""
    from publish_all.variants.difference import summary

    config = load_project(directory, members)

    return tuple(
        (each, summary(project.pyproject, each) if each.name else ())
        for project in config.projects
        for each in project_variants(project, (), runtime=runtime)
    )


def variant_diff(directory: Path, name: str, *, runtime: Runtime) -> str:
    """The pyproject.toml of a variant against the project's, as a unified diff; empty where there is no difference.

    Raises `UsageError` for a name that is not configured.
    """
    from publish_all.variants.difference import unified_diff

    config = load_project(directory)
    (variant,) = project_variants(config, (name,), runtime=runtime)
    return unified_diff(config.pyproject, variant)
