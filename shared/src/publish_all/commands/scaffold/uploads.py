"""Where a hand-made step uploads to, by the command or action that it uses. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from publish_all._values import dataclass

PYPI_ACTION = "pypa/gh-action-pypi-publish"


@dataclass(frozen=True, slots=True)
class Upload:
    """A destination as a tool states it: by `name`, by `url`, or neither for the tool's default, PyPI."""

    name: str | None = None
    url: str | None = None
    trusted: bool = False


def upload_of_action(action: str, inputs: Mapping[str, str]) -> Upload | None:
    """What the action for PyPI uploads to; None for any other action."""
    if action != PYPI_ACTION:
        return None
    url = inputs.get("repository-url") or inputs.get("repository_url") or None
    return Upload(url=url, trusted=not inputs.get("password"))


def upload_of(words: tuple[str, ...], variables: Mapping[str, str]) -> Upload | None:
    """What a command uploads to; None for one that doesn't. `variables` are those of its environment."""
    match words:
        case ("poetry", "publish", *rest):
            return Upload(name=_option(rest, "-r", "--repository"))
        case ("twine", "upload", *rest):
            url = _option(rest, "--repository-url") or variables.get("TWINE_REPOSITORY_URL")
            name = _option(rest, "-r", "--repository") or variables.get("TWINE_REPOSITORY")
            return Upload(name=None if url else name, url=url)
        case ("hatch", "publish", *rest):
            return _named(_option(rest, "-r", "--repo") or variables.get("HATCH_INDEX_REPO"))
        case ("uv", "publish", *rest):
            url = _option(rest, "--publish-url") or variables.get("UV_PUBLISH_URL")
            return Upload(name=None if url else _option(rest, "--index"), url=url)
        case ("flit", "publish", *rest):
            return Upload(name=_option(rest, "--repository"), url=variables.get("FLIT_INDEX_URL"))
        case ("pdm", "publish", *rest):
            return _named(_option(rest, "-r", "--repository") or variables.get("PDM_PUBLISH_REPO"))
        case _:
            return None


def _named(stated: str | None) -> Upload:
    """A repository that may be a name or a URL."""
    return Upload(url=stated) if stated and "://" in stated else Upload(name=stated)


def url_in_config(words: tuple[str, ...]) -> tuple[str, str] | None:
    """Name and URL of `poetry config repositories.NAME URL`."""
    match words:
        case ("poetry", "config", *rest):
            plain = [each for each in rest if not each.startswith("--")]
            if len(plain) == 2 and plain[0].startswith("repositories.") and "://" in plain[1]:
                return plain[0].removeprefix("repositories.").removesuffix(".url"), plain[1]
    return None


def _option(words: list[str], *names: str) -> str | None:
    for index, word in enumerate(words):
        if word in names and index + 1 < len(words):
            return words[index + 1]
        for name in names:
            if word.startswith(f"{name}=") and name.startswith("--"):
                return word.removeprefix(f"{name}=")
    return None
