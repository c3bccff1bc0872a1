"""Work spread over processes of one thread each, which end with their parent, also when that is killed.

    with Workers(4, "a rendering process", prepare, (size,)) as workers:
        for count in workers.as_done(render, tasks):

Ctrl-C ends the parent, which lets the tasks in work be finished; a killed worker ends the command in one sentence.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import TracebackType
from typing import Any, TypeVar

import torch

Task = TypeVar("Task")
Done = TypeVar("Done")
Pool = TypeVar("Pool", bound="Workers")

# Read by a process as it starts, before torch is there. glibc gives freed tensors back to the system and faults their
# pages in again on every pass; when it keeps them, synthesis on one core is up to 1.3 times as fast at 64 px, 1.6 times
# at 256 px.
MALLOC = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "4294967296"}
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


class Workers:
    """`count` processes that call functions of modules; `name` says in an error what one of them is.

    prepare: called with `arguments` in each process as it starts, None: nothing to prepare.
    """

    def __init__(
        self, count: int, name: str, prepare: Callable[..., None] | None = None, arguments: tuple[Any, ...] = ()
    ) -> None:
        # spawned, not forked: a forked process inherits torch's threads in an unknown state
        spawn = multiprocessing.get_context("spawn")
        self._executor = ProcessPoolExecutor(count, spawn, _start, (prepare, arguments))
        self._killed = f"{name} was killed: run the command again, with fewer --workers if memory is short"

    def __enter__(self: Pool) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)

    def in_order(self, function: Callable[[Task], Done], tasks: Iterable[Task]) -> Iterator[Done]:
        """The results in the order of the tasks, all of which are handed out at once."""
        return self._results(self._submit(function, tasks))

    def as_done(self, function: Callable[[Task], Done], tasks: Iterable[Task]) -> Iterator[Done]:
        """The results as they come."""
        return self._results(as_completed(self._submit(function, tasks)))

    def _submit(self, function: Callable[[Task], Done], tasks: Iterable[Task]) -> list[Future[Done]]:
        with _environment(MALLOC | ONE_THREAD), deaf_to_ctrl_c():  # processes start here, one after another
            try:
                return [self._executor.submit(function, task) for task in tasks]
            except (BrokenProcessPool, OSError) as error:  # OSError: it broke while another process was starting
                raise self._broken() from error

    def _results(self, futures: Iterable[Future[Done]]) -> Iterator[Done]:
        try:
            for future in futures:
                yield future.result()
        except BrokenProcessPool as error:
            raise self._broken() from error

    def _broken(self) -> ChildProcessError:
        """The error of a killed process, after the end of all others.

        Python ends those that it knows of when the pool breaks, then waits for all: for ever, if one was just starting.
        """
        for process in list((self._executor._processes or {}).values()):
            process.kill()
        return ChildProcessError(self._killed)


@contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """Processes started in here never hear Ctrl-C, which is for their parent to answer; it hears it afterwards."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # when it starts later, it unblocks the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """`values` in the environment for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _start(prepare: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    """Prepares a process."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    if prepare is not None:
        prepare(*arguments)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)
