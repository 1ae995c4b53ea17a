import sys

import pytest

from publish_all._toml import loads
from publish_all.builders.backend_hooks import backend_version
from publish_all.errors import BuildError

TEXT = """\
[build-system]
requires = ["setuptools", "setuptools-scm"]
build-backend = "setuptools.build_meta"
[project]
name = "demo"
dynamic = ["version"]
[tool.setuptools_scm]
version_file = "version.txt"
"""


@pytest.fixture
def tell(tmp_path, monkeypatch, make_tree):
    """Asks a project whose setuptools-scm is a module that holds `code`."""

    def tell(code, text=TEXT, installed="8.0", **files):
        package = tmp_path / "site/setuptools_scm"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(code, encoding="utf-8")
        monkeypatch.syspath_prepend(str(package.parent))
        monkeypatch.delitem(sys.modules, "setuptools_scm", raising=False)
        monkeypatch.setattr("importlib.metadata.version", lambda name: installed)
        root = make_tree({"pyproject.toml": text, **files})
        monkeypatch.setattr("publish_all.builders.backend_hooks.metadata_of", lambda *_: "Version: 9\n")
        return root, backend_version(root, loads(text), workspace=tmp_path / "work")

    yield tell
    for name in [each for each in sys.modules if each.partition(".")[0] == "setuptools_scm"]:
        del sys.modules[name]


def test_setuptools_scm_is_asked_as_its_command_asks_which_writes_no_version_file(tell):
    root, version = tell(
        "import sys, pathlib\nprint(pathlib.Path('pyproject.toml').exists() and '1.2', sys.argv[1:])"
    )
    assert version == "1.2 []"
    assert sorted(each.name for each in root.iterdir()) == [".git", "pyproject.toml"]


@pytest.mark.parametrize(
    "code",
    ["print('1.2'); raise SystemExit(1)", "pass"],
    ids=["fails", "says nothing"],
)
def test_the_backend_itself_is_asked_where_the_command_does_not_tell(tell, code):
    root, version = tell(code)
    assert version == "9"
    assert not (root / "version.txt").exists()


@pytest.mark.parametrize(
    ("text", "files"),
    [
        (TEXT, {"setup.py": ""}),
        (TEXT, {"setup.cfg": "[egg_info]\ntag_build = .post1\n"}),
        (TEXT + "normalize = false\n", {}),
        (TEXT + '[tool.setuptools.dynamic]\nversion = {attr = "demo.version"}\n', {}),
        (TEXT + "[tool.setuptools-scm]\n", {}),
    ],
)
def test_the_backend_itself_is_asked_where_others_have_a_part_in_the_version(tell, text, files):
    assert tell("print('1.2')", text, **files)[1] == "9"


def test_an_old_command_which_writes_a_file_is_not_asked(tell):
    assert tell("print('1.2')", installed="7.1")[1] == "9"


def test_a_backend_that_cannot_tell_is_quoted_without_its_traceback(make_tree, tmp_path, capfd):
    text = '[build-system]\nrequires = []\nbuild-backend = "odd"\nbackend-path = ["."]\n'
    code = "def prepare_metadata_for_build_wheel(folder):\n    raise ValueError('no tag')\n"
    root = make_tree({"pyproject.toml": text, "odd.py": code})
    with pytest.raises(BuildError, match=r"^ValueError: no tag$"):
        backend_version(root, loads(text), workspace=tmp_path / "work")
    assert "Traceback" not in capfd.readouterr().err
