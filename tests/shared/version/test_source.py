"""Which source says the version, where it is not git."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from publish_all.config.parse import parse_project
from publish_all.errors import ConfigurationError, VersionError
from publish_all.version.version_source import NoProjectVersion, Origin, ResolvedVersion, resolve_version

DYNAMIC = {"name": "demo", "dynamic": ["version"]}
ASKS_US = {"build-backend": "publish_all.backends.poetry_core", "requires": ["publish-all"]}


def resolve(root: Path, pyproject: dict[str, Any], **more: Any) -> ResolvedVersion:
    return resolve_version(parse_project(pyproject, root=root), **({"environment": {}} | more))


def never() -> str:
    raise AssertionError("the build backend was asked")


@pytest.mark.parametrize(
    ("pyproject", "key"),
    [
        ({"project": {"name": "demo", "version": "1.0-RC1"}}, "project.version"),
        ({"tool": {"poetry": {"name": "demo", "version": "1.0-RC1"}}}, "tool.poetry.version"),
        ({"project": DYNAMIC, "tool": {"poetry": {"version": "1.0-RC1"}}}, "tool.poetry.version"),
        (
            {"project": {"name": "x", "version": "1.0rc1"}, "tool": {"poetry": {"version": "9"}}},
            "project.version",
        ),
    ],
)
def test_the_static_version_without_asking_anybody(
    pyproject: dict[str, Any], key: str, tmp_path: Path
) -> None:
    found = resolve(tmp_path, pyproject, ask_backend=never)
    assert (found.text, found.origin, found.source) == ("1.0rc1", Origin.PROJECT, "project")
    assert found.explanation == (f"file: pyproject.toml, {key}",)
    assert not found.tagged


POETRY = {"name": "demo", "version": "0.0.0"}
DYNAMIC_POETRY = {"build-backend": "poetry_dynamic_versioning.backend", "requires": []}


@pytest.mark.parametrize(
    "pyproject",
    [
        {"tool": {"poetry": POETRY, "poetry-dynamic-versioning": {"enable": True}}},
        {"project": DYNAMIC, "tool": {"poetry": POETRY}},
        {"tool": {"poetry": {"name": "demo", "version": "3.1"}}},
    ],
)
def test_a_backend_around_poetry_core_is_asked(pyproject: dict[str, Any], tmp_path: Path) -> None:
    found = resolve(tmp_path, {**pyproject, "build-system": DYNAMIC_POETRY}, ask_backend=lambda: "1.5.0")
    assert (found.text, found.origin) == ("1.5.0", Origin.BACKEND)


@pytest.mark.parametrize(
    "backend", ["poetry.core.masonry.api", "poetry.masonry.api", "publish_all.backends.poetry_core"]
)
def test_a_version_of_poetry_is_static_with_poetry_core(backend: str, tmp_path: Path) -> None:
    pyproject = {
        "tool": {"poetry": POETRY, "ruff": {"line-length": 100}},
        "build-system": {"build-backend": backend, "requires": []},
    }
    assert resolve(tmp_path, pyproject, ask_backend=never).text == "0.0.0"


@pytest.mark.parametrize(
    ("version", "key", "table", "hint"),
    [
        ("0.0.0", "poetry", {"poetry-dynamic-versioning": {"enable": True}}, "remove the table"),
        ("9.9", "poetry", {"poetry-dynamic-versioning": {"enable": True}}, "remove the table"),
        ("0.0.0", "poetry", {"poetry-version-plugin": {"source": "git-tag"}}, "remove the table"),
        ("0.0", "project", {"some_versioning": {}}, "remove the table"),
    ],
)  # fmt: skip
def test_a_placeholder_that_the_backend_would_build_is_refused(
    version: str, key: str, table: dict[str, Any], hint: str, tmp_path: Path
) -> None:
    stated = {"name": "demo", "version": version}
    pyproject = {"tool": table, "build-system": {"build-backend": "poetry.core.masonry.api", "requires": []}}
    if key == "poetry":
        pyproject["tool"] = {**table, "poetry": stated}
    else:
        pyproject["project"] = stated
    with pytest.raises(
        VersionError, match=rf"{key}\.version is {version}, a placeholder: \[tool\."
    ) as caught:
        resolve(tmp_path, pyproject, ask_backend=never)
    assert hint in str(caught.value.hint)


def test_a_plugin_that_is_switched_off_makes_no_version(tmp_path: Path) -> None:
    pyproject = {
        "tool": {"poetry": {"name": "demo", "version": "1.0"}, "poetry-dynamic-versioning": {"enable": False}}
    }
    assert resolve(tmp_path, pyproject, ask_backend=never).text == "1.0"


def test_a_static_version_that_is_none_names_its_key(tmp_path: Path) -> None:
    with pytest.raises(VersionError, match=r"pyproject\.toml: project\.version: 'one' is not a PEP 440"):
        resolve(tmp_path, {"project": {"name": "demo", "version": "one"}})


def test_the_build_backend_is_asked(tmp_path: Path) -> None:
    pyproject = {"project": DYNAMIC, "build-system": {"build-backend": "hatchling.build"}}
    found = resolve(tmp_path, pyproject, ask_backend=lambda: "1.0+local")
    assert (found.text, found.origin) == ("1.0+local", Origin.BACKEND)
    assert found.explanation == ("build backend: hatchling.build",)


def test_a_project_of_setuptools_alone_is_asked(tmp_path: Path) -> None:
    (tmp_path / "setup.py").touch()
    assert resolve(tmp_path, {}, ask_backend=lambda: "1.0").text == "1.0"
    runtime = {"build-system": {"build-backend": "pbr.build", "requires": ["pbr"]}}
    assert resolve(tmp_path, runtime, ask_backend=lambda: "2.0").text == "2.0"
    (tmp_path / "setup.py").unlink()
    (tmp_path / "setup.cfg").write_text("[metadata]\nname = demo\n")
    assert resolve(tmp_path, runtime, ask_backend=lambda: "2.0").text == "2.0"
    (tmp_path / "setup.cfg").write_text("[flake8]\n")
    with pytest.raises(NoProjectVersion):
        resolve(tmp_path, runtime, ask_backend=never)


def test_an_answer_of_the_build_backend_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(VersionError, match=r"build backend setuptools\.build_meta.*: 'x' is not a PEP 440"):
        resolve(tmp_path, {"project": DYNAMIC}, ask_backend=lambda: "x")


def test_nobody_to_ask(tmp_path: Path) -> None:
    with pytest.raises(VersionError, match="only the build backend"):
        resolve(tmp_path, {"project": DYNAMIC})


@pytest.mark.parametrize(
    "pyproject",
    [
        {"project": DYNAMIC, "build-system": ASKS_US},
        {"project": DYNAMIC, "tool": {"hatch": {"version": {"source": "publish-all"}}}},
    ],
)
def test_a_build_that_asks_us_is_a_circle(pyproject: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(VersionError, match="is configured to take it from the build") as caught:
        resolve(tmp_path, pyproject, ask_backend=never)
    assert str(caught.value.hint) == 'Set tool.publish-all.version.source to "git" or "attribute".'


@pytest.mark.parametrize(
    "pyproject", [{}, {"project": {"name": "x"}}, {"build-system": {"build-backend": "a"}}]
)
def test_a_project_without_a_version_of_its_own(pyproject: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(NoProjectVersion):
        resolve(tmp_path, pyproject, ask_backend=never)


def test_an_override_comes_before_everything(tmp_path: Path) -> None:
    pyproject = {"project": {"name": "My.Own_demo", "version": "1.0"}}
    environment = {"PUBLISH_ALL_VERSION_FOR_MY_OWN_DEMO": "2.0", "PUBLISH_ALL_VERSION": "3.0"}
    found = resolve(tmp_path, pyproject, environment=environment)
    assert (found.text, found.origin) == ("2.0", Origin.OVERRIDE)
    assert found.explanation == ("environment variable: PUBLISH_ALL_VERSION_FOR_MY_OWN_DEMO",)


def attribute(root: Path, text: str | None, path: str | None = "demo.py") -> ResolvedVersion:
    if text is not None:
        (root / "demo.py").write_text(text)
    table = {"source": "attribute"} | ({"path": path} if path else {})
    return resolve(root, {"project": DYNAMIC, "tool": {"publish-all": {"version": table}}})


def test_the_attribute(tmp_path: Path) -> None:
    found = attribute(tmp_path, '\n__version__ = "1.0"')
    assert (found.text, found.origin, found.explanation) == ("1.0", Origin.ATTRIBUTE, ("file: demo.py:2",))


def test_the_attribute_needs_a_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"source: is \"attribute\", which needs a path"):
        attribute(tmp_path, None, path=None)


def test_the_attribute_of_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(VersionError, match=r"demo\.py: can't be read"):
        attribute(tmp_path, None)


def test_the_attribute_that_asks_for_itself(tmp_path: Path) -> None:
    text = 'from importlib.metadata import version\n__version__ = version("demo")'
    with pytest.raises(VersionError, match=r"demo\.py:2: circular"):
        attribute(tmp_path, text)


def test_git_explains_itself(tmp_path: Path, git_states: Any) -> None:
    root = git_states.make(tmp_path, head="c5", tags={"v1.2.3": "c4", "v1.2.3rc1": "c4"})
    table = {"publish-all": {"version": {"source": "git"}}}
    found = resolve(root, {"project": DYNAMIC, "tool": table}, environment=git_states.environment)
    assert found.explanation == (
        "tag: v1.2.3 (also there: v1.2.3rc1)",
        "distance: 1 commit",
        "commit: 8519bc20c",
        "uncommitted changes: no",
    )
    assert (found.tag, found.distance, found.tagged) == ("v1.2.3", 1, False)


def test_the_default_of_setuptools_is_not_taken_for_a_version(tmp_path):
    (tmp_path / "setup.py").write_text("import setuptools\nsetuptools.setup(pbr=True)\n")
    config = parse_project({}, root=tmp_path)
    with pytest.raises(VersionError, match=r"found no version, and would build 0\.0\.0"):
        resolve_version(config, environment={}, ask_backend=lambda: "0.0.0")
    (tmp_path / "setup.py").write_text("import setuptools\nsetuptools.setup(version='0.0.0')\n")
    assert resolve_version(config, environment={}, ask_backend=lambda: "0.0.0").text == "0.0.0"
