import os
import sys
import time

import pytest

from publish_all._process import run


def python(code, tmp_path, **options):
    return run([sys.executable, "-c", code], cwd=tmp_path, **options)


@pytest.mark.parametrize("timeout", [None, 60.0])
def test_gives_code_and_what_was_printed(timeout, tmp_path):
    code = "import os, sys; os.write(1, b'out \\xff'); os.write(2, b'err'); sys.exit(3)"
    done = python(code, tmp_path, timeout=timeout)
    assert done == (3, "out \ufffd", "err")


def test_runs_in_the_folder_with_the_environment(tmp_path):
    code = "import os; print(os.getcwd(), os.environ['SAID'], end='')"
    done = python(code, tmp_path, environment={**os.environ, "SAID": "yes"}, timeout=60)
    assert done.stdout == f"{tmp_path} yes"


def test_no_such_program(tmp_path):
    with pytest.raises(FileNotFoundError):
        run(["publish-all-has-no-such-program"], cwd=tmp_path, timeout=60)


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import time; time.sleep(600)", id="says nothing"),
        pytest.param("import os, time; os.close(1); os.close(2); time.sleep(600)", id="closes its output"),
        pytest.param(
            "import subprocess, sys, time; "
            "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(20)']); time.sleep(600)",
            id="leaves its output to a child",
        ),
    ],
)
def test_what_takes_too_long_is_ended(code, tmp_path):
    started = time.monotonic()
    with pytest.raises(TimeoutError, match=r"did not end within 0\.5 s"):
        python(code, tmp_path, timeout=0.5)
    assert time.monotonic() - started < 15
