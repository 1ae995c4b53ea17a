"""The actions that our workflows use: each release with the commit that its tag named when it was looked up.

A tag can be moved to other code, a commit can't. To update, change tag and commit together here.
"""

from __future__ import annotations

from publish_all._values import dataclass


@dataclass(frozen=True, slots=True)
class Action:
    """`name` is OWNER/REPOSITORY, `tag` a release, `commit` the commit of it."""

    name: str
    tag: str
    commit: str

    @property
    def pinned(self) -> str:
        """What follows `uses:`, with the tag as a comment for people and update bots."""
        return f"{self.name}@{self.commit} # {self.tag}"


CHECKOUT = Action("actions/checkout", "v7.0.1", "3d3c42e5aac5ba805825da76410c181273ba90b1")
UPLOAD_ARTIFACT = Action("actions/upload-artifact", "v7.0.1", "043fb46d1a93c77aae656e7c1c64a875d1fc6a0a")
DOWNLOAD_ARTIFACT = Action("actions/download-artifact", "v8.0.1", "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c")
SETUP_UV = Action("astral-sh/setup-uv", "v8.1.0", "08807647e7069bb48b6ef5acd8ec9567f424441b")

ACTIONS = (CHECKOUT, UPLOAD_ARTIFACT, DOWNLOAD_ARTIFACT, SETUP_UV)
