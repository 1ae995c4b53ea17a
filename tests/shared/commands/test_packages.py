"""For which machine dependencies are downloaded, and by which program."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from publish_all.commands import exec as command
from publish_all.commands.context import Runtime
from publish_all.commands.destinations import ConnectionOptions
from publish_all.commands.index import IndexOptions
from publish_all.commands.packages import fetch_dependencies, parse_target
from publish_all.errors import PublishAllError, UsageError


def test_no_machine_is_named():
    assert parse_target(None, None) is None


@pytest.mark.parametrize(
    ("platform", "uv", "tags"),
    [
        (
            "manylinux_2_28_x86_64",
            "x86_64-manylinux_2_28",
            {"manylinux_2_28_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64", "linux_x86_64"},
        ),
        ("manylinux2014_aarch64", "aarch64-manylinux_2_17", {"manylinux_2_17_aarch64"}),
        ("manylinux_2_24_x86_64", "x86_64-manylinux_2_17", {"manylinux_2_24_x86_64"}),
        ("manylinux_2_39_x86_64", "x86_64-manylinux_2_39", {"manylinux_2_39_x86_64"}),
        ("musllinux_1_2_x86_64", "x86_64-unknown-linux-musl", {"musllinux_1_1_x86_64"}),
        ("macosx_14_0_arm64", "aarch64-apple-darwin", {"macosx_14_0_arm64"}),
        ("win_amd64", "x86_64-pc-windows-msvc", {"win_amd64"}),
    ],
)
def test_a_machine_is_told_by_the_newest_tag_that_it_takes(platform, uv, tags):
    target = parse_target(platform, "3.11")
    assert target.uv == uv
    assert tags <= set(target.tags)
    assert not any(each.startswith("manylinux2014") for each in target.tags if "musl" in platform)


@pytest.mark.parametrize(
    ("platform", "python"),
    [
        ("manylinux_2_28_x86_64", None),
        (None, "3.11"),
        ("linux_x86_64", "3.11"),
        ("manylinux_2_28_ppc64le", "3.11"),
        ("win32", "3.11"),
        ("win_amd64", "3"),
    ],
)
def test_half_a_machine_is_refused(platform, python):
    with pytest.raises(UsageError, match="are not a complete platform"):
        parse_target(platform, python)


def test_uv_brings_pip_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[tuple[str, ...]] = []

    def execute(words: tuple[str, ...], *_: object) -> int:
        seen.append(words)
        return 2

    monkeypatch.setattr(command, "find_pip", lambda _: None)
    monkeypatch.setattr(command, "execute", execute)
    uv = tmp_path / "bin" / ("uv.exe" if os.name == "nt" else "uv")
    uv.parent.mkdir()
    uv.touch(mode=0o755)
    options = IndexOptions(
        directory=tmp_path,
        connection=ConnectionOptions(runtime=Runtime(environment={"PATH": str(uv.parent)}, home=tmp_path)),
    )
    with pytest.raises(PublishAllError, match=r"uv cannot download the dependencies \(exit code 2\)"):
        fetch_dependencies(options, ["a==1"], tmp_path / "d", None)
    assert Path(seen[0][0]) == uv
    assert seen[0][1:6] == ("tool", "run", "--python", sys.executable, "pip")
    assert seen[0][-1] == "a==1"
