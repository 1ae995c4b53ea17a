"""An OCI registry in the process, after the distribution spec, with what real ones are known to do."""

from __future__ import annotations

import hashlib
import io
import json
import re
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

HOST = "https://ghcr.io"
_PATH = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs/uploads|blobs|tags)/(?P<rest>.*)")


@dataclass
class Asked:
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.url).path


@dataclass
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def error(status: int, code: str, message: str = "", **headers: str) -> Reply:
    body = json.dumps({"errors": [{"code": code, "message": message or code.lower()}]}).encode()
    return Reply(status, body, {"Content-Type": "application/json", **headers})


Hook = Callable[[Asked], "Reply | None"]


class FakeRegistry(BaseAdapter):
    """Keeps all in dicts. `hooks` are asked first: one that gives a reply answers in our place.

    `users` (name → password) turns tokens on; `private` then wants one for reading. `page` is how many
    tags a page has; `redirect` a host that blobs are served from, as GitHub's are.
    """

    def __init__(self) -> None:
        super().__init__()
        self.blobs: dict[tuple[str, str], bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[bytes, str]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.asked: list[Asked] = []
        self.hooks: list[Hook] = []
        self.users: dict[str, str] | None = None
        self.private = False
        self.lifetime: int | None = 300
        self.page = 100
        self.redirect: str | None = None
        self.refuses_config_types = False
        self.deletes = True
        self.tokens: dict[str, str] = {}
        self.lock = threading.RLock()

    # --- for tests

    def of(self, method: str, part: str = "") -> list[Asked]:
        return [each for each in self.asked if each.method == method and part in each.path]

    def index(self, name: str, tag: str) -> dict[str, Any]:
        content, _ = self.manifests[name, self.tags[name][tag]]
        found: dict[str, Any] = json.loads(content)
        return found

    def put(self, name: str, reference: str, content: bytes, media_type: str = "") -> str:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        media_type = media_type or json.loads(content).get("mediaType", "")
        self.manifests[name, digest] = (content, media_type)
        if not reference.startswith("sha256:"):
            self.tags.setdefault(name, {})[reference] = digest
        return digest

    def put_blob(self, name: str, content: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.blobs[name, digest] = content
        return digest

    # --- requests

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        body = b"".join(_chunks(request.body))
        asked = Asked(request.method or "", request.url or "", request.headers, body)
        with self.lock:
            self.asked.append(asked)
            reply = next((found for hook in self.hooks if (found := hook(asked))), None)
            return _response(request, reply or self.answer(asked))

    def close(self) -> None:
        pass

    def answer(self, asked: Asked) -> Reply:
        parts = urlsplit(asked.url)
        if self.redirect and asked.url.startswith(self.redirect):
            return self._bytes(asked, self.blobs[_key(parse_qs(parts.query))])
        if parts.path == "/token":
            return self._token(asked, parse_qs(parts.query))
        match = _PATH.fullmatch(parts.path)
        name = match["name"] if match else ""
        writes = asked.method not in {"GET", "HEAD"}
        if self.users is not None and not self._may(asked, name, writes=writes):
            challenge = f'Bearer realm="{HOST}/token",service="ghcr.io",scope="repository:user/image:pull"'
            return error(401, "UNAUTHORIZED", "authentication required", **{"WWW-Authenticate": challenge})
        if match is None:
            return Reply() if parts.path == "/v2/" else self._catalog(parts.path)
        match match["kind"]:
            case "tags":
                return self._tags(name, parse_qs(parts.query))
            case "manifests":
                return self._manifest(asked, name, match["rest"])
            case "blobs":
                return self._blob(asked, name, match["rest"])
            case _:
                return self._upload(asked, name, match["rest"], parse_qs(parts.query))

    def _token(self, asked: Asked, query: Mapping[str, list[str]]) -> Reply:
        who = asked.headers.get("Authorization", "")
        if who.startswith("Basic "):
            user, _, password = b64decode(who[6:]).decode().partition(":")
            if (self.users or {}).get(user) != password:
                return error(403, "DENIED", "denied")
        elif self.private:
            return error(401, "UNAUTHORIZED", "authentication required")
        token = f"token-{len(self.tokens)}"
        self.tokens[token] = query["scope"][0]
        lifetime = {} if self.lifetime is None else {"expires_in": self.lifetime}
        return Reply(200, json.dumps({"token": token, **lifetime}).encode())

    def _may(self, asked: Asked, name: str, *, writes: bool) -> bool:
        scope = self.tokens.get(asked.headers.get("Authorization", "").removeprefix("Bearer "), "")
        wanted = "pull,push,delete" if asked.method == "DELETE" else "pull,push" if writes else "pull"
        return scope.startswith(f"repository:{name}:{wanted}")

    def _catalog(self, path: str) -> Reply:
        if path != "/v2/_catalog":
            return error(404, "NOT_FOUND")
        return Reply(200, json.dumps({"repositories": sorted(self.tags)}).encode())

    def _tags(self, name: str, query: Mapping[str, list[str]]) -> Reply:
        if name not in self.tags:
            return error(404, "NAME_UNKNOWN")
        found = list(self.tags[name])
        start = found.index(query["last"][0]) + 1 if "last" in query else 0
        shown = found[start : start + self.page]
        headers = {}
        if start + self.page < len(found):
            headers["Link"] = f'</v2/{name}/tags/list?last={shown[-1]}&n=0>; rel="next"'
        return Reply(200, json.dumps({"name": name, "tags": shown or None}).encode(), headers)

    def _manifest(self, asked: Asked, name: str, reference: str) -> Reply:
        if asked.method == "PUT":
            return self._put(asked, name, reference)
        digest = self.tags.get(name, {}).get(reference, reference)
        if (name, digest) not in self.manifests:
            return error(404, "MANIFEST_UNKNOWN")
        if asked.method == "DELETE":
            return self._delete(name, reference)
        content, media_type = self.manifests[name, digest]
        if asked.headers.get("If-None-Match") == f'"{digest}"':
            return Reply(304)
        assert media_type in asked.headers["Accept"]
        headers = {"Content-Type": media_type, "Docker-Content-Digest": digest}
        return Reply(200, b"" if asked.method == "HEAD" else content, headers)

    def _delete(self, name: str, reference: str) -> Reply:
        """As docker-registry 2.8: by digest only, with all tags."""
        if not self.deletes or not reference.startswith("sha256:"):
            return error(405, "UNSUPPORTED", "The operation is unsupported.")
        del self.manifests[name, reference]
        self.tags[name] = {tag: each for tag, each in self.tags[name].items() if each != reference}
        return Reply(202)

    def _put(self, asked: Asked, name: str, reference: str) -> Reply:
        value = json.loads(asked.body)
        if self.refuses_config_types and "publish-all" in value.get("config", {}).get("mediaType", ""):
            return error(400, "MANIFEST_INVALID", "unknown config type")
        wanted = [value["config"], *value["layers"]] if "config" in value else []
        children = value.get("manifests", [])
        if any((name, each["digest"]) not in self.blobs for each in wanted):
            return error(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown")
        if any((name, each["digest"]) not in self.manifests for each in children):
            return error(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown")
        digest = self.put(name, reference, asked.body, asked.headers["Content-Type"])
        return Reply(201, headers={"Docker-Content-Digest": digest})

    def _blob(self, asked: Asked, name: str, digest: str) -> Reply:
        if (name, digest) not in self.blobs:
            return error(404, "BLOB_UNKNOWN")
        if asked.method == "HEAD":
            return Reply(200)
        if self.redirect:
            return Reply(307, headers={"Location": f"{self.redirect}/x?name={name}&digest={digest}"})
        return self._bytes(asked, self.blobs[name, digest])

    def _bytes(self, asked: Asked, content: bytes) -> Reply:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", asked.headers.get("Range", ""))
        if wanted is None:
            return Reply(200, content, {"Content-Length": str(len(content))})
        first, last = int(wanted[1]), int(wanted[2] or len(content) - 1)
        return Reply(206, content[first : last + 1])

    def _upload(self, asked: Asked, name: str, rest: str, query: Mapping[str, list[str]]) -> Reply:
        if asked.method == "POST":
            return Reply(202, headers={"Location": f"/v2/{name}/blobs/uploads/1?state=a%2Bb"})
        if asked.method == "DELETE":
            return error(405, "UNSUPPORTED")
        assert query["state"] == ["a+b"]
        if f"sha256:{hashlib.sha256(asked.body).hexdigest()}" != query["digest"][0]:
            return error(400, "DIGEST_INVALID")
        self.put_blob(name, asked.body)
        return Reply(201)


def _key(query: Mapping[str, list[str]]) -> tuple[str, str]:
    return query["name"][0], query["digest"][0]


def _chunks(body: Any) -> Iterator[bytes]:
    if body is None:
        return iter(())
    return iter([body]) if isinstance(body, bytes) else iter(body)


def _response(request: requests.PreparedRequest, reply: Reply) -> requests.Response:
    response = requests.Response()
    response.status_code = reply.status
    response.url = request.url or ""
    response.headers.update(reply.headers)
    response.raw = HTTPResponse(
        body=io.BytesIO(reply.body), headers=reply.headers, status=reply.status, preload_content=False
    )
    response.request = request
    return response
