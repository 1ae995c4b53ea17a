"""Look at the built site: it loads nothing from elsewhere, and its own links lead somewhere.

    python tools/site.py

mkdocs itself checks links between the pages; this checks what it wrote.
"""
# ruff: noqa: INP001, T201 - a script, which talks on stdout

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

SITE = Path(__file__).parents[1] / "site"
_LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
# <link> elements that say something and load nothing.
_SAID = frozenset({"canonical", "prev", "next", "alternate"})


class Page(HTMLParser):
    """What a page loads, links to, and is linked to by; and images without a text."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.anchors |= {named[key] for key in ("id", "name") if key in named}
        if tag == "a" and "href" in named:
            self.links.append(named["href"])
        if tag in _LOADED and _LOADED[tag] in named and named.get("rel", "") not in _SAID:
            self.loads.append(named[_LOADED[tag]])
        if tag == "img" and not named.get("alt", "").strip():
            self.silent.append(named.get("src", ""))


def read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def problems(site: Path) -> Iterator[str]:
    pages = {path: read(path) for path in sorted(site.rglob("*.html"))}
    if not pages:
        yield f"there is no site in {site}"
    for path, page in pages.items():
        if path.name == "404.html":  # its links are absolute, for any depth
            continue
        where = path.relative_to(site)
        for each in page.loads:
            if urlsplit(each).netloc:
                yield f"{where} loads {each}"
        for each in page.silent:
            yield f"{where} has the image {each} without a text"
        for each in (*page.links, *page.loads):
            if not _leads_somewhere(each, path, pages):
                yield f"{where} links to {each}, where nothing is"


def _leads_somewhere(link: str, path: Path, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return False
    page = pages.get(target)
    fragment = unquote(parts.fragment)
    return page is None or not fragment or fragment in page.anchors or fragment.startswith("__")


def main() -> int:
    found = list(problems(SITE.resolve()))
    print(*found, sep="\n", file=sys.stderr, end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
