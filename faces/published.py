"""Public networks in plain PyTorch, with their files' own layer names: BiSeNet's face parser and ArcFace's IR-SE50.

BiSeNet (Yu et al., ECCV 2018) as zllrunning/face-parsing.PyTorch trains it (`79999_iter.pth`: ResNet-18, 19 classes in
an order of its own); IR-SE50 (Deng et al., CVPR 2019; He et al., 2016; Hu et al., 2018) as TreB1eN/InsightFace_Pytorch
writes it (`model_ir_se50.pth`: 112 px in [-1, 1] -> 512). Their weights are not shipped: give the path of a file.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from faces.iresnet import IResNet, blocks_in
from faces.labels import CLASSES

PUBLISHED = (".pth", ".pt")  # suffixes of such files; our own end in .safetensors
IRSE_STAGES = ((64, 3), (128, 4), (256, 14), (512, 3))  # (width, blocks); each stage halves the side


class Convolution(nn.Module):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, fan_in: int, fan_out: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(fan_in, fan_out, kernel, 1, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(fan_out)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class Refinement(nn.Module):
    """BiSeNet's attention refinement: a 3x3 convolution whose channels the whole picture weighs."""

    def __init__(self, fan_in: int) -> None:
        super().__init__()
        self.conv = Convolution(fan_in, 128, 3)
        self.conv_atten = nn.Conv2d(128, 128, 1, bias=False)
        self.bn_atten = nn.BatchNorm2d(128)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x * torch.sigmoid(self.bn_atten(self.conv_atten(x.mean((2, 3), keepdim=True))))


class Context(nn.Module):
    """BiSeNet's context path: (N, 3, H, W) -> 128 channels at 1/8 from ResNet-18, and the same of context at 1/8."""

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import resnet18  # here, since importing torchvision takes a second

        self.resnet = resnet18()
        del self.resnet.fc
        self.arm16, self.arm32 = Refinement(256), Refinement(512)
        self.conv_head32, self.conv_head16 = Convolution(128, 128, 3), Convolution(128, 128, 3)
        self.conv_avg = Convolution(512, 128, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        net = self.resnet
        eighth = net.layer2(net.layer1(net.maxpool(net.relu(net.bn1(net.conv1(x))))))
        sixteenth = net.layer3(eighth)
        deepest = net.layer4(sixteenth)
        context = self.arm32(deepest) + self.conv_avg(deepest.mean((2, 3), keepdim=True))
        context = self.conv_head32(F.interpolate(context, sixteenth.shape[2:], mode="nearest"))
        context = self.arm16(sixteenth) + context
        return eighth, self.conv_head16(F.interpolate(context, eighth.shape[2:], mode="nearest"))


class Fusion(nn.Module):
    """BiSeNet's feature fusion: a 1x1 convolution of both paths, and a gate on its channels, added to it."""

    def __init__(self) -> None:
        super().__init__()
        self.convblk = Convolution(256, 256, 1)
        self.conv1 = nn.Conv2d(256, 64, 1, bias=False)
        self.conv2 = nn.Conv2d(64, 256, 1, bias=False)

    def forward(self, detail: Tensor, context: Tensor) -> Tensor:
        x = self.convblk(torch.cat([detail, context], 1))
        return x + x * torch.sigmoid(self.conv2(F.relu(self.conv1(x.mean((2, 3), keepdim=True)))))


class Head(nn.Module):
    """BiSeNet's output: 3x3 and 1x1 convolutions to the classes."""

    def __init__(self, fan_in: int, width: int) -> None:
        super().__init__()
        self.conv = Convolution(fan_in, width, 3)
        self.conv_out = nn.Conv2d(width, CLASSES, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_out(self.conv(x))


class BiSeNet(nn.Module):
    """(N, 3, H, W), ImageNet-normalised, 512 px by choice of its authors -> logits (N, 19, H, W) in its own order.

    `conv_out16` and `conv_out32` are the outputs that only its training used; they are here for the file's sake.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cp, self.ffm = Context(), Fusion()
        self.conv_out, self.conv_out16, self.conv_out32 = Head(256, 256), Head(128, 64), Head(128, 64)

    def forward(self, x: Tensor) -> Tensor:
        logits = self.conv_out(self.ffm(*self.cp(x)))
        return F.interpolate(logits, x.shape[2:], mode="bilinear", align_corners=True)


class Excitation(nn.Module):
    """Squeeze-and-excitation with a sixteenth of the channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(width, width // 16, 1, bias=False)
        self.fc2 = nn.Conv2d(width // 16, width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(x.mean((2, 3), keepdim=True)))))


class IRSEBlock(nn.Module):
    """Normalisation, 3x3, PReLU, 3x3, normalisation, channel attention; plus the input."""

    def __init__(self, fan_in: int, fan_out: int, stride: int) -> None:
        super().__init__()
        projection = nn.Conv2d(fan_in, fan_out, 1, stride, bias=False), nn.BatchNorm2d(fan_out)
        self.shortcut_layer = nn.MaxPool2d(1, stride) if fan_in == fan_out else nn.Sequential(*projection)
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(fan_in),
            nn.Conv2d(fan_in, fan_out, 3, 1, 1, bias=False),
            nn.PReLU(fan_out),
            nn.Conv2d(fan_out, fan_out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(fan_out),
            Excitation(fan_out),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.res_layer(x) + self.shortcut_layer(x)


def irse_body() -> nn.Sequential:
    """The 24 blocks: (N, 64, S, S) -> (N, 512, S/16, S/16)."""
    blocks, fan_in = [], 64
    for width, depth in IRSE_STAGES:
        for block in range(depth):
            blocks.append(IRSEBlock(fan_in, width, 1 if block else 2))
            fan_in = width
    return nn.Sequential(*blocks)


class IRSE50(nn.Module):
    """(N, 3, 112, 112) in [-1, 1] -> (N, 512) of unit length."""

    def __init__(self) -> None:
        super().__init__()
        self.input_layer = nn.Sequential(nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.PReLU(64))
        self.body = irse_body()
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(512), nn.Dropout(0.6), nn.Flatten(), nn.Linear(512 * 7 * 7, 512), nn.BatchNorm1d(512)
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(self.output_layer(self.body(self.input_layer(x))), dim=1)


def load_published(path: Path, network: nn.Module) -> nn.Module:
    """`network` with the tensors of a public .pth file; nothing in the file is executed. ValueError when it differs."""
    return filled(path, network, state_of(path))


def published_embedder(path: Path) -> tuple[nn.Module, str]:
    """The face network whose layer names a public .pth or .pt file has, and what it is: a key of `EMBEDDERS`."""
    state = state_of(path)
    names = state if isinstance(state, dict) else {}
    if "conv2d_1a.conv.weight" in names:
        from facenet_pytorch import InceptionResnetV1  # here, since only its files need it

        # `logits`, its training's classifier, is no part of the embedding
        inner = {name: value for name, value in names.items() if not name.startswith("logits.")}
        return filled(path, InceptionResnetV1(pretrained=None, classify=False), inner), "facenet"
    if "layer1.0.bn1.weight" in names and "features.weight" in names:
        with torch.device("meta"):  # shapes only, so that forged names cannot ask for memory
            network = IResNet(blocks_in(names))
        return filled(path, network, names), "iresnet"
    return filled(path, IRSE50(), state), "irse50"


def state_of(path: Path) -> Any:
    """What a .pth file holds, tensors and plain containers alone; None where it is no such file."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, TypeError, AttributeError, EOFError, KeyError, ValueError):
        return None


def filled(path: Path, network: nn.Module, state: Any) -> nn.Module:
    """`network` with the tensors of `state`, frozen; ValueError that names the file when they are not its own."""
    try:
        network.load_state_dict(state, assign=any(tensor.is_meta for tensor in network.parameters()))
    except (RuntimeError, TypeError, AttributeError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is not a file of {type(network).__name__} weights: give the public file") from error
    return network.eval().requires_grad_(False)
