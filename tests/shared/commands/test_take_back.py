from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import NormalizedName
from packaging.version import Version

from publish_all import diagnoses
from publish_all._http_errors import Failure, HttpError
from publish_all.commands import take_back
from publish_all.commands.context import Runtime
from publish_all.commands.destinations import ConnectionOptions
from publish_all.errors import CredentialError, PublishAllError, RepositoryError, UsageError
from publish_all.events import Event, Note
from publish_all.repositories.repository import Removal

DEMO = "demo==1.0"


@dataclass
class FakeRepository:
    """Notes what it is asked for. `errors` are raised by the steps of a deletion, by what they delete."""

    name: str = "box"
    url: str = "https://box.example/sep"
    asked: list[Any] = field(default_factory=list)
    errors: dict[str, PublishAllError] = field(default_factory=dict)

    def yank(self, project: NormalizedName, version: Version, reason: str | None) -> tuple[str, ...]:
        self.asked.append((project, str(version), reason))
        return (f"{project}-{version}.tar.gz",)

    def deletion(self, project: NormalizedName, version: Version) -> tuple[Removal, ...]:
        def remove(name: str) -> Callable[[], None]:
            def do() -> None:
                if name in self.errors:
                    raise self.errors[name]
                self.asked.append(name)

            return do

        tag, file = f"tag {version}", f"{project}-{version}.tar.gz"
        return (
            Removal((tag,), remove(tag)),
            Removal((file, f"{file}.metadata"), remove(file), needed=False),
        )


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> FakeRepository:
    box = FakeRepository()
    monkeypatch.setattr(take_back, "_open", lambda *_: box)
    return box


def heard_by(heard: list[Event]) -> ConnectionOptions:
    return ConnectionOptions(runtime=Runtime(listener=heard.append))


def test_each_release_is_yanked_for_the_same_reason_in_one_line(box):
    done = take_back.yank(
        Path(),
        ["Demo==1.0", "other==2", "demo==1"],
        ConnectionOptions(),
        reason=" breaks\x1b\u202e on\n Spark \udcff",
    )
    assert box.asked == [("demo", "1.0", "breaks on Spark"), ("other", "2", "breaks on Spark")]
    assert [tuple(each) for each in done] == [
        ("demo", "1.0", "demo-1.0.tar.gz", "yanked"),
        ("other", "2", "other-2.tar.gz", "yanked"),
    ]


def test_no_reason_is_not_the_same_as_an_empty_one(box):
    (yanked,) = take_back.yank(Path(), [DEMO], ConnectionOptions(), reason="")
    (unyanked,) = take_back.yank(Path(), [DEMO], ConnectionOptions(), reason=None)
    assert [each[2] for each in box.asked] == ["", None]
    assert (yanked.state, unyanked.state) == ("yanked", "not yanked")


@pytest.mark.parametrize("text", ["demo", "demo>=1.0", "demo==", "demo==1.*", "==1.0", "demo==1.0,<2"])
def test_what_does_not_name_one_release_is_refused_before_anything(box, text):
    with pytest.raises(UsageError, match="is not a release"):
        take_back.yank(Path(), [DEMO, text], ConnectionOptions(), reason="")
    with pytest.raises(UsageError, match="is not a release"):
        take_back.delete(Path(), [DEMO, text], ConnectionOptions(), confirm=lambda _: True)
    assert box.asked == []


def test_all_that_goes_is_shown_before_the_question(box):
    heard: list[Event] = []

    def confirm(question: str) -> bool:
        notes = [each.message for each in heard if isinstance(each, Note)]
        assert notes == [
            "demo 1.0: will delete tag 1.0",
            "demo 1.0: will delete demo-1.0.tar.gz",
            "demo 1.0: will delete demo-1.0.tar.gz.metadata",
        ]
        assert question == "Delete these files from box (https://box.example/sep)?"
        return False

    assert take_back.delete(Path(), [DEMO], heard_by(heard), confirm=confirm) == ()
    assert box.asked == []
    assert heard[-1] == Note(message="nothing was deleted")


def test_a_dry_run_asks_nobody_and_deletes_nothing(box):
    def confirm(question: str) -> bool:
        raise AssertionError(question)

    planned = take_back.delete(Path(), [DEMO], ConnectionOptions(), confirm=confirm, dry_run=True)
    assert [(each.file, each.state) for each in planned] == [
        ("tag 1.0", "would be deleted"),
        ("demo-1.0.tar.gz", "would be deleted"),
        ("demo-1.0.tar.gz.metadata", "would be deleted"),
    ]
    assert box.asked == []


def test_the_steps_are_carried_out_in_their_order(box):
    done = take_back.delete(
        Path(), [DEMO, "other==2", "Demo==1"], ConnectionOptions(), confirm=lambda _: True
    )
    assert box.asked == ["tag 1.0", "demo-1.0.tar.gz", "tag 2", "other-2.tar.gz"]
    assert {each.state for each in done} == {"deleted"}
    assert len(done) == 6


def test_what_the_registry_keeps_for_now_is_no_error(box):
    box.errors["demo-1.0.tar.gz"] = RepositoryError("another index has it")
    done = take_back.delete(Path(), [DEMO], ConnectionOptions(), confirm=lambda _: True)
    assert [each.state for each in done] == ["deleted", "kept by the registry", "kept by the registry"]


@pytest.mark.parametrize(
    ("where", "error"),
    [
        ("tag 1.0", RepositoryError("405")),
        ("tag 1.0", CredentialError("403")),
        (
            "demo-1.0.tar.gz",
            HttpError("503", failure=Failure.STATUS, url="https://box.example/", retryable=True),
        ),
    ],
)
def test_an_error_ends_it_and_what_is_deleted_is_told(box, where, error):
    heard: list[Event] = []
    box.errors[where] = error
    with pytest.raises(type(error)):
        take_back.delete(Path(), [DEMO], heard_by(heard), confirm=lambda _: True)
    told = [each.message for each in heard if isinstance(each, Note)][-1]
    assert told == f"steps done before the error: {len(box.asked)} of 2"


def test_one_repository_must_be_meant(tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "demo"\nversion = "1"\n[tool.publish-all]\npublish-to = ["pypi", "local"]\n'
    )
    options = ConnectionOptions(runtime=Runtime(environment={}, home=tmp_path))
    with pytest.raises(UsageError, match="pypi, local") as caught:
        take_back.yank(tmp_path, [DEMO], options, reason="")
    assert caught.value.hint == "Select one with -r."


@pytest.mark.parametrize("private", [False, True])
def test_the_upload_api_of_pypi_takes_nothing_back(tmp_path, private):
    url = "https://pypi.corp.example/legacy/" if private else None
    options = ConnectionOptions(
        repositories=() if private else ("pypi",),
        repository_url=url,
        runtime=Runtime(environment={}, home=tmp_path),
    )
    with pytest.raises(UsageError, match="has no API to delete a release") as caught:
        take_back.delete(tmp_path, [DEMO], options, confirm=lambda _: True)
    page = "https://pypi.org/manage/project/demo/release/1.0/"
    assert (page in str(caught.value.hint)) is not private


def test_the_catalogue_names_the_commands():
    assert "yank" in diagnoses.RELEASE_NOT_THERE.entry.means
