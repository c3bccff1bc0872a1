"""Spaces in which a direction can lie: Z, W, W+ by groups of layers, S, and codes of encoders from elsewhere.

Linear models see one row per face, `codes` (N, d). What is moved and rendered is a `start` (N, D): the code, and all
else that the picture needs. `lift` takes a vector of the first kind to the second, `lift_slope` the slope of a score.

    Z         z as drawn; the mapping follows the edit, so that faces stay faces (InterFaceGAN's edits of z)
    W         one w for all layers
    W+0-3     w of the layers 0 to 3 alone, the others stay as they are; W+coarse, W+middle, W+fine: up to 8 px, 16 and
              32 px, and above
    S         the styles of all layers, side by side
    Outside   any encoder of pictures with a decoder that also takes the face's w, such as the hair code of a network
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from directions.measured import MeasuredFaces
from directions.render import Renderer
from synth import latents

GROUPS = {"coarse": (0, 3), "middle": (4, 7), "fine": (8, 17)}  # rows of ws: up to 8 px, 16 and 32 px, above
CHUNK = 256


class Space(Protocol):
    """See the module's text."""

    @property
    def name(self) -> str: ...

    def codes(self, faces: MeasuredFaces) -> np.ndarray: ...

    def start(self, codes: np.ndarray, faces: MeasuredFaces, rows: np.ndarray) -> np.ndarray: ...

    def lift(self, vector: np.ndarray) -> np.ndarray: ...

    def lift_slope(self, slope: np.ndarray) -> np.ndarray: ...

    def render(self, starts: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class Plain:
    """Z, W or S: the code is all that a picture needs."""

    name: str
    encode: Callable[[MeasuredFaces], np.ndarray]
    decode: Callable[[np.ndarray], np.ndarray]

    def codes(self, faces: MeasuredFaces) -> np.ndarray:
        """(N, d) of all faces."""
        return self.encode(faces)

    def start(self, codes: np.ndarray, faces: MeasuredFaces, rows: np.ndarray) -> np.ndarray:
        """The code itself."""
        return codes

    def lift(self, vector: np.ndarray) -> np.ndarray:
        """The same vector."""
        return vector

    def lift_slope(self, slope: np.ndarray) -> np.ndarray:
        """The same slope."""
        return slope

    def render(self, starts: np.ndarray) -> np.ndarray:
        """(N, d) -> (N, H, W, 3) uint8."""
        return self.decode(starts)


@dataclass(frozen=True)
class Layers:
    """W+ of some layers: a start is w, then how far the layers are moved away from it."""

    name: str
    first: int
    last: int
    renderer: Renderer

    def codes(self, faces: MeasuredFaces) -> np.ndarray:
        """(N, w_dim): sampled faces have the same w in all layers."""
        return faces.w

    def start(self, codes: np.ndarray, faces: MeasuredFaces, rows: np.ndarray) -> np.ndarray:
        """(N, 2 w_dim)"""
        return np.concatenate([codes, np.zeros_like(codes)], axis=1)

    def lift(self, vector: np.ndarray) -> np.ndarray:
        """Only the layers move."""
        return np.concatenate([np.zeros_like(vector), vector])

    def lift_slope(self, slope: np.ndarray) -> np.ndarray:
        """The score is that of the moved layers."""
        return np.concatenate([slope, slope])

    def render(self, starts: np.ndarray) -> np.ndarray:
        """(N, 2 w_dim) -> (N, H, W, 3) uint8."""
        generator = self.renderer.generator
        w, offset = np.split(starts.astype(np.float32), 2, axis=1)
        ws = np.repeat(w[:, None], generator.num_ws, axis=1)
        ws[:, self.first : self.last + 1] += offset[:, None]
        return self.renderer.layered(ws)


@dataclass(frozen=True)
class Outside:
    """`encode`: pictures (N, H, W, 3) uint8 -> (N, d); `decode`: such codes and w (N, w_dim) -> pictures."""

    name: str
    encode: Callable[[np.ndarray], np.ndarray]
    decode: Callable[[np.ndarray, np.ndarray], np.ndarray]
    pictures: Callable[[np.ndarray], np.ndarray]  # rows of the faces -> their pictures
    w_dim: int

    def codes(self, faces: MeasuredFaces) -> np.ndarray:
        """(N, d) of all faces' pictures."""
        rows = [np.arange(k, min(k + CHUNK, len(faces.w))) for k in range(0, len(faces.w), CHUNK)]
        return np.concatenate([self.encode(self.pictures(part)) for part in rows]).astype(np.float32)

    def start(self, codes: np.ndarray, faces: MeasuredFaces, rows: np.ndarray) -> np.ndarray:
        """(N, w_dim + d): the face's w, which stays, and the code."""
        return np.concatenate([faces.w[rows], codes], axis=1)

    def lift(self, vector: np.ndarray) -> np.ndarray:
        """w stays."""
        return self._behind_w(vector)

    def lift_slope(self, slope: np.ndarray) -> np.ndarray:
        """w says nothing."""
        return self._behind_w(slope)

    def render(self, starts: np.ndarray) -> np.ndarray:
        """(N, w_dim + d) -> (N, H, W, 3) uint8."""
        return self.decode(starts[:, self.w_dim :], starts[:, : self.w_dim])

    def _behind_w(self, numbers: np.ndarray) -> np.ndarray:
        return np.concatenate([np.zeros(self.w_dim), numbers])


def open_space(name: str, renderer: Renderer, psi: float) -> Space:
    """The space of a name for the generator of a renderer; `psi`: truncation of its faces. ValueError for no space."""
    generator = renderer.generator
    if name == "W":
        return Plain("W", lambda faces: faces.w, renderer)
    if name == "Z":
        return Plain(
            "Z", lambda faces: drawn(faces.seeds, generator.z_dim), lambda z: renderer(mapped(z, generator, psi))
        )
    if name == "S":
        widths = style_widths(generator)
        return Plain("S", lambda faces: styles(faces.w, generator), lambda s: renderer.styled(s, widths))
    first, last = layers_of(name, generator.num_ws)
    return Layers(f"W+{first}-{last}", first, last, renderer)


def layers_of(name: str, num_ws: int) -> tuple[int, int]:
    """(first, last) row of ws in the name of a space: W+0-3 or W+coarse; ValueError for anything else."""
    match = re.fullmatch(r"W\+(?:(\d{1,2})-(\d{1,2})|(coarse|middle|fine))", name)
    if match is None:
        raise ValueError(f"{name!r} is no space: it is Z, W, S, W+coarse, W+middle, W+fine or layers such as W+4-7")
    first, last = GROUPS[match[3]] if match[3] else (int(match[1]), int(match[2]))
    last = min(last, num_ws - 1) if match[3] else last
    if not first <= last < num_ws:
        raise ValueError(f"the space {name} is of layers that there are not: this generator has 0 to {num_ws - 1}")
    return first, last


def drawn(seeds: np.ndarray, z_dim: int) -> np.ndarray:
    """(N, z_dim) float32 of seeds."""
    return latents([int(seed) for seed in seeds], z_dim).numpy()


@torch.inference_mode()
def mapped(z: np.ndarray, generator: Any, psi: float) -> np.ndarray:
    """z (N, z_dim) -> w (N, w_dim) float32."""
    device = generator.w_avg.device
    parts = [
        generator.mapping(torch.from_numpy(z[k : k + CHUNK].astype(np.float32)).to(device), psi=psi)[:, 0].cpu()
        for k in range(0, len(z), CHUNK)
    ]
    return torch.cat(parts).numpy()


@torch.inference_mode()
def styles(w: np.ndarray, generator: Any) -> np.ndarray:
    """w (N, w_dim) -> the styles of all layers side by side, (N, sum of channels) float32."""
    device, parts = generator.w_avg.device, []
    for k in range(0, len(w), CHUNK):
        ws = torch.from_numpy(w[k : k + CHUNK].astype(np.float32)).to(device)[:, None].expand(-1, generator.num_ws, -1)
        parts.append(torch.cat(list(generator.synthesis.styles(ws).values()), dim=1).cpu())
    return torch.cat(parts).numpy()


def style_widths(generator: Any) -> dict[str, int]:
    """{layer: channels} in the order of `styles`."""
    ws = generator.w_avg[None, None].expand(1, generator.num_ws, -1)
    return {name: style.shape[1] for name, style in generator.synthesis.styles(ws).items()}


@dataclass(frozen=True, eq=False)
class Coded:
    """Measured faces with their codes in a space: what linear models and calibrations work on."""

    faces: MeasuredFaces
    space: Space
    codes: np.ndarray  # (N, d)

    def start(self, rows: np.ndarray) -> np.ndarray:
        """(n, D) what is moved, of some faces."""
        return self.space.start(self.codes[rows], self.faces, rows)


def coded(faces: MeasuredFaces, space: Space) -> Coded:
    """The faces in a space."""
    return Coded(faces, space, space.codes(faces))


def in_w(faces: MeasuredFaces, render: Callable[[np.ndarray], np.ndarray]) -> Coded:
    """The faces in W, for anything that makes pictures of w."""
    return Coded(faces, Plain("W", lambda known: known.w, render), faces.w)
