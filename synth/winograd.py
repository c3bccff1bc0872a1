"""3x3 convolutions on a CPU with a quarter of the multiplications: Winograd's algorithm F(4x4, 3x3).

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016): a tile of 4 x 4 results needs 6 x 6
inputs. Both are turned into values at six points (of a polynomial, in either axis), where a convolution is a product,
so that each of the 36 places of all tiles is one matrix product over the channels. Here the points are 0, +-1/sqrt(2),
+-sqrt(2) and infinity, with half the rounding of the usual 0, +-1, +-2 and infinity: in float32 an error of about 1e-6
of the results' standard deviation, not far from what F.conv2d has.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

NEAR, FAR = math.sqrt(0.5), math.sqrt(2.0)  # the points, of either sign
TILE, PLACES = 4, 6  # results and places of a tile, in either axis
AT_ONCE = 1 << 16  # tiles times channels that are worked on together: their values at the points stay in the cache
LEAST_CHANNELS = 64  # with fewer, to turn maps into values takes as long as is saved
LEAST_TILES = 16  # with fewer, to read the weights' values takes as long,
LEAST_TILES_ANEW = 64  # and with fewer than these to turn the weights into values first


class Convolution(torch.autograd.Function):
    """x (N, I, H, W) float32 channels_last, H and W multiples of 4; weight (O, I, 3, 3) and the same `transformed`.

    -> (N, O, H, W), as F.conv2d with padding 1. Gradients of gradients are those of the plain convolution.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, products: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return convolved(x, products)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        (grad,), (x, weight) = grads, ctx.saved_tensors
        of_x, of_weight, _ = ctx.needs_input_grad
        grad, to_x = grad.contiguous(memory_format=torch.channels_last), None
        again = torch.is_grad_enabled()  # a gradient of this gradient may be asked for
        if fast := of_x and not again and pays(grad, weight, anew=True):
            to_x = convolved(grad, transformed(weight.flip(2, 3).transpose(0, 1)))
        if of_weight or (of_x and not fast):
            ones, wanted = (1, 1), (of_x and not fast, of_weight, False)
            plain = torch.ops.aten.convolution_backward(
                grad, x, weight, None, ones, ones, ones, False, (0, 0), 1, wanted
            )
            to_x = to_x if fast else plain[0]
            return to_x, plain[1], None
        return to_x, None, None


def pays(x: Tensor, weight: Tensor, anew: bool) -> bool:
    """Whether x (N, C, H, W) and weight (O, I, 3, 3) are such that this takes less time than F.conv2d.

    anew: whether the weights have to be `transformed` for it.
    """
    if x.device.type != "cpu" or x.dtype != torch.float32 or weight.dtype != torch.float32:
        return False
    if torch.compiler.is_compiling() or torch.is_autocast_enabled("cpu"):
        return False
    (count, _, height, width), channels = x.shape, min(weight.shape[:2])
    tiles, least = count * (height // TILE) * (width // TILE), LEAST_TILES_ANEW if anew else LEAST_TILES
    return height % TILE == width % TILE == 0 and channels >= LEAST_CHANNELS and tiles >= least


def transformed(weight: Tensor) -> Tensor:
    """(O, I, 3, 3) -> (36, I, O): its values at the points."""
    fan_out, fan_in = weight.shape[:2]
    taps = weight.detach().permute(2, 3, 1, 0).reshape(9, fan_in * fan_out)
    return (_places(weight.dtype) @ taps).view(PLACES**2, fan_in, fan_out)


def _places(dtype: torch.dtype) -> Tensor:
    """(36, 9): from the taps of a 3x3 filter to its values at the points, each divided by what interpolation asks."""
    points = [0.0, NEAR, -NEAR, FAR, -FAR]
    rows = [[x**k / math.prod(x - y for y in points if y != x) for k in range(3)] for x in points]
    one = torch.tensor([*rows, [0.0, 0.0, 1.0]], dtype=torch.float64)
    return torch.kron(one, one).to(dtype)


def convolved(x: Tensor, products: Tensor) -> Tensor:
    """(N, I, H, W) and (36, I, O) -> (N, O, H, W) channels_last; at a time as many tiles as the cache holds."""
    count, fan_in, height, width = x.shape
    fan_out, (down, across) = products.shape[2], (height // TILE, width // TILE)
    x = x.permute(0, 2, 3, 1)
    y = x.new_empty(count, down, TILE, across, TILE, fan_out)
    tiles = max(AT_ONCE // max(fan_in, fan_out), across)
    rows = min(tiles // across, down)  # of tiles
    samples = max(1, tiles // (down * across))
    for first in range(0, count, samples):
        for top in range(0, down, rows):
            above, below = TILE * top - 1, TILE * (top + rows) + 1
            part = x[first : first + samples, max(0, above) : below]
            part = F.pad(part, (0, 0, 1, 1, int(above < 0), int(below > height)))
            values = torch.bmm(_values(part), products)
            _results(values, y[first : first + samples, top : top + rows])
    return y.view(count, height, width, fan_out).permute(0, 3, 1, 2)


def _values(x: Tensor) -> Tensor:
    """(N, 4 D + 2, 4 A + 2, C) -> (36, N D A, C): the tiles' values at the points."""
    count, height, width, channels = x.shape
    down, across = height // TILE, width // TILE
    rows = x.new_empty(PLACES, count, down, width, channels)
    _to_points([x[:, k : k + height - 5 : TILE] for k in range(PLACES)], list(rows))
    values = x.new_empty(PLACES, PLACES, count, down, across, channels)
    _to_points([rows[:, :, :, k : k + width - 5 : TILE] for k in range(PLACES)], [values[:, k] for k in range(PLACES)])
    return values.view(PLACES**2, count * down * across, channels)


def _to_points(x: list[Tensor], y: list[Tensor]) -> None:
    """Six inputs of every tile -> its values at 0, NEAR, -NEAR, FAR, -FAR and infinity."""
    even, odd = torch.empty_like(y[0]), torch.empty_like(y[0])
    for k, point in ((1, NEAR), (3, FAR)):  # (t^2 - other^2) (t^2 +- t point), where t^j stands for x[j]
        other = 1 / point**2
        torch.sub(x[4], x[2], alpha=other, out=even)
        torch.sub(x[3], x[1], alpha=other, out=odd)
        torch.add(even, odd, alpha=point, out=y[k])
        torch.sub(even, odd, alpha=point, out=y[k + 1])
    between = NEAR**2 + FAR**2  # (t^2 - NEAR^2) (t^2 - FAR^2) = t^4 - 2.5 t^2 + 1, and t times it
    for k, first in ((0, 0), (5, 1)):
        torch.add(x[first], x[first + 4], out=even)
        torch.sub(even, x[first + 2], alpha=between, out=y[k])


def _results(values: Tensor, y: Tensor) -> None:
    """(36, N D A, C) products -> the tiles' results, written to (N, D, 4, A, 4, C)."""
    count, down, _, across, _, channels = y.shape
    values = values.view(PLACES, PLACES, count, down, across, channels)
    rows = values.new_empty(TILE, PLACES, count, down, across, channels)
    _from_points(list(values), list(rows))
    columns = y.permute(2, 4, 0, 1, 3, 5)
    _from_points([rows[:, k] for k in range(PLACES)], [columns[:, k] for k in range(TILE)])


def _from_points(x: list[Tensor], y: list[Tensor]) -> None:
    """Six values of every tile -> its four results: sums of the values times 1, t, t^2, t^3 of their points t."""
    near, far = torch.empty_like(x[0]), torch.empty_like(x[0])
    torch.add(x[1], x[2], out=near)
    torch.add(x[3], x[4], out=far)
    torch.add(x[0], near, out=y[0]).add_(far)
    torch.mul(near, NEAR**2, out=y[2]).add_(far, alpha=FAR**2)
    torch.sub(x[1], x[2], out=near)
    torch.sub(x[3], x[4], out=far)
    torch.mul(near, NEAR, out=y[1]).add_(far, alpha=FAR)
    torch.add(x[5], near, alpha=NEAR**3, out=y[3]).add_(far, alpha=FAR**3)
