"""Edits of TOML texts: one value changes, every other byte stays."""

from __future__ import annotations

import pytest

from publish_all.errors import VersionError
from publish_all.version.toml_text import find_string, with_static_version

STRINGS = {
    "plain": ('[project]\nversion = "1.2.3"\n', '[project]\nversion = "1.3.0"\n'),
    "single quotes, comment": (
        "[project]\nversion='1.2.3' # here\nname = 'x'",
        "[project]\nversion='1.3.0' # here\nname = 'x'",
    ),
    "CRLF": (
        '[project]\r\nname = "x"\r\nversion = "1.2.3"\r\n',
        '[project]\r\nname = "x"\r\nversion = "1.3.0"\r\n',
    ),
    "decoys": (
        (
            '# version = "1.2.3"\n[tool.x]\nversion = "1.2.3"\ntext = """\n[project]\nversion = "1.2.3"\n"""\n'
            '[project]\nversion = "1.2.3"\n[tool.y]\nversion = "1.2.3"\n'
        ),
        (
            '# version = "1.2.3"\n[tool.x]\nversion = "1.2.3"\ntext = """\n[project]\nversion = "1.2.3"\n"""\n'
            '[project]\nversion = "1.3.0"\n[tool.y]\nversion = "1.2.3"\n'
        ),
    ),
    "dotted key": ('project.version = "1.2.3"\n', 'project.version = "1.3.0"\n'),
    "quoted key": ('["project"]\n"version" = "1.2.3"\n', '["project"]\n"version" = "1.3.0"\n'),
    "inline table": (
        'project = { name = "x", version = "1.2.3" }',
        'project = { name = "x", version = "1.3.0" }',
    ),
    "triple quotes": ('[project]\nversion = """1.2.3"""\n', '[project]\nversion = """1.3.0"""\n'),
    "escapes": ('[project]\nversion = "1\\u002e2.3"\n', '[project]\nversion = "1.3.0"\n'),
    "a key that ends the same": (
        '[project]\nmy-version = "1.2.3"\nversion = "1.2.3"\n',
        '[project]\nmy-version = "1.2.3"\nversion = "1.3.0"\n',
    ),
    "in a comment behind": (
        '[project]\nname = "x" # version = "1.2.3"\nversion = "1.2.3"\n',
        '[project]\nname = "x" # version = "1.2.3"\nversion = "1.3.0"\n',
    ),
    "not a number elsewhere": (
        '[project]\nversion = "1.2.3"\n[tool.x]\ny = nan\nd = 1979-05-27T07:32:00Z\n',
        '[project]\nversion = "1.3.0"\n[tool.x]\ny = nan\nd = 1979-05-27T07:32:00Z\n',
    ),
    "above U+FFFF": (
        '[project]\nname = "😀"\nversion = "1.2.3"\n',
        '[project]\nname = "😀"\nversion = "1.3.0"\n',
    ),
}


@pytest.mark.parametrize(("before", "after"), STRINGS.values(), ids=STRINGS)
def test_finds_the_value_alone(before: str, after: str) -> None:
    ((start, end),) = find_string(before, ("project", "version"))
    assert before[:start] + "1.3.0" + before[end:] == after


def test_finds_nothing_where_there_is_no_string() -> None:
    assert find_string('[project]\nname = "x"', ("project", "version")) == []
    assert find_string("[project]\nversion = 1", ("project", "version")) == []
    assert find_string("x = 1", ("project", "version")) == []


def test_refuses_what_is_not_toml() -> None:
    with pytest.raises(VersionError, match=r"overlay\.toml: is not valid TOML"):
        find_string("[project", ("project", "version"), where="overlay.toml")


STATIC = {
    "alone": (
        '[project]\nname = "x"\ndynamic = ["version"]\nreadme = "r"\n',
        '[project]\nname = "x"\nversion = "1.2.3"\nreadme = "r"\n',
    ),
    "with a comment": ('[project]\ndynamic = [ "version" ] # git\n', '[project]\nversion = "1.2.3" # git\n'),
    "with others": (
        '[project]\nname = "x"\ndynamic = ["classifiers", "version", "readme"]\n',
        '[project]\nname = "x"\nversion = "1.2.3"\ndynamic = ["classifiers", "readme"]\n',
    ),
    "over lines": (
        '[project]\ndynamic = [\n  "version", # not ] here\n]\nname = "x"\n',
        '[project]\nversion = "1.2.3"\nname = "x"\n',
    ),
    "CRLF": (
        '[project]\r\ndynamic = ["version", "readme"]\r\nname = "x"\r\n',
        '[project]\r\nversion = "1.2.3"\r\ndynamic = ["readme"]\r\nname = "x"\r\n',
    ),
    "dotted": (
        'project.name = "x"\nproject.dynamic = ["version", "readme"]\n',
        'project.name = "x"\nproject.version = "1.2.3"\nproject.dynamic = ["readme"]\n',
    ),
    "inline": (
        'project = { name = "x", dynamic = ["readme", "version"] }\n',
        'project = { name = "x", version = "1.2.3", dynamic = ["readme"] }\n',
    ),
    "decoys": (
        '[tool.x]\ndynamic = ["version"]\n# dynamic = ["version"]\n[project]\nname = "x"\ndynamic = ["version"]\n',
        '[tool.x]\ndynamic = ["version"]\n# dynamic = ["version"]\n[project]\nname = "x"\nversion = "1.2.3"\n',
    ),
    "beside a placeholder": (
        '[project]\ndynamic = ["version"]\n[tool.poetry]\nversion = "0.0.0"\n',
        '[project]\nversion = "1.2.3"\n[tool.poetry]\nversion = "0.0.0"\n',
    ),
    "poetry alone": (
        '[build-system]\nrequires = []\n\n[ tool.poetry ] # us\nname = "x"\n',
        '[build-system]\nrequires = []\n\n[ tool.poetry ] # us\nversion = "1.2.3"\nname = "x"\n',
    ),
    "poetry alone, CRLF": (
        '[tool.poetry]\r\nname = "x"\r\n',
        '[tool.poetry]\r\nversion = "1.2.3"\r\nname = "x"\r\n',
    ),
}


@pytest.mark.parametrize(("before", "after"), STATIC.values(), ids=STATIC)
def test_states_the_version(before: str, after: str) -> None:
    assert with_static_version(before, "1.2.3") == after


@pytest.mark.parametrize(
    "text",
    [
        '[project]\nname = "x"\nversion = "9"\n',
        '[project]\nname = "x"\nversion = "9"\ndynamic = ["readme"]\n',
        '[tool.poetry]\nname = "x"\nversion = "9"\n',
        "[tool.poetry]\npackage-mode = false\n",
        "[tool.x]\n",
    ],
)
def test_leaves_a_stated_version_alone(text: str) -> None:
    assert with_static_version(text, "1.2.3") == text
