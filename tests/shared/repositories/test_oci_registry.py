from __future__ import annotations

from urllib.parse import parse_qs

import pytest
import requests
from oci_fakes.registry import HOST, FakeRegistry, Reply, error
from packaging.utils import canonicalize_name

from publish_all._http import make_session
from publish_all._http_errors import HttpError
from publish_all._secret import Secret
from publish_all.credentials.docker import IDENTITY_USER
from publish_all.repositories.oci_layout import INDEX_TYPE, digest_of, parse_place
from publish_all.repositories.oci_registry import Manifest, OciRegistry
from publish_all.repositories.replies import Login, RefusedError, UnauthorizedError

ADA = Login(username="ada", secret=Secret("ghp_ada"), origin="environment variable GITHUB_TOKEN")
BOB = Login(username="bob", secret=Secret("ghp_bob"), origin="keyring")
INDEX = b'{"mediaType":"application/vnd.oci.image.index.v1+json"}'
NAME = "sep/kindling"
KINDLING = canonicalize_name("kindling")
PLACE = parse_place("ghcr.io/sep")


class Time:
    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def registry(fake_registry: FakeRegistry, time: Time) -> OciRegistry:
    session = make_session(transport=fake_registry)
    return OciRegistry(PLACE, session, clock=lambda: time.now, sleep=time.sleep)


@pytest.fixture
def users(fake_registry: FakeRegistry) -> None:
    fake_registry.users = {"ada": "ghp_ada", "bob": "ghp_bob"}
    fake_registry.private = True


def test_an_open_registry_is_told_nothing(registry, fake_registry):
    fake_registry.put(NAME, "1.0", INDEX)
    found = registry.package(KINDLING, login=ADA).manifest("1.0")
    assert found == Manifest(digest=digest_of(INDEX), content=INDEX)
    assert not any("Authorization" in each.headers for each in fake_registry.asked)


def test_packages_of_two_users_are_two(registry):
    packages = {registry.package(KINDLING, login=each) for each in (ADA, ADA, None)}
    assert len(packages) == 3
    assert "ada" not in repr(packages)


@pytest.mark.usefixtures("users")
def test_a_token_is_asked_for_with_our_own_scope_and_kept(registry, fake_registry, time):
    package = registry.package(KINDLING, login=ADA, write=True)
    for _ in range(3):
        assert package.manifest("1.0") is None
    (asked,) = fake_registry.of("GET", "/token")
    assert asked.url == f"{HOST}/token?service=ghcr.io&scope=repository:{NAME}:pull,push"
    assert asked.headers["Authorization"].startswith("Basic ")
    time.now += 295
    package.manifest("1.0")
    assert len(fake_registry.of("GET", "/token")) == 2


@pytest.mark.usefixtures("users")
def test_a_token_that_the_registry_has_forgotten_is_renewed_once(registry, fake_registry):
    package = registry.package(KINDLING, login=ADA)
    package.manifest("1.0")
    fake_registry.tokens.clear()
    package.manifest("1.0")
    assert len(fake_registry.of("GET", "/token")) == 2

    fake_registry.hooks.append(
        lambda asked: error(401, "UNAUTHORIZED") if "/manifests/" in asked.path else None
    )
    with pytest.raises(UnauthorizedError):
        package.manifest("1.0")
    assert len(fake_registry.of("GET", "/token")) == 3


@pytest.mark.usefixtures("users")
def test_no_user_gets_what_another_ones_token_opens(registry, fake_registry):
    registry.package(KINDLING, login=ADA).manifest("1.0")
    for login in (Login(username="ada", secret=Secret("wrong")), None):
        with pytest.raises(UnauthorizedError) as caught:
            registry.package(KINDLING, login=login).manifest("1.0")
        assert caught.value.exit_code == 3
    registry.package(KINDLING, login=BOB).manifest("1.0")
    sent = {each.headers["Authorization"] for each in fake_registry.of("GET", "/manifests/")}
    assert sent == {"Bearer token-0", "Bearer token-1"}


@pytest.mark.usefixtures("users")
def test_public_packages_are_read_by_nobody_in_particular(registry, fake_registry):
    fake_registry.private = False
    fake_registry.put(NAME, "1.0", INDEX)
    assert registry.package(KINDLING, login=None).tags() == ("1.0",)
    assert "Authorization" not in fake_registry.of("GET", "/token")[0].headers


def test_what_it_wants_is_asked_once(registry, fake_registry):
    for _ in range(2):
        registry.package(KINDLING, login=None).tags()
    assert len([each for each in fake_registry.asked if each.path == "/v2/"]) == 1


@pytest.mark.usefixtures("users")
def test_a_registry_that_is_open_at_its_root_may_be_private_below(registry, fake_registry):
    fake_registry.hooks.append(lambda asked: Reply() if asked.path == "/v2/" else None)
    fake_registry.put(NAME, "1.0", INDEX)
    assert registry.package(KINDLING, login=lambda: ADA).tags() == ("1.0",)


def test_a_login_is_looked_for_when_the_registry_wants_to_know(registry, fake_registry):
    def never():
        raise AssertionError

    assert registry.package(KINDLING, login=never).tags() == ()
    fake_registry.users, fake_registry.private = {"ada": "ghp_ada"}, True
    asked = []
    package = registry.package(KINDLING, login=lambda: asked.append(1) or ADA)
    for _ in range(2):
        assert package.tags() == ()
    assert asked == [1]


@pytest.mark.usefixtures("users")
def test_an_identity_token_of_docker_is_exchanged_and_not_sent_as_a_password(registry, fake_registry):
    def exchange(asked):
        if asked.method != "POST" or asked.path != "/token":
            return None
        form = parse_qs(asked.body.decode())
        assert form["refresh_token"] == ["canary"]
        assert form["scope"] == [f"repository:{NAME}:pull"]
        fake_registry.tokens["of-identity"] = form["scope"][0]
        return Reply(200, b'{"access_token": "of-identity"}')

    fake_registry.hooks.append(exchange)
    login = Login(username=IDENTITY_USER, secret=Secret("canary"))
    assert registry.package(KINDLING, login=login).tags() == ()
    assert not any(each.headers.get("Authorization", "").startswith("Basic ") for each in fake_registry.asked)


def test_basic_registries_get_the_password(registry, fake_registry):
    def basic(asked):
        if "Authorization" in asked.headers:
            return None
        return Reply(401, b"", {"WWW-Authenticate": 'Basic realm="x"'})

    fake_registry.hooks.append(basic)
    assert registry.package(KINDLING, login=ADA).tags() == ()
    assert fake_registry.asked[-1].headers["Authorization"].startswith("Basic ")
    with pytest.raises(UnauthorizedError):
        registry.package(KINDLING, login=None).tags()


@pytest.mark.parametrize(
    "answer",
    [
        Reply(200, b"<html>", {"Content-Type": "text/html"}),
        Reply(404),
        Reply(401, b"", {"WWW-Authenticate": "Negotiate"}),
        Reply(401),
    ],
)
def test_what_is_no_registry_is_told_apart(registry, fake_registry, answer):
    fake_registry.hooks.append(lambda asked: answer)
    with pytest.raises(RefusedError, match="not answer as an OCI registry") as caught:
        registry.knock()
    assert caught.value.findings[0].code == "PA609"


def test_tags_of_all_pages_and_none_of_an_absent_package(registry, fake_registry):
    for each in range(250):
        fake_registry.put(NAME, f"1.{each}", INDEX)
    package = registry.package(KINDLING, login=None)
    assert package.tags() == tuple(f"1.{each}" for each in range(250))
    assert len(fake_registry.of("GET", "/tags/list")) == 3
    assert registry.package(canonicalize_name("absent"), login=None).tags() == ()
    fake_registry.tags["sep/emptied"] = {}
    assert registry.package(canonicalize_name("emptied"), login=None).tags() == ()


def test_links_that_go_round_or_elsewhere_end(registry, fake_registry):
    link = {"Link": f'<{HOST}/v2/{NAME}/tags/list?n=1000>; rel="next"'}
    fake_registry.hooks.append(
        lambda asked: Reply(200, b'{"tags":["1"]}', link) if "tags" in asked.path else None
    )
    assert registry.package(KINDLING, login=None).tags() == ("1",)
    link["Link"] = '<https://evil.example/v2/x/tags/list>; rel="next"'
    assert registry.package(KINDLING, login=None).tags() == ("1",)
    assert {each.url.partition("/v2/")[0] for each in fake_registry.asked} == {HOST}


def test_a_manifest_that_is_known_already_is_not_sent(registry, fake_registry):
    digest = fake_registry.put(NAME, "1.0", INDEX)
    package = registry.package(KINDLING, login=None)
    assert package.manifest("1.0", unless=digest) == Manifest(digest=digest, content=b"")
    assert package.manifest("1.0", unless=digest_of(b"older")) == Manifest(digest=digest, content=INDEX)


def test_a_manifest_with_other_bytes_than_its_digest_is_refused(registry, fake_registry):
    fake_registry.manifests[NAME, digest_of(b"wanted")] = (INDEX, INDEX_TYPE)
    with pytest.raises(HttpError, match="does not match its digest"):
        registry.package(KINDLING, login=None).manifest(digest_of(b"wanted"))


def test_a_blob_is_sent_once_in_one_piece(registry, fake_registry):
    package = registry.package(KINDLING, login=None, write=True)
    content = b"wheel" * 1000
    assert package.push_blob(digest_of(content), content) is True
    assert package.push_blob(digest_of(content), content) is False
    assert [each.method for each in fake_registry.asked[1:]] == ["HEAD", "POST", "PUT", "HEAD"]
    assert fake_registry.of("PATCH") == []
    assert fake_registry.blobs[NAME, digest_of(content)] == content


@pytest.mark.parametrize("arrived", [True, False])
def test_a_blob_that_another_one_sends_at_the_same_time(registry, fake_registry, arrived):
    package = registry.package(KINDLING, login=None, write=True)
    content = b"metadata"

    def slower(asked):
        if asked.method != "PUT":
            return None
        if arrived:
            fake_registry.put_blob(NAME, content)
        return error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")

    fake_registry.hooks.append(slower)
    if arrived:
        assert package.push_blob(digest_of(content), content) is False
    else:
        with pytest.raises(RefusedError):
            package.push_blob(digest_of(content), content)


@pytest.mark.usefixtures("users")
def test_no_token_goes_to_another_host(registry, fake_registry):
    content = b"wheel"
    fake_registry.put_blob(NAME, content)
    fake_registry.redirect = "https://storage.example"
    with registry.package(KINDLING, login=ADA).blob(digest_of(content)) as download:
        assert b"".join(download.chunks) == content
    elsewhere = [each for each in fake_registry.asked if each.url.startswith("https://storage.example")]
    assert elsewhere
    assert not any("Authorization" in each.headers for each in elsewhere)

    def away(asked):
        if asked.method == "POST":
            return Reply(202, headers={"Location": "https://uploads.example/here?key=1"})
        return Reply(201) if asked.url.startswith("https://uploads.example") else None

    fake_registry.hooks.append(away)
    registry.package(KINDLING, login=ADA, write=True).push_blob(digest_of(b"new"), b"new")
    assert "Authorization" not in fake_registry.asked[-1].headers
    assert fake_registry.asked[-1].url == f"https://uploads.example/here?key=1&digest={digest_of(b'new')}"


@pytest.mark.parametrize(
    "state", ["a=b+c/d==", "sig=a%20b&t=0:0", "key&part=1", "s=%2fx%3d", "s=%ff%00", "s=a;b", "s=~0*(x)!'"]
)
def test_the_address_of_an_upload_is_used_byte_for_byte(registry, fake_registry, state):
    def answer(asked):
        match asked.method:
            case "POST":
                return Reply(202, headers={"Location": f"/v2/{NAME}/blobs/uploads/1?{state}"})
            case "PUT":
                return Reply(201)
        return None

    fake_registry.hooks.append(answer)
    registry.package(KINDLING, login=None, write=True).push_blob(digest_of(b"{}"), b"{}")
    (put,) = fake_registry.of("PUT")
    assert put.url == f"{HOST}/v2/{NAME}/blobs/uploads/1?{state}&digest={digest_of(b'{}')}"


@pytest.mark.parametrize("location", ["http://[::1", "https://x:99999999/"])
def test_an_address_that_is_no_url_is_an_error(registry, fake_registry, location):
    fake_registry.hooks.append(
        lambda asked: Reply(202, headers={"Location": location}) if asked.method == "POST" else None
    )
    with pytest.raises(HttpError, match="does not answer as an OCI registry"):
        registry.package(KINDLING, login=None, write=True).push_blob(digest_of(b"{}"), b"{}")


@pytest.mark.parametrize("realm", ["", "http://[::1"])
def test_a_token_server_at_no_url_is_no_registry(registry, fake_registry, realm):
    challenge = {"WWW-Authenticate": f'Bearer realm="{realm}"'}
    fake_registry.hooks.append(lambda asked: Reply(401, headers=challenge))
    with pytest.raises(HttpError):
        registry.package(KINDLING, login=ADA).tags()


@pytest.mark.parametrize(
    ("registry_url", "realm", "gets_it"),
    [
        ("https://registry.gitlab.test", "https://gitlab.test/jwt/auth", True),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5001/token", True),
        ("http://127.0.0.1:5000", "http://localhost:5001/token", False),
        ("https://ghcr.io", "https://ghcr.io/token", True),
        ("https://ghcr.io", "https://ghcr.io.evil.test/token", False),
        ("https://ghcr.io", "https://ghcr.io@evil.test/token", False),
    ],
)
def test_a_token_server_elsewhere_gets_the_login_by_https_and_github_s_only_from_github(
    fake_registry, registry_url, realm, gets_it
):
    def answer(asked):
        if "/v2/" in asked.url:
            return Reply(401, headers={"WWW-Authenticate": f'Bearer realm="{realm}"'})
        return Reply(403)

    fake_registry.hooks.append(answer)
    package = OciRegistry(parse_place(f"{registry_url}/sep"), make_session(transport=fake_registry)).package(
        KINDLING, login=ADA
    )
    with pytest.raises(UnauthorizedError) as caught:
        package.tags()
    told = [each.url for each in fake_registry.asked if "Authorization" in each.headers]
    assert told == ([f"{realm}?scope=repository:{NAME}:pull"] if gets_it else [])
    assert any(each.code == "PA408" for each in caught.value.findings) is not gets_it


def test_several_ways_to_log_in_are_told_apart(registry, fake_registry, users):
    several = f'Negotiate, Basic realm="x", Bearer realm="{HOST}/token",service="ghcr.io"'
    fake_registry.hooks.append(
        lambda asked: Reply(401, headers={"WWW-Authenticate": several}) if asked.path == "/v2/" else None
    )
    fake_registry.put(NAME, "1.0", INDEX)
    assert registry.package(KINDLING, login=ADA).tags() == ("1.0",)


def test_a_registry_behind_a_proxy_may_take_itself_for_http(registry, fake_registry):
    place = f"http://ghcr.io:8080/v2/{NAME}/blobs/uploads/1?state=a%2Bb"
    fake_registry.hooks.append(
        lambda asked: Reply(202, headers={"Location": place}) if asked.method == "POST" else None
    )
    registry.package(KINDLING, login=None, write=True).push_blob(digest_of(b"x"), b"x")
    assert fake_registry.asked[-1].url.startswith(f"{HOST}/v2/")


def test_a_range_of_a_blob(registry, fake_registry):
    fake_registry.put_blob(NAME, b"0123456789")
    package = registry.package(KINDLING, login=None)
    with package.blob(digest_of(b"0123456789"), byte_range="bytes=2-4") as download:
        assert (download.reply.status, b"".join(download.chunks)) == (206, b"234")
    assert fake_registry.asked[-1].headers["Accept-Encoding"] == "identity"


def test_questions_are_asked_again_while_the_registry_stumbles(registry, fake_registry, time):
    fake_registry.put(NAME, "1.0", INDEX)
    answers = [error(500, "UNKNOWN"), error(429, "TOOMANYREQUESTS", **{"Retry-After": "0.7"})]
    fake_registry.hooks.append(
        lambda asked: answers.pop(0) if "manifests" in asked.path and answers else None
    )
    assert registry.package(KINDLING, login=None).manifest("1.0") is not None
    assert len(time.slept) == 2
    assert time.slept[1] == 0.7


def test_patience_ends(registry, fake_registry, time):
    fake_registry.hooks.append(lambda asked: error(503, "UNAVAILABLE") if "manifests" in asked.path else None)
    with pytest.raises(RefusedError) as caught:
        registry.package(KINDLING, login=None).manifest("1.0")
    assert caught.value.retryable
    assert len(time.slept) == 3


def test_a_refusal_is_not_asked_again(registry, fake_registry):
    fake_registry.hooks.append(lambda asked: error(403, "DENIED") if "manifests" in asked.path else None)
    with pytest.raises(UnauthorizedError):
        registry.package(KINDLING, login=ADA).manifest("1.0")
    assert len(fake_registry.of("GET", "manifests")) == 1


def test_a_silent_network_is_an_error_in_plain_words(registry, fake_registry):
    def silent(asked):
        raise requests.ConnectTimeout

    fake_registry.hooks.append(silent)
    with pytest.raises(HttpError, match="does not answer"):
        registry.knock()


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"tags":', b'{"tags":[1,null,"1.0"]}'])
def test_odd_answers_are_no_crash(registry, fake_registry, body):
    fake_registry.hooks.append(lambda asked: Reply(200, body) if "tags" in asked.path else None)
    package = registry.package(KINDLING, login=None)
    if b"1.0" in body:
        assert package.tags() == ("1.0",)
    else:
        with pytest.raises(HttpError, match="does not answer as an OCI registry"):
            package.tags()


def test_the_probe_begins_an_upload_and_gives_it_up(registry, fake_registry):
    registry.package(KINDLING, login=None, write=True).probe()
    assert [each.method for each in fake_registry.asked[1:]] == ["POST", "DELETE"]
    assert fake_registry.blobs == {}
