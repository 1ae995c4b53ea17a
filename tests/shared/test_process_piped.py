import errno
import os
import sys
from types import SimpleNamespace

import pytest

from publish_all._process import Piped, piped

ECHO = "import sys\nfor line in sys.stdin: print('got', line, end='', flush=True)\nsys.stderr.write('ended')"


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def start(code, log, tmp_path):
    return piped([sys.executable, "-c", code], cwd=tmp_path, environment=os.environ, errors=log)


def test_speaks_in_lines_and_keeps_errors_apart(log, tmp_path):
    with start(ECHO, log, tmp_path) as process:
        process.say("one")
        lines = process.lines()
        assert next(lines) == "got one\n"
        assert process.end(within=10) == 0
    assert log.read_text() == "ended"


def test_a_process_that_is_gone_has_no_answer(log, tmp_path):
    with start("raise SystemExit(3)", log, tmp_path) as process:
        assert list(process.lines()) == []
        process.say("anybody?")
        assert process.end(within=10) == 3


def test_a_pipe_that_windows_says_is_closed_is_no_error():
    def write(line):
        raise OSError(errno.EINVAL, "Invalid argument")

    gone = SimpleNamespace(stdin=SimpleNamespace(write=write))
    Piped(gone).say("anybody?")


def test_a_process_does_not_outlive_the_time_given_to_it(log, tmp_path):
    with start("import time\ntime.sleep(60)", log, tmp_path) as process:
        assert process.end(within=0.1) != 0
