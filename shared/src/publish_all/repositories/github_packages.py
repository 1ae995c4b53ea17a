"""Deletes from GitHub's container registry, which only works with GitHub's own API.

https://docs.github.com/rest/packages/packages
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from urllib.parse import quote

from publish_all.repositories.github_api import GitHubApi
from publish_all.repositories.repository import Removal

RIGHTS = (
    "To delete, use a classic personal access token with read:packages and delete:packages, as an admin of the package. "
    "In GitHub Actions: `permissions: packages: write`, and the role Admin for the repository under Manage Actions access "
    "in the settings of the package. GitHub does not delete public versions with more than 5,000 downloads; ask its support. "
    "To yank a release, packages: write is enough."
)


def deletion(
    api: GitHubApi, package: str, tagged: Mapping[str, str], listed: Mapping[str, str], *, alone: bool
) -> tuple[Removal, ...]:
    """The steps that delete manifests of a package (`sep/kindling`): the `tagged` ones first, then the `listed` files.

    Both map digests to names for people. `alone`: the package has no other tags. GitHub does not delete the last version
    that has one, so the whole package goes then. Raises `RepositoryError` and `CredentialError`.
    """
    owner, _, name = package.partition("/")
    path = f"{owner}/packages/container/{quote(name, safe='')}"
    place = f"/orgs/{path}" if api.get(f"/orgs/{path}") is not None else f"/users/{path}"
    delete = partial(api.write, "DELETE")
    if alone:
        whole = f"the whole package {package}: GitHub does not delete the last version alone"
        return (Removal((whole, *listed.values()), partial(delete, f"{api.url}{place}")),)
    url = f"{place}/versions"
    try:
        numbers = {each["name"]: int(each["id"]) for each in api.pages(f"{url}?per_page=100")}
        steps = {
            digest: numbers[digest] for digest in (*tagged, *(each for each in listed if each in numbers))
        }
    except (LookupError, TypeError, ValueError) as error:
        raise api.unreadable(f"{api.url}{url}") from error
    return tuple(
        Removal(
            (f"{tagged.get(digest) or listed[digest]} (GitHub's version {number})",),
            partial(delete, f"{api.url}{url}/{number}"),
            needed=digest in tagged,
        )
        for digest, number in steps.items()
    )
