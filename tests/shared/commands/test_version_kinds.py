"""Releases of projects of all kinds: afterwards the source, the places, the tag and the build backend agree, or nothing was done."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from publish_all.commands.context import Runtime
from publish_all.commands.version import VersionOptions, VersionResult, version
from publish_all.errors import UsageError, VersionError

ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "T",
    "GIT_AUTHOR_EMAIL": "t@e.org",
    "GIT_COMMITTER_NAME": "T",
    "GIT_COMMITTER_EMAIL": "t@e.org",
}
DYNAMIC = '[project]\nname = "demo"\ndynamic = ["version"]\n'
STATIC = '[project]\nname = "demo"\nversion = "0.1.0"\n'
ASK = """\
import importlib, os, sys, tempfile
from publish_all._toml import loads
stated = loads(open("pyproject.toml").read()).get("build-system", {})
sys.path[:0] = [os.path.join(os.getcwd(), each) for each in stated.get("backend-path", ())]
module, _, attribute = stated.get("build-backend", "setuptools.build_meta:__legacy__").partition(":")
backend = importlib.import_module(module)
backend = getattr(backend, attribute) if attribute else backend
with tempfile.TemporaryDirectory() as folder:
    made = backend.prepare_metadata_for_build_wheel(folder)
    lines = open(os.path.join(folder, made, "METADATA")).read().splitlines()
print("version", next(each for each in lines if each.startswith("Version: "))[9:])
"""
# As setuptools-scm, versioneer and pbr do it: the version is what git says of the commit.
OF_TAG = """\
import os, subprocess

def prepare_metadata_for_build_wheel(folder, settings=None):
    match = ["--match", "PREFIX*"]
    said = subprocess.run(["git", "describe", "--tags", *match], capture_output=True, text=True).stdout.strip()
    text = said.removeprefix("PREFIX").replace("-", "+", 1).replace("-", ".") or "0"
    os.mkdir(os.path.join(folder, "demo.dist-info"))
    with open(os.path.join(folder, "demo.dist-info", "METADATA"), "w") as file:
        file.write("Metadata-Version: 2.1\\nName: demo\\nVersion: " + text + "\\n")
    return "demo.dist-info"
"""
IN_TREE = DYNAMIC + '[build-system]\nrequires = ["packaging"]\nbuild-backend = "made"\nbackend-path = ["."]\n'


def system(backend: str, *requires: str) -> str:
    return f'[build-system]\nbuild-backend = "{backend}"\nrequires = {list(requires)}\n'


HATCHLING = system("hatchling.build", "hatchling")
SETUPTOOLS = system("setuptools.build_meta", "setuptools")
FLIT = system("flit_core.buildapi", "flit_core")
PDM = system("pdm.backend", "pdm-backend")


@dataclass(frozen=True)
class Kind:
    """A project and, where a release writes, what says the version and what it says then."""

    name: str
    files: dict[str, str]
    says: dict[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


INIT = {"demo/__init__.py": '"""Demo."""\n__version__ = "0.1.0"  # set by hand\n'}
WRITTEN_INIT = {"demo/__init__.py": '"""Demo."""\n__version__ = "0.2.0"  # set by hand\n'}
EMPTY = {"demo/__init__.py": '"""Demo."""\n'}

KINDS = [
    Kind(
        "static [project]",
        {"pyproject.toml": HATCHLING + STATIC, **EMPTY},
        {"pyproject.toml": HATCHLING + STATIC.replace("0.1.0", "0.2.0")},
    ),
    Kind(
        "uv",
        {
            "pyproject.toml": system("uv_build", "uv_build") + STATIC,
            "src/demo/__init__.py": "",
        },
        {"pyproject.toml": system("uv_build", "uv_build") + STATIC.replace("0.1.0", "0.2.0")},
    ),
    Kind(
        "poetry's own table",
        {
            "pyproject.toml": system("poetry.core.masonry.api", "poetry-core")
            + '[tool.poetry]\nname = "demo"\nversion = "0.1.0"\ndescription = ""\nauthors = []\n',
            **EMPTY,
        },
        {
            "pyproject.toml": system("poetry.core.masonry.api", "poetry-core")
            + '[tool.poetry]\nname = "demo"\nversion = "0.2.0"\ndescription = ""\nauthors = []\n'
        },
    ),
    Kind(
        "our attribute",
        {
            "pyproject.toml": DYNAMIC
            + system("hatchling.build", "hatchling", "publish-all")
            + '[tool.hatch.version]\nsource = "publish-all"\n'
            '[tool.publish-all.version]\nsource = "attribute"\npath = "demo/__init__.py"\n',
            **INIT,
        },
        WRITTEN_INIT,
    ),
    Kind(
        "our tag",
        {
            "pyproject.toml": DYNAMIC
            + system("hatchling.build", "hatchling", "publish-all")
            + '[tool.hatch.version]\nsource = "publish-all"\n[tool.publish-all.version]\nsource = "git"\n',
            **EMPTY,
        },
    ),
    Kind(
        "an attribute that setuptools reads, too",
        {
            "pyproject.toml": DYNAMIC
            + SETUPTOOLS
            + '[tool.setuptools.dynamic]\nversion = { attr = "demo.__version__" }\n'
            '[tool.publish-all.version]\nsource = "attribute"\npath = "demo/__init__.py"\n',
            **INIT,
        },
        WRITTEN_INIT,
    ),
    Kind(
        "hatch: path",
        {"pyproject.toml": DYNAMIC + HATCHLING + '[tool.hatch.version]\npath = "demo/__init__.py"\n', **INIT},
        WRITTEN_INIT,
    ),
    Kind(
        "hatch: path, where a docstring looks like it",
        {
            "pyproject.toml": DYNAMIC + HATCHLING + '[tool.hatch.version]\npath = "demo/about.py"\n',
            "demo/__init__.py": "",
            "demo/about.py": '"""\n__version__ = "0.1.0"\n"""\n__version__ = "0.0.9"\n',
        },
        {"demo/about.py": '"""\n__version__ = "0.2.0"\n"""\n__version__ = "0.0.9"\n'},
    ),
    Kind(
        "hatch: pattern, in hatch.toml",
        {
            "pyproject.toml": DYNAMIC + HATCHLING,
            "hatch.toml": "[version]\npath = \"VERSION.txt\"\npattern = 'release (?P<version>\\S+)'\n",
            "VERSION.txt": "schema 0.1.0\nrelease 0.1.0\n",
            **EMPTY,
        },
        {"VERSION.txt": "schema 0.1.0\nrelease 0.2.0\n"},
    ),
    Kind(
        "hatch: code",
        {
            "pyproject.toml": DYNAMIC
            + HATCHLING
            + '[tool.hatch.version]\nsource = "code"\npath = "demo/_v.py"\nexpression = "RELEASE"\n',
            "demo/_v.py": 'RELEASE = ".".join(map(str, (0, 1, 0)))\n',
            **EMPTY,
        },
        {"demo/_v.py": 'RELEASE = ".".join(map(str, (0, 2, 0)))\n'},
    ),
    Kind(
        "setuptools: attr, in src",
        {
            "pyproject.toml": DYNAMIC
            + SETUPTOOLS
            + '[tool.setuptools.dynamic]\nversion = { attr = "demo.about.VERSION" }\n',
            "src/demo/__init__.py": "",
            "src/demo/about.py": "VERSION = (0, 1, 0)\n",
        },
        {"src/demo/about.py": "VERSION = (0, 2, 0)\n"},
    ),
    Kind(
        "setuptools: file",
        {
            "pyproject.toml": DYNAMIC
            + SETUPTOOLS
            + '[tool.setuptools.dynamic]\nversion = { file = ["VERSION"] }\n',
            "VERSION": "0.1.0\r\n",
            **EMPTY,
        },
        {"VERSION": "0.2.0\r\n"},
    ),
    Kind(
        "setup.cfg",
        {
            "pyproject.toml": SETUPTOOLS,
            "setup.cfg": "[flake8]\nversion = 9\n[metadata]\nname = demo\nversion = 0.1.0\n\n[x]\nversion = 1\n",
            **EMPTY,
        },
        {
            "setup.cfg": "[flake8]\nversion = 9\n[metadata]\nname = demo\nversion = 0.2.0\n\n[x]\nversion = 1\n"
        },
    ),
    Kind(
        "setup.cfg: attr",
        {
            "pyproject.toml": SETUPTOOLS,
            "setup.cfg": "[metadata]\nname = demo\nversion = attr: demo.__version__\n"
            "[options]\npackages = find:\npackage_dir =\n  = lib\n[options.packages.find]\nwhere = lib\n",
            "lib/demo/__init__.py": '__version__ = "0.1.0"\n',
        },
        {"lib/demo/__init__.py": '__version__ = "0.2.0"\n'},
    ),
    Kind(
        "setup.cfg: file",
        {
            "pyproject.toml": SETUPTOOLS,
            "setup.cfg": "[metadata]\nname = demo\nversion = file: demo/VERSION\n",
            "demo/VERSION": "0.1.0",
            **EMPTY,
        },
        {"demo/VERSION": "0.2.0"},
    ),
    Kind(
        "setup.py, and a module beside it",
        {
            "pyproject.toml": SETUPTOOLS + '[tool.publish-all.version]\nsync = ["demo/__init__.py"]\n',
            "setup.py": "from setuptools import setup\n\nsetup(name='demo', version='0.1.0')\n",
            **INIT,
        },
        {
            "setup.py": "from setuptools import setup\n\nsetup(name='demo', version='0.2.0')\n",
            **WRITTEN_INIT,
        },
    ),
    Kind(
        "setup.py with a name, and setup.cfg",
        {
            "pyproject.toml": SETUPTOOLS,
            "setup.py": 'import setuptools\nV = "0.1.0"\nsetuptools.setup(version=V)\n',
            "setup.cfg": "[metadata]\nname = demo\nversion: 0.1.0\n",
            **EMPTY,
        },
        {
            "setup.py": 'import setuptools\nV = "0.2.0"\nsetuptools.setup(version=V)\n',
            "setup.cfg": "[metadata]\nname = demo\nversion: 0.2.0\n",
        },
    ),
    Kind(
        "flit",
        {
            "pyproject.toml": '[project]\nname = "demo"\ndynamic = ["version", "description"]\n' + FLIT,
            **INIT,
        },
        WRITTEN_INIT,
    ),
    Kind(
        "flit: another module, and its version.py",
        {
            "pyproject.toml": '[project]\nname = "demo"\ndynamic = ["version", "description"]\n'
            + FLIT
            + '[tool.flit.module]\nname = "widget"\n',
            "src/widget/__init__.py": '"""Widget."""\nfrom .version import __version__\n',
            "src/widget/version.py": '__version__ = "0.1.0"\n',
        },
        {"src/widget/version.py": '__version__ = "0.2.0"\n'},
    ),
    Kind(
        "pdm: file",
        {
            "pyproject.toml": DYNAMIC
            + PDM
            + '[tool.pdm.version]\nsource = "file"\npath = "demo/__init__.py"\n',
            **INIT,
        },
        WRITTEN_INIT,
    ),
    Kind(
        "pdm: scm",
        {"pyproject.toml": DYNAMIC + PDM + '[tool.pdm.version]\nsource = "scm"\n', **EMPTY},
        tags=("0.1.0",),
    ),
    Kind(
        "a backend that asks git",
        {"pyproject.toml": IN_TREE, "made.py": OF_TAG.replace("PREFIX", "v")},
        tags=("v0.1.0",),
    ),
    Kind(
        "files of other ecosystems",
        {
            "pyproject.toml": STATIC
            + HATCHLING
            + '[tool.publish-all.version]\nsync = ["Cargo.toml", "js/package.json"]\n',
            "Cargo.toml": '[package]\nname = "demo"\nversion = "0.1.0"\n[dependencies]\nx = { version = "0.1.0" }\n',
            "js/package.json": '{"engines": {"version": "0.1.0"}, "version":"0.1.0"}',
            **EMPTY,
        },
        {
            "pyproject.toml": STATIC.replace("0.1.0", "0.2.0")
            + HATCHLING
            + '[tool.publish-all.version]\nsync = ["Cargo.toml", "js/package.json"]\n',
            "Cargo.toml": '[package]\nname = "demo"\nversion = "0.2.0"\n[dependencies]\nx = { version = "0.1.0" }\n',
            "js/package.json": '{"engines": {"version": "0.1.0"}, "version":"0.2.0"}',
        },
    ),
]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "checkout"


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def committed(root: Path, files: dict[str, str], tags: tuple[str, ...] = ()) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text.encode())
    (root / ".gitignore").write_text("*.egg-info/\n__pycache__/\n.pdm-build/\nbuild/\n")
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "work")
    for tag in tags:
        git(root, "tag", "-a", "-m", "x", tag)
    if tags:
        git(root, "commit", "--quiet", "--allow-empty", "-m", "more")


def contents(root: Path) -> dict[Path, bytes]:
    """All files but git's own and what backends leave behind."""
    names = git(root, "ls-files").splitlines()
    return {root / name: (root / name).read_bytes() for name in names}


def call(root: Path, **options: Any) -> VersionResult:
    return version(VersionOptions(directory=root, runtime=Runtime(home=root.parent), **options))


def backend_says(root: Path) -> str:
    path = os.pathsep.join((sysconfig.get_path("scripts"), os.environ["PATH"]))  # uv_build starts uv-build
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=root,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.rpartition("version ")[2].strip()


@pytest.mark.parametrize("kind", KINDS, ids=[each.name for each in KINDS])
def test_after_a_release_everybody_says_the_same(kind: Kind, root: Path) -> None:
    committed(root, kind.files, kind.tags)
    before = contents(root)
    assert call(root, release="0.2.0").released
    assert git(root, "status", "--porcelain") == ""
    assert git(root, "tag", "--points-at", "HEAD").removeprefix("v") == "0.2.0"
    expected = before | {root / name: text.encode() for name, text in kind.says.items()}
    assert contents(root) == expected
    checked = call(root, check=True)
    assert (checked.text, checked.findings) == ("0.2.0", ())
    assert backend_says(root) == "0.2.0"


def test_a_dry_run_writes_nothing_and_refuses_the_same(root: Path) -> None:
    committed(root, KINDS[6].files)
    before = contents(root)
    result = call(root, release="0.2.0", dry_run=True)
    assert [each.where for each in result.changed] == ["demo/__init__.py:2"]
    assert (contents(root), git(root, "tag")) == (before, "")
    (root / "demo/__init__.py").write_text("__version__ = str('0.1.0') + ''\n")
    git(root, "commit", "--quiet", "-am", "computed")
    with pytest.raises(VersionError):
        call(root, release="0.2.0", dry_run=True)


SET = ("poetry's own table", "hatch: path", "setup.py, and a module beside it", "flit", "pdm: file")


@pytest.mark.parametrize("name", SET)
def test_set_writes_what_a_release_writes(name: str, root: Path) -> None:
    kind = next(each for each in KINDS if each.name == name)
    committed(root, kind.files)
    (root / "untracked").touch()
    call(root, set_to="0.2.0")
    assert {name: (root / name).read_bytes().decode() for name in kind.says} == kind.says
    assert backend_says(root) == call(root).text == "0.2.0"


REFUSED = [
    (
        Kind(
            "setup.py reads it",
            {
                "pyproject.toml": SETUPTOOLS,
                "setup.py": "from setuptools import setup\n"
                "def read():\n    return open('V').read().split()[1]\n\nsetup(name='demo', version=read())\n",
                "V": "is 0.1.0",
                **EMPTY,
            },
        ),
        "setup.py:5: the version in setup() is not a literal",
    ),
    (
        Kind(
            "hatch runs code",
            {
                "pyproject.toml": DYNAMIC
                + HATCHLING
                + '[tool.hatch.version]\nsource = "code"\npath = "demo/v.py"\nexpression = "tell()"\n',
                "demo/v.py": "def tell():\n    return '0.1.0'\n",
                **EMPTY,
            },
        ),
        "demo/v.py: there is no tell()",
    ),
    (
        Kind(
            "setuptools: attr, in a folder of its own",
            {
                "pyproject.toml": DYNAMIC
                + SETUPTOOLS
                + '[tool.setuptools]\npackage-dir = { "demo" = "lib/widget" }\npackages = ["demo"]\n'
                '[tool.setuptools.dynamic]\nversion = { attr = "demo.__version__" }\n',
                "lib/widget/__init__.py": "__version__ = '0.1.0'\n",
            },
        ),
        "no file of the module 'demo'",
    ),
    (
        Kind(
            "setuptools: a computed attribute",
            {
                "pyproject.toml": DYNAMIC
                + SETUPTOOLS
                + '[tool.setuptools.dynamic]\nversion = { attr = "demo.V" }\n',
                "demo/__init__.py": "# demo\nV = '.'.join(str(len(each)) for each in ('', 'a', ''))\n",
            },
        ),
        "demo/__init__.py:2: ",
    ),
    (
        Kind(
            "pdm calls it",
            {
                "pyproject.toml": DYNAMIC
                + PDM
                + '[tool.pdm.version]\nsource = "call"\ngetter = "demo:tell"\n',
                "demo/__init__.py": "def tell():\n    return '0.1.0'\n",
            },
        ),
        "pyproject.toml: demo:tell is called for the version",
    ),
    (
        Kind(
            "a tag of another form",
            {"pyproject.toml": IN_TREE, "made.py": OF_TAG.replace("PREFIX", "release-")},
            tags=("release-0.1.0",),
        ),
        "the version would be 0.1.0+1.g",
    ),
    (
        Kind(
            "a backend that says what it likes",
            {
                "pyproject.toml": IN_TREE,
                "made.py": OF_TAG.replace("PREFIX", "").replace("text =", "text = '0.1.0' or"),
            },
        ),
        "the version would be 0.1.0 (build backend)",
    ),
    (
        Kind(
            "our attribute is not the backend's",
            {
                "pyproject.toml": DYNAMIC + HATCHLING + '[tool.hatch.version]\npath = "demo/other.py"\n'
                '[tool.publish-all.version]\nsource = "attribute"\npath = "demo/__init__.py"\n',
                "demo/other.py": '__version__ = "0.1.0"\n',
                **INIT,
            },
        ),
        "the build backend hatchling.build would use 0.1.0",
    ),
    (
        Kind(
            "a pattern that fits a dependency",
            {
                "pyproject.toml": STATIC
                + HATCHLING
                + '[tool.publish-all.version]\nsync = [{ path = "c.toml", pattern = \'version = "{version}"\' }]\n',
                "c.toml": 'version = "0.1.0"\n[x]\nversion = "3.0"\n',
                **EMPTY,
            },
        ),
        "c.toml: the pattern 'version = \"{version}\"' fits several versions: 0.1.0 in line 1, 3.0 in line 3",
    ),
]


@pytest.mark.parametrize("option", ["release", "set_to"])
@pytest.mark.parametrize(("kind", "message"), REFUSED, ids=[each.name for each, _ in REFUSED])
def test_what_would_not_agree_is_refused_before_anything_is_written(
    kind: Kind, message: str, option: str, root: Path
) -> None:
    committed(root, kind.files, kind.tags)
    head, tags = git(root, "rev-parse", "HEAD"), git(root, "tag")
    with pytest.raises((UsageError, VersionError)) as caught:
        call(root, **{option: "0.2.0"})
    if option == "release" or ".py:" in message:
        assert message in str(caught.value).replace(os.sep, "/")
    assert caught.value.hint
    assert git(root, "status", "--porcelain") == ""
    assert (git(root, "rev-parse", "HEAD"), git(root, "tag")) == (head, tags)


def test_a_tag_of_another_form_is_a_matter_of_the_prefix(root: Path) -> None:
    made = OF_TAG.replace("PREFIX", "release-")
    table = '[tool.publish-all.version]\ntag-prefix = "release-"\n'
    committed(root, {"pyproject.toml": IN_TREE + table, "made.py": made}, ("release-0.1.0",))
    assert call(root, release="0.2.0").released
    assert git(root, "tag", "--points-at", "HEAD") == "release-0.2.0"


def test_a_version_that_cargo_cannot_write_is_refused(root: Path) -> None:
    kind = KINDS[-1]
    committed(root, kind.files)
    with pytest.raises(
        VersionError, match=r"Cargo\.toml:3: 0\.2\.0\.post1 cannot be written as a semantic version"
    ):
        call(root, release="0.2.0.post1")
    call(root, release="0.2.0rc1")
    assert 'version = "0.2.0-rc.1"' in (root / "Cargo.toml").read_text()
    assert call(root, check=True).findings == ()


def test_a_release_in_a_subfolder_of_a_dirty_history(root: Path) -> None:
    """Tags of other projects, a submodule-less monorepo, a detached HEAD: the copy has them all."""
    committed(
        root, {f"python/{name}": text for name, text in KINDS[6].files.items()}, ("other-9.9", "v0.1.0")
    )
    git(root, "checkout", "--quiet", "--detach")
    assert call(root / "python", release="0.2.0").released
    assert backend_says(root / "python") == "0.2.0"
    assert git(root, "describe", "--tags", "--exact-match") == "v0.2.0"
