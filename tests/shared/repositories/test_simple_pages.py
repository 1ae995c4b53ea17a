from __future__ import annotations

import json

import pytest

from publish_all.repositories.simple_pages import (
    HTML_TYPE,
    JSON_TYPE,
    IndexFile,
    PageError,
    ProjectPage,
    parse_project,
    render_project,
    render_root,
)

URL = "https://index.example/simple/kindling/"
WHEEL = IndexFile(
    filename="kindling-1.0+a-py3-none-any.whl",
    url="kindling-1.0%2Ba-py3-none-any.whl",
    hashes={"sha256": "ab" * 32},
    requires_python=">=3.10,<4",
    core_metadata={"sha256": "cd" * 32},
    size=123,
)
SDIST = IndexFile(
    filename="kindling-1.0.tar.gz", url="kindling-1.0.tar.gz", hashes={"sha256": "ef" * 32}, size=9
)
PAGE = ProjectPage(name="kindling", files=(WHEEL, SDIST), versions=("1.0",))


def test_json_survives_rendering_and_parsing():
    parsed = parse_project(render_project(PAGE)[0], content_type=JSON_TYPE, url=URL)
    assert parsed.name == "kindling"
    assert parsed.versions == ("1.0",)
    found = parsed.file(WHEEL.filename)
    assert found is not None
    assert found.url == URL + WHEEL.url
    assert (found.hashes, found.core_metadata) == (WHEEL.hashes, WHEEL.core_metadata)
    assert (found.requires_python, found.size, found.yanked) == (">=3.10,<4", 123, None)


def test_html_survives_rendering_and_parsing():
    parsed = parse_project(render_project(PAGE)[1], content_type="text/html", url=URL)
    assert [each.filename for each in parsed.files] == [WHEEL.filename, SDIST.filename]
    wheel, sdist = parsed.files
    assert (wheel.url, wheel.hashes, wheel.requires_python) == (URL + WHEEL.url, WHEEL.hashes, ">=3.10,<4")
    assert (wheel.core_metadata, sdist.core_metadata) == ({"sha256": "cd" * 32}, None)


def test_json_is_of_version_1_1_with_its_required_keys():
    content = json.loads(render_project(PAGE)[0])
    assert content["meta"] == {"api-version": "1.1"}
    assert content["versions"] == ["1.0"]
    assert content["files"][0]["core-metadata"] == {"sha256": "cd" * 32}
    assert "dist-info-metadata" not in content["files"][0]  # pip 23.0 breaks off over it
    assert [each["size"] for each in content["files"]] == [123, 9]
    assert content["files"][0]["yanked"] is False


def test_html_escapes_what_it_writes():
    file = IndexFile(filename="a-1.tar.gz", url="a-1.tar.gz", requires_python='>"<', yanked="bad & worse")
    written = render_project(ProjectPage(name="<a>", files=(file,)))[1].decode()
    assert "Links for &lt;a&gt;" in written
    assert 'data-requires-python="&gt;&quot;&lt;"' in written
    parsed = parse_project(written.encode(), content_type=HTML_TYPE, url=URL)
    assert (parsed.files[0].requires_python, parsed.files[0].yanked) == ('>"<', "bad & worse")


def test_root_pages_list_projects_with_relative_links():
    assert b'<a href="kindling/">kindling</a><br>' in render_root(["kindling"])[1]
    assert json.loads(render_root(["kindling"])[0])["projects"] == [{"name": "kindling"}]


def test_reads_the_page_of_pypiserver():
    body = b"""<!DOCTYPE html><html lang="en"><head><title>Links for kindling</title></head><body>
    <a href="/packages/kindling-1.0.tar.gz#md5=0123456789abcdef0123456789ABCDEF">kindling-1.0.tar.gz</a><br>
    <a href="/packages/sub/kindling-1.0-py3-none-any.whl">kindling-1.0-py3-none-any.whl</a><br>"""
    page = parse_project(body, content_type="text/html", url=URL)
    assert page.files[0].url == "https://index.example/packages/kindling-1.0.tar.gz"
    assert page.files[0].hashes == {"md5": "0123456789abcdef0123456789abcdef"}
    assert page.files[1].hashes == {}


def test_follows_the_base_of_a_page_and_ignores_other_links():
    body = b"""<html><head><base href="../../files/"></head><a href="https://example.org/">home</a>
    <a href="a%2Bb/kindling-1.0%2Ba.tar.gz#subdirectory=x&amp;sha256=aa" data-yanked>x</a></html>"""
    page = parse_project(body, content_type="text/html", url=URL)
    assert len(page.files) == 1
    assert page.files[0].filename == "kindling-1.0+a.tar.gz"
    assert page.files[0].url == "https://index.example/files/a%2Bb/kindling-1.0%2Ba.tar.gz"
    assert page.files[0].hashes == {"sha256": "aa"}
    assert page.files[0].yanked == ""


def test_reads_what_pypi_may_say_about_a_file():
    body = {
        "meta": {"api-version": "1.4"},
        "name": "kindling",
        "files": [
            {"filename": "a.whl", "url": "/a.whl", "hashes": {"sha256": "AA"}, "core-metadata": True,
             "requires-python": "", "yanked": "broken", "upload-time": "2026-01-01T00:00:00Z"},
            {"filename": "b.whl", "url": "/b.whl", "hashes": {}, "core-metadata": False, "yanked": True},
        ],
    }  # fmt: skip
    one, two = parse_project(json.dumps(body).encode(), content_type=JSON_TYPE, url=URL).files
    assert (one.hashes, one.core_metadata, one.requires_python) == ({"sha256": "aa"}, {}, None)
    assert (one.yanked, one.upload_time) == ("broken", "2026-01-01T00:00:00Z")
    assert (two.core_metadata, two.yanked) == (None, "")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{}", JSON_TYPE),
        (b"[]", JSON_TYPE),
        (b"no json", JSON_TYPE),
        (b"[" * 100_000, JSON_TYPE),
        (b'{"meta": {"api-version": "2.0"}, "name": "a", "files": []}', JSON_TYPE),
        (b'{"meta": {"api-version": "1.0"}, "name": "a", "files": [1]}', JSON_TYPE),
        (b'<html><meta name="pypi:repository-version" content="2.0">', "text/html"),
        (b"Not found", "text/html"),
        (b"...", "image/png"),
    ],
)
def test_refuses_what_is_not_a_page(body: bytes, content_type: str):
    with pytest.raises(PageError):
        parse_project(body, content_type=content_type, url=URL)


def test_links_that_are_no_urls_are_passed_over():
    body = (
        b'<html><base href="http://[x"><a href="http://[y/a-1.tar.gz">x</a><a href="a-1.tar.gz">x</a></html>'
    )
    page = parse_project(body, content_type="text/html", url=URL)
    assert [each.url for each in page.files] == [URL + "a-1.tar.gz"]


def test_what_is_of_another_type_or_no_digest_counts_as_not_stated():
    body = {
        "meta": {"api-version": "1.1"},
        "name": "kindling",
        "versions": None,
        "files": [
            {"filename": "a.whl", "url": "/a.whl", "hashes": {"sha256": "../x", "md5": 1, "sha1": "AB"},
             "requires-python": [">=3"], "upload-time": {}, "provenance": 3, "size": 1e400},
        ],
    }  # fmt: skip
    page = parse_project(json.dumps(body).encode(), content_type=JSON_TYPE, url=URL)
    (file,) = page.files
    assert file.hashes == {"sha1": "ab"}
    assert (file.requires_python, file.upload_time, file.provenance, file.size) == (None,) * 4
    assert render_project(page)[1]


def test_a_text_that_can_not_be_sent_on_makes_it_no_page():
    body = b'{"meta": {"api-version": "1.1"}, "name": "a", "versions": ["\\ud800"], "files": []}'
    with pytest.raises(PageError, match="surrogates"):
        parse_project(body, content_type=JSON_TYPE, url=URL)


@pytest.mark.parametrize(("form", "content_type"), [(0, JSON_TYPE), (1, HTML_TYPE)])
def test_the_status_of_a_project_survives_rendering_and_parsing(form, content_type):
    page = ProjectPage(name="kindling", files=(), status="archived", status_reason='moved to "tinder" <here>')
    parsed = parse_project(render_project(page)[form], content_type=content_type, url=URL)
    assert (parsed.status, parsed.status_reason) == (page.status, page.status_reason)
    assert b"project-status" not in render_project(PAGE)[form]


@pytest.mark.parametrize("status", [None, "archived", ["archived"], {"status": 1}, {"reason": "x"}])
def test_a_status_of_another_form_is_none(status):
    content = {"meta": {"api-version": "1.4"}, "name": "kindling", "files": [], "project-status": status}
    assert parse_project(json.dumps(content).encode(), content_type=JSON_TYPE, url=URL).status is None
