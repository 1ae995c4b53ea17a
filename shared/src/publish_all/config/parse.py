"""The keys of `[tool.publish-all]`, and their conversion from TOML values to `ProjectConfig`. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from publish_all._toml import table as toml_table
from publish_all.config import rules
from publish_all.config.builtin import ADDRESS, BUILT_IN, FIXED, canonical
from publish_all.config.kinds import KINDS, LEGACY
from publish_all.config.model import (
    EMPTY,
    AcceptedFinding,
    Compression,
    Pin,
    ProjectConfig,
    RepositoryConfig,
    Scope,
    SyncPlace,
    VersionConfig,
    VersionSource,
    When,
    WorkspaceConfig,
)
from publish_all.config.reading import (
    Choice,
    Key,
    Problems,
    Reader,
    Value,
    build,
    choice,
    field_of,
    fields,
    flag,
    items,
    mapping,
    readers,
    table,
    text,
    texts,
)
from publish_all.config.variants import SDIST, destinations, variant_defaults, variants, wheels

PYPROJECT = "pyproject.toml"
TABLE = ("tool", "publish-all")


def parse_project(
    pyproject: Mapping[str, Any], *, root: Path, file: str = PYPROJECT, origins: Mapping[str, str] = EMPTY
) -> ProjectConfig:
    """The configuration in a pyproject.toml, with defaults for everything that `[tool.publish-all]` does not set.

    `file` and `origins` (dotted key path → `file:line`) are for messages. Raises a `ConfigurationError` with
    all unknown keys, wrong types and wrong values.
    """
    problems = Problems(file, origins)
    stated = toml_table(pyproject, "tool").get("publish-all", {})
    found = fields(Value(stated, TABLE, problems), readers(PROJECT))
    problems.raise_if_any()
    private = found.pop("private", False) or _has_private_classifier(pyproject)
    own = {key: origin for key, origin in origins.items() if key.startswith("tool.publish-all.")}
    return build(
        ProjectConfig, found, root=root, pyproject=pyproject, private=private, origins=MappingProxyType(own)
    )


def _has_private_classifier(pyproject: Mapping[str, Any]) -> bool:
    """Whether there is a classifier such as `Private :: Do Not Upload`, which PyPI rejects."""
    metadata = (toml_table(pyproject, "project"), toml_table(pyproject, "tool", "poetry"))
    for values in metadata:
        stated = values.get("classifiers")
        if isinstance(stated, list) and any(str(each).startswith("Private ::") for each in stated):
            return True
    return False


# --- repositories


def repositories(scope: Scope) -> Reader:
    """Read `[repositories.NAME]` tables by name, in order. Aliases of built-in repositories get their real names."""

    def read(found: Value) -> Mapping[str, RepositoryConfig]:
        configs: dict[str, RepositoryConfig] = {}
        written: dict[str, str] = {}
        for name in table(found):
            key = canonical(name)
            if (trouble := rules.name_problem(name)) is not None:
                found.at(name).add(trouble)
            elif key in written:
                message = f"{written[key]!r} and {name!r} are the same repository"
                found.at(name).add(message, hint="Rename one of them.")
            else:
                written[key] = name
                shown = key if key in BUILT_IN else name
                configs[shown] = _repository(found.at(name), shown, scope)
        return MappingProxyType(configs)

    return read


def _repository(found: Value, name: str, scope: Scope) -> RepositoryConfig:
    refused = _refused(name, str(found.path[-1])) if scope is Scope.PROJECT else {}
    stated = fields(found, readers(REPOSITORY), refused=refused)
    keys = tuple(stated)
    kind = stated.pop("kind", BUILT_IN[name].kind if name in BUILT_IN else LEGACY)
    for key, problem in (("url", kind.url_problem), ("index-url", kind.index_url_problem)):
        if key in stated and (trouble := problem(stated[key])) is not None:
            found.at(key).add(trouble)
    origin = found.problems.origin
    return build(
        RepositoryConfig,
        {"url": None, **stated},
        name=name,
        kind=kind,
        scope=scope,
        origin=origin((*found.path, "url")),
        origins=MappingProxyType({key: origin((*found.path, key)) for key in keys}),
    )


def _refused(name: str, written: str) -> dict[str, tuple[str, str]]:
    """The keys that a project cannot set, because they could send tokens of the user to another server."""
    variable = f"PUBLISH_ALL_REPOSITORIES_{rules.variable_part(name)}"
    where = "your own publish-all/config.toml"
    also = "" if name == written else f" ({written!r} is an alias)"
    audience = (
        "a project cannot set the audience of identity tokens, because another service could then use them in your name",
        f"Set {variable}_AUDIENCE, or set it in {where}.",
    )
    address = (
        f"a project cannot change the URL of the built-in repository {name!r}{also}, because that could redirect your token",
        f"Use another name, such as my-{name}, or set {variable}_URL, or set the URL in {where}.",
    )
    return {"audience": audience} | (dict.fromkeys(ADDRESS, address) if name in FIXED else {})


REPOSITORY = (
    Key(
        "kind",
        Choice(KINDS),
        "; ".join(f"{name}: {each.meaning}" for name, each in KINDS.items()),
        default='"legacy"',
    ),
    Key(
        "url",
        text(),
        "the upload address. It can contain `{owner}`, `{repository}` and `{name}`, the distribution's name",
        type="URL or path",
    ),
    Key(
        "index-url",
        text(),
        "the simple index: used to find files that are already uploaded, and to verify uploads",
        type="URL or path",
        default="guessed from `url`",
    ),
    Key("username", text(rules.not_empty), "the user name to log in with"),
    Key(
        "owner",
        text(rules.owner_problem),
        "the value of `{owner}` in `url`",
        default="`GITHUB_REPOSITORY_OWNER`, else the owner of the git remote `origin`",
    ),
    Key(
        "link",
        text(rules.link_problem),
        "the GitHub repository that packages are linked to",
        type='`"OWNER/REPOSITORY"`',
        default="`GITHUB_REPOSITORY`, else the git remote `origin`",
    ),
    Key("attestations", choice(*When), "whether to upload attestations (PEP 740)"),
    Key("trusted-publishing", choice(*When), "whether to get a token with the identity of the CI job"),
    Key(
        "audience",
        text(rules.not_empty),
        "the allowed audience of identity tokens, if the index asks for another one than its host. "
        "Only in your own `config.toml`, or as `PUBLISH_ALL_REPOSITORIES_<NAME>_AUDIENCE`",
    ),
)

FIELDS: Mapping[str, str] = MappingProxyType({key.name: field_of(key.name) for key in REPOSITORY})
"""The keys of a repository in TOML, and the fields they become."""


# --- version


def _version(found: Value) -> VersionConfig:
    config = build(VersionConfig, fields(found, readers(VERSION)))
    if config.source is VersionSource.ATTRIBUTE and "path" not in found.value:
        found.at("source").add(
            'is "attribute", which needs a path',
            hint='Set tool.publish-all.version.path, such as "src/demo/__init__.py".',
        )
    return config


def _sync_place(found: Value) -> SyncPlace | None:
    if isinstance(found.value, str):
        path = text(rules.glob_problem)(found)
        return SyncPlace(path=path) if path is not None else None
    expected = {"path": text(rules.glob_problem), "pattern": text(_pattern_problem)}
    stated = fields(found, expected, required=["path"])
    return build(SyncPlace, stated) if "path" in stated else None


def _pattern_problem(pattern: str) -> str | None:
    if pattern.count("{version}") == 1:
        return None
    return f"{pattern!r} must contain {{version}} exactly once"


def _tag_prefix_problem(prefix: str) -> str | None:
    """Characters that git does not allow in the name of a tag (git-check-ref-format)."""
    if any(character in prefix for character in " ~^:?*[\\") or ".." in prefix or not prefix.isprintable():
        return f"{prefix!r} is not a valid start of a git tag: white space, .. and the characters ~^:?*[\\ are not allowed"
    return None


VERSION = (
    Key(
        "source",
        choice(*VersionSource),
        "project: the static version, or else the version that the build backend computes; git: the tag; "
        "attribute: `__version__` in `path`",
    ),
    Key("path", text(rules.source_problem), "for `attribute`: the Python file", type="path"),
    Key(
        "tag-prefix",
        text(_tag_prefix_problem),
        'the literal text before the version in a tag. With `"v"` or `""` the v is optional',
    ),
    Key(
        "scheme",
        choice("guess", "post"),
        "the version two commits after 1.2.3: `1.2.4.dev2` with guess, `1.2.3.post2.dev0` with post",
    ),
    Key(
        "local",
        choice("none", "node", "node-and-date"),
        "node adds `+g` and 9 digits of the commit's hash; node-and-date also adds `.dYYYYMMDD` if there are "
        "uncommitted changes",
    ),
    Key("dirty", choice("allow", "error"), "whether uncommitted changes are an error"),
    Key("shallow", choice("error", "allow"), "whether a shallow clone without its tags is an error"),
    Key(
        "fallback",
        text(rules.version_problem),
        "the version if there is no tag and no repository. Without it, that is an error",
        type="version",
    ),
    Key("sync", items(_sync_place), "other files that must contain the same version", type="list"),
)


# --- workspace


WORKSPACE = (
    Key(
        "members",
        texts(rules.target_problem),
        "folders of projects. Globs are allowed: `packages/*`",
        type="list of paths",
        default="the members in `[tool.uv.workspace]`, Hatch's workspaces or Poetry's path dependencies",
    ),
    Key("exclude", texts(rules.target_problem), "folders that are not members", type="list of paths"),
    Key(
        "pin",
        choice(*Pin),
        "the version that a distribution requires of another member, if the dependency has none. For core 1.4.0: "
        "compatible writes `core>=1.4,<2` (below 1.0: `core>=0.4,<0.5`), exact `core==1.4.0`, none `core`",
    ),
)


def _workspace(found: Value) -> WorkspaceConfig:
    return build(WorkspaceConfig, fields(found, readers(WORKSPACE)))


# --- the project


def _code_problem(code: str) -> str | None:
    return None if re.fullmatch(r"PA2\d\d", code) else f"{code!r} must be the code of a check, such as PA211"


def _accepted(found: Value) -> AcceptedFinding | None:
    expected = {"code": text(_code_problem), "files": texts(rules.not_empty), "reason": text(rules.not_empty)}
    stated = fields(found, expected, required=["code", "reason"])
    return build(AcceptedFinding, stated) if {"code", "reason"} <= stated.keys() else None


def _checks(found: Value) -> tuple[AcceptedFinding, ...]:
    accepted: tuple[AcceptedFinding, ...] = fields(found, {"accept": items(_accepted)}).get("accept", ())
    return accepted


def _variable_problem(name: str) -> str | None:
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*\*?", name):
        return None
    return f"{name!r} must be the name of an environment variable, or a prefix and `*`, such as NAME_*"


PROJECT = (
    Key(
        "publish-to",
        destinations,
        "the repositories, in this order. The next one starts when the previous one is complete and verified",
        type="list of names",
    ),
    Key(
        "dist-dir",
        text(rules.path_problem),
        "the folder for wheels and sdists. It must be inside the repository or workspace",
        type="path",
    ),
    Key(
        "include-base",
        flag,
        "in a project with variants: whether to build the project itself, too",
        type="boolean",
    ),
    Key(
        "before-publish",
        texts(rules.not_empty),
        "commands that must succeed before the first upload. `publish` and `build --manifest` run them after the "
        "build, with the environment variables of a build",
        type="list of commands",
    ),
    Key(
        "build-environment",
        texts(_variable_problem),
        "further environment variables for builds and `before-publish`, see "
        "[what project code gets](../explanation/project-code.md). A variable with the name or value of a "
        "credential is never passed",
        type='list of names, such as `"DEMO_*"`',
    ),
    Key(
        "private",
        flag,
        "never publish to `pypi` or `testpypi`. A classifier that starts with `Private ::` does the same",
        type="boolean",
    ),
    Key(
        "compression",
        choice(*Compression),
        "how wheels and sdists of hatchling and poetry-core are compressed. `default`: wheels are byte for byte "
        "those of the backend; sdists of build variants have the same tar in another gzip stream, one to seven "
        "percent larger. `fast`: much faster, for files a few percent larger; needs the extra `publish-all[fast]`",
    ),
    Key(
        "repositories",
        repositories(Scope.PROJECT),
        "see [repositories](#toolpublish-allrepositoriesname)",
        type="tables",
    ),
    Key("version", _version, "see [version](#toolpublish-allversion)", type="table"),
    Key("workspace", _workspace, "see [workspace](#toolpublish-allworkspace)", type="table"),
    Key("variants", variants, "see [variants](#toolpublish-allvariantsname)", type="tables"),
    Key(
        "variant-defaults",
        variant_defaults,
        "keys for all variants. All keys of a variant except `name` are allowed",
        type="table",
    ),
    Key(
        "checks",
        _checks,
        "`accept`: a list of findings that are correct but harmless, each as `{ code, files, reason }`. `files` are "
        "patterns of paths in the archive. An accepted finding becomes a note",
        type="table",
    ),
    Key("sdist", flag, "whether to build an sdist of the project itself", type="boolean", default=SDIST),
    Key("wheels", wheels, "the platform wheels of the project itself, see [wheels](#wheels)", type="tables"),
)


# --- other tools' tables


_SHAPE: Mapping[Reader, str] = {
    text(): "project.name project.version build-system.build-backend tool.poetry.name tool.poetry.version",
    texts(): "project.dynamic project.dependencies project.classifiers project.keywords build-system.requires",
    mapping(texts()): "project.optional-dependencies",
    items(
        lambda found: found
    ): "tool.poetry.packages tool.poetry.include tool.poetry.exclude tool.poetry.classifiers "
    "tool.poetry.keywords tool.poetry.authors",
    table: "dependency-groups project build-system tool tool.poetry project.scripts project.gui-scripts "
    "project.entry-points project.urls tool.poetry.dependencies tool.poetry.extras tool.poetry.group "
    "tool.poetry.scripts tool.poetry.plugins tool.poetry.urls",
}
"""Readers of keys that publish-all reads in tables of other tools, by the types in the specifications of the tools."""


def check_shape(pyproject: Mapping[str, Any], file: Path) -> None:
    """Raise `ConfigurationError` for keys of other tools' tables that have another type than the tool specifies."""
    problems = Problems(str(file))
    for read, paths in _SHAPE.items():
        for path in paths.split():
            *above, key = path.split(".")
            if key in toml_table(pyproject, *above):
                found = Value(pyproject, (), problems)
                for each in (*above, key):
                    found = found.at(each)
                read(found)
    problems.raise_if_any()
