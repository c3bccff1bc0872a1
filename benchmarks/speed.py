"""How long fits take on as many codes as a StyleGAN2 of 1024 px asks for: a part of benchmarks.directions.

Every attribute is linear in the codes, and noisy. Pictures are the codes themselves and are measured by the same linear
functions, so the time is that of fitting alone: rendering and measuring 48 faces in seven places for each of three
vectors comes on top, and depends on the generator.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from directions.attributes import MEASURED
from directions.fitting import fit_direction
from directions.instruments import Instruments
from directions.likeness import DESCRIPTORS
from directions.linear import fit_linear, held_out
from directions.measured import MeasuredFaces

CODES, WIDTH = 100_000, 512
NOISE = 0.7  # SD of an attribute
GREY = 5  # one face in so many has hair without a hue, as in the built-in generator's world


def fit_codes(codes: int = CODES, width: int = WIDTH) -> dict[str, Any]:
    """{"models": time of SVM and ridge of yaw, "direction": time of its whole fit, all other attributes held fixed}.

    Each {"wall", "cpu"} in seconds, beside the number of codes, their width, and the threads of matrix products.
    """
    faces, tools = linear_world(codes, width)
    threads = os.environ.get("OMP_NUM_THREADS", str(os.cpu_count()))
    models = seconds(lambda: fit_linear(faces.w, faces.columns["yaw"], held_out(faces.seeds), 0.0))
    direction = seconds(lambda: fit_direction(faces, "yaw", tools))
    return {"codes": codes, "width": width, "threads": threads, "models": models, "direction": direction}


def linear_world(codes: int, width: int) -> tuple[MeasuredFaces, Instruments]:
    """Measured faces whose attributes are linear but for noise, and what renders and measures codes (N, width)."""
    random = np.random.RandomState(0)
    w = random.randn(codes, width).astype(np.float32) * np.logspace(0, -1.5, width, dtype=np.float32)
    slopes = {name: random.randn(width).astype(np.float32) for name in MEASURED}
    slopes = {name: slope / (w @ slope).std() for name, slope in slopes.items()}
    columns = {name: w @ slope + NOISE * random.randn(codes).astype(np.float32) for name, slope in slopes.items()}
    columns["hair_hue"][::GREY] = np.nan

    def measure(pictures: np.ndarray) -> dict[str, np.ndarray]:
        return {name: pictures @ slope for name, slope in slopes.items()}

    def describe(pictures: np.ndarray) -> dict[str, np.ndarray]:
        return dict.fromkeys(DESCRIPTORS, pictures / np.linalg.norm(pictures, axis=1, keepdims=True))

    faces = MeasuredFaces(np.arange(codes), w, columns, "", 1.0, {})
    return faces, Instruments(lambda moved: moved, measure, describe)


def seconds(work: Callable[[], Any]) -> dict[str, float]:
    """{"wall", "cpu": of all threads of this process}."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
