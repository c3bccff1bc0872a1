"""CIELAB of colours that tables know."""

import numpy as np
import pytest

from directions.colour import cielab


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((0, 0, 0), (0, 0, 0)),
        ((255, 255, 255), (100, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0, 0)),
        ((2, 2, 2), (0.55, 0, 0)),
    ],
)
def test_known_colours(rgb: tuple, lab: tuple):
    np.testing.assert_allclose(cielab(np.array([[rgb]], np.uint8))[0, 0], lab, atol=0.06)
