"""What happens to feature maps channel by channel around a convolution, with faster gradients than autograd's.

Autograd passes over the maps of a whole batch once for every operation, and with large maps each pass waits for the
memory. Here all gradients of one sample are computed before the next sample is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from synth.layers import SLOPE

SMALL = 1 << 18  # numbers of a batch's feature maps that the cache holds anyway


class Scale(torch.autograd.Function):
    """x (N, C, H, W), scale (N, C) -> x times its channels' scales."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor) -> Tensor:
        ctx.save_for_backward(x, scale)
        return x * scale[:, :, None, None]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        (grad,), (x, scale) = grads, ctx.saved_tensors
        if _at_once(x):
            return grad * scale[:, :, None, None], (grad * x).sum(dim=(2, 3))
        to_x, to_scale = torch.empty_like(x), torch.empty_like(scale)
        for one in _samples(x):
            torch.mul(grad[one], scale[one, :, None, None], out=to_x[one])
            torch.sum(grad[one] * x[one], dim=(2, 3), out=to_scale[one])
        return to_x, to_scale


class ScaleShiftLeaky(torch.autograd.Function):
    """x (N, C, H, W), scale (N, C), offset that x's shape broadcasts -> leaky ReLU of x * scale + offset."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
        y = F.leaky_relu_(torch.addcmul(offset, x, scale[:, :, None, None]), SLOPE)
        ctx.save_for_backward(x, scale, y)
        ctx.offset_shape = offset.shape
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        (grad,), (x, scale, y) = grads, ctx.saved_tensors
        wanted, shape = ctx.needs_input_grad[2], ctx.offset_shape
        if _at_once(x):
            grad = _before_leaky(grad, y)
            to_offset = grad.sum_to_size(shape) if wanted else None
            return grad * scale[:, :, None, None], (grad * x).sum(dim=(2, 3)), to_offset
        to_x, to_scale = torch.empty_like(x), torch.empty_like(scale)
        to_offset = x.new_zeros(shape).contiguous(memory_format=torch.channels_last) if wanted else None
        for one in _samples(x):
            own = _before_leaky(grad[one], y[one])
            if to_offset is not None:
                there = to_offset[one] if len(to_offset) > 1 else to_offset
                there += own.sum_to_size(there.shape)
            torch.mul(own, scale[one, :, None, None], out=to_x[one])
            torch.sum(own.mul_(x[one]), dim=(2, 3), out=to_scale[one])
        return to_x, to_scale, to_offset


class Smooth(torch.autograd.Function):
    """x (N, C, H, W), symmetric filters (C, 1, 4, 4) -> (N, C, H - 1, W - 1): each channel filtered by itself.

    The gradient is a convolution with the same filters, as they are their own mirror images; on a CPU autograd's way to
    it takes three times as long.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, fir: Tensor) -> Tensor:
        ctx.save_for_backward(fir)
        return F.conv2d(x, fir, padding=1, groups=x.shape[1])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (fir,) = ctx.saved_tensors
        return F.conv2d(grads[0], fir, padding=2, groups=grads[0].shape[1]), None


def _at_once(x: Tensor) -> bool:
    """Whether to take all samples in one go: for gradients of gradients, for a compiler, and where none is large."""
    return torch.is_grad_enabled() or torch.compiler.is_compiling() or x.is_cuda or x.numel() <= SMALL


def _samples(x: Tensor) -> Iterator[slice]:
    return (slice(k, k + 1) for k in range(len(x)))


def _before_leaky(grad: Tensor, y: Tensor) -> Tensor:
    """The gradient in front of a leaky ReLU by its output y, which has the sign of its input."""
    return torch.ops.aten.leaky_relu_backward(grad, y, SLOPE, True)
