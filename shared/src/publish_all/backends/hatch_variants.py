"""The build target `variants`: `hatch build -t variants` and `-t variants:NAME`.

The names of build variants are what hatchling calls the versions of the target. hatchling's own
`build` runs the hooks of the target around one artifact per version. Here each file is built by
hatchling's builder of its kind, which runs its hooks with the data that they know; so `build` is ours.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.plugin.interface import BuilderInterface
from hatchling.plugin.manager import PluginManager
from packaging.utils import canonicalize_name

from publish_all._build_system import Backend, backend_name, backend_of
from publish_all.builders.backend_hooks import hatchling_version
from publish_all.builders.backend_versions import refuse_old_backend
from publish_all.builders.build_plan import distributions_of, output_folder, with_present_files
from publish_all.builders.deflate import DeflateCache
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.stage import Stages, refuse_missing
from publish_all.config.load import load_project
from publish_all.config.model import ProjectConfig
from publish_all.distributions.distribution import release_of
from publish_all.errors import ConfigurationError, PublishAllError
from publish_all.events import Event, Note, ignore
from publish_all.variants.resolve import resolve_variants
from publish_all.variants.variant import BuildVariant
from publish_all.version.version_source import resolve_version


class VariantsConfig(BuilderConfig):
    @cached_property
    def dependencies(self) -> list[str]:
        """What the files' own targets require too: Hatch asks this target alone before it builds."""
        plugins, metadata, app = self.builder.plugin_manager, self.builder.metadata, self.builder.app
        of_kinds = (
            plugins.builder.get(kind)(self.root, plugins, metadata=metadata, app=app)
            for kind in ("sdist", "wheel")
        )
        listed = (
            *super().dependencies,
            *(each for builder in of_kinds for each in builder.config.dependencies),
        )
        return list(dict.fromkeys(listed))


class VariantsBuilder(BuilderInterface[VariantsConfig, PluginManager]):
    """Builds all build variants, or those that are named."""

    PLUGIN_NAME = "variants"

    def build(
        self,
        *,
        directory: str | None = None,
        versions: list[str] | None = None,
        hooks_only: bool | None = None,
        clean: bool | None = None,
        clean_hooks_after: bool | None = None,
        clean_only: bool | None = False,
    ) -> Generator[str, None, None]:
        """Build, and yield the path of each file as it is done.

        An error ends hatchling with the exit code of publish-all and without a traceback.
        """
        del clean_hooks_after  # a stage is removed as a whole
        hooks_only = _or_variable(hooks_only, "HATCH_BUILD_HOOKS_ONLY")
        clean = _or_variable(clean, "HATCH_BUILD_CLEAN") or bool(clean_only)
        try:
            config = load_project(Path(self.root))
            variants = self._variants(config, tuple(versions or ()))
            # The folder of the command line, else of Hatch's variable, else the one in which `publish` looks.
            stated = directory or os.environ.get("HATCH_BUILD_LOCATION")
            output = config.root / stated if stated else output_folder(config)
            if clean and not hooks_only:
                _clean(output, variants)
            if clean_only or hooks_only:
                self._run_hooks(output, clean=bool(clean_only))
            else:
                yield from self._build(config, variants, output)
        except PublishAllError as error:
            self.app.abort(_text(error), code=error.exit_code)

    def _build(self, config: ProjectConfig, variants: Sequence[BuildVariant], output: Path) -> Iterator[str]:
        from publish_all.builders.staged_builder import StagedBuilder

        wanted = with_present_files(variants, config.root, allow_missing=False, listener=ignore)
        tree = SourceTree(config.root, leave_out=(output,))
        refuse_missing(tree, wanted, listener=self._tell)
        output.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="publish-all-") as name:
            stages = Stages(tree, Path(name, "stages"))
            deflate = DeflateCache(config.compression)
            builder = StagedBuilder(stages, deflate=deflate, listener=self._tell)
            for number, (variant, kind) in enumerate(distributions_of(wanted, ("sdist", "wheel"))):
                refuse_old_backend(variant)
                folder = Path(
                    name, str(number)
                )  # hatchling may be told to clean the folder that it writes to
                folder.mkdir()
                path = builder.build(variant, kind, folder)
                (output / path.name).unlink(missing_ok=True)
                yield str(shutil.move(path, output / path.name))

    def _run_hooks(self, output: Path, *, clean: bool) -> None:
        """Let the project's hooks for both kinds of files do their work, or `clean` after themselves."""
        for kind in ("sdist", "wheel"):
            of_kind: Any = self.plugin_manager.builder.get(kind)
            builder = of_kind(self.root, self.plugin_manager, app=self.app)
            if clean:
                for hook in builder.get_build_hooks(str(output)).values():
                    hook.clean(["standard"])
            else:
                list(builder.build(directory=str(output), hooks_only=True, clean=False))

    def _tell(self, event: Event) -> None:
        if isinstance(event, Note):
            self.app.display_warning(event.message)

    def _variants(self, config: ProjectConfig, names: Sequence[str]) -> tuple[BuildVariant, ...]:
        variants = resolve_variants(config, version=_version(config), only=names)
        for each in variants:
            if backend_of(each.pyproject) is not Backend.HATCHLING:
                msg = f"the variant {each.label!r} uses the build backend {backend_name(each.pyproject)}, and Hatch builds with hatchling only"
                raise ConfigurationError(msg, hint="Build it with `publish-all build`.")
        return variants

    def clean(self, directory: str, versions: list[str]) -> None:
        """Remove the wheels and sdists of build variants, of any version. `versions` are their names, empty for all."""
        _clean(Path(directory), self._variants(load_project(Path(self.root)), versions))

    def get_version_api(self) -> dict[str, Callable[..., str]]:
        """Nothing: hatchling's own `build`, which is not used here, would look up in it what to call."""
        return {}

    @classmethod
    def get_config_class(cls) -> type[VariantsConfig]:
        return VariantsConfig


def _or_variable(stated: bool | None, variable: str) -> bool:
    """https://hatch.pypa.io/latest/config/build/#environment-variables"""
    return os.environ.get(variable) in {"1", "true"} if stated is None else stated


def _version(config: ProjectConfig) -> str:
    """The project's version from where `[tool.publish-all.version]` says, as in every build of ours."""
    return resolve_version(
        config, environment=os.environ, ask_backend=lambda: hatchling_version(config.root)
    ).text


def _clean(output: Path, variants: Sequence[BuildVariant]) -> None:
    names = {canonicalize_name(each.project) for each in variants}
    for path in list(output.iterdir()) if output.is_dir() else ():
        found = release_of(path.name)
        if found is not None and found[0] in names:
            path.unlink()


def _text(error: PublishAllError) -> str:
    lines = [error.message, *(f"{each.code}: {each.message}" for each in error.findings)]
    return "\n".join([*lines, f"hint: {error.hint}"] if error.hint else lines)
