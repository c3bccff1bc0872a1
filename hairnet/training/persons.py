"""The same hair on another person: codes whose pictures keep their hair and get somebody else's face.

Turned in yaw, the hair source of a pair is still the same person, and a network that learns from such pairs alone reads
the person from the hair picture's forehead, ears and greying as gladly as from the face. No edit has a name for
"another person", but the generator tells what hair hangs on: the Jacobian of everything outside the face. Along the
directions in which that hardly answers, a code may be anybody's. So the code is whitened, its coordinates along those
directions are taken from another sample, and the picture shows that sample's face under the same hair, before the same
background.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from faces.labels import LABEL
from hairnet.training.losses import Judges
from hairnet.training.response import response
from hairnet.training.samples import HAIR

TOLERANCE = 0.03  # share of the hair's answer to a random step that may come from the exchanged directions
OUTSIDE = ("background", "hair", "hat", "cloth")


def exchanged(
    generator: Any,
    judges: Judges,
    w: Tensor,
    seed: int,
    amp: bool,
    times: int = 1,
    tolerance: float = TOLERANCE,
) -> Tensor:
    """Pairs w (2, N, w_dim) -> (times, N, w_dim): the hair sources, each time with the persons of other rows."""
    samples = w.flatten(0, 1).double()
    mean = samples.mean(0)
    values, vectors = torch.linalg.eigh((samples - mean).T @ (samples - mean) / len(samples))
    basis = values.clamp_min(1e-6 * values.max()).sqrt()[:, None] * vectors.T  # w = mean + x @ basis, x white
    gram = response(generator, lambda x: _outside(judges, x), w.flatten(0, 1), seed, amp).to(basis.device)
    answers, directions = torch.linalg.eigh(basis @ gram @ basis.T)
    free = directions[:, (answers.clamp_min(0).cumsum(0) <= tolerance * answers.clamp_min(0).sum())]
    x = (w[HAIR].double() - mean) @ torch.linalg.inv(basis)
    draw = torch.Generator().manual_seed(seed)
    others = torch.stack([x[torch.randperm(len(x), generator=draw).to(x.device)] for _ in range(times)])
    return (mean + (x + ((others - x) @ free) @ free.T) @ basis).float()


def _outside(judges: Judges, images: Tensor) -> list[Tensor]:
    """What a picture (N,3,H,W) shows beside the face: its pixels, pooled; where hair is; which hair it is."""
    logits = F.softmax(judges.parser(images).float(), 1)
    with torch.no_grad():
        seen = sum((logits[:, LABEL[name]] for name in OUTSIDE), torch.zeros(()))[:, None]
    hair = logits[:, LABEL["hair"]][:, None]
    pooled = [F.avg_pool2d(images * seen, 2**k).flatten(1) * 2**k for k in (1, 2, 3)]
    kinds = [torch.cat(pooled, 1), F.avg_pool2d(hair, 4).flatten(1)]
    return [*kinds, judges.hair(images)] if judges.hair is not None else kinds
