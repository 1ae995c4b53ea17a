"""PA1xx and PA7xx: configuration, what lies around a project, and its build."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from publish_all.catalogue.entry import Sight, Text

_CONFIGURATION = "the configuration's model (docs/reference/configuration.md)"
_GITHUB = "GitHub's workflow syntax: https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax"
_DOCTOR = "tests/shared/commands/test_doctor.py::"
_RUNS_LATER = "doctor runs none of the project's own commands; it lists them as not tested."

TEXTS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "PA101": Text(
            means="A file, key or variable of the configuration is missing, misspelt, or of the wrong type. The "
            "message names the file, the key path and the nearest right key.",
            next_step="Correct the key that is named. `publish-all config` shows what the rest comes to.",
            source=_CONFIGURATION,
        ),
        "PA102": Text(
            means="The command line or the configuration asks for a file, variant or combination of options that "
            "there is not.",
            next_step="Follow the hint: name another variant, file or repository, or leave the option out.",
            source="the reference of commands (docs/reference/commands.md)",
        ),
        "PA150": Text(
            means="A file in .github/workflows is no YAML, or no workflow.",
            next_step="Repair the line that is named; GitHub shows the same under Actions.",
            source=_GITHUB,
            sight=Sight.DOCTOR,
        ),
        "PA151": Text(
            means="A job publishes by trusted publishing and has no `environment:`.",
            next_step="Add `environment: pypi` to the job, make it in the repository's settings, and name it in the "
            "publisher at the index.",
            source="https://docs.pypi.org/trusted-publishers/security-model/",
            sight=Sight.DOCTOR,
        ),
        "PA160": Text(
            means="This is a project of Hatch, and the environment variable HATCH_PUBLISHER does not say publish-all.",
            next_step="Set HATCH_PUBLISHER=publish-all, or give `-p publish-all` to `hatch publish`. `publish-all "
            "publish` needs neither.",
            source="Hatch's option --publisher and its variable: https://hatch.pypa.io/latest/publish/",
            sight=Sight.DOCTOR,
        ),
        "PA161": Text(
            means="This is a project of Poetry, and [tool.poetry.requires-plugins] does not name poetry-publish-all.",
            next_step='Add `poetry-publish-all = "*"` to [tool.poetry.requires-plugins]; Poetry then installs it.',
            source="https://python-poetry.org/docs/plugins/#project-plugins",
            sight=Sight.DOCTOR,
        ),
        "PA250": Text(
            means="pyproject.toml has neither `license` nor `license-files`, nor a licence among its classifiers.",
            next_step='Add `license = "MIT"`, or another SPDX expression, to [project].',
            source="PEP 639: https://peps.python.org/pep-0639/",
            sight=Sight.DOCTOR,
        ),
        "PA701": Text(
            means="The build backend failed, wrote something that it should not, or could not be installed.",
            next_step="Read the backend's words in the message, and run `publish-all build` until it passes.",
            source="PEP 517, and the build backend's own messages",
        ),
        "PA702": Text(
            means="A command of `before-publish` ended with another exit code than 0.",
            next_step="Run the command by hand, repair what it reports, then publish again.",
            source=_CONFIGURATION,
            sight=Sight.PUBLISH,
            unseen=_RUNS_LATER,
        ),
    }
)
