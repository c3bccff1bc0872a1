"""StyleGAN2's training on pictures (Karras et al. 2020), one step at a time, resumable after any of them.

All random numbers of a step come from (seed, images shown, rank), so the state to save is weights and counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from synth.networks import Generator
from synth.training.augment import Adaptive
from synth.training.distributed import mean_over_ranks
from synth.training.game import R1_EVERY, Game, Stage
from synth.training.pictures import Pictures

PATH_EVERY = 4  # steps
PATH_DECAY = 0.01  # of the mean path length, towards that of a step
MIXING = 0.9  # probability that a picture's fine layers get another w (style mixing)
MEAN_OF = 10_000  # z, whose mean w is the centre of truncation


@dataclass(frozen=True)
class Lesson:
    """What decides the course of a training, besides pictures and networks."""

    length: int  # images shown in all
    batch: int = 32  # images per step of all ranks together
    rate: float = 0.0025  # of Adam, for both networks
    gamma: float = 1.0  # weight of R1
    path_length: float = 2.0  # weight of the path length penalty, 0: none
    half_life: float = 10_000.0  # of the averaged generator, in images
    mirror: bool = True  # show pictures and their mirror images
    augment: bool = True  # adaptive augmentation
    seed: int = 0


class PictureTrainer(Game):
    """A generator learns to make pictures like those of a folder."""

    def __init__(
        self,
        generator: Generator,
        discriminator: nn.Module,
        pictures: Pictures,
        lesson: Lesson,
        half: bool,
        rank: int = 0,
        world: int = 1,
    ):
        super().__init__(generator, discriminator, half, rank, world)
        self.pictures_of, self.lesson = pictures, lesson
        self.adaptive = Adaptive()
        self.path_mean = torch.zeros((), device=self.device)
        self.start_optimisers(lesson.rate, momentum=0.0)

    @property
    def stage(self) -> Stage:
        """One stage, from the first image to the last."""
        return Stage("adversarial", self.generator.resolution, 0, self.length, True)

    @property
    def length(self) -> int:
        """Images of the whole training, in whole batches."""
        return math.ceil(self.lesson.length / self.lesson.batch) * self.lesson.batch

    def step(self) -> dict[str, float]:
        """One batch."""
        lesson, number = self.lesson, self.images // self.lesson.batch
        with self._drawing():
            real = self._real()
            losses = self.move(self._fake(len(real)), real, view=self._view)
            if number % R1_EVERY == 0:
                losses["r1"] = self.penalise(self._view(real), lesson.gamma)
            if lesson.path_length and number % PATH_EVERY == 0:
                losses["path"] = self._even_paths(max(1, len(real) // 2))
        if lesson.augment:
            self.adaptive.heard(losses["real_sign"], lesson.batch)
            losses["augment"] = self.adaptive.p
        self.images += lesson.batch
        self.update_average(lesson.batch, min(lesson.half_life, 0.05 * self.images))
        return losses

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        """Torch's random numbers in here are those of the step; the caller's go on afterwards as if nothing was."""
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(self.lesson.seed + 7919 * self.images + 104_729 * self.rank)
            yield

    def _real(self) -> Tensor:
        """(B, 3, R, R) of this rank."""
        rows = self.rows_of(len(self.pictures_of), self.lesson.batch, self.lesson.seed)
        real = self.pictures_of.batch(rows).to(self.device)
        if self.lesson.mirror:
            turned = (torch.rand(len(real)) < 0.5).to(self.device)
            real = torch.where(turned[:, None, None, None], real.flip(3), real)
        return real

    def _view(self, images: Tensor) -> Tensor:
        return self.adaptive.view(images) if self.lesson.augment else images

    def _ws(self, count: int) -> Tensor:
        """(N, num_ws, w_dim) of fresh z, the fine rows of most of them of another z."""
        network = self.generator
        coarse, fine = (network.mapping(torch.randn(count, network.z_dim).to(self.device)) for _ in range(2))
        cut = torch.randint(1, network.num_ws, (count,))
        cut = torch.where(torch.rand(count) < MIXING, cut, network.num_ws)
        first = torch.arange(network.num_ws)[None] < cut[:, None]
        return torch.where(first[..., None].to(self.device), coarse, fine)

    def _fake(self, count: int) -> Tensor:
        with self.autocast():
            return self.generator.synthesis(self._ws(count), noise="random").float()

    def _even_paths(self, count: int) -> float:
        """A step of w changes the picture equally much everywhere (Karras et al. 2020, eq. 4). Returns the penalty."""
        ws = self._ws(count)
        fakes = self.generator.synthesis.forward(ws, noise="random")
        change = (fakes * torch.randn_like(fakes)).sum() / fakes.shape[2]
        (gradient,) = torch.autograd.grad(change, ws, create_graph=True)
        lengths = gradient.square().sum(2).mean(1).sqrt()
        mean = self.path_mean.lerp(lengths.detach().mean(), PATH_DECAY)
        self.path_mean = mean_over_ranks(mean).to(self.device)
        penalty = (lengths - self.path_mean).square().mean()
        self.descend(self.optimiser_g, penalty * (self.lesson.path_length * PATH_EVERY))
        return penalty.item()

    @torch.no_grad()
    def centre(self) -> None:
        """Makes w_avg of the averaged generator the mean of its w."""
        z = torch.randn(MEAN_OF, self.average.z_dim, generator=torch.Generator().manual_seed(0))
        self.average.mapping.w_avg.copy_(self.average.mapping(z.to(self.device))[:, 0].mean(0))

    def state(self) -> tuple[dict[str, Tensor], dict[str, int]]:
        """Everything that the next steps depend on: (tensors by name, counts)."""
        tensors, counts = super().state()
        return tensors | {"augment": self.adaptive.state(), "path_mean": self.path_mean}, counts

    def load_state(self, tensors: dict[str, Tensor], counts: dict[str, int]) -> None:
        """The inverse of `state`."""
        super().load_state(tensors, counts)
        self.adaptive.load_state(tensors["augment"])
        self.path_mean = tensors["path_mean"].to(self.device)
