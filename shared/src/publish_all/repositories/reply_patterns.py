"""What index servers are known to answer to an upload, as a table. The first row that matches counts.

`tests/shared/repositories/test_replies.py` holds the replies themselves, with their sources.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from publish_all import diagnoses as known
from publish_all._values import dataclass
from publish_all.diagnoses import Diagnosis
from publish_all.results import FileState


@dataclass(frozen=True, slots=True)
class ReplyPattern:
    """If the status is one of `statuses` and the text holds `pattern`, it means `outcome` and `diagnosis`.

    A CONFLICT with the diagnosis MAYBE_OTHER_BYTES is a question yet: the server has a file of this
    name, and only its index tells whether it is ours.
    """

    statuses: tuple[int, ...]
    pattern: str
    outcome: FileState
    diagnosis: Diagnosis
    hint: str = ""

    def matches(self, status: int, text: str) -> bool:
        # Compiled only now, and kept by `re`: most runs meet no reply that needs explaining.
        return status in self.statuses and re.search(self.pattern, text, re.IGNORECASE) is not None


_REFUSED = FileState.REFUSED
_UNAUTHORIZED = FileState.UNAUTHORIZED

_NEW_VERSION = "Release a new version; a published file can't be replaced."
_REBUILD = "Correct it and build again."
_OTHER_SIGNER = (
    "Who signs must be the trusted publisher: remove attestations of other jobs from beside the files. A job "
    "in a reusable workflow signs as the workflow that calls it, so publish in a job of the workflow itself."
)


def _pypi() -> Iterator[ReplyPattern]:
    """PyPI and TestPyPI: who may upload."""
    yield ReplyPattern(
        (403,),
        r"Username/Password authentication is no longer supported",
        _UNAUTHORIZED,
        known.PASSWORD_UNSUPPORTED,
        "Make an API token in the account settings of the index, and use it with the user name __token__.",
    )
    yield ReplyPattern(
        (403,),
        r"token is not valid for project",
        _UNAUTHORIZED,
        known.TOKEN_SCOPE,
        "Set the token of this project as PUBLISH_ALL_<REPOSITORY>_TOKEN_FOR_<PROJECT>, or use one for all "
        "projects. The first release of a new project needs a token for all projects.",
    )
    yield ReplyPattern(
        (403,),
        r"Invalid API Token|Invalid or non-existent authentication information",
        _UNAUTHORIZED,
        known.CREDENTIAL_REFUSED,
        "Make a new API token on this very index (TestPyPI's and PyPI's tokens differ).",
    )
    yield ReplyPattern(
        (403,),
        r"isn't allowed to upload to project|not allowed to (edit|upload to)",
        _UNAUTHORIZED,
        known.NOT_ALLOWED,
        "Ask an owner of the project to make you a maintainer; if the project is not yours, take another name.",
    )
    yield ReplyPattern(
        (403,),
        r"verified primary email|two-factor authentication",
        _REFUSED,
        known.ACCOUNT_NOT_READY,
        "Log in at the index and follow what it asks for in the account settings.",
    )
    yield ReplyPattern(
        (403,),
        r"Read-only mode|temporarily disabled",
        _REFUSED,
        known.UPLOADS_DISABLED,
        "See the status page of the index (https://status.python.org), and run again later.",
    )


def _pypi_names() -> Iterator[ReplyPattern]:
    """PyPI and TestPyPI: projects, releases and names of files."""
    yield ReplyPattern(
        (400,),
        r"The name .* isn't allowed|conflict with Python Standard Library",
        _REFUSED,
        known.NAME_NOT_ALLOWED,
        "Give the project another name.",
    )
    yield ReplyPattern(
        (400,),
        r"too similar to an existing project",
        _REFUSED,
        known.NAME_TOO_SIMILAR,
        "Give the project another name.",
    )
    yield ReplyPattern(
        (400,),
        r"Non-user identities cannot create new projects",
        _REFUSED,
        known.NEW_PROJECT_NEEDS_USER,
        "Set up a pending publisher for exactly this project at the index, or make the first release with a token.",
    )
    yield ReplyPattern(
        (429,),
        r"Too many new projects created",
        FileState.FAILED,
        known.TOO_MANY_PROJECTS,
        "Run again in an hour; what is done is not done twice.",
    )
    yield ReplyPattern(
        (400,),
        r"previously used by a file that has since been deleted|filename has already been used",
        _REFUSED,
        known.NAME_USED_BEFORE,
        _NEW_VERSION,
    )
    yield ReplyPattern(
        (400,),
        r"releases older than",
        _REFUSED,
        known.RELEASE_CLOSED,
        "Release a new version with all files.",
    )
    yield ReplyPattern(
        (400,),
        r"Only one sdist may be uploaded",
        _REFUSED,
        known.SECOND_SDIST,
        "Upload the sdist that is there already, or release a new version.",
    )
    yield ReplyPattern(
        (400,),
        r"Version in filename should be|Filename .* should contain|Filename .* is invalid"
        r"|does not contain version|does not match project name|Bad filename|not a valid archive name",
        _REFUSED,
        known.FILENAME_WRONG,
        "Build again with a current build backend; a built file must not be renamed.",
    )


def _contents() -> Iterator[ReplyPattern]:
    """PyPI and others: what is in the file and its metadata."""
    yield ReplyPattern(
        (400, 413),
        r"(File|Project size) too large|Request Entity Too Large",
        _REFUSED,
        known.TOO_LARGE,
        "Make it smaller, or ask the index for a higher limit.",
    )
    yield ReplyPattern(
        (400,), r"digest supplied does not match|hash mismatch", _REFUSED, known.DIGEST_MISMATCH, "Run again."
    )
    yield ReplyPattern(
        (400,), r"not a valid classifier|is no longer valid", _REFUSED, known.CLASSIFIER_UNKNOWN, _REBUILD
    )
    yield ReplyPattern((400,), r"description failed to render", _REFUSED, known.DESCRIPTION_BROKEN, _REBUILD)
    yield ReplyPattern(
        (400,),
        r"use of local versions",
        _REFUSED,
        known.LOCAL_VERSION_NOT_ALLOWED,
        'Build without the local part: `local = "none"` in [tool.publish-all.version].',
    )
    yield ReplyPattern(
        (400,),
        r"Can't have direct dependency",
        _REFUSED,
        known.DIRECT_DEPENDENCY_REFUSED,
        "Depend on a released version instead of a URL.",
    )
    yield ReplyPattern(
        (400,),
        r"unsupported platform tag",
        _REFUSED,
        known.TAG_UNSUPPORTED,
        "Build a manylinux or musllinux wheel (see auditwheel or cibuildwheel).",
    )
    yield ReplyPattern(
        (400,), r"Invalid distribution file", _REFUSED, known.ARCHIVE_REFUSED, "Build it again."
    )
    yield from _attestations()
    yield ReplyPattern((400,), r"invalid name or version", _REFUSED, known.METADATA_REFUSED, _REBUILD)


def _attestations() -> Iterator[ReplyPattern]:
    """PyPI: `Invalid attestations supplied during upload: …`, and others that know them."""
    told = r"Invalid attestations supplied.*"
    for pattern, hint in (
        (
            r"only supported (when|with|via|for)",
            'Publish with trusted publishing (`--auth oidc`), or set `attestations = "never"` for this repository.',
        ),
        (
            r"(verif|does not match|identity|certificate|signature)",
            _OTHER_SIGNER,
        ),
        (
            r"(maximum|multiple|more than|predicate|duplicate)",
            "Leave one attestation of a kind beside each file: one of publishing, one of SLSA provenance at most.",
        ),
        (r"", "Remove the attestations beside the files, if there are any, and run again."),
    ):
        yield ReplyPattern((400, 403), told + pattern, _REFUSED, known.ATTESTATIONS_REFUSED, hint)
    yield ReplyPattern(
        (400, 403),
        r"attestation",
        _REFUSED,
        known.ATTESTATIONS_REFUSED,
        'Publish with trusted publishing, or set `attestations = "never"` for this repository.',
    )


def _others() -> Iterator[ReplyPattern]:
    """devpi, Artifactory, Nexus, Azure Artifacts, Google Artifact Registry: rights and kinds of repositories."""
    yield ReplyPattern(
        (404,),
        r"cannot submit to mirror index",
        _REFUSED,
        known.READ_ONLY_REPOSITORY,
        "Upload to an index of type `stage`, such as your own.",
    )
    yield ReplyPattern(
        (400, 403, 405, 409),
        r"repository is read[- ]only|default deployment repository",
        _REFUSED,
        known.READ_ONLY_REPOSITORY,
        "Upload to the local (hosted) repository behind it.",
    )
    yield ReplyPattern(
        (409,),
        r"in non-volatile index",
        FileState.CONFLICT,
        known.OTHER_BYTES,
        "Release a new version; or make the index volatile (`devpi index … volatile=True`).",
    )
    yield ReplyPattern(
        (403,),
        r"no permission to submit",
        _UNAUTHORIZED,
        known.NOT_ALLOWED,
        "Ask the owner of the index to add you (`devpi index … acl_upload+=USER`).",
    )
    yield ReplyPattern(
        (409,),
        r"upstream sources",
        _REFUSED,
        known.REFUSED,
        "The feed has this version from an upstream source. Release another version, or change what the "
        "feed allows from upstream.",
    )
    yield ReplyPattern(
        (401, 403),
        r"Unauthenticated request|TF400813",
        _UNAUTHORIZED,
        known.CREDENTIAL_REFUSED,
        "Get a new token; those of cloud providers live for hours only.",
    )
    yield ReplyPattern(
        (403,),
        r"Permission .*(uploadArtifacts|PublishPackageVersion)|not authorized to perform|AddPackage",
        _UNAUTHORIZED,
        known.NOT_ALLOWED,
        "Give this identity the right to write to the repository.",
    )


def _there_already() -> Iterator[ReplyPattern]:
    """All servers, each in its own words: a file of this name is there. The index tells whether it is ours."""
    yield ReplyPattern(
        (400, 401, 403, 404, 409, 422),
        r"already exist|already been taken|already contains|updating assets|cannot be updated"
        r"|permissions to (delete/)?overwrite|Could not locate artifact",
        FileState.CONFLICT,
        known.MAYBE_OTHER_BYTES,
        _NEW_VERSION,
    )
    yield ReplyPattern((409,), r"", FileState.CONFLICT, known.MAYBE_OTHER_BYTES, _NEW_VERSION)


PATTERNS = (*_pypi(), *_pypi_names(), *_contents(), *_others(), *_there_already())
