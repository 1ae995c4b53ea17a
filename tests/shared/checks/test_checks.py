"""The checks of distributions, each beside a near lookalike that must not trigger it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest

from publish_all.checks.all_checks import check_across_files, check_distribution
from publish_all.checks.opened import open_distribution
from publish_all.distributions.distribution import Distribution
from publish_all.findings import Severity

METADATA = """\
Metadata-Version: 2.1
Name: demo
Version: 1.0
Summary: A demo
Description-Content-Type: text/markdown

# Demo
"""
PUBLIC = ("pypi",)
PRIVATE = ()


MakeWheel = Callable[..., Distribution]


def codes(
    distribution: Distribution, public: tuple[str, ...] = PUBLIC, *, private: bool = False
) -> list[str]:
    opened = open_distribution(distribution, public=public, private=private)
    return [each.slug for each in check_distribution(opened)]


def test_finds_nothing_in_a_good_wheel(make_wheel: MakeWheel) -> None:
    assert codes(make_wheel()) == []


def test_finds_a_file_that_is_not_in_record(make_wheel: MakeWheel) -> None:
    found = check_distribution(open_distribution(make_wheel(extra={"demo/late.py": b""}), public=PUBLIC))
    assert [(each.code, each.message) for each in found] == [("PA202", "demo/late.py is not in RECORD")]


def test_finds_a_file_that_was_changed_after_the_build(make_wheel: MakeWheel) -> None:
    wheel = make_wheel(record=lambda text: text.replace(b",6", b",7"))
    assert codes(wheel) == ["record-mismatch"]


def test_finds_a_record_row_without_a_file(make_wheel: MakeWheel) -> None:
    assert codes(make_wheel(record=lambda text: text + b"demo/gone.py,sha256=xxx,1\n")) == ["record-mismatch"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("demo/.env", ["forbidden-file"]),
        ("demo/.env.production", ["forbidden-file"]),
        ("demo/.env.example", []),
        ("demo/environment.py", []),
        ("demo/.git/config", ["forbidden-file"]),
        ("demo/.gitignore", []),
        ("demo/id_rsa", ["forbidden-file"]),
        ("demo/id_rsa.py", []),
    ],
)
def test_finds_files_that_must_not_be_shipped(make_wheel: MakeWheel, name: str, expected: list[str]) -> None:
    assert codes(make_wheel(files={"demo/__init__.py": b"", name: b"x"})) == expected


@pytest.mark.parametrize("name", ["/etc/passwd", "demo/../../escape.py", "demo\\windows.py"])
def test_finds_unsafe_paths(make_wheel: MakeWheel, name: str) -> None:
    assert "unsafe-path" in codes(make_wheel(files={"demo/__init__.py": b"", name: b"x"}))


def test_finds_a_wheel_that_installs_nothing(make_wheel: MakeWheel) -> None:
    assert codes(make_wheel(files={})) == ["empty-wheel"]


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("py3-none-linux_x86_64", ["unsupported-wheel-tag"]),
        ("py3-none-manylinux_2_28_x86_64", []),
        ("py3-none-manylinux1_x86_64.manylinux_2_5_x86_64", []),
        ("py3-none-macosx_11_0_arm64", []),
        ("py3-none-win_amd64", []),
        ("py3-none-solaris", ["unsupported-wheel-tag"]),
    ],
)
def test_finds_platforms_that_public_indexes_refuse(
    make_wheel: MakeWheel, tag: str, expected: list[str]
) -> None:
    wheel = make_wheel(tag=tag)
    assert codes(wheel) == expected
    assert codes(wheel, PRIVATE) == []


def test_finds_a_local_version_for_a_public_index_only(make_wheel: MakeWheel) -> None:
    wheel = make_wheel(metadata=METADATA.replace("1.0", "1.0+cu126"))
    assert codes(wheel) == ["local-version"]
    assert codes(wheel, PRIVATE) == []


def test_keeps_private_projects_out_of_public_indexes(make_wheel: MakeWheel) -> None:
    marked = make_wheel(metadata=METADATA.replace("Summary", "Classifier: Private :: Do Not Upload\nSummary"))
    assert codes(marked) == ["private-project"]
    assert codes(marked, PRIVATE) == []
    assert codes(make_wheel(), private=True) == ["private-project"]


def test_finds_unknown_classifiers(make_wheel: MakeWheel) -> None:
    wheel = make_wheel(
        metadata=METADATA.replace(
            "Summary", "Classifier: Foo :: Bar\nClassifier: Programming Language :: Python :: 3\nSummary"
        )
    )
    assert codes(wheel) == ["unknown-classifier"]


def test_finds_direct_references(make_wheel: MakeWheel) -> None:
    wheel = make_wheel(
        metadata=METADATA.replace("Summary", "Requires-Dist: a @ https://example.org/a.whl\nSummary")
    )
    assert codes(wheel) == ["direct-dependency"]


@pytest.mark.parametrize(
    "reference",
    [
        "file:///home/me/src/core",
        "file://localhost/home/me/core",
        "file:../core",
        "FILE:///C:/src/core-2.0-py3-none-any.whl",
        "../core",
        "/srv/core",
        "libs/core",
        "C:\\work\\core",
        "c:/src/core",
        "git+file:///home/me/core.git",
        "git+../core",
        "{root:uri}/../core",
        "file:///${PROJECT_ROOT}/core",
    ],
)
@pytest.mark.parametrize("public", [PUBLIC, PRIVATE])
def test_finds_dependencies_that_are_paths_for_every_destination(
    make_wheel: MakeWheel, reference: str, public: tuple[str, ...]
) -> None:
    text = METADATA.replace("Summary", f"Requires-Dist: core @ {reference}\nSummary")
    (finding,) = check_distribution(open_distribution(make_wheel(metadata=text), public=public))
    assert finding.slug == "path-dependency"
    assert repr(f"core @ {reference}") in finding.message


def test_a_path_in_an_extra_and_in_an_sdist_is_one_too(make_sdist: MakeWheel) -> None:
    extra = "Provides-Extra: all\nRequires-Dist: core @ file:///srv/core ; extra == 'all'\nSummary"
    assert codes(make_sdist(metadata=METADATA.replace("Summary", extra)), PRIVATE) == ["path-dependency"]


@pytest.mark.parametrize(
    "reference",
    [
        "https://files.example/core-2.0-py3-none-any.whl",
        "git+https://git.example/core.git@v2#subdirectory=file",
        "git+ssh://git@git.example/core.git",
        "git+git@git.example:team/core.git",
        "svn+svn://svn.example/core",
    ],
)
def test_references_to_a_server_are_for_private_indexes(make_wheel: MakeWheel, reference: str) -> None:
    wheel = make_wheel(metadata=METADATA.replace("Summary", f"Requires-Dist: core @ {reference}\nSummary"))
    assert codes(wheel) == ["direct-dependency"]
    assert codes(wheel, PRIVATE) == []


POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (POINTER, ["lfs-pointer"]),
        (POINTER.replace(b"\n", b"\r\n"), ["lfs-pointer"]),
        (POINTER.replace(b"git-lfs.github.com", b"hawser.github.com"), ["lfs-pointer"]),
        (POINTER.replace(b"oid", b"ext-0-foo sha256:" + b"a" * 64 + b"\noid"), ["lfs-pointer"]),
        (b"# a pointer begins with:\n" + POINTER, []),
        (POINTER.split(b"\n")[0] + b"\nis how pointers begin\n", []),
        (POINTER + b"x" * 1024, []),
    ],
)
def test_finds_pointers_of_git_lfs(
    make_wheel: MakeWheel, make_sdist: MakeWheel, content: bytes, expected: list[str]
) -> None:
    assert codes(make_wheel(files={"demo/__init__.py": b"", "demo/model.npz": content})) == expected
    assert codes(make_sdist(files={"demo/model.npz": content})) == expected


def test_tells_of_many_pointers_at_once(make_wheel: MakeWheel) -> None:
    files = {
        "demo/__init__.py": b"",
        **{f"demo/{number}.bin": POINTER + b"\n" * number for number in range(5)},
    }
    (finding,) = check_distribution(open_distribution(make_wheel(files=files)))
    assert finding.message.endswith("demo/0.bin, demo/1.bin, demo/2.bin and 2 more")


def test_finds_a_readme_that_does_not_render(make_wheel: MakeWheel) -> None:
    rst = METADATA.replace("text/markdown", "text/x-rst").replace("# Demo", "Title\n==\n\n.. nosuch::\n\n`a")
    assert codes(make_wheel(metadata=rst)) == ["readme-does-not-render"]


def test_a_readme_needs_a_content_type_most_of_all_in_what_we_build(make_wheel: MakeWheel) -> None:
    wheel = make_wheel(metadata=METADATA.replace("Description-Content-Type: text/markdown\n", ""))
    (finding,) = check_distribution(open_distribution(wheel))
    assert (finding.slug, finding.severity) == ("no-content-type", Severity.WARNING)
    (finding,) = check_distribution(open_distribution(wheel, ours=False))
    assert finding.severity is Severity.NOTE


def test_finds_invalid_metadata(make_wheel: MakeWheel) -> None:
    broken = METADATA.replace("Summary: A demo", "Requires-Python: three\nSummary: A demo")
    assert codes(make_wheel(metadata=broken)) == ["invalid-metadata"]


def test_a_metadata_version_that_is_newer_than_packaging_is_a_note(make_wheel: MakeWheel) -> None:
    text = METADATA.replace("2.1", "2.99").replace("Summary", "Field-Of-Tomorrow: yes\nSummary")
    (finding,) = check_distribution(open_distribution(make_wheel(metadata=text), public=PUBLIC))
    assert (finding.code, finding.severity) == ("PA265", Severity.NOTE)
    assert "2.99" in finding.message


def test_a_newer_metadata_version_hides_nothing_else(make_wheel: MakeWheel) -> None:
    text = METADATA.replace("2.1", "2.99").replace("Summary", "Requires-Python: three\nSummary")
    assert sorted(codes(make_wheel(metadata=text))) == ["invalid-metadata", "newer-metadata"]


@pytest.mark.parametrize("version", ["3.0", "2.0.1", "1.9", "two"])
def test_other_metadata_versions_are_invalid(make_wheel: MakeWheel, version: str) -> None:
    """A greater major version must be refused, says the specification."""
    assert codes(make_wheel(metadata=METADATA.replace("2.1", version))) == ["invalid-metadata"]


def test_an_unknown_field_in_a_version_that_is_known_is_invalid(make_wheel: MakeWheel) -> None:
    text = METADATA.replace("Summary", "Field-Of-Tomorrow: yes\nSummary")
    assert codes(make_wheel(metadata=text)) == ["invalid-metadata"]


def test_knows_the_metadata_version_of_hatchling(make_wheel: MakeWheel) -> None:
    """hatchling 1.32 writes 2.5, which `packaging` knows from 26.0 on."""
    text = METADATA.replace("2.1", "2.5").replace("Summary", "Import-Name: demo\nSummary")
    assert codes(make_wheel(metadata=text)) == []


def test_finds_a_long_summary(make_wheel: MakeWheel) -> None:
    assert codes(make_wheel(metadata=METADATA.replace("A demo", "x" * 513))) == ["summary-too-long"]
    assert codes(make_wheel(metadata=METADATA.replace("A demo", "x" * 512))) == []


def test_reads_sdists_too(make_sdist: MakeWheel) -> None:
    assert codes(make_sdist(files={".env": b"x"})) == ["forbidden-file"]


def test_says_when_an_archive_is_broken(make_wheel: MakeWheel) -> None:
    wheel = make_wheel()
    wheel.path.write_bytes(b"not a zip")
    assert codes(wheel) == ["unreadable-archive"]


def test_notes_projects_that_install_the_same_package(make_wheel: MakeWheel) -> None:
    first = make_wheel(metadata=METADATA.replace("demo", "demo-a"))
    second = make_wheel(metadata=METADATA.replace("demo", "demo-b"))
    other = make_wheel(metadata=METADATA.replace("demo", "demo-c"), files={"other/__init__.py": b""})
    assert [
        each.message
        for each in check_across_files([open_distribution(each) for each in [first, second, other]])
    ] == ["demo-a, demo-b all install the package 'demo'"]
    assert list(check_across_files([open_distribution(each) for each in [first, other]])) == []


@pytest.mark.parametrize(
    ("stem", "expected"), [("Demo.Kit-1.0", ["filename-not-normalised"]), ("demo_kit-1.0", [])]
)
def test_public_indexes_want_normalised_file_names(
    make_wheel: MakeWheel, stem: str, expected: list[str]
) -> None:
    wheel = make_wheel(metadata=METADATA.replace("demo", "Demo.Kit"), stem=stem, folder=f"{stem}.dist-info")
    assert codes(wheel) == expected
    assert codes(wheel, PRIVATE) == []


@pytest.mark.parametrize(("length", "expected"), [(33, ["url-label-too-long"]), (32, [])])
def test_public_indexes_want_short_labels(make_wheel: MakeWheel, length: int, expected: list[str]) -> None:
    entry = f"Project-URL: {'x' * length}, https://example.org\nSummary"
    assert codes(make_wheel(metadata=METADATA.replace("Summary", entry))) == expected


@pytest.mark.parametrize(("size", "expected"), [(100 << 20, []), ((100 << 20) + 1, ["file-too-large"])])
def test_a_file_of_more_than_100_mib_is_told_for_public_indexes(
    make_wheel: MakeWheel, size, expected
) -> None:
    large = replace(make_wheel(), size=size)
    assert codes(large) == expected
    assert codes(large, PRIVATE) == []


def test_a_backslash_is_seen_where_it_separates_folders(
    make_wheel: MakeWheel, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = make_wheel(files={"demo/__init__.py": b"", "demo\\bad.py": b""})
    before = codes(wheel)
    monkeypatch.setattr("zipfile.os", SimpleNamespace(**{**vars(os), "sep": "\\"}))
    assert codes(wheel) == before
    assert "unsafe-path" in before


def test_markdown_is_not_checked_where_nothing_renders_it(
    make_wheel: MakeWheel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("readme_renderer.markdown.variants", {})
    assert codes(make_wheel(metadata=METADATA + "Not rendered before.")) == []
