"""A z-buffer that points are splatted into: depth and the number of the nearest point at every pixel."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

INDEX_BITS = 24
DEPTH_STEPS = 4096.0  # per cm
FAR = 1 << 61
CRACK = 2048 << INDEX_BITS  # half a centimetre
BLOCK = 1 << 15  # points handled at once, so that what is computed of them stays in the cache


class ZBuffer:
    """`side` x `side` pixels; points are numbered in the order in which they are splatted."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.count = 0
        # what each kind of dab covers, as steps from its first pixel, and the least key at the first pixels: to spread
        # those over the steps once, in `winners`, is cheaper than to write every point at every step
        self._steps = {"one": (0,), "line": (0, 1), "square": (0, 1, side, side + 1)}
        self._first: dict[str, Tensor] = {}

    def splat(
        self, points: Tensor, place: Callable[[Tensor], tuple[Tensor, Tensor]], visible: Tensor | None, dab: str
    ) -> None:
        """Points (3, n) in the camera's frame: +z towards it, cm; `place` gives x, y (pixels) of such points.

        `visible` (n,) leaves some out, None none. `dab` is what each covers: "square" two by two pixels, "line" two
        beside each other, "thin" one and two in turn.
        """
        covered = 0
        for first in range(0, points.shape[1], BLOCK):
            block = points[:, first : first + BLOCK]
            if visible is None:
                number = torch.arange(block.shape[1])
            else:
                number = visible[first : first + BLOCK].nonzero()[:, 0]
                block = block.index_select(1, number)
            column, row = (along.to(torch.int32) for along in place(block))
            inside = torch.maximum(column, row) < self.side - 1
            inside = (inside & ((column | row) >= 0)).nonzero()[:, 0]  # a sign of either is the sign of both
            pixel = (row * self.side + column).index_select(0, inside).long()
            depth = ((60.0 - block[2].index_select(0, inside)) * DEPTH_STEPS).long()
            keys = (depth << INDEX_BITS) + (number.index_select(0, inside) + (self.count + first))
            if dab == "thin":
                two, one = (slice((covered + turn) % 2, None, 2) for turn in (0, 1))
                self._write("line", pixel[two], keys[two])
                self._write("one", pixel[one], keys[one])
            else:
                self._write(dab, pixel, keys)
            covered += len(inside)
        self.count += points.shape[1]

    def _write(self, dab: str, pixel: Tensor, keys: Tensor) -> None:
        if dab not in self._first:
            self._first[dab] = torch.full((self.side * self.side,), FAR)
        self._first[dab].scatter_reduce_(0, pixel, keys, "amin")

    def winners(self) -> tuple[Tensor, Tensor]:
        """Pixels that were hit (p,) and the number of the nearest point of each (p,); one-pixel cracks are closed."""
        side = self.side
        flat = torch.full((side * side,), FAR)
        for dab, first in self._first.items():
            for step in self._steps[dab]:
                torch.minimum(flat[step:], first[: len(first) - step], out=flat[step:])
        keys = flat.view(side, side)
        for before, middle, after in (
            (keys[:, :-2], keys[:, 1:-1], keys[:, 2:]),
            (keys[:-2], keys[1:-1], keys[2:]),
        ):
            around = torch.maximum(before, after)
            middle.copy_(torch.where(middle > around + CRACK, around, middle))
        hit = (flat < FAR - 1).nonzero()[:, 0]
        return hit, flat.index_select(0, hit) & ((1 << INDEX_BITS) - 1)
