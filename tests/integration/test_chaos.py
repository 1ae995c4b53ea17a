"""Servers behind a network that fails from a seed, and runs that are killed: no file is lost, none is there twice.

A failing seed is in the test's output; run it alone with the number in ROUNDS.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from chaos_proxy import ChaosProxy, chaos_proxy
from chaos_runs import ChaosProject, assert_once_and_identical, assert_tells_the_truth, make_project
from harness.servers import Devpi, Server

from publish_all.upload.journal import read_journal

AT_ONCE = 8
BOUND_SECONDS = 150

RATE = 0.4

MakeServer = Callable[[int], Server]


@pytest.fixture
def make_server(devpi_process: Devpi, pypiserver: Server) -> MakeServer:
    """pypiserver; for every fourth seed a fresh index of devpi, which writes one file after another."""

    def make_server(seed: int) -> Server:
        return devpi_process.new_index(f"chaos{seed}-{time.time_ns()}") if seed % 4 == 3 else pypiserver

    return make_server


Check = Callable[[int, Server, ChaosProject, ChaosProxy], None]


@pytest.fixture
def with_each(
    make_server: MakeServer, tmp_path: Path, environment: Mapping[str, str]
) -> Callable[[Iterable[int], Check], None]:
    """Does a check for each seed, several at a time, and tells which seeds failed."""

    def one(seed: int, check: Check) -> str | None:
        server = make_server(seed)
        with chaos_proxy(server.upload_url, seed=seed, rate=RATE) as proxy:
            project = make_project(tmp_path / f"seed{seed}", server, proxy, environment, prefix=f"s{seed}")
            try:
                check(seed, server, project, proxy)
            except AssertionError as error:
                return f"seed {seed}, {server.name}, {dict(proxy.faults)}: {error}"
        return None

    def with_each(seeds: Iterable[int], check: Check) -> None:
        print(f"seeds: {list(seeds)}")
        with ThreadPoolExecutor(AT_ONCE) as pool:
            failures = [each for each in pool.map(lambda seed: one(seed, check), seeds) if each is not None]
        assert not failures, "\n\n".join(failures)

    return with_each


def survives(seed: int, server: Server, project: ChaosProject, proxy: ChaosProxy) -> None:
    del seed
    done = project.publish()
    assert done.returncode == 0, done
    assert sum(proxy.faults.values()) > proxy.faults["none"], "nothing failed: that was no chaos"
    assert_once_and_identical(server, project)


def survives_a_kill(seed: int, server: Server, project: ChaosProject, proxy: ChaosProxy) -> None:
    dice = random.Random(seed)
    after, pause = dice.randint(1, 30), dice.uniform(0, 0.3)
    child = project.start()
    proxy.wait_for(after, seconds=60)
    time.sleep(pause)
    child.send_signal(signal.SIGKILL)
    child.wait(30)
    done = project.publish()
    assert done.returncode == 0, f"killed after {after} requests and {pause:.2f} s, then: {done}"
    assert read_journal(project.journal).complete
    assert_once_and_identical(server, project)


def survives_an_outage(seed: int, server: Server, project: ChaosProject, proxy: ChaosProxy) -> None:
    proxy.dead_after = random.Random(seed).randint(8, 15)
    done = project.publish()
    assert done.returncode in (1, 5), done
    assert done.seconds < BOUND_SECONDS, done
    assert_tells_the_truth(server, project, done.returncode)
    finishes(server, project, proxy, before=done)


def finishes(server: Server, project: ChaosProject, proxy: ChaosProxy, *, before: object) -> None:
    """The next run on a network that works again does the rest: no file is there twice, nothing is a conflict."""
    proxy.heal()
    done = project.publish()
    assert done.returncode == 0, f"{before}, then: {done}"
    assert read_journal(project.journal).complete
    assert_once_and_identical(server, project)


def tells_the_truth_after_a_signal(
    seed: int, server: Server, project: ChaosProject, proxy: ChaosProxy
) -> None:
    dice = random.Random(seed)
    number = dice.choice((signal.SIGTERM, signal.SIGHUP, signal.SIGINT))
    after, pause = dice.randint(1, 30), dice.uniform(0, 0.3)
    child = project.start()
    proxy.wait_for(after, seconds=60)
    time.sleep(pause)
    child.send_signal(number)
    code = child.wait(30)
    assert_tells_the_truth(server, project, code)
    finishes(server, project, proxy, before=f"{number.name} after {after} requests and {pause:.2f} s: {code}")


def tells_the_truth_on_a_full_disk(
    seed: int, server: Server, project: ChaosProject, proxy: ChaosProxy
) -> None:
    left = random.Random(seed).randint(0, 6000)
    done = project.publish_on_a_full_disk(left=left)
    assert_tells_the_truth(server, project, done.returncode)
    if done.returncode != 0:
        finishes(server, project, proxy, before=f"{left} bytes of disk: {done}")


def tells_what_was_not_stored(seed: int, server: Server, project: ChaosProject, proxy: ChaosProxy) -> None:
    proxy.forgets = 1.0 if seed % 3 == 0 else 0.3
    done = project.publish("--verify-timeout", "5")
    assert done.returncode == (5 if proxy.forgotten else 0), done
    assert_tells_the_truth(server, project, done.returncode)
    if proxy.forgotten:
        assert "not listed" in done.stdout + done.stderr, done
        finishes(server, project, proxy, before=done)


def survives_a_kill_while_verifying(
    seed: int, server: Server, project: ChaosProject, proxy: ChaosProxy
) -> None:
    dice = random.Random(seed)
    number = dice.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGHUP))
    proxy.calm()
    proxy.lists_nothing = True
    child = project.start()
    assert proxy.wait_for_upload(len(project.files), seconds=120), "not all files were uploaded"
    time.sleep(dice.choice((dice.uniform(0, 0.1), dice.uniform(0, 2))))
    child.send_signal(number)
    code = child.wait(30)
    assert code == (-number if number == signal.SIGKILL else 5), f"{number.name}: {code}"
    finishes(server, project, proxy, before=number.name)


# What is tried → the seeds of `make test`, and those of `make chaos`.
ROUNDS: Mapping[Check, tuple[range, range]] = {
    survives: (range(20), range(20, 200)),
    survives_a_kill: (range(1000, 1020), range(1020, 1050)),
    survives_an_outage: (range(2002, 2004), range(2004, 2012)),
    tells_the_truth_after_a_signal: (range(3000, 3008), range(3008, 3040)),
    tells_the_truth_on_a_full_disk: (range(4000, 4004), range(4004, 4024)),
    tells_what_was_not_stored: (range(5000, 5004), range(5004, 5016)),
    survives_a_kill_while_verifying: (range(6000, 6008), range(6008, 6040)),
}
# These need signals and limits that other systems do not have.
POSIX = (
    survives_a_kill,
    tells_the_truth_after_a_signal,
    tells_the_truth_on_a_full_disk,
    survives_a_kill_while_verifying,
)


def rounds(*, long: bool) -> list[object]:
    posix = pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX")
    return [
        pytest.param(check, seeds[long], id=check.__name__, marks=[posix] if check in POSIX else [])
        for check, seeds in ROUNDS.items()
    ]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("check", "seeds"), rounds(long=False))
def test_every_file_arrives_once_and_the_exit_code_is_true(with_each, check, seeds) -> None:
    with_each(seeds, check)


@pytest.mark.chaos
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("check", "seeds"), rounds(long=True))
def test_every_file_arrives_once_and_the_exit_code_is_true_long(with_each, check, seeds) -> None:
    with_each(seeds, check)
