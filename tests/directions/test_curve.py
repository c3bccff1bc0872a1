"""The curve between scores and values."""

import numpy as np
import pytest

from directions.curve import Curve, rising_curve

SCORES = np.array([-3.0, -1, 0, 1, 3])


def test_value_and_score_are_inverse_everywhere():
    curve = Curve(SCORES, np.array([-30.0, -20, 0, 15, 30]))
    x = np.linspace(-6, 6, 50)
    np.testing.assert_allclose(curve.score(curve.value(x)), x, atol=1e-12)
    np.testing.assert_allclose(curve.value(SCORES), curve.values)
    assert curve.slope == 10


def test_beyond_the_knots_it_goes_on_with_the_mean_slope():
    curve = Curve(SCORES, np.array([-30.0, -29, 0, 29, 30]))
    assert curve.value(np.array(4.0)) == pytest.approx(40)
    assert curve.score(np.array(-50.0)) == pytest.approx(-5)


def test_ends_that_do_not_rise_are_cut_off():
    curve = rising_curve(np.arange(7.0), np.array([0.5, 0.4, 2, 4, 6, 8, 8.01]))
    assert curve is not None
    np.testing.assert_array_equal(curve.scores, [1, 2, 3, 4, 5])
    whole = rising_curve(np.arange(7.0), np.arange(7.0) ** 1.2)
    assert whole is not None and len(whole.scores) == 7


@pytest.mark.parametrize("values", [[0, 0, 0, 0], [3, 2, 1, 0], [0, 1, 1, 2], [0, np.nan, np.nan, 1]])
def test_values_that_do_not_rise_in_the_middle_give_no_curve(values: list[float]):
    assert rising_curve(np.arange(4.0), np.array(values, float)) is None


def test_knots_that_do_not_rise_are_refused():
    with pytest.raises(ValueError, match="have to rise"):
        Curve(np.array([0.0, 1, 1]), np.array([0.0, 1, 2]))
