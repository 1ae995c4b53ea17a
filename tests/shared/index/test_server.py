from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from index_fakes.asgi import Got, ask, basic
from index_fakes.source import FakeSource, digest
from prometheus_client.parser import text_string_to_metric_families

from publish_all.index.index_source import ServeError
from publish_all.index.metrics import observe
from publish_all.index.middleware import Watch

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
PAGE = "/simple/kindling-synapse/"
WHEEL = "kindling_synapse-0.2.0-py3-none-any.whl"
Make = Callable[..., Any]


def get(app: Any, target: str, **options: Any) -> Got:
    return asyncio.run(ask(app, target, **options))


def address(source: FakeSource, filename: str = WHEEL) -> str:
    """The address of a file, as the page has it."""
    content = source.files["kindling-synapse"][filename]
    digests = digest(content)
    if filename in source.metadata_of:
        digests += f"-{digest(source.metadata_of[filename])}"
    return f"/files/{source.name}/kindling-synapse/{digests}/{filename}"


# --- pages


def test_a_page_in_json_says_all_there_is(make: Make, source: FakeSource) -> None:
    source.yanked = {"kindling_synapse-0.1.0.tar.gz": "broken"}
    got = get(make(source).app, PAGE, headers=JSON)
    assert got.status == 200
    assert got.headers["content-type"] == "application/vnd.pypi.simple.v1+json"
    page = got.json()
    assert page["meta"]["api-version"] == "1.1"
    assert page["versions"] == ["0.1.0", "0.2.0"]
    wheel, sdist = page["files"]
    assert wheel["url"] == "../.." + address(source)
    assert wheel["core-metadata"] == {"sha256": digest(b"Metadata-Version: 2.1\n")}
    assert wheel["size"] == 2500
    assert wheel["upload-time"] == "2026-01-02T03:04:05Z"
    assert wheel["requires-python"] == ">=3.9"
    assert (wheel["yanked"], sdist["yanked"]) == (False, "broken")


def test_a_page_in_html_for_who_does_not_ask_for_json(make: Make, source: FakeSource) -> None:
    got = get(make(source).app, PAGE)
    assert got.headers["content-type"] == "text/html; charset=utf-8"
    assert f'href="../..{address(source)}#sha256=' in got.text
    assert 'data-requires-python="&gt;=3.9"' in got.text
    assert "data-core-metadata=" in got.text


def test_a_page_that_a_client_has_is_not_sent_again(make: Make, source: FakeSource) -> None:
    app = make(source).app
    first = get(app, PAGE, headers=JSON)
    assert first.headers["vary"] == "Accept"
    again = get(app, PAGE, headers={**JSON, "If-None-Match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    other = get(app, PAGE, headers={"If-None-Match": first.headers["etag"]})
    assert other.status == 200


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/simple/Kindling_Synapse/", "../kindling-synapse/"),
        ("/simple/kindling.synapse", "kindling-synapse/"),
        ("/simple/kindling-synapse", "kindling-synapse/"),
        ("/simple", "simple/"),
    ],
)
def test_other_spellings_lead_to_the_normalised_name(
    make: Make, source: FakeSource, target: str, location: str
) -> None:
    got = get(make(source).app, target)
    assert (got.status, got.headers["location"]) == (301, location)


def test_a_form_that_there_is_not_is_refused(make: Make, source: FakeSource) -> None:
    assert get(make(source).app, PAGE, headers={"Accept": "image/png"}).status == 406


def test_head_sends_no_body(make: Make, source: FakeSource) -> None:
    app = make(source).app
    assert get(app, PAGE, method="HEAD").status == 200
    got = get(app, address(source), method="HEAD")
    assert (got.status, got.headers["content-length"], got.body) == (200, "2500", b"")


def test_the_list_of_projects_leaves_out_sources_that_do_not_tell(make: Make, source: FakeSource) -> None:
    silent = FakeSource(name="silent", trouble=ServeError("no", status=403))
    got = get(make(source, silent).app, "/simple/", headers=JSON)
    assert got.json()["projects"] == [{"name": "kindling-synapse"}]


def test_pages_of_several_sources_are_one(make: Make, source: FakeSource) -> None:
    other = FakeSource(
        name="other",
        files={"kindling-synapse": {WHEEL: b"not this", "kindling_synapse-0.3.0-py3-none-any.whl": b"new"}},
    )
    page = get(make(source, other).app, PAGE, headers=JSON).json()
    assert page["versions"] == ["0.1.0", "0.2.0", "0.3.0"]
    assert [each["url"].split("/")[3] for each in page["files"]] == ["fake", "fake", "other"]


@pytest.mark.parametrize(
    "status",
    [502, 403, 401, 404],
)
def test_a_trouble_has_its_status_and_its_reason(make: Make, source: FakeSource, status: int) -> None:
    source.trouble = ServeError("fake: it is so", status=status, hint="Do this.")
    got = get(make(source).app, PAGE)
    assert (got.status, got.text) == (status, "fake: it is so Do this.\n")
    assert ("www-authenticate" in got.headers) is (status == 401)


def test_half_of_the_files_is_never_given_for_all(make: Make, source: FakeSource) -> None:
    down = FakeSource(name="down", trouble=ServeError("down", status=502))
    assert get(make(source, down).app, PAGE).status == 502


# --- the fallback


def test_a_private_name_is_never_looked_up_elsewhere(make: Make, source: FakeSource) -> None:
    elsewhere = FakeSource(
        name="_fallback", files={"kindling-synapse": {WHEEL.replace("0.2.0", "99.0"): b"evil"}}
    )
    for status in (None, 401, 403, 404, 502):
        source.trouble = None if status is None else ServeError("no", status=status)
        got = get(make(source, private=["kindling-*"], proxied=elsewhere).app, PAGE)
        assert "99.0" not in got.text
    source.trouble, source.files = None, {}
    got = get(make(source, private=["kindling-*"], proxied=elsewhere).app, PAGE)
    assert got.status == 404
    assert "private" in got.text
    assert elsewhere.pages == []


def test_other_names_are_never_looked_up_here(make: Make, source: FakeSource) -> None:
    source.files["requests"] = {"requests-99.0-py3-none-any.whl": b"evil"}
    app = make(source, private=["kindling-*"]).app
    got = get(app, "/simple/requests/")
    assert (got.status, got.headers["location"]) == (302, "https://pypi.test/simple/requests/")
    file = f"/files/fake/requests/{digest(b'evil')}/requests-99.0-py3-none-any.whl"
    assert get(app, file).status == 404
    assert get(app, "/simple/", headers=JSON).json()["projects"] == [{"name": "kindling-synapse"}]
    assert source.pages == []


def test_the_fallback_is_passed_on_without_the_visitors_credential(make: Make, source: FakeSource) -> None:
    elsewhere = FakeSource(name="_fallback", files={"requests": {"requests-1.0-py3-none-any.whl": b"fine"}})
    app = make(source, private=["kindling-*"], proxied=elsewhere).app
    got = get(app, "/simple/requests/", headers={**JSON, **basic("dev", "secret")})
    assert [each["filename"] for each in got.json()["files"]] == ["requests-1.0-py3-none-any.whl"]
    assert elsewhere.pages == [("requests", None)]
    assert source.pages == []
    assert get(app, "/simple/absent/").status == 404


# --- visitors


def private(source: FakeSource) -> FakeSource:
    source.readers = ("dev",)
    source.forbidden = ServeError("not you", status=403)
    return source


def test_what_one_visitor_may_see_is_not_shown_to_another(make: Make, source: FakeSource) -> None:
    app = make(private(source)).app

    async def story() -> None:
        assert (await ask(app, PAGE, headers=basic("dev", "x"))).status == 200
        assert (await ask(app, PAGE, headers=basic("eve", "x"))).status == 403
        assert (await ask(app, PAGE)).status == 403
        file = address(source)
        assert (await ask(app, file, headers=basic("dev", "x"))).status == 200
        # Its bytes are kept here by now.
        assert (await ask(app, file, headers=basic("eve", "x"))).status == 403
        assert (await ask(app, file)).status == 403
        assert (await ask(app, file, headers=basic("dev", "x"))).status == 200
        # Another password may be another's.
        await ask(app, PAGE, headers=basic("dev", "y"))

    asyncio.run(story())
    assert source.pages == [(PAGE.split("/")[2], who) for who in ("dev", "eve", None, "dev")]
    assert len(source.opened) == 1
    assert source.checked == ["eve", None]


def test_private_files_are_for_the_clients_own_cache_only(make: Make, source: FakeSource) -> None:
    app = make(source).app
    assert get(app, address(source)).headers["cache-control"].startswith("public")
    assert get(app, address(source), headers=basic("dev", "x")).headers["cache-control"].startswith("private")


def test_with_a_password_nothing_is_said_to_who_does_not_know_it(make: Make, source: FakeSource) -> None:
    app = make(source, password="open sesame").app
    for target in ("/", "/simple/", PAGE, address(source), "/simple/Kindling_Synapse"):
        for headers in (
            {},
            basic("any", "wrong"),
            {"Authorization": "Basic !!!"},
            {"Authorization": "Bearer x"},
        ):
            got = get(app, target, headers=headers)
            assert got.status == 401
            assert "kindling" not in got.text
    assert get(app, PAGE, headers=basic("any", "open sesame")).status == 200
    assert source.pages == [("kindling-synapse", None)]
    assert get(app, "/health").status == 200
    assert get(app, "/ready").text == "ready\n"


# --- files


def test_a_file_is_sent_whole_with_its_digest_as_its_tag(make: Make, source: FakeSource) -> None:
    app = make(source).app
    got = get(app, address(source))
    assert got.body == source.files["kindling-synapse"][WHEEL]
    assert "immutable" in got.headers["cache-control"]
    again = get(app, address(source), headers={"If-None-Match": got.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


def test_the_metadata_of_a_wheel_is_beside_it(make: Make, source: FakeSource) -> None:
    assert get(make(source).app, f"{address(source)}.metadata").body == b"Metadata-Version: 2.1\n"
    assert get(make(source).app, f"{address(source, 'kindling_synapse-0.1.0.tar.gz')}.metadata").status == 404


def test_ranges_come_from_the_source_or_from_disk(make: Make, source: FakeSource) -> None:
    app, content = make(source).app, source.files["kindling-synapse"][WHEEL]
    for _ in range(2):
        got = get(app, address(source), headers={"Range": "bytes=2400-"})
        assert (got.status, got.headers["content-range"]) == (206, "bytes 2400-2499/2500")
        assert got.body == content[2400:]
        assert get(app, address(source)).body == content
    assert [asked for _, asked in source.opened] == ["bytes=2400-", None]
    assert get(app, address(source), headers={"Range": "bytes=2500-"}).status == 416
    other = {"Range": "bytes=0-1", "If-Range": '"other"'}
    assert get(app, address(source), headers=other).status == 200


def test_a_range_behind_the_end_is_answered_alike_from_the_source_and_from_disk(
    make: Make, source: FakeSource
) -> None:
    app = make(source).app
    answers = []
    for _ in range(2):
        got = get(app, address(source), headers={"Range": "bytes=2500-"})
        kept = ("content-range", "content-length", "content-type", "cache-control")
        answers.append((got.status, got.body, [got.headers.get(name) for name in kept]))
        assert get(app, address(source)).status == 200
    assert answers[0] == answers[1]
    assert answers[0][0] == 416
    assert answers[0][2] == ["bytes */2500", str(len(answers[0][1])), "text/plain; charset=utf-8", None]


def test_several_ranges_are_answered_with_the_whole_wherever_it_comes_from(
    make: Make, source: FakeSource
) -> None:
    app, content = make(source).app, source.files["kindling-synapse"][WHEEL]
    for _ in range(2):
        got = get(app, address(source), headers={"Range": "bytes=0-1,3-4"})
        assert (got.status, got.body) == (200, content)
    assert [asked for _, asked in source.opened] == [None]


def test_a_file_that_is_not_what_it_should_be_is_never_whole(make: Make, source: FakeSource) -> None:
    file = re.sub(r"[0-9a-f]{64}-", "0" * 64 + "-", address(source))
    got = get(make(source).app, file)
    assert not got.whole or got.status != 200
    assert len(got.body) < 2500


@pytest.mark.parametrize(
    "target",
    [
        "/files/other/kindling-synapse/{0}/{1}",
        "/files/fake/kindling-fabric/{0}/{1}",
        "/files/fake/kindling-synapse/{0}/kindling_synapse-0.3.0-py3-none-any.whl",
        "/files/fake/kindling-synapse/{0}/..%2f..%2fetc%2fpasswd",
        "/files/fake/kindling-synapse/{0}/kindling_synapse-0.2.0.exe",
        "/files/fake/kindling-synapse/xyz/{1}",
        "/files/fake/..%2f..%2f{0}/{1}/x",
        "/nothing",
        "/simple/%2e%2e/",
        "/simple/a%0d%0ab/",
        "/simple/" + "a" * 200 + "/",
    ],
)
def test_there_is_nothing_at_other_addresses(make: Make, source: FakeSource, target: str) -> None:
    assert get(make(source).app, target.format(digest(b"wheel" * 500), WHEEL)).status == 404


def test_other_methods_are_refused(make: Make, source: FakeSource) -> None:
    app = make(source).app
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"):
        assert get(app, PAGE, method=method).status == 405
    assert get(app, "/legacy/", method="GET").status == 405
    assert get(app, "/legacy/", method="POST").status == 403


def test_readiness_tells_which_source_is_not(make: Make, source: FakeSource) -> None:
    app = make(source).app
    assert (get(app, "/ready").status, get(app, "/health").status) == (200, 200)
    down = FakeSource(name="down", trouble=ServeError("down: no answer", status=502))
    got = get(make(source, down).app, "/ready")
    assert (got.status, got.text) == (503, "fake: ready\ndown: no answer\n")


def test_many_requests_for_a_file_fetch_it_once(make: Make, source: FakeSource, tmp_path: Path) -> None:
    content = bytes(range(256)) * 400
    source.files["kindling-synapse"][WHEEL] = content
    app = make(source).app

    async def story() -> list[Got]:
        return await asyncio.gather(*(ask(app, address(source)) for _ in range(20)))

    assert all(got.body == content and got.whole for got in asyncio.run(story()))
    assert len(source.opened) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/simple",
        "/simple/kindling-synapse",
        "/simple/Kindling.Synapse/",
        "/health/",
        "/ready/",
        "/files/a/b/c/d/",
    ],
)
def test_no_redirect_repeats_the_host_header(make: Make, source: FakeSource, path: str) -> None:
    got = get(make(source).app, path, headers={"host": "evil.example"})
    assert "evil.example" not in got.headers.get("location", "")
    assert got.status == 404 or not got.headers["location"].startswith(("http:", "https:", "//"))


@pytest.mark.parametrize("before", ["", "/team/python"])
def test_a_base_path_may_be_left_by_the_proxy_or_removed(make: Make, source: FakeSource, before: str) -> None:
    app = make(source, base_path="/team/python").app
    page = get(app, before + PAGE)
    assert f'href="../..{address(source)}#' in page.text
    assert get(app, before + address(source)).body == source.files["kindling-synapse"][WHEEL]
    assert get(app, f"{before}/").headers["location"] == "simple/"
    assert [get(app, before + path).status for path in ("/health", "/ready", "/metrics", "/legacy/")] == [
        200,
        200,
        200,
        405,
    ]
    assert get(app, "/team/python").headers["location"] == "python/"


def test_large_files_are_sent_without_their_length_where_that_tells_their_end(
    make: Make, source: FakeSource
) -> None:
    app, content = make(source, chunked_above=2000).app, source.files["kindling-synapse"][WHEEL]
    got = get(app, address(source))
    assert (got.body, got.headers.get("content-length")) == (content, None)
    assert get(app, address(source), http_version="1.0").headers["content-length"] == "2500"
    assert get(app, address(source), method="HEAD").headers["content-length"] == "2500"
    part = get(app, address(source), headers={"Range": "bytes=0-1999"})
    assert (part.status, part.headers["content-length"]) == (206, "2000")


def test_the_metrics_count_cache_hits_and_upstream_errors(make: Make, source: FakeSource) -> None:
    made = make(source, password="hunter2")
    who = {"headers": basic("me", "hunter2")}
    for target in (PAGE, PAGE, address(source), address(source)):
        assert get(made.app, target, **who).status == 200
    source.trouble = ServeError("down")
    assert get(made.app, "/simple/other/", **who).status == 502
    assert get(made.app, "/metrics").status == 401
    got = get(made.app, "/metrics", **who)
    assert got.headers["content-type"].startswith("text/plain; version=")
    names = [each.name for each in text_string_to_metric_families(got.text)]
    assert len(names) == len(set(names))
    for line in (
        'publish_all_cache_total{kind="page",result="hit"} 1.0',
        'publish_all_cache_total{kind="page",result="miss"} 2.0',
        'publish_all_cache_total{kind="file",result="hit"} 1.0',
        'publish_all_cache_total{kind="file",result="miss"} 1.0',
        "publish_all_upstream_errors_total 1.0",
    ):
        assert f"\n{line}\n" in got.text


def test_the_metrics_count_requests_by_kind_and_status(make: Make, source: FakeSource) -> None:
    app = Watch(make(source).app, observe)
    before = get(app, "/metrics").text
    for target in (PAGE, "/simple/", "/nothing"):
        get(app, target)
    after = get(app, "/metrics").text

    def grown(series: str) -> float:
        found = [re.search(rf"^{re.escape(series)} (.*)$", text, re.MULTILINE) for text in (before, after)]
        first, last = (float(each[1]) if each else 0.0 for each in found)
        return last - first

    assert grown('publish_all_requests_total{kind="project",status="200"}') == 1
    assert grown('publish_all_requests_total{kind="root",status="200"}') == 1
    assert grown('publish_all_requests_total{kind="other",status="404"}') == 1
    assert grown('publish_all_request_seconds_count{kind="project"}') == 1
    assert grown('publish_all_sent_bytes_total{kind="project"}') > 100
