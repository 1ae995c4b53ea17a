"""PA6xx: OCI registries and GitHub Packages."""

from __future__ import annotations

import json

from catalogue_world.project_cases import WORKFLOW
from catalogue_world.world import Case, World
from oci_fakes.registry import Asked, Reply, error

PACKAGE = "sep/kindling_demo"


def at_github(world: World, secret: str = "ghp_good") -> None:
    world.project(to='["github"]', more='[tool.publish-all.repositories.github]\nowner = "sep"\n')
    world.environment["GITHUB_TOKEN"] = secret
    world.environment["GITHUB_ACTOR"] = "octocat"
    world.net.registry.users = {"octocat": "ghp_good"}


def github_says(message: str, *, method: str = "GET", path: str = "/token"):
    """GitHub refuses what is asked for so."""

    def change(world: World) -> None:
        at_github(world)

        def refuse(asked: Asked) -> Reply | None:
            if asked.method == method and path in asked.path:
                return error(403, "DENIED", message)
            return None

        world.net.registry.hooks.append(refuse)

    return change


def github_is_well(world: World) -> None:
    world.net.registry.hooks.clear()


def page_in_place_of_a_registry(world: World) -> None:
    at_github(world)
    page = Reply(200, b"<html>Welcome</html>", {"Content-Type": "text/html"})
    world.net.registry.hooks.append(lambda asked: page)


def image_there(world: World, tag: str) -> None:
    at_github(world)
    config = world.net.registry.put_blob(PACKAGE, b"{}")
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2},
        "layers": [],
    }
    world.net.registry.put(PACKAGE, tag, json.dumps(manifest).encode())


CASES = (
    Case(
        code="PA315",
        break_it=lambda w: at_github(w, "github_pat_11AAAA"),
        next_step=at_github,
        lookalike=lambda w: w.environment.update(GITHUB_TOKEN="github_pat_11AAAA"),
        exits=3,
    ),
    Case(
        code="PA601",
        break_it=lambda w: at_github(w, "github_pat_11AAAA"),
        next_step=at_github,
        lookalike=at_github,
        exits=3,
    ),
    Case(
        code="PA603",
        break_it=github_says("permission_denied: The token provided does not match expected scopes."),
        next_step=github_is_well,
        lookalike=lambda w: (
            at_github(w),
            w.workflow(WORKFLOW.replace("id-token: write", "packages: write")),
        ),
        exits=3,
    ),
    Case(
        code="PA604",
        break_it=github_says("permission_denied: write_package", method="POST", path="/blobs/uploads"),
        next_step=github_is_well,
        lookalike=at_github,
        exits=3,
    ),
    Case(
        code="PA605",
        break_it=github_says("installation not allowed to Create organization package"),
        next_step=github_is_well,
        lookalike=at_github,
        exits=3,
    ),
    Case(
        code="PA609",
        break_it=page_in_place_of_a_registry,
        next_step=github_is_well,
        lookalike=at_github,
        exits=4,
    ),
    Case(
        code="PA612",
        break_it=lambda w: (
            at_github(w, "ghp_old")
            or w.net.registry.hooks.append(
                lambda asked: (
                    error(401, "UNAUTHORIZED", "cannot be authenticated with the token provided")
                    if "/token" in asked.path and w.environment["GITHUB_TOKEN"] == "ghp_old"
                    else None
                )
            )
        ),
        next_step=lambda w: w.environment.update(GITHUB_TOKEN="ghp_good"),
        lookalike=at_github,
        exits=3,
    ),
    Case(
        code="PA621",
        break_it=lambda w: image_there(w, "1.0"),
        next_step=lambda w: w.net.registry.tags.clear(),
        lookalike=lambda w: image_there(w, "latest"),
        exits=4,
    ),
)
