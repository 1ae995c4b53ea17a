"""From the URL that uploads go to, to where the simple index may be, and to what is wrong with the URL. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

from publish_all import diagnoses as known
from publish_all._urls import shown_url, without_userinfo
from publish_all.findings import Finding

_UPLOAD_SEGMENTS = frozenset({"legacy", "upload"})


def index_candidates(upload_url: str) -> tuple[str, ...]:
    """Where a server with this upload URL may have its simple index, likeliest first, each with a slash at the end.

    `…/legacy/` has it beside itself (PyPI, most mirrors), `…/upload` too (Azure Artifacts); devpi has
    `+simple/` below each index; the others `simple/` below the URL (pypiserver, Nexus, Artifactory,
    GitLab, Gitea, CodeArtifact, Artifact Registry).
    """
    return tuple(dict.fromkeys(_candidates(upload_url)))


def _candidates(upload_url: str) -> Iterator[str]:
    parts = urlsplit(without_userinfo(upload_url))._replace(query="", fragment="")
    path = parts.path.rstrip("/")
    if posixpath.basename(path) in _UPLOAD_SEGMENTS:
        yield urlunsplit(parts._replace(path=f"{posixpath.dirname(path).rstrip('/')}/simple/"))
    yield urlunsplit(parts._replace(path=f"{path}/simple/"))
    yield urlunsplit(parts._replace(path=f"{path}/+simple/"))
    if path.count("/") <= 1:
        # Deeper down, the index at the top would be another repository's.
        yield urlunsplit(parts._replace(path="/simple/"))


def misdirected(upload_url: str) -> Finding | None:
    """What is plainly wrong with a URL to upload to, or None. Nothing is asked over the network."""
    parts = urlsplit(without_userinfo(upload_url))
    host = (parts.hostname or "").lower()
    if host == "pkg.github.com" or host.endswith(".pkg.github.com"):
        return known.GITHUB_HAS_NO_PYTHON.found(
            f"{shown_url(upload_url)} is not there: GitHub Packages has no registry for Python packages.",
            where=shown_url(upload_url),
            hint="Publish with `-r github`: the files are then kept in GitHub's container registry, and can "
            "be installed from there.",
        )
    segments = parts.path.rstrip("/").split("/")
    if segments[-1] in {"simple", "+simple"}:
        return known.INDEX_URL.found(
            f"{shown_url(upload_url)} is the URL to install from; uploads go to another one.",
            where=shown_url(upload_url),
            hint=_upload_url_hint(upload_url, host),
        )
    if host in {"pypi.org", "www.pypi.org", "pypi.python.org"}:
        return known.NO_UPLOAD_API.found(
            f"{shown_url(upload_url)} takes no uploads.",
            where=shown_url(upload_url),
            hint="Publish with `-r pypi`, whose URL is https://upload.pypi.org/legacy/",
        )
    return None


def _upload_url_hint(url: str, host: str) -> str:
    parts = urlsplit(without_userinfo(url))._replace(query="", fragment="")
    if host in {"pypi.org", "www.pypi.org", "pypi.python.org"}:
        return "PyPI's upload URL is https://upload.pypi.org/legacy/: publish with `-r pypi`."
    if host == "test.pypi.org":
        return "TestPyPI's upload URL is https://test.pypi.org/legacy/: publish with `-r testpypi`."
    if "/_packaging/" in parts.path and parts.path.rstrip("/").endswith("/pypi/simple"):
        upload = urlunsplit(parts._replace(path=f"{posixpath.dirname(parts.path.rstrip('/'))}/upload/"))
        return f"The upload URL of Azure Artifacts is {upload}: configure it as `url`, and this one as `index-url`."
    above = urlunsplit(parts._replace(path=f"{posixpath.dirname(parts.path.rstrip('/')).rstrip('/')}/"))
    return (
        f"Configure the upload URL as `url`, which often is {above}, and this one as `index-url`. "
        "A [[tool.poetry.source]] or an uv index without publish-url is for installing only."
    )
