"""The game of StyleGAN2: a generator and a discriminator that learn from each other, and the generator's average.

Non-saturating logistic loss (Goodfellow et al. 2014), lazy R1 (Mescheder et al. 2018; Karras et al. 2020, sec. 4.1).
Both players move at once: one pass of the discriminator serves both, and both learn from the networks as they were
before the move, which saves a third of the work of moving by turns.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synth.networks import Generator
from synth.training.distributed import average_gradients

R1_EVERY = 16  # steps
PARTS = 50  # pictures per pass where none is learned from

Guide = Callable[[Tensor, list[Tensor], list[Tensor]], Tensor]


@dataclass(frozen=True)
class Stage:
    """One stage: pictures of `resolution` px until `end` images in all have been shown."""

    name: str
    resolution: int
    start: int
    end: int
    adversarial: bool


def as_it_is(x: Tensor) -> Tensor:
    """The view of a discriminator that sees pictures without augmentation."""
    return x


class Game:
    """Networks, optimisers and the count of images shown; who derives from it has a `step`, a `stage`, and an end.

    `half`: forward passes in bfloat16 where that is safe (not R1, which needs second derivatives).
    """

    def __init__(self, generator: Generator, discriminator: nn.Module, half: bool, rank: int = 0, world: int = 1):
        self.generator, self.discriminator = generator, discriminator
        self.average = copy.deepcopy(generator).eval().requires_grad_(False)
        self.half, self.rank, self.world = half, rank, world
        self.device = generator.w_avg.device
        self.images = 0
        self._orders: dict[int, Tensor] = {}

    @property
    def stage(self) -> Stage:
        """Where the training stands."""
        raise NotImplementedError

    @property
    def length(self) -> int:
        """Images of the whole training."""
        raise NotImplementedError

    @property
    def done(self) -> bool:
        """True when the training has come to its end."""
        return self.images >= self.length

    def step(self) -> dict[str, float]:
        """Shows one batch, learns from it, returns its losses."""
        raise NotImplementedError

    def start_optimisers(self, rate: float, momentum: float) -> None:
        """Adam for both networks, fresh; `momentum` of the generator's: 0 where targets move."""
        lazy = R1_EVERY / (R1_EVERY + 1)  # StyleGAN2's correction for the regularisation steps
        learning = [p for p in self.generator.parameters() if p.requires_grad]
        # foreach: one launch for all parameters
        self.optimiser_g = torch.optim.Adam(learning, lr=rate, betas=(momentum, 0.99), eps=1e-8, foreach=True)
        self.optimiser_d = torch.optim.Adam(
            self.discriminator.parameters(), lr=rate, betas=(0.0, 0.99**lazy), eps=1e-8, foreach=True
        )

    def rows_of(self, count: int, batch: int, seed: int) -> Tensor:
        """This rank's rows, of `count`, in a step of `batch`: every epoch shows each once, in an order of its own."""
        share = batch // self.world
        first = self.images + self.rank * share
        rows = []
        for position in range(first, first + share):
            epoch = position // count
            if epoch not in self._orders:
                order = torch.randperm(count, generator=torch.Generator().manual_seed(seed + 1_000_003 * epoch))
                self._orders = {**{k: v for k, v in self._orders.items() if k >= epoch - 1}, epoch: order}
            rows.append(self._orders[epoch][position % count])
        return torch.stack(rows)

    def autocast(self) -> AbstractContextManager:
        """Where convolutions run in bfloat16, if that is asked for."""
        return torch.autocast(self.device.type, torch.bfloat16) if self.half else nullcontext()

    def move(
        self,
        fakes: Tensor,
        real: Tensor,
        guide: Guide | None = None,
        also: Tensor | None = None,
        view: Callable[[Tensor], Tensor] = as_it_is,
    ) -> dict[str, float]:
        """Both players learn from pictures (N, 3, R, R) and (M, 3, R, R).

        Args:
            fakes: of the generator, with their graph.
            guide: (loss of the game, features of the fakes, features of the real) -> the loss that the generator
                descends, through the discriminator; None: that of the game.
            also: a loss of the generator besides, None: no such.
            view: what the discriminator sees of a batch.
        """
        # The generator's gradient arrives at `shown`; its own graph is walked once, at the end.
        shown = fakes.detach().requires_grad_(True)
        with self.autocast():
            on_fake, features = self.discriminator(view(shown), features=True)
            on_real, targets = self.discriminator(view(real), features=True)
        fooled = F.softplus(-on_fake).mean()
        judgement = fooled if guide is None else guide(fooled, features, targets)
        (gradient,) = torch.autograd.grad(judgement, shown, retain_graph=True)
        judged = F.softplus(on_fake).mean() + F.softplus(-on_real).mean()
        self.descend(self.optimiser_d, judged)
        reached = (gradient * fakes).sum()
        self.descend(self.optimiser_g, reached if also is None else also + reached)
        return {"fooled": fooled.item(), "judged": judged.item(), "real_sign": on_real.sign().mean().item()}

    def penalise(self, seen: Tensor, gamma: float) -> float:
        """The discriminator's R1 step, due every R1_EVERY steps, on what it sees of real pictures."""
        r1 = r1_penalty(self.discriminator, seen)
        self.descend(self.optimiser_d, r1 * (gamma / 2 * R1_EVERY))
        return r1.item()

    def descend(self, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
        """One step of an optimiser, the same on all ranks."""
        optimiser.zero_grad()
        loss.backward()
        average_gradients(p for group in optimiser.param_groups for p in group["params"])
        optimiser.step()

    @torch.no_grad()
    def update_average(self, batch: int, half_life: float) -> None:
        """Exponential average of the generator's weights after `batch` more images; `half_life` in images."""
        weight = 1 - 0.5 ** (batch / half_life)
        for ours, theirs in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            ours.lerp_(theirs, weight)

    @torch.no_grad()
    def pictures(self, z: Tensor, resolution: int | None = None) -> Tensor:
        """(N, z_dim) -> (N, 3, R, R) of the averaged generator, in float32."""
        network = self.average
        parts = z.to(self.device).split(PARTS)
        return torch.cat([network.synthesis(network.mapping(part), resolution=resolution) for part in parts])

    def state(self) -> tuple[dict[str, Tensor], dict[str, int]]:
        """Everything that the next steps depend on: (tensors by name, counts)."""
        tensors: dict[str, Tensor] = {}
        for prefix, network in self._networks().items():
            tensors |= {f"{prefix}/{name}": value for name, value in network.state_dict().items()}
        for prefix, optimiser in (("adam_g", self.optimiser_g), ("adam_d", self.optimiser_d)):
            for index, moments in optimiser.state_dict()["state"].items():
                tensors |= {f"{prefix}/{index}/{name}": value for name, value in moments.items()}
        return tensors, {"images": self.images}

    def load_state(self, tensors: dict[str, Tensor], counts: dict[str, int]) -> None:
        """The inverse of `state`, into optimisers that have been started."""
        self.images = counts["images"]
        for prefix, network in self._networks().items():
            network.load_state_dict(below(tensors, prefix))
        for prefix, optimiser in (("adam_g", self.optimiser_g), ("adam_d", self.optimiser_d)):
            moments: dict[int, dict[str, Tensor]] = {}
            for name, value in below(tensors, prefix).items():
                index, moment = name.split("/")
                moments.setdefault(int(index), {})[moment] = value
            optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})

    def _networks(self) -> dict[str, nn.Module]:
        return {"generator": self.generator, "average": self.average, "discriminator": self.discriminator}


def r1_penalty(discriminator: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """Mean squared gradient norm of the discriminator at real pictures (Mescheder et al. 2018)."""
    real = real.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(real).sum(), real, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


def below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors named `prefix/...`, without the prefix."""
    return {name.removeprefix(f"{prefix}/"): value for name, value in tensors.items() if name.startswith(f"{prefix}/")}
