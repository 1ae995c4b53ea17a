"""The kinds of repositories. To add one, add its object to `KINDS` and its module to `publish_all.repositories`.

A kind is asked what it can do; nothing outside of this package and `repositories` compares it with another one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from publish_all.config.addresses import hostname_of, path_problem, scheme_of, text_problem, web_problem


class Kind:
    """How a repository is spoken to, and what that means for the commands.

    `local`: its files are in a folder of this machine, and no credential is needed. `standard_api`: it has the
    upload API and the simple index of PyPI, which other tools know. `trusted_publishing`: it may give tokens
    to a CI job. `registry`: it is a container registry, which `docker login` and clients of ours log in to, for
    whose host credentials are stored, and whose files can be listed later with receipts. `permission`:
    what a job of GitHub Actions needs so that its GITHUB_TOKEN may write there.
    """

    name = ""
    meaning = ""
    local = False
    standard_api = False
    trusted_publishing = False
    registry = False
    permission = ""

    def url_problem(self, url: str) -> str | None:
        """What is wrong with the upload URL, or None."""
        return text_problem(url) or web_problem(url)

    def index_url_problem(self, url: str) -> str | None:
        """What is wrong with the URL of the index, or None."""
        return text_problem(url) or web_problem(url)

    def claims(self, url: str) -> bool:
        """Whether a `--repository-url` is plainly one of this kind."""
        del url
        return False

    def is_public(self, name: str, url: str) -> bool:
        """Whether anyone can read what is uploaded, so that private projects are kept out."""
        del name, url
        return False

    def __str__(self) -> str:
        return self.name


class _Legacy(Kind):
    name = "legacy"
    meaning = "the upload API of PyPI, which most servers have"
    standard_api = True
    trusted_publishing = True

    def is_public(self, name: str, url: str) -> bool:
        # A file of the user's may call them otherwise: PyPI has a token for each project, `.pypirc` a section.
        return name in {"pypi", "testpypi"} or hostname_of(url) in {"upload.pypi.org", "test.pypi.org"}


class _Oci(Kind):
    name = "oci"
    meaning = "a container registry"
    registry = True
    permission = "packages"

    def url_problem(self, url: str) -> str | None:
        return text_problem(url) or web_problem(url, scheme_optional=True)

    def claims(self, url: str) -> bool:
        return scheme_of(url) == "oci"


class _Directory(Kind):
    name = "directory"
    meaning = "a static index in a folder"
    local = True

    def url_problem(self, url: str) -> str | None:
        return text_problem(url) or path_problem(url)

    def index_url_problem(self, url: str) -> str | None:
        if scheme_of(url) in {"http", "https"}:
            return super().index_url_problem(url)
        return self.url_problem(url)

    def claims(self, url: str) -> bool:
        return scheme_of(url) == "file" or url.startswith((".", "/", "~", "\\")) or Path(url).is_absolute()


class _GitHubRelease(Kind):
    name = "github-release"
    meaning = "the releases of a GitHub repository, with the files as assets"
    permission = "contents"

    def url_problem(self, url: str) -> str | None:
        problem = super().url_problem(url)
        if problem is None and not re.search(r"/repos/[^/?#]+/[^/?#]+/?\Z", url):
            return (
                f"{url!r} must be a repository in GitHub's API: https://api.github.com/repos/OWNER/REPOSITORY, or "
                "https://HOST/api/v3/repos/OWNER/REPOSITORY of an Enterprise Server"
            )
        return problem

    def claims(self, url: str) -> bool:
        return hostname_of(url) == "api.github.com"


LEGACY, OCI, DIRECTORY, GITHUB_RELEASE = _Legacy(), _Oci(), _Directory(), _GitHubRelease()
KINDS: Mapping[str, Kind] = MappingProxyType(
    {each.name: each for each in (LEGACY, OCI, DIRECTORY, GITHUB_RELEASE)}
)


def upload_url_problem(url: str) -> str | None:
    """What is wrong with the URL of a repository whose kind is not stated, or None."""
    return LEGACY.url_problem(url)
