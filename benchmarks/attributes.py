"""How true the measured attributes are: on rendered heads, whose labels, landmarks and pose are known.

    python -m benchmarks.attributes
    python -m benchmarks.attributes --size 128          # heads larger than the networks were trained on

For each attribute the correlation of what is measured on the picture with the truth. For pose the truth is the
camera's; for all else the attribute itself, read from the renderer's own labels and landmarks. Below, how well
attributes follow the factors that drew the heads, whatever the labels say.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from data.command import run
from data.files import write_json
from data.progress import Progress
from directions import own
from directions.attributes import MEASURED, measure
from directions.colour import cielab
from directions.crops import Crops
from directions.hair import LEAST_CHROMA
from directions.report import aligned
from directions.scorer import Measurer, Scorer
from synth.heads import Head, Render, render, style_name
from synth.heads.appearance import hair_colour
from synth.heads.styles import haircut

FIRST = 23_000_000  # first seed of the heads: no set for training reaches it
SIZE = 64
LIGHT_SIDE = Path(own.__file__).parent / "more" / "light_side.py"
TRUE_PARTS = ("image", "labels", "landmarks68")


def main(
    *,
    heads: int = 400,
    size: int = SIZE,
    parser: str = "builtin",
    pose: str = "builtin",
    out: Path = Path("runs/benchmarks/attributes.json"),
) -> None:
    """Prints correlations with the truth.

    Args:
        heads: number of heads to render
        size: side of the pictures in px
        parser: "builtin" or the path of a face parser
        pose: "builtin", the path of a pose network, or "mtcnn"
        out: the same figures as JSON
    """
    scorer = Scorer(parser, pose, own=str(LIGHT_SIDE))
    people = [Head.sample(seed) for seed in range(FIRST, FIRST + heads)]
    renders = [render(head, size) for head in Progress(people, unit="head")]
    found = Measurer(scorer)(np.stack([one.image for one in renders]))
    true = truth(renders)
    rows, figures = [["attribute", "r", "mean error", "unit", "measured"]], {}
    for name, attribute in MEASURED.items():
        known = np.isfinite(found[name]) & np.isfinite(true[name])
        got, right = found[name][known], true[name][known]
        figures[name] = {
            "r": _r(got, right),
            "mean_error": float(np.abs(got - right).mean()) if known.any() else np.nan,
        }
        numbers = [f"{figures[name]['r']:.3f}", f"{figures[name]['mean_error']:.2f}"]
        rows.append([name, *numbers, attribute.unit, f"{np.isfinite(found[name]).mean():.0%}"])
    print(aligned(rows))
    figures["factors"] = factors(people, found)
    print(aligned([["", ""], *([name, f"{value:.3f}"] for name, value in figures["factors"].items())]))
    write_json(out, figures)


def truth(renders: list[Render]) -> dict[str, np.ndarray]:
    """{attribute: (N,)} from labels, landmarks and camera."""
    images, labels, landmarks = (np.stack([getattr(r, part) for r in renders]) for part in TRUE_PARTS)
    angles = np.array([[one.yaw, one.pitch, one.roll] for one in renders])
    return measure(Crops(images, labels, landmarks.astype(np.float32), angles))


def factors(people: list[Head], found: dict[str, np.ndarray]) -> dict[str, float]:
    """How measured attributes follow the factors of the heads: r, or AUC of what is there or not."""
    hairs, faces, scenes = ([getattr(head, group) for head in people] for group in ("hair", "identity", "scene"))
    bare = np.array([scene.hat <= 0.5 for scene in scenes])
    natural = bare & np.array([hair.dye == 0 for hair in hairs])
    lab = painted(people)
    chroma, hue = np.hypot(lab[:, 1], lab[:, 2]), np.degrees(np.arctan2(lab[:, 2], lab[:, 1]))
    columns = {
        "hair_lightness, r with the L* of the hair's paint": ("hair_lightness", lab[:, 0], bare),
        "hair_hue, r with the hue of the hair's paint": (
            "hair_hue",
            (hue + 120) % 360 - 120,
            bare & (chroma > LEAST_CHROMA),
        ),
        "hair_greyness, r with hair.grey (not dyed)": ("hair_greyness", _all(hairs, "grey"), natural),
        "hair_curliness, r with the radius of the curls": ("hair_curliness", [haircut(h).curl for h in hairs], bare),
        "skin_lightness, r with identity.skin": ("skin_lightness", _all(faces, "skin"), bare),
        "smile, r with expression.smile": ("smile", [head.expression.smile for head in people], bare),
        "mouth_open, r with expression.mouth_open": (
            "mouth_open",
            [head.expression.mouth_open for head in people],
            bare,
        ),
        "light_side, r with light.side": ("light_side", [head.light.side for head in people], bare),
    }
    figures = {}
    for what, (name, factor, of) in columns.items():
        known = of & np.isfinite(found[name])
        figures[what] = _r(found[name][known], np.asarray(factor, float)[known])
    bald = [style_name(hair.style) in ("bald", "horseshoe") for hair in hairs]
    for what, name, present in (
        ("glasses, AUC of scene.glasses", "glasses", _all(scenes, "glasses") > 0.5),
        ("baldness, AUC of the styles bald and horseshoe", "baldness", np.array(bald)),
    ):
        known = np.isfinite(found[name]) & (bare if name == "baldness" else True)
        both = known.any() and 0 < present[known].mean() < 1
        figures[what] = float(roc_auc_score(present[known], found[name][known])) if both else np.nan
    return figures


def painted(people: list[Head]) -> np.ndarray:
    """(N, 3) CIELAB of the hair's paint, before any light falls on it."""
    linear = np.stack([hair_colour(head.hair).numpy() for head in people])
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return cielab(np.round(255 * np.clip(encoded, 0, 1)).astype(np.uint8))


def _all(groups: list, name: str) -> np.ndarray:
    return np.array([getattr(group, name) for group in groups])


def _r(first: np.ndarray, second: np.ndarray) -> float:
    """Correlation, NaN where one of the two is the same for all."""
    if len(first) < 2 or not np.ptp(first) or not np.ptp(second):
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


if __name__ == "__main__":
    run(main)
