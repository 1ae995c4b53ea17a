"""Functions for the Poetry plugin, which give our versions and repositories to Poetry.

Everything is in memory. Imports nothing that costs time: it is imported for each of Poetry's commands, and what
more it takes when a project is read that takes its version from publish-all.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from publish_all.errors import PublishAllError

if TYPE_CHECKING:
    from publish_all.commands.destinations import ConnectionOptions
    from publish_all.credentials.credential_source import Credential

_MARK = "_publish_all"


def tell_poetry(environment: Mapping[str, str], *, failure: type[Exception]) -> None:
    """From now on, Poetry's factory reads the version of such projects as if it were written down.

    `failure` is raised with the message and hint if there is no version. A second
    call changes nothing.
    """
    from poetry.core.factory import Factory

    if hasattr(Factory, _MARK):
        return
    locate, validate = Factory.__dict__["locate"].__func__, Factory.__dict__["validate"].__func__
    root = Path()  # of the project that was found last
    known: dict[Path, str] = {}

    def our_locate(cls: type[Factory], cwd: Path | None = None) -> Path:
        nonlocal root
        path: Path = locate(cls, cwd)
        root = path.parent.absolute()
        return path

    def our_validate(
        cls: type[Factory], toml_data: dict[str, Any], strict: bool = False
    ) -> dict[str, list[str]]:
        if "publish-all" in toml_data.get("tool", {}):
            from publish_all.version.static import asks_us
            from publish_all.version.toml_text import lacks_version, state_version

            if lacks_version(toml_data) and asks_us(toml_data):
                if root not in known:
                    known[root] = _version(toml_data, root, environment, failure)
                state_version(toml_data, known[root])
        result: dict[str, list[str]] = validate(cls, toml_data, strict)
        return result

    ours = {"locate": classmethod(our_locate), "validate": classmethod(our_validate), _MARK: True}
    for name, value in ours.items():
        setattr(Factory, name, value)


def _version(
    values: Mapping[str, Any], root: Path, environment: Mapping[str, str], failure: type[Exception]
) -> str:
    from publish_all.version.version_source import version_for_build

    try:
        return version_for_build(values, root, environment=environment)
    except PublishAllError as error:
        raise failure(error.with_hint) from error


def static_sdists(pyproject: Mapping[str, Any]) -> None:
    """Write the version to sdists that Poetry builds in its process, if the project takes it from us."""
    if "publish-all" not in pyproject.get("tool", {}):
        return
    from publish_all.version.static import asks_us

    if asks_us(pyproject):
        from poetry.masonry.builders import BUILD_FORMATS

        from publish_all.version.poetry_version import StaticSdistBuilder

        BUILD_FORMATS["sdist"] = StaticSdistBuilder


def configures_version(pyproject: Mapping[str, Any]) -> bool:
    """Whether `[tool.publish-all.version]` has settings, so that we set the version."""
    ours = pyproject.get("tool", {}).get("publish-all", {})
    return isinstance(ours, Mapping) and bool(ours.get("version"))


def repository_for_poetry(
    directory: Path, name: str, *, project: str, mint: bool, own_url: str | None = None
) -> tuple[str | None, Credential | None]:
    """The URL of the repository of that name, None where Poetry cannot speak to it, and its credential.

    `project` is the distribution's name, which tokens may be scoped to. Without `mint` no token is asked
    from an index for it (a dry run must not). `own_url` is the URL of this name in Poetry: if
    our URL differs, Poetry's is used, without our credential. Raises `ConfigurationError` for an
    unknown repository, `CredentialError` for a broken credential.
    """
    from packaging.utils import canonicalize_name

    from publish_all.commands.destinations import ConnectionOptions, open_connection
    from publish_all.config.addresses import same_url
    from publish_all.config.load import load_project
    from publish_all.credentials.credential_source import CredentialRequest, Purpose

    options = ConnectionOptions(repositories=(name,))
    connection = open_connection(load_project(directory), options)
    (config,) = connection.chosen
    if not config.kind.standard_api or config.url is None:
        return None, None
    if own_url is not None and not same_url(own_url, config.url):
        return own_url, None
    request = CredentialRequest(
        config=config, url=config.url, project=canonicalize_name(project), purpose=Purpose.UPLOAD
    )
    ask = connection.credentials.get if mint else connection.credentials.plausible
    return config.url, ask(request)


def connection_of_poetry(
    name: str, *, username: str, password: str, ca_cert: str, client_cert: str
) -> ConnectionOptions:
    """The connection options of Poetry's command line. Empty texts are ignored."""
    from publish_all._secret import Secret
    from publish_all.commands.destinations import ConnectionOptions

    return ConnectionOptions(
        repositories=(name,),
        username=username or None,
        password=Secret(password) if password else None,
        ca_cert=Path(ca_cert) if ca_cert else None,
        client_cert=Path(client_cert) if client_cert else None,
    )
