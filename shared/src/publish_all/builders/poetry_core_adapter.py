"""The parts of poetry-core that are not public: its builders, which build what they are given here.

All use of poetry-core's internals is in this module, and `backend_contract` lists them. The builders write what
poetry-core's write for a pyproject.toml that says the same as the given configuration, without files that
`ProjectFiles` leaves out. Archives take their members from the member store where that gives what poetry-core
writes by itself.
"""

from __future__ import annotations

import contextlib
import copy
import gzip
import io
import os
import tarfile
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO, TypeAlias

import poetry.core.masonry.builders.builder as poetry_builder
import poetry.core.masonry.builders.sdist as poetry_sdist
from poetry.core import __version__
from poetry.core.factory import Factory
from poetry.core.masonry.builders.builder import Builder, BuildIncludeFile
from poetry.core.masonry.builders.sdist import SdistBuilder
from poetry.core.masonry.builders.wheel import WheelBuilder, wheel_file_template
from poetry.core.masonry.utils.helpers import normalize_file_permissions
from poetry.core.masonry.utils.include import Include
from poetry.core.masonry.utils.package_include import PackageInclude
from poetry.core.poetry import Poetry
from poetry.core.pyproject.toml import PyProjectTOML

from publish_all._values import dataclass
from publish_all.builders.member_store import MemberStore
from publish_all.builders.member_trial import agree, agree_in_sdists
from publish_all.builders.raw_zip import append
from publish_all.builders.select import Shipped, refuse_undecodable
from publish_all.builders.stitched_gzip import StitchedGzip
from publish_all.builders.stitched_tar import StitchedTar
from publish_all.errors import BuildError
from publish_all.variants.tag import WheelTag

__all__ = [
    "Listings",
    "ProjectFiles",
    "Sdist",
    "Wheel",
    "__version__",
    "make_poetry",
    "sdists_usable",
    "usable",
]

Listings: TypeAlias = dict[str, frozenset[BuildIncludeFile]]


class _AsNamed(BuildIncludeFile):
    """A file under the name that it has: poetry-core takes a link for what it points at, and ships one of the two."""

    def __init__(self, path: Path | str, *arguments: Any, **options: Any) -> None:
        super().__init__(path, *arguments, **options)
        named = Path(path) if Path(path).is_absolute() else self.source_root / path
        if named.is_symlink() and named.is_file():
            self.path = named.parent.resolve() / named.name


@contextlib.contextmanager
def _links_as_named() -> Iterator[None]:
    """Within it, poetry-core lists links as files of their own."""
    module: Any = poetry_builder
    module.BuildIncludeFile = _AsNamed
    try:
        yield
    finally:
        module.BuildIncludeFile = BuildIncludeFile


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectFiles:
    """Which files of a project a builder takes.

    `dropped` (absolute paths) are left out. `shipped` tells what git ignores; None where nothing is ignored.
    `listings` keeps what poetry-core listed, for the variants that select the same; None to list anew. `tell`
    takes notes about patterns that match nothing; None to check no names.
    """

    dropped: frozenset[Path] = frozenset()
    shipped: Shipped | None = None
    listings: Listings | None = None
    tell: Callable[[str], None] | None = None


class _ResolvedToml(PyProjectTOML):
    """A pyproject.toml whose content is not the one on disk."""

    def __init__(self, path: Path, content: dict[str, Any]) -> None:
        super().__init__(path)
        self._content = content

    @property
    def data(self) -> dict[str, Any]:
        return self._content


def make_poetry(root: Path, pyproject: Mapping[str, Any]) -> Poetry:
    """As `Factory.create_poetry(root, with_groups=False)`, from data. Raises `RuntimeError` for what is invalid."""
    data = copy.deepcopy(dict(pyproject))  # validation writes defaults into it
    resolved = _ResolvedToml(root / "pyproject.toml", data)
    errors = Factory.validate(data)["errors"]
    if errors:
        raise RuntimeError("the configuration is invalid: " + "; ".join(errors))
    project, poetry = data.get("project", {}), data["tool"]["poetry"]
    package = Factory.get_package(
        project.get("name") or poetry["name"], project.get("version") or poetry["version"]
    )
    Factory.configure_package(package, resolved, root, with_groups=False)
    return Poetry(resolved.path, resolved.poetry_config, package)


class _ProjectBuilder(Builder):
    """What both builders share. `store` holds the files deflated; None to have poetry-core deflate them."""

    files = ProjectFiles()
    store: MemberStore | None = None

    def find_files_to_add(self, exclude_build: bool = True) -> set[BuildIncludeFile]:
        """poetry-core's listing, made once for all variants that select the same.

        Asking git and resolving every path is most of what poetry-core does for a wheel.
        """
        listings = self.files.listings
        if listings is None or self._package.build_script:  # which makes files
            return self._listed(exclude_build)
        selected = (self._package.packages, self._package.include, self._package.exclude)
        name = None if self._package.packages else self._package.name  # which then selects
        key = repr((str(self._path), self.format, exclude_build, name, selected))
        if key not in listings:
            listings[key] = frozenset(self._listed(exclude_build))
        return set(listings[key])

    def _listed(self, exclude_build: bool) -> set[BuildIncludeFile]:
        with _links_as_named():
            return super().find_files_to_add(exclude_build)

    def find_excluded_files(self, fmt: str | None = None) -> set[str]:
        """poetry-core's, as since 2.2: without the files in folders that `include` names.

        Earlier versions lost those that git ignores (https://github.com/python-poetry/poetry/issues/10259).
        """
        if self._excluded_files is None:
            named = (each for each in self._module.explicit_includes if fmt is None or fmt in each.formats)
            elements = (element for each in named for element in each.elements if element.is_dir())
            folders = tuple(f"{element.relative_to(self._path).as_posix()}/" for element in elements)
            excluded = super().find_excluded_files(fmt)
            self._excluded_files = {each for each in excluded if not each.startswith(folders)}
        return self._excluded_files

    def _own(self, found: set[BuildIncludeFile]) -> set[BuildIncludeFile]:
        """Without what git ignores, and without what the variant drops.

        poetry-core misses ignored files whose names git quotes (non-ASCII ones), and all of them when it does not
        find the repository. Files that `tool.poetry.include` names are shipped, ignored or not.
        """
        shipped = self.files.shipped
        if shipped is not None:
            named = {
                os.path.realpath(element)
                for each in self._module.explicit_includes
                for element in each.elements
            }
            found = {
                each
                for each in found
                if shipped.allows(each.relative_to_project_root().as_posix())
                or str(each.path) in named
                or not named.isdisjoint(map(str, each.path.parents))
            }
        if self.files.tell is not None:
            self._check_names({str(each.path) for each in found}, self.files.tell)
        refuse_undecodable((str(each.path) for each in found), self._path)
        return {each for each in found if each.path not in self.files.dropped}

    def _check_names(self, found: set[str], tell: Callable[[str], None]) -> None:
        """Raise `BuildError` for a path that is not there or gives no file, and tell of patterns that match nothing.

        poetry-core ships the rest without a word (https://github.com/python-poetry/poetry/issues/9556).
        """
        for include in self._module.includes:
            if self.format not in include.formats or _gives(include, found):
                continue
            stated = include._include  # noqa: SLF001 - as it is in the configuration
            if isinstance(include, PackageInclude):
                msg = f"tool.poetry.packages: git or `exclude` leaves out every file of {stated}, so nothing of it is shipped"
                hint = "Name the files in `include` of [tool.poetry], which ships what git ignores, or change .gitignore."
                raise BuildError(msg, hint=hint)
            if any(character in stated for character in "*?["):
                tell(f"tool.poetry.include: {stated!r} matches no file")
                continue
            what = "no file in" if (self._path / stated).exists() else "no file or folder"
            msg = f"tool.poetry.include: there is {what} {stated} in {self._path}"
            raise BuildError(msg, hint="If a step before the build makes it, run that first.")


def _gives(include: Include, found: set[str]) -> bool:
    """Whether any of the files comes from this entry of the configuration."""
    for element in include.elements:
        path = os.path.realpath(element)
        if path in found or (Path(path).is_dir() and any(each.startswith(path + os.sep) for each in found)):
            return True
    return False


class Wheel(WheelBuilder, _ProjectBuilder):
    """`stated_tag` is that of a platform wheel; None where poetry-core tells it."""

    stated_tag: WheelTag | None = None

    @property
    def tag(self) -> str:
        return super().tag if self.stated_tag is None else str(self.stated_tag)

    def _write_wheel_file(self, fp: TextIO) -> None:
        """poetry-core's, which writes a tag set in one line and knows no build numbers (PEP 427)."""
        if self.stated_tag is None:
            super()._write_wheel_file(fp)
            return
        single = {"version": __version__, "tag": self.stated_tag.expanded[0]}
        fp.write(wheel_file_template.format(pure_lib=str(self.stated_tag.is_pure).lower(), **single))
        fp.writelines(f"Tag: {each}\n" for each in self.stated_tag.expanded[1:])
        if self.stated_tag.build:
            fp.write(f"Build: {self.stated_tag.build}\n")

    def find_files_to_add(self, exclude_build: bool = True) -> set[BuildIncludeFile]:
        found = self._own(super().find_files_to_add(exclude_build))
        if self.store is not None:
            self.store.expect(str(each.path) for each in found)
        return found

    def _add_file(self, wheel: zipfile.ZipFile, full_path: Path, rel_path: Path) -> None:
        # poetry-core also adds temporary files of its own, which change from wheel to wheel.
        if self.store is None or not full_path.is_relative_to(self._path):
            super()._add_file(wheel, full_path, rel_path)
            return
        name = rel_path.as_posix()
        found = self.store.deflated(full_path)
        if found is None or name in wheel.NameToInfo:
            super()._add_file(wheel, full_path, rel_path)
            return
        member, mode = found
        info = zipfile.ZipInfo(name, self._zipfile_date_time)
        info.external_attr = (normalize_file_permissions(mode) & 0xFFFF) << 16
        append(wheel, info, member, self.store.stream(member))
        digest = urlsafe_b64encode(member.sha256).decode("ascii").rstrip("=")
        self._records.append((name, digest, member.size))


class Sdist(SdistBuilder, _ProjectBuilder):
    """Writes the tar that poetry-core's writes, gzipped with segments out of `store` (None: poetry-core's own).

    `project_file` is the pyproject.toml which the sdist holds instead of that on disk (None: that on disk).
    """

    project_file: Path | None = None

    def build(self, target_dir: Path | None = None) -> Path:
        module: Any = poetry_sdist
        own = module.GzipFile, module.tarfile
        with contextlib.ExitStack() as stack:
            module.tarfile = _Tarfile(_Tar if self.store is None else _StoredTar)
            if self.store is not None:
                module.GzipFile = lambda name, *, mode, mtime: self._open(stack, name, mode, mtime)
            try:
                return super().build(target_dir)
            finally:
                module.GzipFile, module.tarfile = own

    def _open(self, stack: contextlib.ExitStack, name: str, mode: str, mtime: float) -> StitchedGzip:
        if self.store is None or mode != "wb":
            msg = f"an sdist is opened with the mode {mode}"
            raise ValueError(msg)
        file = stack.enter_context(Path(name).open("wb"))  # noqa: SIM115 - poetry-core closes what wraps it
        return StitchedGzip(file, mtime=mtime, store=self.store)

    def find_files_to_add(self, exclude_build: bool = False) -> set[BuildIncludeFile]:
        """poetry-core's, with the given pyproject.toml. What the build needs is there, whatever the variant drops."""
        package = self._poetry.package
        scripts = [
            *self.convert_script_files(),
            *([Path(package.build_script)] if package.build_script else []),
        ]
        named = (*self._get_legal_files(), *package.readmes, *scripts)
        needed = {Path(os.path.realpath(self._path / each)) for each in named}
        found = super().find_files_to_add(exclude_build)
        kept = self._own(found) | {each for each in found if Path(os.path.realpath(each.path)) in needed}
        if self.project_file is not None:
            on_disk, folder = Path(os.path.realpath(self._path / "pyproject.toml")), self.project_file.parent
            given = BuildIncludeFile(path=self.project_file, project_root=folder, source_root=folder)
            kept = {each for each in kept if Path(os.path.realpath(each.path)) != on_disk} | {given}
        return self.expected(kept)

    def expected(self, files: set[BuildIncludeFile]) -> set[BuildIncludeFile]:
        """`files`, which are going to be put into the sdist."""
        if self.store is not None:
            self.store.expect((str(each.path) for each in files), segments=True)
        return files


class _Tar(tarfile.TarFile):
    """Holds what links point at: a link out of the project leads nowhere in an unpacked sdist."""

    dereference = True


class _StoredTar(StitchedTar):
    dereference = True


class _Tarfile:
    """The module `tarfile`, but for its class."""

    def __init__(self, kind: type[tarfile.TarFile]) -> None:
        self.TarFile = kind

    def __getattr__(self, name: str) -> Any:
        return getattr(tarfile, name)


def usable(make: Callable[[], Wheel], store: MemberStore) -> bool:
    """Whether this poetry-core writes the same wheels from the store as by itself; `make` gives builders to try."""

    def sample_wheel(files: Sequence[Path], store: MemberStore | None) -> tuple[bytes, Any]:
        builder, written = make(), io.BytesIO()
        builder._path = files[0].parent  # noqa: SLF001 - only what is below it comes from the store
        builder.store = store
        with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as wheel:
            for each in files:
                builder._add_file(wheel, each, Path("sample", each.name))  # noqa: SLF001
        return written.getvalue(), builder._records  # noqa: SLF001

    return agree(sample_wheel, store)


def sdists_usable(make: Callable[[], Sdist], store: MemberStore) -> bool:
    """As `usable`, for the tars of sdists."""

    def sample_sdist(files: Sequence[Path], store: MemberStore | None) -> bytes:
        folder = files[0].parent
        found = {BuildIncludeFile(path=each, project_root=folder, source_root=folder) for each in files}
        builder: Any = make()
        builder.store = store
        builder.find_files_to_add = lambda **_: builder.expected(found)
        with TemporaryDirectory(prefix="publish-all-") as output:
            written: Path = builder.build(Path(output))
            return gzip.decompress(written.read_bytes())

    return agree_in_sdists(sample_sdist, store)
