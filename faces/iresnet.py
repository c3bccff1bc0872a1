"""The ArcFace networks that insightface trains in PyTorch (`backbone.pth`: r18 to r200), with its files' layer names.

Deng et al., CVPR 2019, section 3.2; the residual block is that of Han et al., "Deep Pyramidal Residual Networks"
(CVPR 2017), with PReLU. 112 px RGB in [-1, 1] -> 512 numbers of any length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from torch import Tensor, nn

WIDTHS = (64, 128, 256, 512)
EPSILON = 1e-5


class Block(nn.Module):
    """Normalisation, 3x3, normalisation, PReLU, 3x3 (strided), normalisation; plus the input."""

    def __init__(self, fan_in: int, fan_out: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(fan_in, eps=EPSILON)
        self.conv1 = nn.Conv2d(fan_in, fan_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(fan_out, eps=EPSILON)
        self.prelu = nn.PReLU(fan_out)
        self.conv2 = nn.Conv2d(fan_out, fan_out, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(fan_out, eps=EPSILON)
        self.downsample: nn.Module | None = None
        if stride > 1 or fan_in != fan_out:
            projection = nn.Conv2d(fan_in, fan_out, 1, stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(fan_out, eps=EPSILON))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(self.bn1(x))
        y = self.bn3(self.conv2(self.prelu(self.bn2(y))))
        return y + (x if self.downsample is None else self.downsample(x))


class IResNet(nn.Module):
    """(N, 3, 112, 112) in [-1, 1] -> (N, 512); `depths` are the blocks of the four stages."""

    def __init__(self, depths: tuple[int, ...]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64, eps=EPSILON)
        self.prelu = nn.PReLU(64)
        fan_in, stages = 64, []
        for width, depth in zip(WIDTHS, depths, strict=True):
            blocks = [Block(fan_in if not k else width, width, 1 if k else 2) for k in range(depth)]
            stages.append(nn.Sequential(*blocks))
            fan_in = width
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.bn2 = nn.BatchNorm2d(512, eps=EPSILON)
        self.fc = nn.Linear(512 * 7 * 7, 512)
        self.features = nn.BatchNorm1d(512, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        x = self.prelu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.features(self.fc(self.bn2(x).flatten(1)))


def blocks_in(names: Iterable[str]) -> tuple[int, ...]:
    """How many blocks each of the four stages of a file has, from its tensors' names."""
    found = [re.match(r"layer([1-4])\.(\d{1,3})\.", name) for name in names]
    highest = [0] * 4
    for match in found:
        if match:
            stage = int(match[1]) - 1
            highest[stage] = max(highest[stage], int(match[2]) + 1)
    return tuple(highest)
