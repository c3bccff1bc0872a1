"""One step of the training: which pictures are seen, what is done with them, what it costs.

Three kinds of tasks, from one batch of pairs (a pair: one haircut, on one person from two sides and on other persons):
  paired    face of one side, hair of the other: the answer is the first side, its w and its picture are known.
  unpaired  face of pair i, hair of pair j: nobody knows the picture, but much of it (`losses.unknown_terms`).
  returned  the hair of that unpaired *result* put back on the face of j: the answer is j again, known exactly.
            Here the hair picture shows another person's forehead, ears, neck and pose around j's hair, which is just
            what a transfer has to cope with. It is back-translation; it needs no labels and no directions, so it works
            with any generator.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from hairnet.network import Network
from hairnet.split import face_part, hair_part, resize
from hairnet.training.augment import Draws, blemish, shift
from hairnet.training.losses import Judges, Weights, known_terms, unknown_terms, w_distance
from hairnet.training.samples import Samples, Views, let_in, rows_of_step

SAME_SIDE = 0.125  # share of the pairs whose hair picture is the target itself: a transfer may need no turning


@dataclass(frozen=True)
class Plan:
    """Sizes of a step, over all processes together."""

    batch: int  # pairs
    pictures: int  # of them, how many results are rendered and judged
    swaps: int  # unpaired tasks, and as many returned ones
    weights: Weights = field(default_factory=Weights)
    mirrored: float = 0.0  # share of the judged steps in which all pictures are mirrored: inputs and answers together
    widening: int = 0  # first steps, during which pairs are let in by their yaw gap, the smallest first


class Lesson(nn.Module):
    """The network with everything that teaches it; only `network` is trained (and seen by DDP).

    forward(step, judged) -> (the loss, its terms by name); judged False leaves out all that needs synthesis.
    """

    def __init__(
        self,
        network: Network,
        samples: Samples,
        judges: Judges,
        units: Tensor,
        plan: Plan,
        seed: int,
        rank: int = 0,
        world: int = 1,
        by_gap: Tensor | None = None,
    ) -> None:
        """by_gap (N,): the rows of the samples, the smallest yaw gap first; only a plan that widens needs it."""
        super().__init__()
        assert by_gap is not None or not plan.widening
        self.network, self.by_gap = network, by_gap
        # A tuple hides what is frozen from nn.Module: no parameter, no state, nothing for DDP to send around.
        self._teachers = (samples, judges, units)
        self.plan, self.seed, self.rank, self.world = plan, seed, rank, world

    def forward(self, step: int, judged: bool) -> tuple[Tensor, dict[str, Tensor]]:
        samples, judges, units = self._teachers
        known, other, face_inputs, hair_inputs, draws = self.batch(step, judged)
        faces, hairs = self.network.face(face_inputs), self.network.hair(hair_inputs)
        ws = self.network.fusion(faces, hairs)
        # Nobody knows the w of a mirrored picture: such a step learns from pictures alone.
        mirrored = self._is_mirrored(step, judged)
        terms = {} if mirrored else {"w": w_distance(ws, known.w, units)}
        if not judged:
            return self.plan.weights.w * terms["w"], terms

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
        terms |= {f"known_{name}": term for name, term in on_known.items()}
        terms |= {f"unknown_{name}": term for name, term in on_unknown.items()}
        if not mirrored:
            result = Views(known.w[:swaps], out[pictures:].detach().clamp(-1, 1), known.masks[:swaps])
            returned = self.network.fusion(faces[-swaps:], self.network.hair(self._seen(result, draws, hair_part)))
            terms["returned_w"] = w_distance(returned, known.w[-swaps:], units)
        loss = sum(getattr(self.plan.weights, name.rpartition("_")[2]) * term for name, term in terms.items())
        return loss, terms

    def batch(self, step: int, judged: bool) -> tuple[Views, Views, Tensor, Tensor, Draws]:
        """This process's share of a step: targets, hair sources, what the two encoders see, and the numbers left."""
        samples, _, units = self._teachers
        draws = Draws(self._seed_of(step), units.device, self.rank, self.world)
        known, other = self._draw(samples, step)
        if self._is_mirrored(step, judged):
            known, other = known.mirrored(), other.mirrored()
        return known, other, self._seen(known, draws, face_part), self._seen(other, draws, hair_part), draws

    def _is_mirrored(self, step: int, judged: bool) -> bool:
        if not (judged and self.plan.mirrored):
            return False
        rng = torch.Generator().manual_seed(self._seed_of(step) + 2)
        return bool(torch.rand((), generator=rng) < self.plan.mirrored)

    def _draw(self, samples: Samples, step: int) -> tuple[Views, Views]:
        """This process's share of the step's pairs: (the targets, the same hair from another side)."""
        if self.by_gap is not None and step < self.plan.widening:
            rows = let_in(step, self.plan.batch, self.plan.widening, self.by_gap, self.seed)
        else:
            rows = rows_of_step(step, self.plan.batch, len(samples), self.seed)
        rng = torch.Generator().manual_seed(self._seed_of(step) + 1)
        sides = torch.randint(0, samples.sides, (len(rows),), generator=rng)
        others = (sides + torch.randint(1, samples.sides, (len(rows),), generator=rng)) % samples.sides
        others = torch.where(torch.rand(len(rows), generator=rng) < SAME_SIDE, sides, others)
        rows, sides, others = (x[self.rank :: self.world] for x in (rows, sides, others))
        return samples.take(sides, rows), samples.take(others, rows)

    def _seen(self, views: Views, draws: Draws, part: Any) -> Tensor:
        """What an encoder gets: the blemished picture's face or hair part, a little displaced."""
        images = blemish(resize(views.images, self.network.config.size), draws)
        return shift(part(images, views.masks), draws)

    def _synthesise(self, samples: Samples, ws: Tensor) -> Tensor:
        """Pictures; a generator that was not trained in float16 overflows in it, so it stays out of that."""
        device = ws.device.type
        half = torch.is_autocast_enabled(device) and torch.get_autocast_dtype(device) == torch.float16
        with torch.autocast(device, enabled=False) if half else nullcontext():
            return samples.generator.synthesis(ws, noise="const").float()

    def _seed_of(self, step: int) -> int:
        """A number for this step alone, and for all its processes."""
        return (self.seed * 1_000_003 + step) * 2048
