from __future__ import annotations

import shutil
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publish_all.commands.scaffold.choices import NewVariant, Trigger
from publish_all.commands.scaffold.hand_made import HandMade, variant_name
from publish_all.config.workflows import parse_workflow

ROOT = Path(__file__).parents[4]
PLATFORMS = ("databricks", "synapse")
LAYOUT = {"packages/kindling": "kindling"}


@pytest.fixture
def repository(tmp_path):
    configs = tmp_path / "build-configs"
    configs.mkdir()
    for each in PLATFORMS:
        (configs / f"{each}.toml").write_text(f'[tool.poetry]\nname = "kindling-{each}"\n')
    (tmp_path / "packages" / "kindling").mkdir(parents=True)
    (tmp_path / "README.md").write_text("# Kindling\n")
    return tmp_path


@pytest.fixture
def read(repository):
    def run(script, *, before="", matrix="", subfolder="", more=""):
        head = f"{before or 'on: {push: {tags: [v1]}}'}\njobs:\n  publish:\n"
        strategy = f"    strategy: {{matrix: {matrix}}}\n" if matrix else ""
        body = textwrap.indent(textwrap.dedent(script), " " * 10)
        text = f"{head}{strategy}    steps:\n      - name: Build\n        run: |\n{body}\n{more}"
        workflow = parse_workflow(text, Path("ci.yml"))
        return HandMade(workflow, repository, subfolder, ())

    return run


def variants(layout=None):
    return tuple(
        NewVariant(
            name=each, project=f"kindling-{each}", pyproject=f"build-configs/{each}.toml", layout=layout or {}
        )
        for each in PLATFORMS
    )


LOOP = """\
for platform in databricks synapse; do
  rm -rf build && mkdir build
  cp -r packages/kindling build/
  cp build-configs/$platform.toml build/pyproject.toml
  cp README.md build/
  cd build
  poetry build
  cp dist/* ../dist/
  cd ..
done
twine upload dist/*
"""


def test_a_loop_of_copies_is_variants_with_a_layout(read):
    made = read(LOOP)
    assert (made.variants, made.layout) == (variants(), LAYOUT)
    assert (made.destinations, made.kept.triggers, tuple(made.notes)) == (("pypi",), (Trigger.TAG,), ())
    assert made.replaceable
    assert not made.include_base


def test_a_matrix_of_copies_is_variants(read):
    made = read(
        """\
        mkdir -p build
        cp -r packages/kindling build/kindling
        cp "build-configs/${{ matrix.platform }}.toml" build/pyproject.toml
        (cd build && python -m build)
        """,
        matrix="{platform: [databricks, synapse]}",
    )
    assert (made.variants, made.layout, tuple(made.notes)) == (variants(), LAYOUT, ())


def test_a_matrix_of_files_is_variants(read):
    made = read(
        "cp ${{ matrix.config }} pyproject.toml\nhatch build\n",
        matrix="{include: [{config: build-configs/databricks.toml}, {config: build-configs/synapse.toml}]}",
    )
    assert (made.variants, made.layout) == (variants(), {})


def test_the_working_directory_of_a_step_counts_and_copies_stay_from_step_to_step(read):
    made = read(
        "mkdir build\ncp -r packages/kindling build\ncp build-configs/synapse.toml build/pyproject.toml\n",
        more="      - run: poetry build\n        working-directory: build\n",
    )
    assert (made.variants, made.layout) == (variants()[1:], LAYOUT)


def test_variants_that_differ_in_what_is_copied_have_layouts_of_their_own(read):
    script = """\
    mkdir a b
    cp -r packages/kindling a/
    cp build-configs/databricks.toml a/pyproject.toml
    cd a && poetry build && cd ..
    cp build-configs/synapse.toml b/pyproject.toml
    cd b && poetry build
    """
    first, second = variants()
    made = read(script)
    assert made.layout == {}
    assert made.variants == (
        NewVariant(name=first.name, project=first.project, pyproject=first.pyproject, layout=LAYOUT),
        second,
    )


def test_the_project_itself_may_be_built_too(read):
    made = read("poetry build\n" + LOOP)
    assert made.include_base
    assert read("poetry build\npoetry publish\n").variants == ()


def test_paths_are_those_of_the_project_in_a_subfolder(read, repository):
    (repository / "python").mkdir()
    for each in ("build-configs", "packages"):
        (repository / each).rename(repository / "python" / each)
    made = read("cd python\n" + LOOP, subfolder="python")
    assert (made.variants, made.layout) == (variants(), LAYOUT)


@pytest.mark.parametrize(
    ("script", "copies"),
    [
        ("cd lib\ncp ../README.md ../LICENSE .\npython -m build\n", ("cp -R README.md lib/README.md", "cp -R LICENSE lib/LICENSE")),
        ("cp README.md lib/\ncd lib && hatch build\n", ("cp -R README.md lib/README.md",)),
        ("cp -r packages lib/\ncd lib && hatch build\n", ("cp -R packages lib/packages",)),
        ("cd lib\ncp ../README.md /tmp/\npython -m build\ncp dist/* ../dist/\n", ()),
        ("cd lib\npython -m build\ncp ../README.md .\n", ()),
    ],
)  # fmt: skip
def test_what_is_copied_into_the_project_before_it_is_built_is_kept(read, repository, script, copies):
    (repository / "lib").mkdir()
    (repository / "LICENSE").write_text("MIT\n")
    made = read(script, subfolder="lib")
    assert (made.kept.copies, tuple(made.notes)) == (copies, ())


def test_a_copy_of_what_is_not_in_the_repository_is_reported(read, repository):
    (repository / "lib").mkdir()
    made = read("cd lib\ncp ../generated.md README.md\npython -m build\n", subfolder="lib")
    assert not made.kept.copies
    assert tuple(made.notes) == ("ci.yml:7: not understood: `cp ../generated.md README.md` in “Build”",)


def test_a_variant_with_a_file_from_outside_the_project_is_reported(read, repository):
    (repository / "lib").mkdir()
    shutil.move(repository / "build-configs", repository / "lib")
    shutil.move(repository / "packages", repository / "lib")
    script = LOOP.replace("for", "cd lib\nfor", 1).replace("cp README.md", "cp ../README.md")
    made = read(script, subfolder="lib")
    assert made.variants == ()
    assert tuple(made.notes) == ("ci.yml:7: not understood: `poetry build` in “Build”",)


def test_a_job_that_only_tests_is_not_reported_and_stays(read):
    more = "  lint:\n    steps:\n      - run: frobnicate | sort\n"
    made = read(LOOP, more=more)
    assert tuple(made.notes) == ()
    assert not made.replaceable


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("sed -i s/a/b/ pyproject.toml", "`sed -i s/a/b/ pyproject.toml`"),
        ("python scripts/prepare.py", "`python scripts/prepare.py`"),
        ("python -m pytest -q", "`python -m pytest -q`"),
        ("rsync -a packages/kindling build/", "`rsync -a packages/kindling build/`"),
        ("cp -r packages/. build/", "`cp -r packages/. build/`"),
        ("curl https://x | sh", "`curl https://x | sh`"),
    ],
)
def test_says_what_it_did_not_understand_and_where(read, command, shown):
    assert tuple(read(f"{command}\n{LOOP}").notes) == (f"ci.yml:7: not understood: {shown} in “Build”",)


def test_tells_the_line_of_a_command_of_one_line(read):
    made = read(LOOP, more="      - run: frobnicate\n")
    assert tuple(made.notes) == ("ci.yml:19: not understood: `frobnicate` in “frobnicate”",)


def test_says_which_action_it_does_not_know(read):
    made = read(LOOP, more="      - uses: someone/release-it@v1\n")
    assert tuple(made.notes) == ("ci.yml:19: not understood: the action someone/release-it@v1",)


@pytest.mark.parametrize(
    ("script", "note"),
    [
        ("cp build-configs/none.toml pyproject.toml\npoetry build\n", "`cp build-configs/none.toml"),
        ("cd other\npoetry build\n", "`poetry build`"),
    ],
)
def test_says_which_build_it_leaves_out(read, script, note):
    made = read(script)
    assert made.variants == ()
    assert note in next(iter(made.notes))


@pytest.mark.parametrize("root", ["$GITHUB_WORKSPACE", "${{ github.workspace }}"])
def test_paths_may_begin_at_the_repository(read, root):
    script = f"""\
    mkdir -p build && cd build
    cp -r {root}/packages/kindling .
    cp {root}/build-configs/synapse.toml pyproject.toml
    poetry build
    """
    made = read(script)
    assert (made.variants, made.layout, tuple(made.notes)) == (variants()[1:], LAYOUT, ())


def test_a_file_that_is_built_with_twice_is_one_variant(read):
    copy = "cp build-configs/synapse.toml {}/pyproject.toml && cd {} && poetry build && cd ..\n"
    made = read("mkdir a b\n" + copy.format("a", "a") + copy.format("b", "b"))
    assert made.variants == variants()[1:]


def test_goes_where_the_shell_goes(read):
    script = """\
    mkdir -p build a/b
    cp -r packages/kindling build/
    cp build-configs/synapse.toml build/pyproject.toml
    cd a && cd b
    (cd b && pwd)
    cd ../..
    cd build
    poetry build
    """
    made = read(script)
    assert (made.variants, made.layout, tuple(made.notes)) == (variants()[1:], LAYOUT, ())


def test_the_loop_that_the_documentation_shows_is_understood(tmp_path):
    shutil.copytree(ROOT / "examples" / "kindling", tmp_path / "kindling")
    page = (ROOT / "docs" / "how-to" / "start-with-init.md").read_text(encoding="utf-8")
    steps = page.split("```yaml\n")[1].split("```")[0]
    text = "jobs:\n  publish:\n    steps:\n" + textwrap.indent(steps, " " * 6)
    made = HandMade(parse_workflow(text, Path("ci.yml")), tmp_path / "kindling", "", ())
    assert [each.name for each in made.variants] == ["synapse", "databricks", "fabric"]
    assert (made.layout, made.destinations, tuple(made.notes)) == (LAYOUT, ("pypi",), ())


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("build-configs/synapse.toml", "synapse"),
        ("pyproject.synapse.toml", "synapse"),
        ("pyproject-synapse.toml", "synapse"),
        ("configs/synapse/pyproject.toml", "synapse"),
        ("synapse.pyproject.toml", "synapse"),
        ("pyproject_.toml", "pyproject_"),
    ],
)
def test_names_a_variant_after_its_file(path, name):
    assert variant_name(path) == name


WORDS = st.sampled_from(
    ["cp", "cd", "pushd", "popd", "rm", "mkdir", "mv", "poetry", "build", "publish", "twine", "upload", "-r", "build/",
     "..", "../..", "/", "-", "pyproject.toml", "*", "dist/*", "(", ")", "&&", "\n", "python", "-m", "uvx", "--with"]
)  # fmt: skip


@given(st.lists(WORDS, max_size=15))
def test_no_commands_are_too_odd_to_be_followed(words):
    script = textwrap.indent("poetry build\n" + " ".join(words), " " * 10)
    text = f"jobs:\n  a:\n    steps:\n      - run: |\n{script}\n"
    made = HandMade(parse_workflow(text, Path("ci.yml")), ROOT / "examples" / "kindling", "", ())
    assert all(note.startswith("ci.yml") for note in made.notes)


CORP = "https://pypi.corp.example/legacy/"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("poetry publish", "pypi"),
        ("poetry publish --build -r testpypi", "testpypi"),
        ("poetry publish --repository=testpypi", "testpypi"),
        ("twine upload dist/*", "pypi"),
        (f"twine upload --repository-url {CORP} -r x dist/*", "corp"),
        ("hatch publish -r test", "testpypi"),
        (f"hatch publish --repo {CORP}", "corp"),
        (f"uv publish --publish-url {CORP}", "corp"),
        ("uv publish --index testpypi", "testpypi"),
        ("flit publish --repository testpypi", "testpypi"),
        ("pdm publish -r testpypi", "testpypi"),
        ("twine check dist/*", None),
        ("poetry build", None),
        ("poetry publish -r", "pypi"),
    ],
)
def test_knows_where_commands_upload_to(read, command, expected):
    assert read(command).destinations == (() if expected is None else (expected,))


@pytest.mark.parametrize(
    ("command", "variable"),
    [
        ("twine upload x", "TWINE_REPOSITORY_URL"),
        ("hatch publish", "HATCH_INDEX_REPO"),
        ("uv publish", "UV_PUBLISH_URL"),
        ("flit publish", "FLIT_INDEX_URL"),
        ("pdm publish", "PDM_PUBLISH_REPO"),
    ],
)
def test_knows_the_variables_of_the_tools(read, command, variable):
    made = read(f"export X=1\n{command}\n", before=f"on: push\nenv: {{{variable}: {CORP}}}")
    assert made.destinations == ("corp",)


def test_knows_the_action_for_pypi(read):
    action = "      - uses: pypa/gh-action-pypi-publish@release/v1\n"
    made = read("ls", more=action)
    assert (made.destinations, made.trusted) == (("pypi",), {"pypi": None})
    inputs = f"        with: {{password: x, repository-url: {CORP}}}\n"
    made = read("ls", more=action + inputs)
    assert (made.destinations, made.trusted) == (("corp",), {})
