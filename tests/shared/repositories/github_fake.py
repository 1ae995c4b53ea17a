"""GitHub's API of releases in the process, after its documentation and what clients are known to meet.

It keeps all in dicts. A network adapter for tests of modules, and a server on loopback for those of commands.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

REPOSITORY = "/repos/sep/kindling"
TOKEN = "ghs_0123456789abcdef"
MOST_ASSETS = 1000


@dataclass
class Asked:
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def query(self) -> dict[str, str]:
        return {key: values[0] for key, values in parse_qs(urlsplit(self.url).query).items()}

    @property
    def is_write(self) -> bool:
        return self.method != "GET"


@dataclass
class Reply:
    status: int = 200
    content: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        if isinstance(self.content, bytes):
            return self.content
        return b"" if self.content is None else json.dumps(self.content).encode()


def problem(status: int, message: str, *errors: Mapping[str, str], **headers: str) -> Reply:
    content = {"message": message, **({"errors": list(errors)} if errors else {})}
    return Reply(status, content, {key.replace("_", "-"): value for key, value in headers.items()})


def invalid(field_: str, code: str, message: str = "") -> Reply:
    error = {"resource": "ReleaseAsset", "field": field_, "code": code}
    return problem(422, "Validation Failed", error | ({"message": message} if message else {}))


Hook = Callable[[Asked], "Reply | None"]


class FakeGitHub:
    """One repository. `hooks` are asked first: one that gives a reply answers in our place.

    `upload_hooks` are asked when the bytes of an asset are there; a reply leaves the asset as a `starter`.
    """

    def __init__(
        self,
        api: str = "https://api.github.com",
        uploads: str = "https://uploads.github.com",
        storage: str = "https://release-assets.githubusercontent.com",
        web: str = "https://github.com",
    ) -> None:
        self.api, self.uploads, self.storage, self.web = api, uploads, storage, web
        self.tags = ["v1.0", "v1.0.1"]
        self.releases: dict[int, dict[str, Any]] = {}
        self.assets: dict[int, dict[str, Any]] = {}
        self.contents: dict[int, bytes] = {}
        self.asked: list[Asked] = []
        self.hooks: list[Hook] = []
        self.upload_hooks: list[Hook] = []
        self.states_digests = True
        self.immutable_releases = False
        self.about: dict[str, Any] = {"private": False, "archived": False}
        self.page = 100
        self.lock = threading.RLock()
        self._writing = threading.Semaphore()
        self.overlapping = 0
        self._number = 0

    # --- for tests

    def of(self, method: str, part: str = "") -> list[Asked]:
        return [each for each in self.asked if each.method == method and part in each.path]

    def files(self, release: int | None = None) -> dict[str, bytes]:
        """What is there of the only release, or of this one, by name."""
        (release,) = self.releases if release is None else (release,)
        whole = (each for each in self.assets.values() if each["state"] == "uploaded")
        return {each["name"]: self.contents[each["id"]] for each in whole if each["release"] == release}

    def add_release(self, tag: str = "v1.0", *, draft: bool = False, immutable: bool = False) -> int:
        with self.lock:
            self._number += 1
            number = self._number
            self.releases[number] = {
                "id": number,
                "tag_name": tag,
                "name": tag,
                "draft": draft,
                "immutable": immutable and not draft,
                "prerelease": False,
                "body": None,
            }
        return number

    def add_asset(self, release: int, name: str, content: bytes = b"", *, state: str = "uploaded") -> int:
        with self.lock:
            self._number += 1
            number = self._number
            self.contents[number] = content
            self.assets[number] = {
                "id": number,
                "release": release,
                "name": stored_name(name),
                "state": state,
                "size": len(content),
                "digest": None,
                "created_at": "2026-11-30T10:00:00Z",
            }
            self._finish(number, state)
        return number

    def _finish(self, number: int, state: str = "uploaded") -> None:
        content, asset = self.contents[number], self.assets[number]
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}" if self.states_digests else None
        asset |= {"state": state, "size": len(content), "digest": digest if state == "uploaded" else None}

    # --- answers

    def answer(self, asked: Asked, read: Callable[[], bytes] = bytes) -> Reply:
        """`read` gives the body, and raises where the client is gone."""
        with self.lock:
            self.asked.append(asked)
        free = not asked.is_write or self._writing.acquire(blocking=False)
        if not free:
            self.overlapping += 1
        try:
            return self._answer(asked, read)
        finally:
            if asked.is_write and free:
                self._writing.release()

    def _answer(self, asked: Asked, read: Callable[[], bytes]) -> Reply:
        if asked.url.startswith(f"{self.storage}/signed/"):
            assert "Authorization" not in asked.headers, "the token was sent to the storage"
            return Reply(200, self.contents[int(asked.path.rpartition("/")[2])])
        if asked.url.startswith(f"{self.web}/sep/kindling/releases/download/"):
            return self._download(asked)
        for hook in self.hooks:
            if (reply := hook(asked)) is not None:
                read()
                return reply
        known = asked.headers.get("Authorization") == f"Bearer {TOKEN}"
        if not known and ("Authorization" in asked.headers or asked.is_write):
            read()
            return problem(401, "Bad credentials")
        is_upload = asked.url.startswith(f"{self.uploads}{REPOSITORY}") and asked.query.get("name")
        if is_upload and asked.method == "POST":
            return self._upload(asked, read)
        asked.body = read()
        path = unquote(asked.path.removeprefix(urlsplit(self.api).path).removeprefix(REPOSITORY))
        with self.lock:
            return self._api(asked, path, known=known)

    def _download(self, asked: Asked) -> Reply:
        """From the web site, where drafts and private repositories are not there."""
        assert "Authorization" not in asked.headers, "the token was sent to the web site"
        for each in self.assets.values():
            shown = not self.about["private"] and not self.releases[each["release"]]["draft"]
            # Clients write the `+` of a local version as it is, or encoded.
            if shown and unquote(self._asset(each)["browser_download_url"]) == unquote(asked.url):
                return Reply(302, b"", {"Location": f"{self.storage}/signed/{each['id']}"})
        return problem(404, "Not Found")

    def _api(self, asked: Asked, path: str, *, known: bool) -> Reply:
        if path == "":
            return Reply(200, self.about)
        if path.startswith("/git/matching-refs/"):
            beginning = path.removeprefix("/git/matching-refs/")
            refs = [f"tags/{each}" for each in self.tags]
            return Reply(200, [{"ref": f"refs/{each}"} for each in refs if each.startswith(beginning)])
        if path.startswith("/releases/tags/"):
            tag = path.removeprefix("/releases/tags/")
            found = [each for each in self.releases.values() if each["tag_name"] == tag and not each["draft"]]
            return Reply(200, self._release(found[0])) if found else problem(404, "Not Found")
        if path == "/releases" and asked.method == "POST":
            return self._create(json.loads(asked.body))
        if path == "/releases":
            listed = [each for each in self.releases.values() if known or not each["draft"]]
            return self._paged(asked, [self._release(each) for each in reversed(listed)])
        if match := re.fullmatch(r"/releases/assets/(\d+)", path):
            return self._one_asset(asked, int(match[1]))
        match = re.fullmatch(r"/releases/(\d+)(/assets)?", path)
        if match is None or int(match[1]) not in self.releases:
            return problem(404, "Not Found")
        number = int(match[1])
        if match[2]:
            own = [each for each in self.assets.values() if each["release"] == number]
            return self._paged(asked, [self._asset(each) for each in own])
        return self._one_release(asked, number)

    def _create(self, stated: Mapping[str, Any]) -> Reply:
        tag = stated["tag_name"]
        if any(each["tag_name"] == tag and not each["draft"] for each in self.releases.values()):
            return invalid("tag_name", "already_exists")
        number = self.add_release(tag, draft=bool(stated.get("draft")))
        return Reply(201, self._release(self.releases[number]))

    def _one_release(self, asked: Asked, number: int) -> Reply:
        found = self.releases[number]
        if asked.method == "DELETE":
            del self.releases[number]
            for each in [each for each, asset in self.assets.items() if asset["release"] == number]:
                del self.assets[each]
            return Reply(204)
        if asked.method == "PATCH":
            stated = json.loads(asked.body)
            others = [each for each in self.releases.values() if each is not found and not each["draft"]]
            if any(each["tag_name"] == found["tag_name"] for each in others):
                return invalid("tag_name", "already_exists")
            assert stated.get("make_latest") in {"true", "false", "legacy", None}
            found["body"] = stated.get("body", found["body"])
            found["draft"] = stated.get("draft", found["draft"])
            found["immutable"] = self.immutable_releases and not found["draft"]
        return Reply(200, self._release(found))

    def _one_asset(self, asked: Asked, number: int) -> Reply:
        if number not in self.assets:
            return problem(404, "Not Found")
        asset = self.assets[number]
        if asked.method == "DELETE":
            if self.releases[asset["release"]]["immutable"]:
                return problem(422, "Cannot delete assets from an immutable release")
            del self.assets[number]
            return Reply(204)
        if asked.headers.get("Accept") == "application/octet-stream":
            return Reply(302, b"", {"Location": f"{self.storage}/signed/{number}"})
        return Reply(200, self._asset(asset))

    def _upload(self, asked: Asked, read: Callable[[], bytes]) -> Reply:
        match = re.search(r"/releases/(\d+)/assets", asked.path)
        assert match is not None
        number, name = int(match[1]), stored_name(asked.query["name"])
        assert asked.headers.get("Content-Type")
        assert asked.headers.get("Content-Length")
        with self.lock:
            refused = self._refused(number, name)
            made = self.add_asset(number, name, state="starter") if refused is None else 0
        content = read()  # where the client goes away, the asset stays as it is
        if refused is not None:
            return refused
        asked.body = content
        for hook in self.upload_hooks:
            if (reply := hook(asked)) is not None:
                return reply
        with self.lock:
            if made not in self.assets:
                return problem(404, "Not Found")
            self.contents[made] = content
            self._finish(made)
            return Reply(201, self._asset(self.assets[made]))

    def _refused(self, number: int, name: str) -> Reply | None:
        if number not in self.releases:
            return problem(404, "Not Found")
        if self.releases[number]["immutable"]:
            return problem(422, "Cannot upload assets to an immutable release")
        own = [each["name"] for each in self.assets.values() if each["release"] == number]
        if name in own:
            return invalid("name", "already_exists")
        if len(own) >= MOST_ASSETS:
            return invalid("file_count", "custom", "file_count limited to 1000 assets per release")
        return None

    def _paged(self, asked: Asked, entries: list[Any]) -> Reply:
        size = min(int(asked.query.get("per_page", "30")), self.page)
        number = int(asked.query.get("page", "1"))
        following = (
            f"{self.api}{REPOSITORY}{asked.path.rpartition(REPOSITORY)[2]}?per_page={size}&page={number + 1}"
        )
        headers = {"Link": f'<{following}>; rel="next"'} if len(entries) > size * number else {}
        return Reply(200, entries[size * (number - 1) : size * number], headers)

    def _release(self, found: Mapping[str, Any]) -> dict[str, Any]:
        tag = f"untagged-{found['id']:x}" if found["draft"] else found["tag_name"]
        own = [self._asset(each) for each in self.assets.values() if each["release"] == found["id"]]
        return {
            **found,
            "assets": own[:30],
            "upload_url": f"{self.uploads}{REPOSITORY}/releases/{found['id']}/assets{{?name,label}}",
            "html_url": f"https://github.com/sep/kindling/releases/tag/{tag}",
        }

    def _asset(self, asset: Mapping[str, Any]) -> dict[str, Any]:
        release = self.releases[asset["release"]]
        tag = f"untagged-{release['id']:x}" if release["draft"] else release["tag_name"]
        return {
            **asset,
            "url": f"{self.api}{REPOSITORY}/releases/assets/{asset['id']}",
            "browser_download_url": f"{self.web}/sep/kindling/releases/download/{tag}/{quote(asset['name'])}",
        }


def stored_name(name: str) -> str:
    """How GitHub stores a name (as cli/cli tells it)."""
    return re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9_+@.-]+", ".", name)).strip(".")


class GitHubNetwork(BaseAdapter):
    """A network in which there is nothing but GitHub."""

    def __init__(self, github: FakeGitHub) -> None:
        super().__init__()
        self.github = github

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        del kwargs
        body = request.body
        if body is None:
            pieces: Iterator[Any] = iter(())
        else:
            pieces = iter([body]) if isinstance(body, bytes | str) else iter(body)

        def read() -> bytes:
            return b"".join(each.encode() if isinstance(each, str) else each for each in pieces)

        asked = Asked(request.method or "", request.url or "", request.headers)
        reply = self.github.answer(asked, read)
        read()
        response = requests.Response()
        response.status_code, response.url, response.request = reply.status, asked.url, request
        response.headers.update({"Content-Type": "application/json", **reply.headers})
        response.raw = HTTPResponse(body=io.BytesIO(reply.body), status=reply.status, preload_content=False)
        return response

    def close(self) -> None:
        pass


@contextmanager
def serving(github: FakeGitHub | None = None) -> Iterator[FakeGitHub]:
    """GitHub on two ports of loopback: the API and uploads on one, what it keeps of assets on the other."""
    github = github or FakeGitHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            port = self.server.server_address[1]
            url = f"http://127.0.0.1:{port}{self.path}"
            length = int(self.headers.get("Content-Length", "0"))
            left = [length]

            def read() -> bytes:
                content = self.rfile.read(left[0])
                if len(content) < left[0]:
                    raise ConnectionError
                left[0] = 0
                return content

            try:
                reply = github.answer(Asked(self.command, url, dict(self.headers)), read)
                read()
            except ConnectionError:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if not self.requestline.startswith("HEAD"):
                self.wfile.write(reply.body)

        def do_HEAD(self) -> None:
            self.command = "GET"
            self.handle_one()

        do_GET = do_POST = do_PATCH = do_DELETE = handle_one  # noqa: N815 - the names of http.server

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of http.server
            pass

    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
    first, second = (f"http://127.0.0.1:{each.server_address[1]}" for each in servers)
    github.api, github.uploads, github.storage = f"{first}/api/v3", f"{first}/api/uploads", second
    github.web = second
    threads = [threading.Thread(target=each.serve_forever, daemon=True) for each in servers]
    for each in threads:
        each.start()
    try:
        yield github
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
