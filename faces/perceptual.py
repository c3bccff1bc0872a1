"""Perceptual distance between pictures: LPIPS where its weights are given, else by the features of a face parser.

LPIPS (Zhang et al., CVPR 2018, eq. 1): features of several layers of a network that has learned to classify, each place
scaled to unit length over its channels; squared differences, weighed by one number per channel, averaged over places,
added up over layers. Its weights are not shipped. They are read from either layout in which they are public:

    lpips.pth                    the state dict of richzhang/PerceptualSimilarity's LPIPS, VGG-16 or AlexNet
    vgg16-397923af.pth,vgg.pth   torchvision's network, then that project's weights/v0.1/vgg.pth (or alexnet, alex.pth)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from faces.parsing import Parser, PublishedParser, check_crop, ready, resized
from faces.published import state_of

Distance = Callable[[Tensor, Tensor], Tensor]
# The convolutions between two looks, by their place in torchvision's `features`.
NETWORKS = {
    "VGG-16": ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)),
    "AlexNet": ((0,), (3,), (6,), (8,), (10,)),
}
POOLED = {"VGG-16": (5, 10, 17, 24), "AlexNet": (3, 6)}  # convolutions before which the sides are halved
CONVOLUTION = re.compile(r"(?:features|net\.slice[1-5])\.(\d{1,2})\.(weight|bias)")
LINEAR = re.compile(r"(?:lin|lins\.)([0-4])\.model\.1\.weight")
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of its input, in [-1, 1]


def unit(x: Tensor) -> Tensor:
    """(N, C, H, W) with every place's channels scaled to unit length; zeros stay zeros, with a gradient of zero."""
    return x / (x.square().sum(1, keepdim=True) + 1e-20).sqrt()


class LPIPS(nn.Module):
    """Two batches of pictures (N, 3, H, W) in [-1, 1], sides of at least 32 -> distances (N,)."""

    shift: Tensor
    scale: Tensor

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        """tensors: "0.weight", "0.bias", ... of the convolutions and "lin0", ... (C,) of the looks."""
        super().__init__()
        places = {int(name.split(".")[0]) for name in tensors if name.endswith(".weight")}
        (self.kind,) = [kind for kind, looks in NETWORKS.items() if set(sum(looks, ())) == places]
        self.looks = NETWORKS[self.kind]
        for name, value in tensors.items():
            self.register_buffer(name.replace(".", "_"), value)
        self.register_buffer("shift", torch.tensor(SHIFT).view(3, 1, 1))
        self.register_buffer("scale", torch.tensor(SCALE).view(3, 1, 1))

    def features(self, x: Tensor) -> list[Tensor]:
        """What is seen at each look, fine to coarse."""
        x, seen = (x - self.shift) / self.scale, []
        for look in self.looks:
            for place in look:
                if place in POOLED[self.kind]:
                    x = F.max_pool2d(x, 2 if self.kind == "VGG-16" else 3, 2)
                weight, bias = self.get_buffer(f"{place}_weight"), self.get_buffer(f"{place}_bias")
                side = weight.shape[-1]
                x = F.relu(F.conv2d(x, weight, bias, stride=4 if side == 11 else 1, padding=2 if side > 3 else 1))
            seen.append(x)
        return seen

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.stack([look.mean((1, 2)) for look in self.maps(a, b)]).sum(0)

    def maps(self, a: Tensor, b: Tensor) -> list[Tensor]:
        """The distances place by place, (N, h, w) for each look, fine to coarse; the sum of their means is LPIPS."""
        check_crop(a)
        found = []
        for k, (one, other) in enumerate(zip(self.features(a), self.features(b), strict=True)):
            difference = (unit(one.float()) - unit(other.float())).square()
            found.append(torch.einsum("nchw,c->nhw", difference, self.get_buffer(f"lin{k}")))
        return found


class ParserDistance(nn.Module):
    """The same with the features by which a face parser of ours sees, all channels alike: what stands in for LPIPS."""

    def __init__(self, parser: Parser) -> None:
        super().__init__()
        self.parser = parser

    def features(self, x: Tensor) -> list[Tensor]:
        """What the parser sees at 1/2, 1/4, 1/8, ... of its working size."""
        return self.parser.features(resized(x, self.parser.input_size).contiguous(memory_format=torch.channels_last))

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """(N, 3, H, W) twice, in [-1, 1] -> (N,), 0 to 2 per stage."""
        check_crop(a)
        pairs = zip(self.features(a), self.features(b), strict=True)
        terms = [(unit(x.float()) - unit(y.float())).square().sum(1).mean((1, 2)) for x, y in pairs]
        return torch.stack(terms).sum(0)


def parser_distance(parser: Parser) -> ParserDistance:
    """The distance by a parser; ValueError for a published one, whose layers are others."""
    if isinstance(parser, PublishedParser):
        raise ValueError("a published parser has no features to compare: give the files of LPIPS, or our own parser")
    return ParserDistance(parser)


def load_lpips(paths: Sequence[Path], device: str | torch.device | None = None) -> LPIPS:
    """LPIPS from its public files, frozen; nothing in them is executed. ValueError when they are others."""
    tensors: dict[str, Tensor] = {}
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"{path} does not exist or is not a file: give the files of LPIPS")
        state = state_of(path)
        for name, value in state.items() if isinstance(state, dict) else ():
            if not isinstance(value, Tensor):
                continue
            if m := CONVOLUTION.fullmatch(str(name)):
                tensors[f"{m[1]}.{m[2]}"] = value.float()
            elif m := LINEAR.fullmatch(str(name)):
                tensors[f"lin{m[1]}"] = value.float().flatten()
    names = ", ".join(map(str, paths))
    if len([name for name in tensors if name.startswith("lin")]) != 5:
        raise ValueError(
            f"{names}: the weights of LPIPS's five looks (lin0 to lin4) are not there: give their file too"
        )
    try:
        network = LPIPS(tensors)
        with torch.no_grad():
            network(torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 64))
    except (ValueError, RuntimeError, AttributeError, IndexError) as error:
        raise ValueError(f"{names}: the network is neither LPIPS's VGG-16 nor its AlexNet: fetch it again") from error
    return ready(network, device)
