"""A patch is a cloud of surface points that is lit and labelled together; what is not hair is made of patches."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SKIN, EYE, MATTE, STRAND = 0, 1, 2, 3  # materials


@dataclass
class Patch:
    """n points: position (n, 3) cm, normal (n, 3), albedo (n, 3) linear, label (n,) uint8, material (n,) uint8.

    `body` patches follow the shoulders, the others the head.
    """

    points: Tensor
    normals: Tensor
    albedo: Tensor
    labels: Tensor
    materials: Tensor
    body: bool = False


def patch(
    points: Tensor, normals: Tensor, albedo: Tensor, label: int | Tensor, material: int | Tensor, body: bool = False
) -> Patch:
    """A patch from arrays of any leading shape; one label, material, normal or colour may serve all points."""
    points = points.reshape(-1, 3)
    n = points.shape[0]

    def spread(value: Tensor) -> Tensor:
        return value.expand(n, 3) if value.dim() == 1 else value.reshape(-1, 3)

    def index(value: int | Tensor) -> Tensor:
        return (
            torch.full((n,), value, dtype=torch.uint8) if isinstance(value, int) else value.reshape(-1).to(torch.uint8)
        )

    return Patch(points, spread(normals), spread(albedo), index(label), index(material), body)


def keep(p: Patch, mask: Tensor) -> Patch:
    """The points of a patch where `mask` (any shape with n elements) is true."""
    m = mask.reshape(-1).nonzero()[:, 0]
    points, normals, albedo, labels, materials = (
        v.index_select(0, m) for v in (p.points, p.normals, p.albedo, p.labels, p.materials)
    )
    return Patch(points, normals, albedo, labels, materials, p.body)


@dataclass
class Cloud:
    """Patches in one: points and normals (3, n), albedo (n, 3), labels and materials (n,); the body's come last."""

    points: Tensor
    normals: Tensor
    albedo: Tensor
    labels: Tensor
    materials: Tensor
    body_from: int


def cloud(patches: list[Patch]) -> Cloud:
    """All points of the patches, laid out for turning."""
    ordered = sorted(patches, key=lambda p: p.body)
    points, normals = (torch.cat([getattr(p, name).T for p in ordered], 1) for name in ("points", "normals"))
    albedo, labels, materials = (
        torch.cat([getattr(p, name) for p in ordered]) for name in ("albedo", "labels", "materials")
    )
    return Cloud(points, normals, albedo, labels, materials, sum(len(p.labels) for p in patches if not p.body))
