"""The catalogue's second hundred: what can be wrong with distributions and their versions."""

from __future__ import annotations

from publish_all.findings import Diagnosis, Severity

UNREADABLE_ARCHIVE = Diagnosis(
    "PA201",
    "unreadable-archive",
    Severity.ERROR,
    "Installers open the archive; one that is broken here is broken for everybody.",
)
RECORD_MISMATCH = Diagnosis(
    "PA202",
    "record-mismatch",
    Severity.ERROR,
    "Installers compare each file with RECORD and refuse a wheel in which they differ.",
)
INVALID_METADATA = Diagnosis(
    "PA203",
    "invalid-metadata",
    Severity.ERROR,
    "Indexes refuse metadata that does not follow the core metadata specification.",
)
README_DOES_NOT_RENDER = Diagnosis(
    "PA204",
    "readme-does-not-render",
    Severity.ERROR,
    "PyPI refuses a description which it cannot render in the content type that is stated.",
)
UNKNOWN_CLASSIFIER = Diagnosis(
    "PA205",
    "unknown-classifier",
    Severity.ERROR,
    "PyPI refuses classifiers that are not in its list.",
)
FILE_TOO_LARGE = Diagnosis(
    "PA206",
    "file-too-large",
    Severity.WARNING,
    "PyPI takes files up to 100 MiB unless it has raised the project's limit.",
)
LOCAL_VERSION = Diagnosis(
    "PA207",
    "local-version",
    Severity.ERROR,
    "Public indexes refuse versions with a local part (PEP 440: `1.0+abc`).",
)
PRIVATE_PROJECT = Diagnosis(
    "PA208",
    "private-project",
    Severity.ERROR,
    "The project says that it is private; what a public index has once seen cannot be taken back.",
)
UNSUPPORTED_TAG = Diagnosis(
    "PA209",
    "unsupported-wheel-tag",
    Severity.ERROR,
    "PyPI refuses wheels for platforms whose compatibility it cannot know, such as linux_x86_64.",
)
DIRECT_DEPENDENCY = Diagnosis(
    "PA210",
    "direct-dependency",
    Severity.ERROR,
    "Public indexes refuse requirements that point to a URL.",
)
FORBIDDEN_FILE = Diagnosis(
    "PA211",
    "forbidden-file",
    Severity.ERROR,
    "Files that hold credentials or version control data have no place in a distribution.",
)
UNSAFE_PATH = Diagnosis(
    "PA212",
    "unsafe-path",
    Severity.ERROR,
    "Absolute paths, `..` and duplicate names let an archive overwrite files outside its folder.",
)
SUMMARY_TOO_LONG = Diagnosis(
    "PA213",
    "summary-too-long",
    Severity.ERROR,
    "PyPI takes a summary of one line and at most 512 characters.",
)
CHANGED_SINCE_BUILD = Diagnosis(
    "PA214",
    "changed-since-build",
    Severity.ERROR,
    "The manifest says which bytes were built; other bytes under that name did not come from this build.",
)
NO_README = Diagnosis(
    "PA215",
    "no-readme",
    Severity.NOTE,
    "A project page without a description tells its readers nothing.",
)
EMPTY_WHEEL = Diagnosis(
    "PA216",
    "empty-wheel",
    Severity.WARNING,
    "A wheel without files installs nothing, which is seldom meant.",
)
SHARED_IMPORT_PACKAGE = Diagnosis(
    "PA217",
    "shared-import-package",
    Severity.NOTE,
    "Distributions that install the same import package overwrite each other in one environment.",
)
