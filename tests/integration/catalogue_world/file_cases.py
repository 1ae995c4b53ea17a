"""PA2xx: what is in the files."""

from __future__ import annotations

import os

from catalogue_world.world import Case, World

RST = "Title\n=====\n\n.. note::\n   :nosuch: option\n\n.. unknown-directive:: x\n"


def corp(world: World) -> None:
    world.corp_project()
    world.corp_user()


def with_headers(headers: str):
    return lambda world: world.release(headers=headers)


def at_version(version: str):
    def change(world: World) -> None:
        world.project(version=version)
        world.release(version=version)

    return change


def packages(*names: str):
    """Two build variants, which install these packages."""

    def change(world: World) -> None:
        tables = "".join(f"[tool.publish-all.variants.v{number}]\n" for number, _ in enumerate(names))
        world.project(more=tables)
        world.no_files()
        for number, package in enumerate(names):
            world.wheel(name=f"kindling-demo-v{number}", variant=f"v{number}", package=package)

    return change


def changed(world: World) -> None:
    path = world.a_wheel
    path.write_bytes(path.read_bytes() + b" ")


def requiring(text: str):
    """A project in a workspace, that requires something of its sibling."""

    def act(world: World) -> None:
        (world.root / "sibling").mkdir(exist_ok=True)
        (world.root / "sibling" / "pyproject.toml").write_text(
            '[build-system]\nrequires = ["hatchling"]\n[project]\nname = "sibling"\nversion = "1.0"\n'
        )
        world.project(more='[tool.publish-all.workspace]\nmembers = ["sibling"]\n')
        with_headers(f"Requires-Dist: {text}\n")(world)

    return act


CASES = (
    Case(
        code="PA201",
        break_it=lambda w: w.release(cut=30),
        next_step=lambda w: w.release(),
        lookalike=lambda w: w.release(members={"kindling_demo/data.bin": bytes(30)}),
        exits=4,
    ),
    Case(
        code="PA202",
        break_it=lambda w: w.release(unrecorded={"kindling_demo/extra.py": b"x = 1\n"}),
        next_step=lambda w: w.release(members={"kindling_demo/extra.py": b"x = 1\n"}),
        lookalike=lambda w: w.release(members={"kindling_demo/RECORD": b"x,,\n"}),
        exits=4,
        says="kindling_demo/extra.py",
    ),
    Case(
        code="PA203",
        break_it=with_headers("Requires-Python: three\n"),
        next_step=with_headers("Requires-Python: >=3.9\n"),
        lookalike=with_headers("Requires-Python: >=3.8,!=3.9.*\n"),
        exits=4,
    ),
    Case(
        code="PA204",
        break_it=lambda w: w.release(readme=RST, content_type="text/x-rst"),
        next_step=lambda w: w.release(readme="Title\n=====\n", content_type="text/x-rst"),
        lookalike=lambda w: w.release(readme=RST, content_type="text/markdown"),
        exits=4,
    ),
    Case(
        code="PA270",
        break_it=lambda w: w.release(content_type=""),
        next_step=lambda w: w.release(),
        lookalike=lambda w: w.release(content_type="text/plain"),
    ),
    Case(
        code="PA271",
        break_it=requiring("sibling>=1"),
        next_step=requiring("packaging>=1"),
        lookalike=requiring("sibling-tools>=1"),
        exits=4,
        says="sibling>=1",
    ),
    Case(
        code="PA272",
        break_it=requiring("sibling"),
        next_step=requiring("packaging"),
        lookalike=requiring("sibling-tools"),
        exits=4,
        says="'sibling'",
    ),
    Case(
        code="PA205",
        break_it=with_headers("Classifier: Topic :: Kindling\n"),
        next_step=with_headers("Classifier: Topic :: Database\n"),
        lookalike=with_headers("Classifier: Typing :: Typed\n"),
        exits=4,
        says="Topic :: Kindling",
    ),
    Case(
        code="PA207",
        break_it=at_version("1.0+abc"),
        next_step=at_version("1.0"),
        lookalike=at_version("1.0.post1"),
        exits=4,
    ),
    Case(
        code="PA208",
        break_it=lambda w: w.project(top="private = true"),
        next_step=lambda w: w.project(),
        lookalike=lambda w: (corp(w), w.corp_project(top="private = true")),
        exits=4,
    ),
    Case(
        code="PA209",
        break_it=lambda w: w.release(tag="py3-none-linux_x86_64"),
        next_step=lambda w: w.release(tag="py3-none-manylinux_2_28_x86_64"),
        lookalike=lambda w: w.release(tag="py3-none-musllinux_1_2_x86_64"),
        exits=4,
        says="linux_x86_64",
    ),
    Case(
        code="PA210",
        break_it=with_headers("Requires-Dist: rich @ https://files.example/rich.whl\n"),
        next_step=with_headers("Requires-Dist: rich>=13\n"),
        lookalike=with_headers("Project-URL: rich, https://files.example/rich.whl\n"),
        exits=4,
    ),
    Case(
        code="PA211",
        break_it=lambda w: w.release(members={"kindling_demo/.env": b"X=1\n"}),
        next_step=lambda w: w.release(),
        lookalike=lambda w: w.release(members={"kindling_demo/env.py": b"X=1\n"}),
        exits=4,
        says=".env",
    ),
    Case(
        code="PA212",
        break_it=lambda w: w.release(members={"kindling_demo/../other/x.py": b""}),
        next_step=lambda w: w.release(members={"kindling_demo/x.py": b""}),
        lookalike=lambda w: w.release(members={"kindling_demo/a..b.txt": b""}),
        exits=4,
    ),
    Case(
        code="PA213",
        break_it=lambda w: w.release(summary="x" * 513),
        next_step=lambda w: w.release(summary="short"),
        lookalike=lambda w: w.release(summary="x" * 512),
        exits=4,
    ),
    Case(
        code="PA214",
        break_it=changed,
        next_step=lambda w: w.release(),
        lookalike=lambda w: os.utime(w.a_wheel, (1, 1)),
        exits=4,
    ),
    Case(
        code="PA215",
        break_it=lambda w: w.release(readme=""),
        next_step=lambda w: w.release(),
        lookalike=lambda w: w.release(readme="x\n"),
    ),
    Case(
        code="PA216",
        break_it=lambda w: w.release(empty=True),
        exits=4,
        next_step=lambda w: w.release(),
        lookalike=lambda w: w.release(empty=True, members={"kindling_demo.py": b""}),
    ),
    Case(
        code="PA217",
        break_it=packages("kindling", "kindling"),
        next_step=packages("kindling_one", "kindling_two"),
        lookalike=packages("kindling", "kindling_x"),
    ),
)
