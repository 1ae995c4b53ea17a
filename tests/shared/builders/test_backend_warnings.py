"""What backends warn of is told: once for all files, in a few lines, without their frames."""

import logging
import os
import warnings
from pathlib import Path

import pytest
import tomlkit

from publish_all.builders.backend_hooks import warnings_heard
from publish_all.builders.builder import BuildRequest, BuildSettings
from publish_all.builders.run import build
from publish_all.config.model import Isolation
from publish_all.events import Found

SETUPTOOLS = {"build-system": {"requires": ["setuptools"], "build-backend": "setuptools.build_meta"}}
FRAMED = """\
/lib/x.py:12: SomeWarning: {here}setup.cfg is old
!!

        ********************************************************************************
        Use pyproject.toml.\x1b[0m

        See https://example.com/
        ********************************************************************************

!!
"""


def heard(action, pyproject=SETUPTOOLS):
    found = []
    with warnings.catch_warnings(), warnings_heard(pyproject, found.append):
        warnings.simplefilter("always")
        action()
    return [each.finding.message for each in found]


def test_of_the_module_warnings() -> None:
    with pytest.warns(UserWarning, match="gone"):
        assert heard(lambda: warnings.warn("gone", UserWarning, stacklevel=1)) == ["setuptools: gone"]


def test_of_the_module_logging() -> None:
    def log():
        logger = logging.getLogger("backend")
        logger.info("copying x")
        logger.warning("warning: no files found matching %r", "x")
        logger.warning("warning: no previously-included files matching '*.pyc' found anywhere")

    assert heard(log) == ["setuptools: no files found matching 'x'"]


def test_frames_and_folders_are_cut() -> None:
    text = FRAMED.format(here=f"{Path.cwd()}{os.sep}")
    assert heard(lambda: logging.getLogger("backend").warning(text)) == [
        "setuptools: setup.cfg is old\nUse pyproject.toml. [0m\nSee https://example.com/"
    ]


def test_long_ones_are_cut() -> None:
    (message,) = heard(lambda: logging.getLogger("backend").warning("\n".join(["x" * 500] * 50)))
    assert len(message) < 1200
    assert message.endswith("…")


def test_another_backend_is_called_by_its_module() -> None:
    pyproject = {"build-system": {"requires": ["x"], "build-backend": "pdm.backend"}}
    assert heard(lambda: logging.getLogger("backend").warning("x"), pyproject) == ["pdm: x"]


def findings_of(root: Path, output: Path, *variants):
    found = []
    request = BuildRequest(root=root, output=output, variants=variants)
    settings = BuildSettings(os.environ, isolation=Isolation.NEVER)
    build(request, listener=found.append, settings=settings)
    return {each.finding for each in found if isinstance(each, Found)}


@pytest.mark.parametrize(
    ("backend", "more", "expected"),
    [
        (
            SETUPTOOLS["build-system"],
            {"project": {"license": {"text": "MIT"}}},
            "setuptools: `project.license` as a TOML table is deprecated",
        ),
        (
            {"requires": ["poetry-core"], "build-backend": "poetry.core.masonry.api"},
            {"tool": {"poetry": {"dev-dependencies": {"x": "*"}}}},
            'poetry-core: The "poetry.dev-dependencies" section is deprecated',
        ),
    ],
)
def test_they_are_told_once_for_all_variants(make_tree, make_variant, tmp_path, backend, more, expected):
    root = make_tree({"demo/__init__.py": "", "pyproject.toml": "", "README.md": ""})

    def variant(name):
        project = {"name": name, "version": "1.0", "description": "d", **more.get("project", {})}
        return make_variant(
            {"build-system": backend, "project": project, "tool": more.get("tool", {})},
            name=name,
            project=name,
        )

    one, two = variant("demo"), variant("demo-x")
    (root / "pyproject.toml").write_text(tomlkit.dumps(one.pyproject))
    (finding,) = findings_of(root, tmp_path / "out", one, two)
    assert finding.code == "PA703"
    assert finding.message.startswith(expected)
