"""Fuzz targets: what others write, read by our readers. Run by `make fuzz`, not by `make test`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
# For `fuzz_inputs` and `oci_fakes`, which are no tests and so are not collected.
sys.path.insert(0, str(FOLDER))
sys.path.insert(0, str(FOLDER.parent / "shared" / "repositories"))

TARGET_SECONDS = 3600


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.fuzz)
            item.add_marker(pytest.mark.timeout(TARGET_SECONDS))
