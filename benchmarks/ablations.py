"""Trains the network with one choice changed at a time, on the same pairs and budget, and writes the figures down.

    python -m benchmarks.ablations                                       all variants, 600 steps each
    python -m benchmarks.ablations --variants default,batch-norm,subrtova --steps 200
    python -m benchmarks.ablations --write docs/ablations.md

The same command goes on after an interruption: a variant is trained and judged once per output folder. The figures are
those of the held-out pairs that every training ends with (hairnet.training.validate), and those against the truth, of
the 500 triples of evaluation.benchmark that stand for anybody with anybody's hair.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from data.command import run
from data.files import atomic_path, write_json
from data.weights import load_network as read_network
from evaluation.benchmark.methods import Chosen
from evaluation.benchmark.runs import benchmark, make_plan
from hairnet.training.loop import NETWORK, Place, train
from hairnet.training.losses import Judges
from hairnet.training.material import Material, prepare
from hairnet.training.networks import Networks
from hairnet.training.recipe import Recipe, recipe_for

WHOLE = (0.0, 1.0, 0.0, 1.0)
START, END = "<!-- figures: python -m benchmarks.ablations -->", "<!-- end of figures -->"
HELD_OUT = ("w", "pixels", "mask", "colour", "identity", "swapped_identity", "hair", "swapped_hair")
# Against the truth: how a column is called, and the metric of evaluation.benchmark that it is the mean of.
TRUTH = {"iou": "hair_iou", "distance": "perceptual_whole", "person": "identity", "hair's": "hair_cosine"}


@dataclass(frozen=True)
class Variant:
    """One choice changed: fields of the network's config, of the plan, of the recipe, weights of terms."""

    network: dict[str, Any] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    perceptual: str = "none"
    against: str = "default"  # the variant with the same budget that it is to be compared with

    def apply(self, recipe: Recipe) -> Recipe:
        """The recipe with this choice changed."""
        weights = dataclasses.replace(recipe.plan.weights, **self.weights)
        plan = dataclasses.replace(recipe.plan, weights=weights, **self.plan)
        return dataclasses.replace(recipe, plan=plan, network=recipe.network | self.network, **self.recipe)


def variant_of(name: str, steps: int) -> Variant:
    """The variant of a name, for trainings of so many steps."""
    found = VARIANTS[name]
    return found if isinstance(found, Variant) else found(steps)


def without(term: str) -> Variant:
    """A term of the loss left out."""
    return Variant(weights={term: 0.0})


# By the names of docs/ablations.md; functions of the number of steps where they depend on it.
VARIANTS: dict[str, Variant | Callable[[int], Variant]] = {
    "default": Variant(),
    # What chance does: a difference that is no larger than these two's tells nothing.
    "other-seed": Variant(recipe={"seed": 101}),
    "third-seed": Variant(recipe={"seed": 102}),
    "subrtova": Variant(recipe={"arch": "subrtova", "lr": 2e-4}),  # at ours it diverges
    "batch-norm": Variant(network={"norm": "batch"}),
    "whole-face-picture": Variant(network={"face_window": WHOLE}),
    "full-stem": Variant(network={"stem_stride": 1}),
    "full-stem-four-stages": Variant(
        network={"stem_stride": 1, "widths": (64, 128, 192, 192), "blocks": (2, 2, 1, 1)}, against="full-stem"
    ),
    "pooled-to-one": Variant(network={"pool": 1}),
    "edge-through-brows": Variant(network={"raised": 0.0}),
    "three-persons": Variant(recipe={"persons": 3}),
    # Unjudged steps teach nothing but w; so without it all are judged, which costs what judging from the start does.
    "no-w": Variant(weights={"w": 0.0}, recipe={"unjudged": 0.0}, against="judged-from-the-start"),
    "no-pixels": without("pixels"),
    "no-identity": without("identity"),
    "no-inner": without("inner"),
    "no-hair": without("hair"),
    "no-colour": without("colour"),
    "no-mask": without("mask"),
    "w-alone": Variant(recipe={"unjudged": 1.0}),
    "judged-from-the-start": Variant(recipe={"unjudged": 0.0}),
    "perceptual": Variant(perceptual="parser"),
    "mirrored": Variant(plan={"mirrored": 0.5}),
    "curriculum": lambda steps: Variant(plan={"widening": steps // 2}),
}


def main(
    *,
    pairs: Path = Path("runs/demo/pairs"),
    out: Path = Path("runs/ablations"),
    variants: str = "all",
    steps: int = 600,
    batch: int = 32,
    seed: int = 0,
    amp: bool = False,
    write: Path | None = None,
    device: str = "cpu",
) -> None:
    """Trains each variant for the built-in generator and prints a table of their figures.

    Args:
        pairs: folder that directions.pairs has written for the built-in generator, as `make directions` does
        out: folder for one training per variant, and for ablations.json
        variants: their names with commas between them, or "all"
        steps: of each training
        batch: pairs per step
        seed: of all trainings
        amp: compute in bfloat16
        write: a page, such as docs/ablations.md, whose table of figures is replaced by the new one
        device: cpu or cuda
    """
    names = list(VARIANTS) if variants == "all" else [name.strip() for name in variants.split(",")]
    if unknown := [name for name in names if name not in VARIANTS]:
        raise ValueError(f"--variants has {unknown[0]!r}: it names some of {', '.join(VARIANTS)}")
    page = None if write is None else write.read_text()
    if page is not None and not (START in page and END in page):
        raise ValueError(f"--write {write} has no table of figures: it stands between {START} and {END}")
    recipe = recipe_for("demo", steps, batch, None, seed, amp)
    figures, shared = {}, Shared()
    for name in names:
        print(f"{name}:", flush=True)
        figures[name] = figures_of(name, pairs, out / name, recipe, device, shared)
        write_json(out / "ablations.json", {"steps": steps, "batch": batch, "seed": seed, "figures": figures})
    table = table_of(figures, steps, batch, seed)
    print(table)
    if write is not None and page is not None:
        with atomic_path(write) as temporary:
            temporary.write_text(page[: page.index(START) + len(START)] + f"\n{table}\n" + page[page.index(END) :])


class Shared:
    """The material of trainings on the same pairs, with the same generator and judges: made once for all alike."""

    def __init__(self) -> None:
        self.made: dict[tuple[Any, ...], Material] = {}

    def __call__(
        self, generator: Any, judges: Judges, w: Tensor, recipe: Recipe, raised: float, *process: int
    ) -> Material:
        """As `prepare`, whose other arguments are the same in all these trainings."""
        key = raised, recipe.persons, recipe.seed, recipe.amp, recipe.held_out
        if key not in self.made:
            self.made[key] = prepare(generator, judges, w, recipe, raised, *process)
        return self.made[key]


def figures_of(name: str, pairs: Path, out: Path, recipe: Recipe, device: str, shared: Shared) -> dict[str, float]:
    """Trains a variant, unless it has been, and returns its figures, with the millions of its parameters."""
    variant = variant_of(name, recipe.steps)
    networks = Networks(perceptual=variant.perceptual)
    train(pairs, out, variant.apply(recipe), networks, Place(device), prepared=shared)
    tensors, config = read_network(out / NETWORK)
    millions = sum(x.numel() for x in tensors.values()) / 1e6
    return {"millions": millions} | config["recipe"]["validation"] | against_truth(out / NETWORK, out / "benchmark")


def against_truth(network: Path, out: Path) -> dict[str, float]:
    """The means of TRUTH over the triples of kind crowd, of a network's transfers; reports and pictures go to `out`."""
    plan = make_plan(out=out)
    plan = dataclasses.replace(plan, triples=[triple for triple in plan.triples if triple.kind == "crowd"])
    figures = benchmark(plan, [Chosen("hairnet", str(network))])["overall"]["figures"]
    return {name: figures[metric]["mean"] for name, metric in TRUTH.items()}


def table_of(figures: dict[str, dict[str, float]], steps: int, batch: int, seed: int) -> str:
    """Markdown: a line per variant, behind a sentence that says the budget."""
    shown = ("millions", *TRUTH, *HELD_OUT)
    lines = [f"{steps} steps of {batch} pairs, seed {seed}.", "", row(("variant", "against", *shown))]
    lines.append(row("---" for _ in ("", "", *shown)))
    for name, found in figures.items():
        against = "" if name == "default" else variant_of(name, steps).against
        lines.append(row((name, against, *(f"{found[one]:.3f}" if one in found else "" for one in shown))))
    return "\n".join(lines)


def row(cells: Iterable[str]) -> str:
    """One line of a table."""
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    run(main)
