"""Wheels and sdists of popular projects, as PyPI took them: the checks have no error on any, and each warning is known."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin

import pytest
from packaging.version import Version

from publish_all.checks.all_checks import check_distribution
from publish_all.checks.opened import open_distribution
from publish_all.distributions.distribution import release_of
from publish_all.distributions.read import read_distribution
from publish_all.findings import Severity

INDEX = "https://pypi.org/simple/"
LARGEST = 30 << 20  # bytes of one file
MOST = 300 << 20  # bytes of all

WHEELS = [
    "requests",
    "urllib3",
    "certifi",
    "idna",
    "charset-normalizer",
    "packaging",
    "setuptools",
    "six",
    "numpy",
    "pandas",
    "pyyaml",
    "boto3",
    "botocore",
    "typing-extensions",
    "cryptography",
    "python-dateutil",
    "s3transfer",
    "pip",
    "wheel",
    "fsspec",
    "cffi",
    "pycparser",
    "pydantic",
    "pydantic-core",
    "attrs",
    "click",
    "jinja2",
    "markupsafe",
    "rsa",
    "pyasn1",
    "jmespath",
    "importlib-metadata",
    "zipp",
    "pytz",
    "tzdata",
    "colorama",
    "pluggy",
    "pytest",
    "tomli",
    "iniconfig",
    "platformdirs",
    "virtualenv",
    "filelock",
    "distlib",
    "wrapt",
    "rich",
    "pygments",
    "markdown-it-py",
    "mdurl",
    "sqlalchemy",
    "greenlet",
    "aiohttp",
    "yarl",
    "multidict",
    "frozenlist",
    "aiosignal",
    "async-timeout",
    "google-auth",
    "google-api-core",
    "googleapis-common-protos",
    "protobuf",
    "grpcio-status",
    "cachetools",
    "psutil",
    "pillow",
    "werkzeug",
    "flask",
    "itsdangerous",
    "blinker",
    "httpx",
    "httpcore",
    "h11",
    "anyio",
    "sniffio",
    "starlette",
    "fastapi",
    "uvicorn",
    "uvloop",
    "httptools",
    "websockets",
    "watchfiles",
    "python-dotenv",
    "docutils",
    "sphinx",
    "babel",
    "alabaster",
    "imagesize",
    "snowballstemmer",
    "requests-oauthlib",
    "oauthlib",
    "pyjwt",
    "bcrypt",
    "paramiko",
    "pynacl",
    "tqdm",
    "scikit-learn",
    "joblib",
    "threadpoolctl",
    "networkx",
    "sympy",
    "mpmath",
    "lxml",
    "beautifulsoup4",
    "soupsieve",
    "html5lib",
    "webencodings",
    "tornado",
    "jupyter-core",
    "traitlets",
    "ipython",
    "matplotlib-inline",
    "prompt-toolkit",
    "wcwidth",
    "pexpect",
    "ptyprocess",
    "decorator",
    "parso",
    "jedi",
    "executing",
    "asttokens",
    "stack-data",
    "pure-eval",
    "ipykernel",
    "jupyter-client",
    "nbformat",
    "nbconvert",
    "jsonschema",
    "jsonschema-specifications",
    "referencing",
    "rpds-py",
    "fastjsonschema",
    "mistune",
    "bleach",
    "tinycss2",
    "defusedxml",
    "django",
    "djangorestframework",
    "celery",
    "kombu",
    "vine",
    "billiard",
    "amqp",
    "redis",
    "gunicorn",
    "psycopg2-binary",
    "psycopg",
    "alembic",
    "mako",
    "black",
    "mypy",
    "mypy-extensions",
    "pathspec",
    "ruff",
    "flake8",
    "pycodestyle",
    "pyflakes",
    "mccabe",
    "isort",
    "pylint",
    "astroid",
    "tomlkit",
    "poetry",
    "poetry-core",
    "hatch",
    "hatchling",
    "twine",
    "keyring",
    "more-itertools",
    "build",
    "pyproject-hooks",
    "tox",
    "nox",
    "coverage",
    "pytest-cov",
    "pytest-xdist",
    "execnet",
    "hypothesis",
    "sortedcontainers",
    "faker",
    "factory-boy",
    "responses",
    "moto",
    "docker",
    "cmake",
    "ninja",
    "scikit-build-core",
    "meson",
    "meson-python",
    "pybind11",
    "cython",
    "maturin",
    "setuptools-scm",
    "hatch-vcs",
    "selenium",
    "scrapy",
    "twisted",
    "zope-interface",
    "pyopenssl",
    "service-identity",
    "orjson",
    "ujson",
    "msgpack",
    "msgspec",
    "simplejson",
    "ruamel-yaml",
    "toml",
    "pyparsing",
    "fonttools",
    "kiwisolver",
    "cycler",
    "contourpy",
    "matplotlib",
    "regex",
    "dill",
    "multiprocess",
    "xxhash",
    "huggingface-hub",
    "tokenizers",
    "safetensors",
    "openai",
    "tiktoken",
    "anthropic",
]
SDISTS = [
    "requests",
    "urllib3",
    "six",
    "pyyaml",
    "click",
    "jinja2",
    "flask",
    "django",
    "attrs",
    "pytest",
    "tox",
    "sphinx",
    "docutils",
    "cffi",
    "pycparser",
    "lxml",
    "simplejson",
    "markupsafe",
    "psutil",
    "wrapt",
    "zope-interface",
    "pluggy",
    "virtualenv",
    "tomlkit",
    "poetry-core",
    "hatchling",
    "setuptools",
    "pip",
    "wheel",
    "twine",
    "build",
    "networkx",
    "pexpect",
    "ptyprocess",
    "pycodestyle",
    "pyflakes",
    "mccabe",
    "gunicorn",
    "redis",
    "celery",
    "kombu",
    "mako",
    "alembic",
    "sqlalchemy",
    "bcrypt",
    "cython",
    "ninja",
    "kiwisolver",
    "msgpack",
    "regex",
    "cachetools",
    "bleach",
    "decorator",
]

# Why each is a warning: (code, project) -> what lies there.
KNOWN = {
    ("PA211", "cmake"): "a template for Windows projects, with a key that everybody knows",
    ("PA211", "flask"): "files that its tests read",
    ("PA211", "sphinx"): "files that its tests copy",
    ("PA211", "tomlkit"): "the .git file of a submodule, beside the tests that are in it",
    ("PA220", "docutils"): "links to its own style sheets, for its tests",
    ("PA226", "celery"): "keys for tests and an example",
    ("PA226", "gunicorn"): "keys for tests and an example",
    ("PA226", "moto"): "the key of a proxy on one's own machine, with its certificate",
    ("PA226", "requests"): "keys for tests",
    ("PA226", "sphinx"): "a key for tests",
    ("PA226", "tornado"): "a key for tests",
    ("PA226", "twisted"): "keys for tests",
    ("PA226", "urllib3"): "keys of the server for its tests, with their certificates",
}


class Listed(NamedTuple):
    version: Version
    url: str
    sha256: str
    size: int


@pytest.mark.real
@pytest.mark.parametrize(
    ("names", "suffix"), [(WHEELS, ".whl"), (SDISTS, ".tar.gz")], ids=["wheels", "sdists"]
)
def test_no_error_and_no_unknown_warning(names: list[str], suffix: str, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        files = [each for each in pool.map(fetcher(suffix, tmp_path), names) if each is not None]
    assert len(files) >= {".whl": 200, ".tar.gz": 50}[suffix]
    assert sum(each.stat().st_size for each in files) <= MOST
    assert not list(unknown(files))


def fetcher(suffix: str, folder: Path) -> Callable[[str], Path | None]:
    """Fetches the smallest file of the newest release; None where there is none that is small enough."""

    def fetch(name: str) -> Path | None:
        found = [each for each in listed(name, suffix) if not each.version.is_prerelease]
        newest = max((each.version for each in found), default=None)
        file = min(
            (each for each in found if each.version == newest), key=lambda each: each.size, default=None
        )
        if file is None or file.size > LARGEST:
            return None
        path = folder / file.url.rpartition("/")[2]
        with urllib.request.urlopen(file.url, timeout=120) as response:
            path.write_bytes(response.read())
        assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
        return path

    return fetch


def listed(name: str, suffix: str) -> Iterable[Listed]:
    request = urllib.request.Request(
        f"{INDEX}{name}/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        files: list[dict[str, Any]] = json.load(response)["files"]
    for each in files:
        release = release_of(each["filename"])
        if each["filename"].endswith(suffix) and release is not None and not each["yanked"]:
            url = urljoin(request.full_url, each["url"])
            yield Listed(release[1], url, each["hashes"]["sha256"], each["size"])


def unknown(files: Iterable[Path]) -> Iterable[str]:
    for path in files:
        distribution = read_distribution(path)
        for each in check_distribution(open_distribution(distribution, public=("pypi",), ours=False)):
            expected = each.severity is Severity.WARNING and (each.code, distribution.project) in KNOWN
            if each.severity is not Severity.NOTE and not expected:
                yield f"{path.name}: {each.code} {each.message}"
