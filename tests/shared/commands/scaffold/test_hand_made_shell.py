from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publish_all.commands.scaffold.hand_made import commands_of


def words(script, variables=None):
    return commands_of(script, variables or {})


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (
            "cp -r a build/ && cd build; poetry build",
            [("cp", "-r", "a", "build/"), ("cd", "build"), ("poetry", "build")],
        ),
        ("# a comment\necho 'a b'  # more\n\n", [("echo", "a b")]),
        (
            "twine upload \\\n  -r corp \\\n  dist/*\nls",
            [("twine", "upload", "-r", "corp", "dist/*"), ("ls",)],
        ),
        ("a || b", [("a",), ("b",)]),
        ("ls > log", [("ls",)]),
        ("(cd build && ls)", [("(",), ("cd", "build"), ("ls",), (")",)]),
        ("", []),
    ],
)
def test_gives_simple_commands_in_order(script, expected):
    assert words(script) == expected


def test_knows_variables():
    script = 'p=synapse\nexport CONFIG="build-configs/$p.toml"\ncp ${CONFIG} $HOME/x\nX=1 run $given'
    assert words(script, {"given": "it"}) == [("cp", "build-configs/synapse.toml", "$HOME/x"), ("run", "it")]


def test_unrolls_loops():
    script = "for p in synapse fabric; do\n  cp build-configs/$p.toml build/\ndone\nls"
    assert words(script) == [
        ("cp", "build-configs/synapse.toml", "build/"),
        ("cp", "build-configs/fabric.toml", "build/"),
        ("ls",),
    ]


def test_unrolls_loops_in_loops_over_lists_in_variables():
    script = 'ALL="a b"\nfor x in $ALL; do for y in 1 2; do echo $x$y; done; done'
    assert words(script) == [("echo", each) for each in ("a1", "a2", "b1", "b2")]


@pytest.mark.parametrize(
    "script",
    ["cat a | sort", "while read x; do ls; done", "if [ -f a ]; then ls; fi", "cat <<EOF", "echo 'open"],
)
def test_says_what_is_not_simple(script):
    assert len(commands_of(script, {})[0]) == 1


def test_goes_into_a_condition():
    assert words("if [ -f a ]\nthen\n  poetry build\nfi\nls")[1:] == [("poetry", "build"), ("ls",)]


def test_a_script_that_never_ends_is_cut():
    script = "".join(f"for x{n} in {'1 ' * 50}; do " for n in range(3)) + "ls; " + "done; " * 3
    assert len(commands_of(script, {})) == 1000


PIECES = st.sampled_from(
    ["for", "x", "in", "do", "done", "if", "then", "fi", "(", ")", ";", "\n", "&&", "|", "'", '"', "$x", "${x}", "=",
     "$(basename $x .y)", "cp", "cd", "-", "..", "*", "#", "\\", ">", "<<", " ", "é", "export", "poetry", "build"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=25))
def test_no_script_is_too_odd_to_be_read(pieces):
    for joint in ("", " "):
        for command in commands_of(joint.join(pieces), {"x": "a/b.y"}):
            assert command
