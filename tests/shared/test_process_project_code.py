import os
import signal
import subprocess
import sys
import time

import pytest

from publish_all._process import piped, run_project_code

# It lives for as long as its file grows: Windows has no other way to ask that Python knows.
LIVES = "import time\nwhile True:\n    open('pulse', 'a').write('.')\n    time.sleep(0.05)\n"
DEAF = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{LIVES}"
CHILD = (
    "import os, subprocess, sys, time\n"
    "subprocess.Popen([sys.executable, '-c', {code!r}], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
    "while not os.path.exists('pulse'): time.sleep(0.01)\n"
)


def python(code, tmp_path, **more):
    return run_project_code([sys.executable, "-c", code], cwd=tmp_path, environment=os.environ, **more)


def ended(tmp_path):
    pulse = tmp_path / "pulse"
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        before = pulse.stat().st_size
        time.sleep(0.5)
        if pulse.stat().st_size == before:
            return True
    return False


def test_what_a_command_leaves_running_ends_with_it(tmp_path):
    done = python(CHILD.format(code=LIVES) + "print('done')", tmp_path)
    assert (done.returncode, done.stdout.rstrip()) == (0, "done")
    assert ended(tmp_path)


def test_what_does_not_end_when_it_is_asked_to_is_killed(tmp_path):
    python(CHILD.format(code=DEAF), tmp_path)
    assert ended(tmp_path)


def test_a_command_that_takes_too_long_ends_with_its_children(tmp_path):
    with pytest.raises(TimeoutError):
        python(CHILD.format(code=LIVES) + "time.sleep(60)", tmp_path, timeout=5 if os.name == "posix" else 30)
    assert ended(tmp_path)


def test_an_interrupt_ends_all_that_a_worker_has_started(tmp_path):
    code = CHILD.format(code=LIVES) + "print('ready', flush=True)\n" + "time.sleep(60)"
    command = [sys.executable, "-c", code]

    def interrupted():
        with piped(command, cwd=tmp_path, environment=os.environ, errors=tmp_path / "log") as worker:
            assert next(worker.lines()) == "ready\n"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert ended(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
@pytest.mark.parametrize("place", ["environ", "mem"])
def test_project_code_cannot_read_our_environment_or_memory(place, tmp_path):
    reads = f"import os; open(f'/proc/{{os.getppid()}}/{place}', 'rb')"
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom publish_all._process import run_project_code\n"
        f"done = run_project_code([sys.executable, '-c', {reads!r}], cwd=Path.cwd(), environment={{}})\n"
        "print(done.returncode, done.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("1 ")
    assert "PermissionError" in done.stdout


def test_a_command_that_cannot_be_started(tmp_path):
    with pytest.raises(FileNotFoundError):
        run_project_code(["publish-all-has-no-such-program"], cwd=tmp_path)


@pytest.mark.posix("signals")
def test_signals_of_our_terminal_do_not_reach_it(tmp_path):
    done = python("import os; print(os.getpgrp() == os.getpid())", tmp_path)
    assert done.stdout == "True\n"
    assert (
        python("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", tmp_path).returncode
        == -signal.SIGTERM
    )
