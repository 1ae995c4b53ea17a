"""Each rule of PyPI's server that can be checked offline: a file that breaks it, and one that nearly does."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest

from publish_all.checks.all_checks import check_across_files, check_distribution
from publish_all.checks.opened import open_distribution
from publish_all.config.model import AcceptedFinding
from publish_all.distributions.read import read_distribution
from publish_all.findings import Severity

METADATA = """\
Metadata-Version: 2.1
Name: demo
Version: 1.0
Summary: A demo
Description-Content-Type: text/markdown

# Demo
"""
NEWER = METADATA.replace("Metadata-Version: 2.1", "Metadata-Version: 2.4")
SCRIPTS = "demo-1.0.dist-info/entry_points.txt"


def codes(distribution, *, public=("pypi",), ours=False, accepted=()):
    opened = open_distribution(distribution, public=public, ours=ours, accepted=accepted)
    return {
        (each.code, each.severity)
        for each in check_distribution(opened)
        if each.severity is not Severity.NOTE
    }


def stated(*lines, base=METADATA):
    head, _, rest = base.partition("\n\n")
    return "\n".join([head, *lines]) + "\n\n" + rest


@pytest.mark.parametrize(
    ("breaks", "near"),
    [
        ("Author-email: Ada <me@myhost>", "Author-email: Ada <me@myhost.example.org>"),
        ("Author-email: me@company.local", "Author-email: me@local.company"),
        (
            "Maintainer-email: ada@example",
            "Maintainer-email: Ada L. <a.l+pypi@example.org>, b@example.org",
        ),
        ("Project-URL: Home, www.example.org", "Project-URL: Home, https://www.example.org"),
        (
            "Project-URL: Code, git@github.com:me/demo.git",
            "Project-URL: Code, https://github.com/me/demo.git",
        ),
        ("Project-URL: https://example.org", "Project-URL: Docs, https://example.org/a?b=c#d"),
        ("Home-page: ftp://example.org", "Home-page: http://example.org:8080/"),
        ("Download-URL: https://a b.example.org", "Download-URL: UNKNOWN"),
        ("Provides-Dist: not a requirement\u00b6", "Provides-Dist: other-name"),
    ],
)
def test_fields(make_wheel, breaks, near):
    assert codes(make_wheel(metadata=stated(breaks))) == {("PA266", Severity.ERROR)}
    assert codes(make_wheel(metadata=stated(breaks)), public=()) == {("PA266", Severity.WARNING)}
    assert codes(make_wheel(metadata=stated(near))) == set()


def test_licence_is_stated_once(make_wheel):
    both = stated("License: MIT", "License-Expression: MIT", base=NEWER)
    assert ("PA266", Severity.ERROR) in codes(make_wheel(metadata=both))
    assert codes(make_wheel(metadata=stated("License-Expression: MIT", base=NEWER))) == set()


def test_licence_file_is_in_the_archive(make_wheel, make_sdist):
    text = stated("License-File: LICENSE", base=NEWER)
    held = {"demo/__init__.py": b"x = 1\n", "demo-1.0.dist-info/licenses/LICENSE": b"MIT"}
    assert codes(make_wheel(metadata=text)) == {("PA266", Severity.ERROR)}
    assert codes(make_wheel(metadata=text, files=held)) == set()
    assert codes(make_sdist(metadata=text, files={"demo.py": b"x = 1"})) == {("PA266", Severity.ERROR)}
    assert codes(make_sdist(metadata=text, files={"demo.py": b"x = 1", "LICENSE": b"MIT"})) == set()
    # setuptools wrote the field for years before it was defined.
    assert codes(make_wheel(metadata=stated("License-File: LICENSE"))) == set()


@pytest.mark.parametrize("text", [b"[console_scripts\n", b"[console_scripts]\na/b = demo:main\n", b"\xff\n"])
def test_entry_points_can_be_read(make_wheel, text):
    files = {"demo/__init__.py": b"x = 1\n"}
    assert codes(make_wheel(files={**files, SCRIPTS: text})) == {("PA266", Severity.ERROR)}
    right = b"[console_scripts]\ndemo.run-it = demo:main [extra]\n\n[a.group]\na/b:c = demo\n"
    assert codes(make_wheel(files={**files, SCRIPTS: right})) == set()


@pytest.mark.parametrize(
    ("classifier", "code"),
    [
        ("Natural Language :: Ukranian", "PA205"),
        ("Natural Language :: Ukrainian", None),
        ("Foo :: Bar", "PA205"),
    ],
)
def test_classifiers(make_wheel, classifier, code):
    expected = {(code, Severity.ERROR)} if code else set()
    assert codes(make_wheel(metadata=stated(f"Classifier: {classifier}"))) == expected


def test_second_sdist(make_sdist, tmp_path):
    first = make_sdist()
    other = tmp_path / "other" / first.filename
    other.parent.mkdir()
    other.write_bytes(first.path.read_bytes())
    files = [open_distribution(each, public=("pypi",)) for each in (first, read_distribution(other))]
    assert [each.code for each in check_across_files(files)] == ["PA266"]
    assert list(check_across_files(files[:1])) == []


def rewritten(distribution, change):
    """The wheel packed anew, with each member's ZipInfo changed."""
    with zipfile.ZipFile(distribution.path) as old:
        members = [(each, old.read(each)) for each in old.infolist()]
    with zipfile.ZipFile(distribution.path, "w") as new:
        for info, content in members:
            made = zipfile.ZipInfo(info.filename)
            change(new, made, content)
    return read_distribution(distribution.path)


class Unseekable(io.RawIOBase):
    def __init__(self, target):
        self.target = target

    def writable(self):
        return True

    def write(self, data):
        return self.target.write(data)


def test_data_descriptors(make_wheel):
    wheel = make_wheel()
    with zipfile.ZipFile(wheel.path) as old:
        members = [(each.filename, old.read(each)) for each in old.infolist()]
    with wheel.path.open("wb") as file, zipfile.ZipFile(Unseekable(file), "w") as new:
        for name, content in members:
            new.writestr(name, content)
    assert ("PA267", Severity.ERROR) in codes(read_distribution(wheel.path))


def test_compression(make_wheel):
    def packed(method):
        return rewritten(
            make_wheel(), lambda new, info, content: new.writestr(info, content, compress_type=method)
        )

    assert codes(packed(zipfile.ZIP_BZIP2)) == {("PA267", Severity.ERROR)}
    assert codes(packed(zipfile.ZIP_DEFLATED)) == set()


def test_bytes_around_the_archive(make_wheel):
    for change in (lambda content: content + b"\n", lambda content: b"#!/bin/sh\n" + content):
        wheel = make_wheel()
        wheel.path.write_bytes(change(wheel.path.read_bytes()))
        assert ("PA267", Severity.ERROR) in codes(read_distribution(wheel.path))
    with zipfile.ZipFile(make_wheel().path, "a") as opened:
        opened.comment = b"a comment"
        path = opened.filename
    assert codes(read_distribution(type(wheel.path)(path))) == set()


def test_small_archive_that_unpacks_to_much(make_wheel):
    def zeros(size):
        files = {"demo/__init__.py": b"x = 1\n", "demo/data.bin": bytes(size)}
        pack = lambda new, info, content: new.writestr(info, content, zipfile.ZIP_DEFLATED)  # noqa: E731 - one use
        return rewritten(make_wheel(files=files), pack)

    assert codes(zeros(65 << 20)) == {("PA267", Severity.ERROR)}
    assert codes(zeros(60 << 20)) == set()


def test_control_characters_and_obfuscated_code(make_wheel):
    files = {"demo/__init__.py": b"x = 1\n"}
    for name in ("demo/a\x07b.py", "demo/pyarmor_runtime_000000/__init__.py", "demo/code.pye"):
        assert ("PA267", Severity.ERROR) in codes(make_wheel(files={**files, name: b"y = 1\n"}))
    assert codes(make_wheel(files={**files, "demo/pyarmor.py": b"z = 1\n"})) == set()


def test_sdist_that_is_sparse_or_a_zip_too(make_sdist):
    sdist = make_sdist()
    content = sdist.path.read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as other:
        other.writestr("demo-1.0/setup.py", "")
    sdist.path.write_bytes(content + buffer.getvalue())
    assert ("PA267", Severity.ERROR) in codes(read_distribution(sdist.path))
    with tarfile.open(sdist.path, "w:gz", format=tarfile.GNU_FORMAT) as opened:
        for name, data in (("PKG-INFO", METADATA.encode()), ("pyproject.toml", b"[project]\n")):
            info = tarfile.TarInfo(f"demo-1.0/{name}")
            info.size = len(data)
            opened.addfile(info, io.BytesIO(data))
        info = tarfile.TarInfo("demo-1.0/holes.bin")
        info.type, info.size = tarfile.GNUTYPE_SPARSE, 0
        opened.addfile(info)
    assert ("PA267", Severity.ERROR) in codes(read_distribution(sdist.path))


TAKEN = (
    "cp314-cp314t-manylinux_2_28_x86_64", "cp39-abi3-macosx_11_0_arm64", "cp315-abi3t-win_amd64",
    "cp313-cp313-ios_13_0_arm64_iphoneos", "cp313-cp313-android_24_arm64_v8a", "cp313-cp313-pyemscripten_2025_0_wasm32",
    "py3-none-macosx_26_0_universal2", "py3-none-musllinux_1_2_riscv64", "py2.py3-none-any",
)  # fmt: skip
REFUSED = (
    "py3-none-macosx_27_0_arm64", "py3-none-macosx_16_0_arm64", "py3-none-linux_x86_64", "cp313-cp313-emscripten_4_0_9_wasm32",
    "py3-none-win64", "py3-none-macosx_11_1_arm64",
)  # fmt: skip


@pytest.mark.parametrize("tag", TAKEN)
def test_platforms_that_are_taken(make_wheel, tag):
    assert codes(make_wheel(tag=tag)) == set()


@pytest.mark.parametrize("tag", REFUSED)
def test_platforms_that_are_refused(make_wheel, tag):
    assert codes(make_wheel(tag=tag)) == {("PA209", Severity.ERROR)}
    assert codes(make_wheel(tag=tag), public=()) == set()


def test_wheel_with_a_variant_label(make_wheel):
    """PEP 825: only PyPI refuses it."""
    wheel = make_wheel(tag="cp313-cp313-win_amd64")
    labelled = wheel.path.rename(wheel.path.with_name("demo-1.0-cp313-cp313-win_amd64-cu128.whl"))
    found = read_distribution(labelled)
    assert (found.project, str(found.version), found.tag) == ("demo", "1.0", "cp313-cp313-win_amd64")
    assert codes(found) == {("PA268", Severity.ERROR)}
    assert codes(found, public=()) == set()
    assert codes(found, public=(), ours=True) == set()


def test_of_files_from_elsewhere_only_what_the_index_refuses_is_an_error(make_wheel):
    other_tag = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py2-none-any\n"
    files = {"demo/__init__.py": b"x = 1\n", "demo/.DS_Store": b"x", "tests/.env": b"A=b"}
    wheel = make_wheel(files=files, wheel=other_tag)
    found = {("PA211", Severity.ERROR), ("PA222", Severity.ERROR), ("PA229", Severity.WARNING)}
    assert (
        codes(wheel, ours=True) == found | {("PA240", Severity.WARNING)} or codes(wheel, ours=True) >= found
    )
    assert Severity.ERROR not in {severity for _, severity in codes(wheel)}


@pytest.mark.parametrize(
    ("files", "certain"),
    [
        ({"demo/.env": b"A=b"}, True),
        ({"demo/tests/.env": b"A=b"}, False),
        ({"demo/key.txt": b"KEY"}, True),
        ({"demo/examples/key.txt": b"KEY"}, False),
        ({"demo/proxy/ca.key": b"KEY", "demo/proxy/ca.crt": b"x"}, False),
        ({"demo/template.pfx": b"x"}, False),
    ],
)
def test_plain_secret_is_an_error_wherever_the_file_is_from(make_wheel, files, certain):
    key = (
        b"-----BEGIN PRIVATE KEY-----\n"
        + b"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n" * 3
    )
    held = {name: content.replace(b"KEY", key) for name, content in files.items()}
    severities = {each for _, each in codes(make_wheel(files={"demo/__init__.py": b"x = 1\n", **held}))}
    assert severities == {Severity.ERROR if certain else Severity.WARNING}


def test_what_the_project_accepts_is_a_note_with_the_reason(make_wheel):
    files = {"demo/__init__.py": b"x = 1\n", "demo/data/a.pfx": b"x", "demo/other.pfx": b"x"}
    accepted = (AcceptedFinding(code="PA211", files=("demo/data/**",), reason="a template"),)
    opened = open_distribution(make_wheel(files=files), accepted=accepted)
    found = {each.message: each.severity for each in check_distribution(opened) if each.code == "PA211"}
    assert found == {
        "demo/data/a.pfx must not be published (accepted: a template)": Severity.NOTE,
        "demo/other.pfx must not be published": Severity.ERROR,
    }
