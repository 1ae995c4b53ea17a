"""Write a static index of repositories, for installers and for people.

    index.html                               for people
    simple/index.html, index.json            the projects
    simple/<project>/index.html, index.json  its files
    simple/<project>/<file>[.metadata]       those that clients can't fetch from the repository itself

Everything is read before anything is written. Each file is replaced whole, and what a page names is there before it.
"""

from __future__ import annotations

import html
import re
import shlex
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeAlias
from urllib.parse import quote, urlsplit

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from publish_all._own_files import replace_open
from publish_all._temporary import temporary_folder
from publish_all.commands.context import Runtime, project_of_files
from publish_all.commands.destinations import ConnectionOptions
from publish_all.commands.index import open_sources, project_names, published_names, releases_of
from publish_all.config.github_project import link_of_actions, link_of_git
from publish_all.config.kinds import LEGACY
from publish_all.config.model import ProjectConfig
from publish_all.diagnoses import RELEASE_NOT_THERE
from publish_all.distributions.distribution import release_of, sha256_of
from publish_all.errors import RepositoryError, UsageError
from publish_all.index.index_source import IndexSource, ServeError, fetch_file
from publish_all.reporting.text import size
from publish_all.repositories.directory import replace_file, replace_pages
from publish_all.repositories.repository import in_parallel
from publish_all.repositories.simple_pages import IndexFile, ProjectPage, merged, render_project, render_root

GENERATOR = '<meta name="generator" content="publish-all site">'
"""The mark of our pages, which may be replaced."""

_STYLE = """\
:root { color-scheme: light dark; --line: 1px solid rgb(127 127 127 / 40%); --box: rgb(127 127 127 / 13%); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem 4rem; font: 16px/1.5 system-ui, sans-serif;
  overflow-wrap: anywhere; }
h2 small, dt, .soft { font-weight: normal; font-size: .9rem; opacity: .75; }
section { margin-top: 2rem; padding-top: .5rem; border-top: var(--line); }
dl { display: grid; gap: .25rem 1rem; grid-template-columns: 9.5rem minmax(0, 1fr); }
dt { padding-top: .4rem; }
dd { margin: 0; }
pre { margin: 0; padding: .4rem .7rem; background: var(--box); border-radius: 6px; white-space: pre-wrap; }
pre code { display: block; padding-left: 1.5em; text-indent: -1.5em; }
code { font: .85rem/1.6 ui-monospace, monospace; }
table { width: 100%; border-collapse: collapse; margin-top: .5rem; font-size: .9rem; }
th, td { text-align: left; padding: .3rem .5rem .3rem 0; border-bottom: var(--line); vertical-align: top; }
td:first-child, td:last-child, th:last-child { white-space: nowrap; }
td:last-child, th:last-child { text-align: right; padding-right: 0; }
.yanked { text-decoration: line-through; }
@media (max-width: 40rem) { dl { grid-template-columns: minmax(0, 1fr); } }
"""


_Found: TypeAlias = list[tuple[IndexSource, ProjectPage]]


class SiteProject(NamedTuple):
    """One project of the site; `newest` is empty if all versions are yanked, `copied` are those of its files that are on the site itself."""

    project: str
    newest: str
    versions: int
    files: int
    copied: int


def write_site(
    directory: Path,
    folder: Path,
    names: Sequence[str],
    options: ConnectionOptions,
    *,
    url: str | None = None,
    own_credentials: bool = False,
) -> tuple[SiteProject, ...]:
    """Write the site into `folder`. `url` is where it will be, None for GitHub Pages of the project's repository.

    It has the projects in `names`, or all of the repositories; other projects are removed from it. Registries
    are read without a credential, unless `own_credentials`. Raises `PublishAllError`.
    """
    config = project_of_files(directory, optional=True)
    address = _address(url, config, options.runtime)
    _ensure_ours(folder)
    _, sources = open_sources(config, options, own=own_credentials)
    options.runtime.step("read", ", ".join(each.name for each in sources))
    published = published_names(config)
    made = make_site(sources, folder, address, names=project_names(names), published=published)
    options.runtime.note(f"the install commands use {address}; set another address with --url")
    return made


def make_site(
    sources: Sequence[IndexSource],
    folder: Path,
    address: str,
    *,
    names: Sequence[NormalizedName] = (),
    published: Sequence[NormalizedName] = (),
) -> tuple[SiteProject, ...]:
    """As `write_site`. Sources that do not tell their projects are asked for those that are `published`."""
    found = _read(sources, names, published)
    pages = {project: _joined(project, each) for project, each in found.items()}
    _write(folder, found, pages, address)
    return tuple(
        SiteProject(
            project,
            str(newest_of(page) or ""),
            len(page.versions),
            len(page.files),
            len(list(_on_site(page))),
        )
        for project, page in pages.items()
    )


def _address(url: str | None, config: ProjectConfig | None, runtime: Runtime) -> str:
    """Where the site will be, with a slash at the end. Raises `UsageError`."""
    if url is not None:
        if (problem := LEGACY.url_problem(url)) is not None:
            raise UsageError(f"--url: {problem}", hint="Use a URL like https://wheels.corp.example/")
        return url.rstrip("/").removesuffix("/simple") + "/"
    link = link_of_actions(runtime.environment)
    if link is None and config is not None:
        link = link_of_git(config.root, environment=runtime.environment, run=runtime.run)
    if (
        link is None
        or runtime.environment.get("GITHUB_SERVER_URL", "https://github.com") != "https://github.com"
    ):
        msg = "the address of the site is not known, but its page shows install commands"
        raise UsageError(msg, hint="Set it with --url, for example --url https://wheels.corp.example/")
    owner, _, repository = link.partition("/")
    host = f"{owner.lower()}.github.io"
    return f"https://{host}/" if repository.lower() == host else f"https://{host}/{repository}/"


def _ensure_ours(folder: Path) -> None:
    """Raise `UsageError` if the folder contains anything but a site of ours."""
    page = folder / "index.html"
    is_ours = page.is_file() and GENERATOR in page.read_text(encoding="utf-8", errors="replace")
    if not is_ours and (page.exists() or (folder / "simple").exists()):
        msg = f"{folder} contains files that `publish-all site` has not written"
        raise UsageError(msg, hint=f"Write the site to another folder, such as -o {folder / 'packages'}")


def _read(
    sources: Sequence[IndexSource], names: Sequence[NormalizedName], published: Sequence[NormalizedName]
) -> Mapping[NormalizedName, _Found]:
    """The files of each project in the sources by name.

    Raises `PublishAllError` for a source that cannot be read or is empty, because it may be misspelt, or not
    downloaded yet.
    """
    wanted = [(source, each) for source in sources for each in names or _listed(source, published)]

    def page(each: tuple[IndexSource, NormalizedName]) -> ProjectPage | None:
        source, project = each
        try:
            return source.page(project, None)
        except ServeError as error:
            if error.status == 404:
                return None
            if error.hidden and source.scope is not None:
                error.hint = (
                    "Registries are read without a credential. To use yours, and show these files to all readers of "
                    "the site, add --own-credentials"
                )
            raise

    found: dict[NormalizedName, _Found] = {}
    missing = dict.fromkeys((*names, *(each.name for each in sources)))
    for (source, project), each in zip(wanted, in_parallel(page, wanted), strict=True):
        if each is not None and (files := tuple(file for file in each.files if _is_usable(file, project))):
            found.setdefault(project, []).append((source, replace(each, files=files)))
            missing.pop(project, None)
            missing.pop(source.name, None)
    if missing:
        finding = RELEASE_NOT_THERE.found(
            f"no files found: {', '.join(missing)}; nothing was written",
            hint="Publish to it first, or remove it.",
        )
        raise RepositoryError(finding.message, hint=finding.hint, findings=(finding,))
    return dict(sorted(found.items()))


def _listed(source: IndexSource, published: Sequence[NormalizedName]) -> Sequence[NormalizedName]:
    try:
        return source.projects(None)
    except ServeError as error:
        if error.hidden and published:
            return published
        if error.hidden:
            names = "Add the names of packages, as in `publish-all site NAME`."
            error.hint = f"{names} {error.hint or ''}".strip()
        raise


def _is_usable(file: IndexFile, project: NormalizedName) -> bool:
    """Whether it is a distribution of the project, by a name without surprises, that clients or we can fetch."""
    release = release_of(file.filename)
    plain = quote(file.filename, safe="+!") == file.filename
    is_of_project = release is not None and release[0] == project
    return plain and is_of_project and bool(file.url or "sha256" in file.hashes)


def _joined(project: NormalizedName, found: _Found) -> ProjectPage:
    """One page, oldest version first, with addresses on the site for files that have none."""
    page = merged(each for _, each in found)
    known = [(release[1], file) for file in page.files if (release := release_of(file.filename)) is not None]
    known.sort(key=lambda pair: (pair[0], pair[1].filename))
    return replace(
        page,
        name=project,
        files=tuple(file if file.url else _local(file) for _, file in known),
        versions=tuple(dict.fromkeys(str(version) for version, _ in known)),
    )


def _local(file: IndexFile) -> IndexFile:
    metadata = file.core_metadata if file.core_metadata and "sha256" in file.core_metadata else None
    return replace(file, url=quote(file.filename), core_metadata=metadata)


def _on_site(page: ProjectPage) -> Iterable[IndexFile]:
    return (file for file in page.files if file.url == quote(file.filename))


def _write(
    folder: Path,
    found: Mapping[NormalizedName, _Found],
    pages: Mapping[NormalizedName, ProjectPage],
    address: str,
) -> None:
    simple = folder / "simple"
    people = render_site(tuple(pages.values()), address)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "index.html").exists():
        # After a run that was killed, the next one must know the folder as ours.
        replace_file(folder / "index.html", people)
    with temporary_folder(within=folder) as scratch:
        for project, page in pages.items():
            _write_project(simple / project, page, found[project], scratch)
    replace_pages(simple, render_root(tuple(pages)))
    replace_file(folder / "index.html", people)
    for each in simple.iterdir():
        if each.is_dir() and each.name not in pages:
            shutil.rmtree(each)


def _write_project(target: Path, page: ProjectPage, found: _Found, scratch: Path) -> None:
    """The files of a project that have no address elsewhere, and then its pages. Other files are removed."""
    target.mkdir(parents=True, exist_ok=True)
    source_of = {file.filename: source for source, one in reversed(found) for file in one.files}
    files = [*_on_site(page)]
    in_parallel(
        lambda file: _copy(canonicalize_name(page.name), file, source_of[file.filename], target, scratch),
        files,
    )
    replace_pages(target, render_project(page))
    listed = {"index.html", "index.json"}
    for file in files:
        listed |= {file.filename, f"{file.filename}.metadata"}
    for each in target.iterdir():
        if each.is_file() and each.name not in listed:
            each.unlink()


def _copy(project: NormalizedName, file: IndexFile, source: IndexSource, target: Path, scratch: Path) -> None:
    """Put a file and its metadata on the site, each checked by its hash. Those that are there are left alone."""
    parts = [(file.filename, file.hashes), (f"{file.filename}.metadata", file.core_metadata)]
    for name, hashes in parts:
        if hashes is None or ((target / name).is_file() and sha256_of(target / name) == hashes["sha256"]):
            continue
        fetched = fetch_file(source, project, file, scratch, metadata=name != file.filename)
        replace_open(fetched, target / name)


# --- the page for people: plain HTML and CSS without scripts; all text is escaped


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
    by_version = releases_of(page.files)
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
    offered = releases_of(each for each in page.files if each.yanked is None)
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
    rows = "".join(f"<dt>{tool}</dt><dd><pre>{_code(line)}</pre></dd>\n" for tool, line in lines.items())
    needs = f'<p class="soft">Python {_text(python)}</p>\n' if python else ""
    return f"""\
{needs}<dl>
{rows}</dl>
<p class="soft">The second command of pip installs the dependencies from PyPI. Add dependencies on this page to the first
one. Use a separate requirements file, and install it first with <code>pip install --no-deps -r</code>.</p>
"""


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
