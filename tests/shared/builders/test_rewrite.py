from __future__ import annotations

import csv
import io
import stat
import zipfile

import pytest

from publish_all.builders.rewrite import retagged
from publish_all.errors import BuildError
from publish_all.variants.variant import PlatformWheel, WheelTag

WHEEL = "Wheel-Version: 1.0\nGenerator: setuptools (80.9.0)\nRoot-Is-Purelib: true\nTag: py3-none-any\n\n"


@pytest.fixture
def make_wheel(tmp_path):
    def make(tag="py3-none-any"):
        path = tmp_path / f"demo-1.0-{tag}.whl"
        tool = zipfile.ZipInfo("demo/tool", (2020, 2, 2, 0, 0, 0))
        tool.external_attr = (stat.S_IFREG | 0o755) << 16
        tool.compress_type = zipfile.ZIP_DEFLATED
        record = (
            "demo/tool,sha256=abc,3\ndemo-1.0.dist-info/WHEEL,sha256=old,9\ndemo-1.0.dist-info/RECORD,,\n"
        )
        with zipfile.ZipFile(path, "w") as opened:
            opened.writestr(tool, "run")
            opened.writestr("demo-1.0.dist-info/WHEEL", WHEEL.replace("py3-none-any", tag))
            opened.writestr("demo-1.0.dist-info/RECORD", record)
        return path

    return make


def wheel(tag):
    return PlatformWheel(tag=WheelTag.parse(tag), where="tool.publish-all.wheels.TAG")


def test_name_wheel_and_record_change_and_nothing_else(make_wheel):
    old = make_wheel()
    new = retagged(old, wheel("2-py3-none-macosx_11_0_arm64.macosx_10_9_x86_64"), backend="setuptools")
    assert new.name == "demo-1.0-2-py3-none-macosx_11_0_arm64.macosx_10_9_x86_64.whl"
    assert [each.name for each in new.parent.iterdir()] == [new.name]
    with zipfile.ZipFile(new) as opened:
        assert opened.testzip() is None
        text = opened.read("demo-1.0.dist-info/WHEEL")
        assert text.decode().splitlines() == [
            "Wheel-Version: 1.0",
            "Generator: setuptools (80.9.0)",
            "Root-Is-Purelib: false",
            "Tag: py3-none-macosx_10_9_x86_64",
            "Tag: py3-none-macosx_11_0_arm64",
            "Build: 2",
        ]
        rows = {
            row[0]: row[1:]
            for row in csv.reader(io.StringIO(opened.read("demo-1.0.dist-info/RECORD").decode()))
        }
        assert rows["demo/tool"] == ["sha256=abc", "3"]
        assert rows["demo-1.0.dist-info/WHEEL"][1] == str(len(text))
        tool = opened.getinfo("demo/tool")
        assert stat.S_IMODE(tool.external_attr >> 16) == 0o755
        assert (tool.date_time, tool.compress_type) == ((2020, 2, 2, 0, 0, 0), zipfile.ZIP_DEFLATED)


@pytest.mark.parametrize(
    ("compiled", "stated"),
    [
        ("cp311-cp311-linux_x86_64", "cp311-cp311-manylinux_2_28_x86_64"),
        ("cp311-cp311-linux_aarch64", "1-cp311-cp311-musllinux_1_2_aarch64"),
        ("cp310-abi3-macosx_11_0_arm64", "cp310-abi3-macosx_12_0_arm64"),
        ("cp311-cp311-win_amd64", "cp311-cp311-win_amd64"),
    ],
)
def test_a_compiled_wheel_gets_a_name_that_fits(make_wheel, compiled, stated):
    assert (
        retagged(make_wheel(compiled), wheel(stated), backend="setuptools").name == f"demo-1.0-{stated}.whl"
    )


@pytest.mark.parametrize(
    ("compiled", "stated"),
    [
        ("cp311-cp311-linux_x86_64", "cp311-cp311-manylinux_2_28_aarch64"),
        ("cp311-cp311-linux_x86_64", "cp311-cp311-macosx_11_0_x86_64"),
        ("cp311-cp311-linux_x86_64", "cp312-cp312-linux_x86_64"),
        ("cp311-cp311-linux_x86_64", "cp311-abi3-linux_x86_64"),
        ("cp311-cp311-linux_x86_64", "py3-none-any"),
        ("cp311-cp311-win_amd64", "cp311-cp311-win32"),
    ],
)
def test_a_compiled_wheel_is_not_given_out_for_what_it_is_not(make_wheel, compiled, stated):
    old = make_wheel(compiled)
    with pytest.raises(BuildError, match="built a wheel for") as caught:
        retagged(old, wheel(stated), backend="setuptools 80")
    assert "tool.publish-all.wheels.TAG" in caught.value.message
    assert old.exists()
