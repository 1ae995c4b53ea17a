"""Where a project gets publish-all from: an index, a git repository, or a folder of this machine."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from publish_all import __version__
from publish_all._git import git_for_user
from publish_all._own_source import NAME, own_url
from publish_all._urls import shown_or_raw
from publish_all.commands.context import Runtime
from publish_all.errors import PublishAllError, UsageError

PLUGIN = "poetry-publish-all"
INDEX = "index"
_SUBFOLDERS = {NAME: "shared", PLUGIN: "poetry_plugin"}
# In double quotes of a shell, of TOML and of YAML it is what it is.
_GIT = re.compile(
    r"git\+(?P<url>(?:https|ssh|file)://(?:[\w.%-]+@)?[\w.:~%-]*/[\w:/.~%+-]+)(?:@(?P<revision>[\w./-]+))?(?:#.*)?",
    re.ASCII,
)
_WRITTEN = re.compile(
    rf"""{NAME}(?:\[[\w,-]*\])? @ (?P<url>git\+[^\s"',]+)"""
    r"|\bUV_FIND_LINKS: '?(?:\$\{\{ github\.workspace \}\}/|\$CI_PROJECT_DIR/)?(?P<wheels>[^\s']+)"
)
_SECONDS = 20.0
_LOOK_SECONDS = 3.0
_PYPI = "https://pypi.org/simple/"
_INDEX_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")


class Source(NamedTuple):
    """The source to install publish-all from: the field that is not empty, or else the index of pip and uv.

    `git` is the URL of a repository, `wheels` a folder with our wheels.
    `revision` is the version of the wheels, or the commit or tag of `git`. `usual`: it is the default.
    """

    git: str = ""
    wheels: str = ""
    revision: str = ""
    usual: bool = False

    def requirement(self, *extras: str, pinned: bool = False) -> str:
        """As pip, uv and `[build-system]` read it; of an index `pinned` to the version that runs."""
        name = f"{NAME}[{','.join(extras)}]" if extras else NAME
        if self.git:
            return f"{name} @ git+{self.git}@{self.revision}#subdirectory={_SUBFOLDERS[NAME]}"
        return f"{name}=={self.revision or __version__}" if pinned else name

    def of_poetry(self, subfolder: str) -> Mapping[str, object]:
        """The entries to add to `[tool.poetry.requires-plugins]`; None for entries to remove."""
        if not (self.git or self.wheels):
            return {NAME: None, PLUGIN: f">={__version__}"}
        extras: Mapping[str, object] = {"extras": ["cli"]}
        return {NAME: {**self._place(NAME, subfolder), **extras}, PLUGIN: self._place(PLUGIN, subfolder)}

    def _place(self, name: str, subfolder: str) -> dict[str, object]:
        if self.git:
            return {"git": self.git, "rev": self.revision, "subdirectory": _SUBFOLDERS[name]}
        folder = (
            self.wheels if Path(self.wheels).is_absolute() else os.path.relpath(self.wheels, subfolder or ".")
        )
        return {
            "path": f"{Path(folder).as_posix()}/{name.replace('-', '_')}-{self.revision}-py3-none-any.whl"
        }


def tool_source(
    stated: str | None, *, root: Path, texts: tuple[str, ...], runtime: Runtime, poetry: bool = False
) -> Source:
    """The source that is `stated` (git+URL, a folder with our wheels or our source, or `index`), or what `texts` have from before, or our own.

    `root` is that of the repository; with `poetry` its plugin must be there, too. Raises `UsageError` for one that cannot be used.
    """
    if stated == INDEX:
        return Source()
    written = next(filter(None, map(_WRITTEN.search, texts)), None) if stated is None else None
    if written is not None and written["wheels"]:
        stated = str(root / written["wheels"])
    elif stated is None:
        url = written["url"] if written is not None else own_url(elsewhere=True)
        if url is None:
            return Source(usual=True)
        stated = url.partition("#")[0]
    folder = Path(stated).expanduser().absolute()
    if (folder / _SUBFOLDERS[NAME] / "pyproject.toml").is_file():
        stated = f"git+{folder.as_uri()}"  # our source, in git
    if stated.startswith("git+"):
        match = _GIT.fullmatch(stated)
        if match is None:
            raise _unusable(
                shown_or_raw(stated), "it is not git+https://HOST/PATH with an optional @TAG or @COMMIT"
            )
        return Source(git=match["url"], revision=match["revision"] or _newest(match["url"], root, runtime))
    wheels = sorted(folder.glob(f"{NAME.replace('-', '_')}-*-py3-none-any.whl"))
    if not wheels:
        raise _unusable(stated, "it has no wheel of publish-all")
    if poetry and not (folder / f"{PLUGIN.replace('-', '_')}-{wheels[-1].name.partition('-')[2]}").is_file():
        raise _unusable(stated, f"it has no wheel of {PLUGIN} in the same version")
    inside = folder.relative_to(root).as_posix() if folder.is_relative_to(root) else folder.as_posix()
    return Source(wheels=inside, revision=wheels[-1].name.split("-")[1])


def _newest(url: str, root: Path, runtime: Runtime) -> str:
    """The commit that the repository's default branch is at: a branch may move to other code, a commit does not."""
    try:
        done = git_for_user(
            "ls-remote",
            url,
            "HEAD",
            cwd=root,
            environment=runtime.environment,
            run=runtime.run,
            timeout=_SECONDS,
        )
    except (OSError, TimeoutError) as error:
        raise _unusable(url, str(error)) from error
    commit = done.stdout.partition("\t")[0]
    if done.returncode or not commit:
        raise _unusable(url, (done.stderr.strip().splitlines() or ["it has no commit"])[-1])
    return commit


def _unusable(source: str, why: str) -> UsageError:
    hint = "Use git+https://HOST/PATH, a folder with the wheels or the source of publish-all, or `index`."
    return UsageError(f"--source {shlex.quote(source)} cannot be used: {why}", hint=hint)


def read_page(url: str) -> str | None:
    """The page, None where there is none. Raises `PublishAllError`."""
    from publish_all._http import HttpOptions, make_session

    reply = make_session(HttpOptions(timeout=_LOOK_SECONDS)).request("GET", url, redirects=True)
    if reply.status not in {200, 404}:
        raise PublishAllError(f"it answers {reply.status}")
    return reply.text if reply.status == 200 else None


def missing_from_index(runtime: Runtime) -> str | None:
    """A note if the configured index of pip or uv does not have publish-all, else None. Never raises."""
    tools = runtime.known(None).tools()
    stated = [
        *(tools.variable(each) for each in _INDEX_VARIABLES),
        tools.pip.get("index-url", ("",))[0],
        _PYPI,
    ]
    index = next(each for each in stated if each)
    place = shown_or_raw(index)
    try:
        page = read_page(f"{index.rstrip('/')}/{NAME}/")
    except PublishAllError:
        return f"{place} could not be checked for publish-all, which pip, uv and CI install from there"
    if f"publish_all-{__version__}-" in (page or "") or f"publish_all-{__version__}.tar" in (page or ""):
        return None
    return (
        f"{place} has no publish-all {__version__}, so pip, uv and CI cannot install it. Run "
        "`publish-all init --source git+https://HOST/PATH`, or `--source FOLDER` with its wheels"
    )
