"""68 landmarks and head pose of an FFHQ-aligned crop, by one small network: thousands of faces a minute on a CPU."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from data.images import to_tensor
from data.weights import load_network, resolve
from faces.identity import GROUP, residual_body
from faces.parsing import build, check_crop, ready, resized

COUNT = 68  # iBUG's points: 17 of the jaw, 10 of the brows, 9 of the nose, 12 of the eyes, 20 of the lips
ANGLE = 20.0  # degrees that one unit of the network's answer stands for
BATCH = 64  # crops per pass of `read`

# Landmark k of a picture is landmark MIRRORED[k] of its mirror image.
MIRRORED = np.array(
    [*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1), *(45, 44, 43, 42, 47, 46),
     *(39, 38, 37, 36, 41, 40), *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), *range(67, 64, -1)]
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Pose:
    """What the network reads from N crops."""

    landmarks: np.ndarray  # (N, 68, 2) float32 pixels of the crop, iBUG order: image-left first
    yaw: np.ndarray  # (N,) float32 degrees, positive: turned to image right
    pitch: np.ndarray  # positive: turned down
    roll: np.ndarray  # positive: leaning to image right

    @property
    def points(self) -> np.ndarray:
        """(N, 5, 2): eyes, tip of the nose and corners of the mouth, as detection gives them."""
        marks = self.landmarks
        parts = [marks[:, 36:42].mean(1), marks[:, 42:48].mean(1), marks[:, 30], marks[:, 48], marks[:, 54]]
        return np.stack(parts, axis=1)


class PoseNetwork(nn.Module):
    """A crop (N, 3, H, W) in [-1, 1], H, W >= 32, -> (N, 139): 68 points (x, y) in [-1, 1], then three angles / 20."""

    def __init__(
        self,
        widths: tuple[int, ...] = (32, 48, 96, 128),
        depths: tuple[int, ...] = (1, 2, 2, 1),
        input_size: int = 64,
    ) -> None:
        super().__init__()
        assert input_size % 16 == 0
        self.input_size = input_size
        # PoseNetwork(**config) builds this network again
        self.config = {"widths": list(widths), "depths": list(depths), "input_size": input_size}
        side, width = input_size // 16, widths[-1]
        self.body = residual_body(tuple(widths), tuple(depths), reduction=16)
        self.head = nn.Sequential(nn.GroupNorm(width // GROUP, width), nn.SiLU(), nn.Flatten(),
                                  nn.Linear(width * side * side, 2 * COUNT + 3))  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1] -> (N, 139) float32."""
        check_crop(x)
        work = resized(x, self.input_size).contiguous(memory_format=torch.channels_last)
        return self.head(self.body(work)).float()

    @torch.no_grad()
    def read(self, images: np.ndarray) -> Pose:
        """(N, S, S, 3) uint8 FFHQ-aligned crops -> landmarks in their pixels, and angles."""
        device = next(self.parameters()).device
        parts = [self(to_tensor(images[k : k + BATCH]).to(device)).cpu() for k in range(0, len(images), BATCH)]
        answer = torch.cat(parts) if parts else torch.zeros(0, 2 * COUNT + 3)
        places = (answer[:, : 2 * COUNT].unflatten(1, (COUNT, 2)) + 1) * (images.shape[1] / 2)
        yaw, pitch, roll = (answer[:, 2 * COUNT :] * ANGLE).numpy().T
        return Pose(places.numpy(), yaw, pitch, roll)


def pose_loss(answer: Tensor, landmarks: Tensor, angles: Tensor, size: int) -> Tensor:
    """Mean distance of the landmarks in eye distances (0.25 of an FFHQ crop's side) + mean angular error / 20 degrees.

    `answer` (N, 139); `landmarks` (N, 68, 2) pixels of a crop of `size`; `angles` (N, 3) yaw, pitch, roll in degrees.
    """
    places = landmarks * (2 / size) - 1
    miss = (answer[:, : 2 * COUNT].unflatten(1, (COUNT, 2)) - places).norm(dim=2)
    turn = F.smooth_l1_loss(answer[:, 2 * COUNT :], angles / ANGLE, beta=0.05)
    return miss.mean() / 0.5 + turn


def load_pose_network(name: str | Path = "builtin", device: str | torch.device | None = None) -> PoseNetwork:
    """A trained pose network, frozen, in eval mode.

    Args:
        name: "builtin" or the path of a .safetensors network of this kind.
        device: None: cuda where there is one, else the CPU.
    """
    path = resolve(name, "pose")
    tensors, config = load_network(path)
    if config["kind"] != "pose":
        raise ValueError(f"{path} holds a network of kind {config['kind']}: give a pose network")
    return ready(build(path, PoseNetwork, tensors, config), device)
