"""The start page of a static index: the packages and their install commands. No I/O.

Plain HTML and CSS without scripts. All text is escaped, since names and versions may be anyone's.
"""

from __future__ import annotations

import html
import re
import shlex
from collections.abc import Iterable, Sequence
from urllib.parse import quote, urlsplit

from packaging.version import Version

from publish_all.distributions.distribution import release_of
from publish_all.reporting.text import size
from publish_all.repositories.simple_pages import IndexFile, ProjectPage

GENERATOR = '<meta name="generator" content="publish-all site">'
"""The mark of our pages, which may be replaced."""

_STYLE = """\
:root { color-scheme: light dark; --text: #1c2128; --soft: #57606a; --back: #fff; --box: #f3f5f7; --line: #d0d7de;
  --link: #0550ae; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --soft: #9da7b3; --back: #0d1117; --box: #1a212a;
  --line: #343c46; --link: #79b8ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem 4rem; font: 16px/1.5 system-ui, sans-serif;
  color: var(--text); background: var(--back); overflow-wrap: anywhere; }
a { color: var(--link); }
h1, h2 { line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.3rem; }
h2 small, .soft { color: var(--soft); font-weight: normal; font-size: .9rem; }
section { margin-top: 2rem; padding-top: 1.5rem; border-top: 1px solid var(--line); }
dl { display: grid; gap: .25rem 1rem; grid-template-columns: 9.5rem minmax(0, 1fr); margin: 0 0 1rem; }
dt { color: var(--soft); padding-top: .4rem; }
dd { margin: 0; }
pre { margin: 0; padding: .4rem .7rem; background: var(--box); border-radius: 6px; white-space: pre-wrap; }
pre code { display: block; padding-left: 1.5em; text-indent: -1.5em; }
code { font: .85rem/1.6 ui-monospace, monospace; }
table { width: 100%; border-collapse: collapse; margin-top: .5rem; font-size: .9rem; }
th, td { text-align: left; padding: .3rem .5rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td:first-child, th { white-space: nowrap; }
td:last-child, th:last-child { text-align: right; padding-right: 0; white-space: nowrap; }
summary { cursor: pointer; }
.yanked { text-decoration: line-through; }
@media (max-width: 40rem) { dl { grid-template-columns: minmax(0, 1fr); } dt { padding: .4rem 0 0; } }
"""


def render_site(pages: Sequence[ProjectPage], url: str) -> bytes:
    """The page at `url` (with a slash at its end); those of the simple index are in `simple/` below it."""
    index = f"{url}simple/"
    sections = "".join(_section(each, index) for each in pages)
    many = "".join(f'<li><a href="#{_text(each.name)}">{_text(each.name)}</a></li>\n' for each in pages)
    contents = f"<ul>\n{many}</ul>\n" if len(pages) > 1 else ""
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{GENERATOR}
<title>Python packages</title>
<style>
{_STYLE}</style>
</head>
<body>
<h1>Python packages</h1>
<p>The URL of this index is <code>{_text(index)}</code>, for <a href="simple/">pip, uv and Poetry</a>. Other
programs can read the <a href="simple/index.json">same as JSON</a>.</p>
{contents}{sections}<section>
<p class="soft">Static pages have no upload times, so <code>exclude-newer</code> of uv and
<code>uploaded-prior-to</code> of pip find nothing here. Use <code>publish-all serve</code> for them.
A new version can take ten minutes to appear.</p>
</section>
</body>
</html>
""".encode()


def _section(page: ProjectPage, index: str) -> str:
    by_version: dict[Version, list[IndexFile]] = {}
    for file in page.files:
        release = release_of(file.filename)
        if release is not None:
            by_version.setdefault(release[1], []).append(file)
    versions = sorted(by_version, reverse=True)
    newest = newest_of(page)
    lines = "" if newest is None else _install(page.name, newest, by_version[newest], index)
    rows = [_row(page.name, each, file) for each in versions for file in by_version[each]]
    shown = "all versions are yanked" if newest is None else str(newest)
    return f"""\
<section id="{_text(page.name)}">
<h2>{_text(page.name)} <small>{_text(shown)}</small></h2>
{lines}<details{" open" if len(rows) <= 6 else ""}>
<summary>Versions: {len(versions)}, files: {len(rows)}</summary>
<table>
<tr><th>Version</th><th>File</th><th>Size</th></tr>
{"".join(rows)}</table>
</details>
</section>
"""


def newest_of(page: ProjectPage) -> Version | None:
    """What installers choose: of the versions that are not yanked the newest, and a final one if there is one."""
    releases = (release_of(each.filename) for each in page.files if each.yanked is None)
    offered = (each[1] for each in releases if each is not None)
    return max(offered, key=lambda each: (not each.is_prerelease, each), default=None)


def _install(name: str, version: Version, files: Iterable[IndexFile], index: str) -> str:
    """The lines for each tool. None of them lets a namesake on PyPI take the place of the package."""
    pin, short = shlex.quote(f"{name}=={version}"), _short_name(index)
    python = next((file.requires_python for file in files if file.requires_python), None)
    at = shlex.quote(index)
    lines = {
        "pip": f"pip install --no-deps --index-url {at} {pin} && pip install {pin}",
        "uv": f"uv pip install --no-deps --default-index {at} {pin} && uv pip install {pin}",
        "uv, in a project": f"uv add --index {short}={at} {pin}",
        "Poetry": f"poetry source add --priority explicit {short} {at}\npoetry add --source {short} {pin}",
        "requirements.txt": f"--index-url {index}\n{name}=={version}",
    }
    notes = {
        "pip": "The second command installs the dependencies from PyPI. Add dependencies on this page to the first one.",
        "requirements.txt": "Use a separate file, and install it first with <code>pip install --no-deps -r</code>.",
    }
    return "".join(
        (
            f'<p class="soft">Python {_text(python)}</p>\n' if python else "",
            "<dl>\n",
            *(
                f"<dt>{tool}</dt><dd><pre>{_code(line)}</pre>"
                + (f'<span class="soft">{notes[tool]}</span>' if tool in notes else "")
                + "</dd>\n"
                for tool, line in lines.items()
            ),
            "</dl>\n",
        )
    )


def _row(project: str, version: Version, file: IndexFile) -> str:
    link = file.url if urlsplit(file.url).scheme else f"simple/{quote(project)}/{file.url}"
    yanked = ""
    if file.yanked is not None:
        yanked = f' <span class="soft">yanked{": " if file.yanked else ""}{_text(file.yanked)}</span>'
    style = ' class="yanked"' if file.yanked is not None else ""
    bytes_ = "" if file.size is None else size(file.size)
    date = f'<br><span class="soft">{_text(file.upload_time[:10])}</span>' if file.upload_time else ""
    link = f'<a{style} href="{_text(link)}">{_text(file.filename)}</a>'
    return f"<tr><td>{_text(str(version))}{date}</td><td>{link}{yanked}</td><td>{bytes_}</td></tr>\n"


def _short_name(index: str) -> str:
    """A name for the index in the files of uv and Poetry: the last part of its path, or the first of its host."""
    parts = urlsplit(index)
    above = parts.path.removesuffix("/simple/").rpartition("/")[2]
    name = re.sub(r"[^a-z0-9]+", "-", (above or (parts.hostname or "").partition(".")[0]).lower()).strip("-")
    return name or "site"


def _code(lines: str) -> str:
    # A block for each: long lines are wrapped, and one must be told from the next.
    return "".join(f"<code>{_text(each)}</code>" for each in lines.splitlines())


def _text(text: str) -> str:
    return html.escape(text)
