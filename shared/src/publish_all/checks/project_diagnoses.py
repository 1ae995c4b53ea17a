"""What can be wrong around a project: its workflows, host tools, name, and the way to the network."""

from __future__ import annotations

from typing import Final

from publish_all.findings import Diagnosis, Severity

WORKFLOW_UNREADABLE: Final = Diagnosis(
    "PA150",
    "workflow-unreadable",
    Severity.WARNING,
    "GitHub does not run a workflow that it cannot read, and nothing can be said about its permissions.",
)
NO_ENVIRONMENT: Final = Diagnosis(
    "PA151",
    "workflow-without-environment",
    Severity.NOTE,
    "Without an environment, whoever can push a workflow to the repository can publish: an environment can ask "
    "for a review, and limit the branches and tags.",
)
HATCH_PUBLISHER_UNSET: Final = Diagnosis(
    "PA160",
    "hatch-publisher-unset",
    Severity.NOTE,
    "`hatch publish` uses Hatch's own publisher unless it is told otherwise, and that one knows neither build "
    "variants nor our repositories.",
)
POETRY_PLUGIN_UNDECLARED: Final = Diagnosis(
    "PA161",
    "poetry-plugin-undeclared",
    Severity.NOTE,
    "Poetry installs the plugins that a project declares; others who clone it have to know of it otherwise.",
)
NO_LICENCE: Final = Diagnosis(
    "PA250",
    "no-licence",
    Severity.NOTE,
    "Without a licence nobody may use what they can download.",
)
NAME_IN_USE: Final = Diagnosis(
    "PA424",
    "project-name-in-use",
    Severity.WARNING,
    "A project of this name exists, and nothing about it is known to be ours. If it is somebody else's, the "
    "upload is refused.",
)
PROXY_USED: Final = Diagnosis(
    "PA520",
    "proxy-used",
    Severity.NOTE,
    "Uploads go through a proxy. Proxies limit the size of what they pass on, and the time it may take.",
)
CLOCK_WRONG: Final = Diagnosis(
    "PA521",
    "clock-wrong",
    Severity.WARNING,
    "Identity tokens and upload tokens hold from one time to another: with a wrong clock they are too old or "
    "not valid yet.",
)

ALL: Final = tuple(value for value in list(globals().values()) if isinstance(value, Diagnosis))
