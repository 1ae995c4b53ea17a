"""300 files and one of 20 MB: every wheel from the build worker against those built without the store."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from publish_all.builders.builder import Builder, BuildRequest
from publish_all.builders.hatchling import HatchlingBuilder
from publish_all.builders.poetry_core import PoetryCoreBuilder
from publish_all.builders.run import build
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.stage import Stages
from publish_all.events import ignore
from publish_all.variants.variant import BuildVariant

TABLES: Mapping[str, Mapping[str, Any]] = {
    "hatchling": {
        "build-system": {"requires": ["hatchling"], "build-backend": "hatchling.build"},
        "tool": {"hatch": {"build": {"targets": {"wheel": {"packages": ["demo"]}}}}},
    },
    "poetry-core": {
        "build-system": {"requires": ["poetry-core"], "build-backend": "poetry.core.masonry.api"},
        "tool": {"poetry": {"packages": [{"include": "demo"}]}},
    },
}
MEGABYTE = 1 << 20


def made_tree(root: Path) -> Path:
    chance = random.Random(1)
    words = [chance.randbytes(chance.randrange(2, 9)).hex() for _ in range(2000)]
    for number in range(300):
        path = root / "demo" / f"part{number % 15}" / f"module{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'"""{" ".join(chance.choices(words, k=number * 10))}"""\n', encoding="utf-8")
    (root / "demo/__init__.py").write_text("")
    data = chance.randbytes(10 * MEGABYTE) + " ".join(chance.choices(words, k=MEGABYTE)).encode()
    (root / "demo/data.bin").write_bytes(data[: 20 * MEGABYTE].ljust(20 * MEGABYTE, b"."))
    (root / "pyproject.toml").write_text("")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    subprocess.run(["git", "add", "."], cwd=root, check=True)
    return root


def variants(backend: str) -> tuple[BuildVariant, ...]:
    return tuple(
        BuildVariant(
            name=name,
            project=f"demo-{name}",
            version="1.0",
            pyproject={**TABLES[backend], "project": {"name": f"demo-{name}", "version": "1.0"}},
            selection_name="demo",
            layout={},
            force_include={},
            exclude=exclude,
        )
        for name, exclude in (("one", ()), ("two", ("demo/part3/**",)), ("three", ()))
    )


def without_store(backend: str, root: Path, folder: Path) -> Builder:
    if backend == "hatchling":
        return HatchlingBuilder(root)
    tree = SourceTree(root)
    return PoetryCoreBuilder(tree=tree, stages=Stages(tree, folder / "stages"), workspace=folder)


@pytest.mark.parametrize("backend", list(TABLES))
def test_every_file_is_the_same_from_the_store(tmp_path: Path, backend: str) -> None:
    root = made_tree(tmp_path / "project")
    request = BuildRequest(root=root, output=tmp_path / "stored", variants=variants(backend))
    result = build(request, listener=ignore, environment=os.environ)
    assert len(result.files) == 6
    plain = without_store(backend, root, tmp_path)
    for variant in request.variants:
        wheel = plain.build(variant, "wheel", tmp_path / "plain")
        assert (request.output / wheel.name).read_bytes() == wheel.read_bytes()
    sdist = plain.build(request.variants[0], "sdist", tmp_path / "plain")
    tars = (gzip.decompress((folder / sdist.name).read_bytes()) for folder in (request.output, sdist.parent))
    assert next(tars) == next(tars)
