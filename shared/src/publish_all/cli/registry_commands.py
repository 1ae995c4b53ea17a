"""The commands about what repositories have: to list, download, finalize, yank and delete it, or make a site of it."""

from __future__ import annotations

from pathlib import Path

from publish_all.cli.command import ConnectingCommand
from publish_all.cli.options import FORMAT, NAME_OPTIONS, Operand, Value, flag, repository_options
from publish_all.errors import UsageError


class ListCommand(ConnectingCommand):
    """Lists versions and files, with their sizes and dates, the Python versions they are for, and the source
    repository that they are linked to, as far as the repository states it. The repository is github unless you
    name another one.
    """

    name = "list"
    description = "List the packages in a container registry, GitHub releases or a folder"
    takes = (
        Operand("names", "NAME", "The packages (default: those that the project publishes).", several=True),
        *repository_options("Look into", several=False),
        FORMAT,
    )
    examples = ("", "-r github kindling-synapse")

    def use_case(self) -> None:
        from publish_all.commands.packages import ListedFile, list_packages

        found = list_packages(
            self.directory, self.operands("names"), self.connection(), listener=self.listener
        )
        columns = (*ListedFile._fields[:5], "requires-python", "source", "yanked")
        self.show_rows("files", columns, found)


class DownloadCommand(ConnectingCommand):
    """Downloads all files of the newest version that fits, checks the sha256 of each, and prints the line that
    installs exactly these files. Install them with <c1>--no-index</c1>: otherwise pip takes a newer package of the
    same name from PyPI.

    With <c1>--with-dependencies</c1> the folder holds all that an install on a network without an index needs, and
    a <c1>requirements.txt</c1> and a <c1>pylock.toml</c1> with the hashes of all files. Private names come from the
    repository only, as with <c1>exec</c1>. The pip on <c1>PATH</c1> downloads the dependencies for its own Python and
    system, or for another machine with <c1>--platform</c1> and <c1>--python-version</c1>; then each needs a wheel.
    Without pip, uv brings one.
    """

    name = "download"
    description = "Download wheels and sdists from a container registry, GitHub releases or a folder"
    takes = (
        Operand(
            "requirements",
            "REQUIREMENT",
            "What to download, as NAME or NAME==VERSION.",
            required=True,
            several=True,
        ),
        *repository_options("Download from", several=False),
        Value("dest", "FOLDER", "The folder to write to", short="d", default="."),
        flag("pre", "Allow pre-releases."),
        flag(
            "with-dependencies",
            "Also download dependencies, with pip or uv, and write a requirements file and pylock.toml.",
        ),
        Value("platform", "TAG", "The platform to download dependencies for, as manylinux_2_28_x86_64"),
        Value("python-version", "X.Y", "The version of CPython to download dependencies for, as 3.11"),
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
        from publish_all.commands.packages import download
        from publish_all.commands.wheelhouse import DownloadedFile, parse_target

        target = parse_target(self.text("platform"), self.text("python-version"))
        if target is not None and not self.option("with-dependencies"):
            msg = (
                "--platform and --python-version are for dependencies: all files of a release are downloaded"
            )
            raise UsageError(msg, hint="Add --with-dependencies.")
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
            listener=self.listener,
        )
        self.show_rows("files", DownloadedFile._fields, files)


class FinalizeCommand(ConnectingCommand):
    """Writes the index of each release once, with the files of all receipts. You can run it again."""

    name = "finalize"
    description = "List in an OCI registry what several jobs have pushed with `publish --receipt`"
    takes = (
        Operand(
            "receipts", "RECEIPT", "The files that `publish --receipt` wrote.", required=True, several=True
        ),
        *repository_options("Finalize in", several=False),
        FORMAT,
    )
    examples = ("-r github receipts/*.json",)
    exit_codes = (0, 1, 2, 3, 5, 6)

    def use_case(self) -> None:
        from publish_all.commands.finalize import finalize
        from publish_all.repositories.oci_layout import TITLE

        receipts = tuple(map(Path, self.operands("receipts")))
        found = finalize(self.directory, receipts, self.connection(), listener=self.listener)
        rows = (
            (release.project, str(release.version), entry.annotation(TITLE) or entry.architecture, "listed")
            for release in found
            for entry in release.entries
        )
        self.show_rows("files", ("project", "version", "file", "state"), rows)


class SiteCommand(ConnectingCommand):
    """Writes pages that pip, uv and Poetry install from, and a page for people. Files of folders and registries are copied.
    Run it again after each release: what has not changed is left alone, and packages that are gone from the repositories
    are removed. If a repository cannot be read, or has no files, nothing is written.

    Static pages do not state when a file was uploaded: for <c1>exclude-newer</c1> of uv and <c1>uploaded-prior-to</c1> of pip,
    use <c1>serve</c1>.
    """

    name = "site"
    description = "Write a static index, for GitHub Pages or any web server"
    takes = (
        Operand("names", "NAME", "The packages (default: all in the repositories).", several=True),
        *repository_options("List the files of"),
        Value("output", "FOLDER", "The folder to write to", short="o", default="_site"),
        Value(
            "url",
            "URL",
            "The address that the site will have, for its install lines (default: that of GitHub Pages for the "
            "repository)",
        ),
        flag("own-credentials", "Read registries with your own credentials, and copy what is private there."),
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
            listener=self.listener,
        )
        self.show_rows("projects", SiteProject._fields, projects)


_RELEASES = Operand("releases", "RELEASE", "The releases, as NAME==VERSION.", required=True, several=True)


class YankCommand(ConnectingCommand):
    """Installers skip a yanked release, unless a requirement names exactly its version (PEP 592). Nothing is deleted, and
    <c1>unyank</c1> undoes it. Files that are added to the release later are yanked, too. PyPI has no API for this: use the
    page that the error message names.
    """

    name = "yank"
    description = "Yank a release, so that installers skip it"
    takes = (
        _RELEASES,
        *repository_options("Yank in", several=False),
        Value("reason", "TEXT", "Why, as installers show it"),
        FORMAT,
    )
    examples = ('-r github kindling-synapse==0.2.0 --reason "breaks on Spark 3.5"',)
    undo = False

    def use_case(self) -> None:
        from publish_all.commands.take_back import TakenBack, yank

        files = yank(
            self.directory,
            self.operands("releases"),
            self.connection(),
            reason=None if self.undo else self.text("reason") or "",
            listener=self.listener,
        )
        self.show_rows("files", TakenBack._fields, files)


class UnyankCommand(YankCommand):
    """Installers choose the release again."""

    name = "unyank"
    description = "Undo a yank"
    takes = (_RELEASES, *repository_options("Unyank in", several=False), FORMAT)
    examples = ("-r github kindling-synapse==0.2.0",)
    undo = True


class DeleteCommand(ConnectingCommand):
    """Shows what goes, and asks. Installs of exactly this version fail afterwards: <c1>yank</c1> does less harm. PyPI has no
    API for this, and GitHub deletes no files of immutable releases.
    """

    name = "delete"
    description = "Delete a release"
    takes = (
        _RELEASES,
        *repository_options("Delete from", several=False),
        flag("yes", "Do not ask.", short="y"),
        flag("dry-run", "Show what would be deleted, and delete nothing."),
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
            listener=self.listener,
        )
        self.show_rows("parts", TakenBack._fields, parts)
        return 0 if parts else 1

    def _agree(self, question: str) -> bool:
        if not (self.option("yes") or self.can_ask):
            raise UsageError("nothing was deleted: there is nobody to ask", hint="Add --yes to delete this.")
        return self.option("yes") or bool(self.confirm(question, default=False))
