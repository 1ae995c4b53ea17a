"""`publish-all build`, `check` and `doctor`."""

from __future__ import annotations

from pathlib import Path

from publish_all.cli import options as common
from publish_all.cli.command import ConnectingCommand, UseCaseCommand
from publish_all.cli.options import FORMAT, Operand, Value, flag


class BuildCommand(UseCaseCommand):
    """Builds a wheel and an sdist of each build variant with the build backend of the project, and writes them
    to the output folder. No other file of the project changes. Builds run in an isolated environment
    with the requirements of [build-system], as with `python -m build`. The environment is reused for 24 hours.

    To publish the files in another job, write a manifest and pass it to that job with the output folder. With
    a manifest, the commands of before-publish run before the build, because they do not run in the other job.
    """

    name = "build"
    description = "Build wheels and sdists of all build variants"
    takes = (
        Value(
            "kind",
            "KIND",
            "Build only this kind of distribution",
            short="f",
            several=True,
            choices=("wheel", "sdist"),
        ),
        Value("output", "FOLDER", "The output folder (default: `dist-dir`)", short="o"),
        Value("manifest", "FILE", "Write a manifest of the files, for `publish --manifest` in another job"),
        flag("reproduce", "Build twice in different folders, and compare the files byte by byte."),
        Value("wheel-tag", "TAG", "Build only the platform wheel with this tag", several=True),
        *common.BUILD,
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
        self.reporter.show(build(options))


class CheckCommand(UseCaseCommand):
    """Checks wheels and sdists against the rules of the repositories in `publish-to`. Without files, it builds the
    project in a temporary folder first. The checks cover the metadata, name, version, tags, RECORD, readme,
    paths, links and contents of each file, secrets, and the output cells of notebooks. If there are several files, their metadata must
    agree, and build variants may differ only as configured.

    Nothing is uploaded, and the checks work offline. The first build needs an index for its build environment.
    """

    name = "check"
    description = "Check distributions before upload"
    takes = (
        Operand(
            "files", "FILE", "Wheels and sdists to check (default: a new build of the project).", several=True
        ),
        common.repository_option("Check for"),
        flag("no-build", "Check the files of the last build."),
        flag("rebuild", "Also build a wheel from each sdist, and compare it with the wheel of the project."),
        *common.BUILD,
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
        result = check(options, compare_builds=bool(self.option("rebuild")))
        self.reporter.show(result)
        return result.exit_code


class DoctorCommand(ConnectingCommand):
    """Checks everything that a publish needs, for each destination: configuration, version, files, credentials,
    trusted publishing, workflows and project names. It does not stop at the first problem, uploads nothing
    and requests no upload token. The exit code is 0 if the project is ready to publish, otherwise the exit code
    that `publish` would have.
    """

    name = "doctor"
    description = "Check that everything is ready to publish"
    takes = (
        common.repository_option("Check for"),
        flag("offline", "Do not use the network."),
        flag("no-build", "Check the files of the last build."),
        flag("allow-dirty", "Allow uncommitted changes."),
        flag("skip-existing", "Allow files that already exist with other content."),
        *common.BUILD,
        FORMAT,
    )
    examples = ("", "-r pypi", "--offline --format json")
    exit_codes = (0, 1, 2, 3, 4, 6)
    variables = (*common.CREDENTIAL_VARIABLES, *common.BUILD_VARIABLES)

    def use_case(self) -> int:
        from publish_all.commands.doctor import doctor

        report = doctor(self.files_options(connection=self.connection()))
        self.reporter.show(report)
        return report.exit_code
