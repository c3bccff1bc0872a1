"""The course of the generator's training: stages counted in images, and learning rates along them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from synth.training.game import Stage

RATE_PAIRED = 1.6e-2  # Adam, of the synthesis; equalised layers take such rates
RATE_ADVERSARIAL = 2e-3
DECAY_FROM = 0.65  # a phase keeps its rate for this share, then falls along a cosine
DECAY_TO = 0.03


@dataclass(frozen=True)
class Plan:
    """Stages that follow each other without a gap."""

    stages: tuple[Stage, ...]

    @property
    def images(self) -> int:
        """Images of the whole training."""
        return self.stages[-1].end

    def at(self, images: int) -> Stage:
        """The stage in which image number `images` is shown."""
        return next((s for s in self.stages if images < s.end), self.stages[-1])

    def rate(self, images: int) -> float:
        """Learning rate of the synthesis: a plateau and a cosine, once over all paired stages, once over the other."""
        adversarial = self.at(images).adversarial
        phase = [s for s in self.stages if s.adversarial == adversarial]
        share = (images - phase[0].start) / (phase[-1].end - phase[0].start)
        fall = max(0.0, (share - DECAY_FROM) / (1 - DECAY_FROM))
        decay = DECAY_TO + (1 - DECAY_TO) * 0.5 * (1 + math.cos(math.pi * fall))
        return (RATE_ADVERSARIAL if adversarial else RATE_PAIRED) * decay


def parse_plan(paired: str, adversarial: float, resolution: int, batch: int) -> Plan:
    """`paired` like "16:60,32:100,64:120" (resolution:thousands of images), then `adversarial` thousand at full size.

    Every stage is rounded to whole batches. ValueError for anything that is no rising list ending in `resolution`.
    """
    entries = paired.split(",")
    if not all(re.fullmatch(r"\d+:\d+(\.\d+)?", entry) for entry in entries):
        raise ValueError(f"--paired {paired} is no list like 16:60,32:100,64:120 (resolution:thousands of images)")
    sizes = [int(entry.split(":")[0]) for entry in entries]
    if sizes != sorted(set(sizes)) or sizes[-1] != resolution or any(s & (s - 1) or s < 8 for s in sizes):
        raise ValueError(f"--paired {paired} must rise by powers of two from 8 or more to the renders' {resolution}")
    if adversarial < 0:
        raise ValueError(f"--adversarial {adversarial:g} is negative: give thousands of images, 0 for none")
    stages: list[Stage] = []
    wanted = [(str(size), size, float(entry.split(":")[1]), False) for size, entry in zip(sizes, entries, strict=True)]
    wanted.append(("adversarial", resolution, adversarial, True))
    for name, size, thousands, is_adversarial in wanted:
        start = stages[-1].end if stages else 0
        length = round(thousands * 1000 / batch) * batch
        if length:
            stages.append(Stage(name, size, start, start + length, is_adversarial))
    if not stages:
        raise ValueError(f"--paired {paired} and --adversarial {adversarial:g} are shorter than one batch of {batch}")
    return Plan(tuple(stages))
