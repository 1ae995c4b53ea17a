"""Every command of ours below `poetry publish-all`, and how texts name them there."""

from __future__ import annotations

from pathlib import Path

import pytest
from cleo.testers.application_tester import ApplicationTester
from poetry.console.application import Application

from publish_all.cli.registry import COMMANDS

# A dependency of Poetry warns when it is first imported.
pytestmark = pytest.mark.filterwarnings("ignore:open_text is deprecated:DeprecationWarning")


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ApplicationTester:
    for name in ("CONFIG", "CACHE", "DATA"):
        monkeypatch.setenv(f"POETRY_{name}_DIR", str(tmp_path / name))
    monkeypatch.chdir(tmp_path)
    application = Application()
    application.auto_exits(False)
    return ApplicationTester(application)


@pytest.mark.parametrize("name", COMMANDS)
def test_has_every_command(typed: ApplicationTester, name: str) -> None:
    assert typed.execute(f"publish-all {name} --help") == 0  # no option clashes with one of Poetry's own
    shown = typed.io.fetch_output()
    assert f"poetry publish-all {name}" in shown
    usage = f"  publish-all {name} ["
    assert "`publish-all " not in shown.replace(usage, "")


def test_errors_and_explanations_name_commands_that_are_there(
    typed: ApplicationTester, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed.execute("publish-all explain PA999") == 2
    assert "  more: poetry publish-all explain PA102" in capsys.readouterr().err
    assert typed.execute("publish-all explain PA307") == 0
    assert "`poetry publish-all login" in " ".join(capsys.readouterr().out.split())
    assert typed.execute("publish-all explain PA307 --format json") == 0
    assert "`poetry publish-all login" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["publish-all", "publish-all publish"])
def test_publish_has_its_own_name_too(
    typed: ApplicationTester, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed.execute(f"{command} nothing.whl") == 2
    assert "no file nothing.whl" in capsys.readouterr().err
