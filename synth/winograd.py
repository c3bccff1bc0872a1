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

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

TILE, PLACES = 4, 6  # results and places of a tile, in either axis
NEAR, FAR = math.sqrt(0.5), math.sqrt(2.0)
POINTS = (0.0, NEAR, -NEAR, FAR, -FAR)  # and infinity
AT_ONCE = 128  # tiles that are worked on together: their values at the points stay in the cache
LEAST_CHANNELS = 64  # with fewer, to turn maps into values takes as long as is saved
LEAST_TILES = 16  # with fewer, to read the weights' values takes as long,
LEAST_TILES_ANEW = 64  # and with fewer than these to turn the weights into values first


def others(point: float) -> list[float]:
    """The polynomial that is 0 at all points but this one, by its five coefficients from that of 1 on."""
    return np.poly([other for other in POINTS if other != point])[::-1].tolist()


# What is done along an axis of a tile. Of a filter's three taps: its values at the points, divided by what the
# interpolation between them asks. Of six inputs: their values. Of six values: four results, by powers of the points.
OF_TAPS = [[point**k / math.prod(point - y for y in POINTS if y != point) for k in range(3)] for point in POINTS]
OF_TAPS += [[0.0, 0.0, 1.0]]
OF_INPUTS = [[*others(point), 0.0] for point in POINTS] + [np.poly(POINTS)[::-1].tolist()]
OF_VALUES = [[point**k for point in POINTS] + [float(k == 3)] for k in range(TILE)]


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
    rows = torch.tensor(OF_TAPS, dtype=torch.float64)
    return (torch.kron(rows, rows).to(weight) @ taps).view(PLACES**2, fan_in, fan_out)


def convolved(x: Tensor, products: Tensor) -> Tensor:
    """(N, I, H, W) and (36, I, O) -> (N, O, H, W) channels_last; at a time as many tiles as the cache holds."""
    count, fan_in, height, width = x.shape
    fan_out, (down, across) = products.shape[2], (height // TILE, width // TILE)
    x = x.permute(0, 2, 3, 1)
    y = x.new_empty(count, down, TILE, across, TILE, fan_out)
    of_inputs, of_values = x.new_tensor(OF_INPUTS), x.new_tensor(OF_VALUES)
    rows = min(max(AT_ONCE // across, 1), down)  # of tiles
    samples = max(AT_ONCE // (down * across), 1)
    for first in range(0, count, samples):
        for top in range(0, down, rows):
            above, below = TILE * top - 1, TILE * (top + rows) + 1
            part = x[first : first + samples, max(0, above) : below]
            values = along_both(of_inputs, tiles(F.pad(part, (0, 0, 1, 1, int(above < 0), int(below > height)))))
            values = torch.bmm(values.view(PLACES**2, -1, fan_in), products)
            part = y[first : first + samples, top : top + rows].permute(2, 4, 0, 1, 3, 5)
            part.copy_(along_both(of_values, values.view(PLACES, PLACES, -1)).view(part.shape))
    return y.view(count, height, width, fan_out).permute(0, 3, 1, 2)


def tiles(x: Tensor) -> Tensor:
    """(N, 4 D + 2, 4 A + 2, C) -> (6, 6, N D A C): the inputs of the tiles, each place of all of them together."""
    return x.unfold(1, PLACES, TILE).unfold(2, PLACES, TILE).permute(4, 5, 0, 1, 2, 3).reshape(PLACES, PLACES, -1)


def along_both(matrix: Tensor, x: Tensor) -> Tensor:
    """(R, 6) and (6, 6, M) -> (R, R, M): the matrix along either axis of the tiles."""
    x = (matrix @ x.view(PLACES, -1)).view(len(matrix), PLACES, -1)
    return torch.matmul(matrix, x)
