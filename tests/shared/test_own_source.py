from __future__ import annotations

import json

import pytest

from publish_all._own_source import own_requirement

GIT = {"vcs": "git", "commit_id": "4f1c", "requested_revision": "v0.1"}


@pytest.mark.parametrize(
    ("recorded", "wanted"),
    [
        (None, "publish-all[cli]"),
        ("", "publish-all[cli]"),
        ({"url": "file:///src/publish-all", "dir_info": {"editable": True}}, "publish-all[cli]"),
        ({"url": "https://x.example/a b", "archive_info": {}}, "publish-all[cli]"),
        ({"url": "https://x.example/$(id)", "archive_info": {}}, "publish-all[cli]"),
        (
            {"url": "https://x.example/publish_all-0.1-py3-none-any.whl", "archive_info": {}},
            "publish-all[cli] @ https://x.example/publish_all-0.1-py3-none-any.whl",
        ),
        (
            {"url": "https://git.example/o/r.git", "vcs_info": GIT, "subdirectory": "shared"},
            "publish-all[cli] @ git+https://git.example/o/r.git@4f1c#subdirectory=shared",
        ),
        (
            {"url": "ssh://git@git.example/o/r", "vcs_info": {"vcs": "git", "commit_id": "4f1c"}},
            "publish-all[cli] @ git+ssh://git@git.example/o/r@4f1c",
        ),
    ],
)
def test_names_what_this_one_was_installed_from(recorded, wanted):
    text = recorded if recorded in (None, "") else json.dumps(recorded)
    assert own_requirement("cli", recorded=lambda: text) == wanted
