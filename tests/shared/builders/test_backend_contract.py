"""That the installed hatchling and poetry-core have what the in-process builders use, and nothing else is used."""

from __future__ import annotations

import ast
import importlib.metadata
from pathlib import Path
from typing import Any

import pytest
from hatchling.builders.config import BuilderConfig
from hatchling.builders.wheel import WheelArchive
from poetry.core.masonry.builders import sdist as poetry_sdist
from poetry.core.masonry.builders.builder import Builder

import publish_all
from publish_all.builders import hatchling_adapter, poetry_core_adapter
from publish_all.builders.backend_contract import CONTRACTS, unknown_version, unmet
from publish_all.builders.select import Backend

SOURCES = Path(publish_all.__file__).parent
PUBLIC = {  # https://hatch.pypa.io/latest/plugins/about/, PEP 517
    "hatchling.builders.config",
    "hatchling.builders.plugin.interface",
    "hatchling.plugin",
    "hatchling.plugin.manager",
    "hatchling.version.source.plugin.interface",
    "poetry.core.masonry",
}
BACKENDS = pytest.mark.parametrize("backend", list(CONTRACTS), ids=lambda each: each.value)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda version: monkeypatch.setattr(importlib.metadata, "version", lambda _: version)


@BACKENDS
def test_the_installed_version_has_all_that_is_used(backend: Backend) -> None:
    assert list(unmet(CONTRACTS[backend])) == []
    assert unknown_version(backend) is None


def test_only_the_contracts_of_two_backends_are_asked() -> None:
    assert unknown_version(Backend.SETUPTOOLS) is None


def _imported(module: Path) -> set[str]:
    """`module.name` of what a file imports from the backends."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            found |= {f"{node.module}.{each.name}" for each in node.names}
        elif isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
    return {each for each in found if each.startswith(("hatchling.", "poetry.core"))}


@pytest.mark.parametrize(
    ("backend", "adapter"),
    [(Backend.HATCHLING, hatchling_adapter), (Backend.POETRY_CORE, poetry_core_adapter)],
)
def test_the_contract_lists_what_the_adapter_imports(backend: Backend, adapter: Any) -> None:
    uses = CONTRACTS[backend].uses
    listed = {f"{module}.{name.partition('(')[0]}" for module, names in uses.items() for name in names}
    for each in _imported(Path(adapter.__file__)):
        assert each in uses or any(f"{name}.".startswith(f"{each}.") for name in listed), each


def test_no_other_builder_imports_what_is_not_public() -> None:
    adapters = {Path(each.__file__ or "") for each in (hatchling_adapter, poetry_core_adapter)}
    modules = [*(SOURCES / "builders").glob("*.py"), *(SOURCES / "backends").glob("*.py")]
    for module in set(modules) - adapters:
        for each in _imported(module):
            assert each.rpartition(".")[0] in PUBLIC, f"{module.name} imports {each}"


@pytest.mark.parametrize(
    ("owner", "name", "backend"),
    [
        (WheelArchive, "add_file", Backend.HATCHLING),
        (BuilderConfig, "only_include", Backend.HATCHLING),
        (poetry_sdist, "GzipFile", Backend.POETRY_CORE),
        (Builder, "convert_script_files", Backend.POETRY_CORE),
    ],
)
def test_an_attribute_that_is_gone_is_told(
    owner: Any, name: str, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(owner, name)
    told = list(unmet(CONTRACTS[backend]))
    assert [each for each in told if name in each]


def test_an_attribute_of_instances_that_is_gone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WheelArchive, "__init__", lambda self, project_id, *, reproducible: None)
    told = list(unmet(CONTRACTS[Backend.HATCHLING]))
    assert told == [
        f"hatchling.builders.wheel.WheelArchive.{name} is gone" for name in ("path", "time_tuple", "zf")
    ]


@pytest.mark.parametrize("changed", [lambda self: None, lambda self, included_file, mode: None])
def test_other_arguments_are_told(changed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WheelArchive, "add_file", changed)
    told = list(unmet(CONTRACTS[Backend.HATCHLING]))
    assert told == ["hatchling.builders.wheel.WheelArchive.add_file takes other arguments"]


@BACKENDS
def test_a_version_below_the_tested_ones_is_not_known(backend: Backend, installed: Any) -> None:
    installed("0.9")
    assert unknown_version(backend) == f"{backend.value} 0.9 is older than {CONTRACTS[backend].lowest}"


@BACKENDS
def test_a_version_above_the_tested_ones_is_known_by_what_it_has(
    backend: Backend, installed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed("99.0")
    assert unknown_version(backend) is None
    monkeypatch.delattr(poetry_sdist, "GzipFile")
    monkeypatch.delattr(WheelArchive, "add_file")
    told = unknown_version(backend)
    assert told is not None
    assert told.startswith(
        f"{backend.value} 99.0 is newer than {CONTRACTS[backend].highest}, and {backend.value[:6]}"
    )
    assert told.endswith(" is gone")


@BACKENDS
def test_a_version_that_cannot_be_told_is_not_known(backend: Backend, installed: Any) -> None:
    installed("new")
    assert unknown_version(backend) == f"the version of {backend.value} cannot be told"
