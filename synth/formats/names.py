"""Our names (NVIDIA's) of a generator's tensors, told apart, for formats that name the same tensors otherwise."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from synth.formats.layout import shapes

State = dict[str, Tensor]


@dataclass(frozen=True)
class Part:
    """One tensor. `size`: resolution of its block, 0 in the mapping. `layer`: conv0, conv1, torgb, or "" for the
    constant; in the mapping fcN, or "" for the mean of w. `tensor`: the rest of its name.
    """

    size: int
    layer: str
    tensor: str

    @property
    def place(self) -> int:
        """0 for the convolution of 4 px, then 1, 2 for those of 8 px, 3, 4, ...; colours have that of their conv1."""
        return 2 * (int(math.log2(self.size)) - 2) - (self.layer == "conv0")


def part(name: str) -> Part:
    """synthesis.b8.conv0.affine.weight -> Part(8, "conv0", "affine.weight")."""
    match = re.fullmatch(r"(?:synthesis\.b(\d+)|mapping)\.(?:(conv\d|torgb|fc\d+)\.)?(.+)", name)
    assert match is not None, f"{name} is no tensor of a generator"
    return Part(int(match[1] or 0), match[2] or "", match[3])


def our_names(resolution: int, mapping_layers: int) -> list[str]:
    """The names of all tensors of an unconditional generator of at most 1024 px."""
    resolution = min(resolution, 1024)
    sizes = {"z_dim": 1, "w_dim": 1, "c_dim": 0, "channel_base": resolution, "channel_max": 1}
    return list(shapes({**sizes, "resolution": resolution, "mapping_layers": mapping_layers}))


def renamed(state: State, theirs: dict[str, str], recomputed: re.Pattern[str], path: Path) -> State:
    """`state` under our names; `theirs`: of each of our names; entries that match `recomputed` are left out."""
    ours = {name: own for own, name in theirs.items()}
    out = {}
    for key, value in state.items():
        if recomputed.fullmatch(str(key)):
            continue
        if key not in ours or not isinstance(value, Tensor):
            raise ValueError(f"{path} has an unknown entry {key!r}: only StyleGAN2 of architecture 'skip' is read")
        out[ours[key]] = value
    return out


def without_ones(value: Tensor, dims: int) -> Tensor:
    """The tensor without leading dimensions of one, down to `dims` of them; as it is when that is not possible."""
    excess = value.ndim - dims
    return value.reshape(value.shape[excess:]) if excess > 0 and set(value.shape[:excess]) == {1} else value
