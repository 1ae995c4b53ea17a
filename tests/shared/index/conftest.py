"""An index over sources in memory, asked without sockets."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# For `index_fakes` and `oci_fakes`, which are no tests and so are not collected.
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "repositories"))

from index_fakes.source import FakeSource
from starlette.types import ASGIApp

from publish_all._secret import Secret
from publish_all.index.cache import BlobCache
from publish_all.index.fallback import Fallback, Routing, private_patterns
from publish_all.index.index_source import IndexSource
from publish_all.index.server import Gate, make_app
from publish_all.index.service import IndexService
from publish_all.index.upload import Uploads

FALLBACK = "https://pypi.test/simple/"


@dataclass
class FakeClock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cache(tmp_path: Path) -> BlobCache:
    return BlobCache(tmp_path / "cache")


@pytest.fixture
def source() -> FakeSource:
    wheel = "kindling_synapse-0.2.0-py3-none-any.whl"
    return FakeSource(
        files={"kindling-synapse": {wheel: b"wheel" * 500, "kindling_synapse-0.1.0.tar.gz": b"sdist"}},
        metadata_of={wheel: b"Metadata-Version: 2.1\n"},
    )


@dataclass
class Made:
    service: IndexService
    app: ASGIApp


@pytest.fixture
def make(cache: BlobCache, clock: FakeClock) -> Callable[..., Made]:
    def made(
        *sources: IndexSource,
        private: Sequence[str] = (),
        proxied: IndexSource | None = None,
        password: str | None = None,
        uploads: Callable[[IndexService], Uploads] | None = None,
        **more: Any,
    ) -> Made:
        fallbacks = (Fallback(url=FALLBACK),) if private else ()
        routing = Routing(private=private_patterns(private), fallbacks=fallbacks, proxy=proxied is not None)
        through_us = () if proxied is None else (proxied,)
        service = IndexService(sources, routing=routing, cache=cache, proxied=through_us, clock=clock)
        gate = Gate(password=Secret(password) if password else None)
        app = make_app(service, gate=gate, uploads=uploads(service) if uploads else None, **more)
        return Made(service=service, app=app)

    return made
