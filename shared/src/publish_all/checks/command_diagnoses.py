"""What only a whole command can find: its options, the project's configuration, the build."""

from __future__ import annotations

from typing import Final

from publish_all.findings import Diagnosis, Severity

CONFIGURATION_INVALID: Final = Diagnosis(
    "PA101",
    "configuration-invalid",
    Severity.ERROR,
    "A setting that is not understood is not guessed at: it could send files to where they do not belong.",
)
NOTHING_TO_PUBLISH: Final = Diagnosis(
    "PA102",
    "not-possible-as-asked",
    Severity.ERROR,
    "What was asked for does not exist, or does not go together with the rest.",
)
BUILD_FAILED: Final = Diagnosis(
    "PA701",
    "build-failed",
    Severity.ERROR,
    "Nothing is published of a project of which a part can't be built.",
)
BEFORE_PUBLISH_FAILED: Final = Diagnosis(
    "PA702",
    "before-publish-failed",
    Severity.ERROR,
    "The project says that these commands must pass before anything is uploaded.",
)

ALL: Final = tuple(value for value in list(globals().values()) if isinstance(value, Diagnosis))
