"""Small wheels, and forms as clients send them."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping

BOUNDARY = "boundary-of-the-test"


def wheel(name: str = "kindling-synapse", version: str = "0.2.0", text: str = "") -> bytes:
    stem = f"{name.replace('-', '_')}-{version}"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        metadata = (
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Python: >=3.9\n\n{text}"
        )
        opened.writestr(zipfile.ZipInfo(f"{stem}.dist-info/METADATA"), metadata)
        opened.writestr(zipfile.ZipInfo(f"{stem}.dist-info/WHEEL"), "Wheel-Version: 1.0\nTag: py3-none-any\n")
    return packed.getvalue()


def fields(content: bytes, name: str = "kindling-synapse", version: str = "0.2.0") -> dict[str, str]:
    return {
        ":action": "file_upload",
        "protocol_version": "1",
        "name": name,
        "version": version,
        "filetype": "bdist_wheel",
        "sha256_digest": hashlib.sha256(content).hexdigest(),
    }


def form(stated: Mapping[str, str], *files: tuple[str, str, bytes]) -> bytes:
    """The body of an upload; `files` are field, filename and content."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in stated.items()
    ]
    for name, filename, content in files:
        head = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        parts.append(head.encode() + content + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
