"""The process that builds: `python -m publish_all.builders.worker`.

Builds run project code, so they run here: with the environment that `variables` allows, and with their own standard input
and output. A question is one line on standard input; events and the answer are
lines on the original standard output. The end of the input means that the parent has ended, and ends this process.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
import traceback
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from publish_all._build_system import backend_of
from publish_all._own_files import replace_open
from publish_all.builders import worker_protocol
from publish_all.builders.backend_hooks import backend_version, call_hook, warnings_heard
from publish_all.builders.backend_versions import refuse_old_backend
from publish_all.builders.build_plan import distributions_of
from publish_all.builders.builder import BuildRequest, BuildResult
from publish_all.builders.deflate import DeflateCache, is_asked
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.stage import Stages
from publish_all.builders.staged_builder import IN_PROCESS, StagedBuilder, described, extra_requires
from publish_all.builders.unix_modes import made_on_unix, use_modes
from publish_all.distributions.distribution import sha256_of
from publish_all.errors import BuildError, PublishAllError
from publish_all.events import BuildFinished, BuildStarted, Listener, Note
from publish_all.summaries import BuiltFile
from publish_all.variants.variant import BuildVariant

_ZLIB_NG = "this Python compresses with zlib-ng: the files have the same content as elsewhere, but not the same bytes"
_NOT_ASKED = (
    "this Python writes archives in an unknown way: each build variant is compressed separately, and "
    '`compression = "fast"` has no effect'
)
_CRLF = "a build on Linux has LF. Add `* text=auto eol=lf` to .gitattributes, commit it, and clone again"


def main() -> int:
    # Hooks are in the user's tree, and must not be compiled there. (Other processes work in stages: they may,
    # and backends that are compiled once start faster for the next variant.)
    os.umask(0o022)  # sdists contain the modes of files that backends create
    sys.dont_write_bytecode = True
    incoming, outgoing = worker_protocol.own_pipes()

    def send(message: Mapping[str, Any]) -> None:
        outgoing.write(worker_protocol.dumps(message) + "\n")
        outgoing.flush()

    question = worker_protocol.loads(incoming.readline())
    use_modes(question.get("modes", {}))
    made_on_unix()
    workspace = Path(question["workspace"])
    temporary = [workspace, *map(Path, question.get("temporary", ()))]
    answered = threading.Event()
    threading.Thread(target=_end_with_parent, args=(incoming, answered, temporary), daemon=True).start()
    answer = _answer(question, workspace, lambda event: send(worker_protocol.event_message(event)))
    answered.set()
    send(answer)
    return 0


def _answer(question: Mapping[str, Any], workspace: Path, listener: Listener) -> Mapping[str, Any]:
    try:
        return {"answer": _answered(question, workspace, listener)}
    except PublishAllError as error:
        return worker_protocol.error_message(error)
    except Exception as error:  # noqa: BLE001 - project code runs here and may raise anything
        traceback.print_exc()
        return worker_protocol.error_message(BuildError(f"the build failed: {type(error).__name__}: {error}"))


def _end_with_parent(incoming: IO[str], answered: threading.Event, temporary: Sequence[Path]) -> None:
    incoming.read()
    if answered.is_set():  # the parent has its answer, and needs the built files
        return
    for folder in temporary:  # left by a parent that was killed
        shutil.rmtree(folder, ignore_errors=True)
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)  # with the processes that project code has started
    os._exit(1)


def _answered(question: Mapping[str, Any], workspace: Path, listener: Listener) -> Any:
    match question["ask"]:
        case "environment":
            from publish_all.builders.isolated import make_environment

            return make_environment(*question["arguments"], **question["options"])
        case "version":
            return backend_version(Path(question["root"]), question["pyproject"], workspace=workspace)
        case "hook":
            folder, pyproject = Path(question["folder"]), question["pyproject"]
            version = question.get("version")
            with warnings_heard(pyproject, listener):
                return call_hook(folder, pyproject, question["hook"], *question["arguments"], version=version)
    request = worker_protocol.value_of(BuildRequest, question["request"])
    leave_out = tuple(map(Path, question["leave_out"]))
    if question["ask"] == "requires":
        stages = Stages(SourceTree(request.root, leave_out=leave_out), workspace / "requires")
        return extra_requires(request.variants[0], request.kinds, stages)
    return build_all(request, leave_out=leave_out, workspace=workspace, listener=listener)


def build_all(
    request: BuildRequest, *, leave_out: Sequence[Path], workspace: Path, listener: Listener
) -> BuildResult:
    """Build every file of a request, in order, into `request.output`.

    `leave_out` names output folders in the project. Raises `BuildError` and `ConfigurationError`.
    """
    # https://reproducible-builds.org/specs/source-date-epoch/; without it the backends' own stable default.
    os.environ.pop("SOURCE_DATE_EPOCH", None)
    if request.source_date_epoch is not None:
        os.environ["SOURCE_DATE_EPOCH"] = str(request.source_date_epoch)
    if hasattr(zlib, "ZLIBNG_VERSION"):  # CPython from 3.14 on Windows, some Linux
        listener(Note(message=_ZLIB_NG))
    tree = SourceTree(request.root, leave_out=leave_out)
    deflate = _deflate_cache(request)
    if deflate is not None and not is_asked():
        listener(Note(message=_NOT_ASKED))
    builder = _staged_builder(tree, workspace, deflate, listener)
    found: list[BuiltFile] = []
    for number, (variant, kind) in enumerate(distributions_of(request.variants, request.kinds)):
        tag = None if variant.wheel is None else str(variant.wheel.tag)
        listener(BuildStarted(project=variant.project, variant=variant.name, kind=kind, tag=tag))
        folder = request.output / str(
            number
        )  # a separate folder: some backends clean the folder they write to
        folder.mkdir()
        begun = time.monotonic()
        refuse_old_backend(variant)
        with warnings_heard(variant.pyproject, listener):
            path = _put(builder.build(variant, kind, folder), request.output, variant)
        seconds = time.monotonic() - begun
        built = BuiltFile(
            project=variant.project,
            variant=variant.name,
            version=variant.version,
            filename=path.name,
            kind=kind,
            # The binary distribution format: the last parts are the tags, with an optional build number before them.
            tag="-".join(path.stem.split("-")[2:]) if kind == "wheel" else None,
            size=path.stat().st_size,
            sha256=sha256_of(path),
            builder=described(variant.pyproject),
            seconds=seconds,
            reused=deflate.reused() if deflate is not None else None,
        )
        found.append(built)
        listener(
            BuildFinished(
                project=variant.project,
                variant=variant.name,
                filename=path.name,
                size=built.size,
                seconds=seconds,
            )
        )
    return BuildResult(files=tuple(found))


def _put(path: Path, output: Path, variant: BuildVariant) -> Path:
    """The file's place in the output folder. Tags from backends are known only now: check that no two wheels have the same name."""
    if (output / path.name).exists():
        msg = f"{path.name} is built twice, the second time as {variant.label}"
        raise BuildError(msg, hint="Give one of the build variants another `name`.")
    return replace_open(path, output / path.name)


def _staged_builder(
    tree: SourceTree, workspace: Path, deflate: DeflateCache | None, listener: Listener
) -> StagedBuilder:
    """One builder for all variants: it reads the project once."""
    use_modes(tree.modes)
    converted = tree.crlf()
    if converted:
        what = f"{len(converted)} files" if converted[1:] else "a file"
        message = f"git wrote CRLF line ends into {what} (core.autocrlf), such as {converted[0]}: {_CRLF}"
        listener(Note(message=message))
    # Git searches for a repository in all folders above: it must not find one around a stage.
    ceilings = [str(workspace.resolve()), *filter(None, [os.environ.get("GIT_CEILING_DIRECTORIES")])]
    os.environ["GIT_CEILING_DIRECTORIES"] = os.pathsep.join(ceilings)
    return StagedBuilder(Stages(tree, workspace / "stages"), deflate=deflate, listener=listener)


def _deflate_cache(request: BuildRequest) -> DeflateCache | None:
    """For backends that are called in this process; None where all have their own."""
    if os.environ.get("PUBLISH_ALL_BUILD") == "stage":
        return None
    if not any(backend_of(each.pyproject) in IN_PROCESS for each in request.variants):
        return None
    return DeflateCache(request.compression)


if __name__ == "__main__":
    sys.exit(main())
