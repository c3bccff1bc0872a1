"""Looks at pairs: does the head turn as asked, is the hair the same, and does the light change as asked, if it was to?

Pairs that contradict this get a reason.

The hair is the same when its descriptor finds the two pictures more alike than the 5 % most alike of strangers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
from PIL import Image

from data.shards import Shards
from directions.attributes import HAIR_ATTRIBUTES
from directions.instruments import Columns, Instruments
from directions.linear import bootstrap_interval
from directions.measured import MeasuredFaces
from directions.pictures import caption, strip

# by their number in checked-00000.h5
VERDICTS = ("good", "without a face", "turned otherwise", "with other hair", "lit otherwise")
GOOD, FACELESS, ASTRAY, OTHER_HAIR, LIT = range(5)
# Degrees between gaps asked and measured: in yaw three times a detector's own error, in pitch, where the built-in
# network's is 1.2, less than the largest gap, so that a head which does not nod at all is noticed.
MOST_ASTRAY = {"yaw": 15.0, "pitch": 4.0}
MOST_UNLIT = 6.0  # CIE L* between the change of light asked and that measured: likewise three times what is usual, 2.0
STRANGERS = 1000  # faces, each compared with each
NEAREST = 0.95  # share of strangers that a pair's hair has to beat
BLOCK = 512  # pairs rendered at a time
SHOWN, PAIRS_IN_ROW = 12, 4
PARTS = ("face", "hair")


def nearest_strangers(shards: Shards, tools: Instruments) -> float:
    """Cosine of hair descriptors that 95 % of the couples of different faces stay below."""
    rows = np.unique(np.linspace(0, len(shards) - 1, STRANGERS).round().astype(int))
    hair = tools.describe(shards.images(rows))["hair"]
    cosines = (hair @ hair.T)[np.triu_indices(len(hair), 1)]
    return float(np.quantile(cosines, NEAREST))


def check_pairs(
    shards: Shards,
    rows: np.ndarray,
    w_hair: np.ndarray,
    asked: Columns,
    sample: MeasuredFaces,
    strangers: float,
    tools: Instruments,
) -> Columns:
    """Columns of (N,) pairs: verdict uint8; yaw_gap, yaw_gap_measured, hair_cosine and the drift of hair attributes.

    `rows` of the shards are the faces, `w_hair` (N, w_dim) their hair sources, `asked` {"yaw": (N,) degrees} and, where
    they change too, {"pitch": (N,) degrees} and {light's attribute: (N,) CIE L*}, which then have columns as yaw has.
    """
    blocks = []
    for start in range(0, len(rows), BLOCK):
        part = rows[start : start + BLOCK]
        images = tools.render(w_hair[start : start + BLOCK])
        before, after = (tools.describe(side)["hair"] for side in (shards.images(part), images))
        measured = tools.measure(images)
        change = {name: measured[name] - sample.columns[name][part] for name in (*asked, *HAIR_ATTRIBUTES)}
        blocks.append(change | {"hair_cosine": (before * after).sum(axis=1)})
    found = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    columns: Columns = {}
    for name, gaps in asked.items():
        columns |= {f"{name}_gap": gaps, f"{name}_gap_measured": found.pop(name)}
    error = {name: np.abs(columns[f"{name}_gap_measured"] - gaps) for name, gaps in asked.items()}
    astray = np.any([error[name] > most for name, most in MOST_ASTRAY.items() if name in asked], axis=0)
    doubts = [~np.isfinite(error["yaw"]), astray, found["hair_cosine"] < strangers]
    doubts += [~(error[name] <= MOST_UNLIT) for name in lights(asked)]  # also where a side of the face shows no skin
    verdict = np.select(doubts, [np.uint8(reason) for reason in reasons(asked)], np.uint8(GOOD))
    columns["hair_cosine"] = found.pop("hair_cosine")
    columns |= {f"{name}_change": change for name, change in found.items()}
    return {"verdict": verdict.astype(np.uint8)} | {name: column.astype(np.float32) for name, column in columns.items()}


def lights(asked: Collection[str]) -> list[str]:
    """The attribute of light among those that were to change, if any: what is not a turn of the head."""
    return [name for name in asked if name not in MOST_ASTRAY]


def reasons(asked: Collection[str]) -> list[int]:
    """Verdicts other than good that pairs can have which were asked for a change of these attributes."""
    return [FACELESS, ASTRAY, OTHER_HAIR, *(LIT for _ in lights(asked))]


def summary(checked: Columns, sample: MeasuredFaces, strangers: float, asked: Collection[str]) -> dict[str, Any]:
    """How many pairs are good and why others are not; achieved gaps, likeness and drift of the hair of all pairs.

    `asked`: the attributes that were to change: yaw, perhaps pitch, perhaps one of light.

    The drift of an attribute is the root mean square of its difference within a pair, in SD of all faces, beside the
    same between unrelated faces; `mean_sd` is its mean, and `mean_sd_per_40_deg` how much of it goes with the turn.
    """
    verdict, cosine = checked["verdict"], checked["hair_cosine"]
    nearer = cosine > strangers
    return {
        "faces": len(verdict),
        "pairs": int((verdict == GOOD).sum()),
        "rejected": {VERDICTS[kind]: int((verdict == kind).sum()) for kind in reasons(asked)},
        **{f"{name}_gap": _gap(checked[f"{name}_gap"], checked[f"{name}_gap_measured"]) for name in asked},
        "hair": {
            "cosine": cosine.mean(),
            "strangers_95": strangers,
            "nearer_than_strangers": nearer.mean(),
            "nearer_than_strangers_95": bootstrap_interval(nearer),
        },
        "drift": {name: _drift(checked, sample, name) for name in HAIR_ATTRIBUTES},
    }


def picture(
    shards: Shards, checked: Columns, turned: Callable[[np.ndarray], np.ndarray], tools: Instruments
) -> Image.Image:
    """Some pairs, face and hair source side by side with the yaw gap; below them as many that were left out."""
    chosen = [np.flatnonzero(good)[:SHOWN] for good in (checked["verdict"] == GOOD, checked["verdict"] != GOOD)]
    rows = np.concatenate([part[: len(part) // PAIRS_IN_ROW * PAIRS_IN_ROW] for part in chosen])
    images = np.stack([shards.images(rows), tools.render(turned(rows))], axis=1)
    turns = [name for name in MOST_ASTRAY if f"{name}_gap" in checked]
    captions = [[_verdict(checked, row), _turn(checked, row, turns)] for row in rows]
    columns = 2 * PAIRS_IN_ROW
    texts = np.array(captions).reshape(-1, columns).tolist()
    return strip(images.reshape(-1, columns, *images.shape[2:]), texts)


def _turn(checked: Columns, row: int, turns: list[str]) -> str:
    return ", ".join(caption(name, checked[f"{name}_gap_measured"][row]) for name in turns)


def _verdict(checked: Columns, row: int) -> str:
    verdict = checked["verdict"][row]
    return f"face {row}" if verdict == GOOD else VERDICTS[verdict]


def _gap(asked: np.ndarray, got: np.ndarray) -> dict[str, float]:
    """What was measured of a change that was asked, (N,) each, in the attribute's unit."""
    known = np.isfinite(got)
    if not known.any():
        return dict.fromkeys(("asked_mean_abs", "slope", "mae", "median_error"), np.nan)
    asked, got = asked[known].astype(np.float64), got[known].astype(np.float64)
    error = np.abs(got - asked)
    return {
        "asked_mean_abs": np.abs(asked).mean(),
        "slope": (asked @ got) / (asked @ asked),
        "mae": error.mean(),
        "median_error": np.median(error),
    }


def _drift(checked: Columns, sample: MeasuredFaces, name: str) -> dict[str, float]:
    """Figures of one attribute."""
    values = sample.columns[name].astype(np.float64) / sample.sd[name]
    change = checked[f"{name}_change"].astype(np.float64) / sample.sd[name]
    known = np.isfinite(change)
    gaps = checked["yaw_gap"][known].astype(np.float64)
    change = change[known]
    return {
        "rms_sd": np.sqrt(np.mean(change**2)),
        "unrelated_rms_sd": np.sqrt(np.nanmean((np.roll(values, 1) - values) ** 2)),
        "mean_sd": change.mean(),
        "mean_sd_per_40_deg": 40 * (change @ gaps) / (gaps @ gaps),
    }
