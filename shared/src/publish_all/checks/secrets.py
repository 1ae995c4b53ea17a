"""Search files for credentials, notebooks and their outputs included.

Findings say what kind of thing is where, and never show it.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from publish_all._token_shapes import PRIVATE_KEY, TOKEN_SHAPES, TokenShape
from publish_all._toml import table, tables
from publish_all.diagnoses import CREDENTIAL_SHIPPED, LOOKS_LIKE_SECRET
from publish_all.findings import Finding

_CERTIFICATES = (".pem", ".crt", ".cer", ".csr")
_ASSIGNED = re.compile(
    rb"(?i)\b[\w-]*(?:password|passwd|secret|token|api[_-]?key|access[_-]?key)[\"']?\s*[=:]\s*[\"']?"
    rb"([^\s\"',;<>{}$*]{8,})"
)
"""What a person prints to see whether it is set. Looked for only in the outputs of notebooks."""


def secrets_in(where: str, name: str, content: bytes) -> Iterator[Finding]:
    """What looks like a credential in one file of the distribution `where`, each kind once."""
    if name.endswith(".ipynb"):
        with suppress(ValueError, RecursionError):
            cells = table(json.loads(content)).get("cells")
            if isinstance(cells, list):
                yield from _in_notebook(where, name, tables(cells))
                return
    for shape, place in _shapes(content):
        line = content.count(b"\n", 0, place) + 1
        yield _finding(shape, where, f"{name}:{line}")


def _shapes(content: bytes) -> Iterator[tuple[TokenShape, int]]:
    """Each kind of token in the content, with the place of the first that is not an example."""
    kinds: set[str] = set()
    for shape in TOKEN_SHAPES:
        if shape.kind not in kinds and (place := shape.find(content)) is not None:
            kinds.add(shape.kind)
            yield shape, place


def is_example(name: str) -> bool:
    """Whether a file belongs to tests, examples or documentation, where keys and tokens are made up."""
    return any(
        re.fullmatch(r"_?(tests?|testing|t|examples?|samples?|docs?|fixtures)", part)
        for part in name.lower().split("/")
    )


def judged(finding: Finding, name: str, names: Collection[str]) -> Finding:
    """The finding as an error if it is a private key outside of tests and examples, with no certificate beside it.

    `names` are those of all files. A key that is shipped with its certificate is for trying a server out.
    """
    folder = posixpath.dirname(name)
    paired = any(
        posixpath.dirname(each) == folder and each.endswith(_CERTIFICATES) for each in {*names} - {name}
    )
    if not finding.message.endswith(PRIVATE_KEY) or is_example(name) or paired:
        return finding
    return CREDENTIAL_SHIPPED.found(finding.message, where=finding.where)


def _finding(shape: TokenShape, where: str, place: str, hint: str = "") -> Finding:
    diagnosis = CREDENTIAL_SHIPPED if shape.certain else LOOKS_LIKE_SECRET
    return diagnosis.found(f"{place} holds {shape.kind}", where=where, hint=hint)


def _in_notebook(where: str, name: str, cells: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """Those in the sources and outputs of the cells (nbformat 4)."""
    clear = f"Revoke it, run `jupyter nbconvert --clear-output --inplace {name.rpartition('/')[2]}`, and build again."
    for number, cell in enumerate(cells, 1):
        for shape, _ in _shapes(_text(cell.get("source"))):
            yield _finding(shape, where, f"cell {number} of {name}")
        shown = b"\n".join(_outputs(cell))
        place = f"the output of cell {number} of {name}"
        found = [_finding(shape, where, place, clear) for shape, _ in _shapes(shown)]
        yield from found
        if not found and any(
            _is_value(match[1].decode(errors="replace")) for match in _ASSIGNED.finditer(shown)
        ):
            message = f"{place} shows the value of a password, key or token"
            yield LOOKS_LIKE_SECRET.found(message, where=where, hint=clear)


def _is_value(text: str) -> bool:
    """Whether it may be a secret: one has letters and digits, and no word has."""
    mixed = any(each.isdigit() for each in text) and any(each.isalpha() for each in text)
    return mixed and len(set(text)) > len(text) // 3


def _outputs(cell: Mapping[str, Any]) -> Iterator[bytes]:
    """The texts among a cell's outputs: no images."""
    for each in tables(cell.get("outputs")):
        yield _text(each.get("text"))
        yield _text(each.get("traceback"))
        for kind, value in table(each, "data").items():
            if not kind.startswith("image/"):
                yield _text(value)


def _text(value: Any) -> bytes:
    """A multi-line string, which notebooks write as a string or as a list of lines."""
    if isinstance(value, list):
        return "".join(each for each in value if isinstance(each, str)).encode(errors="replace")
    return value.encode(errors="replace") if isinstance(value, str) else b""
