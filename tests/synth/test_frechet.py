"""The Frechet distance of distributions whose distance is known."""

import numpy as np
import pytest

from synth.frechet import frechet


def test_the_frechet_distance_of_known_distributions():
    random = np.random.RandomState(0)
    a = random.randn(200_000, 3)
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)
    # means 2 apart: 4; standard deviations 1 and 3 on one axis: (3 - 1)^2
    assert frechet(a, a + [2, 0, 0]) == pytest.approx(4, rel=1e-6)
    assert frechet(a, random.randn(200_000, 3) * [1, 3, 1]) == pytest.approx(4, rel=0.05)


def test_fewer_pictures_than_features_have_a_distance_too():
    random = np.random.RandomState(0)
    a, b = random.randn(20, 64), random.randn(30, 64) + 1
    assert 64 < frechet(a, b) < 64 + 2 * 64 and frechet(a, b) == pytest.approx(frechet(b, a), rel=1e-6)
