"""What the in-process builders use of hatchling and poetry-core beyond their public interfaces, and of which versions.

`hatchling_adapter` and `poetry_core_adapter` are the only modules that use it. This module imports neither, nor the
backends, until a version is newer than those that were tested.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import re
from collections.abc import Iterator, Mapping

from packaging.version import InvalidVersion, Version

from publish_all._values import dataclass
from publish_all.builders.select import Backend


@dataclass(frozen=True, kw_only=True, slots=True)
class Contract:
    """`lowest` to `highest` are the versions that were tested. Versions above are looked at, those below are not known.

    `uses` are names by module, with the parameters which a function is given, or which an override of it takes.
    An attribute that a class sets in `__init__` counts as one of the class.
    """

    lowest: str
    highest: str
    uses: Mapping[str, tuple[str, ...]]


CONTRACTS: Mapping[Backend, Contract] = {
    Backend.HATCHLING: Contract(
        lowest="1.20",
        highest="1.33.0",
        uses={
            "hatchling.__about__": ("__version__",),
            "hatchling.builders.config": (
                "BuilderConfig.artifact_spec",
                "BuilderConfig.build_config",
                "BuilderConfig.build_force_include",
                "BuilderConfig.get_distribution_path(relative_path)",
                "BuilderConfig.get_force_include()",
                "BuilderConfig.ignore_vcs",
                "BuilderConfig.only_include",
                "BuilderConfig.packages",
                "BuilderConfig.path_is_artifact(relative_path)",
                "BuilderConfig.path_is_build_artifact(relative_path)",
                "BuilderConfig.set_build_data(build_data)",
                "BuilderConfig.sources",
                "BuilderConfig.target_config",
            ),
            "hatchling.builders.plugin.interface": (
                "BuilderInterface(root, plugin_manager, config, metadata, app)",
                "BuilderInterface.build(clean, clean_hooks_after, clean_only, directory, hooks_only, versions)",
                "BuilderInterface.clean(directory, versions)",
                "BuilderInterface.config",
                "BuilderInterface.get_default_build_data()",
                "BuilderInterface.recurse_explicit_files(inclusion_map)",
                "BuilderInterface.recurse_forced_files(inclusion_map)",
                "BuilderInterface.recurse_included_files()",
                "BuilderInterface.recurse_selected_project_files()",
                "BuilderInterface.set_build_data_defaults(build_data)",
                "IncludedFile(path, relative_path, distribution_path)",
            ),
            "hatchling.builders.sdist": (
                "SdistArchive(name, reproducible)",
                "SdistArchive.create_file(contents, relative_paths)",
                "SdistArchive.fd",
                "SdistArchive.gz",
                "SdistArchive.path",
                "SdistArchive.tf",
                "SdistArchive.timestamp",
                "SdistBuilder.build_standard(directory, build_data)",
            ),
            "hatchling.builders.utils": (
                "format_file_hash(digest)",
                "normalize_archive_path(path)",
                "normalize_file_permissions(st_mode)",
                "set_zip_info_mode(zip_info, mode)",
            ),
            "hatchling.builders.wheel": (
                "FileSelectionOptions.only_include",
                "FileSelectionOptions.packages",
                "RecordFile",
                "WheelArchive(project_id, reproducible)",
                "WheelArchive.add_file(included_file)",
                "WheelArchive.path",
                "WheelArchive.time_tuple",
                "WheelArchive.write_metadata(relative_path, contents)",
                "WheelArchive.zf",
                "WheelBuilder.build_standard(directory, build_data)",
                "WheelBuilder.write_archive_metadata(archive, records, build_data)",
                "WheelBuilderConfig.default_file_selection_options",
                "WheelBuilderConfig.extra_metadata",
                "WheelBuilderConfig.shared_data",
            ),
            "hatchling.metadata.core": (
                "HatchMetadata(root, config, plugin_manager)",
                "ProjectMetadata(root, plugin_manager, config)",
                "ProjectMetadata.config",
                "ProjectMetadata.hatch",
                "ProjectMetadata.version",
            ),
            "hatchling.plugin.manager": ("PluginManager()",),
        },
    ),
    Backend.POETRY_CORE: Contract(
        lowest="2.0",
        highest="2.5.0",
        uses={
            "poetry.core": ("__version__",),
            "poetry.core.factory": (
                "Factory.configure_package(package, pyproject, root, with_groups)",
                "Factory.get_package(name, version)",
                "Factory.validate(toml_data)",
            ),
            "poetry.core.masonry.builders.builder": (
                "BuildIncludeFile(path, project_root, source_root)",
                "BuildIncludeFile.path",
                "BuildIncludeFile.relative_to_project_root()",
                "BuildIncludeFile.relative_to_target_root()",
                "Builder(poetry)",
                "Builder._get_legal_files()",
                "Builder._excluded_files",
                "Builder._module",
                "Builder._package",
                "Builder._path",
                "Builder._poetry",
                "Builder.convert_script_files()",
                "Builder.find_excluded_files(fmt)",
                "Builder.find_files_to_add(exclude_build)",
                "Builder.format",
            ),
            "poetry.core.masonry.builders.sdist": (
                "GzipFile",
                "SdistBuilder.build(target_dir)",
                "SdistBuilder.find_files_to_add(exclude_build)",
                "tarfile",
            ),
            "poetry.core.masonry.builders.wheel": (
                "WheelBuilder._add_file(wheel, full_path, rel_path)",
                "WheelBuilder._records",
                "WheelBuilder._write_wheel_file(fp)",
                "WheelBuilder._zipfile_date_time",
                "WheelBuilder.build(target_dir)",
                "WheelBuilder.tag",
                "wheel_file_template",
            ),
            "poetry.core.masonry.utils.helpers": ("normalize_file_permissions(st_mode)",),
            "poetry.core.masonry.utils.include": (
                "Include._include",
                "Include.elements",
                "Include.formats",
            ),
            "poetry.core.masonry.utils.module": (
                "Module.explicit_includes",
                "Module.includes",
            ),
            "poetry.core.masonry.utils.package_include": ("PackageInclude",),
            "poetry.core.packages.project_package": (
                "ProjectPackage.build_script",
                "ProjectPackage.exclude",
                "ProjectPackage.include",
                "ProjectPackage.packages",
                "ProjectPackage.readmes",
            ),
            "poetry.core.poetry": ("Poetry(file, local_config, package)",),
            "poetry.core.pyproject.toml": (
                "PyProjectTOML(path)",
                "PyProjectTOML.data",
                "PyProjectTOML.path",
                "PyProjectTOML.poetry_config",
            ),
        },
    ),
}


def unknown_version(backend: Backend) -> str | None:
    """Why the installed version of a backend cannot be built with in process; None where it can.

    Versions above the tested ones can if they have all that is used.
    """
    contract = CONTRACTS.get(backend)
    if contract is None:
        return None
    try:
        version = Version(importlib.metadata.version(backend.value))
    except (importlib.metadata.PackageNotFoundError, InvalidVersion):
        return f"the version of {backend.value} cannot be told"
    if version < Version(contract.lowest):
        return f"{backend.value} {version} is older than {contract.lowest}"
    if version <= Version(contract.highest):
        return None
    changed = next(unmet(contract), None)
    if changed is None:
        return None
    return f"{backend.value} {version} is newer than {contract.highest}, and {changed}"


def unmet(contract: Contract) -> Iterator[str]:
    """What the installed version does not have of a contract, as `… is gone` and `… takes other arguments`."""
    for module, names in contract.uses.items():
        for use in names:
            name, parenthesis, listed = use.removesuffix(")").partition("(")
            try:
                found = _found(importlib.import_module(module), name)
            except (ImportError, AttributeError):
                yield f"{module}.{name} is gone"
                continue
            if parenthesis and not _takes(found, frozenset(re.findall(r"\w+", listed))):
                yield f"{module}.{name} takes other arguments"


def _found(found: object, path: str) -> object:
    for name in path.split("."):
        if not hasattr(found, name) and isinstance(found, type) and _sets(found, name):
            return None
        found = getattr(found, name)
    return found


def _sets(of: type, name: str) -> bool:
    """Whether a class or one of its bases sets an attribute of its instances when they are made."""
    made = (getattr(each.__dict__.get("__init__"), "__code__", None) for each in of.__mro__)
    return any(code is not None and name in code.co_names for code in made)


def _takes(function: object, names: frozenset[str]) -> bool:
    """Whether a function takes these arguments, and needs no others."""
    if not callable(function):
        return False
    parameters = {
        name: each for name, each in inspect.signature(function).parameters.items() if name != "self"
    }
    needed = {
        name
        for name, each in parameters.items()
        if each.default is each.empty and each.kind not in {each.VAR_KEYWORD, each.VAR_POSITIONAL}
    }
    return needed <= names <= set(parameters)
