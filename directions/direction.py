"""A latent direction as a JSON file: the edit vector, its calibrated step and where all of it comes from."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from data.files import read_json, write_json
from data.weights import WEIGHTS
from directions.curve import Curve

BUILTIN = WEIGHTS / "directions"
SPACES = r"Z|W|S|W\+\d{1,2}-\d{1,2}|[a-z]\w*"  # the last: of encoders from elsewhere


class HasSha256(Protocol):
    """A generator, as far as a direction needs to know it: the sha256 of its file tells whose directions fit."""

    @property
    def sha256(self) -> str: ...

    @property
    def w_dim(self) -> int: ...

    @property
    def z_dim(self) -> int: ...


@dataclass(frozen=True, eq=False)
class Direction:
    """How one attribute changes in the latent space of one generator.

    Moving w by `vector` * t changes the attribute by `step` * t units, on average; `curve` says it more exactly, as the
    value at every score `ridge` @ w + `ridge_intercept`, a linear regression. The sign of `normal` @ w + `intercept`
    says on which side of `threshold` a sample lies.
    """

    attribute: str
    unit: str
    space: str  # of directions.spaces; "W": one vector for all layers, "W+0-3": for these
    vector: np.ndarray  # (d,) float64, unit length, d that of the space; figures["way"] says how it was made
    step: float  # attribute units per unit length along `vector`, measured on re-rendered samples
    curve: Curve  # from score to value, measured on re-rendered samples; its ends are the reach of edits
    normal: np.ndarray  # (d,) float64, of the linear SVM, not normalised
    intercept: float
    threshold: float  # attribute units: where the SVM splits the samples
    ridge: np.ndarray  # (d,) float64, score per unit of w; scores are values as far as w is linear
    ridge_intercept: float
    sd: float  # attribute units, of all samples
    value_range: tuple[float, float]  # attribute units: percentiles 1 and 99 of all samples
    accuracy: float  # of the SVM on ALL held-out samples
    balanced_accuracy: float
    n: int  # samples with a measured value, training and held-out
    generator: str  # sha256
    psi: float  # of the samples
    seeds: str  # lowest and highest of the samples: "0-4095"
    scorer: dict[str, Any]  # what measured the attribute
    figures: dict[str, Any]  # all else that is reported

    def score(self, w: np.ndarray) -> np.ndarray:
        """(N, w_dim) -> (N,) linear regression of the attribute."""
        return w.astype(np.float64) @ self.ridge + self.ridge_intercept

    def estimate(self, w: np.ndarray) -> np.ndarray:
        """(N, w_dim) -> (N,) estimated value: that of the curve at the score."""
        return self.curve.value(self.score(w))

    def length_to(self, w: np.ndarray, values: np.ndarray) -> np.ndarray:
        """(N, w_dim) and wanted values (N,) -> (N,) length along `vector` that leads there from the estimated value."""
        return (self.curve.score(values) - self.score(w)) / float(self.ridge @ self.vector)


_VECTORS = ("vector", "normal", "ridge")
_NUMBERS = ("step", "intercept", "threshold", "ridge_intercept", "sd", "accuracy", "balanced_accuracy", "psi")


def save_direction(direction: Direction, path: str | Path) -> None:
    """Writes the JSON file."""
    content = {field.name: getattr(direction, field.name) for field in dataclasses.fields(direction)}
    content["curve"] = {"scores": direction.curve.scores, "values": direction.curve.values}
    write_json(path, content)


def fingerprint(direction: Direction) -> str:
    """sha256 of all that decides where edits lead."""
    digest = hashlib.sha256()
    for array in (direction.vector, direction.ridge, direction.curve.scores, direction.curve.values):
        digest.update(np.append(array, direction.ridge_intercept).tobytes())
    return digest.hexdigest()


def load_direction(path_or_name: str | Path, generator: HasSha256) -> Direction:
    """A direction from its JSON file, or a shipped one by the name of its attribute ("yaw").

    ValueError for a file that is no direction, or one of another generator.
    """
    name = str(path_or_name)
    path = BUILTIN / f"{name}.json" if re.fullmatch(r"\w+", name) else Path(path_or_name)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: make it with `python -m directions.fit` or give another path")
    direction = _read(path)
    if direction.generator != generator.sha256:
        raise ValueError(
            f"{path} belongs to the generator {direction.generator[:12]}, not to {generator.sha256[:12]}: "
            "fit directions for this generator with `python -m directions.fit`"
        )
    widths = {"W": generator.w_dim, "Z": generator.z_dim}  # S and encoders' codes are told apart by their spaces
    width = widths.get(direction.space[0], len(direction.vector))
    if len(direction.vector) != width:
        raise ValueError(f"{path} has {len(direction.vector)} dimensions, the generator {width}: fit it anew")
    return direction


def load_of(path: Path, attribute: str, generator: HasSha256) -> Direction:
    """The direction of this attribute from its JSON file; ValueError as in load_direction, or when it moves another."""
    direction = load_direction(path, generator)
    if direction.attribute != attribute:
        raise ValueError(f"{path} moves {direction.attribute}, not {attribute}: give the file of its own name")
    return direction


def load_directions(folder: str | Path, generator: HasSha256) -> dict[str, Direction]:
    """{attribute: direction} of all directions in a folder; "builtin" means the shipped ones."""
    folder = BUILTIN if str(folder) == "builtin" else Path(folder)
    paths = [path for path in sorted(folder.glob("*.json")) if not path.name.startswith(("report", "compare-"))]
    if not paths:
        raise FileNotFoundError(f"{folder} holds no directions: run `python -m directions.fit` first")
    return {direction.attribute: direction for direction in (load_direction(path, generator) for path in paths)}


def _read(path: Path) -> Direction:
    """The file's content with every field checked, so that nothing odd reaches the arithmetic."""
    content = read_json(path)
    names = {field.name for field in dataclasses.fields(Direction)}
    if not isinstance(content, dict) or set(content) != names:
        raise ValueError(f"{path} is not a direction: make it with `python -m directions.fit`")
    sizes = {len(content[name]) for name in _VECTORS if _numbers(content[name])}
    sound = (
        all(_numbers(content[name]) for name in _VECTORS)
        and len(sizes) == 1
        and _numbers(content["value_range"])
        and len(content["value_range"]) == 2
        and isinstance(content["curve"], dict)
        and set(content["curve"]) == {"scores", "values"}
        and all(_numbers(knots) for knots in content["curve"].values())
        and len(content["curve"]["scores"]) == len(content["curve"]["values"])
        and _numbers([content[name] for name in _NUMBERS])
        and isinstance(content["n"], int)
        and all(isinstance(content[name], str) for name in ("attribute", "unit", "generator", "seeds"))
        and isinstance(content["scorer"], dict)
        and isinstance(content["figures"], dict)
        and _rising(content["figures"].get("scores", [0.0, 1.0]))
        and isinstance(content["space"], str)
        and re.fullmatch(SPACES, content["space"]) is not None
    )
    damaged = f"{path} is a damaged direction: make it again with `python -m directions.fit`"
    if not sound or abs(math.hypot(*content["vector"]) - 1) > 1e-6:
        raise ValueError(damaged)
    read: dict[str, Any] = {name: np.array(content[name], np.float64) for name in _VECTORS}
    read["value_range"] = tuple(map(float, content["value_range"]))
    try:
        read["curve"] = Curve(*(np.array(content["curve"][name], np.float64) for name in ("scores", "values")))
    except ValueError as error:
        raise ValueError(damaged) from error
    if not min(content["step"], content["sd"], read["ridge"] @ read["vector"]) > 0:
        raise ValueError(damaged)
    return Direction(**(content | read))


def _rising(value: Any) -> bool:
    """Whether `value` is a list of two or more numbers, each above the one before."""
    return _numbers(value) and len(value) > 1 and bool((np.diff(value) > 0).all())


def _numbers(value: Any) -> bool:
    """Whether `value` is a list of finite numbers."""
    return isinstance(value, list) and all(
        isinstance(item, int | float) and not isinstance(item, bool) and math.isfinite(item) for item in value
    )
