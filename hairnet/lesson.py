"""One step of the training: which pictures are seen, what is done with them, what it costs.

Three kinds of tasks, from one batch of pairs (a pair: one person and one haircut, from two sides):
  paired    face of one side, hair of the other: the answer is the first side, its w and its picture are known.
  unpaired  face of pair i, hair of pair j: nobody knows the picture, but much of it (`losses.unknown_terms`).
  returned  the hair of that unpaired *result* put back on the face of j: the answer is j again, known exactly.
            Here the hair picture shows another person's forehead, ears, neck and pose around j's hair, which is just
            what a transfer has to cope with and what pairs of one person never show. It is back-translation; it needs
            no labels and no directions, so it works with any generator.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from hairnet.augment import blemish, shift, uniform
from hairnet.losses import Judges, Weights, known_terms, unknown_terms, w_distance
from hairnet.network import TwoEncoders
from hairnet.samples import HAIR, Samples, Views, rows_of_step
from hairnet.split import face_part, hair_part, resize

SAME_SIDE = 0.125  # share of the pairs whose hair picture is the target itself: a transfer may need no turning


@dataclass(frozen=True)
class Plan:
    """Sizes of a step, over all processes together."""

    batch: int  # pairs
    pictures: int  # of them, how many results are rendered and judged
    swaps: int  # unpaired tasks, and as many returned ones
    weights: Weights = field(default_factory=Weights)


class Lesson(nn.Module):
    """The network with everything that teaches it; only `network` is trained (and seen by DDP).

    forward(step, judged) -> (the loss, its terms by name); judged False leaves out all that needs synthesis.
    """

    def __init__(
        self,
        network: TwoEncoders,
        samples: Samples,
        judges: Judges,
        units: Tensor,
        plan: Plan,
        seed: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        super().__init__()
        self.network = network
        # A tuple hides what is frozen from nn.Module: no parameter, no state, nothing for DDP to send around.
        self._teachers = (samples, judges, units)
        self.plan, self.seed, self.rank, self.world = plan, seed, rank, world

    def forward(self, step: int, judged: bool) -> tuple[Tensor, dict[str, Tensor]]:
        samples, judges, units = self._teachers
        rng = torch.Generator(units.device).manual_seed(self._seed_of(step))
        known, other = self._draw(samples, step)
        faces = self.network.face(self._seen(known, rng, face_part))
        hairs = self.network.hair(self._seen(other, rng, hair_part))
        ws = self.network.fusion(faces, hairs)
        terms = {"w": w_distance(ws, known.w, units)}
        weights = self.plan.weights
        if not judged:
            return weights.w * terms["w"], terms

        pictures, swaps = self.plan.pictures // self.world, self.plan.swaps // self.world
        # The first rows lend their faces, the last ones their hair. Those are different pairs, except that a batch
        # which begins the next round of all pairs may hold one twice: then its hair is put on its own face.
        swapped = self.network.fusion(faces[:swaps], hairs[-swaps:])
        out = self._synthesise(samples, torch.cat([ws[:pictures], swapped]))
        on_known = known_terms(judges, out[:pictures], known.images[:pictures])
        on_unknown = unknown_terms(
            judges,
            out[pictures:],
            known.images[:swaps],
            resize(known.masks[:swaps], out.shape[-1]),
            other.images[-swaps:],
        )
        result = Views(known.w[:swaps], out[pictures:].detach().clamp(-1, 1), known.masks[:swaps])
        returned = self.network.fusion(faces[-swaps:], self.network.hair(self._seen(result, rng, hair_part)))
        terms |= {f"known_{name}": term for name, term in on_known.items()}
        terms |= {f"unknown_{name}": term for name, term in on_unknown.items()}
        terms["returned_w"] = w_distance(returned, known.w[-swaps:], units)
        loss = sum(getattr(weights, name.rpartition("_")[2]) * term for name, term in terms.items())
        return loss, terms

    def _draw(self, samples: Samples, step: int) -> tuple[Views, Views]:
        """This process's share of the step's pairs: (the targets, the same hair from the other side)."""
        rows = rows_of_step(step, self.plan.batch, len(samples), self.seed)[self.rank :: self.world]
        rng = torch.Generator().manual_seed(self._seed_of(step) + 1)
        sides = torch.randint(0, 2, (len(rows),), generator=rng)
        same = uniform(rng, 0, 1, len(rows)) < SAME_SIDE
        return samples.take(sides, rows), samples.take(torch.where(same, sides, HAIR - sides), rows)

    def _seen(self, views: Views, rng: torch.Generator, part: Any) -> Tensor:
        """What an encoder gets: the blemished picture's face or hair part, a little displaced."""
        images = blemish(resize(views.images, self.network.config.size), rng)
        return shift(part(images, views.masks), rng)

    def _synthesise(self, samples: Samples, ws: Tensor) -> Tensor:
        return samples.generator.synthesis(ws, noise="const").float()

    def _seed_of(self, step: int) -> int:
        """A number for this step and process alone."""
        return ((self.seed * 1_000_003 + step) * 1024 + self.rank) * 2
