"""What turning a face leaves as it is: two parts of benchmarks.directions.

`kept`: is the hair still the same, and is it more so than after a random step of equal length in the same space, or of
equal effect on the picture?
`leaks`: does it help to hold all else fixed, as directions.fit does unless told otherwise (`--keep ""`)?

For `kept` every face begins SIDE degrees to the side where it looks and ends as far to the other: the whole of what
edits of yaw are asked for. For `leaks` faces turn from where they look towards the front and past it; as they turn to
both sides, what is the same to either side is no leak.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.edits import FIRST, Unseen
from directions.attributes import MEASURED, OF_HAIR
from directions.calibrate import centred
from directions.direction import Direction
from directions.instruments import Columns, Instruments
from directions.likeness import DESCRIPTORS
from directions.linear import bootstrap_interval
from directions.report import aligned
from synth.heads import Head, render_poses

TURNED = 256  # faces
TURNS = (10.0, 20.0, 30.0)  # degrees, for leaks
SIDE = 30.0  # degrees
FROM_SIDE = (10.0, 20.0, 30.0, 45.0, 60.0)  # degrees, for what is kept
REACH = 35.0  # degrees to either side that rendered heads look
RANDOM_SEED = 0
TURN, RANDOM, LIKELY, VISIBLE = "turn", "random", "random, likely", "random, as visible"
STEPS = (RANDOM, LIKELY, VISIBLE)
SCALES = np.arange(1, 11) / 10  # of the way from one face to another, of which the one as visible is taken
PLAIN, CONDITIONAL = "plain", "conditional"
Figures = dict[str, Any]


def lengths_of_turns(direction: Direction, codes: np.ndarray) -> np.ndarray:
    """(N, 1 + turns) lengths along the direction: 0, then those that turn (N, d) faces by TURNS.

    Each face turns to the side away from where it looks.
    """
    estimate = direction.estimate(codes)
    side = np.where(estimate > 0, -1.0, 1.0)
    turned = [direction.length_to(codes, estimate + side * turn) for turn in TURNS]
    return np.stack([np.zeros(len(codes)), *turned], axis=1)


def at_the_side(direction: Direction, faces: Unseen) -> tuple[Unseen, np.ndarray]:
    """Faces turned SIDE degrees to where they look; (N, 1 + turns) lengths that turn them from there by FROM_SIDE."""
    side = np.where(direction.estimate(faces.codes) > 0, 1.0, -1.0)
    there = direction.length_to(faces.codes, side * SIDE)[:, None]
    vector, lifted = direction.vector, faces.space.lift(direction.vector)
    begun = replace(faces, codes=faces.codes + there * vector, start=faces.start + there * lifted)
    turned = [direction.length_to(begun.codes, side * (SIDE - turn)) for turn in FROM_SIDE]
    return begun, np.stack([np.zeros(len(side)), *turned], axis=1)


def kept(direction: Direction, faces: Unseen, tools: Instruments) -> Figures:
    """How alike faces stay when turned (TURN) from one side to the other, and when moved as far at random.

    RANDOM steps go anywhere in the space, LIKELY ones as from one face to another, both as long as the turn; VISIBLE
    ones are likely too, and so long that they change as much of the picture. {"measured": degrees turned; "pixels":
    {way: that change, RMS of grey levels}; descriptor: {way: cosine to the start for every turn, "gain over" a random
    way: that of turning, face by face, "strangers": cosine between different faces}}, cosines with their intervals.
    """
    faces, lengths = at_the_side(direction, faces)
    anywhere = np.random.RandomState(RANDOM_SEED).randn(*faces.codes.shape)
    towards = np.roll(faces.codes, 1, axis=0) - np.roll(faces.codes, 2, axis=0)
    turned = faces.moved(direction.vector, lengths)
    pictures = {TURN: turned[:, 1:]}
    pictures |= {
        way: faces.moved(steps / np.linalg.norm(steps, axis=1, keepdims=True), lengths[:, 1:])
        for way, steps in ((RANDOM, anywhere), (LIKELY, towards))
    }
    tried = faces.moved(towards, np.tile(SCALES, (len(towards), 1)))
    wanted, there = (_change(turned[:, :1], images) for images in (pictures[TURN], tried))
    nearest = np.abs(there[:, None] - wanted[:, :, None]).argmin(axis=2)  # (N, turns)
    pictures[VISIBLE] = tried[np.arange(len(tried))[:, None], nearest]
    start = tools.describe(turned[:, 0])
    cosines = {way: _cosines(start, images, tools.describe) for way, images in pictures.items()}
    found: Figures = {
        "faces": len(faces.codes),
        "turns": FROM_SIDE,
        "measured": _degrees(_measured(turned, tools)["yaw"]),
    }
    found["pixels"] = {way: _change(turned[:, :1], images).mean(axis=0) for way, images in pictures.items()}
    for name in DESCRIPTORS:
        columns = {way: cosines[way][name] for way in pictures}
        columns |= {f"gain over {way}": columns[TURN] - columns[way] for way in STEPS}
        found[name] = {what: [_mean(one) for one in column.T] for what, column in columns.items()}
        found[name]["strangers"] = float((start[name] * np.roll(start[name], 1, axis=0)).sum(axis=1).mean())
    return found


def truly_turned(heads: int, size: int, describe: Callable[[np.ndarray], Columns]) -> Figures:
    """{descriptor: cosine to the start for every turn} of rendered heads that turn likewise: no edit can do better."""
    images = []
    for seed in range(FIRST, FIRST + heads):
        side = 1.0 if seed % 2 else -1.0
        poses = [(side * (SIDE - turn), 0.0) for turn in (0.0, *FROM_SIDE)]
        images.append(np.stack([picture.image for picture in render_poses(Head.sample(seed), poses, size)]))
    pictures = np.stack(images)
    cosines = _cosines(describe(pictures[:, 0]), pictures[:, 1:], describe)
    return {name: [_mean(one) for one in cosines[name].T] for name in DESCRIPTORS}


def leaks(ways: dict[str, Direction], faces: Unseen, sd: dict[str, float], tools: Instruments) -> Figures:
    """What else changes when faces are turned: PLAIN, with nothing held fixed, and CONDITIONAL, with all else.

    {"leaks": {attribute, "all", "all of hair"}, descriptor: one for every turn}, each as `_compared`. The leak into an
    attribute is its slope within faces on the yaw that was measured, so the effect is equal, SD per SD (`sd`: of all
    faces); "all" are root mean squares without the noise of their slopes. Descriptors: cosines to the start at equal
    turns ("measured": how far).
    """
    others = [name for name in MEASURED if name != "yaw"]
    sums, cosines, measured = [], [], {}
    for way in (PLAIN, CONDITIONAL):
        images = faces.moved(ways[way].vector, lengths_of_turns(ways[way], faces.codes))
        columns = _measured(images, tools)
        measured[way] = _degrees(columns["yaw"])
        sums.append(np.stack([_sums(columns["yaw"] / sd["yaw"], columns[name] / sd[name]) for name in others], axis=1))
        cosines.append(_cosines(tools.describe(images[:, 0]), images[:, 1:], tools.describe))
    both = np.stack(sums, axis=1)  # (N, 2, attributes, 2)
    known = [k for k in range(len(others)) if both[..., k, 1].sum(axis=0).all()]
    found: Figures = {"faces": len(faces.codes), "turns": TURNS, "measured": measured}
    found["leaks"] = {others[k]: _compared(both[:, :, k], _leak) for k in known}
    halves = np.moveaxis(both[: len(both) // 2 * 2].reshape(-1, 2, *both.shape[1:]), 1, 2)
    twice = [k for k in known if halves[..., k, 1].sum(axis=0).all()]  # known in either half, by either way
    for name, members in (("all", twice), ("all of hair", [k for k in twice if others[k] in OF_HAIR])):
        if members:
            found["leaks"][name] = _compared(halves[:, :, :, members], _root_mean_square)
    for name in DESCRIPTORS:
        couples = np.stack([one[name] for one in cosines], axis=1)  # (N, 2, turns)
        found[name] = [_compared(couples[..., k], np.mean) for k in range(len(TURNS))]
    return found


def verdict(compared: Figures, more_is_better: bool) -> str:
    """Of the conditional direction against the plain one: beyond doubt only where the interval leaves out 0."""
    low, high = compared["difference_95"] if more_is_better else [-bound for bound in compared["difference_95"][::-1]]
    return "better" if low > 0 else "worse" if high < 0 else "not worse"


def shown_kept(found: Figures) -> str:
    """A line for every descriptor and turn."""
    ways, gains = (TURN, *STEPS), tuple(f"gain over {way}" for way in STEPS)
    rows = [["cosine to the start", "asked, measured", *ways, *gains]]
    for name in DESCRIPTORS:
        for k, turn in enumerate(found["turns"]):
            figures = [with_interval(found[name][what][k]) for what in (*ways, *gains)]
            degrees = f"{turn:g}, {found['measured'][k]:.1f} deg"
            rows.append([f"{name} (strangers {found[name]['strangers']:.2f})", degrees, *figures])
    for k, turn in enumerate(found["turns"]):
        changes = [f"{found['pixels'][way][k]:.1f}" for way in ways]
        rows.append(["grey levels, RMS", f"{turn:g} deg", *changes, *[""] * len(gains)])
    return aligned(rows)


def shown_leaks(found: Figures) -> str:
    """A line for every attribute, and for every descriptor and turn."""
    rows = [["per SD of yaw", PLAIN, CONDITIONAL, "difference of amounts", "conditional is"]]
    measured = [", ".join(f"{degrees:.1f}" for degrees in found["measured"][way]) for way in (PLAIN, CONDITIONAL)]
    rows.append([f"degrees measured, asked {', '.join(f'{turn:g}' for turn in found['turns'])}", *measured, "", ""])
    for name, compared in found["leaks"].items():
        rows.append([name, *_row(compared), verdict(compared, False)])
    for name in DESCRIPTORS:
        for turn, compared in zip(found["turns"], found[name], strict=True):
            rows.append([f"{name}, cosine over {turn:g} deg", *_row(compared), verdict(compared, True)])
    return aligned(rows)


def with_interval(figures: Figures, name: str = "mean") -> str:
    """0.983 (0.981-0.985); with "to" where a bound has a sign."""
    low, high = figures[f"{name}_95"]
    return f"{figures[name]:.3f} ({low:.3f}{'-' if low >= 0 else ' to '}{high:.3f})"


def _row(compared: Figures) -> list[str]:
    return [with_interval(compared, what) for what in (PLAIN, CONDITIONAL, "difference")]


def _measured(images: np.ndarray, tools: Instruments) -> Columns:
    """(N, P, H, W, 3) -> {attribute: (N, P)}."""
    columns = tools.measure(images.reshape(-1, *images.shape[2:]))
    return {name: column.reshape(images.shape[:2]).astype(np.float64) for name, column in columns.items()}


def _cosines(start: Columns, images: np.ndarray, describe: Callable[[np.ndarray], Columns]) -> Columns:
    """Descriptors (N, D) of the start and pictures (N, P, H, W, 3) -> {descriptor: (N, P)}."""
    after = describe(images.reshape(-1, *images.shape[2:]))
    return {
        name: np.einsum("nd,npd->np", start[name], after[name].reshape(*images.shape[:2], -1)) for name in DESCRIPTORS
    }


def _change(start: np.ndarray, images: np.ndarray) -> np.ndarray:
    """(N, 1, H, W, 3) and (N, P, H, W, 3) uint8 -> (N, P) RMS of the difference, grey levels."""
    couples = zip(start, images, strict=True)
    squares = [np.square(after.astype(np.float32) - before).mean(axis=(1, 2, 3)) for before, after in couples]
    return np.sqrt(np.stack(squares))


def _degrees(yaw: np.ndarray) -> list[float]:
    """(N, 1 + turns) measured -> mean degrees of every turn."""
    return np.nanmean(np.abs(yaw[:, 1:] - yaw[:, :1]), axis=0).tolist()


def _sums(yaw: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(N, P) each -> (N, 2): of products and of squares of yaw, within faces; their ratio is a slope."""
    known = np.isfinite(yaw) & np.isfinite(values)
    x, y = (centred(part, known) for part in (yaw, values))
    return np.stack([(x * y).sum(axis=1), (x * x).sum(axis=1)], axis=1)


def _leak(sums: np.ndarray) -> float:
    """(N, 2) -> the slope."""
    products, squares = sums.sum(axis=0)
    return float(products / squares)


def _root_mean_square(sums: np.ndarray) -> float:
    """(N / 2, 2, attributes, 2) -> of the attributes' slopes.

    A slope of half of the faces times that of the other half: slopes that are nothing but noise give 0 on average,
    where their squares would count it, and the interval once more.
    """
    products, squares = np.moveaxis(sums.sum(axis=0), -1, 0)
    known = squares.all(axis=0)  # of a resample, in which a rarely measured attribute may be missing
    return float(np.sqrt(np.maximum(0.0, np.prod(products[:, known] / squares[:, known], axis=0).mean())))


def _compared(couples: np.ndarray, statistic: Callable[[np.ndarray], float]) -> Figures:
    """(N, 2, ...) of the same faces PLAIN and CONDITIONAL -> both figures and the difference of their amounts."""

    def difference(part: np.ndarray) -> float:
        return abs(statistic(part[:, 1])) - abs(statistic(part[:, 0]))

    found: Figures = {"difference": difference(couples), "difference_95": bootstrap_interval(couples, difference)}
    for k, way in enumerate((PLAIN, CONDITIONAL)):
        found |= {way: float(statistic(couples[:, k])), f"{way}_95": bootstrap_interval(couples[:, k], statistic)}
    return found


def _mean(values: np.ndarray) -> Figures:
    return {"mean": float(values.mean()), "mean_95": bootstrap_interval(values)}
