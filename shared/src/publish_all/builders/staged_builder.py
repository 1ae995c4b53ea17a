"""Any PEP 517 backend, in a stage with the variant's files and its pyproject.toml."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import tomlkit
from packaging.utils import canonicalize_version
from packaging.version import Version

from publish_all._build_system import Backend, backend_name, backend_of, build_requires
from publish_all._toml import loads, read_if_valid, table
from publish_all.builders.backend_hooks import call_hook, metadata_of, writes_same_sdists
from publish_all.builders.backend_tables import (
    AS_IN_THE_PROJECT,
    Placed,
    arrange,
    named_though_ignored,
    needed_by_code,
    pinned,
    runs_project_code,
    state_package_data,
)
from publish_all.builders.builder import notes_once
from publish_all.builders.deflate import DeflateCache
from publish_all.builders.rewrite import retagged, write_sdist_again
from publish_all.builders.select import left_out, says_the_same
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.stage import Stages, forced_sources, planned
from publish_all.builders.stated_files import files_of_metadata
from publish_all.builders.unix_modes import modes_below
from publish_all.builders.wheel_files import ignored_files, is_outside, origins, place_for, verify
from publish_all.builders.worker_protocol import ask_worker
from publish_all.distributions.distribution import release_of
from publish_all.errors import BuildError, VersionError
from publish_all.events import Listener, ignore
from publish_all.variants.setup_files import fields_in
from publish_all.variants.variant import BuildVariant
from publish_all.version.static import asks_us
from publish_all.version.toml_text import with_static_version

IN_PROCESS = (Backend.HATCHLING, Backend.POETRY_CORE)
# https://hatch.pypa.io/latest/config/build/#environment-variables
_WITHOUT_HOOKS = {"HATCH_BUILD_NO_HOOKS": "true"}
# The most files that a note names.
_SHOWN = 3
# Tools that give setuptools the list of tracked files.
_FILE_FINDER = re.compile(r"setuptools[-_.]?(scm|git)\b", re.IGNORECASE)


def extra_requires(variant: BuildVariant, kinds: Sequence[str], stages: Stages) -> tuple[str, ...]:
    """The requirements from the backend's `get_requires_for_build_*` hooks for the variant."""
    stage = _Stage.of(variant, stages, metadata_elsewhere=True)
    hooks = (f"get_requires_for_build_{kind}" for kind in kinds)
    wanted = (call_hook(stage.folder, stage.pyproject, hook) for hook in hooks)
    return tuple(dict.fromkeys(text for each in wanted for text in each))


class _OtherVersion(Exception):  # noqa: N818 - not an error: another way is tried
    def __init__(self, version: str) -> None:
        super().__init__(version)
        self.version = version


class StagedBuilder:
    """Asks the backend of a variant for its files, each time in a stage.

    hatchling and poetry-core are called in this process, which takes less time, and compress with `deflate`: unless that is
    None, or code of the project runs, whose state must not reach the next file.
    """

    def __init__(
        self, stages: Stages, *, deflate: DeflateCache | None = None, listener: Listener = ignore
    ) -> None:
        self._stages = stages
        self._deflate = deflate
        self._listener = listener
        self._tell = notes_once(listener)
        self._probed: dict[str, Mapping[str, str]] = {}
        self._stated_elsewhere: dict[tuple[tuple[str, str], ...], frozenset[str]] = {}
        self._ways: dict[str, int] = {}
        self._found: dict[str, set[Any]] = {}

    def build(self, variant: BuildVariant, kind: str, output: Path) -> Path:
        """Write the variant's sdist or wheel into `output` and return its path. Raises `BuildError`."""
        ways = _ways(self._with_metadata_elsewhere(variant, output))
        for number in range(self._ways.get(variant.label, 0), len(ways)):
            self._ways[variant.label] = number
            try:
                return self._build(*ways[number], kind=kind, output=output)
            except _OtherVersion as error:
                told = error.version
        msg = f"{described(variant.pyproject)} builds version {told} of {variant.label} instead of {variant.version}"
        hint = "Set the version in the place where this backend reads it, or remove `local-version`."
        raise BuildError(msg, hint=hint)

    def _build(self, variant: BuildVariant, version: str | None, *, kind: str, output: Path) -> Path:
        placed = self._placed(variant, version, output)
        stage = _Stage.of(variant, self._stages, placed, shared=self._shares(variant))
        built = self._ask(stage, variant, kind, output, version)
        if kind == "wheel":
            verify(variant, built, placed)
            self._tell_of_ignored(stage.pyproject, built)
            if variant.wheel is not None:
                with self._deflate.in_use() if self._deflate is not None else contextlib.nullcontext():
                    built = retagged(built, variant.wheel, backend=described(stage.pyproject))
        elif not writes_same_sdists(variant.pyproject):
            write_sdist_again(built, without=placed.dropped)
        return built

    def _is_in_process(self, variant: BuildVariant) -> bool:
        return (
            self._deflate is not None
            and backend_of(variant.pyproject) in IN_PROCESS
            and not runs_project_code(variant.pyproject)
        )

    def _shares(self, variant: BuildVariant) -> bool:
        """Whether a stage without git is enough, for all variants with the same files.

        Where an ignored file is packed in one format, poetry-core asks git about the other.
        """
        return (
            self._is_in_process(variant)
            and variant.pyproject is not variant.dynamic_pyproject
            and (
                backend_of(variant.pyproject) is Backend.HATCHLING
                or not any(named_though_ignored(self._stages.tree, variant.pyproject))
            )
        )

    def _ask(
        self, stage: _Stage, variant: BuildVariant, kind: str, output: Path, version: str | None
    ) -> Path:
        """The file that the backend writes. Raises `_OtherVersion` if it has another version than the project."""
        hook, name = f"build_{kind}", described(stage.pyproject)
        try:
            if self._deflate is not None and self._is_in_process(variant):
                # An sdist of the project itself is the backend's own bytes.
                finding: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
                if self._shares(variant) and backend_of(variant.pyproject) is Backend.POETRY_CORE:
                    finding = _finding_once(self._found, stage)
                with self._deflate.in_use(alone=kind == "sdist" and variant.name is None), finding:
                    answer = call_hook(
                        stage.folder, stage.pyproject, hook, str(output), version=version, traced=False
                    )
            else:
                answer = _asked_elsewhere(stage, hook, output, version, listener=self._listener)
        except BuildError as error:
            msg = f"{name} cannot build the {kind} of {variant.label}: {error.message}"
            hint = error.hint or f"`publish-all variants --diff {variant.label}` shows its configuration."
            raise BuildError(msg, hint=hint) from error
        built = output / str(answer)
        found = release_of(built.name)  # if it is None, the checks report it
        if found is not None and found[1] != Version(variant.version):
            built.unlink()
            raise _OtherVersion(str(found[1]))
        return built

    def _tell_of_ignored(self, pyproject: Mapping[str, Any], wheel: Path) -> None:
        """Report once the ignored files in packages that are not packed, but would be by the backend alone."""
        tree = self._stages.tree
        if not tree.in_git or backend_of(pyproject) in IN_PROCESS:
            return
        with zipfile.ZipFile(wheel) as opened:
            names = [each for each in opened.namelist() if ".dist-info/" not in each]
        found = list(ignored_files(names, pyproject, tree))
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        if found:
            text = ", ".join(found[:_SHOWN]) + more
            self._tell(f"not packed, because git ignores it: {text}. To pack it, add it to `force-include`")

    def _with_metadata_elsewhere(self, variant: BuildVariant, output: Path) -> BuildVariant:
        """Keep only dynamic fields that setup.cfg and setup.py set: setuptools refuses others."""
        if not _has_metadata_elsewhere(variant, self._stages.tree):
            return variant
        key = tuple(variant.layout.items())
        version = None if variant.version_from_backend else variant.version
        if key not in self._stated_elsewhere:
            stage = _Stage.of(variant, self._stages, metadata_elsewhere=True)
            place = output / "metadata"
            metadata = metadata_of(stage.folder, stage.pyproject, place, version=version)
            shutil.rmtree(place)
            self._stated_elsewhere[key] = fields_in(metadata)
        stated = self._stated_elsewhere[key]
        project = variant.pyproject["project"]
        dynamic = [each for each in project["dynamic"] if each in stated]
        told = {**variant.pyproject, "project": {**project, "dynamic": dynamic}}
        if variant.dynamic_pyproject is None:
            return replace(variant, pyproject=told)
        asked = {key: value for key, value in project.items() if key != "version"}
        asked["dynamic"] = ["version", *dynamic]
        return replace(variant, pyproject=told, dynamic_pyproject={**told, "project": asked})

    def _placed(self, variant: BuildVariant, version: str | None, output: Path) -> Placed:
        if not (variant.include or variant.exclude or variant.force_include):
            return AS_IN_THE_PROJECT
        if variant.label not in self._probed:  # the same for all platform wheels of a variant
            self._probed[variant.label] = self._probe(variant, version, output)
        files = self._probed[variant.label]
        tree = self._stages.tree
        sources = forced_sources(tree, variant)
        plan = planned(tree, variant)
        outside = {each: path for each, path in files.items() if is_outside(each)}
        inside = {each: path for each, path in files.items() if each not in outside}
        kept, dropped = left_out(variant, inside, plan, forced=sources, outside=outside)
        needed = files_of_metadata(variant.pyproject, tree.root) | needed_by_code(variant.pyproject)
        forced: dict[str, str] = {}
        hatchling = backend_of(variant.pyproject) is Backend.HATCHLING
        for target, source in sources.items():
            # hatchling packs a file from where it is, to one place.
            place = source if hatchling and source not in forced else place_for(target, files)
            forced[place] = target
        if hatchling:
            needed |= forced.keys()
            dropped |= {files[each] for each in sources if files.get(each)} | forced.keys() & sources.keys()
        return Placed(
            additions={place: sources[target] for place, target in forced.items()},
            forced=forced,
            dropped=dropped - needed,
            hidden=dropped & needed,
            kept=kept,
            unwanted=frozenset(files) - kept - sources.keys(),
        )

    def _probe(self, variant: BuildVariant, version: str | None, output: Path) -> Mapping[str, str]:
        """Build once unchanged, to map the files of the wheel to the files of the project."""
        stage = _Stage.of(variant, self._stages, shared=self._shares(variant))
        stage = stage._replace(variables=_WITHOUT_HOOKS)
        sources = [
            each.relative_to(stage.folder).as_posix() for each in stage.folder.rglob("*") if each.is_file()
        ]
        with tempfile.TemporaryDirectory(dir=output) as probe:
            wheel = self._ask(stage, variant, "wheel", Path(probe), version)
            return origins(wheel, stage.folder, sources)


class _Stage(NamedTuple):
    """`variables` are for a separate process of the backend."""

    folder: Path
    pyproject: Mapping[str, Any]
    variables: Mapping[str, str] = {}

    @classmethod
    def of(
        cls,
        variant: BuildVariant,
        stages: Stages,
        placed: Placed = AS_IN_THE_PROJECT,
        *,
        metadata_elsewhere: bool = False,
        shared: bool = False,
    ) -> _Stage:
        """With `metadata_elsewhere`, of a project that has its metadata in setup.cfg or setup.py: without `[project]`.

        `shared`: a stage without git, in which nothing may be written.
        """
        tree = stages.tree
        root = stages.shared(variant) if variant.layout else tree.root
        pyproject = pinned(variant, root)
        if metadata_elsewhere and _has_metadata_elsewhere(variant, tree):
            del pyproject["project"]
        if variant.name is not None or placed != AS_IN_THE_PROJECT:
            arrange(pyproject, placed, planned(tree, variant))
        if backend_of(pyproject) is Backend.SETUPTOOLS:
            state_package_data(pyproject, _moved_data(variant, tree))
        content = _project_file(variant, tree.root, pyproject)
        named = (each for each in named_though_ignored(tree, pyproject) if each not in placed.dropped)
        additions = {**{each: each for each in named}, **placed.additions}
        # hatch.toml is folded into pyproject.toml, whose tables it would replace.
        dropped = (*sorted(placed.dropped), *(["hatch.toml"] if content is not None else ()))
        # poetry-core packs only one of a link and its target.
        links = backend_of(pyproject) is not Backend.POETRY_CORE
        make = stages.shared if shared else partial(stages.fresh, git=True, links=links)
        folder = make(variant, additions=additions, dropped=dropped, project_file=content)
        return cls(folder, pyproject)


def _project_file(variant: BuildVariant, root: Path, pyproject: Mapping[str, Any]) -> bytes | None:
    """The pyproject.toml of a stage; None if the project's own says the same.

    If publish-all only adds the version for poetry-core, the rest stays as it is written, as with our backend around it.
    """
    dynamic = variant.dynamic_pyproject
    if says_the_same(root, pyproject):
        return None
    if (
        backend_of(pyproject) is Backend.POETRY_CORE
        and dynamic is not None
        and pyproject == variant.pyproject
        and says_the_same(root, dynamic)
    ):
        text = (root / "pyproject.toml").read_bytes().decode()
        stated = None if asks_us(loads(text)) else table(dynamic, "tool", "poetry").get("version")
        if stated is None:
            with contextlib.suppress(VersionError):
                return with_static_version(text, variant.version).encode()
        elif canonicalize_version(stated) == canonicalize_version(variant.version):
            return None
    return tomlkit.dumps(pyproject).encode()


def _ways(variant: BuildVariant) -> list[tuple[BuildVariant, str | None]]:
    """The ways in which a variant can get its version, best first: a pyproject, and the version for tools.

    Tools that compute the version also write it into files. So they compute it if the result is
    right, automatically or because of a variable. It is not if the version contains the day, which
    differs in a reproducible build.
    """
    static = (variant, variant.version)
    backend = backend_of(variant.pyproject)
    is_told = backend is Backend.POETRY_CORE or (backend is Backend.HATCHLING and variant.name is not None)
    if variant.dynamic_pyproject is None or is_told:
        return [static]
    dynamic = replace(variant, pyproject=variant.dynamic_pyproject)
    by_itself = [(dynamic, None)] if variant.version_from_backend else []
    return [*by_itself, (dynamic, variant.version), static]


def _has_metadata_elsewhere(variant: BuildVariant, tree: SourceTree) -> bool:
    """Whether `variants.resolve` has declared all fields of a project without `[project]` as dynamic."""
    return "dynamic" in variant.pyproject.get("project", {}) and "project" not in read_if_valid(
        tree.root / "pyproject.toml"
    )


@contextlib.contextmanager
def _finding_once(found: dict[str, set[Any]], stage: _Stage) -> Iterator[None]:
    """Within it, poetry-core looks once for the files of all variants that have the same stage and the same tables.

    It resolves the path of each file three times, which is most of the time of a build.
    """
    from poetry.core.masonry.builders.builder import Builder

    builders: Any = Builder  # a backend has no switch for it
    own = builders.find_files_to_add
    tables = table(stage.pyproject, "tool", "poetry")
    stated = [tables.get(key) for key in ("packages", "include", "exclude")]
    name = tables.get("name") or table(stage.pyproject, "project").get("name")

    def find(builder: Builder, exclude_build: bool = True) -> set[Any]:
        key = repr((stage.folder, builder.format, exclude_build, stated, None if stated[0] else name))
        if key not in found:
            found[key] = own(builder, exclude_build)
        return {*found[key]}

    builders.find_files_to_add = find
    try:
        yield
    finally:
        builders.find_files_to_add = own


def _asked_elsewhere(
    stage: _Stage, hook: str, output: Path, version: str | None, *, listener: Listener
) -> Any:
    """The answer of a hook in a separate process, because backends keep state, of versions for example (PEP 517)."""
    question = {
        "ask": "hook",
        "folder": stage.folder,
        "pyproject": stage.pyproject,
        "hook": hook,
        "arguments": [str(output)],
        "version": version,
        "modes": modes_below(stage.folder),
    }
    with tempfile.TemporaryDirectory(prefix="publish-all-hook-") as workspace:
        return ask_worker(
            question,
            executable=sys.executable,
            environment={**os.environ, **stage.variables},
            workspace=Path(workspace),
            listener=listener,
            own_group=False,
        )


def described(pyproject: Mapping[str, Any]) -> str:
    """`setuptools 80.1.0`: the first requirement is the backend, by custom."""
    name = backend_of(pyproject).value
    if backend_of(pyproject) is Backend.OTHER:
        name = re.split(r"[^\w.-]", "".join(build_requires(pyproject)[:1]).strip())[0]
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return backend_name(pyproject)


def _moved_data(variant: BuildVariant, tree: SourceTree) -> Iterator[str]:
    """Files that setuptools packs because git tracks them, and that a layout moves to untracked paths."""
    if variant.layout and any(_FILE_FINDER.match(each) for each in build_requires(variant.pyproject)):
        plan = planned(tree, variant)
        yield from (path.removeprefix("src/") for path, source in plan.items() if path != source)
