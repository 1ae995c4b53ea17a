import importlib.metadata
import os
import subprocess
import sys
import sysconfig
from email.message import Message
from pathlib import Path

import pytest

from publish_all.builders import build_environment
from publish_all.builders.build_environment import interpreter_for, requirements_of, unmet
from publish_all.builders.builder import BuildSettings
from publish_all.builders.isolated import MadeEnvironment
from publish_all.config.model import Isolation
from publish_all.errors import BuildError
from publish_all.events import EnvironmentChosen


class Installed(importlib.metadata.Distribution):
    def __init__(self, version, *requires):
        self._version, self._requires = version, requires
        self.stated_name = ""

    @property
    def metadata(self):
        message = Message()
        message["Name"] = self.stated_name
        message["Version"] = self._version
        for each in self._requires:
            message["Requires-Dist"] = each
        return message

    def read_text(self, filename):
        return None

    def locate_file(self, path):
        raise NotImplementedError


HERE = {
    "backend": Installed(
        "2.1", "helper>=1", "windows-only; sys_platform == 'nope'", "speed>=9; extra == 'fast'"
    ),
    "helper": Installed("1.5"),
    "circle": Installed("1", "circle[more]", "helper; extra == 'more'"),
    "broken": Installed("1", "helper>=2"),
    "pre": Installed("1.0rc1"),
}
for name, each in HERE.items():
    each.stated_name = name


@pytest.fixture
def here(monkeypatch):
    """Only these distributions are installed."""
    monkeypatch.setattr(build_environment, "installed", HERE.get)


@pytest.mark.parametrize(
    "requirements",
    [
        [],
        ["backend"],
        ["backend>=2,<3", "helper"],
        ["circle"],
        ["pre>=1.0rc1,<2"],
        ["absent; python_version<'3'"],
    ],
)
@pytest.mark.usefixtures("here")
def test_satisfied_requirements(requirements):
    assert unmet(requirements) is None


@pytest.mark.parametrize(
    ("requirement", "what"),
    [
        ("absent", "absent (not installed)"),
        ("backend>=3", "backend>=3 (2.1 is installed)"),
        ("backend[fast]", "speed>=9 (not installed)"),
        ("broken", "helper>=2 (1.5 is installed)"),
        ("helper @ https://h/helper.whl", "helper @ https://h/helper.whl"),
        ("not a requirement", "'not a requirement', which is not a valid requirement (PEP 508)"),
    ],
)
@pytest.mark.usefixtures("here")
def test_unsatisfied_requirements_are_told(requirement, what):
    assert unmet(["helper", requirement]) == what


def test_hatchlings_hooks_have_requirements_too(make_variant):
    pyproject = {
        "build-system": {"requires": ["hatchling"], "build-backend": "hatchling.build"},
        "project": {"dependencies": ["run"], "optional-dependencies": {"f": ["feature"]}},
        "tool": {
            "hatch": {
                "build": {
                    "dependencies": ["one"],
                    "hooks": {"custom": {"dependencies": ["two"]}},
                    "targets": {
                        "wheel": {
                            "hooks": {"other": {"dependencies": ["three"], "require-runtime-features": ["f"]}}
                        },
                        "sdist": {"require-runtime-dependencies": True},
                        "variants": {"dependencies": ["publish-all"]},
                    },
                }
            }
        },
    }
    assert set(requirements_of(make_variant(pyproject))) == {
        "hatchling",
        "one",
        "two",
        "three",
        "run",
        "feature",
    }
    pyproject["build-system"]["build-backend"] = "other"
    assert requirements_of(make_variant(pyproject)) == ("hatchling",)


@pytest.fixture
def chosen(tmp_path, here):
    """The interpreter for requirements, with what is told of it; None in place of it where an isolated one is made."""

    def chosen(requirements, isolation, environment, **more):
        events = []
        settings = BuildSettings(environment, isolation=isolation)
        found = interpreter_for(
            requirements,
            settings=settings,
            workspace=tmp_path,
            listener=events.append,
            **more,
        )
        return found, events

    return chosen


@pytest.mark.parametrize(("isolation", "of_host"), [(Isolation.NEVER, False), (Isolation.HOST, True)])
def test_the_current_interpreter_is_used_without_secrets_and_what_git_hooks_set(
    tmp_path, chosen, isolation, of_host
):
    given = {"PATH": "p", "MY_TOKEN": "t", "GIT_DIR": "g", "GIT_CONFIG_GLOBAL": "c"}
    interpreter, events = chosen(["backend"], isolation, given, of_host=of_host)
    assert interpreter.executable == sys.executable
    scripts, rest = interpreter.environment["PATH"].split(os.pathsep)
    assert scripts == sysconfig.get_path("scripts")
    assert (rest, interpreter.environment["GIT_CONFIG_GLOBAL"]) == ("p", "c")
    assert interpreter.environment["GIT_NO_LAZY_FETCH"] == "1"
    assert not interpreter.environment.keys() & {"MY_TOKEN", "GIT_DIR"}
    assert interpreter.dropped == ("GIT_DIR", "MY_TOKEN")
    assert Path(interpreter.environment["TMPDIR"]).parent == tmp_path
    assert interpreter.installed == ("backend==2.1", "helper==1.5")
    assert events == [
        EnvironmentChosen(isolated=False, reason="with backend", dropped=("GIT_DIR", "MY_TOKEN"))
    ]


@pytest.mark.parametrize("more", [[], ["backend>=3"]], ids=["required", "asked for by the backend"])
def test_without_isolation_what_is_not_installed_is_an_error(chosen, more):
    requirements = ["backend", *([] if more else ["backend>=3"])]
    with pytest.raises(BuildError, match=r"needs backend>=3 \(2.1 is installed\), and --no-isolation"):
        chosen(requirements, Isolation.NEVER, {}, more=lambda _: more)


@pytest.mark.parametrize(
    ("requirement", "isolation", "of_host"),
    [
        ("backend", Isolation.ALWAYS, True),
        ("backend", Isolation.HOST, False),
        ("backend>=3", Isolation.HOST, True),
    ],
)
def test_an_isolated_environment_is_made_in_all_other_cases(
    chosen, monkeypatch, requirement, isolation, of_host
):
    asked = []

    def make(requirements, **_):
        asked.append(requirements)
        return MadeEnvironment("/made/bin/python", ("Backend==3.0", "other==1"), 0.0)

    monkeypatch.setattr(build_environment, "isolated_environment", make)
    interpreter, events = chosen(
        [requirement], isolation, {}, of_host=of_host, more=lambda found: ["more", requirement]
    )
    assert interpreter.executable == "/made/bin/python"
    assert [each[: -len(build_environment._WORKER_REQUIRES)] for each in asked] == [
        (requirement,),
        (requirement, "more"),
    ]
    assert events == [EnvironmentChosen(isolated=True, reason="with Backend==3.0")]


def test_an_isolated_interpreter_finds_publish_all_and_nothing_else_of_ours(tmp_path):
    variables = build_environment._elsewhere({**os.environ, "PYTHONHOME": "h"}, sys.executable, tmp_path)
    assert "PYTHONHOME" not in variables
    held = sorted(each.name.partition("-")[0] for each in (tmp_path / "publish-all").iterdir())
    assert held == ["publish_all", "publish_all"]
    code = (
        "import importlib.metadata as m, publish_all; print(m.version('publish-all'), publish_all.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-s", "-c", code], env=variables, capture_output=True, text=True, check=True
    )
    assert str(tmp_path) in done.stdout


def test_the_publish_all_that_runs_is_not_fetched_again(monkeypatch):
    monkeypatch.setattr(build_environment, "installed", {"publish-all": Installed("1.5")}.get)
    assert build_environment._wanted(("poetry-core", "publish_all>=1"))[0] == "poetry-core"
    assert "publish_all>=1" not in build_environment._wanted(("poetry-core", "publish_all>=1"))
    assert "publish_all>=2" in build_environment._wanted(("publish_all>=2",))
    place = "git+https://git.corp.example/publish-all@4f1c#subdirectory=shared"
    assert f"publish-all @ {place}" in build_environment._wanted((f"publish-all @ {place}",))
    monkeypatch.setattr(build_environment, "own_url", lambda: place)
    assert f"publish-all @ {place}" not in build_environment._wanted((f"publish-all @ {place}",))
    assert "publish_all>=2" in build_environment._wanted(("publish_all>=2",))
