"""What an index's refusal to mint a token means, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from publish_all import diagnoses
from publish_all._server_text import plain
from publish_all._values import dataclass
from publish_all.credentials.address import PYPI_HOSTS, TESTPYPI_HOSTS, hostname_of
from publish_all.credentials.audience import RETRYABLE, Answer, base_of, object_in
from publish_all.credentials.identity import IdentityToken
from publish_all.credentials.publisher import form_fields, publishers_to_register, why_unknown
from publish_all.credentials.source import CredentialRequest
from publish_all.findings import Finding


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why no token was minted, and whether a new JWT may help."""

    finding: Finding
    again: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Refused:
    """One refusal, as far as its explanation needs it. `said` is the server's description, fit to be shown."""

    request: CredentialRequest
    token: IdentityToken
    projects: Sequence[str]
    said: str
    status: int

    @property
    def where(self) -> str:
        return f"{base_of(self.request.url)}/_/oidc/mint-token"

    @property
    def whom(self) -> str:
        return f"{self.request.repository} ({base_of(self.request.url)})"

    @property
    def site(self) -> str | None:
        """PyPI's or TestPyPI's pages for people; other indexes have none that we know."""
        known = hostname_of(self.request.url) in PYPI_HOSTS | TESTPYPI_HOSTS
        return base_of(self.request.url) if known else None

    @property
    def new_publisher_page(self) -> str | None:
        return f"{self.site}/manage/account/publishing/" if self.site is not None else None

    @property
    def own_publisher_page(self) -> str | None:
        project = self.request.project or "PROJECT"
        return f"{self.site}/manage/project/{project}/settings/publishing/" if self.site is not None else None


def explain(
    request: CredentialRequest, token: IdentityToken, answer: Answer, *, projects: Sequence[str]
) -> Refusal:
    """What the answer to a mint request means. `projects` are all that this run publishes to the repository."""
    code, description = _error_in(answer)
    seen = _Refused(
        request=request,
        token=token,
        projects=projects,
        said=plain(description, secrets=(token.secret,)).rstrip("."),
        status=answer.status,
    )
    explained = _EXPLAINED.get(code, _other)
    return Refusal(
        finding=explained(seen),
        again=code == "invalid-reuse-token" or (not code and answer.status in RETRYABLE),
    )


_WITH_TOKEN = "Try again later, or publish with a token: `--auth token`."  # noqa: S105 - a hint
_ISSUERS = (
    "PyPI accepts identities of GitHub Actions, gitlab.com, Google Cloud and ActiveState. "
    "Elsewhere publish with a token: `--auth token`."
)


def _unknown_publisher(seen: _Refused) -> Finding:
    project, page = seen.request.project, seen.new_publisher_page
    fields = "\n".join(f"  {name}: {value}" for name, value in form_fields(seen.token, project))
    parts = (
        [f"An existing project registers it at {seen.own_publisher_page}, a new one at {page}."]
        if page
        else []
    )
    parts += [f"- {line}" for line in why_unknown(seen.token, project)]
    parts += publishers_to_register(seen.token, seen.projects, page=page)
    return diagnoses.PUBLISHER_UNKNOWN.found(
        f"{seen.request.repository} knows no trusted publisher for this job. It must be registered with exactly:\n{fields}",
        where=seen.where,
        hint="\n".join(parts),
    )


def _taken_name(seen: _Refused) -> Finding:
    page = seen.own_publisher_page
    hint = "Register the publisher in the settings of the project itself"
    return diagnoses.PENDING_PUBLISHER_TAKEN.found(
        f"A pending publisher matches this job, but its project exists already at {seen.request.repository}.",
        where=seen.where,
        hint=f"{hint}: {page} (if it is not yours, choose another name)." if page else f"{hint}.",
    )


def _reused(seen: _Refused) -> Finding:
    return diagnoses.MINT_REFUSED.found(
        f"{seen.whom} says that the identity token was used before; each mints once.",
        where=seen.where,
        hint="The CI service gives one identity token for the whole job: publish in jobs of their own.",
    )


def _not_enabled(seen: _Refused) -> Finding:
    message = f"{seen.whom} has trusted publishing, or this CI service, switched off for now: {seen.said}."
    return diagnoses.MINT_REFUSED.found(message, where=seen.where, hint=_WITH_TOKEN)


def _invalid_token(seen: _Refused) -> Finding:
    issuer = plain(seen.token.claim("iss")) or "unknown"
    message = f"{seen.whom} does not accept the identity of this job (issuer {issuer}): {seen.said}."
    return diagnoses.MINT_REFUSED.found(message, where=seen.where, hint=_ISSUERS)


def _invalid_payload(seen: _Refused) -> Finding:
    return diagnoses.MINT_REFUSED.found(
        f"{seen.whom} did not understand our request for a token: {seen.said}.",
        where=seen.where,
        hint="Look whether a proxy changes requests; if there is none, please report this.",
    )


def _other(seen: _Refused) -> Finding:
    said = f": {seen.said}" if seen.said else ""
    message = f"{seen.whom} answered {seen.status} to a request for a token{said}."
    return diagnoses.MINT_REFUSED.found(message, where=seen.where, hint=_WITH_TOKEN)


_EXPLAINED: Mapping[str, Callable[[_Refused], Finding]] = MappingProxyType(
    {
        "invalid-payload": _invalid_payload,
        "not-enabled": _not_enabled,
        "invalid-token": _invalid_token,
        "invalid-publisher": _unknown_publisher,
        "invalid-pending-publisher": _taken_name,
        "invalid-reuse-token": _reused,
    }
)


def _error_in(answer: Answer) -> tuple[str, str]:
    """The first error's code and description, empty where there is none."""
    content = object_in(answer)
    errors = content.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if isinstance(first, dict):
        return str(first.get("code", "")), str(first.get("description", ""))
    message = content.get("message")
    return "", message if isinstance(message, str) else ""
