"""Finds directions in a network's hair embedding, and what a step along them does, in units.

python -m hairnet.steer                                                      for the built-in network
python -m hairnet.steer --network runs/demo/hairnet/hairnet.safetensors     for one's own; seconds to minutes

Faces are sampled, drawn, measured and encoded. A ridge regression of each aspect on the embeddings gives its score; the
way to go is the covariance of the embeddings with that score, colours with the scores of the shape held fixed and
shapes with those of the colour. Then faces that the regression has not seen are moved, drawn and measured again, and
the measured values become the direction's units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from sklearn.linear_model import RidgeCV
from torch import Tensor

from data.command import run
from data.files import check_file_place
from data.images import to_tensor, to_uint8
from data.progress import Progress
from data.weights import resolve
from directions import hair
from directions.crops import Crops
from directions.curve import rising_curve
from directions.linear import RIDGE_GRID, held_out
from directions.vectors import edit_vector
from faces.parsing import Parser, load_parser
from hairnet.model import HairNet, load_network
from hairnet.steering import COLOUR, FILE, HairDirection, save_steering
from synth import latents

FIRST_SEED = 3_000_000  # far from those of training pairs
BATCH = 16  # pictures per pass: fixed, since a network's last bits may change with the batch
CALIBRATED = 48  # faces that are moved, drawn and measured
PLACES = (1, 10, 30, 50, 70, 90, 99)  # percentiles of the scores
LEAST_FACES, MOST_FACES = 256, 1_000_000
LEAST_SHARE = 0.75  # of the calibrated faces that a mean needs

# aspect -> unit, measure
ASPECTS: dict[str, tuple[str, Callable[[Crops], np.ndarray]]] = {
    "hair_lightness": ("CIE L*", hair.lightness),
    "hair_red": ("CIE a*", lambda crops: crops.colour(hair.HAIR)[:, 1]),
    "hair_yellow": ("CIE b*", lambda crops: crops.colour(hair.HAIR)[:, 2]),
    "hair_length": ("% of image height", hair.length),
    "hair_volume": ("% of image area", hair.volume),
    "hair_fringe": ("% of forehead", hair.fringe),
    "hair_structure": ("% of gradient", hair.curliness),
}


def main(
    *,
    network: str = "builtin",
    generator: str | None = None,
    parser: str = "builtin",
    faces: int = 2048,
    out: Path | None = None,
    device: str | None = None,
) -> None:
    """Writes the directions of a network beside it, where hairnet.manipulate and colour or shape alone find them.

    Prints, for each aspect: r2, the share of its variance among unseen faces that the embedding explains; its reach;
    the mean error of a move, in units; and what else of the hair moves along, in SD per SD of the aspect.

    Args:
        network: "builtin" or a network that hairnet.load_network takes
        generator: where the network's generator lies; left out: where it lay at the training
        parser: "builtin" or a file that faces.load_parser takes: it finds the hair that is measured
        faces: number of faces to sample, 256 or more
        out: file to write, .safetensors; left out: hair-directions.safetensors beside the network
        device: cpu, cuda or cuda:1; left out: CUDA where there is one
    """
    if not LEAST_FACES <= faces <= MOST_FACES:
        raise ValueError(f"--faces is {faces}: it must lie in {LEAST_FACES} to {MOST_FACES:,}")
    target = out or resolve(network, "hairnet").with_name(FILE)
    if target.suffix != ".safetensors":
        raise ValueError(f"--out {target} is not a name for directions: end it in .safetensors")
    check_file_place(target)
    net = load_network(network, device, generator)
    found, failed = find_directions(net, load_parser(parser, device), faces)
    for name, reason in failed.items():
        print(f"no direction for {name}: {reason}")
    if missing := [name for name in COLOUR if name not in found]:
        raise ValueError(f"{', '.join(missing)} cannot be steered: sample more --faces or train the network longer")
    save_steering(target, net, found, {"command": command_of(network, generator, parser, faces), "faces": faces})
    for name, one in found.items():
        low, high = one.reach
        leak, slope = one.figures["largest_leak"]
        print(
            f"{name}: r2 {one.figures['r2']:.2f}, reach {low:.1f} to {high:.1f} {one.unit}, "
            f"error {one.figures['error']:.1f}, largest leak {slope:+.2f} {leak}"
        )
    print(f"{target} written")


def command_of(network: str, generator: str | None, parser: str, faces: int) -> str:
    """The command that finds these directions, without the place of its output."""
    flags = {"network": network, "generator": generator, "parser": parser, "faces": faces}
    return "python -m hairnet.steer " + " ".join(f"--{name} {value}" for name, value in flags.items() if value)


@dataclass(frozen=True, eq=False)
class Sample:
    """Faces that were sampled, encoded and measured."""

    net: HairNet
    parser: Parser
    embeddings: np.ndarray  # (N, D) float64, of the hair
    values: dict[str, np.ndarray]  # {aspect: (N,)}, NaN where not measurable
    test: np.ndarray  # (N,) bool: no regression sees them
    faces: Tensor  # (S, D): face embeddings of the first S of these, for calibration


@torch.no_grad()
def find_directions(net: HairNet, parser: Parser, faces: int = 2048) -> tuple[dict[str, HairDirection], dict[str, str]]:
    """({aspect: direction}, {aspect: why it has none}) from sampled faces."""
    sample = _sampled(net, parser, np.arange(FIRST_SEED, FIRST_SEED + faces))
    scores = {name: _ridge(sample, name) for name in ASPECTS}
    found, failed = {}, {}
    for name, score in scores.items():
        try:
            if score is None:
                raise ValueError("it does not vary, or can hardly be measured")
            held = [one.slope for other, one in scores.items() if one is not None and _held(name, other)]
            train = sample.embeddings[~sample.test]
            vector = edit_vector(train, score.slope, np.array(held))[0]
            found[name] = _calibrated(sample, name, vector, score)
        except ValueError as reason:
            failed[name] = str(reason)
    return found, failed


def measure(pictures: np.ndarray, parser: Parser) -> dict[str, np.ndarray]:
    """(N, H, W, 3) uint8 -> {aspect: (N,)}, NaN where there is hardly any hair."""
    labels = parser.labels(to_tensor(pictures).to(next(parser.parameters()).device)).cpu().numpy()
    unknown = np.full((len(pictures), 68, 2), np.nan, np.float32), np.full((len(pictures), 3), np.nan, np.float32)
    crops = Crops(pictures, labels, *unknown)
    return {name: np.asarray(of(crops), np.float64) for name, (_, of) in ASPECTS.items()}


def _sampled(net: HairNet, parser: Parser, seeds: np.ndarray) -> Sample:
    test = held_out(seeds)
    embeddings, columns, faces = [], [], list[Tensor]()
    with Progress(total=len(seeds), unit="face") as bar:
        for start in range(0, len(seeds), BATCH):
            rows = slice(start, start + BATCH)
            x = _drawn(net, seeds[rows])
            embeddings.append(net.encode_hair(x).double().cpu().numpy())
            columns.append(measure(to_uint8(x), parser))
            if test[rows].any() and sum(len(part) for part in faces) < CALIBRATED:
                faces.append(net.encode_face(x[torch.from_numpy(test[rows])]))
            bar.update(len(x))
    values = {name: np.concatenate([column[name] for column in columns]) for name in ASPECTS}
    return Sample(net, parser, np.concatenate(embeddings), values, test, torch.cat(faces)[:CALIBRATED])


def _drawn(net: HairNet, seeds: np.ndarray) -> Tensor:
    G = net.generator
    return net.pictures(G.mapping(latents(seeds.tolist(), G.z_dim).to(net.device)))


def _held(name: str, other: str) -> bool:
    """Whether a direction of one aspect holds the other: colours hold shapes and shapes colours."""
    return (name in COLOUR) != (other in COLOUR)


class Score(NamedTuple):
    """A linear regression of an aspect on embeddings."""

    slope: np.ndarray  # (D,)
    intercept: float
    r2: float  # share of the variance among held-out faces that it explains


def _ridge(sample: Sample, name: str) -> Score | None:
    """None without anything to fit."""
    values = sample.values[name]
    train, judged = np.isfinite(values) & ~sample.test, np.isfinite(values) & sample.test
    if min(train.sum(), judged.sum()) < LEAST_FACES // 10 or np.ptp(values[train]) == 0 or np.ptp(values[judged]) == 0:
        return None
    x, y = sample.embeddings[train], values[train]
    mean, scale = x.mean(0), np.maximum(x.std(0), 1e-9)
    fit = RidgeCV(RIDGE_GRID).fit((x - mean) / scale, y)
    slope = fit.coef_ / scale
    intercept = float(fit.intercept_ - slope @ mean)
    missed = sample.embeddings[judged] @ slope + intercept - values[judged]
    return Score(slope, intercept, float(1 - np.mean(missed**2) / values[judged].var()))


def _calibrated(sample: Sample, name: str, vector: np.ndarray, score: Score) -> HairDirection:
    """Moves unseen faces to places of the score and measures them; ValueError when the aspect does not follow."""
    scores = sample.embeddings @ score.slope + score.intercept
    places = np.percentile(scores, PLACES)
    rows = np.flatnonzero(sample.test)[: len(sample.faces)]
    lengths = (places[None] - scores[rows, None]) / float(score.slope @ vector)
    moved = sample.embeddings[rows, None] + lengths[..., None] * vector  # (S, P, D)
    pictures = [_worn(sample, moved[:, place]) for place in range(len(places))]
    parts = [measure(one, sample.parser) for one in pictures]
    measured = {other: np.stack([part[other] for part in parts], 1) for other in ASPECTS}  # (S, P)
    known = np.isfinite(measured[name])
    mean = np.where(known, measured[name], 0).sum(0) / np.maximum(known.sum(0), 1)
    response = np.where(known.mean(0) >= LEAST_SHARE, mean, np.nan)
    curve = rising_curve(places, response)
    if curve is None:
        raise ValueError("moving along it has no measurable effect on drawn faces")
    inside = np.isin(places, curve.scores)
    sd = {other: float(np.nanstd(column)) for other, column in sample.values.items()}
    dose = (response[inside] - response[inside].mean()) / sd[name]
    leaks = {other: _slope(dose, column[:, inside]) / max(sd[other], 1e-9) for other, column in measured.items()}
    leaks = {other: leak for other, leak in leaks.items() if other != name and np.isfinite(leak)}
    worst = max(leaks, key=lambda other: abs(leaks[other]))
    missed = np.abs(measured[name][:, inside] - response[inside])
    figures = {"r2": score.r2, "error": float(np.nanmean(missed)), "sd": sd[name], "leaks": leaks}
    figures["largest_leak"] = [worst, leaks[worst]]
    return HairDirection(name, ASPECTS[name][0], vector, score.slope, score.intercept, curve, figures)


def _slope(doses: np.ndarray, values: np.ndarray) -> float:
    """Of (S, P) values on (P,) doses of mean 0; samples with a NaN are left out."""
    whole = values[np.isfinite(values).all(1)]
    return float((whole * doses).sum() / (len(whole) * (doses**2).sum())) if len(whole) else np.nan


def _worn(sample: Sample, hair: np.ndarray) -> np.ndarray:
    """(S, H, W, 3) uint8: the faces for calibration with hair embeddings (S, D)."""
    embeddings = torch.from_numpy(hair).float().to(sample.net.device)
    pairs = zip(sample.faces.split(BATCH), embeddings.split(BATCH), strict=True)
    return np.concatenate([to_uint8(sample.net.pictures(sample.net.decode(*pair))) for pair in pairs])


if __name__ == "__main__":
    run(main)
