"""PA23x: the version, git, and the places that state it."""

from __future__ import annotations

from catalogue_world.world import Case, World

FROM_GIT = '[tool.publish-all.version]\nsource = "git"\n'
DYNAMIC = 'dynamic = ["version"]'


def says(version: str):
    def change(world: World) -> None:
        world.project(more='[tool.publish-all.version]\nsync = ["conf.py"]')
        (world.root / "conf.py").write_text(f'__version__ = "{version}"\n')

    return change


def change_after_commit(world: World, name: str) -> None:
    (world.root / "module.py").write_text("x = 1\n")
    world.commit()
    (world.root / name).write_text("x = 2\n")


def other_tag_at_remote(world: World) -> None:
    world.commit(tag="v1.0")
    world.remote()
    world.git("push", "-q", "origin", "v1.0")
    world.commit()
    world.git("tag", "-f", "v1.0")


def tag_not_pushed(world: World) -> None:
    world.commit(tag="v1.0")
    world.remote()


def same_tag_at_remote(world: World) -> None:
    tag_not_pushed(world)
    world.git("push", "-q", "origin", "v1.0")


def remote_gone(world: World) -> None:
    world.commit(tag="v1.0")
    world.git("remote", "add", "origin", str(world.folder / "gone.git"))


def untagged(world: World, *, more: str = "") -> None:
    world.project(says=DYNAMIC, more=FROM_GIT + more)
    world.commit()


def shallow(world: World, *, tagged: bool) -> None:
    """The project is a clone of one commit; the tag is on the commit before, or on that one."""
    world.project(says=DYNAMIC, more=FROM_GIT)
    world.commit(tag=None if tagged else "v0.9")
    world.commit(tag="v1.0" if tagged else None)
    dist = {path.name: path.read_bytes() for path in world.dist.iterdir()}
    origin = world.folder / "origin"
    world.root.rename(origin)
    world.git("clone", "-q", "--depth", "1", origin.as_uri(), str(world.root), cwd=world.folder)
    world.dist.mkdir()
    for name, content in dist.items():
        (world.dist / name).write_bytes(content)


def unshallow(world: World) -> None:
    world.git("fetch", "-q", "--unshallow", "--tags")
    world.git("tag", "v1.0")  # the version that the files have


def after_a_tag(world: World) -> None:
    world.project(says=DYNAMIC, more=FROM_GIT)
    world.commit(tag="v0.9")
    world.commit()
    world.release(version="0.10.dev1")


def static_after_a_tag(world: World) -> None:
    world.commit(tag="v0.9")
    world.commit()


CASES = (
    Case(
        code="PA239",
        break_it=static_after_a_tag,
        next_step=lambda w: w.git("tag", "v1.0"),
        lookalike=lambda w: w.commit(),  # nothing is tagged at all
    ),
    Case(
        code="PA269",
        break_it=lambda w: (w.commit(tag="v1.0"), w.commit()),
        next_step=lambda w: w.git("checkout", "-q", "v1.0"),
        lookalike=lambda w: (w.commit(tag="v0.9"), w.commit(tag="v1.0")),
    ),
    Case(
        code="PA230",
        break_it=says("0.9"),
        next_step=says("1.0"),
        lookalike=says("1.0.0"),  # the same version by PEP 440
        exits=4,
        says="0.9",
    ),
    Case(
        code="PA231",
        break_it=lambda w: change_after_commit(w, "module.py"),
        next_step=lambda w: w.commit(),
        lookalike=lambda w: change_after_commit(w, "untracked.py"),
        exits=4,
    ),
    Case(
        code="PA232",
        break_it=lambda w: w.commit(tag="v0.9"),
        next_step=lambda w: (w.git("tag", "-d", "v0.9"), w.git("tag", "v1.0")),
        lookalike=lambda w: (w.commit(tag="v0.9"), w.commit()),
        exits=4,
        says="v0.9",
    ),
    Case(
        code="PA233",
        break_it=other_tag_at_remote,
        next_step=lambda w: w.git("push", "-q", "--force", "origin", "v1.0"),
        lookalike=same_tag_at_remote,
        exits=4,
    ),
    Case(
        code="PA234",
        break_it=tag_not_pushed,
        next_step=lambda w: w.git("push", "-q", "origin", "v1.0"),
        lookalike=lambda w: w.commit(tag="v1.0"),
    ),
    Case(
        code="PA235",
        break_it=remote_gone,
        next_step=lambda w: (
            w.git("remote", "remove", "origin"),
            w.remote(),
            w.git("push", "-q", "origin", "v1.0"),
        ),
        lookalike=lambda w: w.commit(tag="v1.0"),
    ),
    Case(
        code="PA236",
        break_it=untagged,
        next_step=lambda w: w.git("tag", "v1.0"),
        lookalike=lambda w: untagged(w, more='fallback = "1.0"\n'),
        exits=1,
    ),
    Case(
        code="PA237",
        break_it=lambda w: shallow(w, tagged=False),
        next_step=unshallow,
        lookalike=lambda w: shallow(w, tagged=True),
        exits=1,
    ),
    Case(
        code="PA238",
        break_it=after_a_tag,
        next_step=lambda w: (w.git("tag", "v1.0"), w.release()),
        lookalike=lambda w: (after_a_tag(w), w.git("tag", "v1.0"), w.release()),
    ),
)
