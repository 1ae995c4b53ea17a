"""What can be wrong with attestations: PA33x of the catalogue."""

from __future__ import annotations

from typing import Final

from publish_all.findings import Diagnosis, Severity

NOT_ATTESTED: Final = Diagnosis(
    "PA330",
    "not-attested",
    Severity.NOTE,
    'Files are uploaded without attestations, as `attestations = "auto"` allows where none can be made.',
)
ATTESTATION_IMPOSSIBLE: Final = Diagnosis(
    "PA331",
    "attestation-impossible",
    Severity.ERROR,
    'The configuration says `attestations = "always"`, and none can be made or uploaded.',
)
ATTESTATION_FILE_WRONG: Final = Diagnosis(
    "PA332",
    "attestation-file-wrong",
    Severity.ERROR,
    "A file beside a distribution is named as its attestation, and is not one: the index would refuse both.",
)
ATTESTATION_FILES_UNUSED: Final = Diagnosis(
    "PA333",
    "attestation-files-unused",
    Severity.WARNING,
    "Attestations lie beside the distributions and are not uploaded: an index takes them with trusted "
    "publishing only.",
)

ALL: Final = tuple(value for value in list(globals().values()) if isinstance(value, Diagnosis))
