"""A company's repository, called `corp`, as a project and its CI would state it."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from html.parser import HTMLParser
from pathlib import Path

from harness.projects import git
from harness.servers import Server


def state_corp(project: Path, server: Server, *, table: str = "") -> None:
    """Write the repository into the project's pyproject.toml and commit it."""
    pyproject = project / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8")
    repository = (
        "\n[tool.publish-all.repositories.corp]\n"
        f'url = "{server.upload_url}"\nindex-url = "{server.index_url}"\n'
    )
    pyproject.write_text(text + repository + table, encoding="utf-8")
    git(project, "commit", "-q", "-a", "-m", "state the company's repository")


def corp_credentials(server: Server, *, password: str | None = None) -> dict[str, str]:
    """What CI would set."""
    if server.username is None:
        return {}
    return {
        "PUBLISH_ALL_CORP_USERNAME": server.username,
        "PUBLISH_ALL_CORP_PASSWORD": password or server.password or "",
    }


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hrefs += [value for name, value in attrs if tag == "a" and name == "href" and value]


def listed(server: Server, project: str) -> dict[str, str]:
    """Filename → URL of all that the server's index lists for a project."""
    page = f"{server.index_url}{project}/"
    try:
        with urllib.request.urlopen(page, timeout=30) as response:
            text = response.read().decode()
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return {}
        raise
    links = _Links()
    links.feed(text)
    urls = [urllib.parse.urljoin(page, href) for href in links.hrefs]
    return {urllib.parse.urlsplit(url).path.rsplit("/", 1)[-1]: url for url in urls if "#" in url}


def download(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as response:
        content: bytes = response.read()
        return content
