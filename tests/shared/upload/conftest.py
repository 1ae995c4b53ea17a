from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `upload_fakes`, which is no test and so is not collected

from upload_fakes.repository import Events, FakeTime

from publish_all.upload.workers import Clock


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def clock(time: FakeTime) -> Clock:
    return time.clock()


@pytest.fixture
def events() -> Events:
    return Events()
