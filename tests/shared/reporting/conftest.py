from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `reporting_samples`, which is no test

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def same_as_golden() -> Callable[[str, str], None]:
    """Compares with a file in `golden`; WRITE_GOLDEN=1 writes it anew, to be read before it is committed."""

    def same_as_golden(name: str, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get("WRITE_GOLDEN"):
            path.write_text(text, encoding="utf-8")
        separator = json.dumps(os.sep)[1:-1] if ".json" in name else os.sep
        assert text.replace(separator, "/") == path.read_text(encoding="utf-8")

    return same_as_golden
