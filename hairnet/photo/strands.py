"""New hair: the shape that the network drew, filled with the hair of the donor's photo.

The network says where the hair lies on the new face, but a small generator draws no strands. The donor's photo has
them. So the donor's hair is moved, as a stiff sheet of rubber, to where the network wants it: strands keep their
direction and their loose ends, the colour is the donor's. Beyond the donor's photo (hair cut by the picture's edge) the
mirrored hair goes on as far as the network says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import minimum_filter1d

from data.world import one_thread
from hairnet.photo.canvas import CROP, MARGIN, WORK, Canvas, in_crop, scaled
from hairnet.photo.matte import HAIR, SKIN
from hairnet.photo.spread import spread

GRID = 12  # control points of the sheet, each way
FIT = 72  # px: side at which it is fitted
FAR = 4  # px: misfits are first seen this blurred
STEPS, RATE = 80, 0.015
BENDING, STRETCHING = 200.0, 0.5  # what a curve and a stretch of the sheet cost, against squared error of the masks
SIDELIGHT = 0.35  # most that light may change from one side of the face to the other, in nats of brightness


@dataclass(frozen=True)
class Hair:
    """New hair on the face's canvas, (S,S[,3])."""

    pixels: np.ndarray  # hair alone, going on smoothly beyond its edge
    matte: np.ndarray  # how much of each pixel it covers
    around: np.ndarray  # the picture that it comes from, with what is behind it there


def network_hair(made: np.ndarray) -> np.ndarray:
    """(19,CROP,CROP) probabilities of the generated crop -> (WORK,WORK) its hair.

    Beyond the crop it goes straight on below, and closes to a dome above.
    """
    hair = in_crop(np.clip((made[HAIR] - 0.25) / 0.5, 0, 1))
    hair[WORK - MARGIN :] = hair[WORK - MARGIN - 1]
    for above in range(1, MARGIN + 1):
        row = MARGIN - above
        hair[row] = minimum_filter1d(hair[row + 1], 2 * (1 + above // 2) + 1)
    return hair


def fit_sheet(donor: Canvas, face: Canvas, wanted: np.ndarray) -> torch.Tensor:
    """Where on the donor's canvas each place of the face's canvas takes its hair from: (1,2,GRID,GRID) shifts.

    Two things must coincide: the donor's hair with the `wanted` (WORK,WORK), and the two inner faces.
    """
    with one_thread(), torch.inference_mode(False), torch.enable_grad():  # whatever the caller has switched off
        moving = torch.from_numpy(np.stack([scaled(donor.hair, FIT), scaled(donor.face, FIT)]))[None]
        target = torch.from_numpy(np.stack([scaled(wanted, FIT), scaled(face.face, FIT)]))[None]
        counts = torch.from_numpy(scaled(in_crop(np.ones((CROP, CROP), np.float32)), FIT))
        shifts = torch.zeros(1, 2, GRID, GRID, requires_grad=True)
        optimiser = torch.optim.Adam([shifts], lr=RATE)
        for step in range(STEPS):
            moved = F.grid_sample(moving, _places(shifts, FIT), padding_mode="border", align_corners=False)
            error = (moved - target) * counts
            blur = max(1, round(FAR * (1 - 1.5 * step / STEPS)))  # from far to near
            misfit = 10 * F.avg_pool2d(error, 2 * blur + 1, 1, blur).square().mean() + 5 * error.square().mean()
            (misfit + _tension(shifts)).backward()
            optimiser.step()
            optimiser.zero_grad()
    return shifts.detach()


def carry(x: np.ndarray, shifts: torch.Tensor, side: int) -> np.ndarray:
    """(S,S[,C]) on the donor's canvas -> (side,side[,C]) on the face's."""
    planes = torch.from_numpy(np.ascontiguousarray(x, np.float32)).reshape(*x.shape[:2], -1).permute(2, 0, 1)[None]
    mode = "bicubic" if x.ndim == 3 else "bilinear"
    moved = F.grid_sample(planes, _places(shifts, side), mode, "border", align_corners=False)
    return moved[0].permute(1, 2, 0).reshape(side, side, *x.shape[2:]).numpy()


def hair_colours(donor: Canvas) -> np.ndarray:
    """(S,S,3): the donor's hair without what shines through it from behind, going on beyond its edge."""
    hair = scaled(donor.hair, WORK)
    small = scaled(donor.pixels, WORK)
    near = scaled(spread(small, np.clip((hair - 0.85) * 10, 0, 1)), donor.side)
    back = scaled(spread(small, np.clip(1 - 8 * hair, 0, 1)), donor.side)
    cover = donor.hair[..., None]
    pure = (donor.pixels - (1 - cover) * back) / np.maximum(cover, 0.3)
    return near + (pure.clip(0, 255) - near) * np.clip((cover - 0.6) * 3, 0, 1)


def dress(donor: Canvas, face: Canvas, wanted: np.ndarray) -> Hair:
    """The donor's hair on the face's canvas."""
    return carried(
        donor, hair_colours(donor), sidelight(donor, face), fit_sheet(donor, face, wanted), wanted, face.side
    )


def carried(
    donor: Canvas, pure: np.ndarray, light: np.ndarray | float, shifts: torch.Tensor, wanted: np.ndarray, side: int
) -> Hair:
    """The donor's hair, its `pure` (S,S,3) colours times the `light`, moved by a sheet to a canvas of `side` px."""
    seen = carry(donor.inside, shifts, WORK)
    matte = carry(donor.hair, shifts, side) * scaled(np.maximum(seen, wanted), side)
    pixels = carry(pure, shifts, side) * light
    return Hair(pixels.clip(0, 255), matte.clip(0, 1), (carry(donor.pixels, shifts, side) * light).clip(0, 255))


def sidelight(donor: Canvas, face: Canvas) -> np.ndarray:
    """(1,S,1) factors that turn the donor's light from left and right into the face's, as their skin shows it."""
    change = _slope(face) - _slope(donor)  # of log brightness, per crop's width
    x = (np.arange(face.side, dtype=np.float32) + 0.5) / face.side * 1.5 - 0.75
    return np.exp(np.clip(change, -SIDELIGHT, SIDELIGHT) * np.clip(x, -0.5, 0.5))[None, :, None]


def _slope(canvas: Canvas) -> float:
    """Rise of log brightness from image left to right over the skin of the inner face, per crop's width."""
    weight = canvas.face * (canvas.classes[SKIN] > 0.8) * canvas.inside
    if weight.sum() < 100:
        return 0.0
    weight = weight / weight.sum()
    light = np.log(scaled(canvas.pixels, WORK).mean(-1) + 8)
    x = (np.arange(WORK) / CROP)[None, :]
    x = x - (x * weight).sum()
    return float((weight * x * light).sum() / ((weight * x * x).sum() + 1e-9))


def _places(shifts: torch.Tensor, side: int) -> torch.Tensor:
    """Control points' shifts -> a sampling grid (1,side,side,2)."""
    whole = F.affine_grid(torch.eye(2, 3)[None], [1, 1, side, side], align_corners=False)
    return whole + F.interpolate(shifts, (side, side), mode="bicubic", align_corners=True).permute(0, 2, 3, 1)


def _tension(d: torch.Tensor) -> torch.Tensor:
    """What the sheet's form costs: second differences bend it, first ones stretch it."""
    along, across = d[..., 1:, :] - d[..., :-1, :], d[..., 1:] - d[..., :-1]
    curves = ((1, along.diff(dim=-2)), (1, across.diff(dim=-1)), (2, along.diff(dim=-1)))
    bend = sum(weight * curve.square().mean() for weight, curve in curves)
    return BENDING * bend + STRETCHING * (along.square().mean() + across.square().mean())
