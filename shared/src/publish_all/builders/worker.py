"""The process that builds: `python -m publish_all.builders.worker`.

Builds run project code, so they run here: with the environment that `variables` allows, and with standard output and
input of their own. One question comes in as a line on standard input; events and the answer go out as
lines on what was standard output. The end of the input is the end of the parent, and so of this process.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import IO, Any

from publish_all.builders import wire
from publish_all.builders.backend_contract import CONTRACTS, unknown_version
from publish_all.builders.builder import Builder, BuildRequest, BuildResult, BuiltFile
from publish_all.builders.deflate import is_zlib_ng
from publish_all.builders.described import described
from publish_all.builders.in_place import exempt_this_thread
from publish_all.builders.lowest_versions import refuse_old_backend
from publish_all.builders.member_store import MemberStore
from publish_all.builders.platform_wheels import distributions_of
from publish_all.builders.select import Backend, backend_of
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.stage import Stages
from publish_all.errors import BuildError, PublishAllError
from publish_all.events import BuildFinished, BuildStarted, Listener, Note
from publish_all.variants.variant import BuildVariant

_ZLIB_NG = (
    "this Python compresses with zlib-ng: the files hold the same as elsewhere, and are not the same bytes"
)


def main() -> int:
    # Hooks lie in the user's tree, and are not to be compiled there. (Other processes work in stages: they may,
    # and backends that are compiled once start faster for the next variant.)
    os.umask(0o022)  # sdists hold the modes of the files that backends make
    sys.dont_write_bytecode = True
    incoming, outgoing = wire.own_pipes()

    def send(message: Mapping[str, Any]) -> None:
        outgoing.write(wire.dumps(message) + "\n")
        outgoing.flush()

    question = wire.loads(incoming.readline())
    workspace = Path(question["workspace"])
    temporary = [workspace, *map(Path, question.get("temporary", ()))]
    answered = threading.Event()
    threading.Thread(target=_end_with_parent, args=(incoming, answered, temporary), daemon=True).start()
    answer = _answer(question, workspace, lambda event: send(wire.event_message(event)))
    answered.set()
    send(answer)
    return 0


def _answer(question: Mapping[str, Any], workspace: Path, listener: Listener) -> Mapping[str, Any]:
    try:
        return {"answer": _ANSWERS[question["ask"]](question, workspace, listener)}
    except PublishAllError as error:
        return wire.error_message(error)
    except Exception as error:  # noqa: BLE001 - project code runs here and may raise anything
        traceback.print_exc()
        return wire.error_message(BuildError(f"the build failed: {type(error).__name__}: {error}"))


def _end_with_parent(incoming: IO[str], answered: threading.Event, temporary: Sequence[Path]) -> None:
    incoming.read()
    if answered.is_set():  # the parent has what it asked for, and needs what was built
        return
    exempt_this_thread()  # the output folder may be in the project
    for folder in temporary:  # a parent that was killed left them
        shutil.rmtree(folder, ignore_errors=True)
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)  # with what the project's code has started
    os._exit(1)


def _answer_build(question: Mapping[str, Any], workspace: Path, listener: Listener) -> Mapping[str, Any]:
    request = wire.request_from(question["request"])
    leave_out = tuple(map(Path, question["leave_out"]))
    result = build_all(request, leave_out=leave_out, workspace=workspace, listener=listener)
    return {"files": result.files}


def _answer_version(question: Mapping[str, Any], workspace: Path, listener: Listener) -> Mapping[str, Any]:
    from publish_all.builders.ask import backend_version

    del listener
    return {"version": backend_version(Path(question["root"]), question["pyproject"], workspace=workspace)}


def _answer_requires(question: Mapping[str, Any], workspace: Path, listener: Listener) -> Mapping[str, Any]:
    from publish_all.builders.pep517 import extra_requires

    del listener
    request = wire.request_from(question["request"])
    tree = SourceTree(request.root, leave_out=[Path(each) for each in question["leave_out"]])
    stages = Stages(tree, workspace / "requires")
    return {"requires": extra_requires(request.variants[0], request.kinds, stages)}


def _answer_hook(question: Mapping[str, Any], workspace: Path, listener: Listener) -> Mapping[str, Any]:
    from publish_all.builders.pep517 import call_hook

    del workspace, listener
    folder, pyproject, version = Path(question["folder"]), question["pyproject"], question["version"]
    return {"result": call_hook(folder, pyproject, question["hook"], question["output"], version=version)}


_ANSWERS: Mapping[str, Callable[[Mapping[str, Any], Path, Listener], Mapping[str, Any]]] = {
    "build": _answer_build,
    "version": _answer_version,
    "requires": _answer_requires,
    "hook": _answer_hook,
}


def build_all(
    request: BuildRequest,
    *,
    leave_out: Sequence[Path],
    workspace: Path,
    listener: Listener,
    clock: Callable[[], float] = time.monotonic,
) -> BuildResult:
    """Build every file of a request, in order, into `request.output`.

    `leave_out` names folders of the project which hold output. Raises `BuildError` and `ConfigurationError`.
    """
    _set_epoch(request.source_date_epoch)
    if is_zlib_ng():
        listener(Note(message=_ZLIB_NG))
    builders = _Builders(request, leave_out, workspace, listener)
    found: list[Future[BuiltFile]] = []
    with ThreadPoolExecutor(1) as pool:  # the next build goes on while a file is hashed
        for number, (variant, kind) in enumerate(distributions_of(request.variants, request.kinds)):
            listener(_started(variant, kind))
            folder = request.output / str(number)  # its own: some backends clean the folder they write to
            folder.mkdir()
            begun = clock()
            builder = builders.of(variant)
            path = _put(builder.build(variant, kind, folder), request.output, variant)
            seconds = clock() - begun
            describe = partial(
                described, builder=builder.name, seconds=seconds, reused=builders.reused(variant)
            )
            found.append(pool.submit(describe, path, variant, kind))
            listener(_finished(path, variant, seconds))
    return BuildResult(files=tuple(each.result() for each in found))


def _put(path: Path, output: Path, variant: BuildVariant) -> Path:
    """The file's place in the output folder. Tags which backends infer are known only now: see that no two wheels have the same name."""
    if (output / path.name).exists():
        msg = f"{path.name} is built twice, the second time as {variant.label}"
        raise BuildError(msg, hint="Give one of the build variants another `name`.")
    return path.replace(output / path.name)


def _set_epoch(epoch: int | None) -> None:
    """https://reproducible-builds.org/specs/source-date-epoch/; without it the backends' own stable default."""
    if epoch is None:
        os.environ.pop("SOURCE_DATE_EPOCH", None)
    else:
        os.environ["SOURCE_DATE_EPOCH"] = str(epoch)


class _Builders:
    """One builder per backend, made when first needed: what it reads of the project serves all variants."""

    def __init__(
        self, request: BuildRequest, leave_out: Sequence[Path], workspace: Path, listener: Listener
    ) -> None:
        self._listener = listener
        self._compression = request.compression
        self._leave_out = leave_out
        self._workspace = workspace
        self._tree = SourceTree(request.root, leave_out=leave_out)
        self._stages = Stages(self._tree, workspace / "stages")
        # Git looks for a repository upwards from where it stands: it is not to find one around a stage.
        ceilings = [str(workspace.resolve()), *filter(None, [os.environ.get("GIT_CEILING_DIRECTORIES")])]
        os.environ["GIT_CEILING_DIRECTORIES"] = os.pathsep.join(ceilings)
        self._made: dict[Backend, Builder] = {}
        self._stores: dict[Backend, MemberStore] = {}

    def of(self, variant: BuildVariant) -> Builder:
        backend = backend_of(variant.pyproject)
        refuse_old_backend(variant)
        if backend not in self._made:
            self._made[backend] = self._make(backend)
        return self._made[backend]

    def reused(self, variant: BuildVariant) -> float | None:
        """The share of the content of the file built last that was deflated before; None if nobody knows."""
        store = self._stores.get(backend_of(variant.pyproject))
        return None if store is None else store.reused()

    def _make(self, backend: Backend) -> Builder:
        if self._is_staged(backend):
            from publish_all.builders.pep517 import Pep517Builder

            return Pep517Builder(stages=self._stages, listener=self._listener)
        if backend is Backend.HATCHLING:
            from publish_all.builders.hatchling import HatchlingBuilder
            from publish_all.builders.hatchling_adapter import STEP

            return HatchlingBuilder(
                self._tree.root,
                leave_out=self._leave_out,
                store=self._store(backend, STEP),
                listener=self._listener,
                hooks_in_stage=True,
            )
        from publish_all.builders.poetry_core import PoetryCoreBuilder

        return PoetryCoreBuilder(
            tree=self._tree,
            stages=self._stages,
            workspace=self._workspace,
            store=self._store(backend, None),
            listener=self._listener,
        )

    def _is_staged(self, backend: Backend) -> bool:
        """Whether a backend is run as any other: all but two are, and those where their version is not known here."""
        if backend not in CONTRACTS or os.environ.get("PUBLISH_ALL_BUILD") == "stage":
            return True
        why = unknown_version(backend)
        if why is not None:
            self._listener(Note(message=f"building in a stage, which takes longer: {why}"))
        return why is not None

    def _store(self, backend: Backend, step: int | None) -> MemberStore:
        store = MemberStore(self._tree.root, step=step, compression=self._compression)
        self._stores[backend] = store
        return store


def _started(variant: BuildVariant, kind: str) -> BuildStarted:
    tag = None if variant.wheel is None else str(variant.wheel.tag)
    return BuildStarted(project=variant.project, variant=variant.name, kind=kind, tag=tag)


def _finished(path: Path, variant: BuildVariant, seconds: float) -> BuildFinished:
    return BuildFinished(
        project=variant.project,
        variant=variant.name,
        filename=path.name,
        size=path.stat().st_size,
        seconds=seconds,
    )


if __name__ == "__main__":
    sys.exit(main())
