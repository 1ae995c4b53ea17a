"""poetry-core's listing of a project's files, made once for all variants that select the same."""

from __future__ import annotations

from typing import TypeAlias

from poetry.core.masonry.builders.builder import Builder, BuildIncludeFile

Listings: TypeAlias = dict[str, frozenset[BuildIncludeFile]]


class ListedOnce(Builder):
    """To stand behind a builder of poetry-core's, whose list of files it keeps in `listings` (None: does not).

    Asking git and resolving every path is most of what poetry-core does for a wheel.
    """

    listings: Listings | None = None

    def find_files_to_add(self, exclude_build: bool = True) -> set[BuildIncludeFile]:
        if self.listings is None or self._package.build_script:  # which makes files
            return super().find_files_to_add(exclude_build)
        selected = (self._package.packages, self._package.include, self._package.exclude)
        name = None if self._package.packages else self._package.name  # which then selects
        key = repr((str(self._path), self.format, exclude_build, name, selected))
        if key not in self.listings:
            self.listings[key] = frozenset(super().find_files_to_add(exclude_build))
        return set(self.listings[key])
