"""The loss that makes an angle of what a network reads: small between pictures of one class, large to all others."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DEVIATION = 0.2  # length of a class's own part at first; the part that is made of facts is about 2 long


class ArcFace(nn.Module):
    """Additive angular margin loss, eq. 3: -log softmax of s cos(angle), the true class's angle widened by m.

    The direction of a class is what a small network makes of its `facts` (C, F), finite and of variance 1, plus a
    deviation of its own, `weight` (C, D): what is learned of one class serves all that are like it. Where angle + m
    passes pi the cosine would turn back up; there it is replaced by cos(angle) - m sin(m), which goes on falling (as in
    the authors' code).
    """

    facts: Tensor

    def __init__(self, facts: Tensor, dimensions: int, scale: float = 24.0, margin: float = 0.35) -> None:
        super().__init__()
        self.scale, self.margin = scale, margin
        self.weight = nn.Parameter(torch.randn(len(facts), dimensions) * DEVIATION / math.sqrt(dimensions))
        self.register_buffer("facts", facts, persistent=False)
        self.made = nn.Sequential(nn.Linear(facts.shape[1], 256), nn.SiLU(), nn.Linear(256, dimensions))

    def directions(self) -> Tensor:
        """(C, D) of unit length."""
        return F.normalize(self.made(self.facts) + self.weight, dim=1)

    def logits(self, vectors: Tensor, classes: Tensor, margin: float) -> Tensor:
        """(N, D) of unit length, (N,) int64 -> (N, C) scaled cosines, the true classes' with the margin."""
        cosine = (vectors @ self.directions().T).clamp(-1 + 1e-6, 1 - 1e-6)
        own = cosine.gather(1, classes[:, None])
        widened = own * math.cos(margin) - (1 - own**2).sqrt() * math.sin(margin)  # cos(angle + m)
        falling = own - margin * math.sin(margin)
        widened = torch.where(own > -math.cos(margin), widened, falling)
        return self.scale * cosine.scatter(1, classes[:, None], widened)

    def forward(self, vectors: Tensor, classes: Tensor) -> Tensor:
        """Mean loss of (N, D) of unit length and their classes (N,) int64."""
        return F.cross_entropy(self.logits(vectors, classes, self.margin), classes)
