"""Faces that no direction was made of, moved to asked values: a part of benchmarks.directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from directions.aim import aim_along
from directions.direction import Direction
from directions.instruments import Instruments
from directions.linear import bootstrap_interval
from directions.measured import MeasuredFaces
from directions.render import Renderer
from directions.spaces import Space, drawn, mapped, open_space

FIRST = 22_000_000  # first seed of faces and heads that no set for training reaches
PSI = 0.7  # of the faces: what directions.edit takes
EDITED = 60  # faces moved to all values


@dataclass(frozen=True, eq=False)
class Unseen:
    """N faces of seeds that no direction was made of, in a space."""

    space: Space
    codes: np.ndarray  # (N, d)
    start: np.ndarray  # (N, D) what is moved

    def moved(self, vectors: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """(N, P, H, W, 3) uint8: moved by (N, P) lengths along (N, d) vectors, or one (d,) for all."""
        lifted = np.stack([self.space.lift(vector) for vector in np.atleast_2d(vectors)])
        moved = self.start[:, None] + lengths[:, :, None] * lifted[:, None]
        images = self.space.render(moved.reshape(-1, self.start.shape[1]).astype(np.float32))
        return images.reshape(*lengths.shape, *images.shape[1:])


def unseen(name: str, render: Renderer, count: int) -> Unseen:
    """The first `count` of these faces in the space of a name."""
    network, space = render.generator, open_space(name, render, PSI)
    seeds = np.arange(FIRST, FIRST + count)
    w = mapped(drawn(seeds, network.z_dim), network, PSI)
    known = MeasuredFaces(seeds, w, {}, network.sha256, PSI, {})
    codes = space.codes(known)
    return Unseen(space, codes, space.start(codes, known, np.arange(count)))


def edits(
    direction: Direction,
    render: Renderer,
    values: np.ndarray,
    absolute: bool,
    tools: Instruments,
) -> dict[str, Any]:
    """New faces moved to values, or by amounts if not `absolute`: by the mean curve and by looking.

    Each {"slope" of what was reached on what was asked, "median_error" in the attribute's unit, both with intervals};
    "reachable": share of the asked values that lie in what the face can reach, on which the errors by looking are.
    """
    faces = unseen(direction.space, render, EDITED)
    codes, start, space = faces.codes, faces.start, faces.space
    name = direction.attribute
    before = tools.measure(space.render(start))[name].astype(np.float64)[:, None]
    asked = np.tile(values, (EDITED, 1)) if absolute else before + values
    base = 0.0 if absolute else before
    lengths = np.stack([direction.length_to(codes, column) for column in asked.T], axis=1)
    images = faces.moved(direction.vector, lengths)
    by_curve = tools.measure(images.reshape(-1, *images.shape[2:]))[name].reshape(asked.shape)
    aimed = aim_along(direction, space, codes, start, asked, tools.measure)
    inside = (aimed.reach[:, :1] <= asked) & (asked <= aimed.reach[:, 1:])
    return {
        "by_curve": _agreement(asked - base, by_curve - base),
        "by_looking": _agreement(asked - base, np.where(inside, aimed.measured - base, np.nan)),
        "reachable": float(inside.mean()),
        "reach": np.nanmedian(np.where(np.isfinite(aimed.reach), aimed.reach, np.nan), axis=0).tolist(),
    }


def _agreement(asked: np.ndarray, got: np.ndarray) -> dict[str, Any]:
    """Slope and median error of (faces, values), with intervals over faces."""
    pairs = np.stack([asked, got], axis=2)
    pairs = pairs[np.isfinite(pairs).all(axis=2).any(axis=1)]
    return {
        "slope": _slope(pairs),
        "slope_95": bootstrap_interval(pairs, _slope),
        "median_error": _error(pairs),
        "median_error_95": bootstrap_interval(pairs, _error),
        "measured": float(np.isfinite(got).mean()),
    }


def _slope(pairs: np.ndarray) -> float:
    asked, got = pairs[np.isfinite(pairs).all(axis=2)].T
    return float(np.polyfit(asked, got, 1)[0]) if len(asked) > 1 else float("nan")


def _error(pairs: np.ndarray) -> float:
    asked, got = pairs[np.isfinite(pairs).all(axis=2)].T
    return float(np.median(np.abs(got - asked))) if len(asked) else float("nan")
