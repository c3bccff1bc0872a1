"""Measuring pictures in several processes of one thread each: the detector gains nothing from threads.

What a face measures does not depend on the number of processes: batches are cut beforehand, and every process works on
one thread. The processes end with their parent, also when that is killed.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType

import numpy as np
import torch

from data.shards import Shards
from data.weights import resolve
from directions.attributes import BATCH, MEASURED, Measurer

Columns = dict[str, np.ndarray]  # {attribute: (N,) float32}
Measure = Callable[[np.ndarray], Columns]  # (N, H, W, 3) uint8 -> Columns

_KILLED = "a measuring process was killed: run the command again, with fewer --workers if memory is short"
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class MeasuringPool:
    """A `Measure` that spreads over processes: `with MeasuringPool(...) as measure: columns = measure(images)`.

    `parser`, `device`: see Measurer. `workers`: processes, None = one per core. `shards`: the faces for `shard_rows`.
    """

    def __init__(
        self,
        parser: str = "builtin",
        device: str | None = None,
        workers: int | None = None,
        shards: Shards | None = None,
    ):
        if workers is not None and workers < 1:
            raise ValueError(f"workers is {workers}, but measuring takes at least 1 process")
        resolve(parser, "parser")  # here, where its error is one sentence
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._executor = ProcessPoolExecutor(
            workers or cores, multiprocessing.get_context("spawn"), _start, (parser, device, shards)
        )

    def __enter__(self) -> MeasuringPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)

    def __call__(self, images: np.ndarray) -> Columns:
        """(N, H, W, 3) uint8 -> {attribute: (N,) float32}."""
        batches = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
        return join(self._map(_measure_images, batches))

    def shard_rows(self, batches: Iterable[np.ndarray]) -> Iterator[Columns]:
        """Batches of global rows of the shards -> their columns, in that order; the workers read the pictures."""
        return self._map(_measure_rows, batches)

    def _map(self, function: Callable[[np.ndarray], Columns], batches: Iterable[np.ndarray]) -> Iterator[Columns]:
        before = {name: os.environ.get(name) for name in _THREADS}
        os.environ.update(dict.fromkeys(_THREADS, "1"))  # read by the processes as they start, before torch is there
        try:
            return _results(self._executor.map(function, batches))
        except BrokenProcessPool as error:
            raise ChildProcessError(_KILLED) from error
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})


def join(parts: Iterable[Columns]) -> Columns:
    """Columns of consecutive batches as one."""
    parts = list(parts)
    return {name: np.concatenate([part[name] for part in parts]) for name in MEASURED}


def _results(results: Iterator[Columns]) -> Iterator[Columns]:
    """The same, with a sentence for a process that was killed (by hand, or for want of memory)."""
    try:
        yield from results
    except BrokenProcessPool as error:
        raise ChildProcessError(_KILLED) from error


_measurer: Measurer
_shards: Shards | None


def _start(parser: str, device: str | None, shards: Shards | None) -> None:
    """Prepares a process of the pool."""
    global _measurer, _shards
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends the pool
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    _measurer, _shards = Measurer(parser, device), shards


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


def _measure_images(images: np.ndarray) -> Columns:
    return _measurer(images)


def _measure_rows(rows: np.ndarray) -> Columns:
    assert _shards is not None
    return _measurer(_shards.images(rows))
