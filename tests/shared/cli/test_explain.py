from __future__ import annotations

import pytest

from publish_all.cli.config_command import explain
from publish_all.errors import UsageError
from publish_all.reporting.lines import result_lines


def test_explains_a_code_and_a_name():
    by_code = explain("pa301")
    assert by_code is explain(" token-for-other-index ")
    assert explain("file-too-large").code == "PA206"
    assert by_code.page == "docs/reference/errors.md#pa301"
    lines = list(result_lines(by_code))
    assert lines[0] == "PA301 token-for-other-index (error)"
    assert all(len(line) <= 80 for line in lines)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("token-for-other-indx", "token-for-other-index"),
        ("what", "docs/reference/errors.md"),
    ],
)
def test_names_the_nearest_code(name, hint):
    with pytest.raises(UsageError) as raised:
        explain(name)
    assert hint in (raised.value.hint or "")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("Invalid or non-existent authentication information. See https://pypi.org/help/", "PA401"),
        ("403 The user 'bob' isn't allowed to upload to project 'x'.", "PA403"),
        ("invalid-publisher", "PA324"),
        ("Token request failed: * invalid-publisher: valid token, but no corresponding publisher", "PA324"),
        ("error: places differ [PA230 version-differs]", "PA230"),
        ("WARNING  `long_description_content_type` missing. defaulting to `text/x-rst`.", "PA270"),
        ("The description failed to render for 'text/x-rst'.", "PA434"),
    ],
)
def test_explains_what_a_server_says(said, code):
    assert explain(said).code == code
