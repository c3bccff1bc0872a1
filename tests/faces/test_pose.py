"""Yaw: its sign, its scale, what it does not depend on."""

import numpy as np

from faces.pose import yaw_from_points

FACE = np.array([[-31, 0, 0], [31, 0, 0], [0, 42, 37], [-25, 75, 8], [25, 75, 8]], np.float64)  # mm: right, down, front


def seen(yaw: float, roll: float = 0.0, scale: float = 1.0) -> np.ndarray:
    """The five points (1, 5, 2) of a head turned by `yaw` to image right, in an orthographic view."""
    y, r = np.radians([yaw, roll])
    x = FACE[:, 0] * np.cos(y) + FACE[:, 2] * np.sin(y)
    points = np.stack([x, FACE[:, 1]], -1)
    turn = np.array([[np.cos(r), -np.sin(r)], [np.sin(r), np.cos(r)]])
    return (points @ turn.T * scale + (300, 200))[None]


def test_yaw_is_positive_when_the_subject_turns_to_image_right():
    assert yaw_from_points(seen(30))[0] > 15 and yaw_from_points(seen(-30))[0] < -15
    assert abs(yaw_from_points(seen(0))[0]) < 1e-6


def test_yaw_grows_with_the_turn_and_stays_near_it():
    yaws = np.arange(-40, 41, 10)
    measured = np.concatenate([yaw_from_points(seen(yaw)) for yaw in yaws])
    assert (np.diff(measured) > 0).all() and np.abs(measured - yaws).max() < 12


def test_yaw_does_not_depend_on_scale_shift_or_roll():
    for roll, scale in ((0, 7), (25, 1), (-40, 0.1)):
        assert abs(yaw_from_points(seen(20, roll, scale) + 99)[0] - yaw_from_points(seen(20))[0]) < 1e-6


def test_missing_points_give_a_missing_yaw():
    points = np.concatenate([seen(10), np.full((1, 5, 2), np.nan)])
    assert np.isnan(yaw_from_points(points)).tolist() == [False, True]
