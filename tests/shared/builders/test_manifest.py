import json

import pytest

from publish_all.builders.manifest import (
    check_manifest,
    is_of,
    lacking_wheels,
    read_manifest,
    write_manifest,
)
from publish_all.errors import ConfigurationError
from publish_all.summaries import BuiltFile
from publish_all.variants.variant import PlatformWheel, WheelTag


def built(output, variant="x", kind="wheel", version="1.0", content=b"wheel", *, tag="py3-none-any"):
    import hashlib

    name = f"demo_{variant}-{version}" + (f"-{tag}.whl" if kind == "wheel" else ".tar.gz")
    (output / name).write_bytes(content)
    return BuiltFile(
        variant=variant,
        project=f"demo-{variant}",
        version=version,
        filename=name,
        kind=kind,
        tag=tag if kind == "wheel" else None,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        builder="hatchling 1",
        installed=("hatchling==1",),
    )


def write(output, *files, project="demo", variants=(), at=None):
    path = at or place(output)
    return write_manifest(path, output, project=project, files=files, variants=variants)


def place(output):
    return output / "state" / "manifest.json"


def names(manifest):
    return [each.filename for each in manifest.entries]


def test_is_read_as_it_was_written(tmp_path):
    written = write(tmp_path, built(tmp_path), built(tmp_path, kind="sdist"))
    assert read_manifest(place(tmp_path)) == written
    content = json.loads(place(tmp_path).read_text(encoding="utf-8"))
    assert (content["schema"], content["project"], content["folder"]) == (1, "demo", "..")
    assert content["distributions"][0] == {
        "variant": "x",
        "name": "demo-x",
        "version": "1.0",
        "filename": "demo_x-1.0-py3-none-any.whl",
        "kind": "wheel",
        "tag": "py3-none-any",
        "size": 5,
        "sha256": written.entries[0].sha256,
        "builder": "hatchling 1",
        "installed": ["hatchling==1"],
    }
    assert [each.name for each in place(tmp_path).parent.iterdir()] == ["manifest.json"]


def test_it_goes_to_another_place_together_with_the_files(tmp_path):
    job = tmp_path / "job" / "dist"
    job.mkdir(parents=True)
    write(job, built(job), at=tmp_path / "job" / "m.json")
    (tmp_path / "job").rename(tmp_path / "other")
    manifest = read_manifest(tmp_path / "other" / "m.json")
    assert manifest.folder == tmp_path / "other" / "dist"
    assert check_manifest(manifest) == {}


def test_one_of_before_lies_beside_the_files(tmp_path):
    path = tmp_path / "publish-all.json"
    path.write_text('{"schema": 1, "project": "demo", "distributions": []}', encoding="utf-8")
    assert read_manifest(path).folder == tmp_path


def test_files_of_another_folder_are_not_kept(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for each in (first, second):
        each.mkdir()
    write(first, built(first, "a"), at=tmp_path / "m.json")
    assert names(write(second, built(second, "b"), at=tmp_path / "m.json")) == ["demo_b-1.0-py3-none-any.whl"]


def test_a_link_in_its_place_is_replaced_and_not_followed(tmp_path):
    kept = tmp_path / "precious.txt"
    kept.write_text("precious")
    (tmp_path / "m.json").symlink_to(kept)
    write(tmp_path, built(tmp_path), at=tmp_path / "m.json")
    assert kept.read_text() == "precious"
    assert not (tmp_path / "m.json").is_symlink()


def test_there_is_none_where_there_is_no_file(tmp_path):
    assert read_manifest(place(tmp_path)) is None


def test_variants_built_one_after_the_other_stay_listed(tmp_path):
    write(tmp_path, built(tmp_path, "a"), built(tmp_path, "b"))
    assert names(write(tmp_path, built(tmp_path, "b", content=b"new"))) == [
        "demo_a-1.0-py3-none-any.whl",
        "demo_b-1.0-py3-none-any.whl",
    ]


def test_variants_with_local_versions_stay_listed_beside_others(tmp_path):
    write(tmp_path, built(tmp_path, "a"))
    write(tmp_path, built(tmp_path, "cu", version="1.0+cu126"), built(tmp_path, "cu", "sdist", "1.0+cu126"))
    assert names(write(tmp_path, built(tmp_path, "b"))) == [
        "demo_a-1.0-py3-none-any.whl",
        "demo_cu-1.0+cu126-py3-none-any.whl",
        "demo_cu-1.0+cu126.tar.gz",
        "demo_b-1.0-py3-none-any.whl",
    ]
    assert names(write(tmp_path, built(tmp_path, "cu", version="1.0+cu118"))) == [
        "demo_a-1.0-py3-none-any.whl",
        "demo_b-1.0-py3-none-any.whl",
        "demo_cu-1.0+cu118-py3-none-any.whl",
    ]


@pytest.mark.parametrize("change", ["other version", "changed", "gone", "other project", "renamed"])
def test_what_is_not_part_of_this_build_any_more_is_dropped(tmp_path, change):
    old = built(tmp_path, "a")
    write(tmp_path, old)
    if change == "changed":
        (tmp_path / old.filename).write_bytes(b"other")
    if change == "gone":
        (tmp_path / old.filename).unlink()
    new = built(tmp_path, "b", version="2.0" if change == "other version" else "1.0")
    if change == "renamed":
        from dataclasses import replace

        new = replace(new, variant="a")
    manifest = write(tmp_path, new, project="other" if change == "other project" else "demo")
    assert names(manifest) == [new.filename]


def test_check_tells_what_is_missing_and_what_has_changed(tmp_path):
    files = [built(tmp_path, each) for each in "abc"]
    manifest = write(tmp_path, *files)
    (tmp_path / files[0].filename).unlink()
    (tmp_path / files[1].filename).write_bytes(b"whees")
    assert list(check_manifest(manifest).items()) == [
        (files[0].filename, "no longer exists"),
        (files[1].filename, "has changed since it was built"),
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ('{"schema": 1, "project": "p", "folder": "\\u0000", "distributions": []}', "null"),
        ("[]", "its schema is not 1"),
        ('{"schema": 2}', "its schema is not 1"),
        ('{"schema": 1}', "'distributions' is missing"),
        ('{"schema": 1, "project": "p", "distributions": [{"name": "a"}]}', "'version' is missing"),
    ],
)
def test_one_that_is_not_to_be_understood_is_an_error_that_names_it(tmp_path, content, why):
    place(tmp_path).parent.mkdir()
    place(tmp_path).write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=why) as caught:
        read_manifest(place(tmp_path))
    assert str(place(tmp_path)) in caught.value.message
    assert write(tmp_path, built(tmp_path)).entries


def test_a_file_name_that_no_system_takes_is_a_problem_of_that_file(tmp_path):
    write(tmp_path, built(tmp_path))
    path = place(tmp_path)
    path.write_text(
        path.read_text(encoding="utf-8").replace("demo_x-1.0", "demo_x-1.0" * 500), encoding="utf-8"
    )
    (problem,) = check_manifest(read_manifest(path)).values()
    assert problem.startswith(("cannot be read", "no longer exists"))


def test_a_filename_that_leads_elsewhere_is_refused(tmp_path):
    write(tmp_path, built(tmp_path))
    path = place(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace("demo_x-1.0", "../demo_x-1.0"), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="without folders"):
        read_manifest(place(tmp_path))


LINUX, MAC = "py3-none-manylinux_2_28_x86_64", "1-py3-none-macosx_11_0_arm64"


@pytest.fixture
def native(make_variant):
    def make(*tags, sdist=False):
        wheels = tuple(PlatformWheel(tag=WheelTag.parse(each)) for each in tags)
        return make_variant({}, wheels=wheels, sdist=sdist)

    return make


def test_wheels_built_one_tag_after_the_other_stay_listed(tmp_path, native):
    of = native(LINUX, MAC)
    write(tmp_path, built(tmp_path, tag=LINUX), variants=(of,))
    manifest = write(tmp_path, built(tmp_path, tag=MAC), variants=(of,))
    assert [each.tag for each in manifest.entries] == [LINUX, MAC]
    assert lacking_wheels(manifest.entries, (of,)) == ()


def test_a_wheel_that_is_no_longer_configured_is_no_longer_listed(tmp_path, native):
    write(
        tmp_path,
        built(tmp_path, tag="py3-none-any"),
        built(tmp_path, tag=LINUX),
        built(tmp_path, kind="sdist"),
    )
    manifest = write(tmp_path, built(tmp_path, tag=MAC), variants=(native(LINUX, MAC),))
    assert [each.tag for each in manifest.entries] == [LINUX, MAC]


def test_what_is_not_built_yet_is_told_in_words(tmp_path, native):
    manifest = write(tmp_path, built(tmp_path, tag=LINUX), built(tmp_path, kind="sdist"))
    assert lacking_wheels(manifest.entries, (native(LINUX, MAC),)) == (f"the wheel {MAC} of x",)


def test_files_are_of_the_variants_that_make_them_now(tmp_path, native, make_variant):
    manifest = write(
        tmp_path, built(tmp_path, tag=LINUX), built(tmp_path, kind="sdist"), built(tmp_path, "y")
    )

    def kept(*variants):
        return [each.filename for each in manifest.entries if is_of(each, variants)]

    wheel, sdist = f"demo_x-1.0-{LINUX}.whl", "demo_x-1.0.tar.gz"
    assert kept(native(LINUX)) == [wheel]
    assert kept(native(MAC, sdist=True)) == [sdist]
    assert kept(make_variant({})) == [wheel, sdist]
