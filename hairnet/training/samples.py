"""What the training looks at: pictures with the same hair, from two sides or on several persons, rendered from their w.

`runs/x/pairs/pairs-00000.h5` holds w_face and w_hair (N, w_dim); pictures are made from them by the frozen generator,
once and kept where memory allows it, else anew in every step.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from data.images import to_range
from data.progress import Progress
from data.shards import read_arrays, read_attrs
from data.world import from_process
from hairnet.split import PointsOfW, masks_of, render

FACE, HAIR = 0, 1  # the two sides of a pair: first index of `Samples.w`; more of them may follow
CURRICULUM = 1  # second number of the seeds that draw a curriculum's rows
EASIEST = 0.25  # share of the pairs, by yaw gap, that a curriculum begins with
ROWS = 256  # pictures rendered at a time
KEEP_BYTES = 2 << 30  # pictures up to this much are rendered once and kept


def read_pairs(folder: str | Path, generator: Any) -> Tensor:
    """w (2, N, w_dim) float32 of all pair files of a folder, checked to belong to the generator."""
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"--pairs {folder} is not a folder: give one that directions.pairs has written")
    paths = sorted(folder.glob("pairs-*.h5"))
    if not paths:
        raise ValueError(f"--pairs {folder} has no pair files (pairs-00000.h5): run `python -m directions.pairs` first")
    parts = []
    for path in paths:
        if read_attrs(path).get("generator_sha256") != generator.sha256:
            raise ValueError(f"{path} was made with another generator: give that one, or make pairs again")
        arrays = read_arrays(path, ["w_face", "w_hair"])
        part = np.stack([arrays["w_face"], arrays["w_hair"]]).astype(np.float32)
        if part.ndim != 3 or part.shape[2] != generator.w_dim:
            raise ValueError(f"{path} holds w of shape {part.shape[1:]}, not (N, {generator.w_dim}): make them again")
        if not np.isfinite(part).all():
            raise ValueError(f"{path} holds w that are infinite or no numbers: make the pairs again")
        parts.append(part)
    return torch.from_numpy(np.concatenate(parts, 1))


def read_gaps(folder: str | Path) -> Tensor:
    """(N,) float32 degrees: how far the hair source of each pair of `read_pairs` is turned; one number for each."""
    parts = []
    for path in sorted(Path(folder).glob("pairs-*.h5")):
        arrays = read_arrays(path, ["w_face", "yaw_gap"])
        gaps, count = arrays["yaw_gap"], len(arrays["w_face"])
        if gaps.shape != (count,) or gaps.dtype.kind != "f" or not np.isfinite(gaps).all():
            raise ValueError(
                f"{path} has no yaw_gap of {count} finite numbers: make the pairs again, or no --curriculum"
            )
        parts.append(gaps.astype(np.float32))
    return torch.from_numpy(np.concatenate(parts))


@dataclass(frozen=True)
class Views:
    """Some pictures: their w (N,w_dim), crops (N,3,R,R) in [-1, 1] and inner-face masks (N,1,h,h) in [0, 1]."""

    w: Tensor
    images: Tensor
    masks: Tensor

    def mirrored(self) -> Views:
        """The pictures' mirror images; their w are those of the pictures as they were."""
        return Views(self.w, self.images.flip(3), self.masks.flip(3))

    def __getitem__(self, rows: Any) -> Views:
        return Views(self.w[rows], self.images[rows], self.masks[rows])


class Samples:
    """The pictures of pairs w (sides, N, w_dim), by side and row.

    raised: of the inner-face masks, as the network's config has it; `amp` renders in bfloat16, `quiet` without a bar;
    rank, world: of the processes that train together, which all have to make the same samples.
    """

    def __init__(
        self,
        generator: Any,
        w: Tensor,
        points: PointsOfW,
        raised: float,
        amp: bool,
        quiet: bool = True,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.generator, self.w, self.amp = generator, w, amp
        R = generator.resolution
        self.masks = torch.stack([_bytes(masks_of(points(side, R), R, raised)) for side in w])
        self.images: Tensor | None = None
        if w.shape[0] * w.shape[1] * 3 * R**2 <= KEEP_BYTES:
            parts = self._rendered(w.flatten(0, 1).split(ROWS), quiet, rank, world)
            self.images = torch.cat(parts).unflatten(0, w.shape[:2])

    def _rendered(self, parts: tuple[Tensor, ...], quiet: bool, rank: int, world: int) -> list[Tensor]:
        """The pictures of all parts, of which this process of `world` renders its share and is sent the others."""
        count = sum(len(part) for part in parts[rank::world])
        with Progress(total=count, desc="rendering", unit="pictures", leave=False, disable=quiet) as bar:
            own = []
            for part in parts[rank::world]:
                own.append(self._render(part))
                bar.update(len(part))
        shape = (3, self.generator.resolution, self.generator.resolution)
        pictures = []
        for k, part in enumerate(parts):
            mine = own[k // world] if k % world == rank else torch.empty((len(part), *shape), dtype=torch.uint8)
            pictures.append(from_process(k % world, mine, part.device))
        return pictures

    def __len__(self) -> int:
        return self.w.shape[1]

    @property
    def sides(self) -> int:
        return self.w.shape[0]

    def take(self, sides: Tensor, rows: Tensor) -> Views:
        """The views of sides (N,) and rows (N,), integers on the CPU."""
        device = self.w.device
        w = self.w[sides.to(device), rows.to(device)]
        images = self._render(w) if self.images is None else self.images[sides, rows]
        masks = self.masks[sides, rows]
        return Views(w, to_range(images.to(device)), masks.to(device).float() / 255)

    def _render(self, w: Tensor) -> Tensor:
        """(N,w_dim) -> (N,3,R,R) uint8 on the CPU by NVIDIA's rule: as exact as a photo, in a quarter of the memory."""
        return _bytes(render(self.generator, w, self.amp) * 0.5 + 0.5)


def _bytes(x: Tensor) -> Tensor:
    """[0, 1] -> uint8 on the CPU."""
    return (x * 255 + 0.5).clamp(0, 255).to(torch.uint8).cpu()


def rows_of_step(step: int, batch: int, count: int, seed: int) -> Tensor:
    """The rows (batch,) of a step: permutations of `count`, one after another; depends on the arguments alone."""
    places = np.arange(step * batch, (step + 1) * batch)
    rows = np.empty(batch, np.int64)
    for epoch in np.unique(places // count):
        order = np.random.RandomState([seed, int(epoch)]).permutation(count)
        here = places // count == epoch
        rows[here] = order[places[here] % count]
    return torch.from_numpy(rows)


def let_in(step: int, batch: int, widening: int, by_gap: Tensor, seed: int) -> Tensor:
    """The rows (batch,) of a step of a curriculum: drawn among the pairs with the smallest gaps, none of them twice.

    by_gap (N,): all rows, the smallest yaw gap first. The share that is let in grows linearly from EASIEST to all of
    them at step `widening`; at least `batch` are. With fewer pairs than that in all, they come round again.
    """
    share = min(1.0, EASIEST + (1 - EASIEST) * step / widening)
    allowed = max(min(batch, len(by_gap)), round(share * len(by_gap)))
    order = np.random.RandomState([seed, CURRICULUM, step]).permutation(allowed)
    return by_gap[torch.from_numpy(np.resize(order, batch))]
