"""Moves a face along a latent direction: `python -m directions.edit --seed 7 --attribute yaw --to -30,-15,0,15,30`.

Edits are in the attribute's unit, for the direction carries its measured step.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from data.command import run
from data.files import check_file_place, check_not_among, write_json
from data.images import check_image_path, write_image
from directions.aim import aim_along
from directions.attributes import DECIMALS, MEASURED
from directions.direction import BUILTIN, Direction, load_of
from directions.measured import MeasuredFaces
from directions.pictures import caption, strip
from directions.render import Renderer
from directions.scorer import Measurer, Scorer
from directions.spaces import drawn, layers_of, mapped, open_space
from synth import load_generator
from synth.seeds import check_psi

MOST_STEPS = 100  # pictures in a strip


def main(
    *,
    seed: int,
    attribute: str,
    to: str | None = None,
    by: str | None = None,
    generator: str = "builtin",
    directions: str = "builtin",
    parser: str = "builtin",
    pose: str = "builtin",
    own: str = "",
    search: bool = True,
    psi: float = 0.7,
    out: Path = Path("strip.png"),
    device: str | None = None,
) -> None:
    """Shows one face at several values of an attribute, and measures what came out.

    The face is moved along the direction, rendered and measured until the asked value is reached; with --search false
    it goes where the direction's mean curve from a linear score to the value says. --to moves to absolute values, --by
    by amounts. Writes a strip of pictures, and the figures as JSON beside it.

    Args:
        seed: of the face
        attribute: name of a direction; shipped are yaw, pitch, hair_length, hair_volume and hair_lightness
        to: values to move to, in the attribute's unit, with commas between them: -30,-15,0,15,30 degrees
        by: amounts to move by, in the attribute's unit, instead of --to
        generator: "builtin" or a checkpoint
        directions: "builtin" or a folder that directions.fit has written
        parser: "builtin" or the path of a face parser, for measuring
        pose: "builtin", the path of a pose network, or "mtcnn": facenet-pytorch's detector; for measuring
        own: Python files with attributes of one's own, with commas between them (see directions/own.py)
        search: move, render and measure until the value is reached; false: go where the direction's mean curve says
        psi: truncation of the face towards the mean: 1 none, 0 the mean face; -2 to 2
        out: picture to write, .png, .jpg or .webp
        device: cpu or cuda; None: cuda if there is one
    """
    if to is None and by is None:
        raise ValueError("neither --to nor --by is given: give exactly one of them, such as --to -15,0,15")
    if to is not None and by is not None:
        raise ValueError("--to and --by exclude each other: give exactly one of them")
    flag, text = ("--to", to) if to is not None else ("--by", by)
    values = parse_values(text or "", flag)
    check_psi(psi)
    check_image_path(out, "--out")
    figures_path = out.with_suffix(".json")
    for path in (out, figures_path):
        check_file_place(path)
    if directions != "builtin":
        check_not_among([figures_path], Path(directions).glob("*.json"))
    scorer = Scorer(parser, pose, own=own)
    if attribute not in MEASURED:
        raise ValueError(f"--attribute is {attribute!r}, but it is one of {', '.join(MEASURED)}")
    network = load_generator(generator, device)
    direction = load_named(attribute, directions, network)
    space = open_space(direction.space, Renderer(network), psi)
    face = seeded(seed, network, psi)
    code = space.codes(face)
    begin = space.start(code, face, np.arange(1))
    measure = Measurer(scorer, device)
    estimate = float(direction.estimate(code)[0])
    present = float(measure(space.render(begin))[attribute][0])
    start = present if search and np.isfinite(present) else estimate
    wanted = values if to is not None else start + values
    check_reach(wanted, direction, flag, text or "", start)
    if search:
        aimed = aim_along(direction, space, code, begin, wanted[None], measure)
        lengths, (low, high) = aimed.lengths[0], aimed.reach[0]
    else:
        lengths, (low, high) = direction.length_to(code, wanted), direction.curve.values[[0, -1]]
    images = space.render((begin + lengths[:, None] * space.lift(direction.vector)).astype(np.float32))
    measured = measure(images)[attribute]
    captions = [asked(flag, value, caption(attribute, found)) for value, found in zip(values, measured, strict=True)]
    write_image(strip(images[None], [captions]), out)
    rows = []
    known = "measured" if search and np.isfinite(present) else "estimated"
    reach = f"edits of it reach from {low:.0f} to {high:.0f}"
    if not np.isfinite([low, high]).all():
        low, high, reach = None, None, "nothing could be measured on any edit of it, so it was not moved"
    print(f"seed {seed} has {known} {caption(attribute, start)}; {reach}")
    for value, goal, found in zip(values, wanted, measured, strict=True):
        note = "" if low is None or low <= goal <= high else "   beyond the reach"
        print(f"{flag[2:]} {value:+.{DECIMALS}f}  ->  measured {caption(attribute, found)}{note}")
        rows.append({"to": goal, "by": goal - start, "measured": found})
    figures = {"seed": seed, "psi": psi, "attribute": attribute, "unit": direction.unit, "estimated": estimate}
    figures |= {"measured": present, "search": search, "reach": [low, high], "pictures": rows}
    write_json(figures_path, figures)


def asked(flag: str, value: float, found: str) -> str:
    """What stands under a picture: the value as it was given, of --by with its sign, and what was found."""
    return f"{flag[2:]} {value:{'+' if flag == '--by' else ''}.{DECIMALS}f}: measured {found}"


def seeded(seed: int, generator: Any, psi: float) -> MeasuredFaces:
    """The face of a seed, nothing measured on it."""
    w = mapped(drawn(np.array([seed]), generator.z_dim), generator, psi)
    return MeasuredFaces(np.array([seed]), w, {}, generator.sha256, psi, {})


def edit(ws: torch.Tensor, direction: Direction, by: float | torch.Tensor) -> torch.Tensor:
    """Moves codes by an amount in the direction's attribute unit, from their estimated values; differentiable in `ws`.

    `ws` (N, w_dim) or (N, num_ws, w_dim), all layers moving alike, or those of the direction's space, such as W+0-3;
    for directions in other spaces (N, d) codes of theirs. `by` one number or (N,). The way back is `-by`.
    """
    moving = torch.ones(ws.shape[1:-1], device=ws.device)
    if direction.space.startswith("W+"):
        if ws.ndim != 3:
            raise ValueError(
                f"a direction in {direction.space} moves layers, and ws of shape {tuple(ws.shape)} has none"
            )
        first, last = layers_of(direction.space, ws.shape[1])
        moving[:first], moving[last + 1 :] = 0, 0
    rows = ws.detach().reshape(len(ws), -1, ws.shape[-1])
    w = (rows * moving.reshape(1, -1, 1)).sum(dim=1).div(moving.sum()).cpu().numpy()
    amount = torch.as_tensor(by).detach().cpu().numpy().astype(np.float64)
    lengths = torch.as_tensor(direction.length_to(w, direction.estimate(w) + amount)).to(ws)
    steps = lengths.reshape(-1, *[1] * (ws.ndim - 1)) * torch.as_tensor(direction.vector).to(ws)
    return ws + moving.unsqueeze(-1).to(ws) * steps


def check_reach(wanted: np.ndarray, direction: Direction, flag: str, text: str, start: float) -> None:
    """ValueError when a wanted value lies further outside the direction's reach than the reach is wide: no face there.

    `flag` and its `text` are what the user gave, `start` the estimated value of the face.
    """
    low, high = direction.curve.values[[0, -1]]
    width = high - low
    if wanted.min() < low - width or wanted.max() > high + width:
        name, unit = direction.attribute, direction.unit
        allowed = np.array([low - width, high + width]) - (0 if flag == "--to" else start)
        raise ValueError(
            f"{flag} is {text}, but edits of {name} reach from {low:.0f} to {high:.0f} {unit} and far beyond that "
            f"there are no faces: give values from {np.ceil(allowed[0]):.0f} to {np.floor(allowed[1]):.0f}"
        )


def load_named(attribute: str, directions: str, generator: Any) -> Direction:
    """The direction of an attribute among the shipped ones ("builtin") or in a folder."""
    if not re.fullmatch(r"\w+", attribute):
        raise ValueError(f"--attribute is {attribute!r}, but it is a name such as yaw or hair_length")
    return load_of(
        (BUILTIN if directions == "builtin" else Path(directions)) / f"{attribute}.json", attribute, generator
    )


def parse_values(text: str, flag: str) -> np.ndarray:
    """Text such as -30,0,30 -> (N,) float64; ValueError naming the flag."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = [math.nan]
    if not all(map(math.isfinite, values)) or len(values) > MOST_STEPS:
        raise ValueError(f"{flag} is {text!r}, but it takes 1 to {MOST_STEPS} numbers such as -15,0,15")
    return np.array(values)


if __name__ == "__main__":
    run(main)
