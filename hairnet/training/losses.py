"""What the training asks of a result. Sums of these terms, weighted by `Weights`, are minimised.

Pictures are (N,3,H,W) in [-1, 1], masks (N,1,H,W) in [0, 1], ws (N,num_ws,w_dim); every term is one number.
The released method does not say how it was trained (losses and weights are unpublished): these are ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

from faces.labels import LABEL

HAIR = LABEL["hair"]
EPSILON = 0.03  # where Charbonnier turns from a square into an absolute value: about 4 of 255 levels
Embed = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Weights:
    """How much each term counts. The terms are scaled so that an untrained network has about 1 in each."""

    w: float = 1.0  # known targets: the direct teacher, and the only term that needs no synthesis
    pixels: float = 1.0  # known targets: what the distance in W cannot tell, which of its directions show
    identity: float = 1.0  # both: what the retrieval of the face donor is about
    inner: float = 0.5  # unknown targets: pose, expression and light of the face, which identity ignores
    hair: float = 1.0  # unknown targets: the hair's style, by the descriptor
    colour: float = 0.5  # both: the hair's mean colour, which the descriptor may treat lightly
    mask: float = 0.5  # both: where hair is (known targets) or how much of it (unknown ones)
    perceptual: float = 1.0  # known targets: LPIPS or a parser's features, where such a judge is asked for

    @classmethod
    def read(cls, text: str) -> Weights:
        """Weights by name, such as "pixels=0,hair=2"; those that are not named keep their defaults."""
        names = [one.name for one in fields(cls)]
        chosen: dict[str, float] = {}
        for part in text.split(","):
            name, _, value = (word.strip() for word in part.partition("="))
            try:
                weight = float(value)
            except ValueError:
                weight = math.nan
            if name not in names or not 0 <= weight < math.inf:
                raise ValueError(f"--weights has {part!r}: give NAME=NUMBER from 0, the names being {', '.join(names)}")
            chosen[name] = weight
        weights = cls(**chosen)
        if not any(getattr(weights, name) for name in names if name != "perceptual"):  # which few trainings have
            raise ValueError(f"--weights is {text!r}: it leaves out all terms, so nothing would be learned; keep one")
        return weights

    def text(self) -> str:
        """What `read` makes these weights of; empty for the defaults."""
        changed = {one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name) != one.default}
        return ",".join(f"{name}={weight:g}" for name, weight in changed.items())


def w_distance(ws: Tensor, w: Tensor, units: Tensor) -> Tensor:
    """Mean square of ws - w (N,w_dim), measured in `units` (w_dim, w_dim): offsets are multiplied by it first."""
    with torch.autocast(ws.device.type, enabled=False):  # bf16 would round the distance itself
        return ((ws - w[:, None]).float() @ units).square().mean()


def charbonnier(difference: Tensor) -> Tensor:
    """A smooth absolute value, entry by entry, 0 at 0."""
    return (difference.square() + EPSILON**2).sqrt() - EPSILON


def pixel_distance(a: Tensor, b: Tensor) -> Tensor:
    """Charbonnier at the full size and three halvings, and of the gradients: edges, and tones under moved edges."""
    e = (a - b).float()
    gradients = charbonnier(e[..., 1:] - e[..., :-1]).mean() + charbonnier(e[..., 1:, :] - e[..., :-1, :]).mean()
    total = charbonnier(e).mean() + 0.5 * gradients
    for _ in range(3):
        e = F.avg_pool2d(e, 2)
        total = total + 0.5 * charbonnier(e).mean()
    return total


def masked_distance(a: Tensor, b: Tensor, mask: Tensor) -> Tensor:
    """Charbonnier between two pictures inside a mask, averaged over each mask; for one scale and one halving."""
    e, m = (a - b).float() * mask, mask
    total = e.new_zeros(())
    for _ in range(2):
        total = total + (charbonnier(e).sum((1, 2, 3)) / (3 * m.sum((1, 2, 3)) + 1e-6)).mean()
        e, m = F.avg_pool2d(e, 2), F.avg_pool2d(m, 2)
    return total


def cosine_distance(a: Tensor, b: Tensor) -> Tensor:
    """1 - cosine of embeddings (N,D) of unit length."""
    return (1 - (a.float() * b.float()).sum(1)).mean()


@dataclass(frozen=True)
class Judges:
    """The frozen networks that look at results: embedders (N,3,H,W) -> (N,D), parser -> logits (N,19,H,W).

    perceptual: two batches of pictures -> distances (N,).
    """

    identity: Embed
    hair: Embed | None  # None: this world has no hair descriptor, and its term is left out
    parser: Embed
    perceptual: Callable[[Tensor, Tensor], Tensor] | None = None  # None: its term is left out

    def hair_mask(self, images: Tensor) -> Tensor:
        """(N,1,H,W): the parser's probability of hair."""
        logits = self.parser(images).float()
        return F.softmax(logits, 1)[:, HAIR : HAIR + 1]


def mean_colour(images: Tensor, mask: Tensor) -> Tensor:
    """(N,3): mean colour under a mask; a picture with no hair at all has the mean of nothing, 0."""
    return (images.float() * mask).sum((2, 3)) / (mask.sum((2, 3)) + 1e-3)


def known_terms(judges: Judges, out: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Terms of results `out` whose right answer is the picture `target`."""
    with torch.no_grad():
        there, wanted = judges.hair_mask(target), judges.identity(target)
    here = judges.hair_mask(out)
    terms = {
        "pixels": pixel_distance(out, target),
        "identity": cosine_distance(judges.identity(out), wanted),
        "mask": (here - there).abs().mean() / 0.1,
        "colour": (mean_colour(out, here) - mean_colour(target, there)).abs().mean(),
    }
    if judges.perceptual is not None:
        terms["perceptual"] = judges.perceptual(out, target).mean()
    return terms


def unknown_terms(judges: Judges, out: Tensor, face: Tensor, inner: Tensor, hair: Tensor) -> dict[str, Tensor]:
    """Terms of results `out` that have the face of `face` (its inner face: mask `inner`) and the hair of `hair`.

    Nobody knows these pictures; but the face's identity and inner pixels, the style, the colour and the amount of the
    hair are known of them, whatever the pose of the hair donor was.
    """
    with torch.no_grad():
        there, wanted = judges.hair_mask(hair), judges.identity(face)
    here = judges.hair_mask(out)
    terms = {
        "identity": cosine_distance(judges.identity(out), wanted),
        "inner": masked_distance(out, face, inner),
        "mask": (here.mean((1, 2, 3)) - there.mean((1, 2, 3))).abs().mean() / 0.1,
        "colour": (mean_colour(out, here) - mean_colour(hair, there)).abs().mean(),
    }
    if judges.hair is not None:
        with torch.no_grad():
            style = judges.hair(hair)
        terms["hair"] = cosine_distance(judges.hair(out), style)
    return terms
