import pytest

from publish_all.config.model import ProjectConfig
from publish_all.variants.resolve import resolve_variants
from publish_all.variants.setup_py import name_in_setup_py, version_in_setup_py


@pytest.mark.parametrize(
    ("text", "name", "version"),
    [
        ("from setuptools import setup\nsetup(name='demo', version='1.2')\n", "demo", "1.2"),
        ("import setuptools as s\nif True:\n    s.setup(name='demo', version=read())\n", "demo", None),
        ("setup(name=NAME)\n", None, None),
        ("setup(**arguments)\n", None, None),
        ("other(name='demo')\n", None, None),
        ("setup(name=1)\n", None, None),
        ("not python (\n", None, None),
    ],
)
def test_reads_what_is_literal_in_setup_py(tmp_path, text, name, version):
    (tmp_path / "setup.py").write_text(text)
    assert name_in_setup_py(tmp_path) == name
    assert version_in_setup_py(tmp_path) == version


def test_there_may_be_no_setup_py(tmp_path):
    assert name_in_setup_py(tmp_path) is None


def test_a_project_whose_name_is_in_setup_py_is_a_variant_of_itself(tmp_path):
    (tmp_path / "setup.py").write_text("from setuptools import setup\nsetup(name='demo-x')\n")
    (tmp_path / "pyproject.toml").write_text("")
    (itself,) = resolve_variants(ProjectConfig(root=tmp_path, pyproject={}), version="1.0")
    assert itself.project == "demo-x"
