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
SDIST_LAYOUT = Diagnosis(
    "PA218",
    "sdist-layout",
    Severity.ERROR,
    "An sdist holds one folder, with all of it inside, and PKG-INFO in it (PEP 517, PEP 643): installers look nowhere else.",
)
UNSAFE_LINK = Diagnosis(
    "PA219",
    "unsafe-link",
    Severity.ERROR,
    "Wheels have no links, and an sdist none that lead out of its folder: unpackers refuse them (PEP 721), or write elsewhere.",
)
LINK_IN_SDIST = Diagnosis(
    "PA220",
    "link-in-sdist",
    Severity.WARNING,
    "Windows cannot unpack links without special rights, so the sdist does not build there.",
)
PATHS_COLLIDE = Diagnosis(
    "PA221",
    "paths-collide",
    Severity.WARNING,
    "On Windows and macOS names that differ only by case, or by the Unicode form of a letter, are one file: the later one overwrites the earlier.",
)
WHEEL_FILE_DISAGREES = Diagnosis(
    "PA222",
    "wheel-file-disagrees",
    Severity.ERROR,
    "Installers go by the wheel's name and by the WHEEL file inside; where the two differ they refuse it or install it in the wrong place.",
)
FORM_DIFFERS = Diagnosis(
    "PA223",
    "form-differs",
    Severity.ERROR,
    "PyPI believes the upload form, installers the metadata in the file; nobody compares the two but us.",
)
METADATA_DIFFERS = Diagnosis(
    "PA224",
    "metadata-differs",
    Severity.WARNING,
    "Installers and lock files take the metadata of one file of a release for those of all of them (PEP 643: but for fields that the sdist calls dynamic).",
)
CREDENTIAL_SHIPPED = Diagnosis(
    "PA225",
    "credential-shipped",
    Severity.ERROR,
    "A token that was published is read by others within minutes, and stays in mirrors when the release is deleted.",
)
LOOKS_LIKE_SECRET = Diagnosis(
    "PA226",
    "looks-like-secret",
    Severity.WARNING,
    "What was published cannot be taken back. Keys made for tests are harmless; all others have to be replaced.",
)
BYTECODE_SHIPPED = Diagnosis(
    "PA227",
    "bytecode-shipped",
    Severity.WARNING,
    "Compiled files are for one version of Python, and installers make them anew.",
)
OUTSIDE_OF_PACKAGES = Diagnosis(
    "PA228",
    "outside-of-packages",
    Severity.WARNING,
    "What lies at the top of a wheel is written into site-packages itself, among the files of all other projects.",
)
COMMON_TOP_LEVEL = Diagnosis(
    "PA229",
    "common-top-level-name",
    Severity.WARNING,
    "A name such as `tests` in site-packages belongs to nobody: the project installed last overwrites the others' files.",
)
NOT_IMPORTABLE = Diagnosis(
    "PA240",
    "not-importable",
    Severity.NOTE,
    "Folders whose names are no identifiers can't be imported, nor can packages without modules.",
)
SAME_CONTENT = Diagnosis(
    "PA241",
    "same-content",
    Severity.NOTE,
    "Identical files are often one that was copied by accident, such as a package that is in the wheel twice.",
)
SDIST_BUILDS_OTHERWISE = Diagnosis(
    "PA242",
    "sdist-builds-otherwise",
    Severity.ERROR,
    "Whoever installs from the sdist, as Linux distributions do, gets other files than those who install the wheel.",
)
NOT_REBUILT = Diagnosis(
    "PA243",
    "not-rebuilt",
    Severity.NOTE,
    "Only an sdist and the wheel that it builds to can be compared.",
)
VARIANTS_ALIKE = Diagnosis(
    "PA244",
    "variants-alike",
    Severity.WARNING,
    "Build variants that hold the same files and state the same metadata are one distribution under two names.",
)
VARIANT_DIFFERS_ELSEWHERE = Diagnosis(
    "PA245",
    "variant-differs-elsewhere",
    Severity.WARNING,
    "Build variants come from one tree, so they should differ in what their configuration says, and in nothing else.",
)
FILENAME_NOT_NORMALISED = Diagnosis(
    "PA246",
    "filename-not-normalised",
    Severity.ERROR,
    "PyPI takes only file names with the normalised project name: lower case, and `_` for `-` and `.` (PEP 625).",
)
URL_LABEL_TOO_LONG = Diagnosis(
    "PA247",
    "url-label-too-long",
    Severity.ERROR,
    "PyPI takes labels of project URLs up to 32 characters.",
)
SEVERAL_TOP_LEVELS = Diagnosis(
    "PA248",
    "several-top-level-names",
    Severity.NOTE,
    "A project that installs several top-level names takes each of them from all other projects.",
)
PATH_DEPENDENCY = Diagnosis(
    "PA260",
    "path-dependency",
    Severity.ERROR,
    "The path exists on the machine that built the file. Everywhere else installers fail, and the path is public.",
)
SDIST_LACKS_MODULES = Diagnosis(
    "PA261",
    "sdist-lacks-modules",
    Severity.ERROR,
    "An installation from the sdist, as Linux distributions do it, fails or lacks these modules.",
)
LFS_POINTER = Diagnosis(
    "PA262",
    "lfs-pointer",
    Severity.ERROR,
    "A Git LFS pointer is a text of about 130 bytes that names the file. Users get it in place of the file.",
)
HARD_LINK_IN_SDIST = Diagnosis(
    "PA263",
    "hard-link-in-sdist",
    Severity.WARNING,
    "Some releases of pip (24.1) and uv (0.5.27) cannot unpack hard links, so the sdist does not install there.",
)
EXCLUDED_IN_SDIST = Diagnosis(
    "PA264",
    "excluded-in-sdist",
    Severity.ERROR,
    "Everybody who can download the sdist reads the code that the build variant excludes.",
)
NEWER_METADATA = Diagnosis(
    "PA265",
    "newer-metadata",
    Severity.NOTE,
    "Fields that a newer metadata version defines are not checked.",
)
