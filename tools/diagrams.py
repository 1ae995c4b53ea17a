"""Draw docs/assets/*.svg. The diagram of the layers is made from the import-linter contract in pyproject.toml.

    python tools/diagrams.py

Boxes are filled, with dark text, and lines are of a middle grey, so that one file is readable on a light and
on a dark page.
"""
# ruff: noqa: INP001, T201, ISC004 - a script, which talks on stdout; long lines of SVG

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "assets"
BLUE, GREEN, YELLOW, PLAIN = "#cfe3ff", "#c9eed3", "#ffe7ad", "#e6e8ec"
LINE = "#7d8794"
WIDTH = 440


@dataclass
class Drawing:
    """An SVG of the width `WIDTH`, with a title and description for those who do not see it."""

    title: str
    description: str
    height: int
    parts: list[str] = field(default_factory=list)

    def box(self, x: int, y: int, width: int, height: int, fill: str, *lines: str) -> None:
        self.parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="7" fill="{fill}" stroke="{LINE}"/>'
        )
        first = y + height / 2 - 9 * (len(lines) - 1) + 5
        for place, line in enumerate(lines):
            style = ' class="bold"' if place == 0 and len(lines) > 1 else ""
            self.parts.append(
                f'<text x="{x + width / 2:g}" y="{first + 18 * place:g}"{style}>{escape(line)}</text>'
            )

    def arrow(self, *points: tuple[int, int]) -> None:
        path = " ".join(f"{x},{y}" for x, y in points)
        self.parts.append(
            f'<polyline points="{path}" fill="none" stroke="{LINE}" stroke-width="2" marker-end="url(#tip)"/>'
        )

    def svg(self) -> str:
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height}" width="{WIDTH}" '
                f'height="{self.height}" role="img" aria-labelledby="title description">',
                f'<title id="title">{escape(self.title)}</title>',
                f'<desc id="description">{escape(self.description)}</desc>',
                "<style>text { font: 14px system-ui, sans-serif; fill: #16202c; text-anchor: middle } "
                ".bold { font-weight: 600 }</style>",
                f'<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
                f'orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="{LINE}"/></marker></defs>',
                *self.parts,
                "</svg>",
                "",
            ]
        )


def release() -> str:
    drawing = Drawing(
        title="A release, step by step",
        description="Version, build variants and build give files and a manifest. Checks, the commands before "
        "publishing and the preflight of all repositories come next; only when all have passed are files "
        "uploaded, to one repository after the other, then verified in its index, and reported. The journal is "
        "written at each upload, and a run that is repeated goes on from it.",
        height=470,
    )
    columns, width = (10, 155, 300), 130
    rows: tuple[tuple[int, str, tuple[tuple[str, str], ...]], ...] = (
        (10, BLUE, (("version", "one, everywhere"), ("variants", "resolved"), ("build", "in a worker"))),
        (
            110,
            YELLOW,
            (("check", "offline"), ("before-publish", "your tests"), ("preflight", "all repositories")),
        ),
        (
            300,
            GREEN,
            (("upload", "parallel, retried"), ("verify", "by the index"), ("report", "exit code")),
        ),
    )
    for y, fill, steps in rows:
        for x, step in zip(columns, steps, strict=True):
            drawing.box(x, y, width, 60, fill, *step)
        for x in columns[:2]:
            drawing.arrow((x + width, y + 30), (x + width + 14, y + 30))
    drawing.arrow((365, 70), (365, 90), (75, 90), (75, 108))
    drawing.box(10, 200, 420, 40, PLAIN, "nothing is uploaded before this point")
    drawing.arrow((365, 170), (365, 198))
    drawing.arrow((75, 240), (75, 298))
    drawing.box(155, 255, 275, 32, PLAIN, "one repository after the other")
    drawing.box(10, 400, 275, 60, PLAIN, "journal", "the next run resumes here")
    drawing.arrow((75, 360), (75, 398))
    return drawing.svg()


def layers() -> str:
    contract = _layers_of(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8")))
    rows = [[each.strip().removeprefix("publish_all.") for each in row.split("|")] for row in contract]
    drawing = Drawing(
        title="The layers of publish-all",
        description="From top to bottom, a row imports only rows below it: "
        + "; ".join(", ".join(row) for row in rows)
        + ".",
        height=50 * len(rows) + 12,
    )
    fills = (BLUE, GREEN, YELLOW, PLAIN)
    for number, row in enumerate(rows):
        y, room = 10 + 50 * number, 420 - 8 * (len(row) - 1)
        share = room // len(row)
        for place, name in enumerate(row):
            drawing.box(10 + place * (share + 8), y, share, 34, fills[min(number * 4 // len(rows), 3)], name)
        if number + 1 < len(rows):
            drawing.arrow((220, y + 34), (220, y + 48))
    return drawing.svg()


def _layers_of(pyproject: Mapping[str, Any]) -> Iterable[str]:
    contracts = pyproject["tool"]["importlinter"]["contracts"]
    return next(each["layers"] for each in contracts if each["type"] == "layers")


def oci() -> str:
    drawing = Drawing(
        title="A release in an OCI registry",
        description="The tag 0.2.0 of the repository kindling_synapse names an image index. The index lists a "
        "manifest for each file. A manifest has the file as its only layer, and the file's METADATA as its "
        "config.",
        height=350,
    )
    drawing.box(95, 10, 250, 50, BLUE, "tag", "kindling_synapse:0.2.0")
    drawing.arrow((220, 60), (220, 88))
    drawing.box(95, 90, 250, 50, BLUE, "image index", "the files of the release")
    for x, name in ((10, "…-py3-none-any.whl"), (230, "….tar.gz")):
        drawing.arrow((x + 100, 140), (x + 100, 178))
        drawing.box(x, 180, 200, 50, YELLOW, "manifest", name)
        drawing.arrow((x + 50, 230), (x + 50, 278))
        drawing.arrow((x + 150, 230), (x + 150, 278))
        drawing.box(x, 280, 96, 60, GREEN, "layer", "the file")
        drawing.box(x + 104, 280, 96, 60, GREEN, "config", "METADATA")
    return drawing.svg()


DIAGRAMS: Mapping[str, Callable[[], str]] = {"release": release, "layers": layers, "oci": oci}


def main() -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, draw in DIAGRAMS.items():
        (FOLDER / f"{name}.svg").write_text(draw(), encoding="utf-8", newline="\n")
        print(f"drew docs/assets/{name}.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
