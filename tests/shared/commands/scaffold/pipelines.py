"""Pipelines for every combination of the main options, and the readers of what is made of them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from ruamel.yaml import YAML

from publish_all.commands.scaffold.choices import Login, Trigger
from publish_all.commands.scaffold.pipeline import Pipeline, Product

ITSELF = Product(variant=None, project="kindling")
SYNAPSE = Product(variant="synapse", project="kindling-synapse")
FABRIC = Product(variant="fabric", project="kindling-fabric", publish_to=("github",))
SPARK = Product(variant="spark", project="kindling-spark")

DESTINATIONS = (("pypi",), ("pypi", "github", "corp"), ("testpypi", "pypi"), ("test", "build"))
PRODUCTS = ((ITSELF,), (SYNAPSE, SPARK, FABRIC), (ITSELF, SYNAPSE))
PLACES = (("", ()), ("python", ("uvx ruff check .", "uvx poetry run pytest")))  # subfolder, tests
LOGINS: tuple[dict[str, Login], ...] = (
    {},
    {"pypi": Login("PYPI_API_TOKEN"), "corp": Login("NEXUS_PASSWORD", "${{ secrets.NEXUS_USER }}")},
    {"pypi": Login("PYPI_TOKEN"), "testpypi": Login("TEST_TOKEN")},
)
TRIGGERS = ((Trigger.RELEASE,), (Trigger.TAG,), (Trigger.RELEASE, Trigger.TAG))


def pipelines() -> Iterator[tuple[str, Pipeline]]:
    """Each with a name that a file can have."""
    flags = (True, False)
    mixed = itertools.product(DESTINATIONS, PRODUCTS, PLACES, flags, flags, flags)
    for number, (publish_to, products, place, rehearse, split, separate) in enumerate(mixed):
        yield (
            f"{number:03}",
            Pipeline(
                publish_to=publish_to,
                products=products,
                tests=place[1],
                rehearse=rehearse,
                split=split,
                separate=separate,
                subfolder=place[0],
                triggers=TRIGGERS[number % len(TRIGGERS)],
                requirement="publish-all[cli,attestations]==0.1.0",
                logins=LOGINS[number % len(LOGINS)],
                environments={"pypi": "release"} if number % 2 else {},
                pages=number % 3 == 0,
            ),
        )


def loaded(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def validator(name: str) -> Draft7Validator:
    path = Path(__file__).parent / "schemas" / f"{name}.json"
    return Draft7Validator(json.loads(path.read_text(encoding="utf-8")))
