"""What a folder needs for installs without an index: the dependencies, a requirements file and a `pylock.toml`."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import tomlkit
from packaging.pylock import Package, PackageSdist, PackageWheel, Pylock
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from publish_all._process import Run
from publish_all.commands.destinations import or_default_registry
from publish_all.commands.index import IndexOptions, ensure_installed, published_names
from publish_all.config.model import ProjectConfig
from publish_all.distributions.read import read_distribution
from publish_all.errors import PublishAllError, UsageError
from publish_all.events import Listener, StepStarted, ignore
from publish_all.repositories.directory import replace_file

REQUIREMENTS = "requirements.txt"
LOCK = "pylock.toml"

_WRITTEN = "# Written by `publish-all download`."
_PLATFORM = re.compile(
    r"(?:(?P<libc>many|musl)linux_(?P<major>\d+)_(?P<minor>\d+)|macosx_\d+_\d+|win)_(?P<arch>[a-z]\w*)"
)
_OLD_TAGS = {"manylinux1": 5, "manylinux2010": 12, "manylinux2014": 17}
"""The minor version of glibc that each is for: https://peps.python.org/pep-0600/."""
_SYSTEMS = {"mac": ("darwin", "Darwin", "posix"), "win": ("win32", "Windows", "nt")}


class DownloadedFile(NamedTuple):
    """One file. Its `state` is "was there" if the folder already had it with the same content, else "fetched"."""

    project: NormalizedName
    version: str
    file: str
    bytes: int
    sha256: str
    state: str


class Target(NamedTuple):
    """The target machine, with its version of CPython, such as `3.11`.

    `tags` are the platforms of wheels that it takes, `uv` is what `uv pip compile --python-platform` calls it (None: it
    does not know it), and `markers` are the values of environment markers there.
    """

    python: str
    tags: tuple[str, ...]
    uv: str | None
    markers: Mapping[str, str]


def parse_target(platform: str | None, python: str | None) -> Target | None:
    """The target with its newest platform tag; None without options. Raises `UsageError`."""
    if platform is None and python is None:
        return None
    old, _, rest = (platform or "").partition("_")
    text = f"manylinux_2_{_OLD_TAGS[old]}_{rest}" if old in _OLD_TAGS else platform or ""
    found = _PLATFORM.fullmatch(text)
    if found is None or python is None or not re.fullmatch(r"3\.\d+", python):
        msg = f"--platform {platform or '?'} and --python-version {python or '?'} are not a complete platform"
        others = "musllinux_1_2_aarch64, macosx_14_0_arm64 and win_amd64"
        hint = f"Use both, for example --platform manylinux_2_28_x86_64 --python-version 3.11. Other platforms are {others}."
        raise UsageError(msg, hint=hint)
    arch, libc, minor = found["arch"], found["libc"], int(found["minor"] or 0)
    tags: tuple[str, ...] = (text,)  # pip adds those of older versions of macOS
    known = {"amd64": "x86_64", "arm64": "aarch64"}.get(arch, arch)
    uv = f"{known}-apple-darwin" if text.startswith("mac") else f"{known}-pc-windows-msvc"
    if libc:
        newest = f"{libc}linux_{found['major']}"
        tags = (*(f"{newest}_{each}_{arch}" for each in range(minor, -1, -1)), f"linux_{arch}")
        tags += tuple(
            f"{tag}_{arch}" for tag, least in _OLD_TAGS.items() if libc == "many" and least <= minor
        )
        glibc = minor if 31 <= minor <= 40 else 28 if minor >= 28 else 17  # those that uv knows
        uv = f"{known}-manylinux_2_{glibc}" if libc == "many" else f"{known}-unknown-linux-musl"
    system, name, kind = _SYSTEMS.get(text[:3], ("linux", "Linux", "posix"))
    markers = {
        "sys_platform": system,
        "platform_system": name,
        "os_name": kind,
        "platform_machine": arch.upper() if kind == "nt" else arch,
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    return Target(python, tags, uv if known in {"x86_64", "aarch64"} else None, markers)


def index_options(
    options: IndexOptions, requirements: Sequence[Requirement], config: ProjectConfig | None
) -> IndexOptions:
    """The index that pip fetches dependencies from. Raises `UsageError` where it is not known which are private."""
    private = options.private or published_names(config)
    if not private:
        msg = "--with-dependencies needs the private names, which are never taken from PyPI"
        raise UsageError(msg, hint='Add them with --private "kindling-*" (can be repeated).')
    # Asked for by a server's thread, a password would be typed into another program.
    connection = replace(or_default_registry(options.connection), ask=None)
    named = (str(canonicalize_name(each.name)) for each in requirements)
    return replace(options, connection=connection, private=(*private, *named))


def fetch_dependencies(
    index: IndexOptions,
    pins: Sequence[str],
    folder: Path,
    target: Target | None,
    *,
    listener: Listener,
    run: Run,
) -> None:
    """Download the releases and their dependencies with pip into a new folder. Raises `PublishAllError`.

    For another machine, uv resolves the dependencies, if it is installed. pip evaluates markers for its own Python
    (https://github.com/pypa/pip/issues/11664), so missing dependencies are downloaded in further runs.
    """
    ensure_installed()
    from publish_all.commands.exec import execute, find_pip

    environment = index.connection.runtime.environment
    uv = shutil.which("uv", path=environment.get("PATH"))
    pip = find_pip(environment)
    if pip is None and uv is not None:
        pip = (uv, "tool", "run", "--python", sys.executable, "pip")
    if pip is None:
        msg = "--with-dependencies needs pip or uv, but neither is on PATH"
        raise UsageError(msg, hint="Install one of them, or activate an environment with it.")

    def start(*command: str, heard: Listener) -> None:
        said: list[str] = []

        def quietly(command: tuple[str, ...], *, cwd: Path, environment: Mapping[str, str]) -> int:
            done = run(command, cwd=cwd, environment=environment)
            said.extend(line for line in done.stderr.splitlines() if line.strip())
            return done.returncode

        if code := execute(command, index, listener=heard, run=quietly):
            raise PublishAllError(
                f"{Path(command[0]).stem} cannot download the dependencies: {' / '.join(said[-3:]) or f'exit code {code}'}",
                hint="Add their index with --fallback, and names of the repository with --private. "
                "For another machine, each dependency needs a wheel: build it from the sdist, and publish it to your "
                "repository.",
            )

    folder.mkdir()
    options = ["--disable-pip-version-check", "--dest", str(folder.absolute())]
    wanted = list(pins)
    if target is not None:
        options += ["--only-binary=:all:", "--implementation", "cp", "--python-version", target.python]
        options += [word for each in target.tags for word in ("--platform", each)]
        if uv is not None and target.uv is not None:
            listener(StepStarted(step="resolve", detail="dependencies, by uv pip compile"))
            source, pinned = folder.with_suffix(".in"), folder.with_suffix(".txt")
            source.write_text("\n".join(pins), encoding="utf-8")
            words = [
                "--python",
                sys.executable,
                "-q",
                "--no-header",
                "--no-annotate",
                "--only-binary=:all:",
                "-o",
            ]
            machine = ["--python-platform", target.uv, "--python-version", target.python]
            start(uv, "pip", "compile", *words, str(pinned), *machine, str(source), heard=ignore)
            wanted = pinned.read_text(encoding="utf-8").split()
            options.append("--no-deps")
    heard, missing = listener, [""]
    while missing:
        listener(StepStarted(step="fetch", detail="dependencies, by pip download"))
        start(*pip, "download", *options, *wanted, heard=heard)
        heard, missing = ignore, _missing(folder, pins, target) if target is not None else []
        if set(missing) <= set(wanted):
            break
        wanted += missing
    if missing:
        raise PublishAllError(f"the dependencies are not complete: {', '.join(missing)} cannot be downloaded")


def _missing(folder: Path, pins: Sequence[str], target: Target) -> list[str]:
    """What the wheels in a folder require on the target, and the folder has not got."""
    there = {each.project: each for each in map(read_distribution, folder.glob("*.whl"))}
    queue, seen, missing = [*map(Requirement, pins)], set[str](), set[str]()
    while queue:
        each = queue.pop()
        each.marker = None
        if str(each) in seen:
            continue
        seen.add(str(each))
        found = there.get(canonicalize_name(each.name))
        if found is None or not each.specifier.contains(found.version, prereleases=True):
            missing.add(str(each))
            continue
        for need in map(Requirement, found.metadata.get("Requires-Dist", ())):
            extras = ["", *each.extras]
            if need.marker is None or any(
                need.marker.evaluate({**target.markers, "extra": extra}) for extra in extras
            ):
                queue.append(need)
    return sorted(missing)


def ensure_ours(folder: Path) -> None:
    """Raise `UsageError` where somebody else's requirements or lock file would be written over."""
    for path in (folder / REQUIREMENTS, folder / LOCK):
        if path.is_file() and not path.read_bytes().startswith(_WRITTEN.encode()):
            msg = f"{path} was not written by `publish-all download`, so it is not replaced"
            raise UsageError(msg, hint="Use another folder, for example --dest wheelhouse.")


def write_locks(folder: Path, files: Sequence[DownloadedFile], target: Target | None) -> None:
    """Write both files, with the hashes of these files and with paths that are relative to them."""
    releases: dict[tuple[NormalizedName, str], list[DownloadedFile]] = {}
    for each in sorted(files, key=lambda each: (each.project, each.file)):
        releases.setdefault((each.project, each.version), []).append(each)
    lines = [f"{_WRITTEN} Install with `pip install -r {REQUIREMENTS}`.", "--no-index", "--find-links ."]
    packages = []
    for (project, version), own in releases.items():
        lines.append(
            " \\\n    --hash=sha256:".join([f"{project}=={version}", *(each.sha256 for each in own)])
        )
        parts: dict[str, dict[str, Any]] = {}
        for each in own:
            name = Path(each.file).name
            parts[name] = {"path": name, "size": each.bytes, "hashes": {"sha256": each.sha256}}
        wheels = [PackageWheel(**part) for name, part in parts.items() if name.endswith(".whl")]
        sdists = [PackageSdist(**part) for name, part in parts.items() if not name.endswith(".whl")]
        sdist = sdists[0] if sdists else None
        package = Package(name=project, version=Version(version), sdist=sdist, wheels=wheels or None)
        packages.append(package)
    lock = Pylock(
        lock_version=Version("1.0"),
        requires_python=SpecifierSet(f"=={target.python}.*") if target is not None else None,
        created_by="publish-all",
        packages=packages,
    )
    replace_file(folder / REQUIREMENTS, "\n".join([*lines, ""]).encode())
    replace_file(folder / LOCK, f"{_WRITTEN}\n{tomlkit.dumps(dict(lock.to_dict()))}".encode())
