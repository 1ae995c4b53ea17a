import io
import tarfile
import zipfile

import pytest

from publish_all.builders.compare import first_content_difference, first_difference


def wheel(path, *members):
    with zipfile.ZipFile(path, "w") as opened:
        for name, content, mode, year in members:
            info = zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0))
            info.external_attr = mode << 16
            opened.writestr(info, content)
    return path


def sdist(path, *members):
    with tarfile.open(path, "w:gz") as opened:
        for name, content, mode, time in members:
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(content), mode, time
            opened.addfile(info, io.BytesIO(content.encode()))
    return path


A, B = ("a", "x", 0o644, 2020), ("b", "x", 0o644, 2020)


@pytest.mark.parametrize(("make", "suffix"), [(wheel, "whl"), (sdist, "tar.gz")])
@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ((A, ("b", "y", 0o644, 2020)), "b has different content"),
        ((A, ("b", "x", 0o755, 2020)), "b has a different mode or time"),
        ((A,), "b is only in the first build"),
        ((A, B, ("c", "", 0o644, 2020)), "c is only in the second build"),
        ((B, A), "the files are equal, but are in a different order, or compressed or described differently"),
    ],
)
def test_names_the_first_member_that_differs(tmp_path, make, suffix, second, expected):
    one, other = make(tmp_path / f"1.{suffix}", A, B), make(tmp_path / f"2.{suffix}", *second)
    assert first_difference(one, other) == expected


def test_tells_times_and_what_is_outside_of_members(tmp_path):
    one = wheel(tmp_path / "1.whl", A)
    later = wheel(tmp_path / "2.whl", ("a", "x", 0o644, 2021))
    assert first_difference(one, later) == "a has a different mode or time"
    with zipfile.ZipFile(tmp_path / "3.whl", "w") as opened:
        opened.comment = b"other"
        info = zipfile.ZipInfo("a", (2020, 1, 1, 0, 0, 0))
        info.external_attr = 0o644 << 16
        opened.writestr(info, "x")
    assert "compressed or described differently" in (first_difference(one, tmp_path / "3.whl") or "")
    assert first_difference(one, one) is None


def test_takes_libraries_and_sboms_for_the_same_that_are_made_in_another_folder(tmp_path):
    one, other = (
        wheel(tmp_path / f"{each}.whl", ("demo/fast.so", f"\x7fELF{each}", 0o755, 2020))
        for each in ("1", "2")
    )
    assert first_content_difference(one, other) is None
    text = wheel(tmp_path / "3.whl", ("demo/fast.so", "no library", 0o755, 2020))
    sbom = "demo-1.dist-info/sboms/demo.cyclonedx.json"
    first, second = (wheel(tmp_path / f"{each}.whl", (sbom, each, 0o644, 2020)) for each in ("4", "5"))
    assert first_content_difference(first, second) is None
    assert (
        first_content_difference(one, text)
        == "demo/fast.so has different content in the wheel built from the sdist"
    )
