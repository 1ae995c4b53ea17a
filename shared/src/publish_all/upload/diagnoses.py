"""What the upload engine itself can find. Codes PA48x: what repositories hold; PA58x: the network."""

from __future__ import annotations

from publish_all.findings import Diagnosis, Severity

OTHER_BYTES_SKIPPED = Diagnosis(
    "PA482",
    "other-bytes-skipped",
    Severity.WARNING,
    "The repository keeps its own file of this name; people install that one, not what was built here.",
)
STILL_PROPAGATING = Diagnosis(
    "PA483",
    "still-propagating",
    Severity.ERROR,
    "The upload was accepted, and the index does not list the file yet. Some indexes need minutes; some servers "
    "accept a file and do not store it.",
)
INDEX_DIFFERS = Diagnosis(
    "PA484",
    "index-lists-other-bytes",
    Severity.ERROR,
    "After the upload the index lists the file with another sha256 than ours.",
)
COMMIT_FAILED = Diagnosis(
    "PA485",
    "release-not-committed",
    Severity.ERROR,
    "The files are uploaded, but the repository does not show the release to its readers yet.",
)
CANNOT_READ_FILE = Diagnosis(
    "PA486",
    "cannot-read-file",
    Severity.ERROR,
    "A file that is to be uploaded could not be read any more.",
)
UPLOAD_FAILED = Diagnosis(
    "PA487",
    "upload-failed",
    Severity.ERROR,
    "The upload could not be carried out.",
)
LISTED_INCOMPLETE = Diagnosis(
    "PA488",
    "listed-but-gone",
    Severity.WARNING,
    "The repository lists the file, and the file or a part of it is not there any more, so that nobody can install it.",
)
JOURNAL_BROKEN = Diagnosis(
    "PA489",
    "journal-not-written",
    Severity.ERROR,
    "The journal could not be written any more, so no further uploads were started.",
)
RETRIES_EXHAUSTED = Diagnosis(
    "PA581",
    "retries-exhausted",
    Severity.ERROR,
    "Errors that may pass did not pass within the attempts and the time that one file is given.",
)
NO_ANSWER = Diagnosis(
    "PA582",
    "repository-does-not-answer",
    Severity.ERROR,
    "The repository did not say what was asked, so nothing can be known of what an upload would do.",
)
