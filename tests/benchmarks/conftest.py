"""Yaw in the plain world, with nothing held fixed and with all else."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.edits import Unseen
from benchmarks.turning import CONDITIONAL, PLAIN
from directions.fitting import fit_direction
from directions.spaces import in_w
from directions.vectors import edit_vector
from tests.directions.conftest import PlainWorld


@pytest.fixture(scope="module")
def world():
    """(the world, 600 faces, both directions of yaw, 40 of the faces to turn)."""
    plain = PlainWorld()
    sample = plain.faces(600)
    direction = fit_direction(sample, "yaw", plain.tools, keep=[], way="covariance")[0]
    held = np.stack([slope for name, slope in plain.slopes.items() if name != "yaw"])
    conditional = replace(direction, vector=edit_vector(sample.w, direction.normal, held)[0])
    codes = sample.w[:40]
    ways = {PLAIN: direction, CONDITIONAL: conditional}
    return plain, sample, ways, Unseen(in_w(sample, plain.render).space, codes, codes)
