"""Data-parallel training: gradients and figures of all processes of a world, averaged in float32."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor


def average_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Replace every gradient by its mean over the ranks, in one message."""
    if not dist.is_initialized():
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = mean_over_ranks(torch.cat([g.reshape(-1) for g in gradients]))
    for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def mean_over_ranks(values: Tensor) -> Tensor:
    """The mean of `values` of all ranks; on the device where the ranks talk: NCCL's GPU, or gloo's CPU."""
    if not dist.is_initialized():
        return values
    values = values.cpu() if dist.get_backend() == "gloo" else values
    dist.all_reduce(values)
    return values / dist.get_world_size()
