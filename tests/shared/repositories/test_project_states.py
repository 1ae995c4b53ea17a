"""State of the project or release on the index → what is found before an upload."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from publish_all.findings import Severity
from publish_all.repositories.legacy import PROJECT_LIMIT
from publish_all.repositories.simple_pages import IndexFile, ProjectPage

NOW = datetime(2026, 11, 30, 12, tzinfo=timezone.utc)
PYPI = "https://upload.pypi.org/legacy/"
SETTINGS = "https://pypi.org/manage/project/kindling/settings/"
ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE


def listed(
    version: str = "1.0", days: float | None = 0, size: int = 9, yanked: str | None = None, tag: str = "py2"
) -> IndexFile:
    time = None if days is None else (NOW - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.123456Z")
    name = f"kindling-{version}-{tag}-none-any.whl"
    return IndexFile(filename=name, url=name, size=size, yanked=yanked, upload_time=time)


def page(*files: IndexFile, status: str | None = None, reason: str | None = None) -> ProjectPage:
    return ProjectPage(name="kindling", files=files, status=status, status_reason=reason)


TABLE = {
    "archived": (page(status="archived", reason="moved"), [("PA425", ERROR)]),
    "quarantined": (page(status="quarantined"), [("PA426", ERROR)]),
    "deprecated": (page(status="deprecated"), [("PA427", NOTE)]),
    "active": (page(status="active", reason="archived"), []),
    "a status of the future": (page(status="frozen"), []),
    "no status": (page(), []),
    "over 14 days": (page(listed(days=14.01), listed(tag="cp310")), [("PA414", ERROR)]),
    "day 14": (page(listed(days=13.99)), [("PA414", WARNING)]),
    "day 12": (page(listed(days=12)), [("PA414", WARNING)]),
    "before day 12": (page(listed(days=11.9)), []),
    "another release is old": (page(listed("0.9", days=99), listed()), []),
    "no upload-time": (page(listed(days=None)), []),
    "upload-time of another form": (
        page(IndexFile(filename="kindling-1.0.zip", url="", upload_time="x")),
        [],
    ),
    "all yanked": (page(listed(yanked=""), listed(yanked="broken", tag="cp310")), [("PA416", WARNING)]),
    "one yanked": (page(listed(yanked=""), listed(tag="cp310")), []),
    "another release is yanked": (page(listed("0.9", yanked="")), []),
    "nine tenths": (page(listed("0.9", size=PROJECT_LIMIT * 9 // 10)), [("PA428", WARNING)]),
    "full": (page(listed("0.9", size=PROJECT_LIMIT)), [("PA428", WARNING)]),
    "nearly nine tenths": (page(listed("0.9", size=PROJECT_LIMIT * 9 // 10 - 100_000)), []),
}


@pytest.mark.parametrize("case", TABLE)
def test_states_of_a_public_index(case, make_legacy, make_distribution, release_of):
    wheel = make_distribution()
    seen, expected = TABLE[case]

    def found(missing=(wheel,), url=PYPI):
        repository = make_legacy(url, clock=NOW.timestamp())
        return [*repository.against_new_files(seen, release_of(wheel), missing)]

    assert [(each.code, each.severity) for each in found()] == expected
    assert found(missing=()) == [], "nothing is uploaded"
    of_pypi = {"PA414", "PA428"}
    assert [each.code for each in found(url="https://corp.example/legacy/")] == [
        code for code, _ in expected if code not in of_pypi
    ]


@pytest.mark.parametrize(
    ("seen", "message", "hint"),
    [
        (page(status="archived", reason="moved\x1b."), "kindling is archived on pypi (moved", SETTINGS),
        (page(listed(days=20)), "is 20 days old and no longer accepts files", "post-release"),
        (
            page(listed("0.9", size=PROJECT_LIMIT)),
            "unless the limit of the project was raised",
            "higher limit",
        ),
    ],
)
def test_says_what_and_the_next_step(seen, message, hint, make_legacy, make_distribution, release_of):
    wheel = make_distribution()
    repository = make_legacy(PYPI, name="pypi", clock=NOW.timestamp())
    (found,) = repository.against_new_files(seen, release_of(wheel), (wheel,))
    assert message in found.message
    assert "\x1b" not in found.message
    assert hint in found.hint
