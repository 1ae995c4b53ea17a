"""pip, uv and Poetry install from what `publish-all site` writes, behind a server like GitHub Pages.

It knows types by the ends of names only, sends HTML to all who ask, and has the site in a folder. Files of the second
source are assets of releases: their addresses redirect to another host.
"""

from __future__ import annotations

import hashlib
import html
import os
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from harness import hosts
from harness.environments import installed
from harness.install import TOOLS
from harness.install import install as install_with
from harness.process import make_venv, run
from harness.servers import PASSWORD, USER, Registry
from packaging.utils import NormalizedName, canonicalize_name
from served import github_at, program, static_index, wheel

from publish_all.commands.site import make_site
from publish_all.distributions.read import read_distribution
from publish_all.index.index_source import Visitor
from publish_all.repositories.simple_pages import IndexFile, ProjectPage

NAME = canonicalize_name("kindling-synapse")


class Pages(SimpleHTTPRequestHandler):
    """GitHub Pages as far as installers see it: no negotiation, no types for packages, 301 to a folder's slash."""

    extensions_map = {  # noqa: RUF012 - the base class declares no ClassVar, and nothing writes to it
        ".html": "text/html; charset=utf-8",
        ".json": "application/json; charset=utf-8",
        ".gz": "application/gzip",
        "": "application/octet-stream",
    }

    def log_message(self, *arguments: object) -> None:
        """Keep quiet."""


class Ranges(Pages):
    """The host of the assets, which gives parts of files."""

    def do_GET(self) -> None:
        stated = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        path = Path(self.translate_path(self.path))
        if stated is None or not path.is_file():
            super().do_GET()
            return
        content = path.read_bytes()
        first = int(stated[1]) if stated[1] else len(content) - int(stated[2])
        last = min(int(stated[2]), len(content) - 1) if stated[1] and stated[2] else len(content) - 1
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.send_header("Content-Length", str(last + 1 - first))
        self.end_headers()
        self.wfile.write(content[first : last + 1])

    def end_headers(self) -> None:
        self.send_header("Accept-Ranges", "bytes")
        super().end_headers()


class Redirects(BaseHTTPRequestHandler):
    """github.com: each asset is at another host."""

    elsewhere = ""

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", f"{self.elsewhere}{self.path}?sp=r&jwt=x")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815 - http.server looks up these names

    def log_message(self, *arguments: object) -> None:
        """Keep quiet."""


@pytest.fixture
def start() -> Iterator[Callable[..., str]]:
    started = []

    def start(handler: Callable[..., BaseHTTPRequestHandler], host: str = "127.0.0.1") -> str:
        server = ThreadingHTTPServer((host, 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started.append(server)
        return f"http://{host}:{server.server_address[1]}"

    yield start
    for each in started:
        each.shutdown()
        each.server_close()


@dataclass
class Assets:
    """A source whose files clients fetch themselves; `yanked` are filenames."""

    url: str
    files: list[Path]
    yanked: tuple[str, ...] = ()
    metadata: bool = True
    name: str = "releases"
    scope: None = None

    def projects(self, visitor: Visitor) -> tuple[NormalizedName, ...]:
        del visitor
        return (NAME,)

    def page(self, project: NormalizedName, visitor: Visitor) -> ProjectPage:
        del visitor
        return ProjectPage(name=project, files=tuple(map(self._listed, self.files)))

    def file(self, *arguments: object, **more: object) -> None:
        raise AssertionError("these are not copied")

    def ready(self) -> None:
        """It is."""

    def _listed(self, path: Path) -> IndexFile:
        read = read_distribution(path)
        return IndexFile(
            filename=path.name,
            url=f"{self.url}/o/r/releases/download/v{read.version}/{path.name}",
            hashes={"sha256": read.digests.sha256},
            core_metadata={"sha256": hashlib.sha256(read.core_metadata).hexdigest()}
            if self.metadata
            else None,
            yanked="broken" if path.name in self.yanked else None,
        )


@dataclass
class Site:
    """The site of a project, which `write` writes again with more versions."""

    folder: Path
    address: str
    assets: Assets
    host: Path

    def write(self, *versions: str, yanked: tuple[str, ...] = ()) -> None:
        self.assets.files = [wheel(self.host / f"v{each}", NAME, each) for each in versions]
        for path in self.assets.files:
            path.with_name(f"{path.name}.metadata").write_bytes(read_distribution(path).core_metadata)
        self.assets.yanked = yanked
        made = make_site([self.assets], self.folder, self.address)
        assert [(each.project, each.copied) for each in made] == [(NAME, 0)]

    @property
    def index(self) -> str:
        return f"{self.address}simple/"


@pytest.fixture(params=[Pages, Ranges])
def site(request: pytest.FixtureRequest, tmp_path: Path, start: Callable[..., str]) -> Site:
    storage = start(partial(request.param, directory=tmp_path / "storage"), "127.0.0.2")
    github = start(type("GitHub", (Redirects,), {"elsewhere": storage}))
    pages = start(partial(Pages, directory=tmp_path / "pages"))
    return Site(
        folder=tmp_path / "pages/kindling",
        address=f"{pages}/kindling/",
        assets=Assets(url=github, files=[]),
        host=tmp_path / "storage/o/r/releases/download",
    )


Install = Callable[[str, Site], str]


@pytest.fixture(params=TOOLS)
def install(request: pytest.FixtureRequest, tmp_path: Path, environment: dict[str, str]) -> Install:
    """Install a requirement, with nothing else than the site, and give the version that is there then."""
    return lambda requirement, site: install_with(
        request.param, requirement, site.index, tmp_path, environment, NAME
    )


def test_installs_assets_behind_a_redirect_and_sees_the_next_release(site: Site, install: Install) -> None:
    site.write("0.1.0")
    assert install("kindling-synapse", site) == "0.1.0"
    site.write("0.1.0", "0.2.0")
    assert install("kindling-synapse", site) == "0.2.0"


def test_installs_assets_without_metadata_beside_them(site: Site, install: Install) -> None:
    site.assets.metadata = False
    site.write("0.1.0")
    assert install("kindling-synapse", site) == "0.1.0"


def test_does_not_choose_a_yanked_release(site: Site, install: Install) -> None:
    site.write("0.1.0", "0.2.0", yanked=("kindling_synapse-0.2.0-py3-none-any.whl",))
    assert install("kindling-synapse", site) == "0.1.0"
    assert install("kindling-synapse==0.2.0", site) == "0.2.0"


def test_the_lines_of_the_page_install_copies_from_a_folder(
    tmp_path: Path, start: Callable[..., str], environment: dict[str, str]
) -> None:
    made = tmp_path / "made"
    folder = static_index(tmp_path / "index", wheel(made, "kindling-core", "1.0"), wheel(made, NAME, "0.1.0"))
    address = f"{start(partial(Pages, directory=tmp_path / 'pages'))}/kindling/"
    environment |= {
        "PUBLISH_ALL_REPOSITORIES_BOX_URL": str(folder),
        "PUBLISH_ALL_REPOSITORIES_BOX_KIND": "directory",
        "UV_CACHE_DIR": str(tmp_path / "uv"),
        "UV_FIND_LINKS": "",
        "PIP_FIND_LINKS": "",
    }
    output = tmp_path / "pages/kindling"
    command = [program(), "site", "-r", "box", "-o", output, "--url", address]
    run(command, cwd=tmp_path, environment=environment, check=True)
    lines = re.findall(r"<pre>(.*?)</pre>", (output / "index.html").read_text(encoding="utf-8"), re.DOTALL)
    shown = ("\n".join(re.findall("<code>(.*?)</code>", each)) for each in lines[5:])
    pip, uv, uv_add, poetry, requirements = map(html.unescape, shown)
    python = make_venv(tmp_path / "venv", environment)
    path = [python.parent, installed("dev", "uv").parent, hosts.poetry("newest", {}).program.parent]
    environment["PATH"] = os.pathsep.join([*map(str, path), os.environ["PATH"]])
    environment["VIRTUAL_ENV"] = str(tmp_path / "venv")
    (tmp_path / "own.txt").write_text(requirements)
    for lines in (pip, "pip install --no-deps -r own.txt", uv):
        run(["sh", "-ec", lines], cwd=tmp_path, environment=environment, check=True)
        run(["pip", "uninstall", "-y", NAME], cwd=tmp_path, environment=environment, check=True)
    for tool, lines in (("uv", uv_add), ("poetry", poetry)):
        project = tmp_path / f"{tool}-project"
        project.mkdir()
        (project / "pyproject.toml").write_text(
            '[project]\nname = "user"\nversion = "1"\nrequires-python = ">=3.10,<4"\ndependencies = []\n'
        )
        run(["sh", "-ec", lines], cwd=project, environment=environment, check=True)
        assert f"{address}simple" in (project / f"{tool}.lock").read_text(encoding="utf-8")


def test_copies_what_is_private_in_a_registry_with_your_own_credentials_only(
    registry_with_tokens: Registry, tmp_path: Path, environment: dict[str, str]
) -> None:
    file = wheel(tmp_path / "ours", NAME, "0.2.0")
    environment |= github_at(registry_with_tokens) | {"GITHUB_TOKEN": PASSWORD, "GITHUB_ACTOR": USER}
    run([program(), "publish", "-r", "github", file], cwd=tmp_path, environment=environment, check=True)
    output = tmp_path / "_site"
    command = [program(), "site", "-r", "github", NAME, "-o", output, "--url", "https://wheels.test/"]
    done = run(command, cwd=tmp_path, environment=environment)
    assert (done.returncode, output.exists()) == (1, False), done
    assert "--own-credentials" in done.stderr
    run([*command, "--own-credentials"], cwd=tmp_path, environment=environment, check=True)
    assert (output / "simple" / NAME / file.name).read_bytes() == file.read_bytes()
    assert (output / "simple" / NAME / f"{file.name}.metadata").is_file()
