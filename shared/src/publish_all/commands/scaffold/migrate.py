"""From what hand-made workflows do to what the project's configuration is to say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from pathlib import Path

from publish_all._values import dataclass
from publish_all.commands.scaffold.choices import NewRepository, NewVariant, Trigger
from publish_all.commands.scaffold.github import is_ours
from publish_all.commands.scaffold.hand_made import HandMade, read_hand_made
from publish_all.commands.scaffold.shown import shown
from publish_all.commands.scaffold.testing import Gate
from publish_all.commands.scaffold.uploads import Upload
from publish_all.config.addresses import host_of, web_problem
from publish_all.config.builtin import BUILT_IN, canonical, normalized
from publish_all.config.model import empty
from publish_all.config.workflows import FOLDER, Workflow, read_workflow, read_workflows

_PYPI = frozenset({"upload.pypi.org", "pypi.org", "pypi.python.org"})
_TESTPYPI = frozenset({"test.pypi.org", "testpypi.python.org"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Migration:
    """What all hand-made workflows come to together.

    `workflows` are the files that it comes from; `replaceable` those of them that do nothing else than
    what our workflow does instead. `gates` are the commands in them that test or lint.
    """

    workflows: tuple[Path, ...] = ()
    replaceable: tuple[Path, ...] = ()
    variants: tuple[NewVariant, ...] = ()
    layout: Mapping[str, str] = field(default_factory=empty)
    include_base: bool = False
    destinations: tuple[str, ...] = ()
    repositories: tuple[NewRepository, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    gates: tuple[Gate, ...] = ()
    notes: tuple[str, ...] = ()


def read_migration(
    named: Path | None, *, repository: Path, subfolder: str, known: Iterable[NewRepository]
) -> Migration:
    """Read the workflow that was named, else all that publish. Raises `ConfigurationError` for one that is named and can't be read."""
    if named is not None:
        named = _as_found(named, repository)
        made = [
            (each := read_workflow(named), read_hand_made(each, repository=repository, subfolder=subfolder))
        ]
        return _merged(made, (), known)
    workflows = read_workflows(repository)
    made = [
        (each, read_hand_made(each, repository=repository, subfolder=subfolder))
        for each in workflows.found
        if not is_ours(each.path.read_text(encoding="utf-8"))
    ]
    return _merged([each for each in made if each[1].publishes], workflows.notes, known)


def _as_found(named: Path, repository: Path) -> Path:
    """The path under which the workflows' folder has the file, however it was written."""
    usual = repository / FOLDER / named.name
    return usual if usual.is_file() and named.is_file() and usual.samefile(named) else named


def _merged(
    made: list[tuple[Workflow, HandMade]], notes: tuple[str, ...], known: Iterable[NewRepository]
) -> Migration:
    names, repositories, told = _destinations([each for _, each in made], known)
    with_variants = next((each for _, each in made if each.variants), HandMade())
    return Migration(
        workflows=tuple(workflow.path for workflow, _ in made),
        replaceable=tuple(workflow.path for workflow, each in made if each.whole and not each.notes),
        variants=with_variants.variants,
        layout=with_variants.layout,
        include_base=with_variants.builds_base,
        destinations=names,
        repositories=repositories,
        triggers=tuple(dict.fromkeys(trigger for _, each in made for trigger in each.triggers)),
        gates=tuple(gate for _, each in made for gate in each.gates),
        notes=(*notes, *_told(made), *told),
    )


def _told(made: list[tuple[Workflow, HandMade]]) -> Iterator[str]:
    for workflow, each in made:
        name = workflow.path.name
        if each.variants:
            listed = ", ".join(variant.name for variant in each.variants)
            yield f"{name}: what it copies and builds becomes the build variants {listed}"
        if any(upload.trusted for upload in each.uploads):
            yield f"{name} is a trusted publisher of PyPI already: the new workflow must be registered as well"
        yield from each.notes


def _destinations(
    made: Iterable[HandMade], known: Iterable[NewRepository]
) -> tuple[tuple[str, ...], tuple[NewRepository, ...], tuple[str, ...]]:
    """The names to publish to, the repositories to state for them, and notes. TestPyPI before PyPI is the rehearsal."""
    others = {normalized(each.name): each for each in known}
    names: dict[str, None] = {}
    new: dict[str, NewRepository] = {}
    notes: dict[str, None] = {}
    for each in made:
        urls = {repository.name: repository for repository in each.repositories}
        for upload in each.uploads:
            name, repository, note = _destination(upload, urls, others)
            if name is not None:
                names[name] = None
            if repository is not None:
                new[repository.name] = repository
            if note:
                notes[note] = None
    if "pypi" in names:
        names.pop("testpypi", None)
    return tuple(names), tuple(new.values()), tuple(notes)


def _destination(
    upload: Upload, urls: Mapping[str, NewRepository], others: Mapping[str, NewRepository]
) -> tuple[str | None, NewRepository | None, str]:
    """The name of a destination, the repository to state for it, and what to tell."""
    stated = urls.get(upload.name or "")
    url = upload.url or (stated.url if stated is not None else None)
    if url is not None:
        return _at(url, upload.name, stated.origin if stated is not None else "the workflow")
    name = canonical(upload.name or "pypi")
    if name in BUILT_IN:
        return name, None, ""
    if (known := others.get(name)) is not None:
        return known.name, known, ""
    return None, None, f"it publishes to {upload.name!r}, whose URL is not stated: add `-r {upload.name}=URL`"


def _at(url: str, name: str | None, origin: str) -> tuple[str | None, NewRepository | None, str]:
    host = host_of(url)
    if host in _PYPI:
        return "pypi", None, ""
    if host in _TESTPYPI:
        return "testpypi", None, ""
    if host.endswith("pkg.github.com"):
        note = f"GitHub has no Python packages at {host}; `github` keeps wheels in its container registry, ghcr.io"
        return "github", None, note
    if not host or "$" in url or web_problem(url) is not None:
        return None, None, f"the URL that it publishes to can't be stated ({shown(url)}): add `-r NAME=URL`"
    own = name if name is not None and canonical(name) not in BUILT_IN else _name_of(host)
    return own, NewRepository(name=own, url=url, origin=origin), ""


def _name_of(host: str) -> str:
    """A name for the repository at a host: `corp` for `pypi.corp.example`."""
    labels = host.split(".")
    return labels[-2] if len(labels) > 1 and not labels[-1].isdigit() else "private"
