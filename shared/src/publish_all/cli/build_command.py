"""`publish-all build` and `publish-all check`."""

from __future__ import annotations

from pathlib import Path

from publish_all.cli import options as common
from publish_all.cli.command import UseCaseCommand
from publish_all.cli.options import FORMAT, Operand, Value, flag


class BuildCommand(UseCaseCommand):
    """Builds every build variant with the project's own build backend. The output folder gets the wheels and
    sdists; nothing else is written to the working tree. Builds run in an isolated environment with what
    [build-system] requires, as with `python -m build`. It is kept for 24 hours for the next build. To publish the files in another job, write a manifest
    and pass it on together with the output folder. With a manifest, the commands of before-publish must pass
    first, as they do not run in the job that publishes.
    """

    name = "build"
    description = "Build all build variants of the project"
    takes = (
        common.VARIANT,
        *common.WORKSPACE,
        Value("wheel-tag", "TAG", "Only the platform wheel of this tag", several=True),
        common.ALLOW_MISSING,
        Value(
            "kind",
            "KIND",
            "Only this kind of distribution",
            short="f",
            several=True,
            choices=("wheel", "sdist"),
        ),
        *common.BUILD_ENVIRONMENT,
        flag("reproduce", "Build twice, in different folders, and compare the bytes."),
        Value("output", "FOLDER", "The folder to build into (default: `dist-dir`)", short="o"),
        Value(
            "manifest", "FILE", "Also list the files in this file, for `publish --manifest` in another job"
        ),
        FORMAT,
    )
    examples = (
        "",
        "--variant synapse -f wheel",
        "--wheel-tag py3-none-win_amd64",
        "--reproduce",
        "--manifest publish-all-manifest.json",
    )
    exit_codes = (0, 1, 2, 4)
    variables = common.BUILD_VARIABLES

    def use_case(self) -> None:
        from publish_all.commands.build import KINDS, BuildOptions, build

        options = BuildOptions(
            directory=self.directory,
            variants=self.texts("variant"),
            members=self.members,
            kinds=self.texts("kind") or KINDS,
            output=self.path("output"),
            wheel_tags=self.texts("wheel-tag"),
            allow_missing=self.option("allow-missing"),
            reproduce=self.option("reproduce"),
            manifest=self.path("manifest"),
            runtime=self.runtime(),
        )
        self.show(build(options, listener=self.listener))


class CheckCommand(UseCaseCommand):
    """Checks each file for the repositories in `publish-to`, and uploads nothing. Without files it builds into a
    temporary folder. It checks metadata, name, version and tags, RECORD, readme, paths and
    links, what a wheel installs, credentials, and outputs in notebooks. With several files it also checks that
    they state the same, and that build variants differ only as their configuration says.

    All checks work offline. Builds need an index once, for their build environment.
    """

    name = "check"
    description = "Check distributions offline, before upload"
    takes = (
        Operand("files", "FILE", "Wheels and sdists to check (default: a fresh build).", several=True),
        common.repository_option("Check for"),
        common.VARIANT,
        *common.WORKSPACE,
        common.ALLOW_MISSING,
        flag("no-build", "Check what was built before."),
        flag("rebuild", "Also build each sdist outside of the project, and compare it with its wheel."),
        *common.BUILD_ENVIRONMENT,
        FORMAT,
    )
    examples = ("", "--rebuild", "-r pypi dist/demo-1.0-py3-none-any.whl")
    exit_codes = (0, 1, 2, 4)
    variables = common.BUILD_VARIABLES

    def use_case(self) -> int:
        from publish_all.commands.check import check
        from publish_all.commands.destinations import ConnectionOptions

        connection = ConnectionOptions(repositories=self.texts("repository"), runtime=self.runtime())
        options = self.files_options(files=tuple(map(Path, self.operands("files"))), connection=connection)
        result = check(options, compare_builds=bool(self.option("rebuild")), listener=self.listener)
        self.show(result)
        return result.exit_code
