"""What repositories answer (PA40x to PA46x) and what happens on the way to them (PA50x, PA51x)."""

from __future__ import annotations

from typing import Final

from publish_all.findings import Diagnosis, Severity

CREDENTIAL_REFUSED: Final = Diagnosis(
    "PA401",
    "credential-refused",
    Severity.ERROR,
    "The repository does not accept the credential: it is wrong, revoked, or expired.",
)
NOT_ALLOWED: Final = Diagnosis(
    "PA403",
    "upload-not-allowed",
    Severity.ERROR,
    "The repository knows who uploads, and that user may not upload to this project or repository.",
)
TOKEN_SCOPE: Final = Diagnosis(
    "PA404",
    "token-out-of-scope",
    Severity.ERROR,
    "The token is valid, and was made for other projects.",
)
PASSWORD_UNSUPPORTED: Final = Diagnosis(
    "PA405",
    "password-not-supported",
    Severity.ERROR,
    "PyPI accepts API tokens and trusted publishing only, not user names and passwords.",
)
ACCOUNT_NOT_READY: Final = Diagnosis(
    "PA406",
    "account-not-ready",
    Severity.ERROR,
    "The account must confirm an e-mail address, or turn on two-factor authentication, before it may upload.",
)
UPLOADS_DISABLED: Final = Diagnosis(
    "PA407",
    "uploads-disabled",
    Severity.ERROR,
    "The repository takes no uploads, or no new projects, for the time being.",
)
CREDENTIAL_OF_OTHER_HOST: Final = Diagnosis(
    "PA408",
    "credential-of-other-host",
    Severity.ERROR,
    "The credential was found for another host than the one it would be sent to.",
)
OTHER_BYTES: Final = Diagnosis(
    "PA410",
    "other-bytes-there",
    Severity.ERROR,
    "A file of this name is in the repository already, with other content. Published files can't be "
    "replaced.",
)
MAYBE_OTHER_BYTES: Final = Diagnosis(
    "PA411",
    "file-there-already",
    Severity.ERROR,
    "The repository has a file of this name, and does not let us see whether its content is the same.",
)
NAME_USED_BEFORE: Final = Diagnosis(
    "PA412",
    "filename-used-before",
    Severity.ERROR,
    "A file of this name was deleted from the repository once. Its name can't be used again.",
)
SAME_BYTES_ELSEWHERE: Final = Diagnosis(
    "PA413",
    "same-bytes-elsewhere",
    Severity.ERROR,
    "The repository has these very bytes under another file name, and takes them only once.",
)
RELEASE_CLOSED: Final = Diagnosis(
    "PA414",
    "release-closed",
    Severity.ERROR,
    "The release is too old to get new files.",
)
SECOND_SDIST: Final = Diagnosis(
    "PA415",
    "second-sdist",
    Severity.ERROR,
    "The release has an sdist already, and may have only one.",
)
NAME_NOT_ALLOWED: Final = Diagnosis(
    "PA420",
    "project-name-not-allowed",
    Severity.ERROR,
    "The name of the project is reserved or prohibited in this repository.",
)
NAME_TOO_SIMILAR: Final = Diagnosis(
    "PA421",
    "project-name-too-similar",
    Severity.ERROR,
    "The name of the project is too much like the name of one that exists.",
)
NEW_PROJECT_NEEDS_USER: Final = Diagnosis(
    "PA422",
    "new-project-needs-user",
    Severity.ERROR,
    "A trusted publisher may create a project only if a pending publisher was set up for it before.",
)
TOO_MANY_PROJECTS: Final = Diagnosis(
    "PA423",
    "too-many-new-projects",
    Severity.ERROR,
    "The repository limits how many new projects may be created in an hour.",
)
TOO_LARGE: Final = Diagnosis(
    "PA430",
    "file-too-large",
    Severity.ERROR,
    "The file, or the project with it, is larger than the repository allows.",
)
DIGEST_MISMATCH: Final = Diagnosis(
    "PA431",
    "digest-mismatch",
    Severity.ERROR,
    "What arrived at the repository is not what was sent: the file was changed on the way, or while it "
    "was sent.",
)
METADATA_REFUSED: Final = Diagnosis(
    "PA432",
    "metadata-refused",
    Severity.ERROR,
    "The repository does not accept something in the metadata of the file.",
)
CLASSIFIER_UNKNOWN: Final = Diagnosis(
    "PA433",
    "classifier-unknown",
    Severity.ERROR,
    "A classifier is not in the list of valid ones.",
)
DESCRIPTION_BROKEN: Final = Diagnosis(
    "PA434",
    "description-not-rendered",
    Severity.ERROR,
    "The readme can't be rendered in the format that the metadata states.",
)
LOCAL_VERSION: Final = Diagnosis(
    "PA435",
    "local-version-not-allowed",
    Severity.ERROR,
    "Versions with a `+local` part are for private repositories only.",
)
DIRECT_DEPENDENCY: Final = Diagnosis(
    "PA436",
    "direct-dependency",
    Severity.ERROR,
    "A dependency is a URL. Public repositories accept names and versions only.",
)
FILENAME_WRONG: Final = Diagnosis(
    "PA437",
    "filename-wrong",
    Severity.ERROR,
    "The name of the file does not go with the name or version of the project.",
)
TAG_UNSUPPORTED: Final = Diagnosis(
    "PA438",
    "platform-tag-unsupported",
    Severity.ERROR,
    "The wheel's platform tag says too little about where it runs.",
)
ARCHIVE_REFUSED: Final = Diagnosis(
    "PA439",
    "archive-refused",
    Severity.ERROR,
    "The repository finds the archive itself broken or unsafe.",
)
REDIRECTED: Final = Diagnosis(
    "PA440",
    "upload-redirected",
    Severity.ERROR,
    "The repository answers an upload with another address. An upload is not sent on by itself: it "
    "would take file and credential to a place that nobody configured.",
)
INDEX_URL: Final = Diagnosis(
    "PA441",
    "index-url-given",
    Severity.ERROR,
    "The URL is the one to install from (a simple index), not the one to upload to.",
)
NO_UPLOAD_API: Final = Diagnosis(
    "PA442",
    "no-upload-api",
    Severity.ERROR,
    "Nothing at this URL takes uploads in the way of PyPI.",
)
GITHUB_HAS_NO_PYTHON: Final = Diagnosis(
    "PA443",
    "github-has-no-python-registry",
    Severity.ERROR,
    "GitHub Packages has no registry for Python packages. Guides that name such a URL are wrong.",
)
READ_ONLY_REPOSITORY: Final = Diagnosis(
    "PA444",
    "read-only-repository",
    Severity.ERROR,
    "The repository is a mirror, or a group of others, which is only read from.",
)
UPLOAD_API_DOUBTFUL: Final = Diagnosis(
    "PA445",
    "upload-api-doubtful",
    Severity.WARNING,
    "To an upload without a file, which repositories refuse as a mistake of the client, the server answers "
    "that all is well, or that it failed. It may be a page to log in, or a repository of another kind.",
)
ATTESTATIONS_REFUSED: Final = Diagnosis(
    "PA446",
    "attestations-refused",
    Severity.ERROR,
    "The repository does not accept the attestations sent with the file.",
)
PAGE_INSTEAD: Final = Diagnosis(
    "PA447",
    "answered-with-a-page",
    Severity.ERROR,
    "The answer to an upload is a web page. Login pages and web sites answer so to everything; nothing was stored.",
)
REFUSED: Final = Diagnosis(
    "PA449",
    "upload-refused",
    Severity.ERROR,
    "The repository refuses the file, for a reason that it states itself.",
)
INDEX_UNKNOWN: Final = Diagnosis(
    "PA450",
    "index-unknown",
    Severity.NOTE,
    "It is not known where the repository lists its files, so what is there already can't be told.",
)
INDEX_WITHOUT_HASHES: Final = Diagnosis(
    "PA451",
    "index-without-hashes",
    Severity.NOTE,
    "The index lists a file without its hash, and the file is too large to be fetched for comparison.",
)
INDEX_FORBIDDEN: Final = Diagnosis(
    "PA452",
    "index-forbidden",
    Severity.WARNING,
    "The index does not let us read it with the credentials at hand.",
)
RELEASE_NOT_THERE: Final = Diagnosis(
    "PA453",
    "release-not-there",
    Severity.ERROR,
    "The repository has no files of the version that is asked for, or does not show them to us.",
)
FETCHED_FILE_UNPROVEN: Final = Diagnosis(
    "PA454",
    "fetched-file-unproven",
    Severity.ERROR,
    "A file is passed on only if its sha256 is the one that the index lists.",
)
LISTED_NOT_THERE: Final = Diagnosis(
    "PA455",
    "listed-not-there",
    Severity.WARNING,
    "The index lists a file and answers 404 for the file itself, so that nobody can install it.",
)
FOLDER_UNUSABLE: Final = Diagnosis(
    "PA460",
    "folder-unusable",
    Severity.ERROR,
    "The folder of the index can't be written.",
)
FOLDER_BUSY: Final = Diagnosis(
    "PA461",
    "folder-busy",
    Severity.WARNING,
    "Another process is writing to the index.",
)
FILE_CHANGED: Final = Diagnosis(
    "PA462",
    "file-changed",
    Severity.ERROR,
    "The file is no longer what was read and checked.",
)
SERVER_REFUSED_CONNECTION: Final = Diagnosis(
    "PA501",
    "server-unreachable",
    Severity.ERROR,
    "No connection could be made to the server.",
)
TIMED_OUT: Final = Diagnosis(
    "PA502",
    "timed-out",
    Severity.ERROR,
    "The server did not answer, or did not take what was sent, within the time allowed.",
)
TLS_FAILED: Final = Diagnosis(
    "PA503",
    "tls-failed",
    Severity.ERROR,
    "The server's certificate is not trusted, or the encryption could not be agreed on.",
)
HOST_UNKNOWN: Final = Diagnosis(
    "PA504",
    "host-unknown",
    Severity.ERROR,
    "The host name in the URL does not exist, or the name server is out of reach.",
)
CONNECTION_LOST: Final = Diagnosis(
    "PA505",
    "connection-lost",
    Severity.ERROR,
    "The connection broke off before all was sent; nothing was stored.",
)
ANSWER_LOST: Final = Diagnosis(
    "PA506",
    "answer-lost",
    Severity.ERROR,
    "All was sent, and the answer did not arrive or can't be understood: the file may have been stored.",
)
ADDRESS_UNUSABLE: Final = Diagnosis(
    "PA507",
    "address-unusable",
    Severity.ERROR,
    "The URL can't be used: not https, misspelt, or leading round in a circle.",
)
SERVER_FAILED: Final = Diagnosis(
    "PA510",
    "server-failed",
    Severity.ERROR,
    "The server had a fault of its own while it worked on the request.",
)
SERVER_BUSY: Final = Diagnosis(
    "PA511",
    "server-busy",
    Severity.ERROR,
    "The server asks to send less, or to wait.",
)

ALL: Final = tuple(value for value in list(globals().values()) if isinstance(value, Diagnosis))
