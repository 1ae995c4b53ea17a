import hashlib
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile

import pytest

from publish_all._process import run
from publish_all.builders.builder import BuildRequest, BuildSettings
from publish_all.builders.run import ask_version, build
from publish_all.config.model import Compression, Isolation
from publish_all.errors import BuildError, ConfigurationError, VersionError
from publish_all.events import BuildFinished, BuildStarted, EnvironmentChosen, ignore

HERE = BuildSettings(os.environ, isolation=Isolation.NEVER)
BACKEND = """\
import os, sys
from pathlib import Path

def write(folder, name):
    Path(folder, name).write_text("content")
    return name

def build_wheel(folder, config_settings=None, metadata_directory=None):
    print("said by the backend")
    sys.stderr.write("and \\x1b[31mcomplained\\x1b[0m\\n")
    {action}
    return write(folder, "demo_x-1.0-py3-none-any.whl")

def build_sdist(folder, config_settings=None):
    import tarfile
    with tarfile.open(Path(folder, "demo_x-1.0.tar.gz"), "w:gz"):
        pass
    return "demo_x-1.0.tar.gz"
"""
IN_TREE = {
    "build-system": {"requires": [], "build-backend": "backend", "backend-path": ["."]},
    "project": {"name": "demo-x", "version": "1.0"},
}
HATCHLING = {
    "build-system": {"requires": ["hatchling"], "build-backend": "hatchling.build"},
    "project": {"name": "demo-x", "version": "1.0"},
    "tool": {"hatch": {"build": {"targets": {"wheel": {"packages": ["demo"]}}}}},
}
POETRY = {
    "build-system": {"requires": ["poetry-core"], "build-backend": "poetry.core.masonry.api"},
    "tool": {
        "poetry": {
            "name": "demo-y",
            "version": "1.0",
            "description": "",
            "authors": [],
            "packages": [{"include": "demo"}],
        }
    },
}
WHEEL_OF_NOTHING = 'import zipfile; zipfile.ZipFile(Path(folder, "demo_x-1.0-py3-none-any.whl"), "w").close(); return "demo_x-1.0-py3-none-any.whl"'


@pytest.fixture
def make_request(make_tree, make_variant):
    def make(pyproject, *, action="pass", kinds=("wheel",), **more):
        files = {"pyproject.toml": "", "demo/__init__.py": "", ".gitignore": "dist/\n"}
        root = make_tree({**files, "backend.py": BACKEND.format(action=action)})
        return BuildRequest(
            root=root, output=root / "dist", variants=(make_variant(pyproject),), kinds=kinds, **more
        )

    return make


def built(request, listener=ignore):
    return build(request, listener=listener, settings=HERE)


def test_builds_variants_of_two_backends_in_their_order_and_tells_it(make_request, make_variant):
    request = make_request(HATCHLING, kinds=("sdist", "wheel"))
    second = make_variant(POETRY, name="y", project="demo-y", sdist=False)
    request = BuildRequest(root=request.root, output=request.output, variants=(request.variants[0], second))
    events = []
    files = built(request, events.append).files
    assert [each.filename for each in files] == [
        "demo_x-1.0.tar.gz",
        "demo_x-1.0-py2.py3-none-any.whl",
        "demo_y-1.0-py2.py3-none-any.whl",
    ]
    assert [type(each) for each in events] == [EnvironmentChosen, *[BuildStarted, BuildFinished] * 3]
    started = [each for each in events if isinstance(each, BuildStarted)]
    assert [(each.number, each.files) for each in started] == [(1, 3), (2, 3), (3, 3)]
    for each in files:
        content = (request.output / each.filename).read_bytes()
        assert (each.size, each.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert (files[0].tag, files[2].tag) == (None, "py2.py3-none-any")
    assert files[2].builder.startswith("poetry-core ")
    assert sorted(each.name for each in request.output.iterdir()) == sorted(each.filename for each in files)
    assert run(["git", "status", "--porcelain"], cwd=request.root).stdout.count("??") == 0


HOOKED = {
    **HATCHLING,
    "tool": {"hatch": {"build": {**HATCHLING["tool"]["hatch"]["build"], "hooks": {"custom": {}}}}},
}
HOOK = """\
import demo
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

class Hook(BuildHookInterface):
    pass
"""


@pytest.mark.parametrize("pyproject", [HOOKED, IN_TREE], ids=["hook", "backend in the tree"])
def test_code_of_the_project_is_not_compiled_in_its_tree(pyproject, make_request):
    request = make_request(pyproject, action=WHEEL_OF_NOTHING)
    hook = "import sys, os; sys.path.insert(0, os.path.dirname(__file__))\n" + HOOK
    (request.root / "hatch_build.py").write_text(hook)
    written = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    build(request, listener=ignore, settings=HERE._replace(environment=written))
    assert not list(request.root.rglob("__pycache__"))


def test_two_builds_are_identical(make_request):
    request = make_request(HATCHLING, kinds=("sdist", "wheel"))
    assert [each.sha256 for each in built(request).files] == [each.sha256 for each in built(request).files]


def test_fast_compression_keeps_what_is_in_the_wheel(make_request):
    def content(compression):
        request = make_request(HATCHLING, compression=compression)
        (file,) = built(request).files
        with zipfile.ZipFile(request.output / file.filename) as wheel:
            return [(each.filename, wheel.read(each)) for each in wheel.infolist()]

    assert content(Compression.FAST) == content(Compression.DEFAULT)


def test_source_date_epoch_of_the_request_holds_and_that_of_the_environment_does_not(make_request):
    plain, dated = make_request(HATCHLING), make_request(HATCHLING, source_date_epoch=1700000000)

    def dates(request, environment):
        (file,) = build(request, listener=ignore, settings=HERE._replace(environment=environment)).files
        with zipfile.ZipFile(request.output / file.filename) as opened:
            return {each.date_time[0] for each in opened.infolist()}

    assert dates(dated, os.environ) == {2023}
    assert dates(plain, {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}) == {2020}


def test_a_failed_build_leaves_the_output_as_it_was_and_shows_what_the_backend_printed(make_request):
    request = make_request(IN_TREE, action="raise RuntimeError('no way')")
    with pytest.raises(BuildError, match="cannot build the wheel of x: RuntimeError: no way") as caught:
        built(request)
    assert "    said by the backend\n    and complained" in caught.value.message
    assert not request.output.exists()
    request.output.mkdir()
    (request.output / "other.whl").write_text("mine")
    with pytest.raises(BuildError):
        built(request)
    assert [each.name for each in request.output.iterdir()] == ["other.whl"]


@pytest.mark.parametrize(
    "action", ["os._exit(3)", pytest.param("os.kill(os.getpid(), 9)", marks=pytest.mark.posix("signals"))]
)
def test_a_worker_that_dies_is_an_error(make_request, action):
    with pytest.raises(BuildError, match=r"worker ended with exit code (3|-9)[\s\S]*said by the backend"):
        built(make_request(IN_TREE, action=action))


def test_backends_see_no_secret_no_input_and_not_our_pipe(make_request):
    action = (
        "assert 'MY_TOKEN' not in os.environ; assert sys.stdin.read() == ''; "
        "os.write(1, b'{\"answer\": 1}\\n'); " + WHEEL_OF_NOTHING
    )
    request = make_request(IN_TREE, action=action)
    result = build(
        request, listener=ignore, settings=HERE._replace(environment={**os.environ, "MY_TOKEN": "secret"})
    )
    assert [each.filename for each in result.files] == ["demo_x-1.0-py3-none-any.whl"]


def test_modules_of_the_project_do_not_hide_those_of_the_worker(make_request):
    request = make_request(HATCHLING)
    for name in ("packaging.py", "json.py", "tomlkit.py"):
        (request.root / name).write_text("raise SystemExit('hidden')")
    assert built(request).files


def test_configuration_errors_stay_such(make_request, make_variant):
    request = make_request(HATCHLING)
    variant = make_variant(HATCHLING, force_include={"absent": "demo/absent"})
    with pytest.raises((ConfigurationError, BuildError), match="force-include"):
        built(BuildRequest(root=request.root, output=request.output, variants=(variant,)))


def test_an_interrupted_build_leaves_nothing(make_request):
    request = make_request(HATCHLING)

    def interrupt(event):
        if isinstance(event, BuildFinished):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        built(request, interrupt)
    assert not request.output.exists()


def test_a_build_gets_the_variables_that_the_project_admits_and_no_credential(make_request, monkeypatch):
    reads = "[os.environ.get(each) for each in ('DEMO_A', 'DEMO_TOKEN', 'OTHER')]"
    for name in ("DEMO_A", "DEMO_TOKEN", "OTHER"):
        monkeypatch.setenv(name, "set")
    action = f"assert {reads} == ['set', None, None], {reads}; {WHEEL_OF_NOTHING}"
    request = make_request(IN_TREE, action=action)
    admitting = HERE._replace(admitted=("DEMO_*",), environment=dict(os.environ))
    assert build(request, listener=ignore, settings=admitting).files
    with pytest.raises(BuildError, match=r"not passed on: .*DEMO_A, DEMO_TOKEN, .*OTHER.*build-environment"):
        built(make_request(IN_TREE, action=action))


def test_nothing_of_a_build_is_left_in_the_temporary_folder(make_request, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    action = f"import tempfile; tempfile.mkdtemp(); {WHEEL_OF_NOTHING}"
    assert built(make_request(IN_TREE, action=action)).files
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.posix("signals")
@pytest.mark.parametrize("when", ["builds", "is asked in the project itself"])
def test_the_worker_dies_with_its_parent_and_cleans_up(make_request, tmp_path, when):
    waiting = "Path(os.environ['MARK_DIR'], 'mark').write_text(f'{os.getpid()} {child}'); import time; time.sleep(60)"
    starting = "import subprocess; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid"
    request = make_request(IN_TREE, action=f"{starting}; {waiting}")
    if when != "builds":
        system = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        (request.root / "pyproject.toml").write_text(system)
        text = f"import os\nfrom pathlib import Path\nchild = os.getpid()\n{waiting}\n"
        (request.root / "backend.py").write_text(text)
    mark = tmp_path / "mark"
    code = (
        "import os\nfrom pathlib import Path\n"
        "from publish_all.builders.builder import BuildRequest, BuildSettings\nfrom publish_all.config.model import Isolation\nfrom publish_all.builders.run import build\n"
        "from publish_all.events import ignore\nfrom publish_all.variants.variant import BuildVariant\n"
        f"v = BuildVariant(name='x', project='demo-x', version='1.0', pyproject={IN_TREE!r}, selection_name='demo', layout={{}}, force_include={{}})\n"
        f"r = BuildRequest(root=Path({str(request.root)!r}), output=Path({str(request.output)!r}), variants=(v,), kinds=('wheel',))\n"
        "build(r, listener=ignore, settings=BuildSettings(os.environ, isolation=Isolation.NEVER))\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "MARK_DIR": str(tmp_path), "TMPDIR": str(tmp_path)}
    )
    try:
        _wait_for(lambda: mark.exists() and mark.read_text())
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    worker, child = map(int, mark.read_text().split())
    _wait_for(lambda: not _runs(worker) and not _runs(child))
    assert list(request.output.iterdir()) == []


def _wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def _runs(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def asked(root):
    return ask_version(root, listener=ignore, settings=HERE)


def test_asks_hatchling_for_the_version(make_tree):
    root = make_tree(
        {
            "pyproject.toml": '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
            '[project]\nname = "demo"\ndynamic = ["version"]\n[tool.hatch.version]\npath = "demo.py"\n',
            "demo.py": '__version__ = "1.2.3"\n',
        }
    )
    assert asked(root) == "1.2.3"


def test_asks_another_backend_through_its_metadata_without_writing_in_the_project(make_tree):
    root = make_tree(
        {
            "sub/pyproject.toml": '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
            '[project]\nname = "demo"\ndynamic = ["version"]\n[tool.setuptools.dynamic]\nversion = {attr = "demo.__version__"}\n',
            "sub/demo/__init__.py": '__version__ = "1.2.3"\n',
        }
    )
    assert asked(root / "sub") == "1.2.3"
    assert run(["git", "status", "--porcelain", "--ignored"], cwd=root).stdout.count("??") == 0


def test_a_backend_that_fails_to_tell_says_why(make_tree):
    root = make_tree(
        {
            "pyproject.toml": '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
            '[project]\nname = "demo"\ndynamic = ["version"]\n[tool.hatch.version]\npath = "absent.py"\n'
        }
    )
    with pytest.raises(VersionError, match=r"absent\.py"):
        asked(root)


@pytest.mark.parametrize(
    "build_system",
    [
        'requires = ["hatchling", "publish-all"]\nbuild-backend = "hatchling.build"',
        'requires = ["poetry-core", "publish-all"]\nbuild-backend = "publish_all.backends.poetry_core"',
    ],
)
def test_a_backend_that_would_ask_us_back_is_an_error(make_tree, build_system):
    text = f'[build-system]\n{build_system}\n[tool.hatch.version]\nsource = "publish-all"\n'
    with pytest.raises(VersionError, match="gets the version from publish-all") as caught:
        asked(make_tree({"pyproject.toml": text}))
    assert caught.value.hint is not None


def test_the_members_of_an_sdist_lie_in_one_folder(make_request):
    request = make_request(HATCHLING, kinds=("sdist",))
    (file,) = built(request).files
    with tarfile.open(request.output / file.filename) as opened:
        assert {each.split("/")[0] for each in opened.getnames()} == {"demo_x-1.0"}
