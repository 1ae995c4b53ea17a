from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from publish_all.index.survey import Survey

OURS = "http://127.0.0.1:4711/"
STRANGER = "https://stranger.example/simple/"

Read = Callable[..., Survey]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def made(*words: str, uv: bool = False, frozen: bool = False, **environment: str) -> Survey:
        files = Survey(
            folder=tmp_path,
            environment=environment,
            is_ours=lambda name: name.startswith("kindling"),
            ours=OURS,
            uv=uv,
            frozen=frozen,
        )
        files.words(words, where="the command")
        return files

    return made


def found(files: Survey, folder: Path) -> list[str]:
    return [each.text.replace(f"{folder}{os.sep}", "").replace(os.sep, "/") for each in files.places]


def index(where: str, option: str) -> str:
    return f"{where}: {option} {STRANGER} is another index, which would be asked for private names"


@pytest.mark.parametrize("words", [["-r", "a.txt"], ["-ra.txt"], ["--requirement=a.txt"], ["--req", "a.txt"]])
def test_options_in_a_requirements_file_are_found_with_their_line(
    read: Read, tmp_path: Path, words: list[str]
) -> None:
    text = f"# first\nkindling-demo\n--extra-index-url \\\n   {STRANGER}\n"
    (tmp_path / "a.txt").write_text(text)
    assert found(read(*words), tmp_path) == [index("a.txt:3", "--extra-index-url")]


def test_comments_begin_after_white_space_of_any_length(read: Read, tmp_path: Path) -> None:
    spaces = " " * 200_000  # takes minutes if each of them is tried as the start
    (tmp_path / "a.txt").write_text(f"a{spaces}b\n-i {STRANGER}#no-comment \t# one\n")
    assert found(read("-r", "a.txt"), tmp_path) == [index("a.txt:2", "--index-url")]


def test_nested_files_are_relative_to_the_file_that_names_them(read: Read, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "a.txt").write_text("-r more/b.txt\n")
    (tmp_path / "more" / "b.txt").write_text("--constraint c.txt\n-r ../a.txt\n")
    (tmp_path / "more" / "c.txt").write_text("-f wheels\n")
    assert found(read("-r", "a.txt"), tmp_path) == [
        "more/c.txt:1: --find-links would install from other places"
    ]


def test_variables_are_expanded_and_encodings_known(read: Read, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("${OPTIONS}\n", encoding="utf-16")
    files = read("-r", "a.txt", OPTIONS=f"-i {STRANGER}")
    assert found(files, tmp_path) == [index("a.txt:1", "--index-url")]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes among its files")
def test_a_file_that_is_read_only_once_is_not_trusted(read: Read, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for word, shown in (
        ("pipe", "pipe"),
        ("https://u:p@x.example/r.txt", "https://x.example/r.txt"),
        ("-", "-"),
    ):
        (said,) = found(read("-r", word), tmp_path)
        assert said.startswith(f"the command: {shown} cannot be read before the command starts")


def test_a_program_is_no_requirements_file(read: Read, tmp_path: Path) -> None:
    (tmp_path / "python").write_bytes(b"\x7fELF\0\n-f wrapv\n")
    assert not read("--python", "python").places


def test_a_character_that_text_does_not_have_hides_nothing(read: Read, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"#\0\n-i {STRANGER}\n")
    assert found(read("a.txt", "-r", "a.txt"), tmp_path) == [index("a.txt:2", "--index-url")]
    (tmp_path / "a.py").write_text(f'#\0\n# /// script\n# [tool.uv]\n# index-url = "{STRANGER}"\n# ///\n')
    assert found(read("a.py", uv=True), tmp_path) == [
        "a.py: index-url in tool.uv would install from other places"
    ]


@pytest.mark.parametrize("name", ["a.lock", "a.toml", "a.py", "a.zip", "a.gz", "a[x]", "pyproject.toml"])
def test_pip_reads_options_from_a_file_of_any_name(read: Read, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(f"requests\n-i {STRANGER}\n")
    assert found(read("-r", name), tmp_path) == [index(f"{name}:2", "--index-url")]


@pytest.mark.parametrize("name", ["a", "a.PY", "a.py"])
def test_uv_reads_a_script_of_any_name(read: Read, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(
        f'# /// script\n# [tool.uv]\n# index-url = "{STRANGER}"\n# sources.x.path = "{name}"\n# ///\n'
    )
    assert found(read("--script", name, uv=True), tmp_path) == [
        f"{name}: index-url in tool.uv would install from other places"
    ]


@pytest.mark.parametrize(
    "word",
    [
        "kindling-demo @ https://x.example/kindling_demo-99.0-py3-none-any.whl",
        "https://x.example/kindling_demo-99.0-py3-none-any.whl",
        "git+https://x.example/repo#egg=kindling_demo",
    ],
)
def test_a_private_name_from_an_address_is_found(read: Read, tmp_path: Path, word: str) -> None:
    (tmp_path / "a.txt").write_text(f"{word}\n")
    for files in (read(word), read("-r", "a.txt")):
        (place,) = files.places
        assert "kindling-demo comes from " in place.text


def test_addresses_of_other_names_and_files_of_this_machine_are_fine(read: Read) -> None:
    assert not read("requests @ https://x.example/requests.zip").places
    assert not read("kindling-demo @ file:///wheels/kindling_demo-1.0-py3-none-any.whl").places


PROJECT = """\
[project]
name = "app"
version = "1"
dependencies = ["kindling-demo"]
[[tool.uv.index]]
name = "corp"
url = "https://stranger.example/simple/"
[tool.uv.sources]
kindling-demo = { index = "corp" }
requests = { git = "https://x.example/requests" }
[tool.uv.workspace]
members = ["packages/*"]
"""


def test_the_indexes_of_a_workspace_are_known(read: Read, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    member = tmp_path / "packages" / "one"
    member.mkdir(parents=True)
    (member / "pyproject.toml").write_text('[tool.uv.sources]\nkindling-core = { url = "https://x/k.whl" }\n')
    near = tmp_path / "near"
    near.mkdir()
    (near / "pyproject.toml").write_text('[[tool.uv.index]]\nname = "near"\nurl = "https://n"\n')
    files = read(uv=True)
    files.project(member)
    assert list(files.uv_indexes) == ["corp"]
    said = "kindling-core comes from https://x/k.whl, not from the repositories"
    assert found(files, tmp_path) == [f"packages/one/pyproject.toml: tool.uv.sources: {said}"]
    assert list(read("./near", uv=True).uv_indexes) == ["near", "corp"]
    # pip knows nothing of uv's tables.
    assert not read("./packages/one").places


def test_indexes_in_a_script_cannot_be_taken_away(read: Read, tmp_path: Path) -> None:
    script = (
        f'# /// script\n# dependencies = ["kindling-demo"]\n# [tool.uv]\n# extra-index-url = ["{STRANGER}"]\n'
        "# ///\nimport kindling_demo\n"
    )
    (tmp_path / "s.py").write_text(script)
    files = read("run", "s.py", uv=True)
    assert found(files, tmp_path) == ["s.py: extra-index-url in tool.uv would install from other places"]


LOCK = """\
[[package]]
name = "kindling-demo"
version = "99.0"
source = { registry = "https://stranger.example/simple/" }
wheels = [{ url = "https://stranger.example/kindling_demo-99.0-py3-none-any.whl" }]
[[package]]
name = "requests"
version = "1.0"
source = { registry = "https://pypi.org/simple/" }
[[package]]
name = "kindling-core"
version = "1.0"
source = { registry = "http://127.0.0.1:4711/simple/" }
wheels = [{ url = "http://127.0.0.1:4711/files/x/kindling_core-1.0-py3-none-any.whl" }]
[[package]]
name = "kindling-app"
version = "1.0"
source = { editable = "." }
"""


def test_a_frozen_lock_names_where_its_files_are(read: Read, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "kindling-app"\n')
    (tmp_path / "uv.lock").write_text(LOCK)
    files = read(uv=True, frozen=True)
    files.project(tmp_path)
    assert {each.partition(" comes from ")[0] for each in found(files, tmp_path)} == {
        "uv.lock: kindling-demo"
    }
    # Without --frozen uv compares the lock with its indexes.
    unfrozen = read(uv=True)
    unfrozen.project(tmp_path)
    assert not unfrozen.places


def test_a_pylock_names_where_its_files_are(read: Read, tmp_path: Path) -> None:
    wheel = "https://stranger.example/kindling_demo-99.0-py3-none-any.whl"
    text = f'lock-version = "1.0"\n[[packages]]\nname = "kindling-demo"\nwheels = [{{ url = "{wheel}" }}]\n'
    (tmp_path / "pylock.toml").write_text(text)
    said = f"pylock.toml: kindling-demo comes from {wheel}, not from the repositories"
    assert said in found(read("-r", "pylock.toml"), tmp_path)
