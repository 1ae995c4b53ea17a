from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from publish_all.repositories.bodies import FileBody, FileChangedError, form


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "a-1.tar.gz").write_bytes(b"content")
    return tmp_path / "a-1.tar.gz"


def multipart(fields, path: Path, size: int = 7) -> FileBody:
    head, tail, _ = form(fields, path.name)
    return FileBody(path, size=size, head=head, tail=tail)


def test_writes_fields_and_the_file(path: Path):
    fields = [("name", "Größe"), ("classifiers", "a\nb")]
    head, tail, content_type = form(fields, path.name)
    boundary = content_type.partition("multipart/form-data; boundary=")[2].encode()
    body = FileBody(path, size=7, head=head, tail=tail)
    assert b"".join(body).replace(boundary, b"X") == (
        b'--X\r\nContent-Disposition: form-data; name="name"\r\n\r\nGr\xc3\xb6\xc3\x9fe\r\n'
        b'--X\r\nContent-Disposition: form-data; name="classifiers"\r\n\r\na\nb\r\n'
        b'--X\r\nContent-Disposition: form-data; name="content"; filename="a-1.tar.gz"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\ncontent\r\n--X--\r\n"
    )


def test_knows_its_length_beforehand(path: Path):
    body = multipart([("a", "b")], path)
    assert len(body) == len(b"".join(body))


def test_starts_anew_with_each_iteration(path: Path):
    body = multipart([("a", "b")], path)
    whole = b"".join(body)
    next(iter(body))
    assert not body.complete
    assert b"".join(body) == whole
    assert body.complete


def test_field_names_cannot_break_out(path: Path):
    body = b"".join(multipart([('a"\r\nX: y', "b")], path))
    assert b'name="a%22%0D%0AX: y"\r\n' in body


@pytest.mark.parametrize("size", [6, 8])
def test_a_file_of_another_size_is_an_error(path: Path, size: int):
    body = multipart([], path, size)
    with pytest.raises(FileChangedError, match="became"):
        b"".join(body)
    assert not body.complete


def test_a_missing_file_is_an_error_which_is_not_the_networks(tmp_path: Path):
    with pytest.raises(FileChangedError, match="cannot be read") as caught:
        b"".join(multipart([], tmp_path / "none"))
    assert not isinstance(caught.value, OSError)


def test_memory_does_not_grow_with_the_file(tmp_path: Path):
    size = 64 * 1024 * 1024
    path = tmp_path / "big"
    with path.open("wb") as file:
        file.truncate(size)
    tracemalloc.start()
    sent = sum(len(chunk) for chunk in multipart([], path, size))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sent > size
    assert peak < 4 * 1024 * 1024


def test_a_form_without_a_file():
    head, tail, content_type = form([("a", "b")])
    boundary = content_type.partition("boundary=")[2].encode()
    assert head + tail == b'--%b\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--%b--\r\n' % (
        boundary,
        boundary,
    )
