"""Which versions of build backends are built with, and which in process."""

from __future__ import annotations

import importlib.metadata
import types

import pytest
from hatchling.builders.plugin.interface import BuilderInterface
from poetry.core.masonry.builders.builder import Builder

from publish_all.builders import backend_versions, hatchling_builder, poetry_core_builder
from publish_all.builders.backend_versions import (
    IN_PROCESS,
    changed_methods,
    refuse_old_backend,
    unknown_version,
)
from publish_all.errors import BuildError
from publish_all.variants.setup_files import with_metadata_elsewhere

PROJECT = {"project": {"name": "demo", "version": "1.0"}}
ELSEWHERE = with_metadata_elsewhere({"project": {"name": "demo"}})


@pytest.fixture
def refused(make_variant, monkeypatch):
    """The message and hint for a backend of this version; None if it is taken."""

    def refused(backend, installed, pyproject=PROJECT, **build_system):
        monkeypatch.setattr(importlib.metadata, "version", lambda name: installed)
        table = {"build-system": {"build-backend": backend, **build_system}}
        try:
            refuse_old_backend(make_variant({**pyproject, **table}))
        except BuildError as error:
            return f"{error.message} {error.hint}"
        return None

    return refused


@pytest.mark.parametrize(
    ("backend", "name", "below", "lowest"),
    [
        ("hatchling.build", "hatchling", "1.19.1", "1.20.0"),
        ("poetry.core.masonry.api", "poetry-core", "1.9.1", "2.0.0"),
        ("publish_all.backends.poetry_core", "poetry-core", "2.0.0rc1", "2.0.1"),
        ("setuptools.build_meta", "setuptools", "60.10.0", "61.0.0"),
    ],
)
def test_a_backend_below_the_lowest_version_is_refused(refused, backend, name, below, lowest):
    message = refused(backend, below)
    assert f"{name} {below}" in message
    assert f'requires = ["{name}>=' in message
    assert refused(backend, lowest) is None


def test_variants_of_metadata_in_setup_cfg_need_a_newer_setuptools(refused):
    assert "setuptools>=67.6" in refused("setuptools.build_meta", "67.5.1", ELSEWHERE)
    assert refused("setuptools.build_meta", "67.6.0", ELSEWHERE) is None


def test_a_project_without_project_table_builds_with_any_setuptools(refused):
    assert refused("setuptools.build_meta", "44.0", {}) is None


def test_other_backends_and_those_of_the_tree_are_not_judged(refused):
    assert refused("flit_core.buildapi", "0.1") is None
    assert refused("hatchling.build", "1.0", **{"backend-path": ["."]}) is None


def test_a_backend_that_is_not_installed_is_left_to_the_build(make_variant, monkeypatch):
    def nothing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", nothing)
    refuse_old_backend(make_variant({"build-system": {"build-backend": "hatchling.build"}}))


BACKENDS = pytest.mark.parametrize("backend", list(IN_PROCESS), ids=lambda each: each.value)


@pytest.fixture
def installed(monkeypatch):
    return lambda version: monkeypatch.setattr(importlib.metadata, "version", lambda _: version)


@BACKENDS
def test_the_installed_version_has_all_methods_that_are_overridden(backend):
    assert unknown_version(backend) is None
    for module in (hatchling_builder, poetry_core_builder):
        assert list(changed_methods(module)) == []


def test_a_method_that_is_gone_or_takes_other_arguments_is_told(monkeypatch):
    monkeypatch.delattr(BuilderInterface, "recurse_explicit_files")
    monkeypatch.setattr(BuilderInterface, "recurse_forced_files", lambda self: None)
    assert list(changed_methods(hatchling_builder)) == [
        "_Builder.recurse_forced_files takes other arguments",
        "_Builder.recurse_explicit_files does not exist",
        "_SdistBuilder.recurse_forced_files takes other arguments",
    ]


@BACKENDS
def test_a_version_above_the_tested_ones_is_known_by_what_it_has(backend, installed, monkeypatch):
    installed("99.0")
    assert unknown_version(backend) is None
    monkeypatch.delattr(BuilderInterface, "recurse_explicit_files")
    monkeypatch.delattr(Builder, "find_files_to_add")
    told = unknown_version(backend)
    assert told.startswith(f"{backend.value} 99.0 is newer than {IN_PROCESS[backend][1]}, and ")
    assert told.endswith(" does not exist")


@BACKENDS
def test_a_version_whose_internals_cannot_be_imported_is_not_known(backend, installed, monkeypatch):
    def fail(name):
        raise ImportError(f"cannot import {name}")

    installed("99.0")
    monkeypatch.setattr(
        backend_versions, "importlib", types.SimpleNamespace(import_module=fail, metadata=importlib.metadata)
    )
    assert "cannot import" in unknown_version(backend)


@BACKENDS
def test_a_version_below_the_tested_ones_is_not_known(backend, installed):
    installed("0.9")
    assert unknown_version(backend) == f"{backend.value} 0.9 is older than {IN_PROCESS[backend][0]}"


@BACKENDS
def test_a_version_that_cannot_be_told_is_not_known(backend, installed):
    installed("new")
    assert unknown_version(backend) == f"the version of {backend.value} is unknown"
