"""Measuring pictures in several processes of one thread each: the detector gains nothing from threads.

What a face measures does not depend on the number of processes: batches are cut beforehand, and every process works on
one thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from data.shards import Shards
from data.weights import resolve
from data.workers import Workers
from data.world import cores, device_of
from directions.attributes import BATCH, MEASURED, Measurer
from directions.instruments import Columns


class MeasuringPool(Workers):
    """A Measurer that spreads over processes: `with MeasuringPool(...) as measure: columns = measure(images)`.

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
            raise ValueError(f"--workers is {workers}, but measuring takes at least 1 process")
        resolve(parser, "parser")  # here, where errors are one sentence
        device_of(device)
        super().__init__(workers or cores(), "a measuring process", _start, (parser, device, shards))

    def __call__(self, images: np.ndarray) -> Columns:
        """(N, H, W, 3) uint8 -> {attribute: (N,) float32}."""
        batches = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
        return join(self.in_order(_measure_images, batches))

    def shard_rows(self, batches: Iterable[np.ndarray]) -> Iterator[Columns]:
        """Batches of global rows of the shards -> their columns, in that order; the workers read the pictures."""
        return self.in_order(_measure_rows, batches)


def join(parts: Iterable[Columns]) -> Columns:
    """Columns of consecutive batches as one."""
    parts = list(parts)
    return {name: np.concatenate([part[name] for part in parts]) for name in MEASURED}


_measurer: Measurer
_shards: Shards | None


def _start(parser: str, device: str | None, shards: Shards | None) -> None:
    """Prepares a process of the pool."""
    global _measurer, _shards
    _measurer, _shards = Measurer(parser, device), shards


def _measure_images(images: np.ndarray) -> Columns:
    return _measurer(images)


def _measure_rows(rows: np.ndarray) -> Columns:
    assert _shards is not None
    return _measurer(_shards.images(rows))
