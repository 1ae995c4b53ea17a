from __future__ import annotations

import html.parser
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publish_all._html import Tag, scan


def tag(name: str, **attributes: str) -> Tag:
    return Tag(name=name, attributes=attributes)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<p>a&amp;b</p>", [tag("p"), "a&b", Tag(name="p", end=True)]),
        ("""<A HREF='x y' b="&lt;" c=d e>""", [tag("a", href="x y", b="<", c="d", e="")]),
        ("<a href = x/y>", [tag("a", href="x/y")]),
        ("<a href=1 href=2>", [tag("a", href="1")]),
        ("<br/><br />", [tag("br"), tag("br")]),
        ("a <!-- <b> --> c", ["a ", " c"]),
        ("<!DOCTYPE html><?xml?>x", ["x"]),
        ("<script>if (a<b) '<p>'</script>x", [tag("script"), "if (a<b) '<p>'", Tag(name="script", end=True), "x"]),
        ("1 < 2", ["1 < 2"]),
        ("<a href='x", [tag("a")]),
        ("<!-- x", []),
        ("&#" + "9" * 5000 + ";", ["&#" + "9" * 5000 + ";"]),
    ],
)  # fmt: skip
def test_reads_tags_and_texts(text: str, found: list[Tag | str]) -> None:
    assert list(scan(text)) == found


@pytest.mark.parametrize(
    "piece",
    ["<", "<!", "<a ", "<a href='", "</", "<!--", "<![CDATA[", "<?", "<a a=", "&", "&#", "<script>", "<title>", "<a\n",
     "<a href=x ", "<!DOCTYPE ", "<a =", "<a / ", "<a a = ", "<a '", "<x", '"', "<a b=\"'"],
)  # fmt: skip
def test_takes_time_in_proportion_to_the_length(piece: str) -> None:
    text = "<html>" + piece * (1024 * 1024 // len(piece))
    began = time.process_time()
    for _ in scan(text):
        pass
    assert time.process_time() - began < 10


@given(st.text(alphabet="<>/!-='\" abAB&;#?\n"))
def test_no_text_is_an_error(text: str) -> None:
    list(scan(text))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "p", "br", "meta"]),
            st.dictionaries(st.sampled_from(["href", "data-x", "name"]), st.text(alphabet="ab c&<>'/=")),
            st.text(alphabet="abc &;"),
        )
    )
)
def test_reads_what_is_well_formed_as_the_standard_library_does(parts: list[Any]) -> None:
    text = "".join(
        f"<{name}"
        + "".join(f' {key}="{html.escape(value)}"' for key, value in attributes.items())
        + f">{words}"
        for name, attributes, words in parts
    )

    class Reference(html.parser.HTMLParser):
        tags: list[tuple[str, dict[str, str]]]

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.tags.append((tag, {name: value or "" for name, value in attrs}))

    reference = Reference()
    reference.tags = []
    reference.feed(text)
    reference.close()
    assert [(each.name, each.attributes) for each in scan(text) if isinstance(each, Tag)] == reference.tags
