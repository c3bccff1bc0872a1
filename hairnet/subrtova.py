"""The published network of Subrtova, Cech, Franc (FG 2021): its layers, its file, its way of splitting a crop.

Two IR-SE50 encoders, each from a 256 px picture to num_ws * w_dim numbers; both, face first, through one linear layer
and a leaky ReLU to the code of a frozen StyleGAN2. No mean of w is added and nothing limits the code. Written from a
description of the release (subrtade662/hairstyle_transfer, `best_model.pt`); the names of its tensors are kept.
"""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw
from scipy.spatial import ConvexHull
from torch import Tensor, nn

from data.images import to_uint8
from faces.landmarks import PoseNetwork
from faces.published import IRSE_STAGES, IRSEBlock
from synth.formats.container import read_content
from synth.layers import Linear

SIZE = 256  # px: side of the published encoders' input
FEATURES = 512  # width between the two linear layers of an encoder
POOL = 7  # the last maps are averaged to 7 x 7, as IR-SE50 has them for its own 112 px
# Names in the published file, and ours.
PREFIXES = {"encoder.encoder_face.": "face.", "encoder.encoder_hair.": "hair.", "encoder.map.": "fusion.map."}


@dataclass(frozen=True)
class SubrtovaConfig:
    """What differs between generators. All that is needed to build the network again."""

    num_ws: int  # style inputs of the generator
    w_dim: int  # length of a w
    size: int = SIZE  # side of the encoders' input, px
    stages: tuple[tuple[int, int], ...] = IRSE_STAGES  # (width, blocks) of the body; each stage halves the side
    raised: ClassVar[float] = 0.0  # the inner face is the plain hull, as published

    def __post_init__(self) -> None:
        if not 0 < len(self.stages) <= 8 or not all(16 <= width and 0 < count < 100 for width, count in self.stages):
            raise ValueError(f"stages {self.stages}: 1 to 8 pairs of a width of at least 16 and 1 to 99 blocks")
        if self.size < 1 << len(self.stages):
            raise ValueError(f"size {self.size} is halved {len(self.stages)} times to less than a pixel: take another")

    @classmethod
    def read(cls, fields: dict) -> SubrtovaConfig:
        """The config from its JSON form."""
        stages = {"stages": tuple((width, count) for width, count in fields["stages"])} if "stages" in fields else {}
        return cls(**(fields | stages))

    def asdict(self) -> dict:
        """The config as JSON can hold it."""
        return asdict(self) | {"stages": [list(stage) for stage in self.stages]}


class LastLayerEncoder(nn.Module):
    """(N, 3, size, size) in [-1, 1] -> (N, num_ws * w_dim), from the last maps of an IR-SE50 alone."""

    def __init__(self, config: SubrtovaConfig) -> None:
        super().__init__()
        first, last = config.stages[0][0], config.stages[-1][0]
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, first, 3, 1, 1, bias=False), nn.BatchNorm2d(first), nn.PReLU(first)
        )
        widths = [width for width, count in config.stages for _ in range(count)]
        before = [first, *widths]
        strides = [1 if k else 2 for _, count in config.stages for k in range(count)]
        self.body = nn.Sequential(*map(IRSEBlock, before, widths, strides))
        self.output_layer_2 = nn.Sequential(
            nn.BatchNorm2d(last), nn.AdaptiveAvgPool2d(POOL), nn.Flatten(), nn.Linear(last * POOL**2, FEATURES)
        )
        self.linear = Linear(FEATURES, config.num_ws * config.w_dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        return self.linear(self.output_layer_2(self.body(self.input_layer(x))))


class LinearFusion(nn.Module):
    """Two embeddings (N, num_ws * w_dim), face first -> ws (N, num_ws, w_dim)."""

    def __init__(self, config: SubrtovaConfig) -> None:
        super().__init__()
        length = config.num_ws * config.w_dim
        self.map = nn.Sequential(nn.Linear(2 * length, length), nn.LeakyReLU(0.2))
        self.num_ws = config.num_ws

    def forward(self, face: Tensor, hair: Tensor) -> Tensor:
        return self.map(torch.cat([face, hair], 1)).unflatten(1, (self.num_ws, -1)).float()


class Subrtova(nn.Module):
    """Face and hair pictures, already split, -> ws; used like `hairnet.network.TwoEncoders`."""

    def __init__(self, config: SubrtovaConfig) -> None:
        super().__init__()
        self.config = config
        self.face = LastLayerEncoder(config)
        self.hair = LastLayerEncoder(config)
        self.fusion = LinearFusion(config)
        self.to(memory_format=torch.channels_last)

    def forward(self, face: Tensor, hair: Tensor) -> Tensor:
        """face, hair (N,3,size,size) in [-1, 1], black (-1) outside their parts -> ws (N, num_ws, w_dim)."""
        return self.fusion(self.face(face), self.hair(hair))

    def start_from(self, w: Tensor, w_avg: Tensor) -> None:
        """Nothing: the published network knows neither the mean of w nor its units."""


def hull_masks(landmarks: np.ndarray, size: int) -> Tensor:
    """68 landmarks (N, 68, 2), pixels of a (size, size) crop -> (N, 1, size, size) float32: 1 in their hull, else 0."""
    masks = []
    for points in np.asarray(landmarks, np.float64):
        canvas = Image.new("L", (size, size))
        hull = points[ConvexHull(points).vertices].round().astype(int)
        ImageDraw.Draw(canvas).polygon([tuple(point) for point in hull.tolist()], fill=1, outline=1)
        masks.append(np.array(canvas, np.float32))
    return torch.from_numpy(np.stack(masks))[:, None]


def read_hulls(images: Tensor, landmarks: PoseNetwork) -> Tensor:
    """Crops (N, 3, S, S) in [-1, 1] -> `hull_masks` of the landmarks that are found in them: the published split."""
    return hull_masks(landmarks.read(to_uint8(images)).landmarks, images.shape[-1])


class Published(NamedTuple):
    """What a published file holds besides its generator."""

    config: SubrtovaConfig
    tensors: dict[str, Tensor]  # of Subrtova(config); views of the file


def read_published(path: Path) -> Published:
    """The encoders and the fusion of a file in the layout of `best_model.pt`; nothing in it is executed.

    The sizes are those of the tensors that are there. ValueError with the reason for any other file.
    """
    content = read_content(path)
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or "encoder.map.0.weight" not in state:
        raise ValueError(
            f"{path} has no encoder.map.0.weight: give FG 2021's best_model.pt or what hairnet.train wrote"
        )
    tensors: dict[str, Tensor] = {}
    for key, value in state.items():
        prefix = next((prefix for prefix in PREFIXES if str(key).startswith(prefix)), None)
        if prefix is not None:
            if not isinstance(value, Tensor):
                raise ValueError(f"{path} has something else than a tensor as {key}: fetch it again")
            tensors[PREFIXES[prefix] + key.removeprefix(prefix)] = value.float() if value.is_floating_point() else value
    length, w_dim = len(tensors["fusion.map.0.weight"]), _w_dim(state)
    if not w_dim or length % w_dim:
        raise ValueError(f"{path} lacks the decoder whose w its encoders make: give the whole best_model.pt")
    try:
        config = SubrtovaConfig(length // w_dim, w_dim, stages=_stages(tensors))
    except ValueError as error:
        raise ValueError(f"{path} has encoders that are no IR-SE network: fetch it again") from error
    return Published(config, tensors)


def _stages(tensors: dict[str, Tensor]) -> tuple[tuple[int, int], ...]:
    """(width, blocks) of the body's stages, by the weights that are there."""
    widths: list[int] = []
    while isinstance(weight := tensors.get(f"face.body.{len(widths)}.res_layer.1.weight"), Tensor):
        widths.append(len(weight))
    return tuple((width, len(list(blocks))) for width, blocks in itertools.groupby(widths))


def _w_dim(state: dict[Any, Any]) -> int:
    """Length of a w, by the decoder's mapping; 0 where there is none."""
    weight = state.get("decoder.style.1.weight")
    return len(weight) if isinstance(weight, Tensor) and weight.ndim == 2 else 0
