"""Every key of the configuration with its type, its default and what it means: for people.

What is read, and what is refused, is said by `config.parse`; defaults and choices come from the model.
Tests keep the three the same. Meanings may hold Markdown's backticks.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Iterable
from dataclasses import fields

from publish_all._values import dataclass
from publish_all.config.kinds import KINDS, RESERVED_KINDS
from publish_all.config.model import (
    Compression,
    ProjectConfig,
    RepositoryConfig,
    VariantConfig,
    VersionConfig,
    VersionSource,
    WheelConfig,
    When,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """`choices` is the closed set of values, if it is one; `default` is None where there is none to state."""

    name: str
    type: str
    meaning: str
    default: str | None = None
    choices: tuple[str, ...] = ()

    @property
    def shown_type(self) -> str:
        return ", ".join(json.dumps(each) for each in self.choices) or self.type


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A table of TOML, `NAME` and `TAG` standing for any; `model` is what it becomes."""

    table: str
    keys: tuple[Key, ...]


def _key(model: type[object], name: str, type_: str, meaning: str, *, default: str | None = None) -> Key:
    """A key that is a field of the model, with the default of that field unless another is worded."""
    return Key(name=name, type=type_, meaning=meaning, default=default or _default_of(model, name))


def _choice(model: type[object], name: str, choices: type[enum.Enum] | Iterable[str], meaning: str) -> Key:
    values = tuple(str(each.value) if isinstance(each, enum.Enum) else each for each in choices)
    return Key(name=name, type="string", meaning=meaning, default=_default_of(model, name), choices=values)


def _default_of(model: type[object], name: str) -> str | None:
    """The default of a field as TOML writes it, None where it has none or it is None or empty tables."""
    field = name.replace("-", "_")
    default = next(each.default for each in fields(model) if each.name == field)  # type: ignore[arg-type]  # the models are dataclasses
    match default:
        case enum.Enum():
            return json.dumps(default.value)
        case tuple():
            return json.dumps(list(default))
        case str() | bool():
            return json.dumps(default)
        case _:
            return None


_SDIST = "`true`; `false` with `wheels`"

_PROJECT = Section(
    table="[tool.publish-all]",
    keys=(
        _key(
            ProjectConfig,
            "publish-to",
            "list of names",
            "the repositories, in this order: a later one starts when the earlier is complete and verified",
        ),
        _key(
            ProjectConfig,
            "dist-dir",
            "path",
            "where wheels and sdists are written; inside of the repository or workspace",
        ),
        _key(
            ProjectConfig, "include-base", "boolean", "with variants: whether the project itself is built too"
        ),
        _key(
            ProjectConfig,
            "before-publish",
            "list of commands",
            "must pass before anything is uploaded; `publish` runs them after it has built, and `build` with "
            "`--manifest`. They get the variables that a build gets",
        ),
        _key(
            ProjectConfig,
            "build-environment",
            'list of names, such as `"DEMO_*"`',
            "environment variables that builds and `before-publish` get besides those that builds are known to "
            "read, see [what project code gets](../explanation/project-code.md). A variable whose name or value "
            "is that of a credential is never passed",
        ),
        _key(
            ProjectConfig,
            "private",
            "boolean",
            "never publish to `pypi` or `testpypi`. A classifier that starts with `Private ::` does the same",
        ),
        _choice(
            ProjectConfig,
            "compression",
            Compression,
            "how wheels and sdists are deflated, where hatchling or poetry-core makes them: `default` gives "
            "wheels that are byte for byte those of the backend, and sdists with the same tar inside another "
            "gzip stream, one to seven percent larger; `fast` takes a fraction of the time for files a few percent larger, and needs the "
            "extra `publish-all[fast]`",
        ),
        Key(
            name="repositories", type="tables", meaning="see [repositories](#toolpublish-allrepositoriesname)"
        ),
        Key(name="version", type="table", meaning="see [version](#toolpublish-allversion)"),
        Key(name="variants", type="tables", meaning="see [variants](#toolpublish-allvariantsname)"),
        Key(
            name="variant-defaults",
            type="table",
            meaning="what all variants share: the keys of a variant, but `name`",
        ),
        _key(ProjectConfig, "sdist", "boolean", "whether the project itself has an sdist", default=_SDIST),
        Key(
            name="wheels",
            type="tables",
            meaning="the platform wheels of the project itself, see [wheels](#wheels)",
        ),
    ),
)

_REPOSITORY = Section(
    table="[tool.publish-all.repositories.NAME]",
    keys=(
        Key(
            name="kind",
            type="string",
            choices=tuple(KINDS),
            default='"legacy"',
            meaning="; ".join(f"{name}: {each.meaning}" for name, each in KINDS.items())
            + "".join(f'. `"{each}"` is reserved' for each in RESERVED_KINDS),
        ),
        _key(
            RepositoryConfig,
            "url",
            "URL or path",
            "where uploads go. May hold `{owner}`, `{repository}` and `{name}`, the distribution's name",
        ),
        _key(
            RepositoryConfig,
            "index-url",
            "URL or path",
            "the simple index, to see what is there already and to verify",
            default="guessed from `url`",
        ),
        _key(RepositoryConfig, "username", "string", "the user name to log in with"),
        _key(
            RepositoryConfig,
            "owner",
            "string",
            "`{owner}` in `url`",
            default="`GITHUB_REPOSITORY_OWNER`, else the owner of the git remote `origin`",
        ),
        _key(
            RepositoryConfig,
            "link",
            '`"OWNER/REPOSITORY"`',
            "the GitHub repository that packages are linked to",
            default="`GITHUB_REPOSITORY`, else the git remote `origin`",
        ),
        _choice(RepositoryConfig, "attestations", When, "whether uploads are attested (PEP 740)"),
        _choice(
            RepositoryConfig,
            "trusted-publishing",
            When,
            "whether a token is asked for with the identity of the CI job",
        ),
        _key(
            RepositoryConfig,
            "audience",
            "string",
            "for whom identity tokens may be made out, if the index asks for another audience than its own "
            "host. In your own `config.toml` only, or `PUBLISH_ALL_REPOSITORIES_<NAME>_AUDIENCE`",
        ),
    ),
)

_VERSION = Section(
    table="[tool.publish-all.version]",
    keys=(
        _choice(
            VersionConfig,
            "source",
            VersionSource,
            "project: the static version, else what the build backend says; git: the tag; attribute: "
            "`__version__` in `path`",
        ),
        _key(VersionConfig, "path", "path", "for `attribute`: the Python file"),
        _key(
            VersionConfig,
            "tag-prefix",
            "string",
            'what tags begin with, literally. With `"v"` or `""` the v is optional',
        ),
        _choice(
            VersionConfig,
            "scheme",
            ("guess", "post"),
            "two commits after 1.2.3: guess makes `1.2.4.dev2`, post makes `1.2.3.post2.dev0`",
        ),
        _choice(
            VersionConfig,
            "local",
            ("none", "node", "node-and-date"),
            "node adds `+g` and 9 digits of the commit; node-and-date adds also `.dYYYYMMDD` when the tree "
            "is dirty",
        ),
        _choice(
            VersionConfig,
            "dirty",
            ("allow", "error"),
            "what to do when files are changed and not committed",
        ),
        _choice(
            VersionConfig,
            "shallow",
            ("error", "allow"),
            "what to do in a shallow clone whose tags are cut off",
        ),
        _key(
            VersionConfig,
            "fallback",
            "version",
            "the version where there is no tag and no repository; without it that is an error",
        ),
        _key(VersionConfig, "sync", "list", "the other places that must say the same version"),
    ),
)

_WHEEL_KEYS = (
    _key(WheelConfig, "include", "list of globs", "paths inside the wheel: keeps these only"),
    _key(WheelConfig, "exclude", "list of globs", "paths inside the wheel: leaves these out"),
    _key(
        WheelConfig,
        "force-include",
        "table path → path",
        "puts what is at the left into the wheel, at the right",
    ),
)

_VARIANT = Section(
    table="[tool.publish-all.variants.NAME]",
    keys=(
        _key(
            VariantConfig,
            "name",
            "string",
            "the name of the distribution",
            default="`<project>-<variant>`",
        ),
        _key(
            VariantConfig,
            "pyproject",
            "path",
            "a full pyproject.toml that replaces `[project]`, `[tool.*]` and `[build-system]` of ours",
        ),
        _key(
            VariantConfig,
            "overlay",
            "path",
            "a partial one that is merged over ours table by table; lists are replaced. Not together with "
            "`pyproject`",
        ),
        _key(
            VariantConfig,
            "layout",
            "table path → path",
            "build from a stage in which what is at the left stands at the right, with the other files of "
            "the root",
        ),
        Key(
            name="any `[project]` key",
            type="as there",
            meaning="replaces the project's; `optional-dependencies` extra by extra (see below)",
        ),
        _key(
            VariantConfig,
            "extend-dependencies",
            "list of dependencies",
            "adds; a dependency of the same name is replaced",
        ),
        _key(VariantConfig, "exclude-dependencies", "list of names", "drops"),
        *_WHEEL_KEYS,
        Key(name="tool.*", type="table", meaning="replaces, key by key, in that table"),
        Key(name="dependency-groups", type="table", meaning="replaces, group by group"),
        _key(VariantConfig, "publish-to", "list of names", "narrows the project's, for this variant"),
        _key(
            VariantConfig,
            "local-version",
            "string",
            "the local part of the version, after the `+`. PyPI takes none",
        ),
        _key(VariantConfig, "sdist", "boolean", "whether the variant has an sdist", default=_SDIST),
        Key(name="wheels", type="tables", meaning="see [wheels](#wheels)"),
    ),
)

_WHEEL = Section(table="[tool.publish-all.variants.NAME.wheels.TAG]", keys=_WHEEL_KEYS)

SECTIONS = (_PROJECT, _REPOSITORY, _VERSION, _VARIANT, _WHEEL)
"""In the order of docs/reference/configuration.md, whose tables are made from them."""
