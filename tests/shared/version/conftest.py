"""Git repositories in known states, cheaply: one store of objects, made once, with pinned dates.

A state is a folder with its own HEAD, refs and index over the shared store, so its hashes are known.

    c1 ── c2 ── … ── c12      one hour apart, from 2026-01-01
           c4 ── s1 ── s2     merged with c8: m1
    r1                        another root; merged with c3: x1
    k1 ── k2 ── k3 ── k4      each dated before its parent
    f1                        after c5, dated 2038
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

START = 1767225600  # 2026-01-01T00:00:00Z
HOUR = 3600


@dataclass(frozen=True)
class GitStates:
    """Makes states of repositories. `environment` is free of the machine's settings."""

    store: Path
    environment: Mapping[str, str]
    commits: Mapping[str, str] = field(default_factory=dict)

    def git(self, root: Path, *arguments: str, data: str | None = None) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=root,
            env=dict(self.environment),
            input=None if data is None else data.encode(),
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    def make(
        self,
        root: Path,
        *,
        head: str | None,
        tags: Mapping[str, str],
        annotated: Sequence[str] = (),
        branches: Mapping[str, str] | None = None,
        branch: str = "main",
        shallow: Sequence[str] = (),
        config: str = "",
    ) -> Path:
        """A working tree of `head` (None: no commit yet). `tags` and `branches` map names to commits."""
        git = root / ".git"
        for folder in ("objects/info", "refs/heads", "refs/tags"):
            (git / folder).mkdir(parents=True)
        store = Path(os.path.relpath(self.store / ".git/objects", git / "objects")).as_posix()
        (git / "objects/info/alternates").write_text(f"{store}\n")
        (git / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
        (git / "config").write_text(f"[core]\n\trepositoryformatversion = 0\n\tbare = false\n{config}")
        refs = {f"refs/heads/{name}": self.commits[commit] for name, commit in (branches or {}).items()}
        refs |= {f"refs/tags/{name}": self._tag(name, commit, annotated) for name, commit in tags.items()}
        if head is not None:
            refs[f"refs/heads/{branch}"] = self.commits[head]
        if os.name == "nt" and any(set(name) & set('<>:"|?*') for name in refs):
            pytest.skip("Windows has no files of such names")
        for name, target in refs.items():
            (git / name).parent.mkdir(parents=True, exist_ok=True)
            (git / name).write_text(f"{target}\n")
        if shallow:
            (git / "shallow").write_text("".join(f"{self.commits[each]}\n" for each in shallow))
        if head is not None:
            self.git(root, "reset", "--quiet", "--hard")
        return root

    def _tag(self, name: str, commit: str, annotated: Sequence[str]) -> str:
        if name not in annotated:
            return self.commits[commit]
        body = (
            f"object {self.commits[commit]}\ntype commit\ntag {name}\ntagger T <t@e.org> {START} +0000\n\nx\n"
        )
        return self.git(self.store, "mktag", data=body)


def _stream() -> str:
    """The history, for `git fast-import`."""
    numbers = {f"c{number}": number for number in range(1, 13)}
    parents: dict[str, list[str]] = {"c1": []} | {f"c{n}": [f"c{n - 1}"] for n in range(2, 13)}
    parents |= {"s1": ["c4"], "s2": ["s1"], "m1": ["c8", "s2"], "r1": [], "x1": ["c3", "r1"]}
    parents |= {"k1": [], "k2": ["k1"], "k3": ["k2"], "k4": ["k3"], "f1": ["c5"]}
    dates = {name: START + number * HOUR for name, number in numbers.items()}
    dates |= {"s1": START + 30 * HOUR, "s2": START + 31 * HOUR, "m1": START + 40 * HOUR}
    dates |= {"r1": START, "x1": START + 50 * HOUR, "f1": 2145916800}
    dates |= {f"k{number}": START - number * HOUR for number in range(1, 5)}
    marks = {name: mark for mark, name in enumerate(parents, start=1)}
    lines = []
    for name, before in parents.items():
        lines += [f"commit refs/store/{name}", f"mark :{marks[name]}"]
        lines += [f"committer T <t@e.org> {dates[name]} +0000", f"data {len(name)}", name]
        lines += [f"{'merge' if place else 'from'} :{marks[each]}" for place, each in enumerate(before)]
        files = {"pyproject.toml": "", "src/demo/__init__.py": "", "packages/core/pyproject.toml": ""}
        for path, text in (files | {"at": name, ".gitignore": "ignored/\n"}).items():
            lines += [f"M 644 inline {path}", f"data {len(text)}", text]
    return "\n".join([*lines, ""])


@pytest.fixture(scope="session")
def git_states(tmp_path_factory: pytest.TempPathFactory) -> GitStates:
    store = tmp_path_factory.mktemp("store")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(store),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "T",
        "GIT_AUTHOR_EMAIL": "t@e.org",
        "GIT_COMMITTER_NAME": "T",
        "GIT_COMMITTER_EMAIL": "t@e.org",
        "GIT_AUTHOR_DATE": f"{START} +0000",
        "GIT_COMMITTER_DATE": f"{START} +0000",
    } | {name: os.environ[name] for name in ("SYSTEMROOT", "TEMP") if name in os.environ}
    states = GitStates(store, environment)
    states.git(store, "init", "--quiet", "--initial-branch=main")
    states.git(store, "fast-import", "--quiet", data=_stream())
    listed = states.git(store, "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/store")
    return GitStates(store, environment, dict(line.split(" ") for line in listed.splitlines()))
