"""StyleGAN2's generator in plain PyTorch: no compiled extension, the same code on CPU and CUDA.

Two networks: `mapping` turns z into ws, `synthesis` turns ws into pictures. Layer names, shapes and gains are those of
NVIDIA's stylegan2-ada-pytorch (architecture `skip`, filter [1,3,3,1]). All that a picture comes from can be changed on
the way, and has gradients: z, ws (W, W+), the styles of every layer (S), the features of any block (F).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synth.blocks import Block
from synth.layers import Linear, channels, normalise_second_moment, resolutions
from synth.noise import Noise
from synth.published import run_block


class Mapping(nn.Module):
    """z -> ws: normalise, then a chain of leaky linear layers; all layers of the synthesis get the same w.

    `w_avg` (w_dim,) is the mean of w, the centre of truncation; whoever trains keeps it up to date.
    """

    w_avg: Tensor

    def __init__(self, z_dim: int, c_dim: int, w_dim: int, num_ws: int, layers: int, lr_multiplier: float):
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim, self.num_ws = z_dim, c_dim, w_dim, num_ws
        if c_dim:
            self.embed = Linear(c_dim, w_dim)
        self.layers: list[str] = [f"fc{i}" for i in range(layers)]
        for i, name in enumerate(self.layers):
            fan_in = w_dim if i else z_dim + (w_dim if c_dim else 0)
            self.add_module(name, Linear(fan_in, w_dim, act=True, lr_multiplier=lr_multiplier))
        self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(
        self, z: Tensor, psi: float = 1.0, label: Tensor | int | None = None, cutoff: int | None = None
    ) -> Tensor:
        """(N, z_dim) -> (N, num_ws, w_dim); psi 1 leaves w as it is, 0 gives `w_avg`.

        `label`: for a conditional generator a class index or (N, c_dim) rows; None for all others. `cutoff`: psi counts
        for the rows of ws below this number, None: for all.
        """
        if z.ndim != 2 or z.shape[1] != self.z_dim:
            raise ValueError(f"z has shape {tuple(z.shape)}, but this generator needs (N, {self.z_dim})")
        with torch.autocast(z.device.type, enabled=False):
            x = normalise_second_moment(z.float())
            if self.c_dim:
                rows = self._label_rows(label, len(z)).to(x)
                x = torch.cat([x, normalise_second_moment(self.embed(rows))], dim=1)
            elif label is not None:
                raise ValueError("label is given, but this generator is unconditional; leave it out")
            for name in self.layers:
                x = self.get_submodule(name)(x)
            ws = x.unsqueeze(1).repeat(1, self.num_ws, 1)
            if psi != 1.0:
                end = self.num_ws if cutoff is None else cutoff
                ws = torch.cat([self.w_avg.lerp(ws[:, :end], psi), ws[:, end:]], dim=1)
        return ws

    def _label_rows(self, label: Tensor | int | None, count: int) -> Tensor:
        """A class index or rows -> (count, c_dim) float32."""
        if isinstance(label, int) and 0 <= label < self.c_dim:
            return F.one_hot(torch.tensor(label), self.c_dim).float().expand(count, -1)
        if isinstance(label, Tensor) and label.shape == (count, self.c_dim):
            return label.float()
        raise ValueError(
            f"this generator has {self.c_dim} classes and label is {label!r}; "
            f"give a class from 0 to {self.c_dim - 1} or rows of shape ({count}, {self.c_dim})"
        )


class Synthesis(nn.Module):
    """ws -> pictures, coarse to fine; every resolution adds its colours to the upsampled ones below (`skip`).

    `precision`: "fp32"; "bf16", torch's autocast; or "fp16", NVIDIA's own for the `num_fp16_res` highest resolutions.
    """

    precision: str = "fp32"

    def __init__(
        self,
        w_dim: int,
        resolution: int,
        channel_base: int,
        channel_max: int,
        conv_clamp: float | None,
        num_fp16_res: int = 0,
    ):
        super().__init__()
        self.w_dim, self.resolution = w_dim, resolution
        self.sizes = resolutions(resolution)
        self.half_sizes = self.sizes[len(self.sizes) - num_fp16_res :]
        self.num_ws = 2 * len(self.sizes)
        fan_in = 0
        for size in self.sizes:
            fan_out = channels(size, channel_base, channel_max)
            self.add_module(f"b{size}", Block(fan_in, fan_out, w_dim, size, conv_clamp))
            fan_in = fan_out

    def forward(
        self,
        ws: Tensor | dict[str, Tensor],
        noise: str = "const",
        resolution: int | None = None,
        start: tuple[Tensor, Tensor] | None = None,
        seeds: Sequence[int] | None = None,
    ) -> Tensor:
        """ws (N, num_ws, w_dim), or styles of `styles`, -> (N, 3, R, R) float32, in [-1, 1] where it is trained.

        `noise`: "const" adds the stored noise, "random" fresh noise (of `seeds`, one per sample, or of torch's
        generator), "none" nothing. `resolution`: stop at this smaller size (progressive training); None = the full one.
        `start`: go on from what `features` gave at a lower resolution; None = from the constant.
        """
        return self.features(ws, noise, resolution, start, seeds)[1]

    def styles(self, ws: Tensor) -> dict[str, Tensor]:
        """W+ -> S: (N, C) for every layer, by its name: "b4.conv1", "b4.torgb", "b8.conv0", ..."""
        if ws.ndim != 3 or ws.shape[1:] != (self.num_ws, self.w_dim):
            raise ValueError(f"ws has shape {tuple(ws.shape)}; this generator needs (N, {self.num_ws}, {self.w_dim})")
        styles, row = {}, 0
        with torch.autocast(ws.device.type, enabled=False):
            for size in self.sizes:
                names = [f"b{size}.{name}" for name in self.block(size).styled]
                for place, name in enumerate(names):
                    styles[name] = self.get_submodule(f"{name}.affine")(ws[:, row + place].float())
                row += len(names) - 1  # a block's colours share their row with the next block's first layer
        return styles

    def features(
        self,
        ws: Tensor | dict[str, Tensor],
        noise: str = "const",
        resolution: int | None = None,
        start: tuple[Tensor, Tensor] | None = None,
        seeds: Sequence[int] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """F: what the block of `resolution` makes, (N, C, R, R) features and (N, 3, R, R) picture; see `forward`."""
        fields = Noise(noise, seeds)
        styles = self.styles(ws) if isinstance(ws, Tensor) else ws
        x, image = start or (None, None)
        device = next(iter(styles.values())).device
        with torch.autocast(device.type, torch.bfloat16) if self.precision == "bf16" else nullcontext():
            for size in self._ahead(x, resolution):
                block = self.block(size)
                own = {name: styles[f"b{size}.{name}"] for name in block.styled}
                if self.precision == "fp16":
                    x, image = run_block(block, x, image, own, fields, half=size in self.half_sizes)
                else:
                    x, image = block(x, image, own, fields)
        assert x is not None and image is not None
        return x, image

    def block(self, size: int) -> Block:
        """The block of a resolution."""
        return cast(Block, self.get_submodule(f"b{size}"))

    def _ahead(self, x: Tensor | None, resolution: int | None) -> list[int]:
        """The resolutions above that of the features x (None: all) up to `resolution` (None: the full one)."""
        stop = self.resolution if resolution is None else resolution
        if stop not in self.sizes:
            raise ValueError(f"resolution is {stop}; this generator has {', '.join(map(str, self.sizes))}")
        reached = 0 if x is None else x.shape[-1]
        ahead = [size for size in self.sizes if reached < size <= stop]
        if not ahead or reached not in (0, ahead[0] // 2):
            raise ValueError(f"start is at {reached} px; it must be one of this generator's below {stop} px")
        return ahead


class Generator(nn.Module):
    """StyleGAN2 generator; `config` holds the arguments it was built with.

    `mapping(z, psi, label)` -> ws, `synthesis(ws, noise, resolution)` -> pictures; `num_ws` = 2 log2(resolution) - 2.
    Feature maps at r px: min(channel_base // r, channel_max). `c_dim`: classes (0: unconditional). `conv_clamp`:
    limit of every layer's output, None: no limit. `lr_multiplier`: of the mapping (see Linear). `num_fp16_res`: how
    many of the highest resolutions run in float16 where that is asked for (Synthesis.precision).
    `sha256`: of the file it was loaded from, None for a network made here.
    """

    sha256: str | None = None

    def __init__(
        self,
        z_dim: int = 512,
        w_dim: int = 512,
        resolution: int = 256,
        mapping_layers: int = 8,
        channel_base: int = 32768,
        channel_max: int = 512,
        conv_clamp: float | None = None,
        c_dim: int = 0,
        lr_multiplier: float = 0.01,
        num_fp16_res: int = 0,
    ):
        super().__init__()
        self.config: dict[str, Any] = {
            "z_dim": z_dim,
            "w_dim": w_dim,
            "resolution": resolution,
            "mapping_layers": mapping_layers,
            "channel_base": channel_base,
            "channel_max": channel_max,
            "conv_clamp": conv_clamp,
            "c_dim": c_dim,
            "lr_multiplier": lr_multiplier,
            "num_fp16_res": num_fp16_res,
        }
        self.z_dim, self.c_dim, self.w_dim, self.resolution = z_dim, c_dim, w_dim, resolution
        self.synthesis = Synthesis(w_dim, resolution, channel_base, channel_max, conv_clamp, num_fp16_res)
        self.num_ws = self.synthesis.num_ws
        self.mapping = Mapping(z_dim, c_dim, w_dim, self.num_ws, mapping_layers, lr_multiplier)

    @property
    def w_avg(self) -> Tensor:
        """(w_dim,) mean of w."""
        return self.mapping.w_avg

    def forward(self, z: Tensor, psi: float = 1.0, label: Tensor | int | None = None, noise: str = "const") -> Tensor:
        """(N, z_dim) -> (N, 3, R, R)."""
        return self.synthesis(self.mapping(z, psi, label), noise)
