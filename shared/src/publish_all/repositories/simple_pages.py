"""The pages of a simple index: rendering and parsing HTML (PEP 503) and JSON (PEP 691); pure.

The format of today, with PEP 592, 629, 658, 700 and 714, is described at
https://packaging.python.org/specifications/simple-repository-api/. Pages are written in API version 1.1.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urldefrag, urljoin, urlsplit

from packaging.utils import NormalizedName
from packaging.version import Version

from publish_all import diagnoses as known
from publish_all._json import loads, whole_number
from publish_all.distributions.distribution import release_of
from publish_all.errors import RepositoryError
from publish_all.findings import Finding

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPE = "application/vnd.pypi.simple.v1+html"
ACCEPT = f"{JSON_TYPE}, {HTML_TYPE};q=0.2, text/html;q=0.1"
"""What a client asks for: JSON before HTML."""

_API_VERSION = "1.1"
_HEX = re.compile(r"[0-9a-fA-F]{1,256}")


class PageError(ValueError):
    """What an index sent is not a page of the simple API."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexFile:
    """One file as an index lists it.

    `url` is relative to the page when rendered, absolute when parsed. `hashes` maps hashlib's names to
    hex digests and may be empty. `core_metadata` holds the hashes of the `.metadata` file beside it:
    None if there is none, empty if its hash is not stated. `yanked` is the reason, None if not yanked.
    """

    filename: str
    url: str
    hashes: Mapping[str, str] = field(default_factory=dict)
    requires_python: str | None = None
    core_metadata: Mapping[str, str] | None = None
    size: int | None = None
    yanked: str | None = None
    upload_time: str | None = None
    provenance: str | None = None

    @property
    def sha256(self) -> str:
        """Raises `KeyError` for a file whose sha256 is not listed."""
        return self.hashes["sha256"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectPage:
    """What an index has of one project. `versions` is empty where the index does not tell them.

    `status` is that of PEP 792 (`active`, `archived`, …), None where it is not stated. `source` is the address of
    the repository that it is linked to; no page of an index shows it. `older` is the number of versions left out.
    """

    name: str
    files: tuple[IndexFile, ...]
    versions: tuple[str, ...] = ()
    status: str | None = None
    status_reason: str | None = None
    source: str | None = None
    older: int = 0

    def file(self, filename: str) -> IndexFile | None:
        return next((each for each in self.files if each.filename == filename), None)


def merged(pages: Iterable[ProjectPage]) -> ProjectPage:
    """One page of several: of files with the same name the first, and the first status that is stated."""
    first, *others = pages
    stated = next((page for page in (first, *others) if page.status), first)
    files: dict[str, IndexFile] = {}
    for each in (file for page in (first, *others) for file in page.files):
        files.setdefault(each.filename, each)
    versions = dict.fromkeys(version for page in (first, *others) for version in page.versions)
    return replace(stated, name=first.name, files=tuple(files.values()), versions=tuple(versions))


# --- rendering


def render_project(page: ProjectPage) -> tuple[bytes, bytes]:
    """The page of a project in JSON and in HTML."""
    content: dict[str, Any] = {"meta": {"api-version": _API_VERSION}, "name": page.name}
    metas = ""
    if page.status:
        content["project-status"] = {"status": page.status}
        metas = f'<meta name="pypi:project-status" content="{html.escape(page.status)}">\n'
        if page.status_reason:
            content["project-status"]["reason"] = page.status_reason
            metas += f'<meta name="pypi:project-status-reason" content="{html.escape(page.status_reason)}">\n'
    files, links = [], []
    for each in page.files:
        file, link = _render_file(each)
        files.append(file)
        links.append(link)
    content |= {"versions": list(page.versions), "files": files}
    return _pages(content, f"Links for {page.name}", links, metas)


def render_root(names: Sequence[str]) -> tuple[bytes, bytes]:
    """The list of projects in JSON and in HTML."""
    projects, links = [], []
    for each in names:
        projects.append({"name": each})
        links.append(f'<a href="{quote(each)}/">{html.escape(each)}</a>')
    content = {"meta": {"api-version": _API_VERSION}, "projects": projects}
    return _pages(content, "Simple index", links)


def _render_file(file: IndexFile) -> tuple[dict[str, Any], str]:
    """One file in JSON, and its link in HTML."""
    content: dict[str, Any] = {"filename": file.filename, "url": file.url, "hashes": dict(file.hashes)}
    sha256 = file.hashes.get("sha256")
    attributes = {"href": file.url + (f"#sha256={sha256}" if sha256 else "")}
    if file.requires_python is not None:
        content["requires-python"] = attributes["data-requires-python"] = file.requires_python
    if file.core_metadata is not None:
        # The older key is left out: pip from 22.3 to 23.1 breaks off over it (PEP 714), and takes no harm without.
        content["core-metadata"] = dict(file.core_metadata) or True
        digest = file.core_metadata.get("sha256")
        stated = f"sha256={digest}" if digest else "true"
        attributes |= {"data-core-metadata": stated, "data-dist-info-metadata": stated}
    if file.size is not None:
        content["size"] = file.size
    if file.upload_time is not None:
        content["upload-time"] = file.upload_time
    if file.yanked is not None:
        attributes["data-yanked"] = file.yanked
    if file.provenance is not None:
        content["provenance"] = attributes["data-provenance"] = file.provenance
    content["yanked"] = file.yanked or file.yanked is not None
    written = ""
    for name, value in attributes.items():
        written += f' {name}="{html.escape(value)}"'
    return content, f"<a{written}>{html.escape(file.filename)}</a>"


def _pages(
    content: Mapping[str, Any], title: str, links: Iterable[str], metas: str = ""
) -> tuple[bytes, bytes]:
    title = html.escape(title)
    lines = "<br>\n".join((*links, ""))
    page = f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="pypi:repository-version" content="{_API_VERSION}">
{metas}<title>{title}</title>
</head>
<body>
<h1>{title}</h1>
{lines}</body>
</html>
"""
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode(), page.encode()


# --- parsing


def parse_project(body: bytes, *, content_type: str, url: str) -> ProjectPage:
    """The project page that came from `url`. Raises `PageError` when it is not one."""
    if content_type.endswith("json"):
        return _parse_json(body, url)
    if content_type in {HTML_TYPE, "text/html", "application/xhtml+xml", ""}:
        return _parse_html(body, url)
    raise PageError(f"{content_type} is not a type of the simple API")


def _parse_json(body: bytes, url: str) -> ProjectPage:
    try:
        content = loads(body)
        _ensure_version(str(content["meta"]["api-version"]))
        files = tuple(_file_from_json(each, url) for each in content["files"])
        versions = tuple(str(each) for each in content.get("versions") or ())
        status = content.get("project-status")
        status = status if isinstance(status, Mapping) else {}
        return ProjectPage(
            name=str(content["name"]),
            files=files,
            versions=versions,
            status=_text(status.get("status")),
            status_reason=_text(status.get("reason")),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PageError(f"not a project page in JSON: {error}") from error


def _file_from_json(content: Mapping[str, Any], url: str) -> IndexFile:
    offered = content.get("core-metadata", content.get("dist-info-metadata"))
    yanked = content.get("yanked")
    metadata = _hashes(offered.items()) if isinstance(offered, Mapping) else {} if offered else None
    return IndexFile(
        filename=str(content["filename"]),
        url=urljoin(url, str(content["url"])),
        hashes=_hashes(content["hashes"].items()),
        requires_python=_text(content.get("requires-python")),
        core_metadata=metadata,
        size=whole_number(content.get("size")),
        yanked=yanked if isinstance(yanked, str) else ("" if yanked else None),
        upload_time=_text(content.get("upload-time")),
        provenance=_text(content.get("provenance")),
    )


def _text(value: Any) -> str | None:
    """A text in an index; None if it is missing or not a text."""
    return value if isinstance(value, str) and value else None


def _parse_html(body: bytes, url: str) -> ProjectPage:
    from publish_all._html import Tag, scan  # most pages are JSON

    base, is_page = url, False
    metas: dict[str, str] = {}
    files: list[IndexFile] = []
    for tag in scan(body.decode("utf-8", errors="replace")):
        if not isinstance(tag, Tag) or tag.end:
            continue
        found, link = tag.attributes, tag.attributes.get("href", "")
        is_page = is_page or tag.name in {"html", "body", "a"}
        if tag.name == "meta":
            metas[found.get("name", "")] = found.get("content", "")
        with suppress(ValueError):  # a link with an invalid URL is not a file
            if tag.name == "base" and link:
                base = urljoin(base, link)
            elif tag.name == "a" and link:
                files += _linked(urljoin(base, link), found)
    _ensure_version(metas.get("pypi:repository-version") or "1.0")
    if not is_page:
        raise PageError("not a page in HTML")
    name = posixpath.basename(urlsplit(url).path.rstrip("/"))
    return ProjectPage(
        name=unquote(name),
        files=tuple(files),
        status=metas.get("pypi:project-status") or None,
        status_reason=metas.get("pypi:project-status-reason") or None,
    )


def _linked(link: str, attributes: Mapping[str, str]) -> Iterator[IndexFile]:
    url, fragment = urldefrag(link)
    filename = unquote(posixpath.basename(urlsplit(url).path))
    if filename.endswith((".whl", ".tar.gz", ".zip", ".tar.bz2", ".egg")):
        offered = attributes.get("data-core-metadata", attributes.get("data-dist-info-metadata"))
        yield IndexFile(
            filename=filename,
            url=url,
            hashes=_hashes(_pairs(fragment.split("&"))),
            requires_python=attributes.get("data-requires-python") or None,
            core_metadata=None if offered in {None, "false"} else _hashes(_pairs([offered or ""])),
            yanked=attributes.get("data-yanked"),
            provenance=attributes.get("data-provenance"),
        )


def _pairs(texts: Iterable[str]) -> Iterable[tuple[str, str]]:
    for each in texts:
        name, equals, value = each.partition("=")
        if equals:
            yield name, value


def _hashes(pairs: Iterable[tuple[Any, Any]]) -> Mapping[str, str]:
    """Only hashes: `#egg=…` and `#subdirectory=…` are in the same place."""
    return {
        name: value.lower()
        for name, value in pairs
        if name in hashlib.algorithms_guaranteed and isinstance(value, str) and _HEX.fullmatch(value)
    }


def _ensure_version(version: str) -> None:
    """PEP 629: another major version means a page that we can't understand."""
    if version.partition(".")[0] != "1":
        raise PageError(f"version {version} of the simple API is not known")


# --- downloads of the files of a release, byte for byte

SDIST = ".tar.gz"
"""The architecture of an sdist."""


class NotThereError(RepositoryError):
    """A repository does not have a release; `versions` are its versions of the project, None if it cannot list them."""

    versions: tuple[str, ...] | None = None


def files_of(
    page: ProjectPage | None, project: NormalizedName, version: Version, where: str
) -> tuple[IndexFile, ...]:
    """The files of one release on a page. Raises `RepositoryError` if there are none or one has no sha256."""
    files = page.files if page is not None else ()
    found = tuple(each for each in files if release_of(each.filename) == (project, version))
    if not found:
        others = sorted({str(release[1]) for each in files if (release := release_of(each.filename))})
        raise not_there(f"{where} has no files of {project} {version}", project, others, where)
    for each in found:
        if "sha256" not in each.hashes:
            message = f"{where} lists {each.filename} without a sha256, so the file cannot be verified"
            raise as_error(known.FETCHED_FILE_UNPROVEN.found(message))
    return found


def not_there(
    message: str, project: NormalizedName, others: Sequence[str] | None, where: str
) -> RepositoryError:
    """The error for a release that a repository does not have; `others` are versions that it has, if known."""
    hint = (
        f"It has: {', '.join(others)}."
        if others
        else f"It has no files of {project}, or does not show them to this user."
    )
    found = known.RELEASE_NOT_THERE.found(message, where=where, hint=hint)
    error = NotThereError(found.message, hint=found.hint, findings=(found,))
    error.versions = tuple(others) if others is not None else None
    return error


def store(chunks: Iterable[bytes], file: IndexFile, folder: Path, where: str) -> Path:
    """Write a file's content into `folder`. Raises `RepositoryError` if its hash is not the listed one."""
    path = folder / Path(file.filename).name
    found = hashlib.sha256()
    with path.open("wb") as opened:
        for chunk in chunks:
            found.update(chunk)
            opened.write(chunk)
    if found.hexdigest() != file.sha256:
        path.unlink()
        message = f"{where} sends other bytes for {file.filename} than it lists (sha256 {file.sha256})"
        raise as_error(known.FETCHED_FILE_UNPROVEN.found(message))
    return path


def ensure_provenance(body: bytes, file: IndexFile, where: str) -> None:
    """Raise `RepositoryError` if the provenance in an index is invalid, or is for other bytes than the file's.

    https://packaging.python.org/specifications/index-hosted-attestations/. Signatures are not verified.
    """
    attested: set[str] = set()
    try:
        for bundle in loads(body)["attestation_bundles"]:
            for each in bundle["attestations"]:
                statement = loads(base64.b64decode(each["envelope"]["statement"]))
                attested |= {subject["digest"]["sha256"] for subject in statement["subject"]}
    except (ValueError, KeyError, TypeError) as error:
        message = f"{where} lists a provenance of {file.filename} that cannot be read"
        raise as_error(known.FETCHED_FILE_UNPROVEN.found(message)) from error
    if attested != {file.sha256}:
        message = f"{where} lists a provenance of {file.filename} that is for other bytes"
        raise as_error(known.FETCHED_FILE_UNPROVEN.found(message))


def read_chunks(path: Path, *, size: int = 1 << 20) -> Iterator[bytes]:
    """The content of a local file, piece by piece."""
    with path.open("rb") as opened:
        while chunk := opened.read(size):
            yield chunk


def architecture_of(filename: str) -> str:
    """The part of a file name that differs within a release: `.tar.gz`, or the part of a wheel's name after `name-version-`."""
    return SDIST if filename.endswith(SDIST) else "".join(filename.split("-", 2)[2:])


def as_error(finding: Finding) -> RepositoryError:
    return RepositoryError(finding.message, hint=finding.hint, findings=(finding,))
