"""How true the measured attributes are: on rendered heads, whose labels, landmarks and pose are known.

    python -m benchmarks.attributes

For each attribute the correlation of what is measured on the picture with the truth. For pose the truth is the
camera's; for all else the attribute itself, read from the renderer's own labels. Below, how well some attributes follow
the factors that drew the heads.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from data.command import run
from data.files import write_json
from data.progress import Progress
from directions.attributes import MEASURED, Measurer, measure
from directions.crops import Crops
from directions.report import aligned
from synth.heads import Head, Render, render

FIRST = 23_000_000  # first seed of the heads: no set for training reaches it
SIZE = 64


def main(
    *, heads: int = 400, size: int = SIZE, parser: str = "builtin", out: Path = Path("runs/benchmarks/attributes.json")
) -> None:
    """Prints correlations with the truth.

    Args:
        heads: number of heads to render
        size: side of the pictures in px
        parser: "builtin" or the path of a face parser
        out: the same figures as JSON
    """
    people = [Head.sample(seed) for seed in range(FIRST, FIRST + heads)]
    renders = [render(head, size) for head in Progress(people, unit="head")]
    found = Measurer(parser)(np.stack([one.image for one in renders]))
    true = truth(renders)
    rows, figures = [["attribute", "r", "mean error", "unit", "measured"]], {}
    for name, attribute in MEASURED.items():
        known = np.isfinite(found[name]) & np.isfinite(true[name])
        got, right = found[name][known], true[name][known]
        figures[name] = {"r": np.corrcoef(got, right)[0, 1], "mean_error": np.abs(got - right).mean()}
        numbers = [
            f"{figures[name]['r']:.3f}",
            f"{figures[name]['mean_error']:.2f}",
            attribute.unit,
            f"{known.mean():.0%}",
        ]
        rows.append([name, *numbers])
    print(aligned(rows))
    figures["factors"] = factors(people, found)
    print(aligned([["", ""], *([name, f"{value:.3f}"] for name, value in figures["factors"].items())]))
    write_json(out, figures)


def truth(renders: list[Render]) -> dict[str, np.ndarray]:
    """{attribute: (N,)} from labels, landmarks and camera."""
    crops = Crops(*(np.stack([getattr(one, part) for one in renders]) for part in ("image", "labels", "landmarks5")))
    pose = {name: np.array([getattr(one, name) for one in renders]) for name in ("yaw", "pitch")}
    return measure(crops) | pose


def factors(people: list[Head], found: dict[str, np.ndarray]) -> dict[str, float]:
    """How measured attributes follow the factors of the heads: |r| or AUC."""
    bare = np.array([head.scene.hat <= 0.5 for head in people])
    natural = bare & np.array([head.hair.dye == 0 and head.hair.grey == 0 for head in people])

    def r(name: str, factor: list[float], of: np.ndarray) -> float:
        of = of & np.isfinite(found[name])
        return float(abs(np.corrcoef(found[name][of], np.array(factor)[of])[0, 1]))

    def auc(name: str, present: list[bool], of: np.ndarray) -> float:
        of = of & np.isfinite(found[name])
        return float(roc_auc_score(np.array(present)[of], found[name][of]))

    return {
        "hair_lightness, r with hair.lightness (neither grey nor dyed)": r(
            "hair_lightness", [head.hair.lightness for head in people], natural
        ),
        "hair_saturation, r with hair.grey": r("hair_saturation", [head.hair.grey for head in people], bare),
        "skin_lightness, r with identity.skin": r("skin_lightness", [head.identity.skin for head in people], bare),
        "mouth_open, r with expression.mouth_open": r(
            "mouth_open", [head.expression.mouth_open for head in people], bare
        ),
        "glasses, AUC of scene.glasses": auc("glasses", [head.scene.glasses > 0.5 for head in people], bare | True),
    }


if __name__ == "__main__":
    run(main)
