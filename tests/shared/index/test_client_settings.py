from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from publish_all._process import Completed
from publish_all.index.client_settings import (
    ClientSettings,
    client_settings,
    is_place,
    pip_settings,
    uv_files,
)

MIRROR = "https://mirror.example/simple"


def settings(
    pip: str = "",
    *,
    words: Sequence[str] = ("install",),
    files: Sequence[Path] = (),
    **environment: str,
) -> ClientSettings:
    """With what `pip config list` prints."""
    asked: list[tuple[str, ...]] = []

    def run(
        command: Sequence[str],
        *,
        cwd: Path,
        environment: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Completed:
        del cwd, environment, timeout
        asked.append(tuple(command))
        return Completed(0, pip, "")

    found = pip_settings(("pip",), words=words, environment=environment, cwd=Path(), run=run)
    assert asked == [("pip", "config", "list")]
    return client_settings(environment=environment, pip=found, uv_files=files)


def test_settings_of_pip_that_name_no_place_are_passed_on() -> None:
    said = (
        "global.index-url='https://a:b@mirror.example/simple'\n"
        "global.timeout='5'\n"
        "global.trusted-host='\\na.example\\nb.example'\n"
        "install.timeout='7'\n"
        "install.user='true'\n"
        "wheel.no-deps='true'\n"
        ":env:.cache-dir='/elsewhere'\n"
    )
    found = settings(said, PIP_CACHE_DIR="/cache", PIP_TIMEOUT="")
    assert found.variables == {
        "PIP_TIMEOUT": "7",
        "PIP_TRUSTED_HOST": "\na.example\nb.example",
        "PIP_USER": "true",
        "PIP_CACHE_DIR": "/cache",
    }
    assert found.mirror is not None
    assert found.mirror.value == "https://a:b@mirror.example/simple"


def test_what_is_not_passed_on_is_named() -> None:
    found = settings(
        "global.extra-index-url='https://u:secret@x.example/simple'\n", PIP_FIND_LINKS="/wheels", UV_INDEX="c"
    )
    assert found.others == ("extra-index-url in pip's configuration", "PIP_FIND_LINKS", "UV_INDEX")


def test_a_proxy_of_pip_and_no_index_are_known() -> None:
    found = settings("install.proxy='http://proxy:3128'\nglobal.no-index='yes'\n")
    assert found.proxies == dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://proxy:3128")
    assert found.closed
    assert found.variables == {}
    assert not settings("download.no-index='yes'\n").closed


@pytest.mark.parametrize(
    ("environment", "mirror"),
    [
        ({}, None),
        ({"PIP_INDEX_URL": MIRROR}, MIRROR),
        ({"PIP_INDEX_URL": MIRROR, "UV_INDEX_URL": "https://b.example/"}, "https://b.example/"),
        ({"UV_DEFAULT_INDEX": f"corp={MIRROR}"}, MIRROR),
        (
            {
                "UV_DEFAULT_INDEX": f"my-corp={MIRROR}",
                "UV_INDEX_MY_CORP_USERNAME": "u",
                "UV_INDEX_MY_CORP_PASSWORD": "p@",
            },
            "https://u:p%40@mirror.example/simple",
        ),
    ],
)
def test_the_index_that_variables_name_is_the_mirror(environment: dict[str, str], mirror: str | None) -> None:
    found = settings(**environment).mirror
    assert (found.value if found is not None else None) == mirror


def test_the_files_of_uv_are_merged_and_lose_what_names_places(tmp_path: Path) -> None:
    project, user = tmp_path / "pyproject.toml", tmp_path / "uv.toml"
    project.write_text(
        "[tool.uv]\nhttps-proxy = 'http://p:1'\nno-proxy = ['a', 'b']\nprerelease = 'allow'\npackage = false\nextra-index-url = ['https://x.example/']\n"
        "no-binary-package = ['a']\n[tool.uv.pip]\nno-index = true\ncompile-bytecode = true\n"
        "[tool.uv.sources]\nkindling = { index = 'corp' }\n"
    )
    user.write_text(
        f"prerelease = 'disallow'\nno-binary-package = ['b']\n[[index]]\nurl = '{MIRROR}'\ndefault = true\n"
    )
    found = settings(files=(project, user))
    assert found.uv == {
        "prerelease": "allow",
        "no-binary-package": ["a", "b"],
        "pip": {"compile-bytecode": True},
    }
    assert found.mirror is not None
    assert found.mirror.value == MIRROR
    assert found.closed
    assert found.others == (f"extra-index-url in {project}, {user}",)
    assert found.proxies == {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a,b"}


def test_finds_the_files_that_uv_would_read(tmp_path: Path) -> None:
    member = tmp_path / "work" / "packages" / "one"
    member.mkdir(parents=True)
    user = tmp_path / "user.toml"
    user.write_text("")
    root = tmp_path / "work" / "pyproject.toml"
    root.write_text("[tool.uv.workspace]\nmembers = ['packages/*']\n")
    (member / "pyproject.toml").write_text("[project]\nname = 'one'\n")

    def found(**environment: str) -> tuple[Path, ...]:
        return uv_files(
            environment={"XDG_CONFIG_DIRS": str(tmp_path), **environment}, folders=(member,), user=user
        )

    assert found()[:2] == (root, user)
    assert found(UV_NO_CONFIG="1") == ()
    assert found(UV_CONFIG_FILE="x.toml") == (Path("x.toml"),)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("PIP_EXTRA_INDEX_URL", True),
        ("PIP_extra-index-url", True),
        ("PIP_PYPI_URL", True),
        ("PIP_PROXY", True),
        ("PIP_CERT", False),
        ("UV_INDEX", True),
        ("uv_index", True),
        ("UV_INDEX_CORP_USERNAME", True),
        ("UV_NO_INDEX", True),
        ("UV_TORCH_BACKEND", True),
        ("UV_CACHE_DIR", False),
        ("UV_PUBLISH_URL", False),
        ("UV_PUBLISH_INDEX", False),
    ],
)
def test_knows_variables_that_name_places(name: str, place: bool) -> None:
    assert is_place(name) is place
