"""Each sdist is built by its own backend, outside of the project, and compared with the wheel beside it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import os
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from publish_all.builders.build_environment import standard_builds
from publish_all.builders.builder import BuildSettings
from publish_all.commands.check import check
from publish_all.commands.context import Runtime
from publish_all.commands.files import PublishOptions
from publish_all.commands.rebuild import compare_all, rebuild
from publish_all.config.model import Isolation
from publish_all.distributions.read import read_distribution
from publish_all.errors import BuildError
from publish_all.events import ignore

HERE = BuildSettings(os.environ, isolation=Isolation.NEVER)
METADATA = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nSummary: A demo\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: {}\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
BACKEND = """\
import zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(folder + "/" + name, "w") as wheel:
        wheel.write("demo.py")
        wheel.writestr("demo-1.0.dist-info/METADATA", open("PKG-INFO").read())
    return name

def build_sdist(folder, config_settings=None):
    raise NotImplementedError
"""
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def write_wheel(path, files, *, generator="tests 1", time=(2020, 1, 1, 0, 0, 0), executable=()):
    path.parent.mkdir(parents=True, exist_ok=True)
    members = {name: data.encode() for name, data in files.items()}
    members["demo-1.0.dist-info/METADATA"] = METADATA.encode()
    members["demo-1.0.dist-info/WHEEL"] = WHEEL.format(generator).encode()
    with zipfile.ZipFile(path, "w") as opened:
        rows = []
        for name, data in members.items():
            info = zipfile.ZipInfo(name, time)
            info.external_attr = (0o100755 if name in executable else 0o100644) << 16
            opened.writestr(info, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            rows.append(f"{name},sha256={digest},{len(data)}\n")
        opened.writestr("demo-1.0.dist-info/RECORD", "".join([*rows, "demo-1.0.dist-info/RECORD,,\n"]))
    return path


def write_sdist(path, files):
    with gzip.open(path, "wb") as stream, tarfile.open(fileobj=stream, mode="w") as opened:
        for name, text in {"PKG-INFO": METADATA, **files}.items():
            member = tarfile.TarInfo(f"demo-1.0/{name}")
            member.size, member.mtime = len(text.encode()), 1_600_000_000
            opened.addfile(member, io.BytesIO(text.encode()))
    return path


@dataclass
class FakeBuild:
    """Builds to what it is told; the sources that it was given are kept."""

    files: dict[str, str]
    options: dict[str, object] = field(default_factory=dict)
    name: str = "demo-1.0-py3-none-any.whl"
    sources: list[str] = field(default_factory=list)

    def __call__(self, folder, output):
        self.sources = sorted(each.name for each in folder.iterdir())
        return write_wheel(output / self.name, self.files, **self.options)


@pytest.fixture
def sdist(tmp_path):
    return read_distribution(write_sdist(tmp_path / "demo-1.0.tar.gz", {"demo.py": "x = 1\n"}))


@pytest.fixture
def wheel(tmp_path):
    return read_distribution(write_wheel(tmp_path / "demo-1.0-py3-none-any.whl", {"demo.py": "x = 1\n"}))


def compared(tmp_path, distributions, build):
    return [
        (each.code, each.message) for each in compare_all(distributions, tmp_path / "p", build, Runtime())
    ]


def test_the_same_files_are_the_same_wheel(tmp_path, sdist, wheel):
    build = FakeBuild({"demo.py": "x = 1\n"})
    assert compared(tmp_path, [sdist, wheel], build) == []
    assert build.sources == ["PKG-INFO", "demo.py"]


@pytest.mark.parametrize("options", [{"time": (2024, 1, 1, 0, 0, 0)}, {"generator": "tests 2"}])
def test_times_and_the_version_of_the_backend_make_no_difference(tmp_path, sdist, wheel, options):
    assert compared(tmp_path, [sdist, wheel], FakeBuild({"demo.py": "x = 1\n"}, options)) == []


@pytest.mark.parametrize(
    ("files", "options", "words"),
    [
        ({"demo.py": "x = 2\n"}, {}, "demo.py has different content"),
        ({"demo.py": "x = 1\n", "more.py": ""}, {}, "more.py is in the wheel built from the sdist"),
        ({}, {}, "demo.py is in the wheel, but not in the wheel built from the sdist"),
        ({"demo.py": "x = 1\n"}, {"executable": ("demo.py",)}, "demo.py is executable in only one"),
    ],
)
def test_the_first_member_that_differs_is_named(tmp_path, sdist, wheel, files, options, words):
    ((code, message),) = compared(tmp_path, [sdist, wheel], FakeBuild(files, options))
    assert code == "PA242"
    assert words in message


def test_an_sdist_that_does_not_build_is_an_error(tmp_path, sdist, wheel):
    def build(folder, output):
        raise BuildError("the build backend failed: no README.md")

    ((code, message),) = compared(tmp_path, [sdist, wheel], build)
    assert code == "PA242"
    assert "no README.md" in message


def test_what_there_is_nothing_to_compare_with_is_noted(tmp_path, sdist, wheel):
    build = FakeBuild({}, name="demo-1.0-py3-none-win_amd64.whl")
    assert [code for code, _ in compared(tmp_path / "a", [sdist], build)] == ["PA243"]
    assert [code for code, _ in compared(tmp_path / "b", [wheel], build)] == ["PA243"]
    ((code, message),) = compared(tmp_path / "c", [sdist, wheel], build)
    assert code == "PA243"
    assert "win_amd64" in message


def test_an_sdist_that_leads_out_of_its_folder_is_not_unpacked(tmp_path, wheel):
    path = tmp_path / "demo-1.0.tar.gz"
    with gzip.open(path, "wb") as stream, tarfile.open(fileobj=stream, mode="w") as opened:
        for name in ("demo-1.0/PKG-INFO", "../escaped"):
            member = tarfile.TarInfo(name)
            member.size = len(METADATA)
            opened.addfile(member, io.BytesIO(METADATA.encode()))
    ((code, _),) = compared(tmp_path, [read_distribution(path), wheel], FakeBuild({}))
    assert code == "PA242"
    assert not list(tmp_path.rglob("escaped"))


def test_the_backend_of_the_sdist_builds_it(tmp_path):
    sources = {"demo.py": "x = 1\n", "pyproject.toml": PYPROJECT, "backend.py": BACKEND}
    sdist = read_distribution(write_sdist(tmp_path / "demo-1.0.tar.gz", sources))
    wheel = read_distribution(write_wheel(tmp_path / "demo-1.0-py3-none-any.whl", {"demo.py": "x = 2\n"}))
    (finding,) = rebuild([sdist, wheel], Runtime(), HERE)
    assert finding.message.endswith("demo.py has different content in the wheel built from the sdist")


def test_what_a_failing_backend_says_is_told(tmp_path):
    (tmp_path / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (tmp_path / "backend.py").write_text("def build_wheel(*_):\n    raise SystemExit('no compiler')\n")
    build_wheel = standard_builds(settings=HERE, workspace=tmp_path / "w", listener=ignore)
    with pytest.raises(BuildError, match="no compiler"):
        build_wheel(tmp_path, tmp_path)


def test_a_fresh_build_of_a_project_is_compared_with_its_sdist(tmp_path):
    project = tmp_path / "project"
    (project / "demo").mkdir(parents=True)
    (project / "demo" / "__init__.py").write_text("x = 1\n", encoding="utf-8")
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "demo"\nversion = "1.0"\n'
        "[tool.publish-all]\ninclude-base = true\n"
        '[tool.publish-all.variants.a]\n[tool.publish-all.variants.b]\ndescription = "b"\n',
        encoding="utf-8",
    )
    result = check(PublishOptions(directory=project), compare_builds=True)
    codes = [each.code for each in result.findings]
    assert "PA242" not in codes
    # The project itself and its variant `a` are one distribution under two names.
    assert codes.count("PA244") == 1
    assert not Path(project / "dist").exists()
