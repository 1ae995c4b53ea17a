"""From what a registry replies to what is wrong and what helps, with GitHub's own words known. Pure."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable

from publish_all import diagnoses as known
from publish_all._http import BasicAuth, Reply
from publish_all._http_errors import Failure, HttpError
from publish_all._json import loads
from publish_all._secret import Secret
from publish_all._server_text import plain
from publish_all._urls import shown_url
from publish_all._values import dataclass
from publish_all.credentials.address import hostname_of
from publish_all.credentials.binding import with_names
from publish_all.diagnoses import CREDENTIAL_MISSING, Diagnosis
from publish_all.findings import Finding
from publish_all.repositories.replies import retry_after


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """Who asks. `origin` says where the secret was found, in words a user can act on."""

    username: str
    secret: Secret
    origin: str = ""

    @property
    def auth(self) -> BasicAuth:
        return BasicAuth(username=self.username, secret=self.secret)


class Maker(enum.Enum):
    """What made a GitHub token, with the beginning of such tokens."""

    FINE_GRAINED = "github_pat_"
    APP_OR_WORKFLOW = "ghs_"
    OAUTH = "gho_"
    CLASSIC = "ghp_"


class Wish(enum.Enum):
    """What was asked for."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A request to a registry: by whom, of which OCI repository (None: of the registry as such), and for what.

    `name` is the name that the configuration has for the place.
    """

    registry: str
    repository: str | None
    login: Login | None
    wish: Wish
    name: str = ""

    @property
    def is_github(self) -> bool:
        host = hostname_of(self.registry)
        return host == "ghcr.io" or host.startswith("containers.")

    @property
    def where(self) -> str:
        return f"{shown_url(self.registry)}/{self.repository or ''}"

    @property
    def made_by(self) -> Maker | None:
        """What a GitHub token was made by, which its beginning tells; None for anything else."""
        secret = self.login.secret.reveal() if self.login is not None else ""
        return next((each for each in Maker if secret.startswith(each.value)), None)


class RefusedError(HttpError):
    """A registry's answer that is not what was asked for, with what it means.

    `status` is that of the answer, `code` the registry's own word (`DENIED`), empty if there is none.
    """

    def __init__(
        self, finding: Finding, *, status: int, code: str, url: str, retryable: bool, wait: float | None
    ) -> None:
        super().__init__(
            finding.message,
            failure=Failure.STATUS,
            url=url,
            hint=finding.hint or None,
            retryable=retryable,
            retry_after=wait,
        )
        self.findings = (finding,)
        self.status = status
        self.code = code

    @property
    def unauthorized(self) -> bool:
        """Whether the answer is about who asks."""
        return self.status in {401, 403}


def refusal(reply: Reply, asked: Asked, *, now: float) -> RefusedError:
    """The error that an answer stands for. `now` is Unix time in seconds."""
    code, text = _said(reply, asked)
    finding = _explain(reply.status, code, text, asked)
    return RefusedError(
        finding,
        status=reply.status,
        code=code,
        url=shown_url(reply.url),
        retryable=reply.retryable or code in _MAY_PASS,
        wait=retry_after(reply.headers, now),
    )


def refused_beforehand(asked: Asked) -> Finding | None:
    """What can be told of a credential without asking: GitHub's registry never takes fine-grained tokens."""
    return _fine_grained(asked) if asked.is_github and asked.made_by is Maker.FINE_GRAINED else None


PUBLISH_AGAIN = (
    "Publish the same files again: what is missing is uploaded. Then exclude these packages from the clean-up "
    "job that deletes untagged versions."
)


def part_gone(error: RefusedError, asked: Asked, digest: str) -> RefusedError:
    """The error where the registry has not got a blob that it lists. An unknown repository stays what it is."""
    if error.status != 404 or error.code == "NAME_UNKNOWN":
        return error
    finding = known.PART_MISSING.found(
        f"{asked.where} lists a file, and has not got its part {digest} any more.",
        where=asked.where,
        hint=PUBLISH_AGAIN,
    )
    return RefusedError(
        finding, status=error.status, code=error.code, url=error.url, retryable=False, wait=None
    )


# A manifest can be refused for a blob that has only just been sent.
_MAY_PASS = frozenset({"BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN", "TOOMANYREQUESTS", "BLOB_UPLOAD_UNKNOWN"})


def _said(reply: Reply, asked: Asked) -> tuple[str, str]:
    """The registry's code, and its words, fit to be shown."""
    secrets = (asked.login.secret,) if asked.login is not None else ()
    words = plain(reply.message, secrets=secrets)
    return _code(reply.body), words or plain(reply.reason, secrets=secrets)


def _code(body: bytes) -> str:
    try:
        code = loads(body)["errors"][0]["code"]
    except (ValueError, LookupError, TypeError):
        return ""
    return code if isinstance(code, str) and re.fullmatch(r"[A-Z_]{1,40}", code) else ""


def _explain(status: int, code: str, text: str, asked: Asked) -> Finding:
    said = f"{status} {text}".strip()
    if code == "NAME_INVALID" or (status == 400 and re.search(r"(?i)invalid.*name|must be lowercase", text)):
        return known.OCI_NAME_NOT_ALLOWED.found(
            f"{asked.registry} does not take the name {asked.repository}: {said}",
            where=asked.where,
            hint="See `owner` and the name of the project; the owner is written in lower case.",
        )
    if status in {401, 403}:
        return _forbidden(text, said, asked)
    if code == "NAME_UNKNOWN":
        return _no_repository(said, asked)
    if code == "DIGEST_INVALID":
        return known.REGISTRY_DIGEST_MISMATCH.found(
            f"{asked.where} received other bytes than those that were read and checked: {said}",
            where=asked.where,
            hint="Build again if the file was changed meanwhile; else run again.",
        )
    if status == 429:
        return _plain(known.SERVER_BUSY, said, asked, "It asks to wait.")
    if status >= 500:
        return _plain(known.SERVER_FAILED, said, asked, "It may be all right again in a while.")
    if status == 413:
        hint = (
            "GitHub takes 10 GB a file; other registries, and proxies before them, have limits of their own."
        )
        return _plain(known.TOO_LARGE, said, asked, hint)
    if status == 405 or code == "UNSUPPORTED":
        return _plain(known.READ_ONLY, said, asked, "It may be a mirror, which is only read from.")
    return _plain(known.REGISTRY_REFUSED, said, asked, "")


def _no_repository(said: str, asked: Asked) -> Finding:
    """Amazon's registry, and others with repositories of their own settings, make none with the first upload."""
    name = asked.repository or ""
    create = f"Create the repository {name} in the registry first, then run again."
    if ".dkr.ecr" in hostname_of(asked.registry):
        create = f"Create it first: `aws ecr create-repository --repository-name {name}`. Then run again."
    return known.REPOSITORY_MISSING.found(
        f"{asked.registry} has no repository {name}: {said}", where=asked.where, hint=create
    )


def _plain(diagnosis: Diagnosis, said: str, asked: Asked, hint: str) -> Finding:
    return diagnosis.found(f"{asked.where} answers {said}", where=asked.where, hint=hint)


def _forbidden(text: str, said: str, asked: Asked) -> Finding:
    if asked.login is None:
        return _nobody(said, asked)
    if asked.is_github or re.search(r"permission_denied|installation not allowed", text):
        return _by_github(text, said, asked)
    known_user = "403" in said.partition(" ")[0]
    diagnosis = known.WRITE_NOT_ALLOWED if known_user else known.REGISTRY_CREDENTIAL_REFUSED
    if asked.wish is Wish.READ and known_user:
        diagnosis = known.READ_NOT_ALLOWED
    return diagnosis.found(
        f"{_refuses(asked)}: {said}",
        where=asked.where,
        hint="See whether user name and password (or token) are right, and what that user may do there.",
    )


def _nobody(said: str, asked: Asked) -> Finding:
    if asked.wish is Wish.READ:
        return known.READ_NOT_ALLOWED.found(
            f"{asked.where} is not to be read without a credential: it is private, or not there ({said}).",
            where=asked.where,
            hint=_READ_HINT if asked.is_github else "Give a credential for this repository.",
        )
    return CREDENTIAL_MISSING.found(
        f"{asked.where} takes nothing from unknown users, and there is no credential for it ({said}).",
        where=asked.where,
        hint=_HOW_TO_GIVE_ONE
        if asked.is_github
        else with_names(
            f"Set PUBLISH_ALL_<REPOSITORY>_TOKEN, or run `publish-all login {asked.name}`.", asked.name
        ),
    )


def _by_github(text: str, said: str, asked: Asked) -> Finding:
    """GitHub's own words, which are the same for several causes: the form of the token tells some apart."""
    if asked.made_by is Maker.FINE_GRAINED:
        return _fine_grained(asked)
    for pattern, explain in _GITHUB_WORDS:
        if re.search(pattern, text):
            return explain(said, asked)
    return _not_for_that_token(said, asked)


def _fine_grained(asked: Asked) -> Finding:
    return known.GITHUB_FINE_GRAINED_TOKEN.found(
        f"The credential from {_origin(asked)} is a fine-grained personal access token, which GitHub Packages "
        "does not take.",
        where=asked.where,
        hint=f"Make a classic token with the scope {_scope(asked)}: https://github.com/settings/tokens/new?"
        f"scopes={_scope(asked)} — or publish from a workflow, with its GITHUB_TOKEN.",
    )


def _write_package(said: str, asked: Asked) -> Finding:
    return known.PACKAGE_NOT_CONNECTED.found(
        f"{_refuses(asked)}: {said}",
        where=asked.where,
        hint="The package is there already, and was perhaps first made outside of GitHub Actions. Open the "
        "package on GitHub, Package settings, Manage Actions access, Add repository, and give it the role "
        f"Write. With a personal token: its user needs the role Write, and the token {_scope(asked)}.",
    )


def _no_permission(said: str, asked: Asked) -> Finding:
    return known.PACKAGES_PERMISSION.found(
        f"{_refuses(asked)}: {said}", where=asked.where, hint=_permission_hint(asked)
    )


def _no_creation(said: str, asked: Asked) -> Finding:
    return known.CREATION_NOT_ALLOWED.found(
        f"{_refuses(asked)}: {said}",
        where=asked.where,
        hint="In the workflow: `permissions: packages: write`. In the organisation: Settings, Packages, "
        "Package creation must allow packages of that visibility; and Settings, Actions, General, "
        "Workflow permissions must not be read-only.",
    )


def _not_known(said: str, asked: Asked) -> Finding:
    if asked.made_by is Maker.APP_OR_WORKFLOW:
        return known.APP_TOKEN.found(
            f"{_refuses(asked)}: {said}",
            where=asked.where,
            hint="The token of a GitHub App does not work for packages. In a workflow use "
            "`${{ secrets.GITHUB_TOKEN }}` with `permissions: packages: write`; elsewhere a classic personal "
            "access token.",
        )
    return known.REGISTRY_CREDENTIAL_REFUSED.found(
        f"{_refuses(asked)}: {said}",
        where=asked.where,
        hint="The token has expired, was revoked, or is misspelt. " + _HOW_TO_GIVE_ONE,
    )


def _not_for_that_token(said: str, asked: Asked) -> Finding:
    if asked.wish is Wish.READ:
        return known.READ_NOT_ALLOWED.found(f"{_refuses(asked)}: {said}", where=asked.where, hint=_READ_HINT)
    return known.OWNER_UNKNOWN.found(
        f"{_refuses(asked)}: {said}",
        where=asked.where,
        hint=f"See whether the owner is right ({asked.where}), and whether that user may write packages there. "
        + _permission_hint(asked),
    )


_GITHUB_WORDS: tuple[tuple[str, Callable[[str, Asked], Finding]], ...] = (
    (r"write_package", _write_package),
    (r"does not match expected scopes|insufficient[ _]scope", _no_permission),
    (r"(?i)create_package|create organi[sz]ation package|not allowed to create", _no_creation),
    (r"(?i)installation not allowed|read_package|Resource not accessible", _no_permission),
    (r"(?i)cannot be authenticated|unauthenticated|authentication required|bad credentials", _not_known),
)

_HOW_TO_GIVE_ONE = (
    "In a workflow: `permissions: packages: write`, and `GITHUB_TOKEN: ${{ secrets.GITHUB_TOKEN }}` in the "
    "step's `env`. Elsewhere: set GITHUB_TOKEN to a classic personal access token with write:packages."
)
_READ_HINT = (
    "Packages are private until made public on their settings page. To read a private one: a classic personal "
    "access token with read:packages, of somebody who has access; in a workflow `permissions: packages: read` "
    "and, for a package of another repository, access for this one in the package's settings."
)


def _permission_hint(asked: Asked) -> str:
    match asked.made_by:
        case Maker.APP_OR_WORKFLOW:
            return (
                f"Add `permissions: packages: {asked.wish.value}` to the job (a stated `permissions` drops all "
                "that it does not name)."
            )
        case Maker.OAUTH:
            return f"Add the scope to gh's token: `gh auth refresh --scopes {_scope(asked)}`."
        case _:
            return (
                f"A classic personal access token needs the scope {_scope(asked)} (and, in an organisation with "
                "single sign-on, to be authorised for it); a workflow `permissions: packages: "
                f"{asked.wish.value}`."
            )


def _scope(asked: Asked) -> str:
    return f"{asked.wish.value}:packages"


def _origin(asked: Asked) -> str:
    return (asked.login.origin if asked.login is not None else "") or "the request"


def _refuses(asked: Asked) -> str:
    who = asked.login.username if asked.login is not None else "nobody"
    return f"{asked.where} refuses the user {who} with the credential from {_origin(asked)}"
