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
from directions import own
from directions.attributes import MEASURED
from directions.instruments import Columns
from directions.scorer import BATCH, Measurer, Scorer


class MeasuringPool(Workers):
    """A Measurer that spreads over processes: `with MeasuringPool(...) as measure: columns = measure(images)`.

    `scorer`, `device`: see Measurer. `workers`: processes, None = one per core. `shards`: the faces for `shard_rows`.
    """

    def __init__(
        self,
        scorer: Scorer | None = None,
        device: str | None = None,
        workers: int | None = None,
        shards: Shards | None = None,
    ):
        if workers is not None and workers < 1:
            raise ValueError(f"--workers is {workers}, but measuring takes at least 1 process")
        scorer = scorer or Scorer()
        resolve(scorer.parser, "parser")  # here, where errors are one sentence
        device_of(device)
        super().__init__(workers or cores(), "a measuring process", _start, (scorer, device, shards))

    def __call__(self, images: np.ndarray) -> Columns:
        """(N, H, W, 3) uint8 -> {attribute: (N,) float32}."""
        batches = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
        return join(self.in_order(_measure_images, batches))

    def masks(self, images: np.ndarray) -> Columns:
        """(N, S, S, 3) uint8 -> packed masks, see Measurer.masks."""
        batches = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
        parts = list(self.in_order(_mask_images, batches))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def shard_rows(self, batches: Iterable[np.ndarray]) -> Iterator[Columns]:
        """Batches of global rows of the shards -> their columns, in that order; the workers read the pictures."""
        return self.in_order(_measure_rows, batches)


def join(parts: Iterable[Columns]) -> Columns:
    """Columns of consecutive batches as one."""
    parts = list(parts)
    return {name: np.concatenate([part[name] for part in parts]) for name in MEASURED}


_measurer: Measurer
_shards: Shards | None


def _start(scorer: Scorer, device: str | None, shards: Shards | None) -> None:
    """Prepares a process of the pool."""
    global _measurer, _shards
    own.register(scorer.own)
    _measurer, _shards = Measurer(scorer, device), shards


def _measure_images(images: np.ndarray) -> Columns:
    return _measurer(images)


def _mask_images(images: np.ndarray) -> Columns:
    return _measurer.masks(images)


def _measure_rows(rows: np.ndarray) -> Columns:
    assert _shards is not None
    return _measurer(_shards.images(rows))
