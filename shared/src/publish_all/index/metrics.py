"""What the server counts, as Prometheus reads it. No label holds a project, a user or an address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client import Counter as Total

CONTENT_TYPE = CONTENT_TYPE_LATEST

disable_created_metrics()  # type: ignore[no-untyped-call]  # has no annotations, though the library is typed

_REQUESTS = Total(
    "publish_all_requests", "Requests, by kind and status (0: the client went away).", ["kind", "status"]
)
_SECONDS = Histogram(
    "publish_all_request_seconds",
    "Seconds from the head of a request to the end of its answer.",
    ["kind"],
    buckets=(0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 30, 120),
)
_SENT = Total("publish_all_sent_bytes", "Bytes of answers.", ["kind"])
_RECEIVED = Total("publish_all_received_bytes", "Bytes of requests: uploads.", ["kind"])


def observe(fields: Mapping[str, Any]) -> None:
    """Count a request, from the fields of `middleware.Watch`."""
    kind = fields["kind"] or "other"
    _REQUESTS.labels(kind, fields["status"] or 0).inc()
    _SECONDS.labels(kind).observe(fields["ms"] / 1000)
    _SENT.labels(kind).inc(fields["bytes"])
    _RECEIVED.labels(kind).inc(fields["received"])


def exposition(counts: Mapping[str, int]) -> bytes:
    """All that was counted, with the `counts` of the service, in the text format."""
    own = CollectorRegistry()
    cache = Total(
        "publish_all_cache",
        "Pages and files that the cache had, or had not.",
        ["kind", "result"],
        registry=own,
    )
    for name in ("page hit", "page miss", "file hit", "file miss"):
        cache.labels(*name.split()).inc(counts.get(name, 0))
    errors = Total(
        "publish_all_upstream_errors",
        "Answers that a repository or fallback index failed.",
        registry=own,
    )
    errors.inc(counts.get("upstream error", 0))
    return generate_latest(REGISTRY) + generate_latest(own)
