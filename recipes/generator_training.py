"""Training of the built-in generator: one step at a time, resumable after any of them.

Three parts. *Premap*: the mapping network learns `w = centre + code(z) @ basis`, so that W holds every factor of the
picture on an axis of its own, evenly scaled; it then stays as it is. *Paired*: the synthesis learns the render of every
z, at rising resolution. *Adversarial*: StyleGAN2's objective joins in, on the paired pictures and on fresh ones.

All random numbers of a step come from (seed, images shown, rank), so the state to save is weights and counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from data.images import to_range
from recipes import factors
from recipes.generator_losses import feature_loss, gabor_bank, pixel_loss, texture_loss
from recipes.generator_plan import RATE_PAIRED, Plan
from synth.networks import Generator
from synth.training.game import R1_EVERY, Game, Stage

PREMAP_BATCH = 512
PREMAP_RATE = 1e-2
CENTRE = 2.0  # mean of every coordinate of w: the mapping ends in a leaky ReLU, which is linear where w > 0
R1_GAMMA = 0.2
TEXTURE_FROM = 32  # px: smaller pictures have no strands
FRESH = 0.5  # fresh fakes per paired picture in the adversarial stage
RAMP_IMAGES = 6000  # over which the adversarial weight rises, while the discriminator finds its feet


@dataclass(frozen=True)
class Weights:
    """Weights of the generator's losses; `pixel` falls to `pixel_end` over the adversarial stage.

    `texture` holds in the paired stages only: together with a discriminator it makes hair look knitted.
    """

    pixel: float = 10.0
    pixel_end: float = 7.0
    texture: float = 5.0
    feature: float = 1.0
    adversarial: float = 1.0


@dataclass
class Pairs:
    """Latents `z` (N, z_dim) float32 and their renders `images` (N, 3, H, W) uint8."""

    z: Tensor
    images: Tensor

    def split(self, count: int) -> tuple[Pairs, Pairs]:
        """The first `count` pairs and the others."""
        return Pairs(self.z[:count], self.images[:count]), Pairs(self.z[count:], self.images[count:])

    def batch(self, rows: Tensor, resolution: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """(z, images in [-1, 1] at `resolution` px) of some rows."""
        images = to_range(self.images[rows].to(device))
        factor = images.shape[2] // resolution
        return self.z[rows].to(device), F.avg_pool2d(images, factor) if factor > 1 else images


def code_basis(w_dim: int, seed: int) -> Tensor:
    """`(code_dim, w_dim)` orthogonal rows, also orthogonal to (1, 1, ...), as long as it takes to give w variance 1."""
    if w_dim <= factors.CODE_DIM:
        raise ValueError(f"--w-dim {w_dim} is too small for a code of {factors.CODE_DIM} numbers: give more")
    random = torch.randn(factors.CODE_DIM, w_dim, generator=torch.Generator().manual_seed(seed))
    rows = torch.linalg.qr(torch.cat([torch.ones(1, w_dim), random]).T)[0].T[1:]
    return rows * math.sqrt(w_dim / factors.CODE_DIM)


def premap(generator: Generator, steps: int, seed: int) -> float:
    """Fit the mapping to the code by fresh z, set w_avg, freeze both. Returns the error, in variances of w."""
    device = generator.w_avg.device
    basis = code_basis(generator.w_dim, seed).to(device)
    draw = torch.Generator().manual_seed(seed)
    generator.mapping.requires_grad_(True)
    optimiser = torch.optim.Adam(generator.mapping.parameters(), lr=PREMAP_RATE, betas=(0.9, 0.99))
    error = 0.0
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = PREMAP_RATE * max(0.01, 0.5 + 0.5 * math.cos(math.pi * step / steps))
        z = torch.randn(PREMAP_BATCH, generator.z_dim, generator=draw)
        target = CENTRE + factors.code(z).to(device) @ basis
        loss = (generator.mapping(z.to(device))[:, 0] - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        error = loss.item()
    generator.mapping.requires_grad_(False)
    with torch.no_grad():
        z = torch.randn(10_000, generator.z_dim, generator=draw).to(device)
        generator.mapping.w_avg.copy_(generator.mapping(z)[:, 0].mean(0))
    return error


class Trainer(Game):
    """The game with its paired stages; `step()` shows one batch and returns its losses."""

    def __init__(
        self,
        generator: Generator,
        discriminator: nn.Module,
        pairs: Pairs,
        plan: Plan,
        weights: Weights,
        batch: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
    ):
        generator.mapping.requires_grad_(False)
        super().__init__(generator, discriminator, half=True, rank=rank, world=world)
        self.pairs, self.plan, self.weights = pairs, plan, weights
        self.batch, self.seed = batch, seed
        self.bank = gabor_bank(self.device)
        self._start_optimisers(adversarial=False)

    def _start_optimisers(self, adversarial: bool) -> None:
        """With momentum where targets are fixed, without where they move."""
        self.start_optimisers(RATE_PAIRED, 0.0 if adversarial else 0.9)

    def restart_average(self) -> None:
        """Make the averaged generator a copy of the trained one (after the mapping was fitted)."""
        self.average.load_state_dict(self.generator.state_dict())

    @property
    def stage(self) -> Stage:
        """Where the plan stands."""
        return self.plan.at(self.images)

    @property
    def length(self) -> int:
        """Images of the whole plan."""
        return self.plan.images

    def step(self) -> dict[str, float]:
        """One batch."""
        stage = self.stage
        batch = self.batch_of(stage)
        if stage.adversarial and self.images == stage.start:
            self.generator.load_state_dict(self.average.state_dict())
            self._start_optimisers(adversarial=True)
        rate = self.plan.rate(self.images)
        for optimiser in (self.optimiser_g, self.optimiser_d):
            for group in optimiser.param_groups:
                group["lr"] = rate
        draw = torch.Generator().manual_seed(self.seed + 7919 * self.images + 104_729 * self.rank)
        z, real = self.pairs.batch(self.rows_of(len(self.pairs.z), batch, self.seed), stage.resolution, self.device)
        if stage.adversarial:
            losses = self._adversarial_step(z, real, draw, stage)
        else:
            losses = self._paired_step(z, real, stage)
        self.images += batch
        # half-life of 5,000 images, less at the start of a stage
        self.update_average(batch, min(5000.0, max(0.1 * (self.images - stage.start), 1.0)))
        return losses

    def batch_of(self, stage: Stage) -> int:
        """Images per step of all ranks together: half in the adversarial stage, which needs many steps."""
        return self.batch // 2 if stage.adversarial else self.batch

    def _fake(self, z: Tensor, resolution: int) -> Tensor:
        with self.autocast():
            return self.generator.synthesis(self.generator.mapping(z), resolution=resolution).float()

    def _paired_step(self, z: Tensor, real: Tensor, stage: Stage) -> dict[str, float]:
        fake = self._fake(z, stage.resolution)
        pixel = pixel_loss(fake, real)
        losses = {"pixel": pixel.item()}
        loss = self.weights.pixel * pixel
        if stage.resolution >= TEXTURE_FROM:
            texture = texture_loss(fake, real, self.bank)
            losses["texture"] = texture.item()
            loss = loss + self.weights.texture * texture
        self.descend(self.optimiser_g, loss)
        return losses

    def _adversarial_step(self, z: Tensor, real: Tensor, draw: torch.Generator, stage: Stage) -> dict[str, float]:
        losses: dict[str, float] = {}
        shown = self.images - stage.start
        share = shown / (stage.end - stage.start)
        pixel_weight = self.weights.pixel + (self.weights.pixel_end - self.weights.pixel) * share
        adversarial_weight = self.weights.adversarial * min(1.0, shown / RAMP_IMAGES)
        fresh = torch.randn(int(len(z) * FRESH), z.shape[1], generator=draw).to(self.device)

        fakes = self._fake(torch.cat([z, fresh]), stage.resolution)
        pixel = pixel_loss(fakes[: len(z)], real)
        losses["pixel"] = pixel.item()

        def guide(fooled: Tensor, features: list[Tensor], targets: list[Tensor]) -> Tensor:
            feature = feature_loss([f[: len(z)] for f in features], [t.detach() for t in targets])
            losses["feature"] = feature.item()
            return self.weights.feature * feature + adversarial_weight * fooled

        losses |= self.move(fakes, real, guide, also=pixel_weight * pixel)
        if shown // self.batch_of(stage) % R1_EVERY == 0:
            losses["r1"] = self.penalise(real[: len(real) // 2], R1_GAMMA)
        return losses

    def load_state(self, tensors: dict[str, Tensor], counts: dict[str, int]) -> None:
        """The inverse of `state`."""
        stage = self.plan.at(counts["images"])
        self._start_optimisers(stage.adversarial and counts["images"] > stage.start)
        super().load_state(tensors, counts)
