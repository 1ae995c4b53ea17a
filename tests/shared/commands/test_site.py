"""What `publish-all site` writes, and when it writes nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from packaging.utils import NormalizedName, canonicalize_name

# For `index_fakes`, which is no test and so is not collected.
sys.path.insert(0, str(Path(__file__).parents[1] / "index"))

from index_fakes.files import wheel
from index_fakes.source import FakeSource

from publish_all.commands.context import Runtime
from publish_all.commands.destinations import ConnectionOptions
from publish_all.commands.site import make_site, render_site, write_site
from publish_all.config.folders import Folders, HostFolders
from publish_all.config.kinds import DIRECTORY
from publish_all.config.model import RepositoryConfig
from publish_all.distributions.distribution import Release
from publish_all.distributions.read import read_distribution
from publish_all.errors import PublishAllError, UsageError
from publish_all.index.index_source import IndexSource, ServeError, Visitor
from publish_all.repositories.directory import DirectoryRepository
from publish_all.repositories.simple_pages import IndexFile, ProjectPage, parse_project

ADDRESS = "https://sep.test/kindling/"
WHEEL = "kindling-0.2.0-py3-none-any.whl"
OLD = "kindling-0.1.0.tar.gz"


@dataclass
class Linked:
    """A source whose files have addresses of their own."""

    files: tuple[IndexFile, ...]
    name: str = "releases"
    scope: None = None

    def projects(self, visitor: Visitor) -> tuple[NormalizedName, ...]:
        del visitor
        return (canonicalize_name("kindling"),)

    def page(self, project: NormalizedName, visitor: Visitor) -> ProjectPage | None:
        del visitor
        return ProjectPage(name=project, files=self.files) if project == "kindling" else None

    def file(self, *arguments: object, **more: object) -> None:
        raise AssertionError("these are not copied")

    def ready(self) -> None:
        """It is."""


@dataclass
class Silent(FakeSource):
    """A registry that does not list its packages."""

    private: tuple[str, ...] = ()
    told: ServeError = field(default_factory=lambda: ServeError("no catalog", status=401))

    def projects(self, visitor: Visitor) -> tuple[NormalizedName, ...]:
        raise self.told

    def page(self, project: NormalizedName, visitor: Visitor) -> ProjectPage | None:
        if project in self.private:
            raise ServeError(f"{project} is private", status=403)
        return super().page(project, visitor)


@pytest.fixture
def source() -> FakeSource:
    return FakeSource(
        files={"kindling": {WHEEL: b"wheel" * 500, OLD: b"sdist"}, "tinder": {"tinder-1.tar.gz": b"t"}},
        metadata_of={WHEEL: b"Metadata-Version: 2.1\n"},
    )


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "_site"


def files_of(folder: Path) -> set[str]:
    return {each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()}


def make(out: Path, *sources: IndexSource, names: Iterable[str] = (), published: Iterable[str] = ()) -> None:
    make_site(
        sources,
        out,
        ADDRESS,
        names=tuple(map(canonicalize_name, names)),
        published=tuple(map(canonicalize_name, published)),
    )


def test_copies_files_and_writes_pages_for_installers_and_people(source: FakeSource, out: Path) -> None:
    source.yanked = {WHEEL: "broken <b>"}
    make(out, source)
    assert files_of(out) == {
        "index.html",
        "simple/index.html",
        "simple/index.json",
        "simple/kindling/index.html",
        "simple/kindling/index.json",
        f"simple/kindling/{OLD}",
        f"simple/kindling/{WHEEL}",
        f"simple/kindling/{WHEEL}.metadata",
        "simple/tinder/index.html",
        "simple/tinder/index.json",
        "simple/tinder/tinder-1.tar.gz",
    }
    page = (out / "simple/kindling/index.html").read_bytes()
    old, new = parse_project(page, content_type="text/html", url="").files
    assert (old.url, new.url, new.yanked, new.requires_python) == (OLD, WHEEL, "broken <b>", ">=3.9")
    assert new.core_metadata
    assert (out / f"simple/kindling/{WHEEL}").read_bytes() == b"wheel" * 500
    assert json.loads((out / "simple/kindling/index.json").read_bytes())["versions"] == ["0.1.0", "0.2.0"]
    people = (out / "index.html").read_text()
    assert "pip install --no-deps --index-url https://sep.test/kindling/simple/ kindling==0.1.0" in people
    assert "yanked: broken &lt;b&gt;" in people


def test_links_files_that_have_an_address(source: FakeSource, out: Path) -> None:
    url = f"https://github.test/o/r/releases/download/v0.3.0/{WHEEL}"
    file = IndexFile(filename=WHEEL, url=url, hashes={"sha256": "0" * 64})
    make(out, Linked(files=(file,)), source)
    page = (out / "simple/kindling/index.html").read_text()
    assert f'href="{url}#sha256={"0" * 64}"' in page
    assert not (out / "simple/kindling" / WHEEL).exists()
    assert (out / "simple/kindling" / OLD).is_file()
    assert f'href="{url}"' in (out / "index.html").read_text()


def test_the_second_run_removes_what_is_gone_and_fetches_nothing_again(source: FakeSource, out: Path) -> None:
    make(out, source)
    source.opened.clear()
    del source.files["tinder"], source.files["kindling"][OLD]
    make(out, source)
    assert source.opened == []
    assert files_of(out / "simple") == {
        "index.html",
        "index.json",
        "kindling/index.html",
        "kindling/index.json",
        f"kindling/{WHEEL}",
        f"kindling/{WHEEL}.metadata",
    }


@pytest.mark.parametrize("status", [401, 502])
def test_a_source_that_fails_leaves_the_site_as_it_is(source: FakeSource, out: Path, status: int) -> None:
    make(out, source)
    before = {each: each.read_bytes() for each in out.rglob("*") if each.is_file()}
    source.trouble = ServeError("down", status=status)
    with pytest.raises(PublishAllError):
        make(out, Linked(files=(IndexFile(filename=WHEEL, url="https://x.test/"),)), source)
    assert {each: each.read_bytes() for each in out.rglob("*") if each.is_file()} == before


def test_never_writes_an_empty_index(source: FakeSource, out: Path) -> None:
    make(out, source)
    source.files = {}
    with pytest.raises(PublishAllError, match="no files found: fake; nothing was written"):
        make(out, source)
    with pytest.raises(PublishAllError, match="no files found: flint, fake"):
        make(out, source, names=["flint"])
    assert (out / "simple/tinder/index.html").is_file()


def test_a_site_of_named_projects_has_no_others(source: FakeSource, out: Path) -> None:
    make(out, source)
    make(out, source, names=["Kindling"])
    assert "tinder/" not in (out / "simple/index.html").read_text()
    assert not (out / "simple/tinder").exists()
    assert "kindling==0.2.0" in (out / "index.html").read_text()


def test_a_registry_without_a_list_is_asked_for_what_the_project_publishes(out: Path) -> None:
    silent = Silent(files={"kindling": {OLD: b"x"}}, private=("kindling-internal",))
    with pytest.raises(PublishAllError, match="no catalog") as asked_for:
        make(out, silent)
    assert "publish-all site NAME" in (asked_for.value.hint or "")
    make(out, silent, published=["kindling", "kindling-new"])
    assert (out / "simple/kindling" / OLD).is_file()
    for asked in ({"names": ["kindling-internal"]}, {"published": ["kindling-internal"]}):
        with pytest.raises(PublishAllError, match="kindling-internal is private") as raised:
            make(out, silent, **asked)
        assert "--own-credentials" in (raised.value.hint or "")


def test_leaves_out_files_with_the_names_of_others(source: FakeSource, out: Path) -> None:
    odd = ("kindling-1-1/../../../x-py3-none-any.whl", "tinder-1.tar.gz", "notes.txt")
    source.files["kindling"] |= dict.fromkeys(odd, b"odd")
    make(out, source)
    listed = parse_project(
        (out / "simple/kindling/index.html").read_bytes(), content_type="text/html", url=""
    )
    assert {each.filename for each in listed.files} == {WHEEL, OLD}


def test_a_copy_with_other_bytes_than_listed_is_an_error(source: FakeSource, out: Path) -> None:
    listed = source.page(canonicalize_name("tinder"), None)
    assert listed is not None
    source.page = lambda *_: listed  # type: ignore[method-assign,assignment]  # the fake lists these bytes, and has others
    source.files = {"tinder": {"tinder-1.tar.gz": b"other"}}
    with pytest.raises(PublishAllError, match="other bytes"):
        make(out, source)
    assert not (out / "simple/tinder/index.html").exists()


def test_the_page_for_people_escapes_what_it_shows() -> None:
    file = IndexFile(filename=OLD, url='https://x.test/"><script>', requires_python="<b>", upload_time="<i>")
    page = render_site([ProjectPage(name="<kindling>", files=(file,))], ADDRESS).decode()
    assert "<script" not in page
    assert "<b>" not in page
    assert "<i>" not in page
    assert "<kindling>" not in page


@pytest.fixture
def options(tmp_path: Path) -> ConnectionOptions:
    home = tmp_path / "home"
    names = ("poetry", "hatch", "uv", "pdm", "pypirc")
    folders = Folders(config=home / "config.toml", data=home, hosts=HostFolders(**dict.fromkeys(names, home)))
    runtime = Runtime(environment={"GITHUB_REPOSITORY": "Sep/kindling"}, home=home, folders=folders)
    return ConnectionOptions(repositories=("local",), runtime=runtime)


def test_does_not_write_over_what_is_not_a_site_of_ours(tmp_path: Path, options: ConnectionOptions) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "index.html").write_text("<h1>Docs</h1>")
    with pytest.raises(UsageError, match="contains files") as raised:
        write_site(tmp_path, docs, (), options)
    assert f"-o {docs / 'packages'}" in (raised.value.hint or "")
    other = tmp_path / "other"
    (other / "simple").mkdir(parents=True)
    with pytest.raises(UsageError, match="contains files"):
        write_site(tmp_path, other, (), options)
    with pytest.raises(UsageError, match="--url"):
        write_site(tmp_path, docs, (), options, url="ftp://x")


def test_the_address_is_that_of_github_pages(tmp_path: Path, out: Path, options: ConnectionOptions) -> None:
    path = tmp_path / "kindling_synapse-0.2.0-py3-none-any.whl"
    path.write_bytes(wheel())
    repository = DirectoryRepository(
        RepositoryConfig(name="local", kind=DIRECTORY, url=str(tmp_path / "home/index"))
    )
    file = read_distribution(path)
    repository.upload(file)
    repository.commit(Release(project=file.project, version=file.version, distributions=(file,)))
    (made,) = write_site(tmp_path, out, (), options)
    assert (made.newest, made.copied) == ("0.2.0", 1)
    for reason, newest in (("broken", ""), (None, "0.2.0")):
        repository.yank(file.project, file.version, reason)
        assert write_site(tmp_path, out, (), options)[0].newest == newest
    people = (out / "index.html").read_text()
    assert "uv add --index kindling=https://sep.github.io/kindling/simple/ kindling-synapse==0.2.0" in people
    write_site(tmp_path, out, (), options, url="https://wheels.corp.example/simple/")
    assert (
        "poetry source add --priority explicit wheels https://wheels.corp.example/simple/"
        in (out / "index.html").read_text()
    )
