"""Check distributions offline: the given files, a new build, or the files of the last build."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from publish_all._temporary import temporary_folder
from publish_all.commands.context import project_of_files
from publish_all.commands.destinations import open_connection
from publish_all.commands.files import PublishOptions
from publish_all.commands.prepare import get_files, reach, run_checks
from publish_all.commands.rebuild import rebuild
from publish_all.events import ignore
from publish_all.reporting.text import count
from publish_all.repositories.repository import Repository
from publish_all.results import CheckSummary


def check(options: PublishOptions, *, compare_builds: bool = False) -> CheckSummary:
    """Check without a network, for the repositories of the connection (none: those of `publish-to`).

    With `compare_builds` also build each sdist, and compare with the wheel. Raises `PublishAllError` when there is
    nothing that could be checked.
    """
    config = project_of_files(options.directory, optional=bool(options.files), members=options.members)
    known = options.runtime.known(config)
    names = options.connection.repositories or (config.publish_to if config is not None else ())
    # Before the build, which can take long, so that unknown names are reported at once.
    public = {name: known.get(name).public for name in names}
    with temporary_folder() as folder:
        found = get_files(config, options, folder)
        files = [file for each in found for file in each.distributions]
        options.runtime.step("check", count(len(files), "file"))
        quiet = options.heard_by(ignore)
        indexes: Sequence[Repository] = ()
        if config is not None and len(config.siblings()) > 1:
            indexes = open_connection(config, quiet.connection).repositories()
        result = run_checks(found, reach(found, public, quiet), compare=True, indexes=indexes)
        if compare_builds:
            rebuilt = rebuild(files, options.runtime, options.runtime.build_settings(config))
            result = replace(result, findings=(*result.findings, *rebuilt))
    options.runtime.found(*result.all_findings)
    return result
