"""Which versions of build backends are built with."""

from __future__ import annotations

import importlib.metadata

import pytest

from publish_all.builders.backend_versions import refuse_old_backend
from publish_all.errors import BuildError
from publish_all.variants.setup_files import FIELDS

PROJECT = {"project": {"name": "demo", "version": "1.0"}}
ELSEWHERE = {"project": {"dynamic": ["version", *FIELDS]}}


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
