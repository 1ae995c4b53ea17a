"""States of repositories, and the version of each: written down by hand, never computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from publish_all.config.parse import parse_project
from publish_all.errors import VersionError
from publish_all.version.version_source import resolve_version

NOW = 1767398400.0  # 2026-01-03T00:00:00Z


@dataclass(frozen=True)
class State:
    """A repository and what its version is: `version`, or a part of the error."""

    name: str
    version: str | None = None
    error: str | None = None
    head: str | None = "c5"
    tags: Mapping[str, str] = field(default_factory=dict)
    annotated: tuple[str, ...] = ()
    branches: Mapping[str, str] = field(default_factory=dict)
    branch: str = "main"
    shallow: tuple[str, ...] = ()
    config: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    touch: Callable[[Path], object] | None = None
    folder: str = "."


def changed(root: Path) -> None:
    (root / "at").write_text("changed")


def deleted(root: Path) -> None:
    (root / "at").unlink()


def untracked(root: Path) -> None:
    (root / "new").write_text("new")


def ignored_folder(root: Path) -> None:
    (root / "ignored").mkdir()


def unpacked_sdist(name: str, version: str) -> Callable[[Path], None]:
    def touch(root: Path) -> None:
        (root / "ignored").mkdir()
        (root / "ignored/PKG-INFO").write_text(
            f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n\nx"
        )

    return touch


def post(**more: Any) -> dict[str, Any]:
    return {"scheme": "post", **more}


NODE = {"local": "node"}
DATE = {"local": "node-and-date"}
V = {"v1.2.3": "c3"}
HERE = {"v1.2.3": "c5"}

DISTANCES = [
    State("tagged", "1.2.3", tags=HERE),
    State("tagged, annotated", "1.2.3", tags=HERE, annotated=("v1.2.3",)),
    State("one commit after", "1.2.4.dev1", tags={"v1.2.3": "c4"}),
    State("two commits after", "1.2.4.dev2", tags=V),
    State("two commits after, annotated", "1.2.4.dev2", tags=V, annotated=("v1.2.3",)),
    State("the root is tagged", "1.2.4.dev4", tags={"v1.2.3": "c1"}),
    State("eleven commits after", "1.2.4.dev11", head="c12", tags={"v1.2.3": "c1"}),
    State("the nearest of two", "1.1.1.dev1", tags={"v1.0.0": "c2", "v1.1.0": "c4"}),
    State("the nearest, although lower", "1.5.1.dev1", tags={"v2.0.0": "c2", "v1.5.0": "c4"}),
    State("a tag ahead does not count", "1.1.dev2", tags={"v9.0": "c8", "v1.0": "c3"}),
    State("a tag on a side branch does not count", "1.1.dev4", head="c8", tags={"v9.0": "s2", "v1.0": "c4"}),
    State("post scheme, tagged", "1.2.3", tags=HERE, settings=post()),
    State("post scheme, two commits after", "1.2.3.post2.dev0", tags=V, settings=post()),
]
TOGETHER = [
    State("candidate and final", "1.2.3", tags={"v1.2.3rc1": "c5", "v1.2.3": "c5"}),
    State("annotated candidate", "1.2.3", tags={"v1.2.3rc1": "c5", "v1.2.3": "c5"}, annotated=("v1.2.3rc1",)),
    State("annotated final", "1.2.3", tags={"v1.2.3rc1": "c5", "v1.2.3": "c5"}, annotated=("v1.2.3",)),
    State(
        "both annotated", "1.2.3", tags={"v1.2.3rc1": "c5", "v1.2.3": "c5"}, annotated=("v1.2.3rc1", "v1.2.3")
    ),
    State("9 and 10", "1.10.0", tags={"v1.9.0": "c5", "v1.10.0": "c5"}),
    State("candidate and final, before", "1.2.4.dev1", tags={"v1.2.3rc1": "c4", "v1.2.3": "c4"}),
    State("final and post", "1.0.post1", tags={"v1.0": "c5", "v1.0.post1": "c5"}),
    State("one is no version", "1.0", tags={"v1.0": "c5", "v1.0-really-final": "c5"}),
    State("a moving major tag", "1.4.2", tags={"v1": "c5", "v1.4.2": "c5"}),
    State("with and without v", "1.1.dev1", tags={"v1.0": "c4", "0.9": "c4"}),
]
BUMPS = [
    State("rc", "2.0.0rc2.dev2", tags={"v2.0.0rc1": "c3"}),
    State("a", "2.0a2.dev2", tags={"v2.0a1": "c3"}),
    State("rc, post scheme", "2.0.0rc1.post2.dev0", tags={"v2.0.0rc1": "c3"}, settings=post()),
    State("b, post scheme", "2.0.0b3.post2.dev0", tags={"v2.0.0b3": "c3"}, settings=post()),
    State("post", "1.0.post2.dev2", tags={"v1.0.post1": "c3"}),
    State("post, post scheme", "1.0.post3.dev0", tags={"v1.0.post1": "c3"}, settings=post()),
    State("post of an rc", "1.0rc1.post2.dev2", tags={"v1.0rc1.post1": "c3"}),
    State("dev", "1.0.dev5", tags={"v1.0.dev3": "c3"}),
    State("dev, tagged", "1.0.dev3", tags={"v1.0.dev3": "c5"}),
    State("dev, post scheme", "1.0.dev5", tags={"v1.0.dev3": "c3"}, settings=post()),
    State("dev of an rc", "1.0rc1.dev3", tags={"v1.0rc1.dev1": "c3"}),
    State("epoch", "1!2.1.dev2", tags={"v1!2.0": "c3"}),
    State("epoch, tagged", "1!2.0", tags={"v1!2.0": "c5"}),
    State("epoch, post scheme", "1!2.0.post2.dev0", tags={"v1!2.0": "c3"}, settings=post()),
    State("one number", "8.dev2", tags={"v7": "c3"}),
    State("two numbers", "1.3.dev2", tags={"v1.2": "c3"}),
    State("four numbers", "1.2.3.5.dev2", tags={"v1.2.3.4": "c3"}),
    State("nine is followed by ten", "1.10.dev2", tags={"v1.9": "c3"}),
    State("local, tagged", "1.0+build.5", tags={"v1.0+build.5": "c5"}),
    State("local", "1.1.dev2", tags={"v1.0+build.5": "c3"}),
]
SPELLINGS = [
    State("padded", "2026.1.5", tags={"v2026.01.05": "c5"}),
    State("padded, after", "2026.1.6.dev2", tags={"2026.01.05": "c3"}),
    State("dashed rc", "1.2.3rc1", tags={"v1.2.3-rc.1": "c5"}),
    State("dashed rc, after", "1.2.3rc2.dev2", tags={"v1.2.3-rc.1": "c3"}),
    State("dashed post", "1.2.3.post1", tags={"v1.2.3-1": "c5"}),
    State("dashed post, after", "1.2.3.post2.dev2", tags={"v1.2.3-1": "c3"}),
    State("underscore", "1.2.3b2", tags={"v1.2.3_beta2": "c5"}),
    State("alpha without a number", "1.2.3a0", tags={"v1.2.3-alpha": "c5"}),
    State("alpha without a number, after", "1.2.3a1.dev2", tags={"v1.2.3alpha": "c3"}),
    State("capitals", "1.0rc1", tags={"v1.0RC1": "c5"}),
]
PREFIXES = [
    State("v is optional", "1.2.3", tags={"1.2.3": "c5"}),
    State("v without being asked for", "1.2.3", tags=HERE, settings={"tag-prefix": ""}),
    State("two v", error="no tag", tags={"vv1.0": "c5"}),
    State("a word with v", "1.1.dev2", tags={"version-2.0": "c5", "v1.0": "c3"}),
    State(
        "prefix",
        "1.2.3",
        tags={"core-1.2.3": "c5", "js-9.0": "c5", "v7.0": "c5"},
        settings={"tag-prefix": "core-"},
    ),
    State(
        "short of two",
        "1.1.dev2",
        tags={"arrow-1.0": "c3", "arrow-js-2.0": "c5"},
        settings={"tag-prefix": "arrow-"},
    ),
    State(
        "long of two",
        "2.0",
        tags={"arrow-1.0": "c3", "arrow-js-2.0": "c5"},
        settings={"tag-prefix": "arrow-js-"},
    ),
    State("prefix with v", "1.2.4.dev2", tags={"core-v1.2.3": "c3"}, settings={"tag-prefix": "core-v"}),
    State(
        "v is not optional",
        error="no tag like core-1.2.3",
        tags={"core-v1.2.3": "c3"},
        settings={"tag-prefix": "core-"},
    ),
    State(
        "a dot is a dot",
        "0.10.dev2",
        tags={"relx1.0": "c5", "rel.0.9": "c3"},
        settings={"tag-prefix": "rel."},
    ),
    State(
        "a plus is a plus", "1.0", tags={"a+b-1.0": "c5", "aab-2.0": "c5"}, settings={"tag-prefix": "a+b-"}
    ),
    State("parentheses", "1.0", tags={"(a|b)1.0": "c5", "a2.0": "c5"}, settings={"tag-prefix": "(a|b)"}),
    State("slash", "1.1.dev2", tags={"core/v1.0": "c3", "v2.0": "c5"}, settings={"tag-prefix": "core/v"}),
    State("prefix with digits", "3.1", tags={"py3-3.1": "c5"}, settings={"tag-prefix": "py3-"}),
    State(
        "no tag of the prefix", error="no tag like core-1.2.3", tags=HERE, settings={"tag-prefix": "core-"}
    ),
]
NO_VERSIONS = [
    State("the tag of HEAD is none", "1.1.1.dev2", tags={"v1.2.x": "c5", "v1.1.0": "c3"}),
    State(
        "nightlies on every commit",
        "0.9.1.dev4",
        tags={"v0.9.0": "c1", **{f"2026-01-0{n}-nightly": f"c{n}" for n in range(2, 6)}},
    ),
    State(
        "more shapes that are none than are",
        "0.9.1.dev4",
        tags={"0.9.0": "c1", "1-x": "c2", "1-yy": "c3", "1-zzz": "c4", "12-wwww": "c5"},
    ),
    State("none and a version in one", "1.2.4.dev2", tags={"v1.2.3": "c3", "v1.2.3-5-gabc1234": "c5"}),
    State("no version at all", error="no tag", tags={"v1.2.x": "c5", "latest": "c4"}),
    State("glob characters", "1.1.dev2", tags={"1.0{a}": "c5", "v1.0": "c3"}),
]
MERGES = [
    State("tag at the fork", "1.1.dev7", head="m1", tags={"v1.0": "c4"}),
    State("tag on the merged branch", "1.2.dev5", head="m1", tags={"v1.0": "c4", "v1.1": "s2"}),
    State("tags on both", "2.1.dev3", head="m1", tags={"v2.0": "c8", "v1.1": "s2"}),
    State("tag on another root", "0.6.dev4", head="x1", tags={"v0.5": "r1"}),
    State("dates run backwards", "1.1.dev3", head="k4", tags={"v1.0": "k1"}),
    State("dates run backwards, two tags", "1.2.dev1", head="k4", tags={"v1.0": "k1", "v1.1": "k3"}),
    State("dated in the future", "1.1.dev1", head="f1", tags={"v1.0": "c5"}),
]
NAMES = [
    State("a branch like a version", "1.0.0", tags={"v1.0.0": "c5"}, branches={"v2.0.0": "c5"}),
    State("a branch named as the tag", "1.2.4.dev2", tags=V, branches={"v1.2.3": "c5"}),
    State("on a branch named as the tag", "1.2.4.dev2", tags=V, branch="v1.2.3"),
    State("on a branch with a slash", "1.2.4.dev2", tags=V, branch="release/9.0"),
]
DIRTY = [
    State("changed", "1.2.4.dev2", tags=V, touch=changed),
    State("changed where tagged", "1.2.4.dev0", tags=HERE, touch=changed),
    State("changed where tagged, post scheme", "1.2.3.post0.dev0", tags=HERE, touch=changed, settings=post()),
    State("changed where tagged as rc", "1.0rc2.dev0", tags={"v1.0rc1": "c5"}, touch=changed),
    State("deleted", "1.2.4.dev0", tags=HERE, touch=deleted),
    State("untracked", "1.2.3", tags=HERE, touch=untracked),
    State("refused", error="uncommitted changes", tags=HERE, touch=changed, settings={"dirty": "error"}),
    State(
        "refused, no tag",
        error="uncommitted changes",
        touch=changed,
        settings={"dirty": "error", "fallback": "1"},
    ),
    State("nothing to refuse", "1.2.3", tags=HERE, settings={"dirty": "error"}),
    State(
        "mode only, ignored",
        "1.2.3",
        tags=HERE,
        config="\tfileMode = false\n",
        touch=lambda r: (r / "at").chmod(0o755),
    ),
]
LOCAL = [
    State("tagged", "1.2.3", tags=HERE, settings=NODE),
    State("after", "1.2.4.dev2+g8519bc20c", tags=V, settings=NODE),
    State("after, post scheme", "1.2.3.post2.dev0+g8519bc20c", tags=V, settings=post(**NODE)),
    State("changed where tagged", "1.2.4.dev0+g8519bc20c", tags=HERE, settings=NODE, touch=changed),
    State("abbreviated by git", "1.2.4.dev2+g8519bc20c", tags=V, settings=NODE, config="\tabbrev = 4\n"),
    State("not abbreviated by git", "1.2.4.dev2+g8519bc20c", tags=V, settings=NODE, config="\tabbrev = 40\n"),
    State("date, nothing changed", "1.2.4.dev2+g8519bc20c", tags=V, settings=DATE),
    State("date", "1.2.4.dev2+g8519bc20c.d20260103", tags=V, settings=DATE, touch=changed),
    State(
        "date of the epoch",
        "1.2.4.dev2+g8519bc20c.d20201231",
        tags=V,
        settings=DATE,
        touch=changed,
        environment={"SOURCE_DATE_EPOCH": "1609459199"},
    ),
    State(
        "an epoch that is no date",
        error="SOURCE_DATE_EPOCH is '99999999999999999999'",
        tags=V,
        settings=DATE,
        touch=changed,
        environment={"SOURCE_DATE_EPOCH": "99999999999999999999"},
    ),
    State("a tag's own local part goes", "1.1.dev2+g8519bc20c", tags={"v1.0+x": "c3"}, settings=NODE),
]
SHALLOW = [
    State("cut off", error="fetch-depth: 0", shallow=("c4",), tags=V),
    State("cut off, how to mend it", error="git fetch --unshallow", shallow=("c5",), tags=V),
    State("HEAD is tagged", "1.2.3", shallow=("c5",), tags=HERE),
    State("HEAD is tagged, changed", "1.2.4.dev0", shallow=("c5",), tags=HERE, touch=changed),
    State("a tag within", error="fetch-depth: 0", shallow=("c4",), tags={"v1.2.3": "c4"}),
    State(
        "a tag within, allowed",
        "1.2.4.dev1",
        shallow=("c4",),
        tags={"v1.2.3": "c4"},
        settings={"shallow": "allow"},
    ),
    State("no tag within, allowed", error="no tag", shallow=("c4",), tags=V, settings={"shallow": "allow"}),
    State("no fallback", error="fetch-depth: 0", shallow=("c4",), tags=V, settings={"fallback": "0.0.0"}),
    State("fallback, allowed", "0.0.0", shallow=("c4",), settings={"fallback": "0.0.0", "shallow": "allow"}),
]
NOTHING = [
    State("no tag", error="no tag like v1.2.3"),
    State("no tag, fallback", "0.0.0", settings={"fallback": "0.0.0"}),
    State("fallback, normalised", "1.0rc1", settings={"fallback": "1.0-RC.1"}),
    State("no commit", error="no commit yet", head=None),
    State("no commit, fallback", "0.1", head=None, settings={"fallback": "0.1"}),
    State("fallback is for no tag only", "1.2.4.dev2", tags=V, settings={"fallback": "9.9"}),
]
FOLDERS = [
    State("tracked folder", "1.2.4.dev2", tags=V, folder="packages/core"),
    State("ignored folder", error="not tracked", tags=HERE, folder="ignored", touch=ignored_folder),
    State(
        "ignored, fallback",
        "0.1",
        tags=HERE,
        folder="ignored",
        touch=ignored_folder,
        settings={"fallback": "0.1"},
    ),
    State("unpacked sdist", "4.5", tags=HERE, folder="ignored", touch=unpacked_sdist("Demo", "4.5")),
    State(
        "sdist of another",
        error="not tracked",
        tags=HERE,
        folder="ignored",
        touch=unpacked_sdist("other", "4.5"),
    ),
]
OVERRIDES = [
    State("any", "9.1", tags=HERE, environment={"PUBLISH_ALL_VERSION": "9.1"}),
    State(
        "this one",
        "9.2",
        tags=HERE,
        environment={"PUBLISH_ALL_VERSION": "9.1", "PUBLISH_ALL_VERSION_FOR_DEMO": "9.2"},
    ),
    State("another one", "1.2.3", tags=HERE, environment={"PUBLISH_ALL_VERSION_FOR_OTHER": "9.2"}),
    State(
        "empty",
        "1.2.3",
        tags=HERE,
        environment={"PUBLISH_ALL_VERSION": "", "PUBLISH_ALL_VERSION_FOR_DEMO": ""},
    ),
    State("normalised", "9.0rc1", environment={"PUBLISH_ALL_VERSION": "v9.0-rc.1"}),
    State(
        "invalid", error="PUBLISH_ALL_VERSION_FOR_DEMO", environment={"PUBLISH_ALL_VERSION_FOR_DEMO": "nine"}
    ),
    State("GIT_DIR of a hook", "1.2.3", tags=HERE, environment={"GIT_DIR": "/nowhere", "GIT_WORK_TREE": "/"}),
    State("GIT_INDEX_FILE of a hook", "1.2.3", tags=HERE, environment={"GIT_INDEX_FILE": "/nowhere"}),
    State("GIT_OBJECT_DIRECTORY", "1.2.3", tags=HERE, environment={"GIT_OBJECT_DIRECTORY": "/nowhere"}),
]
TABLE = {
    "distances": DISTANCES,
    "together": TOGETHER,
    "bumps": BUMPS,
    "spellings": SPELLINGS,
    "prefixes": PREFIXES,
    "no versions": NO_VERSIONS,
    "merges": MERGES,
    "names": NAMES,
    "dirty": DIRTY,
    "local": LOCAL,
    "shallow": SHALLOW,
    "nothing": NOTHING,
    "folders": FOLDERS,
    "overrides": OVERRIDES,
}
STATES = [
    pytest.param(state, id=f"{group}: {state.name}") for group, states in TABLE.items() for state in states
]


def test_the_table_has_all_states() -> None:
    assert len(STATES) == 135


@pytest.mark.parametrize("state", STATES)
def test_version_of_a_state(
    state: State, tmp_path: Path, git_states: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = git_states.make(
        tmp_path,
        head=state.head,
        tags=state.tags,
        annotated=state.annotated,
        branches=state.branches,
        branch=state.branch,
        shallow=state.shallow,
        config=state.config,
    )
    if state.touch is not None:
        state.touch(root)
    pyproject = {
        "project": {"name": "demo", "dynamic": ["version"]},
        "tool": {"publish-all": {"version": {"source": "git", **state.settings}}},
    }
    config = parse_project(pyproject, root=root / state.folder)
    environment = {**git_states.environment, **state.environment}

    monkeypatch.setattr("time.time", lambda: NOW)
    if state.error is None:
        assert resolve_version(config, environment=environment).text == state.version
        return
    with pytest.raises(VersionError) as caught:
        resolve_version(config, environment=environment)
    assert state.error in f"{caught.value} {caught.value.hint}"
