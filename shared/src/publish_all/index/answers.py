"""What a project page is answered with: a page in its forms, or why there is none. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias
from urllib.parse import quote

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    NormalizedName,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from publish_all._values import dataclass
from publish_all.index.cache import Keep
from publish_all.index.negotiation import Form
from publish_all.index.source import SourceError, Trouble
from publish_all.repositories.simple_pages import (
    IndexFile,
    ProjectPage,
    render_project_html,
    render_project_json,
    render_root_html,
    render_root_json,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendered:
    """A page as bytes, and its entity tag in quotes."""

    body: bytes
    etag: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PageAnswer:
    """A page in both forms."""

    json: Rendered
    html: Rendered

    def in_form(self, form: Form) -> Rendered:
        return self.json if form is Form.JSON else self.html


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """Why there is no page, as an HTTP status and words for the person who asked."""

    status: int
    reason: str


Answer: TypeAlias = PageAnswer | Said

_KEEP_PAGE = Keep(fresh=5, stale=25)
_KEEP_ABSENCE = Keep(fresh=3)
_KEEP_FAILURE = Keep(fresh=1, weak=True)


def keep_of(answer: Answer) -> Keep:
    """How long an answer is kept: so briefly that what was just published can be installed."""
    if isinstance(answer, PageAnswer):
        return _KEEP_PAGE
    return _KEEP_FAILURE if answer.status >= 500 else _KEEP_ABSENCE


def weight_of(answer: Answer) -> int:
    if isinstance(answer, PageAnswer):
        return len(answer.json.body) + len(answer.html.body) + 512
    return len(answer.reason) + 512


def page_answer(page: ProjectPage) -> PageAnswer:
    return PageAnswer(json=_rendered(render_project_json(page)), html=_rendered(render_project_html(page)))


def root_answer(projects: Iterable[str]) -> PageAnswer:
    names = tuple(projects)
    return PageAnswer(json=_rendered(render_root_json(names)), html=_rendered(render_root_html(names)))


def refusal_of(troubles: Sequence[SourceError]) -> Said:
    """The one answer for what the sources said; a source that is down outweighs one that refuses."""
    reason = "\n".join(f"{each.message} {each.hint or ''}".strip() for each in troubles)
    kinds = {each.trouble for each in troubles}
    order = ((Trouble.DOWN, 502), (Trouble.NOBODY, 401), (Trouble.FORBIDDEN, 403), (Trouble.ABSENT, 404))
    status = next(status for kind, status in order if kind in kinds)
    return Said(status=status, reason=reason)


def with_addresses(page: ProjectPage, source: str) -> ProjectPage:
    """The page with addresses of ours for its files, relative to it, and with the versions that they are of.

    The digests in an address are all that is needed to find the file again.
    """
    files = tuple(
        each if each.url else replace(each, url=_address(page, each, source)) for each in page.files
    )
    return replace(page, files=files, versions=page.versions or _versions(files))


def merged(pages: Sequence[ProjectPage]) -> ProjectPage:
    """One page of several: of files with the same name the first."""
    if len(pages) == 1:
        return pages[0]
    files: dict[str, IndexFile] = {}
    for page in pages:
        for each in page.files:
            files.setdefault(each.filename, each)
    versions = dict.fromkeys(version for page in pages for version in page.versions)
    return ProjectPage(name=pages[0].name, files=tuple(files.values()), versions=tuple(versions))


def release_of(filename: str) -> tuple[NormalizedName, Version] | None:
    """Project and version that a file is of by its name; None for what is no wheel or sdist."""
    try:
        if filename.endswith(".whl"):
            return parse_wheel_filename(filename)[:2]
        return parse_sdist_filename(filename)
    except (InvalidSdistFilename, InvalidWheelFilename):
        return None


def _address(page: ProjectPage, file: IndexFile, source: str) -> str:
    digests = file.hashes["sha256"]
    if file.core_metadata:
        digests += f"-{file.core_metadata['sha256']}"
    return f"../../files/{quote(source)}/{page.name}/{digests}/{quote(file.filename)}"


def _versions(files: Iterable[IndexFile]) -> tuple[str, ...]:
    found = {release[1] for each in files if (release := release_of(each.filename)) is not None}
    return tuple(str(each) for each in sorted(found))


def _rendered(body: bytes) -> Rendered:
    return Rendered(body=body, etag=f'"{hashlib.sha256(body).hexdigest()[:32]}"')
