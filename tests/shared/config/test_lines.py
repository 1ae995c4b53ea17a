from __future__ import annotations

import pytest

from publish_all._toml import loads
from publish_all.config.load import key_lines

TEXT = '''\
# comment = "no key"
top = 1
[a]
b = "x = 1" # c = 2
"d e" = [
  "[no.header]",  # ]
  { f = 1 },
]
g = """
h : 1
"""
i.j."k.l" = { m = 1 }

[ a . "x.y" ]   # spaces
q = \'\'\'
\'\'\'
r = 1
[[list]]
s = 1
[[list]]
s = 2
t = 1
'''


def test_finds_the_line_of_each_key():
    loads(TEXT)
    lines = key_lines(TEXT)

    assert {key: line for key, line in lines.items() if key[0] != "a"} == {
        ("top",): 2,
        ("list",): 18,
        ("list", "s"): 19,
        ("list", "t"): 22,
    }
    assert {key[1:]: line for key, line in lines.items() if key[0] == "a"} == {
        (): 3,
        ("b",): 4,
        ("d e",): 5,
        ("g",): 9,
        ("i",): 12,
        ("i", "j"): 12,
        ("i", "j", "k.l"): 12,
        ("x.y",): 14,
        ("x.y", "q"): 15,
        ("x.y", "r"): 17,
    }


def test_a_table_without_a_header_stands_where_its_first_content_does():
    assert key_lines("\n[a.b.c]\n\n[a]\n") == {("a", "b", "c"): 2, ("a",): 4, ("a", "b"): 2}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_both_line_ends(newline):
    assert key_lines(newline.join(["a = 1", "[b]", "c = '''", "'''", "d = 1"]))[("b", "d")] == 5


def test_a_long_file_is_scanned_in_linear_time():
    text = "[tool.x]\n" + "".join(f'key{n} = ["{"a" * 50}", """b"""]\n' for n in range(5000))

    assert key_lines(text)[("tool", "x", "key4999")] == 5001
