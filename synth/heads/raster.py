"""A z-buffer that points are splatted into: depth and the number of the nearest point at every pixel."""

from __future__ import annotations

import torch
from torch import Tensor

INDEX_BITS = 24
DEPTH_STEPS = 4096.0  # per cm
FAR = 1 << 61
CRACK = 2048 << INDEX_BITS  # half a centimetre


class ZBuffer:
    """`side` x `side` pixels; points are numbered in the order in which they are splatted."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.count = 0
        self._keys = torch.full((side * side + 1,), FAR)

    def splat(self, x: Tensor, y: Tensor, z: Tensor, visible: Tensor | None, dab: str) -> None:
        """Points (n,) at x, y (pixels), z (cm towards the camera); `visible` (n,) leaves some out.

        `dab` is what each covers: "square" two by two pixels, "line" two beside each other, "thin" one and two in turn.
        """
        side = self.side
        column, row = x.to(torch.int32), y.to(torch.int32)
        inside = (column >= 0) & (column < side - 1) & (row >= 0) & (row < side - 1)
        if visible is not None:
            inside &= visible
        chosen = inside.nonzero()[:, 0]
        pixel = (row * side + column).index_select(0, chosen).long()
        depth = ((60.0 - z.index_select(0, chosen)) * DEPTH_STEPS).long()
        keys = (depth << INDEX_BITS) + (chosen + self.count)
        self.count += z.numel()
        for offset in (0, 1, side, side + 1) if dab == "square" else (0,) if dab == "thin" else (0, 1):
            self._keys.scatter_reduce_(0, pixel + offset, keys, "amin")
        if dab == "thin":
            self._keys.scatter_reduce_(0, pixel[::2] + 1, keys[::2], "amin")

    def winners(self) -> tuple[Tensor, Tensor]:
        """Pixels that were hit (p,) and the number of the nearest point of each (p,); one-pixel cracks are closed."""
        keys = self._keys[:-1].view(self.side, self.side)
        for view in (keys, keys.T):
            around = torch.maximum(view[:, :-2], view[:, 2:])
            middle = view[:, 1:-1]
            middle.copy_(torch.where(middle > around + CRACK, around, middle))
        flat = keys.reshape(-1)
        hit = (flat < FAR - 1).nonzero()[:, 0]
        return hit, flat[hit] & ((1 << INDEX_BITS) - 1)
