"""A source in memory, which keeps what was asked of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from packaging.utils import NormalizedName, canonicalize_name

from publish_all._http import Download, Reply
from publish_all.index.index_source import Address, RemoteFile, ServeError, Visitor
from publish_all.repositories.simple_pages import IndexFile, ProjectPage


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class FakeSource:
    """`files` by project and filename; `trouble` is raised instead of any answer; `readers` None: anyone may read."""

    name: str = "fake"
    scope: str | None = "https://registry.test"
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    metadata_of: dict[str, bytes] = field(default_factory=dict)
    yanked: dict[str, str] = field(default_factory=dict)
    readers: tuple[str, ...] | None = None
    trouble: ServeError | None = None
    forbidden: ServeError | None = None
    pages: list[tuple[str, str | None]] = field(default_factory=list)
    opened: list[tuple[str, str | None]] = field(default_factory=list)
    checked: list[str | None] = field(default_factory=list)

    def projects(self, visitor: Visitor) -> tuple[NormalizedName, ...]:
        self._admit(visitor)
        return tuple(canonicalize_name(each) for each in self.files)

    def page(self, project: NormalizedName, visitor: Visitor) -> ProjectPage | None:
        self.pages.append((project, visitor.username if visitor else None))
        self._admit(visitor)
        if project not in self.files:
            return None
        listed = tuple(self._listed(name, content) for name, content in self.files[project].items())
        return ProjectPage(name=project, files=listed)

    def file(self, address: Address, visitor: Visitor) -> RemoteFile | None:
        files = self.metadata_of if address.metadata else self.files.get(address.project, {})
        content = files.get(address.filename)
        return None if content is None else self._remote(address.project, content, address.sha256, visitor)

    def ready(self) -> None:
        if self.trouble is not None:
            raise self.trouble

    def _listed(self, name: str, content: bytes) -> IndexFile:
        metadata = self.metadata_of.get(name)
        return IndexFile(
            filename=name,
            url="",
            hashes={"sha256": digest(content)},
            size=len(content),
            requires_python=">=3.9",
            core_metadata={"sha256": digest(metadata)} if metadata is not None else None,
            yanked=self.yanked.get(name),
            upload_time="2026-01-02T03:04:05Z",
        )

    def _remote(self, project: str, content: bytes, sha256: str, visitor: Visitor) -> RemoteFile:
        who = visitor.username if visitor else None

        @contextmanager
        def open_(byte_range: str | None) -> Iterator[Download]:
            self.opened.append((project, byte_range))
            self._admit(visitor)
            sent, status, headers = content, 200, {}
            if byte_range is not None:
                first = int(byte_range.removeprefix("bytes=").partition("-")[0])
                sent, status = content[first:], 206
                headers = {"Content-Range": f"bytes {first}-{len(content) - 1}/{len(content)}"}
            headers["Content-Length"] = str(len(sent))
            if byte_range is not None and not sent:
                # As docker-registry does: the length of the file, and none of its bytes.
                status = 416
                headers = {"Content-Range": f"bytes */{len(content)}", "Content-Length": str(len(content))}
            pieces = (sent[start : start + 1000] for start in range(0, len(sent), 1000))
            reply = Reply(status=status, reason="", url="https://registry.test/", headers=headers)
            yield Download(reply=reply, chunks=iter(pieces))

        def check() -> None:
            self.checked.append(who)
            self._admit(visitor)

        return RemoteFile(scope=f"registry.test/{project}", sha256=sha256, open=open_, check=check)

    def _admit(self, visitor: Visitor) -> None:
        if self.trouble is not None:
            raise self.trouble
        who = visitor.username if visitor else None
        if self.readers is not None and who not in self.readers:
            assert self.forbidden is not None
            raise self.forbidden
