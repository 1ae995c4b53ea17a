"""Project pages of an index, HTML and JSON: parsed, and rendered again as `serve` does for its fallback."""

from __future__ import annotations

from fuzz_inputs import altered_json, fuzz, in_time, long, near
from hypothesis import given

from publish_all.index.service import merged, with_addresses
from publish_all.repositories.simple_pages import (
    HTML_TYPE,
    JSON_TYPE,
    IndexFile,
    PageError,
    ProjectPage,
    parse_project,
    render_project,
)

URL = "https://pypi.test/simple/demo/"
FILE = {
    "filename": "demo-1.0-py3-none-any.whl",
    "url": "../../files/demo-1.0-py3-none-any.whl",
    "hashes": {"sha256": "a" * 64},
    "requires-python": ">=3.9",
    "core-metadata": {"sha256": "b" * 64},
    "size": 1000,
    "yanked": "broken",
    "upload-time": "2026-01-01T00:00:00Z",
    "provenance": "https://pypi.test/integrity",
}
JSON = {"meta": {"api-version": "1.1"}, "name": "demo", "versions": ["1.0"], "files": [FILE, FILE]}
HTML = render_project(
    ProjectPage(
        name="demo",
        files=(
            IndexFile(
                filename="demo-1.0.tar.gz", url="../demo-1.0.tar.gz", hashes={"sha256": "a" * 64}, yanked=""
            ),
            IndexFile(filename="demo-1.0-py3-none-any.whl", url="https://f.test/demo-1.0-py3-none-any.whl"),
        ),
    )
)[1]
PIECES = (
    *(
        b"<",
        b">",
        b"<!",
        b"<!--",
        b"--",
        b"-->",
        b"</",
        b"<a ",
        b"<a href=",
        b'"',
        b"'",
        b"=",
        b" ",
        b"/",
        b"&",
        b"&#",
    ),
    *(
        b"&#x",
        b";",
        b"9",
        b"<![CDATA[",
        b"<?",
        b"<script>",
        b"</script",
        b"<title",
        b"a",
        b'<a href="x.whl">',
        b"<base href=",
    ),
    *(b"\n", b"\0", b"\xff", b"%", b"#", b"../"),
)


def read(content: bytes, content_type: str) -> None:
    try:
        page = parse_project(content, content_type=content_type, url=URL)
    except PageError as error:
        assert str(error)  # noqa: PT017 - what it says is a part of the behaviour
        return
    render_project(merged((with_addresses(page, "github"), page)))


@fuzz
@given(altered_json(JSON))
def test_json(content: bytes) -> None:
    in_time(lambda: read(content, JSON_TYPE))


@fuzz
@given(near(HTML))
def test_html(content: bytes) -> None:
    in_time(lambda: read(content, HTML_TYPE))


@fuzz
@given(long(*PIECES))
def test_long_html(content: bytes) -> None:
    in_time(lambda: read(content, "text/html"))
