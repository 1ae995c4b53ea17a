"""The commands that list, download, finalize, yank and delete the files of repositories, or write a site of them."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from cleo.io.inputs.argument import Argument
from cleo.io.inputs.option import Option

from publish_all.cli.command import ConnectingCommand
from publish_all.cli.options import FORMAT, NAME_OPTIONS, Operand, Value, flag, repository_option
from publish_all.errors import UsageError


class ListCommand(ConnectingCommand):
    """Lists the versions and files of packages. Sizes, dates, Python versions and the linked source repository are
    shown if the repository has them. The default repository is github.
    """

    name = "list"
    description = "List the packages in a registry, GitHub releases or a folder"
    takes = (
        Operand("names", "NAME", "The packages (default: those of the project).", several=True),
        repository_option("List the packages of", several=False),
        FORMAT,
    )
    examples = ("", "-r github kindling-synapse", "--format json")

    def use_case(self) -> None:
        from publish_all.commands.packages import ListedFile, list_packages

        found = list_packages(self.directory, self.operands("names"), self.connection())
        columns = (*ListedFile._fields[:5], "requires-python", "source", "yanked")
        self.show_rows("files", columns, found)


class DownloadCommand(ConnectingCommand):
    """Downloads all files of the newest matching version, checks their SHA-256 digests, and prints the command that
    installs them. Install them with <c1>--no-index</c1>. Otherwise pip may take a newer package with the same name from PyPI.

    With <c1>--with-dependencies</c1>, the folder gets everything for an install without a network: the dependencies,
    and a <c1>requirements.txt</c1> and a <c1>pylock.toml</c1> with the hashes of all files. Private names come from the
    repository only, as with <c1>exec</c1>. The pip on <c1>PATH</c1> downloads the dependencies for its own Python and
    system; if there is no pip, uv installs one for this. With <c1>--platform</c1> and <c1>--python-version</c1>,
    the dependencies are for another machine: uv on <c1>PATH</c1> resolves them, and each of them needs a wheel.
    """

    name = "download"
    description = "Download wheels and sdists from a registry, GitHub releases or a folder"
    takes = (
        Operand(
            "requirements",
            "REQUIREMENT",
            "The packages, as NAME or NAME==VERSION.",
            required=True,
            several=True,
        ),
        repository_option("Download from", several=False),
        Value("dest", "FOLDER", "The folder for the files", short="d", default="."),
        flag("pre", "Allow pre-releases."),
        flag(
            "with-dependencies",
            "Also download the dependencies, and write requirements.txt and pylock.toml.",
        ),
        Value("platform", "TAG", "Download dependencies for this platform, such as manylinux_2_28_x86_64"),
        Value("python-version", "X.Y", "Download dependencies for this version of CPython, such as 3.11"),
        *NAME_OPTIONS,
        FORMAT,
    )
    examples = (
        "-r github kindling-synapse==0.2.0 -d wheelhouse",
        '-r github kindling-synapse -d wheelhouse --with-dependencies --private "kindling-*"',
        "-r github kindling -d w --with-dependencies --platform manylinux_2_28_x86_64 --python-version 3.11",
    )

    def use_case(self) -> None:
        from publish_all.commands.index import IndexOptions
        from publish_all.commands.packages import DownloadedFile, download, parse_target

        target = parse_target(self.text("platform"), self.text("python-version"))
        if target is not None and not self.option("with-dependencies"):
            msg = "--platform and --python-version need --with-dependencies"
            raise UsageError(
                msg, hint="Add --with-dependencies. Without it, the files for all platforms are downloaded."
            )
        files = download(
            self.operands("requirements"),
            Path(self.text("dest") or "."),
            IndexOptions(
                directory=self.directory,
                connection=self.connection(),
                fallbacks=self.texts("fallback"),
                private=self.texts("private"),
            ),
            pre=self.option("pre"),
            dependencies=self.option("with-dependencies"),
            target=target,
        )
        self.show_rows("files", DownloadedFile._fields, files)


class FinalizeCommand(ConnectingCommand):
    """Use it when several jobs push files of one release. Each job runs <c1>publish --receipt</c1>, and the last job
    runs <c1>finalize</c1> with all receipts, which writes the index of the release once. It can run again safely.
    """

    name = "finalize"
    description = "List files in an OCI registry that several jobs have pushed"
    takes = (
        Operand(
            "receipts",
            "RECEIPT",
            "The receipts, written by `publish --receipt`.",
            required=True,
            several=True,
        ),
        repository_option("List the files in", several=False),
        FORMAT,
    )
    examples = ("-r github receipts/*.json", "-r corp linux.json windows.json")
    exit_codes = (0, 1, 2, 3, 5, 6)

    def use_case(self) -> None:
        from publish_all.commands.finalize import finalize
        from publish_all.repositories.oci_layout import TITLE

        receipts = tuple(map(Path, self.operands("receipts")))
        found = finalize(self.directory, receipts, self.connection())
        rows = (
            (release.project, str(release.version), entry.annotation(TITLE) or entry.architecture, "listed")
            for release in found
            for entry in release.entries
        )
        self.show_rows("files", ("project", "version", "file", "state"), rows)


class SiteCommand(ConnectingCommand):
    """Writes index pages for pip, uv and Poetry, and a start page for people. Files of folders and registries are copied.
    Run it again after each release: files that are there are kept, and packages that the repositories no longer have,
    or that you did not name, are removed. If a repository cannot be read or has no files, nothing is written.

    Static pages have no upload times. To use <c1>exclude-newer</c1> of uv or <c1>uploaded-prior-to</c1> of pip,
    run <c1>serve</c1> instead.
    """

    name = "site"
    description = "Write a static package index for GitHub Pages or any web server"
    takes = (
        Operand("names", "NAME", "The packages (default: all packages of the repositories).", several=True),
        repository_option("List the files of"),
        Value("output", "FOLDER", "The folder to write to", short="o", default="_site"),
        Value(
            "url",
            "URL",
            "The URL of the site, for the install commands on its pages (default: GitHub Pages of the project)",
        ),
        flag("own-credentials", "Use your own credentials, and also copy private packages."),
        FORMAT,
    )
    examples = ("-r local -o _site", "-r local -o public --url https://wheels.corp.example/")

    def use_case(self) -> None:
        from publish_all.commands.site import SiteProject, write_site

        connection = self.connection()
        projects = write_site(
            self.directory,
            self.path("output") or Path("_site"),
            self.operands("names"),
            connection,
            url=self.text("url"),
            own_credentials=self.option("own-credentials") or connection.password is not None,
        )
        self.show_rows("projects", SiteProject._fields, projects)


_RELEASES = Operand("releases", "RELEASE", "The releases, as NAME==VERSION.", required=True, several=True)


class YankCommand(ConnectingCommand):
    """Installers skip a yanked release, except if a requirement pins its exact version (PEP 592). Nothing is deleted, and
    <c1>unyank</c1> undoes it. Files that are added to the release later are yanked, too. PyPI has no API for this; the
    error message shows the page where you can yank.
    """

    name = "yank"
    description = "Yank a release so that installers skip it"
    takes: ClassVar[tuple[Argument | Option, ...]] = (
        _RELEASES,
        repository_option("Yank in", several=False),
        Value("reason", "TEXT", "The reason, which installers show"),
        FORMAT,
    )
    examples = (
        "-r github kindling-synapse==0.2.0",
        '-r github kindling-synapse==0.2.0 --reason "breaks on Spark 3.5"',
    )
    undo = False

    def use_case(self) -> None:
        from publish_all.commands.take_back import TakenBack, yank

        files = yank(
            self.directory,
            self.operands("releases"),
            self.connection(),
            reason=None if self.undo else self.text("reason") or "",
        )
        self.show_rows("files", TakenBack._fields, files)


class UnyankCommand(YankCommand):
    """Undoes <c1>yank</c1>: installers use the release again."""

    name = "unyank"
    description = "Undo a yank"
    takes = (_RELEASES, repository_option("Unyank in", several=False), FORMAT)
    examples = ("-r github kindling-synapse==0.2.0", "-r local demo==1.0 demo==1.1")
    undo = True


class DeleteCommand(ConnectingCommand):
    """Shows what will be deleted, and asks before it deletes. Afterwards, installs that pin this version fail. To only
    hide a release from installers, use <c1>yank</c1>. PyPI has no API for this, and files of immutable GitHub
    releases cannot be deleted.
    """

    name = "delete"
    description = "Delete a release"
    takes = (
        _RELEASES,
        repository_option("Delete from", several=False),
        flag("yes", "Do not ask.", short="y"),
        flag("dry-run", "Show what would be deleted."),
        FORMAT,
    )
    examples = ("-r github kindling-synapse==0.2.0 --dry-run", "-r github kindling-synapse==0.2.0 --yes")

    def use_case(self) -> int:
        from publish_all.commands.take_back import TakenBack, delete

        parts = delete(
            self.directory,
            self.operands("releases"),
            self.connection(),
            confirm=self._agree,
            dry_run=self.option("dry-run"),
        )
        self.show_rows("parts", TakenBack._fields, parts)
        return 0 if parts else 1

    def _agree(self, question: str) -> bool:
        if not (self.option("yes") or self.can_ask):
            raise UsageError(
                "nothing was deleted, because the confirmation needs a terminal",
                hint="Add --yes to delete without a question.",
            )
        return self.option("yes") or bool(self.confirm(question, default=False))
