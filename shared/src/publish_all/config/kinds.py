"""The kinds of repositories. To add one, add its object to `KINDS` and its module to `publish_all.repositories`.

Code outside of this package and `repositories` asks a kind what it can do, and does not compare kinds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from publish_all.config.addresses import hostname_of, path_problem, scheme_of, text_problem, web_problem


class Kind:
    """A kind of repository: its protocol, and its features.

    `local`: its files are in a folder of this machine, without credentials. `standard_api`: it has the
    upload API and the simple index of PyPI, which other tools support. `trusted_publishing`: it may give tokens
    to a CI job. `registry`: it is a container registry, with logins as of `docker login`, credentials that are stored
    by host, and files that can be listed later with receipts. `permission`: the
    permission that a job of GitHub Actions needs to write there with its GITHUB_TOKEN.
    """

    name = ""
    meaning = ""
    local = False
    standard_api = False
    trusted_publishing = False
    registry = False
    permission = ""

    def url_problem(self, url: str) -> str | None:
        """The problem with the upload URL, None if it is valid."""
        return text_problem(url) or web_problem(url)

    def index_url_problem(self, url: str) -> str | None:
        """The problem with the URL of the index, None if it is valid."""
        return text_problem(url) or web_problem(url)

    def claims(self, url: str) -> bool:
        """Whether a `--repository-url` clearly has this kind."""
        del url
        return False

    def is_public(self, name: str, url: str) -> bool:
        """Whether anyone can read the files, so that private projects must not be uploaded."""
        del name, url
        return False

    def __str__(self) -> str:
        return self.name


class _Legacy(Kind):
    name = "legacy"
    meaning = "an index with the upload API of PyPI, as most servers have it"
    standard_api = True
    trusted_publishing = True

    def is_public(self, name: str, url: str) -> bool:
        # They may have other names in the user's files, for example one section of `.pypirc` per project.
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
            return f"{url!r} must be the API URL of a GitHub repository: https://api.github.com/repos/OWNER/REPOSITORY"
        return problem

    def claims(self, url: str) -> bool:
        return hostname_of(url) == "api.github.com"


LEGACY, OCI, DIRECTORY, GITHUB_RELEASE = _Legacy(), _Oci(), _Directory(), _GitHubRelease()
KINDS: Mapping[str, Kind] = MappingProxyType(
    {each.name: each for each in (LEGACY, OCI, DIRECTORY, GITHUB_RELEASE)}
)
