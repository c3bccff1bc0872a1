"""Processes that work side by side: their results, and what is left when they, or their parent, are killed."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from data.workers import Workers

prepared = 0


def prepare(number: int) -> None:
    global prepared
    prepared = number


def told(number: int) -> tuple[int, int, int, str]:
    return number, prepared, torch.get_num_threads(), os.environ["OMP_NUM_THREADS"]


def slow(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def wait_for_ever(path: str) -> None:
    Path(path).write_text(str(os.getpid()))
    time.sleep(600)


def keep_a_worker(path: str) -> None:
    with Workers(1, "a waiting process") as workers:
        list(workers.as_done(wait_for_ever, [path]))


def refuse(number: int) -> None:
    raise ValueError(f"{number} cannot be")


def test_results_come_in_order_from_prepared_processes_of_one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with Workers(2, "a process", prepare, (5,)) as workers:
        assert list(workers.in_order(told, range(4))) == [(k, 5, 1, "1") for k in range(4)]
        assert sorted(workers.as_done(told, range(4))) == [(k, 5, 1, "1") for k in range(4)]
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_an_error_of_a_task_is_passed_on():
    with Workers(1, "a process") as workers, pytest.raises(ValueError, match="3 cannot be"):
        list(workers.as_done(refuse, [3]))


def test_a_killed_worker_ends_the_work_in_one_sentence():
    with Workers(1, "a rendering process") as workers:
        assert list(workers.as_done(slow, [0.0])) == [0.0]
        results = workers.as_done(slow, [60.0, 60.0])
        for process in multiprocessing.active_children():
            process.kill()
        with pytest.raises(ChildProcessError, match="a rendering process was killed: run the command again"):
            list(results)
        with pytest.raises(ChildProcessError, match="was killed"):
            list(workers.in_order(slow, [0.0]))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_parent_leaves_no_worker_behind(tmp_path, checkout, how):
    path = tmp_path / "pid"
    code = f"from tests.data.test_workers import keep_a_worker; keep_a_worker({str(path)!r})"
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=checkout, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline and parent.poll() is None
        time.sleep(0.05)
    parent.send_signal(how)
    parent.wait()
    while Path(f"/proc/{path.read_text()}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
