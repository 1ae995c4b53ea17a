"""The corpus of bad requests: what is listed here, and more of it made from fixed seeds. All are bytes as a client would send them.

None may be answered with a 500, and none may read or write anything that is not the index's.
"""

from __future__ import annotations

import gzip
import io
import random
import tarfile
import zipfile
from collections.abc import Iterator

BOUNDARY = "b0undary"
PROJECT = "kindling-synapse"
WHEEL = "kindling_synapse-0.2.0-py3-none-any.whl"
ZEROS = "0" * 64
PASSWORD = "password"  # of the server, so that bad requests get past its gate
KEY = "Authorization: Basic dTpwYXNzd29yZA=="

_UP = (
    "..",
    "%2e%2e",
    "%2E.",
    "%252e%252e",
    "..%2f..",
    "..%5c..",
    "..\\..",
    "%c0%ae%c0%ae",
    "%e0%80%ae%e0%80%ae",
    "%uff0e%uff0e",
    "....//....",
    "..;",
    "..%00",
    "%2e%2e%2f%2e%2e%2f",
    "．．",
)
_TARGETS = ("etc/passwd", "etc%2fpasswd", "proc/self/environ", "windows\\win.ini")
_NAMES = (
    "",
    ".",
    "-",
    "_",
    "a" * 4000,
    "a%00b",
    "a%0d%0aX-Injected:%20yes",
    "%ff%fe",
    "a%2fb",
    "kindling-synapse%2f..%2f..",
    "<script>alert(1)</script>",
    "%3Cscript%3E",
    "' OR 1=1 --",
    "${jndi:ldap://x/}",
    "{{7*7}}",
    "%n%s%x",
    "*",
    "con",
    "nul",
    "é",
    "%F0%9F%90%8D",
    "..",
)
_RANGES = (
    "bytes=",
    "bytes=-",
    "bytes=-0",
    "bytes=5-1",
    "bytes=99999999999999999999-",
    "bytes=0-0,-1",
    "bytes=" + ",".join(f"{n}-{n}" for n in range(1000)),
    "bytes=0-,0-,0-,0-",
    "bytes=abc",
    "lines=1-2",
    "bytes 0-5",
    "bytes=0-18446744073709551616",
    "bytes=--5",
    "\x00",
    "bytes=٣-٤",
    "=",
)
_AUTHORIZATIONS = (
    "Basic",
    "Basic ",
    "Basic !!!!",
    "Basic " + "A" * 9000,
    "Basic " + "=" * 50,
    "Basic AAAA",
    "Basic //////",
    "Bearer x",
    "Digest username=x",
    "\xff\xfe",
    "Basic Og==",
    "basic ZGV2Onh5eg== extra",
)
_ACCEPTS = (
    "",
    ",",
    ";q=1",
    "*/*;q=2",
    "text/html;q=-1",
    "a" * 5000,
    "text/html;" * 400,
    "\xff",
    "application/*;q=0",
)
_ETAGS = ("", "*", '"', "W/", '"' * 900, ",".join(['"x"'] * 900), "\xff")


def corpus() -> Iterator[tuple[str, bytes]]:
    """Names and requests, the same in the same order each time."""
    yield from _paths()
    yield from _headers()
    yield from _heads()
    yield from _uploads()
    yield from _seeded()


def request(target: str, *headers: str, method: str = "GET", body: bytes = b"") -> bytes:
    stated = ["Host: x", "Connection: close", KEY, *headers]
    if body or method in {"POST", "PUT"}:
        stated.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([f"{method} {target} HTTP/1.1", *stated])
    return head.encode("utf-8", errors="replace") + b"\r\n\r\n" + body


def _paths() -> Iterator[tuple[str, bytes]]:
    for up in _UP:
        for target in _TARGETS:
            yield f"up {up} {target}", request(f"/files/local/{PROJECT}/{ZEROS}/{up}/{up}/{up}/{target}")
        yield f"up {up} project", request(f"/simple/{up}/{up}/")
        yield f"up {up} source", request(f"/files/{up}/{PROJECT}/{ZEROS}/{WHEEL}")
        yield f"up {up} digest", request(f"/files/local/{PROJECT}/{up}/{WHEEL}")
        yield f"up {up} file", request(f"/files/local/{PROJECT}/{ZEROS}/{up}{WHEEL}")
    for name in _NAMES:
        yield f"name {name[:20]}", request(f"/simple/{name}/")
        yield f"file {name[:20]}", request(f"/files/local/{PROJECT}/{ZEROS}/{name}")
    for target in (
        "/files/",
        "/files",
        "/files/local",
        "/legacy/x",
        "//",
        "///simple//",
        "/simple/?x=%",
        "/?%ff",
        "*",
    ):
        yield f"target {target}", request(target)
    yield "absolute", request("http://elsewhere.example/simple/")
    yield "absolute with user", request("http://u:p@elsewhere.example/simple/")
    yield "long query", request("/simple/?" + "x" * 20_000)
    yield "metadata of nothing", request(f"/files/local/{PROJECT}/{ZEROS}-{ZEROS}/{WHEEL}.metadata")
    yield "metadata of metadata", request(f"/files/local/{PROJECT}/{ZEROS}-{ZEROS}/{WHEEL}.metadata.metadata")


def _headers() -> Iterator[tuple[str, bytes]]:
    page, file = f"/simple/{PROJECT}/", f"/files/local/{PROJECT}/{ZEROS}/{WHEEL}"
    for name, values, target in (
        ("Range", _RANGES, file),
        ("If-Range", _ETAGS, file),
        ("Authorization", _AUTHORIZATIONS, page),
        ("Accept", _ACCEPTS, page),
        ("If-None-Match", _ETAGS, page),
        ("Host", ("", "a b", "x\x00y", "[::1", "evil.example@good.example"), page),
        ("X-Forwarded-Host", ("evil.example", "a\tb"), "/simple/Kindling_Synapse"),
        ("Transfer-Encoding", ("gzip", "chunked, chunked", "identity", "x"), page),
        ("Content-Length", ("-1", "abc", "1e9", "999999999999999999999", "+5"), "/legacy/"),
        ("Expect", ("100-continue", "200-ok"), "/legacy/"),
        ("Upgrade", ("websocket", "h2c"), page),
    ):
        for value in values:
            method = "POST" if target == "/legacy/" else "GET"
            key = "" if name == "Authorization" else f"{KEY}\r\n"
            head = (
                f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{key}{name}: {value}\r\n\r\n"
            )
            yield f"{name}: {value[:30]}", head.encode("utf-8", errors="replace")
    yield "many headers", request(page, *(f"X-{n}: {n}" for n in range(900)))
    yield "a huge header", request(page, "X-Huge: " + "x" * 200_000)
    yield "huge headers", request(page, *(f"X-{n}: {'x' * 1000}" for n in range(500)))


def _heads() -> Iterator[tuple[str, bytes]]:
    for method in (
        "PUT",
        "DELETE",
        "PATCH",
        "OPTIONS",
        "TRACE",
        "CONNECT",
        "PROPFIND",
        "get",
        "G" * 3000,
        "GE T",
    ):
        yield f"method {method[:10]}", request(f"/simple/{PROJECT}/", method=method)
    yield "post to a page", request(f"/simple/{PROJECT}/", method="POST", body=b"x" * 100)
    yield from (
        ("nothing", b"\r\n\r\n"),
        ("noise", bytes(range(256)) * 4),
        ("tls", bytes.fromhex("16030100a5010000a10303") + b"x" * 160),
        ("http 0.9", b"GET /simple/\r\n\r\n"),
        ("http 2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("http 9", b"GET / HTTP/9.9\r\n\r\n"),
        ("a line without end", b"GET /" + b"a" * 300_000),
        ("only line feeds", b"GET / HTTP/1.1\nHost: x\n\n"),
        ("no host", b"GET / HTTP/1.1\r\n\r\n"),
        ("two hosts", b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"),
        ("a folded header", b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n"),
        ("a space before the colon", b"GET / HTTP/1.1\r\nHost : x\r\n\r\n"),
        ("a header without colon", b"GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n"),
        ("an empty header name", b"GET / HTTP/1.1\r\nHost: x\r\n: x\r\n\r\n"),
        ("a null in a header", b"GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n"),
        (
            "both lengths",
            b"POST /legacy/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            "two lengths",
            b"POST /legacy/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        ),
        ("a bad chunk", b"POST /legacy/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        (
            "a huge chunk size",
            b"POST /legacy/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n",
        ),
        (
            "a long chunk extension",
            b"POST /legacy/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 90_000,
        ),
    )


def _uploads() -> Iterator[tuple[str, bytes]]:
    for name, parts in (
        ("no parts", b""),
        ("no end", _field(":action", "file_upload")[:-2]),
        ("no file", _field(":action", "file_upload") + _end()),
        ("a part without a header", f"--{BOUNDARY}\r\n\r\nx\r\n".encode() + _end()),
        ("a part without a name", _part("form-data", b"x") + _end()),
        ("another disposition", _part("attachment; filename=x", b"x") + _end()),
        ("a name that is not valid UTF-8", _part('form-data; name="\udcff\udcfe"', b"x") + _end()),
        ("a long header", _part('form-data; name="' + "n" * 60_000 + '"', b"x") + _end()),
        ("many headers in a part", f"--{BOUNDARY}\r\n".encode() + b"X: y\r\n" * 500 + b"\r\nx\r\n" + _end()),
        ("thousands of parts", b"".join(_field(f"f{n}", "") for n in range(6000)) + _end()),
        ("a field without end", _field("description", "x" * (17 << 20)) + _end()),
        ("two files", _file(WHEEL, b"x") * 2 + _end()),
        (
            "other fields as files",
            _part('form-data; name="name"; filename="x"', b"x") + _file(WHEEL, b"x") + _end(),
        ),
        ("no wheel", _all(WHEEL, b"nothing of a wheel")),
        ("an empty wheel", _all(WHEEL, b"")),
        ("half a wheel", _all(WHEEL, _zip({"a": b"b"})[:-9])),
        ("a wheel without metadata", _all(WHEEL, _zip({"a": b"b"}))),
        ("two metadata", _all(WHEEL, _zip({f"{n}.dist-info/METADATA": b"Name: x\n" for n in "ab"}))),
        ("metadata of no one", _all(WHEEL, _zip({"k.dist-info/METADATA": b"\xff\xfe\x00" * 99}))),
        ("a zip bomb", _all(WHEEL, _zip({"k.dist-info/METADATA": b"\0" * (64 << 20)}, packed=True))),
        ("a gzip bomb", _all("kindling_synapse-0.2.0.tar.gz", gzip.compress(b"\0" * (64 << 20), mtime=0))),
        ("a tar bomb", _all("kindling_synapse-0.2.0.tar.gz", _tar(pax="x" * (20 << 20)))),
        ("a tar that leads elsewhere", _all("kindling_synapse-0.2.0.tar.gz", _tar(link="/etc/passwd"))),
        ("a member with a path", _all(WHEEL, _zip({"../../x.dist-info/METADATA": b"Name: x\n"}))),
    ):
        yield f"upload: {name}", _post(parts)
    for filename in (
        "../../x.whl",
        "/etc/x.whl",
        "..\\x.whl",
        "x.whl\x00.txt",
        "a" * 4000 + ".whl",
        "",
        ".",
        "x\r\ny.whl",
        "C:\\x.whl",
        "-.whl",
        "..whl",
        "ä-1-py3-none-any.whl",
    ):
        yield f"upload named {filename[:20]!r}", _post(_all(filename, b"x"))
    for kind in (
        "",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "b" * 500,
        "multipart/mixed; boundary=x",
        "text/plain",
        'multipart/form-data; boundary="',
        "multipart/form-data; boundary=\xff",
        "application/json",
    ):
        yield (
            f"upload as {kind[:50]}",
            request("/legacy/", f"Content-Type: {kind}", method="POST", body=_all(WHEEL, b"x")),
        )
    yield "upload compressed", _post(gzip.compress(_all(WHEEL, b"x"), mtime=0), "Content-Encoding: gzip")
    yield "upload cut off", _post(_all(WHEEL, b"x"))[:-40]
    yield "upload by get", request("/legacy/")


def _seeded() -> Iterator[tuple[str, bytes]]:
    """Good requests and uploads with some bytes changed, taken out or doubled."""
    good = (
        request(f"/simple/{PROJECT}/", "Accept: text/html", 'If-None-Match: "x"'),
        request(f"/files/local/{PROJECT}/{ZEROS}/{WHEEL}", "Range: bytes=0-5"),
        _post(_all(WHEEL, _zip({"kindling_synapse-0.2.0.dist-info/METADATA": b"Name: x\nVersion: 1\n"}))),
    )
    for seed in range(90):
        dice = random.Random(seed)
        yield f"seed {seed}", _damaged(dice, good[seed % len(good)])


def _damaged(dice: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(changed))
        match dice.randrange(3):
            case 0:
                changed[at] = dice.randrange(256)
            case 1:
                del changed[at : at + dice.randint(1, 20)]
            case _:
                changed[at:at] = changed[at : at + dice.randint(1, 50)]
    return bytes(changed)


def _post(body: bytes, *headers: str) -> bytes:
    kind = f"Content-Type: multipart/form-data; boundary={BOUNDARY}"
    return request("/legacy/", kind, *headers, method="POST", body=body)


def _all(filename: str, content: bytes) -> bytes:
    stated = {":action": "file_upload", "name": PROJECT, "version": "0.2.0", "protocol_version": "1"}
    return b"".join(_field(name, value) for name, value in stated.items()) + _file(filename, content) + _end()


def _field(name: str, value: str) -> bytes:
    return _part(f'form-data; name="{name}"', value.encode())


def _file(filename: str, content: bytes) -> bytes:
    return _part(f'form-data; name="content"; filename="{filename}"', content)


def _part(disposition: str, content: bytes) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n"
    return head.encode("utf-8", errors="surrogateescape") + content + b"\r\n"


def _end() -> bytes:
    return f"--{BOUNDARY}--\r\n".encode()


def _zip(members: dict[str, bytes], *, packed: bool = False) -> bytes:
    made = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(made, "w", method) as opened:
        for name, content in members.items():
            opened.writestr(zipfile.ZipInfo(name), content, compress_type=method)
    return made.getvalue()


def _tar(*, pax: str | None = None, link: str | None = None) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz", format=tarfile.PAX_FORMAT) as opened:
        entry = tarfile.TarInfo("kindling_synapse-0.2.0/PKG-INFO")
        if pax is not None:
            entry.pax_headers = {"comment": pax}
        if link is not None:
            entry.type, entry.linkname = tarfile.SYMTYPE, link
        opened.addfile(entry)
    return made.getvalue()
