"""Commands on a real OCI registry, in process: `list`, `finalize`, and `publish --from`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from harness.servers import Registry
from made_files import make_sdist, make_wheel

from publish_all.commands.context import Runtime
from publish_all.commands.destinations import ConnectionOptions
from publish_all.commands.files import PublishOptions
from publish_all.commands.finalize import finalize
from publish_all.commands.index import IndexOptions
from publish_all.commands.packages import download, list_packages
from publish_all.commands.publish import publish
from publish_all.errors import RepositoryError, UsageError
from publish_all.events import Event, Note

PYPROJECT = """\
[project]
name = "fastorm"
version = "1.0"

[tool.publish-all]
publish-to = ["box"]

[tool.publish-all.repositories.box]
kind = "oci"
url = "{url}"

[tool.publish-all.repositories.shelf]
kind = "directory"
url = "{shelf}"

[tool.publish-all.variants.lite]
[tool.publish-all.variants.postgres]
"""


@pytest.fixture
def project(tmp_path: Path, open_registry: Registry) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    text = PYPROJECT.format(url=f"http://{open_registry.host}/team", shelf=(tmp_path / "shelf").as_posix())
    (root / "pyproject.toml").write_text(text, encoding="utf-8")
    return root


def to(repository: str, tmp_path: Path) -> ConnectionOptions:
    return ConnectionOptions(repositories=(repository,), runtime=Runtime(environment={}, home=tmp_path))


def put(project: Path, tmp_path: Path, *files: Path, receipt: Path | None = None) -> None:
    options = PublishOptions(
        directory=project,
        files=files,
        receipt=receipt,
        connection=to("box", tmp_path),
        verify=receipt is None,
    )
    assert publish(options).exit_code == 0


def listed(project: Path, tmp_path: Path) -> tuple[list[str], list[str]]:
    heard: list[Event] = []
    connection = to("box", tmp_path)
    runtime = replace(connection.runtime, listener=heard.append)
    found = list_packages(project, (), replace(connection, runtime=runtime))
    notes = [each.message for each in heard if isinstance(each, Note)]
    return [each.project for each in found], [each.split()[0] for each in notes if "has no versions" in each]


def test_list_shows_what_a_build_of_the_project_makes(project: Path, tmp_path: Path) -> None:
    put(project, tmp_path, make_wheel(tmp_path, "fastorm-lite", "1.0"))
    assert listed(project, tmp_path) == (["fastorm-lite"], ["fastorm-postgres"])


@pytest.mark.parametrize(
    ("there", "promoted"),
    [
        (("fastorm-lite", "fastorm-postgres"), ("fastorm_lite", "fastorm_postgres")),
        (("fastorm", "fastorm-lite", "fastorm-postgres"), ("fastorm_lite", "fastorm_postgres")),
        (("fastorm", "fastorm-lite"), None),
        ((), None),
    ],
)
def test_promotion_takes_the_build_variants_of_the_project(
    project: Path, tmp_path: Path, there: tuple[str, ...], promoted: tuple[str, ...] | None
) -> None:
    for name in there:
        put(project, tmp_path, make_wheel(tmp_path, name, "1.0"))
    options = PublishOptions(directory=project, source="box", connection=to("shelf", tmp_path))
    if promoted is None:
        with pytest.raises(Exception, match="has no files of fastorm") as caught:
            publish(options)
        assert "fastorm-" in str(caught.value)
        return
    assert publish(options).exit_code == 0
    names = sorted(each.name for each in (tmp_path / "shelf").rglob("*.whl"))
    assert names == sorted(f"{each}-1.0-py3-none-any.whl" for each in promoted)


Change = Callable[[dict[str, Any]], object]


def _annotation(name: str, value: str) -> Change:
    return lambda file: file["annotations"].update({name: value})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda file: file.update(digest=f"sha256:{'0' * 64}"), "does not have its manifest"),
        (_annotation("com.pyoci.sha256_digest", "0" * 64), "the sha256 is 0"),
        (_annotation("org.opencontainers.image.title", "fastorm-1.0-py3-none-any.whl"), "the name is"),
        (lambda file: file["platform"].update(architecture="../../x"), "the platform is"),
        (lambda file: file["platform"].update(architecture="py3-none-any.whl"), "the platform is"),
        (lambda file: file.update(size=1), "the size of the manifest is 1"),
        (lambda file: file.update(mediaType="text/html"), "the type of the manifest is text/html"),
    ],
)
def test_finalize_believes_no_receipt_that_its_manifests_deny(
    project: Path, tmp_path: Path, change: Change, why: str
) -> None:
    receipt = tmp_path / "receipt.json"
    put(project, tmp_path, make_sdist(tmp_path, "fastorm", "1.0"), receipt=receipt)
    value = json.loads(receipt.read_text())
    change(value["releases"][0]["files"][0])
    receipt.write_text(json.dumps(value))
    with pytest.raises(UsageError, match=why) as caught:
        finalize(project, [receipt], to("box", tmp_path))
    assert [each.slug for each in caught.value.findings] == ["receipt-unusable"]
    assert listed(project, tmp_path)[0] == []


@pytest.mark.parametrize(("key", "other"), [("version", "2.0"), ("project", "fastorm-lite")])
def test_finalize_lists_no_file_under_another_release(
    project: Path, tmp_path: Path, key: str, other: str
) -> None:
    receipt = tmp_path / "receipt.json"
    put(project, tmp_path, make_sdist(tmp_path, "fastorm", "1.0"), receipt=receipt)
    value = json.loads(receipt.read_text())
    value["releases"][0][key] = other
    receipt.write_text(json.dumps(value))
    with pytest.raises(UsageError, match=r"does not belong to|does not have its manifest"):
        finalize(project, [receipt], to("box", tmp_path))


def test_finalize_lists_what_a_receipt_says_truly(project: Path, tmp_path: Path) -> None:
    receipts = []
    for number, make in enumerate((make_sdist, make_wheel)):
        receipts.append(tmp_path / f"{number}.json")
        put(project, tmp_path, make(tmp_path, "fastorm", "1.0"), receipt=receipts[-1])
    (release,) = finalize(project, receipts, to("box", tmp_path))
    assert len(release.entries) == 2
    found = list_packages(project, ("fastorm",), to("box", tmp_path))
    assert [each.project for each in found] == ["fastorm", "fastorm"]


def test_a_folder_is_listed_and_downloaded_from(project: Path, tmp_path: Path) -> None:
    options = PublishOptions(
        directory=project,
        files=(make_sdist(tmp_path, "fastorm", "1.0"), make_wheel(tmp_path, "fastorm-lite", "1.0")),
        connection=to("shelf", tmp_path),
    )
    assert publish(options).exit_code == 0
    found = list_packages(project, ("fastorm", "fastorm-lite"), to("shelf", tmp_path))
    assert [each.file for each in found] == ["fastorm-1.0.tar.gz", "fastorm_lite-1.0-py3-none-any.whl"]
    assert all(each.bytes and each.uploaded for each in found)

    index = IndexOptions(directory=project, connection=to("shelf", tmp_path))
    (file,) = download(["fastorm-lite"], tmp_path / "wheelhouse", index)
    assert Path(file.file).read_bytes() == (tmp_path / "fastorm_lite-1.0-py3-none-any.whl").read_bytes()
    with pytest.raises(RepositoryError, match="shelf has no version that matches fastorm>1"):
        download(["fastorm>1"], tmp_path / "wheelhouse", index)
