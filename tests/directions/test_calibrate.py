"""Calibration in a world whose pictures are plain: the brightness of their left and right half are the attributes."""

import numpy as np
import pytest

from directions.calibrate import calibrate

D, SIDE = 6, 8
TILT = np.array([3.0, 1, 0, 0, 0, 0])  # attribute units per unit of w, of "tilt"; "shade" is w[2] * 5
SD = {"tilt": 3.0, "shade": 5.0}


def render(w: np.ndarray) -> np.ndarray:
    """(N, D) -> (N, 8, 8, 3) uint8: grey 128 + 4 x attribute, tilt on the left, shade on the right."""
    images = np.zeros((len(w), SIDE, SIDE, 3), np.uint8)
    images[:, :, :4] = np.clip(128.5 + 4 * (w @ TILT), 0, 255)[:, None, None, None]
    images[:, :, 4:] = np.clip(128.5 + 4 * (w[:, 2] * 5), 0, 255)[:, None, None, None]
    return images


def measure(images: np.ndarray) -> dict[str, np.ndarray]:
    sides = {"tilt": images[:, 0, 0, 0], "shade": images[:, 0, -1, 0]}
    return {name: ((grey.astype(np.float32) - 128) / 4) for name, grey in sides.items()}


def codes(n: int = 40) -> np.ndarray:
    return (np.random.RandomState(0).randn(n, D) * 0.3).astype(np.float32)


def test_the_step_is_in_the_attributes_unit_whatever_was_expected():
    vector = np.eye(D)[0]
    for expected in (3.0, 1.0):
        found = calibrate(codes(), vector, "tilt", expected, SD, render, measure)
        assert found.step == pytest.approx(3, rel=0.02)
        assert found.step_95[0] <= found.step <= found.step_95[1]
        assert found.r2 > 0.99
        assert found.works
    np.testing.assert_allclose(found.doses, np.array([-1.5, -0.75, 0, 0.75, 1.5]) * 9, rtol=0.02)
    np.testing.assert_allclose(found.response, found.doses, atol=0.1)
    assert found.linear_range == pytest.approx((-13.5, 13.5), rel=0.02)


def test_leakage_is_in_sd_of_the_other_per_sd_of_the_attribute():
    vector = np.eye(D)[0] * 0.8 + np.eye(D)[2] * 0.6
    found = calibrate(codes(), vector, "tilt", 2.4, SD, render, measure)
    leak = found.leakage["shade"]
    assert leak["slope"] == pytest.approx((0.6 * 5 / 5.0) / (0.8 * 3 / 3.0), rel=0.05)
    assert leak["slope_95"][0] < leak["slope"] < leak["slope_95"][1]


def test_saturation_ends_the_linear_range_and_leaves_the_step_alone():
    def saturating(images: np.ndarray) -> dict[str, np.ndarray]:
        return {name: np.clip(values, -100, 3) for name, values in measure(images).items()}

    calm = np.zeros((20, D), np.float32)
    found = calibrate(calm, np.eye(D)[0], "tilt", 3.0, SD, render, saturating)
    assert found.step == pytest.approx(3, rel=0.1)
    assert found.linear_range == pytest.approx((-4.5, 2.25), rel=0.1)


def test_what_is_not_found_on_some_pictures_does_not_bend_the_slope():
    def blind(images: np.ndarray) -> dict[str, np.ndarray]:
        return {name: np.where(values > 4, np.nan, values) for name, values in measure(images).items()}

    found = calibrate(codes(), np.eye(D)[0], "tilt", 3.0, SD, render, blind)
    assert found.step == pytest.approx(3, rel=0.05)


def test_a_vector_without_effect_does_not_work():
    found = calibrate(codes(), np.eye(D)[5], "tilt", 3.0, SD, render, measure)
    assert not found.works


def test_an_attribute_that_is_never_found_does_not_work():
    def nothing(images: np.ndarray) -> dict[str, np.ndarray]:
        return {name: np.full(len(images), np.nan, np.float32) for name in SD}

    found = calibrate(codes(), np.eye(D)[0], "tilt", 3.0, SD, render, nothing)
    assert not found.works


def test_the_samples_keep_their_order_and_doses():
    w = codes(3)
    found = calibrate(w, np.eye(D)[0], "tilt", 3.0, SD, render, measure)
    assert found.images.shape == (3, 5, SIDE, SIDE, 3)
    np.testing.assert_allclose(found.measured["tilt"][:, 2], w @ TILT, atol=0.2)
