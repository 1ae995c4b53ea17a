"""Gives poetry-core the version when it reads a project, and writes it to the pyproject.toml in sdists.

Files on disk are not changed. This module imports poetry-core, so it is imported only in builds with poetry-core.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poetry.core.factory import Factory
from poetry.core.masonry import api
from poetry.core.masonry.builders.sdist import SdistBuilder

from publish_all._toml import table
from publish_all.errors import PublishAllError
from publish_all.version.static import asks_us
from publish_all.version.toml_text import lacks_version, state_version, with_static_version
from publish_all.version.version_source import version_for_build

if TYPE_CHECKING:
    from poetry.core.masonry.builders.builder import BuildIncludeFile
    from poetry.core.poetry import Poetry

_PYPROJECT = "pyproject.toml"


class VersionedFactory(Factory):
    """Reads a project with the version from publish-all. The project is in the current folder (PEP 517)."""

    @classmethod
    def validate(cls, toml_data: dict[str, Any], strict: bool = False) -> dict[str, list[str]]:
        # With `[tool.poetry].version` beside `dynamic`, the version is left open to Poetry itself.
        of_poetry = "version" in table(toml_data, "tool", "poetry") and not asks_us(toml_data)
        if lacks_version(toml_data) and not of_poetry:
            try:
                version = version_for_build(toml_data, Path.cwd(), environment=os.environ)
            except PublishAllError as error:
                # Build frontends show only the last line of a traceback, without a hint.
                raise RuntimeError(error.with_hint) from error
            state_version(toml_data, version)
        return super().validate(toml_data, strict)


@contextmanager
def told_the_version() -> Iterator[None]:
    """In this context, the PEP 517 hooks of poetry-core know the version."""
    names = vars(api)
    ours = {"Factory": VersionedFactory, "SdistBuilder": StaticSdistBuilder}
    theirs = {name: names[name] for name in ours}
    names.update(ours)
    try:
        yield
    finally:
        names.update(theirs)


class StaticSdistBuilder(SdistBuilder):
    """The builder of poetry-core, with a pyproject.toml that contains the version."""

    def __init__(self, poetry: Poetry, *arguments: Any, **options: Any) -> None:
        self._stated = poetry.package.pretty_version  # before a local label of this build is put on
        self._stating: Path | None = None
        super().__init__(poetry, *arguments, **options)

    def build(self, target_dir: Path | None = None) -> Path:
        on_disk = self._path / _PYPROJECT
        text = on_disk.read_bytes().decode()
        stating = with_static_version(text, self._stated, where=str(on_disk))
        if stating == text:
            return super().build(target_dir)
        from tempfile import TemporaryDirectory

        with TemporaryDirectory(prefix="publish-all-") as folder:
            self._stating = Path(folder).resolve() / _PYPROJECT
            self._stating.write_bytes(stating.encode())
            with suppress(OSError):
                self._stating.chmod(on_disk.stat().st_mode)
            return super().build(target_dir)

    def find_files_to_add(self, exclude_build: bool = False) -> set[BuildIncludeFile]:
        found = super().find_files_to_add(exclude_build)
        if self._stating is None:
            return found
        from poetry.core.masonry.builders.builder import BuildIncludeFile

        on_disk = Path(os.path.realpath(self._path / _PYPROJECT))
        folder = self._stating.parent
        stating = BuildIncludeFile(path=self._stating, project_root=folder, source_root=folder)
        return {each for each in found if each.path != on_disk} | {stating}
