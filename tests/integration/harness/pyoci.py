"""The rules of the PyOCI proxy (https://github.com/AllexVeldman/pyoci), stated again: what it lists, and what it writes.

Strict where it is: whatever makes it answer 500 is an error here.
"""

from __future__ import annotations

import hashlib
import json
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
ARTIFACT = "application/pyoci.package.v1"
EMPTY = "application/vnd.oci.empty.v1+json"
KNOWN_ARCHITECTURES = {"386", "amd64", "arm", "arm64", "loong64", "mips64le", "ppc64le", "riscv64", "s390x"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """A file as PyOCI lists it: the sha256 that it states, and the bytes that it would send."""

    sha256: str | None
    content: bytes


def fetch(host: str, path: str, **headers: str) -> tuple[str, bytes]:
    request = urllib.request.Request(f"http://{host}/v2/{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.headers["Content-Type"], response.read()


def list_files(host: str, namespace: str, project: str) -> dict[str, Listed]:
    """Filename → file, of all tags of a package in an open registry."""
    name = f"{namespace}/{project.replace('-', '_')}".lower()
    tags = json.loads(fetch(host, f"{name}/tags/list")[1])["tags"]
    return {filename: each for tag in tags for filename, each in _of_tag(host, name, tag).items()}


def _of_tag(host: str, name: str, tag: str) -> dict[str, Listed]:
    index = _manifest(host, name, tag, INDEX)
    assert index.get("artifactType") == ARTIFACT
    found = {}
    for each in index["manifests"]:
        _check_descriptor(each)
        architecture = each["platform"]["architecture"]
        assert isinstance(each["platform"]["os"], str)
        assert architecture not in KNOWN_ARCHITECTURES
        stem = f"{name.rpartition('/')[2]}-{tag.replace('-', '+')}"
        filename = stem + architecture if architecture == ".tar.gz" else f"{stem}-{architecture}"
        manifest = _manifest(host, name, each["digest"], MANIFEST)
        _check_descriptor(manifest["config"])
        (layer,) = manifest["layers"]
        _check_descriptor(layer)
        content = fetch(host, f"{name}/blobs/{layer['digest']}")[1]
        stated = each.get("annotations", {}).get("com.pyoci.sha256_digest")
        urls = json.loads(each.get("annotations", {}).get("com.pyoci.project_urls", "{}"))
        assert all(isinstance(url, str) for url in urls.values())
        found[filename] = Listed(sha256=stated, content=content)
    return found


def _manifest(host: str, name: str, reference: str, media_type: str) -> dict[str, Any]:
    accept = f"{MANIFEST}, {INDEX}"
    stated, content = fetch(host, f"{name}/manifests/{reference}", Accept=accept)
    assert stated == media_type, f"{reference} is {stated}"
    value: dict[str, Any] = json.loads(content)
    assert value["schemaVersion"] == 2
    return value


def _check_descriptor(descriptor: dict[str, Any]) -> None:
    assert isinstance(descriptor["mediaType"], str)
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", descriptor["digest"])
    assert isinstance(descriptor["size"], int)
    annotations = descriptor.get("annotations", {})
    assert all(isinstance(value, str) for value in annotations.values())


# --- writing


def write(host: str, namespace: str, project: str, tag: str, files: dict[str, bytes]) -> None:
    """A release as PyOCI writes it, byte for byte: keys in its order, nothing that it does not know."""
    name = f"{namespace}/{project.replace('-', '_')}"
    _push_blob(host, name, b"{}")
    children = []
    for architecture, content in files.items():
        manifest = _json(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "artifactType": ARTIFACT,
                "config": {"mediaType": EMPTY, "digest": digest(b"{}"), "size": 2},
                "layers": [
                    {"mediaType": ARTIFACT, "digest": _push_blob(host, name, content), "size": len(content)}
                ],
            }
        )
        _send("PUT", f"http://{host}/v2/{name}/manifests/{digest(manifest)}", manifest, MANIFEST)
        children.append(
            {
                "mediaType": MANIFEST,
                "digest": digest(manifest),
                "size": len(manifest),
                "annotations": {
                    "org.opencontainers.image.created": "2024-11-20T20:23:36Z",
                    "com.pyoci.sha256_digest": digest(content).removeprefix("sha256:"),
                    "com.pyoci.project_urls": '{"Homepage":"https://pyoci.com"}',
                },
                "platform": {"architecture": architecture, "os": "any"},
            }
        )
    created = {"org.opencontainers.image.created": "2024-11-20T20:23:36Z"}
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "artifactType": ARTIFACT,
        "manifests": children,
        "annotations": created,
    }
    _send("PUT", f"http://{host}/v2/{name}/manifests/{tag}", _json(index), INDEX)


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _push_blob(host: str, name: str, content: bytes) -> str:
    location = _send("POST", f"http://{host}/v2/{name}/blobs/uploads/", b"", "")
    _send("PUT", f"{location}&digest={digest(content)}", content, "application/octet-stream")
    return digest(content)


def _send(method: str, url: str, content: bytes, media_type: str) -> str:
    headers = {"Content-Type": media_type} if media_type else {}
    request = urllib.request.Request(url, data=content, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as response:
        return str(response.headers.get("Location"))
