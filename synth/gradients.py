"""What the synthesis does around its convolutions, with gradients that take less time than autograd's own.

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
        assert len(x) == len(scale)
        ctx.save_for_backward(x, scale)
        return x * scale[:, :, None, None]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None]:
        (grad,), (x, scale) = grads, ctx.saved_tensors
        of_x, of_scale = ctx.needs_input_grad
        if _at_once(x):
            return grad * scale[:, :, None, None] if of_x else None, (grad * x).sum(dim=(2, 3)) if of_scale else None
        to_x, to_scale = torch.empty_like(x) if of_x else None, torch.empty_like(scale) if of_scale else None
        for one in _samples(x):
            if to_x is not None:
                torch.mul(grad[one], scale[one, :, None, None], out=to_x[one])
            if to_scale is not None:
                torch.sum(grad[one] * x[one], dim=(2, 3), out=to_scale[one])
        return to_x, to_scale


class ScaleShiftLeaky(torch.autograd.Function):
    """x (N, C, H, W), scale (N, C), offset (1 or N, C, 1 or H, 1 or W) -> leaky ReLU of x * scale + offset."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
        assert len(x) == len(scale)
        y = F.leaky_relu_(torch.addcmul(offset, x, scale[:, :, None, None]), SLOPE)
        ctx.save_for_backward(x, scale, y)
        ctx.offset_shape = offset.shape
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        (grad,), (x, scale, y) = grads, ctx.saved_tensors
        (of_x, of_scale, of_offset), shape = ctx.needs_input_grad, ctx.offset_shape
        if _at_once(x):
            grad = _before_leaky(grad, y)
            to_x = grad * scale[:, :, None, None] if of_x else None
            to_scale = (grad * x).sum(dim=(2, 3)) if of_scale else None
            return to_x, to_scale, grad.sum_to_size(shape) if of_offset else None
        to_x, to_scale = torch.empty_like(x) if of_x else None, torch.empty_like(scale) if of_scale else None
        to_offset = None
        if of_offset:  # a sum over the batch, in float32 at least: bfloat16 would forget what is small beside it
            exact = torch.promote_types(x.dtype, torch.float32)
            to_offset = torch.empty(shape, dtype=exact, memory_format=torch.channels_last).zero_()
        for one in _samples(x):
            own = _before_leaky(grad[one], y[one])
            if to_offset is not None:
                there = to_offset[one] if len(to_offset) > 1 else to_offset
                there += own.sum_to_size(there.shape)
            if to_x is not None:
                torch.mul(own, scale[one, :, None, None], out=to_x[one])
            if to_scale is not None:
                torch.sum(own.mul_(x[one]), dim=(2, 3), out=to_scale[one])
        return to_x, to_scale, None if to_offset is None else to_offset.to(x.dtype)


class Smooth(torch.autograd.Function):
    """x (N, C, H, W), symmetric filters (C, 1, 4, 4) -> (N, C, H - 1, W - 1): each channel filtered by itself.

    The gradient is a convolution with the same filters, as they are their own mirror images; on a CPU autograd's way to
    it takes three times as long (on a GPU neither has been timed).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, fir: Tensor) -> Tensor:
        ctx.save_for_backward(fir)
        return F.conv2d(x, fir, padding=1, groups=x.shape[1])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (fir,) = ctx.saved_tensors
        return F.conv2d(grads[0], fir, padding=2, groups=grads[0].shape[1]), None


class MixChannels(torch.autograd.Function):
    """pixels (N, P, C), weight (N, D, C) -> (N, P, D): torch.matmul with a faster gradient of a weight of few rows.

    Autograd's own multiplies pixels^T by a matrix of D = 3 columns, which on a CPU takes four times as long.
    """

    @staticmethod
    def forward(ctx: Any, pixels: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(pixels, weight)
        return pixels @ weight.transpose(1, 2)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        pixels, weight = ctx.saved_tensors
        return grads[0] @ weight, grads[0].transpose(1, 2) @ pixels


def _at_once(x: Tensor) -> bool:
    """Whether to take all samples in one go: for gradients of gradients, for a compiler, and where it is as fast.

    It is with few numbers, and on a GPU, where calls cost more than the memory's way.
    """
    return torch.is_grad_enabled() or torch.compiler.is_compiling() or x.is_cuda or x.numel() <= SMALL


def _samples(x: Tensor) -> Iterator[slice]:
    return (slice(k, k + 1) for k in range(len(x)))


def _before_leaky(grad: Tensor, y: Tensor) -> Tensor:
    """The gradient in front of a leaky ReLU by its output y, which has the sign of its input."""
    return torch.ops.aten.leaky_relu_backward(grad, y, SLOPE, True)
