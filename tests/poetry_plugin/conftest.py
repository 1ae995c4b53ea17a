"""Poetry's commands in this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from poetry.core.factory import Factory


@pytest.fixture(autouse=True)
def poetry_as_it_was() -> Iterator[None]:
    """Poetry's factory and builders are changed for the process; each test starts without that."""
    from poetry.masonry.builders import BUILD_FORMATS

    before = {name: Factory.__dict__[name] for name in ("locate", "validate")}
    sdist = BUILD_FORMATS["sdist"]
    yield
    for name, value in before.items():
        setattr(Factory, name, value)
    if "_publish_all" in vars(Factory):
        delattr(Factory, "_publish_all")
    BUILD_FORMATS["sdist"] = sdist
