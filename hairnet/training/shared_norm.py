"""Batch normalisation over the rows of all processes: half a batch in each of two is one batch in one.

torch has this for CUDA alone (SyncBatchNorm); this one works wherever collectives do.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class _Sum(torch.autograd.Function):
    """The sum over all processes; each one's loss reaches every one's input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total


class SharedBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm2d that is trained by mean and variance of the rows of all processes, which hold equally many."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        world = dist.get_world_size()
        with torch.autocast(x.device.type, enabled=False):
            wide = x.float()
            mean = _Sum.apply(wide.mean((0, 2, 3))) / world
            centred = wide - mean[:, None, None]
            variance = _Sum.apply(centred.square().mean((0, 2, 3))) / world
            self._remember(mean.detach(), variance.detach(), world * x.numel() // x.shape[1])
            scale = self.weight * (variance + self.eps).rsqrt()
            return (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Moves the statistics that are used after the training, as torch does."""
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / max(count - 1, 1)), self.momentum)


def share_statistics(network: nn.Module) -> None:
    """Lets the network's batch normalisations see all processes' rows. Parameters and their names stay as they are."""
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SharedBatchNorm2d
