"""Edits that look: in worlds where the attribute is a known function of one coordinate."""

import numpy as np

from directions.aim import aim

D = 3


def reached(response, start: np.ndarray, wanted: list[float]):
    """Aims along the first axis, whose coordinate is the score; a picture is that coordinate, in float64."""

    def render(codes: np.ndarray) -> np.ndarray:
        return codes[:, 0].astype(np.float64)

    def measure(pictures: np.ndarray) -> dict[str, np.ndarray]:
        return {"length": response(pictures)}

    goals = np.tile(np.array(wanted), (len(start), 1))
    return aim(start, start[:, 0], 1.0, np.eye(D)[0], (-3.0, 3.0), goals, 5.0, "length", render, measure)


def starts() -> np.ndarray:
    return np.array([[-1.0, 0, 0], [2.0, 0, 0]])


def test_asked_values_are_reached_where_the_response_is_smooth():
    found = reached(lambda x: 10 * np.tanh(x), starts(), [-5.0, 0.0, 9.0])
    np.testing.assert_allclose(found.measured, np.tile([-5.0, 0.0, 9.0], (2, 1)), atol=0.2)
    np.testing.assert_allclose(starts()[:, :1] + found.lengths, np.tile(np.arctanh([-0.5, 0, 0.9]), (2, 1)), atol=0.05)


def test_steps_give_the_nearest_value_there_is_and_the_reach_says_how_far_it_goes():
    found = reached(lambda x: np.where(x > 1, 40.0, 20.0), starts(), [20.0, 28.0, 60.0])
    np.testing.assert_array_equal(found.measured, [[20, 20, 40], [20, 20, 40]])
    np.testing.assert_array_equal(found.reach, [[20, 40], [20, 40]])
    assert found.lengths[0, 0] == 0


def test_what_cannot_be_measured_is_left_out():
    found = reached(lambda x: np.where(np.abs(x) < 2, 10 * x, np.nan), starts()[:1], [5.0, 30.0])
    assert abs(found.measured[0, 0] - 5) < 0.3 and found.measured[0, 1] <= 20
    assert np.isfinite(found.reach).all()


def test_a_face_on_which_nothing_can_be_measured_stays_where_it_is():
    found = reached(lambda x: np.full_like(x, np.nan), starts(), [5.0, 30.0])
    assert np.isnan(found.measured).all() and not np.isfinite(found.reach).any()
    np.testing.assert_array_equal(found.lengths, 0)
