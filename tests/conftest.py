"""What holds for every test: no credentials from outside, no network but in `integration/`, a time limit."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import pytest_socket

INTEGRATION = Path(__file__).parent / "integration"
UNIT_SECONDS = 60 if os.name == "posix" else 600  # wine starts processes slowly, setuptools in a minute
INTEGRATION_SECONDS = 300
ERROR_PRIVILEGE_NOT_HELD = 1314
# Why a test with the mark `posix(NAME)` does not run on Windows; CONTRIBUTING lists them.
NOT_ON_WINDOWS = {
    "links": "Windows lets only those make symbolic links who have the right to",
    "locks": "Windows locks files in another way",
    "modes": "Windows has no POSIX permissions, and no executable bit",
    "names": "Windows has no files of such names",
    "pipes": "Windows has no named pipes among its files",
    "shell": "the program of the test is a script for a POSIX shell",
    "signals": "Windows sends no signals, and has no process groups",
}

# Examples take longer on a busy machine; the time limit of the test bounds them all.
hypothesis.settings.register_profile("publish-all", deadline=None)
hypothesis.settings.load_profile("publish-all")
# Whoever runs the tests may be logged in somewhere; the tests must neither use nor see it.
FOREIGN = (
    "ACTIONS_",
    "FLIT_",
    "GH_",
    "GITHUB_",
    "HATCH_",
    "PDM_",
    "POETRY_",
    "PUBLISH_ALL_",
    "PYPI",
    "PYTHONUNBUFFERED",  # hides that output is lost when a process dies
    "TESTPYPI",
    "TWINE_",
)
for _name in [name for name in os.environ if name.startswith((*FOREIGN, "UV_PUBLISH_"))]:
    del os.environ[_name]
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
# What is remembered of checkouts is forgotten with the tests.
_STATE = tempfile.TemporaryDirectory(prefix="publish-all-tests-state-")
os.environ["XDG_STATE_HOME"] = _STATE.name
if os.name == "nt":
    # Files of tests are the same bytes on all systems.
    _path: Any = Path
    _read_text, _write_text = _path.read_text, _path.write_text
    _path.read_text = lambda path, encoding="utf-8", *rest, **more: _read_text(path, encoding, *rest, **more)
    _path.write_text = lambda path, text, encoding="utf-8", errors=None, newline="\n": _write_text(
        path, text, encoding, errors, newline
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "chaos: drops, delays and kills, many times from seeds")
    config.addinivalue_line("markers", "fuzz: many random inputs for each reader; run by `make fuzz`")
    config.addinivalue_line("markers", "real: works on many projects from PyPI; run by `make test-real`")
    config.addinivalue_line("markers", "posix(name): cannot run on Windows, for a reason of `NOT_ON_WINDOWS`")
    config.addinivalue_line("markers", "rehearsal: a release of our own; run by `make release-rehearsal`")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, Any, Any]:
    """Skip what makes a symbolic link where that needs a right."""
    try:
        return (yield)
    except OSError as error:
        if getattr(error, "winerror", None) == ERROR_PRIVILEGE_NOT_HELD:
            pytest.skip(NOT_ON_WINDOWS["links"])
        raise


def in_integration(item: pytest.Item) -> bool:
    return INTEGRATION in item.path.parents


def dealt(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Order `items` for `workers`, of which each begins with an equal part of them.

    A part holds whole files of slow tests, then quick ones, which idle workers can take from its end.
    """
    files = [list(tests) for _, tests in itertools.groupby(items, key=lambda item: item.path)]
    slow = [tests for tests in files if in_integration(tests[0])]
    quick = [item for tests in files if not in_integration(tests[0]) for item in tests]
    order: list[pytest.Item] = []
    for worker in range(workers):
        order += itertools.chain(*slow[worker::workers])
        missing = max(0, len(items) * (worker + 1) // workers - len(order))
        order += quick[:missing]
        del quick[:missing]
    return order


@pytest.hookimpl(trylast=True)  # without the tests that are not selected
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = dealt(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
    for item in items:
        if item.get_closest_marker("timeout") is None:
            seconds = INTEGRATION_SECONDS if in_integration(item) else UNIT_SECONDS
            item.add_marker(pytest.mark.timeout(seconds))
        for mark in item.iter_markers("posix"):
            item.add_marker(pytest.mark.skipif(os.name == "nt", reason=NOT_ON_WINDOWS[mark.args[0]]))


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if not in_integration(item) and os.name == "posix":
        pytest_socket.disable_socket(
            allow_unix_socket=True
        )  # asyncio needs a pair of its own, on Windows of TCP


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    pytest_socket.enable_socket()
