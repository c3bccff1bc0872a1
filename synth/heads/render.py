"""Render a head: geometry to points, points to a z-buffer, light on what is nearest, supersamples to pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor

from synth.heads.appearance import hsl
from synth.heads.camera import SIDE, Camera, aim
from synth.heads.factors import Head, Scene
from synth.heads.hair import coloured
from synth.heads.labels import BEARD, LABEL, NAMES
from synth.heads.landmarks import five
from synth.heads.light import Lamp, Lit, develop, shade
from synth.heads.maths import mix, noise, stream
from synth.heads.model import Model, Threads, sculpt, spread_strands
from synth.heads.patches import STRAND
from synth.heads.raster import ZBuffer

SMALLEST, LARGEST = 16, 1024


@dataclass(frozen=True)
class Render:
    """A picture and what is known of it. Landmarks are x, y in pixels, image-left first; angles in degrees."""

    image: np.ndarray  # (S, S, 3) uint8
    labels: np.ndarray  # (S, S) uint8, CelebAMask-HQ order
    hair: np.ndarray  # (S, S) float32 share of each pixel that is scalp hair, 0..1
    beard: np.ndarray  # (S, S) float32 share of each pixel that is beard, whose label is skin
    landmarks5: np.ndarray  # (5, 2) float32: eyes, nose, mouth corners
    landmarks68: np.ndarray  # (68, 2) float32, iBUG order
    yaw: float  # positive: turned to image right
    pitch: float  # positive: turned down
    roll: float  # positive: leaning to image right


def render(head: Head, size: int = 256) -> Render:
    """Render `head` at `size` x `size` pixels; the same bytes every time, the same picture at every size."""
    check_size(size)
    with _one_thread():
        return _renders([head], size)[0]


def render_poses(head: Head, poses: Sequence[tuple[float, float]], size: int = 256) -> list[Render]:
    """Render one head in several (yaw, pitch) poses, degrees; geometry is built once.

    Each is `render(head.turned(yaw, pitch), size)` but for single hairs: strands that any of the poses shows are
    drawn in all of them.
    """
    check_size(size)
    with _one_thread():
        return _renders([head.turned(*pose) for pose in poses], size)


def supersampling(size: int) -> int:
    """Samples along each side of a pixel."""
    return 3 if size <= 80 else 2


def check_size(size: int) -> None:
    """ValueError for a side that cannot be rendered."""
    if not SMALLEST <= size <= LARGEST:
        raise ValueError(f"size {size} is not possible: choose {SMALLEST} to {LARGEST} pixels.")


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread keeps sums in one order, and lets every core render a head of its own."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(before)


def _renders(heads: list[Head], size: int) -> list[Render]:
    """Pictures of heads that differ in pose only."""
    if not heads:
        return []
    pixels_per_cm = size * supersampling(size) / SIDE
    model = sculpt(heads[0], pixels_per_cm)
    marks = five(model.marks)
    cameras = [aim(head.pose, marks[:, :2], marks[:, 3:]) for head in heads]
    spread = spread_strands(model, [camera.head for camera in cameras], pixels_per_cm)
    wall = _background(heads[0].scene, size * supersampling(size))
    return [_picture(head, camera, model, spread, wall, size) for head, camera in zip(heads, cameras, strict=True)]


def _picture(head: Head, camera: Camera, model: Model, spread: list[Threads], wall: Tensor, size: int) -> Render:
    """One pose: `wall` (3, side, side) is what stands behind the head."""
    ss = supersampling(size)
    side = size * ss
    ppc = side / SIDE
    solid = model.solid
    position, normal = camera.view_all(solid.points, solid.normals, solid.body_from)
    buffer = ZBuffer(side)
    facing = normal[2] + 0.1 * normal[0].abs() > -0.12
    buffer.splat(position, _pixels(camera, side), facing, "square")
    lamp = Lamp(head.light)
    lamp.cast(position[:, ::3])
    turned = []
    for threads in spread:
        seen = camera.view(threads.points)
        buffer.splat(seen, _pixels(camera, side, 0.0), None, "thin" if ppc < 14 else "line")
        if threads.strand.label == LABEL["hair"]:
            lamp.cast(seen[:, ::6])
        turned.append(seen)
    pixel, index = buffer.winners()
    lit, labels = _gather(model, spread, turned, position, normal, pixel, index)
    colour = shade(lit, lamp, head.light, camera.centre, side, ppc)
    canvas = wall.reshape(3, -1).clone().index_copy_(1, pixel, colour)
    full = torch.zeros(side * side, dtype=torch.uint8).index_copy_(0, pixel, labels)
    lens = _lenses(camera, model, pixel, lit.position[2], side)
    canvas[:, lens] = canvas[:, lens] * 0.94 + 0.035
    hair, beard = (_share(full == label, side, ss) for label in (LABEL["hair"], BEARD))
    full[full == BEARD] = LABEL["skin"]
    full[lens] = LABEL["eye_g"]
    image = develop(functional.avg_pool2d(canvas.view(1, 3, side, side), ss)[0], head.light)
    marks = camera.project(camera.view(model.marks))
    marks68 = torch.stack(marks) * size
    return Render(
        image=(image.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy(),
        labels=majority(full.view(side, side), ss),
        hair=hair,
        beard=beard,
        landmarks5=five(marks68).T.contiguous().numpy(),
        landmarks68=marks68.T.contiguous().numpy(),
        yaw=camera.yaw, pitch=camera.pitch, roll=camera.roll,
    )  # fmt: skip


def _gather(
    model: Model,
    spread: list[Threads],
    turned: list[Tensor],
    position: Tensor,
    normal: Tensor,
    pixel: Tensor,
    index: Tensor,
) -> tuple[Lit, Tensor]:
    """What is nearest at every hit pixel, and its label (p,)."""
    solid = position.shape[1]
    at = index.clamp(max=solid - 1)
    albedo = model.solid.albedo.index_select(0, at).T.contiguous()
    labels, material = model.solid.labels.index_select(0, at), model.solid.materials.index_select(0, at)
    place, direction = position.index_select(1, at), normal.index_select(1, at)
    start = solid
    for threads, seen in zip(spread, turned, strict=True):
        strand = threads.strand
        mine = ((index >= start) & (index < start + seen.shape[1])).nonzero()[:, 0]
        own = index.index_select(0, mine) - start
        start += seen.shape[1]
        column, along, former = threads.of(own)
        place.index_copy_(1, mine, seen.index_select(1, own))
        tangent = seen.index_select(1, former + 1) - seen.index_select(1, former)
        direction.index_copy_(1, mine, tangent * (tangent * tangent).sum(0).clamp_min(1e-12).rsqrt())
        albedo.index_copy_(1, mine, coloured(strand, column, along))
        labels.index_fill_(0, mine, strand.label)
        material.index_fill_(0, mine, STRAND)
    return Lit(place, direction, albedo, material, pixel), labels


def _pixels(camera: Camera, side: int, middle: float = 0.5) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """Places x, y of points (3, n) among side x side samples; `middle` of a sample, down, is where a dab starts."""

    def place(seen: Tensor) -> tuple[Tensor, Tensor]:
        x, y = camera.project(seen)
        return x * side - 0.5, y * side - middle

    return place


def _lenses(camera: Camera, model: Model, pixel: Tensor, z: Tensor, side: int) -> Tensor:
    """Pixels (n,) whose nearest point lies behind a lens of the glasses; that at `pixel` (p,) has depth `z` (p,)."""
    if model.lenses.shape[1] == 0:
        return torch.zeros(0, dtype=torch.int64)
    depth = torch.full((side * side,), -99.0).index_copy_(0, pixel, z)
    seen = camera.view(model.lenses)
    buffer = ZBuffer(side)
    buffer.splat(seen, _pixels(camera, side), None, "square")
    lens, index = buffer.winners()
    return lens[seen[2, index] > depth[lens]]


def _background(scene: Scene, side: int) -> Tensor:
    """(3, side, side) linear: a soft wall with a gradient and out-of-focus blobs."""
    first = hsl(
        scene.background_hue * 0.999, 0.38 * scene.background_saturation, 0.2 + 0.65 * scene.background_lightness
    )
    second = first * mix(0.45, 1.0, scene.background_gradient)
    blobs = 0.5 + 0.35 * noise(stream(scene.noise, 3), side, side, 3, 2, 0.5)
    down = torch.linspace(0, 1, side)[:, None].expand(side, side)
    t = mix(down, blobs.clamp(0, 1), 0.75 * scene.background_blobs)
    return first[:, None, None] + (second - first)[:, None, None] * t


def _share(mask: Tensor, side: int, ss: int) -> np.ndarray:
    """(S, S) float32 share of each pixel's samples where `mask` (side * side,) is true."""
    return functional.avg_pool2d(mask.float().view(1, 1, side, side), ss)[0, 0].numpy()


def majority(labels: Tensor, ss: int) -> np.ndarray:
    """(S, S) uint8: the commonest of each pixel's ss x ss labels; among equals, the one commoner around the pixel."""
    size, kinds = labels.shape[0] // ss, len(NAMES)
    blocks = labels.view(size, ss, size, ss).permute(0, 2, 1, 3).reshape(size * size, ss * ss)

    def counts(some: Tensor) -> Tensor:
        """(n, kinds) how often each label occurs in each row of `some` (n, any)."""
        keys = torch.arange(len(some))[:, None] * kinds + some
        return torch.bincount(keys.reshape(-1), minlength=len(some) * kinds).view(-1, kinds)

    best = blocks[:, 0].clone()
    mixed = (blocks != blocks[:, :1]).any(1).nonzero()[:, 0]  # few: most pixels lie within one thing
    own = counts(blocks.index_select(0, mixed))
    most, commonest = own.max(1)
    best[mixed] = commonest.to(best.dtype)
    tie = ((own == most[:, None]).sum(1) > 1).nonzero()[:, 0]
    tied = mixed[tie]
    steps = torch.tensor([-size - 1, -size, -size + 1, -1, 1, size - 1, size, size + 1])
    beside = (tied[:, None] + steps).clamp(0, size * size - 1)
    around = counts(blocks[beside].flatten(1))
    equals = own[tie] == most[tie, None]
    best[tied] = torch.where(equals, around, -1).argmax(1).to(best.dtype)
    return best.view(size, size).to(torch.uint8).numpy()
