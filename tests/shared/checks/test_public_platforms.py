"""What PyPI takes, each beside lookalikes that it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from publish_all.checks.opened import open_distribution
from publish_all.checks.wheel import check_tag

PAIRS = [
    ("any", "anyy"),
    ("win_amd64", "win_x86_64"),
    ("win_arm64", "win_arm32"),
    ("win32", "win64"),
    ("win_ia64", "win_ia32"),
    ("linux_armv7l", "linux_aarch64"),
    ("linux_armv6l", "linux_x86_64"),
    ("manylinux1_i686", "manylinux1_aarch64"),
    ("manylinux2010_x86_64", "manylinux2010_s390x"),
    ("manylinux2014_ppc64", "manylinux2014_riscv64"),
    ("manylinux2014_aarch64", "manylinux2024_aarch64"),
    ("manylinux_2_28_x86_64", "manylinux_2_x86_64"),
    ("manylinux_2_39_riscv64", "manylinux_2_39_loongarch64"),
    ("manylinux_2_17_ppc64", "musllinux_1_2_ppc64"),
    ("musllinux_1_2_x86_64", "musllinux_1_x86_64"),
    ("macosx_10_9_x86_64", "macosx_9_10_x86_64"),
    ("macosx_10_16_universal2", "macosx_10_16_universal3"),
    ("macosx_11_0_arm64", "macosx_11_1_arm64"),
    ("macosx_15_0_x86_64", "macosx_16_0_x86_64"),
    ("macosx_26_0_arm64", "macosx_25_0_arm64"),
    ("macosx_26_0_universal2", "macosx_26_1_universal2"),
    ("macosx_12_0_fat3", "macosx_12_0_fat32"),
    ("macosx_14_0_arm64", "macosx_14_0_aarch64"),
    ("macosx_14_0_x86_64", "macosx_14_00_x86_64"),
    ("ios_13_0_arm64_iphoneos", "ios_13_0_arm64"),
    ("ios_13_0_x86_64_iphonesimulator", "ios_13_0_i386_iphonesimulator"),
    ("android_24_arm64_v8a", "android_24_aarch64"),
    ("android_21_armeabi_v7a", "android_21_0_armeabi_v7a"),
    ("pyemscripten_2025_0_wasm32", "emscripten_3_1_58_wasm32"),
    ("any", "solaris_2_11_x86_64"),
]


@pytest.fixture
def hints(make_wheel):
    """What is said about a wheel for a platform that PyPI refuses; nothing about others."""

    def hints(platform):
        opened = open_distribution(make_wheel(), public=("pypi",))
        tagged = replace(opened, distribution=replace(opened.distribution, tag=f"py3-none-{platform}"))
        return [each.hint for each in check_tag(tagged)]

    return hints


@pytest.mark.parametrize(("taken", "refused"), PAIRS)
def test_a_platform_is_taken_and_its_lookalike_is_not(hints, taken, refused):
    assert hints(taken) == []
    assert len(hints(refused)) == 1
