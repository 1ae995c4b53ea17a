"""Inputs for the fuzz targets, and the bound on time that all of them share.

Three kinds find different faults: bytes near a valid document, a valid JSON document in which one value is replaced by
another, and a short text that is repeated up to the size which all readers must take within a second.
"""

from __future__ import annotations

import copy
import json
import os
import re
import signal
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, NoReturn

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

SIZE = 64 * 1024
"""The length of long inputs, in bytes."""
SECONDS = 1.0
"""How much processor time a reader may take for one of them."""
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "3000"))

fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # To make a slow example smaller takes minutes, and all of them are made of a few short pieces.
    phases=[Phase.reuse, Phase.generate],
)
"""The settings of every target: as many examples as `FUZZ_EXAMPLES` states."""

_EDGES = (
    -1,
    10**19,
    10**400,
    int("9" * 4000),
    float("nan"),
    float("inf"),
    1e308,
    "",
    "\0",
    "\ud800",
    "²",
    "٣",
    "9" * 5000,
    "../../x",
    "http://[",
    "//[::1",
    "sha256:" + "a" * 64,
    "a" * 64,
    "1.0",
    "x" * 70_000,
    None,
    True,
    [],
    {},
    [[]],
    {"": {}},
)
_LONG_TEXTS = [each for each in _EDGES if isinstance(each, str)]
# By their numbers, as the values themselves would make reports of many pages. Copies, since they are altered.
_TEXTS = st.text(max_size=20) | st.integers(0, len(_LONG_TEXTS) - 1).map(_LONG_TEXTS.__getitem__)
JSON_VALUES = st.recursive(
    st.integers(0, len(_EDGES) - 1).map(lambda number: copy.deepcopy(_EDGES[number]))
    | _TEXTS
    | st.integers()
    | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=8,
)
_DEEP = (
    "[" * 30_000,
    "[" * 30_000 + "]" * 30_000,
    '{"a":' * 10_000 + "1" + "}" * 10_000,
    "-" + "1" * 6000,
    "1e999",
)


class Content(bytes):
    """Bytes whose `repr` shows a part that is repeated only once."""

    def __repr__(self) -> str:
        parts = (
            f"{each[1]!r} * {len(each[0]) // len(each[1])}" if each[1] else repr(each[2])
            for each in _RUNS.finditer(self)
        )
        return " + ".join(parts) or "b''"


# 20 times the same one to 40 bytes; else up to where such a run begins.
_RUNS = re.compile(rb"(?s)(?:(?=(.{1,40}?)\1{19})(?:\1)+|((?:(?!(.{1,40}?)\3{19}).)+))")


def in_time(read: Callable[[], object]) -> None:
    """Read, and fail if that took longer than it may, three times: machines are busy.

    Only our own processor time counts. What would take for ever is broken off.
    """
    signal.signal(signal.SIGPROF, _give_up)
    for _ in range(3):
        signal.setitimer(signal.ITIMER_PROF, 4 * SECONDS)
        began = time.process_time()
        try:
            read()
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        took = time.process_time() - began
        if took < SECONDS:
            return
    raise AssertionError(f"{took:.1f} s")


def _give_up(number: int, frame: FrameType | None) -> NoReturn:
    raise AssertionError(f"more than {4 * SECONDS} s")


@st.composite
def altered_json(draw: st.DrawFn, *documents: Any) -> bytes:
    """One of these documents in JSON, with up to three values replaced, added or taken out."""
    document = copy.deepcopy(draw(st.sampled_from(documents)))
    for _ in range(draw(st.integers(0, 3))):
        document = _altered(draw, document)
    text = json.dumps(document)
    if draw(st.integers(0, 20)) == 0:
        # What no encoder writes: nested too deep, numbers without end.
        start = draw(st.integers(0, len(text)))
        text = text[:start] + _DEEP[draw(st.integers(0, len(_DEEP) - 1))] + text[start:]
    if draw(st.integers(0, 20)) == 0:
        return draw(near(text.encode()))
    return Content(text.encode())


def _altered(draw: st.DrawFn, value: Any) -> Any:
    keys: Sequence[Any] = ()
    if isinstance(value, dict):
        keys = list(value)
    elif isinstance(value, list):
        keys = range(len(value))
    if not keys or draw(st.integers(0, 4)) == 0:
        return draw(JSON_VALUES)
    key = draw(st.sampled_from(keys))
    match draw(st.integers(0, 9)):
        case 0:
            del value[key]
        case 1 if isinstance(value, dict):
            value[draw(_TEXTS)] = draw(JSON_VALUES)
        case 2 if isinstance(value, list):
            value *= draw(st.sampled_from([2, 100]))
        case _:
            value[key] = _altered(draw, value[key])
    return value


@st.composite
def near(draw: st.DrawFn, *documents: bytes) -> bytes:
    """One of these documents with up to four parts replaced by other bytes, or by parts of its own."""
    content = draw(st.sampled_from(documents))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 30)))
        own = content[draw(st.integers(0, len(content))) :][: draw(st.integers(0, 30))]
        other = draw(st.binary(max_size=8) | st.text(max_size=8).map(_encoded) | st.just(own))
        content = content[:start] + other * draw(st.sampled_from([1, 1, 1, 2, 50])) + content[end:]
    return Content(content[:SIZE])


@st.composite
def long(draw: st.DrawFn, *pieces: bytes) -> bytes:
    """Some of these pieces, repeated up to `SIZE`, between other pieces: what makes a reader slow, if anything does."""
    piece = st.sampled_from(pieces) | st.text(max_size=3).map(_encoded)
    unit = b"".join(draw(st.lists(piece, min_size=1, max_size=4)))
    head, tail = (b"".join(draw(st.lists(piece, max_size=3))) for _ in range(2))
    return Content(head + unit * (SIZE // max(len(unit), 1)) + tail)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", errors="surrogatepass")
