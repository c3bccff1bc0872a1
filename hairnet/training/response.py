"""How far a step in W is felt: the units of the training's distance between codes.

Plain L2 in W is dominated by the few directions in which w varies most, and a detail of the face may hang on one that
hardly varies. So steps are measured by what they do: J, the Jacobian of everything the training looks at (the picture
at several sizes, its identity and its hair embedding, each divided by its spread over faces, so that they count alike),
averaged over samples of w as J^T J. Yaw alone would be a third of that, and the fifty small things that make a face
somebody's a tenth of a per cent each, which no training gets round to; so half of the distance is plain and whitened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hairnet.training.losses import Judges

ROWS = 16  # pictures per backward pass
PASSES = 48  # backward passes; each gives ROWS rank-one samples of J^T J
PLAIN = 0.5  # share of the plain whitened distance
RIDGE = 0.03  # of W's mean variance: directions that vary less than this are noise, and not worth whitening


def _kinds(judges: Judges, images: Tensor) -> list[Tensor]:
    """(N,F) for each kind of thing that is looked at: the picture, sharp and pooled; identity; hair."""
    pooled = [F.avg_pool2d(images, 2**k).flatten(1) * 2**k for k in (0, 1, 2, 3)]
    return [torch.cat(pooled, 1), *(embed(images) for embed in (judges.identity, judges.hair) if embed is not None)]


def response(generator: Any, kinds: Callable[[Tensor], list[Tensor]], w: Tensor, seed: int, amp: bool) -> Tensor:
    """(w_dim, w_dim) float64 J^T J of what `kinds` makes of pictures, averaged over samples w (N,w_dim).

    kinds: pictures (N,3,H,W) -> (N,F) of each kind of thing; each is divided by its spread, so that they count alike.
    E[(J^T v)(J^T v)^T] = J^T J for random signs v (Hutchinson), so each backward pass gives one sample per picture.
    """
    rng = torch.Generator().manual_seed(seed)

    def look(ws: Tensor) -> list[Tensor]:
        with torch.autocast(w.device.type, torch.bfloat16, enabled=amp):
            images = generator.synthesis(ws[:, None].expand(-1, generator.num_ws, -1), noise="const")
            return [kind.float() for kind in kinds(images.float())]

    def draw(count: int) -> Tensor:
        return w[torch.randint(len(w), (count,), generator=rng).to(w.device)].clone()

    with torch.no_grad():
        spreads = [kind.var(0).sum().sqrt() for kind in look(draw(4 * ROWS))]
    gram = torch.zeros(w.shape[1], w.shape[1], dtype=torch.float64)
    for _ in range(PASSES):
        ws = draw(ROWS).requires_grad_()
        features = torch.cat([kind / spread for kind, spread in zip(look(ws), spreads, strict=True)], 1)
        signs = torch.randint(0, 2, features.shape, generator=rng).to(features) * 2 - 1
        (gradient,) = torch.autograd.grad((features * signs).sum(), ws)
        gram += gradient.double().cpu().T @ gradient.double().cpu()
    return gram


def response_units(generator: Any, judges: Judges, w: Tensor, seed: int, amp: bool) -> Tensor:
    """(w_dim, w_dim) matrix U for which |d U|^2 is the mean squared response to the step d, over samples w (N,w_dim).

    U is scaled so that the samples' own spread around their mean is 1 per entry on average.
    """
    gram = response(generator, lambda images: _kinds(judges, images), w, seed, amp)
    centred = w.double().cpu() - w.double().cpu().mean(0)
    covariance = centred.T @ centred / len(centred)
    gram = gram / torch.trace(gram @ covariance)
    scale = torch.trace(covariance) / len(covariance)
    plain = torch.linalg.inv(covariance + RIDGE * scale * torch.eye(len(covariance)))
    gram = (1 - PLAIN) * gram + PLAIN * plain / torch.trace(plain @ covariance)
    values, vectors = torch.linalg.eigh(gram * len(covariance))
    return (vectors * values.clamp_min(0).sqrt()).float().to(w.device)
