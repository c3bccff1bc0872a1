"""The turn: a yaw direction along which the measured attributes of the hair stay as they are."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np

from directions.calibrate import PLACES, Render, calibrate
from directions.direction import Direction, HasSha256, load_direction
from directions.linear import held_out
from directions.measured import MeasuredFaces
from directions.pool import Measure
from directions.vectors import edit_vector

CALIBRATED = 48  # held-out faces that are turned, rendered and measured


def fit_turn(
    yaw: Direction, hair: list[Direction], sample: MeasuredFaces, render: Render, measure: Measure
) -> Direction:
    """The direction `yaw` with the predicted values of the `hair` attributes held fixed, calibrated anew."""
    test = held_out(sample.seeds)
    vector, removed = edit_vector(sample.w[~test], yaw.normal, np.stack([direction.ridge for direction in hair]))
    chosen = sample.w[test][:CALIBRATED]
    gain = float(yaw.ridge @ vector)
    if gain <= 0:
        raise ValueError("yaw cannot change with the hair held fixed in these directions: fit on more faces")
    places = np.percentile(yaw.score(sample.w), PLACES)
    calibration = calibrate(chosen, yaw.score(chosen), gain, places, vector, "yaw", sample.sd, render, measure)
    if calibration.curve is None or not calibration.works:
        raise ValueError("turning with the hair held fixed has no measurable effect on yaw: fit on more faces")
    figures = calibration.figures | {
        "keeps": [direction.attribute for direction in hair],
        "removed": removed,
        "made_from": _made_from(yaw, hair),
    }
    return dataclasses.replace(yaw, vector=vector, step=calibration.step, curve=calibration.curve, figures=figures)


def stored_turn(path: Path, yaw: Direction, hair: list[Direction], generator: HasSha256) -> Direction | None:
    """The turn that an interrupted run has saved; None if there is none, ValueError if it is of other directions."""
    if not path.is_file():
        return None
    turn = load_direction(path, generator)
    if turn.figures.get("made_from") != _made_from(yaw, hair):
        raise ValueError(f"{path} was made from other directions than these: delete its folder or give another --out")
    return turn


def _made_from(yaw: Direction, hair: list[Direction]) -> str:
    digest = hashlib.sha256()
    for direction in (yaw, *hair):
        digest.update(direction.normal.tobytes() + direction.ridge.tobytes() + direction.vector.tobytes())
    return digest.hexdigest()
