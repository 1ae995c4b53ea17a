import os
import sysconfig
import tarfile
import zipfile

import pytest

from publish_all._process import run
from publish_all.builders.backend_hooks import metadata_of
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.stage import Stages
from publish_all.builders.staged_builder import StagedBuilder, extra_requires
from publish_all.config.model import ProjectConfig, VariantConfig
from publish_all.errors import BuildError
from publish_all.variants.resolve import resolve_variants
from publish_all.variants.variant import PlatformWheel, WheelTag

BACKENDS = {
    "setuptools": ("setuptools", "setuptools.build_meta"),
    "flit": ("flit_core", "flit_core.buildapi"),
    "pdm": ("pdm-backend", "pdm.backend"),
    "uv": ("uv_build>=0.8,<1", "uv_build"),
}
FILES = {
    "pyproject.toml": "",
    ".gitignore": "*.env\n",
    "README.md": "# Demo\n",
    "src/demo/__init__.py": '"""Demo."""\n__version__ = "1.0"\n',
    "src/demo/secrets.env": "secret",
    "src/demo/db/__init__.py": "",
    "src/demo/db/a.py": "x = 1\n",
    "notebooks/one.ipynb": "{}\n",
}


def config(backend, name="demo-x", **tool):
    requires, module = BACKENDS[backend]
    project = {"name": name, "version": "1.0", "description": "d", "readme": "README.md"}
    return {
        "build-system": {"requires": [requires], "build-backend": module},
        "project": project,
        "tool": tool,
    }


@pytest.fixture(autouse=True)
def _programs_of_backends(monkeypatch):
    """As in the worker."""
    monkeypatch.setenv("PATH", sysconfig.get_path("scripts"), prepend=os.pathsep)


@pytest.fixture
def builder(make_tree, tmp_path):
    return StagedBuilder(Stages(SourceTree(make_tree(FILES)), tmp_path / "stages"))


@pytest.fixture
def build(builder, tmp_path):
    def build_into(variant, kind="wheel", folder="output"):
        output = tmp_path / folder / kind
        output.mkdir(parents=True, exist_ok=True)
        return builder.build(variant, kind, output)

    return build_into


def members(path):
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as opened:
            names = [each.filename for each in opened.infolist() if not each.is_dir()]
            return sorted(each for each in names if ".dist-info/" not in each)
    with tarfile.open(path) as opened:
        return sorted(each.name.partition("/")[2] for each in opened if each.isfile())


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_renamed_variant_has_the_files_of_the_base_without_ignored_ones(build, make_variant, backend):
    variant = make_variant(config(backend))
    wheel, sdist = build(variant), build(variant, "sdist")
    assert wheel.name.startswith("demo_x-1.0-")
    assert members(wheel) == ["demo/__init__.py", "demo/db/__init__.py", "demo/db/a.py"]
    assert "src/demo/db/a.py" in members(sdist)
    assert not any(each.endswith(".env") for each in members(sdist))


@pytest.mark.parametrize("backend", BACKENDS)
def test_exclude_and_force_include_hold_in_wheel_and_sdist(build, make_variant, backend):
    variant = make_variant(
        config(backend), exclude=("demo/db/**",), force_include={"notebooks": "demo/notebooks"}
    )
    assert members(build(variant)) == ["demo/__init__.py", "demo/notebooks/one.ipynb"]
    held = members(build(variant, "sdist"))
    assert "src/demo/notebooks/one.ipynb" in held
    assert not any("demo/db/" in each for each in held)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", ["sdist", "wheel"])
def test_two_builds_are_identical(build, make_variant, backend, kind, monkeypatch):
    import time

    variant = make_variant(config(backend))
    first = build(variant, kind).read_bytes()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 5000)
    assert build(variant, kind, "again").read_bytes() == first


def test_a_layout_is_built_from(make_tree, tmp_path, make_variant):
    root = make_tree(
        {"pyproject.toml": "", "README.md": "", "packages/demo/__init__.py": "", "other/x.py": ""}
    )
    builder = StagedBuilder(Stages(SourceTree(root), tmp_path / "stages"))
    built = builder.build(
        make_variant(config("setuptools"), layout={"packages/demo": "demo"}), "wheel", tmp_path
    )
    assert members(built) == ["demo/__init__.py"]


def test_what_the_backend_leaves_out_is_an_error_that_says_what_to_configure(build, make_variant):
    variant = make_variant(config("flit"), force_include={"notebooks": "elsewhere/notebooks"})
    with pytest.raises(
        BuildError, match=r"force-include: flit_core\.buildapi left 'elsewhere/notebooks' out"
    ) as caught:
        build(variant)
    assert "Configure flit_core.buildapi" in str(caught.value.hint)


def test_include_narrows(build, make_variant):
    variant = make_variant(config("setuptools"), include=("src/demo/db/**", "demo/__init__.py"))
    assert members(build(variant)) == ["demo/__init__.py", "demo/db/__init__.py", "demo/db/a.py"]
    assert members(build(make_variant(config("pdm"), name="y", include=("demo/*.py",)))) == [
        "demo/__init__.py"
    ]


def test_what_the_backend_packs_nevertheless_is_an_error(make_tree, tmp_path, make_variant):
    making = IN_TREE["backend/own.py"].replace(
        "z.writestr('demo-1",
        "[z.writestr(f'demo/{x}.py', 'made') for x in 'ab']\n            z.writestr('demo-1",
    )
    stages = Stages(
        SourceTree(make_tree({"backend/own.py": making, "demo/a.py": "x = 1"})), tmp_path / "stages"
    )
    variant = make_variant(IN_TREE_CONFIG, exclude=("demo/a.py",))
    with pytest.raises(BuildError, match=r"exclude: own:hooks still packs 'demo/a\.py'"):
        StagedBuilder(stages).build(variant, "wheel", tmp_path)


def test_a_failing_backend_is_told_with_the_variant(build, make_variant):
    with pytest.raises(BuildError, match="cannot build the wheel of x: "):
        build(make_variant(config("setuptools", setuptools={"packages": ["absent"]})))


def test_a_backend_that_is_not_there_is_an_error(build, make_variant):
    pyproject = {"build-system": {"requires": ["absent"], "build-backend": "absent.api"}}
    with pytest.raises(BuildError, match=r"'absent\.api' cannot be imported"):
        build(make_variant(pyproject))


IN_TREE = {
    "backend/own.py": "import os\n"
    "class Hooks:\n"
    "    def get_requires_for_build_wheel(self): return ['more', 'most']\n"
    "    def build_wheel(self, folder, config_settings=None, metadata_directory=None):\n"
    "        import zipfile\n"
    "        name = os.environ.get('SETUPTOOLS_SCM_PRETEND_VERSION', 'no')\n"
    "        with zipfile.ZipFile(os.path.join(folder, name + '.whl'), 'w') as z:\n"
    "            z.writestr('demo-1.dist-info/METADATA', 'Name: demo\\nVersion: 7\\n')\n"
    "        return name + '.whl'\n"
    "hooks = Hooks()\n",
}
IN_TREE_CONFIG = {"build-system": {"requires": [], "build-backend": "own:hooks", "backend-path": ["backend"]}}


def test_in_tree_backends_and_objects_within_modules(make_tree, tmp_path, make_variant):
    stages = Stages(SourceTree(make_tree(IN_TREE)), tmp_path / "stages")
    variant = make_variant(IN_TREE_CONFIG)
    assert StagedBuilder(stages).build(variant, "wheel", tmp_path).name == "1.0.whl"
    assert extra_requires(variant, ("sdist", "wheel"), stages) == ("more", "most")


@pytest.mark.parametrize(
    ("tool", "layout"), [({}, {"packages/demo": "demo"}), ({"flit": {"module": {"name": "other"}}}, {})]
)
def test_requirements_are_asked_of_what_a_variant_builds(make_tree, tmp_path, make_variant, tool, layout):
    """Flit's hook refuses a project without its module, which only the variant has or names here."""
    written = '[project]\nname = "demo"\nversion = "1.0"\ndescription = "d"\n'
    files = {"pyproject.toml": written, "README.md": "", "packages/demo/__init__.py": "", "other.py": ""}
    stages = Stages(SourceTree(make_tree(files)), tmp_path / "stages")
    variant = make_variant(config("flit", "demo", **tool), layout=layout)
    assert extra_requires(variant, ("wheel",), stages) == ()


def test_metadata_comes_from_a_wheel_where_there_is_no_hook_for_it(make_tree, tmp_path):
    root = make_tree(IN_TREE)
    assert "Version: 7" in metadata_of(root, IN_TREE_CONFIG, tmp_path / "metadata")


# As version tools work: from git, or from a variable; written into a module that git ignores.
FROM_GIT = """\
import os, pathlib, subprocess, tarfile, zipfile
try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib

def _version():
    stated = tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"].get("version")
    told = os.environ.get("SETUPTOOLS_SCM_PRETEND_VERSION")
    if stated or told:
        return told or stated
    described = ["git", "describe", "--tags", "--dirty"]
    return subprocess.run(described, capture_output=True, text=True, check=True).stdout.strip().replace("-", "+")

def _name():
    return tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]["name"].replace("-", "_")

def build_wheel(folder, config_settings=None, metadata_directory=None):
    version = _version()
    pathlib.Path("demo/_version.py").write_text(f"version = {version!r}")
    name = f"{_name()}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        for each in sorted(pathlib.Path("demo").rglob("*.*")):
            wheel.write(each, each.as_posix())
        wheel.writestr(f"demo-{version}.dist-info/METADATA", f"Name: demo\\nVersion: {version}\\n")
    return name

def build_sdist(folder, config_settings=None):
    pathlib.Path("copy.bin").hardlink_to("demo/data.bin")
    name = f"{_name()}-{_version()}"
    with tarfile.open(os.path.join(folder, f"{name}.tar.gz"), "w:gz") as sdist:
        for each in ("pyproject.toml", "demo/data.bin", "copy.bin"):
            sdist.add(each, f"{name}/{each}")
    return f"{name}.tar.gz"
"""
VERSIONED = {
    "build-system": {"requires": [], "build-backend": "from_git", "backend-path": ["backend"]},
    "project": {"name": "demo", "dynamic": ["version"]},
}
WRITTEN = (
    "[build-system]\nrequires = []\nbuild-backend = 'from_git'\nbackend-path = ['backend']\n"
    "[project] # the project's own words\nname = 'demo'\ndynamic = ['version']\n[tool.publish-all]\n"
)


@pytest.fixture
def versioned(make_tree):
    """A project whose backend takes the version from a git tag, with the tag v1.0."""
    root = make_tree(
        {
            "backend/from_git.py": FROM_GIT,
            "pyproject.toml": WRITTEN,
            "demo/__init__.py": "",
            "demo/data.bin": "data",
            ".gitignore": "_version.py\n",
        }
    )
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    run(["git", *identity, "commit", "--quiet", "-m", "all"], cwd=root)
    run(["git", "tag", "1.0"], cwd=root)
    return root


@pytest.fixture
def build_versioned(versioned, tmp_path):
    def build(kind="wheel", *, from_backend=True, version="1.0", **variants):
        config = ProjectConfig(root=versioned, pyproject=VERSIONED, variants=variants)
        (variant,) = resolve_variants(config, version=version, from_backend=from_backend)
        builder = StagedBuilder(Stages(SourceTree(versioned), tmp_path / "stages"))
        return builder.build(variant, kind, tmp_path)

    return build


def version_file(wheel):
    with zipfile.ZipFile(wheel) as opened:
        return opened.read("demo/_version.py").decode()


def test_a_backend_computes_and_writes_the_version_as_it_does_alone(build_versioned, versioned):
    assert version_file(build_versioned()) == "version = '1.0'"
    assert not (versioned / "demo/_version.py").exists()


def test_a_renamed_variant_has_the_version_that_the_backend_computes(build_versioned):
    built = build_versioned(x=VariantConfig(variant="x"))
    assert built.name == "demo_x-1.0-py3-none-any.whl"
    assert version_file(built) == "version = '1.0'"


@pytest.mark.parametrize("from_backend", [True, False])
def test_a_variant_with_a_version_of_its_own_tells_the_backend(build_versioned, from_backend):
    built = build_versioned(x=VariantConfig(variant="x", local_version="cu12"), from_backend=from_backend)
    assert built.name == "demo_x-1.0+cu12-py3-none-any.whl"
    assert version_file(built) == "version = '1.0+cu12'"


def test_a_backend_that_tells_another_version_is_an_error(build_versioned, versioned):
    module = versioned / "backend/from_git.py"
    module.write_text(FROM_GIT.replace("if stated or told:", "if False:"))
    run(["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-aqm", "two"], cwd=versioned)
    run(["git", "tag", "-f", "1.0"], cwd=versioned)
    with pytest.raises(BuildError, match=r"builds version 1\.0 of demo instead of 2\.0"):
        build_versioned(version="2.0", from_backend=False)


def test_a_version_that_holds_the_day_is_the_same_in_the_question_and_in_the_build(
    build_versioned, versioned, tmp_path, monkeypatch
):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    day = '"+d" + os.environ.get("SOURCE_DATE_EPOCH", "today")'
    with_day = FROM_GIT.replace('.replace("-", "+")', f'.partition("-")[0] + {day}')
    (versioned / "backend/from_git.py").write_text(with_day)
    metadata = metadata_of(versioned, VERSIONED, tmp_path / "metadata")
    assert "Version: 1.0+dtoday" in metadata
    (versioned / "demo/_version.py").unlink()
    built = build_versioned(version="1.0+dtoday")
    assert built.name == "demo-1.0+dtoday-py3-none-any.whl"
    assert version_file(built) == "version = '1.0+dtoday'"


def test_the_sdist_of_the_project_itself_holds_its_own_file_and_no_hard_links(build_versioned):
    with tarfile.open(build_versioned("sdist")) as opened:
        assert opened.extractfile("demo-1.0/pyproject.toml").read().decode() == WRITTEN
        assert all(each.isreg() for each in opened)
        assert opened.extractfile("demo-1.0/copy.bin").read() == b"data"


def test_files_that_a_backend_takes_from_git_are_left_out_of_the_sdist_of_a_variant(
    build_versioned, versioned
):
    restored = 'subprocess.run(["git", "restore", "--source=HEAD", "--ignore-skip-worktree-bits", "demo/data.bin"], check=True)\n'
    taken = FROM_GIT.replace('pathlib.Path("copy.bin")', f'{restored}    pathlib.Path("copy.bin")')
    (versioned / "backend/from_git.py").write_text(taken)
    built = build_versioned("sdist", x=VariantConfig(variant="x", exclude=("demo/*.bin",)))
    with tarfile.open(built) as opened:
        assert not any(each.endswith("demo/data.bin") for each in opened.getnames())


def test_what_only_an_sdist_would_hold_of_an_excluded_package_stays_out(make_tree, tmp_path, make_variant):
    root = make_tree({**FILES, "src/demo/db/notes.md": "private", "tests/db/test_a.py": ""})
    builder = StagedBuilder(Stages(SourceTree(root), tmp_path / "stages"))
    variant = make_variant(config("pdm"), exclude=("demo/db/**",))
    held = members(builder.build(variant, "sdist", tmp_path))
    assert "src/demo/__init__.py" in held
    assert not any("demo/db" in each for each in held)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_platform_wheel_is_the_backends_with_its_files_and_its_tag(
    make_tree, tmp_path, make_variant, backend
):
    root = make_tree(FILES | {"prebuilt/tool": "run"})
    (root / "prebuilt" / "tool").chmod(0o755)
    wheel = PlatformWheel(
        tag=WheelTag.parse("2-py3-none-win_amd64.win_arm64"),
        exclude=("demo/db/**",),
        force_include={"prebuilt/tool": "demo/tool"},
        where="w",
    )
    variant = make_variant(config(backend), wheels=(wheel,)).for_wheel(wheel)
    built = StagedBuilder(Stages(SourceTree(root), tmp_path / "stages")).build(variant, "wheel", tmp_path)
    assert built.name == "demo_x-1.0-2-py3-none-win_amd64.win_arm64.whl"
    assert members(built) == ["demo/__init__.py", "demo/tool"]
    with zipfile.ZipFile(built) as opened:
        assert opened.testzip() is None
        if os.name == "posix":  # files have no executable bit on Windows
            assert opened.getinfo("demo/tool").external_attr >> 16 & 0o777 == 0o755
        described = opened.read("demo_x-1.0.dist-info/WHEEL").decode()
    for line in ("Root-Is-Purelib: false", "Tag: py3-none-win_amd64", "Tag: py3-none-win_arm64", "Build: 2"):
        assert line in described.splitlines()


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_metadata_of_a_variant_is_what_it_states(build, make_variant, backend):
    pyproject = config(backend)
    pyproject["project"] |= {
        "version": "1.0+cu126",
        "requires-python": ">=3.11",
        "dependencies": ["attrs>=23"],
        "optional-dependencies": {"gpu": ["cupy"]},
        "scripts": {"demo": "demo:main"},
    }
    built = build(make_variant(pyproject, version="1.0+cu126"))
    assert built.name.startswith("demo_x-1.0+cu126-")
    with zipfile.ZipFile(built) as opened:
        info = next(each for each in opened.namelist() if each.endswith("/METADATA")).rpartition("/")[0]
        metadata = opened.read(f"{info}/METADATA").decode()
        entry_points = opened.read(f"{info}/entry_points.txt").decode().replace(" ", "")
    for line in (
        "Version: 1.0+cu126",
        "Requires-Python: >=3.11",
        "Requires-Dist: attrs>=23",
        "Provides-Extra: gpu",
    ):
        assert line in metadata.splitlines()
    assert "demo=demo:main" in entry_points


def test_a_variant_of_a_project_in_setup_cfg_keeps_its_metadata(make_tree, tmp_path):
    setup_cfg = (
        "[metadata]\nname = demo\nversion = 1.0\ndescription = Old\nlong_description = file: README.md\n"
        "author = A\nurl = https://demo.example\n[options]\npackages = demo\npackage_dir = =src\n"
        "install_requires = attrs>=23\n[options.entry_points]\nconsole_scripts =\n  demo = demo:main\n"
    )
    pyproject = {"build-system": {"requires": ["setuptools"], "build-backend": "setuptools.build_meta"}}
    text = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    root = make_tree(FILES | {"setup.cfg": setup_cfg, "pyproject.toml": text})
    builder = StagedBuilder(Stages(SourceTree(root), tmp_path / "stages"))
    plain, renamed = (
        resolve_variants(ProjectConfig(root=root, pyproject=pyproject, variants=variants), version="1.0")[0]
        for variants in ({}, {"x": VariantConfig(variant="x", project={"keywords": ["new"]})})
    )
    metadata = []
    for each in (plain, renamed):
        (tmp_path / each.project).mkdir()
        with zipfile.ZipFile(builder.build(each, "wheel", tmp_path / each.project)) as opened:
            info = f"{each.project.replace('-', '_')}-1.0.dist-info"
            assert b"demo = demo:main" in opened.read(f"{info}/entry_points.txt")
            metadata.append(opened.read(f"{info}/METADATA").decode().splitlines())
    differs = {
        line for line in (*metadata[0], *metadata[1]) if (line in metadata[0]) != (line in metadata[1])
    }
    assert differs == {"Name: demo", "Name: demo-x", "Keywords: new"}
    assert "Summary: Old" in metadata[1]
    assert "Requires-Dist: attrs>=23" in metadata[1]


def test_each_file_is_built_in_a_process_of_its_own(make_tree, tmp_path, make_variant):
    """Backends keep what they know of a project, as poetry-dynamic-versioning keeps its version."""
    counting = (
        IN_TREE["backend/own.py"]
        .replace("class Hooks:", "count = []\nclass Hooks:")
        .replace(
            "    def build_wheel(",
            "    def build_sdist(self, folder, config_settings=None): return self.build_wheel(folder)\n    def build_wheel(",
        )
        .replace(
            "        import zipfile\n", "        import zipfile; count.append(1); assert len(count) == 1\n"
        )
    )
    stages = Stages(SourceTree(make_tree({"backend/own.py": counting})), tmp_path / "stages")
    builder = StagedBuilder(stages)
    for _ in range(2):
        builder.build(make_variant(IN_TREE_CONFIG), "wheel", tmp_path)


def test_the_output_of_a_backend_that_dies_is_told(make_tree, tmp_path, make_variant):
    dying = IN_TREE["backend/own.py"].replace("import zipfile\n", "print('out of memory'); os._exit(9)\n")
    stages = Stages(SourceTree(make_tree({"backend/own.py": dying})), tmp_path / "stages")
    with pytest.raises(BuildError, match=r"(?s)cannot build the wheel of x: .*exit code 9"):
        StagedBuilder(stages).build(make_variant(IN_TREE_CONFIG), "wheel", tmp_path)


def test_setuptools_is_not_told_of_a_package_that_is_left_out_as_a_whole(build, make_variant):
    stated = config("setuptools", setuptools={"packages": ["demo", "demo.db"], "package-dir": {"": "src"}})
    assert members(build(make_variant(stated, exclude=("demo/db/**",)))) == ["demo/__init__.py"]


@pytest.mark.parametrize("ignored", ["made.py", "data/tool.bin"])
def test_tells_of_files_of_a_package_that_are_left_out_because_git_ignores_them(
    make_tree, tmp_path, make_variant, ignored
):
    root = make_tree({**FILES, ".gitignore": "made.py\ntool.bin\n*.env\n__pycache__/\n"})
    for path in (ignored, "__pycache__/a.pyc", "notes.env"):
        (root / "src/demo" / path).parent.mkdir(exist_ok=True)
        (root / "src/demo" / path).touch()
    notes = []
    builder = StagedBuilder(Stages(SourceTree(root), tmp_path / "stages"), listener=notes.append)
    variant = make_variant(config("setuptools", setuptools={"package-data": {"demo": ["data/*.bin"]}}))
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        builder.build(variant, "wheel", tmp_path / folder)
    (note,) = notes
    assert note.message.startswith(f"not packed, because git ignores it: src/demo/{ignored}.")


@pytest.mark.parametrize(
    ("backend", "tool"),
    [("setuptools", {}), ("pdm", {"pdm": {"build": {"includes": ["src/demo", "src/made"]}}})],
)
def test_tells_of_a_package_that_git_ignores_as_a_whole(make_tree, tmp_path, make_variant, backend, tool):
    files = {**FILES, ".gitignore": "made/\n*.env\n", "src/made/__init__.py": "", "src/scratch/x.txt": ""}
    notes = []
    stages = Stages(SourceTree(make_tree(files)), tmp_path / "stages")
    builder = StagedBuilder(stages, listener=notes.append)
    builder.build(make_variant(config(backend, "demo", **tool), name=None, project="demo"), "wheel", tmp_path)
    assert [each.message.partition(". To")[0] for each in notes] == [
        "not packed, because git ignores it: src/made/__init__.py"
    ]
