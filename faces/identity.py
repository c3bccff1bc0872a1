"""Embeddings of a face crop: who it is (two independent networks) and which hair it wears.

Two unlike architectures, so that the network that scores is not the one a loss has learned to please:
`residual` is a ResNet with squeeze-and-excitation, in the manner of ArcFace's IR-SE nets; `depthwise` is a chain of
depthwise 5x5 and pointwise convolutions, in the manner of ConvNeXt, with a global depthwise head.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from data.files import read_json, sha256
from data.images import to_tensor
from data.weights import INDEX, WEIGHTS, load_network, resolve
from faces.align import align
from faces.onnx import OnnxNetwork
from faces.parsing import build, check_crop, ready, resized
from faces.published import PUBLISHED, published_embedder
from faces.reading import FACENET, Reading, cut, reading_of

KINDS = {  # name -> kind of network
    "builtin": "embedder",
    "builtin-loss": "embedder-loss",
    "builtin-hair": "hair",
    "builtin-hair-scorer": "hair-scorer",
}
SCORERS = {"identity": "embedder", "hair": "hair-scorer"}  # kinds that only ever score: nothing learns to please them
GROUP = 16  # channels per group of the normalisation


class Residual(nn.Module):
    """Pre-activated 3x3 - 3x3 residual block with channel attention (He et al. 2016; Hu et al. 2018)."""

    def __init__(self, fan_in: int, fan_out: int, stride: int) -> None:
        super().__init__()
        self.before = nn.GroupNorm(fan_in // GROUP, fan_in)
        self.first = nn.Conv2d(fan_in, fan_out, 3, 1, 1, bias=False)
        self.between = nn.GroupNorm(fan_out // GROUP, fan_out)
        self.second = nn.Conv2d(fan_out, fan_out, 3, stride, 1, bias=False)
        squeezed = fan_out // 8
        self.attention = nn.Sequential(nn.Linear(fan_out, squeezed), nn.SiLU(), nn.Linear(squeezed, fan_out))
        same = fan_in == fan_out and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(fan_in, fan_out, stride, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(F.silu(self.before(x)))
        y = self.second(F.silu(self.between(y)))
        return self.shortcut(x) + y * torch.sigmoid(self.attention(y.mean((2, 3))))[:, :, None, None]


class Depthwise(nn.Module):
    """Depthwise 5x5, normalisation, pointwise expansion by three and back (Liu et al. 2022)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(width, width, 5, 1, 2, groups=width)
        self.norm = nn.GroupNorm(1, width)
        self.mix = nn.Sequential(nn.Conv2d(width, 3 * width, 1), nn.GELU(), nn.Conv2d(3 * width, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mix(self.norm(self.spatial(x)))


def residual_body(widths: tuple[int, ...], depths: tuple[int, ...], reduction: int) -> nn.Sequential:
    """(N, 3, S, S) -> (N, widths[-1], S/reduction, S/reduction) for four widths: a stem, then halving stages."""
    stride = reduction // 8
    layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 2 * stride - 1, stride, stride - 1, bias=False)]
    fan_in = widths[0]
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        for block in range(depth):
            layers.append(Residual(fan_in, width, 2 if stage and not block else 1))
            fan_in = width
    return nn.Sequential(*layers)


def depthwise_body(widths: tuple[int, ...], depths: tuple[int, ...], reduction: int) -> nn.Sequential:
    """(N, 3, S, S) -> (N, widths[-1], S/reduction, S/reduction) for three widths: patches, halving stages."""
    patch = reduction // 4
    layers: list[nn.Module] = [nn.Conv2d(3, widths[0], patch, patch), nn.GroupNorm(1, widths[0])]
    fan_in = widths[0]
    for width, depth in zip(widths, depths, strict=True):
        if fan_in != width:
            layers += [nn.GroupNorm(1, fan_in), nn.Conv2d(fan_in, width, 2, 2)]
        layers += [Depthwise(width) for _ in range(depth)]
        fan_in = width
    return nn.Sequential(*layers)


BODIES = {"residual": residual_body, "depthwise": depthwise_body}
SIZES: dict[str, dict[str, Any]] = {  # of the shipped networks; 1.1 to 3.1 million parameters
    "residual": {"body": "residual", "widths": (48, 64, 128, 160), "depths": (1, 2, 2, 1), "input_size": 64},
    "wide": {"body": "residual", "widths": (48, 64, 144, 224), "depths": (1, 1, 2, 2), "input_size": 128,
             "reduction": 32},
    "depthwise": {"body": "depthwise", "widths": (64, 128, 256), "depths": (2, 4, 1), "input_size": 64},
}  # fmt: skip
WHOLE = (0.0, 1.0, 0.0, 1.0)  # top, bottom, left, right of what a network sees, as shares of the crop
INNER = (0.28, 0.92, 0.18, 0.82)  # from the forehead to the chin: all that says who it is, little of the hair


class Embedder(nn.Module):
    """An FFHQ-aligned crop (N, 3, H, W) in [-1, 1], H, W >= 32, -> (N, dimensions) of unit length; differentiable.

    The network sees the part of the crop that `window` names, resized to `input_size`; its body makes the side smaller
    by `reduction` (16 or 32). `title` says in reports what it is; where `needs_points` is set, it sees a face better
    when told where its five points are.
    """

    title = "own embedder"
    needs_points = False

    def __init__(
        self,
        body: str,
        widths: tuple[int, ...],
        depths: tuple[int, ...],
        dimensions: int = 128,
        input_size: int = 64,
        window: tuple[float, ...] = WHOLE,
        reduction: int = 16,
    ) -> None:
        super().__init__()
        top, bottom, left, right = window
        assert reduction in (16, 32) and input_size % reduction == 0 < input_size
        assert 0 <= top < bottom <= 1 and 0 <= left < right <= 1
        self.input_size, self.dimensions, self.window = input_size, dimensions, tuple(window)
        # Embedder(**config) builds this network again
        self.config = {"body": body, "widths": list(widths), "depths": list(depths), "dimensions": dimensions,
                       "input_size": input_size, "window": list(window), "reduction": reduction}  # fmt: skip
        side, width = input_size // reduction, widths[-1]
        self.body = BODIES[body](widths, depths, reduction)
        if body == "residual":  # ArcFace's head: every place keeps its own weights
            self.head = nn.Sequential(nn.GroupNorm(width // GROUP, width), nn.Flatten(),
                                      nn.Linear(width * side * side, dimensions))  # fmt: skip
        else:  # MobileFaceNet's head: one weight per place and channel, then a linear mixture of the channels
            self.head = nn.Sequential(nn.GroupNorm(1, width), nn.Conv2d(width, width, side, groups=width),
                                      nn.Flatten(), nn.Linear(width, dimensions))  # fmt: skip

    def forward(self, x: Tensor, points: np.ndarray | None = None) -> Tensor:
        """(N, 3, H, W) in [-1, 1], points (N, 5, 2) px or None -> (N, D) float32 of unit length."""
        return F.normalize(self.vectors(x, points), dim=1)

    def vectors(self, x: Tensor, points: np.ndarray | None = None) -> Tensor:
        """The same before its length is made 1. An FFHQ crop is aligned enough for our own: points change nothing."""
        check_crop(x)
        work = resized(cut(x, self.window), self.input_size).contiguous(memory_format=torch.channels_last)
        return self.head(self.body(work)).float()

    @torch.no_grad()
    def embed_photo(self, photo: Image.Image) -> np.ndarray:
        """The embedding (D,) float32 of the most central face of a whole photo; ValueError when there is none."""
        crop = np.array(align(photo, max(self.input_size, 64)).image)
        x = to_tensor(crop[None]).to(next(self.parameters()).device)
        return self(x)[0].cpu().numpy()


class PublishedEmbedder(Embedder):
    """A face network of others behind the same door: it sees a face as `reading` says."""

    needs_points = True

    def __init__(self, network: nn.Module, reading: Reading, title: str) -> None:
        nn.Module.__init__(self)
        self.input_size = 256  # px: of the crop that a photo is cut to
        self.network, self.reading, self.title = network, reading, title
        self.needs_points = reading.place == "points"

    def vectors(self, x: Tensor, points: np.ndarray | None = None) -> Tensor:
        """(N, 3, H, W) in [-1, 1] -> (N, D) float32 of any length."""
        check_crop(x)
        return self.network(self.reading.of_crop(x, points)).float()

    @torch.no_grad()
    def embed_photo(self, photo: Image.Image) -> np.ndarray:
        """The embedding (D,) float32 of the most central face, aligned in the photo itself as this network wants it."""
        device = next(iter(self.network.state_dict().values())).device
        return F.normalize(self.network(self.reading.of_photo(photo).to(device)).float(), dim=1)[0].cpu().numpy()


PUBLISHED_READINGS = {
    "irse50": ("ArcFace IR-SE50", Reading()),
    "iresnet": ("ArcFace IResNet", Reading()),
    "facenet": ("FaceNet InceptionResnetV1 (not ArcFace)", FACENET),
}


def new_embedder(size: str, dimensions: int = 128, window: tuple[float, ...] = WHOLE) -> Embedder:
    """An untrained embedder of a size of SIZES."""
    return Embedder(**SIZES[size], dimensions=dimensions, window=window)


def kind_of(path: Path) -> str | None:
    """The kind of one of our own files; None for others, which do not say what they are for."""
    return load_network(path)[1]["kind"] if path.suffix == ".safetensors" else None


def refuse_scorer(path: Path, what: str) -> None:
    """ValueError when `path` is a network that only ever scores: one that teaches, or picks what is taught, is none."""
    index = read_json(WEIGHTS / INDEX) if (WEIGHTS / INDEX).is_file() else {}
    shipped = {index[f"{kind}.safetensors"]["sha256"] for kind in SCORERS.values() if f"{kind}.safetensors" in index}
    if kind_of(path) in SCORERS.values() or sha256(path) in shipped:
        raise ValueError(f"{what} only ever scores, nothing may learn to please it: give another embedder")


def load_embedder(name: str | Path = "builtin", device: str | torch.device | None = None) -> Embedder:
    """A trained embedder, frozen, in eval mode.

    Args:
        name: "builtin" (only ever scores), "builtin-loss" (for losses), "builtin-hair" (hair descriptor, for losses),
            "builtin-hair-scorer" (hair descriptor that only ever scores) or the path of a .safetensors embedder of any
            of these kinds, of ArcFace's IR-SE50 (model_ir_se50.pth), of facenet-pytorch's InceptionResnetV1
            (20180402-114759-vggface2.pt), or of an ArcFace network as ONNX, such as insightface's (w600k_r50.onnx);
            `faces.reading` says how each wants to see a face.
        device: None: cuda where there is one, else the CPU.
    """
    named = KINDS.get(str(name))
    path = resolve("builtin" if named else name, named or "embedder")
    if path.suffix in PUBLISHED:
        network, kind = published_embedder(path)
        title, reading = PUBLISHED_READINGS[kind]
        return ready(PublishedEmbedder(network, reading, f"{title}, {path.name}"), device)
    if path.suffix == ".onnx":
        onnx = OnnxNetwork(path).eval()
        reading = reading_of(path, onnx.size, [node.kind for node in onnx.nodes])
        return ready(PublishedEmbedder(onnx, reading, f"ONNX face network {path.name}"), device)
    tensors, config = load_network(path)
    if config["kind"] not in KINDS.values():
        raise ValueError(f"{path} holds a network of kind {config['kind']}: give one of {', '.join(KINDS.values())}")
    own = build(path, Embedder, tensors, config)
    whose = "built-in" if path.parent == WEIGHTS else "own"
    own.title = f"{whose} {config['kind']} ({config['architecture']['body']}, {own.input_size} px)"
    return ready(own, device)
