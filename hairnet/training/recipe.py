"""The settings of a training, and the presets that fill them in."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace

from hairnet.network import LARGE
from hairnet.training.lesson import Plan
from hairnet.training.losses import Weights

MOST_STEPS = 100_000_000  # years of one GPU


@dataclass(frozen=True)
class Recipe:
    """All that decides what a training makes, on a given machine; it is written into what the training made."""

    preset: str
    steps: int
    plan: Plan
    network: dict = field(default_factory=dict)  # NetworkConfig's fields that are not the defaults
    persons: int = 1  # other persons on whom a pair's hair is shown, besides the pair's own
    unjudged: float = 0.4  # first share of the steps, taught by known w alone: several times as fast
    lr: float = 1.5e-3
    warmup: int = 100  # steps
    decay: float = 0.01  # AdamW's weight decay
    clip: float = 1.0  # largest norm of a step's gradient
    ema: float = 0.998  # the kept network is this running mean of the trained one
    held_out: int = 64  # pairs that are only validated on
    seed: int = 0
    amp: bool = False  # bfloat16
    fp16: bool = False  # float16 with a loss scaler, for GPUs without bfloat16
    arch: str = "hairnet"  # a key of network.NETWORKS

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= MOST_STEPS:
            raise ValueError(f"--steps is {self.steps}: a training has 1 to {MOST_STEPS:,}")
        if not 1 <= self.persons <= 100:
            raise ValueError(f"persons is {self.persons}: a pair's hair is shown on 1 to 100 other persons")
        if self.plan.batch < 4:
            raise ValueError(f"--batch is {self.plan.batch}: a step needs at least 4 pairs")
        if not 0 < self.lr <= 0.1:
            raise ValueError(f"--lr is {self.lr}: give a learning rate above 0, at most 0.1")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"--seed is {self.seed}: give a whole number from 0 to {2**32 - 1}")
        if self.plan.weights.w == 0 and self.judged_from():
            raise ValueError("--weights has w=0, but unjudged steps learn from w alone: judge from the start")

    def asdict(self) -> dict:
        """The recipe as JSON can hold it."""
        return asdict(self)

    def judged_from(self) -> int:
        """The first step whose results are rendered and judged."""
        return round(self.unjudged * self.steps)


PRESETS = {
    "demo": Recipe("demo", steps=1200, plan=Plan(batch=32, pictures=8, swaps=8)),
    "builtin": Recipe("builtin", steps=10_000, plan=Plan(batch=48, pictures=8, swaps=8), persons=3, unjudged=0.8),
    # to go on from a network: every step is judged, on more results that nobody knows, at a third of the rate
    "polish": Recipe("polish", steps=1200, plan=Plan(batch=32, pictures=8, swaps=16), unjudged=0.0, lr=5e-4),
    "full": Recipe("full", steps=300_000, plan=Plan(batch=64, pictures=32, swaps=32), network=LARGE, lr=2e-4,
                   warmup=2000, ema=0.9998, unjudged=0.2, held_out=256),
}  # fmt: skip


def recipe_for(
    preset: str,
    steps: int | None,
    batch: int | None,
    lr: float | None,
    seed: int,
    amp: bool,
    world: int = 1,
    arch: str = "hairnet",
    fp16: bool = False,
    weights: str | None = None,
    mirrored: float = 0.0,
    curriculum: float = 0.0,
) -> Recipe:
    """A preset with the command's own figures; the judged parts of a step shrink and grow with its batch.

    Each of `world` processes gets as much of a step as any other. `weights`: as Weights.read takes them; `mirrored`: of
    the judged steps; `curriculum`: share of the steps during which the yaw gap grows. Steps without judges learn from w
    alone, so where that has no weight all steps are judged.
    """
    recipe = PRESETS[preset]
    batch = recipe.plan.batch if batch is None else batch
    if world > 1 and (batch % world or batch < 4 * world):
        raise ValueError(
            f"--batch {batch} cannot be shared by {world} processes: give a multiple of {world}, at least {4 * world}"
        )
    for flag, share in (("mirrored", mirrored), ("curriculum", curriculum)):
        if not 0 <= share <= 1:
            raise ValueError(f"--{flag} is {share}: it is a share of the steps, 0 to 1")
    if fp16 and amp:
        raise ValueError("--fp16 and --amp exclude each other: float16 is for GPUs that have no bfloat16")
    share = batch / recipe.plan.batch

    def parts(count: int) -> int:
        return world * math.ceil(max(1, round(share * count)) / world)

    steps = recipe.steps if steps is None else steps
    plan = replace(
        recipe.plan,
        batch=batch,
        pictures=parts(recipe.plan.pictures),
        swaps=parts(recipe.plan.swaps),
        weights=Weights() if weights is None else Weights.read(weights),
        mirrored=mirrored,
        widening=round(curriculum * steps),
    )
    unjudged = recipe.unjudged if plan.weights.w else 0.0
    network = recipe.network if arch == "hairnet" else {}
    lr = recipe.lr if lr is None else lr
    return replace(recipe, steps=steps, plan=plan, network=network, unjudged=unjudged, lr=lr, seed=seed, amp=amp,
                   fp16=fp16, arch=arch)  # fmt: skip
