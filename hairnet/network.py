"""The trainable part: an encoder for the face, an encoder for the hair, and their fusion into a W+ code.

Architecture after Subrtova, Cech, Franc, "Hairstyle Transfer between Face Images" (FG 2021): two IR-SE encoders, their
embeddings concatenated (face first, then hair), one fully connected fusion, a frozen StyleGAN2. The same code spells
the small default (64 px, about two million weights per encoder) and a large one (`LARGE`: 256 px, as deep as IR-SE50).
The published network itself is in `hairnet.subrtova`; NETWORKS names both.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from faces.identity import WHOLE, cut
from faces.parsing import resized
from hairnet.subrtova import Subrtova, SubrtovaConfig


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the two encoders and of the fusion. All that is needed to build the network again."""

    num_ws: int  # style inputs of the generator
    w_dim: int  # length of a w
    size: int = 64  # side of the encoders' input, px
    stem: int = 32  # channels after the first convolution
    stem_stride: int = 2  # 2 halves the side at once, which saves half the time; 1 as in IR-SE50
    widths: tuple[int, ...] = (64, 128, 192)  # channels of the stages; each stage halves the side
    blocks: tuple[int, ...] = (2, 2, 2)  # residual blocks of the stages
    pool: int = 4  # the last maps are averaged to pool x pixels before the linear layers
    features: int = 320  # width between the two linear layers of an encoder
    embedding: int = 384  # length of a face or hair embedding
    fusion: int = 768  # hidden width of the fusion
    norm: str = "group"  # "group": independent of the rest of a batch, so of how many processes share it; or "batch"
    # top, bottom, left, right of what the face encoder sees, as shares of the crop: the inner face in every pose
    face_window: tuple[float, ...] = (0.30, 0.96, 0.14, 0.86)
    # Eye distances by which the inner face reaches above the hull of landmarks, which cuts through the brows: a network
    # that sees half of a brow with the face and half of it with the hair gives a person the brows of neither.
    raised: float = 0.18

    def __post_init__(self) -> None:
        if self.norm not in ("group", "batch"):
            raise ValueError(f"norm is {self.norm!r}: it is group or batch")
        top, bottom, left, right = self.face_window
        if not (0 <= top < bottom <= 1 and 0 <= left < right <= 1):
            raise ValueError(f"face_window {self.face_window}: top and left lie below bottom and right, all in 0 to 1")
        if not 0 <= self.raised <= 1:
            raise ValueError(f"raised is {self.raised}: it is 0 to 1 eye distances")
        if len(self.widths) != len(self.blocks):
            raise ValueError(f"widths {self.widths} and blocks {self.blocks} must name the same number of stages")
        if not 0 < sum(self.blocks) < 1000 or len(self.blocks) > 16:
            raise ValueError(f"blocks {self.blocks}: a network has 1 to 16 stages and fewer than 1000 blocks")
        if self.size // self.stem_stride >> len(self.widths) < self.pool:
            raise ValueError(f"size {self.size} is halved to less than pool {self.pool} px: take another size")

    @classmethod
    def read(cls, fields: dict) -> NetworkConfig:
        """The config from its JSON form (lists instead of tuples)."""
        sizes: dict[str, Any] = {name: tuple(x) if isinstance(x, list) else x for name, x in fields.items()}
        return cls(**sizes)

    def asdict(self) -> dict:
        """The config as JSON can hold it."""
        return {name: list(x) if isinstance(x, tuple) else x for name, x in asdict(self).items()}


# For generators of 256 px and more: IR-SE50's depth on a halved picture, and a third of the published network's size.
LARGE: dict = dict(
    size=256,
    stem=64,
    widths=(64, 128, 256, 512),
    blocks=(3, 4, 14, 3),
    features=384,
    embedding=1024,
    fusion=1536,
)


GROUP = 16  # channels per group of the normalisation

# Of all leaky ReLUs. ArcFace learns it per channel (PReLU, starting here): a third of a CPU's time in training.
SLOPE = 0.25


class SqueezeExcite(nn.Module):
    """Channel gates from the channels' means (Hu et al. 2018, eq. 2-4)."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.down = nn.Conv2d(channels, max(channels // reduction, 4), 1, bias=False)
        self.up = nn.Conv2d(max(channels // reduction, 4), channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gates = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.up(F.relu(self.down(gates))))


def normalisation(kind: str, channels: int) -> nn.Module:
    """Over groups of a picture's own channels, or over the batch."""
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.GroupNorm(max(1, channels // GROUP), channels)


class Block(nn.Module):
    """Improved residual block (ArcFace, sec. 3.1): norm, conv, leaky ReLU, conv, norm, SE; nothing after the sum."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: str) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            normalisation(norm, inputs),
            nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(outputs, outputs, 3, stride, 1, bias=False),
            normalisation(norm, outputs),
            SqueezeExcite(outputs),
        )
        self.shortcut: nn.Module = (
            nn.MaxPool2d(1, stride)
            if inputs == outputs
            else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), normalisation(norm, outputs))
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.residual(x)


class Encoder(nn.Module):
    """The `window` of a masked picture (N,3,size,size) in [-1, 1] -> its embedding (N, embedding)."""

    def __init__(self, config: NetworkConfig, window: tuple[float, ...]) -> None:
        super().__init__()
        self.size, self.window = config.size, window
        self.stem = nn.Sequential(
            nn.Conv2d(3, config.stem, 3, config.stem_stride, 1, bias=False),
            normalisation(config.norm, config.stem),
            nn.LeakyReLU(SLOPE),
        )
        blocks, inputs = [], config.stem
        for width, count in zip(config.widths, config.blocks, strict=True):
            for i in range(count):
                blocks.append(Block(inputs, width, stride=2 if i == 0 else 1, norm=config.norm))
                inputs = width
        self.body = nn.Sequential(*blocks)
        self.head = nn.Sequential(
            normalisation(config.norm, inputs),
            nn.AdaptiveAvgPool2d(config.pool),
            nn.Flatten(),
            nn.Linear(inputs * config.pool**2, config.features),
            nn.LeakyReLU(SLOPE),
            nn.Linear(config.features, config.embedding),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = resized(cut(x, self.window), self.size).contiguous(memory_format=torch.channels_last)
        return self.head(self.body(self.stem(x)))


class Fusion(nn.Module):
    """Two embeddings -> ws (N, num_ws, w_dim) = w_avg + a shared delta + a delta per style input.

    The paper fuses with one linear layer and a leaky ReLU on its output. We keep that pair and add a linear read-out,
    because a rectified output cannot be a signed offset from w_avg. The read-out counts in standard deviations
    of the generator's own w (`basis`), so that every direction of W starts equally easy to learn, and the deltas per
    style input start at zero, since a sampled target has the same w everywhere.
    """

    w_avg: Tensor
    basis: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.hidden = nn.Linear(2 * config.embedding, config.fusion)
        self.shared = nn.Linear(config.fusion, config.w_dim)
        self.deltas = nn.Linear(config.fusion, config.num_ws * config.w_dim)
        nn.init.zeros_(self.deltas.weight)
        nn.init.zeros_(self.deltas.bias)
        self.register_buffer("w_avg", torch.zeros(config.w_dim))
        # not torch.eye, which on the meta device, where files are read, imports the compiler: seconds
        self.register_buffer("basis", torch.zeros(config.w_dim, config.w_dim).fill_diagonal_(1.0))
        self.num_ws = config.num_ws

    def forward(self, face: Tensor, hair: Tensor) -> Tensor:
        h = F.leaky_relu(self.hidden(torch.cat([face, hair], 1)), 0.2)
        deltas = self.shared(h)[:, None] + self.deltas(h).unflatten(1, (self.num_ws, -1))
        # float32 from here: bf16 would round a w to three digits.
        with torch.autocast(h.device.type, enabled=False):
            return self.w_avg + deltas.float() @ self.basis


class TwoEncoders(nn.Module):
    """Face and hair pictures, already split, -> ws. This is what is trained; the generator stays outside."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.face = Encoder(config, config.face_window)
        self.hair = Encoder(config, WHOLE)
        self.fusion = Fusion(config)
        self.to(memory_format=torch.channels_last)

    def forward(self, face: Tensor, hair: Tensor) -> Tensor:
        """face, hair (N,3,size,size) in [-1, 1], black (-1) outside their parts -> ws (N, num_ws, w_dim)."""
        return self.fusion(self.face(face), self.hair(hair))

    @torch.no_grad()
    def start_from(self, w: Tensor, w_avg: Tensor) -> None:
        """Set the output's origin and units from samples w (N, w_dim) of the generator and its mean w_avg (w_dim,)."""
        centred = w.double() - w.double().mean(0)
        values, vectors = torch.linalg.eigh(centred.T @ centred / len(w))
        # Directions that hardly vary get a hundredth of the largest deviation, so that none is unreachable.
        deviations = values.clamp_min(0).sqrt().clamp_min(0.01 * values.clamp_min(0).max().sqrt().item())
        self.fusion.basis.copy_((deviations[:, None] * vectors.T).float())
        self.fusion.w_avg.copy_(w_avg)


Network = TwoEncoders | Subrtova
NETWORKS: dict[str, tuple[type[NetworkConfig | SubrtovaConfig], type[Network]]] = {
    "hairnet": (NetworkConfig, TwoEncoders),
    "subrtova": (SubrtovaConfig, Subrtova),
}


def new_network(arch: str, fields: dict) -> Network:
    """An untrained network: `arch` is a key of NETWORKS, `fields` those of its config, as its `asdict` gives them."""
    config, network = NETWORKS[arch]
    return network(config.read(fields))  # type: ignore[arg-type]


def arch_of(network: Network) -> str:
    """The key of NETWORKS."""
    return next(name for name, (_, kind) in NETWORKS.items() if isinstance(network, kind))
